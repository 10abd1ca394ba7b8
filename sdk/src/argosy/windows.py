"""Bytes over a stream, with credit: who receives says how much may come, who sends sends no more than that.

``received`` and ``Writer`` move bytes by the accounts of ``argosy.credit``. A sender's last byte is known to be taken when credit for a whole window is there
again: a receiver like containerd's gives it only after it has passed on what came before.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Protocol

import anyio
from argosy_protos._error import DecodeError
from argosy_protos.containerd.types.transfer import Data, WindowUpdate
from argosy_protos.google.protobuf import Any as AnyMessage

from argosy import log
from argosy.credit import CHUNK_BYTES, DATA, MOST_IGNORED, TAKEN_S, WINDOW_BYTES, WINDOW_UPDATE, Credit, Grants, padding
from argosy.errors import Cancelled, InvalidArgument, Unavailable
from argosy.typeurl import bare, pack

logger = log.get("argosy.windows")


class Stream(Protocol):
    """A stream of messages, by either of its ends."""

    id: str

    async def receive(self) -> AnyMessage | None:
        """Return the next message; None when the other end has said its last."""

    async def send(self, message: AnyMessage) -> None:
        """Send a message."""


async def received(stream: Stream, silence_s: float) -> AsyncIterator[bytes]:
    """Yield what a client sends, until it says that this was all. Raises Unavailable for one that is silent, InvalidArgument, Cancelled."""
    grants, ignored = Grants(), 0
    while True:
        if more := grants.due():
            await stream.send(pack(WINDOW_UPDATE, WindowUpdate(update=more)))
        message = None
        with anyio.move_on_after(silence_s) as waiting:
            message = await stream.receive()
        if waiting.cancelled_caught:
            raise Unavailable(f'stream "{stream.id}" is silent for {silence_s:g} s; its client is given up')
        if message is None:
            return
        if bare(message.type_url) != DATA:
            ignored += 1
            if ignored > MOST_IGNORED:
                raise InvalidArgument(
                    f'stream "{stream.id}" brings no bytes: its messages are of "{message.type_url[:200]}"'
                )
            logger.warning("stream.message_ignored", id=stream.id, type_url=message.type_url[:200])
            continue
        try:
            data = Data.decode(message.value).data
        except DecodeError as error:
            raise InvalidArgument(f'stream "{stream.id}" brings a message that is malformed: {error}') from None
        grants.got(len(data))
        if data:
            yield data


class Writer:
    """Sends bytes to a client. ``run`` hears what it grants, and has to go on beside ``write``."""

    def __init__(self, stream: Stream, silence_s: float) -> None:
        self._stream, self._silence_s = stream, silence_s
        self._credit = Credit()
        self._granted = anyio.Event()
        self._grants_no_more = False
        self._waiting = bytearray()
        self._sent = 0

    async def run(self) -> None:
        """Hear grants until there are no more. Raises InvalidArgument for what can't be one, Cancelled."""
        ignored = 0
        while (message := await self._stream.receive()) is not None:
            if bare(message.type_url) != WINDOW_UPDATE:
                ignored += 1
                if ignored > MOST_IGNORED:
                    raise InvalidArgument(f'stream "{self._stream.id}" grants nothing: its messages are of other types')
                continue
            try:
                self._credit.grant(WindowUpdate.decode(message.value).update)
            except DecodeError as error:
                raise InvalidArgument(f'stream "{self._stream.id}" brings a message that is malformed: {error}') from None
            self._tell()
        self._grants_no_more = True
        self._tell()

    def _tell(self) -> None:
        self._granted.set()
        self._granted = anyio.Event()

    async def write(self, data: bytes) -> None:
        """Send bytes, as the client takes them; few are kept until there are more. Raises Unavailable for a client that takes none, Cancelled."""
        self._waiting += data
        while len(self._waiting) >= 2 * CHUNK_BYTES:
            await self._send(CHUNK_BYTES)  # what is kept makes the last message, which has a size of its own

    async def flush(self) -> None:
        """Send all that waits."""
        while self._waiting:
            await self._send(len(self._waiting))

    async def finish(self, pad: bool = False) -> None:
        """Send what is left, and return when the client has taken it, or has had time to. pad: an archive, whose end is not its last byte."""
        if pad:
            total = self._sent + len(self._waiting)
            await self.write(bytes(padding(total)))
        tail = min((self._sent + len(self._waiting)) % WINDOW_BYTES, CHUNK_BYTES, len(self._waiting))
        while len(self._waiting) > tail:
            await self._send(len(self._waiting) - tail)
        # In one message, so that the client has something to grant for once it has taken it.
        await self._until(tail, TAKEN_S)
        while self._waiting:
            await self._send(len(self._waiting))
        await self._until(WINDOW_BYTES, TAKEN_S)

    async def _until(self, credit: int, within_s: float) -> None:
        with anyio.move_on_after(within_s):
            while self._credit.left < credit and not self._grants_no_more:
                await self._granted.wait()

    async def _send(self, wanted: int) -> None:
        """Send one message of at most so many of the bytes that wait."""
        with anyio.move_on_after(self._silence_s) as waiting:
            while not self._credit.left:
                if self._grants_no_more:
                    raise Cancelled(f'stream "{self._stream.id}" is not taken to its end: its client grants no more')
                await self._granted.wait()
            size = self._credit.spend(wanted)
            data = bytes(self._waiting[:size])
            await self._stream.send(pack(DATA, Data(data=data)))
            del self._waiting[:size]
            self._sent += size
        if waiting.cancelled_caught:
            raise Unavailable(
                f'stream "{self._stream.id}": nobody has taken anything of it for {self._silence_s:g} s; its client is given up'
            )
