"""Calls are answered before there is an event loop, and what came too early is served once there is one."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
import uvloop
from argosy.rpc.early import Early
from argosy.rpc.server import Server, inline
from argosy.rpc.sockets import bind_unix, same_user
from argosy_gateway.early import REVISION, VERSION, Version
from argosy_protos.containerd.services.content import v1 as p
from argosy_protos.containerd.services.version.v1 import VersionResponse

VERSION_PATH = "/containerd.services.version.v1.Version/Version"
CONTENT = "/containerd.services.content.v1.Content"


class Content(p.ContentBase):
    """What comes later."""

    async def info(self, request: p.InfoRequest) -> p.InfoResponse:
        return p.InfoResponse(info=p.Info(digest=request.digest, size=os.getpid()))

    async def write(self, requests: AsyncIterator[p.WriteContentRequest]) -> AsyncIterator[p.WriteContentResponse]:
        total = 0
        async for request in requests:
            total += len(request.data)
        yield p.WriteContentResponse(offset=total)


@pytest.fixture(params=["ngh2", "h2"])
def early(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, short_path: Path) -> Iterator[Early]:
    monkeypatch.setenv("ARGOSY_H2", request.param)
    door = Early(Server([Version()], allow=same_user), bind_unix(short_path / "s"))
    door.start()
    yield door
    door.stop()
    door.close()
    door.listener.close()


@pytest.fixture
def channel(early: Early, short_path: Path) -> Iterator[grpc.Channel]:
    with grpc.insecure_channel(f"unix:{short_path}/s") as opened:
        yield opened


def goes_on(early: Early, until: threading.Event, loop: str = "uvloop") -> None:
    """Be the daemon that is there now, until somebody says stop."""

    async def main() -> None:
        early.server.add(Content())
        await early.hand_over()
        early.server.open()
        await early.server.listen(early.listener.dup())
        while not until.is_set():
            await asyncio.sleep(0.01)
        await early.server.close(0.1)

    early.stop()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop if loop == "uvloop" else None) as runner:
        runner.run(main())


def version(channel: grpc.Channel, request: bytes = b"") -> VersionResponse:
    return VersionResponse.decode(channel.unary_unary(VERSION_PATH)(request, timeout=10))


def held(early: Early, calls: int) -> bool:
    """Whether so many calls wait."""
    return sum(len(connection._held) for connection in early.server.connections) == calls


def wait(check: Any) -> None:
    deadline = time.monotonic() + 10
    while not check():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def test_who_answers_is_told_without_an_event_loop(channel: grpc.Channel) -> None:
    for _ in range(3):
        assert version(channel) == VersionResponse(version=VERSION, revision=REVISION)
    # Fields that Empty does not know are no mistake; half of one is.
    assert version(channel, b"\x0a\x01x").version == VERSION
    with pytest.raises(grpc.RpcError) as caught:
        version(channel, b"\x0a\x09x")
    assert caught.value.code() == grpc.StatusCode.INVALID_ARGUMENT and "malformed" in caught.value.details()


@pytest.mark.parametrize("loop", ["uvloop", "asyncio"])
def test_what_came_too_early_is_served_later_on_the_same_connection(early: Early, channel: grpc.Channel, loop: str) -> None:
    assert version(channel).version == VERSION
    info = channel.unary_unary(f"{CONTENT}/Info").future(p.InfoRequest(digest="a").encode(), timeout=20)
    # Larger than one stream's window: half of it cannot even be sent before somebody reads.
    parts = [p.WriteContentRequest(data=b"x" * (1 << 20)).encode()] * 16
    write = channel.stream_stream(f"{CONTENT}/Write")(iter(parts), timeout=20)
    nobody = channel.unary_unary("/no.such.Service/Call").future(b"", timeout=20)
    wait(lambda: held(early, 3))
    assert not info.done() and not nobody.done()
    until = threading.Event()

    def client() -> None:
        try:
            answer = p.InfoResponse.decode(info.result())
            assert answer.info is not None and answer.info.digest == "a"
            assert [p.WriteContentResponse.decode(m).offset for m in write] == [16 << 20]
            with pytest.raises(grpc.RpcError) as caught:
                nobody.result()
            assert caught.value.code() == grpc.StatusCode.UNIMPLEMENTED
            assert version(channel).version == VERSION
            with grpc.insecure_channel(f"unix:{early.listener.getsockname()}") as another:
                assert version(another).version == VERSION
            told.append("all")
        finally:
            until.set()

    told: list[str] = []
    thread = threading.Thread(target=client)
    thread.start()
    goes_on(early, until, loop)
    thread.join()
    assert told == ["all"]


class Inline(p.ContentBase):
    """What can be answered without a loop."""

    @inline
    async def info(self, request: p.InfoRequest) -> p.InfoResponse:
        return p.InfoResponse(info=p.Info(digest=request.digest))


def test_a_service_that_comes_early_answers_what_was_held(early: Early, channel: grpc.Channel) -> None:
    info = channel.unary_unary(f"{CONTENT}/Info").future(p.InfoRequest(digest="a").encode(), timeout=20)
    write = channel.stream_stream(f"{CONTENT}/Write")(iter([p.WriteContentRequest(data=b"x").encode()]), timeout=20)
    wait(lambda: held(early, 2))
    early.add(Inline())
    answer = p.InfoResponse.decode(info.result())
    assert answer.info is not None and answer.info.digest == "a"
    # A stream needs a loop.
    wait(lambda: held(early, 1))
    write.cancel()
    wait(lambda: held(early, 0))


class Large(p.ContentBase):
    """An answer that no socket takes at once."""

    @inline
    async def info(self, request: p.InfoRequest) -> p.InfoResponse:
        return p.InfoResponse(info=p.Info(digest=LARGE))


LARGE = "".join(f"{n:08x}" for n in range(1 << 19))


@pytest.mark.parametrize("loop", ["uvloop", "asyncio"])
def test_an_answer_that_is_half_sent_is_sent_to_its_end(early: Early, short_path: Path, loop: str) -> None:
    import h2.config
    import h2.connection
    import h2.events
    import h2.settings

    early.add(Large())
    client = h2.connection.H2Connection(h2.config.H2Configuration(client_side=True, header_encoding=None))
    client.local_settings = h2.settings.Settings(
        client=True, initial_values={h2.settings.SettingCodes.INITIAL_WINDOW_SIZE: 1 << 24}
    )
    client.initiate_connection()
    client.increment_flow_control_window(1 << 20)
    headers = [(":method", "POST"), (":scheme", "http"), (":path", f"{CONTENT}/Info"), (":authority", "localhost")]
    client.send_headers(1, [*headers, ("content-type", "application/grpc"), ("te", "trailers")])
    client.send_data(1, b"\0\0\0\0\0", end_stream=True)
    until = threading.Event()
    got = bytearray()

    def read(peer: socket.socket) -> None:
        try:
            # Whoever takes over finds most of the answer unsent, and more of it in its engine.
            wait(lambda: not early._transports)
            peer.settimeout(10)
            while True:
                for event in client.receive_data(peer.recv(1 << 16)):
                    if isinstance(event, h2.events.DataReceived):
                        got.extend(event.data)
                        client.acknowledge_received_data(event.flow_controlled_length or 0, 1)
                    if isinstance(event, h2.events.StreamEnded):
                        return
                peer.sendall(client.data_to_send())
        finally:
            until.set()

    with socket.socket(socket.AF_UNIX) as peer:
        peer.connect(str(short_path / "s"))
        peer.sendall(client.data_to_send())
        wait(lambda: any(transport.unsent for transport in early._transports.values()))
        # The first thing that the new loop reads makes the engine give more.
        client.increment_flow_control_window(1 << 24)
        peer.sendall(client.data_to_send())
        thread = threading.Thread(target=read, args=(peer,))
        thread.start()
        goes_on(early, until, loop)
        thread.join()
    answer = p.InfoResponse.decode(bytes(got[5:]))
    assert answer.info is not None and answer.info.digest == LARGE


def test_who_gave_up_meanwhile_is_not_served(early: Early, channel: grpc.Channel) -> None:
    given_up = channel.unary_unary(f"{CONTENT}/Info").future(p.InfoRequest(digest="a").encode(), timeout=20)
    late = channel.unary_unary(f"{CONTENT}/Info").future(p.InfoRequest(digest="b").encode(), timeout=0.2)
    wait(lambda: held(early, 2))
    given_up.cancel()
    wait(lambda: held(early, 0) or late.done())
    with pytest.raises(grpc.RpcError) as caught:
        late.result()
    assert caught.value.code() == grpc.StatusCode.DEADLINE_EXCEEDED
    wait(lambda: held(early, 0))


def test_the_time_that_a_call_waited_counts(early: Early, short_path: Path) -> None:
    from argosy.rpc.server import RequestHead, ServerConnection, _Held

    served: list[Any] = []
    connection = ServerConnection(early.server, early)
    connection._take = lambda *call: served.append(call)  # type: ignore[method-assign] # the test looks at what is served
    connection.flush = lambda: None  # type: ignore[method-assign] # nobody is at the other end
    head = RequestHead(((b":path", b"/x"),))
    connection._held = {1: _Held(head, 12.5, True)}
    connection.replay()
    assert served == [(1, head, 12.5, True)]


def test_another_user_is_turned_away(early: Early, short_path: Path) -> None:
    early.server._allow = lambda peer: False
    with socket.socket(socket.AF_UNIX) as peer:
        peer.settimeout(10)
        peer.connect(str(short_path / "s"))
        assert peer.recv(1) == b""
    assert not early.server.connections


def test_who_never_reads_is_not_read_either(early: Early, short_path: Path) -> None:
    """Otherwise its answers would fill memory. The h2 client writes calls until the socket takes no more."""
    import h2.config
    import h2.connection

    client = h2.connection.H2Connection(h2.config.H2Configuration(client_side=True, header_encoding=None))
    client.initiate_connection()
    with socket.socket(socket.AF_UNIX) as peer:
        peer.connect(str(short_path / "s"))
        peer.sendall(client.data_to_send())
        peer.settimeout(1)
        # Each ping is answered by as many bytes as it has.
        pings = b"\0\0\x08\x06\0\0\0\0\0" + b"12345678"
        sent = 0
        with pytest.raises((TimeoutError, BrokenPipeError, ConnectionResetError)):
            while sent < 64 << 20:
                sent += peer.send(pings * 4096)
        assert sum(len(t.unsent) for t in early._transports.values()) < 4 << 20


def test_a_process_may_fork_before_it_goes_on(early: Early, channel: grpc.Channel) -> None:
    """As a supervisor does: the child has the connections, the parent forgets them, no caller can tell."""
    assert version(channel).version == VERSION
    call = channel.unary_unary(f"{CONTENT}/Info").future(p.InfoRequest(digest="a").encode(), timeout=20)
    wait(lambda: held(early, 1))
    early.stop()
    child = os.fork()
    if child == 0:
        try:
            goes_on(early, threading.Event())
        finally:
            os._exit(1)
    try:
        early.close()
        answer = p.InfoResponse.decode(call.result())
        assert answer.info is not None and answer.info.size == child
        assert version(channel).version == VERSION
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)


_LEAN = """
import sys
from argosy_cli.door import Door
door = Door(sys.argv[1] + "/root", sys.argv[1] + "/state", sys.argv[1] + "/s")
first = set(sys.modules)
door.open_records()
then = set(sys.modules)
import grpc
with grpc.insecure_channel(f"unix:{sys.argv[1]}/s") as channel:
    assert b"argosy" in channel.unary_unary("/containerd.services.version.v1.Version/Version")(b"", timeout=10)
    channel.unary_unary("/containerd.services.namespaces.v1.Namespaces/List")(b"", timeout=10)
door.close()
heavy = {"asyncio", "uvloop", "structlog", "pydantic", "anyio", "pathlib"}
print(sorted((heavy | {"betterproto2", "sqlite3"}) & first), sorted(heavy & then))
"""


def test_the_first_answers_load_no_event_loop(short_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-I", "-c", _LEAN, str(short_path)], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout == "[] []\n", done.stdout
    assert not (short_path / "s").exists()
