"""One blob on its way to a registry: taken from another repository, at once, in chunks, and on from where an upload broke off."""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from functools import partial
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlencode

import anyio

from argosy.client.answers import MAX_WAIT_S, Busy, led
from argosy.client.pace import Retries
from argosy.client.repository import Repository
from argosy.errors import ArgosyError, Unavailable, Unknown

if TYPE_CHECKING:
    import aiohttp

    from argosy.client.hosts import Host

_UPLOADED: Final = re.compile(r"(?:bytes=)?0-(\d{1,18})", re.ASCII)
_OCTETS: Final = "application/octet-stream"
# What a registry that takes no blob at once is given at a time, unless it wants more.
_UPLOAD_CHUNK: Final = 4 << 20
# Too large, a length that is not wanted, a method that is not served: what those answer that want chunks.
_NOT_AT_ONCE: Final = frozenset((405, 411, 413, 501))


class Upload:
    """One blob on its way to a registry."""

    def __init__(
        self, repository: Repository, host: Host, scope: str, digest: str, size: int, data: Callable[[], Any]
    ) -> None:  # fmt: skip
        self._repository, self._host, self._scope = repository, host, scope
        self._digest, self._size, self._data = digest, size, data
        self._where = ""
        """The upload's address, as the registry said it last."""
        self._least = 0
        """How many bytes a chunk has at least, as the registry says."""
        self._given = 0
        """How many of its bytes have left us for that address: a registry that says to have more has something else."""

    async def run(self, source: str) -> bool:
        """Return whether no byte was sent: the registry took the blob from another repository."""
        at, retries = 0, Retries()
        chunked = resumed = False
        while True:
            try:
                if not self._where:
                    at = 0  # what was sent before is no progress when it is sent again
                    if await self._repository.patiently(partial(self._begin, source)):
                        return True
                if chunked or at:
                    at = await self._chunks(at, self._chunk() if chunked else self._size)
                    await self._finish(None)
                else:
                    await self._finish(partial(self._bytes, 0, self._size))
                return False
            except _TooLarge as error:
                if chunked:
                    raise error.refusal from None
                chunked, self._where, source = True, "", ""
            except Unavailable as error:
                there = await self._there()
                if (wait := retries.wait_s(there or 0)) is None:
                    raise
                if isinstance(error, Busy):
                    wait = error.wait_s
                if wait > MAX_WAIT_S:
                    raise
                if there is None:
                    self._where, source = "", ""
                at, resumed = there or 0, True
                await anyio.sleep(wait)
            except ArgosyError:
                # What was put together of two halves may be neither: once more, from its beginning.
                if not resumed or not self._where:
                    raise
                self._where, source, resumed = "", "", False

    def _chunk(self) -> int:
        return max(self._least, _UPLOAD_CHUNK)

    async def _begin(self, source: str) -> bool:
        """Have the registry name an address; True when it has the blob from another repository already."""
        repository, host = self._repository, self._host
        url = repository.url(host, "blobs", "uploads/")
        asked = f"{url}?{urlencode({'mount': self._digest, 'from': source})}" if source else url
        response = await repository.request(host, "POST", asked, self._scope)
        if source and response.status == 201:
            response.release()
            return True
        if source and response.status not in (202, 429) and response.status < 500:
            # What may not be read there may be written here all the same.
            response.release()
            response = await repository.request(host, "POST", url, self._scope)
        if response.status != 202:
            raise await repository.refusal(response, self._digest)
        response.release()
        self._given = 0
        if "Location" not in response.headers:
            raise Unknown(f"{self._digest}: registry {host.origin} takes the upload and does not say where to")
        self._led(url, response)
        least = response.headers.get("OCI-Chunk-Min-Length", "")
        if least.isascii() and least.isdigit() and len(least) < 11:
            self._least = min(int(least), max(self._size, 1))
        return False

    def _led(self, url: str, response: aiohttp.ClientResponse) -> None:
        # Elsewhere, or over another scheme, it goes without our secrets: the address itself says that we may.
        if "Location" in response.headers:
            self._where = led(url, response.headers["Location"], self._host.origin)

    async def _finish(self, data: Callable[[], Any] | None) -> None:
        """Have the registry take the blob for complete, with what data yields as its end. Raises _TooLarge."""
        target = f"{self._where}{'&' if '?' in self._where else '?'}{urlencode({'digest': self._digest})}"
        headers = {"Content-Length": str(self._size if data is not None else 0), "Content-Type": _OCTETS}
        repository = self._repository
        response = await repository.request(self._host, "PUT", target, self._scope, headers=headers, data=data or b"")
        if response.status == 201:
            response.release()
            return
        status = response.status
        refusal = await repository.refusal(response, self._digest)
        raise _TooLarge(refusal) if data is not None and status in _NOT_AT_ONCE else refusal

    async def _chunks(self, at: int, chunk: int) -> int:
        """Send what is missing from at on, some bytes a request; return where the upload is then. Raises Unavailable, and the registry's refusal."""
        repository = self._repository
        while at < self._size:
            end = min(at + chunk, self._size)
            headers = {
                "Content-Length": str(end - at), "Content-Range": f"{at}-{end - 1}", "Content-Type": _OCTETS,
            }  # fmt: skip
            url = self._where
            response = await repository.request(
                self._host, "PATCH", url, self._scope, headers=headers, data=partial(self._bytes, at, end)
            )
            if response.status == 416:
                response.release()
                raise Unavailable(f"{self._digest}: registry {self._host.origin} is not at byte {at} of the upload")
            if response.status not in (201, 202, 204):
                raise await repository.refusal(response, self._digest)
            response.release()
            self._led(url, response)
            at = end
        return at

    async def _bytes(self, begin: int, end: int) -> AsyncGenerator[bytes, None]:
        """Yield the bytes from begin up to end, and note that they were given away."""
        async with aclosing(_slice(self._data, begin, end)) as parts:
            async for part in parts:
                begin += len(part)
                self._given = max(self._given, begin)
                yield part

    async def _there(self) -> int | None:
        """Return how many bytes the registry has; None when it has no such upload, none of it, or what it says can't be."""
        if not self._where:
            return None
        repository, url = self._repository, self._where
        try:
            response = await repository.request(self._host, "GET", url, self._scope)
        except ArgosyError:
            return None
        response.release()
        match = _UPLOADED.fullmatch(response.headers.get("Range", ""))
        # Of "0-0" nobody knows whether it is a byte, or none.
        if response.status not in (200, 202, 204) or match is None or not 0 < int(match[1]) < self._given:
            return None
        self._led(url, response)
        return int(match[1]) + 1


class _TooLarge(Exception):
    """Raised when a registry does not take a blob at once; refusal is what it says."""

    def __init__(self, refusal: ArgosyError) -> None:
        super().__init__(refusal.message)
        self.refusal = refusal


async def _slice(data: Callable[[], Any], begin: int, end: int) -> AsyncGenerator[bytes, None]:
    """Yield the bytes from begin up to end of what data yields."""
    at = 0
    pieces = data()
    try:
        async for piece in pieces:
            part = piece[max(0, begin - at) : max(0, end - at)]
            at += len(piece)
            if part:
                yield part
            if at >= end:
                return
    finally:
        if isinstance(pieces, AsyncGenerator):
            await pieces.aclose()
