"""What is wrong with bytes that are no message; apart from the codecs, for those who only catch it."""

from __future__ import annotations


class DecodeError(ValueError):
    """Raised when bytes are not a message: truncated, mistyped, over-long, or not UTF-8."""
