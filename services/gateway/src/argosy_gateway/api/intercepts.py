"""argosy.plugins.v1.Intercepts: whose calls go to an instance of a plugin of their own."""

from __future__ import annotations

from argosy.errors import InvalidArgument
from argosy_protos.argosy.plugins import v1 as p

from argosy_gateway.interception import Interception
from argosy_gateway.metadata.intercepts import Selector
from argosy_gateway.plugins.intercepts import Intercept
from argosy_gateway.plugins.report import shown


class Intercepts(p.InterceptsBase):
    """All intercepts of this gateway."""

    def __init__(self, interception: Interception) -> None:
        self._interception = interception

    async def list(self, request: p.ListInterceptsRequest) -> p.ListInterceptsResponse:
        return p.ListInterceptsResponse(intercepts=[_shown(*one) for one in self._interception])

    async def add(self, request: p.AddInterceptRequest) -> p.AddInterceptResponse:
        found = await self._interception.begin(
            _selector(request.selector), request.address, list(request.uids), list(request.roots)
        )
        return p.AddInterceptResponse(intercept=_shown(*found))

    async def remove(self, request: p.RemoveInterceptRequest) -> p.RemoveInterceptResponse:
        await self._interception.end(_selector(request.selector), request.force)
        return p.RemoveInterceptResponse()


def _selector(said: p.Selector | None) -> Selector:
    if said is None or not said.plugin:
        raise InvalidArgument("an intercept needs to say whose calls: a plugin, and a namespace")
    return Selector(said.plugin, said.namespace, said.lease, said.reference)


def _shown(intercept: Intercept, snapshots: int) -> p.Intercept:
    selector = intercept.selector
    return p.Intercept(
        selector=p.Selector(
            plugin=selector.plugin, namespace=selector.ns, lease=selector.lease, reference=selector.reference
        ),
        instance=shown(intercept.plugin),
        snapshots=snapshots,
    )
