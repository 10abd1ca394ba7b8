"""Filling a folder with an image's layers as EROFS images, from which EROFS snapshotters take them without a download."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import anyio.to_thread
from argosy_protos.containerd.services.content import v1 as content

from argosy.client.images.documents import layers_of, resolve
from argosy.client.services import Services
from argosy.erofs.cache import fill
from argosy.errors import DataLoss, FailedPrecondition, InvalidArgument
from argosy.oci.image import Descriptor, Platform


@dataclass(frozen=True, slots=True)
class Cached:
    """What became of one layer: made, there already, or left out, and why."""

    digest: str
    diff_id: str
    state: str


async def build_erofs_cache(
    services: Services, target: Descriptor, folder: Path, platform: Platform | None = None
) -> Sequence[Cached]:
    """Make images of an image's layers in a folder. Its blobs must be in content.

    A layer that can't be read without those below it is left out: snapshotters fetch that one. What was made before something fails stays.
    Raises NotFound, InvalidArgument, DataLoss, and for a folder that can't be written to InvalidArgument.
    """
    image = await resolve(services, target, platform)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        return [
            await _layer(services, folder, layer, diff_id)
            for layer, diff_id in zip(image.manifest.layers, layers_of(image), strict=True)
        ]
    except OSError as error:
        raise InvalidArgument(f"{folder} cannot be filled: {error.strerror or error}") from error


async def _layer(services: Services, folder: Path, layer: Descriptor, diff_id: str) -> Cached:
    with tempfile.TemporaryFile(dir=folder) as blob:
        async for part in services.content.read(content.ReadContentRequest(digest=layer.digest)):
            await anyio.to_thread.run_sync(blob.write, part.data)
        if blob.tell() != layer.size:
            raise DataLoss(f"{layer.digest} has {blob.tell()} bytes, its descriptor says {layer.size}")
        blob.seek(0)
        try:
            # It is not cut off when we are cancelled: what it makes is whole, or has no name.
            made = await anyio.to_thread.run_sync(partial(fill, folder, diff_id, blob, layer.media_type))
        except FailedPrecondition as error:
            return Cached(layer.digest, diff_id, f"left out: {error.message}")
    return Cached(layer.digest, diff_id, "made" if made else "was there")
