"""ttrpc: however the socket cuts the bytes, the same messages come out; broken rules are answered, not fatal."""

from __future__ import annotations

import asyncio
import itertools
from pathlib import Path
from typing import Any

import pytest
from argosy.errors import NotFound, Unimplemented
from argosy.ttrpc import frames
from argosy.ttrpc.client import Closed, TtrpcClient
from argosy.ttrpc.machine import Answer, ClientMachine, Data, Incoming, ServerMachine
from argosy.ttrpc.server import ServerStream, TtrpcServer
from argosy_protos.containerd.services.events.ttrpc.v1 import ForwardRequest
from argosy_protos.containerd.types import Envelope
from argosy_protos.google.protobuf import Empty
from argosy_protos.lean.ttrpc import Response
from hypothesis import given, settings
from hypothesis import strategies as st


def pieces(data: bytes, cuts: list[int]) -> list[bytes]:
    points = sorted({0, len(data), *(c % (len(data) + 1) for c in cuts)})
    return [data[a:b] for a, b in itertools.pairwise(points)]


@settings(max_examples=200, deadline=None, database=None)
@given(
    st.lists(st.tuples(st.integers(1, 99), st.integers(1, 3), st.integers(0, 7), st.binary(max_size=300)), max_size=6),
    st.lists(st.integers(0, 5000), max_size=12),
)
def test_frames_do_not_care_how_the_socket_cut_them(sent: list[tuple[int, int, int, bytes]], cuts: list[int]) -> None:
    stream = b"".join(frames.encode(*frame) for frame in sent)
    decoder = frames.Decoder()
    got = [f for piece in pieces(stream, cuts) for f in decoder.feed(piece)]
    assert [tuple(f[:4]) for f in got] == sent


@settings(max_examples=100, deadline=None, database=None)
@given(st.lists(st.binary(max_size=50), min_size=1, max_size=5), st.lists(st.integers(0, 2000), max_size=8))
def test_calls_and_answers_survive_every_split(payloads: list[bytes], cuts: list[int]) -> None:
    client, server = ClientMachine(), ServerMachine()
    ids = [client.request("a.B", "C", x, 5, {"Key": "v"}) for x in payloads]
    assert ids == list(range(1, 2 * len(payloads), 2))
    seen = [e for piece in pieces(client.take(), cuts) for e in server.feed(piece)]
    assert [e.payload for e in seen if isinstance(e, Incoming)] == payloads
    assert all(isinstance(e, Incoming) and e.metadata == {"key": "v"} and e.timeout_ns == 5 for e in seen)
    for event in reversed(seen):
        server.respond(event.stream, event.payload or b"")
    answers = [e for piece in pieces(server.take(), cuts) for e in client.feed(piece)]
    assert [(a.stream, a.code, a.payload) for a in answers if isinstance(a, Answer)] == list(
        reversed(list(zip(ids, [0] * len(ids), payloads, strict=True)))
    )


def answers(data: bytes) -> list[tuple[int, int]]:
    """The (stream, code) of every answer in a server's bytes, whoever asked."""
    found = []
    for frame in frames.Decoder().feed(data):
        status = Response.decode(frame.payload).status
        found.append((frame.stream, status.code if status is not None else 0))
    return found


def test_an_oversized_request_is_answered_and_the_connection_lives_on() -> None:
    server = ServerMachine()
    head = frames.HEADER.pack(frames.MAX_PAYLOAD_BYTES + 1, 1, frames.REQUEST, 0)
    assert server.feed(head) == []
    for _ in range(4):
        assert server.feed(b"x" * (1 << 20)) == []
    (event,) = server.feed(b"x" + frames.encode(3, frames.REQUEST, 0, b""))
    assert event.stream == 3
    assert answers(server.take()) == [(1, 8)]
    client = ClientMachine()
    with pytest.raises(frames.OversizeError):
        client.request("a", "b", b"x" * (frames.MAX_PAYLOAD_BYTES + 1))
    assert client.take() == b""


@pytest.mark.parametrize("stream", [2, 4])
def test_even_stream_ids_are_refused(stream: int) -> None:
    server = ServerMachine()
    assert server.feed(frames.encode(stream, frames.REQUEST, 0, b"")) == []
    assert answers(server.take()) == [(stream, 3)]


def test_a_stream_id_is_used_once() -> None:
    server = ServerMachine()
    assert len(server.feed(frames.encode(5, frames.REQUEST, 0, b""))) == 1
    assert server.feed(frames.encode(5, frames.REQUEST, 0, b"")) == []
    assert server.feed(frames.encode(3, frames.REQUEST, 0, b"")) == []
    assert answers(server.take()) == [(5, 3), (3, 3)]


def test_streams_carry_data_and_half_closes() -> None:
    client, server = ClientMachine(), ServerMachine()
    stream = client.request("a", "b", b"first", streaming=True)
    client.send(stream, b"one")
    client.close(stream)
    events = server.feed(client.take())
    assert isinstance(events[0], Incoming) and events[0].streaming and not events[0].closed
    assert events[1:] == [Data(stream, b"one", False), Data(stream, None, True)]
    server.send(stream, b"back")
    server.respond(stream, b"")
    assert client.feed(server.take()) == [Data(stream, b"back", False), Answer(stream, 0, "", b"")]


@settings(max_examples=300, deadline=None, database=None)
@given(st.binary(max_size=200))
def test_garbage_never_crashes_a_server(data: bytes) -> None:
    ServerMachine().feed(data)


def test_client_and_server_over_a_socket(short_path: Path) -> None:
    async def main() -> None:
        got: list[Any] = []

        async def forward(request: ForwardRequest, metadata: Any) -> Empty:
            if request.envelope is None:
                raise NotFound('event "x"')
            got.append((request.envelope.topic, metadata["containerd-namespace-ttrpc"]))
            return Empty()

        server = TtrpcServer()
        server.add("a.Events", "Forward", ForwardRequest, forward)
        await server.listen_unix(short_path / "t")
        closed = asyncio.Event()
        client = await TtrpcClient.connect(f"unix://{short_path}/t", "events", closed.set)
        headers = {"containerd-namespace-ttrpc": "blue"}
        await client.call("a.Events", "Forward", ForwardRequest(envelope=Envelope(topic="/a")), Empty, 5, headers)
        assert got == [("/a", "blue")]
        with pytest.raises(NotFound):
            await client.call("a.Events", "Forward", ForwardRequest(), Empty, 5, headers)
        with pytest.raises(Unimplemented, match="method Nope"):
            await client.raw("a.Events", "Nope", b"")
        with pytest.raises(Unimplemented, match=r"service b\.None"):
            await client.raw("b.None", "Nope", b"")
        await server.close()
        await asyncio.wait_for(closed.wait(), 5)
        with pytest.raises(Closed):
            await client.raw("a.Events", "Forward", b"")

    asyncio.run(main())


def test_streaming_calls_over_a_socket(short_path: Path) -> None:
    async def main() -> None:
        async def echo(stream: ServerStream, metadata: Any) -> None:
            while (message := await stream.recv()) is not None:
                if message.topic == "/bad":
                    raise NotFound("stream")
                await stream.send(Envelope(topic=message.topic * 2))

        async def count(stream: ServerStream, metadata: Any) -> None:
            first = await stream.recv()
            assert await stream.recv() is None
            for i in range(3):
                await stream.send(Envelope(topic=f"{first.topic}{i}"))

        server = TtrpcServer()
        server.add_stream("a.S", "Echo", Envelope, echo)
        server.add_stream("a.S", "Count", Envelope, count)
        await server.listen_unix(short_path / "t")
        client = await TtrpcClient.connect(str(short_path / "t"))
        stream = client.stream("a.S", "Echo", Envelope)
        for topic in ("x", "yy"):
            await stream.send(Envelope(topic=topic))
            assert (await stream.recv()).topic == topic * 2
        await stream.close_send()
        assert await stream.recv() is None and await stream.recv() is None
        counted = client.stream("a.S", "Count", Envelope, Envelope(topic="n"))
        assert [(await counted.recv()).topic for _ in range(3)] == ["n0", "n1", "n2"]
        assert await counted.recv() is None
        failing = client.stream("a.S", "Echo", Envelope)
        await failing.send(Envelope(topic="/bad"))
        with pytest.raises(NotFound, match="stream"):
            await failing.recv()
        waiting = client.stream("a.S", "Echo", Envelope)
        await server.close()
        with pytest.raises(Closed):
            await asyncio.wait_for(waiting.recv(), 5)

    asyncio.run(main())
