"""A depot: a place with images that is neither a registry nor the daemon's, which transfers go from and to. A class to inherit from, and its servicer.

One class is used both ways: served at a socket and registered with a daemon, where every client of it can name it
(``argosy plugin add depot NAME``), or as a Python entry point of the group ``argosy.transfer``, in the process that transfers.
"""

from __future__ import annotations

import abc
from collections.abc import AsyncIterator
from typing import Final

from argosy_protos.argosy.transfer import v1 as p

from argosy.errors import ArgosyError, InvalidArgument, Unimplemented
from argosy.oci.image import Descriptor
from argosy.oci.passing import checked, ended

# A message is at most 16 MiB on the wire; pieces are cut to this.
PIECE: Final = 1 << 20
_MOST_NAME: Final = 4096


class Depot(abc.ABC):
    """A place with images. What only gives raises Unimplemented from ``put``; what only takes, from ``resolve``.

    Nothing that a depot says is taken on trust: whoever takes a blob from it checks its digest.
    Several calls may be under way at once, and any may be cancelled at any await.
    """

    @abc.abstractmethod
    async def resolve(self, name: str) -> Descriptor:
        """Return the index or manifest that a name stands for now, its size in bytes. Raises NotFound, Unavailable."""

    @abc.abstractmethod
    def fetch(self, name: str, d: Descriptor, offset: int) -> AsyncIterator[bytes]:
        """Yield the bytes of a document or a blob of an image from offset on. Raises NotFound, Unavailable."""

    async def has(self, name: str, d: Descriptor) -> bool:
        """Return whether a blob is there already, so that nobody sends it."""
        return False

    async def put(self, name: str, d: Descriptor, pieces: AsyncIterator[bytes], is_top: bool) -> None:
        """Keep a blob or a document, whole or not at all; it comes after what it names.

        is_top: from when it is kept on the name stands for it. pieces are what d says, or raise: the last one comes only when all are right.
        Raises ResourceExhausted, Unavailable.
        """
        raise Unimplemented(f"{type(self).__name__} takes no images")


def to_wire(d: Descriptor) -> p.Descriptor:
    return p.Descriptor(media_type=d.media_type, digest=d.digest, size=d.size)


def from_wire(d: p.Descriptor | None) -> Descriptor:
    """Raises InvalidArgument for none, and for what can't be one."""
    if d is None:
        raise InvalidArgument("a descriptor is missing")
    return Descriptor(media_type=d.media_type, digest=d.digest, size=d.size)


class DepotServicer(p.DepotBase):
    """argosy.transfer.v1.Depot."""

    def __init__(self, depot: Depot) -> None:
        self.depot = depot

    async def resolve(self, request: p.ResolveRequest) -> p.ResolveResponse:
        return p.ResolveResponse(descriptor=to_wire(await self.depot.resolve(_name(request.name))))

    async def fetch(self, request: p.FetchRequest) -> AsyncIterator[p.FetchResponse]:
        d = from_wire(request.descriptor)
        if not 0 <= request.offset <= d.size:
            raise InvalidArgument(f"{d.digest} has {d.size} bytes, and none from {request.offset} on")
        async with ended(self.depot.fetch(_name(request.name), d, request.offset)) as pieces:
            async for piece in pieces:
                for at in range(0, len(piece), PIECE):
                    yield p.FetchResponse(data=bytes(piece[at : at + PIECE]))

    async def has(self, request: p.HasRequest) -> p.HasResponse:
        return p.HasResponse(has=await self.depot.has(_name(request.name), from_wire(request.descriptor)))

    async def put(self, requests: AsyncIterator[p.PutRequest]) -> p.PutResponse:
        first = await anext(aiter(requests), None)
        if first is None or first.begin is None:
            raise InvalidArgument("a put says first what is put")
        begin = first.begin
        d = from_wire(begin.descriptor)

        async def pieces() -> AsyncIterator[bytes]:
            if first.data:
                yield first.data
            async for request in requests:
                if request.begin is not None:
                    raise InvalidArgument("one put is of one blob, and begins once")
                if request.data:
                    yield request.data

        failed: list[ArgosyError] = []

        async def right() -> AsyncIterator[bytes]:
            try:
                async for piece in checked(d, pieces()):
                    yield piece
            except ArgosyError as error:
                failed.append(error)
                raise

        async with ended(right()) as coming:
            try:
                await self.depot.put(_name(begin.name), d, coming, begin.is_top)
            except Exception as error:
                # Who hands pieces on to others (to an HTTP client, say) gets their failure back in other words, which may mean: try again.
                if not failed:
                    raise
                raise failed[0] from error
        if failed:
            raise failed[0]  # it was kept all the same, or not: it was not what it was said to be
        return p.PutResponse()


def _name(name: str) -> str:
    if not name or len(name.encode()) > _MOST_NAME:
        raise InvalidArgument(f"the name of an image in a depot has 1 to {_MOST_NAME} bytes")
    return name
