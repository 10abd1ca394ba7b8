"""A channel's calls end: in time, with the peer's name, on the wire too; one that gives up takes nothing from the others."""

from __future__ import annotations

import asyncio
import errno
import os
import socket as sockets
import time
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from argosy.errors import DeadlineExceeded, InvalidArgument, ResourceExhausted, Unavailable
from argosy.recent import Recent
from argosy.rpc import Channel, Server, current, inline, wire
from argosy.rpc import channel as room
from argosy.rpc.channel import NO_DEADLINE, CallGroup, ClientStream
from argosy.rpc.relay import relay
from argosy_protos.containerd.services.content import v1 as p
from argosy_protos.containerd.services.version.v1 import VersionBase, VersionResponse, VersionStub
from argosy_protos.google.protobuf import Empty
from grpclib.const import Cardinality

from tests.harness.mesh import until
from tests.sdk.test_rpc import INFO, Content, engine, serve

__all__ = ("engine",)  # a fixture
NAME = 'snapshot plugin "overlayfs"'
WRITE = "/containerd.services.content.v1.Content/Write"


def test_a_call_has_a_deadline_unless_it_says_that_it_has_none(
    short_path: Path, engine: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def body(socket: Path, content: Content, server: Server) -> None:
        assert Channel(socket)._default_timeout == room.DEFAULT_TIMEOUT_S == 60.0
        async with Channel(socket, name=NAME, default_timeout_s=0.2) as channel:
            stub = p.ContentStub(channel)
            with pytest.raises(DeadlineExceeded) as caught:
                await stub.info(p.InfoRequest(digest="slow"))
            assert caught.value.message == f"{NAME} at {socket}: {INFO} was not answered within 0.2 s"
            waits = asyncio.ensure_future(stub.info(p.InfoRequest(digest="slow"), timeout=NO_DEADLINE))
            await asyncio.sleep(0.6)
            assert not waits.done() and content.running == 1
            waits.cancel()
            await asyncio.gather(waits, return_exceptions=True)
            await until(lambda: (content.running, content.cancelled) == (0, 2))

    serve(short_path, body)


def test_everything_within_a_view_ends_with_it(short_path: Path, engine: str) -> None:
    async def body(socket: Path, content: Content, server: Server) -> None:
        async with Channel(socket, name=NAME) as channel:
            view = channel.with_metadata({"containerd-namespace": "blue"}).within(1.5).within(30)
            assert (await VersionStub(view).version(Empty())).revision == "blue"
            began = time.monotonic()
            with pytest.raises(DeadlineExceeded, match=NAME):
                await p.ContentStub(view).info(p.InfoRequest(digest="slow"), timeout=20)
            await asyncio.sleep(0.01)  # the loop's clock may be a millisecond behind the timer's that went off
            async with view.request(INFO, Cardinality.UNARY_STREAM, bytes, bytes) as stream:
                with pytest.raises(DeadlineExceeded, match=NAME):
                    await stream.send_message(p.InfoRequest(digest="slow"), end=True)
            assert 0.2 < time.monotonic() - began < 15
            await until(lambda: content.running == 0)

    serve(short_path, body)


@pytest.mark.parametrize(
    ("seconds", "told"),
    [(0.0, b"1u"), (0.25, b"250001u"), (9.5, b"9500001u"), (10.0, b"11S"), (29.99, b"30S"), (1e12, b"99999999S")],
)
def test_a_timeout_is_told_so_that_headers_repeat(seconds: float, told: bytes) -> None:
    """Rounded up, never down, and what a peer reads is what was told; long ones are whole seconds, the same in every call."""
    assert wire.format_timeout(seconds) == told
    assert wire.parse_timeout(told) == pytest.approx(min(seconds, 99999999), abs=1.001)
    channel = Channel("/nowhere", name="nobody")
    assert (b"grpc-timeout", told) in channel.headers("/a/B", (), seconds)
    one, other = (channel.headers("/a/B", (), seconds - part * 1e-6) for part in (1, 3))
    assert (one == other) == (seconds > 10)
    assert len(channel._headers) == 1


def test_a_stopped_peer_costs_its_caller_the_deadline(short_path: Path, engine: str) -> None:
    """It is there, takes connections as the kernel does for it, and says nothing."""

    async def body(socket: Path, content: Content, server: Server) -> None:
        with sockets.socket(sockets.AF_UNIX) as listener:
            listener.bind(str(short_path / "stopped"))
            listener.listen(1)
            async with Channel(short_path / "stopped", name=NAME) as channel:
                began = time.monotonic()
                calls = [VersionStub(channel).version(Empty(), timeout=t) for t in (0.2, 0.3)]
                found = await asyncio.gather(*calls, return_exceptions=True)
                assert [type(one) for one in found] == [DeadlineExceeded] * 2, found
                assert all(str(short_path / "stopped") in str(one) and NAME in str(one) for one in found)
                assert time.monotonic() - began < 15

    serve(short_path, body)


def test_calls_of_a_group_end_together(short_path: Path, engine: str) -> None:
    """Those that wait for an answer, or for more of one, and those that begin later; others go on."""

    async def body(socket: Path, content: Content, server: Server) -> None:
        async with Channel(socket, name=NAME) as channel:
            group = CallGroup()
            view = channel.within(30, group)
            other = asyncio.ensure_future(p.ContentStub(channel).info(p.InfoRequest(digest="later")))
            silent = asyncio.ensure_future(p.ContentStub(view).info(p.InfoRequest(digest="slow")))
            read = view.request(
                "/containerd.services.content.v1.Content/Read", Cardinality.UNARY_STREAM, bytes, p.ReadContentResponse
            )
            await read.send_message(p.ReadContentRequest(size=1000), end=True)
            assert await read.recv_message() is not None
            await asyncio.sleep(0.1)
            assert not silent.done()
            group.end(Unavailable("it is enough"))
            group.end(Unavailable("it is more than enough"))
            for call in (
                silent,
                read.recv_message(),
                p.ContentStub(view).info(p.InfoRequest(digest="d")),
            ):
                with pytest.raises(Unavailable, match="it is enough"):
                    while await asyncio.wait_for(call, 5):
                        call = read.recv_message()  # what had come is still read
            assert (await other).info is not None
            assert (await p.ContentStub(channel).info(p.InfoRequest(digest="d"))).info is not None

    serve(short_path, body)


def test_a_group_ends_who_waits_for_room_to_write(short_path: Path, engine: str) -> None:
    """The peer is stopped: it takes neither what is sent nor the word that the call is over."""

    async def main() -> None:
        with sockets.socket(sockets.AF_UNIX) as listener:
            listener.bind(str(short_path / "stopped"))
            listener.listen(1)
            async with Channel(short_path / "stopped", name=NAME) as channel:
                group = CallGroup()
                stream = channel.within(30, group).request(INFO, Cardinality.STREAM_STREAM, bytes, bytes)
                sender = asyncio.ensure_future(stream.send_message(b"x" * (8 << 20)))
                await asyncio.sleep(0.1)
                assert not sender.done()
                group.end(Unavailable("it is enough"))
                await asyncio.wait_for(sender, 5)
                with pytest.raises(Unavailable, match="it is enough"):
                    await stream.recv_message()

    asyncio.run(main())


@pytest.mark.parametrize("size", [1000, 32 << 10, 200 << 10])
def test_who_sends_to_a_peer_that_does_not_read_is_held_back_whatever_the_size_of_its_messages(
    short_path: Path, engine: str, size: int
) -> None:
    """Those below 64 KiB were queued without end."""

    async def body(socket: Path, content: Content, server: Server) -> None:
        async with Channel(socket) as channel:
            calls = [channel.request(WRITE, Cardinality.STREAM_STREAM, bytes, bytes) for _ in range(100)]
            message = p.WriteContentRequest(action=p.WriteAction.WRITE, ref="never", data=bytes(size)).encode()

            async def send(call: ClientStream) -> None:
                for _ in range((40 << 20) // size):
                    await call.send_message(message)

            one = asyncio.ensure_future(send(calls[0]))
            connection = await until_held_back([one], calls[0])
            assert connection.engine.queued() < 2 << 20
            # Of many together hardly more waits than of some.
            tasks = [one, *(asyncio.ensure_future(send(call)) for call in calls[1:])]
            await until_held_back(tasks, calls[-1])
            assert connection.engine.queued() < (32 << 20) + 100 * ((64 << 10) + 2 * size) + (1 << 20)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            for call in calls:
                call.cancel()
            assert (await VersionStub(channel).version(Empty())).version == "1.0.0"

    serve(short_path, body)


async def until_held_back(tasks: Sequence[asyncio.Future[None]], call: ClientStream) -> Any:
    """Return the connection of a call once nobody of some that send to it sends any more, and none is done."""
    queued = -1
    while call._connection is None or queued != (queued := call._connection.engine.queued()):
        await asyncio.sleep(0.2)
    assert not any(task.done() for task in tasks)
    return call._connection


def test_a_group_ends_who_waits_for_a_connection(short_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """At once; the attempt goes on for the others."""

    async def main() -> None:
        go = asyncio.Event()

        async def slowly(self: Channel) -> object:
            await go.wait()
            self._connecting = None
            return self.unavailable("cannot connect: it came to nothing")

        monkeypatch.setattr(Channel, "_connect", slowly)
        channel = Channel(short_path / "s", name=NAME)
        group = CallGroup()
        ended = asyncio.ensure_future(VersionStub(channel.within(30, group)).version(Empty()))
        other = asyncio.ensure_future(VersionStub(channel).version(Empty(), timeout=5))
        await asyncio.sleep(0.05)
        group.end(Unavailable("it is enough"))
        with pytest.raises(Unavailable, match="it is enough"):
            await asyncio.wait_for(ended, 20)
        go.set()
        with pytest.raises(Unavailable, match="it came to nothing"):
            await other

    asyncio.run(main())


def test_a_group_ends_who_waits_for_a_connection_without_a_deadline(
    short_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A stream has none of its own: it ends with the group's reason, too."""

    async def main() -> None:
        go = asyncio.Event()

        async def slowly(self: Channel) -> None:
            await go.wait()

        monkeypatch.setattr(Channel, "_connect", slowly)
        group = CallGroup()
        stream = Channel(short_path / "s", name=NAME).request(INFO, Cardinality.STREAM_STREAM, bytes, bytes, group=group)
        began = asyncio.ensure_future(stream.send_request())
        await asyncio.sleep(0.05)
        group.end(Unavailable("it is enough"))
        with pytest.raises(Unavailable, match="it is enough"):
            await asyncio.wait_for(began, 20)
        go.set()

    asyncio.run(main())


def test_a_peer_whose_queue_is_full_takes_no_connection(short_path: Path) -> None:
    """One that is stopped fills it: asyncio says that it is connected then, to nobody."""

    async def main() -> None:
        with sockets.socket(sockets.AF_UNIX) as listener:
            listener.bind(str(short_path / "s"))
            listener.listen(0)
            waiting: list[sockets.socket] = []
            while True:
                waiting.append(sockets.socket(sockets.AF_UNIX))
                waiting[-1].setblocking(False)
                if waiting[-1].connect_ex(str(short_path / "s")):
                    break
            try:
                with pytest.raises(
                    Unavailable, match="s: cannot connect: it takes no connection: its queue is full"
                ) as failed:
                    await VersionStub(Channel(short_path / "s", name=NAME)).version(Empty(), timeout=5)
                assert failed.value.unsent  # a change that it was asked for can be undone at once
            finally:
                for one in waiting:
                    one.close()

    asyncio.run(main())


def test_waiting_for_a_connection_counts(short_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who gives up, or is cancelled, leaves the one attempt to the others."""

    async def main() -> None:
        opened: list[float] = []
        go = asyncio.Event()

        async def slowly(self: Channel) -> object:
            opened.append(time.monotonic())
            await go.wait()
            self._connecting = None
            return self.unavailable("cannot connect: it came to nothing")

        monkeypatch.setattr(Channel, "_connect", slowly)
        channel = Channel(short_path / "s", name=NAME)
        stub = VersionStub(channel)
        impatient = asyncio.ensure_future(stub.version(Empty(), timeout=0.1))
        cancelled = asyncio.ensure_future(stub.version(Empty()))
        patient = asyncio.ensure_future(stub.version(Empty(), timeout=20))
        await asyncio.sleep(0.05)
        cancelled.cancel()
        with pytest.raises(DeadlineExceeded, match=rf"{NAME} at .*did not take a connection within 0\.1 s"):
            await impatient
        assert not go.is_set()
        go.set()
        with pytest.raises(Unavailable, match=rf"{NAME} at .*/s: cannot connect: it came to nothing"):
            await patient
        assert len(opened) == 1 and cancelled.cancelled()

    asyncio.run(main())


def test_unavailable_names_whom_where_and_why(short_path: Path, engine: str) -> None:
    async def body(socket: Path, content: Content, server: Server) -> None:
        async with Channel(short_path / "none", name=NAME) as channel:
            with pytest.raises(Unavailable) as caught:
                await VersionStub(channel).version(Empty())
            assert caught.value.message == f"{NAME} at {short_path}/none: cannot connect: no such socket"
            with pytest.raises(Unavailable, match=r"connecting failed, next try in \d+ ms: no such socket$"):
                await VersionStub(channel).version(Empty())
        async with Channel(socket, name=NAME) as channel:
            lost = asyncio.ensure_future(p.ContentStub(channel).info(p.InfoRequest(digest="slow")))
            await until(lambda: content.running == 1)
            for connection in list(server.connections):
                connection.transport.abort()
            with pytest.raises(Unavailable, match=f"{NAME} at {socket}: "):
                await lost

    serve(short_path, body)


def test_why_there_is_no_connection_is_told_in_words(short_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No number, no name of an error; what helps stands there where nobody listens, and nowhere else."""
    (short_path / "file").touch()
    left = sockets.socket(sockets.AF_UNIX)
    left.bind(str(short_path / "left"))
    left.close()

    async def failure(path: Path) -> str:
        async with Channel(path, name=NAME, remedy="start it") as channel:
            with pytest.raises(Unavailable) as caught:
                await VersionStub(channel).version(Empty())
        return str(caught.value).removeprefix(f"{NAME} at {path}: cannot connect: ")

    async def refuse(*_: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    async def main() -> None:
        assert await failure(short_path / "none") == "no such socket; start it"
        assert await failure(short_path / "file/none") == "no such socket; start it"
        for nobody in ("left", "file"):
            assert await failure(short_path / nobody) == "nobody listens there; start it"
        assert await failure(short_path / ("x" * 200)) == "the path of a socket has at most 107 bytes; take a shorter one"
        monkeypatch.setattr(asyncio.get_running_loop(), "create_unix_connection", refuse)
        assert (await failure(short_path / "s")).startswith(f"user {os.geteuid()} may not; be root")

    asyncio.run(main())


def test_what_is_used_is_remembered_and_no_more_than_fits() -> None:
    recent: Recent[int, str] = Recent(100)
    for i in range(100_000):
        recent.put(i, str(i))
        if i % 20 == 0:
            assert recent.get(0) == "0"
        assert len(recent) <= 100
    assert recent.get(1) is None and recent.get(99_999) == "99999"


def test_what_is_remembered_is_bounded_by_its_size() -> None:
    """A few large ones count as much as many small ones; one that is too large is not kept, and takes nobody's place."""
    recent: Recent[int, str] = Recent(1000, 1000, lambda _, text: len(text))
    for i in range(1000):
        recent.put(i, "x" * 100)
        if i % 4 == 0:
            assert recent.get(0) is not None
        assert len(recent) <= 10
    recent.put(-1, "x" * 501)
    assert recent.get(-1) is None and recent.get(999) is not None
    for _ in range(100):
        recent.put(0, "x" * 200)  # the same again takes no more room
    assert recent.get(999) is not None
    recent.put(999, "x" * 501)
    recent.drop(0)
    assert recent.get(999) is None and recent.get(0) is None
    for i in range(5):
        recent.put(i, "x" * 100)
    assert all(recent.get(i) is not None for i in range(5))


def test_a_caller_that_never_says_the_same_twice_is_forgotten(short_path: Path, engine: str) -> None:
    """On both ends; who says the same again and again is still found, whatever others said in between."""

    async def body(socket: Path, content: Content, server: Server) -> None:
        async with Channel(socket) as channel:
            stub = VersionStub(channel)
            server.heads, channel._headers = Recent(100), Recent(60)
            await stub.version(Empty())
            for i in range(400):
                await stub.version(Empty(), metadata={"odd": f"l{i}"})
            assert 50 <= len(server.heads) <= 100 and 30 <= len(channel._headers) <= 60
            assert (await stub.version(Empty(), metadata={"containerd-namespace": "blue"})).revision == "blue"

    serve(short_path, body)


def test_what_differs_in_every_call_is_not_remembered(short_path: Path, engine: str) -> None:
    """Leases and traces: not on either end; and they arrive all the same, before what the channel says by itself."""

    class Told(VersionBase):
        @inline
        async def version(self, request: Empty) -> VersionResponse:
            call = current()
            return VersionResponse(
                version=str(call.lease), revision=f"{call.get('containerd-namespace')} {call.get('traceparent')}"
            )

    async def body(socket: Path, content: Content, server: Server) -> None:
        server.add(Told())
        async with Channel(socket, metadata={"containerd-lease": "its own"}) as channel:
            stub = VersionStub(channel)
            assert (await stub.version(Empty())).version == "its own"
            heads, remembered = len(server.heads), len(channel._headers)
            for i in range(50):
                metadata = (
                    ("containerd-namespace", "n"),
                    ("containerd-lease", f"l{i}"),
                    ("containerd-lease", "other"),
                    ("traceparent", f"t{i}"),
                )
                answer = await stub.version(Empty(), metadata=metadata, timeout=20 + i)
                assert (answer.version, answer.revision) == (f"l{i}", f"n t{i}")
            assert (len(server.heads), len(channel._headers)) == (heads + 1, remembered + 1)
            with pytest.raises(ResourceExhausted, match="headers have .* bytes"):
                await stub.version(Empty(), metadata={"containerd-lease": "x" * (17 << 10)})

    serve(short_path, body)


@pytest.mark.parametrize(
    "raw", [b"", b"S", b"5", b"5x", b"-5S", b"+5S", "5²S".encode("latin1"), b"123456789S", b"9" * 100_000 + b"S"]
)
def test_what_is_no_timeout_is_none(raw: bytes) -> None:
    assert wire.parse_timeout(raw) is None


@pytest.mark.parametrize("how", ["broken", "reset", "whole"])
def test_a_relayed_stream_ends_as_its_caller_ends_it(short_path: Path, engine: str, how: str) -> None:
    """A request that breaks off in the middle of a message is told, and not waited for; a caller that gives up ends the call behind, too."""

    async def body(socket: Path, content: Content, server: Server) -> None:
        write = "/containerd.services.content.v1.Content/Write"
        async with Channel(socket, name="plugin") as plugin:

            class Front:
                def __mapping__(self) -> dict[str, Any]:
                    async def route(stream: Any) -> Channel:
                        return plugin

                    return {write: relay(route, Cardinality.STREAM_STREAM)}

            front = Server([Front()])
            await front.listen_unix(socket.with_name("front"))
            try:
                async with Channel(socket.with_name("front"), name="gateway") as channel:
                    stream = channel.request(write, Cardinality.STREAM_STREAM, bytes, p.WriteContentResponse, timeout=10)
                    await stream.send_message(p.WriteContentRequest(data=b"abc"))
                    assert (await stream.recv_message()).offset == 3
                    if how == "broken":
                        assert stream._connection is not None
                        stream._connection.engine.data(stream.sid, b"\0\0\0\0\x09abc", True)
                        stream._connection.flush()
                        with pytest.raises(InvalidArgument, match="ended in the middle of a message"):
                            await stream.recv_message()
                    elif how == "whole":
                        await stream.end()
                        assert await stream.recv_message() is None
                    stream.cancel()
                    await until(lambda: server.calls_in_flight == front.calls_in_flight == 0)
            finally:
                await front.close(0.1)

    serve(short_path, body)


def test_whoever_accepts_and_is_gone_at_once_is_away(short_path: Path) -> None:
    """The loop has closed the socket before it is asked who serves at its other end: that was a defect's error, and no UNAVAILABLE."""
    gone: Any = SimpleNamespace(transport=SimpleNamespace(get_extra_info=lambda _: None))
    with pytest.raises(ConnectionResetError):
        Channel(short_path / "s", name=NAME)._check_server(gone)
