"""What a long job tells whoever watches: one line a blob."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from argosy.oci.image import Descriptor


@dataclass(frozen=True, slots=True)
class Progress:
    """Where one blob stands; sizes are bytes, total 0 is unknown."""

    ref: str
    status: str
    """waiting, downloading, uploading, importing, unpacking, unpacked, exists, done"""
    offset: int = 0
    total: int = 0
    descriptor: Descriptor | None = None
    """What the blob is, where that is known."""
    parents: tuple[str, ...] = ()
    """The refs of the documents that name it, as far as they are known."""


Watch = Callable[[Progress], None]


def nobody(_: Progress) -> None:
    """Watch nothing."""
