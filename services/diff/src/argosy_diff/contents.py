"""Where a differ's blobs come from and go to: the content service of its owner, by path where one is exported."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import IO, Any, Final

from argosy.digest import Digest
from argosy.errors import AlreadyExists, ArgosyError, NotFound
from argosy.plugin.content.blobfile import open_blob
from argosy.rpc.channel import Channel
from argosy.rpc.context import current
from argosy_protos.containerd.services.content import v1 as p
from argosy_protos.containerd.services.introspection.v1 import IntrospectionStub, PluginsRequest
from argosy_protos.google.protobuf import FieldMask
from grpclib.const import Cardinality

_CHUNK: Final = 1 << 20


class Contents:
    """Blobs as the caller of the current call may see them."""

    def __init__(self, channel: Channel, scratch: Path) -> None:
        self._channel = channel
        self._scratch = scratch
        self._root: Path | None = None
        self._asked = False

    def _caller(self) -> Any:
        return self._channel.with_metadata(dict(reversed(current().forwarded())))

    async def _exported_root(self) -> Path | None:
        if not self._asked:
            try:
                reply = await IntrospectionStub(self._channel).plugins(
                    PluginsRequest(filters=["type==io.containerd.content.v1"]), timeout=10.0
                )
            except ArgosyError:
                return None
            for plugin in reply.plugins:
                root = plugin.exports.get("root")
                if root and Path(root, "blobs").is_dir():
                    self._root = Path(root)
            self._asked = True
        return self._root

    async def open(self, digest: str) -> IO[bytes]:
        """Return a blob to read from. Raises NotFound, InvalidArgument."""
        parsed = Digest.parse(digest)
        stub = p.ContentStub(self._caller())
        # The owner decides who may see it; the path only saves the copy.
        await stub.info(p.InfoRequest(digest=digest))
        root = await self._exported_root()
        if root is not None:
            try:
                return open(open_blob(root, parsed), "rb", buffering=0)
            except NotFound:
                pass  # it lives elsewhere; ask for its bytes
        spool = tempfile.TemporaryFile(dir=self._scratch)
        try:
            async for part in stub.read(p.ReadContentRequest(digest=digest)):
                spool.write(part.data)
            spool.seek(0)
        except BaseException:
            spool.close()
            raise
        return spool

    async def put(self, ref: str, data: IO[bytes], size: int, digest: str, labels: dict[str, str]) -> None:
        """Store a blob under digest; an existing one gets the labels. Raises the owner's errors."""
        stub = p.ContentStub(self._caller())
        stream = self._caller().request(
            "/containerd.services.content.v1.Content/Write",
            Cardinality.STREAM_STREAM,
            p.WriteContentRequest,
            p.WriteContentResponse,
        )
        try:
            async with stream:
                await stream.send_message(p.WriteContentRequest(action=p.WriteAction.STAT, ref=ref))
                answer = await stream.recv_message()
                if answer is None:
                    raise NotFound(f'the content service ended ingest "{ref}" at once')
                offset, first = 0, True
                data.seek(0)
                while (chunk := data.read(_CHUNK)) or (first and answer.offset):
                    # Offset 0 starts an ingest of the same ref again.
                    await stream.send_message(
                        p.WriteContentRequest(action=p.WriteAction.WRITE, ref=ref, offset=offset, data=chunk)
                    )
                    await stream.recv_message()
                    offset += len(chunk)
                    first = False
                await stream.send_message(
                    p.WriteContentRequest(
                        action=p.WriteAction.COMMIT, ref=ref, offset=offset, total=size, expected=digest, labels=labels
                    )
                )
                await stream.recv_message()
        except AlreadyExists:
            paths = [f"labels.{k}" for k in labels]
            if paths:
                info = p.Info(digest=digest, labels=labels)
                await stub.update(p.UpdateRequest(info=info, update_mask=FieldMask(paths=paths)))


def scratch_file(directory: Path) -> IO[bytes]:
    """Return an unnamed file that goes when it is closed, or when we die."""
    fd = os.open(directory, os.O_TMPFILE | os.O_RDWR | os.O_CLOEXEC, 0o600)
    return os.fdopen(fd, "w+b")
