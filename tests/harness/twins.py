"""Two processes that can serve the same data, in this loop: each dies, hangs or refuses at the step of a hand-over that it is told."""

from __future__ import annotations

import asyncio
import fcntl
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from argosy import instance as room
from argosy import roots
from argosy.about import About
from argosy.errors import FailedPrecondition
from argosy.instance import Instance
from argosy.rpc.server import Server
from argosy_protos.argosy.instance.v1 import ClaimRequest, ClaimResponse, ReleaseRequest, ReleaseResponse

from tests.harness.plugins import Held, MemorySnapshotter

DIES, HANGS, REFUSES = "dies", "hangs", "refuses"


class Twin(Instance):
    """A snapshotter in memory with a root. fault is a step and what happens at it: claim, opening, claimed, release, closing, released."""

    def __init__(self, path: Path, root: Path, held: dict[str, Held]) -> None:
        self.path, self.snapshotter = path, MemorySnapshotter(held=held)
        self.server = Server()
        super().__init__(path.stem, "snapshot", self.server, root, self._open_memory)
        self.fault = ("", "")
        self.reached, self.go = asyncio.Event(), asyncio.Event()
        self.is_dead = False
        self.fd = -1
        self.opened = 0

    @asynccontextmanager
    async def _open_memory(self, root: Path | None) -> AsyncIterator[list[Any]]:
        await self._step("opening")
        self.opened += 1
        try:
            yield [self.snapshotter]
        finally:
            await self._step("closing")

    async def claim(self, request: ClaimRequest) -> ClaimResponse:
        await self._step("claim")
        answer = await super().claim(request)
        await self._step("claimed")
        return answer

    async def release(self, request: ReleaseRequest) -> ReleaseResponse:
        await self._step("release")
        answer = await super().release(request)
        await self._step("released")
        return answer

    async def _step(self, name: str) -> None:
        step, what = self.fault
        if step != name:
            return
        self.fault = ("", "")
        self.reached.set()
        if what == REFUSES:
            raise FailedPrecondition("not today")
        if what == DIES:
            self.die()
            await self.go.wait()
        left = None
        while not self.go.is_set():
            try:
                await self.go.wait()
            except asyncio.CancelledError as cancelled:
                left = cancelled  # who is stopped does not hear of it before it goes on
        if left is not None:
            raise left

    def die(self) -> None:
        """End as by SIGKILL, as far as others see it."""
        self.is_dead = True
        for listener, *_ in self.server._listeners:
            listener.close()
        for connection in list(self.server.connections):
            connection.transport.abort()
        if self.fd >= 0:
            fcntl.flock(self.fd, fcntl.LOCK_UN)

    @property
    def has_lock(self) -> bool:
        """Whether this one has the root, as the kernel sees it."""
        return not self.is_dead and self.phase.value != "standby"


@asynccontextmanager
async def twins(base: Path, patch: pytest.MonkeyPatch, *names: str) -> AsyncIterator[list[Twin]]:
    """Twins at ``<base>/<name>.sock``, on one root: the first one serves, the others stand by."""
    held: dict[str, Held] = {}
    made = [Twin(base / f"{name}.sock", base / "kept", held) for name in names]
    lock = roots.lock_root

    def locked(root: Path, name: str) -> int:
        fd = lock(root, name)
        next(twin for twin in made if twin.path.stem == name).fd = fd
        return fd

    patch.setattr(room, "lock_root", locked)
    async with AsyncExitStack() as stack:
        for twin in made:
            About(twin.path.stem, twin.server, root=base / "kept").add()
            twin.add()
            await twin.server.listen_unix(twin.path)
            stack.push_async_callback(twin.close)
            stack.push_async_callback(twin.server.close, 0.0)
            stack.callback(twin.go.set)
        await made[0].begin()
        yield made
