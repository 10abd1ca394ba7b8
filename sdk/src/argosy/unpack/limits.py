"""Limits of one layer: bytes, entries and memory are counted before they are taken, so that a bomb stops at a limit.

A default refuses no layer that somebody packed for use. What stops a bomb is the ratio: whoever wants to fill a disk
has to send a part of it that is worth noticing.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Final

from argosy.errors import ResourceExhausted
from argosy.settings import Strict

# A layer may inflate to this whatever its ratio: an empty database or a swap file packs a thousand times smaller.
RATIO_FREE_BYTES: Final = 1 << 30
# What an entry, a part of its name, a pax record and a run of a sparse file take in memory, about.
ENTRY_BYTES: Final = 128
PART_BYTES: Final = 48
RECORD_BYTES: Final = 64
SEGMENT_BYTES: Final = 144
# What a pax record counts beyond those that anybody needs: they take no memory, but time.
USELESS_RECORD_BYTES: Final = 1024


@dataclass(frozen=True, kw_only=True)
class Limits(Strict):
    """``[layers]``: the limits of each layer; 0 is none."""

    max_bytes: int = 256 << 30
    """Of the uncompressed archive, and of the sizes of its files, holes included."""
    max_ratio: int = 200
    """How many times larger than the blob the archive may be, beyond ``RATIO_FREE_BYTES``."""
    max_entries: int = 2_000_000
    max_metadata_bytes: int = 1 << 30
    """Memory for names, links, attributes and maps of sparse files, about."""

    def __post_init__(self) -> None:
        for one in fields(self):
            value = getattr(self, one.name)
            if value < 0:
                raise ValueError(f"{one.name} must be 0 (no limit) or more, not {value}")


DEFAULTS: Final = Limits()
_NONE: Final = 1 << 63


class Budget:
    """The counters of one layer. Each method counts, and raises ResourceExhausted, which names layer, limit and setting."""

    def __init__(self, limits: Limits = DEFAULTS, layer: str = "the layer", packed: int | None = None) -> None:
        """packed is the blob's size in bytes; without it there is no ratio."""
        self._limits, self._layer = limits, layer
        self._bytes = limits.max_bytes or _NONE
        self._ratio, self._packed = _NONE, packed
        if packed is not None:
            self.packed(packed)
        self._entries = limits.max_entries or _NONE
        self._metadata = limits.max_metadata_bytes or _NONE
        self._files = self._bytes
        self._copied = 0

    def packed(self, size: int) -> None:
        """The blob has size bytes, as far as that is known now."""
        self._packed = size
        if self._limits.max_ratio:
            self._ratio = max(RATIO_FREE_BYTES, self._limits.max_ratio * size)

    def inflated(self, total: int) -> None:
        """The archive has total bytes so far."""
        if total > self._bytes:
            raise self._refused("max_bytes", f"its archive is larger than {self._bytes} bytes")
        if total > self._ratio:
            raise self._refused(
                "max_ratio",
                f"it inflates to more than {self._ratio} bytes, and is a blob of {self._packed}: over "
                f"{RATIO_FREE_BYTES} bytes, {self._limits.max_ratio} times the blob is the limit",
            )

    def entry(self, size: int) -> None:
        """One more entry, whose file has size bytes, holes included."""
        self._entries -= 1
        if self._entries < 0:
            raise self._refused("max_entries", f"it holds more than {self._limits.max_entries} entries")
        self._files -= size
        if self._files < 0:
            raise self._refused("max_bytes", f"its files are larger than {self._bytes} bytes together")

    def copied(self, size: int) -> None:
        """A hard link to a file of a lower layer takes size bytes, which are not in the archive."""
        self._copied += size
        if self._copied > min(self._bytes, self._ratio):
            raise self._refused(
                "max_ratio" if self._ratio < self._bytes else "max_bytes",
                f"its hard links copy more than {min(self._bytes, self._ratio)} bytes of the layers below",
            )

    def metadata(self, size: int) -> None:
        """About size more bytes of memory."""
        self._metadata -= size
        if self._metadata < 0:
            raise self._refused(
                "max_metadata_bytes",
                f"its names, attributes and sparse maps take more than {self._limits.max_metadata_bytes} bytes",
            )

    def _refused(self, setting: str, why: str) -> ResourceExhausted:
        return ResourceExhausted(
            f"{self._layer} is refused: {why}; if you trust it, raise {setting} under [layers] in the configuration, "
            "and unpack it again"
        )
