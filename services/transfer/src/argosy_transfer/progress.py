"""What a client is told while its transfer goes on, in the events that containerd's clients draw.

A blob's events form a tree by the names of its parents, of which the root is the image's name. They go out beside the work, which never waits for a client: where a
blob stands is said a few times a second, the newest only; what happened once is never left out.
"""

from __future__ import annotations

from collections import deque
from typing import Final

import anyio
from argosy import log
from argosy.client.images import to_wire
from argosy.client.progress import Progress
from argosy.errors import ArgosyError
from argosy.oci.image import INDEX_TYPES, Descriptor
from argosy.typeurl import pack
from argosy_protos.containerd.types import transfer as p

from argosy_transfer.streams import Stream

logger = log.get("transfer.progress")

_PROGRESS: Final = "containerd.types.transfer.Progress"
_LOOK_S: Final = 0.3
# A client that does not read what was said has so long at the end.
_FLUSH_S: Final = 10.0
# Of what an image calls one of its parts, which stands in every event of it and of what is below it.
_NAME_LETTERS: Final = 128
_REF_NAME: Final = "org.opencontainers.image.ref.name"
_MOVING: Final = frozenset(("downloading", "uploading"))


def name_of(d: Descriptor) -> str:
    """Return what containerd calls a blob in its progress: its kind, and what tells it from others."""
    media_type = d.media_type
    if media_type in INDEX_TYPES:
        kind = "index"
    elif "manifest" in media_type:
        kind = "manifest"
    elif "config" in media_type or "container.image" in media_type:
        kind = "config"
    elif "in-toto" in media_type:
        kind = "attestation"
    else:
        kind = "layer" if "layer" in media_type or "rootfs" in media_type else "unknown"
    named = d.annotations.get(_REF_NAME, "")[:_NAME_LETTERS]
    return f"{kind}-{named}@{d.digest}" if named else f"{kind}-{d.digest}"


class Teller:
    """Tells one client of one transfer. Without a stream, nobody."""

    def __init__(self, stream: Stream | None) -> None:
        self._stream = stream
        self.root = ""
        """The name that blobs without a parent hang from."""
        self._once: deque[p.Progress] = deque()
        self._moving: dict[str, p.Progress] = {}
        self._names: dict[str, str] = {}
        self._parents: dict[str, tuple[str, ...]] = {}
        """By ref: what was said last of who names a blob. Who moves it does not know."""
        self._top: p.Progress | None = None
        """What was said last of the first blob, which is the image's document."""
        self._extracting: set[str] = set()
        self._offsets: dict[str, int] = {}
        self._more = anyio.Event()
        self._ended = False
        self._scope = anyio.CancelScope()
        self.over = anyio.Event()
        """Set when all was sent that will be."""

    def status(self, text: str, d: Descriptor | None = None) -> None:
        """Say a line that is of no blob."""
        self._say(p.Progress(event=text, desc=None if d is None else to_wire(d)))

    def completed(self, text: str, d: Descriptor | None = None) -> None:
        """Say the last line. containerd's clients draw only when a blob is said something of: what the image's document has come to follows once more."""
        self.status(text, d)
        if self._top is not None:
            self._say(self._top)

    def named(self, event: str, name: str, d: Descriptor) -> None:
        """Say what happened to something by its name."""
        self._say(p.Progress(event=event, name=name, desc=to_wire(d)))

    def watch(self, it: Progress) -> None:
        """Say what the client's library tells of a blob."""
        if self._stream is None or it.descriptor is None:
            return
        d = it.descriptor
        name = self._names.setdefault(it.ref, name_of(d))
        if it.parents:
            self._parents[it.ref] = it.parents
        parents = [self._names.get(ref, ref) for ref in self._parents.get(it.ref, ())] or [self.root]
        if name == self.root or not self.root:
            parents = []
        desc = to_wire(d)
        once: p.Progress | None = None
        if it.status == "waiting":
            once = p.Progress(event="waiting", name=name, parents=parents, total=d.size, desc=desc)
        elif it.status in _MOVING:
            if it.offset > self._offsets.get(it.ref, 0):
                self._offsets[it.ref] = it.offset
                self._moving[it.ref] = p.Progress(
                    event=it.status, name=name, parents=parents, progress=it.offset, total=d.size, desc=desc
                )
        elif it.status == "exists":
            self._moving.pop(it.ref, None)
            once = p.Progress(event="already exists", name=name, progress=d.size, total=d.size, desc=desc)
        elif it.status == "done":
            self._moving.pop(it.ref, None)
            once = p.Progress(event="complete", name=name, parents=parents, progress=d.size, total=d.size, desc=desc)
        elif it.status == "unpacking":
            self._extracting.add(it.ref)
            once = p.Progress(event="extracting", name=name, parents=parents, total=d.size, desc=desc)
        elif it.status == "unpacked" and it.ref in self._extracting:
            self._extracting.discard(it.ref)
            once = p.Progress(event="extracted", name=name, parents=parents, progress=d.size, total=d.size, desc=desc)
        if once is not None:
            if self._top is None or self._top.name == name:
                self._top = once
            self._say(once)

    def _say(self, event: p.Progress) -> None:
        if self._stream is not None:
            self._once.append(event)
            self._more.set()

    def end(self) -> None:
        """Nothing more will be said."""
        self._ended = True
        self._scope.deadline = anyio.current_time() + _FLUSH_S
        self._more.set()

    async def run(self) -> None:
        """Send what is said, until the end; then close the stream. A client that goes, or does not read, holds up nothing but itself."""
        if self._stream is None:
            self.over.set()
            return
        try:
            with self._scope:
                while not (self._ended and not self._once):
                    with anyio.move_on_after(_LOOK_S):
                        await self._more.wait()
                    self._more = anyio.Event()
                    if self._ended:
                        self._moving.clear()
                    while self._once:
                        await self._send(self._once.popleft())
                    moving, self._moving = self._moving, {}
                    for event in moving.values():
                        await self._send(event)
                    if not self._ended:
                        await self._pause()
        except ArgosyError as error:
            logger.debug("progress.not_read", id=self._stream.id, error=error.message)
        finally:
            self._stream.close()
            self.over.set()

    async def _pause(self) -> None:
        """Let what moves move, unless something happens."""
        with anyio.move_on_after(_LOOK_S):
            await self._more.wait()

    async def _send(self, event: p.Progress) -> None:
        assert self._stream is not None
        await self._stream.send(pack(_PROGRESS, event))
