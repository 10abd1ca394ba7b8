"""What a hook answers: a yes, or a no with its reason, and no more than can be changed at the point at which it is asked."""

from __future__ import annotations

from typing import Final

from argosy_protos.argosy.hooks.v1 import DecideRequest, DecideResponse

from argosy.errors import ArgosyError
from argosy.labels import check_labels, is_reserved
from argosy.oci.reference import Reference
from argosy.testkit.hook.calls import SUITE, Hook, denial, shown
from argosy.testkit.suite import Broken, NotHere

check = SUITE.check
_MOST_LABELS: Final = 64
_MOST_LETTERS: Final = 1024
# How often hooks may rewrite what they have made of a reference.
_ROUNDS: Final = 4


async def _each(h: Hook, *, here: bool | None = None) -> list[tuple[DecideRequest, DecideResponse]]:
    """Return questions about images of all names at all of its points, with their answers."""
    found = []
    for point in h.target.points:
        for name in h.names:
            for is_here in (False, True) if here is None and point in ("pre-pull", "resolved") else (bool(here),):
                asked = h.question(point, name, here=is_here)
                found.append((asked, await h.ask(asked)))
    return found


@check(fast=True)
async def it_answers_at_each_of_its_points(h: Hook) -> None:
    """An ordinary image, layer or container is allowed or denied at each point that it is for; an error is no answer."""
    for point in h.target.points:
        await h.ask(h.question(point))


@check(fast=True)
async def a_no_says_why(h: Hook) -> None:
    """Each denial has a reason: it is all that whoever is denied gets to read."""
    answers = await _each(h)
    for _, answer in answers:
        denial(answer)
    if all(answer.allow for _, answer in answers):
        raise NotHere("it denied nothing that was asked; name an image that it denies with --denied")


@check(fast=True)
async def only_what_can_be_changed_is_changed(h: Hook) -> None:
    """A reference is rewritten at pre-pull alone; labels and a snapshotter are said at pre-pull and resolved. Any other answer is none."""
    for asked, answer in await _each(h):
        if answer.allow and asked.point not in ("pre-pull", "resolved"):
            h.holds(
                not (answer.reference or answer.labels or answer.snapshotter),
                f"nothing changed at {asked.point}",
                shown(answer),
            )
        if answer.allow and asked.point != "pre-pull":
            h.holds(not answer.reference, f"no other reference at {asked.point}", shown(answer))


@check(fast=True)
async def what_is_here_keeps_its_reference(h: Hook) -> None:
    """An image whose bytes are here already comes from nowhere else: who minds that denies it."""
    for asked, answer in await _each(h, here=True):
        if answer.allow:
            h.holds(answer.reference in ("", asked.reference), "the reference that it has, or none", shown(answer))


@check(fast=True)
async def labels_are_its_own_to_set(h: Hook) -> None:
    """Of the labels that it adds none begins with containerd.io/, io.cri-containerd or argosy/, and there are at most 64 of at most 4096 bytes."""
    for _, answer in await _each(h):
        labels = dict(answer.labels)
        h.holds(len(labels) <= _MOST_LABELS, f"at most {_MOST_LABELS} labels", f"{len(labels)} of them")
        for key in labels:
            h.holds(key and not is_reserved(key), "labels that steer neither a daemon nor a client", f'"{key}"')
        try:
            check_labels(labels)
        except ArgosyError as error:
            raise Broken("labels that can be stored", error.message) from None


@check("steady")
async def a_reference_is_one_and_stays(h: Hook) -> None:
    """What it has an image come from is a reference, and is left alone when it is asked about that: after four times nobody asks any more."""
    if "pre-pull" not in h.target.points:
        raise NotHere("it is not asked at pre-pull, where a reference is rewritten")
    for name in h.names:
        now = name
        for _ in range(_ROUNDS):
            asked = h.question("pre-pull", name)
            asked.reference = now
            answer = await h.ask(asked)
            if not answer.allow or answer.reference in ("", now):
                break
            now = answer.reference
            h.holds(len(now) <= _MOST_LETTERS, f"a reference of at most {_MOST_LETTERS} letters", f"one of {len(now)}")
            try:
                Reference.parse(now)
            except ArgosyError as error:
                raise Broken("a reference", f'"{now}": {error.message}') from None
        else:
            raise Broken(f"an end of rewriting {name}", f'"{now}", after {_ROUNDS} times')


@check(fast=True)
async def what_is_to_be_allowed_is(h: Hook) -> None:
    """An image that it is to allow is allowed at each of its points."""
    if not h.target.allowed:
        raise NotHere("no image that it allows was named with --allowed")
    for name in h.target.allowed:
        for point in h.target.points:
            answer = await h.ask(h.question(point, name))
            h.holds(answer.allow, f"yes to {name} at {point}", shown(answer))


@check(fast=True)
async def what_is_to_be_denied_is(h: Hook) -> None:
    """An image that it is to deny is denied at one of its points at least, also one that is here already."""
    if not h.target.denied:
        raise NotHere("no image that it denies was named with --denied")
    for name in h.target.denied:
        for here in (False, True):
            answers = [await h.ask(h.question(point, name, here=here)) for point in h.target.points]
            h.holds(not all(answer.allow for answer in answers), f"no to {name}", f"yes at {', '.join(h.target.points)}")
