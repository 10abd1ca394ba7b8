"""A hook to inherit from: a method for each point at which a daemon asks, which allows by returning and denies by raising Deny.

    class NoLatest(Hook):
        async def resolved(self, image: Image) -> None:
            if image.namespace == "prod" and image.tag == "latest":
                raise Deny("say which version")

``argosy.plugin.main`` serves it. Points whose methods are not overridden are allowed, and a daemon that is told nothing else is not asked at them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, ClassVar, Final

from argosy_protos.argosy.hooks.v1 import DecideRequest, DecideResponse, HooksBase

from argosy.errors import InvalidArgument, Unimplemented
from argosy.oci.reference import Reference
from argosy.tables import POINTS

__all__ = ("Changes", "Container", "Deny", "Hook", "Image", "Layer")


class Deny(Exception):
    """Raised by a hook's method to say no; its text is the reason that the client reads."""


@dataclass(frozen=True, slots=True)
class Changes:
    """What a hook wants of an image that it allows."""

    reference: str = ""
    """At pre-pull, unless the image is here: what it is pulled as, in the place of its reference. The hooks are asked about that, too."""
    labels: Mapping[str, str] = field(default_factory=dict)
    """At pre-pull and resolved: labels for the image, beside its own; none below ``containerd.io/``, ``io.cri-containerd`` and ``argosy/``."""
    snapshotter: str = ""
    """At the same: where it is to be unpacked, if its client does not say."""


class Image:
    """An image that is pulled, or gets a name."""

    def __init__(self, request: DecideRequest) -> None:
        self.namespace, self.name = request.namespace, request.name
        self.reference = request.reference
        """What it is pulled as; of one that is here already, its name."""
        self.here = request.here
        """Whether its bytes are here already: pulled by a client that does not ask, imported, built, or known by another name."""
        self.digest = request.target.digest if request.target is not None else ""
        """Of its index or manifest, from resolved on."""
        self.media_type = request.target.media_type if request.target is not None else ""
        self.snapshotter, self.labels = request.snapshotter, dict(request.labels)
        self.snapshot = request.snapshot
        """At unpacked: the name of its topmost layer's snapshot."""

    @property
    def registry(self) -> str:
        """Where it is pulled from; "" for what is no reference."""
        return _part(self.reference, "registry")

    @property
    def repository(self) -> str:
        return _part(self.name, "repository")

    @property
    def tag(self) -> str:
        """The tag of its name, which is ``latest`` where the name has neither tag nor digest."""
        return _part(self.name, "tag")


@dataclass(frozen=True, slots=True)
class Layer:
    """A layer that is about to be unpacked."""

    namespace: str
    image: str
    """"" where whoever unpacks it does not say of which image it is."""
    digest: str
    media_type: str
    size: int
    """In bytes, as it is stored."""
    annotations: Mapping[str, str]


class Container:
    """A container that is about to get its first process."""

    def __init__(self, request: DecideRequest) -> None:
        said = request.container
        if said is None:
            raise InvalidArgument("pre-run is about a container, and the request has none")
        self.namespace, self.id, self.image = request.namespace, said.id, said.image
        self.digest = said.digest
        """Of the image that has its image's name now; "" when none has."""
        self.runtime, self.snapshotter, self.labels = said.runtime, said.snapshotter, dict(said.labels)
        self._spec = said.spec.value if said.spec is not None else b"{}"

    @cached_property
    def spec(self) -> dict[str, Any]:
        """Its OCI runtime spec. Raises InvalidArgument for one that is no JSON object."""
        try:
            found = json.loads(self._spec)
        except ValueError as error:
            raise InvalidArgument(f'the spec of container "{self.id}" is no JSON: {error}') from None
        if not isinstance(found, dict):
            raise InvalidArgument(f'the spec of container "{self.id}" is no JSON object')
        return found

    @property
    def tag(self) -> str:
        """The tag of its image's name, as of an ``Image``."""
        return _part(self.image, "tag")


class Hook(HooksBase):
    """Inherit from it, and write the methods of the points that it is for. What they raise but Deny is no answer: the daemon has its table's word for that."""

    plugin_type: ClassVar = "hook"

    @classmethod
    def points(cls) -> list[str]:
        """Return the points that it is for."""
        return [point for point in POINTS if getattr(cls, _METHODS[point]) is not getattr(Hook, _METHODS[point])]

    @property
    def capabilities(self) -> list[str]:
        """What it says of itself, which is registered by that."""
        return self.points()

    async def pre_pull(self, image: Image) -> Changes | None:
        """Before a registry is asked; of what is here already, before it gets its name."""
        return None

    async def resolved(self, image: Image) -> Changes | None:
        """Once it is known which bytes a name stands for."""
        return None

    async def layer_ready(self, layer: Layer) -> None:
        """Before a layer is unpacked. Layers that a snapshotter makes by itself are never."""

    async def unpacked(self, image: Image) -> None:
        """When all layers are unpacked. Its digest is that of the image's configuration."""

    async def pre_run(self, container: Container) -> None:
        """Before a container gets its first process."""

    async def decide(self, request: DecideRequest) -> DecideResponse:
        """Raises Unimplemented for a point that there was none of when this was written."""
        method = _METHODS.get(request.point)
        if method is None:
            raise Unimplemented(
                f'point "{request.point}" is not known to this hook; name the points that it is for in its table'
            )
        about: Any
        if method == "layer_ready":
            target = request.target
            if target is None:
                raise InvalidArgument("layer-ready is about a layer, and the request has none")
            about = Layer(
                request.namespace, request.name, target.digest, target.media_type, target.size, dict(target.annotations)
            )
        else:
            about = Container(request) if method == "pre_run" else Image(request)
        try:
            changes = await getattr(self, method)(about) or Changes()
        except Deny as denial:
            return DecideResponse(allow=False, reason=str(denial))
        return DecideResponse(
            allow=True, reference=changes.reference, labels=dict(changes.labels), snapshotter=changes.snapshotter
        )


_METHODS: Final = {point: point.replace("-", "_") for point in POINTS}


def _part(name: str, part: str) -> str:
    """Return a part of a name; "" for a name that is no reference."""
    try:
        return str(getattr(Reference.parse(name), part))
    except InvalidArgument:
        return ""
