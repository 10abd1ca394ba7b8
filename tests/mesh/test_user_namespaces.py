"""Containers in user namespaces: their root is nobody on the host, and must get to its own bundle, as nobody else does."""

from __future__ import annotations

import asyncio
import json
import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from argosy.client import Client
from argosy.kernel.mount_trees import maps_ids
from argosy.mounts import Mount
from argosy.plugin.snapshots.remap import GID_MAPPING, UID_MAPPING
from argosy_protos.containerd.services.snapshots import v1 as p
from argosy_snapshotter_overlay.service import OverlaySettings, lacks
from argosy_tasks.bundle import Bundle, MappedRoot, mapped_root

from tests.harness.erofs import needs_erofs
from tests.harness.mesh import IMAGE, Mesh, eventually

pytestmark = pytest.mark.root

MAPS = ("--uidmap", "0:100000:65536", "--gidmap", "0:200000:65536")


@pytest.fixture
def passable(short_path: Path, image_archive: Path) -> Iterator[Mesh]:
    """A mesh below a directory that everybody can pass, as /run is."""
    short_path.chmod(0o755)
    mesh = Mesh(short_path)
    mesh.start()
    mesh.ctr("images", "import", str(image_archive)).ok()
    yield mesh
    mesh.destroy()


def listed(paths: list[Path], uid: int, gid: int) -> list[str]:
    """Return which of these directories this user can list, or stat something in."""
    code = (
        "import os, sys\n"
        "for path in sys.argv[1:]:\n"
        "    for look in (os.listdir, lambda p: os.stat(p + '/.')):\n"
        "        try: look(path); print(look.__name__, path)\n"
        "        except OSError: pass\n"
    )
    command = ["setpriv", f"--reuid={uid}", f"--regid={gid}", "--clear-groups", sys.executable, "-I", "-S", "-c", code]
    return subprocess.run([*command, *map(str, paths)], capture_output=True, text=True, check=True).stdout.splitlines()


def test_ctr_runs_a_container_in_a_user_namespace_and_execs_in_it(passable: Mesh) -> None:
    script = "id -u; cat /proc/self/uid_map; touch /mine && ls -ln /mine | cut -c1-10"
    ran = passable.ctr("run", "--rm", *MAPS, IMAGE, "userns", "sh", "-c", script).ok()
    assert ran.out.split() == ["0", "0", "100000", "65536", "-rw-r--r--"]
    passable.ctr("run", "-d", *MAPS, IMAGE, "stays", "sleep", "60").ok()
    assert passable.ctr("tasks", "exec", "--exec-id", "e", "stays", "id", "-u").ok().out == "0\n"
    passable.ctr("tasks", "rm", "-f", "stays").ok()
    passable.ctr("containers", "rm", "stays").ok()
    assert passable.leftovers() == []


def test_its_bundle_is_passed_by_its_own_group_and_listed_by_nobody(passable: Mesh) -> None:
    """What is above can be passed; each other directory in it is closed by itself, that of a container without a map too."""
    passable.ctr("run", "-d", *MAPS, IMAGE, "mapped", "sleep", "60").ok()
    passable.ctr("run", "-d", IMAGE, "plain", "sleep", "60").ok()
    bundles = passable.state / "io.containerd.runtime.v2.task/default"
    found = (bundles / "mapped").stat()
    assert (found.st_uid, found.st_gid, stat.S_IMODE(found.st_mode)) == (os.geteuid(), 200000, 0o710)
    assert stat.S_IMODE((bundles / "plain").stat().st_mode) == 0o700
    above = [passable.state, bundles.parent, bundles]
    assert [stat.S_IMODE(path.stat().st_mode) for path in above] == [0o711] * 3
    closed = [passable.root, *(passable.state / name for name in ("s", "runc")), *bundles.iterdir()]
    assert not any(line.startswith("listdir") for line in listed([*above, *closed], 100000, 200000))
    assert listed(closed, 100001, 200001) == []
    for id in ("mapped", "plain"):
        passable.ctr("tasks", "rm", "-f", id).ok()
        passable.ctr("containers", "rm", id).ok()
    # The next start closes the state directory again.
    assert passable.stop() == 0
    passable.start()
    assert stat.S_IMODE(passable.state.stat().st_mode) == 0o700


@pytest.mark.parametrize("snapshotter", ["overlayfs", pytest.param("erofs", marks=needs_erofs)])
def test_labels_hand_out_a_root_file_system_for_a_user_namespace(passable: Mesh, snapshotter: str) -> None:
    """As of ``--remap-labels`` of newer clients: root in the container owns its files, and on the host none of them was given to anybody.

    Debian's ctr mounts the root file system itself to look into it, by options that it does not know: the labels are given here, and it
    starts the task.
    """
    if not maps_ids(passable.root):
        pytest.skip("no id-mapped layers here")
    assert "remap-ids" in passable.ctr("plugins", "ls", "-d", f"id=={snapshotter}").ok().out
    script = "touch /mine; echo more > /bin/new; sleep 60"
    passable.ctr("run", "-d", "--snapshotter", snapshotter, *MAPS, IMAGE, "remapped", "sh", "-c", script).ok()
    passable.ctr("tasks", "rm", "-f", "remapped").ok()

    async def relabel() -> list[Mount]:
        async with Client(passable.address, "default") as client:
            stub = client.services.snapshots

            async def parent(key: str) -> str:
                found = await stub.stat(p.StatSnapshotRequest(snapshotter=snapshotter, key=key))
                assert found.info is not None
                return str(found.info.parent)

            image = await parent(await parent("remapped"))  # beside it is a copy whose owners the client has changed
            await stub.remove(p.RemoveSnapshotRequest(snapshotter=snapshotter, key="remapped"))
            labels = {UID_MAPPING: MAPS[1], GID_MAPPING: MAPS[3]}
            request = p.PrepareSnapshotRequest(snapshotter=snapshotter, key="remapped", parent=image, labels=labels)
            return [Mount.from_wire(m) for m in (await stub.prepare(request)).mounts]

    (mount,) = asyncio.run(relabel())
    assert mount.options[:2] == (f"uidmap={MAPS[1]}", f"gidmap={MAPS[3]}")
    passable.ctr("tasks", "start", "-d", "remapped").ok()
    upper, layers = Path(mount.option("upperdir") or ""), (mount.option("lowerdir") or "").split(":")
    eventually(lambda: (upper / "bin/new").exists())
    command = ["stat", "-c", "%u:%g", "/", "/bin", "/bin/sh", "/mine", "/bin/new"]
    assert passable.ctr("tasks", "exec", "--exec-id", "e", "remapped", *command).ok().out.split() == ["0:0"] * 5
    owners = [(path.lstat().st_uid, path.lstat().st_gid) for path in (upper, upper / "mine", upper / "bin/new")]
    assert owners == [(100000, 200000)] * 3
    below = [path.lstat() for layer in layers if (path := Path(layer, "bin/sh")).is_symlink() or path.exists()]
    assert [(found.st_uid, found.st_gid) for found in below] == [(0, 0)]
    passable.ctr("tasks", "rm", "-f", "remapped").ok()
    passable.ctr("containers", "rm", "remapped").ok()
    assert passable.leftovers() == []


def test_what_cannot_be_mapped_is_not_promised(tmp_path: Path) -> None:
    """The capability is that of the machine and of the file system."""
    assert maps_ids(tmp_path / "not/there/yet") == maps_ids(tmp_path)
    assert not maps_ids("/proc/self")
    settings = OverlaySettings(root=tmp_path, address=tmp_path / "s")
    assert lacks(settings) == (() if maps_ids(tmp_path) else ("remap-ids",))
    # Nobody may make a user namespace in a chroot.
    script = 'mount --rbind / "$0" && exec chroot "$0" "$@"'
    ask = "import sys; from argosy.kernel.mount_trees import maps_ids; print(maps_ids(sys.argv[1]))"
    command = [
        "unshare",
        "--mount",
        "--propagation",
        "private",
        "sh",
        "-c",
        script,
        str(tmp_path),
        sys.executable,
        "-c",
        ask,
        "/tmp",
    ]
    assert subprocess.run(command, check=True, capture_output=True, text=True, timeout=60).stdout == "False\n"


@pytest.mark.parametrize(
    ("linux", "root"),
    [
        (None, None),
        ({}, None),
        ({"uidMappings": None, "gidMappings": None}, None),
        (
            {"uidMappings": [{"hostID": 5, "size": 1}], "gidMappings": [{"containerID": 0, "hostID": 6, "size": 1}]},
            MappedRoot(5, 6),
        ),
        (
            {
                "uidMappings": [{"containerID": 1, "hostID": 9, "size": 1}, {"containerID": 0, "hostID": 5, "size": 1}],
                "gidMappings": [{"hostID": 6, "size": 9}],
            },
            MappedRoot(5, 6),
        ),
        ({"uidMappings": [{"containerID": 1, "hostID": 9, "size": 1}], "gidMappings": [{"hostID": 6, "size": 9}]}, None),
        # Neither the host's root nor what chown takes for "leave it".
        ({"uidMappings": [{"size": 9}], "gidMappings": [{"size": 9}]}, None),
        ({"uidMappings": [{"hostID": 5}], "gidMappings": [{"hostID": 0xFFFFFFFF}]}, None),
        ({"uidMappings": [{"hostID": "5"}], "gidMappings": [{"hostID": 6}]}, None),
        ({"uidMappings": ["odd"], "gidMappings": [{"hostID": 6}]}, None),
        ({"uidMappings": 7, "gidMappings": [{"hostID": 6}]}, None),
    ],
)
def test_who_root_is_on_the_host(linux: object, root: MappedRoot | None) -> None:
    """As Go's decoder reads it: null is absent, what is 0 may be left out; anything odd is left to the runtime."""
    assert mapped_root(json.dumps({"linux": linux}).encode()) == root


@pytest.mark.parametrize("config", [b"", b'"Mappings"', b'{"linux": "Mappings"}', b'[["uidMappings"]]', b"Mappings {"])
def test_a_spec_that_is_none_opens_nothing(tmp_path: Path, config: bytes) -> None:
    state = tmp_path / "state/bundles"
    (tmp_path / "state").mkdir(mode=0o700)
    bundle = Bundle.make(state, tmp_path / "root", "n", "c", config)
    assert stat.S_IMODE(bundle.path.stat().st_mode) == stat.S_IMODE(state.parent.stat().st_mode) == 0o700
