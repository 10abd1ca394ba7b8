"""What stands before a registry in tests: wants credentials, holds answers up, breaks them off, and notes what it was asked."""

from __future__ import annotations

import base64
import http.client
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs


class Gate:
    """One gate. Change its attributes at any time; addresses are ``host:port``."""

    def __init__(self, registry: str) -> None:
        self.registry = registry
        self.basic = ""
        """``name:password`` that is wanted."""
        self.refresh = ""
        """A refresh token that the token service takes; then registries want a token."""
        self.slow_from = 1 << 62
        """Blobs of this size and more come at ``rate`` bytes a second."""
        self.rate = 1 << 20
        self.warning = ""
        """What it warns of with every answer."""
        self.asked: list[tuple[str, str, dict[str, str]]] = []
        self.forms: list[dict[str, list[str]]] = []
        self.address = ""

    def paths(self, part: str) -> list[tuple[str, str, dict[str, str]]]:
        """Return what was asked for: method, path and headers of those with a part in the path."""
        return [one for one in self.asked if part in one[1]]

    def challenge(self, headers: dict[str, str]) -> str:
        given = headers.get("authorization", "")
        if self.basic and given != "Basic " + base64.b64encode(self.basic.encode()).decode():
            return 'Basic realm="here"'
        if self.refresh and given != "Bearer the-token":
            return f'Bearer realm="http://{self.address}/token",service="here",scope="repository:x:pull"'
        return ""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    gate: Gate

    def log_message(self, *_: object) -> None:
        pass

    def _send(self, status: int, body: bytes = b"", **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self) -> None:
        form = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
        self.gate.forms.append(form)
        if form.get("refresh_token") == [self.gate.refresh]:
            self._send(200, json.dumps({"access_token": "the-token"}).encode())
        else:
            self._send(401)

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        gate = self.gate
        headers = {name.lower(): value for name, value in self.headers.items()}
        gate.asked.append((self.command, self.path, headers))
        if challenge := gate.challenge(headers):
            self._send(401, WWW_Authenticate=challenge)
            return
        sent = {name: value for name, value in headers.items() if name in ("accept", "range")}
        behind = http.client.HTTPConnection(gate.registry, timeout=30)
        try:
            behind.request(self.command, self.path, headers=sent)
            answer = behind.getresponse()
            self.send_response(answer.status)
            for name, value in answer.getheaders():
                if name.lower() not in ("server", "date", "connection", "transfer-encoding"):
                    self.send_header(name, value)
            if gate.warning:
                self.send_header("Warning", f'299 - "{gate.warning}"')
            self.end_headers()
            slow = "/blobs/" in self.path and int(answer.getheader("Content-Length") or 0) >= gate.slow_from
            with suppress(OSError):  # whoever asked has gone
                while data := answer.read(32 << 10):
                    self.wfile.write(data)
                    if slow:
                        time.sleep(len(data) / gate.rate)
        finally:
            behind.close()


@contextmanager
def gate_before(registry: str) -> Iterator[Gate]:
    gate = Gate(registry)
    handler = type("Handler", (_Handler,), {"gate": gate})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    gate.address = f"127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield gate
    finally:
        server.shutdown()
        server.server_close()
        thread.join(10)
