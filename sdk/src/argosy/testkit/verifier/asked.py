"""How a verifier bears being asked: odd names, much at a time, and again."""

from __future__ import annotations

from typing import Final

import anyio

from argosy.testkit.verifier.calls import SUITE, Image, Verifier, shown

check = SUITE.check
_AT_ONCE: Final = 16
_LEFT_S: Final = 0.01


@check()
async def odd_names_are_borne(v: Verifier) -> None:
    """A name that is no reference is answered or refused in its time, and the next image is answered: clients give images any name."""
    for name in ("", " ", "?", "a" * 4096, "é日", "../../etc/passwd", "sha256:abc", "-name", "$(x)"):
        await v.answered(v.question(Image(name, v.unknown().digest)))
    await v.verify(v.unknown())


@check("steady", fast=True)
async def the_same_question_has_the_same_answer(v: Verifier) -> None:
    """An image that is asked about again is answered as before."""
    for image in v.images:
        first, second = await v.verify(image), await v.verify(image)
        v.equal(shown(second), shown(first), f"the second answer about {image.name}@{image.digest}")


@check()
async def many_are_answered_at_once(v: Verifier) -> None:
    """Questions that come at the same time are each answered in their time, each about its own image."""
    images = [v.images[i % len(v.images)] for i in range(_AT_ONCE)]
    alone = {image: (await v.verify(image)).ok for image in dict.fromkeys(images)}
    got: list[bool] = [False] * _AT_ONCE

    async def one(i: int) -> None:
        got[i] = (await v.verify(images[i])).ok

    v.equal(await v.at_once([one(i) for i in range(_AT_ONCE)]), ["OK"] * _AT_ONCE, "the answers")
    v.equal(got, [alone[image] for image in images], "what it says of each")


@check()
async def who_gives_up_is_forgotten(v: Verifier) -> None:
    """A caller that goes before its answer has come takes nothing with it: the next question is answered."""
    for _ in range(_AT_ONCE):
        with anyio.move_on_after(_LEFT_S):
            await v.answered(v.question(v.unknown()))
    await v.verify(v.unknown())
