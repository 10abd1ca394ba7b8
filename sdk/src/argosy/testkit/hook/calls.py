"""A hook as a check speaks to it, with questions as a daemon asks them, and the suite that the checks are in."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from argosy_protos.argosy.hooks.v1 import Container, DecideRequest, DecideResponse, HooksStub
from argosy_protos.argosy.instance.v1 import GetInfoRequest, InstanceStub
from argosy_protos.containerd.types import Descriptor
from argosy_protos.google.protobuf import Any as AnyMessage

from argosy.errors import InvalidArgument, Unimplemented
from argosy.rpc.channel import Channel
from argosy.tables import POINTS
from argosy.testkit.asking import Asked, says
from argosy.testkit.blobs import digest_of, fresh
from argosy.testkit.image import CONFIG, LAYER, MANIFEST
from argosy.testkit.suite import Broken, Suite, greeted, request
from argosy.testkit.target import PREFIX

CAPABILITIES: Final[Mapping[str, str]] = {"steady": "the same question has the same answer, when nothing else has changed"}
USUAL: Final = frozenset(CAPABILITIES)
SPEC: Final = {"ociVersion": "1.1.0", "process": {"args": ["true"], "cwd": "/"}, "root": {"path": "rootfs"}}
_SPEC_TYPE: Final = "types.containerd.io/opencontainers/runtime-spec/1/Spec"


@dataclass(frozen=True)
class Target:
    """Which hook is judged, and what is known of it."""

    address: str
    channel: Channel
    deadline_s: float
    namespace: str
    points: Sequence[str]
    allowed: Sequence[str]
    denied: Sequence[str]


class Hook(Asked[DecideRequest, DecideResponse]):
    """A hook, as one check speaks to it."""

    def __init__(self, target: Target, check: str) -> None:
        super().__init__(f"{PREFIX}{check}", target.deadline_s)
        self.target = target
        self._stub = HooksStub(target.channel)

    def question(self, point: str, name: str = "docker.io/library/argosy-verify:1", *, here: bool = False) -> DecideRequest:
        """Return what a daemon asks at a point about an image of that name, or a layer or a container of it."""
        asked = DecideRequest(
            point=point, namespace=self.target.namespace, here=here or point not in ("pre-pull", "resolved")
        )
        if point == "pre-run":
            asked.container = Container(
                id="argosy-verify", image=name, digest=digest_of(b"an image"), runtime="io.containerd.runc.v2", snapshotter="overlayfs",
                spec=AnyMessage(type_url=_SPEC_TYPE, value=json.dumps(SPEC).encode()),
            )  # fmt: skip
            return asked
        asked.name = name
        if point in ("pre-pull", "resolved"):
            asked.reference = name
        kinds = {"resolved": MANIFEST, "layer-ready": LAYER, "unpacked": CONFIG}
        if point in kinds:
            asked.target = Descriptor(media_type=kinds[point], digest=digest_of(b"an image"), size=1000)
        if point == "unpacked":
            asked.target = Descriptor(digest=digest_of(b"an image"))
            asked.snapshotter, asked.snapshot = "overlayfs", digest_of(b"a chain")
        return asked

    async def ask(self, question: DecideRequest) -> DecideResponse:
        name = question.container.image if question.container is not None else question.name
        text = request("Decide", point=question.point, namespace=question.namespace, name=name, here=question.here)
        return await self.made(text, self._stub.decide(question, timeout=self.deadline_s))

    @property
    def names(self) -> list[str]:
        """Names of images as there are, and those that were named."""
        usual = (
            "docker.io/library/argosy-verify:1",
            "docker.io/library/argosy-verify:latest",
            "registry.example:5000/a/b@" + digest_of(b"an image"),
            "registry.example/a/b/c:1@" + digest_of(b"an image"),
        )
        return [*usual, *self.target.allowed, *self.target.denied]

    async def greet(self) -> object:
        return await self.ask(DecideRequest(point="argosy-verify"))

    def shown(self, answer: DecideResponse | None) -> str:
        return shown(answer)


SUITE: Final[Suite[Hook]] = Suite("hook", CAPABILITIES)


def able(has: Collection[str], lacks: Collection[str]) -> frozenset[str]:
    """Return what a hook is taken to be capable of. Raises InvalidArgument for a capability that is none."""
    return SUITE.able(USUAL, has, lacks)


@asynccontextmanager
async def begun(
    address: str | Path, points: Collection[str], allowed: Sequence[str], denied: Sequence[str], namespace: str, deadline_s: float
) -> AsyncIterator[Target]:  # fmt: skip
    """Yield whom we judge. Without points, those that it says itself, or all. Raises InvalidArgument for a point that is none."""
    for point in points:
        if point not in POINTS:
            raise InvalidArgument(f'"{point}" is no point at which hooks are asked; there are {", ".join(POINTS)}')
    async with Channel(address, default_timeout_s=deadline_s) as channel:
        said: Sequence[str] = tuple(points)
        if not said:
            with suppress(Unimplemented):  # one of another make need not say
                info = await InstanceStub(channel).get_info(GetInfoRequest())
                said = [point for point in POINTS if point in info.capabilities]
        yield Target(channel.path, channel, deadline_s, namespace or "default", said or POINTS, allowed, denied)


def subject(target: Target, check: str) -> Hook:
    """Return what a check of that name speaks to; "" is the whole run."""
    return Hook(target, check)


async def begin(target: Target) -> str:
    """Return whom we judge, in words. Raises Unimplemented, Unavailable when the suite can't begin."""
    asked = HooksStub(target.channel).decide(DecideRequest(point="argosy-verify", namespace=target.namespace))
    try:
        await greeted(asked, f"no hook is served at {target.address}")
    except Unimplemented as error:
        # A hook says so of a point that it does not know; a server that has no hook, of the call.
        if "unknown service" in error.message or "unknown method" in error.message:
            raise
    return f"hook at {target.address}, at {', '.join(target.points)}"


def fresh_digest() -> str:
    """Return the digest of what nobody has."""
    return digest_of(fresh(16))


def shown(answer: DecideResponse | None) -> str:
    """Return an answer as people read it."""
    if answer is None:
        return "an error"
    more = {"reference": answer.reference, "labels": dict(answer.labels), "snapshotter": answer.snapshotter}
    said = ", ".join(f"{key} {value!r}" for key, value in more.items() if value)
    return (f'no, "{answer.reason}"' if not answer.allow else "yes") + (f", with {said}" if said else "")


def denial(answer: DecideResponse) -> None:
    """Raises Broken for a no without a reason."""
    if not answer.allow and not says(answer.reason):
        raise Broken("a reason with the no, for whoever asked", f"no, {answer.reason!r}")
