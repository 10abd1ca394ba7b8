"""Unpacking an image: a snapshot a layer, named by its chain id, side by side where the snapshotter can."""

from __future__ import annotations

import base64
import os
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final

import anyio
from argosy_protos.containerd.services.diff.v1 import ApplyRequest
from argosy_protos.containerd.services.introspection.v1 import PluginsRequest
from argosy_protos.containerd.services.snapshots import v1 as snapshots
from argosy_protos.containerd.types import Mount as WireMount

from argosy.client.content import set_labels
from argosy.client.images.documents import layers_of, resolve, to_wire
from argosy.client.jobs import cleanup, together
from argosy.client.progress import Progress, Watch, nobody
from argosy.client.services import Services
from argosy.errors import AlreadyExists, ArgosyError, FailedPrecondition, InvalidArgument, NotFound
from argosy.labels import GC_REF_SNAPSHOT, SNAPSHOT_REF, UNCOMPRESSED
from argosy.mounts import DETACHED
from argosy.oci.image import Descriptor, Platform, chain_ids

_PREPARE_TRIES: Final = 3


async def unpack(
    services: Services, target: Descriptor, snapshotter: str, platform: Platform | None = None, watch: Watch = nobody,
    ready: Callable[[str], Awaitable[None]] | None = None,
) -> str:  # fmt: skip
    """Unpack an image's layers into snapshots named by chain id; return the top one's name.

    Ready is asked before a blob is read, "" for the image's documents: it returns once the blob is there.
    Raises InvalidArgument when a layer's content is not what the config says; its snapshot is removed then, and that of every
    layer which is under way.
    """
    if ready is not None:
        await ready("")
    image = await resolve(services, target, platform)
    diff_ids, layers = layers_of(image), image.manifest.layers
    chain = chain_ids(diff_ids)
    rebases = len(layers) > 1 and await _rebases(services, snapshotter)
    there = [anyio.Event() for _ in layers]

    async def one(i: int) -> None:
        if ready is not None:
            await ready(layers[i].digest)
        below = _Below(chain[i - 1], there[i - 1]) if i else None
        if not rebases and below is not None:
            await below.there.wait()
        await _unpack_layer(services, snapshotter, layers[i], diff_ids[i], chain[i], below, watch)
        there[i].set()

    async with together() as group:
        for i in range(len(layers)):
            group.start_soon(one, i)
    await set_labels(services.content, image.manifest.config.digest, {f"{GC_REF_SNAPSHOT}{snapshotter}": chain[-1]})
    return chain[-1]


async def _rebases(services: Services, snapshotter: str) -> bool:
    """Return whether a layer's snapshot may be made before the one below it, which is named at its commit."""
    wanted = f"type==io.containerd.snapshotter.v1,id=={snapshotter}"
    reply = await services.introspection.plugins(PluginsRequest(filters=[wanted]))
    return any("rebase" in p.capabilities for p in reply.plugins)


@dataclass(frozen=True, slots=True)
class _Below:
    """The layer below another: its snapshot's name, and when that is there."""

    name: str
    there: anyio.Event


async def _unpack_layer(
    services: Services, snapshotter: str, layer: Descriptor, diff_id: str, chain_id: str, below: _Below | None, watch: Watch
) -> None:
    """Make one layer's snapshot: by itself while the one below is being made, where the layer can be read that way."""
    if below is not None and not below.there.is_set():
        try:
            await _unpack_on(services, snapshotter, layer, diff_id, chain_id, below, True, watch)
            return
        except _NeedsLower:
            await below.there.wait()
    await _unpack_on(services, snapshotter, layer, diff_id, chain_id, below, False, watch)


class _NeedsLower(Exception):
    """Raised when a layer cannot be unpacked without the one below it."""


async def _unpack_on(
    services: Services, snapshotter: str, layer: Descriptor, diff_id: str, chain_id: str, below: _Below | None,
    detached: bool, watch: Watch,
) -> None:  # fmt: skip
    ref = f"layer-{layer.digest}"
    labels = {SNAPSHOT_REF: chain_id}
    parent = below.name if below is not None and not detached else ""
    # The key is ours before it is asked for: who is cancelled before the answer comes knows what to remove.
    key = f"extract-{time.time_ns() % 1_000_000_000}-{base64.urlsafe_b64encode(os.urandom(3)).decode()} {chain_id}"
    try:
        for _ in range(_PREPARE_TRIES):
            if await _exists(services, snapshotter, chain_id):
                watch(Progress(ref, "done", layer.size, layer.size))
                return
            try:
                prepared = await services.snapshots.prepare(
                    snapshots.PrepareSnapshotRequest(snapshotter=snapshotter, key=key, parent=parent, labels=labels)
                )
                break
            except AlreadyExists:
                continue  # somebody else made it meanwhile, or the snapshotter had it
        else:
            raise FailedPrecondition(f'snapshot "{chain_id}" exists and cannot be found on "{snapshotter}"')
        watch(Progress(ref, "unpacking", 0, layer.size))
        mounts = _detached(prepared.mounts) if detached else prepared.mounts
        try:
            applied = await services.diff.apply(ApplyRequest(diff=to_wire(layer), mounts=mounts))
        except FailedPrecondition as error:
            raise (_NeedsLower() if detached else error) from error
        got = applied.applied.digest if applied.applied else ""
        if got != diff_id:
            raise InvalidArgument(
                f"wrong diff id calculated on extraction of {layer.digest}: {got}, the image says {diff_id}"
            )
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
        except FailedPrecondition as error:
            # One that said it can put a layer on another afterwards, and can't: in a user namespace, say.
            raise (_NeedsLower() if rebase else error) from error
    except BaseException:
        with cleanup():
            try:
                await services.snapshots.remove(snapshots.RemoveSnapshotRequest(snapshotter=snapshotter, key=key))
            except ArgosyError:
                pass  # the lease ends, and with it the snapshot
        raise
    await set_labels(services.content, layer.digest, {UNCOMPRESSED: diff_id})
    watch(Progress(ref, "done", layer.size, layer.size))


async def _exists(services: Services, snapshotter: str, key: str) -> bool:
    try:
        await services.snapshots.stat(snapshots.StatSnapshotRequest(snapshotter=snapshotter, key=key))
    except NotFound:
        return False
    return True


def _detached(mounts: Sequence[WireMount]) -> list[WireMount]:
    """Return a bottom layer's mounts as those of a layer in the middle, so that whiteouts stay. Raises _NeedsLower."""
    if len(mounts) != 1 or mounts[0].type != "bind" or any(o.startswith(("uidmap=", "gidmap=")) for o in mounts[0].options):
        raise _NeedsLower
    return [WireMount(type="overlay", source="overlay", options=[f"upperdir={mounts[0].source}", DETACHED])]
