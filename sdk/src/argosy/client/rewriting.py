"""An image with other layers: what of its documents says what the layers are, and is written anew with them.

Where documents are read and kept, and who makes layers, is somebody's else (``Workshop``): of a daemon's content store, or of any source of a transfer.
What is rewritten is OCI's, whatever it was before: docker has no words for most layers. What nobody changes stays as it is, byte for byte.
"""

from __future__ import annotations

import abc
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import anyio

from argosy.client.jobs import together
from argosy.digest import Digest
from argosy.encryption.payload import without_keys
from argosy.errors import InvalidArgument, NotFound
from argosy.oci.image import (
    CONFIG_TYPES,
    MAX_CHILDREN,
    MAX_DEPTH,
    MAX_MANIFEST_BYTES,
    Descriptor,
    ImageConfig,
    Index,
    Manifest,
    Platform,
    check_diff_id,
    kind,
    parse_config,
    parse_document,
)
from argosy.oci.layers import is_erofs, kept_annotations, oci_type
from argosy.oci.platforms import is_for

_MANIFEST: Final = "application/vnd.oci.image.manifest.v1+json"
_INDEX: Final = "application/vnd.oci.image.index.v1+json"
_CONFIG: Final = "application/vnd.oci.image.config.v1+json"
# Each takes a processor for itself.
_AT_ONCE: Final = 2
# What a platform asks of whoever runs an image with such layers, as containerd has it.
_FEATURE: Final = "erofs"


@dataclass(frozen=True, slots=True)
class Part:
    """One layer of an image: its number in its manifest, from the lowest, of how many, and the digest of what is in it, "" where no config says it."""

    layer: Descriptor
    number: int
    of: int
    diff_id: str

    def is_among(self, chosen: Sequence[int]) -> bool:
        """Return whether it is one of those that were chosen by number, from the end where it is negative; without any, all are."""
        return not chosen or self.number in chosen or self.number - self.of in chosen


@dataclass(frozen=True, slots=True)
class Made:
    """What a layer became, and the digest of what is in it; "" where that is what it was."""

    layer: Descriptor
    diff_id: str = ""

    @classmethod
    def repacked(cls, part: Part, layer: Descriptor, held: str, holds: str) -> Made:
        """Return what a layer became that is packed otherwise: held is the digest of what was in it, holds that of what is in it by now.

        Of its annotations it keeps those that are still true. Raises InvalidArgument when its config says something else than held.
        """
        if part.diff_id:
            check_diff_id(part.layer.digest, held, part.diff_id)
        kept = kept_annotations(without_keys(part.layer.annotations))
        now = Descriptor(media_type=layer.media_type, digest=layer.digest, size=layer.size, annotations=kept)
        return cls(now, "" if held == holds else holds)


class Workshop(abc.ABC):
    """Where an image's documents are read and kept, and who makes its layers."""

    @abc.abstractmethod
    async def read(self, d: Descriptor) -> bytes:
        """Return an index, a manifest or a config. Raises NotFound, DataLoss."""

    @abc.abstractmethod
    async def make(self, part: Part) -> Made | None:
        """Make a layer anew; return None for one that stays as it is. Called for several at once, but for no two of the same digest."""

    @abc.abstractmethod
    async def keep(self, d: Descriptor, data: bytes, names: Mapping[str, str]) -> None:
        """Keep a document that was made. names are the digests of what it names: of a config, l.0, l.1, ..., or of an index's m.0, m.1, ..."""

    @abc.abstractmethod
    async def lacks(self, d: Descriptor) -> bool:
        """Return whether a manifest of an index is not there, and need not be."""


class Rewriting:
    """One image on its way into another. Without platforms, all that is there of it is rewritten."""

    def __init__(self, workshop: Workshop, platforms: Sequence[Platform] = ()) -> None:
        self._workshop, self._platforms = workshop, platforms
        self._limit = anyio.Semaphore(_AT_ONCE)
        self._became: dict[str, Descriptor] = {}
        """By digest: what a layer or a document is now, where it is another."""
        self._images: set[str] = set()
        """The digests of manifests that have layers which are EROFS images."""
        self._seen: set[str] = set()
        self.found = False
        """Whether anything was an image, for one of the platforms."""

    async def tree(self, target: Descriptor) -> Descriptor:
        """Return what an image is with its new layers. Raises what the workshop does, and InvalidArgument."""
        return await self._document(target, 0)

    async def _document(self, d: Descriptor, depth: int) -> Descriptor:
        self._seen.add(d.digest)
        if depth > MAX_DEPTH or len(self._seen) > MAX_CHILDREN:
            raise InvalidArgument(f"an image with indexes {MAX_DEPTH} deep or {MAX_CHILDREN} manifests is refused")
        data = await self._workshop.read(d)
        document = parse_document(data, d.media_type)
        said = json.loads(data)
        if isinstance(document, Index):
            return await self._index(d, document, said, depth)
        return await self._manifest(d, document, said)

    async def _index(self, d: Descriptor, index: Index, said: dict[str, Any], depth: int) -> Descriptor:
        for child in index.manifests:
            if child.digest in self._seen or kind(child) not in ("index", "manifest") or not is_for(child, self._platforms):
                continue
            try:
                await self._document(child, depth + 1)
            except NotFound:
                if not await self._workshop.lacks(child):
                    raise
        entries = [self._now(entry) for entry in said["manifests"]]
        if entries == said["manifests"]:
            return d
        for before, entry in zip(said["manifests"], entries, strict=True):
            if entry.get("platform") and entry["digest"] != before["digest"]:
                entry["platform"] = _featured(entry["platform"], entry["digest"] in self._images)
        names = {f"m.{i}": entry["digest"] for i, entry in enumerate(entries)}
        return await self._kept({**said, "mediaType": _INDEX, "manifests": entries}, _INDEX, names, d)

    async def _manifest(self, d: Descriptor, manifest: Manifest, said: dict[str, Any]) -> Descriptor:
        if manifest.config.media_type and manifest.config.media_type not in CONFIG_TYPES:
            return d  # an artifact
        data = await self._workshop.read(manifest.config)
        config = parse_config(data)
        if not config.platform.serves(self._platforms):
            return d
        self.found = True
        made = await self._layers(manifest, config)
        before = said.get("layers") or []
        entries = [self._now(entry, made.get(i)) for i, entry in enumerate(before)]
        if entries == before:
            return d
        for entry in entries:
            entry["mediaType"] = oci_type(entry["mediaType"])
        has_images = any(is_erofs(entry["mediaType"]) for entry in entries)
        await self._config(manifest.config, config, data, made, has_images)
        entry = {**self._now(said["config"]), "mediaType": _CONFIG}
        names = {"config": entry["digest"], **{f"l.{i}": one["digest"] for i, one in enumerate(entries)}}
        body = {**said, "mediaType": _MANIFEST, "config": entry, "layers": entries}
        found = await self._kept(body, _MANIFEST, names, d)
        if has_images:
            self._images.add(found.digest)
        return found

    async def _layers(self, manifest: Manifest, config: ImageConfig) -> dict[int, Made]:
        """Return what was made of layers, by their numbers."""
        layers, diff_ids = manifest.layers, config.rootfs.diff_ids
        found: dict[int, Made] = {}
        same: dict[str, list[int]] = {}
        for i, layer in enumerate(layers):
            same.setdefault(layer.digest, []).append(i)

        async def some(numbers: Sequence[int]) -> None:
            async with self._limit:
                for i in numbers:
                    part = Part(layers[i], i, len(layers), diff_ids[i] if len(diff_ids) == len(layers) else "")
                    if (made := await self._workshop.make(part)) is not None:
                        found[i] = made

        async with together() as group:
            for numbers in same.values():
                group.start_soon(some, numbers)
        return found

    async def _config(
        self, d: Descriptor, config: ImageConfig, data: bytes, made: Mapping[int, Made], has_images: bool
    ) -> None:
        """Have a config say what is in the layers by now."""
        self._became.pop(d.digest, None)
        said = json.loads(data)
        now = _featured(said, has_images)
        before = config.rootfs.diff_ids
        after = {i: one.diff_id for i, one in made.items() if one.diff_id}
        if after and max(after) >= len(before):
            raise InvalidArgument(f"config {d.digest} has {len(before)} diff ids, and its manifest more layers")
        if after:
            now["rootfs"] = {**said["rootfs"], "diff_ids": [after.get(i, one) for i, one in enumerate(before)]}
        if now != said:
            await self._kept(now, _CONFIG, {}, d)

    def _now(self, said: dict[str, Any], made: Made | None = None) -> dict[str, Any]:
        """Return a descriptor in a document as it is by now: what else is said of it stays, but for where else its bytes could be had.

        What says the digest of something that was made anew, as attestations do, says the new one.
        """
        d = made.layer if made is not None else self._became.get(said["digest"])
        found = dict(said)
        if d is not None:
            found = {key: value for key, value in said.items() if key not in ("urls", "data")}
            found |= {"mediaType": d.media_type, "digest": d.digest, "size": d.size}
        if made is not None:
            found.pop("annotations", None)
            if made.layer.annotations:
                found["annotations"] = made.layer.annotations
        elif annotations := found.get("annotations"):
            found["annotations"] = {
                key: self._became[value].digest if value in self._became else value for key, value in annotations.items()
            }
        return found

    async def _kept(self, said: dict[str, Any], media_type: str, names: Mapping[str, str], before: Descriptor) -> Descriptor:
        data = json.dumps(said, separators=(",", ":")).encode()
        if len(data) > MAX_MANIFEST_BYTES:
            raise InvalidArgument(
                f"the image's new document would have {len(data)} bytes; {MAX_MANIFEST_BYTES} are the most"
            )
        found = Descriptor(media_type=media_type, digest=str(Digest.of(data)), size=len(data))
        await self._workshop.keep(found, data, names)
        self._became[before.digest] = found
        return found


def _featured(said: dict[str, Any], has_images: bool) -> dict[str, Any]:
    """Return a platform, or a config, that asks for EROFS where layers are images of it, and else for that no more."""
    before = said.get("os.features") or []
    features = [one for one in before if one != _FEATURE] + ([_FEATURE] if has_images else [])
    if features == before:
        return dict(said)
    found = {key: value for key, value in said.items() if key != "os.features"}
    return {**found, "os.features": features} if features else found
