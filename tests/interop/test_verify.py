"""The suites judge what we did not write, Debian's containerd, and find no fault; and our own mesh, at the same socket as its clients."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from argosy.testkit import verify
from argosy.testkit.suite import Verdict

from tests.harness.containerd import Containerd
from tests.harness.mesh import ARGOSY, Mesh, Peer, run
from tests.harness.verifying import all_passed

pytestmark = pytest.mark.root


def nothing_is_left(peer: Peer) -> None:
    """No namespace, and so nothing in one."""
    assert [ns for ns in peer.ctr("namespaces", "ls", "-q").ok().out.split() if "verify" in ns] == []


def test_a_stock_containerd_passes(short_path: Path) -> None:
    daemon = Containerd(short_path / "c")
    daemon.start()
    try:
        words = ["--address", str(daemon.address), "--snapshotter", "overlayfs", "--skip", "^many-"]
        ran = run([str(ARGOSY), "verify", "snapshotter", *words])
        assert ran.code == 0, ran.out
        assert ran.out.splitlines()[-1].startswith('snapshotter "overlayfs" of containerd ')
        for more, why in (([], "say which of its snapshotters is meant"), (["--name", "pigeons"], "which has ")):
            ran = run([str(ARGOSY), "verify", "snapshotter", "--address", str(daemon.address), *more])
            assert ran.code == 2 and why in ran.err and "native, overlayfs" in ran.err, ran
        all_passed(asyncio.run(verify.snapshotter(daemon.address, "native", fast=True)), ["commit-gives-a-parent"])
        all_passed(asyncio.run(verify.content(daemon.address, skip="^a-long-")), ["a-digest-may-be-sha512"])
        all_passed(asyncio.run(verify.diff(daemon.address)), ["a-diff-may-be-zstd"])
        all_passed(asyncio.run(verify.tasks(daemon.address, fast=True)))
        report = asyncio.run(verify.service(daemon.address, "containerd.services.version.v1.Version", unary=["Version"]))
        # This containerd has no reflection.
        assert "it-lists-itself" in {one.name for one in report.of(Verdict.SKIPPED)}
        assert report.passed, verify.explained(report)
        nothing_is_left(daemon)
        for snapshotter in ("overlayfs", "native"):
            directory = daemon.base / f"root/io.containerd.snapshotter.v1.{snapshotter}/snapshots"
            assert list(directory.iterdir()) == []
    finally:
        daemon.destroy()


def test_our_mesh_passes(short_path: Path) -> None:
    mesh = Mesh(short_path / "m")
    mesh.base.mkdir()
    mesh.start()
    try:
        all_passed(asyncio.run(verify.snapshotter(mesh.address, "overlayfs", has=["rebase"], fast=True)))
        all_passed(asyncio.run(verify.content(mesh.address, has=["sha512"], fast=True)))
        all_passed(asyncio.run(verify.diff(mesh.state / "diff.sock", mesh.address, has=["zstd"])))
        all_passed(asyncio.run(verify.tasks(mesh.address, fast=True)))
        nothing_is_left(mesh)
        assert mesh.leftovers() == []
    finally:
        mesh.destroy()
