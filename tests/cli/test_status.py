"""``argosy status``: who serves, and who is down; a plugin of another make is neither more nor less healthy than ours."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from argosy.plugin.snapshots import SnapshotsServicer, TreeSnapshotter
from argosy.rpc.server import Server
from argosy_snapshotter_native.snapshotter import NativeBackend

from tests.harness.mesh import Mesh, eventually

pytestmark = pytest.mark.root


@contextmanager
def foreign(base: Path) -> Iterator[Path]:
    """A snapshotter that serves containerd's service and nothing of ours."""
    address, over = base / "foreign.sock", threading.Event()

    async def main() -> None:
        tree = await TreeSnapshotter.open(base / "foreign", NativeBackend())
        server = Server([SnapshotsServicer(tree)])
        await server.listen_unix(address)
        await asyncio.to_thread(over.wait)
        await server.close(1.0)
        await tree.close()

    thread = threading.Thread(target=asyncio.run, args=(main(),))
    thread.start()
    try:
        eventually(address.exists)
        yield address
    finally:
        over.set()
        thread.join()


def test_a_healthy_plugin_of_another_make_is_ready_and_a_dead_one_is_down(short_path: Path) -> None:
    with foreign(short_path) as address:
        config = short_path / "mesh.toml"
        config.write_text(
            f'[proxy_plugins.other]\ntype = "snapshot"\naddress = "{address}"\n'
            f'[proxy_plugins.dead]\ntype = "snapshot"\naddress = "{short_path}/dead.sock"\n'
        )
        mesh = Mesh(short_path / "m", extra=["--config", str(config)])
        mesh.base.mkdir()
        mesh.start()
        try:
            rows = {row["role"]: row for row in json.loads(mesh.argosy("status", "-o", "json").ok().out)}
            assert rows["snapshotter other"]["state"] == "ready"
            assert "another make" in rows["snapshotter other"]["details"]
            assert rows["snapshotter dead"]["state"] == "down" and "no such socket" in rows["snapshotter dead"]["details"]
            mesh.argosy("tag", "nope", "x")
            mesh.argosy("exec", "nope", "true")
            rows = {row["role"]: row for row in json.loads(mesh.argosy("status", "-o", "json").ok().out)}
            assert rows["gateway"]["failed"] == 0
        finally:
            mesh.destroy()
