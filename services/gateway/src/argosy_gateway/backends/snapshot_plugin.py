"""Calls to a snapshotter plugin, and the checks of its answers. Names and keys here are the plugin's own."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from argosy import log
from argosy.errors import FailedPrecondition, InvalidArgument, NotFound, Unimplemented
from argosy.labels import SNAPSHOT_PREFIX, SNAPSHOT_REF, inherited
from argosy.mounts import Mount
from argosy.plugin.snapshots.rules import Info, Kind, Usage
from argosy.plugin.snapshots.servicer import info_from_wire, info_to_wire
from argosy_protos.containerd.services.snapshots import v1 as p
from argosy_protos.google.protobuf import FieldMask

from argosy_gateway.backends.listing import bounded, wrong
from argosy_gateway.backends.snapshot_mounts import MountChecks
from argosy_gateway.metadata.intercepts import plugin_of
from argosy_gateway.plugins.plugin import WORK_S, Claim, Plugin

logger = log.get("gateway.snapshots")

OWNER_LABEL: Final = SNAPSHOT_PREFIX + "argosy.owner"
"""On what is made in a plugin that can't be claimed: whose it is."""


class SnapshotPlugin:
    """The calls to one snapshotter plugin. Each raises the plugin's error, besides what it says."""

    def __init__(self, plugin: Plugin, us: tuple[str, Path], others: Sequence[Path]) -> None:
        """us is who claims the plugin: the gateway's uuid and its socket. others are directories that are not the plugin's."""
        self.plugin, self.name = plugin, plugin.name
        self.called = plugin_of(plugin.name)
        """What clients call it, and what it is told that it is called."""
        self._us, self.owner = us, us[0]
        self._mounts = MountChecks(plugin, others)
        self.kept: dict[str, int] = {}
        """Names of the plugin's that are about to be written into rows."""

    async def _down(self, labels: Mapping[str, str]) -> dict[str, str]:
        """Return the labels that the plugin gets to see."""
        down = inherited(labels)
        down.pop(OWNER_LABEL, None)
        if await self.plugin.whose(*self._us) is Claim.FOREIGN:
            down[OWNER_LABEL] = self.owner
        return down

    async def make(self, kind: Kind, backend: str, parent: str, labels: Mapping[str, str]) -> Sequence[Mount]:
        """Have the plugin make a snapshot; returns its mounts. Raises the plugin's error."""
        down = await self._down(labels)
        async with self.plugin.call(WORK_S) as channel:
            stub = p.SnapshotsStub(channel)
            if kind is Kind.ACTIVE:
                request: Any = p.PrepareSnapshotRequest(snapshotter=self.called, key=backend, parent=parent, labels=down)
                reply: Any = await stub.prepare(request)
            else:
                request = p.ViewSnapshotRequest(snapshotter=self.called, key=backend, parent=parent, labels=down)
                reply = await stub.view(request)
        return await self._mounts.checked(reply.mounts)

    async def seal(self, name: str, key: str, labels: Mapping[str, str], parent: str) -> None:
        """Have the plugin commit key to name. Raises the plugin's error."""
        down = await self._down(labels)
        async with self.plugin.call(WORK_S) as channel:
            await p.SnapshotsStub(channel).commit(
                p.CommitSnapshotRequest(snapshotter=self.called, name=name, key=key, labels=down, parent=parent)
            )

    async def find(self, name: str) -> Info | None:
        """Return a snapshot of the plugin's, None when it says that there is none. Raises the plugin's error."""
        try:
            return await self.stat(name)
        except NotFound:
            return None

    def is_strange(self, held: Info) -> bool:
        """Return whether a snapshot of the plugin's was made by another gateway, as its label says."""
        return held.labels.get(OWNER_LABEL, self.owner) != self.owner

    async def mounts_of(self, name: str) -> Sequence[Mount]:
        """Return the mounts of a snapshot of the plugin's. Raises the plugin's error, FailedPrecondition."""
        async with self.plugin.call() as channel:
            reply = await p.SnapshotsStub(channel).mounts(p.MountsRequest(snapshotter=self.called, key=name))
        return await self._mounts.checked(reply.mounts)

    async def stat(self, name: str) -> Info:
        """Return a snapshot of the plugin's. Raises NotFound, DataLoss for an answer that can't be, the plugin's error."""
        async with self.plugin.call() as channel:
            reply = await p.SnapshotsStub(channel).stat(p.StatSnapshotRequest(snapshotter=self.called, key=name))
        if reply.info is None:
            raise wrong(self.plugin, f'answered without an info for "{name}"')
        return self._info(reply.info)

    def _info(self, wire: p.Info) -> Info:
        try:
            return info_from_wire(wire)
        except InvalidArgument as error:
            raise wrong(self.plugin, f"answered with what can't be: {error.message}") from error

    async def usage(self, name: str) -> Usage:
        """Return what a snapshot takes on disk."""
        async with self.plugin.call(WORK_S) as channel:
            reply = await p.SnapshotsStub(channel).usage(p.UsageRequest(snapshotter=self.called, key=name))
        return Usage(reply.size, reply.inodes)

    async def listed(self, filters: Sequence[str] = ()) -> dict[str, Info]:
        """Return the plugin's snapshots, by name. Raises DataLoss for a list that can't be true."""
        held: dict[str, Info] = {}
        async with self.plugin.call(WORK_S) as channel:
            replies = p.SnapshotsStub(channel).list(p.ListSnapshotsRequest(snapshotter=self.called, filters=list(filters)))
            async for wire in bounded(self.plugin, replies):
                if wire.name in held:
                    raise wrong(self.plugin, f'listed "{wire.name}" twice')
                held[wire.name] = self._info(wire)
        return held

    async def target(self, target: str, parent: str) -> Info | None:
        """Return the committed snapshot that the plugin has for a target, on a parent of its own; None when it has none."""
        quoted, above = (json.dumps(word, ensure_ascii=False) for word in (target, parent))
        held = await self.listed([f'labels."{SNAPSHOT_REF}"=={quoted},parent=={above}'])
        # One that heeds no filter lists whatever it has, and the target would have the bytes of another layer.
        for info in held.values():
            if info.kind is Kind.COMMITTED and info.parent == parent and info.labels.get(SNAPSHOT_REF) == target:
                return info
        return None

    async def set_labels(self, name: str, held: Info, labels: Mapping[str, str], paths: Sequence[str]) -> Info:
        """Have the plugin see these labels of ours on a snapshot, which it holds as held; returns it as it is then."""
        down = await self._down(labels)
        if down == {**inherited(held.labels)}:
            return held
        changed = Info(name, held.parent, held.kind, held.created_ns, held.updated_ns, down)
        request = p.UpdateSnapshotRequest(
            snapshotter=self.called, info=info_to_wire(changed), update_mask=FieldMask(paths=["labels"])
        )
        async with self.plugin.call() as channel:
            reply = await p.SnapshotsStub(channel).update(request)
        return self._info(reply.info) if reply.info is not None else held

    async def remove(self, name: str) -> bool:
        """Remove a snapshot; False when it was gone, or stays since the plugin says that it is needed."""
        try:
            async with self.plugin.call(WORK_S) as channel:
                await p.SnapshotsStub(channel).remove(p.RemoveSnapshotRequest(snapshotter=self.called, key=name))
        except NotFound:
            return False
        except FailedPrecondition as error:
            logger.warning("gc.snapshot_stays", snapshotter=self.called, key=name, error=error.message)
            return False
        return True

    async def cleanup(self) -> None:
        """Have the plugin drop what it keeps of snapshots that are gone."""
        try:
            async with self.plugin.call(WORK_S) as channel:
                await p.SnapshotsStub(channel).cleanup(p.CleanupRequest(snapshotter=self.called))
        except Unimplemented:
            pass  # this snapshotter has nothing to clean
