"""libc through ctypes: one handle, errno turned into OSError, and the numbers of system calls that libc has no function for."""

from __future__ import annotations

import ctypes
import errno
import os
from typing import Any, Final

_LIBC: Final = ctypes.CDLL(None, use_errno=True)
_MACHINE: Final = os.uname().machine

# Since Linux 5.1 a new call has one number everywhere, but for the machines that begin to count elsewhere: these are those that do not.
_NUMBERED_ALIKE: Final = frozenset({
    "aarch64", "armv6l", "armv7l", "armv8l", "i386", "i486", "i586", "i686", "loongarch64", "ppc64", "ppc64le", "riscv32",
    "riscv64", "s390x", "x86_64",
})  # fmt: skip
_NUMBERS: Final = {
    "open_tree": 428, "move_mount": 429, "fsopen": 430, "fsconfig": 431, "fsmount": 432, "openat2": 437, "pidfd_getfd": 438,
    "mount_setattr": 442,
}  # fmt: skip


def number_of(name: str, machine: str) -> int:
    """Return the number of a system call on a machine, as uname(2) calls it. Raises OSError where that is not known."""
    if machine not in _NUMBERED_ALIKE:
        raise OSError(errno.ENOSYS, f"the number of the system call {name} is not known for this kind of machine", machine)
    return _NUMBERS[name]


def syscall(name: str, *args: Any, path: str | None = None) -> int:
    """Make a system call that libc has no function for. Raises OSError with path as its file name; ENOSYS on a machine not known."""
    result: int = _LIBC.syscall(ctypes.c_long(number_of(name, _MACHINE)), *args)
    if result < 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code), path)
    return result


def call(name: str, *args: Any, path: str | None = None) -> int:
    """Call a libc function that answers -1 on failure. Raises OSError with path as its file name; ENOSYS where libc has none."""
    function = getattr(_LIBC, name, None)
    if function is None:
        raise OSError(errno.ENOSYS, f"this libc has no {name}", path)
    result: int = function(*args)
    if result < 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code), path)
    return result
