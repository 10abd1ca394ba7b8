"""The kernel, as the agent needs it: files, mounts, children. Standard library only, like all of the guest's code."""

from __future__ import annotations

import ctypes
import errno
import fcntl
import os
import struct

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

MS = {
    "ro": 1, "nosuid": 2, "nodev": 4, "noexec": 8, "sync": 16, "remount": 32, "noatime": 1024, "bind": 4096, "rbind": 4096 | 16384,
    "relatime": 1 << 21, "private": 1 << 18, "rprivate": 1 << 18 | 16384, "slave": 1 << 19, "rslave": 1 << 19 | 16384,
    "shared": 1 << 20, "rshared": 1 << 20 | 16384,
}  # fmt: skip
PROPAGATION = 1 << 18 | 1 << 19 | 1 << 20
MNT_DETACH = 2
LIBC = ctypes.CDLL(None, use_errno=True)


def log(*words: object) -> None:
    """Write a line to the console, which is in the VM's directory on the host."""
    try:
        os.write(2, (" ".join(str(w) for w in words) + "\n").encode())
    except OSError:
        pass  # there is no console


def text(path: str) -> str:
    with open(path) as file:
        return file.read()


def attribute(path: str) -> str:
    """Return what the kernel says in a file of sysfs, without spaces around it; nothing while it isn't there.

    A device's directory is there before the files in it, and what is just going answers with errors.
    """
    try:
        return text(path).strip()
    except OSError:
        return ""


def put(path: str, data: str) -> None:
    with open(path, "w") as file:
        file.write(data)


def system(result: int, what: str) -> int:
    """Return the result of a call into libc, or raise its error, with what it was about."""
    if result < 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code), what)
    return result


def mount(source: str, target: str, kind: str, options: Sequence[str] = ()) -> None:
    """mount(2) with options as in /etc/fstab; a read-only bind takes a second call, and so does propagation."""
    flags, data = 0, []
    for option in options:
        if option in MS:
            flags |= MS[option]
        elif option not in ("rw", "defaults"):
            data.append(option)
    first = flags & ~PROPAGATION
    system(
        LIBC.mount(source.encode(), target.encode(), kind.encode(), ctypes.c_ulong(first), ",".join(data).encode()), target
    )
    if flags & MS["bind"] and flags & (MS["ro"] | MS["nosuid"] | MS["nodev"] | MS["noexec"]):
        again = first & ~(MS["rbind"] ^ MS["bind"]) | MS["remount"]
        system(LIBC.mount(None, target.encode(), None, ctypes.c_ulong(again), None), target)
    if flags & PROPAGATION:
        system(LIBC.mount(None, target.encode(), None, ctypes.c_ulong(flags & (PROPAGATION | 16384)), None), target)


def unmount(target: str) -> None:
    """Detach what is mounted at target; where nothing is, that is well."""
    if LIBC.umount2(target.encode(), MNT_DETACH) < 0 and ctypes.get_errno() not in (errno.EINVAL, errno.ENOENT):
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()), target)


def openat2(directory: int, path: str, flags: int, resolve: int) -> int:
    """openat2(2), for which libc has no function; its number is the same on all machines that we run on."""
    how = struct.pack("QQQ", flags | os.O_CLOEXEC, 0, resolve)
    return system(LIBC.syscall(437, directory, os.fsencode(path), how, len(how)), path)


def code_of(status: int) -> int:
    """Return the exit code of a wait status as a shell tells it: 128 and the signal's number for a killed process."""
    code = os.waitstatus_to_exitcode(status)
    return 128 - code if code < 0 else code


def spawn(command: list[str], stdio: Sequence[int]) -> int:
    """Start a program with these three descriptors as its own; return its pid."""
    moved = [fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, 20) for fd in stdio]
    try:
        actions = [(os.POSIX_SPAWN_DUP2, fd, target) for target, fd in enumerate(moved)]
        return os.posix_spawn(
            command[0], command, {"PATH": "/usr/bin:/bin"}, file_actions=actions, setsigmask=[], setsigdef=[13, 17]
        )
    finally:
        for fd in moved:
            os.close(fd)


class Failure(Exception):
    """An error that the host is told; kind is one of its ``channel._ERRORS``."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind
