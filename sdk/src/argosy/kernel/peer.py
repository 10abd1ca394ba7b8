"""Who is at the other end of a unix socket (SO_PEERCRED, SO_PEERPIDFD)."""

from __future__ import annotations

import array
import ctypes
import errno
import os
import socket
import struct
from typing import Any, Final

from argosy.kernel.libc import call

_UCRED: Final = struct.Struct("3i")
_SO_PEERGROUPS: Final = 59
_SO_PEERPIDFD: Final = 77
# Python's socket reads no more at once; a process can have NGROUPS_MAX groups.
_AT_ONCE_BYTES: Final = 1024
_MOST_BYTES: Final = 4 * 65536


def credentials(sock: Any) -> tuple[int, int, int]:
    """Return the peer's (pid, uid, gid) as they were when it connected."""
    raw = sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _UCRED.size)
    pid, uid, gid = _UCRED.unpack(raw)
    return pid, uid, gid


def process(sock: Any) -> int:
    """Return a pidfd of the process that connected: its own, though another one may have got its pid. Raises OSError once it has gone.

    A kernel before 6.5 can't say: there it is whoever has the pid now.
    """
    try:
        return int(sock.getsockopt(socket.SOL_SOCKET, _SO_PEERPIDFD))
    except OSError as error:
        if error.errno != errno.ENOPROTOOPT:
            raise
    return os.pidfd_open(credentials(sock)[0])


def groups(sock: Any) -> tuple[int, ...]:
    """Return the peer's supplementary groups as they were when it connected; none where the kernel does not say."""
    try:
        return tuple(array.array("I", sock.getsockopt(socket.SOL_SOCKET, _SO_PEERGROUPS, _AT_ONCE_BYTES)))
    except OSError as error:
        if error.errno != errno.ERANGE:
            return ()
    buffer = ctypes.create_string_buffer(_MOST_BYTES)
    size = ctypes.c_uint(_MOST_BYTES)
    option = (ctypes.c_int(socket.SOL_SOCKET), ctypes.c_int(_SO_PEERGROUPS))
    call("getsockopt", ctypes.c_int(sock.fileno()), *option, buffer, ctypes.byref(size))
    return tuple(array.array("I", buffer.raw[: size.value]))
