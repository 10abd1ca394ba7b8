"""A gRPC service that keeps the contract, which has nothing to say, and ones that break it in one way each.

It is called as containerd's service of events: reflection knows its descriptors. Each fault names the checks of the suite that are to find it.
"""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any, ClassVar

from argosy.errors import ArgosyError, Internal, InvalidArgument, NotFound, ResourceExhausted, Unavailable, Unimplemented
from argosy.rpc.context import Peer, current
from argosy.rpc.health import Health
from argosy.rpc.reflection import ReflectionV1
from argosy.rpc.server import Server, ServerConnection, ServerStream
from argosy_protos.containerd.services.events import v1 as p
from argosy_protos.containerd.types import Envelope
from argosy_protos.google.protobuf import Empty
from argosy_protos.grpc.health import v1 as health
from argosy_protos.grpc.reflection import v1 as reflection
from grpclib.const import Cardinality, Handler

NAME = p.EventsBase.__service__
UNARY = ("Publish",)
STREAMS = ("Subscribe",)
_PUBLISH, _SUBSCRIBE = f"/{NAME}/Publish", f"/{NAME}/Subscribe"


class Events(p.EventsBase):
    """Whatever is published, nothing is told."""

    def __init__(self, server: Reference) -> None:
        self._server = server

    async def publish(self, request: p.PublishRequest) -> Empty:
        self._server.published()
        return Empty()

    async def forward(self, request: p.ForwardRequest) -> Empty:
        return Empty()

    async def subscribe(self, request: p.SubscribeRequest) -> AsyncIterator[Envelope]:
        self._server.subscribed()
        while True:
            await asyncio.sleep(60)
            yield Envelope()


class Reference(Server):
    """A service without a fault, on a server without one."""

    found_by: ClassVar[Sequence[str]] = ()
    limit: ClassVar[int] = 4 << 20
    connection: type[ServerConnection] = ServerConnection

    def __init__(self) -> None:
        super().__init__([Events(self)], limits={_PUBLISH: self.limit})
        self.add(self.health())
        self.add(self.reflection())
        self.change()

    def health(self) -> Health:
        return Health(self)

    def reflection(self) -> ReflectionV1:
        return ReflectionV1(self)

    def change(self) -> None:
        """Make the fault."""

    def published(self) -> None:
        """Look at a call of Publish."""
        _ = current().namespace

    def subscribed(self) -> None:
        """Look at a call of Subscribe."""

    async def listen(self, sock: socket.socket, path: Path | None = None) -> None:
        loop = asyncio.get_running_loop()
        listener = await loop.create_unix_server(lambda: self.connection(self, loop), sock=sock)
        self._listeners.append((listener, sock, path))

    def done(self) -> None:
        """Give back what the fault has taken."""


def answers(error: ArgosyError, wait_for_message: bool = False) -> Handler:
    """Return what answers every call with an error."""

    async def handle(stream: Any) -> None:
        if wait_for_message:
            await stream.recv_message()
        raise error

    return Handler(handle, Cardinality.STREAM_STREAM, bytes, bytes)


class FailsUnknownMethods(Reference):
    """A method that it does not have is an error of its own."""

    found_by = ("an-unknown-method-is-unimplemented",)

    def fallback(self, path: str) -> Handler | None:
        return answers(Internal("no such method")) if path.startswith(f"/{NAME}/") else None


class WaitsForAMessage(Reference):
    """What a method is called is looked at when a message has come."""

    found_by = ("an-unknown-method-is-unimplemented",)

    def fallback(self, path: str) -> Handler | None:
        return answers(Unimplemented("no such method"), wait_for_message=True)


class FailsUnknownServices(Reference):
    """A service that it does not have is NOT_FOUND."""

    found_by = ("an-unknown-service-is-unimplemented",)

    def fallback(self, path: str) -> Handler | None:
        return None if path.startswith(f"/{NAME}/") else answers(NotFound("service"))


class IsNotWell(Reference):
    """It never serves."""

    found_by = ("it-says-that-it-is-well",)

    def health(self) -> Health:
        class Unwell(Health):
            def _status(self, service: str) -> Any:
                found = super()._status(service)
                return found and health.HealthCheckResponseServingStatus.NOT_SERVING

        return Unwell(self)


class KnowsEverybody(Reference):
    """Whoever is asked for serves."""

    found_by = ("the-health-of-nobody-is-not-found", "health-is-watched")

    def health(self) -> Health:
        class Kind(Health):
            def _status(self, service: str) -> Any:
                return health.HealthCheckResponseServingStatus.SERVING

        return Kind(self)


class EndsWatches(Reference):
    """A watch is one look."""

    found_by = ("health-is-watched",)

    def health(self) -> Health:
        class Once(Health):
            async def watch(self, requests: health.HealthCheckRequest) -> AsyncIterator[health.HealthCheckResponse]:
                async for answer in super().watch(requests):
                    yield answer
                    return

        return Once(self)


class ListsNothing(Reference):
    """Reflection has an empty list."""

    found_by = ("it-lists-itself",)

    def reflection(self) -> ReflectionV1:
        return Answering(self, lambda answer: setattr(answer, "list_services_response", reflection.ListServiceResponse()))


class DescribesTheFilesOnly(Reference):
    """Reflection knows services, and not their methods."""

    found_by = ("it-describes-itself",)

    def reflection(self) -> ReflectionV1:
        def less(answer: Any) -> None:
            if (answer.original_request.file_containing_symbol or "").endswith((".Publish", ".Subscribe")):
                answer.file_descriptor_response = None
                answer.error_response = reflection.ErrorResponse(error_code=5, error_message="not found")

        return Answering(self, less)


class DescribesAnother(Reference):
    """Reflection answers with the descriptors of something else."""

    found_by = ("it-describes-itself",)

    def reflection(self) -> ReflectionV1:
        def another(answer: Any) -> None:
            if answer.file_descriptor_response is not None:
                answer.file_descriptor_response = reflection.FileDescriptorResponse(file_descriptor_proto=[b"\x0a\x01a"])

        return Answering(self, another)


class HasNoCodes(Reference):
    """Reflection's own errors have another code."""

    found_by = ("a-question-that-has-no-answer-is-an-answer",)

    def reflection(self) -> ReflectionV1:
        def coded(answer: Any) -> None:
            if answer.error_response is not None:
                answer.error_response.error_code = 2

        return Answering(self, coded)


class Answering(ReflectionV1):
    """Reflection with a fault in each answer."""

    def __init__(self, server: Server, change: Any) -> None:
        super().__init__(server)
        self._change = change

    async def server_reflection_info(self, requests: AsyncIterator[Any]) -> AsyncIterator[Any]:
        async for answer in super().server_reflection_info(requests):
            self._change(answer)
            yield answer


class EndsAfterOneQuestion(Reference):
    """Reflection answers one question a stream."""

    found_by = ("a-question-that-has-no-answer-is-an-answer", "who-leaves-is-answered")

    def reflection(self) -> ReflectionV1:
        class Once(ReflectionV1):
            async def server_reflection_info(self, requests: AsyncIterator[Any]) -> AsyncIterator[Any]:
                async for answer in super().server_reflection_info(requests):
                    yield answer
                    return

        return Once(self)


class NeverEnds(Reference):
    """Who has said his last hears no end."""

    found_by = ("a-half-closed-stream-ends",)

    def reflection(self) -> ReflectionV1:
        class Endless(ReflectionV1):
            async def server_reflection_info(self, requests: AsyncIterator[Any]) -> AsyncIterator[Any]:
                async for answer in super().server_reflection_info(requests):
                    yield answer
                await asyncio.sleep(60)

        return Endless(self)


class ForgetsAMethod(Reference):
    """A method that it describes is not there."""

    found_by = ("what-it-describes-is-there",)

    def change(self) -> None:
        del self.mapping[f"/{NAME}/Forward"]


class FailsTheNextTime(Reference):
    """Only the first call is answered."""

    found_by = ("what-may-be-called-is-answered",)
    calls = 0

    def published(self) -> None:
        super().published()
        self.calls += 1
        if self.calls > 1:
            raise Internal("once is enough")


class StreamsOnce(Reference):
    """A stream can be opened once."""

    found_by = ("a-stream-may-be-opened-again-and-again", "what-is-given-up-is-released")
    streams = 0

    def subscribed(self) -> None:
        self.streams += 1
        if self.streams > 1:
            raise ResourceExhausted("there is a stream already")


class KeepsWhatIsGivenUp(Reference):
    """Calls that were given up count as open."""

    found_by = ("what-is-given-up-is-released",)
    streams = 0

    def subscribed(self) -> None:
        self.streams += 1
        if self.streams > 150:
            raise ResourceExhausted("too many streams are open")


class NeedsNoNamespace(Reference):
    """A call without a namespace is as good as another."""

    found_by = ("a-namespace-reaches-it",)

    def published(self) -> None:
        pass


class TakesEveryNamespace(Reference):
    """A namespace may be called anything."""

    found_by = ("a-namespace-reaches-it",)

    def published(self) -> None:
        if current().get("containerd-namespace") != "../up":
            super().published()


class LosesTheNamespace(Reference):
    """No namespace ever comes to it."""

    found_by = ("a-namespace-reaches-it",)

    def published(self) -> None:
        raise InvalidArgument("namespace is required")


class StumblesOverMetadata(Reference):
    """Metadata that it does not know is an error."""

    found_by = ("metadata-that-it-does-not-know-is-no-trouble",)

    def published(self) -> None:
        super().published()
        if current().get("x-argosy-verify"):
            raise InvalidArgument("what is x-argosy-verify?")


class IgnoresDeadlines(Reference):
    """A call goes on when its time is over."""

    found_by = ("a-deadline-ends-a-call",)

    def change(self) -> None:
        handler = self.mapping[_SUBSCRIBE]

        async def handle(stream: ServerStream) -> None:
            await asyncio.sleep(0)
            if stream.timer is not None:
                stream.timer.cancel()
            await handler.func(stream)

        self.mapping[_SUBSCRIBE] = Handler(handle, *handler[1:])


class KeepsDescriptors(Reference):
    """A connection costs a descriptor for good."""

    found_by = ("connections-that-go-are-released",)

    def change(self) -> None:
        self.kept: list[int] = []

    def admits(self, peer: Peer) -> bool:
        self.kept.append(os.open("/dev/null", os.O_RDONLY))
        return True

    def done(self) -> None:
        for fd in self.kept:
            os.close(fd)


class TakesLittle(Reference):
    """A message has at most a megabyte."""

    found_by = ("big-messages-are-taken-or-refused",)
    limit = 1 << 20


class FailsOfMuch(Reference):
    """A message that is too big is an internal error."""

    found_by = ("big-messages-are-taken-or-refused",)
    limit = 64 << 20

    def change(self) -> None:
        handler = self.mapping[_PUBLISH]

        async def handle(stream: ServerStream) -> None:
            data = await stream.recv_message()
            if len(data) > 16 << 20:
                raise Internal("out of memory")
            self.published()
            await stream.send_message(Empty())

        self.mapping[_PUBLISH] = Handler(handle, handler.cardinality, bytes, Empty)


class OneAfterTheOther(Reference):
    """Who calls beside many others is sent away."""

    found_by = ("many-at-once",)
    now = 0

    def fallback(self, path: str) -> Handler | None:
        async def handle(stream: ServerStream) -> None:
            self.now += 1
            try:
                await asyncio.sleep(0.01)
                raise Unavailable("too many") if self.now > 20 else Unimplemented("no such method")
            finally:
                self.now -= 1

        return Handler(handle, Cardinality.STREAM_STREAM, bytes, bytes)


class TakesRubbish(Reference):
    """Health is asked whatever is sent."""

    found_by = ("a-call-without-a-message-is-an-error",)

    def change(self) -> None:
        async def handle(stream: ServerStream) -> None:
            service = b""
            while (data := await stream.recv_message()) is not None:
                service = data[2:]
            if service and not service.startswith(b"\xff") and service.decode() not in self.services:
                raise NotFound("service")
            await stream.send_message(b"\x08\x01")

        self.mapping[f"/{health.HealthBase.__service__}/Check"] = Handler(handle, Cardinality.STREAM_STREAM, bytes, bytes)


class StopsAfterACut(Reference):
    """After a message that ended too early the next call is not answered."""

    found_by = ("a-call-without-a-message-is-an-error",)
    stopped = False

    def change(self) -> None:
        path = f"/{health.HealthBase.__service__}/Check"
        handler = self.mapping[path]

        async def handle(stream: ServerStream) -> None:
            try:
                await handler.func(stream)
            except (Internal, InvalidArgument):
                self.stopped = True
                raise

        self.mapping[path] = Handler(handle, *handler[1:])

    def fallback(self, path: str) -> Handler | None:
        async def handle(stream: ServerStream) -> None:
            try:
                while await stream.recv_message() is not None:
                    pass
            except (Internal, InvalidArgument):
                self.stopped = True
                raise
            stopped, self.stopped = self.stopped, False
            raise Unavailable("stopped") if stopped else Unimplemented("no such method")

        return Handler(handle, Cardinality.STREAM_STREAM, bytes, bytes)


class _Spiteful(ServerConnection):
    def fault(self, reason: str) -> None:
        for one in list(self._server.connections):
            one.transport.close()


class EndsAllForOne(Reference):
    """Who talks rubbish ends everybody's connections."""

    found_by = ("rubbish-ends-its-own-connection",)
    connection = _Spiteful


class _Deaf(ServerConnection):
    def data_received(self, data: bytes) -> None:
        if b"argosy-v" not in data:
            super().data_received(data)


class AnswersNoPing(Reference):
    """Nobody hears whether it is there."""

    found_by = ("a-ping-is-answered",)
    connection = _Deaf


class _Hasty(ServerConnection):
    def on_goaway(self, last_sid: int) -> None:
        self.transport.close()


class HangsUpOnWhoLeaves(Reference):
    """Who says that he leaves is answered no more."""

    found_by = ("who-leaves-is-answered",)
    connection = _Hasty


FAULTS = Reference.__subclasses__()
