"""Root file systems whose mounts have to be prepared: made by the Mounts service for a task, and by a shim for itself."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from argosy.errors import AlreadyExists, NotFound
from argosy.kernel.mount_table import mount_points
from argosy.kernel.unmount import unmount_tree
from argosy.mounts import Mount
from argosy.rpc import Channel
from argosy.testkit.served import served
from argosy_protos.containerd.services.mounts.v1 import (
    ActivateRequest,
    ActivateResponse,
    DeactivateRequest,
    InfoRequest,
    InfoResponse,
    MountsBase,
)
from argosy_protos.containerd.types import ActivationInfo
from argosy_protos.containerd.types import Mount as WireMount
from argosy_protos.google.protobuf import Empty
from argosy_tasks.bundle import Bundle
from argosy_tasks.rootfs import Rootfs

from tests.harness.gateways import serving
from tests.harness.mesh import IMAGE, Mesh, eventually
from tests.storms.wire import Answer, Wire

pytestmark = pytest.mark.root
S = "X-containerd."
NS = "rootfs"


@pytest.fixture(scope="module")
def lower(mesh: Mesh, image_archive: Path) -> Iterator[str]:
    """The directories of the image's layers, as an overlay takes them."""
    mesh.ctr("images", "import", str(image_archive), namespace=NS).ok()
    layers = json.loads(mesh.argosy("-o", "json", "snapshots", "ls", namespace=NS).ok().out)
    (top,) = {one["key"] for one in layers} - {one["parent"] for one in layers}
    with Wire(mesh.address, NS) as wire:
        view = wire.call(
            "snapshots.v1.Snapshots/View", snapshotter="overlayfs", key="lower", parent=top,
            labels={"containerd.io/gc.root": "test"},
        )  # fmt: skip
        (mount,) = view.message.mounts
        yield mount.source if mount.type == "bind" else Mount.from_wire(mount).option("lowerdir") or ""
        assert wire.call("snapshots.v1.Snapshots/Remove", snapshotter="overlayfs", key="lower").ok


@pytest.fixture
def wire(mesh: Mesh) -> Iterator[Wire]:
    with Wire(mesh.address, NS) as found:
        yield found
        assert activations(found) == []
    assert [one.point for one in mount_points() if one.point.startswith(f"{mesh.state}/io.containerd.mount-manager")] == []


def activations(wire: Wire) -> list[str]:
    return [one.info.name for one in wire.call("mounts.v1.Mounts/List").messages]


def rootfs(image: Path, lower: str) -> list[dict[str, Any]]:
    """A disk that is made, and an overlay that writes to it."""
    return [
        {"type": "mkfs/ext4", "source": str(image), "options": [f"{S}mkfs.size=16MiB", "rw", "loop"]},
        {
            "type": "format/mkdir/overlay", "source": "overlay",
            "options": [
                f"{S}mkdir.path={{{{ mount 0 }}}}/upper:0755", f"{S}mkdir.path={{{{ mount 0 }}}}/work:0755",
                f"lowerdir={lower}", "upperdir={{ mount 0 }}/upper", "workdir={{ mount 0 }}/work",
            ],
        },
    ]  # fmt: skip


def create(mesh: Mesh, wire: Wire, id: str, mounts: list[dict[str, Any]], *words: str) -> Answer:
    mesh.ctr("containers", "create", IMAGE, id, *words, namespace=NS).ok()
    return wire.call("tasks.v1.Tasks/Create", container_id=id, rootfs=mounts)


def end(mesh: Mesh, wire: Wire, id: str) -> None:
    wire.call("tasks.v1.Tasks/Kill", container_id=id, signal=9, all=True)
    wire.call("tasks.v1.Tasks/Wait", container_id=id)
    assert wire.call("tasks.v1.Tasks/Delete", container_id=id).ok


def loops_of(image: Path) -> int:
    return sum(one.source.startswith("/dev/loop") for one in mount_points() if backing(one.source) == str(image))


def backing(device: str) -> str:
    try:
        return Path(f"/sys/block/{Path(device).name}/loop/backing_file").read_text().strip()
    except OSError:
        return ""


def test_a_task_has_its_disk_made_and_taken_down(mesh: Mesh, wire: Wire, lower: str) -> None:
    image = mesh.root / "a.img"
    assert create(mesh, wire, "a", rootfs(image, lower), "touch", "/made").ok
    assert activations(wire) == ["a"] and loops_of(image) == 1
    info = wire.call("mounts.v1.Mounts/Info", name="a").message.info
    assert info.labels["containerd.io/gc.bref.container"] == "a"
    mesh.argosy("gc").ok()
    assert wire.call("tasks.v1.Tasks/Start", container_id="a").ok
    assert wire.call("tasks.v1.Tasks/Wait", container_id="a").message.exit_status == 0
    assert (Path(info.active[0].mount_point) / "upper/made").exists()
    assert wire.call("tasks.v1.Tasks/Delete", container_id="a").ok
    assert activations(wire) == [] and loops_of(image) == 0
    # The disk is there still: the next task of this container goes on with it.
    assert wire.call("tasks.v1.Tasks/Create", container_id="a", rootfs=rootfs(image, lower)).ok
    info = wire.call("mounts.v1.Mounts/Info", name="a").message.info
    assert (Path(info.active[0].mount_point) / "upper/made").exists()
    assert wire.call("tasks.v1.Tasks/Delete", container_id="a").ok
    mesh.ctr("containers", "rm", "a", namespace=NS).ok()


def test_a_create_that_fails_leaves_nothing_mounted(mesh: Mesh, wire: Wire, lower: str) -> None:
    image = mesh.root / "f.img"
    refused = create(mesh, wire, "f", [*rootfs(image, lower), {"type": "format/bind", "source": "{{ mount 7 }}"}], "true")
    assert "index out of bounds: 7, has 2 active mounts" in refused.details and not refused.ok
    assert activations(wire) == [] and loops_of(image) == 0
    # Made, and then the shim refuses what is left.
    mounts = [*rootfs(image, lower)[:1], {"type": "format/bind", "source": "{{ mount 0 }}/not-there", "options": ["rbind"]}]
    refused = wire.call("tasks.v1.Tasks/Create", container_id="f", rootfs=mounts)
    assert not refused.ok and "failed to create shim task: No such file" in refused.details, refused
    assert activations(wire) == [] and loops_of(image) == 0
    assert wire.call("tasks.v1.Tasks/Get", container_id="f").code is grpc.StatusCode.NOT_FOUND
    mesh.ctr("containers", "rm", "f", namespace=NS).ok()


def test_who_dies_leaves_nothing_mounted(mesh: Mesh, wire: Wire, lower: str) -> None:
    image = mesh.root / "k.img"
    assert create(mesh, wire, "k", rootfs(image, lower), "sleep", "1000").ok
    assert wire.call("tasks.v1.Tasks/Start", container_id="k").ok
    for service in ("tasks", "mounts", "gateway"):
        os.kill(mesh.services()[f"argosy-{service}"], signal.SIGKILL)
    eventually(lambda: wire.call("tasks.v1.Tasks/Get", container_id="k").ok)
    assert loops_of(image) == 1
    end(mesh, wire, "k")
    assert activations(wire) == [] and loops_of(image) == 0
    # Its shim dies: nobody calls Delete.
    assert wire.call("tasks.v1.Tasks/Create", container_id="k", rootfs=rootfs(image, lower)).ok
    bundle = mesh.state / "io.containerd.runtime.v2.task" / NS / "k"
    assert (bundle / "mounts").exists()
    os.kill(int((bundle / "shim.pid").read_text()), signal.SIGKILL)
    eventually(lambda: activations(wire) == [] and loops_of(image) == 0)
    mesh.ctr("containers", "rm", "k", namespace=NS).ok()


@pytest.mark.parametrize("dies", ["tasks", "gateway"])
def test_who_dies_before_what_was_made_for_a_task_is_taken_down_leaves_nothing_mounted(
    mesh: Mesh, wire: Wire, lower: str, dies: str
) -> None:
    """Its shim has died, the gateway does not answer: the bundle is what says that there is something to take down."""
    id = f"m-{dies}"
    image = mesh.root / f"{id}.img"
    assert create(mesh, wire, id, rootfs(image, lower), "sleep", "1000").ok
    bundle = mesh.state / "io.containerd.runtime.v2.task" / NS / id
    services = mesh.services()
    os.kill(services["argosy-gateway"], signal.SIGSTOP)
    try:
        os.kill(int((bundle / "shim.pid").read_text()), signal.SIGKILL)
        eventually(lambda: f"{bundle}/rootfs" not in {one.point for one in mount_points()})
        time.sleep(0.2)  # what is done next, before anybody is asked: nothing
        os.kill(services[f"argosy-{dies}"], signal.SIGKILL)
    finally:
        os.kill(services["argosy-gateway"], signal.SIGCONT)
    # Whatever asks for tasks has it started again.
    eventually(lambda: wire.call("tasks.v1.Tasks/Get", container_id=id).code is grpc.StatusCode.NOT_FOUND)
    eventually(lambda: activations(wire) == [] and loops_of(image) == 0 and not bundle.exists())
    assert wire.call("tasks.v1.Tasks/Create", container_id=id, rootfs=rootfs(image, lower)).ok, "its name is free"
    end(mesh, wire, id)
    mesh.ctr("containers", "rm", id, namespace=NS).ok()


def test_what_an_earlier_task_left_is_made_anew_and_what_a_client_made_ahead_is_used(
    mesh: Mesh, wire: Wire, lower: str
) -> None:
    old, new = mesh.root / "old.img", mesh.root / "new.img"
    bref = {"containerd.io/gc.bref.container": "e"}
    mesh.ctr("containers", "create", IMAGE, "e", "true", namespace=NS).ok()
    for labels, used in (({**bref, "argosy/mounts.of-task": "true"}, new), (bref, old)):
        assert wire.call("mounts.v1.Mounts/Activate", name="e", mounts=rootfs(old, lower), labels=labels).ok
        assert wire.call("tasks.v1.Tasks/Create", container_id="e", rootfs=rootfs(new, lower)).ok
        assert (loops_of(old), loops_of(new)) == (used is old, used is new)
        assert wire.call("tasks.v1.Tasks/Delete", container_id="e").ok
        assert activations(wire) == [] and loops_of(old) == loops_of(new) == 0
    mesh.ctr("containers", "rm", "e", namespace=NS).ok()


def test_plain_mounts_are_nobodys_but_the_shims(mesh: Mesh, wire: Wire) -> None:
    mesh.ctr("containers", "create", IMAGE, "p", "true", namespace=NS).ok()
    own = wire.call("snapshots.v1.Snapshots/Mounts", snapshotter="overlayfs", key="p").message.mounts
    assert wire.call("tasks.v1.Tasks/Create", container_id="p", rootfs=own).ok
    assert activations(wire) == []
    assert not (mesh.state / "io.containerd.runtime.v2.task" / NS / "p/mounts").exists()
    assert wire.call("tasks.v1.Tasks/Delete", container_id="p").ok
    mesh.ctr("containers", "rm", "p", namespace=NS).ok()


def test_a_snapshotter_of_disks_is_unpacked_to_and_run_from(short_path: Path, image_archive: Path) -> None:
    """Whoever gets its mounts prepares them: the differ, the client that looks up a user, the task manager."""
    mesh = Mesh(short_path)
    root = mesh.root / "disks"
    root.mkdir(parents=True)
    with served(Path(__file__).parent / "disks.py", "--root", str(root)) as address:
        config = short_path / "mesh.toml"
        config.write_text(
            f'[proxy_plugins.disks]\ntype = "snapshot"\naddress = "{address}"\nexports = {{ root = "{root}" }}\n'
        )
        mesh.extra = ["--config", str(config)]
        mesh.start()
        try:
            mesh.argosy("import", "--snapshotter", "disks", str(image_archive)).ok()
            words = (
                "run",
                "--rm",
                "--snapshotter",
                "disks",
                "--user",
                "root",
                IMAGE,
                "sh",
                "-c",
                "cat /etc/motd; touch /x; df / | tail -1",
            )
            ran = mesh.argosy(*words).ok()
            assert ran.out.startswith("hello from an argosy\n") and "/dev/loop" in ran.out, ran
            mesh.argosy("gc").ok()
            assert [one.point for one in mount_points() if one.point.startswith(str(mesh.state))] == []
            assert not [one for one in mount_points() if backing(one.source).startswith(str(root))]
        finally:
            unmount_tree(str(mesh.state))
            mesh.destroy()


@pytest.mark.parametrize("gone", ["info", "deactivate"])
def test_what_collection_takes_down_meanwhile_is_in_nobodys_way(short_path: Path, gone: str) -> None:
    """A task before has left something, which goes between any two of the questions about it."""

    class Service(MountsBase):
        there = True

        def ask(self, method: str) -> None:
            self.there = self.there and method != gone
            if not self.there:
                raise NotFound(f'mount "a" is gone before {method}')

        async def activate(self, request: ActivateRequest) -> ActivateResponse:
            if self.there:
                raise AlreadyExists('mount "a"')
            return ActivateResponse(info=ActivationInfo(name=request.name, system=[WireMount(type="bind", source="/new")]))

        async def info(self, request: InfoRequest) -> InfoResponse:
            self.ask("info")
            return InfoResponse(info=ActivationInfo(name="a", labels={"argosy/mounts.of-task": "true"}))

        async def deactivate(self, request: DeactivateRequest) -> Empty:
            self.ask("deactivate")
            self.there = False
            return Empty()

    async def main() -> None:
        bundle = Bundle.make(short_path / "state", short_path / "root", NS, "a", b"{}")
        async with serving(short_path / "s.sock", Service()), Channel(short_path / "s.sock") as channel:
            asked = [WireMount(type="format/bind", source="{{ mount 0 }}")]
            made = await Rootfs(channel).made(bundle, Path("/containerd-shim-runc-v2"), asked)
        assert [mount.source for mount in made] == ["/new"]

    asyncio.run(main())
