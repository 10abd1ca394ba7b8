"""The nouns of failure, and the one table between them and gRPC or ttrpc codes, both ways.

Rooms raise these classes; only the RPC layers turn them into codes. On the wire a message ends with its
class text exactly once (``container "a": not found``), because Go clients strip that suffix and wrap it again.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import ClassVar, Final


class ArgosyError(Exception):
    """A failure that a peer may see. The message names the noun, the state and, where there is one, the remedy."""

    code: ClassVar[int] = 2
    text: ClassVar[str] = ""
    names_only: ClassVar[bool] = False
    """Whether a message of this class may be the noun alone, and the class is its state: ``image "a"`` is not found."""
    unsent = False
    """Whether it is sure that the peer never heard of the call."""

    @property
    def message(self) -> str:
        """What was said, which of some classes is the noun alone; ``str()`` has the state, too."""
        return str(self.args[0]) if self.args else self.text

    def __str__(self) -> str:
        return to_wire(self)[1] if self.names_only else self.message


class Unknown(ArgosyError):
    """Raised when a peer failed for a reason that has no class."""


class Cancelled(ArgosyError):
    """Raised when the caller gave up."""

    code, text = 1, "context canceled"


class InvalidArgument(ArgosyError):
    """Raised when a request can never succeed as it is."""

    code, text = 3, "invalid argument"


class DeadlineExceeded(ArgosyError):
    """Raised when the time given to a call is over."""

    code, text = 4, "context deadline exceeded"


class NotFound(ArgosyError):
    """Raised when the named thing is not there."""

    code, text, names_only = 5, "not found", True


class AlreadyExists(ArgosyError):
    """Raised when the name is taken."""

    code, text, names_only = 6, "already exists", True


class PermissionDenied(ArgosyError):
    """Raised when the caller may not do this."""

    code, text = 7, "permission denied"


class ResourceExhausted(ArgosyError):
    """Raised when a limit is reached: bytes, inodes, streams."""

    code, text = 8, "resource exhausted"


class FailedPrecondition(ArgosyError):
    """Raised when the thing is in the wrong state for this."""

    code, text = 9, "failed precondition"


class Aborted(ArgosyError):
    """Raised when a concurrent change won."""

    code, text = 10, "aborted"


class OutOfRange(ArgosyError):
    """Raised when an offset lies beyond what there is."""

    code, text = 11, "out of range"


class Unimplemented(ArgosyError):
    """Raised when nothing here can do this."""

    code, text = 12, "not implemented"


class Internal(ArgosyError):
    """Raised when an invariant of ours is broken."""

    code, text = 13, "internal"


class Unavailable(ArgosyError):
    """Raised when trying again later may work."""

    code, text = 14, "unavailable"


class Locked(Unavailable):
    """Raised when somebody else is writing: says who and for how long (short is contention, long is a leak)."""


class DataLoss(ArgosyError):
    """Raised when bytes are gone or not what they were."""

    code, text = 15, "data loss"


class Unauthenticated(ArgosyError):
    """Raised when the caller has not said who it is."""

    code, text = 16, "unauthenticated"


WIRE: Final[Mapping[int, type[ArgosyError]]] = {
    c.code: c
    for c in (
        Cancelled, Unknown, InvalidArgument, DeadlineExceeded, NotFound, AlreadyExists, PermissionDenied,
        ResourceExhausted, FailedPrecondition, Aborted, OutOfRange, Unimplemented, Internal, Unavailable,
        DataLoss, Unauthenticated,
    )
}  # fmt: skip


def to_wire(error: BaseException) -> tuple[int, str]:
    """Return (code, message) for any exception. What is not ours is UNKNOWN, in its own words.

    A message is text: what a name has in it that is no UTF-8 can't be told to anybody.
    """
    if isinstance(error, OSError):
        code, message = 2, in_words(error)
    elif not isinstance(error, ArgosyError):
        code, message = 2, f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    else:
        code, message = error.code, error.message
        if error.text and not message.endswith(error.text):
            message = f"{message}: {error.text}" if message else error.text
    return code, message if message.isascii() else message.encode(errors="replace").decode()


def in_words(error: OSError) -> str:
    """Return what an error of the system says: the files, if it names any, and what is wrong with them; no error number."""
    number, text = error.errno, error.strerror
    if number is None and len(error.args) == 1 and isinstance(error.args[0], int):
        number = error.args[0]
    if text is None:
        text = str(error) if number is None else os.strerror(number)
    # "No such file" begins with a capital as a sentence does, "AF_UNIX" is one by itself.
    what = (text[:1].lower() + text[1:] if text[1:2].islower() or text[1:2] == " " else text) or type(error).__name__
    names = [os.fsdecode(name) for name in (error.filename, error.filename2) if isinstance(name, str | bytes | os.PathLike)]
    return f"{' -> '.join(names)}: {what}" if names else what


def from_wire(code: int, message: str) -> ArgosyError:
    """Return the exception for a code and message from a peer; the class text is taken off the message."""
    cls = WIRE.get(code, Unknown)
    suffix = f": {cls.text}"
    if cls.text and message.endswith(suffix):
        message = message[: -len(suffix)]
    return cls(message)
