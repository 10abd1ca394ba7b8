"""`argosy intercept`: one namespace's containers run on an instance of a plugin of somebody's own, and nobody else's do."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from argosy.testkit.image import busybox_layer, oci_archive

from tests.harness.examples import serving
from tests.harness.mesh import ARGOSY, IMAGE, Mesh, Ran, eventually
from tests.harness.processes import ending
from tests.harness.tars import layer

pytestmark = pytest.mark.root

NS = "dev"


@contextmanager
def own(base: Path) -> Iterator[Path]:
    """An instance of a snapshotter; yields the directory of its snapshots. Its socket is ``snapshotter.sock`` in base."""
    with serving("snapshotter", base, "--root", str(base / "own")):
        yield base / "own/snapshots"


def refused(ran: Ran, said: str) -> None:
    assert ran.code != 0 and said in ran.err, ran


def hold(mesh: Mesh, *words: str) -> subprocess.Popen[str]:
    """Begin an intercept as somebody at a terminal does."""
    command = [str(ARGOSY), "--address", str(mesh.address), "intercept", *words]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_two_namespaces_run_on_two_versions_at_the_same_time(mesh: Mesh, short_path: Path, image_archive: Path) -> None:
    """By stock ctr, from its import to its end; Ctrl-C gives the calls back, once no container needs what is there."""
    with own(short_path) as snapshots:
        holding = hold(mesh, "overlayfs", "--namespace", NS, "--to", f"unix://{short_path}/snapshotter.sock")
        with ending(holding):
            assert holding.stdout is not None and "overlayfs" in holding.stdout.readline()
            eventually(lambda: "ready" in mesh.argosy("intercept", "ls").ok().out)
            for namespace in (NS, "prod"):
                mesh.ctr("images", "import", str(image_archive), namespace=namespace).ok()
                mesh.ctr("run", "-d", IMAGE, "c", "sh", "-c", "echo mine > /here; sleep 100", namespace=namespace).ok()
            there = [path for path in snapshots.iterdir() if any(path.rglob("here"))]
            assert len(there) == 1, "the container of the other namespace wrote there, or ours did not"
            (row,) = json.loads(mesh.argosy("-o", "json", "intercept", "ls").ok().out)
            assert (row["plugin"], row["namespace"], row["state"]) == ("overlayfs", NS, "ready")
            assert row["snapshots"] == 3 and row["failed"] == 0
            refused(mesh.argosy("plugin", "remove", "overlayfs"), "one of the configuration")
            refused(mesh.argosy("intercept", "rm", "overlayfs", "--namespace", NS), 'container "c" in namespace "dev"')
            mesh.ctr("tasks", "rm", "-f", "c", namespace=NS).ok()
            mesh.ctr("containers", "rm", "c", namespace=NS).ok()
            holding.send_signal(signal.SIGINT)
            assert holding.wait(20) == 0, holding.stderr
        assert json.loads(mesh.argosy("-o", "json", "intercept", "ls").ok().out) == []
        assert list(snapshots.iterdir()) == [], "what was made there was left there"
    # The image's layers went with the intercept, and its next unpack is where everybody's are.
    mesh.ctr("images", "import", str(image_archive), namespace=NS).ok()
    assert mesh.ctr("run", "--rm", IMAGE, "after", "echo", "hello", namespace=NS).ok().out == "hello\n"
    mesh.ctr("tasks", "rm", "-f", "c", namespace="prod").ok()
    mesh.ctr("containers", "rm", "c", namespace="prod").ok()
    for namespace in (NS, "prod"):
        mesh.ctr("images", "rm", "--sync", IMAGE, namespace=namespace).ok()


def test_a_dead_instance_is_the_trouble_of_its_namespace_alone(mesh: Mesh, short_path: Path) -> None:
    """Its callers are told what it is, and what ends it; a gateway that is killed knows it again."""
    address = short_path / "snapshotter.sock"
    mesh.argosy("intercept", "overlayfs", "--to", str(address), "--detach", namespace=NS).ok()
    try:
        with own(short_path):
            mesh.ctr("snapshots", "prepare", "k", namespace=NS).ok()
        for _ in range(2):
            refused(mesh.ctr("snapshots", "prepare", "l", namespace=NS), f'snapshot plugin "overlayfs@dev" at {address}')
            mesh.ctr("snapshots", "prepare", "l").ok()
            mesh.ctr("snapshots", "rm", "l").ok()
            os.kill(mesh.services()["argosy-gateway"], signal.SIGKILL)
            eventually(lambda: mesh.argosy("intercept", "ls").code == 0)
        shown = mesh.argosy("-o", "json", "intercept", "ls").ok().out
        assert "argosy intercept rm overlayfs --namespace dev ends the intercept" in shown
        refused(
            mesh.argosy("intercept", "overlayfs", "--to", f"{short_path}/other.sock", "-d", namespace=NS),
            f"goes to {address} already",
        )
    finally:
        ended = mesh.argosy("intercept", "rm", "overlayfs", "--namespace", NS)
    ended.ok()
    mesh.ctr("snapshots", "prepare", "k", namespace=NS).ok()
    mesh.ctr("snapshots", "rm", "k", namespace=NS).ok()


def test_words_that_mean_nothing_are_told_what_would(mesh: Mesh) -> None:
    refused(mesh.argosy("intercept", "overlayfs"), "say whose calls go where")
    refused(mesh.argosy("intercept", "rm"), "say whose calls go where")
    refused(mesh.argosy("intercept", "rm", "overlayfs"), 'intercept "overlayfs@default"')
    refused(mesh.argosy("intercept", "overlayfs", "--to", "/x.sock", "--uid", "-1", "-d"), '--uid "-1" is no number')
    refused(mesh.argosy("intercept", "nobody", "--to", "/x.sock", "-d"), 'plugin "nobody"')


def test_an_image_of_one_namespace_is_in_a_store_of_its_own(mesh: Mesh, short_path: Path) -> None:
    """Imported, unpacked and run from there; the mesh's own store never hears of it, and has it when it is over."""
    archive, name = short_path / "own.tar", "docker.io/library/own:1"
    manifest = oci_archive(archive, name, [busybox_layer(), layer(("home/own", b"x"))])

    def stored() -> bool:
        return any(mesh.root.glob(f"*/blobs/sha256/{manifest.partition(':')[2]}"))

    with serving("blocks", short_path, "--root", str(short_path / "blocks")) as address:
        mesh.argosy("intercept", "content", "--to", str(address), "--detach", namespace=NS).ok()
        mesh.ctr("images", "import", str(archive), namespace=NS).ok()
        assert mesh.ctr("run", "--rm", name, "c", "ls", "/home", namespace=NS).ok().out.split() == ["own"]
        assert manifest in mesh.ctr("content", "ls", "-q", namespace=NS).ok().out
        assert not stored()
        (row,) = json.loads(mesh.argosy("-o", "json", "intercept", "ls").ok().out)
        assert row["snapshots"] >= 4 and row["type"] == "content"
        mesh.argosy("intercept", "rm", "content", "--namespace", NS).ok()
        assert manifest not in mesh.ctr("content", "ls", "-q", namespace=NS).ok().out
        mesh.ctr("images", "import", str(archive), namespace=NS).ok()
        assert stored()
        assert mesh.ctr("run", "--rm", name, "c", "ls", "/home", namespace=NS).ok().out.split() == ["own"]
    mesh.ctr("images", "rm", "--sync", name, namespace=NS).ok()
