"""Images whose layers are packed otherwise: by the daemon's differ, which also runs the stream processors that lead to other types."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Final

from argosy_protos.argosy.diff.v1 import ConvertRequest
from argosy_protos.containerd.services.images.v1 import Image
from argosy_protos.google.protobuf import Any as AnyMessage

from argosy.client.connection import Client
from argosy.client.images.authorizing import payloads_for
from argosy.client.images.documents import from_wire, to_wire
from argosy.client.images.rewriting import rewrite
from argosy.client.progress import Progress, Watch, nobody
from argosy.client.rewriting import Made, Part
from argosy.client.services import Services, present
from argosy.encryption.payload import Parameters
from argosy.errors import InvalidArgument, Unimplemented
from argosy.oci.image import Platform
from argosy.oci.layers import FORMS, in_form, oci_type

# Beyond what any layer takes; without one the daemon gives up sooner.
_CONVERT_S: Final = 6 * 3600.0
_LATER: Final = ("estargz", "stargz", "zstd:chunked", "nydus", "overlaybd")


async def convert(
    client: Client, name: str, new: str, to: str, *, keys: Parameters | None = None, payloads: Mapping[str, AnyMessage] | None = None,
    platforms: Sequence[Platform] = (), watch: Watch = nobody,
) -> Image:  # fmt: skip
    """Make an image of another, called new, whose layers are as to says: one of ``argosy.oci.layers.FORMS``, or a media type that a stream
    processor makes. Layers that are so stay as they are; encrypted ones are opened by keys, or those of the daemon.

    payloads are for stream processors, by their names. Raises NotFound, InvalidArgument when a layer's content is not what its config says,
    FailedPrecondition for one of which no EROFS image can be made without what is below it, Unimplemented for a type that nothing leads to, and
    what a stream processor says that fails.
    """
    if to in _LATER:
        raise Unimplemented(
            f"layers are not converted to {to} yet; use {', '.join(FORMS)}, or a media type that a stream processor makes"
        )
    if to not in FORMS and "/" not in to:
        raise InvalidArgument(f'"{to}" is none of {", ".join(FORMS)}, and no media type')

    async def change(services: Services, part: Part) -> Made | None:
        layer = part.layer
        wanted = in_form(layer.media_type, to) if to in FORMS else to
        if oci_type(layer.media_type) == wanted:
            return None
        watch(Progress(f"convert-{layer.digest}", "converting", 0, layer.size, layer))
        request = ConvertRequest(
            layer=to_wire(layer), media_type=wanted, ref=f"convert-{layer.digest}-{os.urandom(4).hex()}",
            payloads={**payloads_for(layer, keys), **(payloads or {})},
        )  # fmt: skip
        try:
            answer = await services.layers.convert(request, timeout=_CONVERT_S)
        except Unimplemented as error:
            if "unsupported diff media type" in error.message or "EROFS image" in error.message:
                raise
            raise Unimplemented("the daemon converts no layers; a mesh of argosy up does") from None
        now = from_wire(present(answer.layer, "the layer that was made"))
        made = Made.repacked(part, now, answer.held or answer.diff_id, answer.diff_id)
        watch(Progress(f"convert-{layer.digest}", "done", layer.size, layer.size, layer))
        return made

    return await rewrite(client, name, new, change, platforms)
