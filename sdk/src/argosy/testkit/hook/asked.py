"""How a hook bears being asked: what it does not know, much at a time, and again."""

from __future__ import annotations

import json
from typing import Final

import anyio
from argosy_protos.argosy.hooks.v1 import DecideRequest

from argosy.errors import Unimplemented
from argosy.testkit.hook.calls import SPEC, SUITE, Hook, fresh_digest, shown

check = SUITE.check
_AT_ONCE: Final = 16
_LABEL: Final = "x" * 4000
_LEFT_S: Final = 0.01


@check(fast=True)
async def a_point_that_it_does_not_know_is_no_yes(h: Hook) -> None:
    """A point that there was none of when it was written is answered with UNIMPLEMENTED: what is done then its table says."""
    await h.refused(h.decide(DecideRequest(point="argosy-verify", namespace=h.target.namespace, name="a")), Unimplemented)


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
        await h.decide(h.question(point))


@check()
async def a_spec_that_is_none_is_borne(h: Hook) -> None:
    """A container whose spec is no JSON, or no object, is answered or refused in its time, and the next one is answered."""
    for value in (b"", b"[]", b"{", b"\xff\xfe", b"null", b'{"process": null}'):
        asked = h.question("pre-run")
        assert asked.container is not None and asked.container.spec is not None
        asked.container.spec.value = value
        if "pre-run" in h.target.points:
            await h.answered(asked)
    await h.decide(h.question(h.target.points[0]))


@check()
async def a_large_question_is_answered(h: Hook) -> None:
    """An image with many labels, and a container with a spec of a MiB, are answered as others are."""
    for point in h.target.points:
        asked = h.question(point)
        if asked.container is not None and asked.container.spec is not None:
            asked.container.spec.value = json.dumps({**SPEC, "annotations": {"large": "x" * (1 << 20)}}).encode()
        else:
            asked.labels = {f"label{i}": _LABEL for i in range(64)}
        await h.decide(asked)


@check("steady", fast=True)
async def the_same_question_has_the_same_answer(h: Hook) -> None:
    """A question that is asked again is answered as before: a pull that is tried again must not have another end by that alone."""
    for point in h.target.points:
        for name in h.names:
            asked = h.question(point, name)
            first, second = await h.decide(asked), await h.decide(asked)
            h.equal(shown(second), shown(first), f"the second answer about {name} at {point}")


@check()
async def many_are_answered_at_once(h: Hook) -> None:
    """Questions that come at the same time are each answered in their time."""
    works = [
        h.decide(h.question(h.target.points[i % len(h.target.points)], h.names[i % len(h.names)])) for i in range(_AT_ONCE)
    ]
    h.equal(await h.at_once(works), ["OK"] * _AT_ONCE, "the answers")


@check()
async def who_gives_up_is_forgotten(h: Hook) -> None:
    """A caller that goes before its answer has come takes nothing with it: the next question is answered."""
    for _ in range(_AT_ONCE):
        with anyio.move_on_after(_LEFT_S):
            asked = h.question(h.target.points[0])
            if asked.target is not None:
                asked.target.digest = fresh_digest()
            await h.answered(asked)
    await h.decide(h.question(h.target.points[0]))
