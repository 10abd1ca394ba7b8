"""The programs of plugins by command: the supervisor runs them, and is told here which there are to be; what it says of them is kept.

The gateway's rows say which programs there are, so nothing of this is on disk. The words are those of ``argosy_cli.programs``. A program is
known by the socket that it serves: each process that may be beside another one has a socket of its own.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import anyio
from argosy import log
from argosy.errors import FailedPrecondition, Unavailable, in_words
from argosy.tables import ProxyPlugin

logger = log.get("gateway.programs")

LOGS: Final = "plugin-logs"
"""Where the supervisor keeps what programs print, in the state directory: a file a plugin."""
ARRIVE_S: Final = 5.0
"""How long a process that was just started may take to listen."""
_AGAIN_S: Final = 0.2
_LOOK_S: Final = 0.01
_LINE_BYTES: Final = 1 << 20


@dataclass
class Program:
    """What the supervisor has said of a program."""

    pid: int = 0
    restarts: int = 0
    reason: str = ""
    """Why its process ended the last time; "" when it never did."""
    over: bool = False
    since: float = field(default_factory=time.monotonic)
    """When that was said."""


@dataclass
class _Wanted:
    name: str
    config: ProxyPlugin
    standby: bool


class _Idle(Exception):
    """Raised when a service does not run: its next process is a new one anyway."""


class Programs:
    """The programs that there are to be, and how they are."""

    def __init__(self, supervisor: Path | None) -> None:
        self._path = supervisor
        self._wanted: dict[str, _Wanted] = {}
        self._known: dict[str, Program] = {}
        self._writer: asyncio.StreamWriter | None = None
        self._wanted_beside: set[str] = set()
        self._idle: set[str] = set()
        """Sockets at which nobody stands by, since the service does not run."""
        self.changed: Callable[[str], None] = lambda address: None
        """Called with the address of a program that is another than before."""

    def check(self) -> None:
        """Raise FailedPrecondition where nobody starts programs."""
        if self._path is None:
            raise FailedPrecondition(
                "nobody starts programs for this gateway, since `argosy up` did not start it; start the plugin yourself, and register its address"
            )

    def address(self, name: str) -> str:
        """Return a socket's path for a program of a plugin that no other has."""
        self.check()
        assert self._path is not None
        serial = 1
        while (found := str(self._path.parent / f"{name}.{serial}.sock")) in self._wanted or found in self._known:
            serial += 1
        return found

    def of(self, address: str) -> Program | None:
        """Return what is known of the program at an address."""
        return self._known.get(address.removeprefix("unix://"))

    def expected(self, address: str) -> float:
        """Return until when, in monotonic time, a program may be on its way to its socket: who calls it waits for it."""
        found = self.of(address)
        if found is None:
            return 0.0
        # A first crash is followed by a start at once.
        return found.since + (ARRIVE_S if found.pid else _AGAIN_S)

    def is_alive(self, address: str) -> bool:
        """Return whether a program that is wanted has a process."""
        found = self.of(address)
        return address in self._wanted and found is not None and found.pid > 0

    # -- what there is to be --

    def want(self, name: str, config: ProxyPlugin, standby: bool = False) -> None:
        """Have a plugin's program run from now on; standby: its process, and those after it, begin without its root."""
        address = config.address.removeprefix("unix://")
        self._wanted[address] = _Wanted(name, config, standby)
        self._say(self._run_order(address))

    def end(self, address: str, now: bool = False) -> None:
        """Have a program end, and come no more. now: without time to close what it has open."""
        address = address.removeprefix("unix://")
        if self._wanted.pop(address, None) is not None or now:
            self._say({"op": "end", "id": address, "now": now})

    def _run_order(self, address: str) -> dict[str, Any]:
        it = self._wanted[address]
        return {
            "op": "run", "id": address, "name": it.name, "command": list(it.config.command), "directory": it.config.directory,
            "standby": it.standby,
        }  # fmt: skip

    def _say(self, order: dict[str, Any]) -> None:
        if self._writer is not None:
            self._writer.write(json.dumps(order).encode() + b"\n")

    # -- a fresh process of our own services --

    async def fresh(self, address: str, beside: str, within_s: float) -> bool:
        """Have a new process of one of our own services stand by at another socket. Returns False when the service does not run.

        Raises FailedPrecondition when there is no such service, or the process could not start; Unavailable when it takes longer.
        """
        self._idle.discard(beside)
        self._known.pop(address, None)
        self._wanted_beside.add(beside)
        self._say({"op": "fresh", "id": address, "beside": beside})
        try:
            await self.begun(beside, within_s)
        except _Idle:
            return False
        finally:
            self._wanted_beside.discard(beside)
        return True

    def has_ended(self, address: str) -> bool:
        """Return whether the process of one of our own services has ended since a new one of it was wanted: the supervisor starts none in between."""
        found = self.of(address)
        return found is not None and not found.pid

    def adopt(self, address: str, beside: str) -> None:
        """Say that it has taken over."""
        self._known.pop(beside, None)
        self._known.pop(address, None)
        self._say({"op": "adopt", "id": address})

    def drop(self, address: str, beside: str) -> None:
        """Say that it is not to take over."""
        self._known.pop(beside, None)
        self._known.pop(address, None)
        self._say({"op": "drop", "id": address})

    async def gone(self, address: str, within_s: float) -> bool:
        """Wait until a program that was told to end has. Returns whether it has within so many seconds."""
        with anyio.move_on_after(within_s):
            while (found := self.of(address)) is not None and not found.over:
                await anyio.sleep(_LOOK_S)
            return True
        return False

    async def begun(self, address: str, within_s: float) -> None:
        """Wait until somebody may be asked at a program's address. Raises FailedPrecondition when its process has ended, Unavailable when it takes longer."""
        with anyio.move_on_after(within_s):
            while True:
                found = self.of(address)
                if address in self._idle:
                    raise _Idle
                if found is not None and found.reason:
                    raise FailedPrecondition(f"the new process can't serve: {found.reason}")
                if found is not None and found.pid and await _answers(address):
                    return
                await anyio.sleep(_LOOK_S)
        raise Unavailable(
            f"the new process does not serve {address} after {within_s:g} s; `argosy plugin logs` has what it printed"
        )

    async def ended(self, address: str, within_s: float) -> None:
        """Raise FailedPrecondition with the reason when a new process has ended, or does within so many seconds."""
        with anyio.move_on_after(within_s):
            while (found := self.of(address)) is None or not found.reason:
                await anyio.sleep(_LOOK_S)
            raise FailedPrecondition(f"the new process can't serve: {found.reason}")

    # -- the supervisor --

    async def run(self) -> None:
        """Speak to the supervisor for ever."""
        if self._path is None:
            return
        while True:
            try:
                await self._speak(self._path)
            except (OSError, ValueError, asyncio.IncompleteReadError) as error:
                reason = in_words(error) if isinstance(error, OSError) else str(error)
                logger.warning("programs.supervisor_lost", error=reason)
            finally:
                self._writer = None
            await anyio.sleep(_AGAIN_S)

    async def _speak(self, path: Path) -> None:
        reader, writer = await asyncio.open_unix_connection(str(path), limit=_LINE_BYTES)
        try:
            self._writer = writer
            self._known.clear()
            self._say({"op": "only", "ids": list(self._wanted)})
            for address in self._wanted:
                self._say(self._run_order(address))
            while line := await reader.readline():
                self._hear(json.loads(line))
        finally:
            self._writer = None
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()

    def _hear(self, told: dict[str, Any]) -> None:
        address = str(told["id"])
        found = Program(int(told["pid"]), int(told["restarts"]), str(told["reason"]), bool(told.get("over")))
        self._known[address] = found
        self.changed(address)
        if found.over:
            del self._known[address]
            if address in self._wanted_beside and not found.reason:
                self._idle.add(address)


async def _answers(address: str) -> bool:
    """Return whether somebody accepts connections at a socket."""
    try:
        _, writer = await asyncio.open_unix_connection(address)
    except OSError:
        return False
    writer.close()
    return True
