"""CRIU images between the disk and the content store, in pieces: an image is as large as the memory of its container.

<root>/checkpoints/.new/         images that are being written, or read
<root>/checkpoints/<ns>/<id>/    what a task is restored from; it goes with the task
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import shutil
import tarfile
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Final

from argosy.digest import Digest, hasher
from argosy.errors import AlreadyExists, FailedPrecondition, InvalidArgument
from argosy.kernel.files import full_disk
from argosy.rpc.channel import BoundChannel
from argosy_protos.containerd.services.content import v1 as content
from argosy_protos.containerd.types import Descriptor
from grpclib.const import Cardinality

_CHUNK: Final = 1 << 20
# No namespace begins with a dot.
_NEW: Final = ".new"


class Checkpoints:
    """The directory of images."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def open(self, known: Callable[[str, str], bool]) -> None:
        """Make the directory; remove what a crash has left in it: all but what known (namespace, id) says has a task. Blocks."""
        self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        for namespace in [path for path in self._directory.iterdir() if path.is_dir()]:
            for path in list(namespace.iterdir()):
                if namespace.name == _NEW or not known(namespace.name, path.name):
                    shutil.rmtree(path, ignore_errors=True)
        (self._directory / _NEW).mkdir(mode=0o700, exist_ok=True)

    @contextmanager
    def scratch(self) -> Iterator[Path]:
        """Yield a directory to write an image to; it goes with the block."""
        with tempfile.TemporaryDirectory(dir=self._directory / _NEW) as path:
            yield Path(path)

    def _of(self, namespace: str, id: str) -> Path:
        return self._directory / namespace / id

    async def forget(self, namespace: str, id: str) -> None:
        """The task that was restored has gone."""
        path = self._of(namespace, id)
        if path.exists():
            await asyncio.to_thread(shutil.rmtree, path, ignore_errors=True)

    async def fetch(self, channel: BoundChannel, digest: str, namespace: str, id: str) -> str:
        """Unpack an image from the content store, for a task to be restored from.

        Raises NotFound, InvalidArgument, ResourceExhausted, FailedPrecondition for bytes of another digest.
        """
        wanted = Digest.parse(digest)
        hashed = hasher(wanted.algorithm)
        with self.scratch() as scratch, (scratch / "image.tar").open("w+b") as file:
            async for part in content.ContentStub(channel).read(content.ReadContentRequest(digest=digest)):
                hashed.update(part.data)
                await asyncio.to_thread(_append, file, part.data)
            if hashed.hexdigest() != wanted.hex:
                raise FailedPrecondition(f"checkpoint {digest}: its bytes have another digest; the content store is damaged")
            file.seek(0)
            unpacked = scratch / "image"
            unpacked.mkdir(mode=0o700)
            await asyncio.to_thread(unpack, file, unpacked)
            target = self._of(namespace, id)
            await self.forget(namespace, id)
            target.parent.mkdir(mode=0o700, exist_ok=True)
            unpacked.rename(target)
            return str(target)

    async def put(self, channel: BoundChannel, media_type: str, image: Path, ref: str) -> Descriptor:
        """Store a directory as a tar. Raises ResourceExhausted, and what the content store says."""
        with self.scratch() as scratch, (scratch / "image.tar").open("w+b") as file:
            digest, size = await asyncio.to_thread(pack, image, file)
            file.seek(0)

            async def parts() -> AsyncIterator[bytes]:
                while part := await asyncio.to_thread(file.read, _CHUNK):
                    yield part

            await _write(channel, ref, digest, size, parts())
        return Descriptor(media_type=media_type, digest=digest, size=size)


async def put_bytes(channel: BoundChannel, media_type: str, data: bytes, ref: str) -> Descriptor:
    """Store a few bytes."""

    async def parts() -> AsyncIterator[bytes]:
        yield data

    digest = f"sha256:{hashlib.sha256(data).hexdigest()}"
    await _write(channel, ref, digest, len(data), parts())
    return Descriptor(media_type=media_type, digest=digest, size=len(data))


async def _write(channel: BoundChannel, ref: str, digest: str, size: int, parts: AsyncIterator[bytes]) -> None:
    stream = channel.request(
        "/containerd.services.content.v1.Content/Write",
        Cardinality.STREAM_STREAM,
        content.WriteContentRequest,
        content.WriteContentResponse,
    )
    offset = 0
    try:
        async with stream:
            async for part in parts:
                await stream.send_message(
                    content.WriteContentRequest(
                        action=content.WriteAction.WRITE, ref=ref, total=size, offset=offset, data=part
                    )
                )
                await stream.recv_message()
                offset += len(part)
            await stream.send_message(
                content.WriteContentRequest(
                    action=content.WriteAction.COMMIT, ref=ref, total=size, offset=offset, expected=digest
                )
            )
            await stream.recv_message()
    except AlreadyExists:
        pass  # the same bytes are there


def _append(file: BinaryIO, data: bytes) -> None:
    try:
        file.write(data)
    except OSError as error:
        raise full_disk(error, "a checkpoint") from error


def pack(directory: Path, file: BinaryIO) -> tuple[str, int]:
    """Write a directory as a tar; return its digest and size. Blocks. Raises ResourceExhausted."""
    try:
        with tarfile.open(fileobj=file, mode="w:", format=tarfile.PAX_FORMAT) as tar:
            for path in sorted(directory.rglob("*")):
                tar.add(path, str(path.relative_to(directory)), recursive=False)
        file.flush()
    except OSError as error:
        raise full_disk(error, "a checkpoint") from error
    file.seek(0)
    hashed, size = hashlib.sha256(), 0
    while part := file.read(_CHUNK):
        hashed.update(part)
        size += len(part)
    return f"sha256:{hashed.hexdigest()}", size


def unpack(file: BinaryIO, target: Path) -> None:
    """Unpack a CRIU image: plain files at the top, nothing else. Blocks. Raises InvalidArgument, ResourceExhausted."""
    try:
        with tarfile.open(fileobj=file, mode="r:") as tar:
            for entry in tar:
                name = entry.name.removeprefix("./")
                if entry.isdir() and name in ("", "."):
                    continue
                if not entry.isreg() or entry.sparse is not None or "/" in name or name in ("", ".", ".."):
                    raise InvalidArgument(f'checkpoint image holds "{entry.name}", which is not a plain file at its top')
                reader = tar.extractfile(entry)
                assert reader is not None
                fd = os.open(target / name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
                with os.fdopen(fd, "wb") as out:
                    shutil.copyfileobj(reader, out, _CHUNK)
    except (tarfile.TarError, FileExistsError, ValueError) as error:
        raise InvalidArgument(f"the checkpoint image is no tar of plain files: {error}") from error
    except OSError as error:
        raise full_disk(error, "a checkpoint") from error
