"""mine, a depot with a fault: of what breaks off it keeps what has come."""

import hashlib
import json
from collections.abc import AsyncIterator
from pathlib import Path

import anyio
from argosy.errors import NotFound
from argosy.oci.image import Descriptor
from argosy.plugin.depots import PIECE, Depot
from argosy.plugin.main import main


class Mine(Depot):
    def __init__(self, root: Path = Path("/var/lib/mine")) -> None:
        """root is the flag --root. Each other parameter is a flag, too: url: Annotated[str, "where images are"] is --url."""
        self._blobs, self._names = anyio.Path(root / "blobs"), anyio.Path(root / "names")

    async def resolve(self, name: str) -> Descriptor:
        try:
            return Descriptor.of(json.loads(await self._name(name).read_bytes()))
        except FileNotFoundError:
            raise NotFound(f'image "{name}"') from None

    async def fetch(self, name: str, d: Descriptor, offset: int) -> AsyncIterator[bytes]:
        """Yield the bytes from offset on: what broke off is asked for from where it did."""
        try:
            file = await anyio.open_file(self._blob(d), "rb")
        except FileNotFoundError:
            raise NotFound(d.digest) from None
        async with file:
            await file.seek(offset)
            while piece := await file.read(PIECE):
                yield piece

    async def has(self, name: str, d: Descriptor) -> bool:
        """Return whether nobody need send a blob."""
        return await self._blob(d).exists()

    async def put(self, name: str, d: Descriptor, pieces: AsyncIterator[bytes], is_top: bool) -> None:
        """Keep a blob or a document, whole or not at all. The last piece comes only if all bytes are those of the digest."""
        await self._write(self._blob(d), pieces)
        if is_top:
            said = {"mediaType": d.media_type, "digest": d.digest, "size": d.size}
            await self._write(self._name(name), once(json.dumps(said).encode()))

    def _blob(self, d: Descriptor) -> anyio.Path:
        return self._blobs / d.digest.replace(":", "-")

    def _name(self, name: str) -> anyio.Path:
        # Any name is a name, also one with slashes in it.
        return self._names / hashlib.sha256(name.encode()).hexdigest()

    async def _write(self, path: anyio.Path, pieces: AsyncIterator[bytes]) -> None:
        """Write a file."""
        await path.parent.mkdir(parents=True, exist_ok=True)
        async with await anyio.open_file(path, "wb") as file:
            async for piece in pieces:
                await file.write(piece)


async def once(data: bytes) -> AsyncIterator[bytes]:
    yield data


if __name__ == "__main__":
    main(Mine)
