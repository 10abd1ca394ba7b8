"""A depot as an entry point: images lie in an OCI layout in the directory that SHELF names, which any tool for layouts reads.

    [project.entry-points."argosy.transfer"]
    shelf = "shelf:Shelf"

Where that is installed, `argosy transfer box:1 shelf:box` puts an image there, and `argosy transfer shelf:box image:box` takes it. The same class can
be served at a socket, for every client of a daemon: `argosy plugin add depot shelf`.
"""

import fcntl
import json
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import uuid4

from argosy.errors import NotFound
from argosy.oci.image import Descriptor
from argosy.plugin.depots import Depot
from argosy.plugin.main import main

NAME = "org.opencontainers.image.ref.name"


class Shelf(Depot):
    def __init__(self) -> None:
        self._folder = Path(os.environ.get("SHELF", "shelf"))

    async def resolve(self, name: str) -> Descriptor:
        for entry in self._listed():
            if entry.get("annotations", {}).get(NAME) == name:
                return Descriptor.of(entry)
        raise NotFound(f'image "{name}" in {self._folder}')

    async def fetch(self, name: str, d: Descriptor, offset: int) -> AsyncIterator[bytes]:
        if not await self.has(name, d):
            raise NotFound(d.digest)
        with self._blob(d).open("rb") as file:
            file.seek(offset)
            while piece := file.read(1 << 20):
                yield piece

    async def has(self, name: str, d: Descriptor) -> bool:
        return self._blob(d).exists()

    async def put(self, name: str, d: Descriptor, pieces: AsyncIterator[bytes], is_top: bool) -> None:
        path = self._blob(d)
        path.parent.mkdir(parents=True, exist_ok=True)
        scratch = path.with_name(f"{path.name}.{uuid4()}")
        try:
            with scratch.open("wb") as file:
                async for piece in pieces:
                    file.write(piece)
            scratch.rename(path)
        finally:
            scratch.unlink(missing_ok=True)
        if is_top:
            self._name(name, d)

    def _name(self, name: str, d: Descriptor) -> None:
        with (self._folder / "oci-layout").open("w") as mark:
            fcntl.flock(mark, fcntl.LOCK_EX)  # others may name theirs at the same time
            mark.write('{"imageLayoutVersion": "1.0.0"}')
            entry = {"mediaType": d.media_type, "digest": d.digest, "size": d.size, "annotations": {NAME: name}}
            others = [one for one in self._listed() if one.get("annotations", {}).get(NAME) != name]
            scratch = self._folder / "index.json.new"
            scratch.write_text(json.dumps({"schemaVersion": 2, "manifests": [*others, entry]}))
            scratch.rename(self._folder / "index.json")

    def _listed(self) -> list[dict[str, Any]]:
        index = self._folder / "index.json"
        return list(json.loads(index.read_bytes())["manifests"]) if index.exists() else []

    def _blob(self, d: Descriptor) -> Path:
        return self._folder / "blobs" / d.digest.replace(":", "/")


if __name__ == "__main__":
    main(Shelf)
