"""A service that somebody else installs is a service like ours: nothing of the mesh is changed for it."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.harness.installed import install
from tests.harness.mesh import ARGOSY, IMAGE, Mesh, eventually

pytestmark = pytest.mark.root

SERVICE = '''
"""A snapshotter that copies, as a distribution of its own."""

import shutil
from dataclasses import dataclass
from pathlib import Path

from argosy.service import Service
from argosy.settings import Settings, option


@dataclass(frozen=True, kw_only=True)
class CopierSettings(Settings):
    gateway: Path = option("who calls", mesh="address")
    wish: str = option("anything", "none")


def load():
    from argosy.mounts import Mount
    from argosy.plugin.snapshots import Backend, Kind, SnapshotsServicer, TreeSnapshotter
    from argosy.plugin.snapshots.tree import disk_usage

    class Copier(Backend):
        def make(self, directory, kind, parents, labels):
            if parents:
                shutil.copytree(parents[0], directory, symlinks=True, dirs_exist_ok=True)

        def mounts(self, directory, kind, parents, labels):
            return [Mount("bind", str(directory), ("rbind", "rw" if kind is Kind.ACTIVE else "ro"))]

        def measure(self, directory, kind, parents):
            return disk_usage(directory)

    async def start(ctx):
        ctx.gauges["gateway"] = lambda: ctx.settings.gateway
        ctx.gauges["wish"] = lambda: ctx.settings.wish
        tree = await TreeSnapshotter.open(ctx.settings.root, Copier(), True)
        ctx.on_close(tree.close)
        return [SnapshotsServicer(tree)]

    return start


SERVICE = Service(
    "copier", CopierSettings, load, about="copier", plugin="snapshot", public_name="copied", capabilities=("simple",)
)
'''


@pytest.fixture
def own_mesh(short_path: Path) -> Iterator[Mesh]:
    site = short_path / "site"
    install(site, "copier", "copier_of_a_test", SERVICE)
    # Not as `argosy` itself, which is isolated from PYTHONPATH.
    mesh = Mesh(short_path, command=(sys.executable, str(ARGOSY)), env={"PYTHONPATH": str(site)})
    config = short_path / "mesh.toml"
    config.write_text(
        '[services.content]\nkind = "content"\n[services.diff]\nkind = "diff"\n[services.tasks]\nkind = "tasks"\n'
        '[services.copier]\nkind = "copier"\nsettings = { wish = "granted" }\n'
    )
    mesh.extra = ["--config", str(config)]
    yield mesh
    mesh.destroy()


def test_an_installed_service_needs_its_folder_and_a_table_in_the_topology(own_mesh: Mesh, image_archive: Path) -> None:
    own_mesh.start()
    assert (own_mesh.state / "copier.sock.idle").exists()
    plugins = {(p["type"], p["id"]): p for p in json.loads(own_mesh.argosy("-o", "json", "plugins").ok().out)}
    found = plugins["io.containerd.snapshotter.v1", "copied"]
    root = own_mesh.root / "io.containerd.snapshotter.v1.copied"
    assert found["capabilities"] == "simple" and found["exports"]["root"] == str(root)
    own_mesh.ctr("images", "import", "--snapshotter", "copied", str(image_archive)).ok()
    ran = own_mesh.ctr("run", "--rm", "--snapshotter", "copied", IMAGE, "t", "echo", "copied").ok()
    assert ran.out == "copied\n"
    rows = {row["role"]: row for row in json.loads(own_mesh.argosy("-o", "json", "status").ok().out)}
    row = rows["snapshotter copied"]
    assert row["name"] == "copier" and row["gauges"] == {"gateway": str(own_mesh.address), "wish": "granted"}
    eventually(lambda: (root / "index.db").exists())


def test_a_service_that_is_not_installed_is_told_with_the_nearest(own_mesh: Mesh) -> None:
    config = own_mesh.base / "mesh.toml"
    config.write_text('[services.x]\nkind = "copie"\n')

    told = subprocess.run(
        [*own_mesh.command, "up", "--root", str(own_mesh.root), "--state", str(own_mesh.state), "--config", str(config)],
        env={**own_mesh.env}, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert (
        told.returncode == 2
        and '[services.x] no service of kind "copie" is installed; did you mean "copier"?' in told.stderr
    )
