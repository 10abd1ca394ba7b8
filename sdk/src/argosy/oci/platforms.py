"""Which manifest of an index is for a platform: the nearest variant; what says no platform is judged by its config."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from argosy.errors import InvalidArgument, NotFound
from argosy.oci.image import (
    CONFIG_TYPES,
    INDEX_TYPES,
    MANIFEST_TYPES,
    MAX_CONFIG_BYTES,
    MAX_DEPTH,
    MAX_MANIFEST_BYTES,
    Descriptor,
    Index,
    Platform,
    parse_config,
    parse_document,
)

Read = Callable[[Descriptor], Awaitable[bytes]]
"""Returns a blob's bytes. Raises NotFound when it is not there."""
# How many manifests without a platform are read before the search ends: each is a request.
_MAX_READ: Final = 64


class _Budget:
    """How many documents a search may still read."""

    def __init__(self) -> None:
        self.left = _MAX_READ


def is_for(manifest: Descriptor, platforms: Sequence[Platform]) -> bool:
    """Return whether a manifest of an index is for one of some platforms, or does not say for which it is."""
    return manifest.platform is None or not manifest.platform.is_stated or manifest.platform.serves(platforms)


async def choose(index: Index, wanted: Platform, read: Read) -> Descriptor:
    """Return the manifest, or the nested index, for a platform. Raises NotFound, and what read raises otherwise.

    The wanted variant itself comes first, then the newest one below it: amd64 is never served by amd64/v3. Manifests that say no
    platform are read only when none that says one fits, and are taken by the platform of their config.
    """
    return await _choose(index, wanted, read, _Budget(), 0)


async def _choose(index: Index, wanted: Platform, read: Read, budget: _Budget, depth: int) -> Descriptor:
    images = [m for m in index.manifests if _may_be_image(m)]
    stated = [(m.platform.distance(wanted), m) for m in images if m.platform is not None and m.platform.is_stated]
    fitting = [(distance, m) for distance, m in stated if distance is not None]
    if fitting:
        return min(fitting, key=lambda pair: pair[0])[1]
    unstated = [m for m in images if m.platform is None or not m.platform.is_stated]
    have = [str(m.platform) for _, m in stated]
    nearest: tuple[int, Descriptor] | None = None
    for manifest in unstated:
        if budget.left <= 0:
            raise NotFound(f"the image has no manifest for {wanted} among the first {_MAX_READ} that say no platform")
        budget.left -= 1
        try:
            distance = await _distance(manifest, wanted, read, budget, depth, len(images) == 1, have)
        except (InvalidArgument, NotFound):
            continue  # no image, or a platform that was never fetched
        if distance is not None and (nearest is None or distance < nearest[0]):
            nearest = distance, manifest
        if distance == 0:
            break
    if nearest is not None:
        return nearest[1]
    raise NotFound(f"the image has no manifest for {wanted}; it has {', '.join(have) or 'none'}")


def _may_be_image(manifest: Descriptor) -> bool:
    if manifest.annotations.get("vnd.docker.reference.type") == "attestation-manifest":
        return False
    return not manifest.media_type or manifest.media_type in INDEX_TYPES | MANIFEST_TYPES


async def _distance(
    manifest: Descriptor, wanted: Platform, read: Read, budget: _Budget, depth: int, alone: bool, have: list[str]
) -> int | None:
    """Return how far from the wanted platform a manifest without one is by its config; None when it does not fit."""
    if depth >= MAX_DEPTH or manifest.size > MAX_MANIFEST_BYTES:
        return None
    document = parse_document(await read(manifest), manifest.media_type)
    if isinstance(document, Index):
        chosen = await _choose(document, wanted, read, budget, depth + 1)
        return (chosen.platform.distance(wanted) if chosen.platform is not None else 0) or 0
    config = document.config
    if (config.media_type and config.media_type not in CONFIG_TYPES) or config.size > MAX_CONFIG_BYTES:
        return None  # an artifact: a signature, a list of ingredients
    said = parse_config(await read(config))
    platform = said.platform
    if not platform.is_stated:
        # Nothing says what it is for: the only image of an index is what is asked for.
        return 0 if alone else None
    have.append(str(platform))
    return platform.distance(wanted)
