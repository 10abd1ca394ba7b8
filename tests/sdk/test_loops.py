"""Background loops: nothing ends one but its own return or a cancellation, and each complaint is made once."""

from __future__ import annotations

import json

import anyio
import pytest
from argosy import log
from argosy.loops import Complaints, keep_going


@pytest.fixture(autouse=True)
def lines() -> None:
    """Events go to the standard error of this very test, a JSON line each."""
    log.configure("info", json=True)


def test_a_loop_goes_on_after_whatever_it_raised(capsys: pytest.CaptureFixture[str]) -> None:
    """Groups and errors that nobody expects count, too; what is the same each time is said once."""
    raised: list[Exception] = [
        ValueError("a"), ValueError("a"), ExceptionGroup("several", [KeyError("b")]), RecursionError("c"), MemoryError("d"),
        RecursionError("c"),
    ]  # fmt: skip
    left = list(raised)

    async def loop() -> None:
        if left:
            raise left.pop(0)

    anyio.run(keep_going, "test", loop, 0.0)
    assert left == []
    said = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert [line["event"] for line in said] == ["loop.failed"] * 5


def test_a_loop_ends_with_its_task_group() -> None:
    """Cancellation is no failure."""

    async def main() -> None:
        began = 0

        async def loop() -> None:
            nonlocal began
            began += 1
            await anyio.sleep_forever()

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(keep_going, "test", loop, 0.0)
            await anyio.sleep(0.05)
            tasks.cancel_scope.cancel()
        assert began == 1

    anyio.run(main)


def test_an_exit_is_not_swallowed() -> None:
    """Only exceptions are failures of a loop."""

    async def loop() -> None:
        raise SystemExit(3)

    with pytest.raises(SystemExit):
        anyio.run(keep_going, "test", loop, 0.0)


def test_something_wrong_with_an_object_is_news_once() -> None:
    """It is news again when it is something else, and after the object was all right, or gone."""
    said = Complaints()
    assert said.is_new(("n", "a"), "x") and not said.is_new(("n", "a"), "x")
    assert said.is_new(("n", "a"), "y") and said.is_new(("n", "b"), "y")
    said.settle(("n", "a"))
    assert said.is_new(("n", "a"), "y")
    said.keep([("n", "b")])
    assert said.is_new(("n", "a"), "y") and not said.is_new(("n", "b"), "y")


def test_what_was_said_does_not_fill_memory() -> None:
    """Objects come and go without end."""
    said = Complaints()
    for i in range(20_000):
        said.is_new(i, "x")
    assert len(said._said) <= 4096 and not said.is_new(19_999, "x")
