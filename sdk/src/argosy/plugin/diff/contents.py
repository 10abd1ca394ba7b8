"""The blobs that a differ reads and writes: in the content service of its owner, by path where one is exported."""

from __future__ import annotations

import errno
import hashlib
import os
from pathlib import Path
from typing import IO, Any, Final

import anyio
from argosy_protos.argosy.content.v1 import IngestsStub, PlaceRequest
from argosy_protos.containerd.services.content import v1 as p
from argosy_protos.containerd.services.introspection.v1 import IntrospectionStub, PluginsRequest
from argosy_protos.google.protobuf import FieldMask
from grpclib.const import Cardinality

from argosy.digest import Digest
from argosy.errors import AlreadyExists, ArgosyError, DataLoss, InvalidArgument, NotFound, Unavailable
from argosy.kernel.files import full_disk
from argosy.kernel.path import open_regular_at
from argosy.plugin.content.blobfile import blob_path
from argosy.rpc.channel import Channel
from argosy.rpc.context import current
from argosy.settled import given_back

_CHUNK: Final = 1 << 20
_ABORT_S: Final = 5.0


class Contents:
    """Blobs as the caller of the current call may see them."""

    def __init__(self, channel: Channel, scratch: Path) -> None:
        self._channel = channel
        self._scratch = scratch
        self._root: Path | None = None
        self._asked = False

    @property
    def channel(self) -> Any:
        """The owner's channel, with the namespace and the lease of the current call."""
        return self._caller()

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

    async def open(self, digest: str, size: int) -> IO[bytes]:
        """Return a blob to read from, which has size bytes (0: whatever its owner says).

        Raises NotFound, InvalidArgument when size is not the blob's, DataLoss when its owner delivers something else.
        """
        parsed = Digest.parse(digest)
        stub = p.ContentStub(self._caller())
        # The owner decides who may see it; the path only saves the copy.
        answer = await stub.info(p.InfoRequest(digest=digest))
        stored = answer.info.size if answer.info is not None else 0
        if size and size != stored:
            raise InvalidArgument(
                f"layer {digest}: its descriptor says {size} bytes, and the blob has {stored}: the image's manifest is wrong"
            )
        root = await self._exported_root()
        if root is not None:
            try:
                return _checked(_open_regular(blob_path(root, parsed)), digest, stored)
            except NotFound:
                pass  # it lives elsewhere; ask for its bytes
        return await self._spooled(stub, parsed, stored)

    async def open_ingest(self, ref: str) -> IO[bytes] | None:
        """Return the file of an ingest that the caller of the current call has open; None where its owner has none to show."""
        try:
            told = await IngestsStub(self._caller()).place(PlaceRequest(ref=ref))
            file = _open_regular(Path(told.path))
        except (ArgosyError, OSError):
            return None
        found = os.fstat(file.fileno())
        if (found.st_dev, found.st_ino) != (told.device, told.inode):
            file.close()
            return None
        return file

    async def _spooled(self, stub: p.ContentStub, digest: Digest, size: int) -> IO[bytes]:
        """Copy a blob here, and not one byte more than it has."""
        spool = scratch_file(self._scratch)
        hashed, got = hashlib.new(digest.algorithm), 0
        try:
            async for part in stub.read(p.ReadContentRequest(digest=str(digest))):
                got += len(part.data)
                if got > size:
                    break
                hashed.update(part.data)
                spool.write(part.data)
            if got != size:
                what = "more" if got > size else f"only {got}"
                raise DataLoss(f"layer {digest}: the content service says {size} bytes and delivers {what}")
            if hashed.hexdigest() != digest.hex:
                raise DataLoss(f"layer {digest}: the content service delivers other bytes than these; fetch it again")
            spool.seek(0)
        except OSError as error:
            spool.close()
            raise full_disk(error, f"layer {digest}") from error
        except BaseException:
            spool.close()
            raise
        return spool

    async def put(self, ref: str, data: IO[bytes], size: int, digest: str, labels: dict[str, str]) -> None:
        """Store a blob under digest; an existing one gets the labels. Raises the owner's errors.

        A failure and a cancellation leave no ingest that was not there before.
        """
        stub = p.ContentStub(self._caller())
        stream = self._caller().request(
            "/containerd.services.content.v1.Content/Write",
            Cardinality.STREAM_STREAM,
            p.WriteContentRequest,
            p.WriteContentResponse,
        )
        ours = False
        try:
            async with stream:

                async def ask(request: p.WriteContentRequest) -> p.WriteContentResponse:
                    await stream.send_message(request)
                    answer: p.WriteContentResponse | None = await stream.recv_message()
                    if answer is None:
                        raise Unavailable(f'the content service ended ingest "{ref}" before its commit; try again')
                    return answer

                begun = await ask(p.WriteContentRequest(action=p.WriteAction.STAT, ref=ref))
                ours = not begun.offset
                offset, first = 0, True
                data.seek(0)
                while (chunk := data.read(_CHUNK)) or (first and begun.offset):
                    # Offset 0 starts an ingest of the same ref again.
                    await ask(p.WriteContentRequest(action=p.WriteAction.WRITE, ref=ref, offset=offset, data=chunk))
                    offset += len(chunk)
                    first = False
                await ask(
                    p.WriteContentRequest(
                        action=p.WriteAction.COMMIT, ref=ref, offset=offset, total=size, expected=digest, labels=labels
                    )
                )
        except AlreadyExists:
            paths = [f"labels.{k}" for k in labels]
            if paths:
                info = p.Info(digest=digest, labels=labels)
                await stub.update(p.UpdateRequest(info=info, update_mask=FieldMask(paths=paths)))
        except BaseException:
            if ours:
                await given_back(self._abort(stub, ref), _ABORT_S)
            raise

    @staticmethod
    async def _abort(stub: p.ContentStub, ref: str) -> None:
        while True:
            try:
                await stub.abort(p.AbortRequest(ref=ref))
            except Unavailable:
                await anyio.sleep(0.05)  # the end of our own stream has not arrived there yet
            except ArgosyError:
                return  # it is gone already, or goes with its lease
            else:
                return


def _open_regular(path: Path) -> IO[bytes]:
    """Return a reader of a file. Raises NotFound, DataLoss for anything but a regular file, which is not opened."""
    try:
        directory = os.open(path.parent, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    except FileNotFoundError:
        raise NotFound(f"content digest {path.name}") from None
    try:
        return open(open_regular_at(directory, path.name), "rb", buffering=0)
    except FileNotFoundError:
        raise NotFound(f"content digest {path.name}") from None
    except OSError as error:
        if error.errno != errno.EINVAL:
            raise
        raise DataLoss(f"{path} is no file; the content service's store is damaged") from error
    finally:
        os.close(directory)


def _checked(blob: IO[bytes], digest: str, size: int) -> IO[bytes]:
    found = os.fstat(blob.fileno()).st_size
    if found != size:
        blob.close()
        raise DataLoss(f"layer {digest}: the content service says {size} bytes, and its file has {found}; fetch it again")
    return blob


def scratch_file(directory: Path) -> IO[bytes]:
    """Return an unnamed file that goes when it is closed, or when we die."""
    fd = os.open(directory, os.O_TMPFILE | os.O_RDWR | os.O_CLOEXEC, 0o600)
    return os.fdopen(fd, "w+b")
