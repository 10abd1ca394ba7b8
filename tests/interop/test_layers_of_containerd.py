"""containerd's own snapshotters as judges of what layers mean."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from argosy.oci.image import chain_ids
from argosy.testkit.image import oci_archive

from tests.harness.containerd import Containerd
from tests.harness.corpus import CONTAINERD, REFUSED, TREES
from tests.harness.layers import archive, described, unpacked
from tests.harness.mesh import Ran, run

pytestmark = pytest.mark.root


@pytest.fixture(scope="module")
def daemon() -> Iterator[Containerd]:
    # Nothing refers to a view: the collector would take it from under our eyes.
    patient = '[plugins."io.containerd.gc.v1.scheduler"]\nschedule_delay = "1h"\nstartup_delay = "1h"\n'
    running = Containerd(Path(tempfile.mkdtemp(prefix="ay-", dir="/tmp")), patient)
    running.start()
    try:
        yield running
    finally:
        running.destroy()


def imported(daemon: Containerd, snapshotter: str, name: str, layers: list[bytes]) -> Ran:
    path = daemon.base / "image.tar"
    oci_archive(path, name, layers)
    return daemon.ctr("images", "import", "--snapshotter", snapshotter, str(path))


@contextmanager
def mounted(daemon: Containerd, snapshotter: str, layers: list[bytes], point: Path) -> Iterator[Path]:
    """Mount what a stack of layers was unpacked to; ctr prints the commands."""
    point.mkdir()
    top = chain_ids([f"sha256:{hashlib.sha256(layer).hexdigest()}" for layer in layers])[-1]
    commands = (
        daemon.ctr("snapshots", "--snapshotter", snapshotter, "view", "--target", str(point), point.name, top).ok().out
    )
    run(["sh", "-ec", commands]).ok()
    try:
        yield point
    finally:
        run(["umount", str(point)]).ok()
        daemon.ctr("snapshots", "--snapshotter", snapshotter, "rm", point.name).ok()


@pytest.mark.parametrize("snapshotter", sorted(CONTAINERD))
def test_containerd_makes_the_same_trees(daemon: Containerd, tmp_path: Path, snapshotter: str) -> None:
    """Of every stack that the corpus says so of."""
    wrong: list[str] = []
    for number, (title, stack) in enumerate(TREES.items()):
        if snapshotter not in stack.agree:
            continue
        layers = [archive(*members) for members in stack.layers]
        name = f"example.com/{snapshotter}/tree:{number}"
        imported(daemon, snapshotter, name, layers).ok()
        with mounted(daemon, snapshotter, layers, tmp_path / f"m{number}") as point:
            theirs = described(point)
        base = tmp_path / f"b{number}"
        base.mkdir()
        with unpacked(("overlayfs", "serial"), base, layers) as root:
            ours = described(root)
        if ours != theirs:
            different = {
                k: (ours.get(k), theirs.get(k)) for k in ours.keys() | theirs.keys() if ours.get(k) != theirs.get(k)
            }
            wrong.append(f"{title}: (ours, theirs) {different}")
    assert wrong == []


@pytest.mark.parametrize("snapshotter", sorted(CONTAINERD))
def test_containerd_refuses_the_same_layers(daemon: Containerd, snapshotter: str) -> None:
    """Of every stack that the corpus says so of."""
    taken: list[str] = []
    for number, (title, stack) in enumerate(REFUSED.items()):
        if snapshotter in stack.agree:
            layers = [archive(*members) for members in stack.layers]
            if imported(daemon, snapshotter, f"example.com/{snapshotter}/no:{number}", layers).code == 0:
                taken.append(title)
    assert taken == []
