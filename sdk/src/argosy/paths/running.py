"""The process of a copy, for services: begun with an order, fed and read without blocking, and gone when its block ends."""

from __future__ import annotations

import asyncio
import os
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from typing import Final

import anyio

from argosy.client.jobs import together
from argosy.errors import Unavailable
from argosy.paths.order import PACK, Order, failure, hear, left_out
from argosy.settled import given_back

_CHUNK: Final = 64 << 10
# A process that was killed is gone at once, or waits for a disk.
_DEATH_S: Final = 30.0


@asynccontextmanager
async def _begun(order: Order) -> AsyncGenerator[tuple[Process, int], None]:
    """Yield the process, and the descriptor that it says its last word to. Cancellation: it is killed."""
    word, said = os.pipe()
    os.set_blocking(word, False)
    packs, file = order.verb == PACK, -1
    try:
        try:
            file = replace(order, word=said, parent=os.getpid()).file()
            process = await asyncio.create_subprocess_exec(
                *order.command(file), stdin=DEVNULL if packs else PIPE, stdout=PIPE if packs else DEVNULL,
                pass_fds=[fd for fd in (file, said, order.root, order.user) if fd >= 0],
            )  # fmt: skip
        except OSError as error:
            raise Unavailable(f"the process that copies can't be started: {error.strerror}") from error
        finally:
            os.close(said)
            if file >= 0:
                os.close(file)
        try:
            yield process, word
        finally:
            if process.returncode is None:
                with suppress(ProcessLookupError):
                    process.kill()
                await given_back(_gone(process, word), _DEATH_S)
    finally:
        os.close(word)


async def _gone(process: Process, word: int) -> None:
    """Wait until a process that was killed has gone, with all that it began."""
    # What nobody has read holds up the end of it: asyncio waits for its pipe to be empty.
    while process.stdout is not None and await process.stdout.read(_CHUNK):
        pass
    await process.wait()
    await _left(word)


async def _left(word: int) -> None:
    """Wait until nobody has the other end of a pipe any more: a process that has mounts does its work in a child, which ends with it, and a little later."""
    while True:
        await anyio.wait_readable(word)
        if not os.read(word, _CHUNK):
            return


async def _ended(process: Process, word: int) -> int:
    """Wait for the end of a process; return how many entries it left out. Raises why its copy failed."""
    code = await process.wait()
    said = hear(word)
    error = failure(said, code)
    if error is not None:
        raise error
    return left_out(said)


def _still(order: Order, silence_s: float) -> Unavailable:
    return Unavailable(f"a copy of {order.what} stood still for {silence_s:g} s: its files do not answer")


@asynccontextmanager
async def packed(order: Order, silence_s: float) -> AsyncGenerator[AsyncIterator[bytes], None]:
    """Yield the bytes of what an order packs; the last of them is followed by why it failed, if it did. Raises Unavailable."""
    async with _begun(order) as (process, word):

        async def chunks() -> AsyncIterator[bytes]:
            assert process.stdout is not None
            while True:
                with anyio.move_on_after(silence_s) as waiting:
                    data = await process.stdout.read(_CHUNK)
                if waiting.cancelled_caught:
                    raise _still(order, silence_s)
                if not data:
                    break
                yield data
            await _ended(process, word)

        yield chunks()


async def placed(order: Order, chunks: AsyncIterator[bytes], silence_s: float) -> int:
    """Have an order place a tar; return how many devices were left out. Raises why it failed, Unavailable for files that do not answer, and what comes of chunks."""
    async with _begun(order) as (process, word):
        with anyio.CancelScope() as feeding:
            async with together() as group:
                group.start_soon(_watch, process, feeding)
                await _feed(process, order, chunks, silence_s)
                group.cancel_scope.cancel()
        assert process.stdin is not None
        process.stdin.close()
        with anyio.move_on_after(silence_s):
            return await _ended(process, word)
        raise _still(order, silence_s)


async def _watch(process: Process, feeding: anyio.CancelScope) -> None:
    """End the feeding of a process that has ended: whoever gives the chunks may be silent for long."""
    await process.wait()
    feeding.cancel()


async def _feed(process: Process, order: Order, chunks: AsyncIterator[bytes], silence_s: float) -> None:
    assert process.stdin is not None
    with suppress(BrokenPipeError, ConnectionResetError):  # it has ended, and says why
        async for data in chunks:
            process.stdin.write(data)
            with anyio.move_on_after(silence_s) as waiting:
                await process.stdin.drain()
            if waiting.cancelled_caught:
                raise _still(order, silence_s)
