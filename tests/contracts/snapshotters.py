"""A snapshotter that keeps the contract, as short as can be, and ones that break it in one way each.

Its tree is in memory and its bytes are plain copies. Each fault names the checks of the suite that are to find it.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import shutil
import subprocess
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

from argosy import filters
from argosy.errors import NotFound, Unknown
from argosy.labels import masked, stored
from argosy.plugin.snapshots import Info, Kind, rules
from argosy.plugin.snapshots.servicer import info_to_wire
from argosy.plugin.snapshots.tree import disk_usage
from argosy_protos.containerd.services.snapshots import v1 as p
from argosy_protos.containerd.types import Mount
from argosy_protos.google.protobuf import Empty

# In a class with a method called list, that is what the word means.
Mounts = list[Mount]
Texts = list[str]


class Reference(p.SnapshotsBase):
    """A snapshotter without a fault."""

    found_by: ClassVar[Sequence[str]] = ()

    def __init__(self, root: Path) -> None:
        self.root = root
        self.infos: dict[str, Info] = {}
        self.paths: dict[str, Path] = {}
        self.usages: dict[str, rules.Usage] = {}
        self._ids = itertools.count(1)

    # -- what each call does --

    def make(self, key: str, kind: Kind, parent: str, labels: dict[str, str]) -> Mounts:
        rules.check_key(key, "snapshot key")
        if key in self.infos:
            raise rules.taken(key)
        if parent:
            self.check_parent(parent)
        now = time.time_ns()
        path = self.root / str(next(self._ids))
        path.mkdir(mode=0o755)
        if parent and os.listdir(self.paths[parent]):
            self.copy(self.paths[parent], path)
        self.infos[key], self.paths[key] = Info(key, parent, kind, now, now, stored(labels)), path
        return self.mounts_of(key)

    def check_parent(self, parent: str) -> None:
        if parent not in self.infos:
            raise rules.missing_parent(parent)
        if self.infos[parent].kind is not Kind.COMMITTED:
            raise rules.parent_not_committed(parent)

    def copy(self, parent: Path, path: Path) -> None:
        subprocess.run(["cp", "-aT", "--", parent, path], check=True)

    def get(self, key: str) -> Info:
        if key not in self.infos:
            raise rules.missing(key)
        return self.infos[key]

    def mounts_of(self, key: str) -> Mounts:
        mode = "rw" if self.infos[key].kind is Kind.ACTIVE else "ro"
        return [Mount(type="bind", source=str(self.paths[key]), options=["rbind", mode])]

    def seal(self, name: str, key: str, labels: dict[str, str]) -> None:
        rules.check_key(name, "snapshot name")
        if name in self.infos:
            raise rules.taken(name)
        info = self.get(key)
        if info.kind is not Kind.ACTIVE:
            raise rules.not_active(key)
        now = time.time_ns()
        self.usages[name] = disk_usage(self.paths[key])
        self.infos[name] = replace(
            self.infos.pop(key), name=name, kind=Kind.COMMITTED, created_ns=now, updated_ns=now, labels=stored(labels)
        )
        self.paths[name] = self.paths.pop(key)

    def drop(self, key: str) -> None:
        self.get(key)
        if any(info.parent == key for info in self.infos.values()):
            raise rules.has_children()
        del self.infos[key]
        shutil.rmtree(self.paths.pop(key))

    def measure(self, key: str) -> rules.Usage:
        info = self.get(key)
        if info.kind is Kind.COMMITTED:
            return self.usages[key]
        return disk_usage(self.paths[key]) if info.kind is Kind.ACTIVE else rules.Usage()

    def relabel(self, key: str, labels: dict[str, str], paths: Texts) -> Info:
        info = self.get(key)
        result = masked(info.labels, labels, paths, f'snapshot "{key}"')
        self.infos[key] = replace(info, labels=result, updated_ns=time.time_ns())
        return self.infos[key]

    def shown(self, info: Info) -> p.Info:
        return info_to_wire(info)

    def found(self, wanted: Texts) -> Sequence[Info]:
        filter = filters.parse(wanted)
        return [info for info in self.infos.values() if filter.matches(info.lookup)]

    # -- the wire --

    async def prepare(self, request: p.PrepareSnapshotRequest) -> p.PrepareSnapshotResponse:
        return p.PrepareSnapshotResponse(mounts=self.make(request.key, Kind.ACTIVE, request.parent, request.labels))

    async def view(self, request: p.ViewSnapshotRequest) -> p.ViewSnapshotResponse:
        return p.ViewSnapshotResponse(mounts=self.make(request.key, Kind.VIEW, request.parent, request.labels))

    async def mounts(self, request: p.MountsRequest) -> p.MountsResponse:
        if self.get(request.key).kind is Kind.COMMITTED:
            raise rules.not_mountable(request.key)
        return p.MountsResponse(mounts=self.mounts_of(request.key))

    async def commit(self, request: p.CommitSnapshotRequest) -> Empty:
        self.seal(request.name, request.key, request.labels)
        return Empty()

    async def remove(self, request: p.RemoveSnapshotRequest) -> Empty:
        self.drop(request.key)
        return Empty()

    async def stat(self, request: p.StatSnapshotRequest) -> p.StatSnapshotResponse:
        return p.StatSnapshotResponse(info=self.shown(self.get(request.key)))

    async def update(self, request: p.UpdateSnapshotRequest) -> p.UpdateSnapshotResponse:
        assert request.info is not None
        paths = request.update_mask.paths if request.update_mask else []
        info = self.relabel(request.info.name, request.info.labels, paths)
        return p.UpdateSnapshotResponse(info=self.shown(info))

    async def list(self, request: p.ListSnapshotsRequest) -> AsyncIterator[p.ListSnapshotsResponse]:
        found = self.found(request.filters)
        for start in range(0, len(found), 100):
            yield p.ListSnapshotsResponse(info=[self.shown(info) for info in found[start : start + 100]])

    async def usage(self, request: p.UsageRequest) -> p.UsageResponse:
        usage = self.measure(request.key)
        return p.UsageResponse(size=usage.size, inodes=usage.inodes)

    async def cleanup(self, request: p.CleanupRequest) -> Empty:
        return Empty()


# -- what is made --


class LosesCommits(Reference):
    """Commit answers OK, and nothing is committed."""

    found_by = ("commit-makes-a-committed-snapshot",)

    def seal(self, name: str, key: str, labels: dict[str, str]) -> None:
        super().seal(name, key, labels)
        del self.infos[name]


class LosesParents(Reference):
    """A committed snapshot has no parent any more."""

    found_by = ("commit-makes-a-committed-snapshot", "parents-are-kept")

    def seal(self, name: str, key: str, labels: dict[str, str]) -> None:
        super().seal(name, key, labels)
        self.infos[name] = replace(self.infos[name], parent="")


class DropsLabelsOfCommits(Reference):
    """Commit takes no labels."""

    found_by = ("commit-has-its-own-labels",)

    def seal(self, name: str, key: str, labels: dict[str, str]) -> None:
        super().seal(name, key, {})


class KeepsLabelsOfActive(Reference):
    """A committed snapshot has the labels that it had when it was active, too."""

    found_by = ("commit-has-its-own-labels",)

    def seal(self, name: str, key: str, labels: dict[str, str]) -> None:
        super().seal(name, key, {**self.get(key).labels, **labels})


class KeepsTheKey(Reference):
    """The key of what is committed stays taken."""

    found_by = ("commit-makes-a-committed-snapshot",)

    def seal(self, name: str, key: str, labels: dict[str, str]) -> None:
        before, path = self.get(key), self.paths[key]
        super().seal(name, key, labels)
        self.infos[key], self.paths[key] = before, path

    def drop(self, key: str) -> None:
        if key in self.paths:
            self.paths[key].mkdir(exist_ok=True)
        super().drop(key)


class CommitsOverWhatIsThere(Reference):
    """Commit to a name that is there replaces it."""

    found_by = ("a-committed-name-is-taken", "one-of-two-commits-wins")

    def seal(self, name: str, key: str, labels: dict[str, str]) -> None:
        if self.get(key).kind is Kind.ACTIVE:
            self.infos.pop(name, None)
        super().seal(name, key, labels)


class CommitsViews(Reference):
    """Commit takes a view."""

    found_by = ("only-active-snapshots-are-committed",)

    def seal(self, name: str, key: str, labels: dict[str, str]) -> None:
        info = self.get(key)
        if info.kind is Kind.VIEW:
            self.infos[key] = replace(info, kind=Kind.ACTIVE)
        super().seal(name, key, labels)


class LooksForTheKeyFirst(Reference):
    """A Commit that is repeated hears that its key is not there."""

    found_by = ("commit-asked-again-is-told-that-it-is-done",)

    def seal(self, name: str, key: str, labels: dict[str, str]) -> None:
        self.get(key)
        super().seal(name, key, labels)


class KeepsTheTimeOfPrepare(Reference):
    """A committed snapshot was created when it was prepared."""

    found_by = ("commit-is-a-creation",)

    def seal(self, name: str, key: str, labels: dict[str, str]) -> None:
        before = self.get(key)
        super().seal(name, key, labels)
        self.infos[name] = replace(self.infos[name], created_ns=before.created_ns, updated_ns=before.created_ns)


class PreparesOverWhatIsThere(Reference):
    """Prepare of a key that is there makes it anew."""

    found_by = ("a-name-that-is-there-is-taken", "one-of-many-prepares-wins")

    def make(self, key: str, kind: Kind, parent: str, labels: dict[str, str]) -> list[Mount]:
        if key in self.infos and self.infos[key].kind is Kind.ACTIVE:
            del self.infos[key]
        return super().make(key, kind, parent, labels)


class RacesInPrepare(Reference):
    """Two Prepares of one key that come together both find that it is free."""

    found_by = ("one-of-many-prepares-wins",)

    async def prepare(self, request: p.PrepareSnapshotRequest) -> p.PrepareSnapshotResponse:
        if request.key in self.infos:
            raise rules.taken(request.key)
        await asyncio.sleep(0.005)
        self.infos.pop(request.key, None)
        return await super().prepare(request)


class HasParentsThatAreNotCommitted(Reference):
    """A snapshot may be made on an active one."""

    found_by = ("a-parent-has-to-be-committed",)

    def check_parent(self, parent: str) -> None:
        if parent not in self.infos:
            raise rules.missing_parent(parent)


class LeavesWhatFailed(Reference):
    """A Prepare on a parent that is not there leaves its key behind."""

    found_by = ("a-parent-has-to-be-there",)

    def make(self, key: str, kind: Kind, parent: str, labels: dict[str, str]) -> list[Mount]:
        try:
            return super().make(key, kind, parent, labels)
        except NotFound:
            super().make(key, kind, "", labels)
            raise


class SaysUnknown(Reference):
    """A parent that is not there is an error without a class."""

    found_by = ("a-parent-has-to-be-there",)

    def check_parent(self, parent: str) -> None:
        if parent not in self.infos:
            raise Unknown(f"parent {parent} does not exist")
        super().check_parent(parent)


class FoldsKeys(Reference):
    """Keys that differ in their letters' case are one."""

    found_by = ("a-key-has-any-characters",)

    def make(self, key: str, kind: Kind, parent: str, labels: dict[str, str]) -> list[Mount]:
        if key.lower() in {name.lower() for name in self.infos}:
            raise rules.taken(key)
        return super().make(key, kind, parent, labels)


class StoresEmptyLabels(Reference):
    """A label without a value is stored."""

    found_by = ("a-label-without-a-value-is-none",)

    def make(self, key: str, kind: Kind, parent: str, labels: dict[str, str]) -> list[Mount]:
        mounts = super().make(key, kind, parent, labels)
        self.infos[key] = replace(self.infos[key], labels=dict(labels))
        return mounts


# -- what is removed --


class RemovesTwice(Reference):
    """Remove of what is not there answers OK."""

    found_by = ("remove-removes", "one-of-many-removes-wins")

    def drop(self, key: str) -> None:
        if key in self.infos:
            super().drop(key)


class RemovesNothing(Reference):
    """Remove answers OK, and nothing is removed."""

    found_by = ("remove-removes", "nothing-left")

    def drop(self, key: str) -> None:
        self.get(key)


class RemovesAnother(Reference):
    """Remove takes a snapshot of somebody else's along."""

    found_by = ("remove-removes",)

    def drop(self, key: str) -> None:
        super().drop(key)
        whose = key.rpartition("/")[0]
        for other in [one for one in self.infos if one.rpartition("/")[0] != whose][-1:]:
            super().drop(other)


class RemovesParents(Reference):
    """Remove takes a snapshot with children."""

    found_by = ("a-parent-is-not-removed",)

    def drop(self, key: str) -> None:
        self.get(key)
        del self.infos[key]
        shutil.rmtree(self.paths.pop(key))


class KeepsBytes(Reference):
    """The directory of what was removed stays."""

    found_by = ("what-is-removed-leaves-no-directory",)

    def drop(self, key: str) -> None:
        path = self.paths[key] if key in self.paths else None
        super().drop(key)
        if path is not None:
            path.mkdir()


class CleansTooMuch(Reference):
    """Cleanup takes active snapshots for what a crash left."""

    found_by = ("cleanup-takes-nothing-that-is-there",)

    async def cleanup(self, request: p.CleanupRequest) -> Empty:
        for key in [key for key, info in self.infos.items() if info.kind is Kind.ACTIVE]:
            self.drop(key)
        return Empty()


# -- what is said --


class SaysThatViewsAreActive(Reference):
    """Stat says of a view that it is active."""

    found_by = ("view-makes-a-view",)

    def shown(self, info: Info) -> p.Info:
        return super().shown(replace(info, kind=Kind.ACTIVE) if info.kind is Kind.VIEW else info)


class MountsCommitted(Reference):
    """Mounts of a committed snapshot answers."""

    found_by = ("only-active-snapshots-and-views-have-mounts",)

    async def mounts(self, request: p.MountsRequest) -> p.MountsResponse:
        self.get(request.key)
        return p.MountsResponse(mounts=self.mounts_of(request.key))


class MountsElsewhere(Reference):
    """Mounts says something else than Prepare did."""

    found_by = ("mounts-are-said-again",)

    async def mounts(self, request: p.MountsRequest) -> p.MountsResponse:
        answer = await super().mounts(request)
        answer.mounts[0].source += "/."
        return answer


class EndsInWhatCannotBeWritten(Reference):
    """The mounts of an active snapshot end with its parent, which nobody can write to."""

    found_by = ("the-last-mount-of-an-active-snapshot-takes-a-layer",)

    def mounts_of(self, key: str) -> Mounts:
        mounts, parent = super().mounts_of(key), self.infos[key].parent
        return [*mounts, Mount(type="bind", source=str(self.paths[parent]), options=["rbind", "ro"])] if parent else mounts


class IgnoresMasks(Reference):
    """Update replaces all labels, whatever its mask says."""

    found_by = ("update-of-one-label-leaves-the-others",)

    def relabel(self, key: str, labels: dict[str, str], paths: list[str]) -> Info:
        return super().relabel(key, labels, [path for path in paths if not path.startswith("labels")])


class TakesEveryMask(Reference):
    """Update answers OK for a field that can't be changed."""

    found_by = ("only-labels-are-updated",)

    def relabel(self, key: str, labels: dict[str, str], paths: list[str]) -> Info:
        return super().relabel(key, labels, [path for path in paths if path.startswith("labels")])


class MovesParents(Reference):
    """Update takes another parent."""

    found_by = ("update-without-a-mask-replaces-labels",)

    async def update(self, request: p.UpdateSnapshotRequest) -> p.UpdateSnapshotResponse:
        answer = await super().update(request)
        assert request.info is not None and answer.info is not None
        if request.info.parent and not request.update_mask:
            self.infos[request.info.name] = replace(self.infos[request.info.name], parent=request.info.parent)
        return answer


class KeepsTheTimeOfChange(Reference):
    """Update leaves updated_at as it was."""

    found_by = ("update-without-a-mask-replaces-labels",)

    def relabel(self, key: str, labels: dict[str, str], paths: list[str]) -> Info:
        before = self.get(key)
        super().relabel(key, labels, paths)
        self.infos[key] = replace(self.infos[key], updated_ns=before.updated_ns)
        return self.infos[key]


class IgnoresFilters(Reference):
    """List has everything, whatever its filters say."""

    found_by = ("a-list-is-filtered",)

    def found(self, wanted: list[str]) -> Sequence[Info]:
        return super().found([])


class WantsAllFilters(Reference):
    """Several filters have to match all, instead of one."""

    found_by = ("a-list-is-filtered",)

    def found(self, wanted: list[str]) -> Sequence[Info]:
        return super().found([",".join(wanted)] if wanted else [])


class ListsAHundred(Reference):
    """List ends after its first part."""

    found_by = ("a-long-list-is-whole",)

    def found(self, wanted: list[str]) -> Sequence[Info]:
        return super().found(wanted)[:100]


class ListsWithoutParents(Reference):
    """List leaves out what a snapshot was made on."""

    found_by = ("a-list-has-everything-once",)

    async def list(self, request: p.ListSnapshotsRequest) -> AsyncIterator[p.ListSnapshotsResponse]:
        async for answer in super().list(request):
            for info in answer.info:
                info.parent = ""
            yield answer


class MeasuresNothing(Reference):
    """Usage is always nothing."""

    found_by = ("usage-counts-what-is-written",)

    def measure(self, key: str) -> rules.Usage:
        self.get(key)
        return rules.Usage()


class MeasuresWhatIsNotThere(Reference):
    """Usage of what is not there answers."""

    found_by = ("what-is-not-there-is-not-found", "remove-removes")

    def measure(self, key: str) -> rules.Usage:
        return super().measure(key) if key in self.infos else rules.Usage()


# -- what is in them --


class GivesChildrenNothing(Reference):
    """A child is empty."""

    found_by = ("layers-are-the-sum-of-their-changes",)

    def copy(self, parent: Path, path: Path) -> None:
        return


class SharesBytes(Reference):
    """A child is its parent's directory."""

    found_by = ("children-are-apart",)

    def make(self, key: str, kind: Kind, parent: str, labels: dict[str, str]) -> list[Mount]:
        super().make(key, kind, parent, labels)
        if parent:
            shutil.rmtree(self.paths[key])
            self.paths[key].symlink_to(self.paths[parent])
        return self.mounts_of(key)

    def drop(self, key: str) -> None:
        path = self.paths.get(key)
        if path is not None and path.is_symlink():
            path.unlink()
            path.mkdir()
        super().drop(key)


class LosesOwners(Reference):
    """A child's files are root's, with the modes of new ones."""

    found_by = ("layers-are-the-sum-of-their-changes",)

    def copy(self, parent: Path, path: Path) -> None:
        subprocess.run(["cp", "-rT", "--preserve=links", "--", parent, path], check=True)


class HandsOutWritableViews(Reference):
    """A view can be written."""

    found_by = ("a-view-cannot-be-written",)

    def mounts_of(self, key: str) -> list[Mount]:
        return [Mount(type="bind", source=str(self.paths[key]), options=["rbind", "rw"])]


class HidesItsRoot(Reference):
    """A fresh snapshot can be entered by root alone."""

    found_by = ("a-fresh-snapshot-is-an-empty-directory",)

    def make(self, key: str, kind: Kind, parent: str, labels: dict[str, str]) -> list[Mount]:
        mounts = super().make(key, kind, parent, labels)
        self.paths[key].chmod(0o700)
        return mounts


class LiesAboutTargets(Reference):
    """Prepare with a target says that it is there, and it is not."""

    found_by = ("a-target-is-prepared-or-there",)

    def make(self, key: str, kind: Kind, parent: str, labels: dict[str, str]) -> list[Mount]:
        if "containerd.io/snapshot.ref" in labels:
            raise rules.taken(labels["containerd.io/snapshot.ref"])
        return super().make(key, kind, parent, labels)


FAULTS = Reference.__subclasses__()


class Hangs(Reference):
    """Commit is never answered; all else is."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.silent = False

    async def commit(self, request: p.CommitSnapshotRequest) -> Empty:
        await asyncio.Event().wait()
        return Empty()


class Dies(Hangs):
    """After a Commit nothing is answered."""

    async def commit(self, request: p.CommitSnapshotRequest) -> Empty:
        self.silent = True
        return await super().commit(request)

    async def stat(self, request: p.StatSnapshotRequest) -> p.StatSnapshotResponse:
        if self.silent:
            await asyncio.Event().wait()
        return await super().stat(request)
