"""Calls in any order; of those that show a fault, the shortest list. Needs hypothesis.

It is no part of a suite: what it tries is another thing each time, and takes as long as it is given.
"""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final, TypeVar

import anyio
import anyio.from_thread
import anyio.to_thread

from argosy.client.jobs import given_back
from argosy.errors import InvalidArgument
from argosy.testkit.suite import Broken, Call, Check, Subject

S = TypeVar("S", bound=Subject)

# Lists of so many steps; those that are of no use become nothing, which is no call.
_FEWEST, _MOST = 10, 20
_EXAMPLES: Final = 200
# A check may take six times what a call may; finding a list and making it shorter is to leave some of it.
_SHARE: Final = 4.0


@dataclass
class _Shortest:
    """The shortest list of calls that failed, and how; until is when no more are tried."""

    until: float
    broken: Broken | None = None
    calls: list[Call] = field(default_factory=list)
    over: bool = False
    """Whether the search has come to its end."""

    def note(self, broken: Broken, calls: list[Call]) -> None:
        if self.broken is None or len(calls) <= len(self.calls):
            self.broken, self.calls = broken, list(calls)


def any_order(
    sentence: str, choices: Callable[[], Any], attempt: Callable[[S, int, Any], Coroutine[Any, Any, None]]
) -> Check[S]:
    """Return a check that tries lists of steps. choices returns hypothesis's strategy for one step.

    attempt makes the calls of a list, which has a number of its own, notes them in the subject's calls, and raises Broken.
    """

    def search(s: S, shortest: _Shortest, directory: str) -> None:
        """Try lists of calls until one fails, and then shorter ones. Runs in a thread."""
        from hypothesis import HealthCheck, Phase, Verbosity, given, settings
        from hypothesis import strategies as st
        from hypothesis.configuration import set_hypothesis_home_dir
        from hypothesis.errors import HypothesisException

        count = 0

        @settings(
            max_examples=_EXAMPLES,
            deadline=None,
            database=None,
            phases=(Phase.generate, Phase.shrink),
            suppress_health_check=list(HealthCheck),
            report_multiple_bugs=False,
            verbosity=Verbosity.quiet,
        )
        @given(st.lists(choices(), min_size=_FEWEST, max_size=_MOST))
        def example(steps: list[Any]) -> None:
            nonlocal count
            count += 1
            if time.monotonic() > shortest.until:
                return
            try:
                anyio.from_thread.run(partial(attempt, s, count, steps))
            except Broken as broken:
                shortest.note(broken, s.calls)
                raise
            finally:
                anyio.from_thread.run(s.clean)

        try:
            set_hypothesis_home_dir(directory)  # it would write to where we are
            example()
        except (Broken, HypothesisException):
            pass  # the shortest is noted; that time was over in the midst of it looks like a test that is not sure of itself
        finally:
            shortest.over = True

    async def run(s: S) -> None:
        shortest = _Shortest(time.monotonic() + s.deadline_s * _SHARE)
        directory = tempfile.mkdtemp(prefix="argosy-verify-")
        try:
            # A little longer, for the calls of the last list.
            with anyio.move_on_after(s.deadline_s * (_SHARE + 1)):
                await anyio.to_thread.run_sync(search, s, shortest, directory, abandon_on_cancel=True)
        finally:
            shortest.until = 0.0
            # A thread that is still at it would write there again.
            await given_back(_over(shortest), s.deadline_s)
            shutil.rmtree(directory, ignore_errors=True)
        if shortest.broken is not None:
            s.calls[:] = shortest.calls
            raise shortest.broken

    return Check("calls-in-any-order", sentence, run, False, ())


async def _over(shortest: _Shortest) -> None:
    while not shortest.over:
        await anyio.sleep(0.02)


def check_hypothesis() -> None:
    """Raises InvalidArgument when hypothesis is not installed."""
    try:
        import hypothesis  # noqa: F401 - to see whether it is there
    except ImportError:
        raise InvalidArgument(
            "--minimize needs hypothesis, which is not installed; type: pip install hypothesis, or leave it out"
        ) from None
