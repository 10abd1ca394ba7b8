"""How a hook bears being asked: what it does not know, much at a time, and again."""

from __future__ import annotations

import json
from typing import Final

from argosy_protos.argosy.hooks.v1 import DecideRequest

from argosy.errors import Unimplemented
from argosy.testkit.asking import AT_ONCE
from argosy.testkit.hook.calls import SPEC, SUITE, Hook, fresh_digest

check = SUITE.check
_LABEL: Final = "x" * 4000


@check(fast=True)
async def a_point_that_it_does_not_know_is_no_yes(h: Hook) -> None:
    """A point that there was none of when it was written is answered with UNIMPLEMENTED: what is done then its table says."""
    await h.refused(h.ask(DecideRequest(point="argosy-verify", namespace=h.target.namespace, name="a")), Unimplemented)


@check()
async def a_question_that_says_little_is_borne(h: Hook) -> None:
    """A question without a subject is answered or refused in its time, and the next one is answered."""
    for point in h.target.points:
        for little in (
            DecideRequest(point=point),
            DecideRequest(point=point, namespace=h.target.namespace, name="?", reference=" "),
        ):
            await h.answered(little)
        nameless = h.question(point)
        nameless.name = ""
        await h.answered(nameless)
        await h.ask(h.question(point))


@check()
async def a_spec_that_is_none_is_borne(h: Hook) -> None:
    """A container whose spec is no JSON, or no object, is answered or refused in its time, and the next one is answered."""
    for value in (b"", b"[]", b"{", b"\xff\xfe", b"null", b'{"process": null}'):
        asked = h.question("pre-run")
        assert asked.container is not None and asked.container.spec is not None
        asked.container.spec.value = value
        if "pre-run" in h.target.points:
            await h.answered(asked)
    await h.ask(h.question(h.target.points[0]))


@check()
async def a_large_question_is_answered(h: Hook) -> None:
    """An image with many labels, and a container with a spec of a MiB, are answered as others are."""
    for point in h.target.points:
        asked = h.question(point)
        if asked.container is not None and asked.container.spec is not None:
            asked.container.spec.value = json.dumps({**SPEC, "annotations": {"large": "x" * (1 << 20)}}).encode()
        else:
            asked.labels = {f"label{i}": _LABEL for i in range(64)}
        await h.ask(asked)


@check("steady", fast=True)
async def the_same_question_has_the_same_answer(h: Hook) -> None:
    """A question that is asked again is answered as before: a pull that is tried again must not have another end by that alone."""
    for point in h.target.points:
        for name in h.names:
            await h.steady(h.question(point, name), f"{name} at {point}")


@check()
async def many_are_answered_at_once(h: Hook) -> None:
    """Questions that come at the same time are each answered in their time."""
    points, names = h.target.points, h.names
    await h.all_at_once([h.question(points[i % len(points)], names[i % len(names)]) for i in range(AT_ONCE)])


@check()
async def who_gives_up_is_forgotten(h: Hook) -> None:
    """A caller that goes before its answer has come takes nothing with it: the next question is answered."""

    def another() -> DecideRequest:
        asked = h.question(h.target.points[0])
        if asked.target is not None:
            asked.target.digest = fresh_digest()
        return asked

    await h.given_up(another)
