"""Calls of a snapshotter in any order, compared with a model of the tree."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from argosy_protos.containerd.services.snapshots import v1 as p

from argosy.errors import ArgosyError
from argosy.labels import masked, stored
from argosy.testkit.anything import any_order
from argosy.testkit.snapshotter.calls import Snapshots, facts
from argosy.testkit.suite import Broken, Check, status

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
# Of so many choices one is of any word, the others of one that makes sense.
_CHOICES: Final = 8


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


def _choices() -> Any:
    """Return hypothesis's strategy for one choice."""
    from hypothesis import strategies as st

    which = st.integers(0, _CHOICES - 1)
    return st.builds(
        Choice,
        st.sampled_from(_METHODS),
        which,
        which,
        st.sampled_from(((), (("x", "1"),), (("x", "2"), ("y.z/w", "1")))),
        st.sampled_from(((), ("labels",), ("labels.x",), ("labels.y.z/w", "labels.x"))),
    )


ANYTHING: Final[Check[Snapshots]] = any_order(
    "Whatever is called, in whatever order: each call answers, and leaves, what a model of the contract says.",
    _choices,
    attempt,
)
