"""Mirrors of hosts.toml: their order, what makes the next one be asked, and keys that are not known here."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from aiohttp import web
from argosy import log
from argosy.client.hosts import hosts_for
from argosy.client.registry import Registry
from argosy.errors import ArgosyError, Unavailable
from argosy.oci.image import Descriptor
from argosy.oci.reference import Reference

from tests.harness.web import LAYER, Authority, Server, hosts_toml, serving, sha256

LAYER_BYTES = bytes(range(256)) * 4096

Broken = Callable[[Server, web.Request], Awaitable[web.StreamResponse | None]]


async def fetched(real: Server, config: Path) -> bytes:
    """Resolve a/b:1, fetch its manifest and its one layer."""
    reference = Reference.parse(f"{real.netloc}/a/b:1")
    async with Registry(reference, hosts=hosts_for(real.netloc, config=config)) as registry:
        target = await registry.resolve()
        document = b"".join([c async for c in registry.fetch(target)])
        assert sha256(document) == target.digest
        layer = Descriptor(media_type=LAYER, digest=sha256(LAYER_BYTES), size=len(LAYER_BYTES))
        return b"".join([c async for c in registry.fetch(layer)])


def told(status: int, headers: dict[str, str] | None = None, body: bytes = b"{}") -> Broken:
    async def answer(server: Server, request: web.Request) -> web.StreamResponse:
        return web.Response(status=status, headers=headers, body=body)

    return answer


async def closes(server: Server, request: web.Request) -> web.StreamResponse | None:
    assert request.transport is not None
    request.transport.close()
    return web.Response()


async def stops_in_blobs(server: Server, request: web.Request) -> web.StreamResponse | None:
    """Send a little of each blob, and end the connection."""
    if "/blobs/" not in request.path:
        return None
    whole = server.serve(request)
    assert isinstance(whole, web.Response) and isinstance(whole.body, bytes)
    response = web.StreamResponse(status=whole.status, headers={**whole.headers, "Content-Length": str(len(whole.body))})
    await response.prepare(request)
    await response.write(whole.body[:1000])
    assert request.transport is not None
    request.transport.close()
    return response


async def ends_early_in_blobs(server: Server, request: web.Request) -> web.StreamResponse | None:
    """Send a little of each blob in pieces, and a proper end."""
    if "/blobs/" not in request.path:
        return None
    response = web.StreamResponse(status=200)
    response.enable_chunked_encoding()
    await response.prepare(request)
    await response.write(LAYER_BYTES[:1000])
    return response


async def other_size(server: Server, request: web.Request) -> web.StreamResponse | None:
    return web.Response(body=b"an error page", content_type="text/html") if "/blobs/" in request.path else None


@pytest.mark.parametrize(
    "answer",
    [
        told(401), told(401, {"WWW-Authenticate": "Negotiate"}), told(401, {"WWW-Authenticate": 'Bearer realm="http://127.0.0.1:1/t"'}),
        told(403), told(404), told(429, {"Retry-After": "3600"}), told(500), told(503, {"Retry-After": "3600"}),
        told(302, {"Location": "ftp://127.0.0.1/"}), told(302, {"Location": "/again"}), told(200, {"Docker-Content-Digest": "odd"}),
        told(204), closes, stops_in_blobs, ends_early_in_blobs, other_size,
    ],
)  # fmt: skip
def test_a_mirror_that_fails_leaves_it_to_the_registry(tmp_path: Path, answer: Broken) -> None:
    async def work() -> None:
        async with serving(answer) as mirror, serving() as real:
            for server in (mirror, real):
                server.image("a/b:1", [LAYER_BYTES])
            text = f'server = "{real.url}"\n[host."{mirror.url}"]\ncapabilities = ["pull", "resolve"]\n'
            assert await fetched(real, hosts_toml(tmp_path, real.netloc, text)) == LAYER_BYTES
            assert mirror.seen and any(seen.method == "GET" for seen in real.seen)

    asyncio.run(asyncio.wait_for(work(), 30))


def test_a_mirror_that_cannot_be_reached_or_trusted_leaves_it_to_the_registry(tmp_path: Path) -> None:
    authority = Authority(tmp_path / "ca")

    async def work() -> None:
        with socket.socket() as closed:
            closed.bind(("127.0.0.1", 0))
            dead = f"http://127.0.0.1:{closed.getsockname()[1]}"
        async with serving(tls=authority.server()) as untrusted, serving() as plain, serving() as real:
            real.image("a/b:1", [LAYER_BYTES])
            for address in (dead, untrusted.url, f"https://{plain.netloc}", "http://mirror.invalid"):
                text = f'server = "{real.url}"\n[host."{address}"]\n'
                assert await fetched(real, hosts_toml(tmp_path, real.netloc, text)) == LAYER_BYTES

    asyncio.run(asyncio.wait_for(work(), 30))


def test_mirrors_are_asked_in_the_order_of_the_file_and_the_registry_last(tmp_path: Path) -> None:
    asked: list[str] = []

    async def answer(server: Server, request: web.Request) -> web.StreamResponse | None:
        asked.append(server.netloc)
        return None if server.tags else web.Response(status=404)

    async def work() -> None:
        async with serving(answer) as one, serving(answer) as two, serving(answer) as three, serving(answer) as real:
            real.image("a/b:1", [LAYER_BYTES])
            order = sorted((one, two, three), key=lambda s: s.netloc, reverse=True)
            text = "".join(f'[host."{s.url}"]\n' for s in order)
            assert await fetched(real, hosts_toml(tmp_path, real.netloc, text)) == LAYER_BYTES
            assert asked[:3] == [s.netloc for s in order] and asked.index(real.netloc) > max(
                asked.index(s.netloc) for s in order
            )

    asyncio.run(asyncio.wait_for(work(), 30))


def test_when_nobody_has_it_the_registry_is_the_one_that_is_named(tmp_path: Path) -> None:
    async def work() -> None:
        async with serving(told(404)) as mirror, serving(told(500, body=b"out of order")) as real:
            config = hosts_toml(tmp_path, real.netloc, f'server = "{real.url}"\n[host."{mirror.url}"]\n')
            with pytest.raises(Unavailable, match=r"500 \(out of order\)"):
                await fetched(real, config)

    asyncio.run(work())


@pytest.mark.parametrize(
    ("line", "hint"),
    [
        ("clients = 1", 'did you mean "client"?'),
        ("dial_timeot = '3s'", "dial_timeout"),
        ("zebra = {a = 1}", "known keys: ca,"),
    ],
)
@pytest.mark.parametrize("table", ["", '[host."http://127.0.0.1:1"]\n'])
def test_an_unknown_key_is_warned_about(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, table: str, line: str, hint: str
) -> None:
    """Newer daemons' files have keys that we do not know: what they say is left out, and that is told."""
    events: list[dict[str, str]] = []
    monkeypatch.setattr(log.Logger, "warning", lambda _, event, **keys: events.append({"event": event, **keys}))
    config = hosts_toml(tmp_path, "r.example", f"{table}capabilities = ['pull']\n{line}\n")
    hosts = hosts_for("r.example", config=config)
    assert hosts[-1].is_registry and "pull" in hosts[0].capabilities and "push" not in hosts[0].capabilities
    (told,) = events
    assert told["event"] == "hosts.unknown_key_ignored" and told["key"] == line.split()[0] and hint in told["hint"]
    assert told["file"] == str(config / "r.example" / "hosts.toml")


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("3s", 3.0),
        ("500ms", 0.5),
        ("1m30s", 90.0),
        ("1.5h", 5400.0),
        ("250us", 0.00025),
        ("+2s", 2.0),
        ("0", None),
        ("0s", None),
    ],
)
def test_dial_timeouts_are_go_durations(tmp_path: Path, text: str, seconds: float | None) -> None:
    config = hosts_toml(tmp_path, "r.example", f'[host."http://m.example"]\ndial_timeout = "{text}"\n')
    assert hosts_for("r.example", config=config)[0].dial_timeout_s == (pytest.approx(seconds) if seconds else None)


def test_a_mirror_that_does_not_take_connections_is_left_after_its_dial_timeout(tmp_path: Path) -> None:
    async def work() -> None:
        # A queue of connections that is full: the kernel answers no more, as a firewall would.
        with socket.socket() as full:
            full.bind(("127.0.0.1", 0))
            full.listen(0)
            waiting = [socket.socket() for _ in range(4)]
            try:
                for one in waiting:
                    one.setblocking(False)
                    one.connect_ex(full.getsockname())
                async with serving() as real:
                    real.image("a/b:1", [LAYER_BYTES])
                    text = (
                        f'server = "{real.url}"\n[host."http://127.0.0.1:{full.getsockname()[1]}"]\ndial_timeout = "100ms"\n'
                    )
                    assert await fetched(real, hosts_toml(tmp_path, real.netloc, text)) == LAYER_BYTES
            finally:
                for one in waiting:
                    one.close()

    asyncio.run(asyncio.wait_for(work(), 10))


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (b"\x1b[2J nonsense\r\n\r\n", "it answers with what is no HTTP"),
        (b"HTTP/1.1 200 OK\r\nno header at all\r\n\r\n", "it answers with what is no HTTP"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 1048576\r\n\r\nshort", "its answer ended early"),
    ],
)
def test_an_answer_that_is_none_is_told_in_words(answer: bytes, words: str) -> None:
    """By what is wrong with it, not by the name of a class; and nothing of it reaches a terminal as it is."""

    async def babble(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        writer.close()
        await writer.wait_closed()

    async def work() -> None:
        server = await asyncio.start_server(babble, "127.0.0.1", 0)
        async with (
            server,
            Registry(Reference.parse(f"127.0.0.1:{server.sockets[0].getsockname()[1]}/a/b:1"), plain=True) as registry,
        ):
            with pytest.raises(ArgosyError) as caught:
                layer = Descriptor(media_type=LAYER, digest=sha256(LAYER_BYTES), size=len(LAYER_BYTES))
                _ = [c async for c in registry.fetch(layer)]
            assert words in caught.value.message and caught.value.message.isprintable(), caught.value.message

    asyncio.run(asyncio.wait_for(work(), 30))


def test_capabilities_of_newer_containerd_are_known(tmp_path: Path) -> None:
    config = hosts_toml(tmp_path, "r.example", '[host."http://m.example"]\ncapabilities = ["Pull", "referrers"]\n')
    assert hosts_for("r.example", config=config)[0].capabilities == {"pull", "referrers"}


def test_the_files_of_authorities_and_clients_are_read_again_when_they_were_changed(tmp_path: Path) -> None:
    """A pull may take hours, and certificates are replaced meanwhile; what cannot be read is as it was."""
    one, other = Authority(tmp_path / "one"), Authority(tmp_path / "other")

    async def work() -> None:
        reference = Reference.parse("registry.invalid/a/b:1")
        async with serving(tls=one.server()) as first, serving(tls=other.server()) as second:
            for server in (first, second):
                server.image("a/b:1", [LAYER_BYTES])
            config = hosts_toml(
                tmp_path / "config", "registry.invalid",
                f'server = "{second.url}"\nca = "ca.pem"\n[host."{first.url}"]\nca = "ca.pem"\n',
            )  # fmt: skip
            ca = config / "registry.invalid" / "ca.pem"
            ca.write_bytes(one.certificate.read_bytes())
            async with Registry(reference, hosts=hosts_for("registry.invalid", config=config)) as registry:
                await registry.resolve()
                assert first.seen and not second.seen
                ca.write_text("no certificate at all")
                await registry.resolve()
                assert not second.seen
                ca.write_bytes(other.certificate.read_bytes())
                await registry.resolve()
                assert second.seen

    asyncio.run(asyncio.wait_for(work(), 30))
