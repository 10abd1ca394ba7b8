"""mine, a differ with a fault: what Diff stores does not say of which tar it was made."""

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated

from argosy.errors import Unimplemented
from argosy.mounts import Mount
from argosy.oci.layers import LAYERS, TAR
from argosy.plugin.diff import Descriptor, Differ
from argosy.plugin.diff.compare import DEFAULT, compare_trees
from argosy.plugin.diff.contents import Contents
from argosy.plugin.main import main
from argosy.rpc.channel import Channel
from argosy.settled import in_thread
from argosy.unpack.apply import unpack


class Mine(Differ):
    def __init__(self, content: Annotated[Path, "socket of the daemon whose content it reads and writes"]) -> None:
        self._contents = Contents(Channel(content, name="the daemon"), Path(tempfile.gettempdir()))

    async def apply(
        self, layer: Descriptor, mounts: Sequence[Mount], payloads: Mapping[str, bytes], sync: bool
    ) -> Descriptor:
        if layer.media_type not in LAYERS:
            raise Unimplemented(f"unsupported media type: {layer.media_type}")
        with await self._contents.open(layer.digest, layer.size) as blob:
            applied = await in_thread(unpack, blob, mounts, sync)
        return Descriptor(TAR, applied.digest, applied.size)

    async def compare(
        self, lower: Sequence[Mount], upper: Sequence[Mount], media_type: str, ref: str, labels: Mapping[str, str],
        epoch_s: int | None,
    ) -> Descriptor:  # fmt: skip
        chosen = media_type or DEFAULT
        with tempfile.TemporaryFile() as out:
            layer = await in_thread(compare_trees, lower, upper, out, chosen, epoch_s)
            await self._contents.put(ref or layer.digest, out, layer.size, layer.digest, dict(labels))
        return Descriptor(chosen, layer.digest, layer.size)


if __name__ == "__main__":
    main(Mine)
