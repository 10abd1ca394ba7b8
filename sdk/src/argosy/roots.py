"""Whose a root directory is: one process at a time holds its lock."""

from __future__ import annotations

import fcntl
import os

from argosy.errors import FailedPrecondition


def private(path: str | os.PathLike[str]) -> None:
    """Make a directory that nobody else can enter, or close one that is there. What has to be made above it is as private."""
    before = os.umask(0o077)
    try:
        os.makedirs(path, exist_ok=True, mode=0o700)
    finally:
        os.umask(before)
    os.chmod(path, 0o700)


def lock_root(root: str | os.PathLike[str], name: str) -> int:
    """Make root private and ours; return the descriptor that holds the lock. Raises FailedPrecondition when taken."""
    private(root)
    fd = os.open(os.path.join(root, ".lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        holder = os.pread(fd, 64, 0).decode(errors="replace").strip() or "another process"
        os.close(fd)
        raise FailedPrecondition(f"{name} root {root} is in use by {holder}; stop it or use another root") from None
    os.ftruncate(fd, 0)
    os.pwrite(fd, f"{name} pid {os.getpid()}".encode(), 0)
    return fd
