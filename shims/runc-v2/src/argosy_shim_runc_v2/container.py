"""One container: its init process and its execs, and what the runtime is told to do with them."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from argosy.errors import FailedPrecondition, InvalidArgument, NotFound, Unknown
from argosy.kernel.mount import mount_all
from argosy.kernel.process import has_ended
from argosy.kernel.unmount import unmount_all, unmount_tree
from argosy.mounts import Mount
from argosy.shim import lifecycle, model
from argosy.shim.local import IO_DRAIN_S, LocalProcess
from argosy.shim.spawn import Stdio, know
from argosy.shim.stdio import Endpoints, open_stdio
from argosy_protos.lean.containerd.runc.v1 import CheckpointOptions, Options
from argosy_protos.lean.containerd.task.v2 import CreateTaskRequest
from argosy_protos.lean.google.protobuf import Any as AnyMessage

from argosy_shim_runc_v2 import guard
from argosy_shim_runc_v2.cgroups import Cgroup, OomWatch
from argosy_shim_runc_v2.console import Console, ConsoleSocket
from argosy_shim_runc_v2.runc import Runtime, Verb

if TYPE_CHECKING:
    from argosy.shim.copies import Tree

OPTIONS_TYPE: Final = "containerd.runc.v1.Options"
CHECKPOINT_TYPE: Final = "containerd.runc.v1.CheckpointOptions"
# The attributes of a process that are plain values: a sleeping shim keeps them as they are.
_KEPT: Final = (
    "exec_id", "stdin", "stdout", "stderr", "terminal", "spec", "status", "pid", "exit_status", "exited_ns",
)  # fmt: skip
_PID_WAIT_S: Final = 5.0


def default_runc_root() -> str:
    """Return where the runtime keeps its state when no option says so: the daemon's wish, else containerd's directory."""
    return os.environ.get("ARGOSY_RUNC_ROOT", "/run/containerd/runc")


class Process(LocalProcess):
    """One that the runtime made for us; it may have a terminal."""

    console: Console | None = None

    def __init__(
        self, exec_id: str, stdin: str, stdout: str, stderr: str, terminal: bool, spec: dict[str, Any] | None = None
    ) -> None:
        super().__init__(exec_id, stdin, stdout, stderr, terminal, spec)
        self.verb = Verb()  # its next start, or the one that is under way

    def end_start(self) -> None:
        self.verb.end()

    def asleep(self, hand: Callable[[int], int], call: Callable[[model.Reply], Any]) -> Any:
        """Return what ``woken`` needs. None of one whose output somebody has to carry, or that is about to start or end."""
        ends = self.ends
        if self.console is not None or self.starting or self.pending_exit is not None:
            return None
        if ends is not None and (ends.logger is not None or ends.carries or max(ends.stdin, ends.stdout, ends.stderr) >= 0):
            return None
        waiting = [given for given in map(call, self.waiters) if given is not None]
        fields = {name: getattr(self, name) for name in _KEPT}
        handed = {"pidfd": hand(self.pidfd), "stdin_writer": hand(ends.stdin_writer if ends is not None else -1)}
        return {**fields, **handed, "keep": [hand(fd) for fd in ends.keep] if ends is not None else [], "waiting": waiting}

    @classmethod
    def woken(cls, state: Any, descriptor: Callable[[int], int], reply: Callable[[Any], model.Reply]) -> Process:
        """Return the process that was ``asleep``."""
        process = cls(*(state[name] for name in ("exec_id", "stdin", "stdout", "stderr", "terminal", "spec")))
        for name in _KEPT:
            setattr(process, name, state[name])
        process.pidfd = descriptor(state["pidfd"])
        if process.pidfd >= 0:
            know(process.pid)
        process.ends = Endpoints()
        process.ends.keep = [descriptor(number) for number in state["keep"]]
        process.ends.stdin_writer = descriptor(state["stdin_writer"])
        process.waiters = [reply(given) for given in state["waiting"]]
        return process

    def resize(self, width: int, height: int) -> None:
        if self.console is not None:
            self.console.resize(width, height)

    def close_stdin(self) -> None:
        if self.console is not None:
            self.console.close_stdin()
            if self.ends is not None:
                self.ends.close_stdin()
        else:
            super().close_stdin()

    def drain_and_close(self) -> None:
        console, self.console = self.console, None
        if console is not None:
            console.drain(IO_DRAIN_S)
            console.close()
        super().drain_and_close()


def read_pid(path: str) -> int:
    """Return the number in a pid file the runtime has just written. Raises Unknown when it never comes."""
    deadline = time.monotonic() + _PID_WAIT_S
    while True:
        try:
            with open(path) as file:
                text = file.read().strip()
            if text:
                return int(text)
        except FileNotFoundError:
            pass
        if time.monotonic() > deadline:
            raise Unknown(f"the runtime wrote no pid to {path}")
        time.sleep(0.002)


class Container(model.Container[Process]):
    """A container the runtime made for us."""

    def __init__(self, namespace: str, request: Any) -> None:
        init = Process("", request.stdin, request.stdout, request.stderr, request.terminal)
        super().__init__(request.id, request.bundle, init)
        self.namespace = namespace
        self.checkpoint: str = request.checkpoint
        self._given = request.options
        self.options = options_of(request.options)
        root = os.path.join(self.options.root or default_runc_root(), namespace)
        self.runtime = Runtime(self.options.binary_name, root, self.options.systemd_cgroup)
        self.rootfs = [Mount.from_wire(m) for m in request.rootfs]
        self.rootfs_path = os.path.join(self.bundle, "rootfs")
        self._spread = any(mount.target for mount in self.rootfs)
        self.cgroup: Cgroup | None = None
        self.oom: OomWatch | None = None
        self.host_pid_namespace = False
        self._start_hooks = False

    def asleep(self, hand: Callable[[int], int], call: Callable[[model.Reply], Any]) -> Any:
        """Return what ``woken`` needs, or None when a process of it can't sleep, or its init's exit waits for others."""
        processes = [process.asleep(hand, call) for process in (self.init, *self.execs.values())]
        if None in processes or self.init_exit is not None:
            return None
        return {
            "id": self.id,
            "bundle": self.bundle,
            "options": (self._given.type_url, bytes(self._given.value)) if self._given is not None else None,
            "checkpoint": self.checkpoint,
            "host_pid_namespace": self.host_pid_namespace,
            "start_hooks": self._start_hooks,
            "spread": self._spread,
            "processes": processes,
            "cgroup": self.cgroup.asleep() if self.cgroup is not None else None,
            "oom": self.oom.asleep(hand) if self.oom is not None else None,
        }

    @classmethod
    def woken(
        cls, namespace: str, state: Any, descriptor: Callable[[int], int], reply: Callable[[Any], model.Reply]
    ) -> Container:
        """Return the container that was ``asleep``."""
        init, *execs = (Process.woken(one, descriptor, reply) for one in state["processes"])
        options = state["options"]
        given = AnyMessage(type_url=options[0], value=options[1]) if options is not None else None
        request = CreateTaskRequest(
            id=state["id"], bundle=state["bundle"], options=given, checkpoint=state["checkpoint"],
            stdin=init.stdin, stdout=init.stdout, stderr=init.stderr, terminal=init.terminal,
        )  # fmt: skip
        container = cls(namespace, request)
        container.init, container.execs = init, {process.exec_id: process for process in execs}
        container.host_pid_namespace, container._start_hooks = state["host_pid_namespace"], state["start_hooks"]
        container._spread = state["spread"]
        if state["cgroup"] is not None:
            container.cgroup = Cgroup.woken(state["cgroup"])
            if state["oom"] is not None:
                container.oom = OomWatch.woken(container.cgroup, state["oom"], descriptor)
        return container

    @property
    def log(self) -> str:
        return os.path.join(self.bundle, "log.json")

    # -- verbs, in worker threads --

    def create(self) -> None:
        """Mount the root file system and have the runtime make the container. Everything is undone on failure."""
        with open(os.path.join(self.bundle, "config.json")) as file:
            spec = json.load(file)
        namespaces = spec.get("linux", {}).get("namespaces") or []
        # They are the runtime's to run, and when they are run has changed from one runc to another.
        self._start_hooks = bool((spec.get("hooks") or {}).get("poststart"))
        self.host_pid_namespace = not any(n.get("type") == "pid" and not n.get("path") for n in namespaces)
        self._remember_options()
        # Never with its parents: a bundle that the daemon took away must not come back.
        with contextlib.suppress(FileExistsError):
            os.mkdir(self.rootfs_path, 0o711)
        mounted = False
        try:
            if self.rootfs:
                mount_all(self.rootfs, self.rootfs_path)
                mounted = True
            guard.check(self._root_of(spec), spec)
            if not self.checkpoint:
                self._run_create(["create"], spec)
                self._watch_cgroup()
        except BaseException as error:
            self.init.drain_and_close()
            if mounted:
                self._unmount()
            if isinstance(error, Unknown):
                raise Unknown(f"OCI runtime create failed: {error.message}: unknown") from error
            raise

    def _root_of(self, spec: Any) -> str:
        """Return where the runtime finds the root file system."""
        return os.path.join(self.bundle, str((spec.get("root") or {}).get("path") or "rootfs"))

    def tree(self) -> Tree:
        """Return the files that the init sees; of one that has ended, those of its root file system. Raises NotFound, OSError."""
        from argosy.shim.copies import Tree

        init = self.init
        if init.pid and init.pidfd >= 0 and not has_ended(init.pidfd):
            root = user = mounts = -1
            process = f"/proc/{init.pid}"
            try:
                root = os.open(f"{process}/root", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
                # Its end would take away what is mounted below its root, and what is written then would go to the directories underneath.
                mounts = os.open(f"{process}/ns/mnt", os.O_RDONLY | os.O_CLOEXEC)
                if not os.path.samestat(os.stat(f"{process}/ns/user"), os.stat("/proc/self/ns/user")):
                    user = os.open(f"{process}/ns/user", os.O_RDONLY | os.O_CLOEXEC)
                if not has_ended(init.pidfd):  # what was opened is its, and not that of a process with the same number
                    return Tree(root, user, mounts)
            except (FileNotFoundError, ProcessLookupError):
                pass  # it has ended just now
            except BaseException:
                Tree(root, user, mounts).close()
                raise
            Tree(root, user, mounts).close()
        return self._tree_of_ended()

    def _tree_of_ended(self) -> Tree:
        from argosy.shim.copies import Tree

        with open(os.path.join(self.bundle, "config.json")) as file:
            spec = json.load(file)
        linux = spec.get("linux") or {}
        maps = [
            ",".join(
                f"{row.get('containerID', 0)}:{row.get('hostID', 0)}:{row.get('size', 0)}" for row in linux.get(kind) or ()
            )
            for kind in ("uidMappings", "gidMappings")
        ]
        root = os.open(self._root_of(spec), os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        if not any(maps):
            return Tree(root)
        from argosy.kernel.user_namespace import user_namespace

        try:
            with user_namespace(*maps) as user:
                return Tree(root, os.dup(user))
        except BaseException:
            os.close(root)
            raise

    def _unmount(self) -> None:
        # To look for mounts further down takes longer, and there seldom are any.
        (unmount_tree if self._spread else unmount_all)(self.rootfs_path)

    def _remember_options(self) -> None:
        """Write what ``delete`` needs when this process is gone."""
        fields = {f: getattr(self.options, f) for f in Options.__fields__ if getattr(self.options, f)}
        with open(os.path.join(self.bundle, "options.json"), "w") as file:
            json.dump(fields, file)
        with open(os.path.join(self.bundle, "runtime"), "w") as file:
            file.write(self.options.binary_name)

    def _run_create(self, verb: list[str], spec: Any) -> None:
        pid_file = os.path.join(self.bundle, "init.pid")
        args = [*verb, "--bundle", self.bundle, "--pid-file", pid_file]
        if self.options.no_pivot_root:
            args.append("--no-pivot")
        if self.options.no_new_keyring and verb[0] == "create":
            args.append("--no-new-keyring")
        with contextlib.ExitStack() as while_made:
            if any(mount.get("type") == "uds" for mount in spec.get("mounts") or ()):
                from argosy_shim_runc_v2.sockets import bound  # few have one

                while_made.enter_context(bound(self.bundle))
            self._with_stdio(self.init, args, [self.id], pid_file, self.log)

    def _with_stdio(self, process: Process, args: list[str], tail: list[str], pid_file: str, log: str) -> None:
        """Run a verb that makes a process with its stdio, and adopt that process. log is the file for the runtime's own words."""
        try:
            os.unlink(pid_file)
        except FileNotFoundError:
            pass
        label = process.exec_id or self.id
        if process.terminal:
            consoles = ConsoleSocket(self.bundle)
            null = os.open("/dev/null", os.O_RDWR | os.O_CLOEXEC)
            try:
                self.runtime.run(
                    [*args, "--console-socket", consoles.path, *tail], log, Stdio(null, null, null), verb=process.verb
                )
                master = consoles.receive()
            finally:
                os.close(null)
                consoles.close()
            try:
                process.console = Console(master, process.stdin, process.stdout, self.namespace, label)
            except BaseException:
                os.close(master)
                self._kill_unadopted(pid_file)
                raise
        else:
            process.ends = open_stdio(process.stdin, process.stdout, process.stderr, self.namespace, label)
            if process.exec_id:
                process.ends.carry()
            self.runtime.run([*args, *tail], log, process.ends.for_runtime(), verb=process.verb)
            process.ends.close_process_ends()
        process.adopt(read_pid(pid_file))

    @staticmethod
    def _kill_unadopted(pid_file: str) -> None:
        try:
            os.kill(read_pid(pid_file), signal.SIGKILL)
        except (OSError, Unknown):
            pass  # it is gone, or never was

    def _watch_cgroup(self) -> None:
        try:
            self.cgroup = Cgroup(self.init.pid)
            self.oom = OomWatch(self.cgroup)
        except (FileNotFoundError, ProcessLookupError):
            pass  # init ended at once; it will be reported as any exit

    def start(self) -> None:
        """Start the created init, or restore the checkpoint."""
        lifecycle.move(self.init.status, "start")
        try:
            if self.checkpoint:
                args = ["restore", "--detach", "--image-path", self.checkpoint]
                if self.options.criu_work_path:
                    args += ["--work-path", self.options.criu_work_path]
                with open(os.path.join(self.bundle, "config.json")) as file:
                    self._run_create(args, json.load(file))
                self._watch_cgroup()
            elif self._start_hooks or not self.runtime.release(self.id, self.init.pidfd):
                self.runtime.run(["start", self.id], self.log)
        except Unknown as error:
            raise Unknown(f"OCI runtime start failed: {error.message}: unknown") from error

    def new_exec(self, request: Any, spec: dict[str, Any]) -> Process:
        return Process(request.exec_id, request.stdin, request.stdout, request.stderr, request.terminal, spec)

    def start_exec(self, process: Process) -> None:
        """Have the runtime start an exec. Raises FailedPrecondition when init has ended."""
        lifecycle.move(process.status, "start")
        if self.init.status in (lifecycle.STOPPED, lifecycle.CREATED) or self.init_exit is not None:
            raise FailedPrecondition(f"container {self.id} init process is not running")
        guard.check_process(self.rootfs_path, process.spec)
        spec_file = os.path.join(self.bundle, f"{process.exec_id}-process.json")
        with open(spec_file, "w") as file:
            json.dump(process.spec, file)
        pid_file = os.path.join(self.bundle, f"{process.exec_id}.pid")
        # Another exec may be starting: its words are its own.
        log = os.path.join(self.bundle, f"{process.exec_id}-log.json")
        try:
            self._with_stdio(
                process, ["exec", "--process", spec_file, "--detach", "--pid-file", pid_file], [self.id], pid_file, log
            )
            if process.verb.ended:  # just too late to end the start: it ends the process
                with contextlib.suppress(NotFound):
                    process.signal(signal.SIGKILL)
        except Unknown as error:
            process.drain_and_close()
            raise Unknown(f"OCI runtime exec failed: {error.message}: unknown") from error
        except BaseException:
            process.drain_and_close()
            raise
        finally:
            process.verb = Verb()
            for path in (spec_file, log):
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(path)

    def delete_init(self) -> None:
        """Have the runtime forget a container whose init has ended or never started."""
        lifecycle.move(self.init.status, "delete")
        created = self.init.status == lifecycle.CREATED
        if created or not self.runtime.forget(self.id):
            try:
                self.runtime.run(["delete", *(["--force"] if created else []), self.id], self.log)
            except Unknown as error:
                if "does not exist" not in error.message:
                    raise
        self.init.drain_and_close()
        for process in list(self.execs.values()):
            process.drain_and_close()
        self._unmount()

    def kill(self, process: Process, number: int, everyone: bool) -> None:
        """Signal a process, or everyone in the container. Raises NotFound when it has ended.

        SIGKILL ends the start of an exec that is under way.
        """
        lifecycle.move(process.status, "kill")
        if process.starting and process.exec_id and number == signal.SIGKILL:
            process.end_start()
            if not process.pid:
                return
        frozen_kill = process.status == lifecycle.PAUSED and number == signal.SIGKILL
        if process.exec_id or not (everyone or frozen_kill):
            process.signal(number)
            return
        try:
            self.runtime.run(["kill", *(["--all"] if everyone else []), self.id, str(number)], self.log)
        except Unknown as error:
            if any(
                s in error.message
                for s in ("process already finished", "container not running", "does not exist", "no such process")
            ):
                raise NotFound("process already finished") from None
            raise

    def pause(self) -> None:
        lifecycle.move(self.init.status, "pause", "container")
        self.runtime.run(["pause", self.id], self.log)

    def resume(self) -> None:
        lifecycle.move(self.init.status, "resume", "container")
        self.runtime.run(["resume", self.id], self.log)

    def update(self, resources: bytes) -> None:
        lifecycle.move(self.init.status, "update", "container")
        self.runtime.run(["update", "--resources", "-", self.id], self.log, stdin=resources)

    def pids(self) -> list[tuple[int, str]]:
        if self.cgroup is None:
            raise NotFound(f"container {self.id} has no processes")
        execs = {p.pid: p.exec_id for p in list(self.execs.values()) if p.pid}
        return [(pid, execs.get(pid, "")) for pid in self.cgroup.pids()]

    def stats(self) -> AnyMessage:
        if self.cgroup is None:
            raise NotFound("cgroup does not exist")
        return self.cgroup.stats()

    def make_checkpoint(self, path: str, options: Any) -> None:
        """Write a CRIU image to path; with ``exit`` the container ends."""
        lifecycle.move(self.init.status, "checkpoint", "container")
        chosen = CheckpointOptions()
        if options is not None and options.value:
            if options.type_url.rpartition("/")[2] != CHECKPOINT_TYPE:
                raise InvalidArgument(f'checkpoint options are a "{options.type_url}"; send {CHECKPOINT_TYPE}')
            chosen = CheckpointOptions.decode(options.value)
        args = ["checkpoint", "--image-path", path]
        work = chosen.work_path or self.options.criu_work_path
        if work:
            args += ["--work-path", work]
        for wanted, flag in (
            (not chosen.exit, "--leave-running"), (chosen.open_tcp, "--tcp-established"),
            (chosen.external_unix_sockets, "--ext-unix-sk"), (chosen.terminal, "--shell-job"), (chosen.file_locks, "--file-locks"),
        ):  # fmt: skip
            if wanted:
                args.append(flag)
        if chosen.cgroups_mode:
            args += ["--manage-cgroups-mode", chosen.cgroups_mode]
        for namespace in chosen.empty_namespaces:
            args += ["--empty-ns", namespace]
        try:
            self.runtime.run([*args, self.id], self.log)
        except Unknown as error:
            raise Unknown(f"checkpoint of {self.id} failed: {error.message}") from error


def options_of(value: Any) -> Any:
    """Return the runtime options in an Any, the defaults without any. Raises InvalidArgument for those of another runtime."""
    if value is None or (not value.value and not value.type_url):
        return Options()
    if value.type_url.rpartition("/")[2] != OPTIONS_TYPE:
        raise InvalidArgument(f'runtime options are a "{value.type_url}"; this shim takes {OPTIONS_TYPE}')
    return Options.decode(value.value)
