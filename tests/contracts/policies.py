"""A hook and a verifier that keep their contracts, and ones that break them in one way each. Each fault names the checks that are to find it."""

from __future__ import annotations

import asyncio
import itertools
import json
from collections.abc import Sequence
from typing import ClassVar

from argosy.errors import Internal, InvalidArgument, Unavailable, Unimplemented
from argosy.tables import POINTS
from argosy_protos.argosy.hooks.v1 import DecideRequest, DecideResponse, HooksBase
from argosy_protos.argosy.verifier.v1 import VerifierBase, VerifyRequest, VerifyResponse

ALLOWED, DENIED = "docker.io/library/fine:1", "docker.io/library/bad:latest"
ACCEPTED = "registry.example/a:1@sha256:" + "a" * 64
REJECTED = "registry.example/a:1@sha256:" + "b" * 64


class Hook(HooksBase):
    """A hook without a fault: no :latest."""

    found_by: ClassVar[Sequence[str]] = ()

    async def decide(self, request: DecideRequest) -> DecideResponse:
        if request.point not in POINTS:
            raise Unimplemented(f'point "{request.point}"')
        return await self.answer(request)

    async def answer(self, request: DecideRequest) -> DecideResponse:
        if self.name(request).endswith(":latest"):
            return DecideResponse(reason="it is :latest")
        return DecideResponse(allow=True)

    @staticmethod
    def name(request: DecideRequest) -> str:
        return request.container.image if request.container is not None else request.name


class DeniesWithoutAReason(Hook):
    found_by = ("a-no-says-why",)

    async def answer(self, request: DecideRequest) -> DecideResponse:
        answer = await super().answer(request)
        answer.reason = "\n\x07" if answer.reason else ""
        return answer


class FailsAtOnePoint(Hook):
    found_by = ("it-answers-at-each-of-its-points",)

    async def answer(self, request: DecideRequest) -> DecideResponse:
        if request.point == "unpacked":
            raise Internal("what is that?")
        return await super().answer(request)


class LabelsLayers(Hook):
    found_by = ("only-what-can-be-changed-is-changed",)

    async def answer(self, request: DecideRequest) -> DecideResponse:
        answer = await super().answer(request)
        answer.labels = {"seen": "yes"}
        return answer


class RewritesWhatIsResolved(Hook):
    found_by = ("only-what-can-be-changed-is-changed",)

    async def answer(self, request: DecideRequest) -> DecideResponse:
        answer = await super().answer(request)
        answer.reference = "docker.io/library/other:1" if request.point == "resolved" and not request.here else ""
        return answer


class RewritesWhatIsHere(Hook):
    found_by = ("what-is-here-keeps-its-reference",)

    async def answer(self, request: DecideRequest) -> DecideResponse:
        answer = await super().answer(request)
        answer.reference = "docker.io/library/other:1" if request.point == "pre-pull" else ""
        return answer


class RewritesForEver(Hook):
    found_by = ("a-reference-is-one-and-stays",)

    async def answer(self, request: DecideRequest) -> DecideResponse:
        answer = await super().answer(request)
        if request.point == "pre-pull" and not request.here:
            answer.reference = (
                f"docker.io/more/{request.reference.rpartition('/')[2].partition('@')[0].partition(':')[0]}x:1"
            )
        return answer


class RewritesToNoReference(Hook):
    found_by = ("a-reference-is-one-and-stays",)

    async def answer(self, request: DecideRequest) -> DecideResponse:
        answer = await super().answer(request)
        answer.reference = "https://mirror.example/A B" if request.point == "pre-pull" and not request.here else ""
        return answer


class SteersTheDaemon(Hook):
    found_by = ("labels-are-its-own-to-set",)

    async def answer(self, request: DecideRequest) -> DecideResponse:
        answer = await super().answer(request)
        answer.labels = {"containerd.io/gc.expire": "2000-01-01T00:00:00Z"} if request.point == "resolved" else {}
        return answer


class SetsManyLabels(Hook):
    found_by = ("labels-are-its-own-to-set",)

    async def answer(self, request: DecideRequest) -> DecideResponse:
        answer = await super().answer(request)
        answer.labels = {f"mine/{i}": "x" for i in range(65)} if request.point == "pre-pull" else {}
        return answer


class DeniesEverything(Hook):
    found_by = ("what-is-to-be-allowed-is",)

    async def answer(self, request: DecideRequest) -> DecideResponse:
        return DecideResponse(reason="no")


class AllowsEverything(Hook):
    found_by = ("what-is-to-be-denied-is",)

    async def answer(self, request: DecideRequest) -> DecideResponse:
        return DecideResponse(allow=True)


class AllowsWhatIsHere(Hook):
    found_by = ("what-is-to-be-denied-is",)

    async def answer(self, request: DecideRequest) -> DecideResponse:
        return DecideResponse(allow=True) if request.here else await super().answer(request)


class KnowsEveryPoint(Hook):
    found_by = ("a-point-that-it-does-not-know-is-no-yes",)

    async def decide(self, request: DecideRequest) -> DecideResponse:
        return await self.answer(request)


class HangsOnLittle(Hook):
    found_by = ("a-question-that-says-little-is-borne",)

    async def answer(self, request: DecideRequest) -> DecideResponse:
        if not self.name(request):
            await asyncio.sleep(60)
        return await super().answer(request)


class HangsOnNoSpec(Hook):
    found_by = ("a-spec-that-is-none-is-borne",)

    async def answer(self, request: DecideRequest) -> DecideResponse:
        if request.container is not None and request.container.spec is not None:
            try:
                json.loads(request.container.spec.value)
            except ValueError:
                await asyncio.sleep(60)
        return await super().answer(request)


class RefusesWhatIsLarge(Hook):
    found_by = ("a-large-question-is-answered",)

    async def answer(self, request: DecideRequest) -> DecideResponse:
        if len(request.encode()) > 1 << 16:
            raise InvalidArgument("too large")
        return await super().answer(request)


class ChangesItsMind(Hook):
    found_by = ("the-same-question-has-the-same-answer",)

    def __init__(self) -> None:
        self._count = itertools.count()

    async def answer(self, request: DecideRequest) -> DecideResponse:
        return DecideResponse(allow=next(self._count) % 2 == 0, reason="not now")


class AnswersOneAtATime(Hook):
    found_by = ("many-are-answered-at-once",)
    busy = False

    async def answer(self, request: DecideRequest) -> DecideResponse:
        if self.busy:
            raise Unavailable("busy")
        self.busy = True
        await asyncio.sleep(0.01)
        self.busy = False
        return await super().answer(request)


class KeepsItsLockOfWhoLeaves(Hook):
    found_by = ("who-gives-up-is-forgotten",)

    def __init__(self) -> None:
        self._lock = asyncio.Lock()

    async def answer(self, request: DecideRequest) -> DecideResponse:
        await self._lock.acquire()
        await asyncio.sleep(0.05)
        self._lock.release()
        return await super().answer(request)


HOOKS: Sequence[type[Hook]] = [
    DeniesWithoutAReason, FailsAtOnePoint, LabelsLayers, RewritesWhatIsResolved, RewritesWhatIsHere, RewritesForEver, RewritesToNoReference,
    SteersTheDaemon, SetsManyLabels, DeniesEverything, AllowsEverything, AllowsWhatIsHere, KnowsEveryPoint, HangsOnLittle, HangsOnNoSpec,
    RefusesWhatIsLarge, ChangesItsMind, AnswersOneAtATime, KeepsItsLockOfWhoLeaves,
]  # fmt: skip


class Verifier(VerifierBase):
    """A verifier without a fault, of one digest."""

    found_by: ClassVar[Sequence[str]] = ()

    async def verify(self, request: VerifyRequest) -> VerifyResponse:
        digest = request.target.digest if request.target is not None else ""
        ok = digest == ACCEPTED.partition("@")[2]
        return VerifyResponse(ok=ok, reason="it is the one" if ok else "it is another")


class SaysNoReason(Verifier):
    found_by = ("it-says-why",)

    async def verify(self, request: VerifyRequest) -> VerifyResponse:
        return VerifyResponse(ok=(await super().verify(request)).ok)


class FailsOnStrangers(Verifier):
    found_by = ("it-says-yes-or-no",)

    async def verify(self, request: VerifyRequest) -> VerifyResponse:
        answer = await super().verify(request)
        if not answer.ok:
            raise Internal("who is that?")
        return answer


class RejectsEverything(Verifier):
    found_by = ("what-is-to-be-accepted-is",)

    async def verify(self, request: VerifyRequest) -> VerifyResponse:
        return VerifyResponse(reason="no")


class AcceptsEverything(Verifier):
    found_by = ("what-is-to-be-rejected-is", "other-bytes-are-not-accepted-by-a-name", "nothing-is-not-accepted")

    async def verify(self, request: VerifyRequest) -> VerifyResponse:
        return VerifyResponse(ok=True, reason="fine")


class LooksAtNames(Verifier):
    found_by = ("other-bytes-are-not-accepted-by-a-name", "nothing-is-not-accepted")

    async def verify(self, request: VerifyRequest) -> VerifyResponse:
        return VerifyResponse(ok=request.name.startswith("registry.example/a"), reason="by its name")


class HangsOnOddNames(Verifier):
    found_by = ("odd-names-are-borne",)

    async def verify(self, request: VerifyRequest) -> VerifyResponse:
        if request.name == "?":
            await asyncio.sleep(60)
        return await super().verify(request)


class VerifiesByTurns(Verifier):
    found_by = ("the-same-question-has-the-same-answer",)

    def __init__(self) -> None:
        self._count = itertools.count()

    async def verify(self, request: VerifyRequest) -> VerifyResponse:
        return VerifyResponse(ok=next(self._count) % 2 == 0, reason="by turns")


class MixesQuestionsUp(Verifier):
    found_by = ("many-are-answered-at-once",)

    async def verify(self, request: VerifyRequest) -> VerifyResponse:
        self._now = request
        await asyncio.sleep(0.02)
        return await super().verify(self._now)


class LocksWhoLeaves(Verifier):
    found_by = ("who-gives-up-is-forgotten",)

    def __init__(self) -> None:
        self._lock = asyncio.Lock()

    async def verify(self, request: VerifyRequest) -> VerifyResponse:
        await self._lock.acquire()
        await asyncio.sleep(0.05)
        self._lock.release()
        return await super().verify(request)


VERIFIERS: Sequence[type[Verifier]] = [
    SaysNoReason, FailsOnStrangers, RejectsEverything, AcceptsEverything, LooksAtNames, HangsOnOddNames, VerifiesByTurns, MixesQuestionsUp,
    LocksWhoLeaves,
]  # fmt: skip
