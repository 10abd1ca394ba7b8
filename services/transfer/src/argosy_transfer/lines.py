"""Text for a client over a stream of bytes (``argosy.windows``): what is not read is left out."""

from __future__ import annotations

import anyio
from argosy import log
from argosy.credit import TAKEN_S
from argosy.errors import ArgosyError
from argosy.windows import Writer

from argosy_transfer.streams import Stream

logger = log.get("transfer.lines")


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
        self._scope.deadline = anyio.current_time() + TAKEN_S
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
