"""A depot in an HTTP store as S3 is one: whatever serves GET, HEAD and PUT of objects below --url, whole ones, and ranges of them.

Names are objects (names/NAME), and blobs are (blobs/ALGORITHM/HEX), which images share. `argosy transfer box:1 objects:box/1` copies an image
there from its registry, and nothing stays here.
"""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated, Any
from urllib.parse import quote

import aiohttp
from argosy.errors import NotFound, Unavailable
from argosy.oci.image import Descriptor
from argosy.plugin.depots import Depot
from argosy.plugin.main import main


class Objects(Depot):
    def __init__(self, url: Annotated[str, "where the objects are, http://… or https://…"]) -> None:
        self._url = url.rstrip("/")

    async def resolve(self, name: str) -> Descriptor:
        async with self._asked("GET", f"names/{name}") as response:
            return Descriptor.of(json.loads(await response.content.read(1 << 16)))

    async def fetch(self, name: str, d: Descriptor, offset: int) -> AsyncIterator[bytes]:
        async with self._asked("GET", blob(d), headers={"Range": f"bytes={offset}-"} if offset else {}) as response:
            skip = offset if response.status == 200 else 0  # one that knows no ranges sends all of it
            async for piece in response.content.iter_chunked(1 << 20):
                yield piece[skip:]
                skip = max(0, skip - len(piece))

    async def has(self, name: str, d: Descriptor) -> bool:
        try:
            async with self._asked("HEAD", blob(d)) as response:
                return response.content_length == d.size
        except NotFound:
            return False

    async def put(self, name: str, d: Descriptor, pieces: AsyncIterator[bytes], is_top: bool) -> None:
        # Of an upload that is cut off the store keeps nothing, since fewer bytes come than were said.
        async with self._asked("PUT", blob(d), data=pieces, headers={"Content-Length": str(d.size)}):
            pass
        if is_top:
            said = json.dumps({"mediaType": d.media_type, "digest": d.digest, "size": d.size}).encode()
            async with self._asked("PUT", f"names/{name}", data=said):
                pass

    @asynccontextmanager
    async def _asked(self, method: str, key: str, **more: Any) -> AsyncIterator[aiohttp.ClientResponse]:
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=10, sock_read=60)
        try:
            async with (
                aiohttp.ClientSession(timeout=timeout, auto_decompress=False) as session,
                session.request(method, f"{self._url}/{quote(key)}", **more) as response,
            ):
                if response.status == 404:
                    raise NotFound(f"{key} in {self._url}")
                if response.status >= 300:
                    raise Unavailable(f"{self._url}: {method} {key}: {response.status} {response.reason}")
                yield response
        except (aiohttp.ClientError, TimeoutError) as error:
            raise Unavailable(f"{self._url}: {method} {key}: {error or type(error).__name__}") from error


def blob(d: Descriptor) -> str:
    return f"blobs/{d.digest.replace(':', '/')}"


if __name__ == "__main__":
    main(Objects)
