"""A verifier as a check speaks to it, and the suite that the checks are in."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from argosy_protos.argosy.verifier.v1 import VerifierStub, VerifyRequest, VerifyResponse
from argosy_protos.containerd.types import Descriptor

from argosy.digest import Digest
from argosy.errors import InvalidArgument
from argosy.rpc.channel import Channel
from argosy.testkit.asking import Asked, says
from argosy.testkit.blobs import digest_of, fresh
from argosy.testkit.image import MANIFEST
from argosy.testkit.suite import Broken, Suite, greeted, request
from argosy.testkit.target import PREFIX

CAPABILITIES: Final[Mapping[str, str]] = {
    "digests": "it looks at digests, and accepts other bytes under no name that it accepts",
    "steady": "the same question has the same answer, when nothing else has changed",
}
USUAL: Final = frozenset(CAPABILITIES)
NAME: Final = "registry.example/argosy/verify:1"


@dataclass(frozen=True)
class Image:
    """An image that is said to be accepted, or rejected."""

    name: str
    digest: str

    @classmethod
    def parse(cls, text: str) -> Image:
        """Read ``NAME@DIGEST``. Raises InvalidArgument."""
        name, at, digest = text.rpartition("@")
        if not at or not name:
            raise InvalidArgument(f'"{text}" is no image to verify: write its name and its digest, as NAME:TAG@sha256:...')
        return cls(name, str(Digest.parse(digest)))


@dataclass(frozen=True)
class Target:
    """Which verifier is judged, and what is known of it."""

    address: str
    channel: Channel
    deadline_s: float
    namespace: str
    accepted: Sequence[Image]
    rejected: Sequence[Image]


class Verifier(Asked[VerifyRequest, VerifyResponse]):
    """A verifier, as one check speaks to it."""

    def __init__(self, target: Target, check: str) -> None:
        super().__init__(f"{PREFIX}{check}", target.deadline_s)
        self.target = target
        self._stub = VerifierStub(target.channel)

    def question(self, image: Image) -> VerifyRequest:
        about = Descriptor(media_type=MANIFEST, digest=image.digest, size=1000)
        return VerifyRequest(namespace=self.target.namespace, name=image.name, target=about)

    async def ask(self, question: VerifyRequest) -> VerifyResponse:
        digest = question.target.digest if question.target is not None else ""
        text = request("Verify", namespace=question.namespace, name=question.name, digest=digest)
        return await self.made(text, self._stub.verify(question, timeout=self.deadline_s))

    async def verify(self, image: Image) -> VerifyResponse:
        return await self.ask(self.question(image))

    @property
    def images(self) -> list[Image]:
        """One that nobody knows, and those that were named."""
        return [self.unknown(), *self.target.accepted, *self.target.rejected]

    def unknown(self, name: str = "") -> Image:
        """Return an image that nobody has; without a name one of a repository that it knows, if any was named: it may ask its registry."""
        known = [image.name for image in (*self.target.accepted, *self.target.rejected)]
        return Image(name or (known or [NAME])[0], digest_of(fresh(16)))

    async def greet(self) -> object:
        return await self.ask(VerifyRequest(namespace=self.target.namespace))  # nothing that anybody has to look up

    def shown(self, answer: VerifyResponse | None) -> str:
        return shown(answer)


SUITE: Final[Suite[Verifier]] = Suite("verifier", CAPABILITIES)


def able(has: Collection[str], lacks: Collection[str]) -> frozenset[str]:
    """Return what a verifier is taken to be capable of. Raises InvalidArgument for a capability that is none."""
    return SUITE.able(USUAL, has, lacks)


@asynccontextmanager
async def begun(
    address: str | Path, accepted: Sequence[str], rejected: Sequence[str], namespace: str, deadline_s: float
) -> AsyncIterator[Target]:
    """Yield whom we judge; accepted and rejected are ``NAME@DIGEST`` each. Raises InvalidArgument."""
    yes, no = [Image.parse(one) for one in accepted], [Image.parse(one) for one in rejected]
    async with Channel(address, default_timeout_s=deadline_s) as channel:
        yield Target(channel.path, channel, deadline_s, namespace or "default", yes, no)


def subject(target: Target, check: str) -> Verifier:
    """Return what a check of that name speaks to; "" is the whole run."""
    return Verifier(target, check)


async def begin(target: Target) -> str:
    """Return whom we judge, in words. Raises Unimplemented, Unavailable when the suite can't begin."""
    await greeted(subject(target, "").greet(), f"no verifier is served at {target.address}")
    return f"verifier at {target.address}"


def shown(answer: VerifyResponse | None) -> str:
    """Return an answer as people read it."""
    return "an error" if answer is None else f'{"yes" if answer.ok else "no"}, "{answer.reason}"'


def reasoned(answer: VerifyResponse) -> None:
    """Raises Broken for an answer that says no reason."""
    if not says(answer.reason):
        raise Broken("a reason, which is kept with the image or told to whoever wants it", shown(answer))
