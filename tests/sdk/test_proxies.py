"""HTTP_PROXY, HTTPS_PROXY and NO_PROXY: who goes through which proxy, as Go's programs do, and what the proxy is told."""

from __future__ import annotations

import asyncio
import base64
import traceback
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from aiohttp import web
from argosy.client.credentials import Credentials
from argosy.client.hosts import Host, Origin, hosts_for
from argosy.client.proxies import Proxies
from argosy.client.registry import Registry
from argosy.errors import ArgosyError, InvalidArgument, Unauthenticated, Unavailable
from argosy.oci.image import Descriptor
from argosy.oci.reference import Reference

from tests.harness.web import LAYER, Authority, Server, hosts_toml, serving, sha256

LAYER_BYTES = b"layer" * 1000
PROXY = "http://proxy.example:3128"


def goes(url: str, **environment: str) -> str:
    """Return the proxy's address for a request; "" when it goes there itself."""
    proxy = Proxies.of_environment(environment).of(Origin.of(url))
    return proxy.url if proxy is not None else ""


@pytest.mark.parametrize(
    ("exceptions", "url", "proxied"),
    [
        ("", "http://r.example", True),
        ("", "http://localhost:5000", False),
        ("", "http://LOCALHOST", False),
        ("", "https://127.0.0.1", False),
        ("", "https://127.9.9.9:5000", False),
        ("", "https://[::1]:5000", False),
        ("", "https://[::ffff:127.0.0.1]:5000", False),
        ("", "https://127.example", True),
        ("", "https://localhost.example", True),
        ("*", "https://r.example", False),
        ("a, * ,b", "https://r.example", False),
        ("*example", "https://r.example", True),
        ("r.example", "https://r.example", False),
        ("r.example", "https://sub.r.example", False),
        ("r.example", "https://xr.example", True),
        ("R.Example", "https://r.EXAMPLE", False),
        (".r.example", "https://r.example", True),
        (".r.example", "https://sub.r.example", False),
        ("*.r.example", "https://r.example", True),
        ("*.r.example", "https://sub.r.example", False),
        ("example", "https://r.example", False),
        ("a.example , r.example", "https://r.example", False),
        ("a.example r.example", "https://r.example", True),
        ("r.example:443", "https://r.example", False),
        ("r.example:443", "https://r.example:5000", True),
        ("r.example:80", "http://r.example", False),
        ("r.example:5000", "http://sub.r.example:5000", False),
        ("r.example:port", "https://r.example", True),
        (":443", "https://r.example", True),
        ("10.0.0.1", "https://10.0.0.1:5000", False),
        ("10.0.0.1:5000", "https://10.0.0.1:5000", False),
        ("10.0.0.1:5000", "https://10.0.0.1", True),
        ("0.0.1", "https://10.0.0.1", False),
        ("10.0.0.0/8", "https://10.200.0.1", False),
        ("10.0.0.7/8", "https://10.200.0.1", False),
        ("10.0.0.0/8", "https://11.0.0.1", True),
        ("10.0.0.0/8", "https://10.example", True),
        ("10.0.0.0/99", "https://10.0.0.1", True),
        ("fd00::/8", "https://[fd12::1]:5000", False),
        ("fd00::1", "https://[fd00::1]", False),
        ("fd00::1", "https://[fd00:0:0::1]", False),
        ("[fd00::1]:5000", "https://[fd00::1]:5000", False),
        ("[fd00::1]:5000", "https://[fd00::1]:5001", True),
        ("[fd00::1]", "https://[fd00::1]", False),
        ("bücher.example", "https://xn--bcher-kva.example", False),
        (",,", "https://r.example", True),
    ],
)
def test_exceptions_are_gos(exceptions: str, url: str, proxied: bool) -> None:
    for name in ("NO_PROXY", "no_proxy"):
        environment = {"HTTP_PROXY": PROXY, "HTTPS_PROXY": PROXY, name: exceptions}
        assert goes(url, **environment) == (PROXY if proxied else "")


def test_each_scheme_has_its_proxy_and_upper_case_goes_first() -> None:
    assert goes("http://r.example", HTTPS_PROXY=PROXY) == "" == goes("https://r.example", HTTP_PROXY=PROXY)
    assert goes("http://r.example", http_proxy=PROXY) == PROXY == goes("https://r.example", https_proxy=PROXY)
    assert goes("http://r.example", HTTP_PROXY=PROXY, http_proxy="http://other") == PROXY
    assert goes("http://r.example", HTTP_PROXY="", http_proxy=PROXY) == PROXY
    assert goes("http://r.example", ALL_PROXY=PROXY) == ""


def test_a_proxy_may_be_written_without_a_scheme() -> None:
    for text, url in (
        ("p.example:3128", "http://p.example:3128"), ("p.example", "http://p.example:80"), ("10.0.0.1:80", "http://10.0.0.1:80"),
        ("https://p.example", "https://p.example:443"), ("http://[fd00::1]:3128/", "http://[fd00::1]:3128"), (" p:1 ", "http://p:1"),
    ):  # fmt: skip
        assert goes("http://r.example", HTTP_PROXY=text) == url


def test_what_asks_over_cgi_chooses_no_proxy() -> None:
    """CVE-2016-5385: there HTTP_PROXY is a header of the request."""
    assert goes("http://r.example", REQUEST_METHOD="GET", HTTP_PROXY=PROXY) == ""
    assert goes("http://r.example", REQUEST_METHOD="GET", HTTP_PROXY=PROXY, http_proxy="http://p:1") == "http://p:1"


@pytest.mark.parametrize(
    "text", ["http://me:s3cret@", "ftp://me:s3cret@p.example", "http://me:s3cret@p:port", "socks5://me:s3cret@p:1", "http://me:s3cret@[::"]
)  # fmt: skip
def test_a_proxy_that_is_none_is_named_by_its_variable_and_not_shown(text: str) -> None:
    with pytest.raises(InvalidArgument, match="HTTPS_PROXY") as caught:
        goes("https://r.example", HTTPS_PROXY=text)
    assert "s3cret" not in "".join(traceback.format_exception(caught.value, limit=0))


def test_names_and_passwords_are_decoded_and_not_shown() -> None:
    for text, pair in (("me:p%40ss%3A", "me:p@ss:"), ("me", "me:"), ("m%C3%BC:x", "mü:x"), ("%3A:x", "::x")):
        proxy = Proxies.of_environment({"HTTP_PROXY": f"http://{text}@p.example"}).of(Origin.of("http://r.example"))
        assert proxy is not None and proxy.authorization == "Basic " + base64.b64encode(pair.encode()).decode()
        assert repr(proxy) == "Proxy('http://p.example:80')"


@dataclass
class Forwarder:
    """A forward proxy on loopback; every name leads to the same place."""

    netloc: str = ""
    heads: list[str] = field(default_factory=list)
    refusal: str = ""


@asynccontextmanager
async def forwarding(upstream: str, refusal: str = "") -> AsyncIterator[Forwarder]:
    """A proxy that knows CONNECT and whole addresses, one request a connection; with a refusal, it answers that to all."""
    proxy = Forwarder(refusal=refusal)
    host, _, port = upstream.rpartition(":")
    serving_now: set[asyncio.Task[None]] = set()

    async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            with suppress(OSError):
                while data := await reader.read(65536):
                    writer.write(data)
                    await writer.drain()
        finally:
            writer.close()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        serving_now.add(task)
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        proxy.heads.append(head)
        if proxy.refusal:
            writer.write(f"HTTP/1.1 {proxy.refusal}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".encode())
            writer.close()
            return
        far_reader, far_writer = await asyncio.open_connection(host, int(port))
        method, url, _ = head.split(" ", 2)
        if method == "CONNECT":
            writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        else:
            path = "/" + url.split("/", 3)[3]
            lines = [line for line in head.split("\r\n")[1:-2] if not line.lower().startswith("proxy-")]
            far_writer.write("\r\n".join([f"{method} {path} HTTP/1.1", "Connection: close", *lines, "", ""]).encode())
        await asyncio.gather(pump(reader, far_writer), pump(far_reader, writer))

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    proxy.netloc = f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield proxy
    finally:
        server.close()
        for task in serving_now:
            task.cancel()
        await asyncio.gather(*serving_now, return_exceptions=True)
        await asyncio.sleep(0)  # transports close in the loop's next round


async def fetched(hosts: list[Host], credentials: Credentials | None = None) -> bytes:
    reference = Reference.parse("registry.invalid/a/b:1")
    async with Registry(reference, hosts=hosts, credentials=credentials) as registry:
        target = await registry.resolve()
        assert sha256(b"".join([c async for c in registry.fetch(target)])) == target.digest
        layer = Descriptor(media_type=LAYER, digest=sha256(LAYER_BYTES), size=len(LAYER_BYTES))
        return b"".join([c async for c in registry.fetch(layer)])


def test_plain_requests_go_through_the_proxy_with_its_password(monkeypatch: pytest.MonkeyPatch) -> None:
    async def work() -> None:
        async with serving() as real, forwarding(real.netloc) as proxy:
            real.image("a/b:1", [LAYER_BYTES])
            monkeypatch.setenv("http_proxy", f"http://me:s3cret@{proxy.netloc}")
            assert await fetched([Host("http://registry.invalid/v2")]) == LAYER_BYTES
            assert proxy.heads and all(" http://registry.invalid/v2/a/b/" in head for head in proxy.heads)
            assert all(
                f"Proxy-Authorization: Basic {base64.b64encode(b'me:s3cret').decode()}" in head for head in proxy.heads
            )

    asyncio.run(asyncio.wait_for(work(), 20))


def test_requests_over_tls_go_through_a_tunnel_that_sees_no_secret(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    authority = Authority(tmp_path / "ca")
    me = Credentials("user", "password")

    async def answer(server: Server, request: web.Request) -> web.Response | None:
        if request.headers.get("Authorization") == me.header:
            return None
        return web.Response(status=401, headers={"WWW-Authenticate": "Basic realm=x"})

    async def work() -> None:
        async with serving(answer, tls=authority.server()) as real, forwarding(real.netloc) as proxy:
            real.image("a/b:1", [LAYER_BYTES])
            monkeypatch.setenv("HTTPS_PROXY", f"me:s3cret@{proxy.netloc}")
            text = f'server = "https://registry.invalid"\nca = "{authority.certificate}"\n'
            hosts = hosts_for("registry.invalid", config=hosts_toml(tmp_path, "registry.invalid", text))
            assert await fetched(hosts, me) == LAYER_BYTES
            assert proxy.heads and all(head.startswith("CONNECT registry.invalid:443 ") for head in proxy.heads)
            assert all("Proxy-Authorization: Basic " in head for head in proxy.heads)
            assert not any("\r\nAuthorization" in head for head in proxy.heads)
            assert not any("Proxy-Authorization" in seen.headers for seen in real.seen)

    asyncio.run(asyncio.wait_for(work(), 20))


def test_an_upload_goes_through_the_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    async def answer(server: Server, request: web.Request) -> web.Response | None:
        if request.method == "POST":
            return web.Response(status=202, headers={"Location": "http://registry.invalid/upload/1"})
        if request.method == "PUT":
            server.keep(await request.read())
            return web.Response(status=201)
        return None

    async def body() -> AsyncIterator[bytes]:
        yield LAYER_BYTES

    async def work() -> None:
        async with serving(answer) as real, forwarding(real.netloc) as proxy:
            monkeypatch.setenv("HTTP_PROXY", f"http://{proxy.netloc}")
            async with Registry(Reference.parse("registry.invalid/a/b:1"), plain=True) as registry:
                await registry.push_blob(sha256(LAYER_BYTES), len(LAYER_BYTES), body)
            assert real.blobs[sha256(LAYER_BYTES)] == LAYER_BYTES
            assert [head.split(" ")[0] for head in proxy.heads] == ["POST", "PUT"]

    asyncio.run(asyncio.wait_for(work(), 20))


def test_loopback_and_exceptions_do_not_go_through_it(monkeypatch: pytest.MonkeyPatch) -> None:
    async def work() -> None:
        async with serving() as real, forwarding(real.netloc) as proxy:
            real.image("a/b:1", [LAYER_BYTES])
            monkeypatch.setenv("HTTP_PROXY", f"http://{proxy.netloc}")
            assert await fetched([Host(f"{real.url}/v2")]) == LAYER_BYTES
            monkeypatch.setenv("NO_PROXY", ".invalid")
            with pytest.raises(Unavailable):
                await fetched([Host("http://registry.invalid/v2")])
            assert not proxy.heads

    asyncio.run(asyncio.wait_for(work(), 20))


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_proxy_that_refuses_or_is_gone_is_said_to_be_the_proxy(monkeypatch: pytest.MonkeyPatch, scheme: str) -> None:
    async def failure() -> ArgosyError:
        with pytest.raises(ArgosyError) as caught:
            await fetched([Host(f"{scheme}://registry.invalid/v2")])
        assert "s3cret" not in "".join(traceback.format_exception(caught.value))
        return caught.value

    async def work() -> None:
        async with forwarding("127.0.0.1:1", "407 Proxy Authentication Required") as proxy:
            monkeypatch.setenv(f"{scheme.upper()}_PROXY", f"http://me:s3cret@{proxy.netloc}")
            refused = await failure()
            assert "proxy answered 407" in refused.message and "http://name:password@host:port" in refused.message
            assert isinstance(refused, Unauthenticated if scheme == "http" else Unavailable)
            netloc = proxy.netloc
        assert (
            f"the proxy of HTTP_PROXY or HTTPS_PROXY cannot be reached: Cannot connect to host {netloc}"
            in (await failure()).message
        )

    asyncio.run(asyncio.wait_for(work(), 20))


def test_a_proxy_over_tls_never_sees_a_client_certificate(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    authority = Authority(tmp_path / "ca")
    certificate, key = authority.issue("me")
    text = f'server = "https://registry.invalid"\nclient = [["{certificate}", "{key}"]]\n'
    hosts = hosts_for("registry.invalid", config=hosts_toml(tmp_path, "registry.invalid", text))
    monkeypatch.setenv("HTTPS_PROXY", "https://127.0.0.1:1")
    with pytest.raises(InvalidArgument, match="proxy over TLS"):
        asyncio.run(fetched(hosts))
