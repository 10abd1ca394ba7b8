"""Which names an image is stored under: its own, others beside it, and those that are made of a prefix.

These are the rules of containerd's image store as the destination of a transfer. They know descriptors and texts; ``store`` writes what they say.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Final

from argosy_protos.containerd.services.images import v1 as p

from argosy.client.images.documents import to_wire
from argosy.client.services import Services, present
from argosy.errors import AlreadyExists, NotFound
from argosy.labels import GC_BREF, GC_EXPIRE
from argosy.oci.image import Descriptor

IMAGE_NAME: Final = "io.containerd.image.name"
REF_NAME: Final = "org.opencontainers.image.ref.name"
_TRIES: Final = 3


@dataclass(frozen=True, slots=True)
class Extra:
    """One name more. A prefix is no name itself: what an archive calls its images is put behind it."""

    name: str
    is_prefix: bool = False
    allow_overwrite: bool = False
    """Whether a full name in an archive is taken as it is, though it does not begin with the prefix."""
    add_digest: bool = False
    """Whether ``<name>@<digest>`` is a name, too."""
    skip_named_digest: bool = False
    """Whether that is left out for what has a name."""

    def of(self, said: str) -> str:
        """Return the name that an archive's name for an image becomes; "" when it is none of this prefix's."""
        if not any(mark in said for mark in "/:@"):
            return f"{self.name}:{said}" if said else ""
        if self.allow_overwrite or said == self.name:
            return said
        return said if said.startswith(self.name) and said[len(self.name)] in "/:@" else ""


@dataclass(frozen=True, slots=True)
class Naming:
    """How images are named where they arrive. Names stand as they are given: nothing is filled in."""

    name: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    extra: Sequence[Extra] = ()

    def names(self, target: Descriptor) -> list[tuple[str, dict[str, str]]]:
        """Return the names of what was pulled or tagged, or of an archive's index, with the labels of each."""
        found = [(self.name, dict(self.labels))] if self.name else []
        beside = self._beside()
        for one in self.extra:
            if not one.is_prefix:
                found.append((one.name, beside))
            elif one.add_digest:
                found.append((f"{one.name}@{target.digest}", beside))
        return found

    def _beside(self) -> dict[str, str]:
        """Return the labels of further names: what stands beside an image that was named is there as long as that is."""
        if not self.name:
            return dict(self.labels)
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        return {**self.labels, f"{GC_BREF}image": self.name, GC_EXPIRE: now}

    def imported(self, target: Descriptor) -> list[tuple[str, dict[str, str]]]:
        """Return the names of one image of an archive, by what its descriptor is annotated with."""
        found: list[tuple[str, dict[str, str]]] = []
        labels = self._beside()
        for one in self.extra:
            if not one.is_prefix:
                continue
            # A whole name that is none of this prefix's is the image's name all the same: its tag alone is not taken for one.
            full = target.annotations.get(IMAGE_NAME, "")
            name = (full if one.of(full) == full else "") if full else one.of(target.annotations.get(REF_NAME, ""))
            if name:
                found.append((name, labels))
            if one.add_digest and not (name and one.skip_named_digest):
                found.append((f"{one.name}@{target.digest}", labels))
        return list({name: (name, labels) for name, labels in found}.values())


async def store(services: Services, names: Sequence[tuple[str, dict[str, str]]], target: Descriptor) -> list[p.Image]:
    """Give an image its names, each with its labels; what had one of them has it no more. Raises NotFound without a name."""
    if not names:
        raise NotFound("no image name found")
    bare = replace(target, platform=None, urls=[])
    return [await _put(services, p.Image(name=name, target=to_wire(bare), labels=labels)) for name, labels in names]


async def _put(services: Services, image: p.Image) -> p.Image:
    for tries_left in reversed(range(_TRIES)):
        try:
            return present((await services.images.create(p.CreateImageRequest(image=image))).image, f'image "{image.name}"')
        except AlreadyExists:
            pass
        try:
            # Without a mask: the labels of what it was are not those of what it is.
            return present((await services.images.update(p.UpdateImageRequest(image=image))).image, f'image "{image.name}"')
        except NotFound:
            if not tries_left:
                raise
    raise AssertionError("the last try returns, or raises")
