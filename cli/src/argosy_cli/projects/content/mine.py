"""mine, a content store: blobs in a directory, and each read is told to the log."""

from collections.abc import AsyncIterator
from pathlib import Path

from argosy import log
from argosy.plugin.content import Info
from argosy.plugin.content.blobs import Blobs
from argosy.plugin.content.local import LocalStore
from argosy.plugin.main import main

logger = log.get("mine")

# LocalStore keeps the whole contract: one writer a ref, offsets, digests that are checked, ingests that go on after a crash. Change what
# you want to be different, and leave the rest to it. A store that keeps its blobs elsewhere inherits from argosy.plugin.content.ContentStore
# and answers every call itself.


class Mine(LocalStore):
    def __init__(self, root: Path) -> None:
        """root is the flag --root. Each other parameter is a flag, too: url: Annotated[str, "where blobs come from"] is --url."""
        super().__init__(Blobs(root))
        self.blobs.recover()  # what a crash left half-way

    async def info(self, digest: str) -> Info:
        # Change this to have a blob that is not here yet: fetch it, write it through self.writer(), and then answer.
        return await super().info(digest)

    async def read(self, digest: str, offset: int, size: int) -> AsyncIterator[bytes]:
        """Yield the bytes from offset on, size of them, or all that there are for 0."""
        count = 0
        async for piece in super().read(digest, offset, size):
            # Change this to have bytes go through something of yours. They have to be those of the digest in the end.
            count += len(piece)
            yield piece
        logger.info("mine.read", digest=digest, offset=offset, bytes=count)


if __name__ == "__main__":
    # --root, --address, --help, signals and the service manager are main's.
    main(Mine)
