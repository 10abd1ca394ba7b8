"""A running QEMU: its process, its guest's state, and the connections to its monitor and to the agent in the guest.

    shim or pool                       QEMU                        guest
    Qmp ──── folder/qmp ────────────── monitor
    Control ─ folder/ctl ───────────── port argosy.ctl ─────────── agent: requests and events
    Streams ─ folder/io ────────────── port argosy.io ──────────── agent: stdio of all processes

QEMU listens at all three, takes one connection at each, and goes on without them: a spare VM has none.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from argosy.errors import DeadlineExceeded, FailedPrecondition, Unavailable, Unknown

from argosy_shim_kata_v2 import memory
from argosy_shim_kata_v2.channel import Control, Streams, plain
from argosy_shim_kata_v2.devices import Devices
from argosy_shim_kata_v2.guest import frames
from argosy_shim_kata_v2.processes import Process, remove, spawn
from argosy_shim_kata_v2.qmp import Qmp
from argosy_shim_kata_v2.shape import Shape, arguments

_LISTENS_S: Final = 10.0
_SPARE_LISTENS_S: Final = 1.0
_MIGRATE_TIMEOUT_S: Final = 30.0
_END_S: Final = 10.0
_LAST_WORDS_S: Final = 0.5
_LOG_BYTES: Final = 2048
# How long the agent needs to see that we have closed its ports.
_DISCONNECTED_S: Final = 0.3


class Qemu:
    """A running QEMU with its agent connected. Make one with ``boot``, ``restore`` or ``adopt``."""

    def __init__(
        self,
        shape: Shape,
        folder: Path,
        on_event: Callable[[Mapping[str, Any]], None] = lambda _: None,
        on_lost: Callable[[str], None] = lambda _: None,
        on_process: Callable[[int], None] = lambda _: None,
    ) -> None:
        self.shape, self.folder = shape, folder
        self._on_event, self._on_lost, self._on_process = on_event, on_lost, on_process
        self._lost_once = threading.Lock()
        self._lost = threading.Event()
        self._panicked = False
        self._process: Process | None = None
        self._listens_s = _LISTENS_S
        self.devices = Devices(lambda *words, **more: self.qmp.command(*words, **more))
        self.ready = threading.Event()
        self.pid = 0
        self.kernel = ""  # the guest's release, once it has been greeted

    # -- its process --

    def _launch(self, memory_file: Path, shared: bool, incoming: bool, fds: Sequence[int] = ()) -> None:
        command = arguments(self.shape, self.folder, memory_file, shared, incoming)
        self._hold(spawn(command, self.folder, "qemu", fds))

    def _launch_with(self, fd: int, incoming: bool) -> None:
        """Start QEMU with shared memory in an open file."""
        self._launch(memory.path_of(fd), True, incoming, (fd,))

    def _hold(self, process: Process) -> None:
        self._process = process
        self.pid = process.pid
        self._on_process(self.pid)
        # Whoever waits for the process also reaps it.
        threading.Thread(target=self._wait, args=(process,), daemon=True, name="qemu").start()
        try:
            self.qmp = Qmp(self.folder / "qmp", self._listens_s, self._qmp_event)
        except Unavailable as error:
            raise Unknown(f"QEMU did not start: {self.said() or error.message}") from None

    def _wait(self, process: Process) -> None:
        process.wait()
        self._is_lost("QEMU has ended")

    @property
    def ended(self) -> bool:
        """Whether its process has gone; a VM that stands still is lost to its agent, and is there."""
        return self._process is None or self._process.returncode is not None

    def was_killed(self) -> bool:
        """Return whether it was ended by a SIGKILL that was not ours: then nothing is wrong with its template."""
        if self._process is None:
            return False
        with contextlib.suppress(subprocess.TimeoutExpired):
            return self._process.wait(_LAST_WORDS_S) == -signal.SIGKILL
        return False

    def kill(self) -> None:
        """End it at once; ``on_lost`` follows."""
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()

    def end(self) -> None:
        """End it and wait until it has gone: nothing of its files is in use any more."""
        self.kill()
        if self._process is not None:
            self._process.wait(_END_S)

    def cleanup(self) -> None:
        """``end`` it, close the connections and remove its directory."""
        self.end()
        for name in ("control", "streams", "qmp"):
            with contextlib.suppress(AttributeError):
                getattr(self, name).close()
        remove(self.folder)

    # -- what it says --

    def _qmp_event(self, name: str, data: Mapping[str, Any]) -> None:
        if name == "GUEST_PANICKED":
            self._panicked = True
        elif name == "DEVICE_DELETED":
            self.devices.unplugged(data.get("device"))

    def _agent_event(self, event: Mapping[str, Any]) -> None:
        if event.get("ev") == "ready":
            self.ready.set()
            return
        self._on_event(event)

    def _is_lost(self, why: str) -> None:
        with self._lost_once:
            if self._lost.is_set():
                return
            self._lost.set()
        self.ready.set()
        with contextlib.suppress(AttributeError):  # it was lost before there was one
            self.qmp.heard_all(_LAST_WORDS_S)
        self._on_lost("the guest panicked" if self._panicked else why)

    @property
    def lost(self) -> bool:
        """Whether one of its connections is, or its process has gone."""
        return self._lost.is_set()

    def lost_within(self, seconds: float) -> bool:
        """Return whether it is lost, or about to be."""
        return self._lost.wait(seconds)

    def said(self) -> str:
        """Return the end of what QEMU and the guest's console said."""
        found = ""
        for name in ("qemu.log", "console.log"):
            with contextlib.suppress(OSError):
                found += (self.folder / name).read_text(errors="replace")[-_LOG_BYTES:]
        return " ".join(found.split())

    def facts(self) -> dict[str, str]:
        return {"hypervisor": self.shape.hypervisor, "accel": self.shape.accel, "kernel": str(self.shape.kernel)}

    # -- its guest's state --

    def boot(self, timeout: float, memory_file: Path | None = None) -> None:
        """Start the guest from its kernel; return when the agent is there. Raises DeadlineExceeded, Unknown.

        With memory_file its memory is that file, which outlives it.
        """
        if memory_file is not None:
            self._launch(memory_file, True, False)
        else:
            with memory.anonymous(self.shape.config.memory_mb << 20) as fd:
                self._launch_with(fd, False)
        self._connect()
        if self.shape.accel == "kvm":
            self._first_byte()
        if not self.ready.wait(timeout):
            raise DeadlineExceeded(f"the guest did not start within {timeout:g} s: {self.said()}")
        if self.lost:
            raise Unknown(f"the guest did not start: {self.said() or 'QEMU ended'}")

    def _first_byte(self) -> None:
        deadline = time.monotonic() + self.shape.config.kvm_first_byte_s
        while not self.ready.is_set() and not (self.folder / "console.log").stat().st_size:
            if time.monotonic() > deadline:
                raise DeadlineExceeded("the guest's console stayed silent")
            time.sleep(0.02)

    def save(self, state: Path) -> None:
        """Stop a booted guest and write its state beside its memory; only ``cleanup`` is left to do then. Raises Unknown, DeadlineExceeded."""
        self.stop()
        self._migrate("migrate", f"exec:cat > {state}")

    def restore(self, template: Path, shared: bool) -> None:
        """Bring a new QEMU to a template's state, in which it stands still. Shared memory is a copy of the template's.

        Raises Unknown, DeadlineExceeded, Unavailable, OSError.
        """
        if shared:
            with memory.copied(template / "memory") as fd:
                self._launch_with(fd, True)
        else:
            self._launch(template / "memory", False, True)
        self._migrate("migrate-incoming", f"exec:cat {template}/state")

    def _migrate(self, command: str, uri: str) -> None:
        """Move all of the guest's state but its memory, which is in a file already."""
        self.qmp.command("migrate-set-capabilities", {"capabilities": [{"capability": "x-ignore-shared", "state": True}]})
        self.qmp.command(command, {"uri": uri})
        deadline = time.monotonic() + _MIGRATE_TIMEOUT_S
        while True:
            status = (self.qmp.command("query-migrate") or {}).get("status")
            if status == "completed":
                return
            if status == "failed" or self.ended:
                raise Unknown(f"QEMU could not move the guest's state: {self.said()}")
            if time.monotonic() > deadline:
                raise DeadlineExceeded("the guest's state was not moved in time")
            time.sleep(0.003)

    def adopt(self, process: Process) -> None:
        """Hold a VM that another process has restored and disconnected from. Raises Unknown."""
        self._listens_s = _SPARE_LISTENS_S
        self._hold(process)

    def go_on(self) -> None:
        """Connect to the agent of a guest that stands still, and let it run. Raises Unavailable, Unknown."""
        self._connect()
        self.qmp.command("cont")

    def _connect(self) -> None:
        self.control = Control(self.folder / "ctl", self._listens_s, self._agent_event, self._is_lost)
        self.streams = Streams(self.folder / "io", self._listens_s, self._is_lost)

    def stop(self) -> None:
        """Disconnect from the agent, and let the guest stand still."""
        self.control.close()
        self.streams.close()
        # What the agent still holds of this connection would be there for the next.
        time.sleep(_DISCONNECTED_S)
        self.qmp.command("stop")

    def disconnect(self) -> None:
        """Close the last connection to a VM that stands still, so that another process can ``adopt`` it."""
        self.qmp.close()

    # -- its agent --

    def warm_up(self) -> None:
        """Let a restored guest run what every container's start runs, once, and stop it again: under emulation that translates it."""
        self.go_on()
        self.control.call("hello", self.shape.config.hang_timeout_s, version=frames.VERSION)
        self.control.call("warm", self.shape.config.hang_timeout_s)
        self.stop()

    def hello(self) -> None:
        """Greet the agent, set the clock and seed the random numbers: clones of a template would all draw the same.

        Raises FailedPrecondition for an agent of another version, and what ``Control.call`` does.
        """
        timeout = self.shape.config.hang_timeout_s
        told = self.control.call("hello", timeout, version=frames.VERSION)
        if not isinstance(told, dict) or told.get("version") != frames.VERSION:
            raise FailedPrecondition("the guest image is of another version; type: argosy kata build-image")
        self.kernel = plain(told.get("kernel", ""))
        self.control.call("settime", timeout, ns=time.time_ns())
        self.control.call("seed", timeout, data=os.urandom(64).hex())
