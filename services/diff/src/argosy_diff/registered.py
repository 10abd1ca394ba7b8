"""The stream processors that the daemon knows, whose layers these are: asked for with each layer of a type that is not built in."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from argosy.errors import NotFound, Unimplemented
from argosy.rpc.channel import Channel
from argosy.tables import PROCESSOR, StreamProcessor
from argosy.unpack.types import LAYERS
from argosy_protos.argosy.plugins.v1 import ListRequest, PluginsStub

_ANSWER_S: Final = 10.0
_DRAINING: Final = "draining"


class Registered:
    """Stream processors by their ids; the one that came last is asked first."""

    def __init__(self, daemon: Channel, own: Mapping[str, StreamProcessor]) -> None:
        """own are those of the differ's own settings: they are all there are where the daemon knows of none."""
        self._daemon, self._own = daemon, own

    async def for_type(self, media_type: str) -> Mapping[str, StreamProcessor]:
        """Return those that take layers now; none for a type that is built in. Raises Unavailable, DeadlineExceeded."""
        if media_type.partition(";")[0].strip() in LAYERS:
            return {}
        try:
            reply = await PluginsStub(self._daemon).list(ListRequest(), timeout=_ANSWER_S)
        except (Unimplemented, NotFound):
            return self._own  # a daemon of another make
        found = dict(self._own)
        for plugin in reply.plugins:
            table = plugin.table
            if table is None or table.type != PROCESSOR or not table.command:
                continue
            found.pop(table.name, None)
            if plugin.state != _DRAINING:
                found[table.name] = StreamProcessor(
                    accepts=list(table.accepts), returns=table.returns, path=table.command[0], args=list(table.command[1:]),
                    env=list(table.env),
                )  # fmt: skip
        return found
