"""Stock peers on the other side: containerd with our plugins and shim, our mesh with Debian's shim."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from functools import partial
from pathlib import Path

import pytest

from tests.harness.containerd import Containerd
from tests.harness.erofs import CAN_EROFS
from tests.harness.leaks import cgroups
from tests.harness.mesh import BIN, IMAGE, Mesh, eventually, run
from tests.harness.services import service

pytestmark = pytest.mark.root

GO_SHIM = Path("/usr/bin/containerd-shim-runc-v2")


def is_empty(directory: Path) -> bool:
    return not list(directory.iterdir())


@pytest.fixture
def base() -> Iterator[Path]:
    path = Path(tempfile.mkdtemp(prefix="ay-", dir="/tmp"))
    yield path
    run(["umount", "-R", "-l", str(path)])
    run(["rm", "-rf", str(path)])


def test_a_stock_containerd_pulls_and_runs_on_our_content_and_snapshotters(
    base: Path, image_archive: Path, registry: str
) -> None:
    with (
        service("content", base) as content,
        service("snapshotter-overlay", base) as over,
        service("snapshotter-native", base) as nat,
        service("snapshotter-erofs", base) if CAN_EROFS else nullcontext(base / "none.sock") as ero,
    ):
        ours = ["ourover", "ournative", *(["ourerofs"] if CAN_EROFS else [])]
        config = "\n".join(
            f'[proxy_plugins.{name}]\ntype = "{kind}"\naddress = "{address}"'
            for name, kind, address in (
                ("ourcontent", "content", content),
                ("ourover", "snapshot", over),
                ("ournative", "snapshot", nat),
                # Its own differ knows no images: what it unpacks becomes one at Commit.
                ("ourerofs", "snapshot", ero),
            )
            if name != "ourerofs" or CAN_EROFS
        )
        disabled = ("io.containerd.grpc.v1.cri", "io.containerd.content.v1.content")
        daemon = Containerd(base / "c", config, disabled=disabled)
        daemon.start()
        try:
            for snapshotter in ours:
                daemon.ctr("images", "import", "--snapshotter", snapshotter, str(image_archive)).ok()
                ran = daemon.ctr("run", "--rm", "--snapshotter", snapshotter, IMAGE, "t", "cat", "/etc/motd").ok()
                assert ran.out == "hello from an argosy\n"
            assert list((base / "content/blobs/sha256").iterdir())
            pulled = f"{registry}/stock/box:1"
            daemon.ctr("images", "push", "--plain-http", pulled, IMAGE).ok()
            daemon.ctr("images", "pull", "--plain-http", "--snapshotter", "ourover", pulled, namespace="pulled").ok()
            ran = daemon.ctr(
                "run", "--rm", "--snapshotter", "ourover", pulled, "t", "cat", "/etc/motd", namespace="pulled"
            ).ok()
            assert ran.out == "hello from an argosy\n"
            daemon.ctr("images", "rm", "--sync", pulled, namespace="pulled").ok()
            assert "ourover" in daemon.ctr("plugins", "ls").ok().out
            daemon.ctr("images", "rm", "--sync", IMAGE).ok()
            eventually(lambda: not list((base / "content/blobs/sha256").iterdir()))
            for name in ("snapshotter-overlay", "snapshotter-native", "snapshotter-erofs")[: len(ours)]:
                eventually(partial(is_empty, base / name / "snapshots"), what=f"{name} keeps snapshots")
        finally:
            daemon.destroy()


@pytest.mark.skipif(not CAN_EROFS, reason="no erofs from files here")
def test_a_stock_containerd_without_a_mount_manager_has_a_size_too(base: Path, image_archive: Path) -> None:
    """Its differ writes files into the room, and its shim mounts what is there."""
    with service("snapshotter-erofs", base, "--default-size", "32MiB") as ero:
        daemon = Containerd(base / "c", f'[proxy_plugins.ourerofs]\ntype = "snapshot"\naddress = "{ero}"')
        daemon.start()
        try:
            daemon.ctr("images", "import", "--snapshotter", "ourerofs", str(image_archive)).ok()
            fill = "cat /etc/motd; dd if=/dev/zero of=/large bs=1M count=64"
            ran = daemon.ctr("run", "--rm", "--snapshotter", "ourerofs", IMAGE, "t", "sh", "-c", fill)
            assert ran.code == 1 and ran.out.startswith("hello from an argosy\n")
            assert "No space left on device" in ran.out + ran.err
            daemon.ctr("images", "rm", "--sync", IMAGE).ok()
            eventually(partial(is_empty, base / "snapshotter-erofs/snapshots"), what="snapshots are kept")
        finally:
            daemon.destroy()


def test_a_stock_containerd_runs_execs_and_kills_with_our_shim(base: Path, image_archive: Path) -> None:
    daemon = Containerd(base / "c", path_first=BIN)
    daemon.start()
    try:
        daemon.ctr("images", "import", str(image_archive)).ok()
        ran = daemon.ctr("run", "--rm", IMAGE, "t1", "sh", "-c", "cat /etc/motd; exit 3")
        assert (ran.code, ran.out) == (3, "hello from an argosy\n")
        daemon.ctr("run", "-d", IMAGE, "t2", "sleep", "1000").ok()
        shims = subprocess.run(["pgrep", "-af", str(BIN / "containerd-shim-runc-v2")], capture_output=True, text=True).stdout
        assert str(daemon.address) in shims
        ran = daemon.ctr("tasks", "exec", "--exec-id", "e", "t2", "sh", "-c", "echo in; exit 4")
        assert (ran.code, ran.out) == (4, "in\n")
        daemon.ctr("tasks", "kill", "-s", "KILL", "t2").ok()
        eventually(lambda: "STOPPED" in daemon.ctr("tasks", "ls").out)
        daemon.ctr("tasks", "rm", "t2").ok()
        daemon.ctr("containers", "rm", "t2").ok()
        eventually(
            lambda: (
                str(daemon.address)
                not in subprocess.run(["pgrep", "-af", "containerd-shim"], capture_output=True, text=True).stdout
            )
        )
    finally:
        daemon.destroy()


def test_our_mesh_runs_containers_with_debians_shim(base: Path, image_archive: Path) -> None:
    first = base / "bin"
    first.mkdir()
    (first / GO_SHIM.name).symlink_to(GO_SHIM)
    mesh = Mesh(base / "m", path_first=first)
    mesh.base.mkdir()
    mesh.start()
    try:
        mesh.ctr("images", "import", str(image_archive)).ok()
        ran = mesh.ctr("run", "--rm", IMAGE, "t1", "sh", "-c", "cat /etc/motd; exit 3")
        assert (ran.code, ran.out) == (3, "hello from an argosy\n"), ran.err
        mesh.ctr("run", "-d", IMAGE, "t2", "sleep", "1000").ok()
        bundle = mesh.state / "io.containerd.runtime.v2.task/default/t2"
        assert (bundle / "shim-binary-path").read_text() == str(first / GO_SHIM.name)
        ran = mesh.ctr("tasks", "exec", "--exec-id", "e", "t2", "sh", "-c", "echo in; exit 4")
        assert (ran.code, ran.out) == (4, "in\n")
        mesh.ctr("tasks", "rm", "-f", "t2")
        mesh.ctr("containers", "rm", "t2").ok()
        assert mesh.leftovers() == []
    finally:
        mesh.destroy()


def test_eight_at_a_time_without_a_failure_and_nothing_left(base: Path, image_archive: Path) -> None:
    """What containerd-stress does, with Debian's ctr: create, run, delete, over and over, eight at a time."""
    mesh = Mesh(base / "m")
    mesh.base.mkdir()
    mesh.start()
    prefix = f"eight{os.getpid()}-"  # ours, of all that run on this machine
    try:
        mesh.ctr("images", "import", str(image_archive)).ok()

        def one(n: int) -> str:
            ran = mesh.ctr("run", "--rm", IMAGE, f"{prefix}{n}", "sh", "-c", f"echo {n}; exit 0")
            return "" if (ran.code, ran.out) == (0, f"{n}\n") else f"{n}: {ran.code} {ran.out} {ran.err}"

        with ThreadPoolExecutor(8) as pool:
            failures = [f for f in pool.map(one, range(80)) if f]
        assert failures == []
        assert mesh.leftovers() == []
        assert mesh.ctr("tasks", "ls", "-q").ok().out == ""
        kept = mesh.ctr("snapshots", "ls").ok().out.splitlines()[1:]
        assert len(kept) == 2 and all("Committed" in line for line in kept)
        assert cgroups(f"{prefix}*") == []
    finally:
        mesh.destroy()
