"""Descriptors that come over a socket, for nobody that is started afterwards: the standard library's recv_fds takes flags and leaves them out."""

from __future__ import annotations

import array
import socket


def receive_descriptors(connection: socket.socket, size: int, most: int) -> tuple[bytes, list[int]]:
    """Return a message of at most size bytes, and the descriptors that came with it, at most so many; all are close-on-exec. Raises OSError."""
    fds = array.array("i")
    message, ancillary, _, _ = connection.recvmsg(size, socket.CMSG_LEN(most * fds.itemsize), socket.MSG_CMSG_CLOEXEC)
    for level, kind, data in ancillary:
        if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
            fds.frombytes(data[: len(data) - len(data) % fds.itemsize])
    return message, list(fds)
