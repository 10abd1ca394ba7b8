"""gRPC on both engines: calls, streams, limits, deadlines, cancellation, and the grpclib defects that must not come back."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent import futures
from pathlib import Path
from typing import Any

import anyio
import grpc
import pytest
import uvloop
from argosy.client.services import present
from argosy.errors import (
    Cancelled,
    DeadlineExceeded,
    NotFound,
    PermissionDenied,
    ResourceExhausted,
    Unavailable,
    Unimplemented,
    Unknown,
)
from argosy.rpc import Channel, Server, current, inline
from argosy.rpc import engine as h2
from argosy.rpc.context import Peer
from argosy.rpc.health import Health
from argosy.rpc.reflection import ReflectionV1
from argosy.rpc.relay import relay
from argosy_protos.containerd.services.content import v1 as p
from argosy_protos.containerd.services.version.v1 import VersionBase, VersionResponse, VersionStub
from argosy_protos.google.protobuf import Empty
from argosy_protos.grpc.health.v1 import HealthCheckRequest, HealthStub
from argosy_protos.grpc.reflection import v1 as reflection
from grpclib.const import Cardinality

from tests.harness.mesh import until

SPACES = "  QEMU did not start: "
INFO = "/containerd.services.content.v1.Content/Info"


class Version(VersionBase):
    @inline
    async def version(self, request: Empty) -> VersionResponse:
        return VersionResponse(version="1.0.0", revision=str(current().get("containerd-namespace")))


class Content(p.ContentBase):
    def __init__(self) -> None:
        self.cancelled = 0
        self.running = 0
        self.taken = 0

    @inline
    async def info(self, request: p.InfoRequest) -> p.InfoResponse:
        if request.digest.startswith("slow"):
            self.running += 1
            try:
                await asyncio.sleep(30)
            except asyncio.CancelledError:
                self.cancelled += 1
                raise
            finally:
                self.running -= 1
        if request.digest == "later":
            await asyncio.sleep(0.01)
        if request.digest == "none":
            raise NotFound('content "100% ä\n"')
        if request.digest == "spaces":
            raise Unknown(SPACES)
        return p.InfoResponse(info=p.Info(digest=request.digest))

    async def read(self, request: p.ReadContentRequest) -> AsyncIterator[p.ReadContentResponse]:
        for i in range(request.size):
            self.taken = i
            yield p.ReadContentResponse(offset=i, data=b"x" * (1 << 20))

    async def write(self, requests: AsyncIterator[p.WriteContentRequest]) -> AsyncIterator[p.WriteContentResponse]:
        total = 0
        async for request in requests:
            total += len(request.data)
            if request.ref == "never":
                await asyncio.sleep(30)
            if request.ref == "much":
                for _ in range(60):
                    yield p.WriteContentResponse(digest="x" * 10_000)
                return
            yield p.WriteContentResponse(offset=total)
            if request.action == p.WriteAction.COMMIT:
                return


def told(response: p.InfoResponse) -> str:
    """The digest in an answer."""
    assert response.info is not None
    return response.info.digest


Body = Callable[[Path, Content, Server], Awaitable[None]]


@pytest.fixture(params=["ngh2", "h2"])
def engine(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("ARGOSY_H2", request.param)
    return str(request.param)


def serve(short_path: Path, body: Body, loop: str = "uvloop", **options: Any) -> None:
    async def main() -> None:
        content = Content()
        server = Server([Version(), content], **options)
        server.add(Health(server))
        server.add(ReflectionV1(server))
        socket = short_path / "s"
        await server.listen_unix(socket)
        try:
            await asyncio.wait_for(body(socket, content, server), 20)
        finally:
            await server.close(0.1)

    runner = asyncio.Runner(loop_factory=uvloop.new_event_loop if loop == "uvloop" else None)
    with runner:
        runner.run(main())


@pytest.mark.parametrize("loop", ["uvloop", "asyncio"])
def test_calls_carry_metadata_and_errors_both_ways(short_path: Path, engine: str, loop: str) -> None:
    async def body(socket: Path, content: Content, server: Server) -> None:
        async with Channel(socket, name="peer") as channel:
            bound = channel.with_metadata({"containerd-namespace": "blue"})
            assert await VersionStub(bound).version(Empty()) == VersionResponse(version="1.0.0", revision="blue")
            stub = p.ContentStub(channel)
            with pytest.raises(NotFound) as caught:
                await stub.info(p.InfoRequest(digest="none"))
            assert caught.value.message == 'content "100% ä\n"'
            assert told(await stub.info(p.InfoRequest(digest="later"))) == "later"
            with pytest.raises(Unimplemented, match="Delete"):
                await stub.delete(p.DeleteContentRequest())
            with pytest.raises(Unimplemented, match=r"unknown service no\.Such"):
                await channel.unary("/no.Such/Method", b"", bytes)
            with pytest.raises(Unimplemented, match="unknown method Nope for service"):
                await channel.unary("/containerd.services.content.v1.Content/Nope", b"", bytes)

    serve(short_path, body, loop)


def test_an_error_that_ends_in_a_space_arrives_whole(short_path: Path, engine: str) -> None:
    """A header's value may neither begin nor end with one: sent as it is, the call would never end."""

    def abort(request: bytes, context: grpc.ServicerContext) -> None:
        context.abort(grpc.StatusCode.NOT_FOUND, SPACES)

    class Stock(grpc.GenericRpcHandler):  # type: ignore[misc] # grpcio has no types
        def service(self, details: grpc.HandlerCallDetails) -> Any:
            return grpc.unary_unary_rpc_method_handler(abort)

    async def body(socket: Path, content: Content, server: Server) -> None:
        async with Channel(socket) as channel:
            with pytest.raises(Unknown) as caught:
                await p.ContentStub(channel).info(p.InfoRequest(digest="spaces"), timeout=5)
            assert caught.value.message == SPACES

        def stock() -> str:
            with grpc.insecure_channel(f"unix:{socket}") as peer:
                call = peer.unary_unary(INFO, lambda r: r.encode(), p.InfoResponse.decode)
                with pytest.raises(grpc.RpcError) as failed:
                    call(p.InfoRequest(digest="spaces"), timeout=5)
                return str(failed.value.details())

        assert await asyncio.to_thread(stock) == SPACES
        theirs = grpc.server(futures.ThreadPoolExecutor(1))
        theirs.add_generic_rpc_handlers((Stock(),))
        theirs.add_insecure_port(f"unix:{short_path}/theirs")
        theirs.start()
        async with Channel(short_path / "theirs") as backend:

            class Relay:
                def __mapping__(self) -> dict[str, Any]:
                    async def route(stream: Any) -> Channel:
                        return backend

                    return {INFO: relay(route, Cardinality.UNARY_UNARY)}

            front = Server([Relay()])
            await front.listen_unix(short_path / "front")
            try:
                async with Channel(short_path / "front") as channel:
                    # nghttp2 takes the stock peer's for a breach of the protocol, and h2 does not mind; nobody waits.
                    with pytest.raises(NotFound if engine == "h2" else Unavailable):
                        await p.ContentStub(channel).info(p.InfoRequest(digest="any"), timeout=5)
            finally:
                await front.close(0.1)
                theirs.stop(0)

    serve(short_path, body)


def test_streams_flow_in_both_directions_and_a_slow_reader_holds_the_writer_back(short_path: Path, engine: str) -> None:
    async def body(socket: Path, content: Content, server: Server) -> None:
        async with Channel(socket) as channel:
            stub = p.ContentStub(channel)
            n = 0
            async for part in stub.read(p.ReadContentRequest(size=40)):
                n += len(part.data)
                if n == 1 << 20:
                    await asyncio.sleep(0.3)
                    # A stream window of 8 MiB and a little that is queued; never all of it.
                    assert content.taken < 20
            assert n == 40 << 20
            async with stub.write() as stream:
                for i in range(1, 6):
                    await stream.send_message(p.WriteContentRequest(action=p.WriteAction.WRITE, data=b"y" * (8 << 20)))
                    assert present(await stream.recv_message(), "an answer").offset == i * (8 << 20)
                await stream.end()
                assert await stream.recv_message() is None

    serve(short_path, body)


def test_an_early_end_of_a_client_stream_reaches_the_client(short_path: Path, engine: str) -> None:
    async def body(socket: Path, content: Content, server: Server) -> None:
        async with Channel(socket) as channel, p.ContentStub(channel).write() as stream:
            await stream.send_message(p.WriteContentRequest(action=p.WriteAction.COMMIT, data=b"all"))
            assert present(await stream.recv_message(), "an answer").offset == 3
            assert await asyncio.wait_for(stream.recv_message(), 5) is None

    serve(short_path, body)


def test_deadlines_end_calls_on_both_sides(short_path: Path, engine: str) -> None:
    async def body(socket: Path, content: Content, server: Server) -> None:
        async with Channel(socket) as channel:
            began = time.monotonic()
            with pytest.raises(DeadlineExceeded):
                await p.ContentStub(channel).info(p.InfoRequest(digest="slow"), timeout=0.2)
            assert time.monotonic() - began < 20  # it would take 30
            await until(lambda: (content.running, content.cancelled) == (0, 1))

    serve(short_path, body)


@pytest.mark.parametrize("first", ["the caller", "the deadline"])
def test_a_call_is_cancelled_once(short_path: Path, engine: str, first: str) -> None:
    """A caller gives up as the deadline passes, on both sides at about the same time: what the handler does at its end is not cut."""

    class Tidies(Content):
        def __init__(self) -> None:
            super().__init__()
            self.begun, self.ending, self.go_on, self.tidied = (asyncio.Event() for _ in range(4))

        async def info(self, request: p.InfoRequest) -> p.InfoResponse:
            try:
                self.begun.set()
                await asyncio.sleep(30)
            finally:
                with anyio.CancelScope(shield=True):
                    self.ending.set()
                    await self.go_on.wait()
                    self.tidied.set()
            raise AssertionError("it was cancelled")

    async def body() -> None:
        content = Tidies()
        server = Server([content])
        await server.listen_unix(short_path / "s.sock")
        try:
            async with Channel(short_path / "s.sock") as channel:
                request = p.InfoRequest(digest="slow")
                call = asyncio.ensure_future(p.ContentStub(channel).info(request, timeout=1.0))
                if first == "the caller":
                    await content.begun.wait()
                    call.cancel()
                await content.ending.wait()
                if first == "the deadline":
                    call.cancel()
                await asyncio.sleep(0.5)  # whatever else there is to cancel it has
                content.go_on.set()
                await asyncio.wait_for(content.tidied.wait(), 10)
        finally:
            await server.close(0.0)

    asyncio.run(body())


def test_cancelling_a_call_cancels_its_handler(short_path: Path, engine: str) -> None:
    async def body(socket: Path, content: Content, server: Server) -> None:
        async with Channel(socket) as channel:
            call = asyncio.ensure_future(p.ContentStub(channel).info(p.InfoRequest(digest="slow")))
            await until(lambda: content.running == 1)
            call.cancel()
            await until(lambda: (content.running, content.cancelled) == (0, 1))
            # So does a client that goes away.
            other = Channel(socket)
            lost = asyncio.ensure_future(p.ContentStub(other).info(p.InfoRequest(digest="slow")))
            await until(lambda: content.running == 1)
            other.close()
            with pytest.raises(Unavailable):
                await lost
            await until(lambda: content.running == 0)

    serve(short_path, body)


def test_streams_reset_before_their_handler_ran_give_their_credit_back(short_path: Path, engine: str) -> None:
    """grpclib #217: 600 of these froze a connection for good."""

    async def body(socket: Path, content: Content, server: Server) -> None:
        async with Channel(socket) as channel:
            for _ in range(3000):
                stream = channel.request(INFO, Cardinality.UNARY_UNARY, bytes, bytes)
                await stream.send_message(p.InfoRequest(digest="slow" + "x" * 20_000))
                stream.cancel()
            await asyncio.sleep(0.2)
            big = p.InfoRequest(digest="y" * (6 << 20))
            assert told(await asyncio.wait_for(p.ContentStub(channel).info(big), 10)) == big.digest

    serve(short_path, body)


def test_hundreds_of_waiting_calls_do_not_stop_the_next_one(short_path: Path, engine: str) -> None:
    """h2's default of 100 streams deadlocked a channel full of Waits."""

    async def body(socket: Path, content: Content, server: Server) -> None:
        async with Channel(socket) as channel:
            stub = p.ContentStub(channel)
            waiting = [asyncio.ensure_future(stub.info(p.InfoRequest(digest="slow"))) for _ in range(300)]
            until = time.monotonic() + 10
            while content.running < 300 and time.monotonic() < until:
                await asyncio.sleep(0.02)
            assert content.running == 300
            await asyncio.wait_for(VersionStub(channel).version(Empty()), 5)
            for call in waiting:
                call.cancel()
            await asyncio.gather(*waiting, return_exceptions=True)

    serve(short_path, body)


def test_messages_above_the_limit_are_refused_before_they_are_read(short_path: Path, engine: str) -> None:
    async def body(socket: Path, content: Content, server: Server) -> None:
        async with Channel(socket) as channel:
            with pytest.raises(ResourceExhausted, match="larger than the limit of 16777216"):
                await p.ContentStub(channel).info(p.InfoRequest(digest="z" * (17 << 20)))
            await VersionStub(channel).version(Empty())

    serve(short_path, body)


def test_compressed_messages_are_refused_as_unimplemented(short_path: Path, engine: str) -> None:
    async def body(socket: Path, content: Content, server: Server) -> None:
        def call() -> grpc.StatusCode:
            with grpc.insecure_channel(f"unix:{socket}", compression=grpc.Compression.Gzip) as channel:
                method = channel.unary_unary(INFO, request_serializer=lambda b: b, response_deserializer=lambda b: b)
                try:
                    method(p.InfoRequest(digest="a" * 5000).encode(), timeout=5)
                except grpc.RpcError as error:
                    code: grpc.StatusCode = error.code()
                    return code
            return grpc.StatusCode.OK

        assert await asyncio.to_thread(call) is grpc.StatusCode.UNIMPLEMENTED

    serve(short_path, body)


def test_malformed_requests_are_invalid_arguments(short_path: Path, engine: str) -> None:
    from argosy.errors import InvalidArgument

    async def body(socket: Path, content: Content, server: Server) -> None:
        async with Channel(socket) as channel:
            with pytest.raises(InvalidArgument, match="malformed"):
                await channel.unary(INFO, b"\x0a\x05abc", bytes)

    serve(short_path, body)


def test_a_grpc_c_core_client_and_we_understand_each_other(short_path: Path, engine: str) -> None:
    async def body(socket: Path, content: Content, server: Server) -> None:
        def calls() -> int:
            with grpc.insecure_channel(f"unix:{socket}") as channel:
                raw = {"request_serializer": lambda b: b, "response_deserializer": lambda b: b}
                info = channel.unary_unary(INFO, **raw)
                assert told(p.InfoResponse.decode(info(p.InfoRequest(digest="d").encode(), timeout=5))) == "d"
                read = channel.unary_stream("/containerd.services.content.v1.Content/Read", **raw)
                total = sum(len(m) for m in read(p.ReadContentRequest(size=5).encode(), timeout=10))
                with pytest.raises(grpc.RpcError) as caught:
                    info(p.InfoRequest(digest="none").encode(), timeout=5)
                assert caught.value.code() is grpc.StatusCode.NOT_FOUND
                assert caught.value.details() == 'content "100% ä\n": not found'
                return total

        assert await asyncio.to_thread(calls) > 5 << 20

    serve(short_path, body)


def test_a_relay_forwards_bytes_errors_and_cancellation_without_decoding(short_path: Path, engine: str) -> None:
    async def body(socket: Path, content: Content, server: Server) -> None:
        async with Channel(socket, name="plugin") as plugin:

            class Relay:
                def __mapping__(self) -> dict[str, Any]:
                    async def route(stream: Any) -> Channel:
                        return plugin

                    return {
                        f"/{p.ContentBase.__service__}/{m.name}": relay(route, m.cardinality)
                        for m in p.ContentBase.__methods__
                    }

            front = Server([Relay()])
            await front.listen_unix(socket.with_name("front"))
            async with Channel(socket.with_name("front"), name="gateway") as channel:
                unknown = b"\x0a\x01d\xf8\x07\x05"
                assert told(p.InfoResponse.decode(await channel.unary(INFO, unknown, bytes))) == "d"
                stub = p.ContentStub(channel)
                with pytest.raises(NotFound) as caught:
                    await stub.info(p.InfoRequest(digest="none"))
                assert caught.value.message == 'content "100% ä\n"'
                assert sum([len(r.data) async for r in stub.read(p.ReadContentRequest(size=12))]) == 12 << 20
                async with stub.write() as stream:
                    await stream.send_message(p.WriteContentRequest(data=b"1" * (9 << 20)))
                    assert present(await stream.recv_message(), "an answer").offset == 9 << 20
                call = asyncio.ensure_future(stub.info(p.InfoRequest(digest="slow")))
                await until(lambda: content.running == 1)
                call.cancel()
                await until(lambda: content.running == 0)
            await front.close(0.1)

    serve(short_path, body)


def test_a_channel_comes_back_when_its_peer_does(short_path: Path, engine: str) -> None:
    async def body(socket: Path, content: Content, server: Server) -> None:
        async with Channel(socket, name="plugin") as channel:
            stub = VersionStub(channel)
            await stub.version(Empty())
            await server.close(0.1)
            await asyncio.sleep(0.05)
            with pytest.raises(Unavailable, match=f"plugin at {socket}: cannot connect"):
                await stub.version(Empty())
            again = Server([Version()])
            await again.listen_unix(socket)
            deadline = time.monotonic() + 5
            while True:
                try:
                    await stub.version(Empty())
                    break
                except Unavailable:
                    assert time.monotonic() < deadline
                    await asyncio.sleep(0.02)
            await again.close(0.1)

    serve(short_path, body)


def test_sockets_are_private_and_peers_are_checked(short_path: Path, engine: str) -> None:
    async def body(socket: Path, content: Content, server: Server) -> None:
        assert os.stat(socket).st_mode & 0o777 == 0o660
        seen: list[int] = []

        def nobody(peer: Peer) -> bool:
            seen.append(peer.uid)
            return False

        strict = Server([Version()], allow=nobody)
        await strict.listen_unix(socket.parent / "deep/strict")
        assert os.stat(socket.parent / "deep").st_mode & 0o777 == 0o700
        async with Channel(socket.parent / "deep/strict") as channel:
            with pytest.raises((Unavailable, PermissionDenied)):
                await VersionStub(channel).version(Empty(), timeout=5)
        assert seen == [os.geteuid()]
        await strict.close(0.1)

    serve(short_path, body)


def test_a_socket_in_use_is_not_taken(short_path: Path) -> None:
    from argosy.errors import FailedPrecondition

    async def body(socket: Path, content: Content, server: Server) -> None:
        with pytest.raises(FailedPrecondition, match="in use by a running process"):
            await Server([Version()]).listen_unix(socket)
        (socket.parent / "file").write_text("precious")
        with pytest.raises(FailedPrecondition, match="is not a socket"):
            await Server([Version()]).listen_unix(socket.parent / "file")
        assert (socket.parent / "file").read_text() == "precious"

    serve(short_path, body)


def test_health_and_reflection_say_what_is_served(short_path: Path, engine: str) -> None:
    async def body(socket: Path, content: Content, server: Server) -> None:
        async with Channel(socket) as channel:
            health = HealthStub(channel)
            assert (await health.check(HealthCheckRequest())).status == 1
            assert (await health.check(HealthCheckRequest(service=p.ContentBase.__service__))).status == 1
            with pytest.raises(NotFound):
                await health.check(HealthCheckRequest(service="no.Such"))
            async with reflection.ServerReflectionStub(channel).server_reflection_info() as stream:
                await stream.send_message(reflection.ServerReflectionRequest(list_services=""))
                listed = present(await stream.recv_message(), "an answer").list_services_response
                assert p.ContentBase.__service__ in [s.name for s in present(listed, "a list").service]
                await stream.send_message(
                    reflection.ServerReflectionRequest(file_containing_symbol=p.ContentBase.__service__)
                )
                described = present(await stream.recv_message(), "an answer").file_descriptor_response
                assert len(present(described, "a description").file_descriptor_proto) > 3
            server.draining = Unavailable("draining")
            with pytest.raises(Unavailable, match="draining"):
                await VersionStub(channel).version(Empty())

    serve(short_path, body)


def test_a_flood_of_resets_does_not_starve_others(short_path: Path) -> None:
    """CVE-2023-44487: the flooder is cut off or slowed, its neighbour is served."""

    async def body(socket: Path, content: Content, server: Server) -> None:
        flooder, neighbour = Channel(socket), Channel(socket)
        stop = False

        async def flood() -> None:
            while not stop:
                try:
                    for _ in range(50):
                        stream = flooder.request(INFO, Cardinality.UNARY_UNARY, bytes, bytes)
                        await stream.send_message(p.InfoRequest(digest="slow"))
                        stream.cancel()
                except (Unavailable, Cancelled):
                    pass
                await asyncio.sleep(0)

        job = asyncio.ensure_future(flood())
        stub = VersionStub(neighbour)
        for _ in range(200):
            await asyncio.wait_for(stub.version(Empty()), 5)
        stop = True
        await job
        flooder.close()
        neighbour.close()

    serve(short_path, body)
    assert h2.RESET_BURST > 1000


def test_what_a_server_said_before_it_ended_comes_though_the_caller_has_not_ended(short_path: Path, engine: str) -> None:
    """Bytes and status wait for the reader's credit; that nobody reads on is told after them, and takes nothing back."""

    async def body(socket: Path, content: Content, server: Server) -> None:
        small = h2.Windows(64 << 10, 64 << 10)
        async with Channel(socket, name="peer", windows=small) as channel:
            stream = channel.request(
                "/containerd.services.content.v1.Content/Write",
                Cardinality.STREAM_STREAM,
                p.WriteContentRequest,
                p.WriteContentResponse,
            )
            async with stream:
                await stream.send_message(p.WriteContentRequest(ref="much", action=p.WriteAction.COMMIT))
                while server.calls_in_flight:
                    await asyncio.sleep(0.01)
                got = []
                while (message := await stream.recv_message()) is not None:
                    got.append(len(message.digest))
                assert got == [10_000] * 60
            # And then it is told, so that what is sent on costs nothing.
            await asyncio.sleep(0.05)
            assert not any(one.telling or one.streams for one in server.connections)

    serve(short_path, body)
