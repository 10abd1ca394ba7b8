"""Binding unix sockets so that only their owner reaches them, and taking over ones that died."""

from __future__ import annotations

import os
import socket
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Final

from argosy.errors import FailedPrecondition, InvalidArgument
from argosy.rpc.context import Peer

# sun_path is 108 bytes with its NUL; containerd stops at 104 for portability, and peers may append to it.
MAX_PATH_BYTES: Final = 106


# As many callers may wait to be accepted; a loop that listens again must say so again, or it makes less of it.
BACKLOG: Final = 1024


def same_user(peer: Peer) -> bool:
    """Return whether a peer may speak to a plugin: root, or the user we run as."""
    return peer.uid in (0, os.geteuid())


def owners(uid: int, gid: int) -> Callable[[Peer], bool]:
    """Return who may use a socket that is given to a user and a group: root, whom we run as, that user, the group's members.

    -1 names nobody.
    """

    def admitted(peer: Peer) -> bool:
        return same_user(peer) or peer.uid == uid >= 0 or (gid >= 0 and (peer.gid == gid or gid in peer.groups))

    return admitted


def closed_to(path: str | os.PathLike[str], uid: int, gid: int) -> str | None:
    """Return the first directory above path that the owner of a socket there cannot enter, or None."""
    above = [*reversed(Path(os.path.abspath(path)).parents)]
    for directory in above if uid > 0 or gid > 0 else []:
        found = directory.stat()
        as_user = found.st_mode & (0o100 if found.st_uid == uid else 0o010 if gid >= 0 and found.st_gid == gid else 0o001)
        as_member = found.st_mode & (0o010 if found.st_gid == gid else 0o001)
        if (uid > 0 and not as_user) or (gid > 0 and not as_member):
            return str(directory)
    return None


def answers(path: str | os.PathLike[str]) -> bool:
    """Return whether some process accepts connections at path."""
    with socket.socket(socket.AF_UNIX) as probe:
        probe.settimeout(1)
        try:
            probe.connect(os.fspath(path))
        except OSError:
            return False
        return True


def check_free(path: str | os.PathLike[str]) -> None:
    """Raises FailedPrecondition when some process accepts connections at path."""
    if answers(path):
        raise FailedPrecondition(
            f"socket {path} is in use by a running process; stop it, or use another address (of a mesh: another --state)"
        )


def bind_unix(path: str | os.PathLike[str], mode: int = 0o660, uid: int = -1, gid: int = -1) -> socket.socket:
    """Return a bound, listening socket at path.

    A missing directory is made 0700. A socket nobody answers on is replaced. Raises FailedPrecondition when
    somebody does, or when the path is not a socket; InvalidArgument when the path is too long.
    """
    if len(os.fsencode(path)) > MAX_PATH_BYTES:
        raise InvalidArgument(f"socket path {path} is longer than {MAX_PATH_BYTES} bytes; use a shorter one")
    before = os.umask(0o077)  # for what has to be made above, too
    try:
        os.makedirs(os.path.dirname(os.path.abspath(path)), exist_ok=True, mode=0o700)
    finally:
        os.umask(before)
    if os.path.lexists(path):
        if not _is_socket(path):
            raise FailedPrecondition(f"{path} exists and is not a socket; remove it or use another address")
        check_free(path)
        os.unlink(path)
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC)
    before = os.umask(0o077)
    try:
        sock.bind(os.fspath(path))
        # Before anything else: who is let in so far is its owner, and is refused while nobody listens.
        sock.listen(BACKLOG)
        if uid >= 0 or gid >= 0:
            os.chown(path, uid, gid)
        os.chmod(path, mode)
    except OSError as error:
        sock.close()
        raise FailedPrecondition(f"cannot bind socket {path}: {error.strerror}") from error
    finally:
        os.umask(before)
    return sock


def _is_socket(path: str | os.PathLike[str]) -> bool:
    try:
        return stat.S_ISSOCK(os.stat(path).st_mode)
    except OSError:
        return False  # a link to nothing
