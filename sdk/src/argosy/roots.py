"""The root directory of a service: its lock, which one process at a time holds, and small files in it that survive a crash.

``allow-loss`` in a root is its operator's word that what is gone may be gone: a database that is missing is made anew, and
what no record names is removed, where that would otherwise be refused. The next start that goes well takes it away.
"""

from __future__ import annotations

import errno
import fcntl
import os
from typing import Final

from argosy.errors import FailedPrecondition

StrPath = str | os.PathLike[str]

ALLOW_LOSS: Final = "allow-loss"


def private(path: StrPath) -> None:
    """Make a directory that nobody else can enter, or close one that is there. What has to be made above it is as private."""
    before = os.umask(0o077)
    try:
        os.makedirs(path, exist_ok=True, mode=0o700)
    finally:
        os.umask(before)
    os.chmod(path, 0o700)


def lock_root(root: StrPath, name: str) -> int:
    """Make root private and ours; return the descriptor that holds the lock. Raises FailedPrecondition when taken."""
    private(root)
    fd = os.open(os.path.join(root, ".lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        holder = os.pread(fd, 64, 0).decode(errors="replace").strip() or "another process"
        os.close(fd)
        raise FailedPrecondition(f"{name} root {root} is in use by {holder}; stop it or use another root") from None
    try:
        text = f"{name} pid {os.getpid()}".encode()
        # Written over what is there, which a full disk allows, before it is cut.
        os.pwrite(fd, text, 0)
        os.ftruncate(fd, len(text))
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            os.close(fd)
            raise
        # Who holds it is a courtesy to who comes next; a service starts on a full disk, so that it can be emptied.
    return fd


def sync_directory(path: StrPath) -> None:
    """Make what was created, renamed or removed in a directory durable."""
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def replace_file(path: StrPath, text: str | bytes, durable: bool = True) -> None:
    """Replace a small file; who reads it sees the old or the new text, also after a power loss if durable.

    Raises OSError; the old text is there then. Without durable, a power loss may leave it empty.
    """
    scratch = f"{os.fspath(path)}.tmp"
    try:
        fd = os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            rest = text.encode() if isinstance(text, str) else text
            while rest:
                rest = rest[os.write(fd, rest) :]
            if durable:
                os.fsync(fd)
        finally:
            os.close(fd)
        os.replace(scratch, path)
    except OSError:
        try:
            os.unlink(scratch)
        except OSError:
            pass  # it was not made
        raise
    if durable:
        sync_directory(os.path.dirname(os.path.abspath(path)))


def allows_loss(root: StrPath) -> bool:
    """Return whether the operator has said so."""
    return os.path.exists(os.path.join(root, ALLOW_LOSS))


def loss_taken(root: StrPath) -> None:
    """Take the operator's word away: it was for one start."""
    try:
        os.unlink(os.path.join(root, ALLOW_LOSS))
    except FileNotFoundError:
        return
