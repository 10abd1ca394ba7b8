"""A snapshot as an end of a transfer: what is in it as a tar, and a new one of a tar. The work is the differ's, so any snapshotter does."""

from __future__ import annotations

import os
import time
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Final

from argosy_protos.containerd.services.content import v1 as content
from argosy_protos.containerd.services.diff.v1 import ApplyRequest, DiffRequest
from argosy_protos.containerd.services.snapshots import v1 as p
from argosy_protos.containerd.types import Descriptor as WireDescriptor
from argosy_protos.containerd.types import Mount as WireMount

from argosy.client.connection import Client
from argosy.client.content import CHUNK, open_ingest
from argosy.client.leftovers import abort_ingest, remove_snapshot
from argosy.client.progress import Progress
from argosy.client.services import Services, present
from argosy.client.transfers.ends import TreeSink, TreeSource, Wish
from argosy.digest import hasher
from argosy.errors import AlreadyExists, InvalidArgument, NotFound
from argosy.oci.image import Descriptor
from argosy.oci.layers import TAR
from argosy.oci.passing import checked, generated

_MAGIC: Final = {b"\x1f\x8b": "+gzip", b"\x28\xb5": "+zstd"}


class SnapshotTree(TreeSource):
    """What is in a snapshot, all of it or what it adds to its parent."""

    def __init__(self, client: Client, snapshotter: str, name: str, changes: bool = False) -> None:
        """Without a snapshotter it is one of the namespace's default. Raises InvalidArgument."""
        _check(name)
        self._client, self._snapshotter, self._name, self._changes = client, snapshotter, name, changes
        self.called = f'snapshot "{name}"'

    async def tar(self) -> AsyncGenerator[bytes, None]:
        """Yield a layer. Raises NotFound, and what the differ says. The blob that it is meanwhile goes with its lease."""
        async with self._client.lease() as services:
            of = self._snapshotter or await self._client.default_snapshotter()
            diff = await self._compared(services, of)
            d = Descriptor(digest=diff.digest, size=diff.size)
            async for piece in checked(d, _blob(services, diff.digest)):
                yield piece

    async def _compared(self, services: Services, of: str) -> WireDescriptor:
        stat = await services.snapshots.stat(p.StatSnapshotRequest(snapshotter=of, key=self._name))
        info = present(stat.info, self.called)
        async with _seen(services, of, self._name, info.kind) as upper:
            request = DiffRequest(right=upper, media_type=TAR, ref=f"snapshot-{_stamp()}")
            if not self._changes or not info.parent:
                return present((await services.diff.diff(request)).diff, "the snapshot's layer")
            async with _seen(services, of, info.parent, p.Kind.COMMITTED) as lower:
                request.left = lower
                return present((await services.diff.diff(request)).diff, "the snapshot's layer")


class NewSnapshot(TreeSink):
    """A snapshot that is to be, with labels that keep it: one without any goes with the next collection unless the caller has a lease."""

    def __init__(
        self, client: Client, snapshotter: str, name: str, parent: str = "", labels: Mapping[str, str] | None = None
    ) -> None:
        """Raises InvalidArgument."""
        _check(name)
        self._client, self._snapshotter, self._name, self._parent = client, snapshotter, name, parent
        self._labels = dict(labels or {})
        self.called = f'snapshot "{name}"'

    async def untar(self, pieces: AsyncIterator[bytes], wish: Wish) -> None:
        """Commit what a layer, compressed or not, makes of the parent. Raises AlreadyExists, NotFound for the parent, InvalidArgument for what is no layer."""
        async with self._client.lease() as services:
            of = self._snapshotter or await self._client.default_snapshotter()
            try:
                await services.snapshots.stat(p.StatSnapshotRequest(snapshotter=of, key=self._name))
            except NotFound:
                pass
            else:
                raise AlreadyExists(self.called)
            diff = await _kept(services, pieces, wish)
            key = f"transfer-{_stamp()} {self._name}"
            try:
                prepare = p.PrepareSnapshotRequest(snapshotter=of, key=key, parent=self._parent, labels=self._labels)
                mounts = (await services.snapshots.prepare(prepare)).mounts
                await services.diff.apply(ApplyRequest(diff=diff, mounts=mounts))
                commit = p.CommitSnapshotRequest(snapshotter=of, name=self._name, key=key, labels=self._labels)
                await services.snapshots.commit(commit)
            except BaseException:
                await remove_snapshot(services, of, key)
                raise


def _check(name: str) -> None:
    if not name:
        raise InvalidArgument("a snapshot, and none is named; say which")


@asynccontextmanager
async def _seen(services: Services, of: str, name: str, kind: p.Kind) -> AsyncGenerator[list[WireMount], None]:
    """Yield the mounts of a snapshot; of a committed one, those of a view that goes with the block."""
    if kind != p.Kind.COMMITTED:
        yield (await services.snapshots.mounts(p.MountsRequest(snapshotter=of, key=name))).mounts
        return
    key = f"transfer-{_stamp()} {name}"
    try:
        yield (await services.snapshots.view(p.ViewSnapshotRequest(snapshotter=of, key=key, parent=name))).mounts
    finally:
        await remove_snapshot(services, of, key)


async def _blob(services: Services, digest: str) -> AsyncGenerator[bytes, None]:
    async for part in services.content.read(content.ReadContentRequest(digest=digest)):
        yield part.data


async def _kept(services: Services, pieces: AsyncIterator[bytes], wish: Wish) -> WireDescriptor:
    """Have bytes as a blob, which goes with the lease; return what it is called."""
    ref, running, kind = f"transfer-{_stamp()}", hasher("sha256"), b""
    ingest = await open_ingest(services.content, ref, 0, "")
    try:
        async for piece in generated(pieces):
            kind = (kind + piece[:2])[:2]
            for at in range(0, len(piece), CHUNK):
                part = piece[at : at + CHUNK]
                running.update(part)
                await ingest.write(part)
                wish.watch(Progress(ref, "importing", ingest.offset))
        digest, size = f"sha256:{running.hexdigest()}", ingest.offset
        try:
            await ingest.commit(size, digest, {})
        except AlreadyExists:
            pass  # the same bytes
        return WireDescriptor(media_type=TAR + _MAGIC.get(kind, ""), digest=digest, size=size)
    except BaseException:
        ingest.close()
        await abort_ingest(services, ref)
        raise
    finally:
        ingest.close()


def _stamp() -> str:
    """Return what makes a key one that nobody else has."""
    return f"{time.time_ns() % 1_000_000_000}-{os.urandom(3).hex()}"
