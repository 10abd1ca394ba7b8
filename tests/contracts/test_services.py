"""Our own services, and the README's snapshotter, keep the contract at their own sockets."""

from __future__ import annotations

import asyncio
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from argosy.testkit import verify

from tests.harness.erofs import CAN_EROFS
from tests.harness.leaks import cgroups
from tests.harness.mesh import Mesh, eventually
from tests.harness.processes import ending
from tests.harness.services import service
from tests.harness.verifying import all_passed

EXAMPLE = Path(__file__).parents[2] / "examples/snapshotter.py"
CLOCK = EXAMPLE.with_name("clock.py")


def listens(address: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as caller:
        return caller.connect_ex(str(address)) == 0


def empty(directory: Path) -> bool:
    return not any(directory.iterdir())


@pytest.mark.root
@pytest.mark.parametrize(
    ("name", "has", "fast"),
    [
        ("snapshotter-overlay", ["rebase"], False),
        ("snapshotter-native", [], True),
        pytest.param(
            "snapshotter-erofs",
            ["rebase"],
            True,
            marks=pytest.mark.skipif(not CAN_EROFS, reason="no erofs from files here"),
        ),
    ],
)
def test_our_snapshotters(short_path: Path, name: str, has: list[str], fast: bool) -> None:
    """The one that is used most by all checks, the others by the fast ones."""
    with service(name, short_path) as address:
        report = asyncio.run(verify.snapshotter(address, has=has, skip="^many-", fast=fast))
        all_passed(report, [] if has else ["commit-gives-a-parent"])
        eventually(lambda: empty(short_path / name / "snapshots"), what="directories are left")


def test_our_content_store(short_path: Path) -> None:
    """Labels are the gateway's."""
    with service("content", short_path) as address:
        report = asyncio.run(verify.content(address, skip="^a-long-", has=["sha512"], lacks=["labels"]))
        all_passed(report, ["a-blob-has-labels", "labels-are-updated", "only-labels-are-updated"])
        assert empty(short_path / "content/blobs/sha256") and empty(short_path / "content/ingest")


@pytest.mark.root
def test_the_example(short_path: Path) -> None:
    address = short_path / "e.sock"
    command = [sys.executable, str(EXAMPLE), "--root", str(short_path / "e"), "--address", str(address)]
    with ending(subprocess.Popen(command)):
        eventually(lambda: listens(address), within=20, what="the example does not listen")
        all_passed(asyncio.run(verify.snapshotter(address, fast=True)), ["commit-gives-a-parent"])
        eventually(lambda: empty(short_path / "e/snapshots"), what="directories are left")


@pytest.mark.root
def test_our_task_manager(short_path: Path) -> None:
    """At its own socket, as the task service of a mesh that knows the containers; and the mesh's services of its own kind."""
    mesh = Mesh(short_path / "m")
    mesh.base.mkdir()
    mesh.start()
    try:
        all_passed(asyncio.run(verify.tasks(mesh.state / "tasks.sock", mesh.address)))
        assert mesh.leftovers() == []
        for address in (mesh.address, mesh.state / "tasks.sock"):
            report = asyncio.run(
                verify.service(
                    address, "containerd.services.tasks.v1.Tasks", unary=["List"], has=["health", "reflection", "namespace"]
                )
            )
            all_passed(report, ["a-stream-may-be-opened-again-and-again", "a-process-ends-in-order"])
    finally:
        mesh.destroy()
    assert cgroups("argosy-verify-*") == []


def test_the_clock(short_path: Path) -> None:
    """The example of a service, at its own socket, to its end."""
    address = short_path / "clock.sock"
    with ending(subprocess.Popen([sys.executable, str(CLOCK), "--address", str(address), "--every", "0.05"])) as process:
        eventually(lambda: listens(address), within=20, what="the example does not listen")
        report = asyncio.run(
            verify.service(address, "example.clock.v1.Clock", unary=["Now"], streams=["Ticks"], ends=process.pid)
        )
        skipped = {"it-describes-itself", "what-it-describes-is-there", "a-namespace-reaches-it"}
        all_passed(report, skipped)
        assert process.wait(10) == 0
