"""Blobs through the content service: read whole, write from a stream, resume where one stopped."""

from __future__ import annotations

import os
import random
import time
from collections.abc import AsyncIterator, Mapping
from typing import TYPE_CHECKING, Any, Final

import anyio
from argosy_protos.argosy.content.v1 import IngestsStub, PlaceRequest
from argosy_protos.containerd.services.content import v1 as p
from argosy_protos.google.protobuf import FieldMask

from argosy.digest import Digest
from argosy.errors import AlreadyExists, ArgosyError, DataLoss, Unavailable
from argosy.kernel.files import full_disk
from argosy.names import MEDIA_TYPE_HEADER

if TYPE_CHECKING:
    from argosy_protos._typing import Stream

    from argosy.client.services import Services

CHUNK: Final = 1 << 20
_LOCK_WAIT_S: Final = 2.0
_STORE_WAIT_S: Final = 30.0
# How much of a file the store is told of at once.
_TELL_BYTES: Final = 8 << 20


async def read_blob(content: p.ContentStub, digest: str, limit: int = 0) -> bytes:
    """Return a blob whole, checked. Raises NotFound, DataLoss; more than limit bytes (0: any) is DataLoss too."""
    data = bytearray()
    async for part in content.read(p.ReadContentRequest(digest=digest)):
        data += part.data
        if limit and len(data) > limit:
            raise DataLoss(f"content {digest} is larger than {limit} bytes")
    parsed = Digest.parse(digest)
    if Digest.of(data, parsed.algorithm) != parsed:
        raise DataLoss(f"content {digest} holds other bytes than its digest says")
    return bytes(data)


async def blobs(content: p.ContentStub, filters: list[str] | None = None) -> AsyncIterator[p.Info]:
    """Yield the infos of a namespace's blobs."""
    async for reply in content.list(p.ListContentRequest(filters=filters or [])):
        for info in reply.info:
            yield info


async def set_labels(content: p.ContentStub, digest: str, labels: Mapping[str, str]) -> None:
    """Set labels of a blob, leaving others alone."""
    mask = FieldMask(paths=[f"labels.{k}" for k in labels])
    await content.update(p.UpdateRequest(info=p.Info(digest=digest, labels=dict(labels)), update_mask=mask))


def typed(services: Services, media_type: str) -> p.ContentStub:
    """Return the content service for writing a blob, which is told what it is: the event of a new blob says so."""
    if not media_type or not media_type.isascii() or not media_type.isprintable():
        return services.content
    return services.with_metadata({MEDIA_TYPE_HEADER: media_type}).content


class Ingest:
    """An open write stream, in lock-step. Make it with ``open_ingest``."""

    def __init__(self, stream: Stream[p.WriteContentRequest, p.WriteContentResponse], ref: str) -> None:
        self._stream, self.ref = stream, ref
        self.offset = 0

    async def _call(self, **fields: Any) -> p.WriteContentResponse:
        await self._stream.send_message(p.WriteContentRequest(ref=self.ref, **fields))
        return await self.answer()

    async def ask(self) -> None:
        """Ask where the ingest stands, and leave the answer for ``answer``."""
        await self._stream.send_message(p.WriteContentRequest(ref=self.ref, action=p.WriteAction.STAT))

    async def answer(self) -> p.WriteContentResponse:
        """Return what the store says to what was asked first. Raises Unavailable, and what it refuses with."""
        answer = await self._stream.recv_message()
        if answer is None:
            raise Unavailable(f'ingest "{self.ref}" ended early')
        self.offset = answer.offset
        return answer

    async def stat(self, total: int, expected: str) -> None:
        await self._call(action=p.WriteAction.STAT, total=total, expected=expected)

    async def write(self, data: bytes | memoryview) -> None:
        await self._call(action=p.WriteAction.WRITE, offset=self.offset, data=bytes(data))

    async def restart(self) -> None:
        """Throw away what is there."""
        if self.offset:
            await self._call(action=p.WriteAction.WRITE, offset=0)

    async def commit(self, total: int, expected: str, labels: Mapping[str, str] | None = None) -> str:
        """Raises AlreadyExists, FailedPrecondition."""
        answer = await self._call(
            action=p.WriteAction.COMMIT, offset=self.offset, total=total, expected=expected, labels=dict(labels or {})
        )
        return answer.digest

    def close(self) -> None:
        self._stream.cancel()


class PlacedIngest:
    """An open ingest whose file we write ourselves: its bytes pass no socket. Make it with ``place``.

    The store hashes what is there while more comes.
    """

    def __init__(self, ingest: Ingest, fd: int) -> None:
        self._ingest, self._fd = ingest, fd
        self.offset = ingest.offset
        self._told = self.offset
        self._asked = False

    async def write(self, data: bytes | memoryview) -> None:
        """Append. Raises ResourceExhausted when the disk is full, and what the store says of what was written before."""
        view = memoryview(data)
        try:
            while view:
                written = os.pwrite(self._fd, view, self.offset)
                self.offset += written
                view = view[written:]
        except OSError as error:
            raise full_disk(error, f'ingest "{self._ingest.ref}"') from error
        if self.offset - self._told >= _TELL_BYTES:
            # Its answer is waited for when the next comes: meanwhile more comes in.
            await self._heard()
            self._told = self.offset
            await self._ingest.ask()
            self._asked = True

    async def _heard(self) -> None:
        if self._asked:
            self._asked = False
            await self._ingest.answer()

    async def finish(self) -> None:
        """Let go of the file; then the ingest can be committed. Raises DataLoss when the store has seen other bytes."""
        self._release()
        await self._heard()
        await self._ingest.stat(0, "")
        if self._ingest.offset != self.offset:
            raise DataLoss(
                f'ingest "{self._ingest.ref}" has {self._ingest.offset} bytes, of {self.offset} that were written'
            )

    def _release(self) -> None:
        fd, self._fd = self._fd, -1
        if fd >= 0:
            os.close(fd)

    def close(self) -> None:
        """Let go of the file. An answer that is under way ends with the ingest."""
        self._release()


async def place(ingests: IngestsStub, ingest: Ingest) -> PlacedIngest | None:
    """Return an open ingest as a file of ours; None where the store is elsewhere, has no such place, or lets nobody write there.

    Cancelling leaves the ingest open.
    """
    try:
        told = await ingests.place(PlaceRequest(ref=ingest.ref))
        fd = os.open(told.path, os.O_WRONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    except (ArgosyError, OSError):
        return None
    try:
        found = os.fstat(fd)
        if (found.st_dev, found.st_ino, found.st_size) == (told.device, told.inode, ingest.offset):
            # That our stream lives now, after we have the file, says that nobody can have taken the ingest over in between.
            await ingest.stat(0, "")
            return PlacedIngest(ingest, fd)
    except BaseException:
        os.close(fd)
        raise
    os.close(fd)
    return None


async def open_ingest(content: p.ContentStub, ref: str, total: int, expected: str) -> Ingest:
    """Open an ingest, waiting while somebody else writes it. Raises AlreadyExists when the blob is there.

    A store that is not there is waited for as long as a service may take to start again; then Unavailable is raised.
    """
    wait = 0.016
    until = time.monotonic() + _STORE_WAIT_S
    while True:
        ingest = Ingest(content.write(), ref)
        try:
            await ingest.stat(total, expected)
            return ingest
        except Unavailable as error:
            ingest.close()
            # The code is the same for both; who is at work on the ref is said in containerd's words.
            if "locked" in error.message:
                until = time.monotonic() + _STORE_WAIT_S
            elif time.monotonic() > until:
                raise
            await anyio.sleep(random.uniform(0, wait))
            wait = min(wait * 2, _LOCK_WAIT_S)
        except BaseException:
            ingest.close()
            raise


async def write_blob(content: p.ContentStub, ref: str, data: bytes, labels: Mapping[str, str] | None = None) -> str:
    """Store bytes; return their digest. A blob that is there gets the labels."""
    digest = str(Digest.of(data))
    try:
        ingest = await open_ingest(content, ref, len(data), digest)
        try:
            if ingest.offset < len(data):
                await ingest.restart()
                for at in range(0, len(data), CHUNK):
                    await ingest.write(data[at : at + CHUNK])
            await ingest.commit(len(data), digest, labels)
        finally:
            ingest.close()
    except AlreadyExists:
        if labels:
            await set_labels(content, digest, labels)
    return digest
