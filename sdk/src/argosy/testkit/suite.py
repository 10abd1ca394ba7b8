"""What the contract suites share: checks with the sentence that each enforces, the calls that they made, and what came of them.

A suite is judged check by check, one after the other. A check fails by ``Broken``, by an error of the plugin that it did not ask
for, or by its deadline; the others go on. A plugin that does not answer any more ends the run: what is left is *not run*.
"""

from __future__ import annotations

import abc
import asyncio
import re
import time
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Final, Generic, TypeVar

from argosy.client.jobs import given_back, together
from argosy.errors import (
    WIRE,
    ArgosyError,
    DeadlineExceeded,
    InvalidArgument,
    Unavailable,
    Unimplemented,
    Unknown,
    in_words,
    to_wire,
)
from argosy.typeurl import unpack

T = TypeVar("T")

# A check makes several calls, each of which may take as long as a call may.
_CALLS: Final = 6
# What is printed of a failing check's calls.
_SHOWN: Final = 12
_LONGEST: Final = 400


class Verdict(Enum):
    """What came of a check."""

    PASSED = "passed"
    FAILED = "failed"
    SKIPPED = "skipped"
    NOT_RUN = "not run"


class Broken(Exception):
    """Raised by a check when the contract is broken. sent is the call that shows it, by default the last one of the check."""

    def __init__(self, expected: str, got: str, sent: str = "") -> None:
        super().__init__(f"expected {expected}, got {got}")
        self.expected, self.got, self.sent = expected, got, sent


class NotHere(Exception):
    """Raised by a check that cannot be made here; its text says why."""


@dataclass
class Call:
    """One call of a check, and its answer so far."""

    text: str
    answer: str = "no answer"

    def __str__(self) -> str:
        return f"{self.text} -> {self.answer}"


@dataclass
class Result:
    """What came of one check. sent, expected and got are of a failure, why of one that was not made."""

    name: str
    sentence: str
    verdict: Verdict
    seconds: float = 0.0
    sent: str = ""
    expected: str = ""
    got: str = ""
    why: str = ""
    calls: list[str] = field(default_factory=list)


@dataclass
class Report:
    """What came of a suite."""

    kind: str
    subject: str
    """Who was judged, in words."""
    results: list[Result] = field(default_factory=list)
    seconds: float = 0.0
    left: str = ""
    """What could not be removed, in words."""

    def of(self, verdict: Verdict) -> list[Result]:
        return [result for result in self.results if result.verdict is verdict]

    @property
    def passed(self) -> bool:
        """Whether nothing failed, and everything that was to be made was."""
        return not self.of(Verdict.FAILED) and not self.of(Verdict.NOT_RUN)


def status(error: BaseException) -> str:
    """Return the name of an error's gRPC status: ``NOT_FOUND``."""
    cls = WIRE.get(error.code, Unknown) if isinstance(error, ArgosyError) else Unknown
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", cls.__name__).upper()


def spoken(error: BaseException) -> str:
    """Return an error as it came: its status and its message."""
    return f"{status(error)} ({shortened(to_wire(error)[1])})"


def shortened(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"


def request(method: str, **fields: object) -> str:
    """Return a call as people write it; fields that are empty are left out."""
    told = []
    for name, value in fields.items():
        if isinstance(value, bytes):
            value = value if len(value) <= 32 else f"{len(value)} bytes"
        if value:
            told.append(f"{name}={value!r}" if not isinstance(value, str) else f'{name}="{value}"')
    return shortened(f"{method}({', '.join(told)})")


def fields_of(wish: Any) -> dict[str, object]:
    """Return the fields of a message for ``request``: mounts in a line each, and JSON as what it holds."""
    return {name: _plain(value) for name, value in vars(wish).items() if not name.startswith("_") and value}


def _plain(value: Any) -> object:
    if isinstance(value, list):
        return [_plain(one) for one in value]
    if hasattr(value, "source") and hasattr(value, "options"):
        return f"{value.type} of {value.source} ({','.join(value.options)})"
    if hasattr(value, "type_url"):
        return unpack(value) or f"{value.type_url}, {len(value.value)} bytes"
    return value


class Subject(abc.ABC):
    """What a check speaks to: one plugin, under names that are this check's alone."""

    def __init__(self, prefix: str, deadline_s: float) -> None:
        """prefix begins every name that is made; deadline_s is what one call may take."""
        self.prefix, self.deadline_s = prefix, deadline_s
        self.calls: list[Call] = []

    def name(self, word: str) -> str:
        """Return a name of this check's own."""
        return f"{self.prefix}/{word}"

    async def made(self, text: str, work: Awaitable[T]) -> T:
        """Await a call, and note what it was and how it ended."""
        call = Call(text)
        self.calls.append(call)
        try:
            answer = await work
        except ArgosyError as error:
            call.answer = spoken(error)
            raise
        call.answer = "OK"
        return answer

    async def refused(self, work: Awaitable[object], *classes: type[ArgosyError]) -> ArgosyError:
        """Await a call that has to fail with one of these classes, or with any of none is given. Raises Broken."""
        wanted = " or ".join(status(cls()) for cls in classes) or "an error"
        try:
            answer = await work
        except ArgosyError as error:
            if classes and error.code not in {cls.code for cls in classes}:
                raise Broken(wanted, spoken(error)) from None
            if not classes and isinstance(error, DeadlineExceeded):
                raise
            return error
        raise Broken(wanted, "OK" if answer is None else f"OK, with {shortened(repr(answer))}")

    def equal(self, got: object, expected: object, what: str) -> None:
        """Raises Broken when they differ; what says what they are."""
        if got != expected:
            raise Broken(f"{what} to be {shortened(repr(expected))}", shortened(repr(got)))

    def holds(self, fact: object, expected: str, got: object) -> None:
        """Raises Broken when fact is not so."""
        if not fact:
            raise Broken(expected, shortened(str(got)))

    async def at_once(self, works: Iterable[Awaitable[object]]) -> list[str]:
        """Make calls at the same time; return the statuses of their answers, sorted. OK is one of them."""
        answers: list[str] = []

        async def one(work: Awaitable[object]) -> None:
            try:
                await work
            except ArgosyError as error:
                answers.append(status(error))
            else:
                answers.append("OK")

        async with together() as group:
            for work in works:
                group.start_soon(one, work)
        return sorted(answers)

    async def eventually(self, holds: Callable[[], Awaitable[object]], expected: str, got: str | Callable[[], str]) -> None:
        """Ask again and again until it holds. Raises Broken when that takes longer than a call may; got says what there is then."""
        until = time.monotonic() + self.deadline_s
        while not await holds():
            if time.monotonic() > until:
                raise Broken(f"{expected} within {self.deadline_s:g} s", shortened(got if isinstance(got, str) else got()))
            await asyncio.sleep(0.02)

    async def alive(self) -> bool:
        """Return whether the plugin answers anything at all."""
        try:
            await self.greet()
        except (Unavailable, DeadlineExceeded):
            return False
        except (ArgosyError, Broken):
            pass  # an answer of whatever kind
        return True

    @abc.abstractmethod
    async def greet(self) -> object:
        """Make a call that changes nothing. Raises what the plugin says."""

    @abc.abstractmethod
    async def clean(self) -> None:
        """Remove all that the check has made; what can't be removed stays, and ``left`` finds it."""

    @abc.abstractmethod
    async def left(self) -> Sequence[str]:
        """Remove what the plugin still has of the names that begin with our prefix; return those that it had."""

    def stays(self) -> str | None:
        """Return what stays there, in words, of what can't be removed or of what nothing is made; None where it is to be looked for."""
        return None


async def greeted(work: Awaitable[object], otherwise: str) -> ArgosyError | None:
    """Make the first call of a run, and return its error: how it should answer is judged by a check.

    Raises Unimplemented, which begins with otherwise, where nobody serves it, Unavailable, DeadlineExceeded.
    """
    try:
        await work
    except Unimplemented as error:
        raise Unimplemented(f"{otherwise}: {error.message}") from None
    except (Unavailable, DeadlineExceeded):
        raise
    except ArgosyError as error:
        return error
    return None


S = TypeVar("S", bound=Subject)


@dataclass(frozen=True)
class Check(Generic[S]):
    """One rule of a contract."""

    name: str
    sentence: str
    run: Callable[[S], Awaitable[None]]
    fast: bool
    needs: tuple[str, ...]
    last: bool = False
    """Whether there is nobody left to be judged after it."""


class Suite(Generic[S]):
    """The checks of one contract, in the order in which they are written."""

    def __init__(self, kind: str, capabilities: Mapping[str, str]) -> None:
        """capabilities are what a plugin may do or not, each with what it means."""
        self.kind, self.capabilities = kind, capabilities
        self.checks: list[Check[S]] = []

    def check(
        self, *needs: str, fast: bool = False, last: bool = False
    ) -> Callable[[Callable[[S], Awaitable[None]]], Callable[[S], Awaitable[None]]]:
        """Take a function as a check: its name is the check's, its docstring the sentence. needs are capabilities; last is made after all others."""

        def take(run: Callable[[S], Awaitable[None]]) -> Callable[[S], Awaitable[None]]:
            assert run.__doc__ and self.capabilities.keys() >= set(needs)
            name = run.__name__.replace("_", "-")
            self.checks.append(Check(name, " ".join(run.__doc__.split()), run, fast, needs, last))
            return run

        return take

    def choose(self, focus: str = "", skip: str = "", fast: bool = False) -> list[Check[S]]:
        """Return the checks whose names focus finds and skip doesn't. Raises InvalidArgument for a bad or useless expression."""
        wanted, unwanted = _expression("focus", focus), _expression("skip", skip)
        chosen = [
            check
            for check in self.checks
            if wanted.search(check.name) and not (skip and unwanted.search(check.name)) and (check.fast or not fast)
        ]
        if not chosen:
            names = ", ".join(check.name for check in self.checks)
            raise InvalidArgument(f"no check is left to make; the checks are: {names}")
        return chosen

    def able(self, usual: Collection[str], has: Collection[str], lacks: Collection[str]) -> frozenset[str]:
        """Return capabilities: the usual ones, with those of has and without those of lacks. Raises InvalidArgument."""
        for name in (*has, *lacks):
            if name not in self.capabilities:
                known = ", ".join(f"{n} ({what})" for n, what in self.capabilities.items())
                raise InvalidArgument(f'a {self.kind} has no capability "{name}"; there are: {known}')
        return frozenset(usual).union(has).difference(lacks)


def _expression(option: str, text: str) -> re.Pattern[str]:
    try:
        return re.compile(text)
    except re.error as error:
        raise InvalidArgument(f'--{option} "{text}" is no regular expression: {error}') from None


def _failure(error: BaseException, calls: Sequence[Call], deadline_s: float) -> tuple[str, str, str]:
    """Return what was sent, expected, and got."""
    last = calls[-1].text if calls else ""
    if isinstance(error, Broken):
        return error.sent or last, error.expected, error.got
    if isinstance(error, TimeoutError) and error.errno is None:
        waiting = [call.text for call in calls if call.answer == "no answer"]
        return (waiting or [last])[-1], f"an answer within {deadline_s:g} s", "none"
    if isinstance(error, ArgosyError):
        told = [call.text for call in calls if call.answer == spoken(error)]
        return (told or [last])[-1], "OK", spoken(error)
    if isinstance(error, OSError):
        return last, "files that can be used", in_words(error)
    return last, "an answer that follows the contract", f"{type(error).__name__}: {error}"


async def _one(check: Check[S], subject: S) -> tuple[Result, bool]:
    """Make one check; return what came of it, and whether the plugin must be asked if it is there at all."""
    deadline_s = subject.deadline_s * _CALLS
    began = time.monotonic()
    result = Result(check.name, check.sentence, Verdict.PASSED)
    doubt = False
    try:
        try:
            async with asyncio.timeout(deadline_s):
                await check.run(subject)
        except NotHere as error:
            result.verdict, result.why = Verdict.SKIPPED, str(error)
        except Exception as error:  # whatever a plugin's answer does to a check is the plugin's failure
            result.verdict = Verdict.FAILED
            result.sent, result.expected, result.got = _failure(error, subject.calls, deadline_s)
            result.calls = [str(call) for call in subject.calls[-_SHOWN:]]
            doubt = isinstance(error, TimeoutError | DeadlineExceeded | Unavailable)
    finally:
        # Also of a check that is given up: nothing of ours stays.
        await given_back(subject.clean(), deadline_s)
        result.seconds = time.monotonic() - began
    return result, doubt


async def judge(
    suite: Suite[S], checks: Sequence[Check[S]], able: Collection[str], make: Callable[[str], S], report: Report,
    told: Callable[[Result], Any] = lambda _: None,
) -> Report:  # fmt: skip
    """Make checks, one after the other, and fill in the report. make returns what the check of a name speaks to.

    told hears of each result at once. Cancellation: the check that is under way is cleaned up, and what others left is removed.
    """
    began = time.monotonic()

    def add(result: Result) -> None:
        report.results.append(result)
        told(result)

    gone = ""
    whole = make("")
    try:
        for check in sorted(checks, key=lambda one: one.last):
            lacking = [
                f"{name} ({suite.capabilities[name]}; --has {name} if so)" for name in check.needs if name not in able
            ]
            if gone:
                add(Result(check.name, check.sentence, Verdict.NOT_RUN, why=gone))
            elif lacking:
                add(Result(check.name, check.sentence, Verdict.SKIPPED, why=f"it is for what has {' and '.join(lacking)}"))
            else:
                result, doubt = await _one(check, make(check.name))
                add(result)
                if doubt and not await _answers(whole):
                    gone = f"the plugin does not answer any more, since {check.name}"
    finally:
        if gone:
            report.left = f'what begins with "{whole.prefix}" may be left there'
        elif (stays := whole.stays()) is not None:
            report.left = stays
        else:
            await _look(whole, report, add)
        report.seconds = time.monotonic() - began
    return report


async def _answers(whole: Subject) -> bool:
    """Return whether the plugin answers, now or once it has been started again."""
    until = time.monotonic() + whole.deadline_s
    while not await whole.alive():
        if time.monotonic() > until:
            return False
        await asyncio.sleep(0.05)
    return True


async def _look(whole: Subject, report: Report, add: Callable[[Result], None]) -> None:
    """Look whether anything of ours is left, though we are cancelled; that is a check, too."""
    await given_back(_looked(whole, report, add), whole.deadline_s * _CALLS)


async def _looked(whole: Subject, report: Report, add: Callable[[Result], None]) -> None:
    result = Result("nothing-left", "What was removed is gone: a list names nothing of it.", Verdict.PASSED)
    began = time.monotonic()
    try:
        found = await whole.left()
        if found:
            await asyncio.sleep(0.2)  # a call that was given up may have come to its end only then
            found = await whole.left()
        if found:
            raise Broken("no name that begins with it", ", ".join(found), f'List, and "{whole.prefix}" in it')
    except (ArgosyError, Broken) as error:
        result.verdict = Verdict.FAILED
        result.sent, result.expected, result.got = _failure(error, whole.calls, whole.deadline_s)
        result.calls = [str(call) for call in whole.calls[-_SHOWN:]]
        report.left = f'what begins with "{whole.prefix}" may be left there'
    result.seconds = time.monotonic() - began
    add(result)
