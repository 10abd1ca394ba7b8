"""Having images on another snapshotter: unpacked again from content; what content lacks is fetched, or copied from the old one.

Each layer is done for good when it is there: who begins again, after whatever ended the time before, goes on where that stopped.
"""

from __future__ import annotations

import base64
import os
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Final

from argosy_protos.containerd.services.containers.v1 import ListContainersRequest
from argosy_protos.containerd.services.diff.v1 import ApplyRequest, DiffRequest
from argosy_protos.containerd.services.images.v1 import Image, ListImagesRequest
from argosy_protos.containerd.services.snapshots import v1 as snapshots
from argosy_protos.containerd.types import Descriptor as WireDescriptor
from argosy_protos.containerd.types import Mount as WireMount

from argosy.client.connection import Client
from argosy.client.content import set_labels
from argosy.client.credentials import Credentials
from argosy.client.held import hold_snapshot
from argosy.client.images.documents import from_wire, layers_of, resolve, to_wire
from argosy.client.images.names import find_image
from argosy.client.images.pulling import Puller
from argosy.client.images.readiness import has_blob, has_snapshot
from argosy.client.leftovers import remove_snapshot
from argosy.client.progress import Progress, Watch, nobody
from argosy.client.resolvers import Registries, Resolver
from argosy.client.services import Services, present
from argosy.errors import AlreadyExists, ArgosyError, InvalidArgument, NotFound
from argosy.labels import COPIED_FROM, GC_REF_SNAPSHOT, SNAPSHOT_REF, UNCOMPRESSED
from argosy.oci.image import Descriptor, Platform, Resolved, chain_ids
from argosy.oci.reference import Reference

_TAR: Final = "application/vnd.oci.image.layer.v1.tar"
# How often an image is begun anew whose layers go meanwhile.
_TRIES: Final = 3


@dataclass(frozen=True, slots=True)
class Migrated:
    """What became of one image. Numbers are of layers."""

    image: str
    there: int = 0
    unpacked: int = 0
    copied: int = 0
    error: ArgosyError | None = None
    """Why it is not on the new snapshotter, or not all of it."""

    @property
    def state(self) -> str:
        if self.error is not None:
            return "failed"
        return "ready" if not self.unpacked and not self.copied else "copied" if self.copied else "unpacked"


async def migrate(
    client: Client, old: str, new: str, names: Sequence[str] = (), *, plain: bool = False,
    credentials: Credentials | None = None, resolver: Resolver | None = None, drop: bool = False, watch: Watch = nobody,
) -> AsyncIterator[Migrated]:  # fmt: skip
    """Have images of old on the snapshotter new as well; yield what became of each, also of one for which it failed.

    Without names all images that are on old, wholly or in part, for this platform. A layer is unpacked from its blob; a blob that is
    missing is fetched, from resolver, the client's, or the registry of the image's name; one that can't be fetched is copied from
    old. Snapshots of containers are left alone. drop: old need not keep the layers of an image that is on new; those that a
    container's snapshot is on stay. Raises NotFound for a name, InvalidArgument for one snapshotter twice. Cancelling leaves what is done.
    """
    if old == new:
        raise InvalidArgument(f'"{old}" is where the images are; name another snapshotter to have them on')
    async with AsyncExitStack() as stack:
        services = await stack.enter_async_context(client.lease())
        source = client.resolver if resolver is None else resolver
        if source is None:
            source = await stack.enter_async_context(Registries(plain=plain, credentials=credentials))
        if names:
            images = [await find_image(services, name) for name in names]
        else:
            images = (await services.images.list(ListImagesRequest())).images
        for image in images:
            one = _Migration(services, source, old, new, image, watch)
            try:
                if names or await one.is_on_old():
                    yield await one.run(drop)
            except ArgosyError as error:
                yield Migrated(image.name, error=error)


async def containers_on(client: Client, snapshotter: str) -> list[str]:
    """Return the containers of the namespace whose snapshots are on a snapshotter."""
    reply = await client.services.containers.list(ListContainersRequest())
    return sorted(one.id for one in reply.containers if one.snapshotter == snapshotter and one.snapshot_key)


class _ParentGone(Exception):
    """Raised when the layer below one that is to be made is not there any more."""

    def __init__(self, error: NotFound) -> None:
        super().__init__(error.message)
        self.error = error


class _Migration:
    """One image's way to another snapshotter."""

    def __init__(self, services: Services, source: Resolver, old: str, new: str, image: Image, watch: Watch) -> None:
        self._services, self._source, self._old, self._new, self._watch = services, source, old, new, watch
        self._name = image.name
        self._target = from_wire(present(image.target, f'the target of image "{image.name}"'))

    async def _resolved(self) -> Resolved:
        """Return manifest and config, fetched where content lacks them. Raises NotFound, and what fetching raises."""
        try:
            return await resolve(self._services, self._target)
        except NotFound as missing:
            try:
                await (await self._puller()).tree(self._target)
            except ArgosyError as error:
                raise NotFound(f"{missing.message}; fetching it: {error.message}") from None
        return await resolve(self._services, self._target)

    async def _puller(self) -> Puller:
        """Raises InvalidArgument for a name that is no reference."""
        return Puller(self._services, self._source, Reference.parse(self._name), [Platform.of_host()], self._watch)

    async def is_on_old(self) -> bool:
        """Return whether the old snapshotter has something of it. An image that is not for this machine is on none."""
        try:
            image = await resolve(self._services, self._target)
            chain = chain_ids(layers_of(image))
        except (NotFound, InvalidArgument):
            return False
        return await has_snapshot(self._services, self._old, chain[0])

    async def run(self, drop: bool) -> Migrated:
        """Raises what keeps it from the new snapshotter."""
        for tries_left in reversed(range(_TRIES)):
            try:
                return await self._run(drop)
            except _ParentGone as gone:
                if not tries_left:
                    raise gone.error from None
        raise AssertionError("the last try returns, or raises")

    async def _run(self, drop: bool) -> Migrated:
        image = await self._resolved()
        diff_ids, layers = layers_of(image), image.manifest.layers
        chain, config = chain_ids(diff_ids), image.manifest.config.digest
        await hold_snapshot(self._services, self._new, chain[-1])
        there = [await has_snapshot(self._services, self._new, name) for name in chain]
        lacking = [layer for layer, has in zip(layers, there, strict=True) if not has]
        missing = await self._fetched(lacking)
        unpacked = copied = 0
        for i, layer in enumerate(layers):
            if there[i]:
                self._watch(Progress(f"layer-{layer.digest}", "exists", layer.size, layer.size))
                continue
            below = chain[i - 1] if i else ""
            if layer.digest not in missing:
                self._watch(Progress(f"layer-{layer.digest}", "unpacking", 0, layer.size))
                await self._put(to_wire(layer), chain[i], below, {}, diff_ids[i])
                await set_labels(self._services.content, layer.digest, {UNCOMPRESSED: diff_ids[i]})
                unpacked += 1
            else:
                await self._copy(layer, chain[i], below, missing[layer.digest])
                copied += 1
            self._watch(Progress(f"layer-{layer.digest}", "done", layer.size, layer.size))
            # What is done is kept, however this ends.
            await set_labels(self._services.content, config, {f"{GC_REF_SNAPSHOT}{self._new}": chain[i]})
        labels = {f"{GC_REF_SNAPSHOT}{self._new}": chain[-1]}
        if drop:
            labels[f"{GC_REF_SNAPSHOT}{self._old}"] = ""
        await set_labels(self._services.content, config, labels)
        return Migrated(self._name, len(layers) - len(lacking), unpacked, copied)

    async def _fetched(self, lacking: Sequence[Descriptor]) -> dict[str, ArgosyError]:
        """Have the blobs of layers in content; return why for those that can't be."""
        missing: dict[str, ArgosyError] = {}
        for layer in lacking:
            if not await has_blob(self._services, layer.digest):
                try:
                    await (await self._puller()).blob(layer)
                except ArgosyError as error:
                    missing[layer.digest] = error
        return missing

    async def _copy(self, layer: Descriptor, name: str, below: str, reason: ArgosyError) -> None:
        """Make a layer on the new snapshotter of what it adds to the one below it on the old one.

        Raises NotFound when that does not have it either, with the reason why its blob is not here; _ParentGone.
        """
        said = f"{layer.digest} can't be fetched ({reason.message})"
        self._watch(Progress(f"layer-{layer.digest}", "copying", 0, layer.size))
        stamp = _stamp()
        views = [f"migrate-{stamp}-upper {name}", f"migrate-{stamp}-lower {name}"]
        try:
            try:
                upper = await self._view(views[0], name)
                lower = await self._view(views[1], below) if below else []
            except NotFound as error:
                raise NotFound(f'{said}, and "{self._old}" does not have its layer: {error.message}') from None
            made = await self._services.diff.diff(
                DiffRequest(left=lower, right=upper, media_type=_TAR, ref=f"migrate-{stamp}")
            )
            # What a diff does not carry is lost on the way: who looks should see that it is no layer of the registry's.
            await self._put(present(made.diff, "the layer's difference"), name, below, {COPIED_FROM: self._old})
        finally:
            for view in views:
                await remove_snapshot(self._services, self._old, view)

    async def _view(self, key: str, name: str) -> list[WireMount]:
        request = snapshots.ViewSnapshotRequest(snapshotter=self._old, key=key, parent=name)
        return (await self._services.snapshots.view(request)).mounts

    async def _put(self, diff: WireDescriptor, name: str, below: str, labels: dict[str, str], diff_id: str = "") -> None:
        """Unpack a blob on the new snapshotter, as a layer of a name. Raises InvalidArgument when it is not the one of a diff id; _ParentGone."""
        stub, key = self._services.snapshots, f"extract-{_stamp()} {name}"
        labels = {SNAPSHOT_REF: name, **labels}
        try:
            request = snapshots.PrepareSnapshotRequest(snapshotter=self._new, key=key, parent=below, labels=labels)
            try:
                prepared = await stub.prepare(request)
            except NotFound as error:
                raise (_ParentGone(error) if below else error) from error
            except AlreadyExists:
                if await has_snapshot(self._services, self._new, name):
                    return  # somebody else made it meanwhile, or the snapshotter had it
                raise
            applied = (await self._services.diff.apply(ApplyRequest(diff=diff, mounts=prepared.mounts))).applied
            if diff_id and (applied is None or applied.digest != diff_id):
                raise InvalidArgument(f"{diff.digest} is not the layer of the image: it has another diff id than {diff_id}")
            try:
                await stub.commit(snapshots.CommitSnapshotRequest(snapshotter=self._new, name=name, key=key, labels=labels))
            except AlreadyExists:
                pass  # somebody else was first
        finally:
            await remove_snapshot(self._services, self._new, key)


def _stamp() -> str:
    """Return what makes a key one that nobody else has, in containerd's form."""
    return f"{time.time_ns() % 1_000_000_000}-{base64.urlsafe_b64encode(os.urandom(3)).decode()}"
