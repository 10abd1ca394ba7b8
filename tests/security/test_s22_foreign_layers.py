"""S22: where a descriptor's own ``urls`` and a registry's redirects lead, nobody's credentials come along (CVE-2020-15157)."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest
from aiohttp import web
from argosy.client.credentials import Credentials
from argosy.client.registry import Registry
from argosy.errors import ArgosyError, Unauthenticated, Unknown
from argosy.oci.image import Descriptor
from argosy.oci.reference import Reference

from tests.harness.web import Server, serving

ME = Credentials("me", "secret")
LAYER = Descriptor(media_type="x/layer", digest="sha256:" + "2" * 64, size=7)


def run(work: Callable[[], Awaitable[None]]) -> None:
    async def main() -> None:
        await work()

    asyncio.run(main())


async def layer_at(server: Server, descriptor: Descriptor) -> bytes:
    async with Registry(Reference.parse(f"{server.netloc}/a/b:1"), credentials=ME) as registry:
        return b"".join([c async for c in registry.fetch(descriptor)])


async def locked(server: Server, request: web.Request) -> web.Response | None:
    """A registry that knows us by name and password, and lacks every blob."""
    if request.headers.get("Authorization") != ME.header:
        return web.Response(status=401, headers={"WWW-Authenticate": "Basic realm=here"})
    return None


async def store(server: Server, request: web.Request) -> web.Response | None:
    """A store of foreign layers that would like to know who we are."""
    if request.path == "/nosy":
        return web.Response(status=401, headers={"WWW-Authenticate": f'Bearer realm="{server.url}/token"'})
    if request.path == "/onward":
        return web.Response(status=302, headers={"Location": f"{server.url}/layer"})
    return web.Response(body=b"foreign")


def test_a_descriptors_own_address_is_fetched_with_nothing_of_ours() -> None:
    """Also where it redirects, and beside a registry that has just been told our password."""

    async def work() -> None:
        async with serving(locked) as real, serving(store) as foreign:
            for path in ("layer", "onward"):
                assert await layer_at(real, replace(LAYER, urls=[f"{foreign.url}/{path}"])) == b"foreign"
            assert foreign.secrets() == [] and ME.header in real.secrets()

    run(work)


def test_a_foreign_address_that_asks_who_we_are_gets_no_answer() -> None:
    """Its token service is not even asked; another address of the descriptor is."""

    async def work() -> None:
        async with serving(locked) as real, serving(store) as foreign:
            nosy = replace(LAYER, urls=[f"{foreign.url}/nosy"])
            with pytest.raises(Unauthenticated):
                await layer_at(real, nosy)
            assert [seen.path for seen in foreign.seen] == ["/nosy"] and foreign.secrets() == []
            nosy.urls.append(f"{foreign.url}/layer")
            assert await layer_at(real, nosy) == b"foreign"

    run(work)


@pytest.mark.parametrize(
    "address",
    [
        "file:///etc/passwd",
        "ftp://127.0.0.1/x",
        "http://me:secret@127.0.0.1/x",
        "/etc/passwd",
        "",
        "http://a..b/x",
        "http://ö..b/x",
    ],
)
def test_an_address_that_is_none_of_the_web_is_refused(address: str) -> None:
    """No scheme but http and https, and no password in it."""

    async def work() -> None:
        async with serving(locked) as real:
            with pytest.raises(ArgosyError, match="is no web address"):
                await layer_at(real, replace(LAYER, urls=[address]))

    run(work)


@pytest.mark.parametrize(
    "location",
    [
        "file:///etc/passwd",
        "ftp://127.0.0.1/x",
        "http://[",
        "http://u:p@127.0.0.1/",
        "http://ä..b/",
        f"http://{'x' * 64}.b/",
    ],
)
def test_a_redirect_to_no_web_address_is_refused(location: str) -> None:
    """The error shows it, without what a terminal would obey."""

    async def work() -> None:
        async def answer(server: Server, request: web.Request) -> web.Response | None:
            return web.Response(status=302, headers={"Location": location})

        async with serving(answer) as real:
            with pytest.raises(Unknown, match="which is no web address"):
                await layer_at(real, LAYER)

    run(work)


def test_a_circle_of_redirects_ends() -> None:
    """After ten, and it is not tried again."""

    async def work() -> None:
        async def answer(server: Server, request: web.Request) -> web.Response | None:
            return web.Response(status=307, headers={"Location": f"{server.url}/{len(server.seen)}"})

        async with serving(answer) as real:
            with pytest.raises(Unknown, match="redirects more than 10 times"):
                await layer_at(real, LAYER)
            assert len(real.seen) == 11

    run(work)


def test_a_redirect_is_followed_as_it_is_written() -> None:
    """Who signed an address compares its bytes."""
    signed = "/s/a%2Fb/sha256%3Ax?sig=x%2By%2Fz%3D&exp=00%3A00Z&f=%22q%7E%22"

    async def work() -> None:
        async def answer(server: Server, request: web.Request) -> web.Response | None:
            return web.Response(status=307, headers={"Location": f"{foreign.url}{signed}"})

        async with serving(store) as foreign, serving(answer) as real:
            assert await layer_at(real, LAYER) == b"foreign"
            assert foreign.seen[0].path == signed

    run(work)
