"""Which mounts are kept, under which names: a directory each, with what was made in it and a record of it.

    t/last          the number that was given out last: none is given out twice while the machine is up
    t/<number>/     an activation
        <n>         its mounts' points, <n>-type their types: argosy.mounting.activation
        info        the record: an ActivationInfo, which appears, whole, when all mounts are made, and goes before they do

So what has no record is nobody's, whoever died: ``recover`` takes it down, and what has one and is not mounted any more (after a
restart of the machine) as well. Nothing but what is in these directories is ever unmounted.
"""

from __future__ import annotations

import errno
import os
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Final, NamedTuple

import anyio
import anyio.to_thread
from argosy import log
from argosy.errors import AlreadyExists, FailedPrecondition, InvalidArgument, NotFound, ResourceExhausted, in_words
from argosy.kernel.mount_table import mount_points
from argosy.mounting import handlers
from argosy.mounting.activation import Activated, activate, take_down
from argosy.mounting.plan import Plan, plan
from argosy.mounts import Mount, check
from argosy.settled import in_thread, to_its_end
from argosy.timestamps import now_ns, to_wire
from argosy_protos._wire import DecodeError
from argosy_protos.containerd.types import ActivationInfo, ActiveMount
from argosy_protos.containerd.types import Mount as WireMount

from argosy_mounts.disks import Disks

logger = log.get("mounts")

FOLDER: Final = "io.containerd.mount-manager.v1.bolt/t"
_RECORD, _LAST = "info", "last"
# As many as containerd's record of an activation can count.
_SYSTEM: Final = 255
# Threads that make mounts. What is mounted from may hang for ever: there are others for whoever looks, and for whoever takes down.
_MAKERS: Final = 16


class Kept(NamedTuple):
    """An activation: where it is, and what clients are told of it."""

    directory: str
    info: ActivationInfo

    def is_there(self, mounted: frozenset[str]) -> bool:
        """Return whether all of it is mounted still."""
        return all(handlers.is_there(active.mount_point, mounted) for active in self.info.active)


def _mounted() -> frozenset[str]:
    return frozenset(mounted.point for mounted in mount_points())


class Activations:
    """All activations below a directory that is nobody else's. Those of one name take turns."""

    def __init__(self, base: Path, roots: Sequence[str], most: int = 16384) -> None:
        """roots are where ``mkdir`` and ``mkfs`` may make something; most are kept at a time."""
        self._base, self._roots, self._most = os.path.abspath(base), tuple(roots), most
        self._kept: dict[str, Kept] = {}
        self._turns: dict[str, tuple[anyio.Lock, int]] = {}
        self._making: set[str] = set()
        self._makers = anyio.CapacityLimiter(_MAKERS)
        self._disks = Disks(self._holder_of)
        self._stuck: set[str] = set()
        """Directories that could not be taken down yet."""

    def __len__(self) -> int:
        return len(self._kept)

    def stuck(self) -> str:
        """Return the directories of mounts that nobody owns and that can't be unmounted yet, a line each."""
        return "\n".join(sorted(self._stuck))

    # -- calls --

    async def activate(
        self, name: str, mounts: Sequence[Mount], labels: Mapping[str, str], temporary: bool
    ) -> ActivationInfo:
        """Make what of mounts a manager makes, and keep it under a name.

        Raises Unimplemented when there is nothing to make, AlreadyExists, ResourceExhausted, FailedPrecondition for mounts that nobody may ask for and for
        what can't be mounted, and what the transformers raise. Cancellation: what has begun goes on to its end, and stays.
        """
        asked = plan(mounts, temporary)
        check(mounts)
        async with self._turn(name):
            if name in self._kept:
                raise AlreadyExists(f'mount "{name}"')
            if len(self._kept) + len(self._making) >= self._most:
                raise ResourceExhausted(
                    f"{self._most} activations of mounts are kept already; deactivate some, or raise `activations`"
                )
            self._making.add(name)
            return await to_its_end(self._keep(name, asked, dict(labels)))

    async def _keep(self, name: str, asked: Plan, labels: dict[str, str]) -> ActivationInfo:
        """Make an activation and note it: nobody else would know of what is mounted. Not to be cancelled."""
        try:
            kept = self._kept[name] = await anyio.to_thread.run_sync(self._make, name, asked, labels, limiter=self._makers)
        finally:
            self._making.discard(name)
        return kept.info

    def _holder_of(self, device: str) -> str:
        """Return the name of the activation that has a loop device, or "". Blocks."""
        points = {mounted.point for mounted in mount_points() if mounted.source == device}
        for name, kept in list(self._kept.items()):
            for active in kept.info.active:
                if handlers.leads_to(active.mount_point, device, points):
                    return name
        return ""

    async def deactivate(self, name: str) -> None:
        """Forget an activation, then unmount it; what is busy goes with its last user. Raises NotFound, FailedPrecondition.

        What can't be unmounted is forgotten all the same, and tried again with each list. Cancellation: it goes on to its end.
        """
        async with self._turn(name):
            kept = self._kept.pop(name, None)
            if kept is None:
                raise NotFound(f'missing mount "{name}" bucket')
            await in_thread(self._drop, kept)

    async def info(self, name: str) -> ActivationInfo:
        """Return an activation. Raises NotFound, also for one that somebody else has unmounted: what is left of it goes."""
        async with self._turn(name):
            kept = self._kept.get(name)
            if kept is not None and await self._is_lost(kept):
                kept = None
            if kept is None:
                raise NotFound(f'mount "{name}" not found')
            return kept.info

    async def all(self) -> list[ActivationInfo]:
        """Return the activations, by name; what could not be unmounted before is tried again."""
        await anyio.to_thread.run_sync(self._retry)
        mounted = await anyio.to_thread.run_sync(_mounted)
        known = [self._kept[name] for name in sorted(self._kept)]
        for kept in [kept for kept in known if not kept.is_there(mounted)]:
            async with self._turn(kept.info.name):
                if self._kept.get(kept.info.name) is kept:
                    await self._is_lost(kept)
        return [kept.info for kept in known if self._kept.get(kept.info.name) is kept]

    async def _is_lost(self, kept: Kept) -> bool:
        """Return whether an activation is mounted no more; it is forgotten then. Its turn is the caller's."""
        if kept.is_there(await anyio.to_thread.run_sync(_mounted)):
            return False
        logger.warning("mounts.lost", name=kept.info.name, directory=kept.directory)
        del self._kept[kept.info.name]
        with suppress(FailedPrecondition):
            await in_thread(self._drop, kept)
        return True

    @asynccontextmanager
    async def _turn(self, name: str) -> AsyncIterator[None]:
        lock, waiting = self._turns.get(name) or (anyio.Lock(), 0)
        self._turns[name] = lock, waiting + 1
        try:
            async with lock:
                yield
        finally:
            lock, waiting = self._turns[name]
            if waiting == 1:
                del self._turns[name]
            else:
                self._turns[name] = lock, waiting - 1

    # -- on disk, in worker threads --

    def recover(self) -> int:
        """Read what an earlier process has kept, and take down what it had not finished; returns how many of these there were. Blocks.

        To be called before anything else.
        """
        os.makedirs(self._base, 0o700, exist_ok=True)
        for name in os.listdir(self._base):
            if name.startswith("."):  # what was being written
                os.unlink(os.path.join(self._base, name))
        mounted, dropped = _mounted(), 0
        for number in sorted((n for n in os.listdir(self._base) if n.isdecimal()), key=int):
            directory = os.path.join(self._base, number)
            kept = self._read(directory)
            if kept is not None and kept.info.name not in self._kept and kept.is_there(mounted):
                self._kept[kept.info.name] = kept
                continue
            dropped += 1
            self._take_away(directory)
        return dropped

    def _read(self, directory: str) -> Kept | None:
        try:
            with open(os.path.join(directory, _RECORD), "rb") as file:
                info = ActivationInfo.decode(file.read())
        except (FileNotFoundError, DecodeError):
            return None
        return Kept(directory, info) if info.name else None

    def _number(self) -> int:
        """Return a number that was not given out before."""
        path = os.path.join(self._base, _LAST)
        given = [int(name) for name in os.listdir(self._base) if name.isdecimal()]
        try:
            with open(path) as file:
                given.append(int(file.read()))
        except (FileNotFoundError, ValueError):
            pass
        number = max(given, default=0) + 1
        _write(path, str(number).encode())
        return number

    def _directory(self) -> str:
        while True:
            directory = os.path.join(self._base, str(self._number()))
            with suppress(FileExistsError):  # another thread was faster
                os.mkdir(directory, 0o700)
                return directory

    def _make(self, name: str, asked: Plan, labels: dict[str, str]) -> Kept:
        try:
            return self._made(name, asked, labels)
        except OSError as error:  # of our own files: what is said of a mount is an error of ours
            why = f'mount "{name}" can\'t be kept: {in_words(error)}'
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                raise ResourceExhausted(f"{why}; free some space") from error
            raise FailedPrecondition(why) from error

    def _made(self, name: str, asked: Plan, labels: dict[str, str]) -> Kept:
        directory = self._directory()
        times: list[int] = []
        try:
            done = activate(
                asked, directory, self._roots, lambda made: times.append(now_ns()), guard=self._disks.claimed
            )
            if len(done.made) > _SYSTEM or len(done.system) > _SYSTEM:
                raise InvalidArgument(
                    f"too many mounts: {len(done.made)} were made and {len(done.system)} are left, and {_SYSTEM} of each can be kept"
                )
            info = _info(name, labels, done, times)
            _write(os.path.join(directory, _RECORD), info.encode())
        except BaseException:
            self._take_away(directory)
            raise
        return Kept(directory, info)

    def _drop(self, kept: Kept) -> None:
        with suppress(FileNotFoundError):
            os.unlink(os.path.join(kept.directory, _RECORD))
        error = self._take_away(kept.directory)
        if error is not None:
            raise FailedPrecondition(
                f'mount "{kept.info.name}": it is kept no more, and could not be unmounted ({in_words(error)}); it is tried again'
            )

    def _take_away(self, directory: str) -> OSError | None:
        """Take down what is in a directory, and remove it; returns what went wrong: then it is tried again later."""
        try:
            take_down(directory)
            for name in os.listdir(directory):
                os.unlink(os.path.join(directory, name))
            os.rmdir(directory)
        except FileNotFoundError:
            pass
        except OSError as error:
            logger.warning("mounts.stay", directory=directory, error=in_words(error))
            self._stuck.add(directory)
            return error
        self._stuck.discard(directory)
        return None

    def _retry(self) -> None:
        for directory in list(self._stuck):
            self._take_away(directory)


def _write(path: str, data: bytes) -> None:
    """Write a file that is there whole, or not at all."""
    folder, name = os.path.split(path)
    scratch = os.path.join(folder, f".{name}.{os.urandom(4).hex()}")
    fd = os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        try:
            view = memoryview(data)
            while view:
                view = view[os.write(fd, view) :]
        finally:
            os.close(fd)
        os.rename(scratch, path)
    except BaseException:
        os.unlink(scratch)
        raise


def _info(name: str, labels: dict[str, str], done: Activated, times: Sequence[int]) -> ActivationInfo:
    return ActivationInfo(
        name=name,
        labels=labels,
        active=[
            ActiveMount(mount=made.mount.to_wire(WireMount), mounted_at=to_wire(at), mount_point=made.point)
            for made, at in zip(done.made, times, strict=True)
        ],
        system=[mount.to_wire(WireMount) for mount in done.system],
    )
