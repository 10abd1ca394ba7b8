"""The daemon above: which one it is, which containers it has a record of, and where events go."""

from __future__ import annotations

import asyncio
import time
from enum import Enum
from typing import Final

from argosy import log
from argosy.errors import ArgosyError, NotFound, Unimplemented
from argosy.names import NAMESPACE_HEADER
from argosy.rpc.channel import Channel
from argosy.timestamps import now_ns, to_wire
from argosy_protos._message import Message
from argosy_protos.containerd.services.containers.v1 import ContainersStub, GetContainerRequest
from argosy_protos.containerd.services.events.v1 import EventsStub, ForwardRequest
from argosy_protos.containerd.services.introspection.v1 import IntrospectionStub
from argosy_protos.containerd.types import Envelope
from argosy_protos.google.protobuf import Any as AnyMessage
from argosy_protos.google.protobuf import Empty

logger = log.get("tasks")

# One that starts together with us answers within this; one that does not is not waited for.
WAIT_S: Final = 5.0
_CALL_S: Final = 5.0


class Standing(Enum):
    """Whether the container of a task that was found at a start still has its record."""

    THERE = "there"
    DELETED = "deleted"
    """The gateway that the task was made for has no record of it any more."""
    STRANGE = "strange"
    """There is no record, but the task was made for another gateway, or nobody knows for which."""
    UNSAID = "unsaid"
    """The gateway does not answer."""


class Gateway:
    """The calls of the task manager to its daemon, to containerd's own services."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self._containers, self._events = ContainersStub(channel), EventsStub(channel)
        self._introspection = IntrospectionStub(channel)
        self._uuid = ""
        self._asked_on = -1

    async def uuid(self) -> str:
        """Return the gateway's uuid, which goes with its metadata; nothing when it has none. Asked once a connection.

        Raises Unavailable, DeadlineExceeded.
        """
        connection = self._channel.connections
        if connection == self._asked_on and self._channel.is_connected:
            return self._uuid
        try:
            uuid: str = (await self._introspection.server(Empty(), timeout=_CALL_S)).uuid
        except Unimplemented:
            uuid = ""
        if connection == self._channel.connections:
            self._uuid, self._asked_on = uuid, connection
        return uuid

    async def standing(self, namespace: str, id: str, made_for: str) -> Standing:
        """Return what can be said of a container. made_for is the uuid of the gateway that its task was made for."""
        deadline = time.monotonic() + WAIT_S
        while True:
            try:
                if await self._has(namespace, id):
                    return Standing.THERE
                # Asked after that answer: by a gateway that came meanwhile, the task is not taken for a deleted one.
                return Standing.DELETED if made_for and made_for == await self.uuid() else Standing.STRANGE
            except ArgosyError:
                if time.monotonic() > deadline:
                    return Standing.UNSAID
            await asyncio.sleep(0.1)

    async def _has(self, namespace: str, id: str) -> bool:
        try:
            await self._containers.get(GetContainerRequest(id=id), timeout=_CALL_S, metadata={NAMESPACE_HEADER: namespace})
        except NotFound:
            return False
        return True

    async def publish(self, namespace: str, topic: str, name: str, event: Message) -> None:
        """Tell the world of an event. name is its full proto name. One that can't be told is logged."""
        envelope = Envelope(
            timestamp=to_wire(now_ns()),
            namespace=namespace,
            topic=topic,
            event=AnyMessage(type_url=name, value=event.encode()),
        )
        try:
            await self._events.forward(
                ForwardRequest(envelope=envelope), timeout=_CALL_S, metadata={NAMESPACE_HEADER: namespace}
            )
        except ArgosyError as error:
            logger.warning("event.lost", topic=topic, namespace=namespace, error=str(error))
