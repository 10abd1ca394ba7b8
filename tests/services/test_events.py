"""Events for who reads slowly: so many bytes wait for a subscriber, and no more; then it is told, and they are gone."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Final

import pytest
from argosy import filters
from argosy.errors import ResourceExhausted
from argosy.rpc import Channel, Server
from argosy_gateway import events
from argosy_gateway.api.events import Events
from argosy_gateway.events import Exchange
from argosy_protos.containerd.services.events import v1 as p
from argosy_protos.containerd.services.images.v1 import ImageCreate
from argosy_protos.containerd.types import Envelope
from argosy_protos.google.protobuf import Any as AnyMessage
from argosy_protos.google.protobuf import Timestamp
from grpclib.const import Cardinality

MIB: Final = 1 << 20


def envelope(size: int) -> Envelope:
    """An event of about so many bytes."""
    event = AnyMessage(type_url="some.Event", value=b"x" * size)
    return Envelope(timestamp=Timestamp(seconds=1), namespace="n", topic="/t", event=event)


async def first(subscription: Any) -> bytes:
    async for event in subscription:
        return bytes(event)
    raise AssertionError("the subscription ended")


@pytest.mark.parametrize(("size", "few"), [(0, 2000), (1000, 200), (64 << 10, 3)])
def test_a_subscriber_that_does_not_read_holds_so_many_bytes_and_no_more(
    size: int, few: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many events that is. Who reads gets all of them meanwhile, and goes on when the other is cut off."""
    monkeypatch.setattr(events, "_BACKLOG_BYTES", 256 << 10)

    async def main() -> None:
        exchange, event = Exchange(), envelope(size)
        encoded = event.encode()
        with exchange.subscribe(filters.parse([])) as slow, exchange.subscribe(filters.parse([])) as quick:
            for n in range(few):
                exchange.forward(event)
                assert await first(quick) == encoded
                assert slow.overrun is None, n
            for _ in range(2000):
                exchange.forward(event)
                assert await first(quick) == encoded
                if slow.overrun is not None:
                    break
                assert slow._held <= events._BACKLOG_BYTES
            assert slow.overrun is not None and not slow._queue and slow._held == 0
            # Nothing is kept for it any more, whether it reads or not.
            exchange.forward(event)
            assert not slow._queue and await first(quick) == encoded
            with pytest.raises(ResourceExhausted, match=r"read too slowly: \d+ events of \d+ KiB .*; subscribe again"):
                await first(slow)

    asyncio.run(main())


def test_one_event_always_fits() -> None:
    async def main() -> None:
        exchange, event = Exchange(), envelope(events._BACKLOG_BYTES + 1)
        with exchange.subscribe(filters.parse([])) as subscription:
            exchange.forward(event)
            assert await first(subscription) == event.encode()
            exchange.forward(event)
            exchange.forward(event)
            with pytest.raises(ResourceExhausted):
                await first(subscription)

    asyncio.run(main())


def test_only_what_a_filter_lets_in_counts() -> None:
    async def main() -> None:
        exchange = Exchange()
        with exchange.subscribe(filters.parse(["topic~=|^/images/|"])) as subscription:
            for _ in range(40):
                exchange.forward(envelope(MIB))
            exchange.publish("n", "/images/create", "containerd.services.images.v1.ImageCreate", ImageCreate(name="a"))
            assert b"/images/create" in await first(subscription)

    asyncio.run(main())


def test_a_subscriber_is_told_that_it_was_cut_off(short_path: Path) -> None:
    """By the status of its stream, after what was under way when it was."""

    async def main() -> None:
        exchange = Exchange()
        core: Any = SimpleNamespace(events=exchange)
        server = Server([Events(core)])
        await server.listen_unix(short_path / "s")
        async with Channel(short_path / "s") as channel:
            stream = p.EventsStub(channel).subscribe(p.SubscribeRequest())
            ready = asyncio.ensure_future(anext(stream))
            while not exchange._subscriptions:
                await asyncio.sleep(0.01)
            for n in range(64):
                exchange.forward(envelope(MIB))
                if n < 2:
                    await ready
            read = 1
            with pytest.raises(ResourceExhausted, match="read too slowly"):
                async for event in stream:
                    assert event.topic == "/t"
                    read += 1
            assert read < 40 and not exchange._subscriptions
        await server.close(0.1)

    asyncio.run(main())


_MEASURED: Final = """
import asyncio, os, sys
from pathlib import Path
from types import SimpleNamespace
from argosy.kernel.heap import give_back, resident
from argosy.rpc import Server
from argosy_gateway.api.events import Events
from argosy_gateway.events import Exchange
from argosy_protos.containerd.types import Envelope
from argosy_protos.google.protobuf import Any as AnyMessage, Timestamp

async def main():
    exchange = Exchange()
    server = Server([Events(SimpleNamespace(events=exchange))])
    await server.listen_unix(Path(sys.argv[1]))
    print("ready", flush=True)
    while not exchange._subscriptions:
        await asyncio.sleep(0.01)
    before, most = resident(), 0
    for n in range(30_000):
        event = AnyMessage(type_url="some.Event", value=os.urandom(10_000))
        exchange.forward(Envelope(timestamp=Timestamp(seconds=1), namespace="n", topic="/t", event=event))
        if n % 100 == 0:
            most = max(most, resident() - before)
            await asyncio.sleep(0)
    give_back()
    print(most, resident() - before, flush=True)
    await server.close(0.0)

asyncio.run(main())
"""


def test_a_reader_that_stopped_costs_its_share_and_gives_it_back(short_path: Path) -> None:
    """Three hundred megabytes of events pass a subscriber that reads none of them."""
    command = [sys.executable, "-c", _MEASURED, str(short_path / "s")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        told = process.stdout
        assert told is not None and told.readline() == "ready\n"

        async def subscribe() -> list[str]:
            async with Channel(short_path / "s") as channel:
                path = f"/{p.EventsBase.__service__}/Subscribe"
                async with channel.request(path, Cardinality.UNARY_STREAM, bytes, bytes) as stream:
                    await stream.send_message(b"", end=True)
                    await stream.recv_initial_metadata()
                    return await asyncio.to_thread(lambda: told.readline().split())

        most, left = map(int, asyncio.run(subscribe()))
    assert process.returncode == 0
    assert most < 64 * MIB
    # Beside what is on its way in the connection.
    assert left < 24 * MIB
