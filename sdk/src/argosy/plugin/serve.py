"""One plugin object on one unix socket: all that a plugin process needs."""

from __future__ import annotations

import asyncio
import os
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import anyio
from argosy_protos._service import ServiceBase
from argosy_protos.argosy.instance.v1 import GetInfoResponse

from argosy.about import About
from argosy.instance import Instance, Opened
from argosy.memory import Memory
from argosy.plugin.content import ContentServicer, ContentStore
from argosy.plugin.depots import Depot, DepotServicer
from argosy.plugin.diff import Differ, DiffServicer
from argosy.plugin.info import Info
from argosy.plugin.snapshots import SnapshotsServicer, Snapshotter
from argosy.roots import lock_root
from argosy.rpc.server import Server
from argosy.rpc.sockets import same_user

Plugin = Snapshotter | ContentStore | Differ | Depot | ServiceBase
"""What can be served: a plugin of one of containerd's types, a depot, or any gRPC service."""


def servicer(plugin: Plugin) -> Any:
    """Return the gRPC service for a plugin object. Raises TypeError for what is none."""
    if isinstance(plugin, Snapshotter):
        return SnapshotsServicer(plugin)
    if isinstance(plugin, ContentStore):
        return ContentServicer(plugin)
    if isinstance(plugin, Differ):
        return DiffServicer(plugin)
    if isinstance(plugin, Depot):
        return DepotServicer(plugin)
    if isinstance(plugin, ServiceBase):
        return plugin
    raise TypeError(f"{plugin!r} is no snapshotter, content store, differ, depot or gRPC service")


async def serve(plugin: Plugin, address: Path | str, *, name: str = "", root: Path | None = None) -> None:
    """Serve a plugin until cancelled, with health, reflection, argosy.service.v1 and argosy.instance.v1 beside it.

    name is what it is called; by default it calls itself as its class is called, and is registered under any name. root is the directory
    that holds what it keeps, by default its ``root`` where it has one: one process at a time serves it, and one gateway owns it.
    Raises FailedPrecondition when another process serves there, or has the root. Cancellation: calls get a moment to end.
    The plugin's ``close``, if it has one, is called at the end, however it comes.
    """
    info, name = Info(plugin, name), name or type(plugin).__name__
    root = root or getattr(plugin, "root", None)
    with ExitStack() as held:
        try:
            if root is not None:
                held.callback(os.close, lock_root(root, name))
        except BaseException:
            await close(plugin)
            raise
        server = Server([servicer(plugin)], allow=same_user)
        About(name, server, root=root).add()
        info.add(server)
        try:
            await _listen(server, Path(address))
        finally:
            await close(plugin)


async def serve_instance(
    opened: Opened, address: Path, name: str, kind: str, root: Path | None, *, standby: bool = False,
    debug: bool = False, info: Callable[[], GetInfoResponse] | None = None, ready: Callable[[], None] = lambda: None,
) -> None:  # fmt: skip
    """Do what ``serve`` does with what opened opens: it can be closed, and opened again, when another process is to have the root (``argosy.instance``).

    standby: begin without the root, until somebody says that it is to be claimed. It is opened once in a directory of its own, and closed
    again: callers wait while it claims, so what the first use loads is loaded now, and what can't be opened at all is no reason to ask another
    process for its root. debug: say that a debugger may hold it up. info returns what it says that it is; by default its kind.
    """
    server = Server(allow=same_user)
    instance = Instance(name, kind, server, root, opened, debug, info)
    About(name, server, root=root).add()
    instance.add()
    try:
        if not standby:
            # Before anything is opened: what a crash left is looked for by who has it.
            await instance.begin()
        elif root is not None:
            with tempfile.TemporaryDirectory(prefix="argosy-standby-") as scratch:
                async with opened(Path(scratch)):
                    pass
        await _listen(server, address, ready)
    finally:
        await instance.close()


async def _listen(server: Server, address: Path, ready: Callable[[], None] = lambda: None) -> None:
    """Serve until cancelled."""
    server.ended = Memory().used
    await server.listen_unix(address)
    try:
        ready()
        await asyncio.Event().wait()
    finally:
        with anyio.CancelScope(shield=True):
            await server.close(1.0)


async def close(plugin: object) -> None:
    """Call a plugin's ``close``, if it has one.

    Whoever made it for one call of ``serve`` has no name for it: what it holds open, a thread too, would keep the process from ending.
    """
    function = getattr(plugin, "close", None)
    if function is not None:
        with anyio.CancelScope(shield=True):
            await function()
