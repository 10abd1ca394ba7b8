"""argosy-content: a content store on a directory, as a process of its own."""

from __future__ import annotations

from collections.abc import Sequence

from argosy import log
from argosy.plugin.content import ContentServicer
from argosy.service import Service, ServiceContext, run
from argosy.settings import Settings
from argosy_protos._service import ServiceBase

from argosy_content.blobs import Blobs
from argosy_content.store import LocalStore


class ContentSettings(Settings):
    """Nothing beyond what every process can be told."""


async def start(ctx: ServiceContext[ContentSettings]) -> Sequence[ServiceBase]:
    blobs = Blobs(ctx.settings.root)
    gone = blobs.recover()
    if gone:
        log.get("content").info("content.recovered", ingests_removed=gone)
    store = LocalStore(blobs)
    ctx.gauges["open_refs"] = lambda: len(store.holds)
    ctx.gauges["oldest_hold_s"] = lambda: f"{store.holds.oldest_s():.3f}"
    return [ContentServicer(store)]


SERVICE = Service("content", ContentSettings, start)


def main() -> None:
    run(SERVICE)


if __name__ == "__main__":
    main()
