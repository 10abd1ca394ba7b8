"""What generated services share: the method table, grpclib's handler mapping, and the client stub."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import aclosing
from typing import Any, ClassVar, NamedTuple

from grpclib.const import Cardinality, Handler, Status
from grpclib.exceptions import GRPCError


class Method(NamedTuple):
    """One method: its wire name, its Python name, its kind and its two message types."""

    name: str
    attribute: str
    cardinality: Cardinality
    request: type[Any]
    response: type[Any]


def unimplemented(service: str, method: str) -> GRPCError:
    """Return the error of a method nobody has built here; clients use it to detect features."""
    return GRPCError(Status.UNIMPLEMENTED, f"method {method} not implemented: {service}")


def _unary(function: Callable[[Any], Any]) -> Callable[[Any], Any]:
    async def handle(stream: Any) -> None:
        await stream.send_message(await function(await stream.recv_message()))

    return handle


def _server_stream(function: Callable[[Any], Any]) -> Callable[[Any], Any]:
    async def handle(stream: Any) -> None:
        request = await stream.recv_message()
        # A peer that waits for the stream to open must not wait for its first message.
        await stream.send_initial_metadata()
        async with aclosing(function(request)) as responses:
            async for response in responses:
                await stream.send_message(response)

    return handle


def _client_stream(function: Callable[[Any], Any]) -> Callable[[Any], Any]:
    async def handle(stream: Any) -> None:
        await stream.send_message(await function(aiter(stream)))

    return handle


def _both_stream(function: Callable[[Any], Any]) -> Callable[[Any], Any]:
    async def handle(stream: Any) -> None:
        async with aclosing(function(aiter(stream))) as responses:
            async for response in responses:
                await stream.send_message(response)

    return handle


_SHAPES: Mapping[Cardinality, Callable[[Callable[[Any], Any]], Callable[[Any], Any]]] = {
    Cardinality.UNARY_UNARY: _unary,
    Cardinality.UNARY_STREAM: _server_stream,
    Cardinality.STREAM_UNARY: _client_stream,
    Cardinality.STREAM_STREAM: _both_stream,
}


class ServiceBase:
    """A service to inherit from: override the methods you serve, the rest answer UNIMPLEMENTED."""

    __service__: ClassVar[str] = ""
    __methods__: ClassVar[tuple[Method, ...]] = ()

    def __mapping__(self) -> dict[str, Handler]:
        """Return grpclib's table: path -> handler. A method marked ``inline`` keeps its mark."""
        table: dict[str, Handler] = {}
        for method in self.__methods__:
            function = getattr(self, method.attribute)
            handle = _SHAPES[method.cardinality](function)
            if getattr(function, "__inline__", False):
                handle.__inline__ = True  # type: ignore[attr-defined] # read by argosy.rpc's server
            path = f"/{self.__service__}/{method.name}"
            table[path] = Handler(handle, method.cardinality, method.request, method.response)
        return table


class ServiceStub:
    """A client of one service over any channel with ``unary``, ``server_stream`` and ``request``."""

    def __init__(self, channel: Any) -> None:
        self._channel = channel

    async def _unary(self, path: str, request: Any, response: type[Any], options: Mapping[str, Any]) -> Any:
        return await self._channel.unary(path, request, response, **options)

    def _stream(self, path: str, request: Any, response: type[Any], options: Mapping[str, Any]) -> AsyncIterator[Any]:
        return self._channel.server_stream(path, request, response, **options)  # type: ignore[no-any-return] # the channel is duck-typed

    def _open(
        self, path: str, cardinality: Cardinality, request: type[Any], response: type[Any], options: Mapping[str, Any]
    ) -> Any:
        return self._channel.request(path, cardinality, request, response, **options)
