"""The interface of a content store: blobs by digest, ingests by ref. Inherit, fill in, serve with ``ContentServicer``."""

from __future__ import annotations

import abc
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field

from argosy.errors import FailedPrecondition
from argosy.filters import Filter, labels_lookup


@dataclass(frozen=True, slots=True)
class Info:
    """A blob. Size is bytes, times are nanoseconds since the epoch."""

    digest: str
    size: int
    created_ns: int
    updated_ns: int
    labels: dict[str, str] = field(default_factory=dict)

    def lookup(self, path: Sequence[str]) -> str | None:
        """The fields that filters see."""
        if list(path) == ["digest"]:
            return self.digest or None
        if path[0] == "labels":
            return labels_lookup(self.labels, path[1:])
        return None


@dataclass(frozen=True, slots=True)
class Status:
    """An ingest. Offset and total are bytes (total 0: unknown), times are nanoseconds since the epoch."""

    ref: str
    offset: int
    total: int
    started_ns: int
    updated_ns: int
    expected: str = ""

    def lookup(self, path: Sequence[str]) -> str | None:
        """The fields that filters see."""
        return self.ref or None if list(path) == ["ref"] else None


class Writer(abc.ABC):
    """One open ingest, held by one stream.

    Offsets: 0 starts the ingest again when it has bytes; any other must be the current one (OutOfRange).
    """

    @abc.abstractmethod
    def status(self) -> Status: ...

    @abc.abstractmethod
    def digest(self) -> str:
        """Return the digest of the bytes so far."""

    @abc.abstractmethod
    async def stat(self, total: int, expected: str) -> None:
        """Note the announced size and digest."""

    @abc.abstractmethod
    async def write(self, offset: int, data: bytes, total: int, expected: str) -> None:
        """Append. Raises OutOfRange, ResourceExhausted."""

    @abc.abstractmethod
    async def commit(self, offset: int, data: bytes, total: int, expected: str, labels: dict[str, str] | None) -> str:
        """Make it a blob, durably; returns the digest.

        Raises FailedPrecondition for a wrong size or digest (bytes are kept), AlreadyExists (the ingest goes).
        """

    @abc.abstractmethod
    async def close(self) -> None:
        """Let go of the ref; an uncommitted ingest stays resumable. Safe to call twice."""


class ContentStore(abc.ABC):
    """Blobs and ingests. Digests are strings as they came; refuse malformed ones with InvalidArgument."""

    @abc.abstractmethod
    async def info(self, digest: str) -> Info:
        """Return a blob's size, times and labels. Raises NotFound."""

    @abc.abstractmethod
    def walk(self, filter: Filter) -> AsyncIterator[Info]:
        """Yield every blob that matches."""

    @abc.abstractmethod
    async def delete(self, digest: str) -> None:
        """Remove a blob. Raises NotFound."""

    @abc.abstractmethod
    def read(self, digest: str, offset: int, size: int) -> AsyncIterator[bytes]:
        """Yield frames of a range; size 0 means to the end. Raises NotFound, OutOfRange."""

    @abc.abstractmethod
    async def status(self, ref: str) -> Status:
        """Return where an ingest stands. Raises NotFound."""

    @abc.abstractmethod
    async def statuses(self, filter: Filter) -> list[Status]: ...

    @abc.abstractmethod
    async def abort(self, ref: str) -> None:
        """Forget an ingest. Raises NotFound."""

    @abc.abstractmethod
    async def writer(self, ref: str, total: int, expected: str, holder: str) -> Writer:
        """Open an ingest. Raises Locked at once when it is held, AlreadyExists when expected is there."""

    async def update(self, info: Info, paths: Sequence[str]) -> Info:
        """Change labels. A store without labels of its own refuses."""
        raise FailedPrecondition("this content store keeps no labels; they live in the metadata of its owner")
