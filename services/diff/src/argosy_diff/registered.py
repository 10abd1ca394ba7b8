"""The stream processors that the daemon knows, whose layers these are: asked for with each layer of a type that is not built in."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from argosy.errors import FailedPrecondition, NotFound, Unimplemented, Unknown
from argosy.oci.layers import OPENED, bare
from argosy.plugin.diff.packing import SUPPORTED
from argosy.rpc.channel import Channel
from argosy.tables import PROCESSOR, StreamProcessor
from argosy_protos.argosy.plugins.v1 import ListRequest, PluginsStub

from argosy_diff.processors import Steps, resolve, resolve_push

_ANSWER_S: Final = 10.0
_DRAINING: Final = "draining"


class Registered:
    """Stream processors by their ids; the one that came last is asked first."""

    def __init__(
        self, daemon: Channel, own: Mapping[str, StreamProcessor], decoders: Mapping[str, StreamProcessor] | None = None
    ) -> None:
        """own are those of the differ's own settings: they are all there are where the daemon knows of none. decoders are asked after all others."""
        self._daemon, self._own, self._decoders = daemon, own, decoders or {}

    async def for_type(self, media_type: str) -> Mapping[str, StreamProcessor]:
        """Return those that take layers now; none for a type that is built in.

        Raises FailedPrecondition when the type's own is drained, Unavailable, DeadlineExceeded.
        """
        if bare(media_type) in OPENED:
            return {}
        found, drained = await self._all()
        if drained:
            _check(media_type, found, drained, resolve)
        return found

    async def to_make(self, media_type: str) -> Mapping[str, StreamProcessor]:
        """Return those that make layers now; none for a type that is packed without them.

        Raises FailedPrecondition when the type's own is drained, Unavailable, DeadlineExceeded.
        """
        if media_type in SUPPORTED:
            return {}
        found, drained = await self._all()
        if drained:
            _check(media_type, found, drained, _pushed)
        return found

    async def _all(self) -> tuple[dict[str, StreamProcessor], dict[str, StreamProcessor]]:
        """Return those that take layers now, and those that are drained."""
        # What is configured is asked before what is there by itself, and in its place where both have one name.
        own = {**{id: one for id, one in self._decoders.items() if id not in self._own}, **self._own}
        try:
            reply = await PluginsStub(self._daemon).list(ListRequest(), timeout=_ANSWER_S)
        except (Unimplemented, NotFound):
            return own, {}  # a daemon of another make
        found = own
        drained: dict[str, StreamProcessor] = {}
        for plugin in reply.plugins:
            table = plugin.table
            if table is None or table.type != PROCESSOR or not table.command:
                continue
            found.pop(table.name, None)
            (drained if plugin.state == _DRAINING else found)[table.name] = StreamProcessor(
                accepts=list(table.accepts), returns=table.returns, path=table.command[0], args=list(table.command[1:]),
                env=list(table.env), direction="push" if table.direction == "push" else "apply",
            )  # fmt: skip
        return found, drained


def _pushed(media_type: str, processors: Mapping[str, StreamProcessor]) -> Steps:
    return resolve_push(media_type, processors)[1]


def _check(
    media_type: str, found: Mapping[str, StreamProcessor], drained: Mapping[str, StreamProcessor],
    way: Callable[[str, Mapping[str, StreamProcessor]], Steps],
) -> None:  # fmt: skip
    """Raise FailedPrecondition for a type that leads nowhere, as way says, because a processor on its way is drained."""
    try:
        way(media_type, found)
    except (Unknown, Unimplemented) as error:
        try:
            chain = way(media_type, {**drained, **found})
        except (Unknown, Unimplemented):
            return  # that it leads nowhere is said by who unpacks it, or makes it
        name = next(name for name, _, _ in chain if name in drained)
        raise FailedPrecondition(
            f'a layer of the type {media_type} needs stream processor "{name}", which is drained; '
            f"undrain it by argosy plugin undrain processor/{name}, or add another"
        ) from error
