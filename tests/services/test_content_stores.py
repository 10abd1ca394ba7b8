"""Several content stores: each namespace's blobs are in its own, and are read from whichever has them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from argosy.about import About
from argosy.digest import Digest
from argosy.errors import AlreadyExists, FailedPrecondition, NotFound, Unavailable, Unimplemented
from argosy.filters import EVERYTHING
from argosy.plugin.content import ContentServicer
from argosy.plugin.content.blobs import Blobs
from argosy.plugin.content.local import LocalStore
from argosy.rpc.server import Server
from argosy.tables import NamespaceTable, ProxyPlugin
from argosy_gateway.core import Core
from argosy_gateway.metadata import leases
from argosy_gateway.metadata import plugins as plugin_rows
from argosy_gateway.plugins import plugin as plugins
from argosy_gateway.registration import Registration

from tests.harness.gateways import Gateway

OWN, OTHER = "own", "other"


class Stores:
    """A gateway with the content plugins "all" and "mine"; namespace "own" has its blobs in the second."""

    def __init__(self, base: Path) -> None:
        self.base = base
        self.stores: dict[str, LocalStore] = {}
        self._servers: dict[str, Server] = {}
        self.gateway = self.a_gateway({OWN: NamespaceTable(content="mine")})

    def a_gateway(self, namespaces: dict[str, NamespaceTable]) -> Gateway:
        return Gateway(self.base, {name: self.table(name) for name in ("all", "mine")}, namespaces=namespaces)

    def table(self, name: str) -> ProxyPlugin:
        return ProxyPlugin(type="content", address=str(self.base / f"{name}.sock"))

    @property
    def core(self) -> Core:
        return self.gateway.core

    async def up(self, *names: str) -> None:
        for name in names:
            root = self.base / f"{name}.store"
            root.mkdir(exist_ok=True)
            self.stores[name] = LocalStore(Blobs(root))
            server = self._servers[name] = Server()
            server.add(ContentServicer(self.stores[name]))
            About("content", server, root=root).add()
            await server.listen_unix(self.base / f"{name}.sock")

    async def down(self, *names: str) -> None:
        for name in names:
            await self._servers.pop(name).close(0)
            (self.base / f"{name}.sock").unlink(missing_ok=True)

    async def start(self) -> None:
        await self.gateway.start()
        for ns in (OWN, OTHER):
            try:
                await self.core.change(partial(leases.create, ns=ns, id="l", labels={}))
            except AlreadyExists:
                pass  # from an earlier life

    async def put(self, ns: str, data: bytes) -> str:
        digest = str(Digest.of(data))
        writer = await self.core.content_store(ns).ingests.open(ns, "l", f"ref-{digest}", len(data), digest)
        try:
            if writer.status().offset != len(data):
                await writer.write(0, data, len(data), digest)
            await writer.commit(len(data), b"", len(data), digest, {})
        finally:
            await writer.close()
        return digest

    async def read(self, ns: str, digest: str) -> bytes:
        return b"".join([frame async for frame in self.core.content_store(ns).blobs.read(ns, digest, 0, 0)])

    async def held(self, name: str) -> set[str]:
        return {info.digest async for info in self.stores[name].walk(EVERYTHING)}

    async def collect(self) -> None:
        for content in self.core.contents.values():
            content.plugin.dirty = True
        await self.core.collect()


@asynccontextmanager
async def stores(base: Path) -> AsyncIterator[Stores]:
    it = Stores(base)
    await it.up("all", "mine")
    await it.start()
    try:
        yield it
    finally:
        await it.gateway.stop()
        await it.down(*list(it._servers))


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plugins, "ARRIVE_S", 0.1)


def run(main: Any) -> None:
    asyncio.run(asyncio.wait_for(main(), 30))


def test_each_namespace_writes_to_its_own(short_path: Path) -> None:
    """The same bytes too: nothing is linked to another store. Each is collected by what its namespaces need."""

    async def main() -> None:
        async with stores(short_path) as it:
            mine, both = await it.put(OWN, b"mine"), await it.put(OWN, b"both")
            theirs = await it.put(OTHER, b"theirs")
            assert await it.put(OTHER, b"both") == both
            assert await it.held("mine") == {mine, both} and await it.held("all") == {theirs, both}
            for ns, digest, data in (
                (OWN, mine, b"mine"),
                (OWN, both, b"both"),
                (OTHER, both, b"both"),
                (OTHER, theirs, b"theirs"),
            ):
                assert await it.read(ns, digest) == data
            with pytest.raises(NotFound):
                await it.read(OTHER, mine)
            await it.collect()
            assert await it.held("mine") == {mine, both} and await it.held("all") == {theirs, both}
            await it.core.content_store(OWN).blobs.delete(OWN, "l", mine)
            await it.core.content_store(OTHER).blobs.delete(OTHER, "l", theirs)
            await it.collect()
            assert await it.held("mine") == await it.held("all") == {both}

    run(main)


def test_one_that_is_killed_is_missed_by_its_own_namespaces_alone(short_path: Path) -> None:
    """Back, it is read again; a kill of the gateway in between loses nothing."""

    async def main() -> None:
        async with stores(short_path) as it:
            mine, theirs = await it.put(OWN, b"mine"), await it.put(OTHER, b"theirs")
            await it.down("mine")
            with pytest.raises(Unavailable, match='content plugin "mine"'):
                await it.read(OWN, mine)
            with pytest.raises(Unavailable, match='content plugin "mine"'):
                await it.put(OWN, b"new")
            assert await it.read(OTHER, theirs) == b"theirs" and await it.put(OTHER, b"new")
            await it.core.collect()
            await it.gateway.kill()
            await it.start()
            assert await it.read(OTHER, theirs) == b"theirs"
            await it.up("mine")
            await it.core.registry.named("mine").channel.connected(5)
            assert await it.read(OWN, mine) == b"mine" and await it.put(OWN, b"new")
            await it.collect()
            assert await it.held("mine") == {mine, str(Digest.of(b"new"))}

    run(main)


def test_what_another_has_is_read_from_there(short_path: Path) -> None:
    """The configuration was changed: old blobs stay where they are and are found, new ones go to the new store."""

    async def main() -> None:
        async with stores(short_path) as it:
            await it.gateway.stop()
            it.gateway = it.a_gateway({OWN: NamespaceTable(content="mine"), OTHER: NamespaceTable(content="mine")})
            await it.start()
            old = await it.put(OTHER, b"old")
            await it.gateway.stop()
            it.gateway = it.a_gateway({OWN: NamespaceTable(content="mine")})
            await it.start()
            assert await it.read(OTHER, old) == b"old" and await it.held("all") == set()
            with pytest.raises(AlreadyExists):
                await it.put(OTHER, b"old")
            await it.collect()
            assert await it.held("mine") == {old} and await it.read(OTHER, old) == b"old"
            # Its own store is down: what the other has is found all the same.
            await it.down("all")
            assert await it.read(OTHER, old) == b"old"
            await it.down("mine")
            with pytest.raises(Unavailable):
                await it.read(OTHER, old)

    run(main)


def test_which_may_be_beside_which(short_path: Path) -> None:
    """Two that nobody tells apart are refused; one that a namespace names may come while everything runs, and go once it has nothing."""

    async def main() -> None:
        it = Stores(short_path)
        with pytest.raises(FailedPrecondition, match="2 content plugins are configured"):
            await it.a_gateway({}).open()
        gateway = Gateway(short_path, {"all": it.table("all")}, namespaces={OWN: NamespaceTable(content="mine")})
        it.gateway = gateway
        await it.up("all", "mine")
        await it.start()
        registration = Registration(it.core)
        with pytest.raises(Unavailable, match='namespace "own" is in content plugin "mine", which is not registered'):
            it.core.content_store(OWN)
        with pytest.raises(FailedPrecondition, match='one content plugin can serve, and "all"'):
            await registration.add("third", it.table("third"))
        await registration.add("mine", it.table("mine"))
        digest = await it.put(OWN, b"x")
        assert await it.held("mine") == {digest} and await it.held("all") == set()
        with pytest.raises(FailedPrecondition, match='1 blobs in namespace "own"'):
            await registration.remove("mine")
        assert plugin_rows.uses(it.core.db.reader, "all", "content", it.core.in_content("all")) == []
        await it.core.content_store(OWN).blobs.delete(OWN, "l", digest)
        await registration.remove("mine")
        await gateway.stop()
        alone = Gateway(short_path, {"mine": it.table("mine")}, namespaces={OWN: NamespaceTable(content="mine")})
        it.gateway = alone
        await it.start()
        with pytest.raises(Unimplemented, match="namespaces that name it"):
            it.core.content_store(OTHER)
        await alone.stop()
        await it.down("all", "mine")

    run(main)
