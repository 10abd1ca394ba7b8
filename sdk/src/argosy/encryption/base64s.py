"""Bytes in the texts of ocicrypt: standard base64, strictly."""

from __future__ import annotations

import base64
import binascii
from typing import Any

from argosy.errors import InvalidArgument


def from_base64(value: Any, what: str) -> bytes:
    """Return the bytes that standard base64 says. Raises InvalidArgument that calls them what."""
    if not isinstance(value, str):
        raise InvalidArgument(f"{what} is missing, or no text")
    try:
        return base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError):
        raise InvalidArgument(f"{what} is no base64") from None


def to_base64(data: bytes) -> str:
    return base64.b64encode(data).decode()
