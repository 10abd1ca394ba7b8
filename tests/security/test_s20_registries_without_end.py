"""S20: a registry that never comes to an end, or answers in bytes that are no text: it is given up soon, and in words."""

from __future__ import annotations

import asyncio
import gzip
import time
import zlib
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
import zstandard
from aiohttp import web
from argosy.client import pace
from argosy.client.credentials import Credentials
from argosy.client.registry import Registry
from argosy.digest import Digest
from argosy.errors import ArgosyError, DataLoss, InvalidArgument, Unavailable
from argosy.oci.image import Descriptor
from argosy.oci.reference import Reference

from tests.harness.web import LAYER, MANIFEST, Server, serving, sha256

DATA = bytes(range(256)) * 4096
BLOB = Descriptor(media_type=LAYER, digest=sha256(DATA), size=len(DATA))


def run(work: Callable[[], Awaitable[None]]) -> None:
    async def main() -> None:
        await asyncio.wait_for(work(), 60)

    asyncio.run(main())


def at(netloc: str, credentials: Credentials | None = None) -> Registry:
    return Registry(Reference.parse(f"{netloc}/a/b:1"), credentials=credentials)


@asynccontextmanager
async def saying(answer: bytes, asked: list[bytes] | None = None) -> AsyncIterator[str]:
    """A server that answers each request with the same bytes, whatever they are; yields its host and port."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            if asked is not None:
                asked.append(head)
            writer.write(answer)
            await writer.drain()
        except (OSError, asyncio.IncompleteReadError):
            pass  # it was hung up on
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()


# -- bodies that stand for nothing --

NOTHING = {
    "gzip": gzip.compress(b"") * 2000,
    "deflate": b"\0\0\0\xff\xff" * 8000,  # stored blocks without a byte in them
    "zstd": zstandard.ZstdCompressor().compress(b"") * 4000,
    "gzip, gzip": gzip.compress(gzip.compress(b"")) * 1000,
}


@pytest.mark.parametrize("coding", sorted(NOTHING))
def test_a_coding_whose_bytes_become_nothing_comes_to_an_end(coding: str) -> None:
    """Bytes flow, so the server is not silent; none of them is of the blob, so it is never longer than its descriptor says."""

    async def answer(server: Server, request: web.Request) -> web.StreamResponse | None:
        response = web.StreamResponse(headers={"Content-Encoding": coding})
        await response.prepare(request)
        try:
            await response.write(zlib.compress(b"", 0)[:2] if coding == "deflate" else b"")
            while request.transport is not None and not request.transport.is_closing():
                await response.write(NOTHING[coding])
                await asyncio.sleep(0)
        except ConnectionError:
            pass  # cut off, as it should be
        return response

    async def work() -> None:
        async with serving(answer) as server, at(server.netloc) as registry:
            with pytest.raises(DataLoss, match="in a coding that only makes it longer"):
                async for _ in registry.fetch(BLOB):
                    pass

    run(work)


def test_a_coding_that_makes_a_blob_somewhat_longer_is_taken() -> None:
    """Bytes that can't be compressed become more, and an encoder may begin anew for each of its pieces."""
    packed = b"".join(gzip.compress(DATA[i : i + 64], 0) for i in range(0, len(DATA), 64))
    assert len(DATA) < len(packed) < 2 * len(DATA)

    async def answer(server: Server, request: web.Request) -> web.StreamResponse | None:
        return web.Response(body=packed, headers={"Content-Encoding": "gzip"})

    async def work() -> None:
        async with serving(answer) as server, at(server.netloc) as registry:
            assert b"".join([piece async for piece in registry.fetch(BLOB)]) == DATA

    run(work)


# -- headers --


def test_a_challenge_that_is_one_long_word_is_read_in_no_time() -> None:
    """Sixty headers of eight thousand letters are within what HTTP allows."""
    header = b"WWW-Authenticate: Bearer " + b"a" * 8000 + b"\r\n"
    answer = b"HTTP/1.1 401 Unauthorized\r\n" + header * 60 + b"Content-Length: 0\r\n\r\n"

    async def work() -> None:
        async with saying(answer) as netloc, at(netloc) as registry:
            began = time.process_time()
            with pytest.raises(ArgosyError, match="offers no way to authenticate"):
                await registry.resolve()
            # Of this process alone: twenty seconds, where each letter may begin a name.
            assert time.process_time() - began < 5

    run(work)


@pytest.mark.parametrize(
    ("header", "match"),
    [
        ('WWW-Authenticate: Bearer realm="http://h\\evil/",service="s"', "is no web address"),
        ('WWW-Authenticate: Bearer realm="http://{netloc}/\xff?a=\xfe",service="\xff",scope="\xfe"', "token service"),
        ('WWW-Authenticate: Basic realm="\xff"', "user name and a password"),
    ],
)
@pytest.mark.parametrize("secret", [None, Credentials("", "refresh"), Credentials("me", "word")])
def test_a_challenge_in_any_bytes_is_an_error_of_ours(header: str, match: str, secret: Credentials | None) -> None:
    async def work() -> None:
        async with saying(b"HTTP/1.1 500 no\r\nContent-Length: 0\r\n\r\n") as service:
            line = header.replace("{netloc}", service).encode("latin-1")
            async with (
                saying(b"HTTP/1.1 401 no\r\n" + line + b"\r\nContent-Length: 0\r\n\r\n") as netloc,
                at(netloc, secret) as registry,
            ):
                with pytest.raises(ArgosyError) as caught:
                    await registry.resolve()
                # A name and a password answer Basic, and are refused once more.
                assert match in caught.value.message or "answered 401" in caught.value.message
                assert "word" not in caught.value.message.replace("password", "")

    run(work)


@pytest.mark.parametrize("location", [b"http://h\\evil/", b"//h\\@127.0.0.1/", b"http://\xff\\/", b"http://me:word@h/"])
def test_an_address_that_readers_disagree_about_is_none(location: bytes) -> None:
    """Where the host ends behind a backslash some see another one than others: nobody goes there, and nobody stumbles over it."""
    answer = b"HTTP/1.1 307 x\r\nLocation: " + location + b"\r\nContent-Length: 0\r\n\r\n"

    async def work() -> None:
        async with saying(answer) as netloc, at(netloc) as registry:
            with pytest.raises(ArgosyError, match="is no web address"):
                await registry.resolve()
            foreign = Descriptor(media_type=LAYER, digest=BLOB.digest, size=BLOB.size, urls=[location.decode("latin-1")])
            with pytest.raises(ArgosyError, match="is no web address|which is no web address"):
                async for _ in registry.fetch(foreign):
                    pass

    run(work)


def test_a_digest_that_is_none_is_told_in_a_line() -> None:
    """What a header says is anybody's: it is shown as far as it can be, and not whole."""
    said = b"sha256:\xff\xfe\x1b[31m" + b"z" * 6000
    answer = (
        b"HTTP/1.1 200 ok\r\nContent-Length: 10\r\nContent-Type: " + MANIFEST.encode() + b"\r\n"
        b"Docker-Content-Digest: " + said + b"\r\n\r\n"
    )  # fmt: skip

    async def work() -> None:
        async with saying(answer) as netloc, at(netloc) as registry:
            with pytest.raises(InvalidArgument, match="failed validation") as caught:
                await registry.resolve()
            assert caught.value.message.isprintable() and len(caught.value.message) < 300

    run(work)


@pytest.mark.parametrize("text", ["\x1b]0;owned\x07:1", "sha256:" + "Z" * 9_000_000, "\ud800", "md5:" + "0" * 32])
def test_a_text_that_is_no_digest_is_refused_in_a_line(text: str) -> None:
    with pytest.raises(InvalidArgument, match="failed validation") as caught:
        Digest.parse(text)
    assert caught.value.message.isprintable() and len(caught.value.message) < 300


# -- addresses of a descriptor --


def test_of_a_descriptors_addresses_some_are_asked_and_not_a_hundred_thousand() -> None:
    async def work() -> None:
        async with serving() as server, serving() as elsewhere, at(server.netloc) as registry:
            urls = [f"{elsewhere.url}/{i}" for i in range(1000)]
            layer = Descriptor(media_type=LAYER, digest=BLOB.digest, size=BLOB.size, urls=urls)
            with pytest.raises(ArgosyError):
                async for _ in registry.fetch(layer):
                    pass
            assert 0 < len({seen.path for seen in elsewhere.seen}) <= 16

    run(work)


# -- uploads --


async def whole() -> AsyncGenerator[bytes, None]:
    for i in range(0, len(DATA), 1 << 16):
        yield DATA[i : i + (1 << 16)]


@pytest.mark.parametrize("lie", ["more than was sent", "all but a byte, then nothing", "always the same", "beyond its end"])
def test_an_upload_to_a_registry_that_lies_about_what_it_has_ends(lie: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """It refuses what it is sent and says each time to have come further: without a bound of ours that goes on for ever."""
    monkeypatch.setattr(pace, "BACK_OFF_S", 0.0)

    async def work() -> None:
        begun = asked = 0

        async def answer(server: Server, request: web.Request) -> web.StreamResponse | None:
            nonlocal begun, asked
            if request.method == "POST":
                begun += 1
                return web.Response(status=202, headers={"Location": f"/up/{begun}"})
            if request.method in ("PUT", "PATCH"):
                await request.read()
                return web.Response(status=503)
            asked += 1
            if lie == "all but a byte, then nothing":
                return (
                    web.Response(status=404)
                    if asked % 2 == 0
                    else web.Response(status=204, headers={"Range": f"0-{len(DATA) - 2}"})
                )
            has = {"more than was sent": 300_000 * asked, "always the same": 700_000, "beyond its end": len(DATA) * 2}[lie]
            return web.Response(status=204, headers={"Range": f"0-{has}", "Location": f"/up/{begun}"})

        async with serving(answer) as server, at(server.netloc) as registry:
            with pytest.raises(Unavailable):
                await registry.push_blob(BLOB.digest, BLOB.size, whole)
            assert len(server.seen) < 60

    run(work)


def test_bytes_that_never_left_are_not_left_out_because_a_registry_says_that_it_has_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Its word would make a blob with a hole: what it has of what was never sent is something else."""
    monkeypatch.setattr(pace, "BACK_OFF_S", 0.0)

    async def work() -> None:
        kept: list[bytes] = []

        async def answer(server: Server, request: web.Request) -> web.StreamResponse | None:
            if request.method == "POST":
                return web.Response(status=202, headers={"Location": "/up/1"})
            if request.method == "GET":
                return web.Response(status=204, headers={"Range": f"0-{len(DATA) // 2}", "Location": "/up/1"})
            kept.append(await request.read())
            return web.Response(status=201 if request.method == "PUT" else 202, headers={"Location": "/up/1"})

        async def nothing() -> AsyncGenerator[bytes, None]:
            for data in (b"",):
                if not data:
                    raise Unavailable("the source is gone")
                yield data

        sources = iter((nothing, whole))

        async with serving(answer) as server, at(server.netloc) as registry:
            await registry.push_blob(BLOB.digest, BLOB.size, lambda: next(sources)())
        assert b"".join(kept) == DATA

    run(work)


# -- headers of a client's --


@pytest.mark.parametrize(
    "headers",
    [{"X\r\nEvil": "a"}, {"b": "c\r\nd: e"}, {"": "a"}, {"a b": "c"}, {"n\ud800": "a"}, {"z": "\0"}, {"Content-Length": "5"}, {"transfer-encoding": "chunked"},
     {"Host": "elsewhere"}, {"Range": "bytes=1-2"}],
    ids=str,
)  # fmt: skip
def test_headers_that_a_client_wants_are_headers_and_leave_the_request_as_it_is(headers: dict[str, str]) -> None:
    """With a length of its own a request waits for bytes that do not come; with another host it is somebody else's."""
    with pytest.raises(InvalidArgument, match="header"):
        Registry(Reference.parse("localhost/a/b:1"), headers=headers)


def test_other_headers_go_along() -> None:
    async def work() -> None:
        async with serving() as server:
            server.image("a/b:1", [b"x"])
            named = {"X-Meta-A": "b c\t\xe9", "Authorization": "Bearer x"}
            async with Registry(Reference.parse(f"{server.netloc}/a/b:1"), headers=named) as registry:
                await registry.resolve()
            assert server.seen[0].headers["X-Meta-A"] and server.seen[0].headers["Authorization"] == "Bearer x"

    run(work)
