"""Signals that come while a process is being started: it gets them if it runs by then, and else it does not start."""

from __future__ import annotations

import asyncio
import os
import signal
import tempfile
import time
from pathlib import Path
from typing import Any

import pytest
from argosy.client import Interrupted, Stdio, foreground


class Starting:
    """A process that runs at once, but whose start is answered late; TERM ends it."""

    pid = 1

    def __init__(self, stdio: Stdio, answered_after: float) -> None:
        self.stdio, self.answered_after = stdio, answered_after
        self.signals: list[int] = []
        self.starting, self.ended = asyncio.Event(), asyncio.Event()
        self.undone = False

    async def start(self) -> None:
        self.starting.set()
        await asyncio.sleep(self.answered_after)

    async def wait(self) -> int:
        await self.ended.wait()
        return 42

    async def kill(self, number: int) -> None:
        self.signals.append(number)
        self.ended.set()


@pytest.fixture(autouse=True)
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))


def attended(answered_after: float, *signals: int) -> tuple[Starting, int | Interrupted]:
    """Run a process, with signals for us while it is being started; return it, and how that went."""

    async def main() -> tuple[Starting, int | Interrupted]:
        stdio = Stdio.fifos("x", stdin=False)
        process: Any = Starting(stdio, answered_after)

        async def create(_: Stdio) -> Any:
            return process

        async def undo() -> None:
            process.undone = True

        async def send() -> None:
            await process.starting.wait()
            for number in signals:
                os.kill(os.getpid(), number)
                await asyncio.sleep(0.05)

        sending = asyncio.create_task(send())
        try:
            async with foreground.attended(create, undo, stdio, "it", (1, 2), None, False, True, None) as running:
                return process, await running.wait()
        except Interrupted as interrupted:
            return process, interrupted
        finally:
            await sending

    return asyncio.run(main())


def test_who_runs_already_gets_the_signal() -> None:
    """It was killed with SIGKILL, and said not to have been started."""
    process, result = attended(0.3, signal.SIGTERM)
    assert (process.signals, process.undone, result) == ([signal.SIGTERM], False, 42)


def test_a_start_that_is_not_answered_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(foreground, "_START_PATIENCE_S", 0.3)
    began = time.monotonic()
    process, result = attended(1000, signal.SIGTERM)
    assert isinstance(result, Interrupted) and result.number == signal.SIGTERM
    assert (process.signals, process.undone) == ([], True)
    assert time.monotonic() - began < 5


def test_a_second_signal_waits_for_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(foreground, "_START_PATIENCE_S", 60.0)
    began = time.monotonic()
    process, result = attended(1000, signal.SIGTERM, signal.SIGINT)
    assert isinstance(result, Interrupted) and result.number == signal.SIGTERM and process.undone
    assert time.monotonic() - began < 30
