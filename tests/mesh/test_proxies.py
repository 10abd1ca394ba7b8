"""Proxies of a stock configuration: listed under the names they were given, in the place of a plugin of ours that is disabled."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.harness.mesh import Mesh, eventually
from tests.harness.processes import ending

pytestmark = pytest.mark.root

SNAPSHOTTER, CONTENT, DIFFER = "io.containerd.snapshotter.v1", "io.containerd.content.v1", "io.containerd.differ.v1"


def test_a_proxy_has_its_own_name_and_the_place_of_what_is_disabled(short_path: Path) -> None:
    socket = short_path / "theirs.sock"
    config = short_path / "config.toml"
    proxies = {"overlayfs": "snapshot", "their-blobs": "content", "walking": "diff"}
    config.write_text(
        f'version = 2\ndisabled_plugins = ["{SNAPSHOTTER}.overlayfs", "{CONTENT}.content", "{DIFFER}.walking"]\n'
        + "".join(f'[proxy_plugins.{n}]\ntype = "{t}"\naddress = "{socket}"\n' for n, t in proxies.items())
    )
    mesh = Mesh(short_path, extra=("--config", str(config)))
    with ending(subprocess.Popen([sys.executable, "-m", "tests.harness.plugins", str(socket)])):
        eventually(socket.exists)
        mesh.start()
        try:
            listed = [line.split()[:2] for line in mesh.ctr("plugins", "ls").ok().out.splitlines()]
            for type, name in ((SNAPSHOTTER, "overlayfs"), (CONTENT, "their-blobs"), (DIFFER, "walking")):
                assert [type, name] in listed
            assert [CONTENT, "content"] not in listed and listed.count([SNAPSHOTTER, "overlayfs"]) == 1
            assert "snapshotter-overlay" not in mesh.services()
            # It is theirs that answers: nothing of ours is on disk.
            mesh.ctr("snapshots", "--snapshotter", "overlayfs", "prepare", "mine").ok()
            assert "mine" in mesh.ctr("snapshots", "--snapshotter", "overlayfs", "ls").ok().out
            assert not (mesh.root / f"{SNAPSHOTTER}.overlayfs").exists()
        finally:
            mesh.stop()
