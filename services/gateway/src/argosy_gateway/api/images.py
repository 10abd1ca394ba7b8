"""containerd.services.images.v1.Images."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

from argosy import filters
from argosy.errors import AlreadyExists, InvalidArgument
from argosy.recent import Recent
from argosy.rpc.server import inline
from argosy.timestamps import EARLIEST_NS, LATEST_NS, NANOS, from_wire, to_wire
from argosy_protos.containerd.services.images import v1 as p
from argosy_protos.containerd.types import Descriptor
from argosy_protos.google.protobuf import Empty, Timestamp

from argosy_gateway.backends import policy
from argosy_gateway.calls import lease, namespace
from argosy_gateway.metadata import images as store

if TYPE_CHECKING:
    from argosy_gateway.core import Core


# A list that does not fit is encoded anew each time, at 20 us an image. An image takes about a KiB here: this is enough for lists of 16000.
_ENTRIES: Final = 1 << 16
_ENTRIES_BYTES: Final = 32 << 20


def _memory_of(key: tuple[str, str], entry: tuple[store.Row, bytes]) -> int:
    """Return about how many bytes an encoded image takes together with the row that it was made of."""
    return 3 * len(entry[1]) + 600


def _to_wire(image: store.Image) -> p.Image:
    return p.Image(
        name=image.name,
        labels=image.labels,
        target=image.target,
        created_at=to_wire(image.created_ns),
        updated_at=to_wire(image.updated_ns),
    )


def _from_wire(image: p.Image | None) -> store.Image:
    if image is None:
        raise InvalidArgument("an image must be given")
    return store.Image(image.name, image.target or Descriptor(), dict(image.labels))


def _epoch(stamp: Timestamp | None) -> int | None:
    ns = from_wire(stamp)
    if stamp is not None and (ns in (EARLIEST_NS, LATEST_NS) or not 0 <= stamp.nanos < NANOS):
        raise InvalidArgument(f"source_date_epoch: {stamp.seconds} s and {stamp.nanos} ns are no time between 1677 and 2262")
    return ns


class Images(p.ImagesBase):
    """Names of content."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self._entries: Recent[tuple[str, str], tuple[store.Row, bytes]] = Recent(_ENTRIES, _ENTRIES_BYTES, _memory_of)
        """Encoded lists of one image each, with their rows. Clients list often, and images seldom change."""

    def _entry(self, ns: str, row: store.Row) -> bytes:
        """Return an encoded list of this one image."""
        entry = self._entries.get((ns, row[0]))
        if entry is None or entry[0] != row:
            entry = row, p.ListImagesResponse(images=[_to_wire(store.of_row(row))]).encode()
            self._entries.put((ns, row[0]), entry)
        return entry[1]

    @inline
    async def get(self, request: p.GetImageRequest) -> p.GetImageResponse:
        return p.GetImageResponse(image=_to_wire(store.get(self._core.db.reader, namespace(), request.name)))

    @inline
    async def list(self, request: p.ListImagesRequest) -> p.ListImagesResponse:
        if not request.filters:
            ns = namespace()
            # Messages of one kind in a row are one message that has all they have.
            encoded: Any = b"".join([self._entry(ns, row) for row in store.rows(self._core.db.reader, ns)])
            return encoded  # type: ignore[no-any-return] # a handler may answer with bytes
        found = store.listed(self._core.db.reader, namespace(), filters.parse(request.filters))
        return p.ListImagesResponse(images=[_to_wire(i) for i in found])

    async def create(self, request: p.CreateImageRequest) -> p.CreateImageResponse:
        ns, lid, wanted = namespace(), lease(), _from_wire(request.image)
        epoch = _epoch(request.source_date_epoch)
        store.check(wanted)
        if store.exists(self._core.db.reader, ns, wanted.name):
            # Before anybody is asked: what is about to have another target is asked about then.
            raise AlreadyExists(f'image "{wanted.name}"')
        wanted.labels = await self._core.policy.named(ns, wanted.name, wanted.target, wanted.labels, None)
        made = await self._core.change(lambda db: store.create(db, ns, wanted, lid, epoch))
        self._core.policy.used(ns, made.name, made.target.digest)
        event = p.ImageCreate(name=made.name, labels=made.labels)
        self._core.events.publish(ns, "/images/create", "containerd.services.images.v1.ImageCreate", event)
        return p.CreateImageResponse(image=_to_wire(made))

    async def update(self, request: p.UpdateImageRequest) -> p.UpdateImageResponse:
        ns, lid, wanted = namespace(), lease(), _from_wire(request.image)
        epoch = _epoch(request.source_date_epoch)
        paths: Sequence[str] = request.update_mask.paths if request.update_mask else []
        if not wanted.name:
            raise InvalidArgument("image name is required for update")
        before = store.get(self._core.db.reader, ns, wanted.name)
        target = wanted.target if not paths or "target" in paths else before.target
        ruled = await self._core.policy.named(ns, wanted.name, target, policy.after(wanted, paths, before), before)
        paths = policy.changed(wanted, paths, before, ruled)
        made = await self._core.change(lambda db: store.update(db, ns, wanted, paths, lid, epoch))
        self._core.policy.used(ns, made.name, made.target.digest)
        event = p.ImageUpdate(name=made.name, labels=made.labels)
        self._core.events.publish(ns, "/images/update", "containerd.services.images.v1.ImageUpdate", event)
        return p.UpdateImageResponse(image=_to_wire(made))

    async def delete(self, request: p.DeleteImageRequest) -> Empty:
        ns, lid = namespace(), lease()
        target = request.target.digest if request.target is not None else None
        await self._core.change(lambda db: store.delete(db, ns, request.name, target, lid), dirty=True)
        self._entries.drop((ns, request.name))
        event = p.ImageDelete(name=request.name)
        self._core.events.publish(ns, "/images/delete", "containerd.services.images.v1.ImageDelete", event)
        if request.sync:
            await self._core.scheduler.collect_now()
        return Empty()
