"""The image verifiers, asked: the programs of a directory, which the transfer service runs, and the plugins of the type ``verifier``.

All have to accept an image. One that can't be asked keeps it out, as containerd has it, and in containerd's words.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final, NamedTuple

from argosy.errors import ArgosyError, PermissionDenied, Unavailable
from argosy.tables import BINDIR, ImageVerifiers

from argosy_gateway.backends.hooks import in_words, within
from argosy_gateway.plugins.plugin import WORK_S, Plugin
from argosy_gateway.plugins.registry import Registry
from argosy_gateway.work import in_a_task

if TYPE_CHECKING:
    from argosy_protos.argosy.verifier.v1 import VerifyResponse
    from argosy_protos.containerd.types import Descriptor

# A verifier's time when its table says none: containerd's for a program.
_USUAL_S: Final = 10.0


class Verdict(NamedTuple):
    """A yes, and what was said with it."""

    verifier: str
    reason: str


class Verifiers:
    """Whoever is asked whether an image may be used."""

    def __init__(self, registry: Registry, settings: ImageVerifiers) -> None:
        self._registry, self._settings = registry, settings

    @property
    def covers_all(self) -> bool:
        """Whether what gets a name by a client that asked nobody is verified then."""
        return self._settings.cover == "all"

    def known(self) -> list[tuple[str, Plugin | None]]:
        """Return the verifiers by their names; None in the place of a plugin for the programs, which are there while their directory is."""
        found: list[tuple[str, Plugin | None]] = []
        if self._settings.max_verifiers and os.path.lexists(self._settings.bin_dir):
            found.append((BINDIR, None))
        found += [(plugin.name, plugin) for plugin in self._registry.guards if plugin.type == "verifier"]
        return found

    async def verify(self, namespace: str, name: str, target: Descriptor) -> list[Verdict]:
        """Return what each verifier has said. Raises PermissionDenied with the reason of one that rejects it, Unavailable for one that gives no answer."""
        await in_a_task()
        verdicts: list[Verdict] = []
        for verifier, plugin in self.known():
            about = f"of {name} with digest {target.digest}"
            try:
                answer = await self._asked(plugin, namespace, name, target)
            except ArgosyError as error:
                raise Unavailable(
                    f"blocking pull {about}: image verifier {verifier} returned error: {in_words(error.message)}"
                ) from error
            reason = in_words(answer.reason)
            if not answer.ok:
                raise PermissionDenied(f"image verifier {verifier} blocked pull {about} for reason: {reason}")
            verdicts.append(Verdict(verifier, reason))
        return verdicts

    async def _asked(self, plugin: Plugin | None, namespace: str, name: str, target: Descriptor) -> VerifyResponse:
        from argosy_protos.argosy.verifier.v1 import VerifierStub, VerifyRequest

        request = VerifyRequest(namespace=namespace, name=name, target=target)
        if plugin is None:
            # Each program has a deadline of its own, and how many there are is not known here.
            async with self._registry.only("transfer").call(WORK_S) as channel:
                return await VerifierStub(channel).verify(request)
        with within(plugin, _USUAL_S, "/argosy.verifier.v1.Verifier/Verify") as seconds:
            async with plugin.call(seconds) as channel:
                return await VerifierStub(channel).verify(request)
