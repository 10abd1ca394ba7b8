"""Whether an image can be run: which of its blobs are in content, and which of its layers on which snapshotter."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from argosy_protos.containerd.services.content.v1 import InfoRequest, ReadContentRequest
from argosy_protos.containerd.services.introspection.v1 import PluginsRequest
from argosy_protos.containerd.services.snapshots.v1 import StatSnapshotRequest

from argosy.client.images.documents import from_wire, layers_of, resolve
from argosy.client.images.names import find_image
from argosy.client.services import Services, present
from argosy.errors import ArgosyError, NotFound
from argosy.oci.image import Platform, chain_ids


@dataclass(frozen=True, slots=True)
class Unpacked:
    """How many of an image's layers a snapshotter has, counted from the lowest one; why it could not be asked, if so."""

    snapshotter: str
    layers: int
    error: ArgosyError | None = None


@dataclass(frozen=True, slots=True)
class Readiness:
    """One image, for one platform. layers are those that it has, missing the digests of the blobs that content lacks."""

    image: str
    platform: str
    layers: int
    missing: Sequence[str] = ()
    unpacked: Sequence[Unpacked] = field(default_factory=list)

    def is_on(self, snapshotter: str) -> bool:
        """Return whether a container can be made on a snapshotter as it is now."""
        return any(one.snapshotter == snapshotter and one.layers == self.layers for one in self.unpacked)


async def snapshotters(services: Services) -> list[str]:
    """Return the names of a daemon's snapshotters."""
    reply = await services.introspection.plugins(PluginsRequest(filters=["type==io.containerd.snapshotter.v1"]))
    return [plugin.id for plugin in reply.plugins]


async def ready(services: Services, name: str, on: Sequence[str], platform: Platform | None = None) -> Readiness:
    """Return how ready an image is on some snapshotters; one that can't be asked is said so. Raises NotFound, InvalidArgument."""
    image = await find_image(services, name)
    resolved = await resolve(services, from_wire(present(image.target, f'the target of image "{name}"')), platform)
    chain = chain_ids(layers_of(resolved))
    blobs = [layer.digest for layer in resolved.manifest.layers]
    missing = [digest for digest in blobs if not await has_blob(services, digest)]
    unpacked = [await unpacked_on(services, one, chain) for one in on]
    said = str(Platform(os=resolved.config.os, architecture=resolved.config.architecture))
    return Readiness(image.name, said, len(chain), missing, unpacked)


async def unpacked_on(services: Services, snapshotter: str, chain: Sequence[str]) -> Unpacked:
    """Return how many layers of a stack a snapshotter has; chain are their chain ids, from the lowest on, at least one."""
    done = 0
    try:
        if await has_snapshot(services, snapshotter, chain[-1]):
            return Unpacked(snapshotter, len(chain))
        for name in chain[:-1]:
            if not await has_snapshot(services, snapshotter, name):
                break
            done += 1
    except ArgosyError as error:
        return Unpacked(snapshotter, done, error)
    return Unpacked(snapshotter, done)


async def has_snapshot(services: Services, snapshotter: str, key: str) -> bool:
    """Raises InvalidArgument for a snapshotter that there is not, Unavailable."""
    try:
        await services.snapshots.stat(StatSnapshotRequest(snapshotter=snapshotter, key=key))
    except NotFound:
        return False
    return True


async def has_blob(services: Services, digest: str) -> bool:
    """Return whether content has a blob: its record, and its first byte, which a store may have lost. Raises Unavailable."""
    try:
        await services.content.info(InfoRequest(digest=digest))
        async for _ in services.content.read(ReadContentRequest(digest=digest, size=1)):
            pass
    except NotFound:
        return False
    return True
