"""Large blobs in several ranges at a time: the same bytes in the same order, bounded memory, and registries that lie about ranges."""

from __future__ import annotations

import asyncio
import hashlib
import random
import sys
from collections.abc import AsyncGenerator, Awaitable, Callable

import pytest
from aiohttp import web
from argosy.client import answers, downloads
from argosy.client.ranges import Lanes, in_order
from argosy.client.registry import Registry
from argosy.errors import DataLoss, Unavailable
from argosy.oci.image import Descriptor
from argosy.oci.reference import Reference
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.harness.web import Server, serving, sha256

PART = 64 << 10
DATA = random.Random(7).randbytes(40 * PART + 17)


def run(work: Callable[[], Awaitable[None]]) -> None:
    async def main() -> None:
        await asyncio.wait_for(work(), 60)

    asyncio.run(main())


def blob(data: bytes = DATA) -> Descriptor:
    return Descriptor(media_type="application/vnd.oci.image.layer.v1.tar", digest=sha256(data), size=len(data))


@pytest.fixture(autouse=True)
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is large here is small: the rules are the same."""
    monkeypatch.setattr(downloads, "PART_BYTES", PART)
    monkeypatch.setattr(downloads, "LARGE_BYTES", 4 * PART)


def asked_range(request: web.Request) -> tuple[int, int] | None:
    """Return the range of a request from its first byte up to its end, -1 for none."""
    said = request.headers.get("Range", "")
    if not said:
        return None
    begin, _, last = said.removeprefix("bytes=").partition("-")
    return int(begin), int(last) + 1 if last else -1


class Ranged:
    """A registry that takes ranges; ``lie`` may answer instead. It notes how many requests are under way at a time."""

    def __init__(self, lie: Callable[[web.Request, int, int], web.StreamResponse | None] = lambda *_: None) -> None:
        self.lie = lie
        self.now = self.most = 0
        self.asked: list[tuple[int, int] | None] = []

    async def __call__(self, server: Server, request: web.Request) -> web.StreamResponse | None:
        said = asked_range(request)
        self.asked.append(said)
        self.now += 1
        self.most = max(self.most, self.now)
        try:
            await asyncio.sleep(0.002)
            begin, end = said or (0, -1)
            end = len(DATA) if end < 0 else end
            told = self.lie(request, begin, end)
            if told is not None:
                return told
            if said is None:
                return web.Response(body=DATA)
            headers = {"Content-Range": f"bytes {begin}-{end - 1}/{len(DATA)}"}
            return web.Response(status=206, body=DATA[begin:end], headers=headers)
        finally:
            self.now -= 1


async def fetched(server: Server, lanes: Lanes | None, offset: int = 0, d: Descriptor | None = None) -> bytes:
    async with Registry(Reference.parse(f"{server.netloc}/a/b:1"), lanes=lanes) as registry:
        return b"".join([c async for c in registry.fetch(d or blob(), offset)])


@pytest.mark.parametrize("offset", [0, 1, PART, 3 * PART + 5])
def test_a_large_blob_comes_in_several_ranges_at_a_time_and_in_order(offset: int) -> None:
    async def work() -> None:
        there, lanes = Ranged(), Lanes(5)
        async with serving(there) as server:
            assert await fetched(server, lanes, offset) == DATA[offset:]
        assert 2 < there.most <= 6 and lanes.free == 5
        asked = [one for one in there.asked if one]
        assert min(asked)[0] == offset and len(asked) == -(-(len(DATA) - offset) // PART)

    run(work)


def test_a_small_blob_and_one_without_lanes_come_over_one_connection() -> None:
    async def work() -> None:
        there = Ranged()
        async with serving(there) as server:
            assert await fetched(server, Lanes(5), len(DATA) - 3 * PART) == DATA[-3 * PART :]
            assert await fetched(server, None) == DATA
        assert there.most == 1 and len(there.asked) == 2

    run(work)


def other(status: int, told: Callable[[int, int], str], body: Callable[[int, int], bytes]) -> Callable[..., web.Response]:
    def lie(request: web.Request, begin: int, end: int) -> web.Response:
        return web.Response(status=status, body=body(begin, end), headers={"Content-Range": told(begin, end)})

    return lie


def later(lie: Callable[..., web.StreamResponse]) -> Callable[..., web.StreamResponse | None]:
    """Lie about every range but the first, and not where no range is closed."""

    def told(request: web.Request, begin: int, end: int) -> web.StreamResponse | None:
        closed = (asked_range(request) or (0, -1))[1] > 0
        return lie(request, begin, end) if closed and begin >= 2 * PART else None

    return told


def always(lie: Callable[..., web.StreamResponse]) -> Callable[..., web.StreamResponse | None]:
    def told(request: web.Request, begin: int, end: int) -> web.StreamResponse | None:
        return lie(request, begin, end) if (asked_range(request) or (0, -1))[1] > 0 else None

    return told


LIES = {
    "all of it": lambda request, begin, end: web.Response(body=DATA),
    "another range": other(206, lambda b, e: f"bytes {b + 1}-{e}/{len(DATA)}", lambda b, e: DATA[b + 1 : e + 1]),
    "a shorter range": other(206, lambda b, e: f"bytes {b}-{e - 2}/{len(DATA)}", lambda b, e: DATA[b : e - 1]),
    "fewer bytes": other(206, lambda b, e: f"bytes {b}-{e - 1}/{len(DATA)}", lambda b, e: DATA[b : e - 9]),
    "more bytes": other(206, lambda b, e: f"bytes {b}-{e - 1}/{len(DATA)}", lambda b, e: DATA[b : e + 9]),
    "of another size": other(206, lambda b, e: f"bytes {b}-{e - 1}/7", lambda b, e: DATA[b:e]),
    "no range": other(206, lambda b, e: "items 1", lambda b, e: DATA[b:e]),
    "refused": other(416, lambda b, e: f"bytes */{len(DATA)}", lambda b, e: b""),
    "too many": other(429, lambda b, e: "", lambda b, e: b""),
    "broken": other(500, lambda b, e: "", lambda b, e: b""),
}  # fmt: skip


@pytest.mark.parametrize("when", [always, later], ids=["always", "later"])
@pytest.mark.parametrize("lie", LIES)
def test_a_registry_that_lies_about_ranges_is_left_at_one_connection(
    lie: str, when: Callable[..., Callable[..., web.StreamResponse | None]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(answers, "BUSY_S", 0.0)

    async def work() -> None:
        there, lanes = Ranged(when(LIES[lie])), Lanes(4)
        async with serving(there) as server:
            assert await fetched(server, lanes) == DATA
        assert lanes.free == 4

    run(work)


def test_other_bytes_are_fetched_again_over_one_connection() -> None:
    """A range whose bytes are others is seen by the digest of the whole only: the next fetch of the blob asks for no ranges."""

    async def work() -> None:
        wrong = later(other(206, lambda b, e: f"bytes {b}-{e - 1}/{len(DATA)}", lambda b, e: bytes(e - b)))
        async with (
            serving(Ranged(wrong)) as server,
            Registry(Reference.parse(f"{server.netloc}/a/b:1"), lanes=Lanes(4)) as registry,
        ):
            first = b"".join([c async for c in registry.fetch(blob())])
            assert len(first) == len(DATA) and first != DATA and registry.came_in_parts(blob().digest)
            assert b"".join([c async for c in registry.fetch(blob())]) == DATA
            assert not registry.came_in_parts(blob().digest)

    run(work)


def test_who_stops_early_leaves_no_request_and_no_lane() -> None:
    async def work() -> None:
        there, lanes = Ranged(), Lanes(4)
        async with serving(there) as server:
            async with Registry(Reference.parse(f"{server.netloc}/a/b:1"), lanes=lanes) as registry:
                pieces = registry.fetch(blob())
                got = b""
                async for piece in pieces:
                    got += piece
                    if len(got) > 2 * PART:
                        break
                assert DATA.startswith(got) and lanes.free < 4
                await pieces.aclose()
                assert lanes.free == 4
                asked = len(there.asked)
                await asyncio.sleep(0.05)
                assert len(there.asked) <= asked + 1  # one may have been on its way

    run(work)


def test_blobs_that_are_fetched_at_once_share_the_lanes() -> None:
    async def work() -> None:
        there, lanes = Ranged(), Lanes(6)
        async with serving(there) as server:
            for got in await asyncio.gather(*(fetched(server, lanes) for _ in range(3))):
                assert got == DATA
        assert there.most <= 6 + 3 and lanes.free == 6

    run(work)


def test_a_mirror_without_it_is_not_asked_before_each_range() -> None:
    async def work() -> None:
        async def nothing(server: Server, request: web.Request) -> web.StreamResponse:
            return web.Response(status=404)

        there = Ranged()
        async with serving(nothing) as mirror, serving(there) as real:
            from argosy.client.hosts import Host

            hosts = [Host(f"{mirror.url}/v2"), Host(f"{real.url}/v2", is_registry=True)]
            async with Registry(Reference.parse(f"{real.netloc}/a/b:1"), hosts=hosts, lanes=Lanes(4)) as registry:
                assert b"".join([c async for c in registry.fetch(blob())]) == DATA
            assert len(mirror.seen) <= 2 < len(there.asked)

    run(work)


def test_more_than_the_descriptor_says_is_refused_in_ranges_too() -> None:
    async def work() -> None:
        async with serving(Ranged()) as server:
            short = Descriptor(media_type="x", digest=sha256(DATA), size=len(DATA) - PART)
            with pytest.raises((DataLoss, Unavailable)):
                await fetched(server, Lanes(4), d=short)

    run(work)


FETCHES = """
import asyncio, resource, sys
from argosy.client.registry import Registry
from argosy.oci.image import Descriptor
from argosy.oci.reference import Reference

async def one(registry, n):
    d = Descriptor(media_type="x/layer", digest="sha256:" + f"{n:064x}", size=int(sys.argv[2]))
    got = 0
    async for piece in registry.fetch(d):
        got += len(piece)
        await asyncio.sleep(0)  # who takes it has other things to do
    assert got == d.size

async def main():
    async with Registry(Reference.parse(sys.argv[1] + "/a/b:1")) as registry:
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        await asyncio.gather(*(one(registry, n) for n in range(4)))
        print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)

asyncio.run(main())
"""


def test_large_blobs_that_are_fetched_at_once_take_no_more_memory_than_the_lanes() -> None:
    """Four of 64 MiB, with parts and lanes as they are: 64 MiB in all."""
    size = 64 << 20
    zeros = bytes(4 << 20)

    async def work() -> None:
        most = 0
        now = 0

        async def answer(server: Server, request: web.Request) -> web.StreamResponse:
            nonlocal most, now
            begin, end = asked_range(request) or (0, size)
            now += 1
            most = max(most, now)
            try:
                headers = {"Content-Range": f"bytes {begin}-{end - 1}/{size}"}
                return web.Response(status=206, body=zeros[: end - begin], headers=headers)
            finally:
                await asyncio.sleep(0.001)
                now -= 1

        async with serving(answer) as server:
            child = await asyncio.create_subprocess_exec(
                sys.executable, "-c", FETCHES, server.netloc, str(size), stdout=asyncio.subprocess.PIPE
            )
            out, _ = await child.communicate()
        assert child.returncode == 0 and most > 4
        assert int(out) < 64 << 10

    run(work)


# -- the order of parts, without a registry --


@settings(max_examples=60, deadline=None)
@given(
    size=st.integers(1, 400), begin=st.integers(0, 50), part=st.integers(1, 60), most=st.integers(0, 8),
    seed=st.integers(0, 1 << 16), fails_at=st.one_of(st.none(), st.integers(0, 400)),
)  # fmt: skip
def test_parts_are_handed_on_in_order_whatever_comes_first(
    size: int, begin: int, part: int, most: int, seed: int, fails_at: int | None
) -> None:
    """All bytes before one that fails, and no others; never more held than the lanes' parts; every lane given back."""
    data = hashlib.shake_128(b"%d" % seed).digest(size + begin)
    chance = random.Random(seed)
    ahead: list[int] = []

    async def ask(first: int, end: int) -> AsyncGenerator[bytes, None]:
        at = first
        while at < end:
            for _ in range(chance.randrange(3)):
                await asyncio.sleep(0)
            if fails_at is not None and at >= fails_at:
                raise Unavailable("as told")
            step = min(end - at, chance.randrange(1, 20), (fails_at - at) if fails_at is not None and fails_at > at else 99)
            at += step
            ahead.append(at)
            yield data[at - step : at]

    async def work() -> None:
        lanes, got = Lanes(most), b""
        failed = False
        try:
            async for piece in in_order(ask, begin, size + begin, lanes, part):
                got += piece
                assert max(ahead) - begin - len(got) <= (most + 1) * part + 20
        except Unavailable:
            failed = True
        assert lanes.free == most
        wanted = data[begin:] if fails_at is None else data[begin : max(begin, fails_at)]
        assert got == wanted and failed == (fails_at is not None and fails_at < size + begin)

    run(work)
