"""One stream of a shim: messages of its client that a thread waits for, and bytes both ways as each side grants them.

What touches the connection happens in the shim's loop; a thread that has something for it posts it there.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, Final, Protocol

from argosy_protos._wire import DecodeError
from argosy_protos.lean.containerd.types.transfer import Data, WindowUpdate
from argosy_protos.lean.google.protobuf import Any as AnyMessage

from argosy.credit import CHUNK_BYTES, DATA, MOST_IGNORED, TAKEN_S, WINDOW_BYTES, WINDOW_UPDATE, Credit, Grants, padding
from argosy.errors import Aborted, Cancelled, InvalidArgument, Unavailable
from argosy.shim.copies import SILENCE_S

if TYPE_CHECKING:
    from argosy.ttrpc.machine import ServerMachine

Post = Callable[[Callable[[], None]], None]
"""Has the shim's loop do something."""
# A client that sends more than it was granted, and what nobody reads, is told so.
_HELD_BYTES: Final = 256 << 10
# Of one connection so much may wait to be sent.
_UNSENT_BYTES: Final = 256 << 10
# How often one who waits for a client looks whether the copy's process is there.
_LOOK_S: Final = 1.0


class Connection(Protocol):
    """The shim's end of a connection."""

    machine: ServerMachine
    pending: bytes


class Stream:
    """One stream. Made and fed in the loop, used by a transfer's thread."""

    def __init__(self, connection: Connection, number: int, post: Post, out: Callable[[Stream, bytes], None]) -> None:
        """number is the call's on its connection. out sends a message, in the loop, which post has do something."""
        self.connection, self.number, self._post, self._out = connection, number, post, out
        self.id = ""
        self.taken = False
        self.ended = False  # the client sends no more
        self.gone = False
        self.changed = threading.Condition()
        self._unwanted = ""
        self._messages: deque[AnyMessage] = deque()
        self._held = 0
        self._unsent = 0  # bytes that wait for the loop

    def put(self, message: AnyMessage) -> bool:
        """Keep a message for whoever reads the stream. Returns False of one too many."""
        with self.changed:
            self._held += len(message.value) + 64
            self._messages.append(message)
            self.changed.notify_all()
            return self._held <= _HELD_BYTES

    def note(self, *, ended: bool = False, gone: bool = False, unwanted: str = "") -> None:
        """Have who waits for the client look again; unwanted says why its transfer is to end."""
        with self.changed:
            self.ended, self.gone = self.ended or ended, self.gone or gone
            self._unwanted = self._unwanted or unwanted
            self.changed.notify_all()

    def receive(self, within_s: float, over: Callable[[], bool] = lambda: False) -> AnyMessage | None:
        """Return the next message; None after the last, and when over says that no more is wanted.

        Raises Cancelled when the client is gone, Unavailable for one that is silent, Aborted when the transfer is to end.
        """
        deadline = time.monotonic() + within_s
        with self.changed:
            while not self._messages:
                self._check()
                if self.ended or over():
                    return None
                left = deadline - time.monotonic()
                if left <= 0:
                    raise Unavailable(f'stream "{self.id}" is silent for {within_s:g} s; its client is given up')
                self.changed.wait(min(left, _LOOK_S))
            message = self._messages.popleft()
            self._held -= len(message.value) + 64
            return message

    def waits(self) -> bool:
        """Whether a message is there."""
        return bool(self._messages)

    def _check(self) -> None:
        if self.gone:
            raise Cancelled(f'stream "{self.id}" is over: its client is gone')
        if self._unwanted:
            raise Aborted(self._unwanted)

    def send(self, type_url: str, message: Any) -> None:
        """Send a message; waits while much is unsent. Raises Cancelled, Unavailable, Aborted."""
        payload = AnyMessage(type_url=type_url, value=message.encode()).encode()
        deadline = time.monotonic() + SILENCE_S
        with self.changed:
            while len(self.connection.pending) + self._unsent > _UNSENT_BYTES:
                self._check()
                left = deadline - time.monotonic()
                if left <= 0:
                    raise Unavailable(f'stream "{self.id}": nobody takes anything of it; its client is given up')
                self.changed.wait(left)
            self._check()
            self._unsent += len(payload)
        self._post(lambda: self._sent(payload))

    def _sent(self, payload: bytes) -> None:
        with self.changed:
            self._unsent -= len(payload)
        self._out(self, payload)


class Sender:
    """Bytes to a client, as it grants them."""

    def __init__(self, stream: Stream) -> None:
        self._stream, self._credit = stream, Credit()
        self._waiting = bytearray()
        self._sent = 0
        self._ignored = 0

    def write(self, data: bytes) -> None:
        """Send bytes; few are kept until there are more. Raises Cancelled, Unavailable, InvalidArgument."""
        self._waiting += data
        while len(self._waiting) >= 2 * CHUNK_BYTES:
            self._send(CHUNK_BYTES)

    def finish(self) -> None:
        """Send what is left, padded as archives are, and return when the client has taken it, or has had time to."""
        self.write(bytes(padding(self._sent + len(self._waiting))))
        tail = min((self._sent + len(self._waiting)) % WINDOW_BYTES, CHUNK_BYTES, len(self._waiting))
        while len(self._waiting) > tail:
            self._send(len(self._waiting) - tail)
        self._until(tail)
        while self._waiting:
            self._send(len(self._waiting))
        self._until(WINDOW_BYTES)

    def _until(self, credit: int) -> None:
        deadline = time.monotonic() + TAKEN_S
        try:
            while self._credit.left < credit and (left := deadline - time.monotonic()) > 0:
                if not self._hear(left):
                    return
        except Unavailable:
            return  # one of another make, which grants as it likes

    def _hear(self, within_s: float) -> bool:
        """Take one grant; return False when there will be none."""
        message = self._stream.receive(within_s)
        if message is None:
            return False
        if bare(message.type_url) != WINDOW_UPDATE:
            self._ignored += 1
            if self._ignored > MOST_IGNORED:
                raise InvalidArgument(f'stream "{self._stream.id}" grants nothing: its messages are of other types')
            return True
        try:
            self._credit.grant(WindowUpdate.decode(message.value).update)
        except DecodeError as error:
            raise InvalidArgument(f'stream "{self._stream.id}" brings a message that is malformed: {error}') from None
        return True

    def _send(self, wanted: int) -> None:
        while not self._credit.left or self._stream.waits():
            if not self._hear(SILENCE_S) and not self._credit.left:
                raise Cancelled(f'stream "{self._stream.id}" is not taken to its end: its client grants no more')
        size = self._credit.spend(wanted)
        self._stream.send(DATA, Data(data=bytes(self._waiting[:size])))
        del self._waiting[:size]
        self._sent += size


def received(stream: Stream, over: Callable[[], bool]) -> Iterator[bytes]:
    """Yield a client's bytes, which are granted as they are taken, until it has sent its last or over says that no more is wanted.

    Raises what ``Stream.receive`` does, and InvalidArgument for other messages.
    """
    grants, ignored = Grants(), 0
    while True:
        if more := grants.due():
            stream.send(WINDOW_UPDATE, WindowUpdate(update=more))
        message = stream.receive(SILENCE_S, over)
        if message is None:
            return
        if bare(message.type_url) != DATA:
            ignored += 1
            if ignored > MOST_IGNORED:
                raise InvalidArgument(
                    f'stream "{stream.id}" brings no bytes: its messages are of "{message.type_url[:200]}"'
                )
            continue
        try:
            data = Data.decode(message.value).data
        except DecodeError as error:
            raise InvalidArgument(f'stream "{stream.id}" brings a message that is malformed: {error}') from None
        grants.got(len(data))
        yield data


def bare(type_url: str) -> str:
    """Return the name of a message's type."""
    return type_url.rpartition("/")[2]
