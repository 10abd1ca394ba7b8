"""File systems that hold no files: what is in them is the kernel's own state, and has no end, or an effect when it is touched."""

from __future__ import annotations

import ctypes
from collections.abc import Mapping
from typing import Final

from argosy.kernel.libc import call

# statfs(2)'s f_type, the first word of its structure, which is smaller than this on any machine.
_STATFS_BYTES: Final = 256
_NAMES: Final[Mapping[int, str]] = {
    0x9FA0: "proc", 0x62656572: "sysfs", 0x27E0EB: "cgroup", 0x63677270: "cgroup2", 0x1CD1: "devpts", 0x19800202: "mqueue",
    0x64626720: "debugfs", 0x74726163: "tracefs", 0x73636673: "securityfs", 0xCAFE4A11: "bpf", 0x62656570: "configfs",
    0x6165676C: "pstore", 0xDE5E81E4: "efivarfs", 0x6E736673: "nsfs", 0x42494E4D: "binfmt_misc", 0x67596969: "rpc_pipefs",
    0xF97CFF8C: "selinuxfs", 0x43415D53: "smackfs",
}  # fmt: skip


def pseudo(fd: int) -> str:
    """Return what the kernel's own file system is called that a descriptor is of; nothing for one of files. Raises OSError."""
    found = ctypes.create_string_buffer(_STATFS_BYTES)
    call("fstatfs", ctypes.c_int(fd), found)
    return _NAMES.get(ctypes.c_ulong.from_buffer(found).value & 0xFFFFFFFF, "")
