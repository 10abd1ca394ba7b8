"""One plugin object on one unix socket: all that a plugin process needs."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import anyio
from argosy_protos._service import ServiceBase

from argosy.about import About
from argosy.memory import Memory
from argosy.plugin.content import ContentServicer, ContentStore
from argosy.plugin.diff import Differ, DiffServicer
from argosy.plugin.snapshots import SnapshotsServicer, Snapshotter
from argosy.roots import lock_root
from argosy.rpc.server import Server
from argosy.rpc.sockets import same_user

Plugin = Snapshotter | ContentStore | Differ | ServiceBase
"""What can be served: a plugin of one of containerd's types, or any gRPC service."""


def servicer(plugin: Plugin) -> Any:
    """Return the gRPC service for a plugin object. Raises TypeError for what is none."""
    if isinstance(plugin, Snapshotter):
        return SnapshotsServicer(plugin)
    if isinstance(plugin, ContentStore):
        return ContentServicer(plugin)
    if isinstance(plugin, Differ):
        return DiffServicer(plugin)
    if isinstance(plugin, ServiceBase):
        return plugin
    raise TypeError(f"{plugin!r} is no snapshotter, content store, differ or gRPC service")


async def serve(plugin: Plugin, address: Path | str, *, name: str = "", root: Path | None = None) -> None:
    """Serve a plugin until cancelled, with health, reflection and argosy.service.v1 beside it, as our own services do.

    name is what it calls itself, by default its class's. root is the directory that holds what it keeps, by default its ``root`` where it
    has one: one process at a time serves it, and one gateway owns it.
    Raises FailedPrecondition when another process serves there, or has the root. Cancellation: calls get a moment to end.
    The plugin's ``close``, if it has one, is called at the end, however it comes.
    """
    name = name or type(plugin).__name__
    root = root or getattr(plugin, "root", None)
    with ExitStack() as held:
        try:
            if root is not None:
                held.callback(os.close, lock_root(root, name))
        except BaseException:
            await close(plugin)
            raise
        await serve_locked(plugin, Path(address), name, root)


async def serve_locked(
    plugin: Plugin, address: Path, name: str, root: Path | None, ready: Callable[[], None] = lambda: None
) -> None:
    """Do what ``serve`` does, for who has locked the root; ready is called when the plugin can be called."""
    server = Server([servicer(plugin)], allow=same_user)
    About(name, server, root=root).add()
    server.ended = Memory().used
    try:
        await server.listen_unix(address)
        try:
            ready()
            await asyncio.Event().wait()
        finally:
            with anyio.CancelScope(shield=True):
                await server.close(1.0)
    finally:
        await close(plugin)


async def close(plugin: object) -> None:
    """Call a plugin's ``close``, if it has one.

    Whoever made it for one call of ``serve`` has no name for it: what it holds open, a thread too, would keep the process from ending.
    """
    function = getattr(plugin, "close", None)
    if function is not None:
        with anyio.CancelScope(shield=True):
            await function()
