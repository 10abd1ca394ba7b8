"""One process of a plugin's file: an interpreter that was ahead, told what to be, heard, and ended."""

from __future__ import annotations

import json
import os
import signal
import socket
import sys
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from subprocess import PIPE, STDOUT
from typing import Final

import anyio
import anyio.abc

# What a process may say before it is shown: the end of it, which has the reason.
_MOST_LINES: Final = 200
# How long a file may take until it can be called; what it does before is its own.
READY_S: Final = 20.0
# Calls in flight get a second of it; what its close does is the plugin's own.
END_S: Final = 10.0


class Failed(Exception):
    """Raised when a version can't be used; its text says why, in lines."""


class Interpreter:
    """A process that waits to be told which file to be."""

    def __init__(self, process: anyio.abc.Process) -> None:
        self.process = process

    @classmethod
    async def begin(cls) -> Interpreter:
        """Start one. It ends when we do, however that is."""
        # Of its own session: Ctrl-C is for us, who end it in order. -B: a module that was saved twice in a second is read twice; -u: what
        # it prints is seen at once.
        command = [sys.executable, "-u", "-P", "-B", "-m", "argosy.plugin.ahead", str(os.getpid())]
        return cls(
            await anyio.open_process(command, stdin=PIPE, stdout=PIPE, stderr=STDOUT, start_new_session=True, cwd=Path.cwd())
        )

    async def tell(self, file: Path, words: Sequence[str], notify: str = "") -> None:
        """Have it be a file. Raises Failed when it is gone."""
        assert self.process.stdin is not None
        told = json.dumps({"file": str(file), "words": list(words), "notify": notify})
        try:
            await self.process.stdin.send(f"{told}\n".encode())
        except anyio.BrokenResourceError:
            raise Failed("its interpreter has ended before it was told anything") from None

    async def end(self, grace_s: float = END_S) -> None:
        """End it in order, or after grace_s without. Cancellation: it goes on."""
        with anyio.CancelScope(shield=True):
            await ended(self.process, grace_s)


async def ended(process: anyio.abc.Process, grace_s: float) -> int:
    """End a process; return its exit code. All of its descriptors are closed."""
    with suppress(ProcessLookupError):
        process.send_signal(signal.SIGTERM)
    with anyio.move_on_after(grace_s):
        await process.wait()
    if process.returncode is None:
        with suppress(ProcessLookupError):
            process.kill()
    code = await process.wait()
    await process.aclose()
    return code


async def described(interpreter: Interpreter, file: Path) -> dict[str, object]:
    """Return what a file says that it is. The interpreter has ended then. Raises Failed with what it says otherwise."""
    try:
        await interpreter.tell(file, ["--describe"])
        said = b""
        assert interpreter.process.stdout is not None
        with anyio.move_on_after(READY_S):
            async for piece in interpreter.process.stdout:
                said += piece
            await interpreter.process.wait()
    finally:
        await interpreter.end(0.0)
    text = said.decode(errors="replace").strip()
    with suppress(ValueError):
        told = json.loads(text.splitlines()[-1] if text else "")
        if isinstance(told, dict) and {"kind", "name", "root"} <= told.keys():
            return told
    raise Failed(
        text or f"{file.name} does not say what it is: end it with a main of argosy.plugin, as `argosy plugin new` writes it"
    )


class Version:
    """A process that was told to be a file, and has said that it can be called."""

    def __init__(self, number: int, address: Path, interpreter: Interpreter) -> None:
        self.number, self.address, self.process = number, address, interpreter.process
        self.lines: deque[str] = deque(maxlen=_MOST_LINES)
        self.shown: Callable[[str], None] | None = None
        """What it says is shown there at once; kept until then."""
        self._at_start: list[str] = []
        self._in_checks = 0
        self.over = anyio.Event()

    async def hear(self) -> None:
        """Take what it says, until it has ended."""
        assert self.process.stdout is not None
        rest = b""
        with suppress(anyio.ClosedResourceError):  # it is being ended
            async for piece in self.process.stdout:
                *lines, rest = (rest + piece).split(b"\n")
                for line in lines:
                    self._said(line)
        if rest:
            self._said(rest)
        self.over.set()

    def _said(self, line: bytes) -> None:
        text = line.decode(errors="replace")
        if self.shown is None:
            self.lines.append(text)
            self._in_checks += 1
        else:
            self.shown(text)

    def checks_begin(self) -> None:
        """What it has said by now is of its start."""
        self._at_start, self._in_checks = list(self.lines), 0

    def checks_passed(self) -> int:
        """Forget what it has said since the checks began: it is about snapshots that are gone. Returns how many lines that were."""
        self.lines = deque(self._at_start, _MOST_LINES)
        return self._in_checks

    def show(self, shown: Callable[[str], None]) -> None:
        """Show what it has said and will say."""
        for line in self.lines:
            shown(line)
        self.lines.clear()
        self.shown = shown

    async def ready(self, notify: socket.socket) -> None:
        """Wait until it can be called. Raises Failed with what it said when it ends before, or takes too long."""
        heard = False

        async def listen() -> None:
            nonlocal heard
            while not heard:
                await anyio.wait_readable(notify)
                heard = notify.recv(64).startswith(b"READY=1")
            tasks.cancel_scope.cancel()

        async def lives() -> None:
            await self.over.wait()
            tasks.cancel_scope.cancel()

        with anyio.move_on_after(READY_S):
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(listen)
                tasks.start_soon(lives)
        if not heard:
            why = (
                f"it ended with exit code {await self.code()}"
                if self.over.is_set()
                else f"it can't be called after {READY_S:g} s"
            )
            raise Failed("\n".join([*self.lines, why]))

    async def code(self) -> int | None:
        with anyio.move_on_after(1.0):
            await self.process.wait()
        return self.process.returncode

    async def end(self) -> None:
        """End it in order. Cancellation: it goes on to its end."""
        with anyio.CancelScope(shield=True):
            await ended(self.process, END_S)
            self.address.unlink(missing_ok=True)  # of one that had to be killed
