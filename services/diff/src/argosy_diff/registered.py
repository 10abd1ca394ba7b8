"""The stream processors that the daemon knows, whose layers these are: asked for with each layer of a type that is not built in."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from argosy.errors import FailedPrecondition, NotFound, Unimplemented, Unknown
from argosy.rpc.channel import Channel
from argosy.tables import PROCESSOR, StreamProcessor
from argosy.unpack.types import LAYERS
from argosy_protos.argosy.plugins.v1 import ListRequest, PluginsStub

from argosy_diff.processors import resolve

_ANSWER_S: Final = 10.0
_DRAINING: Final = "draining"


class Registered:
    """Stream processors by their ids; the one that came last is asked first."""

    def __init__(self, daemon: Channel, own: Mapping[str, StreamProcessor]) -> None:
        """own are those of the differ's own settings: they are all there are where the daemon knows of none."""
        self._daemon, self._own = daemon, own

    async def for_type(self, media_type: str) -> Mapping[str, StreamProcessor]:
        """Return those that take layers now; none for a type that is built in.

        Raises FailedPrecondition when the type's own is drained, Unavailable, DeadlineExceeded.
        """
        if media_type.partition(";")[0].strip() in LAYERS:
            return {}
        try:
            reply = await PluginsStub(self._daemon).list(ListRequest(), timeout=_ANSWER_S)
        except (Unimplemented, NotFound):
            return self._own  # a daemon of another make
        found = dict(self._own)
        drained: dict[str, StreamProcessor] = {}
        for plugin in reply.plugins:
            table = plugin.table
            if table is None or table.type != PROCESSOR or not table.command:
                continue
            found.pop(table.name, None)
            (drained if plugin.state == _DRAINING else found)[table.name] = StreamProcessor(
                accepts=list(table.accepts), returns=table.returns, path=table.command[0], args=list(table.command[1:]),
                env=list(table.env),
            )  # fmt: skip
        if drained:
            _check(media_type, found, drained)
        return found


def _check(media_type: str, found: Mapping[str, StreamProcessor], drained: Mapping[str, StreamProcessor]) -> None:
    """Raise FailedPrecondition for a type that leads nowhere because a processor on its way is drained."""
    try:
        resolve(media_type, found)
    except Unknown as error:
        try:
            chain = resolve(media_type, {**drained, **found})
        except Unknown:
            return  # that it leads nowhere is said by who unpacks it
        name = next(name for name, _, _ in chain if name in drained)
        raise FailedPrecondition(
            f'a layer of the type {media_type} needs stream processor "{name}", which is drained; '
            f"undrain it by argosy plugin undrain processor/{name}, or add another"
        ) from error
