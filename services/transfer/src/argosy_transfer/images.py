"""What messages say of images, in the words of the client's library."""

from __future__ import annotations

from collections.abc import Sequence, Set
from typing import Final

from argosy.client import Client
from argosy.client.images import Extra, Naming, resolve, snapshotters
from argosy.client.services import Services
from argosy.errors import InvalidArgument, NotFound
from argosy.log import get
from argosy.oci.image import CONFIG_TYPES, Descriptor, Platform
from argosy_protos.containerd.types import Platform as WirePlatform
from argosy_protos.containerd.types.transfer import ImageStore

logger = get("transfer.images")

# The features of a system that images may ask for here.
_READ: Final = frozenset(("erofs",))


def naming(store: ImageStore) -> Naming:
    extra = [
        Extra(one.name, one.is_prefix, one.allow_overwrite, one.add_digest, one.skip_named_digest)
        for one in store.extra_references
    ]
    return Naming(store.name, dict(store.labels), extra)


def platforms(said: Sequence[WirePlatform]) -> list[Platform]:
    """Return platforms, each once. What asks for features of a system asks for another form of the same image, and counts where nothing else is asked for."""
    plain = [one for one in said if not one.os_features] or said
    found = [Platform(os=one.os, architecture=one.architecture, variant=one.variant).normal() for one in plain]
    return [one for i, one in enumerate(found) if one not in found[:i]]


async def unpacks(client: Client, services: Services, store: ImageStore, wish: str = "") -> list[tuple[Platform, str]]:
    """Return for which platforms an image is to be unpacked, and where: wish counts where its client does not say.

    Raises InvalidArgument when it is to be, and can't be for any.
    """
    if not store.unpacks:
        return []
    known = await snapshotters(services)
    found: list[tuple[Platform, str]] = []
    features = [set(one.platform.os_features) if one.platform is not None else set() for one in store.unpacks]
    # EROFS layers are unpacked wherever others are: who asks for an image of them gets what there is, once.
    served: Set[str] = frozenset() if set() in features else _READ
    for one, asked in zip(store.unpacks, features, strict=True):
        platform = platforms([one.platform])[0] if one.platform is not None else Platform.of_host()
        name = one.snapshotter or wish or await client.default_snapshotter()
        if platform.os != "linux" or name not in known or asked - served:
            logger.warning("unpack.not_supported", platform=str(platform), snapshotter=name)
        elif (platform, name) not in found:
            found.append((platform, name))
    if not found:
        raise InvalidArgument("unable to initialize unpacker: no unpack platforms defined")
    return found


async def is_for(services: Services, target: Descriptor, platform: Platform) -> bool:
    """Return whether there is an image in content for a platform, with layers that can be unpacked."""
    try:
        found = await resolve(services, target, platform)
    except (NotFound, InvalidArgument):
        return False
    config = found.config.platform
    fits = not config.is_stated or config.distance(platform) is not None
    return fits and bool(found.manifest.layers) and found.manifest.config.media_type in CONFIG_TYPES
