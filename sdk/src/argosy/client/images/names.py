"""Images by name: which content a name stands for."""

from __future__ import annotations

from collections.abc import Mapping

from argosy_protos.containerd.services.images import v1 as p
from argosy_protos.containerd.types import Descriptor as WireDescriptor
from argosy_protos.google.protobuf import FieldMask

from argosy.client.services import Services, present
from argosy.errors import AlreadyExists, InvalidArgument, NotFound
from argosy.oci.reference import Reference


async def put_image(
    services: Services, name: str, target: WireDescriptor, labels: dict[str, str] | None = None, *,
    more: Mapping[str, str] | None = None,
) -> p.Image:  # fmt: skip
    """Create an image, or point an existing one at target. It has labels, if any, in the place of those before, and more beside those."""
    image = p.Image(name=name, target=target, labels={**(labels or {}), **(more or {})})
    try:
        made = (await services.images.create(p.CreateImageRequest(image=image))).image
    except AlreadyExists:
        paths = ["target", *(["labels"] if labels else [f"labels.{key}" for key in more or ()])]
        made = (await services.images.update(p.UpdateImageRequest(image=image, update_mask=FieldMask(paths=paths)))).image
    return present(made, f'image "{name}"')


async def get_image(services: Services, name: str) -> p.Image:
    """Return an image by its full name. Raises NotFound."""
    return present((await services.images.get(p.GetImageRequest(name=name))).image, f'image "{name}"')


async def find_image(services: Services, name: str) -> p.Image:
    """Return an image by its full or its short name, or by one that is no reference, which others may have given it."""
    try:
        full = str(Reference.parse(name))
    except InvalidArgument:
        return await get_image(services, name)
    try:
        return await get_image(services, full)
    except NotFound:
        if full == name:
            raise
        try:
            return await get_image(services, name)
        except NotFound:
            pass  # what is missing is what the name stands for
        raise
