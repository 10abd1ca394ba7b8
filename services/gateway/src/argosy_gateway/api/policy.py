"""argosy.policy.v1.Policy: hooks and verifiers, asked by whoever pulls."""

from __future__ import annotations

from argosy.errors import InvalidArgument
from argosy.tables import POINTS
from argosy_protos.argosy.policy import v1 as p

from argosy_gateway.calls import namespace
from argosy_gateway.core import Core


class Policy(p.PolicyBase):
    """What is to be done with an image, in the caller's namespace."""

    def __init__(self, core: Core) -> None:
        self._policy = core.policy

    async def ask(self, request: p.AskRequest) -> p.AskResponse:
        ns = namespace()
        if request.point == POINTS[0]:
            said = await self._policy.before_pull(ns, request.reference, request.names, request.snapshotter)
        elif request.point == POINTS[1]:
            if request.target is None or not request.target.digest:
                raise InvalidArgument("an image that is resolved has a digest; say its target")
            said = await self._policy.resolved(ns, request.reference, request.names, request.target, request.snapshotter)
        else:
            raise InvalidArgument(
                f'"{request.point[:64]}" is no point to ask about; ask at {POINTS[0]}, then at {POINTS[1]}'
            )
        verdicts = [p.Verdict(verifier=one.verifier, reason=one.reason) for one in said.verdicts]
        return p.AskResponse(guarded=said.guarded, reference=said.reference, snapshotter=said.snapshotter, verdicts=verdicts)
