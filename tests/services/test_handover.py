"""A root is handed over while calls come: by every order of failure one of the two has it in the end, and no call fails but for those of one that hangs."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import cast
from unittest.mock import Mock

import pytest
from argosy.errors import Aborted, ArgosyError, FailedPrecondition, InvalidArgument, NotFound, ResourceExhausted, Unavailable
from argosy_gateway import handover, swaps
from argosy_gateway.core import Core
from argosy_gateway.metadata import plugins as rows
from argosy_gateway.plugins import instances
from argosy_gateway.plugins.plugin import State
from argosy_gateway.registration import Registration
from argosy_gateway.swaps import Canary

from tests.harness.gateways import Gateway, serving
from tests.harness.plugins import Fault, MemorySnapshotter
from tests.harness.twins import DIES, HANGS, REFUSES, Twin, twins
from tests.services.test_plugin_registry import a_snapshotter, until, used


@pytest.fixture(autouse=True)
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody has long to answer."""
    for room, name, seconds in (
        (handover, "QUIET_S", 1.0), (handover, "RELEASE_S", 0.1), (handover, "_BACK_S", 0.1), (handover, "_AGAIN_S", 0.05),
        (instances, "CLAIM_S", 0.3), (instances, "_CLOSE_S", 0.2), (instances, "ASK_S", 0.3),
    ):  # fmt: skip
        monkeypatch.setattr(room, name, seconds)


@asynccontextmanager
async def two(base: Path, patch: pytest.MonkeyPatch) -> AsyncIterator[tuple[Gateway, Registration, Twin, Twin]]:
    """A gateway with a plugin "s" that the first of two serves, and that has a snapshot "first"."""
    async with twins(base, patch, "old", "new") as (old, new):
        gateway = Gateway(base, {})
        core = await gateway.start()
        core.start_loops()
        registration = Registration(core)
        await registration.add("s", a_snapshotter(base, "old"))
        await used(core, "first", lease=True)
        try:
            yield gateway, registration, old, new
        finally:
            old.go.set()
            new.go.set()
            await gateway.stop()


def holders(*all: Twin) -> list[str]:
    return [twin.path.stem for twin in all if twin.has_lock]


async def works(core: Core, key: str) -> None:
    """Wait until a plugin takes calls, and make one."""
    plugin = core.registry.named("s")
    await until(lambda: plugin.state is State.READY and not plugin.is_held)
    await used(core, key, lease=True)


class TestInOrder:
    """Nobody dies."""

    def test_calls_wait_and_none_fails(self, short_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """To and fro ten times under load: one has the root at each time, and the way back takes less than a second."""

        async def main() -> None:
            async with two(short_path, monkeypatch) as (gateway, registration, old, new):
                core, done = gateway.core, asyncio.Event()

                async def storm(n: int) -> int:
                    made = 0
                    while not done.is_set():
                        await used(core, f"k{n}-{made}", lease=True)
                        made += 1
                    return made

                storming = [asyncio.ensure_future(storm(n)) for n in range(5)]
                await asyncio.sleep(0.05)
                plugin = await registration.swap("s", str(short_path / "new.sock"))
                assert plugin.generation == 2 and plugin.config.address == str(short_path / "new.sock")
                for n in range(10):
                    assert (old.has_lock, new.has_lock) == (n % 2 == 1, n % 2 == 0)
                    before = (old.snapshotter.calls, new.snapshotter.calls)
                    await asyncio.sleep(0.05)
                    assert (old.snapshotter.calls > before[0], new.snapshotter.calls > before[1]) == (n % 2 == 1, n % 2 == 0)
                    began = time.monotonic()
                    await registration.rollback("s")
                    assert time.monotonic() - began < 5
                done.set()
                assert all([await one for one in storming])
                assert rows.hand_overs(core.db.reader) == [] and plugin.last_error == ""
                assert len(core.registry._channels) == 1

        asyncio.run(main())

    def test_a_call_in_flight_ends_before_and_one_that_does_not_keeps_the_old_one(
        self, short_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        async def main() -> None:
            async with two(short_path, monkeypatch) as (gateway, registration, old, new):
                core = gateway.core
                for patience, ends in ((0.1, False), (5.0, True)):
                    monkeypatch.setattr(handover, "QUIET_S", patience)
                    old.snapshotter.faults.append(Fault.STOPS_AFTER)
                    slow = asyncio.ensure_future(used(core, f"slow {ends}", lease=True))
                    await old.snapshotter.reached.wait()
                    swapping = asyncio.ensure_future(registration.swap("s", str(short_path / "new.sock")))
                    await asyncio.sleep(0.02)
                    waiting = asyncio.ensure_future(used(core, f"waits {ends}", lease=True))
                    await asyncio.sleep(0.02)
                    assert not waiting.done() and not slow.done()
                    if not ends:
                        with pytest.raises(Unavailable, match="has 1 calls or open streams after 0.1 s; it serves on"):
                            await swapping
                        assert old.has_lock and not new.has_lock
                        await waiting
                    old.snapshotter.go.set()
                    await slow
                    old.snapshotter.go.clear()
                    old.snapshotter.reached.clear()
                    if ends:
                        await swapping
                        await waiting
                        assert new.has_lock and not old.has_lock
                        assert any(key.endswith("/waits True") for key in new.snapshotter.held)

        asyncio.run(main())

    def test_one_that_stands_by_is_claimed_when_it_is_added(self, short_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """And again when its process is another that stands by."""

        async def main() -> None:
            async with twins(short_path, monkeypatch, "old", "new") as (old, new):
                gateway = Gateway(short_path, {})
                core = await gateway.start()
                await old.close()
                await Registration(core).add("s", a_snapshotter(short_path, "new"))
                assert new.has_lock
                await used(core, "k", lease=True)
                await gateway.stop()

        asyncio.run(main())

    def test_who_is_of_another_type_or_lacks_something_changes_nothing(
        self, short_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        async def main() -> None:
            async with two(short_path, monkeypatch) as (gateway, registration, old, new):
                new._type = "diff"
                with pytest.raises(InvalidArgument, match="would serve diff; give the socket of one that serves snapshot"):
                    await registration.swap("s", str(short_path / "new.sock"))
                new._type, new._root = "snapshot", short_path / "another"
                # Also when all that there is is being changed, and nothing could be looked for.
                with pytest.raises(
                    FailedPrecondition, match=r"would have the root .*/another, and the one before has .*/kept"
                ):
                    await registration.swap("s", str(short_path / "new.sock"))
                (short_path / "link").symlink_to(short_path / "kept")
                new._root = short_path / "link"
                new.snapshotter.held = {}
                with pytest.raises(FailedPrecondition, match="give the new one the same data"):
                    await registration.swap("s", str(short_path / "new.sock"))
                assert old.has_lock and not new.has_lock
                await works(gateway.core, "k")
                # One that knows no hand-over is swapped as ever.
                stock = MemorySnapshotter(held=old.snapshotter.held)
                async with serving(short_path / "stock.sock", stock):
                    await registration.swap("s", str(short_path / "stock.sock"))
                    await works(gateway.core, "l")
                    assert stock.calls == 1 and old.has_lock

        asyncio.run(main())


class TestFailures:
    """The table in ``argosy_gateway.handover``, line by line."""

    @pytest.mark.parametrize("step", ["release", "closing", "released"])
    def test_an_old_one_that_dies_is_replaced(self, step: str, short_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        async def main() -> None:
            async with two(short_path, monkeypatch) as (gateway, registration, old, new):
                old.fault = (step, DIES)
                await registration.swap("s", str(short_path / "new.sock"))
                assert new.has_lock
                await works(gateway.core, "k")
                with pytest.raises((Unavailable, NotFound), match=r"nobody listens|no such socket"):
                    await registration.rollback("s")
                await works(gateway.core, "l")

        asyncio.run(main())

    def test_one_that_is_dead_already_is_replaced(self, short_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        async def main() -> None:
            async with two(short_path, monkeypatch) as (gateway, registration, old, new):
                old.die()
                await until(lambda: gateway.core.registry.named("s").condition is State.DEGRADED)
                await registration.swap("s", str(short_path / "new.sock"))
                assert new.has_lock
                await works(gateway.core, "k")

        asyncio.run(main())

    @pytest.mark.parametrize(
        ("step", "what"), [("release", HANGS), ("release", REFUSES), ("closing", HANGS), ("released", HANGS)]
    )
    def test_an_old_one_that_hangs_or_refuses_serves_again(
        self, step: str, what: str, short_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """As soon as it answers."""

        async def main() -> None:
            async with two(short_path, monkeypatch) as (gateway, registration, old, new):
                old.fault = (step, what)
                waiting = asyncio.ensure_future(used(gateway.core, "waits", lease=True))
                with pytest.raises(ArgosyError):
                    await registration.swap("s", str(short_path / "new.sock"))
                await waiting if step != "closing" else asyncio.gather(waiting, return_exceptions=True)
                if step == "closing":
                    plugin = gateway.core.registry.named("s")
                    assert plugin.state is State.DEGRADED and "old" in plugin.why()
                    old.go.set()
                await works(gateway.core, "k")
                assert holders(old, new) == ["old"]
                await until(lambda: rows.hand_overs(gateway.core.db.reader) == [])
                old.go.set()
                await registration.swap("s", str(short_path / "new.sock"))
                assert holders(old, new) == ["new"]

        asyncio.run(main())

    @pytest.mark.parametrize("what", [DIES, HANGS, REFUSES])
    @pytest.mark.parametrize("step", ["claim", "opening", "claimed"])
    def test_a_new_one_that_fails_gives_the_root_back(
        self, step: str, what: str, short_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """One that hangs with the lock keeps it until it goes on: the plugin says who has it."""

        async def main() -> None:
            async with two(short_path, monkeypatch) as (gateway, registration, old, new):
                new.fault = (step, what)
                with pytest.raises(ArgosyError):
                    await registration.swap("s", str(short_path / "new.sock"))
                plugin = gateway.core.registry.named("s")
                if (step, what) == ("opening", HANGS):
                    assert plugin.state is State.DEGRADED and "is in use by new pid" in plugin.why()
                    with pytest.raises(Unavailable, match="is in use by new pid"):
                        await used(gateway.core, "refused", lease=True)
                    new.go.set()
                await works(gateway.core, "k")
                assert old.has_lock and not new.has_lock and plugin.generation == 1
                await until(lambda: rows.hand_overs(gateway.core.db.reader) == [])

        asyncio.run(main())

    @pytest.mark.parametrize(
        ("who", "step"), [("old", "release"), ("old", "closing"), ("old", "released"), ("new", "claim"), ("new", "opening"), ("new", "claimed")]
    )  # fmt: skip
    def test_a_gateway_that_dies_gives_the_root_back_at_its_next_start(
        self, who: str, step: str, short_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Calls that come meanwhile wait."""

        async def main() -> None:
            async with two(short_path, monkeypatch) as (gateway, registration, old, new):
                stuck = old if who == "old" else new
                stuck.fault = (step, HANGS)
                swapping = asyncio.ensure_future(registration.swap("s", str(short_path / "new.sock")))
                await stuck.reached.wait()
                swapping.cancel()
                await gateway.kill()
                await asyncio.wait([swapping])
                core = await gateway.start()
                Registration(core).take_up()
                core.start_loops()
                stuck.go.set()
                assert core.registry.named("s").is_held
                await works(core, "k")
                assert old.has_lock and not new.has_lock
                assert core.registry.named("s").config.address == str(short_path / "old.sock")
                await until(lambda: rows.hand_overs(core.db.reader) == [])

        asyncio.run(main())

    def test_a_full_disk_does_not_hide_why_and_the_old_one_serves(
        self, short_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def full(*_: object, **__: object) -> None:
            raise ResourceExhausted("the disk is full")

        async def main() -> None:
            async with two(short_path, monkeypatch) as (gateway, registration, old, new):
                new.fault = ("claim", REFUSES)
                with monkeypatch.context() as patch:
                    patch.setattr(rows, "end_hand_over", full)
                    with pytest.raises(ArgosyError) as caught:
                        await registration.swap("s", str(short_path / "new.sock"))
                    assert "the disk is full" not in caught.value.message
                    assert holders(old, new) == ["old"]
                    await works(gateway.core, "k")
                assert registration._core.registry.named("s").state is State.READY

        asyncio.run(main())

    def test_two_swaps_at_once_are_one(self, short_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        async def main() -> None:
            async with two(short_path, monkeypatch) as (gateway, registration, old, new):
                old.fault = ("release", HANGS)
                first = asyncio.ensure_future(registration.swap("s", str(short_path / "new.sock")))
                await old.reached.wait()
                with pytest.raises(Unavailable, match="is being swapped already"):
                    await registration.swap("s", str(short_path / "new.sock"))
                old.go.set()
                await first
                await works(gateway.core, "k")
                assert new.has_lock

        asyncio.run(main())


class TestKept:
    """The process before is kept for a while, and another one may be at its socket after that."""

    @pytest.mark.parametrize(("passed", "ended"), [(True, []), (False, ["/a"])])
    def test_who_came_to_its_socket_later_is_not_ended(
        self, passed: bool, ended: list[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(swaps, "_KEPT_LOOK_S", 0.05)
        told: list[str] = []
        plugin = Mock(state=State.READY, config=SimpleNamespace(address="/c"))

        async def main() -> None:
            it = swaps.Swaps(cast("Core", SimpleNamespace(programs=SimpleNamespace(end=told.append))), Mock())
            kept = it._kept[plugin] = swaps._Kept("/a")
            watching = asyncio.ensure_future(it._end_later(plugin, kept, 0.1))
            await asyncio.sleep(0)
            if passed:  # the next swap has ended it, and the one after that may have its socket
                it._kept[plugin] = swaps._Kept("/b")
            await watching
            assert told == ended

        asyncio.run(main())


class TestCanary:
    """A new one that does badly is gone back from by itself."""

    def test_one_that_fails_calls_or_dies_is_left_and_one_that_does_well_is_kept(
        self, short_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A no to a caller is no failure; some failures may be allowed."""

        async def main() -> None:
            async with two(short_path, monkeypatch) as (gateway, registration, old, new):
                core, at = gateway.core, str(short_path / "new.sock")
                plugin = core.registry.named("s")

                async def swapped(seconds: float, rate: float, faults: list[Fault]) -> None:
                    swapping = asyncio.ensure_future(
                        registration.swap("s", at, canary=Canary(seconds=seconds, max_error_rate=rate))
                    )
                    await until(lambda: plugin.generation % 2 == 0 and not plugin.is_held)
                    for n, fault in enumerate(faults):
                        new.snapshotter.faults.append(fault)
                        with contextlib.suppress(ArgosyError):
                            await used(core, f"{plugin.generation}-{n}", lease=True)
                    await swapping

                with pytest.raises(Aborted, match=r"is served by the one before again, after .* 1 of [0-9]+ calls failed"):
                    await swapped(20.0, 0.1, [Fault.CUT_BEFORE])
                assert old.has_lock and plugin.config.address == str(short_path / "old.sock")
                await works(core, "k")
                await swapped(0.5, 0.1, [*[Fault.REFUSED] * 3, *[Fault.NONE] * 20, Fault.CUT_BEFORE])
                assert new.has_lock
                await registration.rollback("s")
                swapping = asyncio.ensure_future(registration.swap("s", at, canary=Canary(seconds=20.0)))
                await until(lambda: plugin.generation % 2 == 0 and not plugin.is_held)
                await used(core, "l", lease=True)
                new.die()
                with pytest.raises(Aborted, match="is served by the one before again"):
                    await swapping
                await works(core, "m")
                assert old.has_lock
                for seconds, rate in ((0.0, 0.1), (1.0, 1.1), (-1.0, 0.0)):
                    with pytest.raises(InvalidArgument):
                        Canary(seconds=seconds, max_error_rate=rate)

        asyncio.run(main())
