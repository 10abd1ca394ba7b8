"""Programs for containers whose image has nothing of the kind: static x86-64 executables, made here, so that no compiler is needed."""

from __future__ import annotations

import struct
from typing import Final


def program(code: bytes, data: bytes = b"") -> bytes:
    """Return a static x86-64 executable: code, then data at 0x400100."""
    base, at = 0x400000, 0x78
    body = code.ljust(0x100 - at, b"\x90") + data
    header = struct.pack("<16sHHIQQQIHHHHHH", b"\x7fELF\x02\x01\x01", 2, 62, 1, base + at, 64, 0, 0, 64, 56, 1, 0, 0, 0)
    segment = struct.pack("<IIQQQQQQ", 1, 5, 0, base, base, at + len(body), at + len(body), 0x1000)
    return header + segment + body


# Busybox has no client of sockets that have a path: this is one. Its only argument is the path.
SPEAKER: Final = program(
    bytes.fromhex(
        # An address of that path on the stack, below it the buffer; socket(AF_UNIX, SOCK_STREAM).
        "488b7424104881ec00810000488dbc240080000066c70701004883c702acaa84c075fabf01000000be0100000031d2b8290000000f0589c3"
        # connect; where it fails, on to the exit.
        "89df488db42400800000ba6e000000b82a0000000f0585c07829"
        # Standard input to the socket until its end; shutdown(SHUT_WR); the socket to standard output until its end.
        "4531e44189dde82900000089dfbe01000000b8300000000f054189dc41bd01000000e80d00000031c0"
        # Exit, with the number of the error if there was one.
        "f7d889c7b83c0000000f05"
        # Pump: read, write all of it, and again.
        "4489e7488d742408ba0070000031c00f0585c078e074264189c64c8d7c24084489ef4c89fe4489f2b8010000000f0585c078c24901c74129c675e4"
        "ebc3c3"
    )
)
