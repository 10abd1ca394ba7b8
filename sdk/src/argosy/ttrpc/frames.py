"""ttrpc frames: a 10-byte header (length, stream id, type, flags; big-endian) and a payload of at most 4 MiB."""

from __future__ import annotations

import struct
from typing import Final, NamedTuple

HEADER: Final = struct.Struct(">IIBB")
MAX_PAYLOAD_BYTES: Final = 4 << 20
REQUEST, RESPONSE, DATA = 1, 2, 3
REMOTE_CLOSED, REMOTE_OPEN, NO_DATA = 0x1, 0x2, 0x4


class Frame(NamedTuple):
    """One frame. ``oversize`` is the length a peer announced above the cap; such a payload is thrown away when it comes."""

    stream: int
    kind: int
    flags: int
    payload: bytes
    oversize: int = 0


class OversizeError(ValueError):
    """Raised when a payload of ours is larger than a peer accepts."""


def encode(stream: int, kind: int, flags: int, payload: bytes) -> bytes:
    """Return a frame's bytes. Raises OversizeError above 4 MiB."""
    if len(payload) > MAX_PAYLOAD_BYTES:
        raise OversizeError(f"ttrpc payload of {len(payload)} bytes is larger than {MAX_PAYLOAD_BYTES} bytes")
    return HEADER.pack(len(payload), stream, kind, flags) + payload


class Decoder:
    """Cuts a byte stream into frames, however the socket cut it."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._skip = 0

    def idle(self) -> bool:
        """Whether no frame has begun to arrive."""
        return not self._buffer and not self._skip

    def feed(self, data: bytes) -> list[Frame]:
        """Take bytes; return the frames they complete. Memory stays below one frame plus data."""
        frames: list[Frame] = []
        buffer = self._buffer
        buffer += data
        position = 0
        while True:
            if self._skip:
                step = min(self._skip, len(buffer) - position)
                position += step
                self._skip -= step
                if self._skip:
                    break
            if len(buffer) - position < HEADER.size:
                break
            size, stream, kind, flags = HEADER.unpack_from(buffer, position)
            if size > MAX_PAYLOAD_BYTES:
                # Told at once: what a peer announces and never sends must not keep anybody waiting.
                frames.append(Frame(stream, kind, flags, b"", size))
                self._skip = size
                position += HEADER.size
                continue
            end = position + HEADER.size + size
            if len(buffer) < end:
                break
            frames.append(Frame(stream, kind, flags, bytes(buffer[position + HEADER.size : end])))
            position = end
        del buffer[:position]
        return frames
