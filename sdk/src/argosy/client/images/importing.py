"""Importing images from an archive or a folder: an OCI layout, or what docker saves."""

from __future__ import annotations

import json
import tempfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Final

import anyio.to_thread
from argosy_protos.containerd.services.content import v1 as content

from argosy.client.connection import Client
from argosy.client.content import CHUNK, open_ingest, set_labels, typed, write_blob
from argosy.client.held import hold_blob
from argosy.client.images.documents import blob_path, to_wire
from argosy.client.images.names import put_image
from argosy.client.images.naming import IMAGE_NAME, REF_NAME
from argosy.client.images.referrers import REFERRER, SUBJECT
from argosy.client.images.unpacking import unpack
from argosy.client.leftovers import abort_ingest
from argosy.client.members import Archive, Part
from argosy.client.progress import Progress, Watch, nobody
from argosy.client.services import Services
from argosy.client.sources import Folder, Source, opened
from argosy.digest import Digest, hasher
from argosy.encryption.payload import Parameters
from argosy.errors import AlreadyExists, FailedPrecondition, InvalidArgument, NotFound
from argosy.labels import GC_REF_CONTENT, UNCOMPRESSED
from argosy.oci.image import (
    MAX_CHILDREN,
    MAX_CONFIG_BYTES,
    MAX_DEPTH,
    MAX_MANIFEST_BYTES,
    Descriptor,
    Index,
    Manifest,
    kind,
    parse_config,
    parse_docker_listing,
    parse_document,
)
from argosy.oci.reference import Reference

_INDEX: Final = "application/vnd.oci.image.index.v1+json"


async def import_archive(
    client: Client,
    source: Source,
    *,
    snapshotter: str = "",
    unpack_images: bool = True,
    prefix: str = "",
    watch: Watch = nobody,
    keys: Parameters | None = None,
) -> list[str]:
    """Import an OCI or docker archive, or a folder that holds one's members; return the names of its images.

    A FIFO or a stream is read to its end first. The images get their names when all of it is there. Cancelling gives the lease
    back, and so all that came of it. keys open encrypted layers, beside those of the daemon's machine. Raises InvalidArgument, NotFound.
    """
    async with client.lease() as services, opened(source) as (archive, called, stem):
        with _said_of(called):
            if "index.json" in archive:
                found = [(_usual_name(d, prefix or stem), _bare(d)) for d in await _import_oci(services, archive, watch)]
            else:
                images = await _import_docker(services, archive, watch)
                found = [(str(Reference.parse(tag or d.digest.replace(":", "-"))), d) for tag, d in images]
        if unpack_images:
            chosen = snapshotter or await client.default_snapshotter()
            for _, target in found:
                await unpack(services, target, chosen, watch=watch, keys=keys)
        for name, target in found:
            await put_image(services, name, to_wire(target))
    return [name for name, _ in found]


async def import_images(
    services: Services, source: Source, *, compress: bool = False, index: bool = False, watch: Watch = nobody
) -> tuple[Descriptor | None, list[Descriptor]]:
    """Have what an archive holds in content, under the lease of services; return its index and its images, none of which has a name yet.

    An image is annotated with what the archive calls it. The index is stored when index is set, else None: the archive's own, byte for byte, or one
    that is made where it has none. compress: layers of a docker archive that are not compressed are, by gzip. Raises InvalidArgument.
    """
    async with opened(source) as (archive, called, _):
        with _said_of(called):
            if "index.json" in archive:
                images = await _import_oci(services, archive, watch)
                data = archive.member("index.json").whole(MAX_MANIFEST_BYTES)
                return await _put_index(services, data, images) if index else None, images
            images = []
            for tag, d in await _import_docker(services, archive, watch, compress):
                name = str(Reference.parse(tag)) if tag else ""
                images.append(replace(d, annotations={IMAGE_NAME: name, REF_NAME: name} if name else {}))
            return await _put_index(services, _index_of(images), images) if index else None, images


@contextmanager
def _said_of(called: str) -> Iterator[None]:
    """Have what is refused in the block say of which archive."""
    try:
        yield
    except InvalidArgument as error:
        raise InvalidArgument(f"{called}: {error.message}") from error


def _index_of(images: Sequence[Descriptor]) -> bytes:
    """Return an index of images, for an archive that has none."""
    listed = [{**written(d), **({"annotations": d.annotations} if d.annotations else {})} for d in images]
    return json.dumps({"schemaVersion": 2, "mediaType": _INDEX, "manifests": listed}).encode()


async def _put_index(services: Services, data: bytes, images: Sequence[Descriptor]) -> Descriptor:
    """Store an index, as its bytes are, of images that are in content."""
    labels = {f"{GC_REF_CONTENT}.m.{i}": d.digest for i, d in enumerate(images)}
    digest = await write_blob(services.content, f"index-{Digest.of(data)}", data, labels)
    return Descriptor(media_type=_INDEX, digest=digest, size=len(data))


def _usual_name(d: Descriptor, prefix: str) -> str:
    """Return what an image of an OCI archive is called here. Raises InvalidArgument."""
    name = d.annotations.get(IMAGE_NAME)
    tag = d.annotations.get(REF_NAME, "")
    if not name:
        name = tag if "/" in tag or ":" in tag else f"{prefix}:{tag or 'latest'}"
    return str(Reference.parse(name))


def _bare(d: Descriptor) -> Descriptor:
    return Descriptor(media_type=d.media_type, digest=d.digest, size=d.size)


async def _ingest_member(services: Services, part: Part, d: Descriptor, labels: dict[str, str], watch: Watch) -> None:
    """Store a member. Raises InvalidArgument when it is not what its descriptor says."""
    ref = f"{kind(d)}-{d.digest}"
    if part.size != d.size:
        raise InvalidArgument(f"{part.name} in the archive has {part.size} bytes, its descriptor says {d.size}")
    try:
        ingest = await open_ingest(typed(services, d.media_type), ref, d.size, d.digest)
    except AlreadyExists:
        if labels:
            await set_labels(services.content, d.digest, labels)
        return
    try:
        await ingest.restart()
        while data := await anyio.to_thread.run_sync(part.read, CHUNK):
            await ingest.write(data)
            watch(Progress(ref, "importing", ingest.offset, d.size, d))
        await ingest.commit(d.size, d.digest, labels)
    except AlreadyExists:
        pass
    except (FailedPrecondition, InvalidArgument) as error:
        ingest.close()
        await abort_ingest(services, ref)
        if isinstance(error, InvalidArgument):
            raise
        raise InvalidArgument(f"{d.digest} in the archive holds other bytes: {error.message}") from error
    finally:
        ingest.close()
    watch(Progress(ref, "done", d.size, d.size, d))


def _document_in(archive: Archive | Folder, d: Descriptor) -> Index | Manifest:
    """Return a document whose bytes are those that its descriptor says. Raises InvalidArgument."""
    part = archive.member(blob_path(d.digest))
    data = part.whole(MAX_MANIFEST_BYTES)
    if len(data) != d.size or Digest.of(data, Digest.parse(d.digest).algorithm) != Digest.parse(d.digest):
        raise InvalidArgument(f"{part.name} in the archive holds other bytes than {d.digest}")
    return parse_document(data, d.media_type)


async def _import_oci(services: Services, archive: Archive | Folder, watch: Watch) -> list[Descriptor]:
    """Store an OCI layout's blobs; return what its index lists. Raises InvalidArgument."""
    index = parse_document(archive.member("index.json").whole(MAX_MANIFEST_BYTES), "")
    if not isinstance(index, Index):
        raise InvalidArgument("its index.json is no index")
    seen: set[str] = set()
    refer: dict[str, list[str]] = {}
    """By digest: what refers to a manifest. None of that is an image of its own."""
    for d in index.manifests:
        if subject := d.annotations.get(SUBJECT):
            refer.setdefault(subject, []).append(d.digest)
    images = [d for d in index.manifests if SUBJECT not in d.annotations]

    async def tree(d: Descriptor, depth: int) -> None:
        path = blob_path(d.digest)
        if path not in archive or d.digest in seen:
            return  # a platform this archive does not carry, or one that two indexes list
        seen.add(d.digest)
        if depth > MAX_DEPTH or len(seen) > MAX_CHILDREN:
            raise InvalidArgument(f"images with indexes {MAX_DEPTH} deep or {MAX_CHILDREN} blobs are refused")
        labels: dict[str, str] = {}
        if kind(d) in ("index", "manifest"):
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
            labels |= {f"{REFERRER}{i}": digest for i, digest in enumerate(refer.get(d.digest, ()))}
        await _ingest_member(services, archive.member(path), d, labels, watch)

    for d in index.manifests:
        if kind(d) not in ("index", "manifest"):
            raise InvalidArgument(f'{d.digest} is of type "{d.media_type}": that is neither an index nor a manifest')
        if blob_path(d.digest) not in archive:
            raise InvalidArgument(f"it names {d.digest}, and does not have it")
        await tree(d, 0)
    if not images:
        raise InvalidArgument("the archive's index names no image")
    return images


async def _is_somewhere(services: Services, archive: Archive | Folder, d: Descriptor) -> None:
    """Raise InvalidArgument when a config or layer is neither in an archive nor here: the image would never run.

    Layers that may not be given away stay with whoever made them.
    """
    if blob_path(d.digest) in archive or any(word in d.media_type for word in ("nondistributable", ".foreign.")):
        return
    await hold_blob(services, d.digest)
    try:
        await services.content.info(content.InfoRequest(digest=d.digest))
    except NotFound:
        raise InvalidArgument(
            f"it names {d.digest}, and does not have it: it is cut off, or was written without it"
        ) from None


async def _import_docker(
    services: Services, archive: Archive | Folder, watch: Watch, compress: bool = False
) -> list[tuple[str, Descriptor]]:
    """Store what docker saved; return each image under each of its tags, "" for one without. Raises InvalidArgument."""
    if "manifest.json" not in archive:
        raise InvalidArgument("it is neither an OCI nor a docker archive: it has no index.json or manifest.json")
    found: list[tuple[str, Descriptor]] = []
    known: dict[str, Descriptor] = {}
    """By member: images share their layers, and each is read once."""
    for entry in parse_docker_listing(archive.member("manifest.json").whole(MAX_MANIFEST_BYTES)):
        config = archive.member(entry.config).whole(MAX_CONFIG_BYTES)
        parse_config(config)
        config_digest = await write_blob(services.content, f"config-{Digest.of(config)}", config)
        layers: list[Descriptor] = []
        for path in entry.layers:
            if path not in known:
                known[path] = await _docker_layer(services, archive, path, watch, compress)
            layers.append(known[path])
        document = Manifest(
            media_type="application/vnd.docker.distribution.manifest.v2+json",
            config=Descriptor(
                media_type="application/vnd.docker.container.image.v1+json", digest=config_digest, size=len(config)
            ),
            layers=layers,
        )
        body = {
            "schemaVersion": 2,
            "mediaType": document.media_type,
            "config": written(document.config),
            "layers": [written(layer) for layer in layers],
        }
        data = json.dumps(body, sort_keys=True).encode()
        labels = {f"{GC_REF_CONTENT}.l.{i}": d.digest for i, d in enumerate(layers)}
        labels[f"{GC_REF_CONTENT}.config"] = config_digest
        digest = await write_blob(services.content, f"manifest-{Digest.of(data)}", data, labels)
        target = Descriptor(media_type=document.media_type, digest=digest, size=len(data))
        found += [(name, target) for name in entry.repo_tags or [""]]
    return found


async def _docker_layer(
    services: Services, archive: Archive | Folder, path: str, watch: Watch, compress: bool
) -> Descriptor:
    """Store a layer of a docker archive, by gzip where compress is set and it is not compressed."""
    digest, size, compressed = await digest_of(archive.member(path))
    if compress and not compressed:
        return await _compressed(services, archive.member(path), digest, watch)
    media = "application/vnd.docker.image.rootfs.diff.tar" + (".gzip" if compressed else "")
    d = Descriptor(media_type=media, digest=digest, size=size)
    await _ingest_member(services, archive.member(path), d, {}, watch)
    return d


async def _compressed(services: Services, part: Part, diff_id: str, watch: Watch) -> Descriptor:
    """Store a layer of a docker archive by gzip. The same layer makes the same blob."""
    deflater = zlib.compressobj(wbits=31)
    with tempfile.TemporaryFile() as file:
        running = hasher()

        def put(data: bytes) -> None:
            running.update(data)
            file.write(data)

        while data := await anyio.to_thread.run_sync(part.read, CHUNK):
            put(await anyio.to_thread.run_sync(deflater.compress, data))
        put(deflater.flush())
        size = file.tell()
        d = Descriptor(
            media_type="application/vnd.docker.image.rootfs.diff.tar.gzip", digest=f"sha256:{running.hexdigest()}", size=size
        )
        await _ingest_member(services, Part(file, part.name, 0, size), d, {UNCOMPRESSED: diff_id}, watch)
    return d


def written(d: Descriptor) -> dict[str, object]:
    return {"mediaType": d.media_type, "digest": d.digest, "size": d.size}


async def digest_of(part: Part) -> tuple[str, int, bool]:
    """Return a member's digest, its size, and whether it is compressed by gzip."""
    running, size, head = hasher(), 0, b""
    while data := await anyio.to_thread.run_sync(part.read, CHUNK):
        head = head or data[:3]
        await anyio.to_thread.run_sync(running.update, data)
        size += len(data)
    return f"sha256:{running.hexdigest()}", size, head == b"\x1f\x8b\x08"
