"""The contract as a stranger speaks it: grpc's C core and Google's protobuf, with calls that can be cut short anywhere."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import queue
import re
import signal
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Final, Self

# Set before the import: the storm starts many processes from many threads, and none of them uses a channel of ours.
os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "0")
os.environ.setdefault("GRPC_VERBOSITY", "NONE")

import grpc
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

CALL_S: Final = 30.0
_OPTIONS: Final = [
    ("grpc.use_local_subchannel_pool", 1),
    ("grpc.initial_reconnect_backoff_ms", 50),
    ("grpc.min_reconnect_backoff_ms", 50),
    ("grpc.max_reconnect_backoff_ms", 500),
    ("grpc.max_receive_message_length", 64 << 20),
    ("grpc.enable_retries", 0),
]
OK: Final = grpc.StatusCode.OK
NOT_FOUND: Final = grpc.StatusCode.NOT_FOUND
ALREADY_EXISTS: Final = grpc.StatusCode.ALREADY_EXISTS
FAILED_PRECONDITION: Final = grpc.StatusCode.FAILED_PRECONDITION
UNAVAILABLE: Final = grpc.StatusCode.UNAVAILABLE
DEADLINE_EXCEEDED: Final = grpc.StatusCode.DEADLINE_EXCEEDED
CANCELLED: Final = grpc.StatusCode.CANCELLED
# What a server says when it did nothing. Everything else leaves open what happened.
REFUSED: Final = frozenset(
    {NOT_FOUND, ALREADY_EXISTS, FAILED_PRECONDITION, grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.OUT_OF_RANGE}
)
_WRONG: Final = frozenset({grpc.StatusCode.UNKNOWN, grpc.StatusCode.INTERNAL, grpc.StatusCode.DATA_LOSS})
_LEAK: Final = re.compile(r"sqlite|constraint failed|IntegrityError|OperationalError|Traceback|database is locked", re.I)
_KILLED: Final = "the caller was killed"
# The C core's own words for a connection that broke under a call.
_BROKEN: Final = ("Stream removed", "Socket closed")


@cache
def _pool() -> descriptor_pool.DescriptorPool:
    pool = descriptor_pool.DescriptorPool()
    described = files("argosy_protos").joinpath("descriptors.pb").read_bytes()
    left = {file.name: file for file in descriptor_pb2.FileDescriptorSet.FromString(described).file}

    def add(name: str) -> None:
        file = left.pop(name, None)
        if file is not None:
            for other in file.dependency:
                add(other)
            pool.Add(file)

    for name in list(left):
        add(name)
    return pool


@cache
def _message(name: str) -> Any:
    return message_factory.GetMessageClass(_pool().FindMessageTypeByName(name))


def message(name: str, **fields: Any) -> Any:
    """Return a message of containerd's, as ``snapshots.v1.Info``."""
    return _message(f"containerd.services.{name}")(**fields)


def packed(name: str, /, **fields: Any) -> dict[str, Any]:
    """Return a message of any kind as the fields of an Any."""
    return {"type_url": name, "value": _message(name)(**fields).SerializeToString()}


@cache
def _method(path: str) -> tuple[str, Any, Any, bool, bool]:
    """Return path on the wire, request class, answer class, streams of requests, streams of answers."""
    service, _, name = path.partition("/")
    method = _pool().FindServiceByName(f"containerd.services.{service}").FindMethodByName(name)
    return (
        f"/containerd.services.{service}/{name}",
        message_factory.GetMessageClass(method.input_type),
        message_factory.GetMessageClass(method.output_type),
        bool(method.client_streaming),
        bool(method.server_streaming),
    )


@dataclass(frozen=True)
class Answer:
    """How a call ended. messages are what came before that."""

    code: Any
    details: str
    messages: tuple[Any, ...]
    took_s: float
    timeout_s: float

    @property
    def ok(self) -> bool:
        return bool(self.code is OK)

    @property
    def refused(self) -> bool:
        """Whether it says that nothing was done."""
        return self.code in REFUSED

    @property
    def late(self) -> bool:
        """Whether it may be done later than calls that follow: what a killed process sent waits in a connection of its own."""
        return self.details == _KILLED

    @property
    def message(self) -> Any:
        return self.messages[0]

    @property
    def hung(self) -> bool:
        """Whether nobody answered a patient caller before its own deadline."""
        patient = self.timeout_s >= CALL_S / 2
        return bool(patient and self.code is DEADLINE_EXCEEDED and self.took_s >= self.timeout_s - 0.1)

    @property
    def wrong(self) -> str:
        """Why this is no answer that a client may get, or nothing."""
        if self.code in _WRONG and not any(text in self.details for text in _BROKEN):
            return f"{self.code.name}: {self.details}"
        if _LEAK.search(self.details):
            return f"{self.code.name}: {self.details}"
        return ""

    def __str__(self) -> str:
        return f"{self.code.name} {self.details!r} after {self.took_s:.2f} s"


class Stream:
    """An open Content.Write: one message out, one answer in, until it ends."""

    def __init__(self, call: Any, outbox: queue.SimpleQueue[Any], timeout_s: float) -> None:
        self._call, self._outbox, self._timeout_s = call, outbox, timeout_s
        self._began = time.monotonic()

    def ask(self, request: Any) -> Answer:
        """Send one message and wait for its answer."""
        self._outbox.put(request)
        try:
            answer = next(self._call)
        except StopIteration:
            return self._answer(self._call.code(), self._call.details())
        except grpc.RpcError as error:
            return self._answer(error.code(), error.details())
        return Answer(OK, "", (answer,), time.monotonic() - self._began, self._timeout_s)

    def send(self, request: Any) -> None:
        """Send one message and wait for nothing."""
        self._outbox.put(request)

    def cancel(self) -> None:
        self._call.cancel()

    def close(self) -> Answer:
        """Say that no more will come, and wait for the end."""
        self._outbox.put(None)
        try:
            for _ in self._call:
                pass
        except grpc.RpcError as error:
            return self._answer(error.code(), error.details())
        return self._answer(self._call.code(), self._call.details())

    def _answer(self, code: Any, details: str | None) -> Answer:
        return Answer(code, details or "", (), time.monotonic() - self._began, self._timeout_s)


class Wire:
    """One connection to a socket, in one namespace. Safe to use from several threads."""

    def __init__(self, address: Path, namespace: str = "storm") -> None:
        self.address, self.namespace = address, namespace
        self._channel = grpc.insecure_channel(f"unix:{address}", options=_OPTIONS)

    def close(self) -> None:
        self._channel.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _headers(self, lease: str, namespace: str) -> list[tuple[str, str]]:
        headers = [("containerd-namespace", namespace or self.namespace)]
        return [*headers, ("containerd-lease", lease)] if lease else headers

    def call(
        self,
        path: str,
        *,
        lease: str = "",
        ns: str = "",
        timeout_s: float = CALL_S,
        cancel_after_s: float | None = None,
        **fields: Any,
    ) -> Answer:
        """Call a method that takes one message, as ``snapshots.v1.Snapshots/Stat``; wait until it has ended."""
        return self.send(path, _method(path)[1](**fields), lease, ns, timeout_s, cancel_after_s)

    def send(
        self,
        path: str,
        request: Any,
        lease: str = "",
        ns: str = "",
        timeout_s: float = CALL_S,
        cancel_after_s: float | None = None,
    ) -> Answer:
        """Call with a message that is there already."""
        wire, _, answer, _, streams = _method(path)
        began = time.monotonic()
        options = {
            "request_serializer": lambda m: m.SerializeToString(),
            "response_deserializer": answer.FromString,
        }
        headers = self._headers(lease, ns)
        if not streams:
            future = self._channel.unary_unary(wire, **options).future(
                request, timeout=timeout_s, metadata=headers, wait_for_ready=True
            )
            if cancel_after_s is not None:
                with contextlib.suppress(grpc.FutureTimeoutError, grpc.FutureCancelledError, grpc.RpcError):
                    future.result(timeout=cancel_after_s)
                future.cancel()
            code = future.code()  # waits for the end
            messages = (future.result(),) if code is OK else ()
            return Answer(code, future.details() or "", messages, time.monotonic() - began, timeout_s)
        call = self._channel.unary_stream(wire, **options)(request, timeout=timeout_s, metadata=headers, wait_for_ready=True)
        timer = None if cancel_after_s is None else threading.Timer(cancel_after_s, call.cancel)
        if timer is not None:
            timer.start()
        got: list[Any] = []
        try:
            got.extend(call)
            code, details = call.code(), call.details()
        except grpc.RpcError as error:
            code, details = error.code(), error.details()
        finally:
            if timer is not None:
                timer.cancel()
        return Answer(code, details or "", tuple(got), time.monotonic() - began, timeout_s)

    def together(
        self, calls: Sequence[tuple[str, dict[str, Any]]], timeout_s: float = CALL_S, lease: str = ""
    ) -> list[Answer]:
        """Make calls at the same time over this one connection; return their answers in order."""
        answers: list[Answer | None] = [None] * len(calls)

        def one(index: int) -> None:
            path, fields = calls[index]
            answers[index] = self.call(path, timeout_s=timeout_s, lease=lease, **fields)

        threads = [threading.Thread(target=one, args=(i,)) for i in range(len(calls))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return [answer for answer in answers if answer is not None]

    def write(self, lease: str = "", timeout_s: float = CALL_S) -> Stream:
        """Open Content.Write."""
        wire, _, answer, _, _ = _method("content.v1.Content/Write")
        outbox: queue.SimpleQueue[Any] = queue.SimpleQueue()

        def requests() -> Iterator[Any]:
            while (request := outbox.get()) is not None:
                yield request

        call = self._channel.stream_stream(
            wire, request_serializer=lambda m: m.SerializeToString(), response_deserializer=answer.FromString
        )(requests(), timeout=timeout_s, metadata=self._headers(lease, ""), wait_for_ready=True)
        # A call that ends for another reason must not leave the thread that reads requests waiting.
        call.add_callback(lambda: outbox.put(None))
        return Stream(call, outbox, timeout_s)


def _doomed(address: Path, namespace: str, path: str, lease: str, request: bytes, results: Connection) -> None:
    with Wire(address, namespace) as wire:
        answer = wire.send(path, _method(path)[1].FromString(request), lease)
    results.send((answer.code.name, answer.details, [m.SerializeToString() for m in answer.messages], answer.took_s))


class Callers:
    """Processes that make one call each, and that can be killed while they wait for the answer."""

    def __init__(self) -> None:
        self._context = multiprocessing.get_context("forkserver")
        self._context.set_forkserver_preload(["__main__", __name__])

    def call(self, wire: Wire, path: str, kill_after_s: float, *, lease: str = "", **fields: Any) -> Answer:
        """Make a call from a process that is killed after kill_after_s; CANCELLED when that came before the answer."""
        ours, theirs = self._context.Pipe(duplex=False)
        request = _method(path)[1](**fields).SerializeToString()
        began = time.monotonic()
        process = self._context.Process(
            target=_doomed, args=(wire.address, wire.namespace, path, lease, request, theirs), daemon=True
        )
        process.start()
        theirs.close()
        try:
            if ours.poll(kill_after_s):
                code, details, messages, took_s = ours.recv()
                _, _, answer, _, _ = _method(path)
                return Answer(grpc.StatusCode[code], details, tuple(answer.FromString(m) for m in messages), took_s, CALL_S)
        except EOFError:
            pass  # it died of something else; what it asked for has an open outcome all the same
        finally:
            if process.pid is not None:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(process.pid, signal.SIGKILL)
            process.join()
            ours.close()
        return Answer(CANCELLED, _KILLED, (), time.monotonic() - began, CALL_S)
