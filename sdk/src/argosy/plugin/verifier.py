"""A verifier to inherit from: one method, which says whether an image may be used, once it is known which bytes its name stands for."""

from __future__ import annotations

import abc
from dataclasses import dataclass
from typing import ClassVar

from argosy_protos.argosy.verifier.v1 import VerifierBase, VerifyRequest, VerifyResponse

from argosy.errors import InvalidArgument
from argosy.oci.image import Descriptor

__all__ = ("Image", "Reject", "Verifier")


class Reject(Exception):
    """Raised by a verifier to say no; its text is the reason that the client reads."""


@dataclass(frozen=True, slots=True)
class Image:
    """What is to be verified."""

    namespace: str
    name: str
    """The reference that it is pulled by, or the name that it gets."""
    target: Descriptor
    """Of its index or manifest, of which nothing need be here."""


class Verifier(VerifierBase, abc.ABC):
    """Inherit from it. What its method raises but Reject keeps the image out, too."""

    plugin_type: ClassVar = "verifier"

    @abc.abstractmethod
    async def check(self, image: Image) -> str:
        """Return why an image may be used, which is kept with it. Raises Reject."""

    async def verify(self, request: VerifyRequest) -> VerifyResponse:
        target = request.target
        if target is None or not target.digest:
            raise InvalidArgument("what is to be verified has a digest, and the request says none")
        found = Descriptor(
            media_type=target.media_type, digest=target.digest, size=target.size, annotations=dict(target.annotations)
        )
        try:
            return VerifyResponse(ok=True, reason=await self.check(Image(request.namespace, request.name, found)))
        except Reject as rejection:
            return VerifyResponse(ok=False, reason=str(rejection))
