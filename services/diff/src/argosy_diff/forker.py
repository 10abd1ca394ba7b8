"""The forker and its workers, as they see it: one forks, each other does what it is asked for, one layer at a time.

Requests and answers are JSON, each behind its size; files come as descriptors. Who serves is on the other side (``argosy_diff.workers``).
"""

from __future__ import annotations

import array
import base64
import fcntl
import gc
import json
import os
import select
import signal
import socket
import struct
import tempfile
import termios
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Final

from argosy.errors import ResourceExhausted, to_wire
from argosy.kernel.descriptors import receive_descriptors
from argosy.kernel.process import become_subreaper, die_with_parent, pidfd, set_name
from argosy.mounts import Mount
from argosy.tables import StreamProcessor
from argosy.unpack.limits import Limits

from argosy_diff.apply import apply_layer
from argosy_diff.making import compared_layer, converted_layer
from argosy_diff.orphans import end_children
from argosy_diff.processors import Chain

SIZE: Final = struct.Struct("!I")
"""What stands before a request, and before an answer: how many bytes it has."""
GREETING: Final = struct.Struct("!I")
"""What a worker says first, with a pidfd of its own: its pid."""
# How the files that come with each kind of request are opened.
_MODES: Final = {"apply": ("rb",), "compare": ("wb",), "convert": ("rb", "wb"), "run": ("rb",)}
_MOST_FILES: Final = 2


@dataclass(frozen=True)
class Setup:
    """The settings that forker and workers are forked with."""

    limits: Limits
    scratch: Path
    """Each worker has a directory of its own there, named after its pid, for what it mounts."""


def become(work: Any, connection: socket.socket, *more: Any, parent: int) -> None:
    """In a fork: do one thing with one socket and nothing else that was open; then end. Does not return."""
    code = 1
    try:
        die_with_parent(signal.SIGKILL)
        if os.getppid() != parent:
            os._exit(code)  # it died before we asked
        # Whose processors die before they can tell anybody leave what they began to us.
        become_subreaper()
        signal.set_wakeup_fd(-1)
        for number in (signal.SIGTERM, signal.SIGINT):
            # Whoever stops the service stops us by closing our socket.
            signal.signal(number, signal.SIG_IGN)
        keep = {connection.fileno(), *_of_libuv()}
        for name in os.listdir("/proc/self/fd"):
            if int(name) > 2 and int(name) not in keep:
                with suppress(OSError):  # the listing's own
                    os.close(int(name))
        work(connection, *more)
        code = 0
    finally:
        os._exit(code)


def _of_libuv() -> list[int]:
    """Return the two ends of the pipe that libuv makes in every child of a process that has had a loop of its.

    It remembers their numbers and, in the next child, closes them and writes a byte (42) to what it makes in their place. Were they
    closed here, these numbers would be somebody else's by then: a stream processor's standard output.
    """
    ends: dict[str, list[int]] = {}
    for name in os.listdir("/proc/self/fd"):
        with suppress(OSError):  # the listing's own
            ends.setdefault(os.readlink(f"/proc/self/fd/{name}"), []).append(int(name))
    found: list[int] = []
    for target, fds in ends.items():
        if target.startswith("pipe:") and len(fds) == 2 and min(fds) > 2 and _waiting_in(fds) == 1:
            found += fds
    return found


def _waiting_in(fds: Sequence[int]) -> int:
    """Return how many bytes wait in a pipe."""
    count = array.array("i", [0])
    fcntl.ioctl(fds[0], termios.FIONREAD, count)
    return count[0]


def fork_workers(connection: socket.socket, setup: Setup) -> None:
    """In the forker: fork a worker for each descriptor that comes, and wait for those that end. Returns when the service has gone."""
    set_name("argosy-diff-forker")
    gc.freeze()
    me = os.getpid()
    workers: dict[int, int] = {}  # pidfd -> pid
    poll = select.poll()
    poll.register(connection, select.POLLIN)
    while True:
        for fd, _ in poll.poll():
            if fd != connection.fileno():
                poll.unregister(fd)
                os.close(fd)
                os.waitpid(workers.pop(fd), 0)
                end_children(keep=workers.values())
                continue
            data, fds = receive_descriptors(connection, 16, 1)
            if not data:
                return
            pid = os.fork()
            if pid == 0:
                become(_work, socket.socket(fileno=fds[0]), setup, parent=me)
            os.close(fds[0])
            fd = pidfd(pid)
            workers[fd] = pid
            poll.register(fd, select.POLLIN)


def _work(connection: socket.socket, setup: Setup) -> None:
    set_name("argosy-diff-worker")
    pid = os.getpid()
    # Whoever kills us finds there what we mounted. It is made by what mounts something, which is little.
    tempfile.tempdir = str(setup.scratch / str(pid))
    me = pidfd(pid)
    socket.send_fds(connection, [GREETING.pack(pid)], [me])
    os.close(me)
    while _serve(connection, setup):
        pass


def _serve(connection: socket.socket, setup: Setup) -> bool:
    """Answer one request; return False when there is none any more."""
    head, fds = receive_descriptors(connection, SIZE.size, _MOST_FILES)
    if len(head) < SIZE.size or not fds:
        return False
    size = SIZE.unpack(head)[0]
    data = b""
    while len(data) < size:
        part = connection.recv(size - len(data))
        if not part:
            return False
        data += part
    answer = json.dumps(_answer(json.loads(data), fds, setup)).encode()
    end_children()  # what a stream processor began and did not end
    with suppress(OSError):  # it was not made
        os.rmdir(tempfile.gettempdir())
    connection.sendall(SIZE.pack(len(answer)) + answer)
    return True


def _answer(request: dict[str, Any], files: Sequence[int], setup: Setup) -> dict[str, Any]:
    try:
        with ExitStack() as stack:
            modes = _MODES[request["do"]]
            opened = [stack.enter_context(open(fd, mode, buffering=0)) for fd, mode in zip(files, modes, strict=True)]
            return _done(request, opened, setup)
    except MemoryError:
        error: Exception = ResourceExhausted("the differ has no memory left for this layer; give the machine more")
    except Exception as other:
        error = other
    code, message = to_wire(error)
    return {"code": code, "error": message}


def _done(request: dict[str, Any], files: Sequence[IO[bytes]], setup: Setup) -> dict[str, Any]:
    """Do what a request asks for; return the answer. files are what came with it."""
    payloads = {k: base64.b64decode(v) for k, v in request["payloads"].items()}
    processors = {id: StreamProcessor(**table) for id, table in request["processors"].items()}
    if request["do"] == "run":
        for id, processor in processors.items():
            with Chain(files[0], [(id, processor, "")], payloads) as chain:
                chain.finish()
        return {}
    if request["do"] == "apply":
        done = apply_layer(
            files[0], request["media_type"], _mounts(request["mounts"]), processors, payloads, request["sync"], setup.limits,
            request["name"], request.get("size"),
        )  # fmt: skip
        return {"digest": done.digest, "size": done.size}
    if request["do"] == "convert":
        made, held = converted_layer(
            files[0], request["layer_type"], files[1], request["media_type"], processors, payloads, setup.limits, setup.scratch,
            request["name"],
        )  # fmt: skip
    else:
        held = ""
        made = compared_layer(
            _mounts(request["lower"]), _mounts(request["upper"]), files[0], request["media_type"], request["epoch_s"], processors,
            payloads, setup.limits, setup.scratch,
        )  # fmt: skip
    return {"digest": made.digest, "size": made.size, "uncompressed": made.uncompressed, "held": held}


def _mounts(rows: Sequence[Any]) -> list[Mount]:
    return [Mount(m[0], m[1], tuple(m[2]), m[3]) for m in rows]
