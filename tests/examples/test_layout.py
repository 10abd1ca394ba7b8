"""The example of a resolver, as a user would run it: an image comes from a folder, on our own mesh and on a stock containerd."""

from __future__ import annotations

import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from argosy.testkit.image import oci_archive

from tests.harness.containerd import Containerd
from tests.harness.mesh import Mesh, Peer, run

pytestmark = pytest.mark.root

EXAMPLE = Path(__file__).parents[2] / "examples/layout.py"
# A registry that nobody can ask.
NAME = "registry.invalid/box:1"


@pytest.fixture(scope="module")
def layout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An image's layout, as ``tar`` takes it out of an archive."""
    base = tmp_path_factory.mktemp("layout")
    oci_archive(base / "box.tar", NAME)
    with tarfile.open(base / "box.tar") as tar:
        tar.extractall(base / "box", filter="data")
    return base / "box"


@pytest.fixture(params=["argosy", "containerd"])
def peer(request: pytest.FixtureRequest, short_path: Path) -> Iterator[Peer]:
    running: Mesh | Containerd
    if request.param == "argosy":
        running = Mesh(short_path / "m")
        running.base.mkdir()
    else:
        running = Containerd(short_path / "c")
    running.start()
    try:
        yield running
    finally:
        running.destroy()


def test_an_image_is_pulled_from_a_folder_and_run(peer: Peer, layout: Path) -> None:
    command = [sys.executable, str(EXAMPLE), str(layout)]
    env = {"ARGOSY_ADDRESS": str(peer.address)}
    ran = run([*command, NAME], env)
    assert (ran.code, ran.out, ran.err) == (0, f"{NAME}\n", "")
    ran = peer.ctr("run", "--rm", NAME, "c", "cat", "/etc/motd")
    assert ran.ok().out == "hello from an argosy\n"
    ran = run([*command, "registry.invalid/box:2"], env)
    assert (ran.code, ran.err) == (1, f'layout.py: image "2" in {layout}: not found\n')
