"""Pushing an image: every blob that its registry lacks, then its documents, each after what it names."""

from __future__ import annotations

from collections.abc import Sequence

from argosy_protos.containerd.services.images.v1 import Image

from argosy.client.connection import Client
from argosy.client.credentials import Credentials
from argosy.client.images.documents import from_wire, resolve
from argosy.client.images.names import find_image, get_image
from argosy.client.progress import Watch, nobody
from argosy.client.registry import Registry
from argosy.client.services import Services
from argosy.client.transfers.copying import copy_image
from argosy.client.transfers.ends import Wish
from argosy.client.transfers.registries import RegistryName
from argosy.client.transfers.stored import StoredImage
from argosy.client.web import Warn, warned
from argosy.errors import FailedPrecondition, NotFound
from argosy.oci.image import Descriptor, Platform
from argosy.oci.reference import Reference


async def push(
    client: Client,
    name: str,
    *,
    source: str = "",
    platform: Platform | None = None,
    plain: bool = False,
    credentials: Credentials | None = None,
    watch: Watch = nobody,
    warn: Warn = warned,
) -> Descriptor:
    """Push an image to the registry its name says; source is another local image to push under that name, in any form of its name.

    With platform, the name stands for the image of that one alone there, and not for all that an index names. Returns what the name stands for
    there now; what the registry warns of is told to warn. Raises NotFound, InvalidArgument, and what the registry refuses with.
    """
    reference = Reference.parse(name)
    services = client.services
    image = await find_image(services, source) if source else await get_image(services, str(reference))
    async with Registry(reference, plain=plain, credentials=credentials, warn=warn) as registry:
        if platform is None:
            return await push_image(services, registry, image, watch=watch)
        found = await resolve(services, _target(image), platform)
        made_for, alone = found.config, found.manifest_descriptor
        itself = Platform(os=made_for.os, architecture=made_for.architecture, variant=made_for.variant)
        if itself.is_stated and itself.distance(platform) is None:
            raise NotFound(f'image "{image.name}" for {platform}; it is for {itself}')
        return await copy_image(StoredImage(services, image.name, alone), RegistryName(registry), Wish((), watch), alone)


async def push_image(
    services: Services, registry: Registry, image: Image, *, platforms: Sequence[Platform] = (), watch: Watch = nobody
) -> Descriptor:
    """Push an image under the name that a registry was opened for, and what refers to it here. With platforms, manifests of an index that are for others
    are left out.
    """
    target = _target(image)
    wish = Wish(platforms, watch)
    return await copy_image(StoredImage(services, image.name, target), RegistryName(registry), wish, target)


def _target(image: Image) -> Descriptor:
    if image.target is None:
        raise FailedPrecondition(f'image "{image.name}" names no content; pull or import it again')
    return from_wire(image.target)
