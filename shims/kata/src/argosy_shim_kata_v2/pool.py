"""The pool: a process that keeps as many spare VMs as its last caller wanted, and hands them out. ``spares.py`` has the protocol."""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import socket
import sys
import time
from typing import Final

from argosy.errors import ArgosyError
from argosy.kernel.peer import credentials
from argosy.kernel.process import start_time

from argosy_shim_kata_v2 import launch, spares
from argosy_shim_kata_v2.config import LARGEST_POOL, Config, run_directory
from argosy_shim_kata_v2.qemu import Qemu
from argosy_shim_kata_v2.spares import Spare
from argosy_shim_kata_v2.template import shape_of

_CLAIM_S: Final = 10.0
# The VM that was just taken needs the processors more than the next one does.
_REFILL_AFTER_S: Final = 1.0
_RETRY_S: Final = 10.0
_LOOK_S: Final = 5.0


class Pool:
    """The spares of one template, with memory of one kind."""

    def __init__(self, config: Config) -> None:
        """Raises what ``shape_of`` does."""
        self._config = config
        self._shape, self._shared = shape_of(config), config.shares()
        self._base = spares.base_of(self._shape, self._shared)
        self._size = config.pool
        self._waiting: list[Qemu] = []
        self._refill_at = 0.0

    def run(self) -> int:
        """Keep spares until none are wanted any more; return the exit code."""
        run_directory().mkdir(mode=0o700, parents=True, exist_ok=True)
        spares.sweep()
        lock = self._alone()
        if lock is None:
            return 0  # another process is the pool already
        path = spares.socket_of(self._base)
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
                spares.end(machine.folder)
            spares.log_of(self._base).unlink(missing_ok=True)
            spares.unlock(lock, self._base)
        return 0

    def _alone(self) -> int | None:
        """Return the pool's lock; None when another pool has it, and not a shim that sweeps for a moment."""
        deadline = time.monotonic() + _CLAIM_S
        while (lock := spares.lock(self._base)) is None and time.monotonic() < deadline:
            if spares.socket_of(self._base).exists():
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
        """Make at most one more spare; false when there is nothing left to make it of."""
        self._waiting = [machine for machine in self._waiting if not self._died(machine)]
        while len(self._waiting) > self._size:
            spares.end(self._waiting.pop().folder)
        try:
            # Another image or another QEMU is another pool's business.
            if self._shape.key() != shape_of(self._config).key():
                return False
            if len(self._waiting) < self._size:
                self._waiting.append(launch.make_spare(self._shape, spares.new_name(self._base), self._shared))
        except (ArgosyError, OSError) as error:
            print(f"no VM for the pool: {error}", file=sys.stderr, flush=True)
            self._refill_at = time.monotonic() + _RETRY_S
        return True

    @staticmethod
    def _died(machine: Qemu) -> bool:
        ended = machine.ended
        if ended:
            spares.end(machine.folder)
        return ended

    def _answer(self, connection: socket.socket) -> bool:
        """Offer a spare to a shim; true when one was asked for."""
        connection.settimeout(_CLAIM_S)
        try:
            wanted = json.loads(connection.makefile("rb").readline(spares.LINE_BYTES))
            self._size = max(0, min(int(wanted["size"]), LARGEST_POOL))
        except (OSError, ValueError, KeyError, TypeError):
            return False  # a shim that looked whether there is a pool
        offered: Spare | None = None
        while self._waiting and offered is None:
            machine = self._waiting.pop(0)
            with contextlib.suppress(OSError):  # it ends at this moment: the next look finds it dead
                offered = Spare(machine.folder, machine.pid, start_time(machine.pid))
            if self._died(machine):
                offered = None
        told = {"folder": str(offered.folder), "pid": offered.pid, "started": offered.started} if offered else {}
        with contextlib.suppress(OSError):
            connection.sendall(json.dumps(told).encode() + b"\n")
            connection.recv(1)
        self._refill_at = time.monotonic() + _REFILL_AFTER_S
        if offered is not None:
            # Not taken: the shim has gone, or takes too long.
            spares.end(offered.folder)
        return True


def main() -> None:
    """``python -m argosy_shim_kata_v2.pool CONFIG``, a JSON object of the settings."""
    raise SystemExit(Pool(Config(**json.loads(sys.argv[1]))).run())


if __name__ == "__main__":
    main()
