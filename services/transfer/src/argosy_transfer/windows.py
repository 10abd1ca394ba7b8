"""Bytes over a stream, with credit: who receives says how much may come, who sends sends no more than that.

``Grants`` and ``Credit`` are the two ends' accounts, without any wire; ``received`` and ``Writer`` move bytes by them. A sender's last byte is known to be taken
when credit for a whole window is there again: a receiver like containerd's gives it only after it has passed on what came before.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Final

import anyio
from argosy import log
from argosy.errors import ArgosyError, Cancelled, InvalidArgument, Unavailable
from argosy.typeurl import bare, pack
from argosy_protos._error import DecodeError
from argosy_protos.containerd.types.transfer import Data, WindowUpdate

from argosy_transfer.streams import Stream

logger = log.get("transfer.windows")

DATA: Final = "containerd.types.transfer.Data"
WINDOW_UPDATE: Final = "containerd.types.transfer.WindowUpdate"
# containerd's sizes: of a message, and of what one grant adds.
CHUNK_BYTES: Final = 32 << 10
WINDOW_BYTES: Final = 64 << 10
_MOST_CREDIT: Final = (1 << 31) - 1
# What is no message of this protocol is ignored, as containerd does; so many times.
_MOST_IGNORED: Final = 1024
# How long the other end may take to take what was sent last: one of another make may never say.
_TAKEN_S: Final = 2.0


class Grants:
    """What a receiver has granted and not got yet."""

    def __init__(self) -> None:
        self.outstanding = 0

    def due(self) -> int:
        """Return how much is to be granted now; 0 for nothing."""
        if self.outstanding >= WINDOW_BYTES:
            return 0
        self.outstanding += WINDOW_BYTES
        return WINDOW_BYTES

    def got(self, size: int) -> None:
        """Account for bytes that came. Raises InvalidArgument for more than was granted."""
        if size > self.outstanding:
            raise InvalidArgument(f"a stream's client sent {size} bytes where {self.outstanding} were granted")
        self.outstanding -= size


class Credit:
    """What a sender may send."""

    def __init__(self) -> None:
        self.left = 0

    def grant(self, size: int) -> None:
        """Add what the receiver grants. Raises InvalidArgument for what is no grant, and for more than anybody could mean."""
        if size <= 0 or self.left + size > _MOST_CREDIT:
            raise InvalidArgument(f"a stream's client grants {size} bytes on top of {self.left}, which can't be")
        self.left += size

    def spend(self, wanted: int) -> int:
        """Return how many bytes of those wanted go into the next message, and take them off."""
        size = min(wanted, self.left, CHUNK_BYTES)
        self.left -= size
        return size


def padding(size: int) -> int:
    """Return how many bytes to add to an archive of size bytes, so that whoever takes its last message grants a window for it.

    A receiver grants when what it has granted and not got is less than a window: that is so after a last message of at most a chunk if the whole is some windows
    and at most a chunk long. An archive may end in any number of zeros; blocks of 512 bytes stay whole.
    """
    over = size % WINDOW_BYTES
    return 0 if 0 < over <= CHUNK_BYTES else WINDOW_BYTES - over + 512 if over else 512


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
            if ignored > _MOST_IGNORED:
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
                if ignored > _MOST_IGNORED:
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
        await self._until(tail, _TAKEN_S)
        while self._waiting:
            await self._send(len(self._waiting))
        await self._until(WINDOW_BYTES, _TAKEN_S)

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


class Lines:
    """Text for a client that may not read it: what does not fit is left out."""

    def __init__(self, stream: Stream, most_bytes: int) -> None:
        self._stream, self._most = stream, most_bytes
        self._text = bytearray()
        self._more = anyio.Event()
        self._ended = False
        self._scope = anyio.CancelScope()

    def add(self, text: str) -> None:
        if len(self._text) < self._most:
            self._text += text.encode()
            self._more.set()

    def end(self) -> None:
        """Send what is left, if it is taken soon."""
        self._ended = True
        self._scope.deadline = anyio.current_time() + _TAKEN_S
        self._more.set()

    async def run(self, silence_s: float) -> None:
        """Send what is added, until the end. A client that goes ends it, too."""
        writer = Writer(self._stream, silence_s)
        try:
            with self._scope:
                async with anyio.create_task_group() as group:
                    group.start_soon(writer.run)
                    while not self._ended or self._text:
                        await self._more.wait()
                        self._more = anyio.Event()
                        text, self._text = bytes(self._text), bytearray()
                        await writer.write(text)
                        await writer.flush()
                        if self._ended:
                            self._more.set()
                    group.cancel_scope.cancel()
        except* ArgosyError as error:
            logger.debug("lines.not_read", id=self._stream.id, error=repr(error))
