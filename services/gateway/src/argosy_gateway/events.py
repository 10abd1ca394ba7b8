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

# A subscriber that is so far behind is cut off rather than allowed to fill memory: some 50000 ordinary events.
_BACKLOG_BYTES: Final = 16 << 20
# Of an event beside its bytes: the object that holds them, and its place in a queue.
_EVENT_BYTES: Final = 64


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
    """One subscriber's queue of encoded envelopes; it takes events from the moment it is made.

    It holds ``_BACKLOG_BYTES`` at most, but for one event that is larger than that by itself. When an event has no room any more, what was
    queued goes at once, whether or not the subscriber reads again; the next thing that it is told is why.
    """

    def __init__(self, filter: Filter) -> None:
        self._filter = filter
        self._queue: deque[bytes] = deque()
        self._held = 0
        self._ready = asyncio.Event()
        self.overrun: ResourceExhausted | None = None
        """Why it takes no more."""

    def wants(self, envelope: Envelope, payload: Message | dict[str, object] | None) -> bool:
        """Return whether its filter matches."""

        def look(path: Sequence[str]) -> str | None:
            if list(path) == ["namespace"]:
                return envelope.namespace or None
            if list(path) == ["topic"]:
                return envelope.topic or None
            if path[0] == "event" and payload is not None:
                return _payload_field(payload, path[1:])
            return None

        return self._filter.matches(look)

    def offer(self, event: bytes) -> None:
        """Queue an encoded envelope, which other queues may hold, too."""
        size = len(event) + _EVENT_BYTES
        if self._queue and self._held + size > _BACKLOG_BYTES:
            self.overrun = ResourceExhausted(
                f"this subscriber read too slowly: {len(self._queue)} events of {self._held >> 10} KiB waited for it, and were dropped; "
                "subscribe again and look at the state"
            )
            self._queue.clear()
            self._held = 0
        else:
            self._queue.append(event)
            self._held += size
        self._ready.set()

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while True:
            if self.overrun is not None:
                raise self.overrun
            if self._queue:
                event = self._queue.popleft()
                self._held -= len(event) + _EVENT_BYTES
                yield event
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
        encoded: bytes | None = None
        for subscription in list(self._subscriptions):
            if subscription.wants(envelope, payload):
                encoded = encoded or envelope.encode()
                subscription.offer(encoded)
                if subscription.overrun is not None:
                    self._subscriptions.discard(subscription)
                    logger.warning("events.subscriber_cut_off", reason=subscription.overrun.message)

    @contextmanager
    def subscribe(self, filter: Filter):  # type: ignore[no-untyped-def] # a context manager over Subscription
        """Yield a Subscription that lasts as long as the block."""
        subscription = Subscription(filter)
        self._subscriptions.add(subscription)
        try:
            yield subscription
        finally:
            self._subscriptions.discard(subscription)
