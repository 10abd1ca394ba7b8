"""Who may serve a plugin, and what is being changed about plugins: asked by whoever adds one, swaps one, or intercepts its calls."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import anyio
from argosy.errors import ArgosyError, DeadlineExceeded, InvalidArgument, Unavailable, Unimplemented
from argosy.names import check_identifier
from argosy.rpc import short
from argosy.rpc.sockets import MAX_PATH_BYTES
from argosy.tables import ProxyPlugin
from argosy_protos.containerd.services.content import v1 as content
from argosy_protos.containerd.services.mounts import v1 as mounts
from argosy_protos.containerd.services.snapshots import v1 as snapshots

from argosy_gateway.core import Core
from argosy_gateway.plugins.plugin import Plugin, connect

# How long a plugin that is to be registered may take to be connected to, and to answer what shows that it is one.
LOOK_S: Final = 2.0


async def look(name: str, config: ProxyPlugin) -> None:
    """Ask who is at a socket, if somebody is. Raises PermissionDenied for who may not serve it, InvalidArgument for who serves something else.

    One that is not there yet, does not answer or talks rubbish is no error here: its state will say so.
    """
    asked: tuple[str, Any] | None = {
        "snapshot": (f"{snapshots.SnapshotsBase.__service__}/Stat", snapshots.StatSnapshotRequest(snapshotter=name, key="none/0/none")),
        "content": (f"{content.ContentBase.__service__}/Info", content.InfoRequest(digest=f"sha256:{'0' * 64}")),
        "mounts": (f"{mounts.MountsBase.__service__}/Info", mounts.InfoRequest(name="none/0/none")),
    }.get(config.type)  # fmt: skip
    async with connect(name, config) as channel:
        try:
            await channel.connected(LOOK_S)
            if asked is not None:
                await channel.unary(f"/{asked[0]}", asked[1], bytes, timeout=LOOK_S)
        except (Unavailable, DeadlineExceeded):
            return
        except Unimplemented:
            assert asked is not None
            raise InvalidArgument(
                f"{channel.name} at {channel.path} does not serve {asked[0].partition('/')[0]}; give the socket of one that does"
            ) from None
        except ArgosyError as error:
            if error.unsent:
                raise


class Admission:
    """Says which plugins may come, and which are about to go."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self.writing = anyio.Lock()
        """Held while it is written down what plugins there are; never across a call to a plugin."""
        self._leaving: set[Plugin] = set()

    def check(self, name: str, config: ProxyPlugin, in_place_of: Plugin | None = None) -> None:
        """Raise what speaks against a plugin, whatever is at its socket: see ``Registration.add``."""
        check_identifier(name)
        core = self._core
        path = config.address.removeprefix("unix://")
        if not short.fits(path):
            raise InvalidArgument(
                f"socket path {path} is longer than {MAX_PATH_BYTES} bytes; have the plugin listen at a shorter one"
            )
        if path == str(core.settings.address):
            raise InvalidArgument(f"{path} is the gateway's own socket; give that of the plugin")
        core.registry.check_beside(name, config, in_place_of)
        if core.services is not None and in_place_of is None:
            core.services.check(name, config.services)

    def check_staying(self, plugin: Plugin) -> None:
        """Raise Unavailable for a plugin that is being removed."""
        if plugin in self._leaving:
            raise Unavailable(f'plugin "{plugin.name}" is being removed; look in a moment whether it is gone')

    @contextmanager
    def leaving(self, plugin: Plugin) -> Iterator[None]:
        """Have a plugin be one that is being removed, for as long as the block takes."""
        self._leaving.add(plugin)
        try:
            yield
        finally:
            self._leaving.discard(plugin)
