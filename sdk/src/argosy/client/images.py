"""Images: pull, push, import, export, unpack; every blob under a lease until its references hold it."""

from __future__ import annotations

import base64
import json
import os
import tarfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import anyio
import anyio.to_thread
from argosy_protos.containerd.services.content import v1 as content
from argosy_protos.containerd.services.diff.v1 import ApplyRequest
from argosy_protos.containerd.services.images import v1 as p
from argosy_protos.containerd.services.introspection.v1 import PluginsRequest
from argosy_protos.containerd.services.snapshots import v1 as snapshots
from argosy_protos.containerd.types import Descriptor as WireDescriptor
from argosy_protos.containerd.types import Mount as WireMount
from argosy_protos.google.protobuf import FieldMask

from argosy.client.connection import Client
from argosy.client.content import CHUNK, Ingest, open_ingest, place, read_blob, set_labels, write_blob
from argosy.client.jobs import cleanup, together
from argosy.client.members import Archive, Part
from argosy.client.progress import Progress, Watch, nobody
from argosy.client.registry import Credentials, Registry
from argosy.client.services import Services, present
from argosy.client.sources import Folder, Source, opened
from argosy.digest import Digest, hasher
from argosy.errors import AlreadyExists, ArgosyError, DataLoss, FailedPrecondition, InvalidArgument, NotFound
from argosy.labels import DISTRIBUTION_SOURCE, GC_REF_CONTENT, GC_REF_SNAPSHOT, SNAPSHOT_REF, UNCOMPRESSED
from argosy.mounts import DETACHED
from argosy.oci.image import (
    CONFIG_TYPES,
    INDEX_TYPES,
    MANIFEST_TYPES,
    MAX_CHILDREN,
    MAX_CONFIG_BYTES,
    MAX_DEPTH,
    MAX_MANIFEST_BYTES,
    Descriptor,
    Index,
    Manifest,
    Platform,
    Resolved,
    chain_ids,
    parse_config,
    parse_docker_listing,
    parse_document,
)  # fmt: skip
from argosy.oci.platforms import Read, choose
from argosy.oci.reference import Reference

PARALLEL_FETCHES: Final = 4
_PREPARE_TRIES: Final = 3
# Less than this is not worth asking where to put it.
_PLACED_BYTES: Final = 1 << 20


def to_wire(d: Descriptor) -> WireDescriptor:
    return WireDescriptor(media_type=d.media_type, digest=d.digest, size=d.size, annotations=d.annotations)


def from_wire(d: WireDescriptor) -> Descriptor:
    return Descriptor(media_type=d.media_type, digest=d.digest, size=d.size, annotations=dict(d.annotations))


def _kind(d: Descriptor) -> str:
    if d.media_type in INDEX_TYPES:
        return "index"
    if d.media_type in CONFIG_TYPES:
        return "config"
    # What nobody knows is somebody's layer: it is stored as it is, and refused when it is unpacked.
    return "manifest" if d.media_type in MANIFEST_TYPES or not d.media_type else "layer"


async def put_image(services: Services, name: str, target: WireDescriptor, labels: dict[str, str] | None = None) -> p.Image:
    """Create an image, or point an existing one at target."""
    image = p.Image(name=name, target=target, labels=labels or {})
    try:
        reply = await services.images.create(p.CreateImageRequest(image=image))
    except AlreadyExists:
        paths = ["target", *(["labels"] if labels else [])]
        reply = await services.images.update(p.UpdateImageRequest(image=image, update_mask=FieldMask(paths=paths)))
    return present(reply.image, f'image "{name}"')


def _reader(services: Services) -> Read:
    """Return what reads documents from content."""

    async def read(d: Descriptor) -> bytes:
        return await read_blob(services.content, d.digest, MAX_MANIFEST_BYTES)

    return read


async def resolve(services: Services, target: Descriptor, platform: Platform | None = None) -> Resolved:
    """Return manifest and config of an image for a platform, from content. Raises NotFound, InvalidArgument."""
    wanted = platform or Platform.of_host()
    data = await read_blob(services.content, target.digest, MAX_MANIFEST_BYTES)
    document = parse_document(data, target.media_type)
    if isinstance(document, Index):
        return await resolve(services, await choose(document, wanted, _reader(services)), wanted)
    config = parse_config(await read_blob(services.content, document.config.digest, MAX_CONFIG_BYTES))
    return Resolved(target, document, config)


# -- pulling --


async def _large(pieces: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Yield pieces joined to a size that is worth a round trip: a write waits for the answer to the one before."""
    waiting: list[bytes] = []
    size = 0
    async for piece in pieces:
        waiting.append(piece)
        size += len(piece)
        if size >= CHUNK:
            yield b"".join(waiting)
            waiting.clear()
            size = 0
    if waiting:
        yield b"".join(waiting)


class _Puller:
    """One pull: a tree of descriptors fetched in parallel, children before their parents' labels."""

    def __init__(self, services: Services, registry: Registry, platform: Platform | None, watch: Watch) -> None:
        self._services, self._registry, self._platform, self._watch = services, registry, platform, watch
        self._limit = anyio.Semaphore(PARALLEL_FETCHES)
        ref = registry.reference
        self._source = {f"{DISTRIBUTION_SOURCE}{ref.registry}": ref.repository}
        self._fetched: dict[str, anyio.Event] = {}
        self._described = anyio.Event()
        self._documents = 0
        self._over = False

    async def fetched(self, digest: str) -> None:
        """Return when a blob is there; for "" when the documents are that say which layers there are.

        When all is fetched it returns for everything: what is not there then is missed by who reads it.
        """
        if not self._over:
            await (self._fetched.setdefault(digest, anyio.Event()) if digest else self._described).wait()

    async def run(self, target: Descriptor) -> None:
        """Fetch an image. Raises what its registry and its documents are refused with."""
        await self.tree(target)
        self._over = True
        for event in (self._described, *self._fetched.values()):
            event.set()

    async def blob(self, d: Descriptor) -> None:
        """Fetch one blob, resuming what an earlier pull left. Raises DataLoss for other bytes than the descriptor says."""
        await self._blob(d)
        self._fetched.setdefault(d.digest, anyio.Event()).set()

    async def _blob(self, d: Descriptor) -> None:
        ref = f"{_kind(d)}-{d.digest}"
        self._watch(Progress(ref, "waiting", 0, d.size))
        async with self._limit:
            try:
                ingest = await open_ingest(self._services.content, ref, d.size, d.digest)
            except AlreadyExists:
                await self._has(d)
                self._watch(Progress(ref, "exists", d.size, d.size))
                await set_labels(self._services.content, d.digest, self._source)
                return
            try:
                if ingest.offset > d.size:
                    await ingest.restart()  # somebody else's idea of it
                await self._fetch(d, ingest)
                await ingest.commit(d.size, d.digest, self._source)
            except AlreadyExists:
                pass
            except (DataLoss, FailedPrecondition) as error:
                # These bytes are no use to a later try either.
                ingest.close()
                with cleanup():
                    await self._services.content.abort(content.AbortRequest(ref=ref))
                if isinstance(error, DataLoss):
                    raise
                raise DataLoss(f"{d.digest}: the registry sent other bytes: {error.message}") from error
            finally:
                ingest.close()
        self._watch(Progress(ref, "done", d.size, d.size))

    async def _has(self, d: Descriptor) -> None:
        """Raise DataLoss when a blob that is here has another size than a descriptor says: one of them lies about the digest."""
        info = present((await self._services.content.info(content.InfoRequest(digest=d.digest))).info, d.digest)
        if info.size != d.size:
            raise DataLoss(f"{d.digest} has {info.size} bytes, its descriptor says {d.size}")

    async def _fetch(self, d: Descriptor, ingest: Ingest) -> None:
        """Bring the bytes that an ingest lacks: into its file where we can, else through the store's socket."""
        file = None
        if self._services.ingests is not None and d.size - ingest.offset >= _PLACED_BYTES:
            file = await place(self._services.ingests, ingest)
        target = file or ingest
        try:
            async with aclosing(self._registry.fetch(d, ingest.offset)) as pieces:
                async for piece in pieces if file is not None else _large(pieces):
                    await target.write(piece)
                    self._watch(Progress(ingest.ref, "downloading", target.offset, d.size))
            if file is not None:
                await file.finish()
        finally:
            if file is not None:
                file.close()

    async def tree(self, d: Descriptor, depth: int = 0) -> None:
        """Fetch a descriptor and everything below it that the platform needs, then label it with its children."""
        if _kind(d) not in ("index", "manifest"):
            if depth == 0 or self._platform is not None:
                raise InvalidArgument(f'{d.digest} is of type "{d.media_type}": that is neither an index nor a manifest')
            await self.blob(d)
            return
        self._documents += 1
        if depth > MAX_DEPTH or self._documents > MAX_CHILDREN:
            raise InvalidArgument(f"an image with indexes {MAX_DEPTH} deep or {MAX_CHILDREN} manifests is refused")
        if d.size > MAX_MANIFEST_BYTES:
            raise InvalidArgument(f"{_kind(d)} {d.digest} has {d.size} bytes; more than {MAX_MANIFEST_BYTES} are refused")
        await self.blob(d)
        data = await read_blob(self._services.content, d.digest, MAX_MANIFEST_BYTES)
        document = parse_document(data, d.media_type)
        labels: dict[str, str] = {}
        async with together() as group:
            if isinstance(document, Index):
                wanted = [await choose(document, self._platform, self._document)] if self._platform else document.manifests
                for i, child in enumerate(document.manifests):
                    labels[f"{GC_REF_CONTENT}.m.{i}"] = child.digest
                for child in {c.digest: c for c in wanted}.values():
                    group.start_soon(self.tree, child, depth + 1)
            else:
                labels[f"{GC_REF_CONTENT}.config"] = document.config.digest
                for i, layer in enumerate(document.layers):
                    labels[f"{GC_REF_CONTENT}.l.{i}"] = layer.digest
                group.start_soon(self._config, document.config)
                for layer in {layer.digest: layer for layer in document.layers}.values():
                    group.start_soon(self.blob, layer)
        await set_labels(self._services.content, d.digest, labels)

    async def _document(self, d: Descriptor) -> bytes:
        """Fetch a document to look into it: what it is of is seen only there."""
        await self.blob(d)
        return await read_blob(self._services.content, d.digest, MAX_MANIFEST_BYTES)

    async def _config(self, d: Descriptor) -> None:
        if d.size > MAX_CONFIG_BYTES:
            raise InvalidArgument(f"config {d.digest} has {d.size} bytes; more than {MAX_CONFIG_BYTES} are refused")
        await self.blob(d)
        self._described.set()


async def pull(
    client: Client, name: str, *, plain: bool = False, credentials: Credentials | None = None, platform: Platform | None = None,
    all_platforms: bool = False, snapshotter: str = "", unpack_image: bool = True, watch: Watch = nobody,
) -> p.Image:  # fmt: skip
    """Pull an image by reference and unpack it. Raises InvalidArgument, NotFound, Unauthenticated, Unavailable, DataLoss.

    The image gets its name when all of it is there. A pull that fails or is cancelled ends everything that it started and gives
    its lease back; what it has fetched of a blob stays for the next one to go on from.
    """
    reference = Reference.parse(name)
    wanted = platform or Platform.of_host()
    async with client.lease() as services, Registry(reference, plain=plain, credentials=credentials) as registry:
        target = await registry.resolve()
        puller = _Puller(services, registry, None if all_platforms else wanted, watch)
        async with together() as group:
            if all_platforms or not unpack_image:
                # With many platforms, whose documents are there first is not known.
                await puller.run(target)
            else:
                group.start_soon(puller.run, target)
            if unpack_image:
                chosen = snapshotter or await client.default_snapshotter()
                await unpack(services, target, chosen, wanted, watch, puller.fetched)
        return await put_image(services, str(reference), to_wire(target))


# -- unpacking --


async def _exists(services: Services, snapshotter: str, key: str) -> bool:
    try:
        await services.snapshots.stat(snapshots.StatSnapshotRequest(snapshotter=snapshotter, key=key))
    except NotFound:
        return False
    return True


def layers_of(image: Resolved) -> list[str]:
    """Return the diff ids of an image's layers. Raises InvalidArgument when they are none, or not those of its manifest.

    A snapshot of nothing is refused here, and not made: what a VM's runtime makes of one is anybody's guess (CVE-2026-24054).
    """
    diff_ids, layers = image.config.rootfs.diff_ids, image.manifest.layers
    if len(diff_ids) != len(layers):
        raise InvalidArgument(f"the image has {len(layers)} layers and {len(diff_ids)} diff ids")
    if not layers:
        raise InvalidArgument("the image has no layers: there is nothing to run in it")
    return diff_ids


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


def _detached(mounts: Sequence[WireMount]) -> list[WireMount]:
    """Return a bottom layer's mounts as those of a layer in the middle, so that whiteouts stay. Raises _NeedsLower."""
    if len(mounts) != 1 or mounts[0].type != "bind" or any(o.startswith(("uidmap=", "gidmap=")) for o in mounts[0].options):
        raise _NeedsLower
    return [WireMount(type="overlay", source="overlay", options=[f"upperdir={mounts[0].source}", DETACHED])]


# -- pushing --


async def _get(services: Services, name: str) -> p.Image:
    return present((await services.images.get(p.GetImageRequest(name=name))).image, f'image "{name}"')


async def _local(services: Services, name: str) -> p.Image:
    """Return an image by its full or its short name, or by one that is no reference, which others may have given it."""
    try:
        full = str(Reference.parse(name))
    except InvalidArgument:
        return await _get(services, name)
    try:
        return await _get(services, full)
    except NotFound:
        if full == name:
            raise
        try:
            return await _get(services, name)
        except NotFound:
            pass  # what is missing is what the name stands for
        raise


async def push(
    client: Client,
    name: str,
    *,
    source: str = "",
    plain: bool = False,
    credentials: Credentials | None = None,
    watch: Watch = nobody,
) -> None:
    """Push an image to the registry its name says; source is another local image to push under that name, in any form of its name.

    Raises NotFound, InvalidArgument, and what the registry refuses with.
    """
    reference = Reference.parse(name)
    services = client.services
    image = await _local(services, source) if source else await _get(services, str(reference))
    if image.target is None:
        raise FailedPrecondition(f'image "{image.name}" names no content; pull or import it again')
    target = from_wire(image.target)
    async with Registry(reference, plain=plain, credentials=credentials) as registry:
        limit = anyio.Semaphore(PARALLEL_FETCHES)

        async def blob(d: Descriptor) -> None:
            ref = f"{_kind(d)}-{d.digest}"
            async with limit:
                if await registry.has("blobs", d.digest):
                    watch(Progress(ref, "exists", d.size, d.size))
                    return

                async def body() -> AsyncIterator[bytes]:
                    sent = 0
                    async for part in services.content.read(content.ReadContentRequest(digest=d.digest)):
                        sent += len(part.data)
                        watch(Progress(ref, "uploading", sent, d.size))
                        yield part.data

                await registry.push_blob(d.digest, d.size, body)
                watch(Progress(ref, "done", d.size, d.size))

        async def tree(d: Descriptor, name: str) -> None:
            data = await read_blob(services.content, d.digest, MAX_MANIFEST_BYTES)
            document = parse_document(data, d.media_type)
            if isinstance(document, Index):
                for child in document.manifests:
                    try:
                        await tree(child, child.digest)
                    except NotFound:
                        continue  # a platform that was never fetched
            else:
                async with together() as group:
                    for child in {c.digest: c for c in (document.config, *document.layers)}.values():
                        group.start_soon(blob, child)
            await registry.push_manifest(d.media_type, data, name)
            watch(Progress(f"{_kind(d)}-{d.digest}", "done", d.size, d.size))

        await tree(target, reference.tag or reference.digest)


# -- archives --


async def import_archive(
    client: Client,
    source: Source,
    *,
    snapshotter: str = "",
    unpack_images: bool = True,
    prefix: str = "",
    watch: Watch = nobody,
) -> list[str]:
    """Import an OCI or docker archive, or a folder that holds one's members; return the names of its images.

    A FIFO or a stream is read to its end first. The images get their names when all of it is there. Cancelling gives the lease
    back, and so all that came of it. Raises InvalidArgument, NotFound.
    """
    async with client.lease() as services, opened(source) as (archive, called, stem):
        try:
            if "index.json" in archive:
                found = await _import_oci(services, archive, prefix or stem, watch)
            elif "manifest.json" in archive:
                found = await _import_docker(services, archive, watch)
            else:
                raise InvalidArgument("it is neither an OCI nor a docker archive: it has no index.json or manifest.json")
        except InvalidArgument as error:
            raise InvalidArgument(f"{called}: {error.message}") from error
        if unpack_images:
            chosen = snapshotter or await client.default_snapshotter()
            for _, target in found:
                await unpack(services, target, chosen, watch=watch)
        for name, target in found:
            await put_image(services, name, to_wire(target))
    return [name for name, _ in found]


async def _ingest_member(services: Services, part: Part, d: Descriptor, labels: dict[str, str], watch: Watch) -> None:
    """Store a member. Raises InvalidArgument when it is not what its descriptor says."""
    ref = f"{_kind(d)}-{d.digest}"
    if part.size != d.size:
        raise InvalidArgument(f"{part.name} in the archive has {part.size} bytes, its descriptor says {d.size}")
    try:
        ingest = await open_ingest(services.content, ref, d.size, d.digest)
    except AlreadyExists:
        if labels:
            await set_labels(services.content, d.digest, labels)
        return
    try:
        await ingest.restart()
        while data := await anyio.to_thread.run_sync(part.read, CHUNK):
            await ingest.write(data)
            watch(Progress(ref, "importing", ingest.offset, d.size))
        await ingest.commit(d.size, d.digest, labels)
    except AlreadyExists:
        pass
    except (FailedPrecondition, InvalidArgument) as error:
        ingest.close()
        with cleanup():
            await services.content.abort(content.AbortRequest(ref=ref))
        if isinstance(error, InvalidArgument):
            raise
        raise InvalidArgument(f"{d.digest} in the archive holds other bytes: {error.message}") from error
    finally:
        ingest.close()
    watch(Progress(ref, "done", d.size, d.size))


def _blob_path(digest: str) -> str:
    parsed = Digest.parse(digest)
    return f"blobs/{parsed.algorithm}/{parsed.hex}"


def _document_in(archive: Archive | Folder, d: Descriptor) -> Index | Manifest:
    """Return a document whose bytes are those that its descriptor says. Raises InvalidArgument."""
    part = archive.member(_blob_path(d.digest))
    data = part.whole(MAX_MANIFEST_BYTES)
    if len(data) != d.size or Digest.of(data, Digest.parse(d.digest).algorithm) != Digest.parse(d.digest):
        raise InvalidArgument(f"{part.name} in the archive holds other bytes than {d.digest}")
    return parse_document(data, d.media_type)


async def _import_oci(
    services: Services, archive: Archive | Folder, prefix: str, watch: Watch
) -> list[tuple[str, Descriptor]]:
    index = parse_document(archive.member("index.json").whole(MAX_MANIFEST_BYTES), "")
    if not isinstance(index, Index):
        raise InvalidArgument("its index.json is no index")
    seen: set[str] = set()

    async def tree(d: Descriptor, depth: int) -> None:
        path = _blob_path(d.digest)
        if path not in archive or d.digest in seen:
            return  # a platform this archive does not carry, or one that two indexes list
        seen.add(d.digest)
        if depth > MAX_DEPTH or len(seen) > MAX_CHILDREN:
            raise InvalidArgument(f"images with indexes {MAX_DEPTH} deep or {MAX_CHILDREN} blobs are refused")
        labels: dict[str, str] = {}
        if _kind(d) in ("index", "manifest"):
            document = _document_in(archive, d)
            if isinstance(document, Index):
                children = document.manifests
                labels = {f"{GC_REF_CONTENT}.m.{i}": c.digest for i, c in enumerate(children)}
            else:
                if document.config.size > MAX_CONFIG_BYTES:
                    raise InvalidArgument(f"config {document.config.digest} is larger than {MAX_CONFIG_BYTES} bytes")
                children = [document.config, *document.layers]
                labels = {f"{GC_REF_CONTENT}.l.{i}": c.digest for i, c in enumerate(document.layers)}
                labels[f"{GC_REF_CONTENT}.config"] = document.config.digest
            for child in children:
                if not isinstance(document, Index):
                    await _is_somewhere(services, archive, child)
                await tree(child, depth + 1)
        await _ingest_member(services, archive.member(path), d, labels, watch)

    found: list[tuple[str, Descriptor]] = []
    for d in index.manifests:
        if _kind(d) not in ("index", "manifest"):
            raise InvalidArgument(f'{d.digest} is of type "{d.media_type}": that is neither an index nor a manifest')
        if _blob_path(d.digest) not in archive:
            raise InvalidArgument(f"it names {d.digest}, and does not have it")
        await tree(d, 0)
        name = d.annotations.get("io.containerd.image.name")
        tag = d.annotations.get("org.opencontainers.image.ref.name", "")
        if not name:
            name = tag if "/" in tag or ":" in tag else f"{prefix}:{tag or 'latest'}"
        found.append((str(Reference.parse(name)), Descriptor(media_type=d.media_type, digest=d.digest, size=d.size)))
    if not found:
        raise InvalidArgument("the archive's index names no image")
    return found


async def _is_somewhere(services: Services, archive: Archive | Folder, d: Descriptor) -> None:
    """Raise InvalidArgument when a config or layer is neither in an archive nor here: the image would never run.

    Layers that may not be given away stay with whoever made them.
    """
    if _blob_path(d.digest) in archive or any(word in d.media_type for word in ("nondistributable", ".foreign.")):
        return
    try:
        await services.content.info(content.InfoRequest(digest=d.digest))
    except NotFound:
        raise InvalidArgument(
            f"it names {d.digest}, and does not have it: it is cut off, or was written without it"
        ) from None


async def _import_docker(services: Services, archive: Archive | Folder, watch: Watch) -> list[tuple[str, Descriptor]]:
    found: list[tuple[str, Descriptor]] = []
    for entry in parse_docker_listing(archive.member("manifest.json").whole(MAX_MANIFEST_BYTES)):
        config = archive.member(entry.config).whole(MAX_CONFIG_BYTES)
        parse_config(config)
        config_digest = await write_blob(services.content, f"config-{Digest.of(config)}", config)
        layers: list[Descriptor] = []
        for path in entry.layers:
            digest, size, compressed = await _digest_of(archive.member(path))
            media = "application/vnd.docker.image.rootfs.diff.tar" + (".gzip" if compressed else "")
            d = Descriptor(media_type=media, digest=digest, size=size)
            await _ingest_member(services, archive.member(path), d, {}, watch)
            layers.append(d)
        document = Manifest(
            media_type="application/vnd.docker.distribution.manifest.v2+json",
            config=Descriptor(
                media_type="application/vnd.docker.container.image.v1+json", digest=config_digest, size=len(config)
            ),
            layers=layers,
        )
        body = {"schemaVersion": 2, **json.loads(document.model_dump_json(by_alias=True, exclude_defaults=True))}
        data = json.dumps(body, sort_keys=True).encode()
        labels = {f"{GC_REF_CONTENT}.l.{i}": d.digest for i, d in enumerate(layers)}
        labels[f"{GC_REF_CONTENT}.config"] = config_digest
        digest = await write_blob(services.content, f"manifest-{Digest.of(data)}", data, labels)
        target = Descriptor(media_type=document.media_type, digest=digest, size=len(data))
        found += [(str(Reference.parse(name)), target) for name in entry.repo_tags or [digest.replace(":", "-")]]
    return found


async def _digest_of(part: Part) -> tuple[str, int, bool]:
    """Return a member's digest, its size, and whether it is compressed by gzip."""
    running, size, head = hasher(), 0, b""
    while data := await anyio.to_thread.run_sync(part.read, CHUNK):
        head = head or data[:3]
        await anyio.to_thread.run_sync(running.update, data)
        size += len(data)
    return f"sha256:{running.hexdigest()}", size, head == b"\x1f\x8b\x08"


async def export_archive(client: Client, path: Path, names: Sequence[str], platform: Platform | None = None) -> None:
    """Write images as an OCI archive that docker reads too. The file appears when it is complete."""
    services = client.services
    scratch = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with tarfile.open(scratch, "w", format=tarfile.USTAR_FORMAT) as tar:
            await _export(services, tar, names, platform)
        scratch.rename(path)
    finally:
        scratch.unlink(missing_ok=True)


async def _export(services: Services, tar: tarfile.TarFile, names: Sequence[str], platform: Platform | None) -> None:
    import io
    import tempfile

    written: set[str] = set()

    def add(name: str, data: bytes) -> None:
        entry = tarfile.TarInfo(name)
        entry.size = len(data)
        tar.addfile(entry, io.BytesIO(data))

    async def blob(d: Descriptor) -> None:
        if d.digest in written:
            return
        written.add(d.digest)
        with tempfile.TemporaryFile() as spool:
            async for part in services.content.read(content.ReadContentRequest(digest=d.digest)):
                spool.write(part.data)
            entry = tarfile.TarInfo(_blob_path(d.digest))
            entry.size = spool.tell()
            spool.seek(0)
            await anyio.to_thread.run_sync(tar.addfile, entry, spool)

    manifests: list[dict[str, Any]] = []
    docker: dict[str, dict[str, Any]] = {}

    async def tree(d: Descriptor, name: str) -> None:
        document = parse_document(await read_blob(services.content, d.digest, MAX_MANIFEST_BYTES), d.media_type)
        await blob(d)
        if isinstance(document, Index):
            for child in [await choose(document, platform, _reader(services))] if platform else document.manifests:
                try:
                    await services.content.info(content.InfoRequest(digest=child.digest))
                except NotFound:
                    continue  # a platform that was never fetched; of one that was, nothing may be missing
                await tree(child, name)
            return
        for child in (document.config, *document.layers):
            await blob(child)
        entry = docker.setdefault(
            d.digest,
            {
                "Config": _blob_path(document.config.digest),
                "RepoTags": [],
                "Layers": [_blob_path(x.digest) for x in document.layers],
            },
        )
        entry["RepoTags"].append(name)

    for name in names:
        target = from_wire(present((await _get(services, name)).target, f'the target of image "{name}"'))
        await tree(target, name)
        annotations = {"io.containerd.image.name": name, "org.opencontainers.image.ref.name": name.rpartition(":")[2]}
        manifests.append(
            {"mediaType": target.media_type, "digest": target.digest, "size": target.size, "annotations": annotations}
        )
    add("oci-layout", json.dumps({"imageLayoutVersion": "1.0.0"}).encode())
    index = {"schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json", "manifests": manifests}
    add("index.json", json.dumps(index).encode())
    add("manifest.json", json.dumps(list(docker.values())).encode())
