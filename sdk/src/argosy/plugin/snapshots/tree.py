"""A snapshotter on an index: everything but the bytes, which a Backend makes, mounts, measures and drops."""

from __future__ import annotations

import abc
import asyncio
import os
import tempfile
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path
from typing import Final

from argosy import log
from argosy.errors import FailedPrecondition, NotFound, ResourceExhausted
from argosy.filters import Filter
from argosy.kernel.descent import Entered, descend, remove_tree
from argosy.mounts import Mount
from argosy.plugin.snapshots import rules
from argosy.plugin.snapshots.index import Index, Record
from argosy.plugin.snapshots.rules import Info, Kind, Usage

logger = log.get("argosy.snapshots")

_NEW: Final = "new-"
_OLD: Final = "rm-"


class Snapshotter(abc.ABC):
    """What the wire can ask of a snapshotter; see ``rules`` for the words and containerd's contract for the meaning."""

    @abc.abstractmethod
    async def prepare(self, key: str, parent: str, labels: Mapping[str, str]) -> Sequence[Mount]: ...
    @abc.abstractmethod
    async def view(self, key: str, parent: str, labels: Mapping[str, str]) -> Sequence[Mount]: ...
    @abc.abstractmethod
    async def mounts(self, key: str) -> Sequence[Mount]: ...
    @abc.abstractmethod
    async def commit(self, name: str, key: str, labels: Mapping[str, str], parent: str) -> None: ...
    @abc.abstractmethod
    async def remove(self, key: str) -> None: ...
    @abc.abstractmethod
    async def stat(self, key: str) -> Info: ...
    @abc.abstractmethod
    async def update(self, info: Info, paths: Sequence[str]) -> Info: ...
    @abc.abstractmethod
    def walk(self, filter: Filter) -> AsyncIterator[Info]: ...
    @abc.abstractmethod
    async def usage(self, key: str) -> Usage: ...
    @abc.abstractmethod
    async def cleanup(self) -> None: ...


class Backend(abc.ABC):
    """How one kind of snapshotter keeps its bytes: one directory a snapshot. Every method blocks and runs in a thread."""

    rebases: bool = True
    """Whether bytes made without a parent are right under any: layers that are stacked are, copies of a parent aren't."""

    @abc.abstractmethod
    def make(self, directory: Path, kind: Kind, parents: Sequence[Path], labels: Mapping[str, str]) -> None:
        """Fill a fresh directory; parents are the directories of committed ones, nearest first."""

    @abc.abstractmethod
    def mounts(self, directory: Path, kind: Kind, parents: Sequence[Path], labels: Mapping[str, str]) -> Sequence[Mount]:
        """Say how to mount it. Pure: nothing is mounted here."""

    @abc.abstractmethod
    def measure(self, directory: Path, kind: Kind, parents: Sequence[Path]) -> Usage:
        """Return what it uses on disk beyond its parents; kind is COMMITTED for one that was just sealed."""

    def attach(self, parents: Sequence[Path]) -> None:  # noqa: B027 - most have nothing to do
        """Make parents usable before mounts says how. Brief: it runs in the loop, at each answer that holds mounts."""

    def seal(self, directory: Path, parents: Sequence[Path] | None) -> None:  # noqa: B027 - most have nothing to do
        """Give an active snapshot's bytes their committed form; what was there stays readable until ``sealed``.

        parents, nearest first, are given where they were not known while it was written; None means that they were.
        """

    def sealed(self, directory: Path) -> None:  # noqa: B027 - most have nothing to do
        """Drop what only an active snapshot needs: it is committed now. May be called again after a crash."""

    def release(self, directory: Path) -> None:  # noqa: B027 - most have nothing to do
        """Let go of a directory that is about to be deleted."""

    def info_labels(self, directory: Path, kind: Kind) -> Mapping[str, str]:
        """Return labels that only the backend knows."""
        return {}


def disk_usage(path: Path) -> Usage:
    """Return blocks and inodes below path, each inode once. Files that vanish meanwhile don't count."""
    seen: set[tuple[int, int]] = set()
    try:
        stat = os.lstat(path)
    except FileNotFoundError:
        return Usage()
    seen.add((stat.st_dev, stat.st_ino))
    size = stat.st_blocks * 512
    for step in descend(path):
        if isinstance(step, Entered):
            for _, stat in step.stats():
                inode = (stat.st_dev, stat.st_ino)
                if inode not in seen:
                    seen.add(inode)
                    size += stat.st_blocks * 512
    return Usage(size, len(seen))


class TreeSnapshotter(Snapshotter):
    """Snapshots in ``<root>/snapshots/<id>``, described by ``<root>/index.db``.

    A crash leaves at most directories that no row names: ``new-*`` before the rename, a number after it, ``rm-*``
    while deleting. Starting and ``cleanup`` remove them.
    """

    def __init__(self, root: Path, index: Index, backend: Backend, sync_remove: bool) -> None:
        self.root = root
        self._index = index
        self._backend = backend
        self._sync_remove = sync_remove
        self._directory = root / "snapshots"
        self._cleaning = asyncio.Lock()
        # Prepares between their directory and their row; cleanup must not take those for orphans.
        self._making: set[Path] = set()

    @classmethod
    async def open(cls, root: Path, backend: Backend, sync_remove: bool = False) -> TreeSnapshotter:
        """Open or make the tree at root. Raises FailedPrecondition when its index is damaged."""
        (root / "snapshots").mkdir(parents=True, exist_ok=True, mode=0o700)
        os.chmod(root / "snapshots", 0o700)
        self = cls(root, await Index.open(root / "index.db"), backend, sync_remove)
        try:
            await self.cleanup()
        except BaseException:
            await self._index.close()
            raise
        return self

    async def close(self) -> None:
        await self._index.close()

    def _path(self, id: int) -> Path:
        return self._directory / str(id)

    def _paths(self, record: Record) -> list[Path]:
        return [self._path(p) for p in record.parents]

    async def prepare(self, key: str, parent: str, labels: Mapping[str, str]) -> Sequence[Mount]:
        return await self._create(key, Kind.ACTIVE, parent, labels)

    async def view(self, key: str, parent: str, labels: Mapping[str, str]) -> Sequence[Mount]:
        return await self._create(key, Kind.VIEW, parent, labels)

    async def _create(self, key: str, kind: Kind, parent: str, labels: Mapping[str, str]) -> Sequence[Mount]:
        try:
            known = self._index.get(key)
        except NotFound:
            pass
        else:
            raise rules.taken(known.info.name)
        parents = self._index.parents_of(parent)
        fresh = Path(tempfile.mkdtemp(prefix=_NEW, dir=self._directory))
        self._making.add(fresh)
        try:
            await asyncio.to_thread(self._backend.make, fresh, kind, [self._path(p) for p in parents], labels)

            def place(record: Record) -> None:
                if record.parents != parents:
                    raise FailedPrecondition(f'parent "{parent}" changed while snapshot "{key}" was made; try again')
                target = self._path(record.id)
                if target.exists():  # of a crash between its rename and its commit
                    self._delete(target)
                fresh.rename(target)
                self._making.add(target)

            record = await asyncio.shield(self._index.create(key, kind, parent, labels, place))
            self._making.discard(self._path(record.id))
        except OSError as error:
            await asyncio.to_thread(self._delete, fresh)
            if error.errno in (28, 122):  # ENOSPC, EDQUOT
                raise ResourceExhausted(f'snapshot "{key}": the disk is full; free some space and try again') from error
            raise
        except BaseException:
            await asyncio.to_thread(self._delete, fresh)
            raise
        finally:
            self._making.discard(fresh)
        return self._mounts_of(record)

    def _mounts_of(self, record: Record) -> Sequence[Mount]:
        path, parents = self._path(record.id), self._paths(record)
        self._backend.attach(parents)
        return self._backend.mounts(path, record.info.kind, parents, record.info.labels)

    async def mounts(self, key: str) -> Sequence[Mount]:
        record = self._index.get(key)
        if record.info.kind is Kind.COMMITTED:
            raise rules.not_mountable(key)
        return self._mounts_of(record)

    async def commit(self, name: str, key: str, labels: Mapping[str, str], parent: str) -> None:
        record = self._index.get(key)
        if record.info.kind is not Kind.ACTIVE:
            raise rules.not_active(key)
        if parent and parent != record.info.parent and not self._backend.rebases:
            raise FailedPrecondition(
                f'snapshot "{key}" was prepared without its parent and holds none of its files; prepare it on "{parent}"'
            )
        parents = None
        if not record.parents:
            parents = [self._path(id) for id in self._index.parents_of(parent)] if parent else []
            self._backend.attach(parents)
        usage = await asyncio.to_thread(self._seal, record, parents)
        await asyncio.shield(self._index.commit(name, key, labels, usage, parent))
        if type(self._backend).sealed is not Backend.sealed:
            await asyncio.to_thread(self._backend.sealed, self._path(record.id))

    def _seal(self, record: Record, parents: Sequence[Path] | None) -> Usage:
        path = self._path(record.id)
        try:
            self._backend.seal(path, parents)
        except OSError as error:
            if error.errno in (28, 122):
                raise ResourceExhausted(
                    f'snapshot "{record.info.name}": the disk is full; free some space and commit again'
                ) from error
            raise
        return self._backend.measure(path, Kind.COMMITTED, self._paths(record))

    async def _measure(self, record: Record) -> Usage:
        return await asyncio.to_thread(self._backend.measure, self._path(record.id), record.info.kind, self._paths(record))

    def _delete(self, path: Path) -> bool:
        self._backend.release(path)
        return remove_tree(path)

    def committed(self) -> list[Path]:
        """Return the directories of committed snapshots."""
        return [self._path(id) for id in self._index.ids(Kind.COMMITTED)]

    async def remove(self, key: str) -> None:
        taken: list[Path] = []

        def take(record: Record) -> None:
            source = self._path(record.id)
            if not self._sync_remove or not source.exists():
                return  # the directory is an orphan now; cleanup finds it
            target = self._directory / f"{_OLD}{record.id}"
            source.rename(target)
            taken.append(target)

        await asyncio.shield(self._index.remove(key, take))
        for path in taken:
            await asyncio.to_thread(self._delete, path)

    async def stat(self, key: str) -> Info:
        record = self._index.get(key)
        return self._with_backend_labels(record)

    def _with_backend_labels(self, record: Record) -> Info:
        info = record.info
        extra = self._backend.info_labels(self._path(record.id), info.kind)
        if not extra:
            return info
        return Info(info.name, info.parent, info.kind, info.created_ns, info.updated_ns, {**info.labels, **extra})

    async def update(self, info: Info, paths: Sequence[str]) -> Info:
        return await self._index.update(info.name, info.labels, paths)

    async def walk(self, filter: Filter) -> AsyncIterator[Info]:
        for info in self._index.walk():
            if filter.matches(info.lookup):
                yield info

    async def usage(self, key: str) -> Usage:
        record = self._index.get(key)
        if record.info.kind is Kind.ACTIVE:
            return await self._measure(record)
        return record.usage

    async def cleanup(self) -> None:
        """Delete directories that no row names."""
        async with self._cleaning:
            names = await asyncio.to_thread(os.listdir, self._directory)
            known = self._index.ids()
            orphans = [
                self._directory / n
                for n in names
                if not (n.isdigit() and int(n) in known) and self._directory / n not in self._making
            ]
            # A row may have been committed between the two looks.
            known = self._index.ids()
            room = asyncio.Semaphore(os.cpu_count() or 1)

            async def delete(path: Path) -> None:
                if path in self._making or (path.name.isdigit() and int(path.name) in known):
                    return
                async with room:
                    if not await asyncio.to_thread(self._delete, path):
                        logger.warning("snapshot.orphan_stays", path=str(path), remedy="unmount what is mounted below it")

            await asyncio.gather(*(delete(path) for path in orphans))
