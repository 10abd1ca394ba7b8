"""Options of mount(8) taken apart: flags, changes of propagation, data for the file system, and options of our own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

MS_RDONLY, MS_NOSUID, MS_NODEV, MS_NOEXEC, MS_SYNCHRONOUS, MS_REMOUNT = 1, 2, 4, 8, 16, 32
MS_MANDLOCK, MS_DIRSYNC, MS_NOATIME, MS_NODIRATIME, MS_BIND = 64, 128, 1024, 2048, 4096
MS_REC, MS_SILENT, MS_UNBINDABLE, MS_PRIVATE, MS_SLAVE, MS_SHARED = 16384, 32768, 1 << 17, 1 << 18, 1 << 19, 1 << 20
MS_RELATIME, MS_STRICTATIME = 1 << 21, 1 << 24

_PROPAGATION: Final = MS_SHARED | MS_PRIVATE | MS_SLAVE | MS_UNBINDABLE
_FLAGS: Final[dict[str, tuple[bool, int]]] = {
    "async": (True, MS_SYNCHRONOUS), "atime": (True, MS_NOATIME), "bind": (False, MS_BIND), "defaults": (False, 0),
    "dev": (True, MS_NODEV), "diratime": (True, MS_NODIRATIME), "dirsync": (False, MS_DIRSYNC), "exec": (True, MS_NOEXEC),
    "mand": (False, MS_MANDLOCK), "noatime": (False, MS_NOATIME), "nodev": (False, MS_NODEV),
    "nodiratime": (False, MS_NODIRATIME), "noexec": (False, MS_NOEXEC), "nomand": (True, MS_MANDLOCK),
    "norelatime": (True, MS_RELATIME), "nostrictatime": (True, MS_STRICTATIME), "nosuid": (False, MS_NOSUID),
    "private": (False, MS_PRIVATE), "rbind": (False, MS_BIND | MS_REC), "relatime": (False, MS_RELATIME),
    "remount": (False, MS_REMOUNT), "ro": (False, MS_RDONLY), "rprivate": (False, MS_PRIVATE | MS_REC),
    "rshared": (False, MS_SHARED | MS_REC), "rslave": (False, MS_SLAVE | MS_REC), "rw": (True, MS_RDONLY),
    "shared": (False, MS_SHARED), "slave": (False, MS_SLAVE), "strictatime": (False, MS_STRICTATIME),
    "suid": (True, MS_NOSUID), "sync": (False, MS_SYNCHRONOUS),
}  # fmt: skip


class ParsedOptions(NamedTuple):
    """Options of one mount, taken apart."""

    flags: int = 0
    propagation: tuple[int, ...] = ()
    data: tuple[str, ...] = ()
    loop: bool = False
    uidmap: str = ""
    gidmap: str = ""


def parse_options(options: Sequence[str]) -> ParsedOptions:
    """Take mount(8) options apart: flags, propagation changes, file system data, and ours."""
    flags = 0
    propagation: list[int] = []
    data: list[str] = []
    loop = False
    maps = {"uidmap": "", "gidmap": ""}
    for option in options:
        name, _, value = option.partition("=")
        if option in _FLAGS:
            clear, bits = _FLAGS[option]
            if bits & _PROPAGATION:
                propagation.append(bits)
            elif clear:
                flags &= ~bits
            else:
                flags |= bits
        elif option == "loop":
            loop = True
        elif name in maps and value:
            maps[name] = value
        else:
            data.append(option)
    return ParsedOptions(flags, tuple(propagation), tuple(data), loop, maps["uidmap"], maps["gidmap"])
