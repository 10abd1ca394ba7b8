"""HTTP/2 without IO, behind one small interface: nghttp2 (``ngh2``) by default, pure ``h2`` by ``ARGOSY_H2=h2``.

Both engines queue outgoing data themselves, obey the peer's flow control, and give receive credit back only when
``acknowledge`` says that bytes were consumed.
"""

from __future__ import annotations

import os
import time
from collections import deque
from collections.abc import Iterator, Sequence
from typing import Any, Final, NamedTuple, Protocol

from argosy.errors import InvalidArgument

Headers = Sequence[tuple[bytes, bytes]]

# One stream may run this far ahead of its reader: half of the largest message, so that a reader never waits for credit.
STREAM_WINDOW_BYTES: Final = 8 << 20
# All streams of a connection together; four full windows.
CONNECTION_WINDOW_BYTES: Final = 32 << 20


class Windows(NamedTuple):
    """How many bytes a peer may send that nobody has read yet, on one stream and on all of a connection."""

    stream: int
    connection: int


WINDOWS: Final = Windows(STREAM_WINDOW_BYTES, CONNECTION_WINDOW_BYTES)
# For connections that many callers share and whose streams may stand still by their nature, since who reads them is a peer's peer: as much on all as all can
# have on theirs, or a few that are not read would stop the others.
SHARED: Final = Windows(256 << 10, 1 << 30)
# For one that passes on what it reads to somebody who may stand still: what waits meanwhile is one message.
PASSING: Final = Windows(1 << 20, CONNECTION_WINDOW_BYTES)
# Every running container holds a Wait stream, and every kubelet hundreds of watches.
MAX_CONCURRENT_STREAMS: Final = 4096
MAX_HEADER_LIST_BYTES: Final = 16 << 10
# A peer that overlooks that fails its own call; one that sends so much is no client, and its connection ends.
HARD_HEADER_LIST_BYTES: Final = 256 << 10
# What a field of a header costs beside its bytes (RFC 9113, 6.5.2).
FIELD_BYTES: Final = 32
# What one takes here: two tuples, with two texts each.
_FIELD_MEMORY: Final = 280
# Headers that differ from call to call where all else is the same: what is remembered by its headers is remembered without them.
OF_ONE_CALL: Final = frozenset((b"grpc-timeout", b"containerd-lease", b"traceparent", b"tracestate", b"baggage"))
MAX_FRAME_BYTES: Final = 1 << 20
# Clients that cancel a lot are ordinary (every content.ReaderAt does); a flood is thousands a second.
RESET_BURST, RESETS_PER_SECOND = 20_000, 5_000

_FRAME_BYTES: Final = 9
_GOAWAY: Final = 7
_LAST_STREAM: Final = (1 << 31) - 1

NO_ERROR: Final = 0
INTERNAL_ERROR: Final = 2
CANCEL: Final = 8
ENHANCE_YOUR_CALM: Final = 11


def size_of(headers: Headers) -> int:
    """Return what a list of headers counts against a peer's limit."""
    return sum(len(name) + len(value) + FIELD_BYTES for name, value in headers)


def memory_of(headers: Headers) -> int:
    """Return about how many bytes of memory a list of headers takes together with what was made of it: the objects more than the texts."""
    return sum(2 * (len(name) + len(value)) + _FIELD_MEMORY for name, value in headers)


class ConnectionFault(Exception):
    """Raised when the peer broke HTTP/2 in a way that ends the connection."""


class Sink(Protocol):
    """Where an engine reports what the peer did."""

    def on_headers(self, sid: int, headers: tuple[tuple[bytes, bytes], ...], end: bool) -> None: ...
    def on_trailers(self, sid: int, headers: tuple[tuple[bytes, bytes], ...]) -> None: ...
    def on_data(self, sid: int, data: bytes, end: bool) -> None: ...
    def on_closed(self, sid: int, code: int) -> None: ...
    def on_room(self) -> None: ...
    def on_goaway(self, last_sid: int) -> None: ...


class Engine(Protocol):
    """One connection's protocol state."""

    def receive(self, data: bytes) -> None:
        """Take bytes from the peer and report events. Raises ConnectionFault."""

    def outgoing(self) -> bytes: ...
    def request(self, headers: Headers, end: bool) -> int: ...
    def respond(self, sid: int, headers: Headers, end: bool) -> None: ...
    def data(self, sid: int, data: bytes | memoryview, end: bool) -> None: ...
    def end(self, sid: int) -> None: ...
    def trailers(self, sid: int, headers: Headers) -> None: ...
    def reset(self, sid: int, code: int) -> None: ...
    def acknowledge(self, sid: int, size: int) -> None: ...
    def queued(self, sid: int | None = None) -> int:
        """Return how many bytes of a stream, or of all, wait for the peer's credit."""

    def goaway(self) -> None: ...
    def over(self) -> bool:
        """Whether there is nothing more to send or to be heard: the connection may be closed."""


class NgEngine:
    """The interface on nghttp2."""

    def __init__(self, server: bool, sink: Sink, windows: Windows = WINDOWS) -> None:
        from ngh2 import Connection, NGH2Error
        from ngh2.config import Configuration, Role
        from ngh2.enums import Setting
        from ngh2.events import (
            DataReceived,
            GoAwayReceived,
            RequestReceived,
            ResponseReceived,
            SettingsReceived,
            StreamClosed,
            TrailersReceived,
            WindowUpdated,
        )

        self._fault = NGH2Error
        self._sink = sink
        self._c = Connection(
            Role.SERVER if server else Role.CLIENT,
            Configuration(
                auto_window_update=False,
                stream_reset_rate_limit=(RESET_BURST, RESETS_PER_SECOND),
                peer_max_concurrent_streams=MAX_CONCURRENT_STREAMS,
                max_inbound_header_list_size=HARD_HEADER_LIST_BYTES,
                max_inbound_header_count=HARD_HEADER_LIST_BYTES // FIELD_BYTES,
            ),
        )
        settings = {
            Setting.INITIAL_WINDOW_SIZE: windows.stream,
            Setting.MAX_FRAME_SIZE: MAX_FRAME_BYTES,
            Setting.MAX_HEADER_LIST_SIZE: MAX_HEADER_LIST_BYTES,
        }
        if server:
            settings[Setting.MAX_CONCURRENT_STREAMS] = MAX_CONCURRENT_STREAMS
        self._c.initiate_connection(settings)
        self._c.set_local_window_size(windows.connection)
        room = lambda e: sink.on_room()  # noqa: E731 - one row of the table below
        self._rows: dict[type[Any], Any] = {
            DataReceived: lambda e: sink.on_data(e.stream_id, e.data, e.end_stream),
            RequestReceived: lambda e: sink.on_headers(e.stream_id, e.headers, e.end_stream),
            ResponseReceived: lambda e: sink.on_headers(e.stream_id, e.headers, e.end_stream),
            TrailersReceived: lambda e: sink.on_trailers(e.stream_id, e.headers),
            StreamClosed: lambda e: sink.on_closed(e.stream_id, e.error_code),
            WindowUpdated: room,
            SettingsReceived: room,
            GoAwayReceived: lambda e: sink.on_goaway(e.last_stream_id),
        }

    def receive(self, data: bytes) -> None:
        try:
            self._c.receive_data(data)
        except self._fault as error:
            self._dispatch()
            raise ConnectionFault(str(error)) from error
        self._dispatch()

    def _dispatch(self) -> None:
        rows = self._rows
        for event in self._c.events():
            row = rows.get(event.__class__)
            if row is not None:
                row(event)

    def outgoing(self) -> bytes:
        try:
            data = self._c.data_to_send()
        except self._fault:
            return b""  # what it broke at is told already, and has no answer
        # A stream that nghttp2 itself resets, for a header that may not be, is closed by the sending of it.
        self._dispatch()
        return data

    def request(self, headers: Headers, end: bool) -> int:
        return self._c.send_request(headers, end_stream=end)

    def respond(self, sid: int, headers: Headers, end: bool) -> None:
        try:
            self._c.send_response(sid, headers, end_stream=end)
        except self._fault:
            # The peer closed the stream first; or else it may not wait for what can't be said.
            self.reset(sid, INTERNAL_ERROR)

    def data(self, sid: int, data: bytes | memoryview, end: bool) -> None:
        try:
            self._c.send_data(sid, data, end_stream=end)
        except self._fault:
            pass  # the peer closed the stream first

    def end(self, sid: int) -> None:
        try:
            self._c.end_stream(sid)
        except self._fault:
            pass  # the peer closed the stream first

    def trailers(self, sid: int, headers: Headers) -> None:
        try:
            self._c.send_trailers(sid, headers)
        except self._fault:
            self.reset(sid, INTERNAL_ERROR)

    def reset(self, sid: int, code: int) -> None:
        try:
            self._c.reset_stream(sid, code)
        except self._fault:
            pass  # the peer closed the stream first

    def acknowledge(self, sid: int, size: int) -> None:
        try:
            self._c.acknowledge_received_data(size, sid)
        except self._fault:
            pass  # the connection is closing

    def queued(self, sid: int | None = None) -> int:
        try:
            return self._c.queued_body_size(sid)
        except self._fault:
            return 0

    def goaway(self) -> None:
        try:
            self._c.send_goaway(NO_ERROR)
        except self._fault:
            pass  # already closing

    def over(self) -> bool:
        try:
            return not self._c.want_read and not self._c.want_write
        except self._fault:
            return True


class _Outbox:
    """What one stream still has to send on the pure engine."""

    __slots__ = ("chunks", "end", "size", "trailers")

    def __init__(self) -> None:
        self.chunks: deque[memoryview] = deque()
        self.size = 0
        self.end = False
        self.trailers: Headers | None = None


class _Frames:
    """What a server sends, without its word that it leaves: h2 takes that for the end of all calls, where those under way go on."""

    def __init__(self) -> None:
        self._held = b""
        self._left = 0  # of the frame that is being passed on

    def parts(self, data: bytes) -> Iterator[bytes]:
        """Yield what h2 is to see, in order, and b"" where the server said that it leaves (RFC 9113, 6.8)."""
        data = self._held + data
        begin = at = 0
        while at < len(data):
            if self._left:
                passed = min(self._left, len(data) - at)
                at += passed
                self._left -= passed
                continue
            size = _FRAME_BYTES + int.from_bytes(data[at : at + 3], "big")
            if len(data) - at < _FRAME_BYTES:
                break
            if data[at + 3] != _GOAWAY or size < _FRAME_BYTES + 8:
                self._left = size
                continue
            if len(data) - at < min(size, _FRAME_BYTES + 8):
                break
            if any(data[at + _FRAME_BYTES + 4 : at + _FRAME_BYTES + 8]) or size > MAX_FRAME_BYTES:
                self._left = size  # an error is the end of all calls
                continue
            if len(data) - at < size:
                break
            if begin < at:
                yield data[begin:at]
            yield b""
            begin = at = at + size
        self._held = data[at:]
        if begin < at:
            yield data[begin:at]


class H2Engine:
    """The interface on pure-Python h2: slower by an order of magnitude, and an independent second opinion."""

    def __init__(self, server: bool, sink: Sink, windows: Windows = WINDOWS) -> None:
        import h2.config
        import h2.connection
        import h2.events
        import h2.exceptions
        import h2.settings

        self._sink = sink
        self._fault = h2.exceptions.ProtocolError
        self._server = server
        codes = h2.settings.SettingCodes
        self._c = h2.connection.H2Connection(
            h2.config.H2Configuration(client_side=not server, header_encoding=None, validate_inbound_headers=False)
        )
        wanted = {
            codes.INITIAL_WINDOW_SIZE: windows.stream,
            codes.MAX_FRAME_SIZE: MAX_FRAME_BYTES,
            codes.MAX_HEADER_LIST_SIZE: MAX_HEADER_LIST_BYTES,
            codes.MAX_CONCURRENT_STREAMS: MAX_CONCURRENT_STREAMS,
        }
        self._c.local_settings = h2.settings.Settings(client=not server, initial_values=wanted)
        self._c.max_inbound_frame_size = MAX_FRAME_BYTES
        self._c.decoder.max_header_list_size = HARD_HEADER_LIST_BYTES
        self._c.initiate_connection()
        self._c.increment_flow_control_window(windows.connection - 65535)
        self._outboxes: dict[int, _Outbox] = {}
        self._frames = _Frames()
        self._ended: set[int] = set()
        self._events = h2.events
        # Resets as nghttp2 counts them: so many at once, and so many more a second.
        self._resets, self._counted = float(RESET_BURST), time.monotonic()

    def receive(self, data: bytes) -> None:
        if self._server:
            self._receive(data)
            return
        for part in self._frames.parts(data):
            if part:
                self._receive(part)
            else:
                self._sink.on_goaway(_LAST_STREAM)

    def _receive(self, data: bytes) -> None:
        try:
            events = self._c.receive_data(data)
        except self._fault as error:
            raise ConnectionFault(str(error)) from error
        ev, sink = self._events, self._sink
        pending: list[tuple[int, tuple[tuple[bytes, bytes], ...]]] = []
        for event in events:
            if isinstance(event, (ev.RequestReceived, ev.ResponseReceived)):
                headers = tuple((bytes(k), bytes(v)) for k, v in event.headers)
                sink.on_headers(event.stream_id, headers, event.stream_ended is not None)
            elif isinstance(event, ev.DataReceived):
                padding = (event.flow_controlled_length or 0) - len(event.data)
                if padding:
                    self.acknowledge(event.stream_id, padding)
                sink.on_data(event.stream_id, bytes(event.data), event.stream_ended is not None)
            elif isinstance(event, ev.TrailersReceived):
                pending.append((event.stream_id, tuple((bytes(k), bytes(v)) for k, v in event.headers)))
                sink.on_trailers(*pending.pop())
            elif isinstance(event, ev.StreamEnded):
                self._half_closed(event.stream_id)
            elif isinstance(event, ev.StreamReset):
                self._count_reset()
                self._outboxes.pop(event.stream_id, None)
                sink.on_closed(event.stream_id, int(event.error_code))
            elif isinstance(event, (ev.WindowUpdated, ev.RemoteSettingsChanged)):
                self._pump_all()
                sink.on_room()
            elif isinstance(event, ev.ConnectionTerminated):
                sink.on_goaway(event.last_stream_id or 0)

    def _count_reset(self) -> None:
        now = time.monotonic()
        self._resets = min(RESET_BURST, self._resets + (now - self._counted) * RESETS_PER_SECOND) - 1
        self._counted = now
        if self._resets < 0:
            self._c.close_connection(ENHANCE_YOUR_CALM)
            raise ConnectionFault("more streams were reset than anybody has use for")

    def _half_closed(self, sid: int) -> None:
        """The peer sent its last byte; when we had too, the stream is closed."""
        if sid in self._ended:
            self._ended.discard(sid)
            self._sink.on_closed(sid, NO_ERROR)
        else:
            self._ended.add(sid)

    def _sent_last(self, sid: int) -> None:
        self._outboxes.pop(sid, None)
        if sid in self._ended:
            self._ended.discard(sid)
            self._sink.on_closed(sid, NO_ERROR)
        else:
            self._ended.add(sid)

    def outgoing(self) -> bytes:
        return self._c.data_to_send()

    def request(self, headers: Headers, end: bool) -> int:
        sid = self._c.get_next_available_stream_id()
        self._c.send_headers(sid, list(headers), end_stream=end)
        if end:
            self._sent_last(sid)
        return sid

    def respond(self, sid: int, headers: Headers, end: bool) -> None:
        try:
            self._c.send_headers(sid, list(headers), end_stream=end)
        except self._fault:
            return  # the peer closed the stream first
        if end:
            self._sent_last(sid)

    def data(self, sid: int, data: bytes | memoryview, end: bool) -> None:
        box = self._outboxes.setdefault(sid, _Outbox())
        if len(data):
            box.chunks.append(memoryview(data))
            box.size += len(data)
        box.end = box.end or end
        self._pump(sid, box)

    def end(self, sid: int) -> None:
        self.data(sid, b"", True)

    def trailers(self, sid: int, headers: Headers) -> None:
        box = self._outboxes.setdefault(sid, _Outbox())
        box.trailers = headers
        self._pump(sid, box)

    def _pump_all(self) -> None:
        for sid, box in list(self._outboxes.items()):
            self._pump(sid, box)

    def _pump(self, sid: int, box: _Outbox) -> None:
        try:
            while box.chunks:
                room = min(self._c.local_flow_control_window(sid), self._c.max_outbound_frame_size)
                if room <= 0:
                    return
                chunk = box.chunks[0]
                part = chunk[:room]
                last = len(part) == len(chunk)
                if last:
                    box.chunks.popleft()
                else:
                    box.chunks[0] = chunk[room:]
                box.size -= len(part)
                self._c.send_data(sid, bytes(part))
            if box.trailers is not None:
                self._c.send_headers(sid, list(box.trailers), end_stream=True)
                self._sent_last(sid)
            elif box.end:
                self._c.end_stream(sid)
                self._sent_last(sid)
        except self._fault:
            self.reset(sid, INTERNAL_ERROR)

    def reset(self, sid: int, code: int) -> None:
        self._outboxes.pop(sid, None)
        self._ended.discard(sid)
        try:
            self._c.reset_stream(sid, code)
        except self._fault:
            return  # the peer closed the stream first
        self._sink.on_closed(sid, code)

    def acknowledge(self, sid: int, size: int) -> None:
        try:
            self._c.acknowledge_received_data(size, sid)
        except (self._fault, ValueError):
            pass  # the connection is closing, or the stream never was

    def queued(self, sid: int | None = None) -> int:
        if sid is None:
            return sum(box.size for box in self._outboxes.values())
        box = self._outboxes.get(sid)
        return box.size if box else 0

    def goaway(self) -> None:
        try:
            self._c.close_connection()
        except self._fault:
            pass  # already closing

    def over(self) -> bool:
        return False  # what ends a connection raises ConnectionFault here


def preload() -> None:
    """Load what the first engine will need, once. Raises InvalidArgument."""

    class Nobody:
        def __getattr__(self, name: str) -> Any:
            return lambda *args: None

    make_engine(True, Nobody())


def make_engine(server: bool, sink: Sink, windows: Windows = WINDOWS) -> Engine:
    """Return the engine that ``ARGOSY_H2`` names: ``ngh2`` (default) or ``h2``. Raises InvalidArgument for another."""
    name = os.environ.get("ARGOSY_H2", "ngh2")
    if name == "ngh2":
        return NgEngine(server, sink, windows)
    if name == "h2":
        return H2Engine(server, sink, windows)
    raise InvalidArgument(f'ARGOSY_H2="{name}" names no HTTP/2 engine; use ngh2 or h2')
