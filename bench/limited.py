"""A registry whose connections have a limit each: what a large layer comes from that one connection can't fetch fast.

Run as a program of its own, so that it shares no interpreter with who measures. It serves the files of a folder by the digests that are their names,
and a manifest under any tag; ranges are taken.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Final

_PIECE: Final = 256 << 10
_MANIFEST: Final = "application/vnd.oci.image.manifest.v1+json"
_RANGE: Final = re.compile(r"bytes=(\d+)-(\d*)")


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    folder: Path
    rate: int

    def log_message(self, *_: object) -> None:
        pass

    def do_HEAD(self) -> None:
        self._answer(False)

    def do_GET(self) -> None:
        self._answer(True)

    def _answer(self, whole: bool) -> None:
        name = self.path.partition("?")[0].rpartition("/")[2]
        manifest = "/manifests/" in self.path
        if manifest and not name.startswith("sha256:"):
            name = (self.folder / "tag").read_text()
        file = self.folder / name.removeprefix("sha256:")
        if not file.is_file():
            self.send_response(200 if self.path == "/v2/" else 404)
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        size = file.stat().st_size
        match = _RANGE.fullmatch(self.headers.get("Range", "")) if not manifest else None
        begin, end = (int(match[1]), int(match[2]) + 1 if match[2] else size) if match else (0, size)
        self.send_response(206 if match else 200)
        self.send_header("Content-Type", _MANIFEST if manifest else "application/octet-stream")
        self.send_header("Docker-Content-Digest", name)
        self.send_header("Content-Length", str(end - begin))
        if match:
            self.send_header("Content-Range", f"bytes {begin}-{end - 1}/{size}")
        self.end_headers()
        self.wfile.flush()
        if whole:
            self._send(file, begin, end)

    def _send(self, file: Path, begin: int, end: int) -> None:
        fd = os.open(file, os.O_RDONLY)
        try:
            started, first = time.monotonic(), begin
            while begin < end:
                begin += os.sendfile(self.connection.fileno(), fd, begin, min(_PIECE, end - begin))
                ahead = (begin - first) / self.rate - (time.monotonic() - started)
                if ahead > 0:
                    time.sleep(ahead)
        except OSError:
            self.close_connection = True
        finally:
            os.close(fd)


@contextmanager
def limited_registry(folder: Path, rate: int) -> Iterator[str]:
    """Yield host:port of a registry of a folder whose connections carry so many bytes a second each."""
    command = [sys.executable, "-m", "bench.limited", str(folder), str(rate)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parent.parent)
    assert process.stdout is not None
    try:
        yield json.loads(process.stdout.readline())
    finally:
        process.terminate()
        process.wait(10)
        process.stdout.close()


def main() -> None:
    folder, rate = Path(sys.argv[1]), int(sys.argv[2])
    handler = type("Handler", (_Handler,), {"folder": folder, "rate": rate})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    print(json.dumps(f"127.0.0.1:{server.server_address[1]}"), flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
