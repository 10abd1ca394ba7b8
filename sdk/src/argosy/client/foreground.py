"""A process in the foreground: its stdio, signals and exit status are ours, and outlast the daemon between us.

The FIFOs belong to the process and to us, so output and input go on while no daemon is there. Whoever asks for the exit
status waits until one is there again, and asks again. Only a Create or a Start that fails takes away what it made.

Whose output nobody reads is told as a shell would: its stdout closes, and it gets SIGPIPE. The init of a container is
protected by the kernel from signals that it does not handle; if it runs on all the same, it is killed.
"""

from __future__ import annotations

import asyncio
import signal
import sys
import termios
import time
import tty
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from typing import TYPE_CHECKING, Final, TypeVar

import anyio
import anyio.lowlevel
from argosy_protos.containerd.v1.types import Status

from argosy.client.jobs import given_back, together
from argosy.client.processes import Process
from argosy.client.stdio import Pump, Stdio, terminal_size
from argosy.errors import ArgosyError, Cancelled, DeadlineExceeded, NotFound, Unavailable

if TYPE_CHECKING:
    from anyio.abc import TaskGroup

T = TypeVar("T")
Say = Callable[[str], None]

_FORWARDED: Final = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
_PAUSE_FIRST_S, _PAUSE_MOST_S = 0.05, 1.0
_LOOK_S: Final = 3.0
# Who waits longer is told what for.
_NOTICE_S: Final = 3.0
# A second signal so long after one that nobody could pass on is for us.
_PATIENCE_S: Final = 0.5
# So long a signal waits for a start that is under way: who runs already is to get it.
_START_PATIENCE_S: Final = 3.0
# A process whose output nobody reads has so long to end by itself.
_UNREAD_GRACE_S: Final = 2.0
# Of one who is no more there, or could not say that it did what it was asked for.
AWAY: Final = (Unavailable, Cancelled, DeadlineExceeded)


class Interrupted(ArgosyError):
    """Raised when a signal ends the wait: before the process was started, or while no daemon can pass it on."""

    def __init__(self, message: str, number: int) -> None:
        super().__init__(message)
        self.number = number


def _nobody(_: str) -> None:
    """Who wants no remarks."""


async def until_answered(
    ask: Callable[[], Awaitable[T]],
    what: str,
    say: Say | None = None,
    error: Exception | None = None,
    within: float = _LOOK_S,
) -> T:
    """Ask until the daemon answers, whatever it says; what names what is waited for. Ask only what may be asked twice.

    An answer that takes longer than within seconds is given up. error is why there was none before.
    """
    say = say or _nobody
    pause, began, told = _PAUSE_FIRST_S, time.monotonic(), False
    while True:
        try:
            with anyio.fail_after(within):
                answer = await ask()
        except (*AWAY, TimeoutError) as failed:
            # One that says nothing has not said why.
            error = failed if isinstance(failed, ArgosyError) or error is None else error
            if not told and time.monotonic() - began >= _NOTICE_S:
                told = True
                say(f"{what}; waiting for the daemon: {_reason(error)}")
            await anyio.sleep(pause)
            pause = min(2 * pause, _PAUSE_MOST_S)
        else:
            if told:
                say("the daemon is back")
            return answer


def _reason(error: Exception) -> str:
    return error.message if isinstance(error, ArgosyError) else "it does not answer"


@contextmanager
def _raw_terminal(terminal: bool) -> Iterator[None]:
    if not terminal or not sys.stdin.isatty():
        yield
        return
    before = termios.tcgetattr(0)
    try:
        tty.setraw(0, termios.TCSADRAIN)  # what was typed ahead is for the container
        yield
    finally:
        termios.tcsetattr(0, termios.TCSADRAIN, before)


class Foreground:
    """A running process whose stdio is carried to and from our descriptors."""

    def __init__(self, process: Process, pump: Pump, noun: str, say: Say | None) -> None:
        self.process = process
        self._pump, self._noun, self._say = pump, noun, say
        self._ended = anyio.Event()
        self._status = -1
        self._failure: ArgosyError | None = None
        self._undelivered: list[float] = []
        self.left = 0
        """The signal that ended the wait for what had ended already; 0 for none."""

    @property
    def pid(self) -> int:
        return self.process.pid

    async def wait(self) -> int:
        """Return the exit status when the process has ended and all that it wrote has been written on.

        While no daemon answers it waits for one. Raises BrokenPipeError when nobody reads an output of ours any more and
        OSError when one can't be written, both once the process has ended; NotFound when somebody else has deleted the
        task; Interrupted. Cancellation: the process runs on.
        """
        await self._ended.wait()
        if self._failure is not None:
            raise self._failure
        await self._pump.drain()
        if self._pump.error is not None:
            raise self._pump.error
        return self._status

    async def kill(self, number: int = signal.SIGTERM) -> None:
        """Send a signal. Raises NotFound when it has ended, Unavailable while no daemon answers."""
        await self.process.kill(number)

    async def resize(self) -> None:
        """Give the process's terminal the size of ours."""
        screen = terminal_size()
        if screen is not None:
            with suppress(ArgosyError):  # it has just ended
                await self.process.resize(screen[1], screen[0])

    def is_over(self) -> bool:
        """Return whether the process has ended, as far as anybody knows."""
        return self._ended.is_set() and not isinstance(self._failure, Interrupted)

    def _end(self, failure: ArgosyError | None = None) -> None:
        self._failure = self._failure or failure
        self._ended.set()

    async def _watch(self) -> None:
        """Ask for the exit status until there is one."""
        while True:
            try:
                self._status = await self.process.wait()
                self._end()
                return
            except AWAY as error:
                await self._return(error)
            except NotFound:
                self._end(NotFound(f"{self._noun}: its task was deleted while it was waited for, with its exit status"))
                return
            except ArgosyError as error:
                self._end(error)
                return

    async def _return(self, error: ArgosyError) -> None:
        """Wait until a daemon answers."""

        async def look() -> None:
            with suppress(NotFound):  # Wait says so
                await self.process.state()

        await anyio.sleep(_PAUSE_FIRST_S)
        await until_answered(look, f"{self._noun} runs on", self._say, error)

    async def _close_stdin(self) -> None:
        await self._pump.input_over.wait()
        await until_answered(self.process.close_stdin, f"{self._noun} is to see the end of its input")

    async def _tell_unread(self) -> None:
        """Let a process know that nobody reads what it writes."""
        await self._pump.failed.wait()
        # A FIFO without a name has no reader ever again: our shims let go of it with this call.
        self.process.stdio.remove()
        self._pump.close()
        await until_answered(self.process.close_stdin, self._noun)
        await anyio.sleep(_UNREAD_GRACE_S / 4)
        # Other shims keep the FIFO open.
        await self._deliver(signal.SIGPIPE)
        await anyio.sleep(_UNREAD_GRACE_S * 3 / 4)
        await self._deliver(signal.SIGKILL)

    async def _deliver(self, number: int) -> None:
        async def send() -> None:
            with suppress(NotFound):  # it has just ended
                await self.process.kill(number)

        since = time.monotonic()
        self._undelivered.append(since)
        try:
            with suppress(ArgosyError):  # it is being started or deleted: the signal is for nobody
                await until_answered(send, f"{self._noun} is to get signal {number}", self._say)
        finally:
            self._undelivered.remove(since)

    def _signalled(self, group: TaskGroup, number: int) -> None:
        if self._ended.is_set():
            # A slow reader, or a daemon that is to remove it: who wants to leave need not wait for them.
            self.left = number
            group.cancel_scope.cancel()
        elif self._undelivered and time.monotonic() - self._undelivered[0] > _PATIENCE_S:
            self._end(Interrupted(f"{self._noun} runs on: no daemon is there to pass the signal on; see argosy ps", number))
        else:
            group.start_soon(self._deliver, number)


@asynccontextmanager
async def _signals(signals: bool, react: Callable[[int], None], resize: Callable[[], None] | None) -> AsyncIterator[None]:
    """Have react called for the signals that end a command; what was before is again after the block."""
    loop = asyncio.get_running_loop()
    numbers: list[int] = [*_FORWARDED] if signals else []
    before = {number: signal.getsignal(number) for number in numbers}
    for number in numbers:
        loop.add_signal_handler(number, react, number)
    if resize is not None:
        loop.add_signal_handler(signal.SIGWINCH, resize)
    try:
        yield
    finally:
        for number in numbers:
            loop.remove_signal_handler(number)
            signal.signal(number, before[number])
        if resize is not None:
            loop.remove_signal_handler(signal.SIGWINCH)


async def _start(process: Process, noun: str, say: Say | None) -> None:
    """Start a process once. When the answer is lost, its state says whether that was done."""
    try:
        await process.start()
        return
    except AWAY:
        pass
    while True:
        state = await until_answered(process.state, f"{noun} is being started", say)
        if state.status not in (Status.CREATED, Status.UNKNOWN):
            process.pid = state.pid
            return
        try:
            await process.start()
            return
        except AWAY:
            await anyio.sleep(_PAUSE_FIRST_S)


class _Beginning:
    """What signals mean to a process that does not run yet, and from when on they are for itself."""

    def __init__(self, group: TaskGroup) -> None:
        self._group = group
        self.scope = anyio.CancelScope()
        """What is done until it runs, which a signal gives up."""
        self.early: list[int] = []
        """The signals that came before it ran."""
        self.is_start = False
        """Whether it is being started, and may run already."""
        self.here: Foreground | None = None
        """The process, once it runs."""

    def react(self, number: int) -> None:
        if self.here is not None:
            self.here._signalled(self._group, number)
            return
        self.early.append(number)
        if self.is_start and len(self.early) == 1:
            # It may run before we are told so.
            self._group.start_soon(self._give_up)
        else:
            self.scope.cancel()

    def resize(self) -> None:
        if self.here is not None:
            self._group.start_soon(self.here.resize)

    async def _give_up(self) -> None:
        await anyio.sleep(_START_PATIENCE_S)
        if self.here is None:
            self.scope.cancel()


@asynccontextmanager
async def attended(
    create: Callable[[Stdio], Awaitable[Process]], undo: Callable[[], Awaitable[None]], stdio: Stdio, noun: str,
    outputs: tuple[int, ...], source: int | None, terminal: bool, signals: bool, say: Say | None,
) -> AsyncIterator[Foreground]:  # fmt: skip
    """Create a process, start it, and yield it; undo is done when either fails. Leave the block after ``wait``."""
    here: Foreground | None = None
    try:
        async with together() as group:
            pump = Pump(stdio, outputs, source)
            beginning = _Beginning(group)
            try:
                async with _signals(signals, beginning.react, beginning.resize if terminal and signals else None):
                    try:
                        with beginning.scope:
                            process = await create(stdio)
                            begun = Foreground(process, pump, noun, say)
                            group.start_soon(begun._watch)
                            # So that we wait for it before it can have ended.
                            await anyio.lowlevel.checkpoint()
                            beginning.is_start = True
                            await _start(process, noun, say)
                            here = beginning.here = begun
                        if here is None:
                            raise Interrupted(f"{noun} was not started: interrupted", beginning.early[0])
                    except BaseException:
                        pump.close()
                        await given_back(undo())
                        raise
                    for number in beginning.early:
                        here._signalled(group, number)
                    if source is not None and stdio.stdin:
                        group.start_soon(here._close_stdin)
                    group.start_soon(here._tell_unread)
                    with _raw_terminal(terminal):
                        if terminal:
                            group.start_soon(here.resize)
                        yield here
            finally:
                pump.close()
                # A signal for what has ended, an input that nobody reads.
                group.cancel_scope.cancel()
        if here is not None and here.left:
            raise Interrupted(f"{noun} has ended; what was still to be done was interrupted", here.left)
    finally:
        stdio.remove()
