"""Plugins that come and go while a gateway runs: what is kept, what is refused, who waits for whom."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import socket
import sqlite3
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from argosy.errors import (
    AlreadyExists,
    ArgosyError,
    FailedPrecondition,
    InvalidArgument,
    NotFound,
    PermissionDenied,
    Unavailable,
)
from argosy.plugin.snapshots.rules import Kind
from argosy.tables import ProxyPlugin
from argosy_gateway import admission
from argosy_gateway import registration as registration_room
from argosy_gateway.api.plugins import Plugins
from argosy_gateway.core import Core
from argosy_gateway.metadata import leases as rows
from argosy_gateway.plugins import plugin as plugins
from argosy_gateway.plugins.listing import failure, listing
from argosy_gateway.plugins.plugin import State
from argosy_gateway.processors import Processors
from argosy_gateway.registration import Registration
from argosy_protos.argosy.plugins import v1 as p
from argosy_protos.containerd.services.snapshots import v1 as snapshots
from argosy_protos.containerd.services.version.v1 import VersionBase

from tests.harness.gateways import Gateway, serving
from tests.harness.plugins import Fault, MemorySnapshotter

NS = "n"


@asynccontextmanager
async def gateway_at(base: Path, **tables: ProxyPlugin) -> AsyncIterator[Gateway]:
    gateway = Gateway(base, tables)
    await gateway.start()
    try:
        yield gateway
    finally:
        await gateway.stop()


def a_snapshotter(base: Path, name: str = "s", **more: Any) -> ProxyPlugin:
    return ProxyPlugin(type="snapshot", address=str(base / f"{name}.sock"), **more)


async def used(core: Core, key: str, lease: bool = False) -> None:
    """Make a snapshot that collection takes, or keeps."""
    if lease:
        with contextlib.suppress(AlreadyExists):
            await core.change(partial(rows.create, ns=NS, id="l", labels={}))
    await core.snapshots("s").create(NS, "l" if lease else None, Kind.ACTIVE, key, "", {})


async def until(check: Any, within_s: float = 30.0) -> None:
    deadline = time.monotonic() + within_s
    while not check():
        assert time.monotonic() < deadline, "it never held"
        await asyncio.sleep(0.01)


class TestKept:
    """What is on disk of a registration, whenever the gateway dies."""

    def test_one_that_was_added_is_used_at_once_and_comes_back(self, short_path: Path) -> None:
        """Without a restart, after one in order, after a kill; with what was made in it."""

        async def main() -> None:
            async with serving(short_path / "s.sock", MemorySnapshotter()):
                gateway = Gateway(short_path, {})
                core = await gateway.start()
                with pytest.raises(InvalidArgument, match="snapshotter not loaded: s"):
                    core.snapshots("s")
                await Registration(core).add("s", a_snapshotter(short_path, capabilities=["one"]))
                await used(core, "k", lease=True)
                for end in (gateway.stop, gateway.kill):
                    await end()
                    core = await gateway.start()
                    assert (await core.snapshots("s").stat(NS, "k")).kind is Kind.ACTIVE
                    assert core.registry.named("s").capabilities == ["one"]
                await Registration(core).remove("s", force=True)
                await gateway.kill()
                core = await gateway.start()
                assert not list(core.registry) and not core.snapshotters
                await gateway.stop()

        asyncio.run(main())

    def test_a_gateway_that_is_killed_in_the_middle_has_added_it_or_not(self, short_path: Path) -> None:
        """At each step between the question and the answer; who asks again is answered as the first time."""

        async def main() -> None:
            plugin = MemorySnapshotter()
            async with serving(short_path / "s.sock", plugin):
                seen = set()
                for steps in range(0, 40, 5):
                    base = short_path / str(steps)
                    base.mkdir()
                    gateway = Gateway(base, {})
                    adding = asyncio.ensure_future(Registration(await gateway.start()).add("s", a_snapshotter(short_path)))
                    for _ in range(steps):
                        await asyncio.sleep(0.0005)
                    answered = adding.done()
                    adding.cancel()  # its caller dies with the gateway
                    await gateway.kill()
                    await asyncio.wait([adding])
                    core = await gateway.start()
                    kept = [plugin.name for plugin in core.registry]
                    assert kept == ["s"] or not answered
                    seen.add(bool(kept))
                    await Registration(core).add("s", a_snapshotter(short_path))
                    await used(core, "k")
                    assert len(list(core.registry)) == 1
                    await gateway.stop()
                    plugin.held.clear()
                assert seen == {False, True}, "the kills were all too early, or all too late"

        asyncio.run(main())

    def test_one_that_cannot_be_beside_the_configuration_any_more_keeps_nothing_from_starting(
        self, short_path: Path
    ) -> None:
        """The configuration got one of the same name, or a row is not what it was: it stays registered, and is not used."""

        async def main() -> None:
            async with serving(short_path / "s.sock", MemorySnapshotter()):
                gateway = Gateway(short_path, {})
                await Registration(await gateway.start()).add("s", a_snapshotter(short_path))

                def oddly(db: sqlite3.Connection) -> None:
                    db.execute("INSERT INTO plugins VALUES ('odd', 'snapshot', '{\"what\": 1}', 0, 1, '')")

                await gateway.core.db.write(oddly)
                await gateway.stop()
                async with gateway_at(short_path, s=a_snapshotter(short_path, capabilities=["configured"])) as configured:
                    assert [plugin.capabilities for plugin in configured.core.registry] == [["configured"]]
                assert [plugin.name for plugin in (await gateway.start()).registry] == ["s"]
                await gateway.stop()

        asyncio.run(main())

    def test_a_drain_outlasts_a_kill_and_an_undrain_does(self, short_path: Path) -> None:
        """Of one of the configuration too; calls say who it is, where, and what helps."""

        async def main() -> None:
            async with (
                serving(short_path / "s.sock", MemorySnapshotter()),
                serving(short_path / "c.sock", MemorySnapshotter()),
            ):
                gateway = Gateway(short_path, {"c": a_snapshotter(short_path, "c")})
                core = await gateway.start()
                await Registration(core).add("s", a_snapshotter(short_path))
                for name in ("s", "c"):
                    await Registration(core).drain(name)
                await gateway.kill()
                core = await gateway.start()
                for name in ("s", "c"):
                    with pytest.raises(
                        Unavailable, match=rf'snapshot plugin "{name}" at .*/{name}.sock is draining .*undrain it'
                    ):
                        await core.snapshots(name).create(NS, None, Kind.ACTIVE, "k", "", {})
                    shown = next(x for x in listing(core.registry, {}) if x.id == name)
                    assert shown.init_err is not None and "is draining" in shown.init_err.message
                    await Registration(core).undrain(name)
                    await core.snapshots(name).create(NS, None, Kind.ACTIVE, "k", "", {})
                await gateway.kill()
                core = await gateway.start()
                assert {plugin.state for plugin in core.registry} == {State.STARTING}
                await gateway.stop()

        asyncio.run(main())


class TestRefused:
    """What may not come, and what may not go."""

    def test_what_cannot_be_beside_what_is_there(self, short_path: Path) -> None:
        async def main() -> None:
            tables = {
                "s": a_snapshotter(short_path),
                "d": ProxyPlugin(type="diff", address=str(short_path / "d.sock")),
                "t": ProxyPlugin(type="tasks", address=str(short_path / "t.sock")),
            }
            async with gateway_at(short_path, **tables) as gateway:
                registration = Registration(gateway.core)
                wrong: list[tuple[str, ProxyPlugin, type[ArgosyError], str]] = [
                    (
                        "s",
                        a_snapshotter(short_path, "other"),
                        AlreadyExists,
                        'plugin "s" is a snapshot plugin at .*/s.sock already',
                    ),
                    ("d", a_snapshotter(short_path, "other"), AlreadyExists, 'plugin "d" is a diff plugin'),
                    (
                        "t2",
                        ProxyPlugin(type="tasks", address="/x.sock"),
                        FailedPrecondition,
                        'one tasks plugin can serve, and "t"',
                    ),
                    ("s2", a_snapshotter(short_path), FailedPrecondition, "a socket of its own"),
                    ("s2", a_snapshotter(short_path, "x" * 120), InvalidArgument, "longer than"),
                    ("s2", a_snapshotter(short_path, "gateway"), InvalidArgument, "the gateway's own socket"),
                    ("a/b", a_snapshotter(short_path, "other"), InvalidArgument, 'identifier "a/b" must match'),
                ]
                for name, config, kind, said in wrong:
                    with pytest.raises(kind, match=said):
                        await registration.add(name, config)
                assert len(list(gateway.core.registry)) == 3
                with pytest.raises(FailedPrecondition, match="of the configuration.*drain it"):
                    await registration.remove("s", force=True)
                with pytest.raises(NotFound, match='plugin "nobody"'):
                    await registration.remove("nobody")

        asyncio.run(main())

    def test_a_process_that_serves_something_else(self, short_path: Path) -> None:
        """Told before anybody needs it; nothing is registered."""

        async def main() -> None:
            async with serving(short_path / "s.sock", VersionBase()), gateway_at(short_path) as gateway:
                with pytest.raises(InvalidArgument, match="does not serve containerd.services.snapshots.v1.Snapshots"):
                    await Registration(gateway.core).add("s", a_snapshotter(short_path))
                assert not list(gateway.core.registry)

        asyncio.run(main())

    def test_one_in_use_stays_and_says_for_what(self, short_path: Path) -> None:
        """Garbage is no use. With force it goes, records stay, and when it comes again all is there."""

        async def main() -> None:
            plugin = MemorySnapshotter()
            async with serving(short_path / "s.sock", plugin), gateway_at(short_path) as gateway:
                core = gateway.core
                core.start_loops()
                registration = Registration(core)
                await registration.add("s", a_snapshotter(short_path))
                await used(core, "kept", lease=True)
                await used(core, "dropped")
                with pytest.raises(FailedPrecondition, match='snapshot plugin "s" is in use: 1 snapshots in namespace "n"'):
                    await registration.remove("s")
                await used(core, "works still")
                await registration.remove("s", force=True)
                with pytest.raises(InvalidArgument, match="not loaded"):
                    core.snapshots("s")
                await registration.add("s", a_snapshotter(short_path))
                assert (await core.snapshots("s").stat(NS, "kept")).kind is Kind.ACTIVE
                await core.change(partial(rows.delete, ns=NS, id="l"), dirty=True)
                await registration.remove("s")
                assert not list(core.registry)

        asyncio.run(main())

    def test_a_removal_waits_for_calls_in_flight(self, short_path: Path) -> None:
        """New ones are refused meanwhile; when they do not end, all is as before; with force they end."""

        async def main() -> None:
            plugin = MemorySnapshotter()
            async with serving(short_path / "s.sock", plugin), gateway_at(short_path) as gateway:
                registration = Registration(gateway.core)
                await registration.add("s", a_snapshotter(short_path))
                it = gateway.core.registry.named("s")
                gateway.core.start_loops()
                plugin.faults.append(Fault.STOPS_BEFORE)

                async def in_flight() -> None:
                    async with it.call() as channel:
                        await p_prepare(channel)

                making = asyncio.ensure_future(in_flight())
                await plugin.reached.wait()
                with pytest.raises(Unavailable, match=r"has 1 calls in flight after 0.1 s; it takes calls again"):
                    await registration.remove("s", wait_s=0.1)
                assert it.can_be_called
                removing = asyncio.ensure_future(registration.remove("s", wait_s=10))
                await until(lambda: not it.can_be_called)
                with pytest.raises(Unavailable, match="is draining"):
                    it.check()
                with pytest.raises(Unavailable, match="is being removed"):
                    await registration.remove("s")
                plugin.go.set()
                await making
                await removing
                assert not list(gateway.core.registry)

        asyncio.run(main())

    def test_with_force_a_call_that_never_ends_holds_up_nothing(self, short_path: Path) -> None:
        """Its caller hears it; what is in doubt is taken up when the plugin comes again."""

        async def main() -> None:
            plugin = MemorySnapshotter()
            async with serving(short_path / "s.sock", plugin), gateway_at(short_path) as gateway:
                core = gateway.core
                registration = Registration(core)
                await registration.add("s", a_snapshotter(short_path))
                plugin.faults.append(Fault.SILENT_AFTER)
                making = asyncio.ensure_future(used(core, "k", lease=True))
                await plugin.reached.wait()
                await registration.remove("s", force=True)
                with pytest.raises(Unavailable, match="was taken out of service"):
                    await asyncio.wait_for(making, 5)
                await registration.add("s", a_snapshotter(short_path))
                # It was done, and nobody heard of it.
                assert (await core.snapshots("s").stat(NS, "k")).kind is Kind.ACTIVE

        asyncio.run(main())


async def p_prepare(channel: Any) -> None:

    await snapshots.SnapshotsStub(channel).prepare(snapshots.PrepareSnapshotRequest(snapshotter="s", key="x"))


class TestLate:
    """The order of start does not matter, and one that is late, slow, hung or rubbish stops nothing else."""

    def test_who_needs_one_that_is_late_waits_for_it(self, short_path: Path) -> None:
        """One of the configuration, and one that was registered; all who wait go on when it comes."""

        async def main() -> None:
            async with gateway_at(short_path, c=a_snapshotter(short_path, "c")) as gateway:
                core = gateway.core
                core.start_loops()
                await Registration(core).add("s", a_snapshotter(short_path))
                waiting = [
                    asyncio.ensure_future(core.snapshots(name).create(NS, None, Kind.ACTIVE, f"k{i}", "", {}))
                    for name in ("s", "c")
                    for i in range(10)
                ]
                await asyncio.sleep(0.3)
                assert not any(one.done() for one in waiting)
                async with serving(short_path / "s.sock", MemorySnapshotter()):
                    bound = time.monotonic()
                    await asyncio.gather(*waiting[:10])
                    assert time.monotonic() - bound < 4.0, "it was there, and nobody looked"
                    assert not any(one.done() for one in waiting[10:])
                    async with serving(short_path / "c.sock", MemorySnapshotter()):
                        await asyncio.gather(*waiting[10:])
                        assert {plugin.condition for plugin in core.registry} == {State.READY}

        asyncio.run(main())

    def test_who_waits_is_told_in_the_end(self, short_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """Name, socket, reason and since when; the next one hears it at once."""
        monkeypatch.setattr(plugins, "ARRIVE_S", 1.2)

        async def main() -> None:
            async with gateway_at(short_path, s=a_snapshotter(short_path)) as gateway:
                core, said = gateway.core, r'snapshot plugin "s" at .*/s.sock: .*no such socket \(for 1.\d s\)'
                with pytest.raises(Unavailable, match=said):
                    await asyncio.wait_for(used(core, "k"), 4)
                began = time.monotonic()
                with pytest.raises(Unavailable, match="no such socket"):
                    await used(core, "k")
                assert time.monotonic() - began < 0.5
                it = core.registry.named("s")
                assert it.last_errno == 2 and "no such socket" in it.last_error
                shown = failure(it)
                assert shown is not None and "can't be reached" in shown.message

        asyncio.run(main())

    @pytest.mark.parametrize("kind", ["rubbish", "hangs up", "hung", "nobody accepts"])
    def test_what_never_was_a_plugin_is_told_and_stops_nobody(
        self, short_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """It is never shown as well; another plugin comes, serves and goes meanwhile, and collection leaves it out."""
        monkeypatch.setattr(plugins, "PROBE_S", 0.3)
        monkeypatch.setattr(plugins, "QUIET_S", 0.1)
        monkeypatch.setattr(plugins, "ARRIVE_S", 0.5)
        for room in (admission, registration_room):
            monkeypatch.setattr(room, "LOOK_S", 0.3)
        writers: list[asyncio.StreamWriter] = []

        async def served(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writers.append(writer)
            if kind == "rubbish":
                writer.write(b"SSH-2.0-OpenSSH_9.2\r\n" * 10)
            if kind == "hung":
                await reader.read()
            writer.close()

        async def main() -> None:
            path = short_path / "s.sock"
            async with contextlib.AsyncExitStack() as stack:
                if kind == "nobody accepts":
                    listener = stack.enter_context(socket.socket(socket.AF_UNIX))
                    listener.bind(str(path))
                    listener.listen(0)
                else:
                    server = await asyncio.start_unix_server(served, path)
                    stack.callback(server.close)
                await stack.enter_async_context(serving(short_path / "good.sock", MemorySnapshotter()))
                gateway = await stack.enter_async_context(gateway_at(short_path))
                core = gateway.core
                core.start_loops()
                registration = Registration(core)
                adding = asyncio.ensure_future(registration.add("s", a_snapshotter(short_path)))
                await registration.add("good", a_snapshotter(short_path, "good"))
                await core.snapshots("good").create(NS, None, Kind.ACTIVE, "k", "", {})
                it = await asyncio.wait_for(adding, 5)
                await asyncio.wait_for(core.collect(), 5)
                await until(lambda: failure(it) is not None)
                reason = failure(it)
                assert reason is not None and 'snapshot plugin "s" at' in reason.message
                with pytest.raises(Unavailable, match='snapshot plugin "s" at .*s.sock'):
                    await asyncio.wait_for(used(core, "k"), 5)
                assert it.last_ok == 0.0 and it.condition in (State.DEGRADED, State.STARTING)
                await registration.remove("good")
                await registration.remove("s")
                for writer in writers:
                    writer.transport.abort()
                await asyncio.sleep(0.05)

        asyncio.run(main())


class SaysYes(MemorySnapshotter):
    """Says of every snapshot that it is there, or that another one is."""

    name = ""

    async def stat(self, request: snapshots.StatSnapshotRequest) -> snapshots.StatSnapshotResponse:
        return snapshots.StatSnapshotResponse(info=snapshots.Info(name=self.name or request.key, kind=snapshots.Kind.ACTIVE))


class TestSwapped:
    """Another process in the place of one that serves."""

    def test_calls_go_to_the_new_one_at_one_instant_and_none_is_lost(self, short_path: Path) -> None:
        """A hundred that are made meanwhile are answered; one in flight ends where it began; a kill keeps the new one, a rollback the old one."""

        async def main() -> None:
            old, new = MemorySnapshotter(), MemorySnapshotter()
            new.held = old.held  # two processes on the same data
            async with serving(short_path / "old.sock", old), serving(short_path / "new.sock", new):
                gateway = Gateway(short_path, {})
                core = await gateway.start()
                registration = Registration(core)
                it = await registration.add("s", a_snapshotter(short_path, "old"))
                await used(core, "first", lease=True)
                old.faults.append(Fault.STOPS_AFTER)
                in_flight = asyncio.ensure_future(used(core, "in flight", lease=True))
                await old.reached.wait()
                done = asyncio.Event()

                async def storm(n: int) -> int:
                    made = 0
                    while not done.is_set():
                        await used(core, f"k{n}-{made}", lease=True)
                        made += 1
                    return made

                storming = [asyncio.ensure_future(storm(n)) for n in range(5)]
                await asyncio.sleep(0.2)
                swapped = await registration.swap("s", str(short_path / "new.sock"))
                assert swapped is it and it.generation == 2 and new.calls < 20
                before = old.calls
                await asyncio.sleep(0.2)
                assert old.calls == before and new.calls > 0 and not in_flight.done()
                done.set()
                assert all([await one for one in storming])
                old.go.set()
                await in_flight
                await until(lambda: len(core.registry._channels) == 1)
                await gateway.kill()
                core = await gateway.start()
                registration = Registration(core)
                assert core.registry.named("s").config.address == str(short_path / "new.sock")
                began = time.monotonic()
                await registration.rollback("s")
                assert time.monotonic() - began < 5
                calls = new.calls
                await used(core, "last", lease=True)
                assert new.calls == calls
                await gateway.stop()

        asyncio.run(main())

    def test_one_that_can_not_take_its_place_changes_nothing(self, short_path: Path) -> None:
        """It is not there, it lacks what the old one has, or says that it has anything, it serves something else, it is the configuration's."""

        async def main() -> None:
            another = SaysYes()
            another.name = "another"
            async with (
                serving(short_path / "yes.sock", SaysYes()), serving(short_path / "another.sock", another),
                serving(short_path / "s.sock", MemorySnapshotter()), serving(short_path / "empty.sock", MemorySnapshotter()),
                serving(short_path / "other.sock", VersionBase()),
                gateway_at(short_path, c=a_snapshotter(short_path, "c")) as gateway,
            ):  # fmt: skip
                core, registration = gateway.core, Registration(gateway.core)
                it = await registration.add("s", a_snapshotter(short_path))
                await used(core, "k", lease=True)
                for name, address, kind, said in (
                    ("s", "none", Unavailable, "no such socket"),
                    ("s", "empty", FailedPrecondition, "give the new one the same data"),
                    ("s", "yes", FailedPrecondition, "says that it has what nobody has made"),
                    ("s", "another", FailedPrecondition, "give the new one the same data"),
                    ("s", "other", InvalidArgument, "does not serve"),
                    ("s", "c", FailedPrecondition, "a socket of its own"),
                    ("c", "s", FailedPrecondition, "change it there"),
                ):
                    with pytest.raises(kind, match=said):
                        await registration.swap(name, str(short_path / f"{address}.sock"))
                with pytest.raises(FailedPrecondition, match="never swapped"):
                    await registration.rollback("s")
                assert it.generation == 1
                await used(core, "l", lease=True)

        asyncio.run(main())


def test_one_whose_user_may_not_serve_never_counts_as_there(short_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its refusal is ours, no answer of it: it is shown with the reason, and collection leaves it out."""

    async def main() -> None:
        monkeypatch.setattr(plugins, "allowed_users", lambda config: {4711})
        monkeypatch.setattr("argosy_gateway.plugins.registry.allowed_users", lambda config: {4711})
        async with (
            serving(short_path / "s.sock", MemorySnapshotter()),
            gateway_at(short_path, s=a_snapshotter(short_path)) as it,
        ):
            core = it.core
            core.start_loops()
            plugin = core.registry.named("s")
            for _ in range(2):
                with pytest.raises(PermissionDenied, match="only 4711 may"):
                    await used(core, "k")
            await core.collect()
            assert plugin.state is State.STARTING and plugin.last_ok == 0.0 and plugin.last_errno == errno.EACCES
            shown = failure(plugin)
            assert shown is not None and "only 4711 may" in shown.message

    asyncio.run(main())


class TestNames:
    """Which plugin a name means."""

    def test_a_type_before_the_name_says_which(self, short_path: Path) -> None:
        """Where two types share a name, the name alone is refused with both, and changes nothing."""

        async def main() -> None:
            async with gateway_at(short_path) as gateway:
                core, registration = gateway.core, Registration(gateway.core)
                api = Plugins(core, registration, Processors(core))
                one = core.registry.add("x", a_snapshotter(short_path))
                other = core.registry.add("x", ProxyPlugin(type="diff", address=str(short_path / "d.sock")))
                await registration.add("y", a_snapshotter(short_path, "y"))
                for wrong in (api.get(p.GetRequest(name="x")), api.drain(p.DrainRequest(name="x"))):
                    with pytest.raises(InvalidArgument, match='"x" is the name of 2 plugins; say snapshot/x or diff/x'):
                        await wrong
                await registration.drain("diff/x")
                assert (one.state, other.state) == (State.STARTING, State.DRAINING)
                assert core.registry.named("snapshot/y") is core.registry.named("y")
                for nobody in ("diff/y", "snapshot/none", "y/snapshot"):
                    with pytest.raises(NotFound, match=f'plugin "{nobody}"'):
                        core.registry.named(nobody)
                for asked, kind in (("snapshot/y", FailedPrecondition), ("x/../y", NotFound), ("../y", NotFound)):
                    with pytest.raises(kind):
                        await anext(api.logs(p.LogsRequest(name=asked)))
                await registration.remove("snapshot/y")
                assert ("snapshot", "y") not in core.registry.plugins

        asyncio.run(main())

    def test_two_snapshotters_at_one_socket_do_not_start(self, short_path: Path) -> None:
        """Each would collect what the other has made. Other types may share a process."""

        async def main() -> None:
            at = str(short_path / "s.sock")
            both = {"a": a_snapshotter(short_path), "b": ProxyPlugin(type="snapshot", address=f"unix://{at}")}
            with pytest.raises(
                FailedPrecondition, match=f'snapshotters "a" and "b" are both at {at}; serve "b" at a socket'
            ):
                await Gateway(short_path, both).open()
            await Gateway(short_path, {"a": a_snapshotter(short_path), "d": ProxyPlugin(type="diff", address=at)}).open()

        asyncio.run(main())


def test_what_is_shown_of_one(short_path: Path) -> None:
    """Calls, failures and times of each method; who watches is told of each change, and of the end."""

    async def main() -> None:
        async with serving(short_path / "s.sock", MemorySnapshotter()), gateway_at(short_path) as gateway:
            core = gateway.core
            core.start_loops()
            api = Plugins(core, Registration(core), Processors(core))
            heard: list[tuple[str, str, bool]] = []

            async def watch() -> None:
                async for change in api.watch(p.WatchRequest()):
                    assert change.plugin is not None and change.plugin.table is not None
                    heard.append((change.plugin.table.name, change.plugin.state, change.removed))

            watching = asyncio.ensure_future(watch())
            table = p.Table(type="io.containerd.snapshotter.v1", name="s", address=f"unix://{short_path}/s.sock")
            added = (await api.add(p.AddRequest(table=table))).plugin
            assert added is not None and added.table is not None and added.table.type == "snapshot"
            await until(lambda: ("s", "ready", False) in heard)
            for i in range(3):
                await used(core, f"k{i}")
            with pytest.raises(NotFound):
                await core.snapshots("s").stat(NS, "none")
            shown = (await api.get(p.GetRequest(name="s"))).plugin
            assert shown is not None and shown.state == "ready" and shown.source == "registered" and shown.reason == ""
            prepare = next(m for m in shown.methods if m.name == "containerd.services.snapshots.v1.Snapshots/Prepare")
            assert prepare.calls == 3 and prepare.failed == 0 and 0 < prepare.p50_s <= prepare.p99_s < 5
            await api.drain(p.DrainRequest(name="s"))
            await until(lambda: ("s", "draining", False) in heard)
            await api.undrain(p.UndrainRequest(name="s"))
            assert [x.state for x in (await api.list(p.ListRequest())).plugins] == ["ready"]
            await api.remove(p.RemoveRequest(name="s"))
            await until(lambda: heard[-1] == ("s", "", True))
            watching.cancel()
            await asyncio.wait([watching])
            await until(lambda: not core.registry.watchers)
            with pytest.raises(InvalidArgument, match='plugin "x": unknown plugin type "nonsense"'):
                await api.add(p.AddRequest(table=p.Table(type="nonsense", name="x", address="/x")))

    asyncio.run(main())


def test_one_that_nobody_has_called_says_that_this_is_why_it_is_not_ready(short_path: Path) -> None:
    """A service that its first call starts is in order, though it has not answered yet."""

    async def main() -> None:
        async with gateway_at(short_path, s=a_snapshotter(short_path)) as gateway:
            core = gateway.core
            api = Plugins(core, Registration(core), Processors(core))
            (plugin,) = (await api.list(p.ListRequest())).plugins
            assert (plugin.state, plugin.reason) == ("starting", "nobody has called it yet")

    asyncio.run(main())


def test_methods_that_a_client_makes_up_fill_no_memory() -> None:
    it = plugins.Plugin(
        "x", ProxyPlugin(type="service", address="/x"), plugins.connect("x", ProxyPlugin(type="service", address="/x"))
    )
    for i in range(1000):
        it.answered(0.001, f"/made.Up/M{i}")
    assert len(it.methods) <= 65 and sum(method.calls for method in it.methods.values()) == 1000


def test_a_thousand_that_come_and_go_leave_nothing(short_path: Path) -> None:
    """No descriptor, no channel, no task, no row."""

    async def main() -> None:
        async with serving(short_path / "s.sock", MemorySnapshotter()), gateway_at(short_path) as gateway:
            core = gateway.core
            registration = Registration(core)

            async def cycle(times: int) -> tuple[int, int]:
                for _ in range(times):
                    await registration.add("s", a_snapshotter(short_path))
                    await registration.remove("s")
                await asyncio.sleep(0.05)
                return len(list(Path("/proc/self/fd").iterdir())), len(asyncio.all_tasks())

            before = await cycle(10)
            after = await cycle(40)
            assert after[0] <= before[0] + 1 and after[1] <= before[1] + 1
            assert not core.registry._channels and not core.snapshotters

    asyncio.run(main())
