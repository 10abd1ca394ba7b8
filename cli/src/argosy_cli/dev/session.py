"""A session of ``plugin dev``: which version of a file serves, and how the next one takes its place.

    a save ─► a process, which stands by ─► it can be called ─► it keeps the contract ─► swap ─► the one before has ended
                    │ a traceback                │                    │ a check fails      │ refused
                    └────────────────────────────┴────────────────────┴────────────────────┴──► shown; the one before serves on

What is checked has no data of anybody's: a plugin that keeps anything is rehearsed in an empty directory. Another save ends
what is under way, up to the swap, which is one call to the registry.
"""

from __future__ import annotations

import shutil
import signal
import socket
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Final, NamedTuple

import anyio
import anyio.abc
from argosy.client.jobs import together
from argosy.errors import ArgosyError, FailedPrecondition, NotFound, Unavailable, Unimplemented
from argosy.rpc.channel import Channel
from argosy.testkit import content as content_suite
from argosy.testkit import snapshotter as snapshotter_suite
from argosy.testkit import verify
from argosy.testkit.suite import Report, Suite, Verdict
from argosy_protos.argosy.instance.v1 import ClaimRequest, InstanceStub, ReleaseRequest
from argosy_protos.argosy.plugins.v1 import AddRequest, GetRequest, PluginsStub, RemoveRequest, SwapRequest, Table
from argosy_protos.argosy.service.v1 import ServiceStub, StatisticsRequest
from argosy_protos.grpc.health.v1 import HealthCheckRequest, HealthCheckResponseServingStatus, HealthStub

from argosy_cli.dev.files import saves
from argosy_cli.dev.keys import is_terminal, keys
from argosy_cli.dev.place import Place, sweep
from argosy_cli.dev.version import Failed, Interpreter, Version, described
from argosy_cli.output import say

# What one question to a plugin may take, and what a registry may take for a change.
_ASK_S: Final = 5.0
_CHANGE_S: Final = 30.0
# How long calls in flight on the version before may take to their end.
_LEAVE_S: Final = 600.0
_LOOK_S: Final = 0.02
# How long the end of a session waits for calls in flight before it takes the plugin away.
_QUIET_S: Final = 2.0
# One waits for the plugin, for a mount or for a copy of its own, while others have the processor: four end in two thirds of the time of two.
_LANES: Final = 4
# What is shown of what a version has said that is not used.
_SHOWN: Final = 40
_HELP: Final = "keys: r restart now, v verify all of it, t its calls, f swap in without checks, q quit"
# Of these a mesh has one of its own, beside which no other is registered.
_ALONE: Final = ("content", "diff")


class Wishes(NamedTuple):
    """What the command line says besides the file."""

    name: str
    root: Path | None
    scratch: Path | None
    flags: tuple[str, ...]
    has: tuple[str, ...]
    lacks: tuple[str, ...]
    verifies: bool


class Attempt(NamedTuple):
    """A wish for what is on disk to serve."""

    why: str
    since: float
    """In seconds since the epoch."""
    verifies: bool


class What(NamedTuple):
    """What a file is."""

    kind: str
    name: str
    root: Path | None


class Session:
    """Serves one file until a signal or q."""

    def __init__(self, file: Path, daemon: Path, wishes: Wishes) -> None:
        self._file, self._daemon, self._wishes = file, daemon, wishes
        self._what: What | None = None
        self._number = 0
        self._serving: Version | None = None
        self._registered = False
        self._ahead: Interpreter | None = None
        self._wish: Attempt | None = None
        self._wished = anyio.Event()
        self._under_way: anyio.CancelScope | None = None
        self._rehearsing = anyio.Lock()
        self._versions: set[Version] = set()
        """All processes that have not ended."""

    async def run(self) -> int:
        """Serve until a signal or q; return the exit code. Raises Unavailable when the daemon is away, Unimplemented for one without a registry."""
        # First of all: from here on a signal is an end in order.
        with anyio.open_signal_receiver(signal.SIGINT, signal.SIGTERM, signal.SIGHUP) as self._signalled:
            async with Channel(self._daemon, name="the daemon", default_timeout_s=_CHANGE_S) as channel:
                self._plugins = PluginsStub(channel)
                await self._check_daemon()
                for sentence in await sweep():
                    self._say(sentence)
                self._place = Place.make(self._file.stem)
                await self._serve()
        return 0

    async def _serve(self) -> None:
        """Serve what is on disk until the end, and leave nothing."""
        is_clean = False
        try:
            async with anyio.create_task_group() as tasks:
                self._tasks = tasks
                for work in (self._signals, self._keys, self._saves, self._attempts):
                    tasks.start_soon(work)
                self._ask(Attempt("", time.time(), self._wishes.verifies))
        finally:
            with anyio.CancelScope(shield=True):
                try:
                    is_clean = await self._end()
                finally:
                    self._place.leave(is_clean)

    async def _check_daemon(self) -> None:
        """Raise what keeps the daemon from being of use."""
        try:
            await self._plugins.get(GetRequest(name="none"))
        except NotFound:
            return
        except Unimplemented:
            raise Unimplemented(
                f"the daemon at {self._daemon} registers no plugins while it runs; run the file by itself: without arguments it says how"
            ) from None

    # -- what is heard --

    async def _signals(self) -> None:
        async for _ in self._signalled:
            self._tasks.cancel_scope.cancel()
            return

    async def _keys(self) -> None:
        async for key in keys():
            if key == "q":
                self._tasks.cancel_scope.cancel()
            elif key in ("r", "f"):
                self._ask(Attempt("restart", time.time(), key == "r" and self._wishes.verifies))
            elif key == "v":
                self._tasks.start_soon(self._told, self._whole)
            elif key == "t":
                self._tasks.start_soon(self._told, self._show)
            else:
                self._say(_HELP)

    async def _saves(self) -> None:
        async for at in saves(self._file):
            self._ask(Attempt("save", at, self._wishes.verifies))

    def _ask(self, attempt: Attempt) -> None:
        """Have what is on disk serve; what is under way for an older state of it ends."""
        self._wish = attempt
        self._wished.set()
        if self._under_way is not None:
            self._under_way.cancel()

    @staticmethod
    def _say(text: str) -> None:
        say(f"{time.strftime('%H:%M:%S')}  {text}")

    def _show_lines(self, text: str) -> None:
        for line in text.splitlines():
            say(f"          | {line}")

    async def _told(self, work: Callable[[], Awaitable[None]]) -> None:
        """Do what a key is for, and say what is wrong with it."""
        try:
            await work()
        except Failed as error:
            self._show_lines(str(error))
        except (ArgosyError, OSError) as error:
            self._say(str(error))

    # -- from a save to what serves --

    async def _attempts(self) -> None:
        while True:
            await self._wished.wait()
            self._wished = anyio.Event()
            attempt, self._wish = self._wish, None
            if attempt is None:
                continue
            with anyio.CancelScope() as self._under_way:
                try:
                    await self._attempt(attempt)
                except Failed as error:
                    self._refused(str(error))
                except (ArgosyError, OSError) as error:
                    self._refused(str(error) or type(error).__name__)
            self._under_way = None
            if self._ahead is None:
                self._ahead = await Interpreter.begin()

    def _refused(self, why: str) -> None:
        serving = self._serving if self._serving is not None and not self._serving.over.is_set() else None
        serves = f"version {serving.number} serves on" if serving is not None else "nothing is served yet"
        self._say(f"{self._file.name} is not used, {serves}:")
        self._show_lines(why)

    async def _attempt(self, attempt: Attempt) -> None:
        if self._what is None:
            self._what = await self._described()
        version = await self._started(self._what)
        try:
            took, forgotten = "", 0
            if attempt.verifies:
                began = time.monotonic()
                version.checks_begin()
                report = await self._rehearsed(version, fast=True)
                if report is not None:
                    if not report.passed:
                        raise Failed(f"{_counted(report)}{verify.explained(report)}")
                    took = f"{_counted(report)} in {time.monotonic() - began:.2f} s; "
                    forgotten = version.checks_passed()
            first = self._serving is None
            # From here on another save waits: it is one call, and either of the two serves then.
            with anyio.CancelScope(shield=True):
                await self._put(version)
        except BaseException as error:
            with anyio.CancelScope(shield=True):
                await self._ended(version)
            if isinstance(error, (Failed, ArgosyError, OSError)):
                # What it has said meanwhile may be the traceback that explains it.
                raise Failed("\n".join([*list(version.lines)[-_SHOWN:], str(error) or type(error).__name__])) from error
            raise
        after = f", {time.time() - attempt.since:.2f} s after the {attempt.why}" if attempt.why else ""
        where = f' as {self._what.kind} plugin "{self._what.name}" at {version.address}' if first else ""
        self._say(f"version {version.number} serves{where}{after} ({took}pid {version.process.pid})")
        if forgotten:
            self._show_lines(f"({forgotten} {'line' if forgotten == 1 else 'lines'} that it said while it was checked)")
        if first and is_terminal():
            self._say(_HELP)

    async def _interpreter(self) -> Interpreter:
        """Return the one that is ahead, or one that begins now."""
        interpreter, self._ahead = self._ahead, None
        if interpreter is None or interpreter.process.returncode is not None:
            interpreter = await Interpreter.begin()
        return interpreter

    async def _described(self) -> What:
        told = await described(await self._interpreter(), self._file)
        kind, name = str(told["kind"]), self._wishes.name or str(told["name"])
        if kind not in ("snapshot", "content", "diff", "depot", "hook", "verifier", "service"):
            raise Failed(
                f"{self._file.name} is a {kind}, which no process serves: a daemon starts it each time that it needs one, as it is on disk "
                f"then; without arguments it says how a daemon finds it"
            )
        root = None
        if told["root"]:
            root = (self._wishes.root or self._file.parent / ".argosy-dev" / name).absolute()
        return What(kind, name, root)

    async def _started(self, what: What) -> Version:
        """Return a process of what is on disk, which stands by. Raises Failed."""
        self._number += 1
        directory = self._place.directory
        address, heard = directory / f"{self._number}.sock", directory / f"{self._number}.ready"
        words = ["--standby", "--address", str(address), "--name", what.name, *self._wishes.flags]
        if "--log-level" not in self._wishes.flags:
            words += ["--log-level", "warn"]
        if what.root is not None:
            words += ["--root", str(what.root)]
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as notify:
            notify.bind(str(heard))
            interpreter = await self._interpreter()
            version = Version(self._number, address, interpreter)
            self._versions.add(version)
            self._tasks.start_soon(version.hear)
            try:
                await interpreter.tell(self._file, words, str(heard))
                await version.ready(notify)
            except BaseException as error:
                await self._ended(version)
                if isinstance(error, Failed) and version.process.returncode == 2:
                    self._what = None  # its flags are others than they were: it may have a root now
                raise
            finally:
                heard.unlink(missing_ok=True)
        return version

    async def _ended(self, version: Version) -> None:
        await version.end()
        self._versions.discard(version)

    # -- what it is asked before it serves --

    async def _rehearsed(self, version: Version, fast: bool) -> Report | None:
        """Have a version serve an empty directory, or what it has if it keeps nothing, and check it. Returns None for what no suite judges.

        Raises Failed when it does not say that it serves, and its own errors. It stands by again then.
        """
        what = self._what
        assert what is not None
        async with self._rehearsing, Channel(version.address, default_timeout_s=_ASK_S) as channel:
            instance = InstanceStub(channel)
            scratch = None
            if what.root is not None:
                # All of it on the same file system, which may know less than others.
                where = self._wishes.scratch or (self._place.scratch if fast else what.root.parent)
                scratch = (where / f"{what.root.name}.rehearsal").absolute()
                shutil.rmtree(scratch, ignore_errors=True)
            try:
                await instance.claim(ClaimRequest(root=str(scratch or "")))
                health = await HealthStub(channel).check(HealthCheckRequest())
                if health.status is not HealthCheckResponseServingStatus.SERVING:
                    raise Failed("it can be called, and says that it does not serve")
                report = await self._judged(version, fast)
                if scratch is not None:
                    await instance.release(ReleaseRequest())
            finally:
                if scratch is not None:
                    shutil.rmtree(scratch, ignore_errors=True)
        return report

    async def _judged(self, version: Version, fast: bool) -> Report | None:
        kind, has, lacks = self._what.kind if self._what else "", self._wishes.has, self._wishes.lacks
        if kind == "snapshot":

            async def snapshotter(focus: str) -> Report:
                return await verify.snapshotter(version.address, fast=fast, focus=focus, has=has, lacks=lacks)

            return await (_in_lanes(snapshotter_suite.SUITE, snapshotter) if fast else snapshotter(""))
        if kind == "content":
            # Labels are the daemon's, unless it is said that this one keeps its own.
            lacks = lacks if "labels" in has else (*lacks, "labels")

            async def content(focus: str) -> Report:
                return await verify.content(version.address, fast=fast, focus=focus, has=has, lacks=lacks)

            return await (_in_lanes(content_suite.SUITE, content) if fast else content(""))
        if kind == "diff":
            return await verify.diff(version.address, self._daemon, fast=fast, has=has, lacks=lacks)
        if kind == "depot":
            # What has no directory of its own to be emptied again keeps what it is given: nothing is put there unless it is said.
            keeps = self._what is not None and self._what.root is None and "put" not in has
            lacks, skip = ((*lacks, "put"), "^who-takes-no-images") if keeps else (lacks, "")
            return await verify.depot(version.address, fast=fast, skip=skip, has=has, lacks=lacks)
        if kind in ("hook", "verifier"):
            judge = verify.hook if kind == "hook" else verify.verifier
            return await judge(version.address, fast=fast, has=has, lacks=lacks)
        return None

    # -- serving --

    async def _put(self, version: Version) -> None:
        """Have a version serve from now on; the one before serves on when that is refused. Raises what refuses it."""
        what, before = self._what, self._serving
        assert what is not None
        if what.root is None:
            # It has nothing that another has to give back first: what is in flight there ends there.
            await self._order(version, True)
        if self._registered:
            await self._swapped(version, what.name)
        else:
            await self._first(version, before, what)
        self._serving = version
        version.show(self._show_lines)
        self._tasks.start_soon(self._mourn, version)
        if before is not None:
            self._tasks.start_soon(self._leave, before)

    async def _swapped(self, version: Version, name: str) -> None:
        """Swap a version in. Raises what refuses it."""
        try:
            await self._plugins.swap(SwapRequest(name=name, address=str(version.address)))
        except ArgosyError:
            # One that was not answered in time may be done.
            with suppress(ArgosyError):
                plugin = (await self._plugins.get(GetRequest(name=name))).plugin
                if plugin is not None and plugin.table is not None and plugin.table.address == str(version.address):
                    return
            raise

    async def _first(self, version: Version, before: Version | None, what: What) -> None:
        """Register a version; one that can't be beside what the mesh has is served all the same, and said."""
        if before is not None:
            await self._order(before, False)
        try:
            await self._order(version, True)
        except BaseException:
            if before is not None:
                await self._order(before, True)
            raise
        self._place.registers(self._daemon, what.name)
        table = Table(type=what.kind, name=what.name, address=str(version.address), cleanup="own")
        try:
            await self._plugins.add(AddRequest(table=table))
        except FailedPrecondition as error:
            if what.kind not in _ALONE:
                raise
            if before is None:
                self._say(f"it is not registered, only served and checked: {error.message}")
        else:
            self._registered = True

    @staticmethod
    async def _order(version: Version, claims: bool) -> None:
        """Have a version take what it serves, or give it back. Raises its error."""
        async with Channel(version.address, default_timeout_s=_CHANGE_S) as channel:
            if claims:
                await InstanceStub(channel).claim(ClaimRequest())
            else:
                await InstanceStub(channel).release(ReleaseRequest())

    async def _mourn(self, version: Version) -> None:
        """Say it when the version that serves ends by itself."""
        await version.over.wait()
        if version is self._serving:
            code = await version.code()
            self._say(f"version {version.number} has ended by itself, with exit code {code}; a save, or r, starts it again")

    async def _leave(self, version: Version) -> None:
        """End a version that was swapped out, once its calls in flight have ended."""
        with anyio.move_on_after(_LEAVE_S), suppress(ArgosyError):
            async with Channel(version.address, default_timeout_s=_ASK_S) as channel:
                # This question is one of them.
                while (await ServiceStub(channel).statistics(StatisticsRequest())).calls_in_flight > 1:
                    await anyio.sleep(_LOOK_S)
        await self._ended(version)
        self._say(f"version {version.number} has ended")

    # -- keys --

    async def _whole(self) -> None:
        """Check what is on disk by all checks."""
        if self._what is None:
            raise Failed("nothing is served yet")
        version = await self._started(self._what)
        try:
            self._say(f"version {version.number}, which is on disk now, is checked by all checks")
            version.show(self._show_lines)
            report = await self._rehearsed(version, fast=False)
        finally:
            with anyio.CancelScope(shield=True):
                await self._ended(version)
        if report is None:
            self._say("there are no checks of a service of one's own; it can be called")
            return
        self._say(_counted(report))
        self._show_lines(verify.explained(report))

    async def _show(self) -> None:
        """Show what the registry has seen of its calls."""
        if self._what is None or not self._registered:
            raise Failed("it is not registered")
        plugin = (await self._plugins.get(GetRequest(name=self._what.name))).plugin
        if plugin is None:
            raise Failed("the daemon says nothing of it")
        self._say(f"{plugin.state}, {plugin.calls_in_flight} calls in flight{f': {plugin.reason}' if plugin.reason else ''}")
        for method in plugin.methods:
            times = f"{method.p50_s * 1000:.1f} ms, at most {method.p99_s * 1000:.1f} ms for 99 of 100"
            say(f"          | {method.name}: {method.calls} calls, {method.failed} failed, {times}")

    # -- the end --

    async def _end(self) -> bool:
        """Unregister it and end all processes. Returns whether nothing is left."""
        is_clean = True
        if self._registered and self._what is not None:
            is_clean = await self._unregistered(self._what.name)
        for version in list(self._versions):
            await self._ended(version)
        if self._ahead is not None:
            await self._ahead.end()
        return is_clean

    async def _unregistered(self, name: str) -> bool:
        try:
            try:
                await self._plugins.remove(RemoveRequest(name=name, wait_s=_QUIET_S))
            except (FailedPrecondition, Unavailable) as error:
                await self._plugins.remove(RemoveRequest(name=name, force=True))
                kept = f"; what it keeps stays in {self._what.root}" if self._what and self._what.root else ""
                self._say(f"{error.message}{kept}, for the next time that it is served")
        except NotFound:
            return True
        except (ArgosyError, OSError) as error:
            self._say(f'"{name}" is registered still: {error}; the next `argosy plugin dev` takes it back')
            return False
        self._say(f'"{name}" is not registered any more')
        return True


async def _in_lanes(suite: Suite[Any], judge: Callable[[str], Awaitable[Report]]) -> Report:
    """Make the fast checks of a suite, some beside others: they know nothing of each other, and whoever has saved waits. Raises what judge raises."""
    names = [check.name for check in suite.choose(fast=True)]
    reports: list[Report] = []

    async def lane(names: Sequence[str]) -> None:
        reports.append(await judge(f"^({'|'.join(names)})$"))

    async with together() as lanes:
        for number in range(_LANES):
            lanes.start_soon(lane, names[number::_LANES])
    first, *others = reports
    found = {result.name for result in first.results}
    for other in others:
        # That nothing is left was looked for in each, and is one check.
        first.results += [
            result for result in other.results if result.name not in found or result.verdict is not Verdict.PASSED
        ]
    return first


def _counted(report: Report) -> str:
    """Return how many checks passed, or how many did not."""
    passed, failed = len(report.of(Verdict.PASSED)), len(report.of(Verdict.FAILED))
    if report.passed:
        return f"{passed} checks passed"
    not_run = len(report.of(Verdict.NOT_RUN))
    return f"{failed} of {passed + failed + not_run} checks failed{f', {not_run} could not be made' if not_run else ''}"
