"""argosy.diff.v1.Layers on the differ: parse, call, convert."""

from __future__ import annotations

from argosy.errors import InvalidArgument
from argosy.mounts import Mount, check
from argosy.plugin.diff import Descriptor
from argosy_protos.argosy.diff import v1 as p
from argosy_protos.containerd.types import Descriptor as WireDescriptor

from argosy_diff.differ import WalkingDiffer


class Layers(p.LayersBase):
    """Layers made with payloads, converted, and looked at."""

    def __init__(self, differ: WalkingDiffer) -> None:
        self._differ = differ

    async def make(self, request: p.MakeRequest) -> p.MakeResponse:
        left, right = [Mount.from_wire(m) for m in request.left], [Mount.from_wire(m) for m in request.right]
        check(left)
        check(right)
        epoch = request.source_date_epoch.seconds if request.source_date_epoch is not None else None
        payloads = {k: v.encode() for k, v in request.payloads.items()}
        made, diff_id = await self._differ.make(
            left, right, request.media_type, request.ref, dict(request.labels), epoch, payloads
        )
        return p.MakeResponse(layer=_to_wire(made), diff_id=diff_id)

    async def convert(self, request: p.ConvertRequest) -> p.ConvertResponse:
        payloads = {k: v.encode() for k, v in request.payloads.items()}
        made, diff_id, held = await self._differ.convert(
            _from_wire(request.layer), request.media_type, request.ref, dict(request.labels), payloads
        )
        return p.ConvertResponse(layer=_to_wire(made), diff_id=diff_id, held=held)

    async def unpack(self, request: p.UnpackRequest) -> p.UnpackResponse:
        mounts = [Mount.from_wire(m) for m in request.mounts]
        check(mounts)
        applied = await self._differ.unpack(request.ref, _from_wire(request.layer), mounts)
        return p.UnpackResponse(applied=_to_wire(applied) if applied is not None else None)

    async def authorize(self, request: p.AuthorizeRequest) -> p.AuthorizeResponse:
        payloads = {k: v.encode() for k, v in request.payloads.items()}
        await self._differ.authorize([_from_wire(layer) for layer in request.layers], payloads)
        return p.AuthorizeResponse()


def _from_wire(d: WireDescriptor | None) -> Descriptor:
    if d is None:
        raise InvalidArgument("the request names no layer")
    return Descriptor(d.media_type, d.digest, d.size, dict(d.annotations))


def _to_wire(d: Descriptor) -> WireDescriptor:
    return WireDescriptor(media_type=d.media_type, digest=d.digest, size=d.size)
