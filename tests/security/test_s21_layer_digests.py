"""S21, layers: size and digest of a blob are looked at before it is used, and its diff id after it was inflated."""

from __future__ import annotations

import gzip
import hashlib
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from pathlib import Path

import anyio
import pytest
from argosy.errors import ArgosyError, DataLoss, InvalidArgument, NotFound, Unavailable
from argosy.plugin.diff import DiffServicer
from argosy.plugin.diff.contents import Contents
from argosy.rpc import Channel
from argosy.rpc.server import Server
from argosy.unpack.limits import Limits
from argosy_diff.differ import WalkingDiffer
from argosy_diff.forker import Setup
from argosy_diff.registered import Registered
from argosy_diff.workers import Workers
from argosy_protos.containerd.services.content import v1 as c
from argosy_protos.containerd.services.diff.v1 import ApplyRequest, DiffRequest, DiffStub
from argosy_protos.containerd.services.introspection.v1 import IntrospectionBase, Plugin, PluginsRequest, PluginsResponse
from argosy_protos.containerd.types import Descriptor, Mount
from argosy_protos.google.protobuf import Empty

from tests.harness.bombs import MIB, archive

pytestmark = pytest.mark.root

BLOB = gzip.compress(archive(("hello", os.urandom(3 * MIB))), 1)
DIGEST = "sha256:" + hashlib.sha256(BLOB).hexdigest()
GZIP = "application/vnd.oci.image.layer.v1.tar+gzip"


class Store(c.ContentBase):
    """A content service that keeps its word as far as a test wants it to."""

    def __init__(self, parts: Sequence[bytes] = (), endless: bool = False) -> None:
        self.parts, self.endless = parts, endless
        self.sent = 0
        self.writes: list[c.WriteContentRequest] = []
        self.aborted: list[str] = []
        self.hangs = self.ends = False

    async def info(self, request: c.InfoRequest) -> c.InfoResponse:
        return c.InfoResponse(info=c.Info(digest=request.digest, size=len(BLOB)))

    async def read(self, request: c.ReadContentRequest) -> AsyncIterator[c.ReadContentResponse]:
        for part in self.parts:
            self.sent += len(part)
            yield c.ReadContentResponse(data=part)
        while self.endless:
            self.sent += MIB
            yield c.ReadContentResponse(data=bytes(MIB))

    async def write(self, requests: AsyncIterator[c.WriteContentRequest]) -> AsyncIterator[c.WriteContentResponse]:
        async for request in requests:
            self.writes.append(request)
            if self.hangs and request.data:
                await anyio.sleep_forever()
            if self.ends and request.data:
                return
            yield c.WriteContentResponse(action=request.action)

    async def abort(self, request: c.AbortRequest) -> Empty:
        self.aborted.append(request.ref)
        return Empty()


class Exporting(IntrospectionBase):
    """Says that the store's files are below root."""

    def __init__(self, root: Path | None) -> None:
        self._root = root

    async def plugins(self, request: PluginsRequest) -> PluginsResponse:
        exports = {} if self._root is None else {"root": str(self._root)}
        return PluginsResponse(plugins=[Plugin(type="io.containerd.content.v1", id="content", exports=exports)])


def with_differ(base: Path, store: Store, work: Callable[[DiffStub], Awaitable[None]], root: Path | None = None) -> None:
    async def main() -> None:
        scratch = base / "scratch"
        scratch.mkdir()
        workers = Workers(Setup(Limits(), scratch), 1)
        content, differ = Server([store, Exporting(root)]), Server()
        await content.listen_unix(base / "c")
        async with Channel(base / "c") as channel, Channel(base / "d") as asks:
            differ.add(DiffServicer(WalkingDiffer(Contents(channel, scratch), scratch, workers, Registered(channel, {}))))
            await differ.listen_unix(base / "d")
            try:
                with anyio.fail_after(30):
                    await work(DiffStub(asks.with_metadata({"containerd-namespace": "x"})))
            finally:
                await differ.close(1)
                await content.close(1)
                workers.close()
        assert list(scratch.iterdir()) == []

    anyio.run(main)


def request(tmp_path: Path, size: int = len(BLOB)) -> ApplyRequest:
    (tmp_path / "root").mkdir(exist_ok=True)
    mount = Mount(type="bind", source=str(tmp_path / "root"), options=["rbind", "rw"])
    return ApplyRequest(diff=Descriptor(media_type=GZIP, digest=DIGEST, size=size), mounts=[mount])


def halves(data: bytes) -> list[bytes]:
    return [data[: len(data) // 2], data[len(data) // 2 :]]


@pytest.mark.parametrize(
    ("store", "size", "error", "words"),
    [
        (
            Store(halves(BLOB)),
            len(BLOB) + 1,
            InvalidArgument,
            f"descriptor says {len(BLOB) + 1} bytes.*blob has {len(BLOB)}",
        ),
        (Store(halves(BLOB)), len(BLOB) - 1, InvalidArgument, "the image's manifest is wrong"),
        (Store([*halves(BLOB), b"x"]), len(BLOB), DataLoss, f"says {len(BLOB)} bytes and delivers more"),
        (Store(halves(BLOB)[:1]), len(BLOB), DataLoss, f"delivers only {len(BLOB) // 2}"),
        (Store([BLOB[:-1] + b"?"]), len(BLOB), DataLoss, "delivers other bytes than these"),
        (Store(endless=True), len(BLOB), DataLoss, "delivers more"),
    ],
    ids=["wrong size", "small size", "more", "fewer", "other", "endless"],
)
def test_a_blob_that_is_not_what_it_says_is_not_used(
    short_path: Path, store: Store, size: int, error: type[ArgosyError], words: str
) -> None:
    """More, fewer or other bytes than the descriptor's: refused with both numbers, and nothing was unpacked."""

    async def work(stub: DiffStub) -> None:
        with pytest.raises(error, match=words):
            await stub.apply(request(short_path, size))

    with_differ(short_path, store, work)
    assert list((short_path / "root").iterdir()) == []
    assert store.sent < len(BLOB) + 16 * MIB  # what was under way when we had enough


def test_the_answer_is_the_digest_of_what_was_unpacked(short_path: Path) -> None:
    """Apply tells the digest and size of the inflated archive, to its last byte: its caller compares it with the diff id."""

    async def work(stub: DiffStub) -> None:
        applied = (await stub.apply(request(short_path))).applied
        inflated = gzip.decompress(BLOB)
        assert applied is not None and applied.digest == "sha256:" + hashlib.sha256(inflated).hexdigest()
        assert applied.size == len(inflated)
        # A client that tells no size is served by the store's word.
        assert (await stub.apply(request(short_path, 0))).applied == applied

    with_differ(short_path, Store(halves(BLOB)), work)


@pytest.mark.parametrize("what", ["fifo", "link", "longer"])
def test_an_exported_store_is_not_trusted(short_path: Path, what: str) -> None:
    """What lies where a blob belongs is a file of the right size, or it is not opened: a FIFO would hang us for ever."""
    place = short_path / "store/blobs/sha256" / DIGEST.removeprefix("sha256:")
    place.parent.mkdir(parents=True)
    if what == "fifo":
        os.mkfifo(place)
    elif what == "link":
        (short_path / "elsewhere").write_bytes(BLOB)
        place.symlink_to(short_path / "elsewhere")
    else:
        place.write_bytes(BLOB + b"x")

    async def work(stub: DiffStub) -> None:
        with pytest.raises(DataLoss, match="is no file|has \\d+; fetch it again"):
            await stub.apply(request(short_path))

    with_differ(short_path, Store(), work, short_path / "store")


def test_a_blob_that_is_not_exported_is_asked_for(short_path: Path) -> None:
    """An exported root without the blob is no reason to fail."""
    (short_path / "store/blobs/sha256").mkdir(parents=True)

    async def work(stub: DiffStub) -> None:
        await stub.apply(request(short_path))

    with_differ(short_path, Store(halves(BLOB)), work, short_path / "store")
    assert (short_path / "root/hello").exists()


# -- what compare stores --


def compare(base: Path) -> DiffRequest:
    (base / "root").mkdir(exist_ok=True)
    (base / "root/file").write_bytes(os.urandom(2 * MIB))
    return DiffRequest(right=[Mount(type="bind", source=str(base / "root"), options=["rbind", "ro"])], ref="mine")


def test_a_cancelled_compare_takes_its_ingest_back(short_path: Path) -> None:
    """Whoever gives up while the layer is being stored leaves no ingest."""
    store = Store()
    store.hangs = True

    async def work(stub: DiffStub) -> None:
        async with anyio.create_task_group() as tasks:

            async def ask() -> None:
                await stub.diff(compare(short_path))

            tasks.start_soon(ask)
            while not any(write.data for write in store.writes):
                await anyio.sleep(0.01)
            tasks.cancel_scope.cancel()
        with anyio.fail_after(20):
            while not store.aborted:
                await anyio.sleep(0.01)

    with_differ(short_path, store, work)
    assert store.aborted == ["mine"]


def test_a_store_that_ends_early_has_not_stored(short_path: Path) -> None:
    """An ingest that its store ends before the commit is a failure, whatever the status says."""
    store = Store()
    store.ends = True

    async def work(stub: DiffStub) -> None:
        with pytest.raises(Unavailable, match='ended ingest "mine" before its commit'):
            await stub.diff(compare(short_path))

    with_differ(short_path, store, work)
    assert store.aborted == ["mine"]


def test_a_blob_that_is_not_there(short_path: Path) -> None:
    """The store's own word reaches the caller."""

    class Empty(Store):
        async def info(self, request: c.InfoRequest) -> c.InfoResponse:
            raise NotFound(f"content digest {request.digest}")

    async def work(stub: DiffStub) -> None:
        with pytest.raises(NotFound, match=DIGEST):
            await stub.apply(request(short_path))

    with_differ(short_path, Empty(), work)
