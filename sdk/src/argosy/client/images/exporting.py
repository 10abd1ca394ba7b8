"""Exporting images as an archive: an OCI layout that docker reads, too."""

from __future__ import annotations

import errno
import io
import json
import os
import tarfile
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Any

import anyio.to_thread
from argosy_protos.containerd.services.content import v1 as content

from argosy.client.connection import Client
from argosy.client.content import read_blob
from argosy.client.images.documents import blob_path, from_wire, reader
from argosy.client.images.names import get_image
from argosy.client.services import Services, present
from argosy.errors import NotFound
from argosy.oci.image import MAX_MANIFEST_BYTES, Descriptor, Index, Platform, parse_document
from argosy.oci.platforms import choose


async def export_archive(client: Client, path: Path, names: Sequence[str], platform: Platform | None = None) -> None:
    """Write images as an OCI archive that docker reads too. The file appears when it is complete. Raises OSError."""
    services = client.services
    if not path.parent.is_dir():
        raise FileNotFoundError(errno.ENOENT, "there is no such directory; make it first", str(path.parent))
    scratch = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with tarfile.open(scratch, "w", format=tarfile.USTAR_FORMAT) as tar:
            await _export(services, tar, names, platform)
        scratch.rename(path)
    finally:
        scratch.unlink(missing_ok=True)


async def export_stream(client: Client, stream: IO[bytes], names: Sequence[str], platform: Platform | None = None) -> None:
    """Write the same archive to a stream, which need not be seekable. Writing to it may block us."""
    with tarfile.open(fileobj=stream, mode="w|", format=tarfile.USTAR_FORMAT) as tar:
        await _export(client.services, tar, names, platform)


async def _export(services: Services, tar: tarfile.TarFile, names: Sequence[str], platform: Platform | None) -> None:
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
            entry = tarfile.TarInfo(blob_path(d.digest))
            entry.size = spool.tell()
            spool.seek(0)
            await anyio.to_thread.run_sync(tar.addfile, entry, spool)

    manifests: list[dict[str, Any]] = []
    docker: dict[str, dict[str, Any]] = {}

    async def tree(d: Descriptor, name: str) -> None:
        document = parse_document(await read_blob(services.content, d.digest, MAX_MANIFEST_BYTES), d.media_type)
        await blob(d)
        if isinstance(document, Index):
            for child in [await choose(document, platform, reader(services))] if platform else document.manifests:
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
                "Config": blob_path(document.config.digest),
                "RepoTags": [],
                "Layers": [blob_path(x.digest) for x in document.layers],
            },
        )
        entry["RepoTags"].append(name)

    for name in names:
        target = from_wire(present((await get_image(services, name)).target, f'the target of image "{name}"'))
        await tree(target, name)
        annotations = {"io.containerd.image.name": name, "org.opencontainers.image.ref.name": name.rpartition(":")[2]}
        manifests.append(
            {"mediaType": target.media_type, "digest": target.digest, "size": target.size, "annotations": annotations}
        )
    add("oci-layout", json.dumps({"imageLayoutVersion": "1.0.0"}).encode())
    index = {"schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json", "manifests": manifests}
    add("index.json", json.dumps(index).encode())
    add("manifest.json", json.dumps(list(docker.values())).encode())
