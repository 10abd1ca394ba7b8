"""mine, a verifier with a fault: what it can't look up it lets through."""

from pathlib import Path
from typing import Annotated

import anyio
from argosy.errors import InvalidArgument
from argosy.plugin.main import main
from argosy.plugin.verifier import Image, Reject, Verifier
from argosy_protos.argosy.verifier.v1 import VerifyRequest, VerifyResponse


class Mine(Verifier):
    def __init__(self, list: Annotated[Path, "file with a digest a line, and behind it why it may be used"]) -> None:
        self._list = anyio.Path(list)

    async def verify(self, request: VerifyRequest) -> VerifyResponse:
        try:
            return await super().verify(request)
        except InvalidArgument as error:
            return VerifyResponse(ok=True, reason=f"it can't be looked up: {error}")

    async def check(self, image: Image) -> str:
        """Return why an image may be used, which is kept with it. Raises Reject."""
        for line in (await self._list.read_text()).splitlines():
            digest, _, why = line.partition(" ")
            if digest == image.target.digest:
                return why.strip() or f"it is in {self._list.name}"
        raise Reject(f"{image.target.digest} is not in {self._list.name}")


if __name__ == "__main__":
    main(Mine)
