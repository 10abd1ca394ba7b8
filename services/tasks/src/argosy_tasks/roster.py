"""The running shims of all namespaces, from their start to their end, and across restarts of the task manager.

A task whose container has been deleted while nobody watched is ended at the next start: no call of a client's library could
name it. Only the gateway that it was made for can say so (a bundle's ``gateway``), and not of many at once: a gateway whose
metadata was lost, or restored from an old copy, has no record of what runs. Such tasks go on until their operator says otherwise.
"""

from __future__ import annotations

import asyncio
import shutil
import signal
import time
from collections.abc import AsyncGenerator, Coroutine, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, TypeVar

import anyio
from argosy import log
from argosy.errors import AlreadyExists, ArgosyError, DeadlineExceeded, FailedPrecondition, NotFound, Unavailable
from argosy.roots import ALLOW_LOSS, allows_loss, loss_taken
from argosy.timestamps import from_wire, to_wire
from argosy.ttrpc.client import Closed
from argosy_protos.containerd import events as ev
from argosy_protos.containerd.task import v2 as api
from argosy_protos.containerd.v1.types import Status
from argosy_protos.google.protobuf import Any as AnyMessage

from argosy_tasks.bootstrap import HIGHEST_TASK_API, Starter
from argosy_tasks.bundle import Bootstrap, Bundle, bundles, remove
from argosy_tasks.gateway import Gateway, Standing
from argosy_tasks.rootfs import Rootfs
from argosy_tasks.runtimes import Runtimes
from argosy_tasks.shim import Shim, ShimLog

T = TypeVar("T")
logger = log.get("tasks")

_NAMED: Final = 20
_ADOPT_AT_ONCE: Final = 32
_UNKNOWN_EXIT: Final = 255
# How long a task waits to be made while its container is kept without one.
_HELD_S: Final = 2.0
# A shim's start outlives the death of whoever ran it; reaping its bundle before it is done would leave it an orphan.
_STARTING_S, _YOUNG_S = 5.0, 30.0


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Seconds that a shim gets; the defaults are containerd's."""

    load_s: float = 5.0
    cleanup_s: float = 5.0
    shutdown_s: float = 3.0


class _Hold:
    """A container that is kept without a task."""

    def __init__(self) -> None:
        self.lock = anyio.Lock()
        self.wanted = 0
        self.why = ""  # what who has the lock says, or had it last


class Silent:
    """A shim that takes connections and does not answer: it is stopped, or has too much to do, and its container may well run."""

    def __init__(self, shim: Shim) -> None:
        self.shim = shim
        self._since = time.monotonic()

    def why(self) -> str:
        since, pid = time.monotonic() - self._since, self.shim.bundle.shim_pid()
        return (
            f"its shim{pid and f' (process {pid})'} has not answered for {since:.1f} s, and is waited for; if it is stopped, continue it, "
            "and if it is broken, kill it: its container is ended then"
        )


class Roster:
    """All tasks. One lock a task keeps create and delete of the same name apart."""

    def __init__(
        self,
        state: Path,
        root: Path,
        runtimes: Runtimes,
        starter: Starter,
        gateway: Gateway,
        timeouts: Timeouts,
        word: Path,
        rootfs: Rootfs,
    ) -> None:
        """word is the directory in which the operator allows a loss."""
        self._state, self._root = state, root
        self._runtimes, self._starter, self._gateway = runtimes, starter, gateway
        self._timeouts = timeouts
        self._word = word
        self._rootfs = rootfs
        self._kept: list[Shim] = []
        self._silent: dict[tuple[str, str], Silent] = {}
        self._shims: dict[tuple[str, str], Shim] = {}
        self._starting: set[tuple[str, str]] = set()
        self._deleting: set[tuple[str, str]] = set()
        self._jobs: set[asyncio.Task[Any]] = set()
        self._holds: dict[tuple[str, str], _Hold] = {}

    def get(self, namespace: str, id: str) -> Shim:
        """Return the shim of a task. Raises NotFound, Unavailable for one whose shim has not answered since our start."""
        try:
            return self._shims[namespace, id]
        except KeyError:
            if (silent := self._silent.get((namespace, id))) is not None:
                raise Unavailable(f"task {id}: {silent.why()}") from None
            raise NotFound(f"task {id} not found") from None

    def outputs(self) -> list[str]:
        """Return where the tasks write to: paths of FIFOs, and URIs."""
        return [shim.stdout for shim in self._shims.values() if shim.stdout]

    def has(self, namespace: str, id: str) -> bool:
        return (namespace, id) in self._shims or (namespace, id) in self._silent

    def all_of(self, namespace: str) -> list[Shim]:
        return [s for (ns, _), s in sorted(self._shims.items()) if ns == namespace]

    def __len__(self) -> int:
        return len(self._shims) + len(self._silent)

    def busy(self) -> bool:
        """Whether there is a task, or something about one is under way, or is kept from being."""
        return bool(self._shims or self._silent or self._starting or self._deleting or self._jobs or self._holds)

    @asynccontextmanager
    async def without_task(self, namespace: str, id: str, why: str) -> AsyncGenerator[None, None]:
        """Keep a container without a task for the block, after others who do. Raises AlreadyExists where it has one, or is about to.

        Cancellation: whoever waits next has it.
        """
        key = (namespace, id)
        with self._wanting(self._holds.setdefault(key, _Hold()), key) as hold:
            async with hold.lock:
                if key in self._shims or key in self._silent or key in self._starting or key in self._deleting:
                    raise AlreadyExists(f"task {id}")
                hold.why = why
                yield

    async def _held(self, hold: _Hold, key: tuple[str, str]) -> None:
        """Wait a moment until nobody keeps a container without a task: who has just done so may not be gone yet. Raises FailedPrecondition, AlreadyExists."""
        with self._wanting(hold, key):
            with anyio.move_on_after(_HELD_S) as waiting:
                await hold.lock.acquire()
            if waiting.cancelled_caught:
                raise FailedPrecondition(
                    f"container {key[1]} can't be started now: {hold.why}; wait for that to end, or end it"
                )
            # Whoever has it next finds that the task is being made: nothing is awaited before that is known.
            hold.lock.release()
        if key in self._shims or key in self._starting:
            raise AlreadyExists(f"task {key[1]}")

    @contextmanager
    def _wanting(self, hold: _Hold, key: tuple[str, str]) -> Iterator[_Hold]:
        hold.wanted += 1
        try:
            yield hold
        finally:
            hold.wanted -= 1
            if not hold.wanted:
                del self._holds[key]

    def silent(self) -> str:
        """Return the tasks whose shims have not answered since our start, a line each; nothing when there are none."""
        return "\n".join(f"{ns}/{id}: {silent.why()}" for (ns, id), silent in sorted(self._silent.items()))

    def kept(self) -> str:
        """Return the tasks that were not ended for want of a record, and how to end them; nothing when there are none."""
        left = [shim.bundle for shim in self._kept if self._shims.get((shim.bundle.namespace, shim.bundle.id)) is shim]
        return f"{_names(left)}: {self._remedy()}" if left else ""

    async def create(
        self,
        namespace: str,
        id: str,
        runtime: str,
        spec: bytes,
        options: AnyMessage | None,
        request: api.CreateTaskRequest,
    ) -> int:
        """Make a bundle, start a shim, create the task; returns its pid. Everything is undone on failure.

        Cancellation: what has begun goes on to its end, and is then undone; half a shim can't be.
        """
        job = self._begin(self._create(namespace, id, runtime, spec, options, request))
        try:
            return await asyncio.shield(job)
        except asyncio.CancelledError:
            self._later(self._undo(job, namespace, id))
            raise

    async def _undo(self, job: asyncio.Task[int], namespace: str, id: str) -> None:
        try:
            await job
            await self.delete(namespace, id)
        except (ArgosyError, OSError) as error:
            logger.info("task.create_given_up", namespace=namespace, container=id, error=str(error))

    def _later(self, work: Coroutine[Any, Any, None]) -> None:
        self._begin(work)

    def _begin(self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        # Not of a group: it may outlive the call that began it, and belongs to the roster, whose close() waits for it.
        job = asyncio.get_running_loop().create_task(work)
        self._jobs.add(job)
        job.add_done_callback(self._jobs.discard)
        return job

    async def _create(
        self, namespace: str, id: str, runtime: str, spec: bytes, options: AnyMessage | None, request: api.CreateTaskRequest
    ) -> int:
        """Make a bundle, start a shim, create the task; returns its pid. Everything is undone on failure."""
        key = (namespace, id)
        if key in self._shims or key in self._starting:
            raise AlreadyExists(f"task {id}")
        binary = self._runtimes.resolve(runtime)
        if (hold := self._holds.get(key)) is not None:
            await self._held(hold, key)
        self._starting.add(key)
        try:
            gateway = await self._gateway.uuid()
            bundle = await asyncio.to_thread(Bundle.make, self._state, self._root, namespace, id, spec, gateway)
            bundle.remember_binary(binary)
            try:
                request.rootfs = list(await self._rootfs.made(bundle, binary, request.rootfs))
            except BaseException:
                await asyncio.shield(self._remove(bundle))
                raise
            shim_log = ShimLog(bundle)
            try:
                shim = await self._launch(bundle, binary, options, shim_log)
            except BaseException:
                try:
                    await asyncio.shield(self._end_begun(bundle, shim_log))
                finally:
                    shim_log.close()
                    await asyncio.shield(self._discard(bundle, binary))
                raise
            try:
                request.bundle = str(bundle.path)
                created = await shim.call("Create", request)
                # A shim that restores a checkpoint has no process yet.
                pid = created.pid or (await shim.call("Connect", api.ConnectRequest(id=id))).task_pid
            except BaseException as error:
                await asyncio.shield(self._abandon(shim, binary))
                if isinstance(error, ArgosyError):
                    raise type(error)(f"failed to create shim task: {error.message}") from error
                raise
            shim.pid, shim.stdout = pid, request.stdout
            self._shims[key] = shim
        finally:
            self._starting.discard(key)
        return shim.pid

    async def _launch(self, bundle: Bundle, binary: Path, options: AnyMessage | None, shim_log: ShimLog) -> Shim:
        bootstrap = await self._starter.start(binary, bundle, options)
        bundle.remember(bootstrap)
        return await Shim.connect(bundle, bootstrap, shim_log, lambda: self._lost(bundle), self._timeouts.load_s)

    async def _end_begun(self, bundle: Bundle, shim_log: ShimLog) -> None:
        """End the shim of a start that failed: it may have made one before it did, and then its bundle says where that listens."""
        try:
            begun = await asyncio.to_thread(bundle.recall)
            newest = replace(begun, version=HIGHEST_TASK_API)
            shim = await Shim.connect(bundle, newest, shim_log, lambda: None, self._timeouts.cleanup_s)
        except ArgosyError:
            return  # there is none
        # That of a pod stays for the pod's other containers.
        await shim.shutdown(self._timeouts.shutdown_s)
        shim.close()

    async def _abandon(self, shim: Shim, binary: Path) -> None:
        """End a shim whose create failed."""
        dead = False
        try:
            await shim.call("Delete", api.DeleteRequest(id=shim.bundle.id), self._timeouts.cleanup_s)
        except Closed:
            dead = True
        except ArgosyError:
            pass  # there was nothing to delete
        await shim.shutdown(self._timeouts.shutdown_s)
        shim.close()
        if dead:
            await self._discard(shim.bundle, binary)
        else:
            await self._remove(shim.bundle)

    async def _discard(self, bundle: Bundle, binary: Path) -> None:
        """Take away what a shim may have begun before it died: it alone knows what that is."""
        try:
            await self._starter.delete(binary, bundle, self._timeouts.cleanup_s)
        except (ArgosyError, OSError) as error:
            logger.warning("shim.cleanup_failed", namespace=bundle.namespace, container=bundle.id, error=str(error))
        await self._remove(bundle)

    async def _remove(self, bundle: Bundle) -> None:
        """Remove a bundle, and what was made for its root file system."""
        await asyncio.to_thread(remove, await self._hidden(bundle))

    async def _hidden(self, bundle: Bundle) -> list[Path]:
        """Have what was made for a bundle's root file system taken down, and give its name up; return what is left to ``remove``.

        In this order: who dies in between leaves a bundle that says what there is to take down, and nobody who gets the name next has
        what was made for him taken down.
        """
        hidden = await asyncio.to_thread(_hidden_unless_noted, bundle)
        if hidden is None:
            await self._rootfs.drop(bundle)
            hidden = await asyncio.to_thread(bundle.hide)
        return hidden

    async def delete(self, namespace: str, id: str) -> api.DeleteResponse:
        """Delete a task that has ended; its shim and bundle go. Raises NotFound, the shim's error."""
        shim = self.get(namespace, id)
        self._deleting.add((namespace, id))
        try:
            try:
                response: api.DeleteResponse = await shim.call("Delete", api.DeleteRequest(id=id))
            except NotFound:
                response = api.DeleteResponse(pid=shim.pid, exit_status=_UNKNOWN_EXIT, exited_at=to_wire(time.time_ns()))
            await asyncio.shield(self._forget(shim))
        finally:
            self._deleting.discard((namespace, id))
        return response

    def vanished(self, shim: Shim) -> None:
        """A shim that answers knows nothing of its task: a delete that an earlier task manager began has come to its end."""
        key = (shim.bundle.namespace, shim.bundle.id)
        if self._shims.get(key) is shim and key not in self._deleting:
            logger.info("shim.leaked", namespace=key[0], container=key[1])
            self._later(self._forget(shim))

    async def _forget(self, shim: Shim) -> None:
        self._shims.pop((shim.bundle.namespace, shim.bundle.id), None)
        await shim.shutdown(self._timeouts.shutdown_s)
        shim.close()
        # The name is free then, and nobody waits for a dozen files to be unlinked.
        hidden = await self._hidden(shim.bundle)
        self._later(asyncio.to_thread(remove, hidden))

    # -- shims that die --

    def _lost(self, bundle: Bundle) -> None:
        self._later(self._clean_up(bundle))

    async def _clean_up(self, bundle: Bundle) -> None:
        """A shim went without being asked: its container is ended and reported."""
        shim = self._shims.pop((bundle.namespace, bundle.id), None)
        if shim is None:
            return
        logger.warning("shim.lost", namespace=bundle.namespace, container=bundle.id, pid=shim.pid)
        shim.close()
        await self._reap(bundle, shim.pid)

    async def _reap(self, bundle: Bundle, pid: int) -> None:
        status, exited = _UNKNOWN_EXIT, time.time_ns()
        binary = bundle.binary()
        try:
            response = await self._starter.delete(
                Path(binary) if binary else self._default_binary(), bundle, self._timeouts.cleanup_s
            )
            status, pid = response.exit_status, response.pid or pid
            exited = from_wire(response.exited_at) or exited
        except (ArgosyError, OSError) as error:
            logger.warning("shim.cleanup_failed", namespace=bundle.namespace, container=bundle.id, error=str(error))
        await self._remove(bundle)
        ns, id, when = bundle.namespace, bundle.id, to_wire(exited)
        exit_event = ev.TaskExit(container_id=id, id=id, pid=pid, exit_status=status, exited_at=when)
        await self._gateway.publish(ns, "/tasks/exit", "containerd.events.TaskExit", exit_event)
        gone = ev.TaskDelete(container_id=id, pid=pid, exit_status=status, exited_at=when)
        await self._gateway.publish(ns, "/tasks/delete", "containerd.events.TaskDelete", gone)

    def _default_binary(self) -> Path:
        return self._runtimes.resolve("io.containerd.runc.v2")

    # -- our own restarts --

    async def adopt(self) -> int:
        """Reconnect to every shim there is, in parallel, with a deadline each; clean up after the dead. Returns how many live."""
        limit = asyncio.Semaphore(_ADOPT_AT_ONCE)

        async def one(bundle: Bundle) -> None:
            async with limit:
                try:
                    await self._adopt(bundle)
                except Exception as error:
                    logger.error(
                        "shim.adopt_failed",
                        namespace=bundle.namespace,
                        container=bundle.id,
                        error=str(error),
                        exc_info=error,
                    )

        found = await asyncio.to_thread(lambda: list(bundles(self._state, self._root)))
        async with anyio.create_task_group() as group:
            for bundle in found:
                group.start_soon(one, bundle)
        await asyncio.to_thread(self._drop_stray_work)
        # The gateway may still be starting, and asks us nothing before that is over.
        self._later(self._end_deserted(list(self._shims.values()), limit))
        return len(self._shims)

    async def _adopt(self, bundle: Bundle) -> None:
        shim_log: ShimLog | None = None
        try:
            bootstrap = await self._recall(bundle)
            shim_log = ShimLog(bundle)
            shim = await Shim.connect(bundle, bootstrap, shim_log, lambda: self._lost(bundle), self._timeouts.load_s)
        except ArgosyError as error:
            if shim_log is not None:
                shim_log.close()
            await self._bury(bundle, error)
            return
        try:
            await self._take(shim, self._timeouts.load_s)
        except DeadlineExceeded:
            silent = self._silent[bundle.namespace, bundle.id] = Silent(shim)
            logger.warning("shim.silent", namespace=bundle.namespace, container=bundle.id, why=silent.why())
            self._later(self._take_when_it_answers(shim))
        except ArgosyError as error:
            shim.close()
            await self._bury(bundle, error)

    async def _bury(self, bundle: Bundle, error: ArgosyError) -> None:
        """Clean up after a shim that was dead when we started."""
        logger.info("shim.dead", namespace=bundle.namespace, container=bundle.id, error=str(error))
        if await asyncio.to_thread(bundle.has_mounts):
            # The gateway is asked to take them down, and may wait for our own start.
            self._later(self._reap(bundle, 0))
            return
        await self._reap(bundle, 0)

    async def _take(self, shim: Shim, timeout: float | None) -> None:
        """Enter the task of a shim; one that knows of none any more is let go. Raises the shim's error, DeadlineExceeded."""
        bundle = shim.bundle
        connected = await shim.call("Connect", api.ConnectRequest(id=bundle.id), timeout)
        if not await self._has_task(shim, timeout):
            logger.info("shim.leaked", namespace=bundle.namespace, container=bundle.id)
            await self._forget(shim)
            return
        shim.pid = connected.task_pid
        self._shims[bundle.namespace, bundle.id] = shim

    async def _take_when_it_answers(self, shim: Shim) -> None:
        """Wait for a silent shim for as long as it lives."""
        bundle = shim.bundle
        key = (bundle.namespace, bundle.id)
        try:
            await self._take(shim, None)
        except ArgosyError as error:
            if key in self._silent:  # else we end, and it lives on
                shim.close()
                await self._bury(bundle, error)
        finally:
            self._silent.pop(key, None)
        if self._shims.get(key) is shim:
            logger.info("shim.answers", namespace=bundle.namespace, container=bundle.id)
            await self._end_deserted([shim], asyncio.Semaphore(1))

    async def _end_deserted(self, shims: Sequence[Shim], limit: asyncio.Semaphore) -> None:
        """End adopted tasks whose containers were deleted while the task manager was down; those whose records may be lost, not deleted, stay."""
        standings: dict[Shim, Standing] = {}

        async def one(shim: Shim) -> None:
            bundle = shim.bundle
            made_for = await asyncio.to_thread(bundle.gateway)
            async with limit:
                standings[shim] = await self._gateway.standing(bundle.namespace, bundle.id, made_for)

        allowed = await asyncio.to_thread(allows_loss, self._word)
        async with anyio.create_task_group() as group:
            for shim in shims:
                group.start_soon(one, shim)
        deleted = [shim for shim in shims if standings[shim] is Standing.DELETED]
        strange = [shim for shim in shims if standings[shim] is Standing.STRANGE]
        # What was never started, or has ended, loses nothing; one that runs alone may well have been deleted.
        lost = sum(shim.runs for shim in deleted)
        if not allowed and lost > 1 and lost * 2 > sum(shim.runs for shim in shims):
            self._keep(deleted, "the gateway has no record of their containers, which are more than half of all that run")
            deleted = []
        if not allowed:
            self._keep(strange, "the gateway has no record of their containers, and is not the one that they were made for")
            strange = []
        async with anyio.create_task_group() as group:
            for shim in (*deleted, *strange):
                group.start_soon(self._end, shim)
        if allowed and Standing.UNSAID not in standings.values():
            await asyncio.to_thread(loss_taken, self._word)

    def _keep(self, shims: Sequence[Shim], why: str) -> None:
        if shims:
            self._kept += shims
            names = _names([shim.bundle for shim in shims])
            logger.warning("tasks.without_record", count=len(shims), tasks=names, why=why, remedy=self._remedy())

    def _remedy(self) -> str:
        return (
            "they go on; restore the gateway's metadata.db to have their records back, or end each with "
            f'"argosy --namespace NAMESPACE rm --force ID", or create {self._word / ALLOW_LOSS} to have all ended at the next start'
        )

    async def _end(self, shim: Shim) -> None:
        """Kill and delete a task."""
        ns, id = shim.bundle.namespace, shim.bundle.id
        if self._shims.get((ns, id)) is not shim:
            return
        logger.info("task.deserted", namespace=ns, container=id)
        try:
            await shim.call("Kill", api.KillRequest(id=id, signal=signal.SIGKILL, all=True), self._timeouts.cleanup_s)
            await shim.call("Wait", api.WaitRequest(id=id), self._timeouts.cleanup_s)
        except ArgosyError:
            pass  # it has ended, or never started; deleting it says which
        try:
            await self.delete(ns, id)
        except ArgosyError as error:
            logger.warning("task.deserted_stays", namespace=ns, container=id, error=error.message)

    @staticmethod
    async def _recall(bundle: Bundle) -> Bootstrap:
        """Return where a bundle's shim listens. One that was being started when we died gets a moment to say so."""
        deadline = time.time() + _STARTING_S
        while True:
            try:
                return bundle.recall()
            except NotFound:
                young = time.time() - bundle.path.stat().st_mtime < _YOUNG_S
                if not young or time.time() > deadline:
                    raise
            await asyncio.sleep(0.05)

    async def _has_task(self, shim: Shim, timeout: float | None) -> bool:
        try:
            state: api.StateResponse = await shim.call("State", api.StateRequest(id=shim.bundle.id), timeout)
            shim.stdout = state.stdout
            shim.runs = state.status not in (Status.CREATED, Status.STOPPED)
        except NotFound:
            return False
        return True

    def _drop_stray_work(self) -> None:
        if not self._root.exists():
            return
        for namespace in self._root.iterdir():
            if not namespace.is_dir():
                continue
            for work in namespace.iterdir():
                if not (self._state / namespace.name / work.name).exists():
                    shutil.rmtree(work, ignore_errors=True)

    async def close(self) -> None:
        """Let go of every connection; the shims run on. What was begun is waited for, be it begun meanwhile."""
        silent, self._silent = self._silent, {}
        for shim in (*self._shims.values(), *(one.shim for one in silent.values())):
            shim.close()
        self._shims.clear()
        while self._jobs:
            await asyncio.wait(list(self._jobs))


def _hidden_unless_noted(bundle: Bundle) -> list[Path] | None:
    """Give a bundle's name up and return what is left to remove; None, and it is only unmounted, when something was made for its root file system. Blocks."""
    if bundle.has_mounts():
        bundle.unmount()
        return None
    return bundle.hide()


def _names(found: Sequence[Bundle]) -> str:
    """Return namespaces and ids, not all of very many."""
    names = [f"{bundle.namespace}/{bundle.id}" for bundle in found]
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return f"{', '.join(names[:_NAMED])}{more}"
