"""How a verifier bears being asked: odd names, much at a time, and again."""

from __future__ import annotations

from argosy.testkit.asking import AT_ONCE
from argosy.testkit.verifier.calls import SUITE, Image, Verifier

check = SUITE.check


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
        await v.steady(v.question(image), f"{image.name}@{image.digest}")


@check()
async def many_are_answered_at_once(v: Verifier) -> None:
    """Questions that come at the same time are each answered in their time, each about its own image."""
    images = [v.images[i % len(v.images)] for i in range(AT_ONCE)]
    alone = {image: (await v.verify(image)).ok for image in dict.fromkeys(images)}
    answers = await v.all_at_once([v.question(image) for image in images])
    v.equal([answer.ok for answer in answers], [alone[image] for image in images], "what it says of each")


@check()
async def who_gives_up_is_forgotten(v: Verifier) -> None:
    """A caller that goes before its answer has come takes nothing with it: the next question is answered."""
    await v.given_up(lambda: v.question(v.unknown()))
