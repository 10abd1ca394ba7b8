"""What is done for a pair of containerd's messages: by the client library, against the gateway's own socket.

Which pairs there are is decided by ``argosy.client.transfers``.
"""

from __future__ import annotations

from contextlib import AsyncExitStack
from typing import Final

from argosy.client.transfers import NotServed, Wish, transfer, way
from argosy_protos._message import Message
from argosy_protos.argosy.transfer import v1 as ours
from argosy_protos.containerd.types import transfer as p

from argosy_transfer.images import platforms
from argosy_transfer.jobs import Job
from argosy_transfer.sinks import SINKS
from argosy_transfer.sources import SOURCES

_OURS: Final = (ours.Blob, ours.Layout, ours.Stored, p.WriteStream)


async def run(job: Job, source: Message, destination: Message) -> None:
    """Do what a pair stands for. Raises NotServed, and what comes of it."""
    begin, end = SOURCES.get(type(source)), SINKS.get(type(destination))
    if begin is None or end is None or way(begin[0], end[0]) is None:
        raise NotServed("nothing is done for it")
    said = source.platforms if isinstance(source, p.ImageStore) else ()
    async with AsyncExitStack() as stack:
        wish = Wish(platforms(said), job.teller.watch)
        opened = await begin[1](job, source, stack)
        sink = await end[1](job, destination, stack)
        if not isinstance(destination, _OURS):
            await transfer(opened, sink, wish)  # they have their own words
            return
        job.teller.root = opened.called
        job.teller.status(f"Transferring to {sink.called}")
        found = await transfer(opened, sink, wish)
        job.teller.completed(f"Completed transfer to {sink.called}", found)
