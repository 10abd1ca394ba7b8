"""Processes of this machine: held by descriptor, their end seen and their exit status collected by the shim whose children they are.

``Held`` makes one that waits before it becomes its program, which is what a task is between Create and Start.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final, TypeVar

from argosy.errors import FailedPrecondition, NotFound, Unknown, in_words
from argosy.mounts import Mount
from argosy.shim import lifecycle
from argosy.shim.model import Container, Process
from argosy.shim.spawn import Stdio, forget, know
from argosy.shim.stdio import Endpoints
from argosy.shim.tasks import TaskService

if TYPE_CHECKING:
    from argosy.shim.keeper import Keeper

# So long output may take to reach its readers after the end of its process.
IO_DRAIN_S: Final = 10.0
# What was killed is gone in a moment, unless it waits for a disk.
_ROUNDS, _ROUND_S = 100, 0.02
# The loop sees the end of a process in a moment.
_SEEN_S: Final = 5.0
# What a process says of why it did not become its program.
_MOST_BYTES: Final = 4096
_DEFAULT: Final = (signal.SIGHUP, signal.SIGINT, signal.SIGPIPE, signal.SIGTERM, signal.SIGCHLD)


class LocalProcess(Process):
    """A process whose exit is ours to collect, with the descriptors of its stdio. It has no terminal."""

    def __init__(
        self, exec_id: str, stdin: str, stdout: str, stderr: str, terminal: bool, spec: dict[str, Any] | None = None
    ) -> None:
        super().__init__(exec_id, stdin, stdout, stderr, terminal, spec)
        self.pidfd = -1
        self.ends: Endpoints | None = None

    def adopt(self, pid: int) -> None:
        """Hold the process by descriptor. Raises ProcessLookupError when it has ended, and somebody else has reaped it."""
        # In this order: a process with a number and no descriptor would count as one whose end nobody can see.
        self.pidfd = os.pidfd_open(pid)
        self.pid = pid
        know(pid)

    def reap(self, keeper: Keeper | None) -> int:
        """Return the exit status of a process that has ended; 255 when it was never our child, or our keeper's."""
        try:
            if keeper is not None:
                return keeper.reap(self.pid)
            result = os.waitid(os.P_PIDFD, self.pidfd, os.WEXITED)
        except ChildProcessError:
            return 255
        finally:
            os.close(self.pidfd)
            self.pidfd = -1
            forget(self.pid)
        if result is None:
            return 255
        return result.si_status if result.si_code == os.CLD_EXITED else 128 + result.si_status

    def signal(self, number: int) -> None:
        """Send a signal. Raises NotFound when it has ended, FailedPrecondition when it was never started."""
        if self.pid == 0:
            raise FailedPrecondition("process not created")
        if self.status == lifecycle.STOPPED or self.pidfd < 0:
            raise NotFound("process already finished")
        try:
            signal.pidfd_send_signal(self.pidfd, number)
        except ProcessLookupError:
            raise NotFound("process already finished") from None

    def resize(self, width: int, height: int) -> None:
        pass  # no terminal

    def close_stdin(self) -> None:
        if self.ends is not None:
            self.ends.close_stdin()
            self.ends.close_unread()

    def let_go(self) -> None:
        if self.ends is not None:
            self.ends.close()

    def drain_and_close(self) -> None:
        ends, self.ends = self.ends, None
        if ends is not None:
            logger = ends.logger
            ends.close()
            ends.drain(IO_DRAIN_S)
            if logger is not None:
                logger.wait(IO_DRAIN_S)


P = TypeVar("P", bound=LocalProcess)
C = TypeVar("C", bound=Container[Any])


class LocalTasks(TaskService[C]):
    """The containers of a shim whose processes are of this machine: their exits come from pidfds."""

    def watch(self, container: C, process: Any) -> None:
        if process.pidfd >= 0:
            self._watch(process.pidfd, lambda: self._on_exit(container, process))

    def _on_exit(self, container: C, process: Any) -> None:
        if process.pidfd >= 0:
            self.exited(container, process, process.reap(self.keeper), time.time_ns())


class Held:
    """A process with its stdio, in a session of its own, that waits for ``go`` before it becomes its program."""

    def __init__(self, stdio: Stdio, become: Callable[[], object], what: str = "the process") -> None:
        """become is called in the process, and does not return when it goes well: it executes a program, which errors call what.

        For a verb of a shim, during which its children are left alone. Raises OSError.
        """
        self._what = what
        gate_read, self._gate = os.pipe()
        self._told, told_write = os.pipe()
        try:
            self.pid = os.fork()
        except OSError:
            for fd in (gate_read, self._gate, self._told, told_write):
                os.close(fd)
            raise
        if not self.pid:
            _be_held(stdio, gate_read, told_write, become)
        os.close(gate_read)
        os.close(told_write)

    def go(self) -> None:
        """Have it become its program. Raises Unknown when that is not possible; it has ended then."""
        try:
            os.write(self._gate, b"+")
            said = os.read(self._told, _MOST_BYTES).decode(errors="replace")
        except BrokenPipeError:
            said = "it was ended before it was started"
        finally:
            self.close()
        if said:
            raise Unknown(f"{self._what} cannot be started: {said}")

    def close(self) -> None:
        """Let it end, if it was never told to go. Safe to call twice."""
        for fd in {self._gate, self._told} - {-1}:
            os.close(fd)
        self._gate = self._told = -1


def _be_held(stdio: Stdio, gate: int, told: int, become: Callable[[], object]) -> None:
    """In the fork: wait, and become the program. Does not return."""
    try:
        os.setsid()
        signal.set_wakeup_fd(-1)
        for number in _DEFAULT:
            signal.signal(number, signal.SIG_DFL)
        for source, target in [(os.dup(fd), target) for target, fd in enumerate(stdio)]:
            os.dup2(source, target)
        # What else the shim has open, such as the sockets and FIFOs of others, is not ours to keep open while we wait.
        for fd in {int(name) for name in os.listdir("/proc/self/fd")} - {0, 1, 2, gate, told}:
            try:
                os.close(fd)
            except OSError:
                continue  # the listing's own
        if os.read(gate, 1):
            become()
    except BaseException as error:
        said = in_words(error) if isinstance(error, OSError) else repr(error)
        os.write(told, said.encode(errors="replace")[:_MOST_BYTES])
    finally:
        os._exit(127)


def rooted(directory: str) -> list[int]:
    """Return the processes whose root directory is directory: those in a container that has a root of its own and nothing else."""
    found = []
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                if os.path.samestat(os.stat(f"/proc/{name}/root/"), os.stat(directory)):
                    found.append(int(name))
            except OSError:
                continue  # it has ended, or is a zombie
    return found


def end_rooted(directory: str) -> None:
    """Kill the processes whose root directory is directory, also those that they start meanwhile, as long as that helps."""
    for _ in range(_ROUNDS):
        pids = rooted(directory)
        if not pids:
            return
        for pid in pids:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(_ROUND_S)


class LocalContainer(Container[LocalProcess]):
    """A container whose processes are known by their root directory, ``rootfs`` in its bundle; ``mounts`` are what belongs there."""

    def __init__(self, namespace: str, request: Any) -> None:
        init = LocalProcess("", request.stdin, request.stdout, request.stderr, request.terminal)
        super().__init__(request.id, request.bundle, init)
        self.namespace, self.rootfs = namespace, os.path.join(request.bundle, "rootfs")
        self.mounts = [Mount.from_wire(mount) for mount in request.rootfs]

    def start_held(self, held: Held) -> None:
        """Start the created init. Raises Unknown for one that cannot become its program: its end is told then before the failure is.

        A client that deletes the task next is refused as long as it is not stopped.
        """
        lifecycle.move(self.init.status, "start")
        try:
            held.go()
        except Unknown:
            deadline = time.monotonic() + _SEEN_S
            while self.init.pending_exit is None and time.monotonic() < deadline:
                time.sleep(_SEEN_S / 1000)
            raise

    def kill(self, process: LocalProcess, number: int, everyone: bool) -> None:
        lifecycle.move(process.status, "kill")
        process.signal(number)
        for pid in set(rooted(self.rootfs)) - {process.pid} if everyone else ():
            with suppress(ProcessLookupError):
                os.kill(pid, number)

    def pids(self) -> list[tuple[int, str]]:
        return [(pid, "") for pid in rooted(self.rootfs)]
