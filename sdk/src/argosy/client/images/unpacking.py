"""Unpacking an image: a snapshot a layer, named by its chain id, side by side where the snapshotter can.

A layer's snapshot is prepared before its blob is fetched: a snapshotter that makes it without the blob says so (ALREADY_EXISTS, or mounts
that nobody is to write to), and then nobody fetches it.
"""

from __future__ import annotations

import base64
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Protocol

import anyio
from argosy_protos.argosy.diff.v1 import UnpackRequest
from argosy_protos.containerd.services.diff.v1 import ApplyRequest
from argosy_protos.containerd.services.introspection.v1 import Plugin, PluginsRequest
from argosy_protos.containerd.services.snapshots import v1 as snapshots
from argosy_protos.containerd.types import Mount as WireMount

from argosy.client.content import set_labels
from argosy.client.held import hold_snapshot
from argosy.client.images.authorizing import payloads_for
from argosy.client.images.context import PARENT, labels_of
from argosy.client.images.documents import layers_of, resolve, to_wire
from argosy.client.jobs import together
from argosy.client.leftovers import remove_snapshot
from argosy.client.progress import Progress, Watch, nobody
from argosy.client.services import Services
from argosy.encryption.payload import Parameters
from argosy.errors import AlreadyExists, ArgosyError, FailedPrecondition, NotFound, Unimplemented
from argosy.labels import GC_REF_SNAPSHOT, REMOTE, UNCOMPRESSED
from argosy.mounts import DETACHED, Mount
from argosy.oci.image import Descriptor, Platform, chain_ids, check_diff_id

_PREPARE_TRIES: Final = 3
# How often an image is begun anew whose layers go while it is unpacked.
_CHAIN_TRIES: Final = 3
# What a snapshotter's table says of one that makes snapshots by itself.
_ANNOTATED: Final = "enable_remote_snapshot_annotations"


class Blobs(Protocol):
    """Where an image's blobs come from, while it is unpacked."""

    async def described(self) -> None:
        """Return when the documents are there that say which layers there are."""

    def want(self, layer: Descriptor) -> None:
        """Begin to fetch a layer, unless that was done."""

    async def fetched(self, layer: Descriptor) -> None:
        """Return when a layer is there, which is fetched now where it was not wanted yet."""

    async def coming(self, layer: Descriptor) -> str:
        """Return the ingest of a layer whose bytes begin to come into a file; "" when it is there, or comes in another way."""


class _There:
    """Blobs that are all in the content store."""

    async def described(self) -> None:
        pass

    def want(self, layer: Descriptor) -> None:
        pass

    async def fetched(self, layer: Descriptor) -> None:
        pass

    async def coming(self, layer: Descriptor) -> str:
        return ""


async def unpack(
    services: Services, target: Descriptor, snapshotter: str, platform: Platform | None = None, watch: Watch = nobody,
    blobs: Blobs | None = None, name: str = "", keys: Parameters | None = None,
) -> str:  # fmt: skip
    """Unpack an image's layers into snapshots named by chain id; return the top one's name.

    blobs brings what is not in the content store; each layer whose snapshot is made without it is left out. name is the image's, for a
    snapshotter that fetches by itself. keys open encrypted layers, beside those of the daemon's machine.
    Raises InvalidArgument when a layer's content is not what the config says; its snapshot is removed then, and that of every
    layer which is under way.
    """
    blobs = blobs or _There()
    await blobs.described()
    image = await resolve(services, target, platform)
    diff_ids, layers = layers_of(image), image.manifest.layers
    chain = chain_ids(diff_ids)
    # The labels that hold it come last: what another image unpacked could be gone by then.
    await hold_snapshot(services, snapshotter, chain[-1])
    plugins = await _plugins(services, snapshotter)
    rebases = len(layers) > 1 and any("rebase" in plugin.capabilities for plugin in plugins)
    unpacking = _Unpacking(
        services, snapshotter, blobs, watch, any(plugin.exports.get(_ANNOTATED) == "true" for plugin in plugins), keys
    )
    manifest = image.manifest_descriptor.digest

    async def every() -> None:
        there = [anyio.Event() for _ in layers]

        async def one(i: int) -> None:
            below = _Below(chain[i - 1], there[i - 1]) if i else None
            labels = labels_of(name, manifest, layers, i, diff_ids[i], chain[i])
            if not rebases and below is not None:
                await below.there.wait()
            await unpacking.layer(_Layer(layers[i], diff_ids[i], chain[i], labels, layers[i:]), below)
            there[i].set()

        async with together() as group:
            for i in range(len(layers)):
                group.start_soon(one, i)

    for tries_left in reversed(range(_CHAIN_TRIES)):
        try:
            await every()
            break
        except _ParentMissing as missing:
            # It was there a moment ago: its plugin has lost it, or went, or another has taken its place. What is still there is left alone.
            if not tries_left:
                raise missing.error from None
    await set_labels(services.content, image.manifest.config.digest, {f"{GC_REF_SNAPSHOT}{snapshotter}": chain[-1]})
    return chain[-1]


async def _plugins(services: Services, snapshotter: str) -> Sequence[Plugin]:
    """Return what Introspection says of a snapshotter."""
    wanted = f"type==io.containerd.snapshotter.v1,id=={snapshotter}"
    return (await services.introspection.plugins(PluginsRequest(filters=[wanted]))).plugins


@dataclass(frozen=True, slots=True)
class _Below:
    """The layer below another: its snapshot's name, and when that is there."""

    name: str
    there: anyio.Event


class _ParentMissing(Exception):
    """Raised when the snapshot below a layer is gone that was there before."""

    def __init__(self, error: NotFound) -> None:
        super().__init__(error.message)
        self.error = error


@dataclass(frozen=True, slots=True)
class _Layer:
    """One layer: its blob, what is in it, its snapshot's name and labels, and the blobs from it up to the top."""

    blob: Descriptor
    diff_id: str
    chain_id: str
    labels: dict[str, str]
    upwards: Sequence[Descriptor]


class _NeedsLower(Exception):
    """Raised when a layer cannot be unpacked without the one below it."""


class _Spoilt(Exception):
    """Raised when a layer was begun while it came, and was not finished so: its snapshot holds some of it."""


class _Unpacking:
    """One unpack of an image into one snapshotter."""

    def __init__(
        self, services: Services, snapshotter: str, blobs: Blobs, watch: Watch, remote: bool, keys: Parameters | None
    ) -> None:
        """remote: the snapshotter is known to make snapshots by itself, so no blob is fetched before it was asked for that layer."""
        self._services, self._snapshotter, self._blobs, self._watch = services, snapshotter, blobs, watch
        self._remote, self._keys = remote, keys
        self._spoilt: set[str] = set()
        """Layers that are unpacked when they are there, and not before."""

    async def layer(self, layer: _Layer, below: _Below | None) -> None:
        """Make one layer's snapshot: by itself while the one below it is being made, where the layer can be read that way. Raises _ParentMissing."""
        if below is not None and not below.there.is_set():
            try:
                await self._again(layer, below, True)
                return
            except _NeedsLower:
                await below.there.wait()
        await self._again(layer, below, False)

    async def _again(self, layer: _Layer, below: _Below | None, detached: bool) -> None:
        try:
            await self._on(layer, below, detached)
        except _Spoilt:
            self._spoilt.add(layer.blob.digest)
            await self._on(layer, below, detached)

    async def _on(self, layer: _Layer, below: _Below | None, detached: bool) -> None:
        services, snapshotter, chain_id, labels = self._services, self._snapshotter, layer.chain_id, layer.labels
        parent = below.name if below is not None and not detached else ""
        if detached and below is not None:
            labels = {**labels, PARENT: below.name}
        # The key is ours before it is asked for: who is cancelled before the answer comes knows what to remove.
        key = f"extract-{time.time_ns() % 1_000_000_000}-{base64.urlsafe_b64encode(os.urandom(3)).decode()} {chain_id}"
        try:
            mounts = await self._prepared(key, parent, layer, labels)
            if mounts is None:
                self._say(layer, "unpacked", layer.blob.size)
                return
            staged = _is_staged(mounts)
            if not staged:
                await self._apply(layer, mounts, detached)
            else:
                labels = {**labels, REMOTE: "staged"}  # who unpacks it again misses no blob
            rebase = ""
            if detached and below is not None:
                await below.there.wait()
                rebase = below.name
            try:
                await services.snapshots.commit(
                    snapshots.CommitSnapshotRequest(
                        snapshotter=snapshotter, name=chain_id, key=key, parent=rebase, labels=labels
                    )
                )
            except AlreadyExists:
                await services.snapshots.remove(snapshots.RemoveSnapshotRequest(snapshotter=snapshotter, key=key))
            except NotFound as error:
                raise (_ParentMissing(error) if rebase else error) from error
            except FailedPrecondition as error:
                # One that said it can put a layer on another afterwards, and can't: in a user namespace, say.
                raise (_NeedsLower() if rebase else error) from error
        except BaseException:
            await remove_snapshot(services, snapshotter, key)
            raise
        if not staged:
            await set_labels(services.content, layer.blob.digest, {UNCOMPRESSED: layer.diff_id})
        self._say(layer, "unpacked", layer.blob.size)

    async def _prepared(self, key: str, parent: str, layer: _Layer, labels: dict[str, str]) -> Sequence[WireMount] | None:
        """Prepare a layer's snapshot and return its mounts; None when the layer's own is there, be it that the snapshotter has made it now."""
        made = False
        for _ in range(_PREPARE_TRIES):
            found = await self._found(layer.chain_id)
            if found is not None:
                # What somebody unpacked has a blob that belongs to the image; what nobody did has none to be missed.
                if not (made or self._remote or REMOTE in found.labels):
                    self._blobs.want(layer.blob)
                return None
            try:
                prepared = await self._services.snapshots.prepare(
                    snapshots.PrepareSnapshotRequest(snapshotter=self._snapshotter, key=key, parent=parent, labels=labels)
                )
            except AlreadyExists:
                made = True  # by the snapshotter, or by somebody else, who fetches it
                continue
            except NotFound as error:
                raise (_ParentMissing(error) if parent else error) from error
            if not self._remote and not _is_staged(prepared.mounts):
                # It will be unpacked, and so will those above it: they are fetched meanwhile.
                for blob in layer.upwards:
                    self._blobs.want(blob)
            return prepared.mounts
        raise FailedPrecondition(f'snapshot "{layer.chain_id}" exists and cannot be found on "{self._snapshotter}"')

    async def _apply(self, layer: _Layer, mounts: Sequence[WireMount], detached: bool) -> None:
        """Unpack a layer, while it comes or once it is there. Raises InvalidArgument when it is not what the config says, _NeedsLower, _Spoilt."""
        where = _detached(mounts) if detached else list(mounts)
        payloads = dict(payloads_for(layer.blob, self._keys))
        if not payloads and layer.blob.digest not in self._spoilt:
            ref = await self._blobs.coming(layer.blob)
            if ref and await self._while_it_comes(layer, ref, where, detached):
                return
        await self._blobs.fetched(layer.blob)
        self._say(layer, "unpacking", 0)
        try:
            applied = await self._services.diff.apply(
                ApplyRequest(diff=to_wire(layer.blob), mounts=where, payloads=payloads)
            )
        except FailedPrecondition as error:
            raise (_NeedsLower() if detached else error) from error
        check_diff_id(layer.blob.digest, applied.applied.digest if applied.applied else "", layer.diff_id)

    async def _while_it_comes(self, layer: _Layer, ref: str, where: list[WireMount], detached: bool) -> bool:
        """Unpack a layer from its ingest; return False when that can't be done, and nothing was. Raises _NeedsLower, _Spoilt.

        Whatever fails may be the fault of bytes that nobody has checked yet: what it means is said when the layer is unpacked once more.
        """

        async def say() -> None:
            await self._blobs.fetched(layer.blob)
            self._say(layer, "unpacking", 0)

        try:
            async with together() as group:
                group.start_soon(say)
                answer = await self._services.layers.unpack(UnpackRequest(ref=ref, layer=to_wire(layer.blob), mounts=where))
                if answer.applied is None:
                    group.cancel_scope.cancel()
        except Unimplemented:
            return False
        except ArgosyError as error:
            if detached and isinstance(error, FailedPrecondition):
                raise _NeedsLower() from error
            raise _Spoilt() from error
        if answer.applied is None:
            return False
        if answer.applied.digest != layer.diff_id:
            raise _Spoilt()
        return True

    async def _found(self, key: str) -> snapshots.Info | None:
        try:
            answer = await self._services.snapshots.stat(
                snapshots.StatSnapshotRequest(snapshotter=self._snapshotter, key=key)
            )
        except NotFound:
            return None
        return answer.info or snapshots.Info(name=key)

    def _say(self, layer: _Layer, what: str, done: int) -> None:
        self._watch(Progress(f"layer-{layer.blob.digest}", what, done, layer.blob.size, layer.blob))


def _is_staged(mounts: Sequence[WireMount]) -> bool:
    """Return whether what was prepared has the layer in it already: nobody could write to its last mount."""
    return bool(mounts) and Mount.from_wire(mounts[-1]).takes_no_layer


def _detached(mounts: Sequence[WireMount]) -> list[WireMount]:
    """Return a bottom layer's mounts as those of a layer in the middle, so that whiteouts stay. Raises _NeedsLower."""
    if len(mounts) != 1 or mounts[0].type != "bind" or any(o.startswith(("uidmap=", "gidmap=")) for o in mounts[0].options):
        raise _NeedsLower
    return [WireMount(type="overlay", source="overlay", options=[f"upperdir={mounts[0].source}", DETACHED])]
