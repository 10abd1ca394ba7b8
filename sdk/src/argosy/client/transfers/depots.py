"""Images in depots, as sources and sinks; depots of this process by their entry points, and those of a daemon over its socket."""

from __future__ import annotations

import inspect
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import AsyncExitStack, aclosing
from importlib.metadata import entry_points
from typing import Any, Final

import anyio
from argosy_protos.argosy.transfer import v1 as p

from argosy.client import pace
from argosy.client.services import Services
from argosy.client.transfers.copying import BlobSink
from argosy.client.transfers.ends import ImageSource
from argosy.errors import ArgosyError, DataLoss, FailedPrecondition, Unavailable
from argosy.oci.image import MAX_MANIFEST_BYTES, Descriptor
from argosy.oci.passing import ended, generated
from argosy.plugin.depots import Depot, from_wire, to_wire
from argosy.rpc.channel import NO_DEADLINE

GROUP: Final = "argosy.transfer"
"""Entry points of this group are depots: each a class, or a function that returns one, called without arguments."""
# For an answer without bytes.
_ANSWER_S: Final = 60.0


class DepotImage(ImageSource):
    """An image that a depot gives."""

    def __init__(self, depot: Depot, name: str, called: str) -> None:
        self._depot, self._name, self.called = depot, name, called

    async def resolve(self) -> Descriptor:
        """Raises DataLoss for what can't be a manifest or an index, by its size."""
        found = await self._depot.resolve(self._name)
        if not 0 < found.size <= MAX_MANIFEST_BYTES:
            raise DataLoss(f"{self.called} is said to have {found.size} bytes, which no manifest has")
        return found

    async def fetch(self, d: Descriptor, offset: int = 0) -> AsyncGenerator[bytes, None]:
        """What breaks off, or hardly moves, is taken up where it did, a few times: by the rules for registries."""
        at, retries = offset, pace.Retries(offset)
        while at < d.size:
            try:
                async with aclosing(self._once(d, at)) as pieces:
                    async for piece in pieces:
                        at += len(piece)
                        if at > d.size:
                            raise DataLoss(f"{self.called} sends more than the {d.size} bytes of {d.digest}")
                        yield piece
                if at < d.size:
                    raise Unavailable(f"{self.called} sent {at} of the {d.size} bytes of {d.digest}")
            except Unavailable:
                if at == d.size:
                    return  # all of it has come, and its digest is looked at
                if (wait := retries.wait_s(at)) is None:
                    raise
                await anyio.sleep(wait)

    async def _once(self, d: Descriptor, offset: int) -> AsyncGenerator[bytes, None]:
        """Yield what comes of one question. Raises Unavailable for a depot that says nothing, or so little that it is the same."""
        moves = pace.Pace(f"{d.digest}: {self.called}")
        begun = False
        async with ended(self._depot.fetch(self._name, d, offset)) as pieces:
            while True:
                began = anyio.current_time()
                with anyio.move_on_after(pace.SILENCE_S) as waiting:
                    piece = await anext(pieces, None)
                    while piece is not None and not piece:  # to say nothing often is silence, too
                        piece = await anext(pieces, None)
                if waiting.cancelled_caught:
                    raise Unavailable(f"{self.called} has sent nothing of {d.digest} for {pace.SILENCE_S:g} s")
                if piece is None:
                    return
                waited_s = anyio.current_time() - began
                yield piece
                # Until the first byte it may have been looking for it.
                moves.note(waited_s if begun else 0.0, len(piece))
                begun = True


class DepotName(BlobSink):
    """A name in a depot."""

    def __init__(self, depot: Depot, name: str, called: str) -> None:
        self._depot, self._name, self.called = depot, name, called

    async def has(self, d: Descriptor) -> bool:
        return await self._depot.has(self._name, d)

    async def put_blob(self, d: Descriptor, body: Callable[[], AsyncIterator[bytes]], origin: str) -> bool:
        async with aclosing(generated(body())) as pieces:
            await self._depot.put(self._name, d, pieces, False)
        return False

    async def put_document(self, d: Descriptor, data: bytes, is_top: bool) -> None:
        async def pieces() -> AsyncGenerator[bytes, None]:
            yield data

        await self._depot.put(self._name, d, pieces(), is_top)


class RemoteDepot(Depot):
    """A depot at the other end of a socket. It may hang: an answer without bytes has its time, and one with bytes that of who reads it."""

    def __init__(self, stub: p.DepotStub, called: str) -> None:
        self._stub, self._called = stub, called

    async def resolve(self, name: str) -> Descriptor:
        return from_wire((await self._stub.resolve(p.ResolveRequest(name=name), timeout=_ANSWER_S)).descriptor)

    async def has(self, name: str, d: Descriptor) -> bool:
        return (await self._stub.has(p.HasRequest(name=name, descriptor=to_wire(d)), timeout=_ANSWER_S)).has

    async def fetch(self, name: str, d: Descriptor, offset: int) -> AsyncGenerator[bytes, None]:
        answers = self._stub.fetch(p.FetchRequest(name=name, descriptor=to_wire(d), offset=offset), timeout=NO_DEADLINE)
        async with aclosing(generated(answers)) as coming:  # type: ignore[arg-type]  # of messages, as of bytes
            answer: Any
            async for answer in coming:
                yield answer.data

    async def put(self, name: str, d: Descriptor, pieces: AsyncIterator[bytes], is_top: bool) -> None:
        async with self._stub.put(timeout=NO_DEADLINE) as stream:
            begin = p.PutBegin(name=name, descriptor=to_wire(d), is_top=is_top)
            try:
                await self._send(stream, p.PutRequest(begin=begin))
                async for piece in pieces:
                    # So small that each has to be taken in its time.
                    for at in range(0, len(piece), pace.TAKEN_BYTES):
                        await self._send(stream, p.PutRequest(data=piece[at : at + pace.TAKEN_BYTES]))
            except BaseException:
                stream.cancel()
                raise
            await stream.end()
            # It may keep what it was sent only once it has all of it.
            with anyio.move_on_after(pace.LOOKED_S) as waiting:
                await stream.recv_message()
            if waiting.cancelled_caught:
                raise Unavailable(
                    f"{self._called} has {d.digest}, and has not said for {pace.LOOKED_S:g} s that it keeps it"
                )

    async def _send(self, stream: Any, message: p.PutRequest) -> None:
        with anyio.move_on_after(pace.TAKEN_S) as waiting:
            await stream.send_message(message)
        if waiting.cancelled_caught:
            raise Unavailable(f"{self._called} has taken less than {pace.TAKEN_BYTES >> 10} KiB in {pace.TAKEN_S:g} s")


def installed() -> list[str]:
    """Return the names of the depots of this process's installation."""
    return sorted({one.name for one in entry_points(group=GROUP)})


async def depot(name: str, services: Services, stack: AsyncExitStack) -> tuple[Depot, str]:
    """Return a depot and how messages call it: of this process's installation, else of the daemon's plugins. What is opened is closed with stack.

    Raises FailedPrecondition for an entry point that is no depot, or can't be loaded.
    """
    for one in entry_points(group=GROUP, name=name):
        return await _loaded(one, stack), f"depot {name}"
    return RemoteDepot(services.depot(name), f"depot {name}"), f"depot {name}"


async def _loaded(entry: Any, stack: AsyncExitStack) -> Depot:
    try:
        found = entry.load()
        made = found if isinstance(found, Depot) else found()
        if inspect.isawaitable(made):
            made = await made
    except ArgosyError:
        raise
    except Exception as error:  # it is somebody else's code
        raise FailedPrecondition(
            f"depot {entry.name} ({entry.value}) can't be loaded: {type(error).__name__}: {error}"
        ) from error
    if not isinstance(made, Depot):
        raise FailedPrecondition(
            f"the entry point {entry.name} ({entry.value}) is no depot; inherit from argosy.plugin.depots.Depot"
        )
    close = getattr(made, "close", None)
    if close is not None:
        stack.push_async_callback(close)
    return made
