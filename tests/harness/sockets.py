"""Who listens on the host where a container connects to: what it hears is kept, and said back in capitals."""

from __future__ import annotations

import os
import socket
import threading
from pathlib import Path
from typing import Self


class Listener:
    """A server at path, which answers when a client says no more; many clients at a time."""

    def __init__(self, path: Path, mode: int = 0o666) -> None:
        self.heard: list[bytes] = []
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.bind(str(path))
        os.chmod(path, mode)
        self._socket.listen(128)
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def _serve(self) -> None:
        answering = []
        while True:
            try:
                peer, _ = self._socket.accept()
            except OSError:
                break
            answering.append(threading.Thread(target=self._answer, args=(peer,)))
            answering[-1].start()
        for thread in answering:
            thread.join(10)

    def _answer(self, peer: socket.socket) -> None:
        said = bytearray()
        with peer:
            peer.settimeout(60)
            while data := peer.recv(1 << 16):
                said += data
            self.heard.append(bytes(said))
            try:
                peer.sendall(said.upper())
            except OSError:
                pass  # who has gone hears nothing

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self._thread.join(10)
