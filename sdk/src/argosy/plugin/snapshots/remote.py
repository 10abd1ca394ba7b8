"""A snapshotter that another process serves: to call it, or to be one that wraps it.

Every call goes through ``call``; who overrides that sees all of them, and who overrides a method changes that one.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from argosy_protos.containerd.services.snapshots import v1 as p
from argosy_protos.google.protobuf import FieldMask

from argosy.errors import Internal
from argosy.filters import Filter
from argosy.mounts import Mount
from argosy.plugin.snapshots.rules import Info, Usage
from argosy.plugin.snapshots.servicer import info_from_wire, info_to_wire
from argosy.plugin.snapshots.tree import Snapshotter
from argosy.rpc.channel import NO_DEADLINE, Channel
from argosy.rpc.context import current

Q = TypeVar("Q")
A = TypeVar("A")


class RemoteSnapshotter(Snapshotter):
    """The snapshotter at a socket, called for whoever calls us: with their namespace, lease and deadline.

    A plugin holds snapshots for one owner, which removes those that it does not know: let nobody else use what is wrapped.
    Errors are the peer's, and Unavailable. Cancellation: the peer's call is cancelled, too.
    """

    def __init__(self, address: Path | str, name: str = "") -> None:
        """name is which of a daemon's snapshotters is meant, where it is a daemon's socket; a plugin has one only."""
        self._channel = Channel(address, name="the snapshotter")
        self._name = name

    async def close(self) -> None:
        self._channel.close()

    async def call(self, method: Callable[[Q], Awaitable[A]], request: Q) -> A:
        """Make one call; method is the peer's."""
        return await method(request)

    def _method(self, name: str) -> Callable[[Any], Awaitable[Any]]:
        caller = current()
        # The first value of a header counts.
        stub = p.SnapshotsStub(self._channel.with_metadata(dict(reversed(caller.forwarded()))))
        left = caller.timeout()
        if name == "list":

            async def listed(request: Any) -> list[Info]:
                return [info_from_wire(info) async for part in stub.list(request, timeout=left) for info in part.info]

            return listed

        async def ask(request: Any) -> Any:
            return await getattr(stub, name)(request, timeout=NO_DEADLINE if left is None else left)

        return ask

    async def prepare(self, key: str, parent: str, labels: Mapping[str, str]) -> Sequence[Mount]:
        request = p.PrepareSnapshotRequest(snapshotter=self._name, key=key, parent=parent, labels=dict(labels))
        return _mounts(await self.call(self._method("prepare"), request))

    async def view(self, key: str, parent: str, labels: Mapping[str, str]) -> Sequence[Mount]:
        request = p.ViewSnapshotRequest(snapshotter=self._name, key=key, parent=parent, labels=dict(labels))
        return _mounts(await self.call(self._method("view"), request))

    async def mounts(self, key: str) -> Sequence[Mount]:
        return _mounts(await self.call(self._method("mounts"), p.MountsRequest(snapshotter=self._name, key=key)))

    async def commit(self, name: str, key: str, labels: Mapping[str, str], parent: str) -> None:
        request = p.CommitSnapshotRequest(snapshotter=self._name, name=name, key=key, labels=dict(labels), parent=parent)
        await self.call(self._method("commit"), request)

    async def remove(self, key: str) -> None:
        await self.call(self._method("remove"), p.RemoveSnapshotRequest(snapshotter=self._name, key=key))

    async def stat(self, key: str) -> Info:
        answer = await self.call(self._method("stat"), p.StatSnapshotRequest(snapshotter=self._name, key=key))
        return self._info(answer.info, "Stat")

    async def update(self, info: Info, paths: Sequence[str]) -> Info:
        mask = FieldMask(paths=list(paths)) if paths else None
        request = p.UpdateSnapshotRequest(snapshotter=self._name, info=info_to_wire(info), update_mask=mask)
        return self._info((await self.call(self._method("update"), request)).info, "Update")

    def _info(self, info: p.Info | None, method: str) -> Info:
        if info is None:
            raise Internal(f"{self._channel.name} answered {method} without a snapshot")
        return info_from_wire(info)

    async def walk(self, filter: Filter) -> AsyncIterator[Info]:
        for info in await self.call(self._method("list"), p.ListSnapshotsRequest(snapshotter=self._name)):
            if filter.matches(info.lookup):
                yield info

    async def usage(self, key: str) -> Usage:
        answer = await self.call(self._method("usage"), p.UsageRequest(snapshotter=self._name, key=key))
        return Usage(answer.size, answer.inodes)

    async def cleanup(self) -> None:
        await self.call(self._method("cleanup"), p.CleanupRequest(snapshotter=self._name))


def _mounts(answer: Any) -> list[Mount]:
    return [Mount.from_wire(mount) for mount in answer.mounts]
