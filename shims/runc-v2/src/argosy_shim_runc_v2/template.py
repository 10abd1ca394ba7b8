"""The template: a process that has imported everything and forks a shim whenever a ``start`` asks for one.

The first ``start`` of a place makes the shim itself and leaves a template behind for the next ones. A place is all that
a shim takes over from its start: user, cgroups, namespaces, limits, capabilities, interpreter and code; a start with
another place finds another socket. What the template forks is what the start would have become: same directory,
environment and standard streams, and from then on the same code.

A start connects, sends (place, arguments, environment) with its descriptors 0, 1, 2 and ".", and gets its exit code as one
byte. When the connection ends without one there is no template any more, or one of older code: the start then goes on by
itself. A start that is still a shell asks at the door instead. Nothing depends on the template's life: shims are in
sessions of their own, and survive it. It ends with the process that wanted its first shim, or when nobody has asked for a
while.
"""

from __future__ import annotations

import fcntl
import gc
import importlib
import marshal
import os
import select
import signal
import socket
import sys
import traceback
from collections.abc import Mapping, Sequence
from typing import Any, Final

import argosy.shim
from argosy.kernel.peer import credentials
from argosy.kernel.process import die_with_parent, set_name, set_title

from argosy_shim_runc_v2.door import Door, Knock

_IDLE_S: Final = 600
# Forked in advance: a start takes one at once, and while it is busy the next is there.
_SPARES: Final = 2
_REQUEST_BYTES: Final = 4 << 20
# Room in our command line for that of a shim.
_TITLE_ROOM: Final = 1024
_LOADED: Final = (
    "argosy_shim_runc_v2.start",
    "argosy_shim_runc_v2.service",
    "argosy.shim.daemon",
    "argosy_protos.lean.containerd.runtime.bootstrap.v1",
)
_TAKEN: Final = 4
_OUTDATED: Final = (0).to_bytes(_TAKEN, "little")


def begin(address: str, key: str, daemon: int) -> None:
    """Leave a template behind, in a session of its own, that ends with the process daemon."""
    try:
        watched = os.pidfd_open(daemon)
    except OSError:
        return  # it has gone, or it is in another PID namespace: nobody would end the template
    read, write = os.pipe()
    # A pipe takes what it is written only as long as it has room, and nobody reads this one before exec.
    data = marshal.dumps(key)
    fcntl.fcntl(write, fcntl.F_SETPIPE_SZ, max(65536, len(data)))
    os.write(write, data)
    os.close(write)
    if os.fork():
        os.close(read)
        os.close(watched)
        return
    try:
        os.setsid()
        os.chdir("/")
        null = os.open("/dev/null", os.O_RDWR)
        # Above what is given out below, so that no dup2 closes what the next one needs.
        high = [fcntl.fcntl(fd, fcntl.F_DUPFD, 10) for fd in (read, null, null, watched)]
        for target, source in enumerate(high):
            os.dup2(source, target)
        os.closerange(4, 1024)
        os.execv(sys.executable, [sys.executable, "-I", "-m", __name__, address, str(daemon), " " * _TITLE_ROOM])
    finally:
        os._exit(1)


def _code(files: Sequence[str]) -> list[int]:
    """When this package's files were changed: a template of older code must not go on."""
    return [os.stat(path).st_mtime_ns for path in files]


class Template:
    """Listens at address and keeps spares that answer there."""

    def __init__(self, address: str, key: str, daemon: int, daemon_pid: int) -> None:
        self._address, self._key, self._daemon = address, key, daemon
        folders = (os.path.dirname(__file__), os.path.dirname(argosy.shim.__file__))
        self._files = [os.path.join(f, name) for f in folders for name in os.listdir(f) if name.endswith(".py")]
        self._code = _code(self._files)
        self._pid = os.getpid()
        self._told_read, self._told_write = os.pipe()
        self._spares: dict[int, int] = {}  # pid -> pidfd
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._door = Door(os.path.dirname(address), daemon_pid)

    def run(self) -> None:
        """Serve until the daemon has gone, the code has changed, or nobody asks any more."""
        lock = os.open(f"{self._address}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return  # another start was faster
        if os.path.exists(self._address):
            os.unlink(self._address)
        self._load()
        os.umask(0o177)
        self._listener.bind(self._address)
        self._listener.listen(64)
        self._listener.setblocking(False)
        self._door.open()
        os.umask(0o022)
        set_name("shim-template")
        signal.signal(signal.SIGCHLD, signal.SIG_IGN)
        gc.collect()
        gc.freeze()
        gc.disable()
        try:
            self._serve()
        finally:
            self._door.remove()
            os.unlink(self._address)
            os.unlink(f"{self._address}.lock")

    @staticmethod
    def _load() -> None:
        """Import what a shim needs from its start to its end."""
        for name in _LOADED:
            importlib.import_module(name)

    def _serve(self) -> None:
        poll = select.poll()
        poll.register(self._told_read, select.POLLIN)
        poll.register(self._daemon, select.POLLIN)
        while True:
            while len(self._spares) < _SPARES:
                pid = os.fork()
                if pid == 0:
                    self._be_spare()
                fd = self._spares[pid] = os.pidfd_open(pid)
                poll.register(fd, select.POLLIN)
            ready = poll.poll(_IDLE_S * 1000)
            if not ready:
                return
            for fd, _ in ready:
                if fd == self._daemon:
                    return
                gone = [pid for pid, held in self._spares.items() if held == fd]
                if fd == self._told_read:
                    told = os.read(fd, _TAKEN)
                    if told == _OUTDATED:
                        return
                    gone = [int.from_bytes(told, "little")]
                for pid in gone:
                    held = self._spares.pop(pid, -1)
                    if held >= 0:
                        poll.unregister(held)
                        os.close(held)

    def _be_spare(self) -> None:
        """In the child: wait for a start, then be its shim. Does not return."""
        code = 1
        try:
            die_with_parent(signal.SIGKILL)
            if os.getppid() != self._pid:
                return  # it died before we could ask to die with it
            asked = self._asked()
            if _code(self._files) != self._code:
                os.write(self._told_write, _OUTDATED)
                return
            os.write(self._told_write, os.getpid().to_bytes(_TAKEN, "little"))
            # From here on the template's end is not ours. Was it before? Then the start goes on by itself.
            die_with_parent(0)
            if os.getppid() == self._pid:
                self._answer(asked)
            code = 0
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(code)

    def _asked(self) -> socket.socket | Knock:
        """Wait for a start, at the socket and at the door. Another spare may be faster at either."""
        poll = select.poll()
        poll.register(self._listener, select.POLLIN)
        if self._door.fd >= 0:
            poll.register(self._door.fd, select.POLLIN)
        while True:
            for fd, _ in poll.poll():
                if fd == self._door.fd:
                    knock = self._door.knocked()
                    if knock is not None:
                        return knock
                    continue
                try:
                    connection, _ = self._listener.accept()
                except BlockingIOError:
                    continue
                connection.setblocking(True)
                return connection

    def _answer(self, asked: socket.socket | Knock) -> None:
        """Become what a start asks for. Returns when that is no shim."""
        if isinstance(asked, Knock):
            key, argv, environ = asked.request()
            if key == self._key:
                self._become(asked, argv, environ, asked.handed)
            return
        _, uid, _ = credentials(asked)
        if uid != os.geteuid():
            return
        data, handed, _, _ = socket.recv_fds(asked, 65536, 4)
        size = int.from_bytes(data[:4], "little")
        if size > _REQUEST_BYTES:
            return
        parts = [data[4:]]
        left = size - len(parts[0])
        while left > 0:
            parts.append(asked.recv(min(left, 1 << 20)))
            if not parts[-1]:
                return
            left -= len(parts[-1])
        request: Any = marshal.loads(b"".join(parts))  # noqa: S302 # our own user sent it
        key, argv, environ = request
        if key == self._key and len(handed) == 4:
            self._become(asked, argv, environ, handed)

    def _become(
        self, asked: socket.socket | Knock, argv: list[str], environ: Mapping[bytes, bytes], handed: Sequence[int]
    ) -> None:
        """Take over a start's environment, directory and standard streams, and do what its arguments say."""
        self._listener.close()
        for target, fd in enumerate(handed[:3]):
            os.dup2(fd, target)
        os.fchdir(handed[3])
        for fd in (*handed, self._told_read, self._told_write, self._daemon, *self._spares.values()):
            os.close(fd)
        if self._door.fd >= 0:
            os.close(self._door.fd)
        for name in os.environb.keys() - environ.keys():
            del os.environb[name]
        for name, value in environ.items():
            # Most are what they were, and each change costs a system allocation.
            if os.environb.get(name) != value:
                os.environb[name] = value
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        gc.enable()
        self._start(asked, argv)

    @staticmethod
    def _start(connection: socket.socket | Knock, argv: list[str]) -> None:
        from argosy.shim.start import parse_flags, start

        from argosy_shim_runc_v2.start import service

        def told(code: int) -> None:
            try:
                connection.sendall(bytes((code,)))
            except OSError:
                pass  # the start was killed; its daemon cleans up
            connection.close()
            # Nobody waits for this.
            shown = [argv[0], "-namespace", flags["namespace"], "-id", flags["id"], "-address", flags.get("address", "")]
            set_title(shown)

        sys.argv = argv
        try:
            flags, _ = parse_flags(argv[1:])
            code = start(flags, service, told)
        except BaseException as error:
            print(error if isinstance(error, ValueError) else traceback.format_exc(), file=sys.stderr, flush=True)
            code = 1
        connection.sendall(bytes((code,)))


def main() -> None:
    with os.fdopen(0, "rb", closefd=False) as stdin:
        key = str(marshal.loads(stdin.read()))  # noqa: S302 # the start that made us wrote it
    null = os.open("/dev/null", os.O_RDWR)
    os.dup2(null, 0)
    os.close(null)
    Template(sys.argv[1], key, 3, int(sys.argv[2])).run()


if __name__ == "__main__":
    main()
