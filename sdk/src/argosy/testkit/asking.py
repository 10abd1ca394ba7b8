"""Plugins that are only asked, such as hooks and verifiers: nothing is made there, and what they are asked they bear and answer again."""

from __future__ import annotations

import abc
from collections.abc import Callable, Collection
from typing import Final, Generic, TypeVar

import anyio

from argosy.errors import ArgosyError, DeadlineExceeded
from argosy.testkit.suite import Subject

Q = TypeVar("Q")
A = TypeVar("A")

AT_ONCE: Final = 16
"""How many ask at a time."""
_LEFT_S: Final = 0.01


class Asked(Subject, Generic[Q, A]):
    """One such plugin, as one check speaks to it."""

    @abc.abstractmethod
    async def ask(self, question: Q) -> A:
        """Return the answer. Raises what it says, DeadlineExceeded after its time."""

    @abc.abstractmethod
    def shown(self, answer: A | None) -> str:
        """Return an answer as people read it; None is an error."""

    async def answered(self, question: Q) -> A | None:
        """Return the answer to a question that need not make sense to it; None for an error. Raises DeadlineExceeded."""
        try:
            return await self.ask(question)
        except DeadlineExceeded:
            raise
        except ArgosyError:
            return None

    async def steady(self, question: Q, what: str) -> None:
        """Ask twice. Raises Broken for two answers; what is what they are about."""
        first, second = await self.ask(question), await self.ask(question)
        self.equal(self.shown(second), self.shown(first), f"the second answer about {what}")

    async def all_at_once(self, questions: Collection[Q]) -> list[A]:
        """Ask all at the same time, and return the answers in the order of the questions. Raises Broken for one without an answer."""
        answers: dict[int, A] = {}

        async def one(number: int, question: Q) -> None:
            answers[number] = await self.ask(question)

        got = await self.at_once([one(number, question) for number, question in enumerate(questions)])
        self.equal(got, ["OK"] * len(questions), "the answers")
        return [answers[number] for number in range(len(questions))]

    async def given_up(self, question: Callable[[], Q]) -> None:
        """Ask many times, and go before the answer has come; then ask once more, and wait for it."""
        for _ in range(AT_ONCE):
            with anyio.move_on_after(_LEFT_S):
                await self.answered(question())
        await self.ask(question())

    async def clean(self) -> None:
        """Nothing is made."""

    async def left(self) -> list[str]:
        return []

    def stays(self) -> str:
        return ""


def says(reason: str) -> bool:
    """Return whether a reason has anything to read in it."""
    return bool("".join(one for one in reason if one.isprintable()).strip())
