"""Uploads to registries that break off, that take chunks only, and to Debian's own."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator

import pytest
from aiohttp import web
from argosy.client import downloads, uploads
from argosy.client.registry import Registry
from argosy.client.resolvers import Registries
from argosy.client.transfers.registries import RegistryImage, RegistryName
from argosy.errors import ArgosyError, Unavailable, Unknown
from argosy.oci.image import Descriptor
from argosy.oci.passing import checked
from argosy.oci.reference import Reference
from argosy.testkit.registry import running_registry

from tests.harness.web import LAYER, Server, serving, sha256

DATA = random.Random(5).randbytes(3 << 20)


def run(work: Callable[[], Awaitable[None]]) -> None:
    async def main() -> None:
        await asyncio.wait_for(work(), 60)

    asyncio.run(main())


@pytest.fixture(scope="module")
def debian() -> Iterator[str]:
    with running_registry() as address:
        yield address


class Bytes:
    """A blob's bytes for an upload."""

    def __init__(self, data: bytes = DATA) -> None:
        self.data = data

    async def __call__(self) -> AsyncIterator[bytes]:
        for at in range(0, len(self.data), 50_000):
            yield self.data[at : at + 50_000]


class Uploads:
    """The upload half of a registry: bytes come by PUT or PATCH, where is told by GET; ``refuse`` may answer instead."""

    def __init__(self, refuse: Callable[[web.Request], web.Response | int | None] = lambda _: None) -> None:
        self.refuse, self.got, self.done, self.step = refuse, bytearray(), b"", 0
        self.asked: list[str] = []

    def _where(self, status: int, **headers: str) -> web.Response:
        self.step += 1
        told = {"Location": f"/v2/a/b/blobs/uploads/1?_state={self.step}", **headers}
        if self.got:
            told["Range"] = f"0-{len(self.got) - 1}"
        return web.Response(status=status, headers=told)

    async def __call__(self, server: Server, request: web.Request) -> web.StreamResponse | None:
        self.asked.append(f"{request.method} {request.headers.get('Content-Range', '')}".strip())
        told = self.refuse(request)
        if isinstance(told, web.Response):
            return told
        if request.method == "POST":
            self.got.clear()
            return self._where(202)
        if request.query.get("_state") != str(self.step):
            return web.Response(status=404, text="an address of yesterday")
        if request.method == "GET":
            return self._where(204)
        said = request.headers.get("Content-Range")
        if said is not None and int(said.partition("-")[0]) != len(self.got):
            return web.Response(status=416)
        async for piece in request.content.iter_any():
            self.got += piece
            if isinstance(told, int) and len(self.got) >= told:
                assert request.transport is not None
                request.transport.close()
                return web.Response()
        if request.method == "PATCH":
            return self._where(202)
        if sha256(bytes(self.got)) != request.query["digest"]:
            return web.json_response({"errors": [{"code": "DIGEST_INVALID", "message": "other bytes"}]}, status=400)
        self.done = bytes(self.got)
        return web.Response(status=201)


async def pushed(there: Uploads, data: Bytes) -> Server:
    async with serving(there) as server, Registry(Reference.parse(f"{server.netloc}/a/b:1")) as registry:
        assert not await registry.push_blob(sha256(data.data), len(data.data), data)
        return server


def test_a_blob_goes_at_once() -> None:
    async def work() -> None:
        there = Uploads()
        await pushed(there, Bytes())
        assert there.done == DATA and there.asked == ["POST", "PUT"]

    run(work)


def test_an_upload_that_breaks_off_goes_on_where_the_registry_is() -> None:
    cuts = [1_000_000, 2_000_000]

    def cut(request: web.Request) -> int | None:
        return cuts.pop(0) if cuts and request.method in ("PUT", "PATCH") else None

    async def work() -> None:
        there = Uploads(cut)
        await pushed(there, Bytes())
        assert there.done == DATA
        assert there.asked.count("POST") == 1 and there.asked.count("GET") == 2
        begins = [int(one.split()[1].partition("-")[0]) for one in there.asked if one.startswith("PATCH")]
        assert begins[0] >= 1_000_000 and begins[1] >= 2_000_000

    run(work)


def test_an_upload_that_the_registry_has_forgotten_begins_anew() -> None:
    state = {"cut": True}

    def forget(request: web.Request) -> web.Response | int | None:
        if request.method == "GET":
            return web.Response(status=404)
        if request.method == "PUT" and state.pop("cut", False):
            return 500_000
        return None

    async def work() -> None:
        there = Uploads(forget)
        await pushed(there, Bytes())
        assert there.done == DATA and there.asked.count("POST") == 2

    run(work)


@pytest.mark.parametrize("status", [405, 411, 413, 501])
def test_a_registry_that_takes_no_blob_at_once_gets_chunks(status: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uploads, "_UPLOAD_CHUNK", 1 << 20)

    def too_large(request: web.Request) -> web.Response | None:
        return web.Response(status=status) if request.method == "PUT" and request.content_length else None

    async def work() -> None:
        there = Uploads(too_large)
        await pushed(there, Bytes())
        assert there.done == DATA
        chunks = [one for one in there.asked if one.startswith("PATCH")]
        assert chunks == [f"PATCH {i << 20}-{(i + 1 << 20) - 1}" for i in range(3)]

    run(work)


def test_chunks_are_as_long_as_the_registry_wants_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uploads, "_UPLOAD_CHUNK", 1 << 20)

    async def work() -> None:
        there = Uploads()

        def answer(request: web.Request) -> web.Response | None:
            if request.method == "POST":
                there.got.clear()
                return there._where(202, **{"OCI-Chunk-Min-Length": str(2 << 20)})
            return web.Response(status=413) if request.method == "PUT" and request.content_length else None

        there.refuse = answer
        await pushed(there, Bytes())
        assert there.done == DATA and next(o for o in there.asked if o.startswith("PATCH")) == f"PATCH 0-{(2 << 20) - 1}"

    run(work)


def test_halves_that_do_not_fit_are_sent_once_more_from_the_beginning() -> None:
    """A registry that lost bytes it said it had: its refusal of the whole is not the last word."""
    state = {"cut": True, "spoil": True}
    there = Uploads()

    def spoil(request: web.Request) -> int | None:
        if request.method == "PUT" and state.pop("cut", False):
            return 1_000_000
        if request.method == "PATCH" and state.pop("spoil", False):
            there.got[:10] = bytes(10)
        return None

    async def work() -> None:
        there.refuse = spoil
        await pushed(there, Bytes())
        assert there.done == DATA and there.asked.count("POST") == 2

    run(work)


def test_a_registry_that_always_breaks_off_is_given_up() -> None:
    def cut(request: web.Request) -> web.Response | int | None:
        if request.method == "GET":
            return web.Response(status=404)
        return 1 if request.method in ("PUT", "PATCH") else None

    async def work() -> None:
        there = Uploads(cut)
        with pytest.raises(Unavailable):
            await pushed(there, Bytes(DATA[:1000]))
        assert len(there.asked) < 40

    run(work)


@pytest.mark.parametrize("status", [400, 403])
def test_a_refusal_is_not_asked_about_again(status: int) -> None:
    async def work() -> None:
        there = Uploads(lambda r: web.Response(status=status, text="no") if r.method == "PUT" else None)
        with pytest.raises(ArgosyError, match="no"):
            await pushed(there, Bytes())
        assert there.asked == ["POST", "PUT"]

    run(work)


def test_without_an_address_nothing_is_sent() -> None:
    async def work() -> None:
        there = Uploads(lambda r: web.Response(status=202) if r.method == "POST" else None)
        with pytest.raises(Unknown, match="does not say where to"):
            await pushed(there, Bytes())

    run(work)


def test_a_blob_that_goes_from_registry_to_registry_is_right_though_its_ranges_are_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What was sent of it already is thrown away: nothing is kept here that it could be compared with."""
    part = 256 << 10
    monkeypatch.setattr(downloads, "PART_BYTES", part)
    monkeypatch.setattr(downloads, "LARGE_BYTES", 2 * part)
    spoiled = 0

    async def lies(server: Server, request: web.Request) -> web.StreamResponse | None:
        nonlocal spoiled
        said, data = request.headers.get("Range", ""), server.blobs.get(request.path.rpartition("/")[2], b"")
        if not said or not said.split("-")[1]:
            return None
        begin, end = int(said[6:].split("-")[0]), int(said.split("-")[1]) + 1
        spoiled += begin > 0
        body = bytes(end - begin) if begin else data[begin:end]
        return web.Response(status=206, body=body, headers={"Content-Range": f"bytes {begin}-{end - 1}/{len(data)}"})

    async def work() -> None:
        there = Uploads()
        async with serving(lies) as one, serving(there) as two, Registries() as registries:
            one.keep(DATA)
            source = RegistryImage(registries, Reference.parse(f"{one.netloc}/a/b:1"))
            d = Descriptor(media_type=LAYER, digest=sha256(DATA), size=len(DATA))
            async with Registry(Reference.parse(f"{two.netloc}/a/b:1")) as registry:
                assert not await RegistryName(registry).put_blob(d, lambda: checked(d, source.fetch(d)), "")
        assert spoiled and there.done == DATA

    run(work)


# -- Debian's registry --


async def cutting(debian: str, cuts: list[int]) -> asyncio.Server:
    """A line to Debian's registry that is cut after so many bytes of a request, once for each."""
    host, _, port = debian.partition(":")

    async def line(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there_in, there_out = await asyncio.open_connection(host, int(port))

        async def back() -> None:
            while piece := await there_in.read(65536):
                writer.write(piece)
                await writer.drain()

        task = asyncio.ensure_future(back())
        sent = 0
        try:
            while piece := await reader.read(65536):
                there_out.write(piece)
                await there_out.drain()
                sent += len(piece)
                if cuts and sent >= cuts[0]:
                    cuts.pop(0)
                    break
        except OSError:
            pass
        finally:
            task.cancel()
            there_out.close()
            writer.close()

    return await asyncio.start_server(line, "127.0.0.1", 0)


@pytest.mark.parametrize("chunked", [False, True])
def test_debians_registry_takes_an_upload_whose_line_is_cut(
    debian: str, chunked: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def work() -> None:
        cuts = [1_500_000, 1_000_000]
        server = await cutting(debian, cuts)
        name = f"127.0.0.1:{server.sockets[0].getsockname()[1]}/cut/{'chunks' if chunked else 'whole'}:1"
        data = DATA + (b"c" if chunked else b"w")
        async with server, Registry(Reference.parse(name)) as registry:
            if chunked:
                upload = uploads.Upload(
                    registry, registry.push_host(), registry._push_scope(), sha256(data), len(data), Bytes(data)
                )
                assert not await upload._begin("")
                monkeypatch.setattr(uploads, "_UPLOAD_CHUNK", 1 << 20)
                cuts.clear()
                await upload._chunks(0, 1 << 20)
                await upload._finish(None)
            else:
                assert not await registry.push_blob(sha256(data), len(data), Bytes(data))
            assert not cuts
            blob = Descriptor(media_type=LAYER, digest=sha256(data), size=len(data))
            assert b"".join([c async for c in registry.fetch(blob)]) == data

    run(work)
