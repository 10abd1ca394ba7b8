"""One blob on its way from a registry: from any of its hosts, in several ranges at a time, and on from where an answer broke off."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from typing import Final

import anyio

from argosy import log
from argosy.client.answers import MAX_WAIT_S, Busy, body, check_part, skipped
from argosy.client.hosts import Origin
from argosy.client.pace import Retries
from argosy.client.ranges import LARGE_BYTES, PART_BYTES, Lanes, in_order
from argosy.client.repository import Repository
from argosy.errors import ArgosyError, DataLoss, NotFound, Unavailable
from argosy.oci.image import Descriptor

# What an answer in a coding may have more than the blob itself: some bytes a block. One that has more says nothing with them, and need not end.
_CODED_BYTES: Final = 1 << 20


def is_large(descriptor: Descriptor, offset: int) -> bool:
    """Return whether what a blob has from offset on is worth several ranges."""
    return descriptor.size - offset >= LARGE_BYTES


class Download:
    """One blob on its way from a registry."""

    def __init__(
        self, repository: Repository, descriptor: Descriptor, lanes: Lanes | None, came_in_parts: Callable[[], None]
    ) -> None:
        """lanes are for its ranges, None for one connection; came_in_parts is called when a host sends some."""
        self._repository, self._descriptor, self._lanes, self._came_in_parts = repository, descriptor, lanes, came_in_parts
        self._broken: Counter[str] = Counter()
        """By address: how often it broke off. It is asked after those that did less often: a mirror that ends each answer early is not all that there is."""

    async def run(self, offset: int) -> AsyncGenerator[bytes, None]:
        """Yield the bytes from offset on, as many as the descriptor says and never more. Raises as ``Registry.fetch`` does."""
        descriptor = self._descriptor
        at, retries = offset, Retries(offset)
        while at < descriptor.size:
            lanes = self._lanes
            try:
                async with aclosing(self._in_parts(at, lanes) if lanes is not None else self._once(at)) as pieces:
                    async for chunk in pieces:
                        if at + len(chunk) > descriptor.size:
                            raise DataLoss(
                                f"{descriptor.digest}: the registry sends more than the {descriptor.size} bytes of its descriptor"
                            )
                        at += len(chunk)
                        yield chunk
                        if at == descriptor.size:
                            return
                raise Unavailable(f"{descriptor.digest}: the registry sent {at} of {descriptor.size} bytes")
            except ArgosyError as error:
                if lanes is not None:
                    # Whatever went wrong: one connection is what every registry can.
                    log.get("registry").debug("registry.no_ranges", digest=descriptor.digest, at=at, error=error.message)
                    self._lanes = None
                    if not isinstance(error, Busy):
                        continue
                if not isinstance(error, Unavailable):
                    raise
                if (wait := retries.wait_s(at)) is None:
                    raise
                if isinstance(error, Busy):
                    wait = error.wait_s
                if wait > MAX_WAIT_S:
                    raise
            await anyio.sleep(wait)

    async def _in_parts(self, offset: int, lanes: Lanes) -> AsyncGenerator[bytes, None]:
        """Yield the bytes from offset on, in several ranges at a time where the first one's answer says that it is one.

        Raises Unavailable for anything else than what was asked for: what came before it is right, as far as its size goes.
        """
        size = self._descriptor.size
        at, end = offset, min(offset + PART_BYTES, size)
        async with aclosing(self._once(at, end, whole=True)) as pieces:
            async for piece in pieces:
                at += len(piece)
                yield piece
        if at != end:
            return  # all of it came, or it broke off
        self._came_in_parts()
        async with aclosing(in_order(self._once, at, size, lanes, PART_BYTES)) as pieces:
            async for piece in pieces:
                yield piece

    async def _once(self, offset: int, end: int | None = None, whole: bool = False) -> AsyncGenerator[bytes, None]:
        """Yield what the first host sends that begins to; before its first byte, each may fail.

        end is up to where bytes are asked for, None for all; with whole, a host that sends all of it though is taken at that.
        """
        descriptor, broken = self._descriptor, self._broken
        failure: ArgosyError = Unavailable(f"no host serves {descriptor.digest}")
        headers = {"Accept": f"{descriptor.media_type}, */*"}
        if end is not None:
            headers["Range"] = f"bytes={offset}-{end - 1}"
        elif offset:
            headers["Range"] = f"bytes={offset}-"
        ways = self._repository.ways_to(descriptor, headers)
        for asked, ask in sorted(ways, key=lambda pair: broken[pair[0]]):
            begun = False
            at = offset
            try:
                response = await ask()
                try:
                    if response.status not in (200, 206):
                        raise await self._repository.refusal(response, descriptor.digest)
                    if end is not None and not (whole and response.status == 200):
                        check_part(response, descriptor, offset, end)
                        undo, skip, until = None, 0, end
                    else:
                        undo, skip = skipped(response, descriptor, offset)
                        until = descriptor.size
                    most = 2 * descriptor.size + _CODED_BYTES
                    async for chunk in body(response, skip, descriptor.digest, undo, most):
                        begun = True
                        at += len(chunk)
                        yield chunk
                    if begun:
                        # Complete, or cut off without a word.
                        broken[asked] += at < until
                        return
                    raise Unavailable(f"{descriptor.digest}: {Origin.of(str(response.url))} sent nothing")
                finally:
                    response.close()
            except ArgosyError as error:
                # Of many parts each would ask first who has none.
                broken[asked] += begun or end is not None
                if begun:
                    raise
                # That it is nowhere else says less than what went wrong where it should be.
                if not (isinstance(error, NotFound) and isinstance(failure, Busy)):
                    failure = error
        raise failure
