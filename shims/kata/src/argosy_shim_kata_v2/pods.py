"""containerd.runtime.sandbox.v1.Sandbox: a pod's VM, made and ended by name, before and after its containers."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any, Final

from argosy.errors import AlreadyExists, FailedPrecondition, NotFound
from argosy.shim import metrics
from argosy.shim.events import stamp
from argosy_protos.lean.containerd.runtime.sandbox import v1 as p
from argosy_protos.lean.containerd.types import Metric, Platform
from argosy_protos.lean.google.protobuf import Any as AnyMessage

from argosy_shim_kata_v2.config import Config
from argosy_shim_kata_v2.sandbox import Sandbox

READY: Final = "SANDBOX_READY"
NOT_READY: Final = "SANDBOX_NOTREADY"
_KILLED: Final = 137


class Pod:
    """A pod: the request that made it, its VM, and how that ended."""

    def __init__(self, request: Any, config: Config, sandbox: Sandbox) -> None:
        self.id: str = request.sandbox_id
        self._bundle: str = request.bundle_path
        self._network: str = request.netns_path
        self._config, self._sandbox = config, sandbox
        self._lock = threading.Lock()
        self._waiters: list[Callable[[Any], None]] = []
        self._started_ns = 0
        self._ended_ns = 0
        self._status = 0
        self._pid = 0

    @property
    def running(self) -> bool:
        return bool(self._started_ns) and not self._ended_ns

    def start(self) -> Any:
        """Start the VM. Raises FailedPrecondition when that was done before, and what ``Sandbox.enter`` does."""
        if self._started_ns:
            raise FailedPrecondition(f'sandbox "{self.id}" was started before')
        self._pid = self._sandbox.enter(f"pod/{self.id}", self._bundle, self._config, self._network).pid
        self._started_ns = time.time_ns()
        return p.StartSandboxResponse(pid=self._pid, created_at=stamp(self._started_ns))

    def ended(self, status: int) -> None:
        """The VM is gone; the first to say so says with what status."""
        with self._lock:
            if self._ended_ns or not self._started_ns:
                return
            self._status, self._ended_ns = status, time.time_ns()
            waiters, self._waiters = self._waiters, []
        for reply in waiters:
            reply(self._exit())

    def stop(self) -> None:
        """End the VM and all containers in it."""
        if self.running:
            self.ended(0)
            self._sandbox.close()

    def _exit(self) -> Any:
        return p.WaitSandboxResponse(exit_status=self._status, exited_at=stamp(self._ended_ns))

    def wait(self, reply: Callable[[Any], None]) -> None:
        with self._lock:
            if not self._ended_ns:
                self._waiters.append(reply)
                return
        reply(self._exit())

    def status(self, verbose: bool) -> Any:
        machine = self._sandbox.machine
        info: dict[str, str] = {}
        if verbose and machine is not None:
            info = machine.facts()
        return p.SandboxStatusResponse(
            sandbox_id=self.id,
            pid=self._pid,
            state=READY if self.running else NOT_READY,
            info=info,
            created_at=stamp(self._started_ns) if self._started_ns else None,
            exited_at=stamp(self._ended_ns) if self._ended_ns else None,
        )

    def ping(self) -> None:
        """Ask the agent whether it is there. Raises FailedPrecondition, and what ``Control.call`` does."""
        self._machine().control.call("hello", self._config.hang_timeout_s, version=0)

    def _machine(self) -> Any:
        machine = self._sandbox.machine
        if machine is None or not self.running:
            raise FailedPrecondition(f'sandbox "{self.id}" is not running')
        return machine

    def metrics(self) -> Any:
        told = self._machine().control.call("stats", self._config.hang_timeout_s, id="")

        def read(name: str) -> str:
            return str(told.get(name, "")) if isinstance(told, dict) else ""

        data = AnyMessage(type_url="io.containerd.cgroups.v2.Metrics", value=metrics.unified(read).encode())
        return p.SandboxMetricsResponse(metrics=Metric(timestamp=stamp(time.time_ns()), id=self.id, data=data))


class Pods:
    """The Sandbox service's methods. A shim has one pod."""

    def __init__(self) -> None:
        self.pod: Pod | None = None

    def get(self, id: str) -> Pod:
        """Return the pod of that id. Raises NotFound."""
        if self.pod is None or self.pod.id != id:
            raise NotFound(f'sandbox "{id}"')
        return self.pod

    def create(self, request: Any, config: Config, sandbox: Sandbox) -> Any:
        """Make the pod; its VM comes with ``Pod.start``. Raises AlreadyExists."""
        if self.pod is not None:
            raise AlreadyExists(f'sandbox "{self.pod.id}"')
        self.pod = Pod(request, config, sandbox)
        return p.CreateSandboxResponse()


PLATFORM: Final = Platform(os="linux", architecture="amd64")
