"""Digests: an algorithm and lower-case hex, parsed once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Protocol, Self

from argosy.errors import InvalidArgument
from argosy.shown import plain

HEX_LENGTHS: Final = {"sha256": 64, "sha384": 96, "sha512": 128}
_HEX: Final = frozenset("0123456789abcdef")
_SHOWN: Final = 160


class Hasher(Protocol):
    """What hashlib's objects have in common."""

    def update(self, data: bytes | bytearray | memoryview, /) -> None: ...
    def hexdigest(self) -> str: ...
    def copy(self) -> Hasher: ...


@dataclass(frozen=True, slots=True)
class Digest:
    """A content address. ``str()`` gives the wire form, ``algorithm:hex``."""

    algorithm: str
    hex: str

    @classmethod
    def parse(cls, value: str) -> Self:
        """Return the digest written as value. Raises InvalidArgument when it is not one."""
        algorithm, colon, digits = value.partition(":")
        if not colon or HEX_LENGTHS.get(algorithm) != len(digits) or not _HEX.issuperset(digits):
            # It may be anybody's, and as long as a manifest.
            raise InvalidArgument(
                f'digest "{plain(value, _SHOWN)}" failed validation: expected algorithm:hex (sha256, sha384, sha512)'
            )
        return cls(algorithm, digits)

    @classmethod
    def of(cls, data: bytes | bytearray | memoryview, algorithm: str = "sha256") -> Self:
        """Return the digest of data. Raises InvalidArgument for an algorithm we don't serve."""
        running = hasher(algorithm)
        running.update(data)
        return cls(algorithm, running.hexdigest())

    def __str__(self) -> str:
        return f"{self.algorithm}:{self.hex}"


def hasher(algorithm: str = "sha256") -> Hasher:
    """Return a new running hash. Raises InvalidArgument for an algorithm we don't serve."""
    if algorithm not in HEX_LENGTHS:
        raise InvalidArgument(f'digest algorithm "{algorithm}" is not supported; use sha256, sha384 or sha512')
    import hashlib  # OpenSSL, which those who only name content have no use for

    return hashlib.new(algorithm, usedforsecurity=False)
