"""Why nobody can be connected to at a socket, and what helps: for an error that a person reads."""

from __future__ import annotations

import errno
import os
from typing import Final

from argosy.errors import in_words

CONNECT_TIMEOUT_S: Final = 10.0
# The kernel's sockaddr_un has 108 with the zero byte at their end.
_LONGEST_PATH: Final = 107
# What it means for a socket when connecting to it fails so.
_FULL: Final = "it takes no connection: its queue is full, or it hung up at once"
_NOBODY: Final = {
    errno.ENOENT: "no such socket",
    errno.ENOTDIR: "no such socket",
    errno.ECONNREFUSED: "nobody listens there",
    errno.EBADF: _FULL,
    errno.ENOTCONN: _FULL,
    errno.EAGAIN: _FULL,
}


def why(path: str, error: OSError, remedy: str) -> str:
    """Return why connecting to path failed; remedy is what helps where nobody listens, "" where nothing is known to."""
    if isinstance(error, TimeoutError) and error.errno is None:
        return f"it took longer than {CONNECT_TIMEOUT_S:g} s"
    if error.errno in (errno.EACCES, errno.EPERM):
        return f"user {os.geteuid()} may not; be root, or a user or in a group that the socket's mode and directory let in"
    if len(os.fsencode(path)) > _LONGEST_PATH:
        return f"the path of a socket has at most {_LONGEST_PATH} bytes; take a shorter one"
    reason = _NOBODY.get(error.errno or 0)
    if reason is None:
        return in_words(error)
    return f"{reason}; {remedy}" if remedy else reason
