"""Registries as they really are: codings that nobody asked for, warnings, "come again later", servers that hardly move."""

from __future__ import annotations

import asyncio
import gzip
import itertools
import random
import socket
import time
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable
from email.utils import formatdate

import pytest
import zstandard
from aiohttp import web
from argosy.client import answers, pace
from argosy.client.codings import decoder
from argosy.client.credentials import Credentials
from argosy.client.registry import Registry
from argosy.client.web import MAX_WARNINGS, Web
from argosy.errors import DataLoss, PermissionDenied, Unauthenticated, Unavailable, Unknown
from argosy.oci.image import Descriptor
from argosy.oci.reference import Reference

from tests.harness.web import INDEX, LAYER, MANIFEST, Server, serving, sha256

DATA = random.Random(3).randbytes(150_000) + bytes(150_000)


def run(work: Callable[[], Awaitable[None]]) -> None:
    async def main() -> None:
        await asyncio.wait_for(work(), 60)

    asyncio.run(main())


def blob(data: bytes = DATA) -> Descriptor:
    return Descriptor(media_type=LAYER, digest=sha256(data), size=len(data))


def at(server: Server, **how: object) -> Registry:
    return Registry(Reference.parse(f"{server.netloc}/a/b:1"), **how)  # type: ignore[arg-type] # each test's own


# -- codings --


def raw_deflate(data: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-15)
    return packer.compress(data) + packer.flush()


def zstd(data: bytes) -> bytes:
    return zstandard.ZstdCompressor(write_checksum=True).compress(data)


PACKED: dict[str, tuple[str, bytes]] = {
    "gzip": ("gzip", gzip.compress(DATA)),
    "several gzip files": ("x-gzip", gzip.compress(DATA[:1000]) + gzip.compress(DATA[1000:])),
    "deflate": ("deflate", zlib.compress(DATA)),
    "deflate without a head": ("Deflate", raw_deflate(DATA)),
    "zstd": ("zstd", zstd(DATA)),
    "several zstd frames": ("zstd", zstd(DATA[:77]) + zstd(DATA[77:])),
    "two codings": ("gzip, zstd", zstd(gzip.compress(DATA))),
    "none by its name": ("identity", DATA),
}


@pytest.mark.parametrize("chunked", [False, True])
@pytest.mark.parametrize("kind", PACKED)
def test_a_blob_in_a_coding_that_nobody_asked_for_is_taken(kind: str, chunked: bool) -> None:
    name, body = PACKED[kind]

    async def work() -> None:
        async def answer(server: Server, request: web.Request) -> web.StreamResponse | None:
            response = web.StreamResponse(headers={"Content-Encoding": name})
            if not chunked:
                response.content_length = len(body)
            await response.prepare(request)
            await response.write(body)
            return response

        async with serving(answer) as server, at(server) as registry:
            assert b"".join([c async for c in registry.fetch(blob())]) == DATA

    run(work)


def test_a_document_in_a_coding_is_taken_and_a_blob_whose_own_coding_is_named_stays_as_it_is() -> None:
    """A server of files says of layer.tar.gz what it is: its bytes are the blob."""
    packed = gzip.compress(DATA)

    async def work() -> None:
        async def answer(server: Server, request: web.Request) -> web.StreamResponse | None:
            if request.method == "HEAD":
                return web.Response(status=405)
            if "/manifests/" in request.path:
                plain = server.blobs[server.tags["a/b:1"]]
                return web.Response(body=gzip.compress(plain), headers={"Content-Encoding": "gzip"})
            return web.Response(body=packed, headers={"Content-Encoding": "gzip"})

        async with serving(answer) as server, at(server) as registry:
            told = server.image("a/b:1", [DATA])
            assert (await registry.resolve()).digest == told["digest"]
            assert b"".join([c async for c in registry.fetch(blob(packed))]) == packed

    run(work)


@pytest.mark.parametrize("kind", ["gzip", "deflate", "zstd"])
def test_a_coding_that_is_cut_off_or_damaged_is_no_blob(kind: str) -> None:
    name, body = PACKED[kind]
    for wrong, words in ((body[: len(body) // 2], "ends in the middle"), (b"\x78\x9c nothing of the kind" * 9, "broken")):
        undo = decoder(name, "it")
        assert undo is not None
        with pytest.raises(DataLoss, match=words):
            for i in range(0, len(wrong), 1000):
                list(undo.pieces(wrong[i : i + 1000]))
            undo.end()


# -- warnings --


def test_what_a_registry_warns_of_is_told_once_and_as_it_can_be_shown() -> None:
    said: list[str] = []

    async def work() -> None:
        async def answer(server: Server, request: web.Request) -> web.StreamResponse | None:
            told = server.serve(request)
            for text in (r'299 - "goes \"away\" soon"', '199 - "not ours"', "299 -", "299 - odd"):
                told.headers.add("Warning", text)
            return told

        async with serving(answer) as server, at(server, warn=said.append) as registry:
            server.image("a/b:1", [DATA])
            await registry.resolve()
            _ = [c async for c in registry.fetch(blob())]

    run(work)
    (only,) = said
    assert only.endswith('warns: goes "away" soon') and only.startswith("registry 127.0.0.1:")


def test_a_registry_that_warns_without_end_is_heard_some_times() -> None:
    said: list[str] = []
    counter = itertools.count()

    async def work() -> None:
        async def answer(server: Server, request: web.Request) -> web.StreamResponse | None:
            told = server.serve(request)
            for _ in range(20):
                told.headers.add("Warning", f'299 - "number {next(counter)}"')
            return told

        async with serving(answer) as server, at(server, warn=said.append) as registry:
            server.image("a/b:1", [DATA])
            for _ in range(5):
                await registry.resolve()

    run(work)
    assert len(said) == MAX_WARNINGS


# -- later --


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize("header", ["0", "date", ""])
@pytest.mark.parametrize("what", ["manifests", "blobs", "push"])
def test_a_registry_that_has_too_much_to_do_is_asked_again(
    what: str, header: str, status: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever is asked of it; when it says so, or soon. 503 without a time is a failure like others."""
    monkeypatch.setattr(answers, "BUSY_S", 0.0)
    if status == 503 and not header:
        pytest.skip("says nothing of when to come again")
    said = formatdate(time.time() - 5, usegmt=True) if header == "date" else header
    refused: dict[str, int] = {}

    async def work() -> None:
        async def answer(server: Server, request: web.Request) -> web.StreamResponse | None:
            key = f"{request.method} {request.path}"
            refused[key] = refused.get(key, 0) + 1
            if refused[key] < 3:
                return web.Response(status=status, headers={"Retry-After": said} if said else {})
            if request.method in ("PUT", "POST"):
                await request.read()
                return web.Response(status=201 if request.method == "PUT" else 202, headers={"Location": "/v2/up/1"})
            return None

        async with serving(answer) as server, at(server) as registry:
            told = server.image("a/b:1", [DATA])
            if what == "manifests":
                assert (await registry.resolve()).digest == told["digest"]
            elif what == "blobs":
                assert b"".join([c async for c in registry.fetch(blob())]) == DATA
            else:
                assert await registry.has("blobs", sha256(DATA))
                await registry.push_manifest("application/json", b"{}", "1")
                await registry.push_blob(sha256(b"x"), 1, one_byte)

    run(work)
    assert max(refused.values()) >= 3


async def one_byte():  # type: ignore[no-untyped-def] # a body
    yield b"x"


def test_who_says_to_come_again_tomorrow_is_not_waited_for() -> None:
    async def work() -> None:
        async def answer(server: Server, request: web.Request) -> web.StreamResponse | None:
            return web.Response(status=429, headers={"Retry-After": formatdate(time.time() + 86400, usegmt=True)})

        async with serving(answer) as server, at(server) as registry:
            with pytest.raises(Unavailable, match="429"):
                await registry.resolve()
            assert len(server.seen) == 2  # HEAD and GET

    run(work)


# -- a minimum rate --


def test_a_server_that_hardly_moves_is_left_for_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    """Bytes that trickle are no silence, and nothing that a pull gets done by: the mirror is left for the registry itself."""
    monkeypatch.setattr(pace, "SLOW_S", 0.3)

    async def work() -> None:
        async def trickles(server: Server, request: web.Request) -> web.StreamResponse | None:
            response = web.StreamResponse(headers={"Content-Length": str(len(DATA))})
            await response.prepare(request)
            for i in range(len(DATA)):
                await response.write(DATA[i : i + 1])
                await asyncio.sleep(0.01)
            return response

        from argosy.client.hosts import Host

        async with serving(trickles) as slow, serving() as real:
            real.image("a/b:1", [DATA])
            hosts = [Host(f"{slow.url}/v2"), Host(f"{real.url}/v2", is_registry=True)]
            async with at(real, hosts=hosts) as registry:
                assert b"".join([c async for c in registry.fetch(blob())]) == DATA
            assert len(slow.seen) == 1 and real.seen[-1].headers["Range"].startswith("bytes=")

    run(work)


def test_a_server_that_takes_no_more_of_an_upload_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pace, "TAKEN_S", 0.1)
    monkeypatch.setattr(answers, "ANSWER_S", 0.5)

    async def big():  # type: ignore[no-untyped-def] # a body
        for _ in range(1000):
            yield bytes(1 << 20)

    async def work() -> None:
        async def answer(server: Server, request: web.Request) -> web.StreamResponse | None:
            if request.method == "POST":
                return web.Response(status=202, headers={"Location": "/v2/a/b/blobs/uploads/1"})
            if request.method == "PUT":
                await asyncio.sleep(30)
            return web.Response(status=404)

        async with serving(answer) as server, at(server) as registry:
            with pytest.raises(Unavailable):
                await registry.push_blob(sha256(b"x"), 1000 << 20, big)

    run(work)


# -- what is said of a refusal --


@pytest.mark.parametrize(
    ("credentials", "remedy"),
    [
        (None, "if it is not for anybody, give a name and a password with --user"),
        (Credentials("ada", "wrong"), 'check name and password of "ada", and what that user may do there'),
    ],
)
@pytest.mark.parametrize("status", [401, 403])
def test_who_is_refused_hears_by_whom_and_what_helps(credentials: Credentials | None, remedy: str, status: int) -> None:
    async def answer(server: Server, request: web.Request) -> web.StreamResponse:
        if credentials is not None and "Authorization" not in request.headers:
            return web.Response(status=401, headers={"WWW-Authenticate": 'Basic realm="x"'})
        return web.json_response({"errors": [{"message": "no"}]}, status=status, headers={"WWW-Authenticate": "Basic"})

    async def work() -> None:
        async with serving(answer) as server, at(server, credentials=credentials) as registry:
            if credentials is None and status == 401:
                with pytest.raises(Unauthenticated, match="wants a user name and a password; give them with --user"):
                    await registry.resolve()
                return
            with pytest.raises((Unauthenticated, PermissionDenied)) as refused:
                await registry.resolve()
            text = f"{server.netloc}/a/b:1: registry {server.netloc} answered {status} (no); {remedy}"
            assert refused.value.message == text

    run(work)


def test_an_index_whose_images_are_not_there_says_what_helps() -> None:
    async def answer(server: Server, request: web.Request) -> web.StreamResponse:
        return web.json_response({"errors": [{"message": "blob unknown"}]}, status=400)

    async def work() -> None:
        async with serving(answer) as server, at(server) as registry:
            with pytest.raises(Unknown) as refused:
                await registry.push_manifest(INDEX, b"{}", "1")
            assert refused.value.message.startswith(
                f"{server.netloc}/a/b:1: registry {server.netloc} answered 400 (blob unknown); an index"
            )
            assert "--all-platforms" in refused.value.message
            with pytest.raises(Unknown) as refused:
                await registry.push_manifest(MANIFEST, b"{}", f"sha256:{1:064x}")
            assert (
                refused.value.message
                == f"{server.netloc}/a/b@sha256:{1:064x}: registry {server.netloc} answered 400 (blob unknown)"
            )

    run(work)


def test_what_cannot_be_connected_to_is_told_in_few_words() -> None:
    async def work() -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            netloc = f"127.0.0.1:{probe.getsockname()[1]}"
        async with Registry(Reference.parse(f"{netloc}/a/b:1"), plain=True) as registry:
            with pytest.raises(Unavailable) as refused:
                await registry.resolve()
        said = "connection refused; is it that host and port, and does it run?"
        assert refused.value.message == f"registry {netloc}: HEAD /v2/a/b/manifests/1: {said}"
        async with Registry(Reference.parse("nowhere.invalid/a/b:1"), plain=True) as registry:
            with pytest.raises(
                Unavailable, match="^registry nowhere.invalid: HEAD /v2/a/b/manifests/1: no such host: "
            ) as refused:
                await registry.resolve()
        assert "ssl:" not in refused.value.message and "[" not in refused.value.message

    run(work)


def test_who_speaks_tls_where_plain_http_is_usual_says_what_helps() -> None:
    """Go's servers answer so, without a word about how long it is: to a HEAD that is no HTTP."""
    said = b"HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n"

    async def work() -> None:
        async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(said)
            await writer.drain()
            writer.close()

        server = await asyncio.start_server(answer, "127.0.0.1", 0)
        netloc = f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
        async with server, Registry(Reference.parse(f"{netloc}/a/b:1")) as registry:
            with pytest.raises(Unavailable, match="speaks HTTPS and was asked over plain HTTP, .*hosts.toml") as refused:
                await registry.resolve()
            assert netloc in refused.value.message
            with pytest.raises(Unavailable, match="speaks HTTPS and was asked over plain HTTP, .*hosts.toml"):
                await registry.push_manifest(MANIFEST, b"{}", "1")

    run(work)


def test_an_upload_that_moves_while_it_is_given_up_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is sent moves the end of the wait: also when that has come, and the request is being cancelled."""
    monkeypatch.setattr(answers, "ANSWER_S", 0.05)

    class Session:
        def request(self, *_: object, data: AsyncIterator[bytes], **__: object) -> Awaitable[None]:
            async def never() -> None:
                try:
                    await asyncio.sleep(60)
                finally:
                    assert await anext(data) == b"x"

            return never()

    async def pieces() -> AsyncIterator[bytes]:
        yield b"x"

    async def work() -> None:
        async with Registry(Reference.parse("127.0.0.1:1/a/b:1")) as registry:
            monkeypatch.setattr(Web, "session", Session())
            with pytest.raises(Unavailable, match="TimeoutError"):
                await registry.request(registry.push_host(), "PUT", "http://127.0.0.1:1/x", "", data=pieces)

    run(work)
