"""The hooks, asked: in the order in which they were made known, each with its deadline. What they answer is bounded, and checked before it is used.

A hook that gives no answer (it hangs, is away, drains, fails, or says what can't be) is passed over or counts as a no, as its table says.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import anyio
from argosy import log
from argosy.errors import ArgosyError, DeadlineExceeded, Internal, InvalidArgument, PermissionDenied, Unavailable
from argosy.labels import check_labels, is_reserved
from argosy.shown import plain

from argosy_gateway.plugins.plugin import Plugin
from argosy_gateway.plugins.registry import Registry
from argosy_gateway.work import in_a_task

if TYPE_CHECKING:
    from argosy_protos.argosy.hooks.v1 import DecideRequest, DecideResponse

logger = log.get("gateway.hooks")

PRE_PULL, RESOLVED, LAYER_READY, UNPACKED, PRE_RUN = "pre-pull", "resolved", "layer-ready", "unpacked", "pre-run"
# A hook's time when its table says none.
_USUAL_S: Final = 5.0
_MOST_LABELS: Final = 64
# Of a reason that a client gets to read, and of a name.
MOST_LETTERS: Final = 1024


@dataclass(slots=True)
class Ruling:
    """What hooks have made of an image: what it is pulled as, its labels, and where it is to be unpacked, "" for where its client says."""

    reference: str
    labels: dict[str, str] = field(default_factory=dict)
    snapshotter: str = ""


class Hooks:
    """The plugins of the type ``hook``."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry

    def at(self, point: str) -> list[Plugin]:
        """Return the hooks that are asked at a point, in their order."""
        return [
            plugin
            for plugin in self._registry.guards
            if plugin.type == "hook" and (not plugin.capabilities or point in plugin.capabilities)
        ]

    async def ask(self, request: DecideRequest) -> Ruling:
        """Ask the hooks of a request's point. Each hears what those before it have made of it.

        Raises PermissionDenied with the reason of the hook that denies it, Unavailable when one gives no answer that must.
        """
        await in_a_task()
        if self._registry.unsure:
            await self._registry.sure()
        ruling = Ruling(request.reference, dict(request.labels), request.snapshotter)
        for plugin in self.at(request.point):
            request.reference, request.labels, request.snapshotter = ruling.reference, ruling.labels, ruling.snapshotter
            try:
                answer = await self._asked(plugin, request)
            except ArgosyError as error:
                why = f'hook "{plugin.name}" was asked about {_subject(request)} at {request.point} and gave no answer: {in_words(error.message)}'
                if plugin.config.fail != "open":
                    raise Unavailable(
                        f"{why}; without it nothing goes on: mend it, or have it fail open, or remove it"
                    ) from error
                logger.warning("hook.passed_over", hook=plugin.name, point=request.point, error=error.message)
                continue
            if not answer.allow:
                said = in_words(answer.reason) or "it gives no reason"
                raise PermissionDenied(
                    f'hook "{plugin.name}" denies {_subject(request)} in namespace "{request.namespace}": {said}'
                )
            if answer.reference and answer.reference != ruling.reference:
                if request.here:
                    raise PermissionDenied(
                        f'hook "{plugin.name}" has {_subject(request)} come from "{answer.reference}", and its bytes are here already, '
                        "from somewhere else; pull it by a client that asks first, or by that name"
                    )
                ruling.reference = answer.reference
            ruling.labels |= answer.labels
            ruling.snapshotter = answer.snapshotter or ruling.snapshotter
        return ruling

    async def _asked(self, plugin: Plugin, request: DecideRequest) -> DecideResponse:
        """Return a hook's answer. Raises what became of the call, Internal for an answer that can't be."""
        from argosy_protos.argosy.hooks.v1 import HooksStub

        with within(plugin, _USUAL_S, "/argosy.hooks.v1.Hooks/Decide") as seconds:
            async with plugin.call(seconds) as channel:
                answer = await HooksStub(channel).decide(request)
        try:
            _check(request, answer)
            self._check_snapshotter(answer.snapshotter)
        except InvalidArgument as error:
            wrong = Internal(error.message)
            plugin.distrust(wrong)
            raise wrong from None
        return answer

    def _check_snapshotter(self, name: str) -> None:
        """Raise InvalidArgument for a snapshotter that is not here: an image would be fetched, and then unpacked nowhere."""
        if name and ("snapshot", name) not in self._registry.plugins:
            there = ", ".join(plugin.name for plugin in self._registry.of_type("snapshot")) or "none"
            raise InvalidArgument(f'it asks for the snapshotter "{name}", which is not here; there are {there}')


def _check(request: DecideRequest, answer: DecideResponse) -> None:
    """Raise InvalidArgument for an answer that can't be used."""
    if answer.reference:
        if request.point != PRE_PULL:
            raise InvalidArgument(f"it rewrites a reference at {request.point}; that can be done at {PRE_PULL}")
        from argosy.oci.reference import Reference

        if len(answer.reference) > MOST_LETTERS:
            raise InvalidArgument(f"it rewrites a reference to one of {len(answer.reference)} letters")
        Reference.parse(answer.reference)
    if (answer.labels or answer.snapshotter) and request.point not in (PRE_PULL, RESOLVED):
        raise InvalidArgument(
            f"it says labels or a snapshotter at {request.point}; that can be done at {PRE_PULL} and {RESOLVED}"
        )
    if len(answer.snapshotter) > MOST_LETTERS or not answer.snapshotter.isprintable():
        raise InvalidArgument("it says a snapshotter that is no name")
    check_added(answer.labels)


def check_added(labels: Mapping[str, str]) -> None:
    """Raise InvalidArgument for labels that nobody may add to an image."""
    if len(labels) > _MOST_LABELS:
        raise InvalidArgument(f"it adds {len(labels)} labels, where {_MOST_LABELS} are the most")
    check_labels(labels)
    for key in labels:
        if not key or is_reserved(key):
            raise InvalidArgument(
                f'it adds the label "{key[:64]}", which steers a daemon or a client; use a name of its own'
            )


@contextmanager
def within(plugin: Plugin, usual_s: float, path: str) -> Iterator[float | None]:
    """Have what is awaited in the block, a call to path, end with a plugin's deadline, the time included that it takes to be there. Yields its seconds.

    Raises DeadlineExceeded. One under a debugger has all the time that it takes.
    """
    seconds = math.inf if plugin.debug else plugin.config.deadline_s or usual_s
    with anyio.move_on_after(seconds) as scope:
        yield None if plugin.debug else seconds
    if scope.cancelled_caught:
        late = DeadlineExceeded(f"{plugin} at {plugin.channel.path} took longer than {seconds:g} s")
        plugin.missed(late, path)  # the call was cancelled, as one is whose caller has gone: it says nothing of the plugin
        raise late


def in_words(text: str) -> str:
    """Return a sentence of somebody else's on one line, cut where it is very long."""
    line = " ".join(plain(text, 4 * MOST_LETTERS).split())
    return line if len(line) <= MOST_LETTERS else f"{line[:MOST_LETTERS]}..."


def _subject(request: DecideRequest) -> str:
    """Return what a request is about, for a sentence."""
    if request.container is not None:
        of = f' of image "{request.container.image}"' if request.container.image else ""
        return f'container "{request.container.id}"{of}'
    name = request.name or request.reference
    if request.point == LAYER_READY and request.target is not None:
        return f"layer {request.target.digest}{f' of image {name}' if name else ''}"
    if not name and request.target is not None:
        return f"an image with the configuration {request.target.digest}"
    return f'image "{name}"'
