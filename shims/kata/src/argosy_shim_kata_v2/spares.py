"""Spare VMs: clones of a template that stand still until a container takes one. Whose they are, and what a shim does with them.

A pool is a process (``pool.py``) that keeps spares of one template, with memory of one kind. The first shim that wants spares starts it, and it ends
when no shim has asked for a while. Nothing depends on it: a spare is the property of the process that made the link ``taken`` in the spare's
directory, of the pool's as long as there is none.

    shim                                   pool
    connects to pool-BASE.sock,
    {"size": 2}                       →
                                      ←    {"folder": "/run/argosy/kata/p-…", "pid": 7, "started": 99}, or {}: there is none
    notes the folder in its bundle
    makes the link, closes            →    no link when the connection closes: the spare is ended

| a spare is | ``taken`` says | connected to its QEMU | ended by | where the pool is killed |
|---|---|---|---|---|
| being made | | the pool | the pool | by ``sweep`` |
| waiting | | nothing | the pool | by ``sweep`` |
| offered | | nothing | the pool, if the shim does not take it within ten seconds | taken by the shim, or ended by ``sweep`` |
| taken | ``shim PID`` | the shim | the shim; where that is killed, ``delete`` of its bundle | it goes on |
| ended | ``ended`` | nothing | the process that made the link | by ``sweep`` |

| process | is forked by | dies with | holds |
|---|---|---|---|
| the pool | the first shim that wants spares | no other process | the lock ``pool-BASE.lock``, the socket |
| a spare's QEMU | the pool | no other process | its memory (``memory.py``), its three sockets |
| a shim | its daemon | no other process | of the spare it has taken: three connections, a pidfd of QEMU |

``sweep`` is called by each shim that starts a VM or cleans up after one.
"""

from __future__ import annotations

import contextlib
import dataclasses
import fcntl
import json
import os
import re
import socket
import subprocess
import sys
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from argosy.errors import ArgosyError

from argosy_shim_kata_v2.config import Config, run_directory
from argosy_shim_kata_v2.processes import discard
from argosy_shim_kata_v2.shape import Shape
from argosy_shim_kata_v2.template import shape_of

LINE_BYTES: Final = 64 << 10
_TAKEN: Final = "taken"
_ENDED: Final = "ended"
_NAME: Final = re.compile(r"p-([0-9a-f]{12}[sc])-[0-9a-f]{6}")
_ASK_S: Final = 1.0


@dataclass(frozen=True)
class Spare:
    """A spare VM: its directory, the pid of its QEMU, and when that began (``argosy.kernel.process.start_time``)."""

    folder: Path
    pid: int
    started: int


def base_of(shape: Shape, shared: bool) -> str:
    """Return the name of a pool: its socket and lock are called by it, and its spares' directories."""
    return f"{shape.key()[:12]}{'s' if shared else 'c'}"


def socket_of(base: str) -> Path:
    """Return the path of the socket at which a pool is asked for spares."""
    return run_directory() / f"pool-{base}.sock"


def log_of(base: str) -> Path:
    """Return the path of the file for what a pool has to complain of."""
    return run_directory() / f"pool-{base}.log"


def new_name(base: str) -> str:
    """Return a name for the directory of one more spare."""
    return f"p-{base}-{os.urandom(3).hex()}"


# -- whose a spare is --


def _claim(folder: Path, owner: str) -> bool:
    """Own a spare from now on; false when another process does, or it is gone.

    A symbolic link comes into being with what it says, so that nothing can die in between.
    """
    try:
        os.symlink(owner, folder / _TAKEN)
    except OSError:
        return False
    return True


def _owner(folder: Path) -> str:
    """Return what the link of a spare says; "" while there is none."""
    try:
        return os.readlink(folder / _TAKEN)
    except OSError:
        return ""


def end(folder: Path) -> None:
    """End a spare that no shim has taken; also one that another process was killed over while ending it."""
    if _claim(folder, _ENDED) or _owner(folder) == _ENDED:
        discard(folder)


def sweep() -> None:
    """End the spares whose pool was killed."""
    for folder in run_directory().glob("p-*"):
        # Beside a VM's directory there may be the one that it shares, whose name begins as its own does.
        named = _NAME.fullmatch(folder.name)
        if named is None or _owner(folder) not in ("", _ENDED):
            continue
        base = named[1]
        fd = lock(base)
        if fd is None:
            continue  # its pool lives
        try:
            end(folder)
        finally:
            unlock(fd, base)


def lock(base: str) -> int | None:
    """Return the descriptor that only one process has for a pool, or None when another has it. The kernel takes it from a killed one."""
    path = run_directory() / f"pool-{base}.lock"
    while True:
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # The process before us may have removed the file with its lock: then the next one locks another.
            if os.fstat(fd).st_ino == os.stat(path).st_ino:
                return fd
        except BlockingIOError:
            os.close(fd)
            return None
        except FileNotFoundError:
            pass
        os.close(fd)


def unlock(fd: int, base: str) -> None:
    """Give back what ``lock`` returned, and remove its file."""
    with contextlib.suppress(FileNotFoundError):
        (run_directory() / f"pool-{base}.lock").unlink()
    os.close(fd)


# -- a shim's side --


class Offer:
    """A spare that a pool has offered: ``claim`` it once it is noted where ``delete`` looks, then ``close``."""

    def __init__(self, connection: socket.socket, spare: Spare) -> None:
        self.spare = spare
        self._connection = connection

    def claim(self) -> bool:
        """Take it; false when it is another's or gone, and another must be made."""
        return _claim(self.spare.folder, f"shim {os.getpid()}")

    def close(self) -> None:
        self._connection.close()


def ask(config: Config) -> Offer | None:
    """Ask the pool for a spare; None where there is no pool, or it has none. Raises what ``shape_of`` does."""
    base = base_of(shape_of(config), config.shares())
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    connection.settimeout(_ASK_S)
    try:
        connection.connect(str(socket_of(base)))
        connection.sendall(json.dumps({"size": config.pool}).encode() + b"\n")
        told = json.loads(connection.makefile("rb").readline(LINE_BYTES))
        spare = Spare(Path(told["folder"]), int(told["pid"]), int(told["started"]))
    except (OSError, ValueError, KeyError, TypeError):
        connection.close()
        return None
    return Offer(connection, spare)


def start_pool(config: Config) -> None:
    """Start the pool where there is none. Returns at once; one that can't start says why, here or in its log."""
    try:
        _start_pool(config)
    except (ArgosyError, OSError) as error:
        # The container has its VM, and the next one's will be made when it is needed.
        print(f"there is no pool: {error}", file=sys.stderr, flush=True)


def _start_pool(config: Config) -> None:
    base = base_of(shape_of(config), config.shares())
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        with contextlib.suppress(OSError):
            probe.connect(str(socket_of(base)))
            return
    words = [sys.executable, "-I", "-m", "argosy_shim_kata_v2.pool", json.dumps(dataclasses.asdict(config))]
    with open(log_of(base), "wb") as log:
        pool = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True, cwd="/")
    threading.Thread(target=pool.wait, daemon=True, name="pool").start()
