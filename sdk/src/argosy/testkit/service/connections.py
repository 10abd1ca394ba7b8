"""What a connection carries: deadlines, calls that are given up, much and many, words that are no gRPC, and who leaves."""

from __future__ import annotations

import asyncio
import os
import struct
import time
from typing import Final

from argosy.errors import ArgosyError, ResourceExhausted, Unimplemented
from argosy.testkit.service.calls import NO_METHOD, SUITE, Service
from argosy.testkit.suite import Broken

check = SUITE.check

_GIVEN_UP: Final = 300
_MANY: Final = 300
_CONNECTIONS: Final = 20
_HUGE_BYTES: Final = 40 << 20
# A field that no message has: what is sent so is read, and means nothing.
_PADDING: Final = b"\xc2\x3e"
_PREFACE: Final = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
_SETTINGS, _PING, _ACK = 4, 6, 1
_SAYING: Final = b"argosy-v"


def _padded(size: int) -> bytes:
    """Return a message of about that many bytes that has one field, which nobody knows."""
    length, left = bytearray(), size
    while left > 0x7F:
        length.append(left & 0x7F | 0x80)
        left >>= 7
    return _PADDING + bytes(length) + bytes((left,)) + bytes(size)


@check(fast=True)
async def a_deadline_ends_a_call(s: Service) -> None:
    """A call whose client says how long it waits is ended by then, whether the client looks or not."""
    until = time.monotonic() + 0.3 + s.deadline_s / 2
    what = "a call that stays open, with grpc-timeout: 300m"
    stream = await s.long(metadata={"grpc-timeout": "300m"})
    try:
        while await s.next(stream, what) is not None:
            s.holds(time.monotonic() < until, "its end after 0.3 s", "more and more of it")
    except ArgosyError:
        s.holds(time.monotonic() < until, "its end after 0.3 s", s.calls[-1].answer)
    else:
        raise Broken("an error", "the end of the stream, with OK")
    await s.probe()


@check()
async def a_deadline_that_has_passed_is_told(s: Service) -> None:
    """A call that comes with no time left at all is an error, or is answered; it leaves the connection as it was."""
    try:
        await s.ask(s.path(NO_METHOD), metadata={"grpc-timeout": "1n"})
    except ArgosyError:
        pass  # of whatever kind: it may have been too late to be looked at
    await s.probe()


@check(fast=True)
async def what_is_given_up_is_released(s: Service) -> None:
    """Calls that are given up end at the other side too: after hundreds of them the next one is answered as the first was."""
    for _ in range(3):
        streams = [await s.long() for _ in range(_GIVEN_UP // 3)]
        await s.opened(streams[-1], "the last of a hundred calls that stay open")
        for stream in streams:
            stream.cancel()
    await s.probe()
    await s.opened(await s.long(), "a call that stays open, after all of them were given up")


@check()
async def connections_that_go_are_released(s: Service) -> None:
    """Connections that go with calls under way are closed at the other side, too: it has no more descriptors than before."""
    pid = await s.server()
    before = _descriptors(pid)
    for _ in range(2):
        for _ in range(_CONNECTIONS):
            channel = s.channel()
            await s.opened(await s.long(channel=channel), "a call that stays open, on a connection of its own")
            channel.close()
    if before is None:
        await s.probe(s.channel())
        return

    async def fewer() -> bool:
        now = _descriptors(pid)
        return now is None or now <= before + _CONNECTIONS // 2

    await s.eventually(
        fewer, f"process {pid} to have about {before} descriptors, as before", lambda: f"{_descriptors(pid)} descriptors"
    )
    await s.probe(s.channel())


def _descriptors(pid: int) -> int | None:
    """Return how many descriptors a process has, None where that can't be seen."""
    try:
        return len(os.listdir(f"/proc/{pid}/fd")) if pid > 0 else None
    except OSError:
        return None


@check(fast=True)
async def big_messages_are_taken_or_refused(s: Service) -> None:
    """A message of 3 MB is read as any other; one that is more than a service takes is refused with RESOURCE_EXHAUSTED, and the connection stays."""
    path, ok = (s.path(s.target.unary[0]), True) if s.target.unary else (s.path(NO_METHOD), False)
    for size in (1 << 16, 3 << 20):
        await _taken(s, path, ok, _padded(size), ())
    await _taken(s, path, ok, _padded(_HUGE_BYTES), (ResourceExhausted,))
    await s.probe()


async def _taken(s: Service, path: str, ok: bool, data: bytes, or_else: tuple[type[ArgosyError], ...]) -> None:
    """Send a message. Raises Broken unless it is answered as a short one is, or refused with one of or_else."""
    if not ok:
        await s.refused(s.ask(path, data), Unimplemented, *or_else)
        return
    try:
        await s.ask(path, data, metadata=s.said)
    except or_else:
        pass  # it is told that it was too much


@check(fast=True)
async def many_at_once(s: Service) -> None:
    """Hundreds of calls at the same time, on one connection and on many, are all answered."""
    expected = ["UNIMPLEMENTED"] * _MANY
    answers = await s.at_once(s.first.unary(s.path(NO_METHOD), b"", bytes) for _ in range(_MANY))
    _all(answers, expected, f"{_MANY} calls of {s.path(NO_METHOD)} on one connection")
    channels = [s.channel() for _ in range(_CONNECTIONS)]
    answers = await s.at_once(
        channels[number % _CONNECTIONS].unary(s.path(NO_METHOD), b"", bytes) for number in range(_MANY)
    )
    _all(answers, expected, f"{_MANY} calls of {s.path(NO_METHOD)} on {_CONNECTIONS} connections")


def _all(answers: list[str], expected: list[str], sent: str) -> None:
    if answers != expected:
        counts = ", ".join(f"{answers.count(one)} {one}" for one in sorted(set(answers)))
        raise Broken(f"{len(expected)} {expected[0]}", counts, sent)


@check()
async def a_call_without_a_message_is_an_error(s: Service) -> None:
    """A call that wants one message and gets none, one that is cut short, or bytes that are none, is an error; the connection stays."""
    s.need("health")
    path = "/grpc.health.v1.Health/Check"
    for what, data in (
        ("no message", b""),
        ("a message that is cut short", struct.pack(">BI", 0, 100) + b"abc"),
        ("bytes that are no message", struct.pack(">BI", 0, 3) + b"\xff\xff\xff"),
        ("a message that says it is compressed", struct.pack(">BI", 1, 3) + b"abc"),
    ):
        stream = s.open(path)
        await stream.send_request()
        connection = await s.first.connected()
        connection.engine.data(stream.sid, data, True)
        connection.flush()
        await s.refused(s.next(stream, f"Health.Check, with {what}"))
        await s.probe()


@check(fast=True)
async def rubbish_ends_its_own_connection(s: Service) -> None:
    """Who says what is no HTTP/2 is hung up on, or not answered; those beside him don't notice."""
    beside = await s.long()
    await s.opened(beside, "a call that stays open")
    for data in (b"GET / HTTP/1.1\r\nHost: verify\r\n\r\n", bytes(range(256)) * 16, _PREFACE + b"\xff" * 512):
        reader, writer = await s.dialled()
        writer.write(data)
        try:
            async with asyncio.timeout(0.3):
                while await reader.read(4096):
                    pass
        except (TimeoutError, OSError):
            pass  # it waits for more, or hung up at once
        writer.close()
    s.holds(not beside.ended, "the call beside to stay open", f"its end: {beside.error}")
    await s.probe()


@check()
async def a_ping_is_answered(s: Service) -> None:
    """A PING is answered with what it said, SETTINGS with an acknowledgement: clients find out so whether anybody is there."""
    reader, writer = await s.dialled()
    writer.write(_PREFACE + _frame(_SETTINGS) + _frame(_PING, _SAYING))
    got: set[int] = set()

    async def acknowledged() -> None:
        while got != {_SETTINGS, _PING}:
            head = await reader.readexactly(9)
            body = await reader.readexactly(int.from_bytes(head[:3], "big"))
            if head[4] & _ACK and (head[3] == _SETTINGS or (head[3] == _PING and body == _SAYING)):
                got.add(head[3])

    try:
        async with asyncio.timeout(s.deadline_s):
            await acknowledged()
    except (TimeoutError, OSError, asyncio.IncompleteReadError):
        names = {_SETTINGS: "of SETTINGS", _PING: "of PING"}
        have = " and ".join(names[one] for one in sorted(got)) or "none"
        raise Broken("acknowledgements of SETTINGS and PING", have, "SETTINGS, PING") from None


def _frame(kind: int, body: bytes = b"") -> bytes:
    return len(body).to_bytes(3, "big") + bytes((kind, 0)) + bytes(4) + body


@check(fast=True)
async def who_leaves_is_answered(s: Service) -> None:
    """A client that says that it leaves (GOAWAY) is answered what it has asked before."""
    stream, version = s.reflecting()
    await stream.send_message(version.ServerReflectionRequest(list_services="*"))
    s.holds(
        await s.next(stream, 'ServerReflectionInfo(list_services="*")') is not None, "an answer", "the end of the stream"
    )
    connection = await s.first.connected()
    # Beside the engine, which would take it for the end of its own calls: no stream of the server's was seen, and no error.
    connection.flush()
    connection.transport.write(_frame(7, bytes(8)))
    await stream.send_message(version.ServerReflectionRequest(list_services="*"), end=True)
    answer = await s.next(stream, 'GOAWAY, and ServerReflectionInfo(list_services="*") on the stream that is open')
    s.holds(answer is not None, "an answer", "the end of the stream")
    s.equal(await s.next(stream, "the next answer"), None, "what follows")


@check()
async def who_does_not_read_holds_up_nobody(s: Service) -> None:
    """A client that asks and never reads holds up neither those on other connections, nor the process."""
    _, writer = await s.dialled()
    writer.transport.pause_reading()  # type: ignore[attr-defined] # a socket's transport
    writer.write(_PREFACE + _frame(_SETTINGS) + _frame(_PING, _SAYING) * 20_000)
    try:
        async with asyncio.timeout(0.5):
            await writer.drain()
    except (TimeoutError, OSError):
        pass  # it reads no more than it can answer, or has hung up on such a client
    for _ in range(3):
        await s.probe(s.channel())
    writer.close()
