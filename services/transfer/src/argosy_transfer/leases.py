"""Streams that were opened under a lease go with it, as what a collection takes does; those without one stay until their client goes."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import anyio
from argosy.client import Client
from argosy.errors import ArgosyError
from argosy_protos.containerd.services.leases.v1 import ListRequest

from argosy_transfer.streams import Streams

# Leases say nothing when they go. They are looked at this often, while streams are open under some.
_LOOK_S: Final = 1.0
_ANSWER_S: Final = 10.0


async def close_with_their_leases(streams: Streams, gateway: Path) -> None:
    """Close streams whose leases are gone, as long as the service lives."""
    while True:
        await anyio.sleep(_LOOK_S)
        for namespace in {stream.namespace for stream in streams if stream.lease and stream.namespace}:
            asked = [stream for stream in streams if stream.lease and stream.namespace == namespace]
            try:
                async with Client(gateway, namespace) as client:
                    reply = await client.services.leases.list(ListRequest(), timeout=_ANSWER_S)
            except ArgosyError:
                continue  # the gateway is asked again
            there = {lease.id for lease in reply.leases}
            for stream in asked:
                if stream.lease not in there:
                    stream.end("its lease is gone")
