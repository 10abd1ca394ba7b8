"""Who is asked before an image is pulled, named and unpacked and before a container runs, and what was allowed already.

    a client that asks:  pre-pull ──► resolved ──► its fetches ──► a name            (the pass of resolved is taken off)
    one that does not:                             its fetches ──► a name: pre-pull and resolved, of what is here
    both:                                     layer-ready at Apply, unpacked at the label for it, pre-run at a task's creation

A **pass** is what hooks and verifiers have said of a name and a digest. It is used once, by whoever gives that name to that digest, and is void when
others guard the images than then. Passes are in memory: after a restart of the gateway who gives a name is one who did not ask.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from argosy.errors import InvalidArgument, NotFound, PermissionDenied
from argosy.labels import GC_REF_SNAPSHOT, IMAGE_HEADER, MAX_LABEL_BYTES, VERDICT, VERIFIED, VERIFIED_AS, verdict
from argosy.labels import masked as labels_after
from argosy.recent import Recent
from argosy.rpc.context import current
from argosy.store.schema import Reader
from argosy.tables import ImageVerifiers

from argosy_gateway.backends.hooks import LAYER_READY, PRE_PULL, PRE_RUN, RESOLVED, UNPACKED, Hooks
from argosy_gateway.backends.verifiers import Verdict, Verifiers
from argosy_gateway.metadata import containers, images
from argosy_gateway.plugins.plugin import Plugin
from argosy_gateway.plugins.registry import Registry
from argosy_gateway.work import in_a_task

if TYPE_CHECKING:
    from argosy_protos.containerd.types import Descriptor

MOST_NAMES: Final = 64
# How often hooks may rewrite what the others, or they themselves, have made of a reference.
_ROUNDS: Final = 4
# Passes that nobody uses are of pulls that have failed.
_PASSES: Final = 4096
_OURS: Final = (VERIFIED, VERDICT, VERIFIED_AS)


@dataclass(frozen=True, slots=True)
class Pass:
    """What was said of an image that may have a name."""

    guards: Sequence[Plugin]
    labels: Mapping[str, str]
    verdicts: Sequence[Verdict] = ()


@dataclass(slots=True)
class Answer:
    """What a client that asks is told."""

    guarded: bool
    reference: str
    snapshotter: str = ""
    verdicts: Sequence[Verdict] = field(default_factory=list)


class Policy:
    """Asks hooks and verifiers. Where there are none, nothing is done."""

    def __init__(self, registry: Registry, settings: ImageVerifiers, reader: Reader) -> None:
        self._registry, self._reader = registry, reader
        self._hooks, self._verifiers = Hooks(registry), Verifiers(registry, settings)
        self._passes: Recent[tuple[str, str, str, str], Pass] = Recent(_PASSES)
        """By point, namespace, name and the reference or digest that it is for."""

    def asks(self, point: str) -> bool:
        """Return whether there is a hook at a point, or may be one."""
        return self._registry.unsure or (bool(self._registry.guards) and bool(self._hooks.at(point)))

    async def _sure(self) -> None:
        """Wait until all hooks and verifiers are known. Raises Unavailable."""
        if self._registry.unsure:
            await in_a_task()
            await self._registry.sure()

    # -- images, asked about --

    async def before_pull(self, ns: str, reference: str, names: Sequence[str], snapshotter: str = "") -> Answer:
        """Return what an image is to be pulled as, and where it is to be unpacked. Raises PermissionDenied, Unavailable, InvalidArgument."""
        await self._sure()
        guarded = bool(self._registry.guards) or bool(self._verifiers.known())
        if not guarded or not self.asks(PRE_PULL):
            return Answer(guarded, reference, snapshotter)
        _check_names(reference, names)
        from argosy_protos.argosy.hooks.v1 import DecideRequest

        guards, wish = self._registry.guards, snapshotter
        labels: dict[str, dict[str, str]] = {name: {} for name in names}
        now = reference
        for _ in range(_ROUNDS):
            asked = now
            for name in names:
                request = DecideRequest(
                    point=PRE_PULL, namespace=ns, reference=now, name=name, snapshotter=wish, labels=labels[name]
                )
                ruling = await self._hooks.ask(request)
                now, labels[name], wish = ruling.reference, ruling.labels, ruling.snapshotter
            if now == asked:  # all agree to it
                break
        else:
            raise PermissionDenied(
                f'hooks rewrite "{reference}" again and again, last to "{now}"; one of them has to leave alone what it has rewritten'
            )
        for name in names:
            self._passes.put((PRE_PULL, ns, name, now), Pass(guards, labels[name]))
        return Answer(True, now, wish)

    async def resolved(
        self, ns: str, reference: str, names: Sequence[str], target: Descriptor, snapshotter: str = ""
    ) -> Answer:
        """Return whether an image may have names, now that it is known what it is. Raises PermissionDenied, Unavailable, InvalidArgument."""
        await self._sure()
        known = self._verifiers.known()
        if not known and not self._registry.guards:
            return Answer(False, reference, snapshotter)
        _check_names(reference, names)
        guards, wish = self._registry.guards, snapshotter
        said: dict[str, dict[str, str]] = {}
        for name in names:
            before = self._valid((PRE_PULL, ns, name, reference))
            said[name], wish = await self._decided(ns, reference, name, target, before, wish)
        verdicts = await self._verifiers.verify(ns, reference, target)
        for name in names:
            self._passes.put((RESOLVED, ns, name, target.digest), Pass(guards, said[name], verdicts))
        return Answer(True, reference, wish, verdicts)

    async def _decided(
        self, ns: str, reference: str, name: str, target: Descriptor, before: Pass | None, wish: str, here: bool = False,
        labels: Mapping[str, str] | None = None,
    ) -> tuple[dict[str, str], str]:  # fmt: skip
        """Return the labels of an image and where it is unpacked, as hooks have it at resolved, and at pre-pull where nobody was asked."""
        from argosy_protos.argosy.hooks.v1 import DecideRequest

        added = dict(before.labels) if before is not None else {}
        for point in (PRE_PULL, RESOLVED) if before is None else (RESOLVED,):
            request = DecideRequest(
                point=point, namespace=ns, reference=reference, name=name, target=target, snapshotter=wish, labels={**(labels or {}), **added},
                # Who did not ask before has resolved it by the name that it has.
                here=here or point == PRE_PULL,
            )  # fmt: skip
            ruling = await self._hooks.ask(request)
            added, wish = (
                {key: value for key, value in ruling.labels.items() if (labels or {}).get(key) != value},
                ruling.snapshotter,
            )
        return added, wish

    def _valid(self, at: tuple[str, str, str, str]) -> Pass | None:
        """Return a pass, unless others guard the images now."""
        found = self._passes.get(at)
        return found if found is not None and found.guards is self._registry.guards else None

    # -- images, named --

    async def named(
        self, ns: str, name: str, target: Descriptor, labels: Mapping[str, str], before: images.Image | None
    ) -> dict[str, str]:
        """Return the labels of an image that is about to get a name, or to have another target under it. before is what has that name now.

        What a pull has asked about is not asked again, nor what has the name already. Raises PermissionDenied, Unavailable.
        """
        await self._sure()
        wanted = {key: value for key, value in labels.items() if key not in _OURS}
        registry, digest = self._registry, target.digest
        verifies = self._verifiers.covers_all and bool(self._verifiers.known())
        found = self._valid((RESOLVED, ns, name, digest))
        if found is not None and verifies and not found.verdicts:
            found = None  # programs that verify have come since
        still = verdict(before.labels, digest) if before is not None else {}
        if not still and labels.get(VERIFIED) == digest:
            # Another name of what was accepted: whoever copies the labels of an image says what we have said, and no more than that.
            still = images.accepted(self._reader, ns, digest, labels.get(VERDICT, ""))
        if found is None and before is not None and before.target.digest == digest:
            return {**wanted, **still}
        if found is None and (verifies or registry.guards):
            added: dict[str, str] = {}
            if registry.guards:
                added, _ = await self._decided(ns, name, name, target, None, "", here=True, labels=wanted)
            verdicts = await self._verifiers.verify(ns, name, target) if verifies else []
            found = Pass(registry.guards, added, verdicts)
        if found is None:
            return {**wanted, **still}
        return {**wanted, **found.labels, **(_shown(digest, found.verdicts) or still)}

    def used(self, ns: str, name: str, digest: str) -> None:
        """Note that an image has its name: its pass is not good for another time."""
        if len(self._passes):
            self._passes.drop((RESOLVED, ns, name, digest))

    # -- layers and containers --

    async def layer_ready(self, ns: str, message: bytes) -> None:
        """Ask about a layer that is about to be unpacked; message is an ApplyRequest. Raises PermissionDenied, Unavailable, InvalidArgument."""
        from argosy_protos._error import DecodeError
        from argosy_protos.argosy.hooks.v1 import DecideRequest
        from argosy_protos.containerd.services.diff.v1 import ApplyRequest

        try:
            target = ApplyRequest.decode(message).diff
        except DecodeError as error:
            raise InvalidArgument(f"the request is malformed: {error}") from None
        await self._hooks.ask(DecideRequest(point=LAYER_READY, namespace=ns, name=_image(), here=True, target=target))

    async def unpacked(self, ns: str, digest: str, labels: Mapping[str, str], paths: Sequence[str]) -> None:
        """Ask about an image whose configuration gets the label that all of it is unpacked. Raises PermissionDenied, Unavailable."""
        from argosy_protos.argosy.hooks.v1 import DecideRequest
        from argosy_protos.containerd.types import Descriptor

        for key, value in labels.items():
            if value and key.startswith(GC_REF_SNAPSHOT) and (not paths or "labels" in paths or f"labels.{key}" in paths):
                # A view of one snapshot may stand behind a slash.
                snapshotter = key.removeprefix(GC_REF_SNAPSHOT).partition("/")[0]
                await self._hooks.ask(
                    DecideRequest(
                        point=UNPACKED, namespace=ns, name=_image(), here=True, target=Descriptor(digest=digest),
                        snapshotter=snapshotter, snapshot=value,
                    )
                )  # fmt: skip

    async def before_run(self, ns: str, id: str) -> None:
        """Ask about a container that is to get a task. Raises PermissionDenied, Unavailable, NotFound."""
        from argosy_protos.argosy.hooks.v1 import Container, DecideRequest

        record = containers.get(self._reader, ns, id)
        digest = ""
        if record.image:
            try:
                digest = images.get(self._reader, ns, record.image).target.digest
            except NotFound:
                pass  # it was removed since, or is one of another daemon's names
        about = Container(
            id=id, image=record.image, digest=digest, runtime=record.runtime.name if record.runtime is not None else "",
            snapshotter=record.snapshotter, labels=dict(record.labels), spec=record.spec,
        )  # fmt: skip
        await self._hooks.ask(DecideRequest(point=PRE_RUN, namespace=ns, here=True, container=about))


def changed(wanted: images.Image, paths: Sequence[str], before: images.Image, ruled: Mapping[str, str]) -> list[str]:
    """Have an update of an image write the labels that were ruled for it, and no other that its mask does not name. Returns the mask."""
    if not paths or "labels" in paths:
        wanted.labels = dict(ruled)
        return list(paths)
    asked = after(wanted, paths, before)
    more = {key: value for key, value in ruled.items() if asked.get(key) != value} | dict.fromkeys(
        asked.keys() - ruled.keys(), ""
    )
    wanted.labels = {**wanted.labels, **more}
    return [*paths, *(f"labels.{key}" for key in more)]


def after(wanted: images.Image, paths: Sequence[str], before: images.Image) -> dict[str, str]:
    """Return the labels that an image has after an update as its client means it."""
    of_labels = [path for path in paths if path.partition(".")[0] == "labels"]
    return dict(before.labels) if paths and not of_labels else labels_after(before.labels, wanted.labels, of_labels, "image")


def _check_names(reference: str, names: Sequence[str]) -> None:
    if not names or not all(names) or not reference:
        raise InvalidArgument("who asks about an image says what it is pulled as, and which names it will get")
    if len(names) > MOST_NAMES:
        raise InvalidArgument(f"an image that gets {len(names)} names at once is refused; {MOST_NAMES} are the most")


def _image() -> str:
    """Return of which image the caller says a layer is."""
    return current().get(IMAGE_HEADER) or ""


def _shown(digest: str, verdicts: Sequence[Verdict]) -> dict[str, str]:
    """Return the labels that say what verifiers have said."""
    if not verdicts:
        return {}
    text = "; ".join(f"{one.verifier}: {one.reason}" if one.reason else one.verifier for one in verdicts)
    room = MAX_LABEL_BYTES - len(VERDICT)
    return {VERIFIED: digest, VERDICT: text.encode()[:room].decode(errors="ignore")}
