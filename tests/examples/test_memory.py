"""The snapshotter in memory: its bytes are on a tmpfs, and outlive the plugin, not the mount."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from argosy.errors import NotFound
from argosy.plugin.snapshots.remote import RemoteSnapshotter

from tests.examples.conftest import Together
from tests.harness.examples import by_hand, serving
from tests.harness.mesh import IMAGE, eventually, run

pytestmark = pytest.mark.root


def test_a_container_runs_in_memory(together: Together, image_archive: Path) -> None:
    peer, home = together.peer, together.base / "memory/memory"
    peer.ctr("images", "import", "--snapshotter", "memory", str(image_archive)).ok()
    script = "cat /etc/motd; ls /home; echo x >/etc/passwd; rm -r /var/lib; cat /etc/passwd; ls /var"
    ran = peer.ctr("run", "--rm", "--snapshotter", "memory", IMAGE, "m", "sh", "-c", script).ok()
    assert ran.out == "hello from an argosy\nx\n"
    assert run(["stat", "-f", "-c", "%T", str(home)]).ok().out == "tmpfs\n"
    assert len(list((home / "snapshots").iterdir())) >= 2
    peer.ctr("images", "rm", "--sync", IMAGE).ok()

    def is_removed() -> bool:
        return not [path for path in (home / "snapshots").iterdir() if path.name.isdigit()]

    eventually(is_removed, what="snapshots stay in memory")


def test_it_outlives_the_plugin_and_one_process_at_a_time_has_it(short_path: Path) -> None:
    async def call(address: Path) -> tuple[str, str]:
        one = RemoteSnapshotter(address)
        try:
            try:
                return "found", (await one.stat("k")).name
            except NotFound:
                await one.prepare("k", "", {})
                return "made", "k"
        finally:
            await one.close()

    root = short_path / "root"
    try:
        for state in ("made", "found"):
            with serving("memory", short_path, "--root", str(root), "--size", "1m") as address:
                assert asyncio.run(call(address)) == (state, "k")
                other = by_hand("memory", "--root", str(root), "--address", str(short_path / "other.sock"))
                assert other.code == 6 and other.err.startswith(f"memory: memory root {root} is in use by memory pid "), (
                    other
                )
        assert run(["df", "--output=size", "-k", str(root / "memory")]).ok().out.split()[-1] == "1024"
    finally:
        run(["umount", str(root / "memory")]).ok()
