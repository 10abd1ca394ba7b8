"""Everything that may end a copy in a container, in any order and at once: the shim lives, keeps nothing, and says the container's right status.

A few of the orders each time, many more with ``./run storm tests/shims/test_copies_orders.py``.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import shutil
import signal
import tempfile
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import pytest
from argosy.errors import ArgosyError, NotFound
from argosy.shim import lifecycle
from argosy_protos.containerd.task import v2 as api
from argosy_protos.containerd.types import transfer as p

from tests.harness.shims import Alone, Peer, alone, children, comm, one_file, peer

pytestmark = [pytest.mark.root]

# What happens to one container; each once.
EVENTS: Final = (
    "a copy begins",
    "its process ends",
    "its client goes",
    "the container exits",
    "Delete",
    "Shutdown",
    "sleep",
)
ORDERS: Final = tuple(itertools.permutations(EVENTS))
# Seconds between two events: at once, before a copy's process has begun to copy, while it copies.
_BETWEEN_S: Final = (0.0, 0.002, 0.02, 0.1)
# A shim that may sleep does so after half of that, or a little later.
_SLEEP_S: Final = 0.1
_SOON_S: Final = 30.0


class Story:
    """One order, with one container of a shim."""

    def __init__(self, shim: Alone, control: Peer, other: Peer, number: int) -> None:
        self._shim, self._control, self._other = shim, control, other
        self._writes = bool(number % 2)
        self._between_s = _BETWEEN_S[number // 2 % len(_BETWEEN_S)]
        self._calls: list[asyncio.Task[Any]] = []
        self._killed = False
        self._deleted: asyncio.Task[Any] | None = None
        self._events: dict[str, Callable[[], Awaitable[None] | None]] = {
            "a copy begins": self._begins, "its process ends": self._process_ends, "its client goes": self._client_goes,
            "the container exits": self._exits, "Delete": self._delete, "Shutdown": self._shutdown, "sleep": self._sleeps,
        }  # fmt: skip

    async def run(self, order: tuple[str, ...]) -> None:
        self._pid = await self._shim.run(self._control)
        for event in order:
            done = self._events[event]()
            if done is not None:
                await done
            await asyncio.sleep(self._between_s)

    def _call(self, work: Awaitable[Any]) -> asyncio.Task[Any]:
        call = asyncio.ensure_future(work)
        self._calls.append(call)
        return call

    def _begins(self) -> None:
        self._call(self._copy())

    async def _copy(self) -> None:
        client = self._other
        stream = await client.open()
        if self._writes:
            asked = self._call(client.transfer(p.ReadStream(stream=stream.id), client.path("/tmp")))
            await stream.receive()
            await stream.give(one_file("written", b"x")[:700])
        else:
            asked = self._call(client.transfer(client.path("/big"), p.WriteStream(stream=stream.id)))
            await stream.grant(100)
            await stream.receive()
        # The rest, for those orders in which nothing ends it before.
        await asyncio.sleep(0.05)
        if self._writes:
            await stream.give(one_file("written", b"x")[700:])
            await stream.stream.close_send()
        else:
            while await stream.receive() is not None:
                await stream.grant(32 << 10)
        await asked

    def _process_ends(self) -> None:
        for pid in self._shim.copiers():
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def _client_goes(self) -> None:
        self._other.shim.close()

    def _exits(self) -> None:
        self._killed = True
        with suppress(ProcessLookupError):
            os.kill(self._pid, signal.SIGKILL)

    def _delete(self) -> None:
        request = api.DeleteRequest(id=self._control.container)
        self._deleted = self._call(self._control.task("Delete", request, api.DeleteResponse))

    def _shutdown(self) -> None:
        self._call(self._control.task("Shutdown", api.ShutdownRequest(id=self._control.container)))

    async def _sleeps(self) -> None:
        await asyncio.sleep(_SLEEP_S)

    def has_deleted(self) -> bool:
        """Whether a Delete was answered, and well."""
        return self._deleted is not None and self._deleted.done() and self._deleted.exception() is None

    async def judged(self) -> None:
        """See that everything was answered, and the container is what it should be. Raises AssertionError."""
        async with asyncio.timeout(_SOON_S):
            for call in self._calls:
                with suppress(ArgosyError):
                    await call
            gone = self.has_deleted()
            async with peer(self._shim.address, self._control.container) as fresh:
                if self._killed and not gone:
                    await fresh.task("Wait", api.WaitRequest(id=fresh.container), api.WaitResponse)
                try:
                    state = await fresh.task("State", api.StateRequest(id=fresh.container), api.StateResponse)
                except NotFound:
                    assert gone, "the container was forgotten"
                    return
                assert not gone, "it was deleted, and is there"
                assert int(state.status) == (lifecycle.STOPPED if self._killed else lifecycle.RUNNING)
                assert (int(state.exit_status) == 137) == self._killed
                await self._shim.remove(fresh)


async def all_of(shim: Alone, numbers: range, sleeps: bool) -> range:
    """Go through orders with one shim, as long as it is not told to shut down; return those that are left."""
    async with peer(shim.address, "stays") as stays:
        if sleeps:
            await shim.run(stays)  # it sleeps as long as it has a container
        before = shim.held() if not sleeps else {}
        for at, number in enumerate(numbers):
            order = ORDERS[number]
            what = f"order {number} ({', '.join(order)})"
            async with peer(shim.address) as control, peer(shim.address) as other:
                story = Story(shim, control, other, number)
                await story.run(order)
                await story_judged(story, shim, what)
            if shim.shim.poll() is not None:
                assert not sleeps and shim.shim.poll() == 0, f"{what}: the shim has died, {shim.shim.poll()}"
                assert story.has_deleted(), f"{what}: it has shut down with a container"
                assert shim.copiers() == [], what
                return numbers[at + 1 :]
            await settled(shim, before, sleeps, what)
            shutil.rmtree(shim.bundle("box"), ignore_errors=True)
    return numbers[:0]


async def story_judged(story: Story, shim: Alone, what: str) -> None:
    try:
        await story.judged()
    except ArgosyError as error:
        for _ in range(500):
            if shim.shim.poll() is not None:
                return  # it has shut down meanwhile
            await asyncio.sleep(0.01)
        raise AssertionError(f"{what}: the shim does not answer") from error
    except AssertionError as error:
        raise AssertionError(f"{what}: {error}") from error


async def settled(shim: Alone, before: dict[str, Any], sleeps: bool, what: str) -> None:
    """Wait until a shim has nothing of a copy any more; of one that sleeps, that it does. Raises AssertionError."""
    found: Any = None
    for _ in range(2000):
        found = shim.copiers()
        if not found:
            if not sleeps:
                found = {key: value for key, value in shim.held().items() if value != before[key]}
            else:
                found = shim.worker() or [child for child in map(comm, children(shim.shim.pid)) if child != "sleep"]
        if not found:
            return
        await asyncio.sleep(0.01)
    raise AssertionError(f"{what}: something stays: {found} (before: {before})")


def go_through(numbers: range, sleeps: bool) -> None:
    with tempfile.TemporaryDirectory(prefix="ay-", dir="/tmp") as base:
        os.chmod(base, 0o711)
        while numbers:
            with alone(Path(base), sleeps=sleeps) as shim:
                numbers = asyncio.run(all_of(shim, numbers, sleeps))


@pytest.mark.parametrize("sleeps", [False, True], ids=["one process", "with a keeper"])
def test_whatever_ends_first(sleeps: bool) -> None:
    go_through(range(11 if sleeps else 0, len(ORDERS), 719), sleeps)


@pytest.mark.storm
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("first", range(7))
@pytest.mark.parametrize("sleeps", [False, True], ids=["one process", "with a keeper"])
def test_whatever_ends_first_in_every_order(sleeps: bool, first: int) -> None:
    go_through(range(first, len(ORDERS), 7), sleeps)
