"""The daemon's images rewritten: documents are read from its content store and kept there, under one lease until the new name holds them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence

from argosy_protos.containerd.services.images.v1 import Image

from argosy.client.connection import Client
from argosy.client.content import write_blob
from argosy.client.images.documents import from_wire, reader, to_wire
from argosy.client.images.names import find_image, put_image
from argosy.client.rewriting import Made, Part, Rewriting, Workshop
from argosy.client.services import Services, present
from argosy.errors import NotFound
from argosy.labels import GC_REF_CONTENT
from argosy.oci.image import Descriptor, Platform
from argosy.oci.reference import Reference

Change = Callable[[Services, Part], Awaitable[Made | None]]
"""Makes a layer anew and returns what it is by then; None for one that stays as it is. Called for several at once."""


async def rewrite(client: Client, name: str, new: str, change: Change, platforms: Sequence[Platform] = ()) -> Image:
    """Make an image of another, called new, of which change has made layers anew. Without platforms, for all that are here.

    The image has its name when all of it is there; a failure or cancellation leaves nothing that collection does not take.
    Raises NotFound, InvalidArgument, and what change raises.
    """
    async with client.lease() as services:
        image = await find_image(services, name)
        rewriting = Rewriting(_Stored(services, change), platforms)
        changed = await rewriting.tree(from_wire(present(image.target, f'the target of image "{name}"')))
        if not rewriting.found:
            wanted = ", ".join(map(str, platforms))
            raise NotFound(f"the image has no manifest here{f' for {wanted}' if wanted else ''}")
        return await put_image(services, str(Reference.parse(new)), to_wire(changed))


class _Stored(Workshop):
    """A daemon's content store."""

    def __init__(self, services: Services, change: Change) -> None:
        self._services, self._change, self._read = services, change, reader(services)

    async def read(self, d: Descriptor) -> bytes:
        return await self._read(d)

    async def make(self, part: Part) -> Made | None:
        return await self._change(self._services, part)

    async def keep(self, d: Descriptor, data: bytes, names: Mapping[str, str]) -> None:
        labels = {f"{GC_REF_CONTENT}.{name}": digest for name, digest in names.items()}
        await write_blob(self._services.content, f"rewritten-{d.digest}", data, labels)

    async def lacks(self, d: Descriptor) -> bool:
        try:
            await self.read(d)
        except NotFound:
            return True  # a platform that was never fetched
        return False
