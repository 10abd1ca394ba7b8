"""A container and its processes as the Task service sees them; a shim says how each verb is done, and with which errors."""

from __future__ import annotations

import json
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, Generic, TypeVar

from argosy_protos.lean.google.protobuf import Any as AnyMessage

from argosy.errors import AlreadyExists, FailedPrecondition, InvalidArgument, NotFound, Unimplemented, Unknown
from argosy.shim import lifecycle

Reply = Callable[[Any], None]
"""Answers a call that waits, with its response or an ArgosyError."""


class Process(ABC):
    """A container's init (exec_id "") or an exec."""

    def __init__(
        self, exec_id: str, stdin: str, stdout: str, stderr: str, terminal: bool, spec: dict[str, Any] | None = None
    ) -> None:
        self.exec_id = exec_id
        self.stdin, self.stdout, self.stderr, self.terminal = stdin, stdout, stderr, terminal
        self.spec = spec
        self.status = lifecycle.CREATED
        self.pid = 0
        self.exit_status = 0
        self.exited_ns = 0
        self.starting = False
        self.pending_exit: tuple[int, int] | None = None
        self.waiters: list[Reply] = []
        self.lock = (
            threading.RLock()
        )  # an exec is started or deleted by one call at a time, and holds up no other of its container

    def end_start(self) -> None:  # noqa: B027 # a hook: not every kind of start can hang
        """Have a start of this exec that is under way fail at once, and leave nothing of it."""

    @abstractmethod
    def resize(self, width: int, height: int) -> None:
        """Tell a terminal its size; nothing without one."""

    @abstractmethod
    def close_stdin(self) -> None:
        """Let the process see the end of its input once the client has closed its own end."""

    @abstractmethod
    def let_go(self) -> None:
        """The process has ended: close our ends of its output, so that readers see the end of file."""

    @abstractmethod
    def drain_and_close(self) -> None:
        """Wait until the output is with its readers, then close our ends of it."""


P = TypeVar("P", bound=Process)


class Container(ABC, Generic[P]):
    """A container: its init, its execs, and the verbs that a shim does in its own way."""

    id: str
    bundle: str
    init: P
    execs: dict[str, P]
    lock: threading.RLock  # one runtime verb at a time, but for starts of execs: each has the lock of its process

    def __init__(self, id: str, bundle: str, init: P) -> None:
        self.id, self.bundle, self.init = id, bundle, init
        self.execs = {}
        self.lock = threading.RLock()
        self.init_exit: tuple[int, int] | None = None
        self.going = False  # it is being deleted

    def process(self, exec_id: str) -> P:
        """Return a process by its exec id, the init for "". Raises NotFound."""
        if not exec_id:
            return self.init
        try:
            return self.execs[exec_id]
        except KeyError:
            raise NotFound(f"process does not exist {exec_id}") from None

    @abstractmethod
    def create(self) -> None:
        """Make the container and its init, which waits for ``start``. Everything is undone on failure."""

    @abstractmethod
    def start(self) -> None:
        """Start the created init."""

    def new_exec(self, request: Any, spec: dict[str, Any]) -> P:
        """Return the process of an exec that is to be started later."""
        raise self._lacking("execs")

    def add_exec(self, request: Any) -> None:
        """Remember an exec to start later. Raises AlreadyExists, FailedPrecondition, InvalidArgument, Unknown."""
        if request.exec_id in self.execs:
            raise AlreadyExists(f"id {request.exec_id}")
        if self.init.status == lifecycle.STOPPED:
            raise FailedPrecondition("cannot exec in a stopped container")
        if self.init.status == lifecycle.PAUSED:
            raise Unknown("cannot exec in a paused container")
        if request.spec is None:
            raise InvalidArgument("an exec needs a process spec")
        spec = json.loads(request.spec.value)
        spec["terminal"] = request.terminal
        self.execs[request.exec_id] = self.new_exec(request, spec)

    def start_exec(self, process: P) -> None:
        """Start an exec. Raises FailedPrecondition when init has ended."""
        raise self._lacking("execs")

    @abstractmethod
    def delete_init(self) -> None:
        """Take away a container whose init has ended or never started."""

    def delete_exec(self, process: P) -> None:
        """Close what is kept open for an exec that has ended."""
        process.drain_and_close()

    @abstractmethod
    def kill(self, process: P, number: int, everyone: bool) -> None:
        """Signal a process, or with everyone all processes of the container. Raises NotFound when it has ended."""

    # A shim that leaves these out says that it lacks them.

    def pause(self) -> None:
        """Stop every process where it is."""
        raise self._lacking("pause")

    def resume(self) -> None:
        """Let every process go on."""
        raise self._lacking("resume")

    def update(self, resources: bytes) -> None:
        """Change resources, given as the runtime spec's JSON."""
        raise self._lacking("resources")

    def make_checkpoint(self, path: str, options: Any) -> None:
        """Write the container's state below path."""
        raise self._lacking("checkpoints")

    def pids(self) -> list[tuple[int, str]]:
        """Return (pid, exec id) of every process, "" for those that are no exec. Raises NotFound when there is no cgroup any more."""
        return [(self.init.pid, "")]

    def stats(self) -> AnyMessage:
        """Return containerd's Metrics. Raises NotFound when there is no cgroup any more."""
        raise self._lacking("metrics")

    def _lacking(self, what: str) -> Unimplemented:
        return Unimplemented(f"the shim of container {self.id} has no {what}")
