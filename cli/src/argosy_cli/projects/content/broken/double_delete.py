"""mine, a content store with a fault: Delete of what is not there answers that it is deleted."""

from pathlib import Path

from argosy.errors import NotFound
from argosy.plugin.content.blobs import Blobs
from argosy.plugin.content.local import LocalStore
from argosy.plugin.main import main


class Mine(LocalStore):
    def __init__(self, root: Path) -> None:
        super().__init__(Blobs(root))
        self.blobs.recover()

    async def delete(self, digest: str) -> None:
        try:
            await super().delete(digest)
        except NotFound:
            return


if __name__ == "__main__":
    main(Mine)
