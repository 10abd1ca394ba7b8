"""Does mine answer as its methods say? It is called at its own socket; Argosy relays these calls as they are."""

import asyncio
import time
from pathlib import Path

from argosy.rpc.channel import Channel
from argosy.testkit.served import served
from argosy.timestamps import from_wire
from argosy_protos.google.protobuf import Empty, Timestamp

FILE = Path(__file__).with_name("mine.py")


async def ask(address: Path) -> list[int]:
    """Return what Now says, and then three Ticks, in nanoseconds since the epoch."""
    async with Channel(address) as channel:
        told = [await channel.unary("/example.mine.v1.Mine/Now", Empty(), Timestamp, timeout=10)]
        async for tick in channel.server_stream("/example.mine.v1.Mine/Ticks", Empty(), Timestamp, timeout=10):
            told.append(tick)
            if len(told) == 4:
                break
    return [from_wire(one) or 0 for one in told]


def test_the_time_is_told() -> None:
    with served(FILE, "--every", "0.01") as address:
        times = asyncio.run(ask(address))
    assert times == sorted(times) and abs(times[-1] - time.time_ns()) < 10e9
