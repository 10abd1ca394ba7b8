"""A resolver in one class: images come from a folder with an OCI image layout, and no registry is asked. `layout.py FOLDER NAME` pulls one."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from pathlib import Path

from argosy.client import Client, images
from argosy.digest import Digest
from argosy.errors import ArgosyError, NotFound
from argosy.oci.image import Descriptor
from argosy.oci.reference import Reference


class Layout:
    def __init__(self, folder: Path) -> None:
        self.folder = folder

    async def resolve(self, reference: Reference) -> Descriptor:
        for entry in json.loads((self.folder / "index.json").read_bytes())["manifests"]:
            names = entry["digest"], entry.get("annotations", {}).get("org.opencontainers.image.ref.name")
            if reference.target in names:  # its digest, if it has one, else its tag
                return Descriptor.of(entry)
        raise NotFound(f'image "{reference.target}" in {self.folder}')

    async def fetch(self, reference: Reference, descriptor: Descriptor, offset: int = 0) -> AsyncIterator[bytes]:
        digest = Digest.parse(descriptor.digest)
        with (self.folder / "blobs" / digest.algorithm / digest.hex).open("rb") as blob:
            blob.seek(offset)
            while piece := blob.read(1 << 20):
                yield piece


async def main(folder: Path, name: str) -> None:
    async with Client(resolver=Layout(folder)) as client:
        image = await images.pull(client, name)
        print(image.name)


if __name__ == "__main__":
    try:
        asyncio.run(main(Path(sys.argv[1]), sys.argv[2]))
    except (ArgosyError, OSError) as error:
        sys.exit(f"layout.py: {error}")
