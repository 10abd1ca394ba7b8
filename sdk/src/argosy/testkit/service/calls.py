"""A gRPC service as a check speaks to it: by paths and bytes, since its messages are nobody's business.

Its own methods are not called unless somebody says that they may be: an empty message may mean anything to them. What is asked of every
process, health and reflection, stands in for them where it can.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from argosy_protos._wire import DecodeError, rv, skip
from argosy_protos.grpc.health import v1 as health
from argosy_protos.grpc.reflection import v1, v1alpha
from grpclib.const import Cardinality

from argosy.errors import ArgosyError, DeadlineExceeded, InvalidArgument, NotFound, Unavailable, Unimplemented
from argosy.kernel.peer import credentials
from argosy.names import NAMESPACE_HEADER
from argosy.rpc.channel import NO_DEADLINE, Channel, ClientStream, Metadata
from argosy.testkit.suite import Broken, NotHere, Subject, Suite, request

CAPABILITIES: Final[Mapping[str, str]] = {
    "health": "it answers grpc.health.v1; without it being said, that is looked at",
    "reflection": "it lists and describes itself by gRPC's reflection; without it being said, that is looked at",
    "namespace": "its methods need a namespace, as containerd's do",
}
NO_METHOD: Final = "ArgosyVerifyNoSuchMethod"
_BEGINS_S: Final = 0.3
NOBODY: Final = "argosy.verify.v1.Nobody"
_HEALTH: Final = f"/{health.HealthBase.__service__}"


@dataclass(frozen=True)
class Method:
    """A method, as it describes itself."""

    name: str
    streams_requests: bool
    streams_answers: bool


@dataclass
class Target:
    """Which service is judged, where, and what may be called of it."""

    address: str
    name: str
    deadline_s: float
    has: frozenset[str]
    """What was said that it is capable of, and what was found."""
    unary: Sequence[str] = ()
    """Methods with one answer that may be called with an empty message, as often as one likes."""
    streams: Sequence[str] = ()
    """Methods with a stream of answers that may be."""
    process: int = 0
    """The process that serves it and is to be ended at last; 0 for none."""
    reflection: Any = None
    """The version of reflection that it speaks, if any."""
    listed: Sequence[str] = ()
    methods: Mapping[str, Method] = field(default_factory=dict)
    """Its methods by name, as far as it describes them."""


@asynccontextmanager
async def begun(
    address: str | Path, name: str, unary: Sequence[str], streams: Sequence[str], deadline_s: float,
    has: Collection[str] = (), lacks: Collection[str] = (), process: int = 0,
) -> AsyncIterator[Target]:  # fmt: skip
    """Yield a target. What is in has it should have, what is in lacks is not looked for.

    Raises Unavailable, Unimplemented when it is not served there, InvalidArgument for a method that it does not have.
    """
    if not name or "/" in name:
        raise InvalidArgument(f'"{name}" is no name of a gRPC service; one looks like "example.clock.v1.Clock"')
    target = Target(str(address), name, deadline_s, frozenset(has), tuple(unary), tuple(streams), process)
    service = Service(target, "")
    error: ArgosyError | None = None
    try:
        error = await service.refused(service.ask(f"/{name}/{NO_METHOD}"))  # how it should answer is judged by a check
        if isinstance(error, Unavailable):
            raise error
        if "health" not in lacks:
            target.has |= await _found(service.health(), "health")
        if "reflection" not in lacks:
            target.has |= await _found(service.reflects(), "reflection")
    except Broken:
        pass  # a check will say so
    finally:
        await service.clean()
    if target.listed and name not in target.listed:
        raise Unimplemented(f'"{name}" is not served at {target.address}, which lists: {", ".join(sorted(target.listed))}')
    if isinstance(error, Unimplemented) and "unknown service" in error.message:
        raise Unimplemented(f'"{name}" is not served at {target.address}: {error.message}')
    for method in (*unary, *streams):
        if target.methods and method not in target.methods:
            raise InvalidArgument(f'"{name}" has no method {method}; it has: {", ".join(sorted(target.methods))}')
        if target.methods and target.methods[method].streams_answers != (method in streams):
            raise InvalidArgument(
                f"{method} answers with {'a stream: say --stream' if method in unary else 'one message: say --unary'} {method}"
            )
    yield target


async def _found(work: Awaitable[object], capability: str) -> set[str]:
    """Return a capability that a call shows, nothing when it does not."""
    try:
        await work
    except (Unavailable, DeadlineExceeded, Unimplemented):
        return set()
    except ArgosyError:
        pass  # an answer of whatever kind
    return {capability}


class Service(Subject):
    """A service, as one check speaks to it, on a connection of its own. What it is asked raises what it says."""

    def __init__(self, target: Target, check: str) -> None:
        super().__init__(check, target.deadline_s)
        self.target = target
        self._channels: list[Channel] = []
        self._streams: list[ClientStream] = []
        self._writers: list[asyncio.StreamWriter] = []

    def channel(self) -> Channel:
        """Return a new channel, which goes with the check."""
        channel = Channel(self.target.address, default_timeout_s=self.deadline_s)
        self._channels.append(channel)
        return channel

    @property
    def first(self) -> Channel:
        """The channel of those who want no other."""
        return self._channels[0] if self._channels else self.channel()

    def path(self, method: str) -> str:
        return f"/{self.target.name}/{method}"

    async def ask(
        self,
        path: str,
        data: bytes = b"",
        metadata: Metadata = None,
        channel: Channel | None = None,
        timeout: float | None = None,
    ) -> bytes:
        """Make a call with one request and one answer."""
        told = request(path, data=data, metadata=dict(metadata or {}))
        work = (channel or self.first).unary(path, data, bytes, metadata=metadata, timeout=timeout)
        answer: bytes = await self.made(told, work)
        return answer

    async def probe(self, channel: Channel | None = None) -> None:
        """Ask what changes nothing, and has one answer. Raises Broken unless it comes."""
        await self.refused(self.ask(self.path(NO_METHOD), channel=channel), Unimplemented)

    def open(
        self, path: str, response: type[Any] = bytes, metadata: Metadata = None, channel: Channel | None = None
    ) -> ClientStream:
        """Return a call that is open in both directions, without a deadline; it goes with the check."""
        stream = (channel or self.first).request(
            path, Cardinality.STREAM_STREAM, bytes, response, timeout=NO_DEADLINE, metadata=metadata
        )
        self._streams.append(stream)
        return stream

    async def next(self, stream: ClientStream, what: str) -> Any:
        """Return the next message of a stream, None at its end, within the time of a call. Raises DeadlineExceeded."""

        async def read() -> Any:
            try:
                async with asyncio.timeout(self.deadline_s):
                    return await stream.recv_message()
            except TimeoutError:
                raise DeadlineExceeded(f"no answer within {self.deadline_s:g} s") from None

        return await self.made(what, read())

    # -- what every process may be asked --

    async def health(self, service: str = "", channel: Channel | None = None) -> str:
        """Return what it says of itself: ``SERVING``."""
        wish = health.HealthCheckRequest(service=service)
        answer = await self.made(
            request("Health.Check", service=service),
            (channel or self.first).unary(f"{_HEALTH}/Check", wish, health.HealthCheckResponse, timeout=self.deadline_s),
        )
        return health.HealthCheckResponseServingStatus(int(answer.status)).name

    @property
    def said(self) -> dict[str, str]:
        """The metadata that a call of its own methods needs."""
        return {NAMESPACE_HEADER: "argosy-verify"} if "namespace" in self.target.has else {}

    async def long(self, metadata: Mapping[str, str] | None = None, channel: Channel | None = None) -> ClientStream:
        """Return a call that stays open by nature: its own stream, if there is one, health's, or reflection's. Raises NotHere."""
        metadata = {**self.said, **(metadata or {})}
        if self.target.streams:
            stream = self.open(self.path(self.target.streams[0]), metadata=metadata, channel=channel)
            await stream.send_message(b"", end=True)
        elif "health" in self.target.has:
            stream = self.open(f"{_HEALTH}/Watch", metadata=metadata, channel=channel)
            await stream.send_message(b"", end=True)
        elif self.target.reflection is not None:
            stream = self.open(self._reflection_path(), metadata=metadata, channel=channel)
            await stream.send_message(self.target.reflection.ServerReflectionRequest(list_services="*").encode())
        else:
            raise NotHere("it has no health, no reflection, and no stream was named with --stream: no call stays open")
        return stream

    async def opened(self, stream: ClientStream, what: str) -> None:
        """Wait until a call of ``long`` has begun. Raises its error, DeadlineExceeded."""
        if not self.target.streams:
            await self.next(stream, what)
            return

        async def begun() -> None:
            # A stream may have nothing to say, and some servers say nothing at all until then.
            until = time.monotonic() + _BEGINS_S
            while not stream.opened and not stream.ended and time.monotonic() < until:
                await asyncio.sleep(0.01)
            if stream.ended and stream.error is not None:
                raise stream.error

        await self.made(what, begun())

    def _reflection_path(self) -> str:
        return f"/{self.target.reflection.ServerReflectionBase.__service__}/ServerReflectionInfo"

    def need(self, capability: str) -> None:
        """Raises NotHere for what it has not."""
        if capability not in self.target.has:
            raise NotHere(f"it has no {capability}")

    def reflecting(self) -> tuple[ClientStream, Any]:
        """Return a call of reflection, and the module with its messages. Raises NotHere, Broken for one that was said to be there."""
        self.need("reflection")
        version = self.target.reflection
        if version is None:
            raise Broken("gRPC's reflection, v1 or v1alpha", "UNIMPLEMENTED", "ServerReflectionInfo()")
        return self.open(self._reflection_path(), version.ServerReflectionResponse), version

    async def reflects(self) -> None:
        """Find out which reflection it has, and what that says. Raises Unimplemented."""
        for version in (v1, v1alpha):
            try:
                answer = await self._reflected(version, version.ServerReflectionRequest(list_services="*"))
            except Unimplemented:
                continue
            self.target.reflection = version
            listed = answer.list_services_response
            self.target.listed = [one.name for one in listed.service] if listed is not None else []
            answer = await self._reflected(version, version.ServerReflectionRequest(file_containing_symbol=self.target.name))
            if answer.file_descriptor_response is not None:
                self.target.methods = methods_in(answer.file_descriptor_response.file_descriptor_proto, self.target.name)
            return
        raise Unimplemented("reflection")

    async def _reflected(self, version: Any, wish: Any) -> Any:
        path = f"/{version.ServerReflectionBase.__service__}/ServerReflectionInfo"
        stream = self.open(path, version.ServerReflectionResponse)
        await stream.send_message(wish, end=True)
        answer = await self.next(stream, "ServerReflectionInfo()")
        if answer is None:
            raise NotFound("an answer of reflection")
        return answer

    # -- below gRPC --

    async def dialled(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Return a connection on which anything can be said; it goes with the check."""
        reader, writer = await asyncio.open_unix_connection(self.target.address.removeprefix("unix://"))
        self._writers.append(writer)
        return reader, writer

    async def server(self) -> int:
        """Return the process that listens, as far as that can be seen: 0 where it can't."""
        _, writer = await self.dialled()
        pid: int = credentials(writer.get_extra_info("socket"))[0]
        writer.close()
        return pid

    async def greet(self) -> object:
        return await self.ask(self.path(NO_METHOD), channel=self.channel())

    async def clean(self) -> None:
        for stream in self._streams:
            stream.cancel()
        for channel in self._channels:
            channel.close()
        for writer in self._writers:
            writer.transport.abort()
        self._streams, self._channels, self._writers = [], [], []
        await asyncio.sleep(0)  # what is closed is closed by the loop

    async def left(self) -> Sequence[str]:
        return []  # nothing of ours has a name there


def methods_in(files: Collection[bytes], service: str) -> dict[str, Method]:
    """Return the methods of a service, of descriptors of files; none when it is not in them, or they are none."""
    package, _, name = service.rpartition(".")
    found: dict[str, Method] = {}
    try:
        for file in files:
            parts = _fields(file)
            if next((value for number, value in parts if number == 2), b"") != package.encode():
                continue
            for number, value in parts:
                if number == 6 and isinstance(value, bytes) and (1, name.encode()) in (row := _fields(value)):
                    for kind, method in row:
                        if kind == 2 and isinstance(method, bytes):
                            told = dict(_fields(method))
                            word = bytes(told.get(1, b"")).decode()
                            found[word] = Method(word, bool(told.get(5)), bool(told.get(6)))
    except (DecodeError, ValueError, IndexError):
        return {}
    return found


def _fields(data: bytes) -> list[tuple[int, bytes | int]]:
    """Return the fields of a message: numbers, and what is length-delimited."""
    out: list[tuple[int, bytes | int]] = []
    at = 0
    while at < len(data):
        tag, at = rv(data, at)
        if tag & 7 == 0:
            value, at = rv(data, at)
            out.append((tag >> 3, value))
        elif tag & 7 == 2:
            size, at = rv(data, at)
            out.append((tag >> 3, data[at : at + size]))
            at += size
        else:
            at = skip(data, at, tag, len(data))
    return out


SUITE: Final[Suite[Service]] = Suite("service", CAPABILITIES)


def able(has: Collection[str], lacks: Collection[str]) -> frozenset[str]:
    """Return what was said that a service is capable of. Raises InvalidArgument for a capability that is none."""
    return SUITE.able((), has, lacks)


def subject(target: Target, check: str) -> Service:
    """Return what a check of that name speaks to; "" is the whole run."""
    return Service(target, check)


async def begin(target: Target) -> str:
    """Return whom we judge, in words."""
    who = f'service "{target.name}" at {target.address}'
    if target.listed or target.unary or target.streams:
        return who
    return f"{who} (if it is there: nothing lists it, and no method of it was named with --unary or --stream)"
