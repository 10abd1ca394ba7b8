"""Names in a layer's archive: cleaned paths, and the names by which it hides others (whiteouts, OCI image spec, layer.md)."""

from __future__ import annotations

from typing import Final

from argosy.errors import InvalidArgument
from argosy.shown import shown

WHITEOUT: Final = b".wh."
OPAQUE: Final = b".wh..wh..opq"
RESERVED: Final = b".wh..wh."
MAX_NAME_BYTES: Final = 255
_MAX_PATH_BYTES: Final = 4096


def split_name(name: bytes) -> list[bytes]:
    """Return the parts of an entry's name, cleaned. Raises InvalidArgument when it leaves the root or is absurd.

    A whiteout is no file's name, and longer than the one that it hides.
    """
    if len(name) > _MAX_PATH_BYTES or b"\0" in name:
        raise InvalidArgument(f"an entry's name of {len(name)} bytes is no path")
    parts: list[bytes] = []
    for part in name.split(b"/"):
        if part in (b"", b"."):
            continue
        if part == b"..":
            if not parts:
                raise InvalidArgument(f"entry {shown(name)} leaves the root of its layer")
            parts.pop()
            continue
        if len(part) > MAX_NAME_BYTES + (len(WHITEOUT) if part.startswith(WHITEOUT) else 0):
            raise InvalidArgument(f"entry {shown(name)} has a name of {len(part)} bytes; {MAX_NAME_BYTES} are the most")
        parts.append(part)
    return parts


def hidden_name(name: bytes) -> bytes | None:
    """Return the name that a whiteout hides, None for a mark of older union file systems. Raises InvalidArgument."""
    if name.startswith(RESERVED):
        return None  # hard link farms and such
    original = name[len(WHITEOUT) :]
    if original in (b"", b".", b".."):
        raise InvalidArgument(f"invalid whiteout name: {shown(name)}")
    return original
