"""The README's snapshotter, as a reader would take it: on our own mesh, on a stock containerd, and at its end."""

from __future__ import annotations

import io
import os
import re
import signal
import tarfile
from pathlib import Path

import pytest
from argosy.testkit.image import busybox_layer, oci_archive

from tests.harness.containerd import Containerd
from tests.harness.examples import lines_of, serving
from tests.harness.mesh import Mesh, Peer

HERE = Path(__file__).parents[2]
EXAMPLE = HERE / "examples/snapshotter.py"
IMAGE = "docker.io/library/links:latest"
SECRET = "what only the host may read"


def blocks(language: str) -> list[str]:
    """Return the README's code of a language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", (HERE / "README.md").read_text(), re.MULTILINE | re.DOTALL)


@pytest.fixture
def archive(short_path: Path) -> Path:
    """An image whose second layer links to a file of the host, and has an owner and a mode of its own."""
    (short_path / "secret").write_text(SECRET)
    layer = io.BytesIO()
    with tarfile.open(fileobj=layer, mode="w", format=tarfile.PAX_FORMAT) as tar:
        link = tarfile.TarInfo("etc/stolen")
        link.type, link.linkname = tarfile.SYMTYPE, str(short_path / "secret")
        tar.addfile(link)
        owned = tarfile.TarInfo("home/owned")
        owned.size, owned.uid, owned.gid, owned.mode = 1, 1234, 4321, 0o4750
        tar.addfile(owned, io.BytesIO(b"x"))
    third = io.BytesIO()
    with tarfile.open(fileobj=third, mode="w", format=tarfile.PAX_FORMAT) as tar:
        tar.addfile(tarfile.TarInfo("home/last"), io.BytesIO())
    path = short_path / "links.tar"
    oci_archive(path, IMAGE, [busybox_layer(), layer.getvalue(), third.getvalue()])
    return path


def drive(peer: Peer, archive: Path, secret: Path) -> None:
    """Unpack and run the image: what the layers hold is there, and nothing of the host's."""
    peer.ctr("images", "import", "--snapshotter", "plain", str(archive)).ok()
    script = "readlink /etc/stolen; stat -c %u:%g:%a /home/owned; ls /home; cat /etc/stolen 2>/dev/null"
    ran = peer.ctr("run", "--rm", "--snapshotter", "plain", IMAGE, "c", "sh", "-c", script)
    assert ran.out.splitlines() == [str(secret), "1234:4321:4750", "last", "owned"], ran
    peer.ctr("images", "rm", "--sync", IMAGE).ok()


def proxy(address: Path) -> str:
    """Return the README's table, with this socket in it."""
    (table,) = (block for block in blocks("toml") if "[proxy_plugins.plain]" in block)
    assert "/run/plain.sock" in table
    return table.replace("/run/plain.sock", str(address))


def test_the_readme_shows_the_file_that_is_run_here() -> None:
    assert EXAMPLE.read_text() in blocks("python")


@pytest.mark.root
def test_the_example_serves_our_mesh(short_path: Path, archive: Path) -> None:
    """A Ctrl-C ends it."""
    with serving("snapshotter", short_path, "--root", str(short_path / "plain"), end=signal.SIGINT) as address:
        config = short_path / "mesh.toml"
        config.write_text(proxy(address))
        mesh = Mesh(short_path / "m", extra=["--config", str(config)])
        mesh.base.mkdir()
        mesh.start()
        try:
            drive(mesh, archive, short_path / "secret")
            assert [row for row in mesh.argosy("status").ok().out.splitlines() if "plain" in row and "ready" in row]
        finally:
            mesh.destroy()


@pytest.mark.root
def test_the_example_serves_a_stock_containerd(short_path: Path, archive: Path) -> None:
    with serving("snapshotter", short_path, "--root", str(short_path / "plain")) as address:
        daemon = Containerd(short_path / "c", proxy(address))
        daemon.start()
        try:
            drive(daemon, archive, short_path / "secret")
        finally:
            daemon.destroy()
    assert os.listdir(short_path / "plain/snapshots") == []


def test_what_it_prints_is_what_the_readme_says(short_path: Path) -> None:
    assert lines_of("snapshotter")[1] == proxy(Path("/run/plain.sock")).strip()
