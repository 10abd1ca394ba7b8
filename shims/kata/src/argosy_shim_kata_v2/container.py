"""One container in the guest: its verbs are requests to the agent, its stdio are streams."""

from __future__ import annotations

import contextlib
import json
import os
import sys
import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

from argosy.errors import ArgosyError, FailedPrecondition, InvalidArgument, NotFound, Unavailable, Unimplemented, Unknown
from argosy.mounts import Mount, check
from argosy.shim import lifecycle, metrics, model
from argosy.shim.stdio import Endpoints, fifo_path, open_input, open_outputs, open_stdio
from argosy_protos.lean.containerd.runc.v1 import Options as RuncOptions
from argosy_protos.lean.google.protobuf import Any as AnyMessage
from argosy_protos.lean.runtimeoptions.v1 import Options

from argosy_shim_kata_v2 import cgroup
from argosy_shim_kata_v2 import config as settings
from argosy_shim_kata_v2 import spec as specs
from argosy_shim_kata_v2.block import GUEST, Disks
from argosy_shim_kata_v2.channel import Streams, plain
from argosy_shim_kata_v2.config import Config
from argosy_shim_kata_v2.machine import Machine
from argosy_shim_kata_v2.sandbox import Sandbox
from argosy_shim_kata_v2.share import ROOTFS

if TYPE_CHECKING:
    from argosy.shim.copies import Files

_OPTIONS: Final = ("runtimeoptions.v1.Options", "containerd.runtimeoptions.v1.Options")
_RUNC_OPTIONS: Final = "containerd.runc.v1.Options"
_IO_DRAIN_S: Final = 10.0
_VERB_S: Final = 60.0
# Of a VM whose agent has gone: its processes end, and are heard of.
_GOES_S: Final = 5.0
_COPY_BYTES: Final = 1 << 20
_STATS_BYTES: Final = 1 << 20


def configured(options: Any) -> Config:
    """Return the settings for a container: the host's, and what its runtime options change. Raises InvalidArgument, NotFound."""
    if options is None or (not options.value and not options.type_url):
        return settings.load()
    kind = options.type_url.rpartition("/")[2]
    if kind == _RUNC_OPTIONS:
        # What clients send for any runtime they know nothing of; what it says is about runc.
        RuncOptions.decode(options.value)
        return settings.load()
    if kind not in _OPTIONS:
        raise InvalidArgument(f'runtime options are a "{options.type_url}"; this shim takes {_OPTIONS[1]}')
    given = Options.decode(options.value)
    chosen = settings.load(given.config_path)
    if given.config_body:
        chosen = settings.parse(chosen, given.config_body, "the runtime options' config_body")
    return chosen


def pod_config(options: Any) -> Config:
    """Return the settings for a pod. What a kubelet says of it (PodSandboxConfig) holds none of ours."""
    if options is not None and options.type_url.endswith("PodSandboxConfig"):
        return settings.load()
    return configured(options)


def _empty(mounts: Sequence[Mount]) -> bool:
    """Return whether a root file system is one directory with nothing in it."""
    if len(mounts) != 1 or not (mounts[0].type in ("bind", "rbind") or {"bind", "rbind"}.intersection(mounts[0].options)):
        return False
    return os.path.isdir(mounts[0].source) and not os.listdir(mounts[0].source)


class Process(model.Process):
    """A process in the guest; its streams end after it does."""

    def __init__(
        self, exec_id: str, stdin: str, stdout: str, stderr: str, terminal: bool, spec: dict[str, Any] | None = None
    ) -> None:
        super().__init__(exec_id, stdin, stdout, stderr, terminal, spec)
        self.base = 0
        self.resizer: Any = None
        self._ends: Endpoints | None = None
        self._input = -1
        self._left = 0
        self._flown = threading.Event()
        self._lock = threading.Lock()

    def attach(self, streams: Streams, namespace: str, label: str) -> None:
        """Open the stdio and join its outputs to streams of the guest. Raises InvalidArgument, NotFound, Unknown."""
        if self.terminal:
            ends = Endpoints()
            try:
                out, error = open_outputs(self.stdout, "", namespace, label, ends)
                os.close(error)
                ends.stdout = out
                if self.stdin:
                    ends.stdin = open_input(fifo_path(self.stdin), ends)
            except BaseException:
                ends.close()
                raise
        else:
            ends = open_stdio(self.stdin, self.stdout, self.stderr, namespace, label)
        self._ends = ends
        self.base = streams.number()
        outputs = [(self.base + 1, ends.stdout)] + ([] if self.terminal else [(self.base + 2, ends.stderr)])
        self._left = len(outputs)
        for stream, fd in outputs:
            streams.outlet(stream, os.dup(fd), self._flowed)
        if self.stdin:
            self._input = os.dup(ends.stdin)
        ends.close_process_ends()

    def feed(self, streams: Streams) -> None:
        """Let input flow, now that there is a process to take it."""
        fd, self._input = self._input, -1
        if fd >= 0:
            streams.inlet(self.base, fd)

    def _flowed(self) -> None:
        """In the streams' thread: one output has ended. With the last, readers see the end."""
        with self._lock:
            self._left -= 1
            if self._left > 0:
                return
        if self._ends is not None:
            self._ends.close()
        self._flown.set()

    def resize(self, width: int, height: int) -> None:
        if self.terminal and self.resizer is not None:
            self.resizer(width, height)

    def close_stdin(self) -> None:
        if self._ends is not None:
            self._ends.close_stdin()

    def let_go(self) -> None:
        # What it wrote may still be under way; the streams' ends follow, and are what readers see.
        pass

    def drain_and_close(self) -> None:
        if self._input >= 0:
            os.close(self._input)
            self._input = -1
        if self._ends is None:
            return
        self._flown.wait(_IO_DRAIN_S)
        logger = self._ends.logger
        self._ends.close()
        if logger is not None:
            logger.wait(_IO_DRAIN_S)


class Container(model.Container[Process]):
    """A container of a sandbox."""

    def __init__(self, namespace: str, request: Any, sandbox: Sandbox) -> None:
        super().__init__(
            request.id, request.bundle, Process("", request.stdin, request.stdout, request.stderr, request.terminal)
        )
        if request.checkpoint:
            raise Unimplemented("this runtime restores no checkpoints")
        self.namespace = namespace
        self.config = configured(request.options)
        self._rootfs = [Mount.from_wire(m) for m in request.rootfs]
        check(self._rootfs)
        self._sandbox = sandbox
        self._machine: Machine | None = None
        self._disks: Disks | None = None

    @property
    def lost(self) -> bool:
        """Whether the VM has ended under it."""
        return self._machine is not None and self._machine.lost

    def _call(self, method: str, timeout: float = _VERB_S, **arguments: Any) -> Any:
        if self._machine is None:
            raise NotFound(f"container {self.id} has no VM")
        return self._machine.control.call(method, timeout, **arguments)

    # -- verbs, in worker threads --

    def create(self) -> None:
        with open(os.path.join(self.bundle, "config.json")) as file:
            spec = json.load(file)
        root = str((spec.get("root") or {}).get("path") or "")
        if not self._rootfs:
            if not os.path.isdir(os.path.join(self.bundle, root)):
                raise InvalidArgument(
                    f"container {self.id} has no root file system: neither mounts nor a directory at root.path"
                )
            self._rootfs = [Mount("bind", os.path.realpath(os.path.join(self.bundle, root)), ("rbind",))]
        if _empty(self._rootfs):
            # To give a VM another directory of the host's instead of layers that are missing has been a hole elsewhere.
            raise InvalidArgument(
                f"container {self.id} has an empty root file system: its image has no layers; pull it again or use another"
            )
        group = cgroup.path_of(str((spec.get("linux") or {}).get("cgroupsPath") or ""))
        limit = specs.memory_limit((spec.get("linux") or {}).get("resources"))
        machine = self._sandbox.enter(self.id, self.bundle, self.config, self._network(spec), group, limit)
        self._machine = machine
        try:
            share = self._sandbox.share
            if share is not None:
                rootfs = share.add(self.id, ROOTFS, self._rootfs)
                guest = specs.translate(
                    spec, self.id, rootfs, lambda name, mount: share.add(self.id, name, [mount]), self._listen
                )
            else:
                rootfs = self._plug_disks(machine, bool((spec.get("root") or {}).get("readonly")))
                guest = specs.translate(spec, self.id, rootfs, self._copy_in, self._listen)
            guest["process"]["terminal"] = self.init.terminal
            self.init.attach(machine.streams, self.namespace, self.id)
            arguments = {"base": self.init.base, "terminal": self.init.terminal, "stdin": bool(self.init.stdin)}
            self._call("create", id=self.id, spec=guest, **arguments)
            self.init.feed(machine.streams)
            self.init.pid = machine.pid
            self.init.resizer = lambda width, height: self._resize("", width, height)
        except BaseException as error:
            if self.init.base:
                machine.streams.drop(self.init.base)
            self.init.drain_and_close()
            with contextlib.suppress(ArgosyError):
                machine.control.call("delete", _VERB_S, id=self.id, force=True)
            self._let_go_of_disks(machine, keep=False)
            self._sandbox.leave(self.id)
            if isinstance(error, Unknown):
                raise Unknown(f"OCI runtime create failed: {error.message}: unknown") from error
            raise

    def _plug_disks(self, machine: Machine, read_only: bool) -> str:
        disks = self._disks = Disks(self.id, self._rootfs, read_only, machine.folder, self.config.disk_mb, machine.kernel)
        for serial, path in disks.lowers.items():
            machine.devices.plug_disk(path, serial, True)
        if disks.upper is not None:
            machine.devices.plug_disk(disks.upper, disks.upper_serial, False)
        self._call("mounts", storages=disks.storages())
        return disks.root

    def _copy_in(self, name: str, mount: Mount) -> str:
        """Without a shared directory a volume is a small file, copied: resolv.conf, a secret."""
        source = mount.source
        if not os.path.isfile(source) or os.path.getsize(source) > _COPY_BYTES:
            raise Unimplemented(
                f'"{source}" can be no volume without virtiofs: only a file of {_COPY_BYTES >> 10} KiB or less can'
            )
        with open(source, "rb") as file:
            data = file.read()
        path = f"{GUEST}/{self.id}.files/{name}"
        self._call("files", files={path: [os.stat(source).st_mode & 0o777, data.hex()]})
        return path

    def _listen(self, destination: str, source: str) -> str:
        """Let the container have a socket of the host's; return where it is in the guest."""
        return self._sandbox.sockets().add(self.id, destination, source)

    def _let_go_of_disks(self, machine: Machine, keep: bool) -> None:
        """Have the guest unmount and unplug the disks; keep what was written. A guest that does neither is ended for it."""
        disks, self._disks = self._disks, None
        if disks is None:
            return
        if not machine.lost:
            try:
                self._call("unmounts", targets=disks.targets())
                for serial in disks.serials():
                    machine.devices.unplug_disk(serial)
            except ArgosyError as error:
                print(f"container {self.id}: its disks stay in use ({error}); its VM is ended", file=sys.stderr, flush=True)
                machine.end()
        try:
            if keep:
                disks.carry_back()
        except (ArgosyError, OSError) as error:
            print(f"container {self.id}: what it wrote is lost: {error}", file=sys.stderr, flush=True)
        finally:
            disks.remove()

    def _network(self, spec: dict[str, Any]) -> str:
        if not any(n.get("type") == "network" for n in (spec.get("linux") or {}).get("namespaces") or []):
            if self.config.network in ("auto", "tap"):
                raise Unimplemented(
                    'a VM can\'t be in the host\'s network; give the container a network namespace, or set network = "user" or "none"'
                )
            return ""
        return specs.network_namespace(spec)

    def start(self) -> None:
        lifecycle.move(self.init.status, "start")
        try:
            self._call("start", id=self.id)
        except Unknown as error:
            raise Unknown(f"OCI runtime start failed: {error.message}: unknown") from error

    def new_exec(self, request: Any, spec: dict[str, Any]) -> Process:
        return Process(request.exec_id, request.stdin, request.stdout, request.stderr, request.terminal, specs.process(spec))

    def start_exec(self, process: Process) -> None:
        lifecycle.move(process.status, "start")
        machine = self._machine
        if self.init.status in (lifecycle.STOPPED, lifecycle.CREATED) or machine is None:
            raise FailedPrecondition(f"container {self.id} init process is not running")
        process.attach(machine.streams, self.namespace, process.exec_id)
        try:
            arguments = {"base": process.base, "terminal": process.terminal, "stdin": bool(process.stdin)}
            self._call("exec", id=self.id, exec=process.exec_id, process=process.spec, **arguments)
            process.feed(machine.streams)
        except BaseException as error:
            machine.streams.drop(process.base)
            process.drain_and_close()
            if isinstance(error, Unknown):
                raise Unknown(f"OCI runtime exec failed: {error.message}: unknown") from error
            raise
        process.pid = machine.pid
        process.resizer = lambda width, height: self._resize(process.exec_id, width, height)

    def _resize(self, exec_id: str, width: int, height: int) -> None:
        self._call("resize", id=self.id, exec=exec_id, width=width, height=height)

    def delete_init(self) -> None:
        lifecycle.move(self.init.status, "delete")
        machine = self._machine
        if machine is not None and not machine.lost:
            self._sandbox.drain_sockets(self.id)
            with contextlib.suppress(NotFound):
                try:
                    self._call("delete", id=self.id, force=self.init.status == lifecycle.CREATED)
                except Unknown as error:
                    if "does not exist" not in error.message and "no such file" not in error.message.lower():
                        raise
                except Unavailable:
                    # The VM went meanwhile, and with it all that it had of the container.
                    if not machine.lost_within(_GOES_S):
                        raise
        if self.init.status == lifecycle.CREATED and machine is not None:
            machine.streams.drop(self.init.base)
        self.init.drain_and_close()
        for process in self.execs.values():
            process.drain_and_close()
        if machine is not None:
            self._let_go_of_disks(machine, keep=True)
        self._sandbox.leave(self.id)

    def delete_exec(self, process: Process) -> None:
        process.drain_and_close()
        machine = self._machine
        if machine is not None and not machine.lost:
            with contextlib.suppress(ArgosyError):
                self._call("forget", id=self.id, exec=process.exec_id)

    def kill(self, process: Process, number: int, everyone: bool) -> None:
        lifecycle.move(process.status, "kill")
        self._call("kill", id=self.id, exec=process.exec_id, signal=number, everyone=everyone)

    def pause(self) -> None:
        lifecycle.move(self.init.status, "pause", "container")
        self._call("freeze", id=self.id, frozen=True)

    def resume(self) -> None:
        lifecycle.move(self.init.status, "resume", "container")
        self._call("freeze", id=self.id, frozen=False)

    def update(self, resources: bytes) -> None:
        lifecycle.move(self.init.status, "update", "container")
        wanted = json.loads(resources)
        limit = specs.memory_limit(wanted)
        if limit:
            # Before it may be used.
            self._sandbox.set_limit(self.id, limit)
        self._call("update", id=self.id, resources=wanted)

    def make_checkpoint(self, path: str, options: Any) -> None:
        raise Unimplemented("this runtime makes no checkpoints")

    def pids(self) -> list[tuple[int, str]]:
        """Return the guest's numbers: on the host these processes have none."""
        told = self._call("pids", id=self.id)
        found = []
        for row in told if isinstance(told, list) else [None]:
            if not (isinstance(row, list) and len(row) == 2 and type(row[0]) is int and 0 < row[0] < 1 << 31):
                raise Unknown("the agent answered pids with nonsense")
            found.append((row[0], row[1] if row[1] in self.execs else ""))
        return found

    def files(self) -> Files:
        """Return what a copy needs. Raises FailedPrecondition."""
        from argosy_shim_kata_v2.files import VmFiles  # few containers are copied from

        if self.going:
            raise FailedPrecondition(
                f'the task of container "{self.id}" is being deleted; copy from its snapshot afterwards'
            )
        machine, share = self._machine, self._sandbox.share
        if machine is None or machine.lost:
            raise FailedPrecondition(
                f'the VM of container "{self.id}" has ended; delete its task, then copy: what it wrote is in its snapshot'
            )
        return VmFiles(self.id, machine, share.root / self.id / ROOTFS if share is not None else None)

    def stats(self) -> AnyMessage:
        told = self._call("stats", id=self.id)
        if not isinstance(told, dict):
            raise Unknown("the agent answered stats with nonsense")

        def read(name: str) -> str:
            return plain_lines(told.get(name, ""))

        return AnyMessage(type_url="io.containerd.cgroups.v2.Metrics", value=metrics.unified(read).encode())


def plain_lines(text: object) -> str:
    """Return a guest's file fit to be parsed: bounded, and text."""
    return "\n".join(plain(line) for line in str(text)[:_STATS_BYTES].splitlines())
