"""The streams that clients have opened, by namespace and id, until somebody uses them, and their client or their lease goes.

    opened ── taken by a transfer ──► used ── closed by it ──► over
       │                                │
       └── its client, or its lease, goes ┴──────────────────► over: whoever uses it is told

A stream's messages are read by whoever uses it, straight off the wire: nothing is kept here, and a client whose stream nobody reads is held back by
its own connection.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import anyio
from argosy.errors import Cancelled, InvalidArgument, NotFound, Unknown
from argosy.rpc.server import ServerStream
from argosy_protos.google.protobuf import Any as AnyMessage
from grpclib.exceptions import StreamTerminatedError

_MOST_ID_BYTES: Final = 1024


class Stream:
    """One stream, as the transfer that uses it sees it."""

    def __init__(self, namespace: str, id: str, lease: str, wire: ServerStream) -> None:
        self.namespace, self.id, self.lease = namespace, id, lease
        self.is_taken = False
        self.gone = ""
        """Why nobody is at its other end any more."""
        self.over = anyio.Event()
        self._wire = wire
        self._waits: set[anyio.CancelScope] = set()

    async def receive(self) -> AnyMessage | None:
        """Return the client's next message; None when it has said its last. Raises Cancelled when the client or its lease is gone."""
        with self._while_it_is_there():
            try:
                message: AnyMessage | None = await self._wire.recv_message()
            except StreamTerminatedError:
                self.end("its client is gone")
            else:
                return message
        raise Cancelled(f'stream "{self.id}" is over: {self.gone or "its client is gone"}')

    async def send(self, message: AnyMessage) -> None:
        """Send a message; waits while more than 1 MiB is unread by the peer. Raises Cancelled when the client or its lease is gone."""
        with self._while_it_is_there():
            try:
                await self._wire.send_message(message)
            except StreamTerminatedError:
                self.end("its client is gone")
            else:
                return
        raise Cancelled(f'stream "{self.id}" is over: {self.gone or "its client is gone"}')

    @contextmanager
    def _while_it_is_there(self) -> Iterator[None]:
        """Give up what is waited for in the block when the other end goes."""
        if self.gone or self.over.is_set():
            raise Cancelled(f'stream "{self.id}" is over: {self.gone or "it was closed"}')
        with anyio.CancelScope() as scope:
            self._waits.add(scope)
            try:
                yield
            finally:
                self._waits.discard(scope)

    def end(self, why: str) -> None:
        """Note that its other end is gone; who waits for it is told."""
        self.gone = self.gone or why
        self.over.set()
        for scope in list(self._waits):
            scope.cancel()

    def close(self) -> None:
        """Say that no more will come: the client's call ends in order."""
        self.over.set()


class Streams:
    """All streams, by namespace and id."""

    def __init__(self) -> None:
        self._open: dict[tuple[str, str], Stream] = {}

    def __len__(self) -> int:
        return len(self._open)

    def __iter__(self) -> Iterator[Stream]:
        return iter(list(self._open.values()))

    def register(self, stream: Stream) -> None:
        """Make a stream known. Raises Unknown for an id that is taken, as containerd does; InvalidArgument."""
        if not stream.id or len(stream.id.encode()) > _MOST_ID_BYTES:
            raise InvalidArgument(f"a stream's id has 1 to {_MOST_ID_BYTES} bytes")
        if (stream.namespace, stream.id) in self._open:
            raise Unknown("already exists")
        self._open[stream.namespace, stream.id] = stream

    def drop(self, stream: Stream) -> None:
        """Forget a stream: its id is free again."""
        if self._open.get((stream.namespace, stream.id)) is stream:
            del self._open[stream.namespace, stream.id]

    def take(self, namespace: str, id: str) -> Stream:
        """Return a stream that nobody has used yet. Raises NotFound in containerd's words, which name nothing."""
        found = self._open.get((namespace, id))
        if found is None or found.is_taken or found.gone:
            raise NotFound("")
        found.is_taken = True
        return found

    def end_all(self) -> None:
        """End every stream: the service does."""
        for stream in self:
            stream.end("the service stops")
