"""What a long job tells whoever watches: one line a blob."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Progress:
    """Where one blob stands; sizes are bytes, total 0 is unknown."""

    ref: str
    status: str
    """waiting, downloading, uploading, unpacking, exists, done"""
    offset: int = 0
    total: int = 0


Watch = Callable[[Progress], None]


def nobody(_: Progress) -> None:
    """Watch nothing."""
