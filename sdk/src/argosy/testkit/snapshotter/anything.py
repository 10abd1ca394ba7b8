"""Calls in any order, compared with a model of the tree; of those that show a fault, the shortest list. Needs hypothesis.

It is no part of the suite: what it tries is another thing each time, and takes as long as it is given.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Final, NamedTuple

import anyio
import anyio.from_thread
import anyio.to_thread
from argosy_protos.containerd.services.snapshots import v1 as p

from argosy.errors import ArgosyError, InvalidArgument
from argosy.labels import masked, stored
from argosy.testkit.snapshotter.calls import Snapshots, facts
from argosy.testkit.suite import Broken, Call, Check, status

_WORDS: Final = ("a", "b", "c", "d", "e", "f")
# What deep trees are made of comes more often.
_METHODS: Final = (
    "nothing",
    "Prepare",
    "Commit",
    "Remove",
    "Prepare",
    "Commit",
    "Update",
    "View",
    "Prepare",
    "Commit",
    "Mounts",
)
# Lists of so many steps; those that are of no use become nothing, which is no call.
_FEWEST, _MOST = 10, 20
# Of so many choices one is of any word, the others of one that makes sense.
_CHOICES: Final = 8
_EXAMPLES: Final = 200
# A check may take six times what a call may; finding a list and making it shorter is to leave some of it.
_SHARE: Final = 4.0


class Choice(NamedTuple):
    """What a step is made of, once it is known what is there: a method, and which of the words that it may be about."""

    method: str
    word: int
    other: int
    labels: tuple[tuple[str, str], ...]
    mask: tuple[str, ...]


@dataclass(frozen=True)
class Step:
    """One call: its method, the key or name that it is about, the other one that it mentions, labels, and a mask."""

    method: str
    word: str
    other: str = ""
    labels: tuple[tuple[str, str], ...] = ()
    mask: tuple[str, ...] = ()


@dataclass
class Model:
    """What a snapshotter has, by its contract: kinds, parents and labels by name."""

    held: dict[str, tuple[str, str, dict[str, str]]] = field(default_factory=dict)

    def do(self, step: Step) -> set[str]:
        """Do a step; return the statuses that it may have. Where two things are wrong with it, either may be said."""
        refused = self._refusals(step)
        if refused:
            return refused
        word, labels = step.word, stored(dict(step.labels))
        if step.method in ("Prepare", "View"):
            self.held[word] = "ACTIVE" if step.method == "Prepare" else "VIEW", step.other, labels
        elif step.method == "Commit":
            self.held[word] = "COMMITTED", self.held.pop(step.other)[1], labels
        elif step.method == "Remove":
            del self.held[word]
        elif step.method == "Update":
            kind, parent, old = self.held[word]
            self.held[word] = kind, parent, masked(old, dict(step.labels), step.mask, "it")
        return {"OK"}

    def step(self, choice: Choice) -> Step:
        """Return the step that a choice is now: mostly one that can be done."""

        def one(which: int, sensible: Sequence[str]) -> str:
            if which < _CHOICES - 1 and sensible:
                return sensible[which % len(sensible)]
            return _WORDS[which % len(_WORDS)]

        method, labels = choice.method, choice.labels
        free = [word for word in _WORDS if word not in self.held]
        active = [word for word, (kind, _, _) in self.held.items() if kind == "ACTIVE"]
        committed = [word for word, (kind, _, _) in self.held.items() if kind == "COMMITTED"]
        if method in ("Prepare", "View"):
            return Step(method, one(choice.word, free), one(choice.other, [*committed, *committed, ""]), labels)
        if method == "Commit":
            return Step(method, one(choice.word, free), one(choice.other, active), labels)
        if method == "Update":
            return Step(method, one(choice.word, list(self.held)), "", labels, choice.mask)
        return Step(method, one(choice.word, list(self.held)))

    def _refusals(self, step: Step) -> set[str]:
        found = set()
        kind, _, _ = self.held.get(step.word, ("", "", {}))
        other, _, _ = self.held.get(step.other, ("", "", {}))
        if step.method in ("Prepare", "View", "Commit"):
            if kind:
                found.add("ALREADY_EXISTS")
            if step.other and not other:
                found.add("NOT_FOUND")
            elif step.method == "Commit" and other != "ACTIVE":
                found.add("FAILED_PRECONDITION")
            elif step.method != "Commit" and step.other and other != "COMMITTED":
                found.add("INVALID_ARGUMENT")
            return found
        if not kind:
            return {"NOT_FOUND"}
        if step.method == "Remove" and any(parent == step.word for _, parent, _ in self.held.values()):
            return {"FAILED_PRECONDITION"}
        return {"FAILED_PRECONDITION"} if step.method == "Mounts" and kind == "COMMITTED" else set()


async def _send(s: Snapshots, name: Callable[[str], str], step: Step) -> None:
    word, other, labels = name(step.word), name(step.other) if step.other else "", dict(step.labels)
    if step.method == "Prepare":
        await s.prepare(word, other, labels)
    elif step.method == "View":
        await s.view(word, other, labels)
    elif step.method == "Commit":
        await s.commit(word, other, labels)
    elif step.method == "Remove":
        await s.remove(word)
    elif step.method == "Mounts":
        await s.mounts(word)
    else:
        await s.update(p.Info(name=word, labels=labels), *step.mask)


async def attempt(s: Snapshots, number: int, choices: Sequence[Choice]) -> None:
    """Make calls under names of their own, and compare. Raises Broken."""
    model = Model()
    prefix = s.name(str(number))
    s.calls.clear()

    def name(word: str) -> str:
        return f"{prefix}/{word}"

    for choice in choices:
        if choice.method == "nothing":
            continue
        step = model.step(choice)
        allowed = model.do(step)
        try:
            await _send(s, name, step)
            got = "OK"
        except ArgosyError as error:
            got = status(error)
        if got not in allowed:
            raise Broken(" or ".join(sorted(allowed)), got)
        sent = s.calls[-1].text
        found = {}
        for info in await s.listed():
            if info.name.startswith(f"{prefix}/"):
                one = facts(info)
                found[info.name] = one["kind"], info.parent, dict(info.labels)
        s.calls.pop()
        expected = {name(word): (kind, name(up) if up else "", labels) for word, (kind, up, labels) in model.held.items()}
        if found != expected:
            raise Broken(f"these snapshots after it: {expected}", str(found), sent)


@dataclass
class _Shortest:
    """The shortest list of calls that failed, and how; until is when no more are tried."""

    until: float
    broken: Broken | None = None
    calls: list[Call] = field(default_factory=list)

    def note(self, broken: Broken, calls: list[Call]) -> None:
        if self.broken is None or len(calls) <= len(self.calls):
            self.broken, self.calls = broken, list(calls)


def _search(s: Snapshots, shortest: _Shortest) -> None:
    """Try lists of calls until one fails, and then shorter ones. Runs in a thread."""
    from hypothesis import HealthCheck, Phase, Verbosity, given, settings
    from hypothesis import strategies as st
    from hypothesis.configuration import set_hypothesis_home_dir
    from hypothesis.errors import HypothesisException

    which = st.integers(0, _CHOICES - 1)
    choice = st.builds(
        Choice,
        st.sampled_from(_METHODS),
        which,
        which,
        st.sampled_from(((), (("x", "1"),), (("x", "2"), ("y.z/w", "1")))),
        st.sampled_from(((), ("labels",), ("labels.x",), ("labels.y.z/w", "labels.x"))),
    )
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
    @given(st.lists(choice, min_size=_FEWEST, max_size=_MOST))
    def example(choices: list[Choice]) -> None:
        nonlocal count
        count += 1
        if time.monotonic() > shortest.until:
            return
        try:
            anyio.from_thread.run(partial(attempt, s, count, choices))
        except Broken as broken:
            shortest.note(broken, s.calls)
            raise
        finally:
            anyio.from_thread.run(s.clean)

    try:
        with tempfile.TemporaryDirectory(prefix="argosy-verify-") as directory:
            set_hypothesis_home_dir(directory)  # it would write to where we are
            example()
    except (Broken, HypothesisException):
        pass  # the shortest is noted; that time was over in the midst of it looks like a test that is not sure of itself


async def _run(s: Snapshots) -> None:
    shortest = _Shortest(time.monotonic() + s.deadline_s * _SHARE)
    try:
        # A little longer, for the calls of the last list.
        with anyio.move_on_after(s.deadline_s * (_SHARE + 1)):
            await anyio.to_thread.run_sync(_search, s, shortest, abandon_on_cancel=True)
    finally:
        shortest.until = 0.0
    if shortest.broken is not None:
        s.calls[:] = shortest.calls
        raise shortest.broken


ANYTHING: Final[Check[Snapshots]] = Check(
    "calls-in-any-order",
    "Whatever is called, in whatever order: each call answers, and leaves, what a model of the contract says.",
    _run,
    False,
    (),
)


def check_hypothesis() -> None:
    """Raises InvalidArgument when hypothesis is not installed."""
    try:
        import hypothesis  # noqa: F401 - to see whether it is there
    except ImportError:
        raise InvalidArgument(
            "--minimize needs hypothesis, which is not installed; type: pip install hypothesis, or leave it out"
        ) from None
