"""The two ends of a ttrpc connection as state machines: bytes in, events and bytes out, no IO."""

from __future__ import annotations

from typing import Final, NamedTuple

from argosy_protos._wire import DecodeError
from argosy_protos.lean.google.rpc import Status
from argosy_protos.lean.ttrpc import KeyValue, Request, Response

from argosy.fields import FLAT, count_in
from argosy.ttrpc.frames import DATA, NO_DATA, REMOTE_CLOSED, REMOTE_OPEN, REQUEST, RESPONSE, Decoder, encode

INVALID_ARGUMENT: Final = 3
RESOURCE_EXHAUSTED: Final = 8
UNIMPLEMENTED: Final = 12
# Of a length's 32 bits, the one that makes it negative where lengths have a sign.
_NEGATIVE: Final = 1 << 31
# Around a payload: names, a timeout, a few headers; a status with its details.
_MOST_FIELDS: Final = 4096
_REQUEST: Final = {5: FLAT}
_RESPONSE: Final = {1: {3: FLAT}}


class Incoming(NamedTuple):
    """A request that arrived."""

    stream: int
    service: str
    method: str
    payload: bytes
    timeout_ns: int
    metadata: dict[str, str]
    streaming: bool
    closed: bool
    """The client will send no data."""


class Data(NamedTuple):
    """One message on a stream; ``closed`` when the peer sends no more (payload is then empty unless it said so)."""

    stream: int
    payload: bytes | None
    closed: bool


class Answer(NamedTuple):
    """A response: code 0 is success."""

    stream: int
    code: int
    message: str
    payload: bytes


class ServerMachine:
    """The serving end. ``feed`` gives events; ``outgoing`` collects what it answers by itself."""

    def __init__(self, last: int = 0) -> None:
        """last is the number of the last stream, where another machine of this connection has served before."""
        self.outgoing = bytearray()
        self._decoder = Decoder()
        self._last = last
        self._open: dict[int, bool] = {}  # streams the client may still send on

    @property
    def last(self) -> int:
        """The number of the last stream."""
        return self._last

    def idle(self) -> bool:
        """Whether nothing is on its way: another machine could go on."""
        return not self.outgoing and not self._open and self._decoder.idle()

    def feed(self, data: bytes) -> list[Incoming | Data]:
        """Take bytes from the client. Protocol errors are answered on their stream, the connection lives on."""
        events: list[Incoming | Data] = []
        for frame in self._decoder.feed(data):
            if frame.oversize:
                self.respond_error(
                    frame.stream, RESOURCE_EXHAUSTED, f"message length {frame.oversize} exceed maximum message size"
                )
                continue
            if frame.stream % 2 == 0:
                self.respond_error(frame.stream, INVALID_ARGUMENT, "StreamID must be odd for client initiated streams")
                continue
            if frame.kind == REQUEST:
                event = self._request(frame.stream, frame.flags, frame.payload)
                if event is not None:
                    events.append(event)
            elif frame.kind == DATA:
                if frame.stream not in self._open:
                    if frame.stream > self._last:
                        self.respond_error(frame.stream, INVALID_ARGUMENT, "StreamID is not a known stream")
                    continue  # data that crossed our answer
                closed = bool(frame.flags & REMOTE_CLOSED)
                if closed:
                    del self._open[frame.stream]
                payload = None if frame.flags & NO_DATA or (closed and not frame.payload) else frame.payload
                events.append(Data(frame.stream, payload, closed))
            # Other types are for future versions; ttrpc peers ignore them.
        return events

    def _request(self, stream: int, flags: int, payload: bytes) -> Incoming | None:
        if stream <= self._last:
            self.respond_error(stream, INVALID_ARGUMENT, "StreamID cannot be re-used")
            return None
        self._last = stream
        try:
            if count_in(_REQUEST, payload, _MOST_FIELDS) > _MOST_FIELDS:
                self.respond_error(stream, RESOURCE_EXHAUSTED, f"the request has more than {_MOST_FIELDS} fields")
                return None
            request = Request.decode(payload)
        except DecodeError as error:
            self.respond_error(stream, INVALID_ARGUMENT, f"unmarshal error: {error}")
            return None
        streaming = bool(flags & (REMOTE_OPEN | REMOTE_CLOSED))
        closed = not flags & REMOTE_OPEN
        if not closed:
            self._open[stream] = True
        metadata: dict[str, str] = {}
        for pair in request.metadata:
            metadata.setdefault(pair.key.lower(), pair.value)
        return Incoming(
            stream, request.service, request.method, request.payload, request.timeout_nano, metadata, streaming, closed
        )

    def respond(self, stream: int, payload: bytes) -> None:
        """Answer a request with success; ends the stream."""
        self._open.pop(stream, None)
        self.outgoing += encode(stream, RESPONSE, 0, Response(payload=payload).encode())

    def respond_error(self, stream: int, code: int, message: str) -> None:
        """Answer a request with a status; ends the stream."""
        self._open.pop(stream, None)
        status = Status(code=code, message=message)
        self.outgoing += encode(stream, RESPONSE, 0, Response(status=status).encode())

    def send(self, stream: int, payload: bytes) -> None:
        """Send one message of a stream."""
        self.outgoing += encode(stream, DATA, 0, payload)

    def take(self) -> bytes:
        """Return and forget the bytes to write."""
        data = bytes(self.outgoing)
        self.outgoing.clear()
        return data


class ClientMachine:
    """The calling end."""

    def __init__(self) -> None:
        self.outgoing = bytearray()
        self._decoder = Decoder()
        self._next = 1

    def request(
        self, service: str, method: str, payload: bytes, timeout_ns: int = 0,
        metadata: dict[str, str] | None = None, streaming: bool = False, closed: bool = False,
    ) -> int:  # fmt: skip
        """Start a call; returns its stream id. Raises OversizeError, and then nothing was sent."""
        stream = self._next
        pairs = [KeyValue(key=k, value=v) for k, v in (metadata or {}).items()]
        request = Request(service=service, method=method, payload=payload, timeout_nano=timeout_ns, metadata=pairs)
        flags = (REMOTE_CLOSED if closed else REMOTE_OPEN) if streaming else 0
        self.outgoing += encode(stream, REQUEST, flags, request.encode())
        self._next += 2
        return stream

    def send(self, stream: int, payload: bytes) -> None:
        """Send one message of a stream."""
        self.outgoing += encode(stream, DATA, 0, payload)

    def close(self, stream: int) -> None:
        """Say that no more messages follow."""
        self.outgoing += encode(stream, DATA, REMOTE_CLOSED | NO_DATA, b"")

    def feed(self, data: bytes) -> list[Answer | Data]:
        """Take bytes from the server. Raises DecodeError when it does not keep to the protocol: the connection is of no use then.

        That is a malformed answer, a stream that was never opened, or a negative length. One that is too long fails its call only.
        """
        events: list[Answer | Data] = []
        for frame in self._decoder.feed(data):
            if frame.stream % 2 == 0 or frame.stream >= self._next:
                raise DecodeError(f"an answer on stream {frame.stream}, which was never opened")
            if frame.oversize >= _NEGATIVE:
                raise DecodeError(f"an answer of {frame.oversize - (1 << 32)} bytes")
            if frame.oversize:
                message = f"message length {frame.oversize} exceed maximum message size"
                events.append(Answer(frame.stream, RESOURCE_EXHAUSTED, message, b""))
            elif frame.kind == RESPONSE:
                if count_in(_RESPONSE, frame.payload, _MOST_FIELDS) > _MOST_FIELDS:
                    message = f"the answer has more than {_MOST_FIELDS} fields"
                    events.append(Answer(frame.stream, RESOURCE_EXHAUSTED, message, b""))
                    continue
                response = Response.decode(frame.payload)
                status = response.status
                code, message = (status.code, status.message) if status is not None else (0, "")
                events.append(Answer(frame.stream, code, message, response.payload))
            elif frame.kind == DATA:
                closed = bool(frame.flags & REMOTE_CLOSED)
                payload = None if frame.flags & NO_DATA or (closed and not frame.payload) else frame.payload
                events.append(Data(frame.stream, payload, closed))
        return events

    def take(self) -> bytes:
        """Return and forget the bytes to write."""
        data = bytes(self.outgoing)
        self.outgoing.clear()
        return data
