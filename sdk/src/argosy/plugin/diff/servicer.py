"""containerd.services.diff.v1.Diff on a Differ: parse, call, convert."""

from __future__ import annotations

import abc
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from argosy_protos.containerd.services.diff import v1 as p
from argosy_protos.containerd.types import Descriptor as WireDescriptor

from argosy.errors import InvalidArgument
from argosy.mounts import Mount, check


@dataclass(frozen=True, slots=True)
class Descriptor:
    """A pointer to content; size is bytes."""

    media_type: str
    digest: str
    size: int
    annotations: Mapping[str, str] = field(default_factory=dict)


class Differ(abc.ABC):
    """Layers onto mounts, and mounts into layers. The caller's namespace is in ``argosy.rpc.current()``."""

    @abc.abstractmethod
    async def apply(
        self, layer: Descriptor, mounts: Sequence[Mount], payloads: Mapping[str, bytes], sync: bool
    ) -> Descriptor:
        """Put a layer's content onto mounts; return the uncompressed tar's descriptor, whose digest is the diff id.

        payloads are serialized ``google.protobuf.Any`` by stream processor. Raises NotFound for the blob,
        Unimplemented for what another differ may know, InvalidArgument for a broken layer.
        """

    @abc.abstractmethod
    async def compare(
        self,
        lower: Sequence[Mount],
        upper: Sequence[Mount],
        media_type: str,
        ref: str,
        labels: Mapping[str, str],
        epoch_s: int | None,
    ) -> Descriptor:
        """Write the layer that leads from lower to upper into the content store. Raises Unimplemented for the media type."""


class DiffServicer(p.DiffBase):
    """A differ on the wire."""

    def __init__(self, differ: Differ) -> None:
        self.differ = differ

    async def apply(self, request: p.ApplyRequest) -> p.ApplyResponse:
        if request.diff is None:
            raise InvalidArgument("an apply needs a descriptor")
        layer = Descriptor(request.diff.media_type, request.diff.digest, request.diff.size, dict(request.diff.annotations))
        mounts = [Mount.from_wire(m) for m in request.mounts]
        check(mounts)
        payloads = {k: v.encode() for k, v in request.payloads.items()}
        return p.ApplyResponse(applied=_to_wire(await self.differ.apply(layer, mounts, payloads, request.sync_fs)))

    async def diff(self, request: p.DiffRequest) -> p.DiffResponse:
        left, right = [Mount.from_wire(m) for m in request.left], [Mount.from_wire(m) for m in request.right]
        check(left)
        check(right)
        epoch = request.source_date_epoch.seconds if request.source_date_epoch is not None else None
        made = await self.differ.compare(left, right, request.media_type, request.ref, dict(request.labels), epoch)
        return p.DiffResponse(diff=_to_wire(made))


def _to_wire(d: Descriptor) -> WireDescriptor:
    return WireDescriptor(media_type=d.media_type, digest=d.digest, size=d.size)
