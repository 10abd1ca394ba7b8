"""A snapshotter on an index: everything but the bytes, which a Backend makes, mounts, measures and drops."""

from __future__ import annotations

import abc
import asyncio
import errno
import os
import stat
import threading
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final, Self

import anyio
import anyio.abc

from argosy import log
from argosy.errors import ArgosyError, FailedPrecondition, ResourceExhausted
from argosy.filters import Filter
from argosy.kernel.descent import Entered, descend, remove_tree
from argosy.labels import check_labels
from argosy.loops import keep_going
from argosy.mounts import Mount
from argosy.plugin.snapshots import rules
from argosy.plugin.snapshots.index import Index, Record
from argosy.plugin.snapshots.inuse import mounted
from argosy.plugin.snapshots.rules import Info, Kind, Usage
from argosy.roots import ALLOW_LOSS, allows_loss, sync_directory
from argosy.settled import begun, in_thread, settled, to_its_end

logger = log.get("argosy.snapshots")

_NEW: Final = "new-"
_OLD: Final = "rm-"
_FULL: Final = frozenset((errno.ENOSPC, errno.EDQUOT))


class Snapshotter(abc.ABC):
    """The calls of a snapshotter as the wire has them; see ``rules`` for the words and containerd's contract for the meaning."""

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

    rebases: bool = False
    """Whether bytes made without a parent are right under any: layers that are stacked are, copies of a parent aren't. Say True if yours are."""

    @abc.abstractmethod
    def make(self, directory: Path, kind: Kind, parents: Sequence[Path], labels: Mapping[str, str]) -> None:
        """Fill a fresh directory; parents are the directories of committed ones, nearest first."""

    @abc.abstractmethod
    def mounts(self, directory: Path, kind: Kind, parents: Sequence[Path], labels: Mapping[str, str]) -> Sequence[Mount]:
        """Say how to mount it. Pure: nothing is mounted here."""

    @abc.abstractmethod
    def measure(self, directory: Path, kind: Kind, parents: Sequence[Path]) -> Usage:
        """Return what it uses on disk beyond its parents; kind is COMMITTED for one that was sealed: it is measured once."""

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
    try:
        blocks, inodes = os.lstat(path).st_blocks, 1
    except FileNotFoundError:
        return Usage()
    # What has one name is met once: a layer of 50 thousand files is counted here while its pull waits.
    met: set[tuple[int, int]] = set()
    for step in descend(path):
        if isinstance(step, Entered):
            for _, info in step.stats():
                if info.st_nlink > 1 and not stat.S_ISDIR(info.st_mode):
                    inode = (info.st_dev, info.st_ino)
                    if inode in met:
                        continue
                    met.add(inode)
                inodes += 1
                blocks += info.st_blocks
    return Usage(blocks * 512, inodes)


class Turns:
    """One change of a key at a time; who asks what became of a change waits for it."""

    def __init__(self) -> None:
        self._held: dict[str, asyncio.Future[None]] = {}

    @asynccontextmanager
    async def of(self, *keys: str) -> AsyncIterator[None]:
        """Have all keys, once nobody has any of them. Cancellation: none is held."""
        while (held := next((self._held[key] for key in keys if key in self._held), None)) is not None:
            await asyncio.shield(held)
        turn = asyncio.get_running_loop().create_future()
        self._held.update(dict.fromkeys(keys, turn))
        try:
            yield
        finally:
            for key in set(keys):
                del self._held[key]
            turn.set_result(None)

    async def over(self, key: str) -> None:
        """Wait until nobody has key."""
        while key in self._held:
            await asyncio.shield(self._held[key])


class TreeSnapshotter(Snapshotter):
    """Snapshots in ``<root>/snapshots/<id>``, described by ``<root>/index.db``.

    A directory says itself whether it may go: ``new-<id>`` is being made and ``rm-<id>`` is being removed; a number is a snapshot, with
    or without a record, and no clean-up takes it. The order of each change, and what a crash after each step leaves:

    prepare   make ``new-<id>`` (goes) | record (prepared: its name is finished at start) | rename to ``<id>``
    commit    seal the bytes (active, as before) | record (committed) | drop what only an active one needs (done again at start)
    remove    rename to ``rm-<id>`` (there: renamed back at start) | drop the record (removed) | delete the directory

    Each change goes on to its end when its caller is cancelled, and ``stat`` of a key or name that a change is about waits for
    it: of a commit's key and name, exactly one is there.
    """

    def __init__(self, root: Path, index: Index, backend: Backend, sync_remove: bool) -> None:
        self.root = root
        self._index = index
        self._backend = backend
        self._sync_remove = sync_remove
        self._directory = root / "snapshots"
        self._cleaning = asyncio.Lock()
        self._turns = Turns()
        self._next_id = 1
        # Directories of prepares under way; cleanup must not take those for a crash's.
        self._making: set[str] = set()
        # Directories without a record that a full disk did not let us rename.
        self._gone: set[str] = set()

    @classmethod
    async def open(
        cls, root: Path, backend: Backend, sync_remove: bool = False, tasks: anyio.abc.TaskGroup | None = None
    ) -> Self:
        """Open or make the tree at root, and finish what a crash left.

        tasks is where the directories go of what was removed, while snapshots are served; without it they are gone when this returns.
        Raises FailedPrecondition when its index is damaged, gone, or older than the tree; nothing is removed then. Cancellation: nothing
        stays open.
        """
        directory = root / "snapshots"
        if not directory.exists():
            directory.mkdir(parents=True, mode=0o700)
            sync_directory(root)
        os.chmod(directory, 0o700)
        allowed = allows_loss(root)
        self = cls(root, await Index.open(root / "index.db"), backend, sync_remove)
        try:
            await in_thread(self._recover, allowed)
            if tasks is None:
                await self.cleanup()
            else:
                tasks.start_soon(keep_going, "directories of what was removed", self.cleanup)
        except BaseException:
            await self._index.close()
            raise
        return self

    @property
    def backend(self) -> Backend:
        """Who keeps the bytes."""
        return self._backend

    async def close(self) -> None:
        await self._index.close()

    def _recover(self, allowed: bool) -> None:
        """Finish renames, and look for snapshots that the index doesn't know. Blocks. Raises FailedPrecondition."""
        names = os.listdir(self._directory)
        known = self._index.ids()
        last = self._index.last_id()
        numbers = [last]
        there: set[int] = set()
        for name in names:
            plain = name.removeprefix(_NEW).removeprefix(_OLD)
            if not plain.isdigit():
                continue
            id = int(plain)
            numbers.append(id)
            if plain == name:
                there.add(id)
            elif id in known and str(id) not in names:
                os.rename(self._directory / name, self._path(id))
                there.add(id)
        self._next_id = max(numbers) + 1
        if lost := known - there:
            logger.error("snapshot.directory_missing", ids=sorted(lost)[:20], count=len(lost), root=str(self.root))
        unknown = there - known
        if unknown and not allowed:
            self._refuse_loss(unknown, there, last)
        for id in unknown:
            os.rename(self._path(id), self._directory / f"{_OLD}{id}")
        if unknown:
            logger.warning("snapshot.unknown_removed", ids=sorted(unknown)[:20], count=len(unknown), root=str(self.root))

    def _refuse_loss(self, unknown: set[int], there: set[int], last: int) -> None:
        """Raise FailedPrecondition unless the index, and not only its silence, speaks for removing what it doesn't name."""
        used = mounted(self._directory, unknown)
        if used:
            why = f"{len(used)} of them in use, as {self._path(min(used))}"
        elif max(unknown) > last:
            why = f"{self._path(max(unknown))} is newer than the index"
        elif len(unknown) * 2 > len(there):
            why = "which is more than half"
        else:
            return  # a few that were removed just before a power loss
        raise FailedPrecondition(
            f"{self.root / 'index.db'} doesn't name {len(unknown)} of {len(there)} snapshots in {self._directory} ({why}); nothing was "
            f"removed: restore the index from a newer copy, or create {self.root / ALLOW_LOSS} to have them removed"
        )

    def _path(self, id: int) -> Path:
        return self._directory / str(id)

    def _paths(self, record: Record) -> list[Path]:
        return [self._path(p) for p in record.parents]

    async def prepare(self, key: str, parent: str, labels: Mapping[str, str]) -> Sequence[Mount]:
        return await self._create(key, Kind.ACTIVE, parent, labels)

    async def view(self, key: str, parent: str, labels: Mapping[str, str]) -> Sequence[Mount]:
        return await self._create(key, Kind.VIEW, parent, labels)

    async def _create(self, key: str, kind: Kind, parent: str, labels: Mapping[str, str]) -> Sequence[Mount]:
        check_labels(labels)
        rules.check_key(key, "snapshot key")
        async with self._turns.of(key):
            return await to_its_end(self._make(key, kind, parent, labels))

    async def _make(self, key: str, kind: Kind, parent: str, labels: Mapping[str, str]) -> Sequence[Mount]:
        if self._index.has(key):
            raise rules.taken(key)
        parents = self._index.parents_of(parent)
        id, self._next_id = self._next_id, self._next_id + 1
        fresh = self._directory / f"{_NEW}{id}"
        self._making.add(fresh.name)
        try:
            fresh.mkdir(mode=0o700)
            await in_thread(self._backend.make, fresh, kind, [self._path(p) for p in parents], labels)
            record = await self._index.create(id, key, kind, parent, parents, labels)
            fresh.rename(self._path(id))
            return self._mounts_of(record)
        except BaseException as error:
            await self._unmake(id, key)
            if isinstance(error, FileNotFoundError):
                self._index.parents_of(parent)  # it may have been removed meanwhile
            if isinstance(error, OSError) and error.errno in _FULL:
                raise ResourceExhausted(f'snapshot "{key}": the disk is full; free some space and try again') from error
            raise
        finally:
            self._making.discard(fresh.name)

    async def _unmake(self, id: int, key: str) -> None:
        """Take back what a prepare that failed has done. What can't be taken back now is finished at the next start."""
        try:
            if id in self._index.ids():
                await self._remove(key)
        except (ArgosyError, OSError) as error:
            logger.warning("snapshot.left_behind", key=key, id=id, error=str(error))
            return
        await in_thread(self._delete, self._directory / f"{_NEW}{id}")

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
        check_labels(labels)
        rules.check_key(name, "committed snapshot name")
        async with self._turns.of(key, name):
            await to_its_end(self._commit(name, key, labels, parent))

    async def _commit(self, name: str, key: str, labels: Mapping[str, str], parent: str) -> None:
        # Who asks again, for an answer got lost, hears that it is done.
        if self._index.has(name):
            raise rules.taken(name)
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
        await in_thread(self._seal, record, parents)
        await self._index.commit(name, key, labels, parent)
        if type(self._backend).sealed is not Backend.sealed:
            try:
                await in_thread(self._backend.sealed, self._path(record.id))
            except (ArgosyError, OSError) as error:
                # It is committed; the next start drops the rest.
                logger.warning("snapshot.rest_stays", path=str(self._path(record.id)), error=str(error))

    def _seal(self, record: Record, parents: Sequence[Path] | None) -> None:
        try:
            self._backend.seal(self._path(record.id), parents)
        except OSError as error:
            if error.errno in _FULL:
                raise ResourceExhausted(
                    f'snapshot "{record.info.name}": the disk is full; free some space and commit again'
                ) from error
            raise

    def _delete(self, path: Path, left: Callable[[], bool] = bool) -> bool:
        try:
            self._backend.release(path)
        except OSError as error:
            logger.warning("snapshot.not_released", path=str(path), error=str(error))
            return False
        return remove_tree(path, left=left)

    def committed(self) -> list[Path]:
        """Return the directories of committed snapshots."""
        return [self._path(id) for id in self._index.ids(Kind.COMMITTED)]

    def active(self) -> list[Path]:
        """Return the directories of active snapshots."""
        return [self._path(id) for id in self._index.ids(Kind.ACTIVE)]

    async def remove(self, key: str) -> None:
        async with self._turns.of(key):
            await to_its_end(self._remove(key))

    async def _remove(self, key: str) -> None:
        taken: list[tuple[Path, Path]] = []

        def take(record: Record) -> None:
            source, target = self._path(record.id), self._directory / f"{_OLD}{record.id}"
            try:
                source.rename(target)
            except FileNotFoundError:
                return  # renamed by an attempt that was undone, or lost
            except OSError as error:
                if error.errno not in _FULL:
                    raise FailedPrecondition(f'snapshot "{key}": {source} cannot be removed: {error.strerror}') from error
                self._gone.add(source.name)
            else:
                taken.append((source, target))

        try:
            record = await self._index.remove(key, take)
        except BaseException:
            for source, target in taken:
                target.rename(source)
            self._gone -= {name for name in self._gone if name.isdigit() and int(name) in self._index.ids()}
            raise
        if self._sync_remove:
            await self._drop([f"{_OLD}{record.id}"])

    async def stat(self, key: str) -> Info:
        """Return what a key or name is, after the change that is about it, if there is one. Raises NotFound."""
        await self._turns.over(key)
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
        """Yield what matches, in the order of keys; see ``Index.walk`` for what changes meanwhile."""
        for part in self._index.walk():
            for info in part:
                if filter.matches(info.lookup):
                    yield info
            await asyncio.sleep(0)  # others have their turn, however many there are

    async def usage(self, key: str) -> Usage:
        """Return what a snapshot uses: an active one now; a committed one is measured when somebody asks first, a view never.

        A commit does without: to count a layer of 50 thousand files takes a twentieth of its pull, and few ask. Who asks beside one waits
        for its end: what only an active snapshot needs may still be there.
        """
        await self._turns.over(key)
        record = self._index.get(key)
        kind = record.info.kind
        if kind is Kind.VIEW or (kind is Kind.COMMITTED and record.usage.inodes):
            return record.usage
        usage = await in_thread(self._backend.measure, self._path(record.id), kind, self._paths(record))
        if kind is Kind.COMMITTED:
            await self._index.measured(record.id, usage)
        return usage

    async def cleanup(self) -> None:
        """Delete directories of what was removed, or was never made whole. One that stays is tried again the next time."""
        async with self._cleaning:
            names = await in_thread(os.listdir, self._directory)
            # Looked at after the names: a removal whose record is still there may yet be undone.
            known = self._index.ids()
            await self._drop(name for name in names if self._may_go(name, known))

    def _may_go(self, name: str, known: set[int]) -> bool:
        if name in self._making or not (name.startswith((_NEW, _OLD)) or name in self._gone):
            return False
        plain = name.removeprefix(_NEW).removeprefix(_OLD)
        return not (plain.isdigit() and int(plain) in known)

    async def _deleted(self, path: Path) -> bool:
        """Delete a directory; return whether it is gone. Cancellation: what is left of it stays for the next time.

        Whoever waits for the root has callers waiting, and a large tree takes minutes.
        """
        left = threading.Event()
        work = begun(self._delete, path, left.is_set)
        try:
            await asyncio.wait((work,))
        except asyncio.CancelledError:
            left.set()
            raise
        finally:
            await settled(work)
        return work.result()

    async def _drop(self, names: Iterable[str]) -> None:
        """Delete directories, a few at a time."""
        left = iter(names)

        async def work() -> None:
            for name in left:
                if await self._deleted(self._directory / name):
                    self._gone.discard(name)
                else:
                    path = str(self._directory / name)
                    logger.warning("snapshot.orphan_stays", path=path, remedy="unmount what is mounted below it")

        async with anyio.create_task_group() as tasks:
            for _ in range(os.cpu_count() or 1):
                tasks.start_soon(work)
