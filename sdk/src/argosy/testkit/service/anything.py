"""Anything that a peer may say to a service, in any order: after each of it, an ordinary call is answered."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Any, Final

from argosy.errors import ArgosyError, Unimplemented
from argosy.rpc.channel import ClientStream
from argosy.testkit.anything import any_order
from argosy.testkit.service.calls import NO_METHOD, NOBODY, Service
from argosy.testkit.suite import Broken, Check, NotHere, spoken

_STEPS: Final = (
    "nothing", "a call", "a call of nobody", "a call with no time left", "a call with 1 MB", "a call without a message",
    "half a message", "bytes that are no message", "a call that stays open", "giving up the last call", "giving up all calls",
    "the end of what is said", "another connection", "rubbish on a connection of its own", "hanging up in the midst of a call",
)  # fmt: skip
_MUCH: Final = 1 << 20


async def attempt(s: Service, number: int, steps: Sequence[str]) -> None:
    """Do what steps say, and ask after each. Raises Broken."""
    s.calls.clear()
    streams: list[ClientStream] = []
    for step in steps:
        if step == "nothing":
            continue
        try:
            await s.made(step, _do(s, step, streams))
        except (ArgosyError, OSError, NotHere):
            pass  # whatever it says to that
        sent = s.calls[-1]
        try:
            await s.ask(s.path(NO_METHOD), timeout=s.deadline_s)
            got = "OK"
        except Unimplemented:
            s.calls.pop()
            continue
        except ArgosyError as error:
            got = spoken(error)
        raise Broken("an ordinary call to be UNIMPLEMENTED after it", got, sent.text)


async def _do(s: Service, step: str, streams: list[ClientStream]) -> None:
    path = s.path(s.target.unary[0] if s.target.unary else NO_METHOD)
    channel = s.first
    if step == "a call":
        await channel.unary(path, b"", bytes, metadata=s.said)
    elif step == "a call of nobody":
        await channel.unary(f"/{NOBODY}/{NO_METHOD}", b"", bytes)
    elif step == "a call with no time left":
        await channel.unary(path, b"", bytes, metadata={**s.said, "grpc-timeout": "1n"})
    elif step == "a call with 1 MB":
        await channel.unary(s.path(NO_METHOD), bytes(_MUCH), bytes)
    elif step in ("a call without a message", "half a message", "bytes that are no message"):
        data = {
            "half a message": struct.pack(">BI", 0, 9) + b"ab",
            "bytes that are no message": struct.pack(">BI", 0, 1) + b"\xff",
        }
        stream = s.open(path, metadata=s.said)
        await stream.send_request()
        connection = await channel.connected()
        connection.engine.data(stream.sid, data.get(step, b""), True)
        connection.flush()
        streams.append(stream)
    elif step == "a call that stays open":
        streams.append(await s.long())
    elif step == "giving up the last call" and streams:
        streams.pop().cancel()
    elif step == "giving up all calls":
        while streams:
            streams.pop().cancel()
    elif step == "the end of what is said" and streams:
        await streams[-1].end()
    elif step == "another connection":
        await s.opened(await s.long(channel=s.channel()), step)
    elif step == "rubbish on a connection of its own":
        _, writer = await s.dialled()
        writer.write(bytes(range(256)))
    elif step == "hanging up in the midst of a call":
        other = s.channel()
        await s.long(channel=other)
        other.close()


def _choices() -> Any:
    """Return hypothesis's strategy for one step."""
    from hypothesis import strategies as st

    return st.sampled_from(_STEPS)


ANYTHING: Final[Check[Service]] = any_order(
    "Whatever peers say, in whatever order: an ordinary call is answered after it.", _choices, attempt
)
