"""mine, a content store with a fault: Read from beyond a blob's end has no bytes, and says nothing of that."""

from collections.abc import AsyncIterator
from pathlib import Path

from argosy.errors import OutOfRange
from argosy.plugin.content.blobs import Blobs
from argosy.plugin.content.local import LocalStore
from argosy.plugin.main import main


class Mine(LocalStore):
    def __init__(self, root: Path) -> None:
        super().__init__(Blobs(root))
        self.blobs.recover()

    async def read(self, digest: str, offset: int, size: int) -> AsyncIterator[bytes]:
        try:
            async for piece in super().read(digest, offset, size):
                yield piece
        except OutOfRange:
            return


if __name__ == "__main__":
    main(Mine)
