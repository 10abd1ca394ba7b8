"""An HTTP store of objects on loopback: GET with ranges, HEAD, PUT; what is cut off is not kept."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Objects(ThreadingHTTPServer):
    """Its objects by their keys, and what was asked for."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.objects: dict[str, bytes] = {}
        self.asked: list[tuple[str, str, str]] = []
        """Method, key and range of each request."""
        self.cut: dict[str, int] = {}
        """How many bytes of an object are sent before the connection breaks, the next time that it is asked for."""

        self.held: dict[str, int] = {}
        """After how many bytes an object stands still, the next time that it is asked for, until ``let_go``."""
        self._go = threading.Event()

    def let_go(self) -> None:
        """Go on with what stands still."""
        self._go.set()

    def hold(self) -> None:
        """Stand still where something was asked for that is held."""
        self._go.wait(30)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    server: Objects
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: object) -> None:
        pass

    @property
    def _key(self) -> str:
        return self.path.lstrip("/")

    def _answer(self, status: int, size: int = 0, **headers: str) -> None:
        self.server.asked.append((self.command, self._key, self.headers.get("Range", "")))
        self.send_response(status)
        self.send_header("Content-Length", str(size))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()

    def do_HEAD(self) -> None:
        data = self.server.objects.get(self._key)
        self._answer(404 if data is None else 200, len(data or b""))

    def do_GET(self) -> None:
        data = self.server.objects.get(self._key)
        if data is None:
            self._answer(404)
            return
        found = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        begin = int(found[1]) if found else 0
        part = data[begin:]
        if found:
            self._answer(206, len(part), Content_Range=f"bytes {begin}-{len(data) - 1}/{len(data)}")
        else:
            self._answer(200, len(part))
        if (held := self.server.held.pop(self._key, None)) is not None:
            self.wfile.write(part[:held])
            self.wfile.flush()
            self.server.hold()
            self.close_connection = True
            return
        stop = self.server.cut.pop(self._key, len(part))
        self.wfile.write(part[:stop])
        if stop < len(part):
            self.close_connection = True

    def do_PUT(self) -> None:
        size = int(self.headers["Content-Length"])
        data = self.rfile.read(size)
        if len(data) < size:
            self.close_connection = True
            return
        self.server.objects[self._key] = data
        self._answer(200)


@contextmanager
def serving_objects() -> Iterator[Objects]:
    """An empty store, gone with the block."""
    server = Objects()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join(10)
