"""A plugin that stops, dies or lies is a problem of its own: it is told by name, left out of collections, and freezes nobody."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from functools import partial
from pathlib import Path

import pytest
from argosy.client import Client
from argosy.client.content import read_blob, write_blob
from argosy.errors import AlreadyExists, ArgosyError, DeadlineExceeded, FailedPrecondition, Unavailable
from argosy.names import NAMESPACE_HEADER
from argosy.plugin.snapshots.rules import Kind
from argosy.rpc import Channel
from argosy.tables import ProxyPlugin
from argosy_gateway import core as core_of_gateway
from argosy_gateway.metadata import leases as rows
from argosy_gateway.plugins import plugin as plugins
from argosy_protos.argosy.service.v1 import ServiceStub, StatisticsRequest
from argosy_protos.containerd.services.containers.v1 import ListContainersRequest
from argosy_protos.containerd.services.content import v1 as content
from argosy_protos.containerd.services.images.v1 import ListImagesRequest
from argosy_protos.containerd.services.leases import v1 as leases
from argosy_protos.containerd.services.snapshots import v1 as snapshots
from argosy_protos.containerd.services.tasks.v1 import ListTasksRequest
from argosy_protos.google.protobuf import Empty
from grpclib.const import Cardinality

from tests.harness.gateways import Gateway, one_snapshotter, serving
from tests.harness.mesh import Mesh, eventually
from tests.harness.plugins import Fault, Held, MemorySnapshotter

NS = "n"
SERVICES = ["argosy-content", "argosy-snap-ove", "argosy-tasks"]


class TestInProcess:
    """The gateway's core with a plugin that does as it is told."""

    def test_a_call_that_never_ends_is_given_up_when_the_plugin_does_not_answer(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The caller hears plugin and socket; the next call fails at once; one that answers again is used again."""
        monkeypatch.setattr(plugins, "QUIET_S", 0.1)
        monkeypatch.setattr(plugins, "PROBE_S", 0.2)

        async def main() -> None:
            plugin = MemorySnapshotter()
            async with one_snapshotter(plugin) as (_, core):
                store, it = core.snapshots("s"), core.registry.snapshotter("s")
                mute = asyncio.Event()

                async def answers(within_s: float = 0) -> bool:
                    return not mute.is_set()

                monkeypatch.setattr(it, "answers", answers)
                mute.set()
                plugin.faults.append(Fault.HANGS)
                with pytest.raises(Unavailable, match='snapshot plugin "s" at .*s.sock does not answer'):
                    await asyncio.wait_for(store.create(NS, None, Kind.ACTIVE, "k", "", {}), 5)
                plugin.faults.clear()  # under load it may have been given up before it came so far
                began = time.monotonic()
                with pytest.raises(Unavailable, match="does not answer"):
                    await store.create(NS, None, Kind.ACTIVE, "other", "", {})
                assert time.monotonic() - began < 1.0, "a call to a plugin that is known not to answer waited for it"
                mute.clear()
                for _ in range(100):
                    with contextlib.suppress(Unavailable):
                        await store.create(NS, None, Kind.ACTIVE, "other", "", {})
                        break
                    await asyncio.sleep(0.05)
                assert (await store.stat(NS, "other")).kind is Kind.ACTIVE
                # What was given up is undone, and can be made anew.
                await store.create(NS, None, Kind.ACTIVE, "k", "", {})

        asyncio.run(main())

    def test_a_call_that_takes_long_goes_on_while_the_plugin_answers(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Only silence ends it: a copy of a large tree may take its time."""
        monkeypatch.setattr(plugins, "QUIET_S", 0.05)

        async def main() -> None:
            plugin = MemorySnapshotter()
            async with one_snapshotter(plugin) as (_, core):
                plugin.faults.append(Fault.STOPS_BEFORE)
                async with asyncio.timeout(20), asyncio.TaskGroup() as group:
                    made = group.create_task(core.snapshots("s").create(NS, None, Kind.ACTIVE, "k", "", {}))
                    await asyncio.sleep(0.5)
                    assert not made.done()
                    plugin.go.set()
                assert made.result()

        asyncio.run(main())

    def test_a_cancelled_call_is_carried_out_all_the_same(self) -> None:
        """Its caller is gone at once; the row and the snapshot come together."""

        async def main() -> None:
            plugin = MemorySnapshotter()
            async with one_snapshotter(plugin) as (_, core):
                plugin.faults.append(Fault.STOPS_AFTER)
                caller = asyncio.ensure_future(core.snapshots("s").create(NS, None, Kind.ACTIVE, "k", "", {}))
                await plugin.reached.wait()
                caller.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await caller
                plugin.go.set()
                assert (await core.snapshots("s").stat(NS, "k")).kind is Kind.ACTIVE
                with pytest.raises(AlreadyExists):
                    await core.snapshots("s").create(NS, None, Kind.ACTIVE, "k", "", {})

        asyncio.run(main())

    def test_of_a_plugin_that_nobody_can_claim_only_what_we_made_is_removed(self) -> None:
        """Two gateways on one foreign snapshotter do not collect each other's; an operator can say that there is one."""

        async def main() -> None:
            plugin = MemorySnapshotter()
            with tempfile.TemporaryDirectory(prefix="ay-", dir="/tmp") as short:
                base = Path(short)
                async with serving(base / "s.sock", plugin):
                    for name in ("one", "two"):
                        (base / name).mkdir()
                    table = ProxyPlugin(type="snapshot", address=str(base / "s.sock"))
                    first, second = Gateway(base / "one", {"s": table}), Gateway(base / "two", {"s": table})
                    for ns, gateway in (("one", first), ("two", second)):
                        core = await gateway.start()
                        await core.change(partial(rows.create, ns=ns, id="l", labels={}))
                        await core.snapshots("s").create(ns, "l", Kind.ACTIVE, "kept", "", {})
                        await core.snapshots("s").create(ns, None, Kind.ACTIVE, "dropped", "", {})
                    assert len(plugin.held) == 4
                    for gateway in (first, second):
                        await gateway.core.collect()
                    assert len(plugin.held) == 2
                    assert "did not make" in first.core.registry.snapshotter("s").last_error
                    for ns, gateway in (("one", first), ("two", second)):
                        assert (await gateway.core.snapshots("s").stat(ns, "kept")).kind is Kind.ACTIVE
                        await gateway.stop()

        asyncio.run(main())

    def test_a_name_that_another_gateway_has_in_the_plugin_is_left_to_it(self) -> None:
        """Two gateways with one namespace on a plugin that nobody can claim: each goes on, with its own snapshots."""

        async def main() -> None:
            plugin = MemorySnapshotter()
            with tempfile.TemporaryDirectory(prefix="ay-", dir="/tmp") as short:
                base = Path(short)
                async with serving(base / "s.sock", plugin):
                    for name in ("one", "two"):
                        (base / name).mkdir()
                    table = ProxyPlugin(type="snapshot", address=str(base / "s.sock"))
                    gateways = [Gateway(base / name, {"s": table}) for name in ("one", "two")]
                    names: list[set[str]] = []
                    for gateway in gateways:
                        core = await gateway.start()
                        await core.change(partial(rows.create, ns=NS, id="l", labels={}))
                        store = core.snapshots("s")
                        for i in range(5):
                            target = {"containerd.io/snapshot.ref": f"t{i}"} if i % 2 else {}
                            await store.create(NS, "l", Kind.ACTIVE, f"k{i}", "", target)
                            await store.commit(NS, "l", f"n{i}", f"k{i}", {}, "")
                        names.append({row[0] for row in core.db.read("SELECT backend FROM snapshots")})
                    for gateway in gateways:
                        await gateway.core.collect()
                        for i in range(5):
                            assert (await gateway.core.snapshots("s").stat(NS, f"n{i}")).kind is Kind.COMMITTED
                        await gateway.stop()
                    assert len(names[0] | names[1]) == len(plugin.held) == 10

        asyncio.run(main())

    @pytest.mark.parametrize("committed", [False, True])
    def test_a_call_that_broke_off_on_a_name_that_another_has_takes_nothing_of_it(self, committed: bool) -> None:
        """The plugin holds it, and did not make it for us: no row names what is another gateway's."""

        async def main() -> None:
            plugin = MemorySnapshotter()
            async with one_snapshotter(plugin) as (_, core):
                store = core.snapshots("s")
                theirs = {"containerd.io/snapshot/argosy.owner": "somebody else"}
                name = f"{NS}/2/name" if committed else f"{NS}/1/k"
                plugin.held[name] = Held(snapshots.Kind.COMMITTED, "", theirs)
                if committed:
                    await store.create(NS, None, Kind.ACTIVE, "k", "", {})
                plugin.faults.append(Fault.CUT_BEFORE)
                for _ in range(2):
                    with contextlib.suppress(Unavailable):
                        if committed:
                            await store.commit(NS, None, "name", "k", {}, "")
                        else:
                            await store.create(NS, None, Kind.ACTIVE, "k", "", {})
                        break
                assert (await store.stat(NS, "name" if committed else "k")).labels.get("argosy.owner") is None
                assert core.db.read("SELECT backend FROM snapshots") != [(name,)]
                assert len(plugin.held) == 2 and plugin.held[name].labels == theirs

        asyncio.run(main())

    def test_a_plugin_that_has_every_name_is_told_and_nothing_is_thrown_away(self) -> None:
        """Not as ALREADY_EXISTS: a client would take another's snapshot for its own."""

        class Full(MemorySnapshotter):
            async def commit(self, request: snapshots.CommitSnapshotRequest) -> Empty:
                self.held.setdefault(request.name, Held(snapshots.Kind.COMMITTED, "", {}))
                return await super().commit(request)

        async def main() -> None:
            async with one_snapshotter(Full()) as (_, core):
                store = core.snapshots("s")
                await store.create(NS, None, Kind.ACTIVE, "k", "", {})
                with pytest.raises(FailedPrecondition, match='snapshot plugin "s" at .* from somebody else'):
                    await store.commit(NS, None, "name", "k", {}, "")
                assert (await store.stat(NS, "k")).kind is Kind.ACTIVE

        asyncio.run(main())

    def test_two_content_plugins_are_a_mistake_that_names_both(self) -> None:
        """The last one won, which looked like losing every blob."""

        async def main() -> None:
            with tempfile.TemporaryDirectory(prefix="ay-", dir="/tmp") as short:
                tables = {n: ProxyPlugin(type="content", address=f"/run/{n}.sock") for n in ("one", "two")}
                gateway = Gateway(Path(short), tables)
                with pytest.raises(FailedPrecondition, match='"one" at /run/one.sock, "two" at /run/two.sock'):
                    await gateway.open()

        asyncio.run(main())

    def test_a_plugin_that_answers_but_never_ends_a_list_holds_up_no_collection(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Collections are answered after a while, the next ones at once; they say who is at it, and what was left goes later."""
        monkeypatch.setattr(core_of_gateway, "_PATIENCE_S", 0.3)

        class Stuck(MemorySnapshotter):
            go_on = asyncio.Event()

            async def list(self, request: snapshots.ListSnapshotsRequest) -> AsyncIterator[snapshots.ListSnapshotsResponse]:
                await self.go_on.wait()
                async for reply in super().list(request):
                    yield reply

        async def main() -> None:
            plugin = Stuck()
            async with one_snapshotter(plugin, cleanup="all") as (_, core):
                await core.snapshots("s").create(NS, None, Kind.ACTIVE, "k", "", {})
                core.registry.snapshotter("s").dirty = True
                await asyncio.wait_for(core.collect(), 10)
                assert 'snapshot plugin "s" at' in core.left_dirty() and "still dropping" in core.left_dirty()
                began = time.monotonic()
                for _ in range(20):
                    await asyncio.wait_for(core.collect(), 10)
                assert time.monotonic() - began < 3, "each collection waited anew"
                plugin.go_on.set()
                for _ in range(100):
                    await asyncio.wait_for(core.collect(), 10)
                    if not core.left_dirty():
                        break
                    await asyncio.sleep(0.05)
                assert not plugin.held and core.left_dirty() == ""

        asyncio.run(main())

    def test_a_caller_who_leaves_a_cleanup_leaves_the_plugin_dirty(self) -> None:
        """What it did not get to goes with the next collection."""

        class Stuck(MemorySnapshotter):
            async def list(self, request: snapshots.ListSnapshotsRequest) -> AsyncIterator[snapshots.ListSnapshotsResponse]:
                self.reached.set()
                await self.go.wait()
                async for reply in super().list(request):
                    yield reply

        async def main() -> None:
            plugin = Stuck()
            async with one_snapshotter(plugin, cleanup="all") as (_, core):
                core.registry.snapshotter("s").dirty = True
                caller = asyncio.create_task(core.snapshots("s").cleanup())
                await plugin.reached.wait()
                caller.cancel()
                await asyncio.wait([caller])
                assert core.registry.snapshotter("s").dirty

        asyncio.run(main())


@pytest.fixture(scope="module")
def awake() -> Iterator[Mesh]:
    """A mesh with every service running."""
    running = Mesh(Path(tempfile.mkdtemp(prefix="ay-", dir="/tmp")))
    running.start()
    running.wake()
    try:
        yield running
    finally:
        running.destroy()


class TestStopped:
    """Real services, stopped by SIGSTOP."""

    pytestmark = pytest.mark.root

    @pytest.mark.parametrize("service", SERVICES)
    def test_what_needs_a_stopped_plugin_is_told_and_all_else_goes_on(self, awake: Mesh, service: str) -> None:
        """Within its caller's deadline; collection leaves it out and says so; afterwards everything works."""

        async def needs(client: Client, within_s: float = 3.0) -> None:
            match service:
                case "argosy-content":
                    # The client's own way to open an ingest waits for a ref that is held, and can't tell that from this.
                    async with Channel(awake.address) as channel:
                        stream = channel.with_metadata({NAMESPACE_HEADER: "stopped"}).request(
                            "/containerd.services.content.v1.Content/Write", Cardinality.STREAM_STREAM,
                            content.WriteContentRequest, content.WriteContentResponse,
                        )  # fmt: skip
                        async with stream:
                            ref = f"r{time.monotonic_ns()}"
                            await stream.send_message(content.WriteContentRequest(action=content.WriteAction.STAT, ref=ref))
                            await stream.recv_message()
                case "argosy-tasks":
                    await client.services.tasks.list(ListTasksRequest(), timeout=within_s)
                case _:
                    request = snapshots.PrepareSnapshotRequest(snapshotter="overlayfs", key=f"k{time.monotonic_ns()}")
                    await client.services.snapshots.prepare(request, timeout=within_s)

        async def all_else(client: Client) -> None:
            await client.services.images.list(ListImagesRequest(), timeout=10.0)
            await client.services.containers.list(ListContainersRequest(), timeout=10.0)
            lease = (await client.services.leases.create(leases.CreateRequest(), timeout=10.0)).lease
            assert lease is not None
            if service != "argosy-content":
                data = os.urandom(100)
                assert await read_blob(client.services.content, await write_blob(client.services.content, "q", data)) == data
            if service != "argosy-snap-ove":
                request = snapshots.PrepareSnapshotRequest(snapshotter="overlayfs", key=f"k{time.monotonic_ns()}")
                await client.services.snapshots.prepare(request, timeout=10.0)
            await client.services.leases.delete(leases.DeleteRequest(id=lease.id), timeout=10.0)

        async def main() -> None:
            awake.wake()  # one that nobody called for a while has left
            pid = awake.services()[service]
            async with Client(awake.address, "stopped") as client:
                await needs(client, 20.0)
                os.kill(pid, signal.SIGSTOP)
                try:
                    with pytest.raises((Unavailable, DeadlineExceeded, TimeoutError)):
                        await asyncio.wait_for(needs(client), 12)
                    for _ in range(5):
                        await asyncio.wait_for(all_else(client), 30)
                    lease = (await client.services.leases.create(leases.CreateRequest())).lease
                    assert lease is not None
                    began = time.monotonic()
                    await client.services.leases.delete(leases.DeleteRequest(id=lease.id, sync=True), timeout=20.0)
                    assert time.monotonic() - began < 10
                    if service != "argosy-tasks":
                        # By now it is known not to answer, and said at once.
                        async with Channel(awake.address) as channel:
                            gauges = (await ServiceStub(channel).statistics(StatisticsRequest())).gauges
                        with pytest.raises(ArgosyError, match="does not answer|deadline") as failed:
                            await asyncio.wait_for(needs(client), 12)
                        assert "plugin" in str(failed.value), failed.value
                        left = gauges["gc_left_out"]
                        assert left == "" or "does not answer" in left, left
                finally:
                    os.kill(pid, signal.SIGCONT)
                for _ in range(100):
                    try:
                        await needs(client)
                        break
                    except (Unavailable, DeadlineExceeded):
                        await asyncio.sleep(0.1)
                else:
                    raise AssertionError(f"{service} answers again, and is not used")

        asyncio.run(main())


@pytest.mark.root
def test_a_snapshotter_that_hangs_in_one_call_frees_its_key_when_the_caller_has_left() -> None:
    """A process of its own, which answers everything else. Its caller is gone by its deadline, or killed."""
    base = Path(tempfile.mkdtemp(prefix="ay-", dir="/tmp"))
    socket = base / "hangs.sock"
    plugin = subprocess.Popen([sys.executable, "-m", "tests.harness.plugins", str(socket)])
    config = base / "mesh.toml"
    config.write_text(f'[proxy_plugins.hangs]\ntype = "snapshot"\naddress = "{socket}"\n')
    mesh = Mesh(base, extra=("--config", str(config)))

    async def main() -> None:
        async with Client(mesh.address, "hung") as client:
            store = client.services.snapshots

            async def prepare(key: str, timeout: float) -> None:
                await store.prepare(snapshots.PrepareSnapshotRequest(snapshotter="hangs", key=key), timeout=timeout)

            # It is done, and not said.
            await prepare("a SILENT_AFTER", 10.0)
            # It is not done: the caller leaves, and who comes then gets the key.
            with pytest.raises(DeadlineExceeded):
                await prepare("b LATE", 4.0)
            began = time.monotonic()
            await prepare("b LATE", 25.0)
            assert 5 < time.monotonic() - began < 20
            await store.stat(snapshots.StatSnapshotRequest(snapshotter="hangs", key="b LATE"))

    try:
        eventually(socket.exists)
        mesh.start()
        asyncio.run(main())
    finally:
        if mesh.process is not None:
            mesh.destroy()
        plugin.terminate()
        plugin.wait(5)


def test_a_plugin_that_is_not_there_leaves_nothing_in_doubt(monkeypatch: pytest.MonkeyPatch) -> None:
    """What it never heard of it can't have done: the key is free at once, and no row and no intent is left."""
    monkeypatch.setattr(plugins, "ARRIVE_S", 0.2)

    async def main() -> None:
        with tempfile.TemporaryDirectory(prefix="ay-", dir="/tmp") as short:
            base = Path(short)
            gateway = Gateway(base, {"s": ProxyPlugin(type="snapshot", address=str(base / "s.sock"))})
            core = await gateway.start()
            try:
                for _ in range(3):
                    with pytest.raises(Unavailable, match='snapshot plugin "s" at .*s.sock'):
                        await asyncio.wait_for(core.snapshots("s").create(NS, None, Kind.ACTIVE, "k", "", {}), 2)
                await core.db.write(lambda db: None)
                assert core.db.read("SELECT * FROM intents") == core.db.read("SELECT * FROM snapshots") == []
                async with serving(base / "s.sock", MemorySnapshotter()):
                    for _ in range(50):
                        try:
                            await core.snapshots("s").create(NS, None, Kind.ACTIVE, "k", "", {})
                            break
                        except Unavailable:
                            await asyncio.sleep(0.05)
                    assert (await core.snapshots("s").stat(NS, "k")).kind is Kind.ACTIVE
                    await gateway.stop()
            except BaseException:
                await gateway.kill()
                raise

    asyncio.run(main())
