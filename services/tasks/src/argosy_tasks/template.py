"""Asking the template of our own shim for a shim, without the ``start`` that would ask it.

``containerd-shim-runc-v2 start`` looks for a template before anything else; for a daemon that starts many shims the
interpreter that does so is most of the cost. This is the same question from here: same surroundings, same address, same answer.
Whatever goes wrong, the binary is run as any other.
"""

from __future__ import annotations

import marshal
import os
import socket
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from argosy.kernel.surroundings import key

_ANSWER_BYTES: Final = 65536


def address(directory: str, text: str) -> str:
    """Return the socket of the template whose key is text."""
    return f"{directory}/t-{int.from_bytes(text.encode(), 'big') % ((1 << 61) - 1):016x}"


def ask(
    binary: Path, argv: Sequence[str], cwd: Path, env: Mapping[str, str], stdin: bytes, timeout: float
) -> tuple[int, bytes, bytes] | None:
    """Have a template do what argv says, in cwd. Returns (code, output, errors), or None when there is none that does.

    Blocks. Raises TimeoutError.
    """
    directory = env.get("ARGOSY_SHIM_SOCKET_DIR", "/run/containerd/s")
    if env.get("ARGOSY_SHIM_TEMPLATE") == "off" or len(stdin) > _ANSWER_BYTES or binary.is_symlink():
        return None
    descriptors: list[int] = []
    try:
        text = key(os.getpid(), str(binary.parent / "python3"), str(binary))
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(timeout)
            connection.connect(address(directory, text))
            feed_read, feed_write = os.pipe()
            out_read, out_write = os.pipe()
            error_read, error_write = os.pipe()
            descriptors += [feed_read, feed_write, out_read, out_write, error_read, error_write]
            os.write(feed_write, stdin)
            os.close(feed_write)
            descriptors.remove(feed_write)
            here = os.open(cwd, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            descriptors.append(here)
            data = marshal.dumps((list(argv), {os.fsencode(k): os.fsencode(v) for k, v in env.items()}))
            data = len(data).to_bytes(4, "little") + data
            sent = socket.send_fds(connection, [data], [feed_read, out_write, error_write, here])
            connection.sendall(data[sent:])
            code = connection.recv(1)
            if not code:
                return None
            # What it had to say it said before its code; the shim itself may hold the pipes a little longer.
            return code[0], _said(out_read), _said(error_read)
    except TimeoutError:
        raise
    except OSError:
        return None
    finally:
        for fd in descriptors:
            os.close(fd)


def _said(fd: int) -> bytes:
    os.set_blocking(fd, False)
    try:
        return os.read(fd, _ANSWER_BYTES)
    except BlockingIOError:
        return b""
