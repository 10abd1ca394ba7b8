"""Who is at the other end of a unix socket (SO_PEERCRED)."""

from __future__ import annotations

import socket
import struct
from typing import Any, Final

_UCRED: Final = struct.Struct("3i")


def credentials(sock: Any) -> tuple[int, int, int]:
    """Return the peer's (pid, uid, gid) as they were when it connected."""
    raw = sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _UCRED.size)
    pid, uid, gid = _UCRED.unpack(raw)
    return pid, uid, gid
