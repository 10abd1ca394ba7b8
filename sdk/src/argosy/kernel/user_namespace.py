"""A user namespace as a descriptor: for mounts whose ids are mapped, and for a process that shall see files with a container's ids."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Final

from argosy.errors import FailedPrecondition, InvalidArgument
from argosy.kernel.libc import call

_CLONE_NEWUSER: Final = 0x10000000


@contextmanager
def user_namespace(uidmap: str, gidmap: str) -> Iterator[int]:
    """Yield a descriptor of a user namespace with these maps (``container:host:size[,...]``).

    A forked child holds the namespace open while its maps are written. Raises InvalidArgument for a bad map.
    """
    uids, gids = _rows(uidmap or gidmap), _rows(gidmap or uidmap)
    ready, go = os.pipe(), os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            # The child must not hold its own wake-up call open.
            os.close(go[1])
            call("unshare", ctypes.c_int(_CLONE_NEWUSER))
            os.write(ready[1], b"1")
            os.read(go[0], 1)
        finally:
            os._exit(0)
    try:
        os.close(go[0])
        os.close(ready[1])
        if os.read(ready[0], 1) != b"1":
            raise FailedPrecondition(
                "cannot make a user namespace for an id-mapped mount: they are forbidden here "
                "(sysctl user.max_user_namespaces), or this is a chroot"
            )
        for name, rows in (("uid_map", uids), ("gid_map", gids)):
            with open(f"/proc/{pid}/{name}", "w") as file:
                file.write("".join(f"{c} {h} {n}\n" for c, h, n in rows))
        fd = os.open(f"/proc/{pid}/ns/user", os.O_RDONLY | os.O_CLOEXEC)
    finally:
        os.close(go[1])
        os.close(ready[0])
        os.waitpid(pid, 0)
    try:
        yield fd
    finally:
        os.close(fd)


def enter_user_namespace(fd: int) -> None:
    """Be root of a user namespace from here on, and nobody outside of it. The process must have one thread. Raises OSError.

    A wish to die with the parent (``process.die_with_parent``) is forgotten by that.
    """
    call("setns", ctypes.c_int(fd), ctypes.c_int(_CLONE_NEWUSER))
    with suppress(PermissionError):  # of a namespace that was made without any
        os.setgroups([])
    os.setresgid(0, 0, 0)
    os.setresuid(0, 0, 0)


def _rows(text: str) -> list[tuple[int, int, int]]:
    rows: list[tuple[int, int, int]] = []
    for part in text.split(","):
        numbers = part.split(":")
        if len(numbers) != 3 or not all(n.isdigit() for n in numbers):
            raise InvalidArgument(f'id mapping "{text}" is not container:host:size[,...]')
        rows.append((int(numbers[0]), int(numbers[1]), int(numbers[2])))
    return rows
