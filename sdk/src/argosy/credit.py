"""Credit for bytes on a stream: the accounts of whoever receives, who says how much may come, and of whoever sends, who sends no more than that."""

from __future__ import annotations

from typing import Final

from argosy.errors import InvalidArgument

DATA: Final = "containerd.types.transfer.Data"
WINDOW_UPDATE: Final = "containerd.types.transfer.WindowUpdate"
# containerd's sizes: of a message, and of what one grant adds.
CHUNK_BYTES: Final = 32 << 10
WINDOW_BYTES: Final = 64 << 10
_MOST_CREDIT: Final = (1 << 31) - 1
# What is no message of this protocol is ignored, as containerd does; so many times.
MOST_IGNORED: Final = 1024
# How long the other end may take to take what was sent last: one of another make may never say.
TAKEN_S: Final = 2.0


class Grants:
    """What a receiver has granted and not got yet."""

    def __init__(self) -> None:
        self.outstanding = 0

    def due(self) -> int:
        """Return how much is to be granted now; 0 for nothing."""
        if self.outstanding >= WINDOW_BYTES:
            return 0
        self.outstanding += WINDOW_BYTES
        return WINDOW_BYTES

    def got(self, size: int) -> None:
        """Account for bytes that came. Raises InvalidArgument for more than was granted."""
        if size > self.outstanding:
            raise InvalidArgument(f"a stream's client sent {size} bytes where {self.outstanding} were granted")
        self.outstanding -= size


class Credit:
    """What a sender may send."""

    def __init__(self) -> None:
        self.left = 0

    def grant(self, size: int) -> None:
        """Add what the receiver grants. Raises InvalidArgument for what is no grant, and for more than anybody could mean."""
        if size <= 0 or self.left + size > _MOST_CREDIT:
            raise InvalidArgument(f"a stream's client grants {size} bytes on top of {self.left}, which can't be")
        self.left += size

    def spend(self, wanted: int) -> int:
        """Return how many bytes of those wanted go into the next message, and take them off."""
        size = min(wanted, self.left, CHUNK_BYTES)
        self.left -= size
        return size


def padding(size: int) -> int:
    """Return how many bytes to add to an archive of size bytes, so that whoever takes its last message grants a window for it.

    A receiver grants when what it has granted and not got is less than a window: that is so after a last message of at most a chunk if the whole is some windows
    and at most a chunk long. An archive may end in any number of zeros; blocks of 512 bytes stay whole.
    """
    over = size % WINDOW_BYTES
    return 0 if 0 < over <= CHUNK_BYTES else WINDOW_BYTES - over + 512 if over else 512
