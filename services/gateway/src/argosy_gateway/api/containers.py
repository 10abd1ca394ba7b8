"""containerd.services.containers.v1.Containers."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import TYPE_CHECKING, Any

from argosy import filters, log
from argosy.errors import InvalidArgument, NotFound, Unavailable, Unimplemented
from argosy.labels import OWN_LABELS_HEADER, is_reserved
from argosy.rpc.context import current
from argosy.rpc.server import inline
from argosy.rpc.wire import field, repeated
from argosy_protos.containerd.events import ContainerCreate, ContainerCreateRuntime, ContainerDelete, ContainerUpdate
from argosy_protos.containerd.services.containers import v1 as p
from argosy_protos.google.protobuf import Empty

from argosy_gateway.calls import namespace
from argosy_gateway.metadata import containers as store
from argosy_gateway.metadata import images
from argosy_gateway.provenance import brought

if TYPE_CHECKING:
    from argosy_gateway.core import Core

logger = log.get("gateway.containers")


class Containers(p.ContainersBase):
    """Records of containers."""

    def __init__(self, core: Core) -> None:
        self._core = core

    @inline
    async def get(self, request: p.GetContainerRequest) -> p.GetContainerResponse:
        # What is stored is what is asked for: it goes out as it is, as the answer's only field.
        encoded: Any = field(1, store.stored_bytes(self._core.db.reader, namespace(), request.id))
        return encoded  # type: ignore[no-any-return] # a handler may answer with bytes

    @inline
    async def list(self, request: p.ListContainersRequest) -> p.ListContainersResponse:
        if not request.filters:
            # As in Get; messages of one kind in a row are one message that has all they have.
            encoded: Any = repeated(1, store.rows(self._core.db.reader, namespace()))
            return encoded  # type: ignore[no-any-return] # a handler may answer with bytes
        found = store.listed(self._core.db.reader, namespace(), filters.parse(request.filters))
        return p.ListContainersResponse(containers=found)

    async def list_stream(self, request: p.ListContainersRequest) -> AsyncIterator[p.ListContainerMessage]:
        for container in store.listed(self._core.db.reader, namespace(), filters.parse(request.filters)):
            yield p.ListContainerMessage(container=container)

    async def create(self, request: p.CreateContainerRequest) -> p.CreateContainerResponse:
        ns, wanted = namespace(), request.container
        if wanted is None:
            raise InvalidArgument("a container must be given")
        await self._without_the_images(ns, wanted, None)
        made = await self._core.change(lambda db: store.create(db, ns, wanted))
        runtime = ContainerCreateRuntime(name=made.runtime.name, options=made.runtime.options) if made.runtime else None
        event = ContainerCreate(id=made.id, image=made.image, runtime=runtime)
        self._core.events.publish(ns, "/containers/create", "containerd.events.ContainerCreate", event)
        return p.CreateContainerResponse(container=made)

    async def _without_the_images(self, ns: str, container: p.Container, paths: Sequence[str] | None) -> None:
        """Take away the reserved labels that come with the container's image. paths is of an update, which leaves alone
        what is there already."""
        reader = self._core.db.reader
        old = store.get(reader, ns, container.id) if paths is not None and store.exists(reader, ns, container.id) else None
        before = old.labels if old is not None else {}
        fresh = [key for key, value in container.labels.items() if is_reserved(key) and before.get(key) != value]
        if not fresh or current().get(OWN_LABELS_HEADER):
            return
        try:
            content, space = self._core.content_for(ns)
        except (Unimplemented, Unavailable):
            return
        image = old.image if old is not None and paths and "image" not in paths else container.image
        try:
            target = images.get(reader, ns, image).target.digest
        except NotFound:
            return
        for key in await brought(image, target, fresh, lambda digest: content.blobs.read(space, digest, 0, 0)):
            logger.warning("container.label_of_image_dropped", namespace=ns, container=container.id, label=key)
            del container.labels[key]

    async def update(self, request: p.UpdateContainerRequest) -> p.UpdateContainerResponse:
        ns, wanted = namespace(), request.container
        if wanted is None:
            raise InvalidArgument("a container must be given")
        paths = request.update_mask.paths if request.update_mask else []
        if not paths or "labels" in paths:
            # Who sets one label by its name means it; all at once may have come from an image.
            await self._without_the_images(ns, wanted, paths)
        made = await self._core.change(lambda db: store.update(db, ns, wanted, paths))
        event = ContainerUpdate(id=made.id, image=made.image, labels=made.labels, snapshot_key=made.snapshot_key)
        self._core.events.publish(ns, "/containers/update", "containerd.events.ContainerUpdate", event)
        return p.UpdateContainerResponse(container=made)

    async def delete(self, request: p.DeleteContainerRequest) -> Empty:
        ns = namespace()
        await self._core.change(lambda db: store.delete(db, ns, request.id), dirty=True)
        self._core.events.publish(
            ns, "/containers/delete", "containerd.events.ContainerDelete", ContainerDelete(id=request.id)
        )
        return Empty()
