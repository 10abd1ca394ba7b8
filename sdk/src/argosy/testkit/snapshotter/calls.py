"""A snapshotter as a check speaks to it, and the suite that the checks are in.

A *key* names an active snapshot or a view, a *name* a committed one, a *parent* is always committed.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from typing import Final

from argosy_protos.containerd.services.snapshots import v1 as p
from argosy_protos.google.protobuf import FieldMask

from argosy.errors import ArgosyError, DeadlineExceeded, FailedPrecondition, InvalidArgument, NotFound, Unavailable
from argosy.mounts import Mount
from argosy.testkit.suite import Broken, Subject, Suite, greeted, request
from argosy.testkit.target import Target
from argosy.timestamps import from_wire

CAPABILITIES: Final[Mapping[str, str]] = {
    "mount": "its mounts can be mounted here, by root",
    "usage": "it measures what a snapshot uses of the disk",
    "rebase": "a snapshot that was prepared without a parent can be committed on one",
}
USUAL: Final = frozenset({"mount", "usage"})


class Snapshots(Subject):
    """A snapshotter, as one check speaks to it. Each method is a call of the contract; it raises what the plugin says."""

    def __init__(self, target: Target, snapshotter: str, prefix: str) -> None:
        super().__init__(prefix, target.deadline_s)
        self.target, self._snapshotter = target, snapshotter
        self._stub = p.SnapshotsStub(target.channel)
        self._names: dict[str, None] = {}

    async def prepare(self, key: str, parent: str = "", labels: Mapping[str, str] | None = None) -> list[Mount]:
        self._names[key] = None
        wish = p.PrepareSnapshotRequest(snapshotter=self._snapshotter, key=key, parent=parent, labels=dict(labels or {}))
        reply = await self.made(
            request("Prepare", key=key, parent=parent, labels=wish.labels), self._stub.prepare(wish, timeout=self.deadline_s)
        )
        return [Mount.from_wire(mount) for mount in reply.mounts]

    async def view(self, key: str, parent: str = "", labels: Mapping[str, str] | None = None) -> list[Mount]:
        self._names[key] = None
        wish = p.ViewSnapshotRequest(snapshotter=self._snapshotter, key=key, parent=parent, labels=dict(labels or {}))
        reply = await self.made(
            request("View", key=key, parent=parent, labels=wish.labels), self._stub.view(wish, timeout=self.deadline_s)
        )
        return [Mount.from_wire(mount) for mount in reply.mounts]

    async def mounts(self, key: str) -> list[Mount]:
        wish = p.MountsRequest(snapshotter=self._snapshotter, key=key)
        reply = await self.made(request("Mounts", key=key), self._stub.mounts(wish, timeout=self.deadline_s))
        return [Mount.from_wire(mount) for mount in reply.mounts]

    async def commit(self, name: str, key: str, labels: Mapping[str, str] | None = None, parent: str = "") -> None:
        self._names[name] = None
        wish = p.CommitSnapshotRequest(
            snapshotter=self._snapshotter, name=name, key=key, labels=dict(labels or {}), parent=parent
        )
        text = request("Commit", name=name, key=key, labels=wish.labels, parent=parent)
        await self.made(text, self._stub.commit(wish, timeout=self.deadline_s))

    async def remove(self, key: str) -> None:
        wish = p.RemoveSnapshotRequest(snapshotter=self._snapshotter, key=key)
        await self.made(request("Remove", key=key), self._stub.remove(wish, timeout=self.deadline_s))

    async def stat(self, key: str) -> p.Info:
        wish = p.StatSnapshotRequest(snapshotter=self._snapshotter, key=key)
        reply = await self.made(request("Stat", key=key), self._stub.stat(wish, timeout=self.deadline_s))
        if reply.info is None:
            raise Broken("an answer with an info", "one without")
        return reply.info

    async def update(self, info: p.Info, *paths: str) -> p.Info:
        wish = p.UpdateSnapshotRequest(
            snapshotter=self._snapshotter, info=info, update_mask=FieldMask(paths=list(paths)) if paths else None
        )
        text = request("Update", name=info.name, labels=info.labels, parent=info.parent, mask=list(paths))
        reply = await self.made(text, self._stub.update(wish, timeout=self.deadline_s))
        if reply.info is None:
            raise Broken("an answer with an info", "one without")
        return reply.info

    async def usage(self, key: str) -> p.UsageResponse:
        wish = p.UsageRequest(snapshotter=self._snapshotter, key=key)
        return await self.made(request("Usage", key=key), self._stub.usage(wish, timeout=self.deadline_s))

    async def cleanup(self) -> None:
        wish = p.CleanupRequest(snapshotter=self._snapshotter)
        await self.made("Cleanup()", self._stub.cleanup(wish, timeout=self.deadline_s))

    async def listed(self, *filters: str) -> list[p.Info]:
        """Return what a list has of our names."""

        async def whole() -> list[p.Info]:
            wish = p.ListSnapshotsRequest(snapshotter=self._snapshotter, filters=list(filters))
            found = []
            async for reply in self._stub.list(wish, timeout=self.deadline_s):
                found += [info for info in reply.info if info.name.startswith(self.prefix)]
            return found

        return await self.made(request("List", filters=list(filters)), whole())

    async def listed_and_stat(self, key: str) -> None:
        """Stat a snapshot after the first part of a list has come, and then read on."""

        async def both() -> None:
            wish = p.ListSnapshotsRequest(snapshotter=self._snapshotter)
            async for _ in self._stub.list(wish, timeout=self.deadline_s):
                await self.stat(key)

        await self.made("List(), and in the midst of it Stat", both())

    async def committed(self, word: str, parent: str = "", labels: Mapping[str, str] | None = None) -> str:
        """Prepare and commit a snapshot; return its name."""
        name, key = self.name(word), self.name(f"{word}-key")
        await self.prepare(key, parent)
        await self.commit(name, key, labels)
        return name

    async def absent(self, key: str) -> None:
        """Raises Broken when a name is there, by Stat or in a list."""
        await self.refused(self.stat(key), NotFound)
        self.equal(
            [info.name for info in await self.listed() if info.name == key], [], "the snapshots of that name in a list"
        )

    async def unchanged(self, before: p.Info) -> None:
        """Raises Broken when a snapshot is another than it was."""
        self.equal(facts(await self.stat(before.name)), facts(before), f'snapshot "{before.name}"')

    async def greet(self) -> object:
        return await self.stat(f"{self.prefix}/nobody")

    async def clean(self) -> None:
        names = list(reversed(self._names))
        self._names.clear()
        await self._remove(names)

    async def _remove(self, names: Sequence[str]) -> None:
        """Remove names, children before their parents, whatever order they have; those that can't be removed stay."""
        while names:
            left = []
            for name in names:
                try:
                    await self.remove(name)
                except FailedPrecondition:
                    left.append(name)
                except (Unavailable, DeadlineExceeded):
                    return
                except ArgosyError:
                    pass  # it is gone, or stays: the list at the end will tell
            if len(left) == len(names):
                return
            names = left

    async def left(self) -> Sequence[str]:
        found = [info.name for info in await self.listed()]
        await self._remove(list(reversed(found)))
        with suppress(ArgosyError):  # it has nothing to clean up, or not now
            await self.cleanup()
        return found


def facts(info: p.Info) -> dict[str, object]:
    """Return what an info says, for comparing and for reading."""
    return {
        "name": info.name,
        "kind": p.Kind(int(info.kind)).name if int(info.kind) in (1, 2, 3) else int(info.kind),
        "parent": info.parent,
        "labels": dict(sorted(info.labels.items())),
        "created": from_wire(info.created_at),
        "updated": from_wire(info.updated_at),
    }


def told(info: p.Info) -> tuple[str, object, str]:
    """Return name, kind and parent of an info."""
    found = facts(info)
    return info.name, found["kind"], info.parent


SUITE: Final[Suite[Snapshots]] = Suite("snapshotter", CAPABILITIES)


def able(is_root: bool, has: Collection[str], lacks: Collection[str]) -> frozenset[str]:
    """Return what a snapshotter is taken to be capable of. Raises InvalidArgument for a capability that is none."""
    return SUITE.able(USUAL if is_root else USUAL - {"mount"}, has, lacks)


def subject(target: Target, snapshotter: str, check: str) -> Snapshots:
    """Return what a check of that name speaks to; "" is the whole run."""
    if not target.is_daemon and not snapshotter:
        snapshotter = "verify"  # a plugin does not look at it
    return Snapshots(target, snapshotter, f"{target.run}/{check}" if check else target.run)


async def begin(target: Target, snapshotter: str) -> str:
    """Return whom we judge, in words. Raises InvalidArgument, Unimplemented, Unavailable when the suite can't begin."""
    if target.is_daemon and not snapshotter:
        known = ", ".join(await target.snapshotters()) or "none"
        raise InvalidArgument(
            f"{target.address} is a daemon's socket: say which of its snapshotters is meant, with --snapshotter; it has {known}"
        )
    wish = p.StatSnapshotRequest(snapshotter=snapshotter, key=f"{target.run}/nobody")
    error = await greeted(p.SnapshotsStub(target.channel).stat(wish), f"no snapshotter is served at {target.address}")
    if isinstance(error, InvalidArgument) and target.is_daemon:
        known = ", ".join(await target.snapshotters()) or "none"
        raise InvalidArgument(f'"{snapshotter}" is no snapshotter of {target.address}, which has {known}') from error
    if target.is_daemon:
        return f'snapshotter "{snapshotter}" of containerd {target.version} at {target.address}'
    return f"snapshotter at {target.address}"
