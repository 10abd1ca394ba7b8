"""gRPC's own bytes on top of HTTP/2: message frames, status trailers, timeouts, percent-encoding."""

from __future__ import annotations

import re
import struct
from collections import deque
from collections.abc import Iterable
from typing import Any, Final

from argosy.errors import ArgosyError, ResourceExhausted, Unimplemented, from_wire, to_wire

MAX_MESSAGE_BYTES: Final = 16 << 20
# Of a status's text. Every gRPC peer takes 8 KiB of headers.
_STATUS_BYTES: Final = 6 << 10
FRAME: Final = struct.Struct(">BI")
FRAME_BYTES: Final = 5
RESPONSE_HEADERS: Final = ((b":status", b"200"), (b"content-type", b"application/grpc"))
OK_TRAILERS: Final = ((b"grpc-status", b"0"),)
_UNITS: Final = {b"H": 3600.0, b"M": 60.0, b"S": 1.0, b"m": 1e-3, b"u": 1e-6, b"n": 1e-9}
# A header's value may not begin or end with a space (RFC 9113, 8.2.1).
_ESCAPE: Final = re.compile(rb"[^\x20-\x24\x26-\x7e]|\A | \Z")
_UNESCAPE: Final = re.compile(rb"%([0-9a-fA-F]{2})")


def encode_message(text: str) -> bytes:
    """Return grpc-message for text: UTF-8, percent-encoded outside printing ASCII."""
    return _ESCAPE.sub(lambda m: b"%%%02X" % m[0][0], text.encode("utf-8", "replace"))


def decode_message(raw: bytes) -> str:
    """Return the text of a grpc-message."""
    return _UNESCAPE.sub(lambda m: bytes((int(m[1], 16),)), raw).decode("utf-8", "replace")


def parse_timeout(raw: bytes) -> float | None:
    """Return a grpc-timeout in seconds, or None when it is not one (gRPC ignores those)."""
    unit, number = _UNITS.get(raw[-1:]), raw[:-1]
    if unit is None or not 1 <= len(number) <= 8 or not number.isdigit():
        return None
    return int(number) * unit


COARSE_S: Final = 10.0
"""From here on a timeout is told in whole seconds."""


def format_timeout(seconds: float) -> bytes:
    """Return seconds as a grpc-timeout, rounded up: to a second from ``COARSE_S`` on, else to a microsecond.

    Who asks keeps to the exact time itself. A value that differed in every call would fill the peer's table of headers.
    """
    if seconds >= COARSE_S:
        return b"%dS" % min(int(seconds) + 1, 99_999_999)
    return b"%du" % (int(seconds * 1e6) + 1)


def status_trailers(error: BaseException) -> list[tuple[bytes, bytes]]:
    """Return the trailers that tell a peer about error. A peer's own status is passed on as it came."""
    raw = getattr(error, "wire_status", None)
    if raw is not None:
        # A peer may have sent what we may not; what it means is the same. Details, which are no text, go whole or not at all.
        told = [
            (k, v if v == v.strip() and len(v) <= _STATUS_BYTES else _fitting(decode_message(v)))
            for k, v in raw
            if k == b"grpc-message"
        ]
        return [(k, v) for k, v in raw if k != b"grpc-message" and len(v) <= _STATUS_BYTES] + told
    status = getattr(error, "status", None)
    if status is not None and not isinstance(error, ArgosyError):  # grpclib's GRPCError
        code, message = int(status.value), str(getattr(error, "message", "") or "")
    else:
        code, message = to_wire(error)
    trailers = [(b"grpc-status", str(code).encode())]
    if message:
        trailers.append((b"grpc-message", _fitting(message)))
    return trailers


def _fitting(text: str) -> bytes:
    """Return grpc-message for text, of a length that every peer takes: a longer one ends the whole connection with some.

    The beginning and the end stay; they say what it is about, and which class of error it is.
    """
    encoded = encode_message(text)
    keep = len(text)
    while len(encoded) > _STATUS_BYTES:
        keep = min(keep * _STATUS_BYTES // len(encoded), keep) - 16
        encoded = encode_message(f"{text[: keep // 2]} [...] {text[-(keep // 2) :]}")
    return encoded


def _head(number: int, size: int) -> bytes:
    """Return the tag and the length of a length-delimited field; number is below 16."""
    head = bytearray((number << 3 | 2,))
    while size > 0x7F:
        head.append(size & 0x7F | 0x80)
        size >>= 7
    head.append(size)
    return bytes(head)


def field(number: int, data: bytes) -> bytes:
    """Return a length-delimited field: a message that is encoded already, as part of another."""
    return _head(number, len(data)) + data


def repeated(number: int, messages: Iterable[bytes]) -> bytes:
    """Return a field once for each message."""
    parts: list[bytes] = []
    for data in messages:
        parts.append(_head(number, len(data)))
        parts.append(data)
    return b"".join(parts)


def error_of(headers: Any) -> ArgosyError | None:
    """Return the error in a peer's trailers, or None for OK. Missing status is UNKNOWN."""
    if headers == OK_TRAILERS:
        return None
    table = dict(headers)
    raw = table.get(b"grpc-status", b"2")
    code = int(raw) if raw.isdigit() and len(raw) < 5 else 2
    if code == 0:
        return None
    error = from_wire(code, decode_message(table.get(b"grpc-message", b"")))
    error.wire_status = tuple((k, v) for k, v in headers if k.startswith(b"grpc-"))  # type: ignore[attr-defined] # kept for relays
    return error


class Assembler:
    """Cuts a stream's bytes into messages and says how many bytes each one took.

    ``feed`` returns the bytes that need no waiting for a reader: those of a message that is still coming in
    while nothing else is queued. Without that, messages together larger than the connection's window would
    each wait for credit that only a complete message gives back.
    """

    __slots__ = ("_buffer", "_held", "limit", "messages")

    def __init__(self, limit: int = MAX_MESSAGE_BYTES) -> None:
        self._buffer: bytearray | None = None
        self._held = 0  # bytes of the partial message that are not acknowledged yet
        self.messages: deque[tuple[bytes, int]] = deque()
        self.limit = limit

    def feed(self, data: bytes) -> int:
        """Take bytes; return how many of them may be acknowledged at once. Raises ResourceExhausted, Unimplemented."""
        buffer = self._buffer
        if buffer is None:
            if len(data) >= FRAME_BYTES:
                self._check(data)
                if len(data) == FRAME_BYTES + int.from_bytes(data[1:5], "big"):
                    self.messages.append((data[FRAME_BYTES:], len(data)))
                    return 0
            buffer = self._buffer = bytearray(data)
            self._held = len(data)
        else:
            buffer += data
            self._held += len(data)
        while len(buffer) >= FRAME_BYTES:
            self._check(buffer)
            size = FRAME_BYTES + int.from_bytes(buffer[1:5], "big")
            if len(buffer) < size:
                break
            with memoryview(buffer) as view:
                message = bytes(view[FRAME_BYTES:size])
            del buffer[:size]
            # What was acknowledged on arrival is not acknowledged again.
            cost = max(0, self._held - len(buffer))
            self._held = min(self._held, len(buffer))
            self.messages.append((message, cost))
        if not buffer:
            self._buffer = None
        return self.release()

    def release(self) -> int:
        """Return the held bytes of the partial message when no complete one is queued before it."""
        if self.messages or not self._held:
            return 0
        held, self._held = self._held, 0
        return held

    def abandon(self) -> int:
        """Forget everything; return the bytes that were never acknowledged."""
        owed = self._held + sum(cost for _, cost in self.messages)
        self.messages.clear()
        self._buffer, self._held = None, 0
        return owed

    @property
    def partial(self) -> bool:
        return self._buffer is not None

    def _check(self, head: bytes | bytearray) -> None:
        if head[0] & 1:
            raise Unimplemented("compressed messages are not supported here; send them with identity encoding")
        size = int.from_bytes(head[1:5], "big")
        if size > self.limit:
            raise ResourceExhausted(f"message of {size} bytes is larger than the limit of {self.limit} bytes")
