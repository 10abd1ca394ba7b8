"""Sources and sinks without a daemon: what is checked on the way, in which order an image arrives, and depots that hang, lie and break off."""

from __future__ import annotations

import asyncio
import hashlib
import json
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import aclosing
from itertools import pairwise
from pathlib import Path
from typing import Any

import anyio
import pytest
from argosy.client import pace
from argosy.client.progress import Progress
from argosy.client.transfers import (
    ArchiveSource,
    BlobSink,
    ByteSink,
    ByteSource,
    DepotImage,
    DepotName,
    ImageSink,
    ImageSource,
    LayoutName,
    NotServed,
    RemoteDepot,
    TreeSink,
    TreeSource,
    Wish,
    copy_image,
    transfer,
    way,
)
from argosy.errors import DataLoss, NotFound, Unavailable, Unimplemented
from argosy.oci.image import Descriptor
from argosy.oci.passing import checked
from argosy.plugin.depots import Depot
from argosy.plugin.serve import serve
from argosy.rpc import Channel
from argosy_protos.argosy.transfer.v1 import DepotStub, FetchRequest, FetchResponse
from hypothesis import given
from hypothesis import strategies as st

from tests.harness.cancelling import at_each_await
from tests.harness.web import CONFIG, INDEX, LAYER, MANIFEST


def digest(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


class Image(ImageSource):
    """Two platforms with a layer in common, in memory."""

    called = "the test's image"

    def __init__(self) -> None:
        self.blobs: dict[str, bytes] = {}
        shared = self.keep(bytes(range(256)) * 400, LAYER)
        manifests = []
        for architecture in ("amd64", "arm64"):
            own = self.keep(architecture.encode() * 1000, LAYER)
            config = self.keep(json.dumps({"os": "linux", "architecture": architecture}).encode(), CONFIG)
            body = {"schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": [shared, own]}
            manifests.append(
                self.keep(json.dumps(body).encode(), MANIFEST) | {"platform": {"os": "linux", "architecture": architecture}}
            )
        index = {"schemaVersion": 2, "mediaType": INDEX, "manifests": manifests}
        self.top = Descriptor.of(self.keep(json.dumps(index).encode(), INDEX))

    def keep(self, data: bytes, media_type: str) -> dict[str, Any]:
        self.blobs[digest(data)] = data
        return {"mediaType": media_type, "digest": digest(data), "size": len(data)}

    async def resolve(self) -> Descriptor:
        return self.top

    async def fetch(self, d: Descriptor, offset: int = 0) -> AsyncIterator[bytes]:
        if d.digest not in self.blobs:
            raise NotFound(d.digest)
        data = self.blobs[d.digest]
        for at in range(offset, len(data), 4096):
            await asyncio.sleep(0)
            yield data[at : at + 4096]


class Kept(BlobSink):
    """What came, in its order."""

    called = "the test's sink"

    def __init__(self) -> None:
        self.blobs: dict[str, bytes] = {}
        self.top = ""

    async def has(self, d: Descriptor) -> bool:
        return d.digest in self.blobs

    async def put_blob(self, d: Descriptor, body: Callable[[], AsyncIterator[bytes]], origin: str) -> bool:
        self.blobs[d.digest] = b"".join([piece async for piece in body()])
        return False

    async def put_document(self, d: Descriptor, data: bytes, is_top: bool) -> None:
        said = json.loads(data)
        children = said.get("manifests") or [said["config"], *said["layers"]]
        assert all(child["digest"] in self.blobs for child in children), "a document comes after what it names"
        self.blobs[d.digest] = data
        self.top = d.digest if is_top else self.top


@given(
    data=st.binary(min_size=1, max_size=300),
    cuts=st.lists(st.integers(0, 300)),
    wrong=st.integers(0, 299),
    longer=st.booleans(),
)
def test_the_last_bytes_of_a_blob_come_only_when_all_are_right(
    data: bytes, cuts: list[int], wrong: int, longer: bool
) -> None:
    d = Descriptor(digest=digest(data), size=len(data))
    places = sorted({min(cut, len(data)) for cut in cuts} | {0, len(data)})

    async def pieces(of: bytes) -> AsyncIterator[bytes]:
        for begin, end in pairwise(places):
            yield of[begin:end]
        if longer and of is not data:
            yield b"more"

    async def passed(of: bytes) -> tuple[bytes, bool]:
        out = b""
        try:
            async with aclosing(checked(d, pieces(of))) as coming:
                async for piece in coming:
                    out += piece
        except DataLoss:
            return out, False
        return out, True

    other = bytearray(data)
    other[wrong % len(data)] ^= 1
    assert asyncio.run(passed(data)) == (data, True)
    out, is_right = asyncio.run(passed(bytes(other)))
    assert not is_right and len(out) < len(data)
    out, is_right = asyncio.run(passed(data[:-1] if not longer else bytes(data)))
    assert is_right == longer


def test_an_image_arrives_blobs_first_and_each_once() -> None:
    image, sink = Image(), Kept()
    told: list[Progress] = []
    assert asyncio.run(copy_image(image, sink, Wish(watch=told.append))) == image.top
    assert (sink.blobs, sink.top) == (image.blobs, image.top.digest)
    ends = [one.ref.partition("-")[2] for one in told if one.status == "done"]
    assert sorted(ends) == sorted(image.blobs), "the layer that both have goes once"
    assert ends[-1] == image.top.digest


def test_a_blob_that_is_wrong_is_told_by_its_source_and_names_nothing() -> None:
    for begin, end, more in ((0, -1, b""), (0, None, b"x"), (1, None, b"")):
        image, sink = Image(), Kept()
        key = max(image.blobs, key=lambda key: len(image.blobs[key]))
        image.blobs[key] = image.blobs[key][begin:end] + more
        with pytest.raises(DataLoss, match=key):
            asyncio.run(copy_image(image, sink, Wish()))
        assert sink.top == "" and key not in sink.blobs


class Loose(Kept):
    """An index may name there what is not there, as among the daemon's own images."""

    async def put_document(self, d: Descriptor, data: bytes, is_top: bool) -> None:
        self.blobs[d.digest], self.top = data, d.digest if is_top else self.top


def test_platforms_that_a_source_lacks_are_left_out_only_where_that_may_be() -> None:
    image, sink = Image(), Loose()
    del image.blobs[json.loads(image.blobs[image.top.digest])["manifests"][1]["digest"]]
    with pytest.raises(NotFound):
        asyncio.run(copy_image(image, sink, Wish()))
    assert sink.top == ""
    image.may_lack = True
    asyncio.run(copy_image(image, sink, Wish()))
    assert sink.top == image.top.digest


def test_a_directory_that_is_cut_at_any_await_has_the_image_whole_or_not_at_all(tmp_path: Path) -> None:
    runs = 0

    def make() -> Any:
        nonlocal runs
        runs += 1
        return LayoutName(tmp_path / str(runs), "v1").take_image(image, Wish())

    async def check(is_done: bool) -> None:
        found = [path for path in (tmp_path / str(runs)).rglob("*") if path.is_file()]
        assert not [path for path in found if ".argosy-" in path.name], "nothing half done is left"
        for path in found:
            if path.parent.name == "sha256":
                assert hashlib.sha256(path.read_bytes()).hexdigest() == path.name
        named = (tmp_path / str(runs) / "index.json").exists()
        assert named or not is_done
        if named:
            assert {path.name for path in found if path.parent.name == "sha256"} == {key[7:] for key in image.blobs}

    image = Image()
    assert asyncio.run(at_each_await(make, check, most=2000)) > 10


def test_what_a_killed_transfer_left_goes_with_the_next_one_and_not_what_is_under_way(tmp_path: Path) -> None:
    left = tmp_path / "box/blobs/sha256/.argosy-0123-half"

    async def work() -> None:
        await copy_to("one")
        left.write_bytes(b"half")

        async def pieces() -> AsyncIterator[bytes]:
            """Another transfer comes and goes while a blob is on its way."""
            yield b"the "
            await copy_to("two")
            assert list(left.parent.glob(f".argosy-*-{digest(b'the blob')[7:]}"))
            yield b"blob"

        class Slow(Image):
            async def fetch(self, d: Descriptor, offset: int = 0) -> AsyncIterator[bytes]:
                if d.digest == digest(b"the blob"):
                    async for piece in pieces():
                        yield piece
                else:
                    async for piece in super().fetch(d, offset):
                        yield piece

        image = Slow()
        layer, config = image.keep(b"the blob", LAYER), image.keep(b"{}", CONFIG)
        body = json.dumps({"schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": [layer]}).encode()
        image.top = Descriptor.of(image.keep(body, MANIFEST))
        sink = LayoutName(tmp_path / "box", "three")
        await sink.take_image(image, Wish())
        assert not left.exists()
        names = [
            one["annotations"]["org.opencontainers.image.ref.name"]
            for one in json.loads((tmp_path / "box/index.json").read_bytes())["manifests"]
        ]
        assert sorted(names) == ["one", "three", "two"]

    async def copy_to(name: str) -> None:
        await LayoutName(tmp_path / "box", name).take_image(Image(), Wish())

    asyncio.run(work())


def test_a_pair_is_decided_by_what_both_can_do() -> None:
    class Both(ArchiveSource, ByteSource):
        pass

    class Either(ImageSink, ByteSink):
        pass

    ends: Mapping[tuple[type[Any], type[Any]], str] = {
        (ImageSource, ImageSink): "_image", (ImageSource, ByteSink): "", (ImageSource, Either): "_image", (ByteSource, ByteSink): "_bytes",
        (Both, ImageSink): "_archive", (Both, Either): "_bytes", (ByteSource, ImageSink): "", (TreeSource, TreeSink): "_tree",
        (TreeSource, ByteSink): "_packed", (ByteSource, TreeSink): "_unpacked", (TreeSource, ImageSink): "", (ImageSource, TreeSink): "",
    }  # fmt: skip
    assert {pair: getattr(way(*pair), "__name__", "") for pair in ends} == ends


def test_a_pair_that_is_not_served_says_what_either_end_is_for() -> None:
    class Bytes(ByteSource):
        called = "a blob"

        def read(self) -> AsyncIterator[bytes]:
            raise AssertionError("nobody asks")

    with pytest.raises(NotServed, match="a blob gives bytes, and the test's sink takes an image"):
        asyncio.run(transfer(Bytes(), Kept(), Wish()))


# -- depots at the other end of a socket --


class Rogue(Depot):
    """Does as it is told, once for each word."""

    def __init__(self, image: Image, *does: str) -> None:
        self.image, self.does = image, list(does)
        self.kept: dict[str, bytes] = {}
        self.given_up = 0
        self.began = asyncio.Event()
        self.offsets: list[int] = []

    def next(self, word: str) -> bool:
        if word in self.does:
            self.does.remove(word)
            return True
        return False

    async def resolve(self, name: str) -> Descriptor:
        if self.next("huge"):
            return Descriptor(media_type=MANIFEST, digest=digest(b"x"), size=1 << 40)
        return self.image.top

    async def fetch(self, name: str, d: Descriptor, offset: int) -> AsyncIterator[bytes]:
        self.offsets.append(offset)
        if self.next("hang"):
            await asyncio.sleep(60)
        data = self.image.blobs[d.digest]
        if len(data) > 50000 and self.next("break"):
            yield data[offset : offset + 10000]
            raise Unavailable("the line broke")
        if len(data) > 50000 and self.next("short"):
            yield data[offset : offset + 10000]
            return
        yield data[offset:]
        if len(data) > 50000 and self.next("more"):
            yield b"more"

    async def put(self, name: str, d: Descriptor, pieces: AsyncIterator[bytes], is_top: bool) -> None:
        self.began.set()
        try:
            if self.next("deaf"):
                await asyncio.sleep(60)
            data = b"".join([piece async for piece in pieces])
        except BaseException:
            self.given_up += 1
            raise
        self.kept[d.digest] = data
        if is_top:
            self.kept[name] = d.digest.encode()


async def with_depot(depot: Depot, base: Path, work: Callable[[RemoteDepot], Awaitable[None]]) -> None:
    serving = asyncio.ensure_future(serve(depot, base / "d.sock"))
    channel = Channel(str(base / "d.sock"), name="depot")
    try:
        while not (base / "d.sock").exists():
            await asyncio.sleep(0.01)
        await work(RemoteDepot(DepotStub(channel), "depot d"))
    finally:
        channel.close()
        serving.cancel()
        await asyncio.wait([serving])


def run_with(depot: Depot, base: Path, work: Callable[[RemoteDepot], Awaitable[None]]) -> None:
    asyncio.run(with_depot(depot, base, work))


def test_a_depot_that_breaks_off_is_asked_for_the_rest(short_path: Path) -> None:
    for word in ("break", "short"):
        rogue, sink = Rogue(Image(), word, word), Kept()

        async def work(depot: RemoteDepot, sink: Kept = sink) -> None:
            await copy_image(DepotImage(depot, "n", "depot d: n"), sink, Wish())

        run_with(rogue, short_path, work)
        assert sink.blobs == rogue.image.blobs and {10000, 20000} <= set(rogue.offsets)


def test_a_depot_that_lies_is_found_out(short_path: Path) -> None:
    for word, words in (("more", "sends more than the"), ("huge", "which no manifest has")):
        rogue, sink = Rogue(Image(), word), Kept()

        async def work(depot: RemoteDepot, sink: Kept = sink, words: str = words) -> None:
            with pytest.raises(DataLoss, match=words):
                await copy_image(DepotImage(depot, "n", "depot d: n"), sink, Wish())

        run_with(rogue, short_path, work)
        assert sink.top == ""


def test_a_depot_that_hangs_is_given_up_by_its_silence(short_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pace, "SILENCE_S", 0.05)
    monkeypatch.setattr(pace, "LOOKED_S", 0.05)
    monkeypatch.setattr(pace, "BACK_OFF_S", 0.0)

    async def fetching(depot: RemoteDepot) -> None:
        with pytest.raises(Unavailable, match="depot d: n has sent nothing of"):
            await copy_image(DepotImage(depot, "n", "depot d: n"), Kept(), Wish())

    run_with(Rogue(Image(), *["hang"] * pace.TRIES), short_path, fetching)

    class Mumbling(DepotStub):
        def fetch(self, request: FetchRequest, **_: Any) -> Any:
            async def answers() -> AsyncIterator[FetchResponse]:
                while True:
                    yield FetchResponse()
                    await asyncio.sleep(0.001)

            return answers()

    async def mumbled() -> None:
        with pytest.raises(Unavailable, match="has sent nothing of"):
            await anext(DepotImage(RemoteDepot(Mumbling(None), "depot d"), "n", "depot d: n").fetch(Image().top))

    asyncio.run(mumbled())

    async def putting(depot: RemoteDepot) -> None:
        with pytest.raises(Unavailable, match="has not said for"):
            await copy_image(Image(), DepotName(depot, "n", "depot d: n"), Wish())

    run_with(Rogue(Image(), "deaf"), short_path, putting)


@pytest.mark.parametrize("is_remote", [True, False])
def test_a_depot_that_drips_is_given_up_by_its_rate(
    short_path: Path, monkeypatch: pytest.MonkeyPatch, is_remote: bool
) -> None:
    """A byte now and then is no progress, however often it is asked again; at a socket, and in this process."""
    monkeypatch.setattr(pace, "SLOW_S", 0.05)
    monkeypatch.setattr(pace, "BACK_OFF_S", 0.0)

    class Drips(Rogue):
        async def fetch(self, name: str, d: Descriptor, offset: int) -> AsyncIterator[bytes]:
            self.offsets.append(offset)
            data = self.image.blobs[d.digest]
            for at in range(offset, len(data)):
                yield data[at : at + 1]
                await asyncio.sleep(0.01)

    async def work(depot: Depot) -> None:
        data = bytes(range(256)) * 400
        d = Descriptor(media_type=LAYER, digest=digest(data), size=len(data))
        with pytest.raises(Unavailable, match=r"depot d: n sent \d+ bytes in \d+ s: it is as good as silent"):
            async for _ in DepotImage(depot, "n", "depot d: n").fetch(d):
                pass
        # Each time from where it was, and no more often than registries are asked.
        assert len(rogue.offsets) == pace.TRIES and rogue.offsets == sorted(rogue.offsets)

    rogue = Drips(Image())
    if is_remote:
        run_with(rogue, short_path, work)
    else:
        asyncio.run(work(rogue))


def test_a_depot_may_take_its_time_to_find_something(short_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is small comes at once, when it comes."""
    monkeypatch.setattr(pace, "SLOW_S", 0.01)

    class Looks(Rogue):
        async def fetch(self, name: str, d: Descriptor, offset: int) -> AsyncIterator[bytes]:
            await asyncio.sleep(0.05)
            async for piece in super().fetch(name, d, offset):
                yield piece

    sink, rogue = Kept(), Looks(Image())
    asyncio.run(copy_image(DepotImage(rogue, "n", "depot d: n"), sink, Wish()))
    assert sink.blobs == rogue.image.blobs


def test_a_depot_that_takes_hardly_anything_is_given_up(short_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pace, "TAKEN_S", 0.1)

    async def big() -> AsyncIterator[bytes]:
        for _ in range(64):
            yield bytes(1 << 20)

    async def work(depot: RemoteDepot) -> None:
        d = Descriptor(digest="sha256:" + "0" * 64, size=64 << 20)
        with pytest.raises(Unavailable, match="depot d has taken less than 64 KiB in 0.1 s"):
            await depot.put("n", d, big(), False)

    run_with(Rogue(Image(), "deaf"), short_path, work)


def test_what_is_put_half_is_not_kept(short_path: Path) -> None:
    """Its source fails, or whoever transfers gives up, while a blob is on its way."""
    image = Image()
    d = Descriptor(digest=digest(bytes(100)), size=100)

    async def fails() -> AsyncIterator[bytes]:
        yield bytes(50)
        await rogue.began.wait()
        raise NotFound("the rest")

    async def stands_still(giving_up: anyio.CancelScope) -> AsyncIterator[bytes]:
        yield bytes(50)
        await rogue.began.wait()
        giving_up.cancel()
        await asyncio.sleep(60)

    async def short() -> AsyncIterator[bytes]:
        yield bytes(50)

    async def work(depot: RemoteDepot) -> None:
        with pytest.raises(NotFound, match="the rest"):
            await depot.put("n", d, fails(), False)
        rogue.began.clear()
        with anyio.CancelScope() as giving_up:
            await depot.put("n", d, stands_still(giving_up), False)
        assert giving_up.cancelled_caught
        with pytest.raises(DataLoss, match="50 bytes"):
            await depot.put("n", d, short(), False)
        while rogue.given_up < 3:
            await asyncio.sleep(0.01)

    rogue = Rogue(image)
    run_with(rogue, short_path, work)
    assert (rogue.given_up, rogue.kept) == (3, {})


def test_what_is_wrong_with_a_put_is_said_whatever_a_depot_makes_of_it(short_path: Path) -> None:
    """Who hands pieces on gets their failure back in other words, or swallows it: the caller must not try again, nor take it for done."""

    class HandsOn(Rogue):
        async def put(self, name: str, d: Descriptor, pieces: AsyncIterator[bytes], is_top: bool) -> None:
            try:
                await super().put(name, d, pieces, is_top)
            except DataLoss:
                if name == "swallowed":
                    return
                raise Unavailable("the store's client says: connection closed") from None

    async def wrong() -> AsyncIterator[bytes]:
        yield bytes(100)

    async def work(depot: RemoteDepot) -> None:
        for name in ("told", "swallowed"):
            with pytest.raises(DataLoss, match="other bytes than its digest says"):
                await depot.put(name, Descriptor(digest=digest(b"x"), size=100), wrong(), False)

    run_with(HandsOn(Image()), short_path, work)


def test_a_depot_that_only_gives_says_so(short_path: Path) -> None:
    class Giver(Rogue):
        put = Depot.put

    async def work(depot: RemoteDepot) -> None:
        with pytest.raises(Unimplemented, match="Giver takes no images"):
            await copy_image(Image(), DepotName(depot, "n", "depot d: n"), Wish())

    run_with(Giver(Image()), short_path, work)


def test_a_depot_is_a_source_and_a_sink(short_path: Path) -> None:
    async def work(depot: RemoteDepot) -> None:
        await copy_image(Image(), DepotName(depot, "n", "depot d: n"), Wish())

    rogue = Rogue(Image())
    run_with(rogue, short_path, work)
    assert rogue.kept == {**rogue.image.blobs, "n": rogue.image.top.digest.encode()}


# -- the page --


def test_the_page_in_docs_says_what_the_tests_say() -> None:
    script = Path(__file__).parents[2] / "scripts/matrix.py"
    ran = subprocess.run([sys.executable, str(script), "--check"], capture_output=True, text=True, timeout=60, check=False)
    assert (ran.returncode, ran.stderr) == (0, "")


class Refusing(Loose):
    """A sink that does not find what it is to put things into, from some blob or document on."""

    def __init__(self, word: bytes) -> None:
        super().__init__()
        self.word = word

    async def put_blob(self, d: Descriptor, body: Callable[[], AsyncIterator[bytes]], origin: str) -> bool:
        data = b"".join([piece async for piece in body()])
        if self.word in data:
            raise NotFound("the repository is gone")
        return await super().put_blob(d, body, origin)

    async def put_document(self, d: Descriptor, data: bytes, is_top: bool) -> None:
        if self.word in data:
            raise NotFound("the repository is gone")
        await super().put_document(d, data, is_top)


def test_what_a_sink_does_not_find_is_no_platform_that_its_source_lacks() -> None:
    """A registry answers 404 for a repository that is gone in the middle: the image is not there then, and is not said to be."""
    image = Image()
    image.may_lack = True
    for key, data in image.blobs.items():
        sink = Refusing(data)
        with pytest.raises(NotFound, match="the repository is gone"):
            asyncio.run(copy_image(image, sink, Wish()))
        assert sink.top == "", key


def test_an_image_of_which_nothing_is_there_does_not_arrive() -> None:
    image, sink = Image(), Loose()
    image.may_lack = True
    for child in json.loads(image.blobs[image.top.digest])["manifests"]:
        del image.blobs[child["digest"]]
    with pytest.raises(NotFound):
        asyncio.run(copy_image(image, sink, Wish()))
    assert sink.top == ""
