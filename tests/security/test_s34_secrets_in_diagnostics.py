"""S34: what is secret stays out of logs, events, errors, ``--log-level debug`` output, command lines and the traces of crashes."""

from __future__ import annotations

import base64
import http.server
import json
import os
import signal
import socket
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from argosy.client.credentials import Credentials

from tests.harness.listening import hears
from tests.harness.mesh import IMAGE, Mesh, eventually

PASSWORD, TOKEN, SIGNATURE, ENV, BYTES = (
    f"canary-{what}-7f3a9c" for what in ("password", "token", "signature", "env", "bytes")
)
BASIC = base64.b64encode(f"user:{PASSWORD}".encode()).decode()
CANARIES = (PASSWORD, TOKEN, SIGNATURE, ENV, BYTES, BASIC)


def found(text: str) -> list[str]:
    """Return the canaries in a text, in whatever case."""
    return [canary for canary in CANARIES if canary.lower() in text.lower()]


def test_the_scan_finds_canaries() -> None:
    """A scan that finds nothing must be able to find something."""
    assert found(f"x{TOKEN.upper()}y") == [TOKEN] and found("nothing") == []


def test_credentials_do_not_show_themselves() -> None:
    """An object in a traceback or a log line is its repr."""
    shown = repr(Credentials("user", PASSWORD)) + str(Credentials("user", PASSWORD))
    assert found(shown) == [] and "user" in shown


class Registry(http.server.BaseHTTPRequestHandler):
    """Wants a token, sends the client on to a signed address, and fails there in many ways."""

    def log_message(self, format: str, *args: object) -> None:
        pass

    def answer(self, status: int, body: bytes = b"", **headers: str) -> None:
        self.send_response(status)
        for key, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(key.replace("_", "-"), value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def do_GET(self) -> None:
        here = f"http://{self.headers['Host']}"
        seen = self.headers.get("Authorization", "")
        if self.path.startswith("/token"):
            if seen != f"Basic {BASIC}":
                return self.answer(401, b"{}")
            return self.answer(200, json.dumps({"token": TOKEN}).encode(), Content_Type="application/json")
        if self.path.startswith("/signed"):
            return self.answer(int(self.path.rpartition("=")[2]), f"not with {seen} at {self.path}".encode())
        if seen != f"Bearer {TOKEN}":
            return self.answer(401, b"{}", WWW_Authenticate=f'Bearer realm="{here}/token",service="x",scope="y"')
        # The tag says what shall go wrong.
        tag = self.path.rpartition("/")[2]
        if tag.startswith("redirect"):
            return self.answer(307, Location=f"{here}/signed?X-Signature={SIGNATURE}&status={tag[8:]}")
        if tag == "gone":
            return self.answer(307, Location=f"http://127.0.0.1:1/signed?X-Signature={SIGNATURE}")
        return self.answer(
            int(tag[4:]) if tag.startswith("fail") else 200, f"no: {seen}".encode(), Content_Type="text/plain"
        )

    do_HEAD = do_GET  # noqa: N815 # the base class calls it by this name


@pytest.fixture
def registry() -> Iterator[str]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Registry)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture(scope="module")
def talkative(image_archive: Path) -> Iterator[Mesh]:
    """A mesh that logs everything it can."""
    base = Path(tempfile.mkdtemp(prefix="ay-", dir="/tmp"))
    (base / "mesh.toml").write_text('log_level = "trace"\n')
    mesh = Mesh(base, extra=["--config", str(base / "mesh.toml")])
    mesh.start()
    try:
        mesh.ctr("images", "import", str(image_archive)).ok()
        yield mesh
        assert mesh.leftovers(15) == []
    finally:
        mesh.destroy()


@pytest.mark.root
@pytest.mark.parametrize(
    "tag",
    ["redirect403", "redirect404", "redirect500", "redirect200", "gone", "fail400", "fail403", "fail500"],
)
def test_no_error_of_a_pull_holds_a_secret(talkative: Mesh, registry: str, tag: str) -> None:
    """Not the password, not the token, not the signature in an address: not even where the registry sends them back."""
    for user in (f"user:{PASSWORD}", f"other:{PASSWORD}"):
        ran = talkative.argosy("--log-level", "debug", "pull", "--plain-http", "--user", user, f"{registry}/box:{tag}")
        assert ran.code != 0 and len(ran.err) > 10
        assert found(ran.err + ran.out) == [], ran.err
    assert found(talkative.log.read_text()) == []


def commands(mesh: Mesh) -> str:
    """Return the command lines of every process that has to do with a mesh, but of what runs in containers."""
    lines = []
    for proc in Path("/proc").iterdir():
        if proc.name.isdigit():
            try:
                line = (proc / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            except OSError:
                continue
            if str(mesh.base) in line or "argosy" in line:
                lines.append(line)
    return "\n".join(lines)


@pytest.mark.root
def test_a_containers_environment_and_bytes_stay_in_it(talkative: Mesh, tmp_path: Path) -> None:
    """Through creation, execs, failures, and the death of every service; with everything logged."""
    mesh = talkative
    with (tmp_path / "events").open("w") as events:
        listener = subprocess.Popen(["ctr", "-a", str(mesh.address), "events"], stdout=events, stderr=events)
    try:
        said = ""
        eventually(partial(hears, mesh, tmp_path / "events"))
        secret = ["--env", f"TOKEN={ENV}"]
        mesh.argosy("run", "-d", "--name", "s", *secret, IMAGE, "sleep", "100").ok()
        eventually(lambda: "/tasks/start" in (tmp_path / "events").read_text())
        said += commands(mesh)
        assert mesh.argosy("exec", "s", "sh", "-c", "echo $TOKEN").ok().out == f"{ENV}\n"
        mesh.argosy("exec", "-i", "s", "sh", "-c", "cat > /secret", input=BYTES).ok()
        for args in (["/no/such"], ["sh", "-c", "exit 3"]):
            ran = mesh.argosy("--log-level", "debug", "run", "--rm", *secret, IMAGE, *args)
            assert ran.code != 0
            said += ran.err + ran.out
        ran = mesh.argosy("--log-level", "debug", "run", "--name", "s", *secret, IMAGE, "true")
        assert ran.code != 0  # there is one
        said += ran.err + ran.out
        mesh.ctr("content", "ingest", "--expected-digest", "sha256:" + "0" * 64, "ref", input=BYTES)
        for line in (["ps"], ["status"], ["-o", "json", "ps"], ["snapshots", "ls"], ["plugins"]):
            ran = mesh.argosy("--log-level", "debug", *line)
            said += ran.err + ran.out
        mesh.wake()
        before = mesh.services()
        for pid in before.values():
            os.kill(pid, signal.SIGABRT)
        eventually(lambda: not set(mesh.services().values()) & set(before.values()), within=20)
        eventually(lambda: mesh.ctr("version").code == 0, within=20)
        eventually(lambda: mesh.argosy("exec", "s", "true").code == 0, within=20)
        mesh.argosy("rm", "-f", "s").ok()
        eventually(lambda: "/tasks/delete" in (tmp_path / "events").read_text() or listener.poll() is not None)
    finally:
        listener.terminate()
        listener.wait()
    said += mesh.log.read_text() + (tmp_path / "events").read_text()
    assert found(said) == []


@pytest.mark.root
def test_bytes_that_break_the_protocol_are_not_repeated(talkative: Mesh) -> None:
    """What somebody sends to a socket may be meant for another one."""
    for start in (b"", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"):
        with socket.socket(socket.AF_UNIX) as caller:
            caller.connect(str(talkative.address))
            caller.sendall(start + BYTES.encode() * 100)
            caller.shutdown(socket.SHUT_WR)
            caller.settimeout(10)
            while caller.recv(4096):
                pass
    assert found(talkative.log.read_text()) == []
