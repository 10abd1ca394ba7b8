"""containerd.services.transfer.v1.Transfer and containerd.services.streaming.v1.Streaming: messages in, messages out."""

from __future__ import annotations

from functools import partial
from typing import Final

import anyio
from argosy.client import Client
from argosy.client.jobs import together
from argosy.client.transfers import NotServed
from argosy.errors import ArgosyError, DeadlineExceeded, InvalidArgument, Unknown
from argosy.names import LEASE_HEADER, NAMESPACE_HEADER
from argosy.rpc.context import current
from argosy.rpc.engine import PASSING
from argosy.rpc.server import ServerStream
from argosy.typeurl import bare, pack, resolve, unpack
from argosy_protos._error import DecodeError
from argosy_protos._message import Message
from argosy_protos.containerd.services.streaming.v1 import StreamingBase, StreamInit
from argosy_protos.containerd.services.transfer.v1 import TransferBase, TransferRequest
from argosy_protos.google.protobuf import Any as AnyMessage
from argosy_protos.google.protobuf import Empty
from grpclib.const import Cardinality, Handler, Status
from grpclib.exceptions import GRPCError

from argosy_transfer import pairs
from argosy_transfer.jobs import Job
from argosy_transfer.places import Places
from argosy_transfer.progress import Teller
from argosy_transfer.service import TransferSettings
from argosy_transfer.streams import Stream, Streams

_INIT: Final = "containerd.services.streaming.v1.StreamInit"
# Who opens a stream and does not say which holds a call for nothing.
_FIRST_S: Final = 60.0


class StreamingServicer(StreamingBase):
    """containerd.services.streaming.v1.Streaming. A call lives until its stream is closed, or its client or its lease goes."""

    def __init__(self, streams: Streams, most: int) -> None:
        """most is how many may be open at a time, those included that have not said their id yet."""
        self._streams, self._places = streams, Places(most, "streams")

    def __mapping__(self) -> dict[str, Handler]:
        path = f"/{self.__service__}/Stream"
        return {path: Handler(self._handle, Cardinality.STREAM_STREAM, AnyMessage, AnyMessage)}

    async def _handle(self, wire: ServerStream) -> None:
        call = wire.call
        # One without a namespace is taken, as by containerd; what is no name of one is not.
        namespace = call.namespace if call.get(NAMESPACE_HEADER) else ""
        with self._places.one(namespace):
            await self._serve(wire, namespace, call.get(LEASE_HEADER) or "")

    async def _serve(self, wire: ServerStream, namespace: str, lease: str) -> None:
        first: AnyMessage | None = None
        with anyio.move_on_after(_FIRST_S) as waiting:
            first = await wire.recv_message()
        if waiting.cancelled_caught:
            raise DeadlineExceeded(f"a stream says its id first, and this one said nothing for {_FIRST_S:g} s")
        if first is None:
            raise InvalidArgument("a stream says its id first, and this one ended before")
        stream = Stream(namespace, _id(first), lease, wire)
        self._streams.register(stream)
        try:
            # Only now: who hears this may name the stream in a transfer.
            await wire.send_message(pack("google.protobuf.Empty", Empty()))
            await stream.over.wait()
        finally:
            stream.end("its client is gone")
            self._streams.drop(stream)


def _id(first: AnyMessage) -> str:
    """Return the id that a stream's first message says. Raises Unknown in containerd's words, InvalidArgument."""
    if bare(first.type_url) != _INIT:
        raise Unknown(f'can\'t unmarshal type "{first.type_url[:200]}" to output "{_INIT}"')
    try:
        return StreamInit.decode(first.value).id
    except DecodeError as error:
        raise InvalidArgument(f"a stream's first message is malformed: {error}") from None


class TransferServicer(TransferBase):
    """containerd.services.transfer.v1.Transfer."""

    def __init__(self, settings: TransferSettings, streams: Streams) -> None:
        self._settings, self._streams = settings, streams
        self._places = Places(settings.transfers, "transfers")

    async def transfer(self, request: TransferRequest) -> Empty:
        """Raises NotFound for a stream that is not open, Unknown for what is no source or destination, GRPCError for a pair that is not served."""
        with self._places.one(current().namespace):
            return await self._transfer(request)

    async def _transfer(self, request: TransferRequest) -> Empty:
        call = current()
        namespace, id = call.namespace, request.options.progress_stream if request.options is not None else ""
        progress = self._streams.take(namespace, id) if id else None
        teller = Teller(progress)
        try:
            source, destination = _known(request.source), _known(request.destination)
            async with Client(self._settings.gateway, namespace, lease=call.lease or "", windows=PASSING) as client:
                job = Job(client, self._settings, teller, partial(self._streams.take, namespace))
                await _told(job, source, destination)
        except NotServed:
            ends = " to ".join(
                bare(one.type_url) if one is not None else "" for one in (request.source, request.destination)
            )
            raise GRPCError(Status.UNIMPLEMENTED, f"method Transfer not implemented for {ends}") from None
        finally:
            if progress is not None:
                progress.close()
        return Empty()


async def _told(job: Job, source: Message, destination: Message) -> None:
    """Run a job while its client is told how it goes; what there is to tell is told before this returns."""
    failure: BaseException | None = None
    async with together() as group:
        group.start_soon(job.teller.run)
        try:
            await pairs.run(job, source, destination)
        except (ArgosyError, NotServed, OSError) as error:
            failure = error
        finally:
            job.close()
            job.teller.end()
        await job.teller.over.wait()
    if failure is not None:
        raise failure


def _known(said: AnyMessage | None) -> Message:
    """Return the message that says where from, or where to. Raises Unknown in containerd's words, InvalidArgument."""
    url = said.type_url if said is not None else ""
    name = bare(url)
    if said is None or not name or resolve(name) is None:
        raise Unknown(f"type with url {url[:200]}: not found")
    message = unpack(said)
    if not isinstance(message, Message):
        raise InvalidArgument(f'a message of type "{name}" is malformed, or has very much in it')
    return message
