"""Frames on the two serial ports between host and guest: a header of nine bytes, then the payload.

The host's shim and the guest's agent use this very file. ``argosy.ctl`` carries REQUEST, RESPONSE and EVENT (JSON objects) and
``argosy.io`` carries DATA, END and CREDIT of streams, so that a flood of output delays no kill. A sender of DATA may have WINDOW bytes
under way; CREDIT gives back what the receiver has passed on. BREAK is what the receiver says of a socket's stream that nobody takes any more:
nothing more comes then, and no END.
"""

from __future__ import annotations

import struct

VERSION = 2
REQUEST, RESPONSE, EVENT, DATA, END, CREDIT, BREAK = range(7)
HEADER = struct.Struct(">IBI")
AMOUNT = struct.Struct(">I")
WINDOW = 256 << 10
# A connection's: there may be many, and who holds their bytes is the shim, or the guest's only process that must not run out of memory.
SOCKET_WINDOW = 64 << 10
# A frame of output; small enough that two streams take turns.
PIECE = 32 << 10
MAX_CONTROL = 4 << 20
MAX_STREAM = 64 << 10
CONTROL_KINDS = frozenset((REQUEST, RESPONSE, EVENT))
STREAM_KINDS = frozenset((DATA, END, CREDIT, BREAK))


class ProtocolError(Exception):
    """The peer sent what no peer of ours would; nothing that it says can be trusted any more."""


def frame(stream: int, kind: int, payload: bytes = b"") -> bytes:
    """Return one frame's bytes."""
    return HEADER.pack(stream, kind, len(payload)) + payload


class Reader:
    """Takes bytes as they come and returns whole frames."""

    def __init__(self, kinds: frozenset[int], limit: int) -> None:
        self._kinds, self._limit = kinds, limit
        self._held = bytearray()

    def feed(self, data: bytes) -> list[tuple[int, int, bytes]]:
        """Return the (stream, kind, payload) triples that data completes. Raises ProtocolError."""
        self._held += data
        found = []
        at = 0
        while len(self._held) - at >= HEADER.size:
            stream, kind, size = HEADER.unpack_from(self._held, at)
            if kind not in self._kinds:
                raise ProtocolError(f"a frame of kind {kind}")
            if size > self._limit:
                raise ProtocolError(f"a frame of {size} bytes, where {self._limit} are allowed")
            if len(self._held) - at < HEADER.size + size:
                break
            at += HEADER.size
            found.append((stream, kind, bytes(self._held[at : at + size])))
            at += size
        del self._held[:at]
        return found

    def clear(self) -> None:
        """Forget half a frame: its other half went with the connection."""
        self._held.clear()
