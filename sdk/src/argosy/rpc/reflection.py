"""grpc.reflection v1 and v1alpha: what this server serves, from the committed descriptors."""

from __future__ import annotations

from collections.abc import AsyncIterator
from functools import cache
from types import ModuleType
from typing import Any

from argosy_protos._wire import rv, skip
from argosy_protos.grpc.reflection import v1, v1alpha
from grpclib.const import Cardinality

from argosy.errors import ArgosyError
from argosy.rpc.server import Server

_ELSEWHERE_S = 10.0
_NOT_FOUND = 5
_UNIMPLEMENTED = 12
_MESSAGE, _ENUM, _SERVICE = 4, 5, 6  # fields of FileDescriptorProto


def _fields(data: bytes) -> list[tuple[int, bytes]]:
    """Return the length-delimited fields of a message."""
    out: list[tuple[int, bytes]] = []
    p = 0
    while p < len(data):
        t, p = rv(data, p)
        if t & 7 == 2:
            size, p = rv(data, p)
            out.append((t >> 3, data[p : p + size]))
            p += size
        else:
            p = skip(data, p, t, len(data))
    return out


@cache
def _index() -> tuple[dict[str, bytes], dict[str, str], dict[str, list[str]]]:
    """Return (file -> descriptor bytes, symbol -> file, file -> its imports)."""
    from importlib.resources import files  # most processes are never asked, and it costs each start 4 ms

    by_file: dict[str, bytes] = {}
    by_symbol: dict[str, str] = {}
    imports: dict[str, list[str]] = {}
    for number, raw in _fields(files("argosy_protos").joinpath("descriptors.pb").read_bytes()):
        if number != 1:
            continue
        parts = _fields(raw)
        name = next(v for n, v in parts if n == 1).decode()
        package = next((v for n, v in parts if n == 2), b"").decode()
        by_file[name] = raw
        imports[name] = [v.decode() for n, v in parts if n == 3]
        for n, v in parts:
            if n in (_MESSAGE, _ENUM, _SERVICE):
                symbol = f"{package}.{next(x for k, x in _fields(v) if k == 1).decode()}"
                by_symbol[symbol] = name
                if n == _SERVICE:
                    for k, method in _fields(v):
                        if k == 2:
                            by_symbol[f"{symbol}.{next(x for j, x in _fields(method) if j == 1).decode()}"] = name
    return by_file, by_symbol, imports


def _closure(name: str) -> list[bytes]:
    by_file, _, imports = _index()
    seen: dict[str, bytes] = {}
    todo = [name]
    while todo:
        file = todo.pop()
        if file not in seen:
            seen[file] = by_file[file]
            todo += imports[file]
    return list(seen.values())


def _answer(p: ModuleType, server: Server, request: Any) -> Any:
    by_file, by_symbol, _ = _index()
    response = p.ServerReflectionResponse(valid_host=request.host, original_request=request)
    if request.list_services is not None:
        response.list_services_response = p.ListServiceResponse(
            service=[p.ServiceResponse(name=s) for s in sorted(server.services)]
        )
        return response
    file = request.file_by_filename
    if request.file_containing_symbol is not None:
        symbol = request.file_containing_symbol
        while symbol and symbol not in by_symbol:
            symbol = symbol.rpartition(".")[0]
        file = by_symbol.get(symbol)
    if file in by_file:
        response.file_descriptor_response = p.FileDescriptorResponse(file_descriptor_proto=_closure(file))
    elif request.file_containing_extension is not None or request.all_extension_numbers_of_type is not None:
        response.error_response = p.ErrorResponse(error_code=_UNIMPLEMENTED, error_message="proto3 has no extensions")
    else:
        asked = request.file_containing_symbol or request.file_by_filename
        response.error_response = p.ErrorResponse(error_code=_NOT_FOUND, error_message=f'"{asked}" is not known here')
    return response


async def _answer_or_ask(p: ModuleType, server: Server, request: Any) -> Any:
    """Answer a request, or have the process answer that serves what it is about."""
    response = _answer(p, server, request)
    if response.error_response is None or server.elsewhere is None:
        return response
    path = f"/{p.ServerReflectionBase.__service__}/ServerReflectionInfo"
    for channel in server.elsewhere.channels(request.file_containing_symbol or ""):
        stream = channel.request(
            path, Cardinality.STREAM_STREAM, p.ServerReflectionRequest, p.ServerReflectionResponse, timeout=_ELSEWHERE_S
        )
        try:
            async with stream:
                await stream.send_message(request)
                answer = await stream.recv_message()
        except ArgosyError:
            continue  # it has no reflection, or is not there
        if answer is not None and answer.error_response is None:
            return answer
    return response


class ReflectionV1(v1.ServerReflectionBase):
    """The current protocol."""

    def __init__(self, server: Server) -> None:
        self._server = server

    async def server_reflection_info(
        self, requests: AsyncIterator[v1.ServerReflectionRequest]
    ) -> AsyncIterator[v1.ServerReflectionResponse]:
        async for request in requests:
            yield await _answer_or_ask(v1, self._server, request)


class ReflectionV1Alpha(v1alpha.ServerReflectionBase):
    """The protocol that older tools speak."""

    def __init__(self, server: Server) -> None:
        self._server = server

    async def server_reflection_info(
        self, requests: AsyncIterator[v1alpha.ServerReflectionRequest]
    ) -> AsyncIterator[v1alpha.ServerReflectionResponse]:
        async for request in requests:
            yield await _answer_or_ask(v1alpha, self._server, request)
