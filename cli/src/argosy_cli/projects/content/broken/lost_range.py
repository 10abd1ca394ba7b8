"""mine, a content store with a fault: Read always has the bytes up to the end, however few were asked for."""

from collections.abc import AsyncIterator
from pathlib import Path

from argosy.plugin.content.blobs import Blobs
from argosy.plugin.content.local import LocalStore
from argosy.plugin.main import main


class Mine(LocalStore):
    def __init__(self, root: Path) -> None:
        super().__init__(Blobs(root))
        self.blobs.recover()

    async def read(self, digest: str, offset: int, size: int) -> AsyncIterator[bytes]:
        async for piece in super().read(digest, offset, 0):
            yield piece


if __name__ == "__main__":
    main(Mine)
