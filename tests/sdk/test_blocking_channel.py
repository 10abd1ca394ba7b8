"""A channel without an event loop: its calls are those of the other one, and end as they do."""

from __future__ import annotations

import asyncio
import socket as sockets
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from argosy.errors import ArgosyError, DeadlineExceeded, Internal, NotFound, Unavailable
from argosy.rpc import Server, blocking
from argosy.rpc.blocking import BlockingChannel, finish
from argosy.rpc.channel import Channel
from argosy.rpc.engine import preload
from argosy_protos.containerd.services.content import v1 as p
from argosy_protos.containerd.services.version.v1 import VersionResponse, VersionStub
from argosy_protos.google.protobuf import Empty

from tests.harness.containerd import Containerd
from tests.sdk.test_rpc import Content, engine, serve, told

__all__ = ("engine",)  # a fixture

Asking = Callable[[BlockingChannel], None]


def served(short_path: Path, work: Asking) -> Content:
    """Do work in a thread, with a channel to a server whose loop runs in another; return who served."""
    found: list[Content] = []

    async def body(socket: Path, content: Content, server: Server) -> None:
        found.append(content)
        with BlockingChannel(socket, name="peer") as channel:
            await asyncio.to_thread(work, channel)

    preload()  # not by both threads at once: the server's would wait for the other, which these tests take for a fault
    serve(short_path, body)
    return found[0]


async def all_of(channel: BlockingChannel, size: int) -> int:
    """Read size answers of a mebibyte each; return how many bytes came."""
    total = 0
    async for answer in p.ContentStub(channel).read(p.ReadContentRequest(size=size)):
        total += len(answer.data)
    return total


def test_calls_carry_metadata_and_errors(short_path: Path, engine: str) -> None:
    def work(channel: BlockingChannel) -> None:
        bound = channel.with_metadata({"containerd-namespace": "red"}).with_metadata({"containerd-namespace": "blue"})
        assert finish(VersionStub(bound).version(Empty())) == VersionResponse(version="1.0.0", revision="blue")
        stub = p.ContentStub(channel)
        with pytest.raises(NotFound) as caught:
            finish(stub.info(p.InfoRequest(digest="none")))
        assert caught.value.message == 'content "100% ä\n"'
        for digest in ("a", "later", "b" * 100_000):
            assert told(finish(stub.info(p.InfoRequest(digest=digest)))) == digest

    served(short_path, work)


def test_answers_may_be_larger_than_the_windows(short_path: Path, engine: str) -> None:
    """And one that is left takes no other call with it."""

    def work(channel: BlockingChannel) -> None:
        assert finish(all_of(channel, 48)) == 48 << 20

        async def some() -> int:
            async for answer in p.ContentStub(channel).read(p.ReadContentRequest(size=40)):
                return len(answer.data)
            return 0

        assert finish(some()) == 1 << 20
        assert told(finish(p.ContentStub(channel).info(p.InfoRequest(digest="a")))) == "a"

    served(short_path, work)


def test_a_call_ends_in_time_and_the_peer_stops(short_path: Path, engine: str) -> None:
    def work(channel: BlockingChannel) -> None:
        began = time.monotonic()
        with pytest.raises(DeadlineExceeded):
            finish(p.ContentStub(channel).info(p.InfoRequest(digest="slow"), timeout=0.2))
        assert 0.15 < time.monotonic() - began < 5
        assert told(finish(p.ContentStub(channel).info(p.InfoRequest(digest="a"), timeout=10))) == "a"

    content = served(short_path, work)
    assert (content.running, content.cancelled) == (0, 1)


def test_nobody_there_is_told_as_by_the_other_channel(short_path: Path) -> None:
    """No socket, nobody who listens, a path too long, a queue that is full."""
    (short_path / "file").touch()
    stale = sockets.socket(sockets.AF_UNIX)
    stale.bind(str(short_path / "stale"))
    stale.close()
    full = sockets.socket(sockets.AF_UNIX)
    full.bind(str(short_path / "full"))
    full.listen(0)
    waiting = []
    for _ in range(2):
        one = sockets.socket(sockets.AF_UNIX)
        one.setblocking(False)
        one.connect_ex(str(short_path / "full"))
        waiting.append(one)
    try:
        for path in (short_path / "none", short_path / "stale", short_path / ("x" * 200), short_path / "full"):

            async def other(path: Path) -> None:
                async with Channel(path, name="peer", remedy="start it") as channel:
                    await VersionStub(channel).version(Empty())

            messages = []
            for ask in (lambda path: finish(VersionStub(BlockingChannel(path, name="peer", remedy="start it")).version(Empty())),
                        lambda path: asyncio.run(other(path))):  # fmt: skip
                with pytest.raises(Unavailable) as caught:
                    ask(path)
                messages.append(caught.value.message)
            assert messages[0] == messages[1] and str(path) in messages[0]
    finally:
        for one in (*waiting, full):
            one.close()


@pytest.mark.parametrize(
    ("said", "error"),
    [
        (b"", Unavailable),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", Unavailable),
        (bytes.fromhex("000000040000000000"), Unavailable),  # SETTINGS, and the end
        (bytes.fromhex("000000040000000000 0000010105000000018d"), Unavailable),  # :status 404, and no more
        (bytes.fromhex("000000040000000000 00000101050000000188"), Internal),  # :status 200 without a grpc-status
        (bytes.fromhex("000000040000000000 000004030000000001 00000007"), Unavailable),  # the stream is refused
    ],
)
def test_a_peer_that_lies_or_hangs_up_is_an_error(
    short_path: Path, engine: str, said: bytes, error: type[ArgosyError]
) -> None:
    listener = sockets.socket(sockets.AF_UNIX)
    listener.bind(str(short_path / "s"))
    listener.listen()

    def lie() -> None:
        peer, _ = listener.accept()
        with peer:
            peer.recv(65536)
            peer.sendall(said)
            peer.shutdown(sockets.SHUT_WR)
            while peer.recv(65536):
                pass

    liar = threading.Thread(target=lie)
    liar.start()
    try:
        with pytest.raises(error, match="peer"), BlockingChannel(short_path / "s", name="peer") as channel:
            finish(VersionStub(channel).version(Empty(), timeout=10))
    finally:
        listener.close()
        liar.join(10)
    assert not liar.is_alive()


def test_a_peer_that_speaks_something_else_is_not_waited_for(short_path: Path) -> None:
    """It keeps its end open: what it said is all that shows that no answer will come."""
    listener = sockets.socket(sockets.AF_UNIX)
    listener.bind(str(short_path / "s"))
    listener.listen()
    asked = threading.Event()

    def speak() -> None:
        peer, _ = listener.accept()
        with peer:
            peer.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n" * 10)
            asked.wait(10)

    other = threading.Thread(target=speak)
    other.start()
    try:
        with pytest.raises(Unavailable, match="protocol"), BlockingChannel(short_path / "s", name="peer") as channel:
            finish(VersionStub(channel).version(Empty(), timeout=5))
    finally:
        asked.set()
        listener.close()
        other.join(10)


def test_what_waits_for_something_else_is_a_mistake() -> None:
    with pytest.raises(RuntimeError, match="needs an event loop"):
        finish(asyncio.sleep(0))  # it asks the loop for its next turn


@pytest.mark.root
def test_a_stock_daemon_answers_it(short_path: Path) -> None:
    daemon = Containerd(short_path / "c")
    daemon.start()
    try:
        with BlockingChannel(daemon.address) as channel:
            version = finish(VersionStub(channel).version(Empty())).version
            assert version and version in daemon.ctr("version").ok().out
            bound = channel.with_metadata({"containerd-namespace": "default"})
            with pytest.raises(NotFound, match="not found"):
                finish(p.ContentStub(bound).info(p.InfoRequest(digest=f"sha256:{'0' * 64}")))
            assert finish(all_of_stock(bound)) == 0
    finally:
        daemon.destroy()


async def all_of_stock(channel: BlockingChannel) -> int:
    return len([reply async for reply in p.ContentStub(channel).list(p.ListContentRequest()) if reply.info])


def test_it_loads_no_event_loop() -> None:
    code = "import sys\nfrom argosy.rpc.blocking import BlockingChannel\nprint('asyncio' in sys.modules)"
    ran = subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout == "False\n"


def test_a_call_that_waits_says_so_and_waits_on(short_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever types a command at a daemon that is stopped sees for whom it waits. A stream may be silent, and so may a call with an end."""
    monkeypatch.setattr(blocking, "_TOLD_AFTER_S", 0.1)
    said: list[str] = []
    with sockets.socket(sockets.AF_UNIX) as mute:
        mute.bind(str(short_path / "s"))
        mute.listen()

        def hang_up() -> None:
            made, _ = mute.accept()
            time.sleep(0.6)
            made.close()

        for call, timeout in (("unary", None), ("unary", 0.3), ("stream", None)):
            ending = threading.Thread(target=hang_up)
            ending.start()
            with BlockingChannel(short_path / "s", name="peer", late=said.append) as channel:
                stub = VersionStub(channel)
                with pytest.raises(DeadlineExceeded if timeout else Unavailable):
                    finish(all_of(channel, 1) if call == "stream" else stub.version(Empty(), timeout=timeout))
            ending.join()
    assert said == [f"peer at {short_path}/s takes calls, and has not answered for 0.1 s; waiting on"]
