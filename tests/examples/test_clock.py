"""The foreign service: on our main socket as if it were the daemon's own, and at its own socket beside any daemon."""

from __future__ import annotations

import asyncio
import time

import pytest
from argosy.errors import Unimplemented
from argosy.rpc import Channel
from argosy.timestamps import from_wire
from argosy_protos.google.protobuf import Empty, Timestamp

from tests.examples.conftest import Together

pytestmark = pytest.mark.root
NOW = "/example.clock.v1.Clock/Now"


def test_the_time_is_told(together: Together) -> None:
    async def main() -> None:
        address = together.peer.address if together.is_ours else together.base / "clock.sock"
        async with Channel(address) as channel:
            # A service is there once its reflection was asked, a moment after the daemon is.
            deadline = time.monotonic() + 10
            while time.monotonic() < deadline:
                try:
                    await channel.unary(NOW, Empty(), Timestamp, timeout=10)
                    break
                except Unimplemented:
                    await asyncio.sleep(0.05)
            now = from_wire(await channel.unary(NOW, Empty(), Timestamp, timeout=10))
            assert now is not None and abs(now - time.time_ns()) < 5e9
            times = []
            async for tick in channel.server_stream("/example.clock.v1.Clock/Ticks", Empty(), Timestamp, timeout=10):
                times.append(from_wire(tick) or 0)
                if len(times) == 3:
                    break
            assert times[0] < times[1] < times[2]
        async with Channel(together.peer.address) as channel:
            if not together.is_ours:
                with pytest.raises(Unimplemented):
                    await channel.unary(NOW, Empty(), Timestamp, timeout=10)

    asyncio.run(main())
