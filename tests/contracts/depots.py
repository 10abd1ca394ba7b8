"""A depot in memory that keeps the contract, and ones that break it in one way each. Each fault names the checks of the suite that are to find it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import ClassVar

from argosy.digest import Digest
from argosy.errors import DataLoss, InvalidArgument, NotFound, Unimplemented
from argosy_protos.argosy.transfer import v1 as p

_PIECE = 1 << 20


class Reference(p.DepotBase):
    """A depot without a fault, on the messages themselves: nothing of the SDK stands between."""

    found_by: ClassVar[Sequence[str]] = ()
    lacks: ClassVar[Sequence[str]] = ()

    def __init__(self) -> None:
        self.blobs: dict[str, bytes] = {}
        self.names: dict[str, p.Descriptor] = {}

    def key(self, name: str) -> str:
        """Return what a name is kept under."""
        return name

    async def resolve(self, request: p.ResolveRequest) -> p.ResolveResponse:
        if not request.name:
            raise InvalidArgument("no name")
        found = self.names.get(self.key(request.name))
        if found is None:
            raise NotFound(f'image "{request.name}"')
        return p.ResolveResponse(descriptor=found)

    async def fetch(self, request: p.FetchRequest) -> AsyncIterator[p.FetchResponse]:
        assert request.descriptor is not None
        data = self.blobs.get(request.descriptor.digest)
        if data is None:
            raise NotFound(request.descriptor.digest)
        if not 0 <= request.offset <= len(data):
            raise InvalidArgument(f"there are no bytes from {request.offset} on")
        for at in range(request.offset, len(data), _PIECE):
            yield p.FetchResponse(data=data[at : at + _PIECE])

    async def has(self, request: p.HasRequest) -> p.HasResponse:
        return p.HasResponse(has=request.descriptor is not None and request.descriptor.digest in self.blobs)

    async def put(self, requests: AsyncIterator[p.PutRequest]) -> p.PutResponse:
        begin, data = None, bytearray()
        async for request in requests:
            if (request.begin is None) == (begin is None) or (request.begin and request.begin.descriptor is None):
                raise InvalidArgument("a put says first, and once, what is put")
            begin = begin or request.begin
            data += request.data
            await self.came(begin, data)
        if begin is None or begin.descriptor is None:
            raise InvalidArgument("a put says first what is put")
        self.check(begin.descriptor, bytes(data))
        self.keep(begin, bytes(data))
        return p.PutResponse()

    async def came(self, begin: p.PutBegin | None, data: bytearray) -> None:
        """Look at what has come so far."""

    def check(self, d: p.Descriptor, data: bytes) -> None:
        if len(data) != d.size or str(Digest.of(data)) != d.digest:
            raise DataLoss(f"{d.digest} is other bytes")

    def keep(self, begin: p.PutBegin, data: bytes) -> None:
        assert begin.descriptor is not None
        self.blobs[begin.descriptor.digest] = data
        if begin.is_top:
            self.names[self.key(begin.name)] = begin.descriptor


class OnlyGives(Reference):
    """Keeps the contract, and takes nothing."""

    lacks = ("put",)

    async def put(self, requests: AsyncIterator[p.PutRequest]) -> p.PutResponse:
        raise Unimplemented("nothing is taken here")


class BeginsAtTheBeginning(Reference):
    found_by = ("a-blob-comes-from-any-offset-on",)

    async def fetch(self, request: p.FetchRequest) -> AsyncIterator[p.FetchResponse]:
        request.offset = 0
        async for answer in super().fetch(request):
            yield answer


class SendsItInOnePiece(Reference):
    found_by = ("a-blob-comes-whole",)

    async def fetch(self, request: p.FetchRequest) -> AsyncIterator[p.FetchResponse]:
        yield p.FetchResponse(data=b"".join([answer.data async for answer in super().fetch(request)]))


class SendsMore(Reference):
    found_by = ("a-blob-comes-whole", "what-is-put-is-there")

    async def fetch(self, request: p.FetchRequest) -> AsyncIterator[p.FetchResponse]:
        async for answer in super().fetch(request):
            yield answer
        yield p.FetchResponse(data=b"more")


class SendsNothingOfWhatThereIsNot(Reference):
    found_by = ("a-blob-that-is-not-there-is-not-found", "a-digest-is-no-path")

    async def fetch(self, request: p.FetchRequest) -> AsyncIterator[p.FetchResponse]:
        try:
            async for answer in super().fetch(request):
                yield answer
        except NotFound:
            return


class ReadsAnyFile(Reference):
    found_by = ("a-digest-is-no-path",)

    async def fetch(self, request: p.FetchRequest) -> AsyncIterator[p.FetchResponse]:
        assert request.descriptor is not None
        if "/" in request.descriptor.digest:
            yield p.FetchResponse(data=b"root:x:0:0")
            return
        async for answer in super().fetch(request):
            yield answer


class EndsWithoutAWordBeyondTheEnd(Reference):
    found_by = ("nothing-comes-from-the-end-on",)

    async def fetch(self, request: p.FetchRequest) -> AsyncIterator[p.FetchResponse]:
        assert request.descriptor is not None
        if request.offset > request.descriptor.size:
            return
        async for answer in super().fetch(request):
            yield answer


class AnswersAnyName(Reference):
    found_by = ("a-name-of-nothing-is-not-found",)

    async def resolve(self, request: p.ResolveRequest) -> p.ResolveResponse:
        try:
            return await super().resolve(request)
        except NotFound:
            return p.ResolveResponse(descriptor=p.Descriptor(media_type="x", digest=str(Digest.of(b"x")), size=1))


class NeedsNoName(Reference):
    found_by = ("no-name-is-no-name",)

    async def resolve(self, request: p.ResolveRequest) -> p.ResolveResponse:
        request.name = request.name or "default"
        return await super().resolve(request)


class ForgetsMediaTypes(Reference):
    found_by = ("a-name-stands-for-an-image", "what-is-put-is-there")

    async def resolve(self, request: p.ResolveRequest) -> p.ResolveResponse:
        found = (await super().resolve(request)).descriptor
        assert found is not None
        return p.ResolveResponse(
            descriptor=p.Descriptor(digest=found.digest, size=found.size, media_type="application/json")
        )


class MixesBytesUp(Reference):
    """One buffer for all who fetch."""

    found_by = ("several-blobs-come-at-once",)

    async def fetch(self, request: p.FetchRequest) -> AsyncIterator[p.FetchResponse]:
        async for answer in super().fetch(request):
            self.shared = answer.data
            await asyncio.sleep(0.01)
            yield p.FetchResponse(data=self.shared)


class NamesWhateverIsPut(Reference):
    found_by = ("a-name-stands-for-its-latest-top",)

    def keep(self, begin: p.PutBegin, data: bytes) -> None:
        begin.is_top = True
        super().keep(begin, data)


class KeepsTheFirstTop(Reference):
    found_by = ("a-name-stands-for-its-latest-top",)

    def keep(self, begin: p.PutBegin, data: bytes) -> None:
        begin.is_top = begin.is_top and begin.name not in self.names
        super().keep(begin, data)


class CutsNamesAtSlashes(Reference):
    found_by = ("names-are-apart",)

    def key(self, name: str) -> str:
        return "/".join(name.split("/")[:3])


class FoldsNames(Reference):
    found_by = ("any-name-is-a-name",)

    def key(self, name: str) -> str:
        return name.lower().replace(" 1", "")


class KeepsWhatIsTooShort(Reference):
    found_by = ("fewer-bytes-are-not-kept",)

    def check(self, d: p.Descriptor, data: bytes) -> None:
        if len(data) == d.size:
            super().check(d, data)


class KeepsOtherBytes(Reference):
    found_by = ("other-bytes-are-not-kept",)

    def check(self, d: p.Descriptor, data: bytes) -> None:
        if len(data) != d.size:
            super().check(d, data)


class KeepsWhatItRefuses(Reference):
    found_by = ("fewer-bytes-are-not-kept", "other-bytes-are-not-kept")

    def check(self, d: p.Descriptor, data: bytes) -> None:
        self.blobs[d.digest] = data
        super().check(d, data)


class KeepsWhatComes(Reference):
    found_by = ("who-goes-leaves-nothing",)

    async def came(self, begin: p.PutBegin | None, data: bytearray) -> None:
        if begin is not None and begin.descriptor is not None:
            self.blobs.setdefault(begin.descriptor.digest, bytes(data))
            self.blobs[begin.descriptor.digest] = bytes(data)


class HasEverything(Reference):
    found_by = ("nobody-has-what-nobody-put",)

    async def has(self, request: p.HasRequest) -> p.HasResponse:
        return p.HasResponse(has=True)


class RefusesWhatIsThere(Reference):
    found_by = ("a-blob-is-put-again",)

    def keep(self, begin: p.PutBegin, data: bytes) -> None:
        assert begin.descriptor is not None
        if begin.descriptor.digest in self.blobs and not begin.is_top:
            raise InvalidArgument("it is there")
        super().keep(begin, data)


class LosesNames(Reference):
    """Reads the list of names, and writes it."""

    found_by = ("many-names-are-given-at-once",)

    def keep(self, begin: p.PutBegin, data: bytes) -> None:
        assert begin.descriptor is not None
        self.blobs[begin.descriptor.digest] = data
        self.last = begin

    async def put(self, requests: AsyncIterator[p.PutRequest]) -> p.PutResponse:
        answer = await super().put(requests)
        if self.last.is_top and self.last.descriptor is not None:
            names = {**self.names, self.last.name: self.last.descriptor}
            await asyncio.sleep(0.2)
            self.names = names
        return answer


class HasNoEmptyBlobs(Reference):
    found_by = ("a-blob-may-be-empty",)

    def keep(self, begin: p.PutBegin, data: bytes) -> None:
        if data:
            super().keep(begin, data)


class TakesAnything(Reference):
    found_by = ("a-put-says-first-what-is-put",)

    async def put(self, requests: AsyncIterator[p.PutRequest]) -> p.PutResponse:
        try:
            return await super().put(requests)
        except InvalidArgument:
            return p.PutResponse()


class TakesAndForgets(Reference):
    """Says that it takes nothing, by keeping nothing."""

    lacks = ("put",)
    found_by = ("who-takes-no-images-says-so",)

    def keep(self, begin: p.PutBegin, data: bytes) -> None:
        pass


class DiesOfWhoLeaves(Reference):
    found_by = ("a-fetch-that-is-given-up-hurts-nobody",)
    gone = False

    async def fetch(self, request: p.FetchRequest) -> AsyncIterator[p.FetchResponse]:
        if self.gone:
            raise NotFound("it broke")
        try:
            async for answer in super().fetch(request):
                yield answer
                await asyncio.sleep(0.01)
        except (asyncio.CancelledError, GeneratorExit):
            self.gone = True
            raise


FAULTS: Sequence[type[Reference]] = [
    BeginsAtTheBeginning, SendsItInOnePiece, SendsMore, SendsNothingOfWhatThereIsNot, ReadsAnyFile, EndsWithoutAWordBeyondTheEnd,
    AnswersAnyName, NeedsNoName, ForgetsMediaTypes, MixesBytesUp, NamesWhateverIsPut, KeepsTheFirstTop, CutsNamesAtSlashes, FoldsNames,
    KeepsWhatIsTooShort, KeepsOtherBytes, KeepsWhatItRefuses, KeepsWhatComes, HasEverything, RefusesWhatIsThere, LosesNames, HasNoEmptyBlobs,
    TakesAnything, TakesAndForgets, DiesOfWhoLeaves,
]  # fmt: skip
