"""mine, a differ: it unpacks layers, and makes them of what has changed."""

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated

from argosy.errors import Unimplemented
from argosy.labels import UNCOMPRESSED
from argosy.mounts import Mount
from argosy.oci.layers import LAYERS, TAR
from argosy.plugin.diff import Descriptor, Differ
from argosy.plugin.diff.compare import DEFAULT, compare_trees
from argosy.plugin.diff.contents import Contents
from argosy.plugin.main import main
from argosy.rpc.channel import Channel
from argosy.settled import in_thread
from argosy.unpack.apply import unpack

# What a differ is given may be hostile: the SDK's parts have limits, and follow no link out of a tree. Keep to them where you can.


class Mine(Differ):
    def __init__(self, content: Annotated[Path, "socket of the daemon whose content it reads and writes"]) -> None:
        self._contents = Contents(Channel(content, name="the daemon"), Path(tempfile.gettempdir()))

    async def apply(
        self, layer: Descriptor, mounts: Sequence[Mount], payloads: Mapping[str, bytes], sync: bool
    ) -> Descriptor:
        """Put a layer onto mounts; return the descriptor of its tar, whose digest is the layer's diff id."""
        # Change this to know other layers. What is refused so goes to the next differ.
        if layer.media_type not in LAYERS:
            raise Unimplemented(f"unsupported media type: {layer.media_type}")
        with await self._contents.open(layer.digest, layer.size) as blob:
            # Change this to look into a layer, or to unpack it in your own way. It runs in a thread: it may block.
            applied = await in_thread(unpack, blob, mounts, sync)
        return Descriptor(TAR, applied.digest, applied.size)

    async def compare(
        self, lower: Sequence[Mount], upper: Sequence[Mount], media_type: str, ref: str, labels: Mapping[str, str],
        epoch_s: int | None,
    ) -> Descriptor:  # fmt: skip
        """Write a layer with what leads from lower to upper into the content store; return its descriptor."""
        chosen = media_type or DEFAULT
        with tempfile.TemporaryFile() as out:
            layer = await in_thread(compare_trees, lower, upper, out, chosen, epoch_s)
            kept = {**labels, **({} if chosen == TAR else {UNCOMPRESSED: layer.uncompressed})}
            await self._contents.put(ref or layer.digest, out, layer.size, layer.digest, kept)
        return Descriptor(chosen, layer.digest, layer.size)


if __name__ == "__main__":
    # --address, --help, signals and the service manager are main's; --content is the parameter of __init__.
    main(Mine)
