"""Plugins that do as they are told: a snapshotter in memory whose next call can be cut, refused or left hanging."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections import deque
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path

from argosy.errors import ArgosyError, FailedPrecondition, NotFound, ResourceExhausted, Unavailable
from argosy.plugin.snapshots import rules
from argosy.rpc.server import Server
from argosy_protos.containerd.services.snapshots import v1 as p
from argosy_protos.containerd.types import Mount
from argosy_protos.google.protobuf import Empty


class Fault(Enum):
    """What goes wrong with a call that changes something."""

    NONE = "none"
    CUT_BEFORE = "it is not done, and the call breaks off"
    CUT_AFTER = "it is done, and the call breaks off"
    REFUSED = "it is not done, and said so"
    FULL = "it is not done, for there is no room"
    HANGS = "it is not done, and never answered"
    STOPS_BEFORE = "it is not done until ``go``"
    STOPS_AFTER = "it is done, and answered after ``go``"
    SILENT_AFTER = "it is done, and never answered"
    LATE = "it is done after ``late``, whatever became of the call, and never answered"


@dataclass
class Held:
    """One snapshot."""

    kind: p.Kind
    parent: str
    labels: dict[str, str]


@dataclass
class MemorySnapshotter(p.SnapshotsBase):
    """Snapshots without bytes. What is asked for next fails as ``faults`` says, one entry a change."""

    held: dict[str, Held] = field(default_factory=dict)
    faults: deque[Fault] = field(default_factory=deque)
    mounts_said: list[Mount] = field(default_factory=lambda: [Mount(type="tmpfs", source="none", options=["ro"])])
    calls: int = 0
    reached: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when a call stopped where its fault says."""
    go: asyncio.Event = field(default_factory=asyncio.Event)
    extra: list[p.Info] = field(default_factory=list)
    """What it lists beside what it holds."""
    late: asyncio.Event = field(default_factory=asyncio.Event)
    late_ones: list[asyncio.Task[None]] = field(default_factory=list)

    async def _change_late(self, change: Callable[[], None]) -> None:
        await self.late.wait()
        with contextlib.suppress(ArgosyError):  # it may not be possible any more
            change()

    async def end_late_ones(self) -> None:
        """Have everything carried out that is late."""
        self.late.set()
        await asyncio.gather(*self.late_ones)
        self.late_ones.clear()
        self.late.clear()

    async def _change(self, change: Callable[[], None]) -> None:
        self.calls += 1
        fault = self.faults.popleft() if self.faults else Fault.NONE
        if fault is Fault.HANGS:
            await asyncio.Event().wait()
        if fault is Fault.REFUSED:
            raise FailedPrecondition("not today")
        if fault is Fault.FULL:
            raise ResourceExhausted("no space left on device")
        if fault is Fault.CUT_BEFORE:
            raise Unavailable("cut before")
        if fault is Fault.STOPS_BEFORE:
            self.reached.set()
            await self.go.wait()
        if fault is Fault.LATE:
            self.late_ones.append(asyncio.create_task(self._change_late(change)))
            self.reached.set()
            await asyncio.Event().wait()
        change()
        if fault is Fault.SILENT_AFTER:
            self.reached.set()
            await asyncio.Event().wait()
        if fault is Fault.STOPS_AFTER:
            self.reached.set()
            await self.go.wait()
        if fault is Fault.CUT_AFTER:
            raise Unavailable("cut after")

    async def prepare(self, request: p.PrepareSnapshotRequest) -> p.PrepareSnapshotResponse:
        await self._change(lambda: self._make(request.key, request.parent, p.Kind.ACTIVE, request.labels))
        return p.PrepareSnapshotResponse(mounts=self.mounts_said)

    async def view(self, request: p.ViewSnapshotRequest) -> p.ViewSnapshotResponse:
        await self._change(lambda: self._make(request.key, request.parent, p.Kind.VIEW, request.labels))
        return p.ViewSnapshotResponse(mounts=self.mounts_said)

    def _make(self, key: str, parent: str, kind: p.Kind, labels: dict[str, str]) -> None:
        if key in self.held:
            raise rules.taken(key)
        if parent and parent not in self.held:
            raise rules.missing_parent(parent)
        self.held[key] = Held(kind, parent, dict(labels))

    async def commit(self, request: p.CommitSnapshotRequest) -> Empty:
        def change() -> None:
            if request.name in self.held:
                raise rules.taken(request.name)
            if request.key not in self.held:
                raise rules.missing(request.key)
            was = self.held.pop(request.key)
            self.held[request.name] = Held(p.Kind.COMMITTED, request.parent or was.parent, dict(request.labels))

        await self._change(change)
        return Empty()

    async def remove(self, request: p.RemoveSnapshotRequest) -> Empty:
        if request.key not in self.held:
            raise rules.missing(request.key)
        if any(h.parent == request.key for h in self.held.values()):
            raise rules.has_children()
        del self.held[request.key]
        return Empty()

    def _info(self, name: str) -> p.Info:
        held = self.held.get(name)
        if held is None:
            raise NotFound(f"snapshot {name} does not exist")
        return p.Info(name=name, parent=held.parent, kind=held.kind, labels=held.labels)

    async def stat(self, request: p.StatSnapshotRequest) -> p.StatSnapshotResponse:
        return p.StatSnapshotResponse(info=self._info(request.key))

    async def mounts(self, request: p.MountsRequest) -> p.MountsResponse:
        self._info(request.key)
        return p.MountsResponse(mounts=self.mounts_said)

    async def usage(self, request: p.UsageRequest) -> p.UsageResponse:
        self._info(request.key)
        return p.UsageResponse()

    async def list(self, request: p.ListSnapshotsRequest) -> AsyncIterator[p.ListSnapshotsResponse]:
        yield p.ListSnapshotsResponse(info=[*(self._info(name) for name in list(self.held)), *self.extra])

    async def cleanup(self, request: p.CleanupRequest) -> Empty:
        return Empty()


class ByName(MemorySnapshotter):
    """The first change of each key fails as a fault's name in the key says: ``a LATE``."""

    def __init__(self) -> None:
        super().__init__()
        self._seen: set[str] = set()

    def _fail(self, key: str) -> None:
        name, _, word = key.split("/", 2)[-1].rpartition(" ")  # a gateway puts a number before it
        if word in Fault.__members__ and name not in self._seen:
            self._seen.add(name)
            self.faults.append(Fault[word])

    async def prepare(self, request: p.PrepareSnapshotRequest) -> p.PrepareSnapshotResponse:
        self._fail(request.key)
        return await super().prepare(request)

    async def commit(self, request: p.CommitSnapshotRequest) -> Empty:
        self._fail(request.name)
        return await super().commit(request)


async def _serve(path: str) -> None:
    server = Server([ByName()])
    await server.listen_unix(Path(path))
    await asyncio.Event().wait()


if __name__ == "__main__":
    # python -m tests.harness.plugins SOCKET
    asyncio.run(_serve(sys.argv[1]))
