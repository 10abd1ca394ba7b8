"""The exchange: what happened, numbered, to everybody who asked, in the order it happened."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Sequence
from contextlib import contextmanager
from typing import Final

from argosy import log
from argosy.errors import InvalidArgument, ResourceExhausted
from argosy.filters import Filter
from argosy.names import check_namespace, check_topic
from argosy.timestamps import now_ns, to_wire
from argosy.typeurl import unpack
from argosy_protos._message import Message
from argosy_protos.containerd.types import Envelope
from argosy_protos.google.protobuf import Any as AnyMessage

logger = log.get("gateway.events")

# A subscriber that is this many events behind is cut off rather than allowed to fill memory.
_BACKLOG: Final = 1 << 16


def _payload_field(message: object, path: Sequence[str]) -> str | None:
    """Return a text field of an event's payload; numbers and times are not filterable."""
    value: object = message
    for i, part in enumerate(path):
        if isinstance(value, dict):
            found = value.get(".".join(path[i:]), value.get(part))
            if found is value.get(".".join(path[i:])) and isinstance(found, str):
                return found or None
            value = found
        elif isinstance(value, Message):
            value = getattr(value, part, None)
        else:
            return None
    return value or None if isinstance(value, str) else None


class Subscription:
    """One subscriber's queue; it takes events from the moment it is made."""

    def __init__(self, filter: Filter) -> None:
        self._filter = filter
        self._queue: deque[Envelope] = deque()
        self._ready = asyncio.Event()
        self._overrun = False

    def offer(self, envelope: Envelope, payload: Message | dict[str, object] | None) -> None:
        def look(path: Sequence[str]) -> str | None:
            if list(path) == ["namespace"]:
                return envelope.namespace or None
            if list(path) == ["topic"]:
                return envelope.topic or None
            if path[0] == "event" and payload is not None:
                return _payload_field(payload, path[1:])
            return None

        if self._overrun or not self._filter.matches(look):
            return
        if len(self._queue) >= _BACKLOG:
            self._overrun = True
            self._queue.clear()
        else:
            self._queue.append(envelope)
        self._ready.set()

    async def __aiter__(self) -> AsyncIterator[Envelope]:
        while True:
            if self._overrun:
                raise ResourceExhausted(
                    f"this subscriber fell {_BACKLOG} events behind; subscribe again and look at the state"
                )
            if self._queue:
                yield self._queue.popleft()
                continue
            self._ready.clear()
            await self._ready.wait()


class Exchange:
    """Publishes to subscribers. ``sequence`` is the number of the last event."""

    def __init__(self) -> None:
        self._subscriptions: set[Subscription] = set()
        self.sequence = 0

    def publish(self, ns: str, topic: str, name: str, event: Message) -> None:
        """Say that something happened now. name is the event's full proto name."""
        self.forward(
            Envelope(
                timestamp=to_wire(now_ns()), namespace=ns, topic=topic, event=AnyMessage(type_url=name, value=event.encode())
            )
        )

    def forward(self, envelope: Envelope) -> None:
        """Pass on what somebody else says happened. Raises FailedPrecondition, InvalidArgument."""
        check_namespace(envelope.namespace)
        check_topic(envelope.topic)
        if envelope.timestamp is None or not (envelope.timestamp.seconds or envelope.timestamp.nanos):
            raise InvalidArgument(f'event "{envelope.topic}" has no timestamp')
        self.sequence += 1
        if not self._subscriptions:
            return
        payload = unpack(envelope.event) if envelope.event is not None else None
        for subscription in list(self._subscriptions):
            subscription.offer(envelope, payload)

    @contextmanager
    def subscribe(self, filter: Filter):  # type: ignore[no-untyped-def] # a context manager over Subscription
        """Yield a Subscription that lasts as long as the block."""
        subscription = Subscription(filter)
        self._subscriptions.add(subscription)
        try:
            yield subscription
        finally:
            self._subscriptions.discard(subscription)
