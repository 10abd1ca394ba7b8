"""A content store that reads through: what it does not have it fetches from a web server, checks, and keeps.

So a pull takes from the registry what a tag stands for, and every blob from the nearest server that has it: any that serves the files
of an OCI image layout, below --url as blobs/sha256/HEX. What the server lacks, or has wrong, comes from the registry as ever.
"""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Annotated

import aiohttp
from argosy import filters, log
from argosy.digest import Digest
from argosy.errors import ArgosyError, FailedPrecondition
from argosy.plugin.content import Info, Status, Writer
from argosy.plugin.content.blobs import Blobs
from argosy.plugin.content.local import LocalStore
from argosy.plugin.main import main
from argosy.plugin.snapshots.tree import Turns


class Mirror(LocalStore):
    def __init__(self, root: Path, url: Annotated[str, "where the blobs are, http://… or https://…"]) -> None:
        super().__init__(Blobs(root))
        self.blobs.recover()
        self._url, self._turns = url.rstrip("/"), Turns()

    async def info(self, digest: str) -> Info:
        await self._bring(digest)
        return await super().info(digest)

    async def read(self, digest: str, offset: int, size: int) -> AsyncIterator[bytes]:
        await self._bring(digest)
        async for piece in super().read(digest, offset, size):
            yield piece

    async def writer(self, ref: str, total: int, expected: str, holder: str) -> Writer:
        if expected:
            await self._bring(expected)
        return await super().writer(ref, total, expected, holder)  # says so when the blob is there

    async def statuses(self, filter: filters.Filter) -> list[Status]:
        # Ingests of our own are nobody else's to drop: a daemon aborts those that it has not begun.
        return [status for status in await super().statuses(filter) if not status.ref.startswith("mirror ")]

    async def _bring(self, digest: str) -> None:
        async with self._turns.of(digest):
            if self.blobs.path_of(one := Digest.parse(digest)).exists():
                return
            try:
                await self._fetch(digest, f"{self._url}/blobs/{one.algorithm}/{one.hex}")
            except (aiohttp.ClientError, OSError, ArgosyError) as error:
                log.get("mirror").warning("mirror.not_fetched", digest=digest, error=str(error) or repr(error))

    async def _fetch(self, digest: str, url: str) -> None:
        writer = await super().writer(ref := f"mirror {digest}", 0, digest, "the mirror")
        try:
            # Who waited for it may have given up half-way: what came by then is here still.
            offset = writer.status().offset
            async with (
                aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(sock_connect=10, sock_read=60)) as session,
                session.get(url, headers={"Range": f"bytes={offset}-"} if offset else {}) as response,
            ):
                if response.status != 416:  # which says that all of it is here
                    response.raise_for_status()
                    offset = offset if response.status == 206 else 0
                    async for piece in response.content.iter_chunked(1 << 20):
                        await writer.write(offset, piece, 0, digest)
                        offset += len(piece)
            await writer.commit(offset, b"", 0, digest, None)
        except (aiohttp.ClientResponseError, FailedPrecondition):  # it is not there, or is something else
            await self.abort(ref)
            raise
        finally:
            await writer.close()


if __name__ == "__main__":
    main(Mirror)
