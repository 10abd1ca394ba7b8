"""The files that VMs have their memory in. None of them has a name, but a template's: no VM leaves memory behind.

| memory of | is | held open or mapped by | goes with |
|---|---|---|---|
| a template | ``memory`` in its directory, on disk; never written once it is there | the clones that map it | its directory |
| a clone without virtiofsd | that file, mapped copy-on-write; what the guest writes is QEMU's own | QEMU | QEMU |
| a clone with virtiofsd | an anonymous file (memfd), a copy of the template's | QEMU and virtiofsd | the last of them |
| what is plugged in later | of the kind that the VM has: an anonymous file of QEMU's, or QEMU's own | QEMU and virtiofsd | the last of them |
| a VM that was booted | an anonymous file, empty at first | QEMU and virtiofsd | the last of them |

The process that starts QEMU, a shim or the pool, has an anonymous file open until QEMU has been started, and no longer. So whatever is killed, and
in whichever order, the kernel takes the memory back when the last process that uses it has ended.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from argosy.kernel.files import data_runs

_PIECE_BYTES = 1 << 24


@contextmanager
def anonymous(size: int) -> Iterator[int]:
    """Yield the descriptor of a file of that many bytes, all of them zero, which is in RAM and has no name."""
    fd = os.memfd_create("argosy-kata", os.MFD_CLOEXEC)
    try:
        os.truncate(fd, size)
        yield fd
    finally:
        os.close(fd)


@contextmanager
def copied(source: Path) -> Iterator[int]:
    """Yield the descriptor of an anonymous file with the bytes of source; its holes stay holes. Raises OSError."""
    with open(source, "rb") as reader, anonymous(os.fstat(reader.fileno()).st_size) as fd:
        _copy(reader.fileno(), fd)
        yield fd


def _copy(source: int, target: int) -> None:
    for at, left in data_runs(source, os.fstat(source).st_size):
        os.lseek(target, at, os.SEEK_SET)
        while left:
            sent = os.sendfile(target, source, at, min(left, _PIECE_BYTES))
            if not sent:
                return  # it has been cut short meanwhile; QEMU finds the guest damaged
            at, left = at + sent, left - sent


def path_of(fd: int) -> Path:
    """Return the path by which a process that has inherited fd opens it anew."""
    return Path(f"/proc/self/fd/{fd}")
