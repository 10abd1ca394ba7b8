"""argosy-content: a content store on a directory, as a process of its own."""

from __future__ import annotations

from collections.abc import Sequence

from argosy import log
from argosy.plugin.content import ContentServicer
from argosy.plugin.content.blobs import Blobs
from argosy.plugin.content.local import LocalStore
from argosy.service import ServiceContext, run
from argosy.store.reserve import Reserve
from argosy_protos._service import ServiceBase
from argosy_protos.argosy.content.v1 import IngestsBase, PlaceRequest, PlaceResponse

from argosy_content.service import SERVICE, ContentSettings


class Ingests(IngestsBase):
    """argosy.content.v1.Ingests: the paths of open ingests, for clients that write them themselves."""

    def __init__(self, store: LocalStore) -> None:
        self._store = store

    async def place(self, request: PlaceRequest) -> PlaceResponse:
        path, device, inode = await self._store.place(request.ref)
        return PlaceResponse(path=str(path), device=device, inode=inode)


async def start(ctx: ServiceContext[ContentSettings]) -> Sequence[ServiceBase]:
    blobs = Blobs(ctx.settings.root)
    # Its owner must be noted before anything can be removed, also on a full disk.
    Reserve(blobs.blobs).take()
    gone = blobs.recover()
    if gone:
        log.get("content").info("content.recovered", ingests_removed=gone)
    store = LocalStore(blobs)
    ctx.gauges["open_refs"] = lambda: len(store.holds)
    ctx.gauges["oldest_hold_s"] = lambda: f"{store.holds.oldest_s():.3f}"
    return [ContentServicer(store), Ingests(store)]


def main() -> None:
    run(SERVICE)


if __name__ == "__main__":
    main()
