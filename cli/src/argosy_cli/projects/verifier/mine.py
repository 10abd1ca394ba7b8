"""mine, an image verifier: what may be used is in a list of digests."""

from pathlib import Path
from typing import Annotated

import anyio
from argosy.plugin.main import main
from argosy.plugin.verifier import Image, Reject, Verifier

# Whatever it raises keeps the image out, so a list that can't be read does no harm. It is asked once it is known which bytes a name stands for, none
# of which need be here.


class Mine(Verifier):
    def __init__(self, list: Annotated[Path, "file with a digest a line, and behind it why it may be used"]) -> None:
        """Each parameter is a flag: this one is --list."""
        self._list = anyio.Path(list)

    async def check(self, image: Image) -> str:
        """Return why an image may be used, which is kept with it. Raises Reject."""
        # Change this: look a signature up, ask a service. It has ten seconds, or its table's deadline_s.
        for line in (await self._list.read_text()).splitlines():
            digest, _, why = line.partition(" ")
            if digest == image.target.digest:
                return why.strip() or f"it is in {self._list.name}"
        raise Reject(f"{image.target.digest} is not in {self._list.name}")


if __name__ == "__main__":
    # --address, --help, signals and the service manager are main's.
    main(Mine)
