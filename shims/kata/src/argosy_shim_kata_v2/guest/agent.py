"""The agent: PID 1 of the VM. Takes requests on one serial port, carries stdio on the other, runs containers with crun.

Standard library only, one thread, one epoll loop. A request's handler is a generator where it waits: for a child it yields
the pid and is resumed with the exit code, for a device it yields None and is resumed a little later. Lists of methods and their arguments are the methods named ``do_*``.
"""

from __future__ import annotations

import ctypes
import errno
import fcntl
import json
import os
import select
import signal
import socket
import struct
import sys
import time
from functools import partial

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Sequence
    from typing import Any

    Json = dict[str, Any]
    Storage = dict[str, Any]
    Done = Generator[int | None, int | None, None]
    Wait = Generator[int | None, int | None, Any]

# The guest has this package's guest folder and nothing else of it.
sys.path.insert(0, "/agent")
from argosy_shim_kata_v2.guest.devices import DEVICE_WAIT_S, disk, mount_share, port, reach  # noqa: E402 # the path comes first
from argosy_shim_kata_v2.guest.files import MOST, PACK, WORD_BYTES, Copying, fork, shared, write_back  # noqa: E402 # the path
from argosy_shim_kata_v2.guest.frames import CONTROL_KINDS, EVENT, MAX_CONTROL, REQUEST, RESPONSE, VERSION, ProtocolError  # noqa: E402 # the path
from argosy_shim_kata_v2.guest.memory import Memory  # noqa: E402 # the path
from argosy_shim_kata_v2.guest.sockets import Sockets  # noqa: E402 # the path
from argosy_shim_kata_v2.guest.stdio import Loop, Port, Stdio  # noqa: E402 # the path
from argosy_shim_kata_v2.guest.system import LIBC, Failure, attribute, code_of, log, mount, put, spawn, system, text, unmount  # noqa: E402 # the path

CRUN = "/usr/bin/crun"
BUNDLES = "/run/argosy/c"
CGROUPS = "/sys/fs/cgroup"
# All containers are below this one.
POD = CGROUPS + "/pod"
RNDADDENTROPY, RNDRESEEDCRNG, TIOCSWINSZ = 0x40085203, 0x5207, 0x5414
IN_MODIFY = 2
# How often a device that is being plugged in is looked for.
POLL_S = 0.005
# A copy that was killed is gone at once, unless a file system of the container's own does not answer; then its disks stay in use, and the host ends the VM.
COPY_DEATH_S = 5.0


class Process:
    """A container's init (exec "") or an exec; its streams are numbered base, base + 1, base + 2."""

    def __init__(self, container: str, exec_id: str, base: int, terminal: bool) -> None:
        self.container, self.exec_id, self.base, self.terminal = container, exec_id, base, terminal
        self.pid = 0
        self.master = -1


class Agent:
    """The loop, the processes it knows, and a method ``do_NAME`` for each request of the host; its arguments are the request's."""

    def __init__(self) -> None:
        self._loop = Loop()
        self._sleeping: list[tuple[Wait, int]] = []  # generator, request id
        self._waiting: dict[int, tuple[Wait, int]] = {}  # pid -> generator, request id
        self._ended: dict[
            int, tuple[int, float]
        ] = {}  # pid -> status and when, of children that no request has asked for yet
        self._processes: dict[int, Process] = {}  # pid -> Process
        self._by_name: dict[tuple[str, str], Process] = {}  # (container, exec) -> Process
        self._oom: dict[str, int] = {}  # container -> count
        self._oom_watch: dict[int, str] = {}  # inotify watch -> container
        self._inotify = -1
        self._copies: dict[int, Copying] = {}  # pid -> a copy that goes on
        self._begun: dict[int, Copying] = {}  # base of its streams -> a copy whose end the host has not asked for yet
        self._share = ""  # where the file share is, once it is mounted
        self._shared: dict[str, list[str]] = {}  # container -> directories of the share that it has
        self._memory = Memory(POD)

    # -- the loop --

    def run(self) -> None:
        read, write = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        signal.set_wakeup_fd(write, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        self._loop.watch(read, select.EPOLLIN, lambda _: self._reap(read))
        self._inotify = system(LIBC.inotify_init1(os.O_CLOEXEC | os.O_NONBLOCK), "inotify")
        self._loop.watch(self._inotify, select.EPOLLIN, self._oom_ready)
        self.control = Port(self._loop, port("argosy.ctl"), CONTROL_KINDS, MAX_CONTROL, self._control, lambda: None)
        self._stdio = Stdio(self._loop, port("argosy.io"), self._hung_up)
        self._sockets = Sockets(self._loop, self._stdio, lambda id, number: self._event("connect", id=id, connection=number))
        self._event("ready")
        while True:
            ready = self._loop.turn(POLL_S if self._sleeping else None)
            sleeping, self._sleeping = self._sleeping, []
            for generator, number in sleeping:
                self._step(generator, number, None)
            self._loop.serve(ready)

    def _hung_up(self, fd: int) -> None:
        for process in self._by_name.values():
            if process.master == fd:
                process.master = -1

    def _event(self, name: str, **fields: object) -> None:
        self.control.send(0, EVENT, json.dumps({"ev": name, **fields}).encode())

    def _reap(self, wake: int) -> None:
        try:
            os.read(wake, 512)
        except BlockingIOError:
            pass
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            copying = self._copies.pop(pid, None)
            if copying is not None:
                self._stdio.let_go(copying.base)
                if copying.mounts >= 0:
                    os.close(copying.mounts)
            if pid in self._waiting:
                generator, number = self._waiting.pop(pid)
                self._step(generator, number, code_of(status))
            elif pid in self._processes:
                self._exited(self._processes.pop(pid), status)
            else:
                self._ended[pid] = (status, time.monotonic())
                if len(self._ended) > 4096:
                    self._ended.pop(next(iter(self._ended)))

    def _exited(self, process: Process, status: int) -> None:
        if not process.exec_id:
            # Before its end is told: the host waits then for what it has sent.
            self._sockets.ended(process.container)
        self._event("exit", id=process.container, exec=process.exec_id, status=code_of(status), ns=time.time_ns())
        self._stdio.let_go(process.base)

    # -- requests --

    def _control(self, _: int, kind: int, payload: bytes) -> None:
        if kind != REQUEST:
            raise ProtocolError("only requests come from the host")
        request = json.loads(payload)
        number = request["i"]
        method = getattr(self, "do_" + request["m"], None)
        if method is None:
            self._answer(number, {"err": "this agent has no method " + request["m"], "kind": "unimplemented"})
            return
        try:
            result = method(**request.get("a", {}))
        except Exception as error:
            self._failed(number, error)
            return
        if hasattr(result, "send"):
            self._step(result, number, None)
        else:
            self._answer(number, {"ok": result})

    def _step(self, generator: Wait, number: int, value: int | None) -> None:
        try:
            pid = generator.send(value)
        except StopIteration as stop:
            self._answer(number, {"ok": stop.value})
        except Exception as error:
            self._failed(number, error)
        else:
            if pid is None:
                self._sleeping.append((generator, number))
                return
            # It was started a moment ago, and cannot have been reaped since.
            self._waiting[pid] = (generator, number)

    def _failed(self, number: int, error: BaseException) -> None:
        kind = error.kind if isinstance(error, Failure) else "unknown"
        if isinstance(error, FileNotFoundError):
            kind = "not_found"
        said = str(error) if isinstance(error, (Failure, OSError)) else f"{type(error).__name__}: {error}"
        self._answer(number, {"err": said, "kind": kind})

    def _answer(self, number: int, answer: dict[str, object]) -> None:
        answer["i"] = number
        self.control.send(0, RESPONSE, json.dumps(answer).encode())

    # -- what the host asks for --

    def do_hello(self, version: int) -> Json:
        """Say what this is: the host decides whether it can talk to it."""
        release = os.uname()
        return {
            "version": VERSION,
            "kernel": release.release,
            "machine": release.machine,
            "up": float(text("/proc/uptime").split()[0]),
        }

    def do_settime(self, ns: int) -> None:
        """Set the clock to nanoseconds since 1970: a clone's stands at the time of its template."""
        time.clock_settime_ns(time.CLOCK_REALTIME, ns)

    def do_seed(self, data: str) -> None:
        """Clones of one template would all draw the same numbers. Data is hex; it counts as entropy, and takes effect at once."""
        seed = bytes.fromhex(data)
        with open("/dev/urandom", "wb") as device:
            fcntl.ioctl(device, RNDADDENTROPY, struct.pack("ii", len(seed) * 8, len(seed)) + seed)
            fcntl.ioctl(device, RNDRESEEDCRNG)

    def do_mounts(self, storages: list[Storage]) -> Done:
        """Mount a list, in order; a disk is named by its serial and waited for."""
        done = []
        try:
            for s in storages:
                os.makedirs(s["target"], exist_ok=True)
                source = (yield from disk(s["serial"])) if s.get("serial") else s["source"]
                if s["fstype"] == "overlay":
                    for option in s["options"]:
                        name, _, path = option.partition("=")
                        if name in ("upperdir", "workdir"):
                            os.makedirs(path, exist_ok=True)
                if s["fstype"] == "virtiofs":
                    yield from mount_share(source, s["target"], s["options"])
                    self._share = s["target"]
                else:
                    mount(source, s["target"], s["fstype"], s["options"])
                done.append(s["target"])
        except BaseException:
            for target in reversed(done):
                unmount(target)
            raise

    def do_unmounts(self, targets: list[str]) -> None:
        """Unmount a list, in order; what was written is on its disks then."""
        for target in targets:
            unmount(target)
        os.sync()

    def do_files(self, files: dict[str, tuple[int, str]]) -> None:
        """Write small files (resolv.conf, secrets): path -> [mode, hex]."""
        for path, (mode, data) in files.items():
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "wb", opener=partial(os.open, mode=mode)) as file:
                file.write(bytes.fromhex(data))
            os.chmod(path, mode)

    def do_create(self, id: str, spec: Json, base: int, terminal: bool, stdin: bool) -> Wait:
        """Create a container. Streams base, base + 1 and base + 2 are its stdin, stdout and stderr; with a terminal base + 1 is both."""
        bundle = os.path.join(BUNDLES, id)
        os.makedirs(bundle, exist_ok=True)
        spec["linux"]["cgroupsPath"] = f"/pod/{id}"
        sources = [spec["root"]["path"], *(one.get("source") or "" for one in spec.get("mounts") or [])]
        self._shared[id] = [path for path in sources if self._share and path.startswith(self._share + "/")]
        reach(self._shared[id])
        put(bundle + "/config.json", json.dumps(spec))
        pid_file = bundle + "/init.pid"
        command = [CRUN, "--cgroup-manager=cgroupfs", "--log", bundle + "/log", "--log-format", "json", "create", "--bundle", bundle,
                   "--pid-file", pid_file]  # fmt: skip
        pid = yield from self._launch(command, [id], Process(id, "", base, terminal), pid_file, bundle + "/log", stdin)
        self._watch_oom(id)
        return {"pid": pid}

    def do_exec(self, id: str, exec: str, process: Json, base: int, terminal: bool, stdin: bool) -> Wait:
        """Start one more process in a container; streams as for ``do_create``."""
        bundle = os.path.join(BUNDLES, id)
        path = f"{bundle}/exec-{exec}"
        put(path + ".json", json.dumps(process))
        command = [CRUN, "--log", path + ".log", "--log-format", "json", "exec", "--detach", "--process", path + ".json",
                   "--pid-file", path + ".pid"]  # fmt: skip
        if (id, exec) in self._by_name:
            raise Failure("exists", f"exec {exec} of {id}")
        pid = yield from self._launch(command, [id], Process(id, exec, base, terminal), path + ".pid", path + ".log", stdin)
        return {"pid": pid}

    def _launch(
        self, command: Sequence[str], tail: Sequence[str], process: Process, pid_file: str, log_file: str, stdin: bool
    ) -> Generator[int | None, int | None, int]:
        """Run a verb of crun that leaves a process behind, with its stdio."""
        for path in (pid_file, log_file):
            if os.path.exists(path):
                os.unlink(path)
        began = time.monotonic()
        null = os.open("/dev/null", os.O_RDWR | os.O_CLOEXEC)
        mine, theirs = [], [null]
        listener = None
        try:
            if process.terminal:
                listener = socket.socket(socket.AF_UNIX)
                listener.bind(log_file + ".tty")
                listener.listen(1)
                command = [*command, "--console-socket", log_file + ".tty"]
                stdio = (null, null, null)
            else:
                read, write = os.pipe2(os.O_CLOEXEC) if stdin else (null, -1)
                out, out_end = os.pipe2(os.O_CLOEXEC)
                err, err_end = os.pipe2(os.O_CLOEXEC)
                mine = [write, out, err]
                theirs += [read, out_end, err_end] if stdin else [out_end, err_end]
                stdio = (read, out_end, err_end)
            pid = spawn([*command, *tail], stdio)
            for fd in theirs:
                os.close(fd)
            theirs = []
            code = yield pid
            if code:
                raise Failure("failed", reason(log_file))
            if listener is not None:
                process.master = self._terminal(listener)
                mine = []
        except BaseException:
            for fd in (*mine, *theirs):
                if fd >= 0:
                    os.close(fd)
            raise
        finally:
            if listener is not None:
                listener.close()
                os.unlink(log_file + ".tty")
        process.pid = int(text(pid_file))
        self._by_name[process.container, process.exec_id] = process
        if process.terminal:
            self._stdio.inlet(process.base, process.master)
            self._stdio.outlet(process.base + 1, process.master)
        else:
            if mine[0] >= 0:
                self._stdio.inlet(process.base, mine[0])
            self._stdio.outlet(process.base + 1, mine[1])
            self._stdio.outlet(process.base + 2, mine[2])
        status, when = self._ended.pop(process.pid, (0, 0.0))
        if when < began:
            # What had this number before is not it.
            self._processes[process.pid] = process
        else:
            # It was over before we knew its name. The answer goes first.
            self._later(lambda _: self._exited(process, status))
        return process.pid

    def _later(self, call: Callable[[int], object]) -> None:
        read, write = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        os.close(write)

        def ready(_: int) -> None:
            self._loop.unwatch(read)
            os.close(read)
            call(0)

        self._loop.watch(read, select.EPOLLIN, ready)

    @staticmethod
    def _terminal(listener: socket.socket) -> int:
        listener.settimeout(10)
        peer, _ = listener.accept()
        with peer:
            _, fds, _, _ = socket.recv_fds(peer, 4096, 1)
        os.set_inheritable(fds[0], False)
        return fds[0]

    def _run(self, *words: str, id: str = "") -> Generator[int | None, int | None, None]:
        """Run a verb of crun to its end."""
        log_file = f"/run/argosy/verb-{id}-{time.monotonic_ns()}.log"
        null = os.open("/dev/null", os.O_RDWR | os.O_CLOEXEC)
        pid = spawn([CRUN, "--log", log_file, "--log-format", "json", *words], (null, null, null))
        os.close(null)
        code = yield pid
        said = reason(log_file) if code else ""
        if os.path.exists(log_file):
            os.unlink(log_file)
        if code:
            raise Failure("failed", said)

    def do_start(self, id: str) -> Done:
        """Let a created container's init run."""
        yield from self._run("start", id, id=id)

    def do_delete(self, id: str, force: bool) -> Done:
        """Delete a container, and with force kill it first. Its copies end before: they hold its disks."""
        self._sockets.close(id)
        for pid in [pid for pid, copying in self._copies.items() if copying.container == id]:
            os.kill(pid, signal.SIGKILL)
        deadline = time.monotonic() + COPY_DEATH_S
        while any(copying.container == id for copying in self._copies.values()) and time.monotonic() < deadline:
            yield None
        try:
            yield from self._run("delete", *(["--force"] if force else []), id, id=id)
        finally:
            for path in self._shared.pop(id, ()):
                unmount(path)
        for key in [k for k in self._by_name if k[0] == id]:
            del self._by_name[key]
        for number in [n for n, name in self._oom_watch.items() if name == id]:
            del self._oom_watch[number]
        self._oom.pop(id, None)
        bundle = os.path.join(BUNDLES, id)
        for name in os.listdir(bundle) if os.path.isdir(bundle) else ():
            if not os.path.isdir(os.path.join(bundle, name)):
                os.unlink(os.path.join(bundle, name))

    def do_forget(self, id: str, exec: str) -> None:
        """Let another exec have this one's name."""
        self._by_name.pop((id, exec), None)

    def _process(self, id: str, exec: str) -> Process:
        try:
            return self._by_name[id, exec]
        except KeyError:
            raise Failure("not_found", "no process {} of {}".format(exec or "init", id)) from None

    def do_kill(self, id: str, exec: str, signal: int, everyone: bool) -> None:
        """Send a signal to one process, or to all of a container."""
        process = self._process(id, exec)
        if everyone:
            for pid in pids(id):
                try:
                    os.kill(pid, signal)
                except ProcessLookupError:
                    continue
            return
        if process.pid not in self._processes:
            raise Failure("not_found", "process already finished")
        try:
            os.kill(process.pid, signal)
        except ProcessLookupError:
            raise Failure("not_found", "process already finished") from None

    # -- sockets of the host --

    def do_listen(self, container: str, id: str, mode: int, uid: int, gid: int) -> None:
        """Listen where a container that is made next is to find a socket of the host's. Each who connects is told of: ``connect``."""
        self._sockets.listen(container, id, mode, uid, gid)

    def do_connected(self, connection: int, base: int) -> bool:
        """The host has connected one that it was told of, or refuses it: base is 0."""
        return self._sockets.connected(connection, base)

    # -- files of containers --

    def _root(self, id: str) -> tuple[str, int, int]:
        """Return whose view of a container's files there is, and descriptors of its root and its mount namespace.

        That is the init's; ours, and -1, of one that has ended.
        """
        process = self._process(id, "")
        if process.pid in self._processes:
            # It was not waited for yet, so its number is its own.
            folder = f"/proc/{process.pid}"
            try:
                root = os.open(folder + "/root", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
                try:
                    return str(process.pid), root, os.open(folder + "/ns/mnt", os.O_RDONLY | os.O_CLOEXEC)
                except OSError:
                    os.close(root)
            except OSError:
                pass  # it is a zombie
        spec = json.loads(text(os.path.join(BUNDLES, id, "config.json")))
        return "self", os.open(spec["root"]["path"], os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC), -1

    def do_shared(self, id: str, path: str, folder: str, follow: bool, writes: bool) -> bool:
        """Say whether what is at a path in a container is what the host has at that path below what it shares as folder; what was written is there then."""
        process, root, mounts = self._root(id)
        try:
            found = shared(process, root, folder, path, follow, writes)
            if found:
                write_back(root)
        finally:
            for fd in (root, mounts):
                if fd >= 0:
                    os.close(fd)
        return found

    def do_copy(self, id: str, base: int, verb: str, path: str, walk: bool, owners: bool) -> None:
        """Begin to pack what is at a path in a container into stream base + 1, or to place what comes over stream base below it."""
        if len(self._copies) >= MOST:
            raise Failure("exhausted", f"{MOST} copies are under way in the VM, which are the most; wait for one to end")
        _, root, mounts = self._root(id)
        null = os.open("/dev/null", os.O_RDWR | os.O_CLOEXEC)
        theirs, ours = os.pipe2(os.O_CLOEXEC)
        word, said = os.pipe2(os.O_CLOEXEC)
        began = time.monotonic()
        packs = verb == PACK
        stdin, stdout, mine, other = (null, ours, theirs, ours) if packs else (theirs, null, ours, theirs)
        try:
            pid = fork(root, stdin, stdout, said, verb, path, f'container "{id}"', walk, owners)
        except BaseException:
            for fd in (mine, word, mounts):
                if fd >= 0:
                    os.close(fd)
            raise
        finally:
            for fd in (root, null, other, said):
                os.close(fd)
        self._copies[pid] = self._begun[base] = Copying(id, base, pid, word, mounts, began)
        if packs:
            self._stdio.outlet(base + 1, mine)
        else:
            self._stdio.inlet(base, mine)

    def do_copied(self, base: int) -> Wait:
        """Wait for a copy's end; return what it said of it, and its exit code. Of each copy that has begun this is asked once."""
        copying = self._begun.pop(base)
        if copying.pid in self._copies:
            code = yield copying.pid
        else:
            status, when = self._ended.pop(copying.pid, (0, 0.0))
            code = code_of(status) if when >= copying.began else 0
        os.set_blocking(copying.word, False)
        try:
            said = os.read(copying.word, WORD_BYTES).decode("utf-8", "replace")
        except BlockingIOError:
            said = ""
        finally:
            os.close(copying.word)
        return {"said": said, "code": code}

    def do_end_copy(self, base: int) -> None:
        """Kill a copy; where there is none, that is well."""
        for pid, copying in self._copies.items():
            if copying.base == base:
                os.kill(pid, signal.SIGKILL)

    def do_resize(self, id: str, exec: str, width: int, height: int) -> None:
        """Give a terminal another size, in characters."""
        master = self._process(id, exec).master
        if master >= 0:
            fcntl.ioctl(master, TIOCSWINSZ, struct.pack("HHHH", height, width, 0, 0))

    def do_pids(self, id: str) -> list[list[object]]:
        """Return [pid, exec] of each process of a container; exec is "" where it is none."""
        execs = {p.pid: p.exec_id for (container, _), p in self._by_name.items() if container == id}
        return [[pid, execs.get(pid, "")] for pid in pids(id)]

    def do_freeze(self, id: str, frozen: bool) -> None:
        """Pause a container, or let it go on."""
        put(f"{POD}/{id}/cgroup.freeze", "1" if frozen else "0")

    def do_stats(self, id: str) -> dict[str, str]:
        """Return the files of a container's cgroup that have numbers in them, by name; with id "" those of the whole guest."""
        folder = f"{POD}/{id}" if id else CGROUPS
        if not os.path.isdir(folder):
            raise Failure("not_found", "cgroup does not exist")
        found = {}
        for name in os.listdir(folder):
            if name.partition(".")[0] in ("cpu", "memory", "pids", "io"):
                try:
                    found[name] = text(os.path.join(folder, name))
                except OSError:
                    continue
        return found

    def do_update(self, id: str, resources: Json) -> Done:
        """Change a container's limits; resources are a spec's ``linux.resources``."""
        path = f"/run/argosy/update-{id}.json"
        put(path, json.dumps(resources))
        try:
            yield from self._run("update", "--resources", path, id, id=id)
        finally:
            os.unlink(path)

    def do_net(self, mac: str, name: str, addresses: list[str], routes: list[list[str]], mtu: int) -> Done:
        """Name and configure the interface with this address; it may have just been plugged in."""
        deadline = time.monotonic() + DEVICE_WAIT_S
        while True:
            for link in os.listdir("/sys/class/net"):
                if attribute(f"/sys/class/net/{link}/address").lower() == mac.lower():
                    break
            else:
                if time.monotonic() > deadline:
                    raise Failure("failed", f"no interface with address {mac} appeared")
                yield None
                continue
            break
        words = []
        if link != name:
            words.append(["link", "set", link, "name", name])
        words.append(["link", "set", name, "mtu", str(mtu)])
        words += [["addr", "add", a, "dev", name] for a in addresses]
        words.append(["link", "set", name, "up"])
        # A default route is of the family of its gateway.
        words += [[*(["-6"] if ":" in "".join(r) else []), "route", "add", *r, "dev", name] for r in routes]
        null = os.open("/dev/null", os.O_RDWR | os.O_CLOEXEC)
        try:
            for line in words:
                code = yield spawn(["/bin/busybox", "ip", *line], (null, null, null))
                if code:
                    raise Failure("failed", "ip {} failed".format(" ".join(line)))
                if line[:2] == ["link", "set"]:
                    # The addresses are the pod's already: a second of looking whether another has them is lost.
                    dad = f"/proc/sys/net/ipv6/conf/{name}/accept_dad"
                    if os.path.exists(dad):
                        put(dad, "0")
        finally:
            os.close(null)

    def do_sync(self) -> None:
        """Write what is written only to memory yet."""
        os.sync()

    def do_warm(self) -> Done:
        """Run once what a container's start runs: under emulation its code is translated now, and not while a client waits."""
        null = os.open("/dev/null", os.O_RDWR | os.O_CLOEXEC)
        try:
            for command in ([CRUN, "--version"], [CRUN, "list"]):
                yield spawn(command, (null, null, null))
        finally:
            os.close(null)

    def do_drop(self, sync: bool = True) -> None:
        """Forget the files of the host's that are open for nothing but being looked up faster; with sync also those that have something to write."""
        if sync:
            os.sync()
        put("/proc/sys/vm/drop_caches", "2")

    # -- memory --

    def do_grow(self, size: int, wait_s: float) -> Done:
        """Take in what has been plugged in; size is the sum of it, in bytes. Waits so long for it."""
        yield from self._memory.grow(size, wait_s)

    def _watch_oom(self, id: str) -> None:
        path = f"{POD}/{id}/memory.events"
        if os.path.exists(path):
            number = LIBC.inotify_add_watch(self._inotify, path.encode(), IN_MODIFY)
            if number >= 0:
                self._oom_watch[number] = id

    def _oom_ready(self, _: int) -> None:
        try:
            os.read(self._inotify, 4096)
        except BlockingIOError:
            return
        for id in set(self._oom_watch.values()):
            try:
                lines = text(f"{POD}/{id}/memory.events").splitlines()
            except OSError:
                continue
            count = sum(int(line.split()[1]) for line in lines if line.startswith("oom_kill "))
            if count > self._oom.get(id, 0):
                self._oom[id] = count
                self._event("oom", id=id)


def pids(id: str) -> list[int]:
    """Return the processes of a container."""
    found = []
    for folder, _, files in os.walk(os.path.join(POD, id)):
        if "cgroup.procs" in files:
            found += [int(p) for p in text(folder + "/cgroup.procs").split()]
    return sorted(set(found))


def reason(path: str) -> str:
    """Return the last thing that crun wrote to its log."""
    try:
        lines = text(path).splitlines()
    except OSError:
        lines = []
    for line in reversed(lines):
        try:
            said = str(json.loads(line).get("msg") or "")
        except ValueError:
            continue
        if said:
            return said
    return "crun failed without a word"


def bring_up() -> None:
    """Bring the guest up: file systems, modules, loopback, cgroups."""
    for kind, target in (("proc", "/proc"), ("sysfs", "/sys"), ("devtmpfs", "/dev")):
        mount(kind, target, kind)
    for path in ("/dev/pts", "/dev/shm"):
        os.makedirs(path, exist_ok=True)
    mount("devpts", "/dev/pts", "devpts", ["ptmxmode=0666", "mode=0620", "gid=5"])
    mount("tmpfs", "/dev/shm", "tmpfs", ["nosuid", "nodev"])
    mount("tmpfs", "/run", "tmpfs", ["nosuid", "nodev", "mode=0755"])
    mount("cgroup2", CGROUPS, "cgroup2")
    os.makedirs(BUNDLES)
    # finit_module(2), which libc has no function for; machines of after 2012 count alike.
    finit_module = 313 if os.uname().machine == "x86_64" else 273
    for name in text("/lib/modules/order").split():
        with open(f"/lib/modules/{name}.ko", "rb") as module:
            if LIBC.syscall(finit_module, module.fileno(), b"", 0) < 0 and ctypes.get_errno() != errno.EEXIST:
                log("module", name, os.strerror(ctypes.get_errno()))
    os.mkdir(POD)
    for group in (CGROUPS, POD):
        put(group + "/cgroup.subtree_control", "+cpu +memory +pids +io")
    null = os.open("/dev/null", os.O_RDWR | os.O_CLOEXEC)
    for command in (["/bin/busybox", "ip", "link", "set", "lo", "up"], [CRUN, "--version"]):
        # crun once, so that a template holds its pages and its translation.
        os.waitpid(spawn(command, (null, null, null)), 0)
    os.close(null)


if __name__ == "__main__":
    bring_up()
    Agent().run()
