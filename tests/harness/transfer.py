"""A client of containerd's Transfer service as its 2.x tools are one: grpcio, the wire's messages, and credit given as Go's reader gives it."""

from __future__ import annotations

import asyncio
import queue
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Final, Self

import grpc
from argosy.client import Client
from argosy.client.content import write_blob
from argosy_protos._message import Message
from argosy_protos.containerd.services.leases.v1 import CreateRequest, DeleteRequest
from argosy_protos.containerd.services.streaming.v1 import StreamInit
from argosy_protos.containerd.services.transfer.v1 import TransferOptions, TransferRequest
from argosy_protos.containerd.types import Platform
from argosy_protos.containerd.types import transfer as p
from argosy_protos.google.protobuf import Any as AnyMessage

WINDOW: Final = 64 << 10
CHUNK: Final = 32 << 10
HOST: Final = Platform(os="linux", architecture="amd64")
_END: Final = object()


def pack(message: Message, prefix: str = "") -> AnyMessage:
    """Return a message as Go packs it: under its bare full name."""
    package = type(message).__module__.removeprefix("argosy_protos.")
    return AnyMessage(type_url=f"{prefix}{package}.{type(message).__name__}", value=message.encode())


def _bytes(data: bytes) -> bytes:
    return data


class Opened:
    """One stream that a client has opened; what comes is read by a thread, if there is one."""

    def __init__(self, tool: Tool, id: str, first: AnyMessage | None = None, lease: str = "") -> None:
        self.id = id
        self._out: queue.SimpleQueue[Any] = queue.SimpleQueue()
        call = tool.channel.stream_stream("/containerd.services.streaming.v1.Streaming/Stream", _bytes, _bytes)
        self.call = call(self._requests(), metadata=tool.metadata(lease))
        self.send(first or pack(StreamInit(id=id)))
        self.ack = self.receive()

    def _requests(self) -> Iterator[bytes]:
        while (message := self._out.get()) is not _END:
            yield message

    def send(self, message: AnyMessage) -> None:
        self._out.put(message.encode())

    def half_close(self) -> None:
        self._out.put(_END)

    def receive(self) -> AnyMessage:
        return AnyMessage.decode(next(self.call))

    def rest(self) -> Iterator[AnyMessage]:
        for data in self.call:
            yield AnyMessage.decode(data)

    def cancel(self) -> None:
        self.call.cancel()
        self.half_close()


class Tool:
    """A command of such a tool: a namespace, a lease, some streams, a transfer."""

    def __init__(self, address: Path, namespace: str = "default") -> None:
        # A connection of its own, as another process has: grpc's channels to one address share one else.
        options = [("grpc.max_receive_message_length", 32 << 20), ("grpc.use_local_subchannel_pool", 1)]
        self.channel = grpc.insecure_channel(f"unix:{address}", options=options)
        self.namespace, self.lease = namespace, ""
        self.progress: list[p.Progress] = []
        self._opened: list[Opened] = []
        self._threads: list[threading.Thread] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for one in self._opened:
            one.cancel()
        for thread in self._threads:
            thread.join(10)
        self.channel.close()

    def metadata(self, lease: str = "") -> list[tuple[str, str]]:
        found = [("containerd-namespace", self.namespace)] if self.namespace else []
        return found + ([("containerd-lease", lease or self.lease)] if lease or self.lease else [])

    def call(self, path: str, message: Message, timeout: float = 60) -> bytes:
        data: bytes = self.channel.unary_unary(path, _bytes, _bytes)(
            message.encode(), metadata=self.metadata(), timeout=timeout
        )
        return data

    def make_lease(self, id: str) -> None:
        self.call("/containerd.services.leases.v1.Leases/Create", CreateRequest(id=id))
        self.lease = id

    def end_lease(self) -> None:
        self.call("/containerd.services.leases.v1.Leases/Delete", DeleteRequest(id=self.lease))

    def open(self, kind: str) -> Opened:
        """Open a stream under an id as Go makes one."""
        found = Opened(self, f"{kind}-{time.time_ns() % 1_000_000_000}-{len(self._opened):04d}")
        assert found.ack.type_url == "google.protobuf.Empty" and found.ack.value == b""
        self._opened.append(found)
        return found

    def beside(self, work: Any, *args: Any) -> threading.Thread:
        def run() -> None:
            with suppress(grpc.RpcError, StopIteration):  # a server may end a stream before all of it is sent
                work(*args)

        thread = threading.Thread(target=run, daemon=True)
        thread.start()
        self._threads.append(thread)
        return thread

    def told(self, work: Any, *args: Any) -> threading.Event:
        """Do work beside the test; what is returned is set when it has ended well."""
        done = threading.Event()

        def run() -> None:
            work(*args)
            done.set()

        self.beside(run)
        return done

    # -- what streams are for --

    def watch(self) -> str:
        """Open a progress stream, and note what comes."""
        stream = self.open("progress")

        def note() -> None:
            for message in stream.rest():
                assert message.type_url == "containerd.types.transfer.Progress"
                self.progress.append(p.Progress.decode(message.value))

        self.watching = self.beside(note)
        return stream.id

    def answer(self, response: p.AuthResponse | None, asked: list[p.AuthRequest]) -> str:
        """Open a stream for credentials; None says nothing."""
        stream = self.open("creds")

        def serve() -> None:
            for message in stream.rest():
                asked.append(p.AuthRequest.decode(message.value))
                if response is not None:
                    stream.send(pack(response))

        self.beside(serve)
        return stream.id

    def sending(self, data: bytes, chunk: int = CHUNK) -> str:
        """Open a stream of bytes, and send them as the other side grants."""
        stream = self.open("import")

        def send() -> None:
            credit = at = 0
            while at < len(data):
                while not credit:
                    update = stream.receive()
                    assert update.type_url == "containerd.types.transfer.WindowUpdate"
                    credit += p.WindowUpdate.decode(update.value).update
                piece = data[at : at + min(chunk, credit)]
                stream.send(pack(p.Data(data=piece)))
                at, credit = at + len(piece), credit - len(piece)
            stream.half_close()
            for _ in stream.rest():
                pass

        self.beside(send)
        return stream.id

    def receiving(self, into: bytearray, delay_s: float = 0.0) -> tuple[str, threading.Thread]:
        """Open a stream of bytes, and read it as Go's reader does: a window more whenever less than one is out."""
        stream = self.open("export")

        def read() -> None:
            window = 0
            while True:
                if window < WINDOW:
                    stream.send(pack(p.WindowUpdate(update=WINDOW)))
                    window += WINDOW
                try:
                    message = stream.receive()
                except StopIteration:
                    return
                data = p.Data.decode(message.value).data
                assert 0 < len(data) <= CHUNK and len(data) <= window, "more than was granted"
                time.sleep(delay_s)
                into.extend(data)
                window -= len(data)

        return stream.id, self.beside(read)

    def transfer(
        self, source: Message | None, destination: Message | None, progress: str = "", timeout: float = 60, prefix: str = ""
    ) -> None:
        request = TransferRequest(
            source=None if source is None else pack(source, prefix),
            destination=None if destination is None else pack(destination, prefix),
            options=TransferOptions(progress_stream=progress) if progress else None,
        )
        self.call("/containerd.services.transfer.v1.Transfer/Transfer", request, timeout)

    # -- commands --

    def pull(self, name: str, /, *, resolver: p.RegistryResolver | None = None, **store: Any) -> None:
        self.transfer(
            p.OCIRegistry(reference=name, resolver=resolver),
            p.ImageStore(
                **{
                    "name": name,
                    "platforms": [HOST],
                    "all_metadata": True,
                    "unpacks": [p.UnpackConfiguration(platform=HOST)],
                    **store,
                }
            ),
            self.watch(),
        )
        self.watching.join(10)

    def events(self) -> list[tuple[str, str]]:
        return [(one.event, one.name) for one in self.progress]

    def statuses(self) -> list[str]:
        return [one.event for one in self.progress if not one.name]


def refused(work: Any, *args: Any, **kwargs: Any) -> tuple[str, str]:
    """Return code and text of the error that a call ends with."""
    try:
        work(*args, **kwargs)
    except grpc.RpcError as error:
        return error.code().name, error.details()
    raise AssertionError("it was not refused")


def extra(name: str, **flags: bool) -> p.ImageReference:
    return p.ImageReference(name=name, **flags)


__all__: Sequence[str] = ("CHUNK", "HOST", "WINDOW", "Opened", "Tool", "extra", "pack", "refused")


def kept_blob(address: Path, data: bytes, namespace: str = "default") -> str:
    """Put bytes into the content store; return their digest. A label holds them from their commit on, whatever is collected."""

    async def written() -> str:
        async with Client(address, namespace) as client:
            return await write_blob(client.services.content, "kept", data, {"containerd.io/gc.root": "here"})

    return asyncio.run(written())
