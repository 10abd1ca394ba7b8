"""Changes of plugins: the table, and any order of kills, cuts and cancels against a model. Old state or new state, nothing else."""

from __future__ import annotations

import asyncio
import random
import tempfile
from collections.abc import Coroutine
from pathlib import Path
from typing import Any, TypeVar

import pytest
from argosy.errors import AlreadyExists, ArgosyError, FailedPrecondition, NotFound, Unavailable
from argosy.filters import EVERYTHING
from argosy.plugin.snapshots.rules import Kind
from argosy.tables import ProxyPlugin
from argosy_gateway.backends import changes
from argosy_gateway.backends.protocol import MOVES, Event, Operation, Stage
from argosy_gateway.metadata import leases
from argosy_gateway.plugins import plugin as plugins
from argosy_protos.containerd.services.snapshots import v1 as p
from grpclib.const import Handler
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from tests.harness.gateways import Gateway, one_snapshotter, serving
from tests.harness.plugins import Fault, MemorySnapshotter

T = TypeVar("T")
NS = "n"
_LATE_EVERY_S = 0.05


class TestTable:
    """The protocol by itself."""

    def test_every_stage_that_is_not_final_knows_each_event_that_can_come(self) -> None:
        """An answer that the table does not know would leave a change for ever where it is."""
        asked = {Event.NEW, Event.OLD, Event.NEITHER, Event.CUT}
        called = {Event.YES, Event.NO, Event.CUT, Event.NEW}
        for operation in Operation:
            for stage in (Stage.RECORDED, Stage.DOUBT, Stage.AGAIN, Stage.REFUSED):
                if stage in (Stage.AGAIN, Stage.REFUSED) and operation is Operation.CREATE:
                    continue  # a creation is never asked for twice
                more = set()
                if stage is Stage.RECORDED and operation is not Operation.INGEST:
                    more = {Event.TAKEN}
                if stage is Stage.AGAIN and operation is Operation.INGEST:
                    more = {Event.HELD}
                if stage is Stage.DOUBT and operation is Operation.CREATE:
                    more = {Event.GIVEN_UP}
                for event in (asked if stage.asks else called) | more:
                    assert (stage, event) in MOVES[operation], (operation, stage, event)

    def test_only_what_the_plugin_holds_or_said_ends_a_change(self) -> None:
        """No call that broke off ends one: that would be a guess."""
        for moves in MOVES.values():
            for (_, event), after in moves.items():
                assert not (event is Event.CUT and after.final)
                assert not (event in (Event.YES, Event.NEW) and after is not Stage.SETTLED)

    def test_every_change_can_end(self) -> None:
        """From each stage some row of events leads to an end."""
        for moves in MOVES.values():
            ends = {Stage.SETTLED, Stage.UNDONE, Stage.LOST}
            for _ in Stage:
                ends |= {stage for (stage, _), after in moves.items() if after in ends}
            assert {stage for stage, _ in moves} <= ends


class Model:
    """A gateway and a snapshotter, either of which fails at any step; ``known`` is what was acknowledged."""

    def __init__(self) -> None:
        self.history: list[str] = []
        self.loop = asyncio.new_event_loop()
        self.base = tempfile.TemporaryDirectory(prefix="ay-", dir="/tmp")
        self.plugin = MemorySnapshotter()
        self.known: dict[str, Kind] = {}
        self.doubtful: dict[str, set[Kind | None]] = {}
        self.pairs: list[tuple[str, str]] = []
        self.parents: dict[str, str] = {}
        self.patch = pytest.MonkeyPatch()
        self.patch.setattr(changes, "_SILENT_S", 0.01)
        self.patch.setattr(changes, "_CREATION_ALONE_S", 0.03)
        self.patch.setattr(changes, "_COMMIT_ALONE_S", 0.03)
        self.patch.setattr(plugins, "_LATE_EVERY_S", _LATE_EVERY_S)

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return self.loop.run_until_complete(asyncio.wait_for(work, 30))

    def begin(self) -> None:
        base = Path(self.base.name)
        self.serving = serving(base / "s.sock", self.plugin)
        self.run(self.serving.__aenter__())
        self.gateway = Gateway(base, {"s": ProxyPlugin(type="snapshot", address=str(base / "s.sock"))})
        self.run(self.gateway.start())
        # What is made stays until it is removed: a lease holds it.
        self.run(self.gateway.core.change(lambda db: leases.create(db, NS, "l", {})))

    def end(self) -> None:
        try:
            self.check()
        finally:
            self.close()

    def close(self) -> None:
        """End everything: a database whose thread is left would keep the interpreter from its end."""
        try:
            self.run(self.gateway.stop())
            self.run(self.serving.__aexit__(None, None, None))
        finally:
            self.patch.undo()
            self.loop.close()
            self.base.cleanup()

    async def attempt(self, work: Coroutine[Any, Any, Any], end: str, fault: Fault = Fault.NONE, steps: int = 0) -> str:
        """Run a call and end it as said: where the plugin stops, or after some steps of the loop. Returns how it ended."""
        if fault is Fault.LATE and end == "wait":
            end = "cancel"  # nobody waits that long
        self.plugin.faults.append(fault)
        self.plugin.reached.clear()
        self.plugin.go.clear()
        task = asyncio.ensure_future(work)
        if end != "wait":
            if steps:
                for _ in range(steps):
                    await asyncio.sleep(0)
            else:
                reached = asyncio.ensure_future(self.plugin.reached.wait())
                await asyncio.wait({task, reached}, return_when=asyncio.FIRST_COMPLETED)
                reached.cancel()
            if not task.done():
                task.cancel()
                if end == "kill":
                    await self.gateway.kill()
                    await asyncio.gather(task, return_exceptions=True)
                    self.plugin.go.set()
                    self.plugin.faults.clear()
                    await self.gateway.start()
                    return "unknown"
        self.plugin.go.set()
        try:
            await task
        except (asyncio.CancelledError, Unavailable):
            return "unknown"
        except ArgosyError as error:
            self.history.append(f"  {error!r}")
            return "refused"
        finally:
            self.plugin.faults.clear()
        return "done"

    def is_sure(self, *keys: str) -> bool:
        return not any(key in self.doubtful for key in keys)

    def store(self) -> Any:
        return self.gateway.core.snapshots("s")

    def prepare(self, key: str, parent: str, end: str, fault: Fault, steps: int = 0) -> None:
        self.settle(key, parent)
        how = self.run(self.attempt(self.store().create(NS, "l", Kind.ACTIVE, key, parent, {}), end, fault, steps))
        self.history.append(f"prepare {key} on {parent!r} {end} {fault.name} {steps}: {how}")
        can = key not in self.known and (not parent or self.known.get(parent) is Kind.COMMITTED)
        if how == "done":
            assert can, self.history
            self.known[key], self.parents[key] = Kind.ACTIVE, parent
        elif how == "unknown" and can:
            self.doubtful[key] = {None, Kind.ACTIVE}
            self.parents[key] = parent

    def commit(self, key: str, name: str, end: str, fault: Fault, steps: int = 0) -> None:
        self.settle(key, name)
        how = self.run(self.attempt(self.store().commit(NS, "l", name, key, {}, ""), end, fault, steps))
        self.history.append(f"commit {key} to {name} {end} {fault.name} {steps}: {how}")
        can = self.known.get(key) is Kind.ACTIVE and name not in self.known
        if how == "done":
            assert can, self.history
            del self.known[key]
            self.known[name] = Kind.COMMITTED
            self.parents[name] = self.parents.pop(key)
        elif how == "unknown" and can:
            self.pairs.append((key, name))
            self.doubtful[key] = {Kind.ACTIVE, None}
            self.doubtful[name] = {None, Kind.COMMITTED}

    def remove(self, key: str, end: str, steps: int = 0) -> None:
        self.settle(key, *self.parents)
        how = self.run(self.attempt(self.store().remove(NS, "l", key), end, Fault.NONE, steps))
        self.history.append(f"remove {key} {end} {steps}: {how}")
        can = key in self.known and not any(self.parents.get(k) == key for k in self.known)
        if how == "done":
            assert can, self.history
            del self.known[key]
        elif how == "unknown" and can:
            self.doubtful[key] = {self.known[key], None}

    def two_commits_to(self, name: str) -> None:
        """One wins; the other is told so, and keeps its active snapshot."""
        self.settle(*"abcABC")
        keys = [k for k in "abc" if self.known.get(k) is Kind.ACTIVE][:2]
        if len(keys) < 2 or name in self.known:
            return

        async def race() -> list[Any]:
            both = (self.store().commit(NS, "l", name, key, {}, "") for key in keys)
            return list(await asyncio.gather(*both, return_exceptions=True))

        outcome = self.run(race())
        self.history.append(f"race of {keys} to {name}: {outcome}")
        assert [type(o) for o in outcome if o is not None] == [AlreadyExists], self.history
        won = keys[0] if outcome[0] is None else keys[1]
        del self.known[won]
        self.known[name] = Kind.COMMITTED
        self.parents[name] = self.parents.pop(won)

    def collect(self) -> None:
        self.run(self.gateway.core.collect())

    def let_late(self) -> None:
        """What was given up is carried out after all, by a plugin that took its time."""
        self.history.append("late")
        self.run(self.plugin.end_late_ones())
        # The gateway looks again at one that may be late every so often: once since then.
        self.run(asyncio.sleep(2 * _LATE_EVERY_S))

    async def kind_of(self, key: str) -> Kind | None:
        try:
            info = await self.store().stat(NS, key)
        except NotFound:
            return None
        kind: Kind = info.kind
        return kind

    def settle(self, *keys: str) -> None:
        """Find out what became of what nobody knows; it must be one of the two."""
        if self.doubtful:
            # A removal goes on without its caller, too: what follows it to the writer of the database comes after it.
            self.run(self.gateway.core.change(lambda db: None))
        for key, name in [pair for pair in self.pairs if set(pair) & set(keys)]:
            self.pairs.remove((key, name))
            was, became = self.run(self.kind_of(key)), self.run(self.kind_of(name))
            assert (was, became) in ((Kind.ACTIVE, None), (None, Kind.COMMITTED)), (key, was, name, became, self.history)
            self.doubtful.pop(key), self.doubtful.pop(name)
            if became:
                del self.known[key]
                self.known[name] = became
                self.parents[name] = self.parents.pop(key)
        for key in [key for key in dict.fromkeys(keys) if key in self.doubtful]:
            kind = self.run(self.kind_of(key))
            assert kind in self.doubtful.pop(key), (key, kind, self.history)
            if kind is None:
                self.known.pop(key, None)
            else:
                self.known[key] = kind

    def look(self) -> None:
        """Nothing that was acknowledged is lost."""
        for key, kind in self.known.items():
            if self.is_sure(key):
                assert self.run(self.kind_of(key)) is kind, (key, self.history)

    def check(self) -> None:
        """After one collection rows and plugin agree, and everything can be used again."""
        self.settle(*"abcABC")
        if self.plugin.late_ones:
            self.let_late()
        self.run(self.gateway.core.collect())
        rows = self.run(self.listed())
        assert rows == self.known, self.history
        backends = {r[0] for r in self.gateway.core.db.read("SELECT backend FROM snapshots")}
        assert backends == set(self.plugin.held), ("bytes without rows, or rows without bytes", self.history)

    async def listed(self) -> dict[str, Kind]:
        return {info.name: info.kind async for info in self.store().walk(NS, EVERYTHING)}


ENDS = ["wait", "wait", "cancel", "kill"]
CALLS = [
    Fault.NONE, Fault.NONE, Fault.CUT_BEFORE, Fault.CUT_AFTER, Fault.REFUSED, Fault.SILENT_AFTER, Fault.LATE,
    Fault.STOPS_BEFORE, Fault.STOPS_AFTER,
]  # fmt: skip
KEYS, NAMES = ["a", "b", "c"], ["A", "B", "C"]


class Changes(RuleBasedStateMachine):
    """The model, with gateway, plugin and caller failing where a call is with the plugin."""

    def __init__(self) -> None:
        super().__init__()
        self.model = Model()
        self.model.begin()

    def teardown(self) -> None:
        self.model.end()

    @rule(
        key=st.sampled_from(KEYS),
        parent=st.sampled_from(["", *NAMES]),
        end=st.sampled_from(ENDS),
        fault=st.sampled_from(CALLS),
    )
    def prepare(self, key: str, parent: str, end: str, fault: Fault) -> None:
        self.model.prepare(key, parent, end, fault)

    @rule(key=st.sampled_from(KEYS), name=st.sampled_from(NAMES), end=st.sampled_from(ENDS), fault=st.sampled_from(CALLS))
    def commit(self, key: str, name: str, end: str, fault: Fault) -> None:
        self.model.commit(key, name, end, fault)

    @rule(key=st.sampled_from(KEYS + NAMES))
    def remove(self, key: str) -> None:
        self.model.remove(key, "wait")

    @rule(name=st.sampled_from(NAMES))
    def race(self, name: str) -> None:
        self.model.two_commits_to(name)

    @rule()
    def collect(self) -> None:
        self.model.collect()

    @rule()
    def late(self) -> None:
        self.model.let_late()

    @invariant()
    def nothing_acknowledged_is_lost(self) -> None:
        self.model.look()


Changes.TestCase.settings = settings(
    max_examples=30, stateful_step_count=20, deadline=None, suppress_health_check=list(HealthCheck)
)
TestChanges = Changes.TestCase


@pytest.mark.parametrize("seed", range(20))
def test_a_kill_or_a_cancel_at_any_await_leaves_the_old_state_or_the_new_one(seed: int) -> None:
    """Where the loop is when it happens is chance: the writer of the database is a thread of its own."""
    chance = random.Random(seed)
    model = Model()
    model.begin()
    try:
        for _ in range(40):
            end, steps = chance.choice(ENDS), chance.randrange(1, 60)
            match chance.randrange(6):
                case 0 | 1:
                    model.prepare(chance.choice(KEYS), chance.choice(["", *NAMES]), end, chance.choice(CALLS[:-2]), steps)
                case 2 | 3:
                    model.commit(chance.choice(KEYS), chance.choice(NAMES), end, chance.choice(CALLS[:-2]), steps)
                case 4:
                    model.remove(chance.choice(KEYS + NAMES), end, steps)
                case 5:
                    if chance.random() < 0.5:
                        model.collect()
                    else:
                        model.two_commits_to(chance.choice(NAMES))
            model.look()
        model.check()
    finally:
        model.close()


def test_a_refused_commit_leaves_the_active_snapshot(tmp_path: Path) -> None:
    """What the plugin refuses is as if it had not been asked, in the lease as well."""

    async def main() -> None:
        plugin = MemorySnapshotter()
        with tempfile.TemporaryDirectory(prefix="ay-", dir="/tmp") as short:
            base = Path(short)
            async with serving(base / "s.sock", plugin):
                gateway = Gateway(base, {"s": ProxyPlugin(type="snapshot", address=str(base / "s.sock"))})
                core = await gateway.start()
                await core.change(lambda db: leases.create(db, NS, "l", {}))
                await core.snapshots("s").create(NS, "l", Kind.ACTIVE, "k", "", {})
                plugin.faults.append(Fault.REFUSED)
                with pytest.raises(FailedPrecondition, match="not today"):
                    await core.snapshots("s").commit(NS, "l", "name", "k", {}, "")
                assert (await core.snapshots("s").stat(NS, "k")).kind is Kind.ACTIVE
                assert leases.resources(core.db.reader, NS, "l") == [("snapshots/s", "k")]
                await core.snapshots("s").commit(NS, "l", "name", "k", {}, "")
                assert leases.resources(core.db.reader, NS, "l") == [("snapshots/s", "name")]
                await gateway.stop()

    asyncio.run(main())


def test_an_answer_that_can_not_be_taken_is_no_refusal() -> None:
    """The plugin committed, and said so in a message above the limit: the name is there, the key is not."""

    class Verbose(MemorySnapshotter):
        def __mapping__(self) -> dict[str, Handler]:
            mapping = super().__mapping__()
            path = "/containerd.services.snapshots.v1.Snapshots/Commit"
            commit = mapping[path]

            async def answer(stream: Any) -> None:
                await MemorySnapshotter.commit(self, p.CommitSnapshotRequest.decode(await stream.recv_message()))
                await stream.send_message(bytes(17 << 20))

            return {**mapping, path: Handler(answer, commit.cardinality, bytes, bytes)}

    async def main() -> None:
        async with one_snapshotter(Verbose()) as (_, core):
            store = core.snapshots("s")
            await store.create(NS, None, Kind.ACTIVE, "key", "", {})
            await store.commit(NS, None, "name", "key", {}, "")
            assert (await store.stat(NS, "name")).kind is Kind.COMMITTED
            with pytest.raises(NotFound):
                await store.stat(NS, "key")

    asyncio.run(main())


def test_a_parent_is_there_while_somebody_else_is_about_to_be_told_so() -> None:
    """Of clients that unpack one image, one commits a layer that is there, as another prepares the next on top of it."""

    async def main() -> None:
        async with one_snapshotter(MemorySnapshotter()) as (_, core):
            store = core.snapshots("s")
            await store.create(NS, None, Kind.ACTIVE, "a", "", {})
            await store.commit(NS, None, "P", "a", {}, "")
            await store.create(NS, None, Kind.ACTIVE, "b", "", {})
            made, told = await asyncio.gather(
                store.create(NS, None, Kind.ACTIVE, "k", "P", {}),
                store.commit(NS, None, "P", "b", {}, ""),
                return_exceptions=True,
            )
            assert not isinstance(made, BaseException), made
            assert isinstance(told, AlreadyExists)
            assert (await store.stat(NS, "k")).parent == "P" and (await store.stat(NS, "b")).kind is Kind.ACTIVE

    asyncio.run(main())


class TestSilentCalls:
    """A plugin that is there, and never answers one call."""

    @pytest.fixture(autouse=True)
    def quickly(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(changes, "_SILENT_S", 0.05)
        monkeypatch.setattr(changes, "_CREATION_ALONE_S", 0.2)
        monkeypatch.setattr(changes, "_COMMIT_ALONE_S", 0.2)
        monkeypatch.setattr(plugins, "_LATE_EVERY_S", 0.1)

    async def left(self, plugin: MemorySnapshotter, work: Coroutine[Any, Any, Any]) -> None:
        """Call, and leave when the plugin is at it."""
        plugin.reached.clear()
        caller = asyncio.ensure_future(work)
        await asyncio.wait_for(plugin.reached.wait(), 5)
        caller.cancel()
        await asyncio.wait([caller])

    def test_what_is_done_is_told_without_the_answer(self) -> None:
        """The plugin has it: its caller need not wait for ten minutes, nor anybody else who wants the key."""

        async def main() -> None:
            plugin = MemorySnapshotter()
            async with one_snapshotter(plugin) as (_, core):
                store = core.snapshots("s")
                plugin.faults += [Fault.SILENT_AFTER, Fault.SILENT_AFTER]
                async with asyncio.timeout(5):
                    assert await store.create(NS, None, Kind.ACTIVE, "k", "", {})
                    await store.commit(NS, None, "name", "k", {}, "")
                    assert (await store.stat(NS, "name")).kind is Kind.COMMITTED
                await core.db.write(lambda db: None)  # outcomes are written with the next transaction
                assert core.db.read("SELECT * FROM intents") == []

        asyncio.run(main())

    def test_one_that_is_to_become_another_is_not_told_before_it_is_over(self) -> None:
        """A snapshotter that brings the layer itself may have the key for a while, until it makes the target of it."""

        async def main() -> None:
            plugin = MemorySnapshotter()
            async with one_snapshotter(plugin) as (_, core):
                plugin.faults.append(Fault.STOPS_AFTER)
                labels = {"containerd.io/snapshot.ref": "target"}
                made = asyncio.ensure_future(core.snapshots("s").create(NS, None, Kind.ACTIVE, "k", "", labels))
                await plugin.reached.wait()
                await asyncio.sleep(0.5)
                assert not made.done()
                plugin.go.set()
                assert await made

        asyncio.run(main())

    def test_a_creation_for_which_nobody_waits_is_given_up(self) -> None:
        """The key is free in seconds; what the plugin makes of it later is collected, and the new one stays."""

        async def main() -> None:
            plugin = MemorySnapshotter()
            async with one_snapshotter(plugin) as (_, core):
                store = core.snapshots("s")
                await core.change(lambda db: leases.create(db, NS, "l", {}))
                plugin.faults.append(Fault.LATE)
                await self.left(plugin, store.create(NS, None, Kind.ACTIVE, "k", "", {}))
                async with asyncio.timeout(5):
                    await store.create(NS, "l", Kind.ACTIVE, "k", "", {})
                await core.collect()
                await plugin.end_late_ones()
                assert len(plugin.held) == 2
                await asyncio.sleep(0.3)
                await core.collect()
                assert len(plugin.held) == 1
                assert (await store.stat(NS, "k")).kind is Kind.ACTIVE

        asyncio.run(main())

    def test_a_commit_for_which_nobody_waits_is_asked_for_again(self) -> None:
        """It can't be taken back: the first one may still be carried out. Each time has more patience."""

        async def main() -> None:
            plugin = MemorySnapshotter()
            async with one_snapshotter(plugin) as (_, core):
                store = core.snapshots("s")
                await store.create(NS, None, Kind.ACTIVE, "k", "", {})
                plugin.faults += [Fault.LATE, Fault.LATE]
                await self.left(plugin, store.commit(NS, None, "name", "k", {}, ""))
                async with asyncio.timeout(10):
                    assert (await store.stat(NS, "name")).kind is Kind.COMMITTED
                assert plugin.calls == 4
                await plugin.end_late_ones()
                assert (await store.stat(NS, "name")).kind is Kind.COMMITTED
                with pytest.raises(NotFound):
                    await store.stat(NS, "k")

        asyncio.run(main())

    def test_who_waits_waits(self) -> None:
        """A copy takes its time; who wants the key meanwhile is told to come again."""

        async def main() -> None:
            plugin = MemorySnapshotter()
            async with one_snapshotter(plugin) as (_, core):
                plugin.faults.append(Fault.STOPS_BEFORE)
                made = asyncio.ensure_future(core.snapshots("s").create(NS, None, Kind.ACTIVE, "k", "", {}))
                await asyncio.sleep(1)
                assert not made.done()
                plugin.go.set()
                assert await made

        asyncio.run(main())

    def test_one_that_hangs_keeps_no_other_in_doubt(self) -> None:
        """Each is looked after by itself."""

        async def main() -> None:
            plugin = MemorySnapshotter()
            async with one_snapshotter(plugin) as (_, core):
                store = core.snapshots("s")
                for key in ("a", "b"):
                    await store.create(NS, None, Kind.ACTIVE, key, "", {})
                # Asked for again, the first one hangs again, with somebody who does not wait.
                plugin.faults += [Fault.LATE, *[Fault.HANGS] * 2]
                await self.left(plugin, store.commit(NS, None, "A", "a", {}, ""))
                await asyncio.sleep(0.5)
                plugin.faults.clear()
                plugin.faults.append(Fault.CUT_BEFORE)
                async with asyncio.timeout(2):
                    await store.commit(NS, None, "B", "b", {}, "")
                    assert (await store.stat(NS, "B")).kind is Kind.COMMITTED

        asyncio.run(main())
