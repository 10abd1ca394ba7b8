"""Plugins by command: the supervisor starts their programs, each a fresh process, keeps what they print, and starts them again.

Which there are, the gateway knows; it says so at a socket, a line of JSON each, and is told how each one is, again a line each, whenever that is
another than before. A gateway that was started again says it all again, and what it does not name ends (``only``).

    {"op": "run", "id": ADDRESS, "name": NAME, "command": [...], "directory": "", "standby": false}    start it, or change what its next start is told
    {"op": "end", "id": ADDRESS, "now": false}                                                          SIGTERM, and SIGKILL after a while; now: at once
    {"op": "only", "ids": [ADDRESS, ...]}                                                               end all others
    {"op": "fresh", "id": ADDRESS, "beside": ADDRESS}       start a new process of our own service at id, which stands by and is told so at beside
    {"op": "adopt", "id": ADDRESS}                          it has taken over: it is the service's process from now on
    {"op": "drop", "id": ADDRESS}                           it is not to take over
    {"id": ADDRESS, "name": NAME, "pid": 0, "restarts": 0, "reason": "", "over": false}                 what it is told; over: it has ended for good

A program finds its socket's path in the environment (``ARGOSY_PLUGIN_ADDRESS``) and in its words (``{address}``), and whether it is to stand by in
``ARGOSY_PLUGIN_STANDBY``. It is in a session of its own and, where one can be made, in a cgroup of its own, and nothing of it outlives its end. It gets SIGTERM when the
supervisor dies.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import socket
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol

from argosy import log
from argosy.kernel.peer import credentials
from argosy.rpc.sockets import bind_unix

from argosy_cli.program_log import ProgramLog
from argosy_cli.restarts import STEADY_AFTER_S, pause

if TYPE_CHECKING:
    import subprocess

logger = log.get("supervisor")

LOGS: Final = "plugin-logs"
"""The directory of what programs print, in the state directory."""
END_GRACE_S: Final = 5.0
_READ_BYTES: Final = 65536
# A program that prints without end gets its turn as others do.
_READS: Final = 4
# Before the number of a supervisor's process, in the name of a cgroup.
_CGROUP: Final = "argosy-plugin-"
# Of what a program has printed by its end, so many times as much as one turn takes: what it has left behind may print on.
_LAST_TURNS: Final = 16
# What a peer may say without an end of its line.
_MOST_BYTES: Final = 1 << 20


@dataclass(eq=False)
class Program:
    """One program of a plugin: its words, and the process that it is now."""

    id: str
    name: str
    command: list[str]
    directory: str = ""
    standby: bool = False
    process: subprocess.Popen[bytes] | None = None
    pidfd: int = -1
    printed: int = -1
    """The end of the pipe that it prints into."""
    log: ProgramLog | None = None
    cgroup: Path | None = None
    started: float = 0.0
    again_at: float = 0.0
    """When it is started again; 0 when that is not due."""
    kill_at: float = 0.0
    """When it is killed, since it was asked to end and has not; 0 when it was not asked."""
    ending: bool = False
    crashes: int = 0
    restarts: int = 0
    reason: str = ""

    @property
    def told(self) -> dict[str, Any]:
        """Return what the gateway is told of it."""
        pid = self.process.pid if self.process is not None else 0
        return {"id": self.id, "name": self.name, "pid": pid, "restarts": self.restarts, "reason": self.reason}


@dataclass(eq=False)
class _Peer:
    """A gateway's connection."""

    socket: socket.socket
    said: bytes = field(default=b"")


class Services(Protocol):
    """Our own services, as the supervisor runs them."""

    def fresh(self, address: str, beside: str) -> str | None: ...
    def adopt(self, address: str) -> None: ...
    def drop(self, address: str) -> None: ...


class Programs:
    """The programs of a mesh. It has one descriptor for the supervisor's poll: ``handle`` is called when that is readable."""

    def __init__(self, address: Path, logs: Path, services: Services | None = None) -> None:
        """Raises FailedPrecondition when the address can't be bound."""
        self._services = services
        self._logs, self._address = logs, address
        self._poll = select.epoll()
        self._listener = bind_unix(address, 0o600)
        self._poll.register(self._listener, select.EPOLLIN)
        self._peers: dict[int, _Peer] = {}
        self._by_fd: dict[int, Program] = {}
        self._all: dict[str, Program] = {}

    def fileno(self) -> int:
        return self._poll.fileno()

    # -- what the supervisor's loop does --

    def next_due(self) -> float | None:
        """Return when ``handle`` is to be called though nothing is readable, in monotonic time."""
        return min((at for one in self._all.values() for at in (one.again_at, one.kill_at) if at), default=None)

    def handle(self) -> None:
        """Do what is to be done now. Does not wait."""
        for fd, _ in self._poll.poll(0):
            if fd == self._listener.fileno():
                self._accept()
            elif fd in self._peers:
                self._hear(self._peers[fd])
            elif (program := self._by_fd.get(fd)) is not None:
                if fd == program.pidfd:
                    self._ended(program)
                elif fd == program.printed:
                    self._read(program)
        now = time.monotonic()
        for program in list(self._all.values()):
            if program.kill_at and program.kill_at <= now:
                program.kill_at = 0.0
                self._signal(program, signal.SIGKILL)
            if program.again_at and program.again_at <= now:
                program.again_at = 0.0
                program.restarts += 1
                self._start(program)

    def stop(self, within_s: float) -> None:
        """End all of them, and wait for it."""
        until = time.monotonic() + within_s
        for program in list(self._all.values()):
            self._end(program, False)
        while self._all:
            due = min(self.next_due() or until, until)
            self._poll.poll(max(0.0, due - time.monotonic()))
            self.handle()
            if time.monotonic() >= until:
                for program in list(self._all.values()):
                    self._signal(program, signal.SIGKILL)
                until += END_GRACE_S
        for peer in list(self._peers.values()):
            self._hang_up(peer)
        self._listener.close()
        self._address.unlink(missing_ok=True)
        self._poll.close()

    def close_in_child(self) -> None:
        """Close what a forked process has no use for."""
        self._listener.close()
        self._poll.close()
        for peer in self._peers.values():
            peer.socket.close()

    # -- what the gateway says --

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            made, _ = self._listener.accept()
            _, uid, _ = credentials(made)
            if uid not in (0, os.geteuid()):
                logger.warning("programs.peer_refused", uid=uid)
                made.close()
                return
            made.setblocking(False)
            peer = self._peers[made.fileno()] = _Peer(made)
            self._poll.register(made, select.EPOLLIN)
            for program in self._all.values():
                self._tell(peer, program.told)

    def _hang_up(self, peer: _Peer) -> None:
        if self._peers.pop(peer.socket.fileno(), None) is not None:
            self._poll.unregister(peer.socket)
            peer.socket.close()
            if self._services is not None and not self._peers:
                self._services.drop("")

    def _hear(self, peer: _Peer) -> None:
        try:
            data = peer.socket.recv(_READ_BYTES)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data or len(peer.said) > _MOST_BYTES:
            self._hang_up(peer)
            return
        *lines, peer.said = (peer.said + data).split(b"\n")
        for line in lines:
            try:
                self._obey(json.loads(line))
            except (ValueError, KeyError, TypeError) as error:  # of another version
                logger.error("programs.not_understood", said=line[:200].decode(errors="replace"), error=repr(error))

    def _tell(self, peer: _Peer, what: dict[str, Any]) -> None:
        try:
            peer.socket.sendall(json.dumps(what).encode() + b"\n")
        except OSError:  # it does not read: it connects again, and is told everything
            self._hang_up(peer)

    def say_of(self, id: str, name: str, pid: int, reason: str, over: bool = False) -> None:
        """Tell how something is that is no program of ours: a process that takes over from a service's."""
        for peer in list(self._peers.values()):
            self._tell(peer, {"id": id, "name": name, "pid": pid, "restarts": 0, "reason": reason, "over": over})

    def _tell_all(self, program: Program, over: bool = False) -> None:
        for peer in list(self._peers.values()):
            self._tell(peer, {**program.told, "over": over})

    def _obey(self, order: dict[str, Any]) -> None:
        match order["op"]:
            case "run":
                known = self._all.get(order["id"])
                command, directory = [str(word) for word in order["command"]], str(order.get("directory", ""))
                if known is not None and not known.ending and (known.command, known.directory) == (command, directory):
                    known.standby = bool(order.get("standby"))
                    self._tell_all(known)
                    return
                if known is not None:  # another one at the same address comes when this one has gone
                    known.command, known.directory, known.standby = command, directory, bool(order.get("standby"))
                    known.crashes = 0
                    if known.process is None:
                        known.again_at = time.monotonic()
                    elif not known.ending:
                        self._end(known, False)
                    known.ending = False
                    return
                program = Program(order["id"], str(order["name"]), command, directory, bool(order.get("standby")))
                self._all[program.id] = program
                self._start(program)
            case "end":
                if (program_ := self._all.get(order["id"])) is not None:
                    self._end(program_, bool(order.get("now")))
            case "only":
                for program in [one for one in self._all.values() if one.id not in order["ids"]]:
                    self._end(program, False)
            case "fresh" if self._services is not None:
                failed = self._services.fresh(order["id"], order["beside"])
                self.say_of(order["beside"], order["id"], 1 if failed is None else 0, failed or "", over=failed == "")
            case "adopt" if self._services is not None:
                self._services.adopt(order["id"])
            case "drop" if self._services is not None:
                self._services.drop(order["id"])
            case other:
                raise ValueError(f"no such order: {other}")

    # -- processes --

    def _start(self, program: Program) -> None:
        import subprocess

        words = [word.replace("{address}", program.id).replace("{name}", program.name) for word in program.command]
        environment = {k: v for k, v in os.environ.items() if k not in ("NOTIFY_SOCKET", "ARGOSY_PLUGIN_STANDBY")}
        environment |= {"ARGOSY_PLUGIN_ADDRESS": program.id} | ({"ARGOSY_PLUGIN_STANDBY": "1"} if program.standby else {})
        program.cgroup = _cgroup(Path(program.id).stem)
        with contextlib.suppress(OSError):  # what it prints is not kept then
            os.makedirs(self._logs, mode=0o700, exist_ok=True)
        try:
            read, write = os.pipe()
        except OSError as error:
            self._drop_cgroup(program)
            self._again(program, f"{words[0]} can't be run: {error.strerror}", 0.0)
            return
        try:
            os.set_blocking(read, False)
            program.process = subprocess.Popen(
                words, stdin=subprocess.DEVNULL, stdout=write, stderr=write, cwd=program.directory or None, env=environment,
                start_new_session=True, preexec_fn=lambda: _begin(program.cgroup),
            )  # fmt: skip
            program.pidfd = os.pidfd_open(program.process.pid)
        except (OSError, ValueError, subprocess.SubprocessError) as error:  # ValueError: a word that no program can be given
            os.close(read)
            if program.process is not None:
                program.process.kill()
                program.process.wait()
                program.process = None
            self._drop_cgroup(program)
            text = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
            self._again(program, f"{words[0]} can't be run: {text}", 0.0)
            return
        finally:
            os.close(write)
        program.printed, program.started = read, time.monotonic()
        program.log = ProgramLog(self._logs / f"{program.name}.log", program.process.pid)
        program.log.say(f"started {' '.join(words)}{', standing by' if program.standby else ''}")
        for fd in (program.pidfd, program.printed):
            self._by_fd[fd] = program
            self._poll.register(fd, select.EPOLLIN)
        self._tell_all(program)

    def _read(self, program: Program) -> None:
        assert program.log is not None
        for _ in range(_READS):
            try:
                data = os.read(program.printed, _READ_BYTES)
            except BlockingIOError:
                return
            if not data:
                self._forget_pipe(program)
                return
            program.log.take(data)

    def _forget_pipe(self, program: Program) -> None:
        fd, program.printed = program.printed, -1
        if fd >= 0:
            self._poll.unregister(fd)
            del self._by_fd[fd]
            os.close(fd)

    def _ended(self, program: Program) -> None:
        """Decide what comes after a process that ended."""
        process, logged = program.process, program.log
        assert process is not None and logged is not None
        self._poll.unregister(program.pidfd)
        del self._by_fd[program.pidfd]
        os.close(program.pidfd)
        code = process.wait()
        # What it has started goes with it; then nobody prints any more.
        self._signal(program, signal.SIGKILL)
        for _ in range(_LAST_TURNS):
            if program.printed < 0 or not _readable(program.printed):
                break
            self._read(program)
        self._forget_pipe(program)
        logged.end()
        program.process, program.pidfd, program.kill_at = None, -1, 0.0
        self._drop_cgroup(program)
        lived = time.monotonic() - program.started
        how = f"by {signal.Signals(-code).name}" if code < 0 else f"with exit code {code}"
        logged.say(f"ended {how} after {lived:.1f} s")
        if program.ending:
            self._over(program)
            return
        self._again(program, f"its process ended {how} {lived:.1f} s after its start", lived, logged.last)

    def _again(self, program: Program, why: str, lived: float, last: str = "") -> None:
        """Have a program that has ended, or could not begin, started again."""
        if program.ending:
            self._over(program)
            return
        program.crashes = 1 if lived > STEADY_AFTER_S else program.crashes + 1
        wait = pause(program.crashes)
        program.again_at = time.monotonic() + wait
        program.reason = f"{why}, {program.crashes} times in a row" + (f" ({last})" if last else "")
        logger.warning("plugin.ended", plugin=program.name, reason=program.reason, again_in_s=wait)
        self._tell_all(program)

    def _over(self, program: Program) -> None:
        del self._all[program.id]
        with contextlib.suppress(OSError):
            os.unlink(program.id)
        self._tell_all(program, over=True)

    def _end(self, program: Program, now: bool) -> None:
        program.ending, program.again_at = True, 0.0
        if program.process is None:
            self._over(program)
            return
        if now:
            self._signal(program, signal.SIGKILL)
        elif not program.kill_at:
            program.kill_at = time.monotonic() + END_GRACE_S
            program.process.send_signal(signal.SIGTERM)

    def _signal(self, program: Program, number: signal.Signals) -> None:
        """Send a signal to all that a program has started."""
        assert program.process is not None
        with contextlib.suppress(OSError):
            os.killpg(program.process.pid, number)
        if number is signal.SIGKILL and program.cgroup is not None:
            with contextlib.suppress(OSError):  # an older kernel has no such file
                (program.cgroup / "cgroup.kill").write_text("1")

    def _drop_cgroup(self, program: Program) -> None:
        if program.cgroup is not None:
            with contextlib.suppress(
                OSError
            ):  # what was killed this moment may still be in it: the next start goes on in it
                os.rmdir(program.cgroup)
        program.cgroup = None


def _readable(fd: int) -> bool:
    poll = select.poll()
    poll.register(fd, select.POLLIN)
    return bool(poll.poll(0))


def _begin(cgroup: Path | None) -> None:
    """In the process that is about to be the program."""
    from argosy.kernel.process import die_with_parent

    signal.set_wakeup_fd(-1)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)
    os.umask(0o077)
    die_with_parent(signal.SIGTERM)
    if cgroup is not None:
        with contextlib.suppress(OSError):
            (cgroup / "cgroup.procs").write_text(str(os.getpid()))


def _cgroup(name: str) -> Path | None:
    """Make a cgroup below our own, in the hierarchy of version 2. Returns None where there is none, or where we may not."""
    from argosy.kernel.mount_table import mount_points

    try:
        own = next(line[3:] for line in Path("/proc/self/cgroup").read_text().splitlines() if line.startswith("0::"))
        point = next(mount.point for mount in mount_points() if mount.type == "cgroup2")
        above = Path(point) / own.lstrip("/")
        _sweep(above)
        group = above / f"{_CGROUP}{os.getpid()}-{name}"
        group.mkdir(exist_ok=True)
    except (OSError, StopIteration):
        return None
    return group


def _sweep(above: Path) -> None:
    """End what a supervisor that was killed has left, and remove its cgroups."""
    from argosy.kernel.process import alive

    for group in above.glob(f"{_CGROUP}*-*"):
        pid = group.name.removeprefix(_CGROUP).partition("-")[0]
        if pid.isdecimal() and not alive(int(pid)):
            with contextlib.suppress(OSError):  # an older kernel; another one sweeps, too
                (group / "cgroup.kill").write_text("1")
            with contextlib.suppress(OSError):  # what was killed this moment is in it yet: the next start takes it away
                group.rmdir()
