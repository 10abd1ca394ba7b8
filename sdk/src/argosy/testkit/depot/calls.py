"""A depot as a check speaks to it, with images to put there, and the suite that the checks are in."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Collection, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import anyio
from argosy_protos.argosy.transfer import v1 as p

from argosy.digest import Digest
from argosy.errors import InvalidArgument, NotFound
from argosy.names import DEPOT_HEADER
from argosy.oci.image import MAX_MANIFEST_BYTES, Descriptor, Index, parse_document
from argosy.plugin.depots import PIECE, to_wire
from argosy.testkit.blobs import digest_of, fresh
from argosy.testkit.image import CONFIG, LAYER, MANIFEST
from argosy.testkit.suite import Broken, NotHere, Subject, Suite, greeted, request
from argosy.testkit.target import Target, reached

CAPABILITIES: Final[Mapping[str, str]] = {
    "give": "images can be taken from it",
    "put": "images can be put there",
}
USUAL: Final = frozenset(CAPABILITIES)
# More than any check puts, or asks of an image that is there: a depot that sends more has no end.
_MOST_BYTES: Final = 16 << 20
# What was sent has come by then, as a rule: a depot that keeps what is half shows it.
_SEEN_S: Final = 0.1


@dataclass(frozen=True)
class Place:
    """Which depot is judged, and by what."""

    target: Target
    depot: str
    """Its name in a daemon; empty at its own socket."""
    image: str
    """An image that is there already, for a depot that takes none."""
    able: frozenset[str]
    put: list[str] = field(default_factory=list)
    """The names under which something was put."""


@dataclass
class Image:
    """A small image: its documents and blobs by their descriptors, in the order in which they are put; the last one is its top."""

    blobs: dict[str, bytes]
    config: Descriptor
    layer: Descriptor
    top: Descriptor

    @classmethod
    def new(cls, size: int = 3000) -> Image:
        """Return one that nobody has; size is that of its layer, in bytes."""
        layer = fresh(size)
        config = json.dumps(
            {
                "architecture": "amd64",
                "os": "linux",
                "config": {},
                "rootfs": {"type": "layers", "diff_ids": [digest_of(layer)]},
            }
        ).encode()
        blobs: dict[str, bytes] = {}

        def kept(media_type: str, data: bytes) -> Descriptor:
            d = Descriptor(media_type=media_type, digest=digest_of(data), size=len(data))
            blobs[d.digest] = data
            return d

        first, second = kept(CONFIG, config), kept(LAYER, layer)
        said = [{"mediaType": d.media_type, "digest": d.digest, "size": d.size} for d in (first, second)]
        body = {"schemaVersion": 2, "mediaType": MANIFEST, "config": said[0], "layers": said[1:]}
        return cls(blobs, first, second, kept(MANIFEST, json.dumps(body).encode()))

    @property
    def descriptors(self) -> tuple[Descriptor, ...]:
        return (self.config, self.layer, self.top)


class Depot(Subject):
    """A depot, as one check speaks to it. Each method is a call of the contract; it raises what the plugin says."""

    def __init__(self, place: Place, prefix: str) -> None:
        super().__init__(prefix, place.target.deadline_s)
        self.place = place
        channel = place.target.channel
        self._stub = p.DepotStub(channel.with_metadata({DEPOT_HEADER: place.depot}) if place.depot else channel)

    async def resolve(self, name: str) -> Descriptor:
        """Raises Broken for an answer that names nothing."""
        asked = self._stub.resolve(p.ResolveRequest(name=name), timeout=self.deadline_s)
        found = (await self.made(request("Resolve", name=name), asked)).descriptor
        if found is None or not found.digest or found.size <= 0:
            raise Broken("a descriptor with a digest and a size", repr(found))
        return Descriptor(media_type=found.media_type, digest=found.digest, size=found.size)

    async def fetch(self, name: str, d: Descriptor | p.Descriptor, offset: int = 0) -> bytes:
        """Return the bytes from offset on. Raises Broken for a message that is too large, and for more than there is."""

        async def whole() -> bytes:
            data = bytearray()
            wire = d if isinstance(d, p.Descriptor) else to_wire(d)
            wish = p.FetchRequest(name=name, descriptor=wire, offset=offset)
            stream = self._stub.fetch(wish, timeout=self.deadline_s)
            try:
                async for reply in stream:
                    self.holds(len(reply.data) <= PIECE, f"messages of at most {PIECE} bytes", f"one of {len(reply.data)}")
                    data += reply.data
                    self.holds(
                        len(data) <= max(d.size - offset, 0),
                        f"{d.size - offset} bytes and the end",
                        f"{len(data)} bytes and no end",
                    )
            finally:
                await stream.aclose()  # type: ignore[attr-defined] # it is a generator
            return bytes(data)

        return await self.made(request("Fetch", name=name, digest=d.digest, size=d.size, offset=offset), whole())

    async def fetch_a_part(self, name: str, d: Descriptor) -> None:
        """Take the first bytes, and leave."""

        async def part() -> None:
            stream = self._stub.fetch(p.FetchRequest(name=name, descriptor=to_wire(d)), timeout=self.deadline_s)
            async for _ in stream:
                break
            await stream.aclose()  # type: ignore[attr-defined] # it is a generator

        await self.made(request("Fetch", name=name, digest=d.digest, size=d.size) + ", and give it up", part())

    async def has(self, name: str, d: Descriptor) -> bool:
        wish = p.HasRequest(name=name, descriptor=to_wire(d))
        return (
            await self.made(request("Has", name=name, digest=d.digest), self._stub.has(wish, timeout=self.deadline_s))
        ).has

    async def put(self, name: str, d: Descriptor, data: bytes, is_top: bool = False, *, gives_up: bool = False) -> None:
        """Put bytes under what d says of them; one that gives up goes away once they are sent, without an end."""
        text = request("Put", name=name, digest=d.digest, size=d.size, is_top=is_top) + f" and {len(data)} bytes"
        self.place.put.append(name)

        async def whole() -> None:
            async with self._stub.put(timeout=self.deadline_s) as stream:
                begin = p.PutBegin(name=name, descriptor=to_wire(d), is_top=is_top)
                await stream.send_message(p.PutRequest(begin=begin))
                for at in range(0, len(data), PIECE):
                    await stream.send_message(p.PutRequest(data=data[at : at + PIECE]))
                if gives_up:
                    await anyio.sleep(_SEEN_S)
                    stream.cancel()
                    return
                await stream.end()
                await stream.recv_message()

        await self.made(text + (", and give it up" if gives_up else ""), whole())

    async def put_nothing(self, *messages: p.PutRequest) -> None:
        """Put what does not begin as a put does."""

        async def whole() -> None:
            async with self._stub.put(timeout=self.deadline_s) as stream:
                for message in messages:
                    await stream.send_message(message)
                await stream.end()
                await stream.recv_message()

        await self.made(f"Put of {len(messages)} messages, none of which begins it", whole())

    async def put_image(self, word: str, image: Image) -> str:
        """Put an image under a name of that word; return the name."""
        name = self.name(word)
        for d in image.descriptors:
            await self.put(name, d, image.blobs[d.digest], d is image.top)
        return name

    async def given(self, size: int = 3000) -> tuple[str, Descriptor, bytes]:
        """Return an image's name and a blob of it: one that is put there, or of the image that is said to be there. Raises NotHere."""
        if "put" in self.place.able:
            image = Image.new(size)
            name = await self.put_image("a", image)
            return name, image.layer, image.blobs[image.layer.digest]
        name = self.place.image
        if not name:
            raise NotHere("it takes no images, and none that is there was named with --image")
        document = parse_document(await self.document(name, top := await self.resolve(name)), top.media_type)
        while isinstance(document, Index):
            child = document.manifests[0]
            document = parse_document(await self.document(name, child), child.media_type)
        small = [d for d in (*document.layers, document.config) if 1 < d.size <= _MOST_BYTES]
        if not small:
            raise NotHere(f'"{name}" has no blob of 2 to {_MOST_BYTES} bytes to look at')
        return name, small[0], await self.right(name, small[0])

    async def document(self, name: str, d: Descriptor) -> bytes:
        self.holds(d.size <= MAX_MANIFEST_BYTES, "a manifest or an index", f"a document of {d.size} bytes")
        return await self.right(name, d)

    async def right(self, name: str, d: Descriptor) -> bytes:
        """Return a blob whole. Raises Broken for other bytes than its digest says."""
        data = await self.fetch(name, d)
        self.equal(str(Digest.of(data, Digest.parse(d.digest).algorithm)), d.digest, "the digest of what comes")
        return data

    async def nothing_of(self, name: str, d: Descriptor) -> None:
        """Raises Broken when there is a blob."""
        await self.refused(self.fetch(name, d), NotFound)
        self.equal(await self.has(name, d), False, "what Has says of it")

    async def greet(self) -> object:
        return await self.resolve(self.name("nobody"))

    async def clean(self) -> None:
        """A depot has no word for it."""

    async def left(self) -> list[str]:
        return []

    def stays(self) -> str:
        """Return what stays there, in words; "" for nothing."""
        return (
            f'images called "{self.place.target.run}/..." stay there: a depot has no word for removing'
            if self.place.put
            else ""
        )


SUITE: Final[Suite[Depot]] = Suite("depot", CAPABILITIES)


def able(has: Collection[str], lacks: Collection[str]) -> frozenset[str]:
    """Return what a depot is taken to be capable of. Raises InvalidArgument for a capability that is none."""
    return SUITE.able(USUAL, has, lacks)


@asynccontextmanager
async def begun(
    address: str | Path, depot: str, image: str, able: frozenset[str], deadline_s: float
) -> AsyncIterator[Place]:
    """Yield whom we judge; depot is its name in a daemon, image one that is there. Raises Unavailable, DeadlineExceeded, InvalidArgument."""
    async with reached(address, "", deadline_s) as target:
        if target.is_daemon and not depot:
            raise InvalidArgument(
                f"{target.address} is a daemon's socket: say which of its depots is judged, with --depot NAME"
            )
        yield Place(target, depot if target.is_daemon else "", image, able)


def subject(place: Place, check: str) -> Depot:
    """Return what a check of that name speaks to; "" is the whole run."""
    return Depot(place, f"{place.target.run}/{check}" if check else place.target.run)


async def begin(place: Place) -> str:
    """Return whom we judge, in words. Raises Unimplemented, NotFound, Unavailable when the suite can't begin."""
    where = f'depot "{place.depot}" of containerd {place.target.version}' if place.depot else "depot"
    one = subject(place, "")
    name = one.name("nobody")
    # Who only takes images does not resolve.
    asked = one.resolve(name) if "give" in place.able else one.has(name, Image.new().top)
    with suppress(Broken):  # how it should answer is judged by a check
        error = await greeted(asked, f"no depot is served at {place.target.address}, or one that lacks this call")
        if isinstance(error, NotFound) and place.depot and error.message.startswith(f'depot "{place.depot}"'):
            raise error
    return f"{where} at {place.target.address}"
