"""All that is known here of an image: its platforms, its config, its layers, and where it is unpacked. Nothing is asked of a registry."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Final

from argosy_protos.containerd.services.images.v1 import Image, ListImagesRequest

from argosy.client.content import read_blob
from argosy.client.images.documents import from_wire, reader
from argosy.client.images.names import find_image
from argosy.client.images.readiness import Unpacked, has_blob, snapshotters, unpacked_on
from argosy.client.images.referrers import referrers_here
from argosy.client.services import Services, present
from argosy.encryption.payload import PREFIX
from argosy.errors import InvalidArgument, NotFound, Unimplemented
from argosy.oci.image import (
    CONFIG_TYPES,
    MAX_CHILDREN,
    MAX_CONFIG_BYTES,
    MAX_DEPTH,
    Descriptor,
    ImageConfig,
    Index,
    Manifest,
    Platform,
    chain_ids,
    kind,
    parse_config,
    parse_document,
)
from argosy.oci.layers import is_encrypted
from argosy.oci.platforms import choose
from argosy.oci.referrer import Referrer

_KEYS: Final = f"{PREFIX}keys."
# Of the config: what we have no use for, and people look for.
_SAID: Final[Mapping[str, type]] = {"created": str, "author": str, "history": list}
_SAID_OF_RUNNING: Final[Mapping[str, type]] = {
    "ExposedPorts": dict,
    "Volumes": dict,
    "Healthcheck": dict,
    "OnBuild": list,
    "Shell": list,
}


@dataclass(frozen=True, slots=True)
class Variant:
    """One manifest of an image."""

    descriptor: Descriptor
    platform: str
    """As the index says, or the config; "" where nothing does, as of an artifact."""
    here: bool
    """Whether the manifest is in content; that its layers are is said by ``Layer.here``."""


@dataclass(frozen=True, slots=True)
class Layer:
    """One layer. diff_id is "" where the config does not say it; schemes are those by which the key of an encrypted one is wrapped."""

    descriptor: Descriptor
    diff_id: str
    here: bool
    schemes: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Inspected:
    """What is known of an image. What is of one platform is of ``chosen``, and empty without one."""

    image: Image
    target: Descriptor
    names: Sequence[str]
    """Those that stand for the same content in the namespace, its own among them."""
    variants: Sequence[Variant]
    chosen: Variant | None = None
    manifest: Manifest | None = None
    config: ImageConfig | None = None
    said: Mapping[str, Any] = field(default_factory=dict)
    """What else the config says, by its own keys."""
    layers: Sequence[Layer] = ()
    unpacked: Sequence[Unpacked] = ()
    referrers: Sequence[Referrer] = ()

    @property
    def size(self) -> int:
        """How many bytes its config and layers have, as they are stored."""
        if self.manifest is None:
            return 0
        return self.manifest.config.size + sum(layer.size for layer in self.manifest.layers)


async def inspect(services: Services, name: str, platform: Platform | None = None) -> Inspected:
    """Return what is known of an image for a platform; without one for the machine's, or else for the first that is here.

    What is missing in content is left out. Raises NotFound for the image and for a platform that is asked for, InvalidArgument for documents that are none.
    """
    image = await find_image(services, name)
    target = from_wire(present(image.target, f'the target of image "{image.name}"'))
    listed = await services.images.list(ListImagesRequest(filters=[f"target.digest=={target.digest}"]))
    names = [one.name for one in listed.images]
    variants: list[Variant] = []
    await _variants(services, target, None, variants, 0)
    try:
        chosen = await _chosen(services, target, variants, platform)
    except NotFound as error:
        raise NotFound(f'image "{image.name}": {error.message}') from None
    referrers = await referrers_here(services, target.digest)
    if chosen is None:
        return Inspected(image, target, names, variants, referrers=referrers)
    document = parse_document(await reader(services)(chosen.descriptor), chosen.descriptor.media_type)
    if isinstance(document, Index):
        raise InvalidArgument(f"{chosen.descriptor.digest} is an index, and listed as a manifest")
    config, said = await _config(services, document)
    diff_ids = config.rootfs.diff_ids if config is not None else []
    if len(diff_ids) != len(document.layers):
        diff_ids = []  # no image that could be run, or an artifact
    layers = [
        Layer(d, diff_ids[i] if diff_ids else "", await has_blob(services, d.digest), _schemes(d))
        for i, d in enumerate(document.layers)
    ]
    unpacked: list[Unpacked] = []
    if diff_ids:
        with suppress(Unimplemented):  # a content store's own socket has no snapshotters
            unpacked = [await unpacked_on(services, one, chain_ids(diff_ids)) for one in await snapshotters(services)]
    if chosen.descriptor.digest != target.digest:
        referrers = [*referrers, *await referrers_here(services, chosen.descriptor.digest)]
    return Inspected(image, target, names, variants, chosen, document, config, said, layers, unpacked, referrers)


async def _variants(services: Services, d: Descriptor, listed: Platform | None, found: list[Variant], depth: int) -> None:
    """Note the manifests that a descriptor leads to. Raises InvalidArgument, NotFound for the image's own document."""
    if depth > MAX_DEPTH or len(found) > MAX_CHILDREN:
        raise InvalidArgument(f"an image with indexes {MAX_DEPTH} deep or {MAX_CHILDREN} manifests is refused")
    try:
        document = parse_document(await reader(services)(d), d.media_type)
    except NotFound:
        if not depth:
            raise
        found.append(Variant(d, str(listed or ""), False))
        return
    if isinstance(document, Index):
        for child in document.manifests:
            if kind(child) in ("index", "manifest"):
                await _variants(services, child, child.platform, found, depth + 1)
        return
    said = listed if listed is not None and listed.is_stated else None
    if said is None:
        config, _ = await _config(services, document)
        said = (
            Platform(os=config.os, architecture=config.architecture, variant=config.variant) if config is not None else None
        )
    found.append(Variant(d, str(said) if said is not None and said.is_stated else "", True))


async def _chosen(
    services: Services, target: Descriptor, variants: Sequence[Variant], platform: Platform | None
) -> Variant | None:
    """Return the manifest that is looked at; None for an image of which none is here. Raises NotFound for a platform that was asked for."""
    here = [one for one in variants if one.here]
    document = parse_document(await reader(services)(target), target.media_type)
    if not isinstance(document, Index):
        (only,) = variants
        if platform is not None and only.platform and Platform.parse(only.platform).distance(platform) is None:
            raise NotFound(f"the image is for {only.platform}, and has nothing for {platform}")
        return only
    wanted: Index | Manifest = document
    try:
        while isinstance(wanted, Index):
            d = await choose(wanted, platform or Platform.of_host(), reader(services))
            wanted = parse_document(await reader(services)(d), d.media_type)
    except NotFound:
        if platform is not None:
            raise
        # A build's attestation is for no platform.
        return next((one for one in here if one.platform and "unknown" not in one.platform), None)
    return next(one for one in variants if one.descriptor.digest == d.digest)


async def _config(services: Services, manifest: Manifest) -> tuple[ImageConfig | None, dict[str, Any]]:
    """Return a manifest's config, and what else it says; None for one that is not here, and of what is no image. Raises InvalidArgument."""
    if manifest.config.media_type and manifest.config.media_type not in CONFIG_TYPES:
        return None, {}
    try:
        data = await read_blob(services.content, manifest.config.digest, MAX_CONFIG_BYTES)
    except NotFound:
        return None, {}
    config, whole = parse_config(data), json.loads(data)
    said = {key: whole[key] for key, of in _SAID.items() if isinstance(whole.get(key), of)}
    running = whole.get("config") or {}
    return config, {
        **said,
        **{key: running[key] for key, of in _SAID_OF_RUNNING.items() if isinstance(running.get(key), of)},
    }


def _schemes(layer: Descriptor) -> list[str]:
    if not is_encrypted(layer.media_type):
        return []
    return sorted(key.removeprefix(_KEYS) for key in layer.annotations if key.startswith(_KEYS))
