"""QEMU: its command line, its process, templates of a booted guest, and what is plugged in while it runs.

The VM's directory is named in the command lines of its processes, by which ``delete`` finds them when the shim is gone: they do not die with it.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import select
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Protocol

from argosy.errors import ArgosyError, DeadlineExceeded, FailedPrecondition, NotFound, Unavailable, Unknown
from argosy.kernel.process import lives, pidfd

from argosy_shim_kata_v2 import accel, memory
from argosy_shim_kata_v2.channel import Control, Streams, plain
from argosy_shim_kata_v2.config import Config, data_directory, run_directory
from argosy_shim_kata_v2.guest import frames
from argosy_shim_kata_v2.qmp import Qmp

# Ports for what is plugged in while the VM runs: disks, a file share, interfaces. They must be there from the start.
_PORTS: Final = 16
_KERNEL_LINE: Final = "console=ttyS0 panic=-1 random.trust_cpu=on cryptomgr.notests rcupdate.rcu_expedited=1"
# A guest under KVM is judged by its first byte, so its kernel must say something from its first moment on.
_KVM_LINE: Final = "earlyprintk=ttyS0"
# Only where nothing but emulation runs the guest's instructions.
_TCG_LINE: Final = "quiet loglevel=3 tsc=reliable no_timer_check mitigations=off nokaslr"
_LISTENS_S: Final = 10.0
_PARKED_LISTENS_S: Final = 1.0
_MIGRATE_TIMEOUT_S: Final = 30.0
_UNPLUG_S: Final = 10.0
_END_S: Final = 10.0
_LAST_WORDS_S: Final = 0.5
_LOG_BYTES: Final = 2048


@dataclass(frozen=True)
class Shape:
    """All that a template's state depends on."""

    config: Config
    accel: str
    hypervisor: str
    kernel: Path
    initrd: Path

    def key(self) -> str:
        """Return the template's name: another QEMU, kernel, agent or size is another template."""
        files = [
            (p, os.stat(p).st_size, os.stat(p).st_mtime_ns) for p in (self.hypervisor, str(self.kernel), str(self.initrd))
        ]
        parts = (files, self.accel, self.config.memory_mb, self.config.vcpus, self.config.tb_size_mb, self.config.kernel_params,
                 _PORTS, _KERNEL_LINE, _TCG_LINE, _KVM_LINE, frames.VERSION)  # fmt: skip
        return hashlib.sha256(repr(parts).encode()).hexdigest()[:32]


def hypervisor(config: Config) -> str:
    """Raises NotFound with what to type."""
    found = shutil.which(config.hypervisor)
    if found is None:
        raise NotFound(f'hypervisor "{config.hypervisor}" is not installed; type: apt-get install -y qemu-system-x86')
    return os.path.realpath(found)


def arguments(shape: Shape, folder: Path, file: Path, shared: bool, incoming: bool) -> list[str]:
    """Return QEMU's command line. Sockets are below folder; memory is in file, shared or copied on write."""
    config = shape.config
    size = f"{config.memory_mb}M"
    accelerator = f"tcg,tb-size={config.tb_size_mb}" if shape.accel == "tcg" else "kvm"
    line = f"{_KERNEL_LINE} {_TCG_LINE if shape.accel == 'tcg' else _KVM_LINE}"
    if config.kernel_params:
        line += f" {config.kernel_params}"
    command = [
        shape.hypervisor, "-nodefaults", "-no-user-config", "-display", "none", "-no-reboot", "-name", "argosy-kata,debug-threads=off",
        "-M", "q35,memory-backend=m0", "-accel", accelerator, "-cpu", "max", "-smp", str(config.vcpus), "-m", size,
        "-object", f"memory-backend-file,id=m0,size={size},mem-path={file},share={'on' if shared else 'off'}",
        "-device", "pvpanic-pci",
        "-chardev", f"file,id=serial,path={folder}/console.log", "-serial", "chardev:serial",
        "-qmp", f"unix:{folder}/qmp,server=on,wait=off",
        "-device", "virtio-serial-pci,id=ports",
    ]  # fmt: skip
    for name in ("ctl", "io"):
        command += ["-chardev", f"socket,id={name},path={folder}/{name},server=on,wait=off"]
        command += ["-device", f"virtserialport,chardev={name},name=argosy.{name}"]
    for n in range(_PORTS):
        command += ["-device", f"pcie-root-port,id=port{n},chassis={n},slot={n}"]
    command += ["-kernel", str(shape.kernel), "-initrd", str(shape.initrd), "-append", line]
    if incoming:
        command += ["-S", "-incoming", "defer"]
    return command


class _Process(Protocol):
    """What of a Popen is needed of a VM's process."""

    pid: int

    @property
    def returncode(self) -> int | None: ...
    def wait(self, timeout: float | None = None) -> int: ...
    def kill(self) -> None: ...


class Adopted:
    """A process that somebody else has started, and reaps: how it ended is not to be known, only that it has."""

    def __init__(self, pid: int, started: int) -> None:
        """Hold the process that began at started. Raises Unavailable when it is gone."""
        self.pid = pid
        try:
            self._fd = pidfd(pid)
        except OSError:
            raise Unavailable(f"process {pid} is gone") from None
        if not lives(pid, started):
            os.close(self._fd)
            raise Unavailable(f"process {pid} is gone")

    def _ended(self, timeout: float | None) -> bool:
        poll = select.poll()
        poll.register(self._fd, select.POLLIN)
        return bool(poll.poll(None if timeout is None else timeout * 1000))

    @property
    def returncode(self) -> int | None:
        return 0 if self._ended(0) else None

    def wait(self, timeout: float | None = None) -> int:
        if not self._ended(timeout):
            raise subprocess.TimeoutExpired(str(self.pid), timeout or 0)
        return 0

    def kill(self) -> None:
        signal.pidfd_send_signal(self._fd, signal.SIGKILL)

    def __del__(self) -> None:
        with contextlib.suppress(AttributeError, OSError):
            os.close(self._fd)


def spawn(command: list[str], folder: Path, name: str, fds: Sequence[int] = ()) -> subprocess.Popen[bytes]:
    """Start one of a VM's processes, which inherits fds. Its command line names folder, by which it can be found without us."""
    with open(folder / f"{name}.log", "ab") as log:
        try:
            return subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True, cwd="/", pass_fds=fds
            )
        except FileNotFoundError:
            raise NotFound(f"{command[0]} is not installed") from None


def end_processes(folder: Path) -> None:
    """Kill the processes whose command line names a path below folder, and wait until they have gone."""
    mark = os.fsencode(folder) + b"/"
    for proc in os.listdir("/proc"):
        if not proc.isdigit() or int(proc) == os.getpid():
            continue
        try:
            fd = pidfd(int(proc))
        except OSError:
            continue  # it has gone
        try:
            with open(f"/proc/{proc}/cmdline", "rb") as words:
                if mark not in words.read():
                    continue
            signal.pidfd_send_signal(fd, signal.SIGKILL)
            select.select([fd], [], [], _END_S)
        except (ProcessLookupError, FileNotFoundError):
            pass  # it went by itself
        finally:
            os.close(fd)


def discard(folder: Path) -> None:
    """End a VM that nobody holds, and take away what it has left."""
    end_processes(folder)
    # A process that was being started when we looked finds no directory, and ends.
    remove(folder)


def remove(folder: Path) -> None:
    """Remove an ended VM's directory. All that is in it are files; what is below another directory is never ours to remove."""
    with contextlib.suppress(OSError):
        for path in list(folder.iterdir()):
            with contextlib.suppress(OSError):
                path.unlink()
        folder.rmdir()


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
        self._ports = list(range(_PORTS))
        self._at: dict[str, int] = {}
        self._unplugged: dict[str, threading.Event] = {}
        self._plug = threading.Lock()
        self._process: _Process | None = None
        self._listens_s = _LISTENS_S
        self.ready = threading.Event()
        self.pid = 0
        self.kernel = ""  # the guest's release, once it has been greeted

    # -- starting --

    def _launch(self, file: Path, shared: bool, incoming: bool, fds: Sequence[int] = ()) -> None:
        self._hold(spawn(arguments(self.shape, self.folder, file, shared, incoming), self.folder, "qemu", fds))

    def _launch_with(self, fd: int, incoming: bool) -> None:
        """Start QEMU with shared memory in an open file."""
        self._launch(memory.path_of(fd), True, incoming, (fd,))

    def _hold(self, process: _Process) -> None:
        self._process = process
        self.pid = process.pid
        self._on_process(self.pid)
        # Whoever waits for the process also reaps it.
        threading.Thread(target=self._wait, args=(process,), daemon=True, name="qemu").start()
        try:
            self.qmp = Qmp(self.folder / "qmp", self._listens_s, self._qmp_event)
        except Unavailable as error:
            raise Unknown(f"QEMU did not start: {self.said() or error.message}") from None

    def _connect(self) -> None:
        self.control = Control(self.folder / "ctl", self._listens_s, self._agent_event, self._is_lost)
        self.streams = Streams(self.folder / "io", self._listens_s, self._is_lost)

    def _wait(self, process: _Process) -> None:
        process.wait()
        self._is_lost("QEMU has ended")

    def _qmp_event(self, name: str, data: Mapping[str, Any]) -> None:
        if name == "GUEST_PANICKED":
            self._panicked = True
        elif name == "DEVICE_DELETED" and data.get("device") in self._unplugged:
            self._unplugged.pop(data["device"]).set()

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
        return self._lost.is_set()

    def facts(self) -> dict[str, str]:
        return {"hypervisor": self.shape.hypervisor, "accel": self.shape.accel, "kernel": str(self.shape.kernel)}

    @property
    def ended(self) -> bool:
        """Whether its process has gone; a VM that stands still is lost to its agent, and is there."""
        return self._process is None or self._process.returncode is not None

    def was_killed(self) -> bool:
        """Return whether somebody, not we, ended it, once it has: of its template that says nothing."""
        if self._process is None:
            return False
        with contextlib.suppress(subprocess.TimeoutExpired):
            return self._process.wait(_LAST_WORDS_S) == -signal.SIGKILL
        return False

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

    def boot(self, timeout: float, file: Path | None = None) -> None:
        """Start the guest from its kernel, with its memory in file where there shall be something of it later.

        Returns when the agent is there. Raises DeadlineExceeded, Unknown.
        """
        if file is None:
            with memory.anonymous(self.shape.config.memory_mb << 20) as fd:
                self._launch_with(fd, False)
        else:
            self._launch(file, True, False)
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

    def restore(self, template: Path, shared: bool) -> None:
        """Bring the guest to a template's state; it stands still. Shared memory is a copy of the template's."""
        if shared:
            with memory.copied(template / "memory") as fd:
                self._launch_with(fd, True)
        else:
            self._launch(template / "memory", False, True)
        self.qmp.command("migrate-set-capabilities", {"capabilities": [{"capability": "x-ignore-shared", "state": True}]})
        self.qmp.command("migrate-incoming", {"uri": f"exec:cat {template}/state"})
        self._migrated()

    def adopt(self, process: _Process) -> None:
        """Hold a VM that another process has restored and let go of."""
        self._listens_s = _PARKED_LISTENS_S
        self._hold(process)

    def warm_up(self) -> None:
        """Let a restored guest do once what every container asks of it: emulated, what it runs is translated first. Then stop it."""
        self.go_on()
        self.control.call("hello", self.shape.config.hang_timeout_s, version=frames.VERSION)
        self.control.call("warm", self.shape.config.hang_timeout_s)
        self._stand_still()

    def _stand_still(self) -> None:
        self.control.close()
        self.streams.close()
        # The agent must have seen that we have gone: what it holds of us would be there for whoever comes next.
        time.sleep(0.3)
        self.qmp.command("stop")

    def let_go(self) -> None:
        """Leave a VM that stands still to whoever adopts it."""
        self.qmp.close()

    def go_on(self) -> None:
        """Let a restored guest run, and connect to its agent."""
        self._connect()
        self.qmp.command("cont")

    def _migrated(self) -> None:
        deadline = time.monotonic() + _MIGRATE_TIMEOUT_S
        while True:
            status = (self.qmp.command("query-migrate") or {}).get("status")
            if status == "completed":
                return
            if status == "failed" or self.ended:
                raise Unknown(f"QEMU could not move the guest's state: {self.said()}")
            if time.monotonic() > deadline:
                raise DeadlineExceeded("the template was not restored in time")
            time.sleep(0.003)

    def save(self, state: Path) -> None:
        """Write the state beside the memory, and end. Nobody may be connected to the agent."""
        self._stand_still()
        self.qmp.command("migrate-set-capabilities", {"capabilities": [{"capability": "x-ignore-shared", "state": True}]})
        self.qmp.command("migrate", {"uri": f"exec:cat > {state}"})
        self._migrated()

    # -- running --

    def hello(self) -> Mapping[str, Any]:
        """Greet the agent, set the clock and seed the random numbers: clones of a template would all draw the same.

        Raises FailedPrecondition for an agent of another version.
        """
        timeout = self.shape.config.hang_timeout_s
        told = self.control.call("hello", timeout, version=frames.VERSION)
        if not isinstance(told, dict) or told.get("version") != frames.VERSION:
            raise FailedPrecondition("the guest image is of another version; type: argosy kata build-image")
        self.kernel = plain(told.get("kernel", ""))
        self.control.call("settime", timeout, ns=time.time_ns())
        self.control.call("seed", timeout, data=os.urandom(64).hex())
        return told

    def _port(self, device: str) -> str:
        with self._plug:
            if not self._ports:
                raise FailedPrecondition(f"a VM has room for {_PORTS} devices, and this one has them")
            self._at[device] = self._ports.pop(0)
            return f"port{self._at[device]}"

    def plug_disk(self, path: Path, serial: str, read_only: bool) -> None:
        """Plug in a file as a disk; the guest finds it by serial (20 characters at most)."""
        node = f"n-{serial}"
        self.qmp.command(
            "blockdev-add",
            {"driver": "raw", "node-name": node, "read-only": read_only, "discard": "unmap",
             "file": {"driver": "file", "filename": str(path), "read-only": read_only, "locking": "off" if read_only else "auto"}},
        )  # fmt: skip
        device = f"d-{serial}"
        self.qmp.command(
            "device_add",
            {"driver": "virtio-blk-pci", "drive": node, "id": device, "serial": serial, "bus": self._port(device)},
        )

    def unplug_disk(self, serial: str) -> None:
        """Take a disk out; returns when the guest has let go of it. Raises DeadlineExceeded, Unknown, Unavailable."""
        device = f"d-{serial}"
        gone = self._unplugged[device] = threading.Event()
        self.qmp.command("device_del", {"id": device})
        if not gone.wait(_UNPLUG_S):
            raise DeadlineExceeded(f"the guest does not let go of disk {serial}")
        self.qmp.command("blockdev-del", {"node-name": f"n-{serial}"})
        with self._plug:
            self._ports.append(self._at.pop(device))

    def plug_share(self, socket: Path, tag: str) -> None:
        """Plug in the file system that virtiofsd serves at socket. The VM's memory must be shared."""
        self.qmp.command(
            "chardev-add",
            {"id": f"c-{tag}", "backend": {"type": "socket", "data": {"server": False, "addr": {"type": "unix", "data": {"path": str(socket)}}}}},
        )  # fmt: skip
        self.qmp.command(
            "device_add",
            {
                "driver": "vhost-user-fs-pci",
                "chardev": f"c-{tag}",
                "tag": tag,
                "id": f"f-{tag}",
                "bus": self._port(f"f-{tag}"),
            },
        )

    def plug_network(self, tap: int, mac: str) -> None:
        """Plug in an interface that is the descriptor of a tap."""
        name = f"e-{mac.replace(':', '')}"
        self.qmp.command("getfd", {"fdname": name}, fds=[tap])
        self.qmp.command("netdev_add", {"type": "tap", "id": name, "fd": name})
        self.qmp.command(
            "device_add",
            {"driver": "virtio-net-pci", "netdev": name, "id": f"i-{name}", "mac": mac, "bus": self._port(name)},
        )

    def plug_user_network(self, mac: str) -> None:
        """Plug in an interface to QEMU's own network: out to wherever QEMU can connect, and nothing in."""
        self.qmp.command("netdev_add", {"type": "user", "id": "user"})
        self.qmp.command(
            "device_add",
            {"driver": "virtio-net-pci", "netdev": "user", "id": "i-user", "mac": mac, "bus": self._port("user")},
        )

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
        """Take away what ``kill`` leaves. Waits until the process has gone."""
        self.end()
        for name in ("control", "streams", "qmp"):
            with contextlib.suppress(AttributeError):
                getattr(self, name).close()
        remove(self.folder)


# -- templates --


def new_folder(name: str) -> Path:
    """Make a VM's directory: fresh, short, ours alone. A stale QEMU at the same path would answer in its place."""
    folder = run_directory() / name
    folder.mkdir(mode=0o700, parents=True)
    return folder


@contextlib.contextmanager
def _alone(path: Path) -> Iterator[None]:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
        yield
    finally:
        os.close(fd)


def template(shape: Shape) -> Path:
    """Return the template of a shape; it is made by whoever comes first, while the others wait.

    A half-made one is never seen: it is renamed into place. Raises what ``Qemu.boot`` does.
    """
    home = data_directory() / "templates"
    key = shape.key()
    found = home / key
    if _whole(found, shape):
        return found
    with _alone(home / f"{key}.lock"):
        if _whole(found, shape):
            return found
        shutil.rmtree(found, ignore_errors=True)
        made = home / f".{key}.new"
        shutil.rmtree(made, ignore_errors=True)
        made.mkdir(mode=0o700)
        folder = new_folder(f"t-{key[:12]}-{os.getpid()}")
        machine = Qemu(shape, folder)
        began = time.monotonic()
        try:
            machine.boot(shape.config.boot_timeout_s, made / "memory")
            machine.control.call("hello", shape.config.hang_timeout_s, version=frames.VERSION)
            machine.control.call("sync", shape.config.hang_timeout_s)
            machine.save(made / "state")
        except BaseException:
            machine.cleanup()
            shutil.rmtree(made, ignore_errors=True)
            raise
        machine.cleanup()
        facts = {"seconds": round(time.monotonic() - began, 3), "accel": shape.accel, "memory_mb": shape.config.memory_mb,
                 "state_bytes": os.stat(made / "state").st_size, "memory_bytes": os.stat(made / "memory").st_blocks * 512}  # fmt: skip
        (made / "template.json").write_text(json.dumps(facts) + "\n")
        made.rename(found)
        return found


def _whole(found: Path, shape: Shape) -> bool:
    """Return whether a template is all there. One that a crash or a person has cut short is made again."""
    try:
        facts = json.loads((found / "template.json").read_text())
        return bool(
            os.stat(found / "state").st_size == facts["state_bytes"]
            and os.stat(found / "memory").st_size == shape.config.memory_mb << 20
        )
    except (OSError, ValueError, KeyError, TypeError):
        return False


def shape_of(config: Config) -> Shape:
    """Return the shape that a configuration comes to on this host. Raises NotFound, FailedPrecondition."""
    program = hypervisor(config)
    kernel, initrd = config.image()

    def with_accel(name: str) -> Shape:
        return Shape(config, name, program, kernel, initrd)

    cache = run_directory() / "accel.json"
    key = f"{os.stat(program).st_mtime_ns} {os.stat(kernel).st_mtime_ns}"
    chosen = accel.choose(config.accel, key, cache, lambda: _probe(with_accel("kvm")))
    return with_accel(chosen)


def _probe(shape: Shape) -> None:
    template(shape)


def park(shape: Shape, name: str, shared: bool) -> Qemu:
    """Return a VM that stands still a little after its template's state, connected to nobody. Raises what ``start`` does."""
    machine = Qemu(shape, new_folder(name))
    try:
        machine.restore(template(shape), shared)
        machine.warm_up()
        machine.let_go()
    except BaseException:
        machine.cleanup()
        raise
    return machine


def start(
    config: Config,
    name: str,
    shared: bool,
    on_event: Callable[[Mapping[str, Any]], None],
    on_lost: Callable[[str], None],
    on_process: Callable[[int], None] = lambda _: None,
    parked: _Process | None = None,
) -> Qemu:
    """Start a VM whose agent has been greeted. name is its directory's; shared memory is needed for a file share.

    on_process hears the pid of QEMU before it does anything. With parked, it is the VM of that process, which ``park`` has made
    in that directory. Raises NotFound, FailedPrecondition, DeadlineExceeded, Unavailable, Unknown; nothing is left then.
    """
    shape = shape_of(config)
    source = template(shape) if config.template and parked is None else None
    folder = run_directory() / name if parked is not None else new_folder(name)
    machine = Qemu(shape, folder, on_event, on_lost, on_process)
    try:
        if parked is not None:
            machine.adopt(parked)
            machine.go_on()
        elif source is not None:
            machine.restore(source, shared)
            machine.go_on()
        else:
            machine.boot(config.boot_timeout_s)
        machine.hello()
    except BaseException as error:
        if source is not None and isinstance(error, ArgosyError) and not machine.was_killed():
            # A template that restores to nothing is worse than none.
            shutil.rmtree(source, ignore_errors=True)
        machine.cleanup()
        raise
    return machine
