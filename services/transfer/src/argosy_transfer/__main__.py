"""argosy-transfer: pulls, pushes, imports and exports for clients, as a process of its own."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

from argosy.loops import keep_going
from argosy.rpc.engine import SHARED
from argosy.service import ServiceContext, run

from argosy_transfer.leases import close_with_their_leases
from argosy_transfer.service import SERVICE, TransferSettings
from argosy_transfer.streams import Streams


async def start(ctx: ServiceContext[TransferSettings]) -> Sequence[Any]:
    # What speaks to registries is large. It is imported here, in our own process, which ends when unused, and not in the one that all services are forked from.
    from argosy.client.ranges import LANES

    from argosy_transfer.bindir import Bindir
    from argosy_transfer.servicer import StreamingServicer, TransferServicer

    # What clients send to streams that nobody reads yet stands on the gateway's one connection, and must not fill it.
    ctx.server.windows = SHARED
    LANES.resize(ctx.settings.lanes)
    streams = Streams()
    ctx.gauges["streams"] = lambda: len(streams)
    ctx.tasks.start_soon(keep_going, "leases of streams", partial(close_with_their_leases, streams, ctx.settings.gateway))
    return [
        StreamingServicer(streams, ctx.settings.streams),
        TransferServicer(ctx.settings, streams),
        Bindir(ctx.settings.image_verifiers),
    ]


def main() -> None:
    run(SERVICE)


if __name__ == "__main__":
    main()
