"""One blob of the content store, as bytes: a source, and a sink."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from uuid import uuid4

from argosy_protos.containerd.services.content import v1 as content

from argosy.client.connection import Client
from argosy.client.content import CHUNK, open_ingest, set_labels
from argosy.client.leftovers import abort_ingest
from argosy.client.progress import Progress
from argosy.client.services import Services
from argosy.client.transfers.ends import ByteSink, ByteSource, Wish
from argosy.digest import Digest, hasher
from argosy.errors import AlreadyExists, DataLoss
from argosy.oci.image import Descriptor
from argosy.oci.passing import checked, generated


class Blob(ByteSource):
    """A blob by its digest; its bytes are checked on their way."""

    def __init__(self, services: Services, digest: str) -> None:
        """Raises InvalidArgument."""
        self._services, self.digest = services, str(Digest.parse(digest))
        self.called = f"blob {self.digest}"

    async def read(self) -> AsyncGenerator[bytes, None]:
        info = (await self._services.content.info(content.InfoRequest(digest=self.digest))).info
        d = Descriptor(digest=self.digest, size=info.size if info is not None else 0)
        async for piece in checked(d, self._parts()):
            yield piece

    async def _parts(self) -> AsyncGenerator[bytes, None]:
        async for part in self._services.content.read(content.ReadContentRequest(digest=self.digest)):
            yield part.data


class NewBlob(ByteSink):
    """A blob that is to be, with labels that keep it: one without any goes with the next collection unless the caller has a lease."""

    def __init__(self, client: Client, digest: str = "", labels: Mapping[str, str] | None = None) -> None:
        """digest is what the bytes must be; by default whatever they are. Raises InvalidArgument."""
        self._client, self.labels = client, dict(labels or {})
        self.digest = str(Digest.parse(digest)) if digest else ""
        self.called = f"blob {self.digest}" if self.digest else "a blob"

    async def take_bytes(self, pieces: AsyncIterator[bytes], wish: Wish) -> None:
        """Raises DataLoss for other bytes than the digest says; nothing is kept of them. ``digest`` is what they are."""
        ref = f"transfer-{uuid4().hex}"
        running = hasher(Digest.parse(self.digest).algorithm if self.digest else "sha256")
        async with self._client.lease() as services:
            ingest = await open_ingest(services.content, ref, 0, "")
            try:
                async for piece in generated(pieces):
                    for at in range(0, len(piece), CHUNK):
                        part = piece[at : at + CHUNK]
                        running.update(part)
                        await ingest.write(part)
                        wish.watch(Progress(ref, "importing", ingest.offset))
                found = f"{self.digest.partition(':')[0] or 'sha256'}:{running.hexdigest()}"
                if self.digest and found != self.digest:
                    raise DataLoss(f"the bytes are {found}, and {self.digest} is wanted")
                try:
                    await ingest.commit(ingest.offset, found, self.labels)
                except AlreadyExists:
                    if self.labels:
                        await set_labels(services.content, found, self.labels)
                self.digest = found
                wish.watch(Progress(ref, "done", ingest.offset, ingest.offset))
            except BaseException:
                ingest.close()
                await abort_ingest(services, ref)
                raise
            finally:
                ingest.close()
