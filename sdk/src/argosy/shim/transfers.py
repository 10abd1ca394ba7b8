"""containerd.services.transfer.v1.Transfer and streaming.v1.Streaming in a shim: what is at paths in its containers, over streams of its own socket.

A shim loads this with the first call of either service, and stays awake while a stream is open. Each transfer has a thread, which moves bytes between a
stream and the process that copies (``argosy.shim.copies``); everything that touches a connection happens in the shim's loop.

    StreamInit ──► open ── a transfer takes it ──► taken ── the transfer ends ──► over
                    └────── its connection goes ─────┴──► over, and the copy is killed

A verb that takes a container's files away ends its copies first (``end``, from the verb's thread), and nobody begins another one of a container that is
being deleted. A thread ends with its copy's process: where that can't be killed, its caller is answered before.
"""

from __future__ import annotations

import errno
import sys
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from argosy_protos._wire import DecodeError
from argosy_protos.lean.containerd.services.streaming.v1 import StreamInit
from argosy_protos.lean.containerd.services.transfer.v1 import TransferRequest
from argosy_protos.lean.containerd.types.transfer import ContainerPath, ReadStream, WriteStream
from argosy_protos.lean.google.protobuf import Any as AnyMessage
from argosy_protos.lean.google.protobuf import Empty

from argosy.credit import CHUNK_BYTES
from argosy.errors import (
    AlreadyExists,
    ArgosyError,
    FailedPrecondition,
    InvalidArgument,
    NotFound,
    PermissionDenied,
    ResourceExhausted,
    Unavailable,
    Unimplemented,
    Unknown,
    to_wire,
)
from argosy.paths.order import PACK, PLACE
from argosy.shim.copies import DEATH_S, MOST_COPIES, Copying, Files
from argosy.shim.streams import Connection, Post, Sender, Stream, bare, received
from argosy.ttrpc.machine import Incoming

if TYPE_CHECKING:
    from argosy.ttrpc.machine import Data as Frame

TRANSFER: Final = "containerd.services.transfer.v1.Transfer"
STREAMING: Final = "containerd.services.streaming.v1.Streaming"
TAR: Final = "application/x-tar"
_INIT: Final = "containerd.services.streaming.v1.StreamInit"
_MOST_STREAMS: Final = 64
_MOST_ID_BYTES: Final = 1024


class Transfers:
    """All streams and transfers of a shim. Its methods are called in the shim's loop."""

    def __init__(
        self,
        tree: Callable[[str], Files],
        post: Post,
        flush: Callable[[Any], None],
    ) -> None:
        """tree opens a container's files; post has the loop do something; flush sends what a connection has to."""
        self._tree, self.post, self._flush = tree, post, flush
        self._streams: dict[tuple[int, int], Stream] = {}
        self._copies: dict[Copying, list[Stream]] = {}
        self._beginning = threading.Lock()  # a container is looked at, and its copy is known, in one step

    def busy(self) -> bool:
        """Whether a stream is open, or a transfer under way."""
        return bool(self._streams or self._copies)

    # -- what comes --

    def request(self, connection: Connection, request: Incoming) -> None:
        """Begin a call. Answers it, or has it answered."""
        try:
            if (request.service, request.method) == (STREAMING, "Stream"):
                if len(self._streams) >= _MOST_STREAMS:
                    raise ResourceExhausted(f"{_MOST_STREAMS} streams are open, which are the most; close some")
                stream = Stream(connection, request.stream, self.post, self.send)
                self._streams[id(connection), request.stream] = stream
                if request.payload:
                    self._took(stream, request.payload)
                if request.closed:
                    self._half_closed(stream)
            elif (request.service, request.method) == (TRANSFER, "Transfer"):
                self._begin(connection, request)
            else:
                raise Unimplemented(f"method {request.method}")
        except ArgosyError as error:
            self._streams.pop((id(connection), request.stream), None)
            connection.machine.respond_error(request.stream, *to_wire(error))
        except DecodeError as error:
            self._streams.pop((id(connection), request.stream), None)
            connection.machine.respond_error(request.stream, InvalidArgument.code, f"the request is malformed: {error}")
        except Exception as error:
            self._streams.pop((id(connection), request.stream), None)
            connection.machine.respond_error(request.stream, *to_wire(error))
            raise

    def data(self, connection: Connection, frame: Frame) -> None:
        """Take a message of a stream."""
        stream = self._streams.get((id(connection), frame.stream))
        if stream is None:
            return
        try:
            if frame.payload is not None:
                self._took(stream, frame.payload)
            if frame.closed:
                self._half_closed(stream)
        except ArgosyError as error:
            self._over(stream, error)
        except DecodeError as error:
            self._over(stream, InvalidArgument(f"a message of the stream is malformed: {error}"))

    def gone(self, connection: Connection) -> None:
        """A connection has gone: what belongs to it ends."""
        for stream in [one for one in self._streams.values() if one.connection is connection]:
            self._forget(stream)

    def flushed(self, connection: Connection) -> None:
        """Something of a connection was sent."""
        for stream in self._streams.values():
            if stream.connection is connection:
                stream.note()

    def end(self, container: str) -> None:
        """End the copies of a container that is about to go; return when their processes are gone, or can't be killed. From any thread, and not in the loop.

        ``tree`` refuses the container by now, so there will be no more.
        """
        why = f'the task of container "{container}" was deleted meanwhile'
        with self._beginning:
            found = [(copy, streams) for copy, streams in self._copies.items() if copy.container == container]
        for copy, streams in found:
            copy.end(why)
            for stream in streams:
                stream.note(unwanted=why)
        deadline = time.monotonic() + DEATH_S
        for copy, _ in found:
            if not copy.gone(max(0.0, deadline - time.monotonic())):
                print(f'a copy of container "{container}" can\'t be killed: its files do not answer', file=sys.stderr)

    def send(self, stream: Stream, payload: bytes) -> None:
        """Send a stream's message."""
        if not stream.gone:
            stream.connection.machine.send(stream.number, payload)
            self._flush(stream.connection)

    def _took(self, stream: Stream, payload: bytes) -> None:
        message = AnyMessage.decode(payload)
        if stream.id:
            if not stream.put(message):
                raise ResourceExhausted(f'stream "{stream.id}" was sent more than was granted')
            return
        if bare(message.type_url) != _INIT:
            raise Unknown(f'can\'t unmarshal type "{message.type_url[:200]}" to output "{_INIT}"')
        wanted = StreamInit.decode(message.value).id
        if not wanted or len(wanted.encode()) > _MOST_ID_BYTES:
            raise InvalidArgument(f"a stream's id has 1 to {_MOST_ID_BYTES} bytes")
        if any(one.id == wanted for one in self._streams.values()):
            raise AlreadyExists(f'stream "{wanted}"')
        stream.id = wanted
        answer = AnyMessage(type_url="google.protobuf.Empty", value=Empty().encode())
        stream.connection.machine.send(stream.number, answer.encode())

    def _half_closed(self, stream: Stream) -> None:
        if not stream.id:
            raise InvalidArgument("a stream says its id first, and this one ended before")
        stream.note(ended=True)

    def _forget(self, stream: Stream) -> None:
        self._streams.pop((id(stream.connection), stream.number), None)
        stream.note(gone=True)
        for copy, streams in self._copies.items():
            if stream in streams:
                copy.end(f'stream "{stream.id}" is over')

    def _over(self, stream: Stream, error: ArgosyError | None = None) -> None:
        """End a stream's call."""
        if stream.gone:
            return
        if error is None:
            stream.connection.machine.respond(stream.number, b"")
        else:
            stream.connection.machine.respond_error(stream.number, *to_wire(error))
        self._forget(stream)
        self._flush(stream.connection)

    # -- transfers --

    def _take(self, wanted: str) -> Stream:
        for stream in self._streams.values():
            if stream.id == wanted and wanted and not stream.taken:
                stream.taken = True
                return stream
        raise NotFound(f'stream "{wanted}"')

    def _begin(self, connection: Connection, request: Incoming) -> None:
        asked = TransferRequest.decode(request.payload)
        source, destination = _known(asked.source), _known(asked.destination)
        named: ReadStream | WriteStream
        match source, destination:
            case ContainerPath(), WriteStream():
                where, verb, named = source, PACK, destination
            case ReadStream(), ContainerPath():
                where, verb, named = destination, PLACE, source
            case _:
                ends = " to ".join(
                    bare(one.type_url) if one is not None else "" for one in (asked.source, asked.destination)
                )
                raise Unimplemented(f"method Transfer not implemented for {ends}")
        if named.media_type not in ("", TAR):
            raise Unimplemented(f'files of a container are of the type {TAR}, not "{named.media_type[:200]}"')
        if len(self._copies) >= MOST_COPIES:
            raise ResourceExhausted(f"{MOST_COPIES} copies are under way, which are the most; wait for one to end")
        progress = asked.options.progress_stream if asked.options is not None else ""
        with self._beginning:
            copy, streams = self._begun(where, verb, named.stream, progress)
            self._copies[copy] = streams
        work = threading.Thread(target=self._work, args=(copy, verb, streams, connection, request.stream), daemon=True)
        try:
            work.start()
        except RuntimeError as error:
            with self._beginning:
                del self._copies[copy]
            copy.end("there is no thread for it")
            copy.wait()
            for stream in streams:
                self._over(stream)
            raise ResourceExhausted(f"a copy needs a thread: {error}") from error

    def _begun(self, where: ContainerPath, verb: str, wanted: str, progress: str) -> tuple[Copying, list[Stream]]:
        """Start the process of a copy, and take its streams. Raises ArgosyError, and then nothing is left of it."""
        try:
            tree = self._tree(where.container_id)
        except OSError as error:
            raise _out_of_reach(where.container_id, error) from error
        streams: list[Stream] = []
        try:
            try:
                if progress:
                    streams.append(self._take(progress))
                streams.insert(0, self._take(wanted))
            except ArgosyError:
                tree.close()
                raise
            keeps = where.preserve_ownership
            try:
                return tree.copy(where.container_id, verb, where.path, walk=not where.no_walk, owners=keeps), streams
            except OSError as error:
                raise Unavailable(f"the process that copies can't be started: {error.strerror}") from error
        except ArgosyError:
            for stream in streams:
                self._over(stream)
            raise

    def _work(self, copy: Copying, verb: str, streams: list[Stream], connection: Connection, number: int) -> None:
        """Move the bytes of one transfer, in a thread of its own."""
        error: BaseException | None = None
        try:
            error = _out(copy, streams[0]) if verb == PACK else _in(copy, streams[0])
        except BaseException as failed:
            error = failed
            copy.end(str(failed))
            copy.wait()

        def answer() -> None:
            # Why it failed comes before the end of its streams, which says less.
            if error is not None:
                connection.machine.respond_error(number, *to_wire(error))
            for stream in streams:
                self._over(stream)
            if error is None:
                connection.machine.respond(number, Empty().encode())
            self._flush(connection)

        def forget() -> None:
            with self._beginning:
                del self._copies[copy]

        if copy.has_gone():
            self.post(forget)
            self.post(answer)
        else:
            self.post(answer)
            copy.collect()
            self.post(forget)


def _out_of_reach(container: str, error: OSError) -> ArgosyError:
    """Return what to tell of a container whose files can't be opened."""
    text = f'the files of container "{container}" can\'t be reached: {error.strerror or error}'
    if isinstance(error, PermissionError):
        return PermissionDenied(f"{text}; for those of another user's processes a shim needs CAP_SYS_PTRACE")
    if error.errno in (errno.EMFILE, errno.ENFILE, errno.ENOMEM):
        return ResourceExhausted(text)
    return FailedPrecondition(f"{text}; delete its task, and copy from its snapshot")


def _out(copy: Copying, stream: Stream) -> ArgosyError | None:
    """Send what a process reads. Returns how it failed. Raises what the stream's client is to blame for."""
    sender = Sender(stream)
    while data := copy.read(CHUNK_BYTES):
        sender.write(data)
    error = copy.wait()
    if error is None:
        sender.finish()
    return error


def _in(copy: Copying, stream: Stream) -> ArgosyError | None:
    """Have a process take what a client sends. Returns how it failed. Raises what the stream's client is to blame for."""
    for data in received(stream, copy.has_ended):
        if not copy.write(data):
            break
    return copy.wait()


def _known(said: AnyMessage | None) -> Any:
    """Return the message that says where from, or where to; None for a kind that a shim does not have. Raises DecodeError."""
    kinds = {f"containerd.types.transfer.{one.__name__}": one for one in (ContainerPath, ReadStream, WriteStream)}
    kind = kinds.get(bare(said.type_url)) if said is not None else None
    return kind.decode(said.value) if kind is not None and said is not None else None
