"""The content store that reads through: blobs come from a web server that has them, checked, and from the registry where it has not."""

from __future__ import annotations

import asyncio
import http.server
import tarfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from argosy.rpc import Channel
from argosy.testkit.image import MANIFEST, oci_archive, second_layer
from argosy_protos.containerd.services.content import v1 as p

from tests.examples.conftest import started
from tests.harness.examples import config_of, disabled_by, serving, tables
from tests.harness.mesh import eventually

pytestmark = pytest.mark.root


class _Layout(http.server.BaseHTTPRequestHandler):
    """A registry of one image, and the web server of its layout below /mirror/, which may lack or spoil some."""

    server: Any

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        self.server.asked.append((self.command, self.path))
        name = self.path.rpartition("/")[2].rpartition(":")[2]
        path = self.server.layout / "blobs/sha256" / (self.server.manifest if name == "1" else name)
        is_mirror = self.path.startswith("/mirror/")
        if not path.is_file() or (is_mirror and self.server.lacks == name):
            self.send_error(404)
            return
        data = path.read_bytes()
        if is_mirror and name == self.server.spoils:
            data = data[:-1] + bytes([data[-1] ^ 1])
        begin = self.headers.get("Range", "bytes=0-").removeprefix("bytes=").removesuffix("-")
        self.server.ranges.append(int(begin))
        if int(begin) >= len(data) > 0:
            self.send_error(416)
            return
        data = data[int(begin) :]
        self.send_response(206 if int(begin) else 200)
        self.send_header("Content-Length", str(len(data)))
        self.send_header("Content-Type", MANIFEST if "/manifests/" in self.path else "application/octet-stream")
        self.send_header("Docker-Content-Digest", f"sha256:{path.name}")
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(data)

    def log_message(self, *_: object) -> None:
        pass  # the test looks at what was asked


@contextmanager
def web(layout: Path, manifest: str) -> Iterator[Any]:
    server: Any = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Layout)
    server.layout, server.manifest, server.asked, server.lacks, server.spoils = layout, manifest, [], "", ""
    server.ranges = []
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.mark.parametrize("make", ["argosy", "containerd"])
def test_a_pull_takes_its_blobs_from_the_mirror(short_path: Path, make: str) -> None:
    digest = oci_archive(short_path / "box.tar", "box:1")
    with tarfile.open(short_path / "box.tar") as tar:
        tar.extractall(short_path / "layout", filter="data")
    names = sorted((short_path / "layout/blobs/sha256").iterdir(), key=lambda path: path.stat().st_size)
    with web(short_path / "layout", digest.partition(":")[2]) as server:
        host = f"127.0.0.1:{server.server_port}"
        url, image = f"http://{host}/mirror", f"{host}/box:1"
        with serving("mirror", short_path, "--root", str(short_path / "root"), "--url", url) as address:
            config = config_of("mirror", address)
            peer = started(short_path, make, config if make == "argosy" else tables(config), disabled=disabled_by(config))
            try:
                peer.ctr("images", "pull", "--plain-http", image).ok()
                assert peer.ctr("run", "--rm", image, "c", "cat", "/etc/motd").ok().out == "hello from an argosy\n"
                # Of the registry only what the tag stands for was asked.
                assert [at for how, at in server.asked if at.startswith("/v2/") and how == "GET"] == []
                assert {at for _, at in server.asked if at.startswith("/mirror/")} == {
                    f"/mirror/blobs/sha256/{path.name}" for path in names
                }
                held = short_path / "root/blobs/sha256"
                assert {path.name for path in held.iterdir()} == {path.name for path in names}
                peer.ctr("images", "rm", "--sync", image).ok()
                eventually(lambda: not list(held.iterdir()))

                # What it has wrong, and what it lacks, comes from the registry.
                server.spoils, server.lacks = names[-1].name, names[-2].name
                server.asked.clear()
                peer.ctr("images", "pull", "--plain-http", image).ok()
                got = {at.rpartition(":")[2] for how, at in server.asked if at.startswith("/v2/") and how == "GET"}
                assert got == {server.spoils, server.lacks}
                assert list((short_path / "root/ingest").iterdir()) == []
            finally:
                peer.destroy()
        assert "mirror.not_fetched" in (short_path / "mirror.err").read_text()


@pytest.mark.parametrize("share", [0.0, 0.5, 1.0])
def test_what_came_before_a_caller_gave_up_is_not_fetched_again(short_path: Path, share: float) -> None:
    digest = oci_archive(short_path / "box.tar", "box:1", [second_layer()])
    with tarfile.open(short_path / "box.tar") as tar:
        tar.extractall(short_path / "layout", filter="data")
    data = (short_path / "layout/blobs/sha256" / digest.partition(":")[2]).read_bytes()

    async def main(address: Path) -> None:
        async with Channel(address) as channel:
            stub = p.ContentStub(channel)
            async with stub.write() as stream:
                write = p.WriteContentRequest(
                    action=p.WriteAction.WRITE, ref=f"mirror {digest}", data=data[: int(len(data) * share)]
                )
                await stream.send_message(write)
                await stream.recv_message()
                await stream.end()
                assert await stream.recv_message() is None
            info = (await stub.info(p.InfoRequest(digest=digest))).info
            assert info is not None and info.size == len(data)
            got = b"".join([part.data async for part in stub.read(p.ReadContentRequest(digest=digest))])
            assert got == data

    with web(short_path / "layout", digest.partition(":")[2]) as server:
        url = f"http://127.0.0.1:{server.server_port}/mirror"
        with serving("mirror", short_path, "--root", str(short_path / "root"), "--url", url) as address:
            asyncio.run(main(address))
        assert server.ranges == [int(len(data) * share)]
        assert list((short_path / "root/ingest").iterdir()) == []
