"""Ingests and blobs behind the gateway: cancelled at any await, killed at any step, they are in the old state or in the new one."""

from __future__ import annotations

import asyncio
import os
import random
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import pytest
from argosy.about import About
from argosy.digest import Digest
from argosy.errors import AlreadyExists, ArgosyError, FailedPrecondition, NotFound, Unavailable
from argosy.filters import EVERYTHING
from argosy.plugin.content import ContentServicer
from argosy.plugin.content.blobs import Blobs
from argosy.plugin.content.local import LocalStore, LocalWriter
from argosy.rpc.server import Server
from argosy.tables import ProxyPlugin
from argosy_gateway.backends import changes
from argosy_gateway.backends.blobs import Blobs as Rows
from argosy_gateway.backends.content import Content
from argosy_gateway.backends.writers import IngestWriter
from argosy_gateway.metadata import leases
from argosy_gateway.plugins import plugin as plugins

from tests.harness.cancelling import at_each_await
from tests.harness.gateways import Gateway

NS = "n"


@asynccontextmanager
async def behind_a_gateway(shared: bool = True, claimed: bool = True) -> AsyncIterator[tuple[Gateway, LocalStore]]:
    """A gateway's core and a content store in one loop; a lease "l" holds what is made for it."""
    with tempfile.TemporaryDirectory(prefix="ay-", dir="/tmp") as short:
        base = Path(short)
        server = Server()
        (base / "store").mkdir()
        store = LocalStore(Blobs(base / "store"))
        server.add(ContentServicer(store))
        if claimed:
            About("content", server, root=base / "store").add()
        await server.listen_unix(base / "c.sock")
        gateway = Gateway(base, {"c": ProxyPlugin(type="content", address=str(base / "c.sock"))})
        core = await gateway.start()
        await core.change(lambda db: leases.create(db, NS, "l", {}))
        try:
            yield gateway, store
        finally:
            await gateway.stop()
            await server.close(0)


def content(gateway: Gateway) -> Content:
    return gateway.core.content_store()


async def put(gateway: Gateway, ref: str, data: bytes, lease: str | None = "l") -> str:
    """Write a blob as the servicer does it; it is there then."""
    digest = str(Digest.of(data))
    try:
        writer = await content(gateway).ingests.open(NS, lease, ref, len(data), digest)
    except AlreadyExists:
        return digest
    try:
        if writer.status().offset != len(data):
            await writer.write(writer.status().offset, data[writer.status().offset :], len(data), digest)
        await writer.commit(len(data), b"", len(data), digest, {})
    except AlreadyExists:
        pass
    except FailedPrecondition:
        # The ref has as many bytes of somebody else's from before.
        await writer.close()
        await content(gateway).ingests.abort(NS, lease, ref)
        return await put(gateway, ref, data, lease)
    finally:
        await writer.close()
    return digest


async def again(gateway: Gateway, ref: str, data: bytes) -> str:
    """Write a blob whose ref somebody lets go of at this moment, as a client would."""
    for _ in range(100):
        try:
            return await put(gateway, ref, data)
        except Unavailable:
            await asyncio.sleep(0.05)
    raise AssertionError(f"{ref} can't be used again")


async def opened(gateway: Gateway, ref: str) -> IngestWriter:
    """Open an ingest that somebody lets go of at this moment."""
    for _ in range(100):
        try:
            return await content(gateway).ingests.open(NS, "l", ref, 0, "")
        except Unavailable:
            await asyncio.sleep(0.05)
    raise AssertionError(f"{ref} can't be opened again")


async def read(gateway: Gateway, digest: str) -> bytes:
    return b"".join([frame async for frame in content(gateway).blobs.read(NS, digest, 0, 0)])


async def agree(gateway: Gateway, store: LocalStore) -> None:
    """After one collection the store holds what the rows name, and every row has its bytes."""
    gateway.core.registry.only("content").dirty = True
    await gateway.core.collect()
    assert gateway.core.left_dirty() == ""
    rows = {info.digest for info in content(gateway).blobs.walk(NS)}
    held = {info.digest async for info in store.walk(EVERYTHING)}
    assert held == rows
    for digest in rows:
        assert str(Digest.of(await read(gateway, digest))) == digest
    refs = {r[0] for r in gateway.core.db.read("SELECT backend FROM ingests")}
    assert {s.ref for s in await store.statuses(EVERYTHING)} <= refs


def test_a_write_that_is_cancelled_at_any_await_leaves_a_ref_that_can_be_used(monkeypatch: pytest.MonkeyPatch) -> None:
    """No ref stays locked, no blob is half there, and nothing is left after a collection."""

    async def main() -> None:
        async with behind_a_gateway() as (gateway, store):
            number = 0
            data = b""

            def make() -> Any:
                nonlocal number, data
                number += 1
                data = os.urandom(1000)
                return put(gateway, "ref", data)

            async def check(ended: bool) -> None:
                digest = await again(gateway, "ref", data)
                assert await read(gateway, digest) == data
                assert not ended or content(gateway).blobs.has(NS, digest)
                await agree(gateway, store)

            assert await at_each_await(make, check) >= 3

    asyncio.run(main())


def test_a_caller_who_leaves_while_the_store_commits_holds_nobody_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """The commit goes on and hears its answer; until then the ref is its own, and afterwards the blob is there at once."""
    commit = LocalWriter.commit
    begun = asyncio.Event()

    async def slow(self: LocalWriter, *args: Any) -> str:
        begun.set()
        await asyncio.sleep(0.5)
        return await commit(self, *args)

    monkeypatch.setattr(LocalWriter, "commit", slow)

    async def main() -> None:
        async with behind_a_gateway() as (gateway, store):
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(put, gateway, "ref", b"data")
                await begun.wait()
                tasks.cancel_scope.cancel()
            digest = str(Digest.of(b"data"))
            with anyio.fail_after(5):
                assert (await content(gateway).blobs.info(NS, digest)).size == 4
            assert await again(gateway, "ref", b"other") != digest
            await agree(gateway, store)

    asyncio.run(main())


class _Hanging:
    """Commits of a content store that never answer: the first ``count`` ones."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, count: int, *, after: bool = False, keeps: bool = False) -> None:
        """after: they are carried out. keeps: the ref stays with them when their client has gone, until ``go``."""
        self.begun, self.go = asyncio.Event(), asyncio.Event()
        self.count = count
        plain = LocalWriter.commit

        async def commit(writer: LocalWriter, *args: Any) -> str:
            if self.count <= 0:
                return await plain(writer, *args)
            self.count -= 1
            if after:
                await plain(writer, *args)
            self.begun.set()
            with anyio.CancelScope(shield=keeps):
                await self.go.wait()
            return await plain(writer, *args)

        monkeypatch.setattr(LocalWriter, "commit", commit)
        monkeypatch.setattr(changes, "_SILENT_S", 0.05)
        monkeypatch.setattr(changes, "_COMMIT_ALONE_S", 0.2)
        monkeypatch.setattr(plugins, "_LATE_EVERY_S", 0.1)
        monkeypatch.setattr(changes, "_HELD_S", 0.3)


def test_a_blob_that_is_there_is_told_without_the_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    """A store that committed and never says so holds up nobody."""

    async def main() -> None:
        _Hanging(monkeypatch, 1, after=True)
        async with behind_a_gateway() as (gateway, store):
            with anyio.fail_after(5):
                digest = await put(gateway, "ref", b"data")
            assert await read(gateway, digest) == b"data"
            assert await again(gateway, "ref", b"other") != digest
            await agree(gateway, store)

    asyncio.run(main())


@pytest.mark.parametrize("keeps", [False, True], ids=["lets go", "keeps the ref"])
def test_a_commit_that_hangs_and_has_no_caller_frees_digest_and_ref(monkeypatch: pytest.MonkeyPatch, keeps: bool) -> None:
    """It is asked for again; one whose ref the store keeps for ever begins anew under the same ref."""

    async def main() -> None:
        hanging = _Hanging(monkeypatch, 1, keeps=keeps)
        async with behind_a_gateway() as (gateway, store):
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(put, gateway, "ref", b"data")
                await hanging.begun.wait()
                tasks.cancel_scope.cancel()
            digest = str(Digest.of(b"data"))
            with anyio.fail_after(10):
                if not keeps:
                    assert (await content(gateway).blobs.info(NS, digest)).size == 4
                assert await again(gateway, "ref", b"data") == digest
                assert await read(gateway, digest) == b"data"
            hanging.go.set()
            await asyncio.sleep(0.3)
            assert await read(gateway, digest) == b"data"
            await agree(gateway, store)

    asyncio.run(main())


def test_a_blob_that_is_on_its_way_is_not_taken_for_a_lost_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its row is there before its bytes: another namespace that asks for it must not accuse the store."""
    commit = LocalWriter.commit
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def held(self: LocalWriter, *args: Any) -> str:
        begun.set()
        await go_on.wait()
        return await commit(self, *args)

    monkeypatch.setattr(LocalWriter, "commit", held)

    async def main() -> None:
        async with behind_a_gateway() as (gateway, _):
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(put, gateway, "ref", b"data")
                await begun.wait()
                assert not await content(gateway).blobs.is_lost(str(Digest.of(b"data")))
                assert content(gateway).plugin.last_error == ""
                go_on.set()
            assert content(gateway).blobs.has(NS, str(Digest.of(b"data")))

    asyncio.run(main())


def test_who_asks_for_an_ingest_waits_for_its_commit() -> None:
    """Its caller has left, its rows are not written yet: who was told that it is open would find it gone later."""

    async def main() -> None:
        async with behind_a_gateway() as (gateway, _):
            writer = await content(gateway).ingests.open(NS, "l", "ref", 4, "")
            await writer.write(0, b"data", 4, "")
            busy = gateway.core.db.write(lambda db: time.sleep(0.3))
            caller = asyncio.ensure_future(writer.commit(4, b"", 4, str(Digest.of(b"data")), {}))
            await asyncio.sleep(0.05)
            caller.cancel()
            with pytest.raises(NotFound):
                await content(gateway).ingests.status(NS, "ref")
            await busy
            await writer.close()

    asyncio.run(main())


@pytest.mark.parametrize("linked", [False, True])
def test_a_commit_whose_caller_leaves_before_it_begins_does_not_begin(monkeypatch: pytest.MonkeyPatch, linked: bool) -> None:
    """Who asks then is told that the ingest is open, and must not find it committed later."""
    begun = asyncio.Event()
    changes_of = changes.Changes.free

    async def slowly(self: changes.Changes, ns: str, *keys: str) -> None:
        await changes_of(self, ns, *keys)
        if any(key.startswith("sha256:") for key in keys):
            begun.set()
            await asyncio.sleep(0.3)

    async def main() -> None:
        async with behind_a_gateway() as (gateway, _):
            data = os.urandom(100)
            digest = str(Digest.of(data))
            if linked:
                await put(gateway, "one", data)
            ns = "other"
            await gateway.core.change(lambda db: leases.create(db, ns, "l", {}))
            writer = await content(gateway).ingests.open(ns, "l", "ref", len(data), digest if linked else "")
            if not linked:
                await writer.write(0, data, len(data), "")
            assert writer.virtual is linked
            monkeypatch.setattr(changes.Changes, "free", slowly)
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(writer.commit, len(data), b"", len(data), digest, {})
                await begun.wait()
                tasks.cancel_scope.cancel()
            assert (await content(gateway).ingests.status(ns, "ref")).offset == len(data)
            await asyncio.sleep(0.6)
            assert (await content(gateway).ingests.status(ns, "ref")).offset == len(data)
            await writer.close()
            await content(gateway).ingests.abort(ns, "l", "ref")

    asyncio.run(main())


def test_an_abort_or_a_delete_that_is_cancelled_is_done_or_not() -> None:
    """Their callers may leave at any await."""

    async def main() -> None:
        async with behind_a_gateway() as (gateway, store):
            data = os.urandom(100)
            digest = str(Digest.of(data))

            async def aborted() -> None:
                writer = await opened(gateway, "a")
                await writer.write(0, b"some", 0, "")
                await writer.close()
                await content(gateway).ingests.abort(NS, "l", "a")

            async def after_abort(ended: bool) -> None:
                if ended:
                    with pytest.raises(NotFound):
                        await content(gateway).ingests.status(NS, "a")
                else:
                    await again(gateway, "a", b"some" + os.urandom(10))
                await agree(gateway, store)

            await at_each_await(aborted, after_abort)

            async def deleted() -> None:
                await again(gateway, "d", data)
                await content(gateway).blobs.delete(NS, "l", digest)

            async def after_delete(ended: bool) -> None:
                assert not (ended and content(gateway).blobs.has(NS, digest))
                await agree(gateway, store)

            await at_each_await(deleted, after_delete)

    asyncio.run(main())


@pytest.mark.parametrize("seed", range(8))
def test_a_gateway_killed_at_any_step_loses_no_acknowledged_blob(seed: int) -> None:
    """What was acknowledged reads; what was not is there or not, and its ref can be used."""

    async def main() -> None:
        chance = random.Random(seed)
        async with behind_a_gateway() as (gateway, store):
            acknowledged: dict[str, bytes] = {}
            for number in range(25):
                data = os.urandom(chance.choice([10, 5000, 70_000]))
                ref = f"r{chance.randrange(3)}"
                caller = asyncio.ensure_future(put(gateway, ref, data))
                if chance.random() < 0.5:
                    for _ in range(chance.randrange(120)):
                        await asyncio.sleep(0)
                    if not caller.done():
                        await gateway.kill()
                        caller.cancel()
                        await asyncio.gather(caller, return_exceptions=True)
                        await gateway.start()
                try:
                    acknowledged[await asyncio.wait_for(caller, 10)] = data
                except (asyncio.CancelledError, ArgosyError, RuntimeError):  # the group of a killed gateway is gone
                    if number % 2:  # it is tried again, as a client would
                        acknowledged[await again(gateway, ref, data)] = data
            for digest, data in acknowledged.items():
                assert await read(gateway, digest) == data
            await agree(gateway, store)

    asyncio.run(main())


def test_two_namespaces_and_a_collection_never_lose_a_blob_that_one_of_them_names() -> None:
    """A digest that is about to be named is not dropped meanwhile: linking, deleting and collecting at the same time."""

    async def main() -> None:
        async with behind_a_gateway() as (gateway, store):
            data = os.urandom(2000)
            for _ in range(30):
                digest = await put(gateway, "one", data)
                await content(gateway).blobs.delete(NS, "l", digest)
                answers = await asyncio.gather(
                    gateway.core.collect(), put(gateway, "two", data), gateway.core.collect(), return_exceptions=True
                )
                assert [a for a in answers if isinstance(a, BaseException)] == []
                assert await read(gateway, digest) == data
            await agree(gateway, store)

    asyncio.run(main())


def test_a_blob_that_is_collected_in_the_moment_it_is_found_is_committed_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whose lease it was is gone, and the next one to bring the same bytes is not told that they are there."""

    async def main() -> None:
        async with behind_a_gateway() as (gateway, store):
            digest = await put(gateway, "one", b"data")
            writer = await opened(gateway, "two")
            await writer.write(0, b"data", 0, "")
            is_lost, taken = Rows.is_lost, False

            async def collected(self: Rows, one: str) -> bool:
                nonlocal taken
                found = await is_lost(self, one)
                if not taken:
                    taken = True
                    await content(gateway).blobs.delete(NS, "l", digest)
                    await gateway.core.collect()
                return found

            monkeypatch.setattr(Rows, "is_lost", collected)
            assert await writer.commit(4, b"", 0, digest, {}) == digest
            await writer.close()
            await gateway.core.collect()
            assert taken and await read(gateway, digest) == b"data"
            await agree(gateway, store)

    asyncio.run(main())


def test_what_an_aborted_ingest_stood_for_is_collected() -> None:
    """A blob that only a virtual ingest named goes with it, by the next collection."""

    async def main() -> None:
        async with behind_a_gateway() as (gateway, store):
            data = os.urandom(500)
            digest = await put(gateway, "one", data)
            writer = await content(gateway).ingests.open("other", None, "two", len(data), digest)
            assert writer.virtual
            await writer.close()
            await content(gateway).blobs.delete(NS, "l", digest)
            await gateway.core.collect()
            assert [info.digest async for info in store.walk(EVERYTHING)] == [digest]
            await content(gateway).ingests.abort("other", None, "two")
            await gateway.core.collect()
            assert [info.digest async for info in store.walk(EVERYTHING)] == []

    asyncio.run(main())


def test_a_linked_ingest_has_a_status_for_as_long_as_it_keeps_its_blob() -> None:
    """Also when no namespace has the blob any more: it is what keeps it, and can be committed."""

    async def main() -> None:
        async with behind_a_gateway() as (gateway, _):
            data = os.urandom(500)
            digest = await put(gateway, "one", data)
            writer = await content(gateway).ingests.open("other", None, "two", len(data), digest)
            await writer.close()
            await content(gateway).blobs.delete(NS, "l", digest)
            await gateway.core.collect()
            status = await content(gateway).ingests.status("other", "two")
            assert (status.offset, status.total, status.expected) == (len(data), len(data), digest)
            assert [s.ref for s in await content(gateway).ingests.statuses("other", EVERYTHING)] == ["two"]
            writer = await content(gateway).ingests.open("other", None, "two", len(data), digest)
            await writer.commit(len(data), b"", len(data), digest, {})
            assert (await content(gateway).blobs.info("other", digest)).size == len(data)

    asyncio.run(main())


def test_of_two_that_link_one_blob_both_have_it() -> None:
    """A ref whose bytes the store has already locks nobody out: who commits second is told ALREADY_EXISTS, and its lease holds the blob."""

    async def main() -> None:
        async with behind_a_gateway() as (gateway, store):
            data = os.urandom(1000)
            digest = await put(gateway, "r", data)
            store_of = content(gateway)
            await gateway.core.change(lambda db: leases.create(db, "other", "l", {}))
            await gateway.core.change(lambda db: leases.create(db, "other", "m", {}))
            first = await store_of.ingests.open("other", "l", "r", len(data), digest)
            second = await store_of.ingests.open("other", "m", "r", len(data), digest)
            assert first.virtual and second.virtual
            await first.commit(len(data), b"", len(data), digest, {})
            with pytest.raises(AlreadyExists, match=digest):
                await second.commit(len(data), b"", len(data), digest, {})
            await first.close()
            await second.close()
            for lease in ("l", "m"):
                assert ("content", digest) in leases.resources(gateway.core.db.reader, "other", lease)
            await agree(gateway, store)

    asyncio.run(main())


def test_an_ingest_of_another_gateway_is_left_to_it() -> None:
    """A store that nobody can claim may have a ref of the same name: ours gets another number, and its own bytes."""

    async def main() -> None:
        async with behind_a_gateway(claimed=False) as (gateway, store):
            for number in (1, 2):
                theirs = await store.writer(f"{NS}/{number}/ref", 0, "", "another")
                await theirs.write(0, b"theirs", 0, "")
                await theirs.close()
            assert await read(gateway, await put(gateway, "ref", b"ours")) == b"ours"
            assert {(s.ref, s.offset) for s in await store.statuses(EVERYTHING)} == {(f"{NS}/{n}/ref", 6) for n in (1, 2)}
            # One that is taken up again keeps its name.
            writer = await content(gateway).ingests.open(NS, "l", "part", 0, "")
            await writer.write(0, b"half", 0, "")
            await writer.close()
            writer = await content(gateway).ingests.open(NS, "l", "part", 0, "")
            assert writer.status().offset == 4
            await writer.close()

    asyncio.run(main())
