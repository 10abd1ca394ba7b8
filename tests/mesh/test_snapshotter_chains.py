"""A snapshotter that falls back on another, by stock ctr and by us: its plugin is away, comes, and is killed."""

from __future__ import annotations

import json
import shutil
import tempfile
from pathlib import Path

import pytest

from tests.harness.mesh import IMAGE, Mesh, eventually
from tests.mesh.test_plugin_registry import example, shown

pytestmark = pytest.mark.root

CONFIG = """
[proxy_plugins.fast]
type = "snapshot"
address = "{base}/fast.sock"

[snapshotters.fast]
fallback = ["native"]
"""


def where(mesh: Mesh) -> dict[str, str]:
    """The snapshots of "fast", each with the plugin that it is in."""
    rows = json.loads(mesh.argosy("-o", "json", "snapshots", "ls", "--snapshotter", "fast").ok().out)
    return {row["key"]: row["on"] or "fast" for row in rows}


def test_stock_clients_profit(image_archive: Path) -> None:
    """Import and run while it is away, on itself when it is there, and on the other again when it is killed."""
    base = Path(tempfile.mkdtemp(prefix="ay-", dir="/tmp"))
    config = base / "mesh.toml"
    config.write_text(CONFIG.format(base=base))
    mesh = Mesh(base, extra=("--config", str(config)))
    mesh.start()
    try:
        hello = ("run", "--rm", "--snapshotter", "fast", IMAGE)

        # Nobody serves it: all of it goes to the other, with the reason.
        mesh.ctr("images", "import", "--snapshotter", "fast", str(image_archive)).ok()
        mesh.ctr("run", "-d", "--snapshotter", "fast", IMAGE, "first", "sleep", "100").ok()
        assert set(where(mesh).values()) == {"native"}
        told = mesh.argosy("snapshots", "info", "first", "--snapshotter", "fast").ok().out
        assert "native" in told and 'snapshot plugin "fast" at' in told
        assert "BECAUSE" in mesh.argosy("snapshots", "ls", "--snapshotter", "fast").ok().out
        assert mesh.ctr(*hello, "c", "echo", "one").ok().out == "one\n"

        with example(base / "mine", base / "fast.sock") as process:
            eventually(lambda: shown(mesh, "fast").get("state") == "ready", what="it is not ready")
            # A chain stays where it is.
            assert mesh.argosy(*hello, "echo", "two").ok().out == "two\n"
            assert set(where(mesh).values()) == {"native"}
            # Without the image there it is unpacked on itself.
            mesh.ctr("tasks", "rm", "-f", "first").ok()
            mesh.ctr("containers", "rm", "first").ok()
            mesh.ctr("images", "rm", "--sync", IMAGE).ok()
            mesh.ctr("images", "import", "--snapshotter", "fast", str(image_archive)).ok()
            mesh.ctr("run", "-d", "--snapshotter", "fast", IMAGE, "second", "sleep", "100").ok()
            assert set(where(mesh).values()) == {"fast"}
            process.kill()
            process.wait()
        # The image is unpacked again, on the other; the container runs on, and its snapshot is said to be away.
        assert mesh.ctr(*hello, "c", "echo", "three").ok().out == "three\n"
        assert mesh.argosy(*hello, "echo", "four").ok().out == "four\n"
        assert "RUNNING" in mesh.ctr("tasks", "ls").ok().out
        away = mesh.ctr("snapshots", "--snapshotter", "fast", "mounts", "/mnt", "second")
        assert away.code and 'snapshot plugin "fast"' in away.err

        with example(base / "mine", base / "fast.sock"):
            eventually(lambda: shown(mesh, "fast").get("state") == "ready", what="it is not ready")
            assert where(mesh)["second"] == "fast"
            mesh.ctr("tasks", "rm", "-f", "second").ok()
            mesh.ctr("containers", "rm", "second").ok()
            mesh.ctr("images", "rm", "--sync", IMAGE).ok()
            eventually(lambda: where(mesh) in ({}, {"second": "fast"}), what=str(where(mesh)))
            mesh.ctr("snapshots", "--snapshotter", "fast", "rm", "second")
            mesh.argosy("gc").ok()
            assert where(mesh) == {}
            stores = [base / "mine", mesh.root / "io.containerd.snapshotter.v1.native"]
            eventually(lambda: not [one for store in stores for one in store.glob("snapshots/*")], what="bytes are left")
    finally:
        mesh.stop()
        shutil.rmtree(base, ignore_errors=True)
