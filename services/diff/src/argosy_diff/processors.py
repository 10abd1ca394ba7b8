"""From a media type to tar, and back: what is built in, and external stream processors as containerd configures them.

A processor reads standard input and writes standard output; ``STREAM_PROCESSOR_MEDIATYPE`` names the input type, and a
payload for its id comes as a serialized ``google.protobuf.Any`` on descriptor 3. Its standard error explains a failure.
"""

from __future__ import annotations

import errno
import fcntl
import os
import select
import signal
import threading
import time
from collections.abc import Collection, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from typing import IO, Final, NoReturn

from argosy.errors import Unimplemented, Unknown
from argosy.kernel.process import die_with_parent
from argosy.oci.layers import OPENED, bare
from argosy.plugin.diff.packing import SUPPORTED
from argosy.tables import StreamProcessor

_MAX_CHAIN: Final = 16
_STDERR_BYTES: Final = 4096
_EXPLAIN_S: Final = 1.0
# Above every descriptor that a processor is given.
_HIGH: Final = 10


@dataclass
class _Running:
    """One external processor."""

    id: str
    pid: int
    errors: IO[bytes]
    said: bytearray = field(default_factory=bytearray)
    code: int | None = None
    listener: threading.Thread | None = None

    def listen(self) -> None:
        """Read what it says, for as long as it says anything: a full pipe would stop it."""

        def work() -> None:
            with self.errors:
                while data := self.errors.read(4096):
                    self.said += data[: max(0, _STDERR_BYTES - len(self.said))]

        self.listener = threading.Thread(target=work, name="stderr", daemon=True)
        self.listener.start()

    def wait(self, timeout: float | None = None) -> int | None:
        """Return its exit code, None when it still runs after timeout seconds."""
        deadline = None if timeout is None else time.monotonic() + timeout
        while self.code is None:
            pid, status = os.waitpid(self.pid, 0 if deadline is None else os.WNOHANG)
            if pid:
                self.code = os.waitstatus_to_exitcode(status)
            elif deadline is not None and time.monotonic() > deadline:
                return None
            elif deadline is not None:
                time.sleep(0.005)
        return self.code

    def check(self) -> None:
        """Raises Unknown with what it said when it failed; it has ended."""
        if self.listener is not None:
            self.listener.join(1)  # what it started itself may still hold its standard error
        if self.code:
            text = self.said.decode("utf-8", "replace").strip()
            raise Unknown(f'stream processor "{self.id}" exited {self.code}: {text or "without a word"}')

    def kill(self) -> None:
        if self.code is None:
            os.kill(self.pid, signal.SIGKILL)
            self.wait()


class Chain:
    """The running processors of one layer; ``output`` is what comes out of the last. On leaving, none of them runs.

    A processor has its standard streams, its payload on descriptor 3 (``/dev/null`` without one), the configured
    environment, and nothing else of ours. It dies with the thread that entered the chain.
    """

    def __init__(self, source: IO[bytes], steps: Steps, payloads: Mapping[str, bytes]) -> None:
        self.output = source
        self._steps, self._payloads = steps, payloads
        self._running: list[_Running] = []

    def __enter__(self) -> Chain:
        """Start the processors. Raises Unknown when one can't be started."""
        feeds: list[tuple[int, bytes]] = []
        try:
            for id, processor, media_type in self._steps:
                self._add(id, processor, media_type, feeds)
        except BaseException:
            for fd, _ in feeds:
                os.close(fd)
            self.__exit__()
            raise
        # Threads begin when there is nothing left to fork.
        for fd, payload in feeds:
            threading.Thread(target=_feed, args=(fd, payload), name="payload", daemon=True).start()
        for running in self._running:
            running.listen()
        return self

    def _add(self, id: str, processor: StreamProcessor, media_type: str, feeds: list[tuple[int, bytes]]) -> None:
        env = processor.environment()
        env["STREAM_PROCESSOR_MEDIATYPE"] = media_type
        program = processor.program()
        if program is None:
            raise Unknown(f'stream processor "{id}" cannot be started: {processor.path} is not an executable file')
        payload = self._payloads.get(id)
        with ExitStack() as theirs, ExitStack() as ours:
            out_read, out_write = os.pipe()
            theirs.callback(os.close, out_write)
            ours.callback(os.close, out_read)
            err_read, err_write = os.pipe()
            theirs.callback(os.close, err_write)
            ours.callback(os.close, err_read)
            feeder = -1
            if payload is None:
                fed = os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)
            else:
                fed, feeder = os.pipe()
                ours.callback(os.close, feeder)
            theirs.callback(os.close, fed)
            try:
                pid = _spawn(
                    program, [processor.path, *processor.args], env, (self.output.fileno(), out_write, err_write, fed)
                )
            except OSError as error:
                raise Unknown(f'stream processor "{id}" ({program}) cannot be started: {error.strerror}') from error
            ours.pop_all()
        if payload is not None:
            feeds.append((feeder, payload))
        self._running.append(_Running(id, pid, os.fdopen(err_read, "rb", buffering=0)))
        if len(self._running) > 1:
            self.output.close()  # it is the next one's now: who stops reading shall stop who writes
        self.output = os.fdopen(out_read, "rb")

    def explain(self) -> None:
        """Raises Unknown when a broken stream is the doing of a processor that failed; returns when it is not."""
        if not self._running:
            return
        poll = select.poll()
        poll.register(self.output, 0)
        if not poll.poll(0):
            return  # the last one still writes: what it wrote is broken, and it has not failed
        for running in self._running:
            if running.wait(_EXPLAIN_S) is not None and running.code != -signal.SIGPIPE:
                running.check()

    def finish(self) -> None:
        """Wait for the processors. Raises Unknown with what a failed one said."""
        for running in self._running:
            running.wait()
        # One that failed ends its feeder, too: the broken pipe is what matters least.
        for running in sorted(self._running, key=lambda r: r.code == -signal.SIGPIPE):
            running.check()

    def __exit__(self, *_: object) -> None:
        """End what still runs."""
        for running in self._running:
            running.kill()
        if self._running:
            self.output.close()


def _spawn(program: str, args: Sequence[str], env: Mapping[str, str], descriptors: Sequence[int]) -> int:
    """Start a program with descriptors as its 0, 1, ... and no other; return its pid. It dies with this thread. Raises OSError.

    posix_spawn(3) knows neither a parent-death signal nor how to close what it does not know of.
    """
    failed, tell = os.pipe()
    parent = os.getpid()
    try:
        pid = os.fork()
        if pid == 0:
            _become(program, args, env, descriptors, tell, parent)
    except BaseException:
        os.close(failed)
        raise
    finally:
        os.close(tell)
    with os.fdopen(failed, "rb") as answer:
        code = answer.read()
    if code:
        os.waitpid(pid, 0)
        raise OSError(int(code), os.strerror(int(code)))
    return pid


def _become(
    program: str, args: Sequence[str], env: Mapping[str, str], descriptors: Sequence[int], tell: int, parent: int
) -> NoReturn:
    try:
        die_with_parent(signal.SIGKILL)
        if os.getppid() != parent:
            os._exit(127)  # it died before we asked
        # Each source is moved above the targets first, or one dup2 could overwrite the next one's source.
        tell = fcntl.fcntl(tell, fcntl.F_DUPFD_CLOEXEC, _HIGH)
        high = [fcntl.fcntl(source, fcntl.F_DUPFD_CLOEXEC, _HIGH) for source in descriptors]
        for target, source in enumerate(high):
            os.dup2(source, target)
        for name in os.listdir("/proc/self/fd"):
            if int(name) >= len(descriptors) and int(name) != tell:
                with suppress(OSError):  # the listing's own
                    os.close(int(name))
        # What Python and the worker ignore would stay ignored in the program.
        for number in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}:
            with suppress(OSError, ValueError):  # libc keeps a few for itself
                signal.signal(number, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_SETMASK, ())
        os.execve(program, list(args), dict(env))
    except BaseException as error:
        os.write(tell, str(getattr(error, "errno", None) or errno.EINVAL).encode())
    finally:
        os._exit(127)


def _feed(fd: int, data: bytes) -> None:
    try:
        with os.fdopen(fd, "wb") as pipe:
            pipe.write(data)
    except BrokenPipeError:
        pass  # it did not want its payload


Steps = Sequence[tuple[str, StreamProcessor, str]]
"""Stream processors in the order in which they work: the id of each, what it is, and the media type that it is given."""


def _asked(
    processors: Mapping[str, StreamProcessor], direction: str, payloads: Collection[str]
) -> list[tuple[str, StreamProcessor]]:
    """Return the processors of a direction in the order in which they are asked: those that a payload is for, then those configured last."""
    found = [(id, one) for id, one in reversed(list(processors.items())) if one.direction == direction]
    return sorted(found, key=lambda pair: pair[0] not in payloads)


def resolve(media_type: str, processors: Mapping[str, StreamProcessor], payloads: Collection[str] = ()) -> Steps:
    """Return the external processors, in order, that lead from media_type to a built-in one.

    Of several that take a type the one that has a payload is asked first, then the one configured last. Raises Unknown when nothing takes the type.
    """
    chain: list[tuple[str, StreamProcessor, str]] = []
    current = bare(media_type)
    asked = _asked(processors, "apply", payloads)
    for _ in range(_MAX_CHAIN):
        if current in OPENED:
            return chain
        for id, processor in asked:
            if current in processor.accepts:
                chain.append((id, processor, current))
                current = processor.returns
                break
        else:
            raise Unknown(
                f'failed to get stream processor for {media_type}: no processor for media-type "{current}"; '
                "add one by argosy plugin add processor, or under [stream_processors]"
            )
    raise Unknown(f"stream processors for {media_type} lead in a circle")


def opened(media_type: str, steps: Steps) -> str:
    """Return the type of what comes out of the processors that ``resolve`` found."""
    return steps[-1][1].returns if steps else bare(media_type)


def resolve_push(
    media_type: str, processors: Mapping[str, StreamProcessor], payloads: Collection[str] = ()
) -> tuple[str, Steps]:
    """Return what a differ packs by itself, and the processors, in order, that lead from that to media_type: as few as can be.

    Of several the one that has a payload is taken, else the one configured last. Raises Unimplemented when nothing leads there.
    """
    asked = _asked(processors, "push", payloads)
    ways: list[tuple[str, Steps]] = [(media_type, ())]
    seen = {media_type}
    while ways and len(ways[0][1]) <= _MAX_CHAIN:
        current, steps = ways.pop(0)
        if current in SUPPORTED:
            return current, steps
        for id, processor in asked:
            for taken in processor.accepts if processor.returns == current else ():
                if taken not in seen:
                    seen.add(taken)
                    ways.append((taken, ((id, processor, taken), *steps)))
    raise Unimplemented(
        f"unsupported diff media type: {media_type}; use one of {', '.join(SUPPORTED)}, or add a stream processor that makes it "
        "(--direction push)"
    )
