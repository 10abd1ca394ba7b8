"""Asking a daemon's hooks and verifiers about an image that is pulled: before a registry is asked, and once it is known what the image is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from argosy.client.images.documents import to_wire
from argosy.client.services import Services
from argosy.errors import Unimplemented
from argosy.labels import IMAGE_HEADER
from argosy.oci.image import Descriptor
from argosy.oci.reference import Reference

if TYPE_CHECKING:
    from argosy_protos.argosy.policy.v1 import Verdict

# A header has no room for any name that somebody may give an image.
_MOST_LETTERS: Final = 1024


class Guarded:
    """One pull, as those who guard a daemon's images have it.

    With a daemon that has none, or is of another make, ``before`` is the one question, and the pull is as its client wants it.
    """

    def __init__(self, services: Services, reference: Reference, names: Sequence[str], snapshotter: str = "") -> None:
        """names are those that the image will get; snapshotter is where its client wants it unpacked, "" where that does not say."""
        self._services, self._names = services, list(names)
        self.reference = reference
        """What the image is to be pulled as."""
        self.snapshotter = snapshotter
        """Where it is to be unpacked; "" where nobody says."""
        self.verdicts: Sequence[Verdict] = ()
        """What verifiers have said of it, once it is resolved."""
        self._chosen = bool(snapshotter)
        self._guarded = False

    async def before(self) -> Reference:
        """Ask before a registry is. Returns what the image is to be pulled as. Raises PermissionDenied with the reason of a denial, Unavailable."""
        from argosy_protos.argosy.policy.v1 import AskRequest

        request = AskRequest(
            point="pre-pull", reference=str(self.reference), names=self._names, snapshotter=self.snapshotter
        )
        try:
            answer = await self._services.policy.ask(request)
        except Unimplemented:
            return self.reference
        self._guarded = answer.guarded
        if answer.reference and answer.reference != str(self.reference):
            self.reference = Reference.parse(answer.reference)
        self._wish(answer.snapshotter)
        return self.reference

    async def resolved(self, target: Descriptor, names: Sequence[str] = ()) -> Services:
        """Ask when it is known what the image is; names are those that it will get, where they are others than before.

        Returns the services to pull it with. Raises PermissionDenied, Unavailable.
        """
        if not self._guarded:
            return self._services
        from argosy_protos.argosy.policy.v1 import AskRequest

        answer = await self._services.policy.ask(
            AskRequest(
                point="resolved",
                reference=str(self.reference),
                names=list(names) or self._names,
                target=to_wire(target),
                snapshotter=self.snapshotter,
            )
        )
        self._wish(answer.snapshotter)
        self.verdicts = answer.verdicts
        # Whoever is asked about its layers hears whose they are.
        name = self._names[0]
        fits = name.isascii() and name.isprintable() and len(name) <= _MOST_LETTERS
        return self._services.with_metadata({IMAGE_HEADER: name}) if fits else self._services

    def _wish(self, snapshotter: str) -> None:
        """Take a wish of a hook's, where the client has none of its own."""
        if snapshotter and not self._chosen:
            self.snapshotter = snapshotter
