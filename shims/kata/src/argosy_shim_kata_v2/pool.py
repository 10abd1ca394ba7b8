"""VMs that wait: a keeper holds clones of a template that stand still, and a shim takes one instead of making it.

One keeper serves a template and a way of memory; the first shim that wants a pool starts it, and it ends when nobody has taken a
VM for long enough. It is no parent that anybody depends on: whoever makes the link ``taken`` in a VM's directory owns the VM from then on,
be it a shim, the keeper that ends it, or the next keeper after one that was killed.

    shim                                   keeper
    connect, {"size": 2}              →
                                      ←    {"folder": "/run/argosy/kata/p-…", "pid": 7, "started": 99}, or {}
    notes the folder in its bundle
    creates taken, closes             →    not there when the shim closes: the VM is ended
"""

from __future__ import annotations

import contextlib
import dataclasses
import fcntl
import json
import os
import re
import select
import signal
import socket
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from argosy.errors import ArgosyError
from argosy.kernel.peer import credentials
from argosy.kernel.process import start_time

from argosy_shim_kata_v2 import qemu
from argosy_shim_kata_v2.config import LARGEST_POOL, Config, run_directory

_TAKEN: Final = "taken"
_ENDED: Final = "ended"
_NAME: Final = re.compile(r"p-([0-9a-f]{12}[sc])-[0-9a-f]{6}")
_ASK_S: Final = 1.0
_CLAIM_S: Final = 10.0
_LINE_BYTES: Final = 64 << 10
# The VM that was just taken needs the processors more than the next one does.
_REFILL_AFTER_S: Final = 1.0
_RETRY_S: Final = 10.0
_LOOK_S: Final = 5.0


@dataclass(frozen=True)
class Waiting:
    """A VM that stands still at the end of its template's state."""

    folder: Path
    pid: int
    started: int


def _base(shape: qemu.Shape, shared: bool) -> str:
    """Return what a keeper's socket and lock are called, and its VMs' directories after ``p-``."""
    return f"{shape.key()[:12]}{'s' if shared else 'c'}"


def _claim(folder: Path, owner: str) -> bool:
    """Own a waiting VM from now on; false when somebody else does, or it is gone.

    A symbolic link comes into being with what it says, so that nobody can die in between.
    """
    try:
        os.symlink(owner, folder / _TAKEN)
    except OSError:
        return False
    return True


def _owner(folder: Path) -> str:
    """Return who owns a VM; "" while it waits."""
    try:
        return os.readlink(folder / _TAKEN)
    except OSError:
        return ""


def _end(folder: Path) -> None:
    """End a VM that nobody has taken, or that somebody died over while ending it."""
    if _claim(folder, _ENDED) or _owner(folder) == _ENDED:
        qemu.discard(folder)


# -- a shim's side --


class Offer:
    """A VM that a keeper has offered: ``claim`` it once it is noted where ``delete`` looks, then ``close``."""

    def __init__(self, connection: socket.socket, waiting: Waiting) -> None:
        self.waiting = waiting
        self._connection = connection

    def claim(self) -> bool:
        """Take it; false when it is somebody else's or gone, and another must be made."""
        return _claim(self.waiting.folder, f"shim {os.getpid()}")

    def close(self) -> None:
        self._connection.close()


def ask(config: Config) -> Offer | None:
    """Ask the keeper for a VM; None where there is no keeper, or none is ready. Raises what ``qemu.shape_of`` does."""
    base = _base(qemu.shape_of(config), config.shares())
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    connection.settimeout(_ASK_S)
    try:
        connection.connect(str(run_directory() / f"pool-{base}.sock"))
        connection.sendall(json.dumps({"size": config.pool}).encode() + b"\n")
        told = json.loads(connection.makefile("rb").readline(_LINE_BYTES))
        waiting = Waiting(Path(told["folder"]), int(told["pid"]), int(told["started"]))
    except (OSError, ValueError, KeyError, TypeError):
        connection.close()
        return None
    return Offer(connection, waiting)


def tend(config: Config) -> None:
    """See to it that there is a keeper. Returns at once; one that can't start says why, here or in ``pool-*.log``."""
    try:
        _tend(config)
    except (ArgosyError, OSError) as error:
        # Whoever asked has a VM, and the next one will be made when it is needed.
        print(f"there is no pool: {error}", file=sys.stderr, flush=True)


def _tend(config: Config) -> None:
    base = _base(qemu.shape_of(config), config.shares())
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        with contextlib.suppress(OSError):
            probe.connect(str(run_directory() / f"pool-{base}.sock"))
            return
    words = [sys.executable, "-I", "-m", "argosy_shim_kata_v2.pool", json.dumps(dataclasses.asdict(config))]
    with open(run_directory() / f"pool-{base}.log", "wb") as log:
        keeper = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True, cwd="/")
    threading.Thread(target=keeper.wait, daemon=True, name="keeper").start()


def sweep() -> None:
    """End the waiting VMs whose keeper was killed."""
    for folder in run_directory().glob("p-*"):
        # Beside a VM's directory there may be what it shares, whose name begins as its own does.
        named = _NAME.fullmatch(folder.name)
        if named is None or _owner(folder) not in ("", _ENDED):
            continue
        base = named[1]
        lock = _lock(base)
        if lock is None:
            continue  # its keeper lives
        try:
            _end(folder)
        finally:
            _unlock(lock, base)


def _lock(base: str) -> int | None:
    """Return the descriptor that only one process has for a pool, or None when another has it."""
    path = run_directory() / f"pool-{base}.lock"
    while True:
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # The one before us took the file away with it: what we have locked is nobody's.
            if os.fstat(fd).st_ino == os.stat(path).st_ino:
                return fd
        except BlockingIOError:
            os.close(fd)
            return None
        except FileNotFoundError:
            pass
        os.close(fd)


def _unlock(fd: int, base: str) -> None:
    with contextlib.suppress(FileNotFoundError):
        (run_directory() / f"pool-{base}.lock").unlink()
    os.close(fd)


# -- the keeper --


class Keeper:
    """Keeps as many VMs as its last caller wanted."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self._shape, self._shared = qemu.shape_of(config), config.shares()
        self._base = _base(self._shape, self._shared)
        self._size = config.pool
        self._waiting: list[qemu.Qemu] = []
        self._refill_at = 0.0

    def run(self) -> int:
        """Keep VMs until nobody wants them any more; return the exit code."""
        run_directory().mkdir(mode=0o700, parents=True, exist_ok=True)
        sweep()
        lock = self._alone()
        if lock is None:
            return 0  # another keeper was faster
        path = run_directory() / f"pool-{self._base}.sock"
        path.unlink(missing_ok=True)
        wake, ring = os.pipe()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: os.write(ring, b"x"))
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
                listener.bind(str(path))
                listener.listen(1024)
                self._serve(listener, wake)
        finally:
            path.unlink(missing_ok=True)
            for machine in self._waiting:
                _end(machine.folder)
            (run_directory() / f"pool-{self._base}.log").unlink(missing_ok=True)
            _unlock(lock, self._base)
        return 0

    def _alone(self) -> int | None:
        """Return the pool's lock; None when another keeper has it, and not one that sweeps for a moment."""
        deadline = time.monotonic() + _CLAIM_S
        while (lock := _lock(self._base)) is None and time.monotonic() < deadline:
            if (run_directory() / f"pool-{self._base}.sock").exists():
                return None
            time.sleep(0.1)
        return lock

    def _serve(self, listener: socket.socket, wake: int) -> None:
        last = time.monotonic()
        while True:
            now = time.monotonic()
            if self._config.pool_idle_s and now - last > self._config.pool_idle_s:
                return
            if now >= self._refill_at and not self._refill():
                return
            pause = max(0.0, self._refill_at - now) if len(self._waiting) < self._size else _LOOK_S
            ready, _, _ = select.select([listener.fileno(), wake], [], [], pause)
            if wake in ready:
                return
            if ready:
                connection, _ = listener.accept()
                with connection:
                    _, uid, _ = credentials(connection)
                    if uid in (0, os.geteuid()) and self._answer(connection):
                        last = time.monotonic()

    def _refill(self) -> bool:
        """Make at most one more VM; false when there is nothing left to make it of."""
        self._waiting = [machine for machine in self._waiting if not self._died(machine)]
        while len(self._waiting) > self._size:
            _end(self._waiting.pop().folder)
        try:
            # Another image or another QEMU is another pool's business.
            if self._shape.key() != qemu.shape_of(self._config).key():
                return False
            if len(self._waiting) < self._size:
                name = f"p-{self._base}-{os.urandom(3).hex()}"
                self._waiting.append(qemu.park(self._shape, name, self._shared))
        except (ArgosyError, OSError) as error:
            print(f"no VM for the pool: {error}", file=sys.stderr, flush=True)
            self._refill_at = time.monotonic() + _RETRY_S
        return True

    @staticmethod
    def _died(machine: qemu.Qemu) -> bool:
        ended = machine.ended
        if ended:
            _end(machine.folder)
        return ended

    def _answer(self, connection: socket.socket) -> bool:
        """Offer a VM to a shim; true when one was asked for."""
        connection.settimeout(_CLAIM_S)
        try:
            wanted = json.loads(connection.makefile("rb").readline(_LINE_BYTES))
            self._size = max(0, min(int(wanted["size"]), LARGEST_POOL))
        except (OSError, ValueError, KeyError, TypeError):
            return False  # somebody who looked whether we are there
        offered: Waiting | None = None
        while self._waiting and offered is None:
            machine = self._waiting.pop(0)
            with contextlib.suppress(OSError):  # it ends at this moment: the next look finds it dead
                offered = Waiting(machine.folder, machine.pid, start_time(machine.pid))
            if self._died(machine):
                offered = None
        told = {"folder": str(offered.folder), "pid": offered.pid, "started": offered.started} if offered else {}
        with contextlib.suppress(OSError):
            connection.sendall(json.dumps(told).encode() + b"\n")
            connection.recv(1)
        self._refill_at = time.monotonic() + _REFILL_AFTER_S
        if offered is not None:
            # Whoever did not say that it is theirs has gone, or takes too long.
            _end(offered.folder)
        return True


def main() -> None:
    raise SystemExit(Keeper(Config(**json.loads(sys.argv[1]))).run())


if __name__ == "__main__":
    main()
