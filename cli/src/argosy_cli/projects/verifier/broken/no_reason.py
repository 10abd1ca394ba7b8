"""mine, a verifier with a fault: it rejects, and does not say why."""

from pathlib import Path
from typing import Annotated

import anyio
from argosy.plugin.main import main
from argosy.plugin.verifier import Image, Reject, Verifier


class Mine(Verifier):
    def __init__(self, list: Annotated[Path, "file with a digest a line, and behind it why it may be used"]) -> None:
        """Each parameter is a flag: this one is --list."""
        self._list = anyio.Path(list)

    async def check(self, image: Image) -> str:
        """Return why an image may be used, which is kept with it. Raises Reject."""
        for line in (await self._list.read_text()).splitlines():
            digest, _, why = line.partition(" ")
            if digest == image.target.digest:
                return why.strip() or f"it is in {self._list.name}"
        raise Reject()


if __name__ == "__main__":
    main(Mine)
