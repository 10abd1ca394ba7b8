"""The Task service over a VM: exits and OOM events come from the agent, and the end of the VM is the end of all of them."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Final

from argosy.shim import lifecycle
from argosy.shim.model import Reply
from argosy.shim.tasks import TaskService
from argosy_protos.lean.containerd import events as ev
from argosy_protos.lean.containerd.runtime.sandbox import v1 as p
from argosy_protos.lean.google.protobuf import Empty

from argosy_shim_kata_v2.channel import plain
from argosy_shim_kata_v2.container import Container, Process, pod_config
from argosy_shim_kata_v2.pods import PLATFORM, Pods
from argosy_shim_kata_v2.sandbox import Sandbox

if TYPE_CHECKING:
    from argosy.shim.copies import Files

_KILLED: Final = 137


class KataTasks(TaskService[Container]):
    """The containers of one pod, and the pod itself."""

    ADOPTS: ClassVar = False

    BLOCKING: ClassVar = TaskService.BLOCKING | {
        "start_sandbox",
        "stop_sandbox",
        "shutdown_sandbox",
        "ping_sandbox",
        "sandbox_metrics",
    }
    WAITING: ClassVar = TaskService.WAITING | {"wait_sandbox"}
    MORE: ClassVar = {p.SANDBOX_SERVICE: p.SANDBOX_METHODS}

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self._sandbox = Sandbox(self._event, self._lost)
        self._pods = Pods()
        self._known: dict[tuple[str, str], tuple[Container, Process]] = {}
        # Exits of processes whose create or start has not been answered yet.
        self._early: dict[tuple[str, str], tuple[int, int]] = {}

    def make(self, request: Any) -> Container:
        return Container(self._namespace, request, self._sandbox)

    def tree(self, id: str) -> Files:
        return self._container(id).files()

    # -- in the VM's threads --

    def _event(self, event: Mapping[str, Any]) -> None:
        kind, id = event.get("ev"), event.get("id")
        if not isinstance(id, str):
            raise ValueError("an event without an id")
        if kind == "oom":
            if id in self.containers:
                self._events.publish("/tasks/oom", "containerd.events.TaskOOM", ev.TaskOOM(container_id=id))
            return
        if kind == "connect":
            self._sandbox.connect(id, event.get("connection"))
            return
        if kind != "exit":
            raise ValueError(f"an event {plain(kind)}")
        exec_id, status = event.get("exec"), event.get("status")
        if not isinstance(exec_id, str) or type(status) is not int or not 0 <= status <= 255:
            raise ValueError("an exit that makes no sense")
        # The guest's clock is the guest's; when it was heard of is when it was.
        self._ended((id, exec_id), status, time.time_ns())

    def _ended(self, key: tuple[str, str], status: int, now: int) -> None:
        with self._lock:
            found = self._known.pop(key, None)
            if found is None:
                if key[0] in self._creating or key[0] in self.containers:
                    self._early[key] = (status, now)
                return
        self.exited(*found, status, now)

    def watch(self, container: Container, process: Process) -> None:
        key = (container.id, process.exec_id)
        with self._lock:
            early = self._early.pop(key, None)
            if early is None:
                self._known[key] = (container, process)
        if early is not None:
            self.exited(container, process, *early)
        elif container.lost and process.status != lifecycle.STOPPED:
            self._ended(key, _KILLED, time.time_ns())

    def forget(self, container: Container) -> None:
        with self._lock:
            for table in (self._known, self._early):
                for key in [k for k in table if k[0] == container.id]:
                    del table[key]

    def _lost(self, why: str) -> None:
        """The VM is gone, and everything in it: execs first, then the inits."""
        now = time.time_ns()
        with self._lock:
            keys = sorted(self._known, key=lambda key: key[1] == "")
        if keys:
            print(f"the VM has ended: {why}", file=sys.stderr, flush=True)
        for key in keys:
            self._ended(key, _KILLED, now)
        if self._pods.pod is not None:
            self._pods.pod.ended(_KILLED)

    def leave(self) -> None:
        self._sandbox.close()

    # -- the pod: containerd.runtime.sandbox.v1.Sandbox --

    def create_sandbox(self, r: Any) -> Any:
        return self._pods.create(r, pod_config(r.options), self._sandbox)

    def start_sandbox(self, r: Any) -> Any:
        return self._pods.get(r.sandbox_id).start()

    def platform(self, r: Any) -> Any:
        self._pods.get(r.sandbox_id)
        return p.PlatformResponse(platform=PLATFORM)

    def stop_sandbox(self, r: Any) -> Any:
        self._pods.get(r.sandbox_id).stop()
        return p.StopSandboxResponse()

    def wait_sandbox(self, r: Any, reply: Reply) -> None:
        self._pods.get(r.sandbox_id).wait(reply)

    def sandbox_status(self, r: Any) -> Any:
        return self._pods.get(r.sandbox_id).status(r.verbose)

    def ping_sandbox(self, r: Any) -> Any:
        self._pods.get(r.sandbox_id).ping()
        return p.PingResponse()

    def sandbox_metrics(self, r: Any) -> Any:
        return self._pods.get(r.sandbox_id).metrics()

    def shutdown_sandbox(self, r: Any) -> Any:
        self._pods.get(r.sandbox_id).stop()
        self._quit()
        return p.ShutdownSandboxResponse()

    def shutdown(self, r: Any) -> Any:
        if self._pods.pod is not None:
            # A container's end is not the pod's; ShutdownSandbox is.
            return Empty()
        return super().shutdown(r)
