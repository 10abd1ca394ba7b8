"""What the contract promises beyond what ctr shows: leases, sharing, adoption, events, restarts, modes."""

from __future__ import annotations

import asyncio
import hashlib
import os
import re
import signal
import subprocess
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from argosy.client import Client
from argosy.client.content import open_ingest, read_blob, write_blob
from argosy.errors import AlreadyExists, FailedPrecondition, InvalidArgument, Locked, NotFound, Unavailable, Unimplemented
from argosy.labels import SNAPSHOT_REF
from argosy.names import LEASE_HEADER, NAMESPACE_HEADER
from argosy.rpc import Channel
from argosy_gateway.api.introspection import CGROUP_V1, UNIFIED, deprecations
from argosy_protos.argosy.service.v1 import ServiceStub, StatisticsRequest
from argosy_protos.containerd.events import TaskExit
from argosy_protos.containerd.services.containers.v1 import GetContainerRequest
from argosy_protos.containerd.services.content import v1 as content
from argosy_protos.containerd.services.events.v1 import ForwardRequest, PublishRequest, SubscribeRequest
from argosy_protos.containerd.services.leases import v1 as leases
from argosy_protos.containerd.services.mounts.v1 import InfoRequest as MountInfoRequest
from argosy_protos.containerd.services.mounts.v1 import MountsStub
from argosy_protos.containerd.services.namespaces.v1 import GetNamespaceRequest
from argosy_protos.containerd.services.sandbox import v1 as sandbox
from argosy_protos.containerd.services.snapshots import v1 as snapshots
from argosy_protos.containerd.services.tasks.v1 import GetRequest
from argosy_protos.containerd.services.transfer.v1 import TransferRequest, TransferStub
from argosy_protos.containerd.types import Envelope, Sandbox, SandboxRuntime
from argosy_protos.google.protobuf import Any as AnyMessage
from argosy_protos.google.protobuf import Empty, FieldMask, Timestamp

from tests.harness.erofs import SNAPSHOTTERS
from tests.harness.mesh import BIN, IMAGE, Mesh, comm, eventually, until
from tests.harness.processes import ending

pytestmark = pytest.mark.root


def work_in(mesh: Mesh, namespace: str, work: Callable[[Client], Awaitable[None]]) -> None:
    async def main() -> None:
        async with Client(mesh.address, namespace) as client:
            await asyncio.wait_for(work(client), 60)

    asyncio.run(main())


async def collect(client: Client) -> None:
    lease = (await client.services.leases.create(leases.CreateRequest())).lease
    assert lease is not None
    await client.services.leases.delete(leases.DeleteRequest(id=lease.id, sync=True))


def digest_of(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def test_what_a_lease_holds_stays_and_goes_with_it(mesh: Mesh) -> None:
    async def work(client: Client) -> None:
        data = b"leased"
        async with client.lease() as services:
            digest = await write_blob(services.content, "r1", data)
            await collect(client)
            assert await read_blob(client.services.content, digest) == data
            # A second lease that meets what is there holds it too.
            async with client.lease() as others:
                assert await write_blob(others.content, "r2", data) == digest
                held = (await client.services.leases.list(leases.ListRequest())).leases
                for lease in held:
                    listed = await client.services.leases.list_resources(leases.ListResourcesRequest(id=lease.id))
                    assert [(r.type, r.id) for r in listed.resources] == [("content", digest)]
        await collect(client)
        with pytest.raises(NotFound):
            await read_blob(client.services.content, digest)

    work_in(mesh, "leases", work)


def test_a_lease_that_is_not_there_fails_the_call(mesh: Mesh) -> None:
    async def work(client: Client) -> None:
        async with Channel(mesh.address) as channel:
            bound = channel.with_metadata({NAMESPACE_HEADER: "leases", LEASE_HEADER: "gone"})
            with pytest.raises(NotFound, match="lease does not exist"):
                await write_blob(content.ContentStub(bound), "r", b"x")
            with pytest.raises(NotFound, match="lease does not exist"):
                await snapshots.SnapshotsStub(bound).prepare(
                    snapshots.PrepareSnapshotRequest(snapshotter="overlayfs", key="k")
                )
            with pytest.raises(NotFound):
                await client.services.snapshots.stat(snapshots.StatSnapshotRequest(snapshotter="overlayfs", key="k"))
            # What takes something away takes it from that lease too, if there is one.
            await client.services.snapshots.prepare(snapshots.PrepareSnapshotRequest(snapshotter="overlayfs", key="k"))
            await snapshots.SnapshotsStub(bound).remove(
                snapshots.RemoveSnapshotRequest(snapshotter="overlayfs", key="k")
            )

    work_in(mesh, "leases", work)


def test_blobs_are_shared_between_namespaces_without_sending_them(mesh: Mesh) -> None:
    data = os.urandom(5000)
    digest = digest_of(data)

    async def work(client: Client) -> None:
        async with Client(mesh.address, "other") as other, client.lease() as services, other.lease() as theirs:
            await write_blob(services.content, "r", data)
            ingest = await open_ingest(theirs.content, "r", len(data), digest)
            assert ingest.offset == len(data)
            assert await ingest.commit(len(data), digest) == digest
            assert await read_blob(theirs.content, digest) == data
            # Appending to a linked ingest makes it a real one.
            longer = data + b"more"
            ingest = await open_ingest(theirs.content, "r3", 0, "")
            await ingest.write(longer)
            assert await ingest.commit(len(longer), digest_of(longer)) == digest_of(longer)
            # What one namespace forgets, the other keeps.
            await services.content.delete(content.DeleteContentRequest(digest=digest))
            await collect(client)
            assert await read_blob(theirs.content, digest) == data
            with pytest.raises(NotFound):
                await services.content.info(content.InfoRequest(digest=digest))

    work_in(mesh, "sharing", work)


def test_a_ref_has_one_writer_and_keeps_its_bytes(mesh: Mesh) -> None:
    async def work(client: Client) -> None:
        stub = client.services.content
        first = await open_ingest(stub, "held", 10, "")
        await first.write(b"01234")
        stream = stub.write()
        with pytest.raises((Locked, Unavailable), match="locked for"):
            await stream.send_message(content.WriteContentRequest(action=content.WriteAction.STAT, ref="held"))
            await stream.recv_message()
        first.close()
        await asyncio.sleep(0.1)
        again = await open_ingest(stub, "held", 10, "")
        assert again.offset == 5
        await again.write(b"56789")
        with pytest.raises(FailedPrecondition):
            await again.commit(10, "sha256:" + "0" * 64)
        third = await open_ingest(stub, "held", 10, "")
        assert third.offset == 10
        assert await third.commit(10, digest_of(b"0123456789")) == digest_of(b"0123456789")
        with pytest.raises(NotFound, match='could not get status for ref "held"'):
            await stub.status(content.StatusRequest(ref="held"))

    work_in(mesh, "refs", work)


def test_a_writer_whose_store_was_killed_hears_it_with_the_next_message(mesh: Mesh) -> None:
    """Also with one that asks for the status alone: somebody else may have the ref meanwhile."""

    async def work(client: Client) -> None:
        stub = client.services.content
        first = await open_ingest(stub, "let go", 10, "")
        await first.stat(10, "")
        before = mesh.services()[comm("content")]
        os.kill(before, signal.SIGKILL)
        await asyncio.to_thread(eventually, lambda: mesh.services().get(comm("content"), before) != before)
        second = await open_ingest(stub, "let go", 10, "")
        with pytest.raises(Unavailable):
            await first.stat(10, "")
        await second.write(b"0123456789")
        assert await second.commit(10, digest_of(b"0123456789")) == digest_of(b"0123456789")

    work_in(mesh, "killed", work)


@pytest.mark.parametrize("snapshotter", SNAPSHOTTERS)
def test_snapshot_rules(mesh: Mesh, snapshotter: str) -> None:
    async def work(client: Client) -> None:
        stub = client.services.snapshots

        def prepare(key: str, parent: str = "", **labels: str) -> Any:
            named = {k.replace("_", "."): v for k, v in labels.items()}
            return stub.prepare(
                snapshots.PrepareSnapshotRequest(snapshotter=snapshotter, key=key, parent=parent, labels=named)
            )

        root = {"containerd_io/gc_root": "x"}
        await prepare("extract-1 a/b:c", **root)
        for call in (
            prepare("extract-1 a/b:c"),
            stub.view(snapshots.ViewSnapshotRequest(snapshotter=snapshotter, key="extract-1 a/b:c")),
        ):
            with pytest.raises(AlreadyExists, match='snapshot "extract-1 a/b:c"'):
                await call
        with pytest.raises(InvalidArgument, match="is not committed snapshot"):
            await prepare("child", "extract-1 a/b:c")
        labels = {"containerd.io/gc.root": "x", "a": "b", SNAPSHOT_REF: "base"}
        await stub.commit(
            snapshots.CommitSnapshotRequest(snapshotter=snapshotter, name="base", key="extract-1 a/b:c", labels=labels)
        )
        info = (await stub.stat(snapshots.StatSnapshotRequest(snapshotter=snapshotter, key="base"))).info
        assert info is not None
        assert info.kind == snapshots.Kind.COMMITTED and info.labels == labels and info.created_at == info.updated_at
        with pytest.raises(AlreadyExists, match='target snapshot "base"'):
            await stub.prepare(
                snapshots.PrepareSnapshotRequest(snapshotter=snapshotter, key="again", labels={SNAPSHOT_REF: "base"})
            )
        with pytest.raises(FailedPrecondition, match="is not active"):
            await stub.commit(snapshots.CommitSnapshotRequest(snapshotter=snapshotter, name="x", key="base"))
        # Rebase: an active snapshot without a parent gets one at its commit, where a layer holds only its own files.
        await prepare("loose", **root)
        rebase = snapshots.CommitSnapshotRequest(
            snapshotter=snapshotter, name="top", key="loose", parent="base", labels=labels
        )
        if snapshotter == "native":
            with pytest.raises(FailedPrecondition, match="was prepared without its parent"):
                await stub.commit(rebase)
            await stub.remove(snapshots.RemoveSnapshotRequest(snapshotter=snapshotter, key="loose"))
            await prepare("loose", "base", **root)
            rebase.parent = ""
        await stub.commit(rebase)
        found = (await stub.stat(snapshots.StatSnapshotRequest(snapshotter=snapshotter, key="top"))).info
        assert found is not None and found.parent == "base"
        mask = FieldMask(paths=["labels.a", "labels.c"])
        changed = snapshots.Info(name="top", labels={"c": "d"})
        update = snapshots.UpdateSnapshotRequest(snapshotter=snapshotter, info=changed, update_mask=mask)
        updated = (await stub.update(update)).info
        assert updated is not None and "a" not in updated.labels and updated.labels["c"] == "d"
        with pytest.raises(InvalidArgument, match='cannot update "parent"'):
            await stub.update(
                snapshots.UpdateSnapshotRequest(
                    snapshotter=snapshotter, info=changed, update_mask=FieldMask(paths=["parent"])
                )
            )

        async def listed(*filters: str) -> list[str]:
            request = snapshots.ListSnapshotsRequest(snapshotter=snapshotter, filters=list(filters))
            return [i.name async for r in stub.list(request) for i in r.info]

        assert await listed() == ["base", "top"]
        assert await listed("kind==committed,parent==base") == ["top"]
        assert await listed("name==base", "labels.c") == ["base", "top"]
        for key in ("top", "base"):
            await stub.remove(snapshots.RemoveSnapshotRequest(snapshotter=snapshotter, key=key))
        await prepare("base", **root)  # a key is free again at once
        await stub.remove(snapshots.RemoveSnapshotRequest(snapshotter=snapshotter, key="base"))

    work_in(mesh, f"rules-{snapshotter}", work)


def test_a_hundred_and_twenty_eight_layers_mount(mesh: Mesh, tmp_path: Path) -> None:
    from argosy.kernel.mount import temporary_mount
    from argosy.mounts import Mount

    async def work(client: Client) -> None:
        stub = client.services.snapshots
        async with client.lease() as leased:
            parent = ""
            for i in range(128):
                made = await leased.snapshots.prepare(
                    snapshots.PrepareSnapshotRequest(snapshotter="overlayfs", key=f"k{i}", parent=parent)
                )
                mount = Mount.from_wire(made.mounts[0])
                upper = Path(mount.option("upperdir") or mount.source)
                (upper / f"file-{i}").write_text(str(i))
                await leased.snapshots.commit(
                    snapshots.CommitSnapshotRequest(snapshotter="overlayfs", name=f"c{i}", key=f"k{i}")
                )
                parent = f"c{i}"
            view = await leased.snapshots.view(
                snapshots.ViewSnapshotRequest(snapshotter="overlayfs", key="all", parent=parent)
            )
            mounts = [Mount.from_wire(m) for m in view.mounts]
            assert len(",".join(mounts[0].options)) > 4096
            with temporary_mount(mounts) as mounted:
                assert len(list(Path(mounted).iterdir())) == 128
            await stub.remove(snapshots.RemoveSnapshotRequest(snapshotter="overlayfs", key="all"))
        await collect(client)

    work_in(mesh, "deep", work)


def test_labels_remap_owners_by_idmapped_mounts(mesh: Mesh) -> None:
    """uid and gid mapping labels: root in the container is somebody else on the host, without a chown of any layer."""
    from argosy.kernel.mount import temporary_mount
    from argosy.mounts import Mount

    mapping = "0:100000:65536"
    labels = {"containerd.io/snapshot/uidmapping": mapping, "containerd.io/snapshot/gidmapping": mapping}

    async def work(client: Client) -> None:
        async with client.lease() as leased:
            made = await leased.snapshots.prepare(snapshots.PrepareSnapshotRequest(snapshotter="overlayfs", key="k"))
            layer = Path(made.mounts[0].source)
            (layer / "file").write_text("owned by root in the layer")
            for n in (1, 2):
                await leased.snapshots.commit(
                    snapshots.CommitSnapshotRequest(snapshotter="overlayfs", name=f"c{n}", key="k")
                )
                parent = f"c{n}"
                if n == 1:
                    await leased.snapshots.prepare(
                        snapshots.PrepareSnapshotRequest(snapshotter="overlayfs", key="k", parent="c1")
                    )
            request = snapshots.PrepareSnapshotRequest(snapshotter="overlayfs", key="mapped", parent=parent, labels=labels)
            mounts = [Mount.from_wire(m) for m in (await leased.snapshots.prepare(request)).mounts]
            assert mounts[0].options[:2] == (f"uidmap={mapping}", f"gidmap={mapping}")
            upper = Path(mounts[0].option("upperdir") or "")
            assert (upper.stat().st_uid, upper.stat().st_gid) == (100000, 100000)
            with temporary_mount(mounts) as mounted:
                assert Path(mounted, "file").stat().st_uid == 100000
            assert (layer / "file").stat().st_uid == 0

    work_in(mesh, "mapped", work)


def test_events_are_filtered_checked_and_cross_namespaces(mesh: Mesh) -> None:
    async def work(client: Client) -> None:
        stub = client.services.events
        got: list[tuple[str, str]] = []

        async def listen(*filters: str) -> None:
            async for envelope in stub.subscribe(SubscribeRequest(filters=list(filters))):
                got.append((envelope.namespace, envelope.topic))

        job = asyncio.ensure_future(listen("namespace==evil", "event.container_id==c1,topic~=|^/tasks/|"))
        exit = AnyMessage(type_url="containerd.events.TaskExit", value=TaskExit(container_id="c1").encode())
        first = Envelope(timestamp=Timestamp(seconds=1), namespace="evil", topic="/first", event=exit)
        while not got:  # what is told before a subscription nobody hears
            await stub.forward(ForwardRequest(envelope=first))
            await asyncio.sleep(0.01)
        other = AnyMessage(type_url="containerd.events.TaskExit", value=TaskExit(container_id="c2").encode())
        await stub.publish(PublishRequest(topic="/tasks/exit", event=exit))
        await stub.publish(PublishRequest(topic="/tasks/exit", event=other))
        await stub.publish(PublishRequest(topic="/other", event=exit))
        now = Timestamp(seconds=1)
        await stub.forward(ForwardRequest(envelope=Envelope(timestamp=now, namespace="evil", topic="/x", event=exit)))
        for envelope, words in (
            (Envelope(timestamp=now, namespace="n", topic="no-slash"), "must start with"),
            (Envelope(namespace="n", topic="/x"), "no timestamp"),
            (Envelope(timestamp=now, namespace="a/b", topic="/x"), "namespace validation"),
        ):
            with pytest.raises(InvalidArgument, match=words):
                await stub.forward(ForwardRequest(envelope=envelope))
        await until(lambda: ("evil", "/x") in got)
        job.cancel()
        assert [one for one in got if one[1] != "/first"] == [("events", "/tasks/exit"), ("evil", "/x")]

    work_in(mesh, "events", work)


def test_calls_without_a_namespace_or_task_or_service(mesh: Mesh) -> None:
    async def work(client: Client) -> None:
        async with Channel(mesh.address) as channel:
            with pytest.raises(FailedPrecondition, match="^namespace is required$"):
                await content.ContentStub(channel).info(content.InfoRequest(digest="sha256:" + "0" * 64))
            with pytest.raises(InvalidArgument, match="namespace validation"):
                bound = channel.with_metadata({NAMESPACE_HEADER: "../x"})
                await content.ContentStub(bound).info(content.InfoRequest(digest="sha256:" + "0" * 64))
            with pytest.raises(FailedPrecondition, match="^namespace is required$"):
                await TransferStub(channel).transfer(TransferRequest())
            with pytest.raises(FailedPrecondition, match="^namespace is required$"):
                await MountsStub(channel).info(MountInfoRequest(name="m"))
        # A namespace that was never made has no labels, and is no error.
        never = (await client.services.namespaces.get(GetNamespaceRequest(name="never"))).namespace
        assert never is not None and never.name == "never" and never.labels == {}
        with pytest.raises(NotFound, match='container "c" in namespace "empty"'):
            await client.services.tasks.get(GetRequest(container_id="c"))

    work_in(mesh, "empty", work)


def test_sandboxes_are_stored(mesh: Mesh) -> None:
    async def work(client: Client) -> None:
        async with Channel(mesh.address) as channel:
            bound = channel.with_metadata({NAMESPACE_HEADER: "pods"})
            stub = sandbox.StoreStub(bound)
            box = Sandbox(sandbox_id="s1", runtime=SandboxRuntime(name="r"), labels={"a": "b"})
            made = (await stub.create(sandbox.StoreCreateRequest(sandbox=box))).sandbox
            assert made is not None and made.created_at is not None
            with pytest.raises(AlreadyExists):
                await stub.create(sandbox.StoreCreateRequest(sandbox=box))
            changed = Sandbox(sandbox_id="s1", labels={"a": "c"})
            updated = await stub.update(sandbox.StoreUpdateRequest(sandbox=changed, fields=["labels.a"]))
            assert updated.sandbox is not None and updated.sandbox.labels == {"a": "c"}
            assert len((await stub.list(sandbox.StoreListRequest(filters=["labels.a==c"]))).list) == 1
            await stub.delete(sandbox.StoreDeleteRequest(sandbox_id="s1"))
            with pytest.raises(NotFound):
                await stub.get(sandbox.StoreGetRequest(sandbox_id="s1"))
            with pytest.raises(InvalidArgument, match="sandbox controller name can not be empty"):
                await sandbox.ControllerStub(bound).start(sandbox.ControllerStartRequest(sandbox_id="x"))

    work_in(mesh, "pods", work)


def test_a_sandbox_that_cannot_run_can_be_removed(mesh: Mesh) -> None:
    """``ctr sandboxes run``, ``ls`` and ``rm`` of newer clients: what they call, in that order. Nothing runs; the record comes and goes."""

    async def work(client: Client) -> None:
        async with Channel(mesh.address) as channel:
            bound = channel.with_metadata({NAMESPACE_HEADER: "unbuilt"})
            records, controller = sandbox.StoreStub(bound), sandbox.ControllerStub(bound)
            box = Sandbox(sandbox_id="s1", runtime=SandboxRuntime(name="io.containerd.runc.v2"), sandboxer="shim")
            # run
            await records.create(sandbox.StoreCreateRequest(sandbox=box))
            with pytest.raises(
                Unimplemented, match='sandbox "s1" does not run: .* "shim" is not built yet; serve a controller'
            ):
                await controller.create(sandbox.ControllerCreateRequest(sandbox_id="s1", sandbox=box, sandboxer="shim"))
            with pytest.raises(Unimplemented, match='sandbox "s1" does not run'):
                await controller.start(sandbox.ControllerStartRequest(sandbox_id="s1", sandboxer="shim"))
            # ls
            assert [found.sandbox_id for found in (await records.list(sandbox.StoreListRequest())).list] == ["s1"]
            # rm
            await records.get(sandbox.StoreGetRequest(sandbox_id="s1"))
            status = await controller.status(sandbox.ControllerStatusRequest(sandbox_id="s1", sandboxer="shim"))
            assert (status.sandbox_id, status.pid, status.state) == ("s1", 0, "") and status.exited_at is None
            await controller.stop(sandbox.ControllerStopRequest(sandbox_id="s1", sandboxer="shim"))
            await controller.shutdown(sandbox.ControllerShutdownRequest(sandbox_id="s1", sandboxer="shim"))
            with pytest.raises(Unimplemented, match='sandbox "s1" does not run'):
                await controller.wait(sandbox.ControllerWaitRequest(sandbox_id="s1", sandboxer="shim"))
            await records.delete(sandbox.StoreDeleteRequest(sandbox_id="s1"))
            with pytest.raises(NotFound, match='sandbox "s1"'):
                await controller.status(sandbox.ControllerStatusRequest(sandbox_id="s1", sandboxer="shim"))
            with pytest.raises(NotFound, match='sandbox controller "pods" is not configured; configured are: none'):
                await controller.stop(sandbox.ControllerStopRequest(sandbox_id="s1", sandboxer="pods"))

    work_in(mesh, "unbuilt", work)


def test_the_restart_monitor_starts_what_should_run(short_path: Path, image_archive: Path) -> None:
    config = short_path / "mesh.toml"
    config.write_text(f'restart_interval_s = 0.5\n[restart]\nlog_uris = ["file://{short_path}/"]\n')
    mesh = Mesh(short_path / "m", extra=["--config", str(config)])
    mesh.base.mkdir()
    mesh.start()
    try:
        mesh.ctr("images", "import", str(image_archive)).ok()
        log = short_path / "log"
        label = ["--label", "containerd.io/restart.status=running", "--label", "containerd.io/restart.policy=on-failure:2"]
        uri = ["--label", f"containerd.io/restart.loguri=file://{log}"]
        mesh.ctr("run", "-d", *label, *uri, IMAGE, "phoenix", "sh", "-c", "echo up; exit 1").ok()
        eventually(lambda: log.exists() and log.read_text() == "up\nup\n", within=15)
        time.sleep(1.5)
        assert log.read_text() == "up\nup\n"

        async def count(client: Client) -> None:
            phoenix = (await client.services.containers.get(GetContainerRequest(id="phoenix"))).container
            assert phoenix is not None and phoenix.labels["containerd.io/restart.count"] == "2"

        work_in(mesh, "default", count)
        mesh.ctr("tasks", "rm", "-f", "phoenix")
        mesh.ctr("containers", "rm", "phoenix").ok()
    finally:
        mesh.destroy()


def test_directories_and_sockets_are_private(mesh: Mesh) -> None:
    """CVE-2024-25621, CVE-2020-15257: nobody else lists anything, no abstract sockets."""
    for folder in [mesh.root, mesh.state, *(p for p in mesh.root.iterdir() if p.is_dir())]:
        if folder.name != "tasks":
            assert folder.stat().st_mode & 0o077 == 0, folder
    for found in mesh.state.rglob("*"):
        if found.is_socket():
            assert found.stat().st_mode & 0o007 == 0, found
    assert str(mesh.base) not in "\n".join(line for line in Path("/proc/net/unix").read_text().splitlines() if " @" in line)
    listed = subprocess.run(["setpriv", "--reuid=65534", "--clear-groups", "ls", mesh.root], capture_output=True, text=True)
    assert listed.returncode != 0


def test_a_second_gateway_on_the_same_plugin_removes_nothing(mesh: Mesh, short_path: Path) -> None:
    """Two metadata stores would collect each other's bytes; the second is refused with the first one's name."""
    config = short_path / "gateway.toml"
    socket = mesh.state / "content.sock"
    config.write_text(f'[proxy_plugins.content]\ntype = "content"\naddress = "{socket}"\n')
    other = short_path / "g.sock"
    with (short_path / "log").open("w") as log:
        process = subprocess.Popen(
            [str(BIN / "argosy-gateway"), "--config", str(config), "--root", str(short_path / "r"), "--state", str(short_path / "s"),
             "--address", str(other)], stderr=log, stdout=log,
        )  # fmt: skip
    with ending(process):
        eventually(other.exists, within=20)
        blobs = list((mesh.root / "io.containerd.content.v1.content/blobs/sha256").iterdir())

        async def work() -> None:
            async with Client(other, "default") as client:
                await write_blob(client.services.content, "mine", b"mine alone")
                lease = (await client.services.leases.create(leases.CreateRequest())).lease
                assert lease is not None
                # As with containerd the collection of the metadata counts; what it left out it says where it is asked.
                await client.services.leases.delete(leases.DeleteRequest(id=lease.id, sync=True))
                async with Channel(other) as channel:
                    gauges = (await ServiceStub(channel).statistics(StatisticsRequest())).gauges
                assert re.search("belongs to .* give this daemon a root of its own", gauges["gc_left_out"]), gauges

        asyncio.run(work())
        assert set(blobs) <= set((mesh.root / "io.containerd.content.v1.content/blobs/sha256").iterdir())
        assert "plugin.owned_by_another" in (short_path / "log").read_text()


def test_a_container_gets_no_descriptor_of_ours(mesh: Mesh) -> None:
    """CVE-2024-21626."""
    ran = mesh.ctr("run", "--rm", IMAGE, "fds", "ls", "/proc/self/fd").ok()
    assert set(ran.out.split()) <= {"0", "1", "2", "3"}  # 3 is ls's own directory


def test_the_state_of_an_ingest_is_asked_of_the_plugin(mesh: Mesh) -> None:
    """Status is a call that the server steps without a task, and that waits for a plugin here."""

    async def work(client: Client) -> None:
        ingest = await open_ingest(client.services.content, "asked", 0, "")
        await ingest.write(b"some")
        status = (await client.services.content.status(content.StatusRequest(ref="asked"))).status
        assert status is not None and status.offset == 4
        assert [s.ref for s in (await client.services.content.list_statuses(content.ListStatusesRequest())).statuses] == [
            "asked"
        ]
        ingest.close()
        with pytest.raises(NotFound):
            await client.services.content.status(content.StatusRequest(ref="nobody's"))
        await client.services.content.abort(content.AbortRequest(ref="asked"))

    work_in(mesh, "statuses", work)


def test_what_is_served_no_more_some_day_is_said(mesh: Mesh, tmp_path: Path) -> None:
    """By containerd's names, which its 2.x ctr prints with every command: nothing on a machine that uses nothing of it."""

    async def work(client: Client) -> None:
        said: list[Any] = list((await client.services.introspection.server(Empty())).deprecations)
        assert [one.id for one in said] == ([] if UNIFIED.exists() else [CGROUP_V1])

    work_in(mesh, "deprecated", work)
    assert deprecations(7, tmp_path) == []
    (one,) = deprecations(7, tmp_path / "none")
    assert one.last_occurrence is not None and one.last_occurrence.nanos == 7 and "unified_cgroup_hierarchy" in one.message
