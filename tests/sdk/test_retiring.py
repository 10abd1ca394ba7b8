"""A server stops when nobody calls, and no call is lost by it: whoever comes in that moment is served by the next one at the same socket."""

from __future__ import annotations

import asyncio
import random
import socket as sockets
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path

import grpc
import pytest
import uvloop
from argosy.rpc import Channel, Server
from argosy.rpc.channel import NO_DEADLINE
from argosy.rpc.relay import relay
from argosy_protos.containerd.services.content import v1 as p
from argosy_protos.containerd.services.version.v1 import VersionBase, VersionResponse, VersionStub
from argosy_protos.google.protobuf import Empty
from grpclib.const import Cardinality

from tests.sdk.test_rpc import INFO, Content, Version, engine, told

__all__ = ("engine",)  # a fixture
STORM_S = 20.0
# A storm is over when so many servers have served, and so many calls of each shape were answered.
SERVERS = CALLS = 10


@contextmanager
def held(path: Path) -> Iterator[sockets.socket]:
    """A socket that outlives those who serve on it, as a supervisor holds one."""
    with sockets.socket(sockets.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen(1024)
        yield listener


def in_loop(body: Awaitable[None], loop: str = "uvloop") -> None:
    async def main() -> None:
        await asyncio.wait_for(body, 30)

    with asyncio.Runner(loop_factory=uvloop.new_event_loop if loop == "uvloop" else None) as runner:
        runner.run(main())


@asynccontextmanager
async def serving(server: Server, listener: sockets.socket) -> AsyncIterator[Server]:
    await server.listen(listener.dup())
    try:
        yield server
    finally:
        await server.close(0)


async def one_after_another(listener: sockets.socket, over: Callable[[], bool], servers: list[Server]) -> None:
    """Serve until it is over, each server, which is added to servers, until nobody has called for a moment."""
    while not over():
        server = Server([Version(), Content()])
        servers.append(server)
        async with serving(server, listener):
            asked = -1
            while True:
                await asyncio.sleep(0.004)
                if over():
                    break
                if asked == server.asked and not server.is_used and await server.retire(listener, lambda: False, 0.5):
                    break
                asked = server.asked


@pytest.mark.parametrize("loop", ["uvloop", "asyncio"])
def test_a_storm_of_calls_around_the_moment_of_ending_loses_none(short_path: Path, engine: str, loop: str) -> None:
    """Of every shape, on one connection and on many, with pauses that are as long as a server waits for the next call."""
    done = {"unary": 0, "stream": 0, "write": 0, "relayed": 0, "alone": 0}
    servers: list[Server] = []
    until = time.monotonic() + STORM_S

    def over() -> bool:
        return time.monotonic() > until or (len(servers) >= SERVERS and min(done.values()) >= CALLS)

    beats = [asyncio.Event()]

    async def beat() -> None:
        """All come within a moment, after pauses in which a server goes on, is about to leave, leaves, or has left."""
        while not over():
            await asyncio.sleep(random.choice((0.015, 0.02, 0.03, 0.05, 0.1, 0.2)))
            beats[0].set()
            beats[0] = asyncio.Event()
        beats[0].set()

    async def pause() -> None:
        await beats[0].wait()
        await asyncio.sleep(random.choice((0, 0, 0.002, 0.005)))

    async def unary(channel: Channel) -> None:
        stub = p.ContentStub(channel)
        while not over():
            assert told(await stub.info(p.InfoRequest(digest=random.choice(("d", "later"))))) in ("d", "later")
            done["unary"] += 1
            await pause()

    async def stream(channel: Channel) -> None:
        while not over():
            found = [r async for r in p.ContentStub(channel).read(p.ReadContentRequest(size=1))]
            assert [len(r.data) for r in found] == [1 << 20]
            done["stream"] += 1
            await pause()

    async def write(channel: Channel) -> None:
        while not over():
            path = "/containerd.services.content.v1.Content/Write"
            async with channel.request(
                path, Cardinality.STREAM_STREAM, p.WriteContentRequest, p.WriteContentResponse
            ) as call:
                for n in range(1, 4):
                    await call.send_message(p.WriteContentRequest(data=b"x" * 1000))
                    assert (await call.recv_message()).offset == n * 1000
                    await asyncio.sleep(0.001)
            done["write"] += 1
            await pause()

    async def relayed(channel: Channel) -> None:
        while not over():
            assert (await VersionStub(channel).version(Empty(), timeout=NO_DEADLINE)).version == "1.0.0"
            done["relayed"] += 1
            await pause()

    async def alone(path: Path) -> None:
        while not over():
            async with Channel(path) as channel:
                assert (await VersionStub(channel).version(Empty())).version == "1.0.0"
            done["alone"] += 1
            await pause()

    async def body() -> None:
        path = short_path / "s"
        with held(path) as listener:
            async with Channel(path) as channel, Channel(short_path / "r") as through:
                back = Channel(path)

                async def route(_: object) -> Channel:
                    return back

                relays = Server()
                relays.mapping["/containerd.services.version.v1.Version/Version"] = relay(route, Cardinality.UNARY_UNARY)
                await relays.listen_unix(short_path / "r")
                async with asyncio.TaskGroup() as group:
                    works = (unary(channel), unary(channel), stream(channel), write(channel), relayed(through), alone(path))
                    tasks = [group.create_task(work) for work in works]
                    group.create_task(beat())
                    await one_after_another(listener, lambda: all(task.done() for task in tasks), servers)
                await relays.close(1)
                back.close()
        assert len(servers) >= SERVERS and min(done.values()) >= CALLS, (len(servers), done)

    in_loop(body(), loop)


def test_calls_of_a_stock_client_are_not_lost_either(short_path: Path) -> None:
    """gRPC's own library, on connections that it keeps."""
    until = time.monotonic() + STORM_S
    failures: list[str] = []
    servers: list[Server] = []
    count = [0] * 4
    path = short_path / "s"

    def calls(number: int) -> None:
        rng = random.Random(number)
        with grpc.insecure_channel(f"unix:{path}", options=[("grpc.use_local_subchannel_pool", 1)]) as channel:
            info = channel.unary_unary(INFO)
            while time.monotonic() < until and (len(servers) < SERVERS or min(count) < CALLS):
                try:
                    info(p.InfoRequest(digest="d").encode(), timeout=10)
                except grpc.RpcError as error:
                    failures.append(f"{error.code()} {error.details()}")
                count[number] += 1
                time.sleep(rng.choice((0.01, 0.05, 0.1, 0.2)))

    async def body() -> None:
        with held(path) as listener:
            threads = [threading.Thread(target=calls, args=(n,)) for n in range(len(count))]
            for thread in threads:
                thread.start()
            await one_after_another(listener, lambda: not any(t.is_alive() for t in threads), servers)
        assert failures == [] and len(servers) >= SERVERS and min(count) >= CALLS, (failures[:5], len(servers), count)

    in_loop(body())


def test_who_waits_at_the_socket_is_served_at_once(short_path: Path, engine: str) -> None:
    """A peer that does not hang up keeps a server, and nobody waits at the door for that."""

    async def body() -> None:
        path = short_path / "s"
        with held(path) as listener, sockets.socket(sockets.AF_UNIX) as silent:
            async with serving(Server([Version()]), listener) as server:
                silent.connect(str(path))
                while not server.connections:
                    await asyncio.sleep(0.01)
                leaving = asyncio.ensure_future(server.retire(listener, lambda: False, 20))
                await asyncio.sleep(0.1)
                assert not leaving.done()
                async with Channel(path) as channel:
                    began = time.monotonic()
                    await VersionStub(channel).version(Empty())
                    assert time.monotonic() - began < 5 and await leaving is False
                assert await server.retire(listener, lambda: False, 0.1) is False, "the silent one is there still"
                silent.close()
                while server.connections:
                    await asyncio.sleep(0.01)
                assert await server.retire(listener, lambda: False, 0.1)

    in_loop(body())


def test_work_keeps_a_server_and_a_call_that_was_given_up_is_work(short_path: Path, engine: str) -> None:
    class Stubborn(VersionBase):
        """It goes on when its caller has left."""

        def __init__(self) -> None:
            self.begun, self.over = asyncio.Event(), asyncio.Event()

        async def version(self, request: Empty) -> VersionResponse:
            self.begun.set()
            job = asyncio.ensure_future(self.over.wait())
            while not job.done():
                with suppress(asyncio.CancelledError):
                    await asyncio.shield(job)
            return VersionResponse()

    async def body() -> None:
        path = short_path / "s"
        with held(path) as listener:
            stubborn = Stubborn()
            async with serving(Server([stubborn]), listener) as server:
                async with Channel(path) as channel:
                    call = asyncio.ensure_future(VersionStub(channel).version(Empty()))
                    await stubborn.begun.wait()
                    call.cancel()
                    await asyncio.gather(call, return_exceptions=True)
                while server.connections:
                    await asyncio.sleep(0.01)
                assert server.is_used
                assert await server.retire(listener, lambda: False, 0.2) is False
                stubborn.over.set()
                while server.tasks:
                    await asyncio.sleep(0.01)
                assert await server.retire(listener, lambda: True, 0.2) is False
                assert await server.retire(listener, lambda: False, 0.2)

    in_loop(body())


@pytest.mark.parametrize("loop", ["uvloop", "asyncio"])
@pytest.mark.parametrize("turns", range(7))
def test_who_was_accepted_while_a_server_closed_is_hung_up_on(short_path: Path, loop: str, turns: int) -> None:
    """A connection goes through the loop in turns before the server knows it: whichever one the close comes in, nobody is left to wait."""

    async def body() -> None:
        server = Server([Version()])
        await server.listen_unix(short_path / "s")
        with sockets.socket(sockets.AF_UNIX) as peer:
            peer.setblocking(False)
            peer.connect(str(short_path / "s"))
            for _ in range(turns):
                await asyncio.sleep(0)
            await server.close(0)
            with suppress(ConnectionResetError):
                while await asyncio.wait_for(asyncio.get_running_loop().sock_recv(peer, 4096), 5):
                    pass
        await asyncio.sleep(0.01)
        assert not server.connections

    in_loop(body(), loop)
