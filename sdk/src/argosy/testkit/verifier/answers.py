"""What a verifier answers: a yes or a no, each with its reason, about bytes and not about names alone."""

from __future__ import annotations

from argosy_protos.argosy.verifier.v1 import VerifyRequest
from argosy_protos.containerd.types import Descriptor

from argosy.testkit.suite import NotHere
from argosy.testkit.verifier.calls import NAME, SUITE, Verifier, reasoned, shown

check = SUITE.check


@check(fast=True)
async def it_says_yes_or_no(v: Verifier) -> None:
    """An image that it knows nothing of is accepted or rejected; an error is no answer, and keeps out what is fine, too."""
    await v.verify(v.unknown())


@check(fast=True)
async def it_says_why(v: Verifier) -> None:
    """Each answer has a reason: of a yes it is kept with the image, of a no it is all that whoever pulls gets to read."""
    for image in v.images:
        reasoned(await v.verify(image))


@check(fast=True)
async def what_is_to_be_accepted_is(v: Verifier) -> None:
    """An image that it is to accept is accepted."""
    if not v.target.accepted:
        raise NotHere("no image that it accepts was named with --accepted")
    for image in v.target.accepted:
        answer = await v.verify(image)
        v.holds(answer.ok, f"yes to {image.name}@{image.digest}", shown(answer))


@check(fast=True)
async def what_is_to_be_rejected_is(v: Verifier) -> None:
    """An image that it is to reject is rejected."""
    if not v.target.rejected:
        raise NotHere("no image that it rejects was named with --rejected")
    for image in v.target.rejected:
        answer = await v.verify(image)
        v.holds(not answer.ok, f"no to {image.name}@{image.digest}", shown(answer))


@check("digests", fast=True)
async def other_bytes_are_not_accepted_by_a_name(v: Verifier) -> None:
    """Under the name of an image that it accepts other bytes are rejected: a tag moves."""
    if not v.target.accepted:
        raise NotHere("no image that it accepts was named with --accepted")
    for image in v.target.accepted:
        other = v.unknown(image.name)
        answer = await v.verify(other)
        v.holds(not answer.ok, f"no to {other.name}@{other.digest}, bytes that nobody has", shown(answer))


@check(fast=True)
async def nothing_is_not_accepted(v: Verifier) -> None:
    """A question without a digest, or with what is none, is rejected or refused."""
    name = v.target.accepted[0].name if v.target.accepted else NAME
    for target in (
        None,
        Descriptor(),
        Descriptor(digest="latest"),
        Descriptor(digest="sha256:"),
        Descriptor(digest="sha256:" + "x" * 64),
    ):
        answer = await v.answered(VerifyRequest(namespace=v.target.namespace, name=name, target=target))
        v.holds(answer is None or not answer.ok, "no, or an error", shown(answer))
