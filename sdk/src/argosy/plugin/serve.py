"""One plugin object on one unix socket: all that a plugin process needs."""

from __future__ import annotations

import asyncio
import os
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from argosy.about import About
from argosy.memory import Memory
from argosy.plugin.content import ContentServicer, ContentStore
from argosy.plugin.diff import Differ, DiffServicer
from argosy.plugin.snapshots import SnapshotsServicer, Snapshotter
from argosy.roots import lock_root
from argosy.rpc.server import Server
from argosy.rpc.sockets import same_user


def servicer(plugin: Snapshotter | ContentStore | Differ) -> Any:
    """Return the gRPC service for a plugin object."""
    if isinstance(plugin, Snapshotter):
        return SnapshotsServicer(plugin)
    if isinstance(plugin, ContentStore):
        return ContentServicer(plugin)
    return DiffServicer(plugin)


async def serve(
    plugin: Snapshotter | ContentStore | Differ, address: Path | str, *, name: str = "", root: Path | None = None
) -> None:
    """Serve a plugin until cancelled, with health, reflection and argosy.service.v1 beside it, as our own services do.

    name is what it calls itself, by default its class's. root is the directory that holds what it keeps, by default its ``root`` where it
    has one: one process at a time serves it, and one gateway owns it.
    Raises FailedPrecondition when another process serves there, or has the root. Cancellation: calls get a moment to end.
    The plugin's ``close``, if it has one, is called at the end, however it comes.
    """
    name = name or type(plugin).__name__
    root = root or getattr(plugin, "root", None)
    server = Server([servicer(plugin)], allow=same_user)
    About(name, server, root=root).add()
    server.ended = Memory().used
    with ExitStack() as held:
        try:
            if root is not None:
                held.callback(os.close, lock_root(root, name))
            await server.listen_unix(Path(address))
            try:
                await asyncio.Event().wait()
            finally:
                await asyncio.shield(server.close(1.0))
        finally:
            # Whoever made it for this call has no name for it: what it holds open, a thread too, would keep the process from ending.
            close = getattr(plugin, "close", None)
            if close is not None:
                await close()
