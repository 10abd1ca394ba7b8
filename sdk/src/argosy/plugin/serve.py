"""One plugin object on one unix socket: all that a plugin process needs."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from argosy.plugin.content import ContentServicer, ContentStore
from argosy.plugin.diff import Differ, DiffServicer
from argosy.plugin.snapshots import SnapshotsServicer, Snapshotter
from argosy.rpc.health import Health
from argosy.rpc.reflection import ReflectionV1, ReflectionV1Alpha
from argosy.rpc.server import Server
from argosy.rpc.sockets import same_user


def servicer(plugin: Snapshotter | ContentStore | Differ) -> Any:
    """Return the gRPC service for a plugin object."""
    if isinstance(plugin, Snapshotter):
        return SnapshotsServicer(plugin)
    if isinstance(plugin, ContentStore):
        return ContentServicer(plugin)
    return DiffServicer(plugin)


async def serve(plugin: Snapshotter | ContentStore | Differ, address: Path | str) -> None:
    """Serve a plugin until cancelled, with health and reflection beside it.

    Raises FailedPrecondition when another process serves there. Cancellation: calls get a moment to end.
    """
    server = Server([servicer(plugin)], allow=same_user)
    for shared in (Health(server), ReflectionV1(server), ReflectionV1Alpha(server)):
        server.add(shared)
    await server.listen_unix(Path(address))
    try:
        await asyncio.Event().wait()
    finally:
        await asyncio.shield(server.close(1.0))
