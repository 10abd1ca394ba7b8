"""What a registry answers: bodies as far as they may go, out of their codings and of the parts that were asked for, and what its refusals mean.

A registry is taken for hostile: what it sends is bounded before it is kept, waits have an end, its texts are looked at.
"""

from __future__ import annotations

import json
import os
import re
import time
from collections.abc import AsyncGenerator
from email.utils import parsedate_to_datetime
from typing import Final
from urllib.parse import urljoin

import aiohttp
import anyio

from argosy.client import pace
from argosy.client.codings import Decoder, decoder
from argosy.client.hosts import Origin
from argosy.errors import (
    ArgosyError,
    DataLoss,
    InvalidArgument,
    NotFound,
    PermissionDenied,
    Unauthenticated,
    Unavailable,
    Unknown,
    in_words,
)
from argosy.oci.image import Descriptor
from argosy.shown import plain

CHUNK: Final = 1 << 20
"""What is read at a time, in bytes."""
# Until the head of an answer is there, whatever comes before; and until a small body is there.
ANSWER_S: Final = 120
# Who says "too many" and not when to come again is asked again after so long.
BUSY_S: Final = 1.0
MAX_WAIT_S: Final = 30.0
"""How long a registry may have us wait until we come again."""
_MAX_REFUSAL_BYTES: Final = 4096
_SHOWN: Final = 300
_RANGE: Final = re.compile(r"bytes (\d{1,19})-(\d{1,19})/(\d{1,19}|\*)", re.ASCII)
# Shorter values of a query are numbers and words that messages need.
_SECRET_BYTES: Final = 6
_PROXY_LOGIN: Final = "; write name and password into HTTP_PROXY or HTTPS_PROXY: http://name:password@host:port"
# What Go's servers say, as no answer to a HEAD and as one to a GET; and what is to be done about it.
_SPEAKS_TLS: Final = "HTTP request to an HTTPS server"
_WANTS_TLS: Final = "it speaks HTTPS and was asked over plain HTTP, as a registry of this machine is by default; write https:// and its host into its hosts.toml"


class Busy(Unavailable):
    """Raised when a registry says when to come again, or that there is too much for it now."""

    def __init__(self, message: str, wait_s: float) -> None:
        super().__init__(message)
        self.wait_s = wait_s


def shown(text: str) -> str:
    """Return a registry's text as it can be shown on a terminal."""
    return plain(text, _SHOWN).strip()


def reason(error: Exception) -> str:
    """Return what went wrong with a connection, without the address, whose query may be a signature."""
    if isinstance(error, aiohttp.ClientHttpProxyError):
        return f"the proxy answered {error.status} when asked for a connection{_PROXY_LOGIN if error.status == 407 else ''}"
    if isinstance(error, aiohttp.ClientProxyConnectionError):
        return f"the proxy of HTTP_PROXY or HTTPS_PROXY cannot be reached: {error}"
    if isinstance(error, aiohttp.ClientResponseError):
        if _SPEAKS_TLS in error.message:
            return _WANTS_TLS
        return f"it answers with what is no HTTP: {shown(error.message)}"
    if isinstance(error, aiohttp.ClientPayloadError):
        return "its answer ended early, or is not in the coding that it names"
    if not isinstance(error, aiohttp.ClientConnectorError) or not str(error):
        return type(error).__name__
    # Go's clients look for these words, to try plain HTTP or to say what is wrong.
    if isinstance(error.os_error, ConnectionRefusedError):
        return "connection refused; is it that host and port, and does it run?"
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return f"no such host: {in_words(error.os_error)}"
    text = str(error)
    if "WRONG_VERSION_NUMBER" in text or "record layer failure" in text.lower():
        return "http: server gave HTTP response to HTTPS client; try it with --plain-http"
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        said = getattr(error.certificate_error, "verify_message", "") or error.certificate_error
        return f"certificate verify failed: {said}; whom to trust is said in its hosts.toml (ca)"
    number = error.os_error.errno or 0
    return f"it cannot be reached: {in_words(OSError(number, os.strerror(number)) if number > 0 else error.os_error)}"


def _without_secrets(said: str, response: aiohttp.ClientResponse) -> str:
    """Return what a server says without what we said to it: it may repeat our credentials, or a signed address."""
    request = response.request_info
    given = [request.headers.get(name, "").partition(" ")[2] for name in ("Authorization", "Proxy-Authorization")]
    secrets = [*given, *request.url.query.values()]
    for secret in secrets:
        if len(secret) >= _SECRET_BYTES:
            said = said.replace(secret, "...")
    return said


async def refusal(response: aiohttp.ClientResponse, what: str, remedy: str, login: str) -> ArgosyError:
    """Return what an answer that refuses what means, in words. The answer is closed.

    remedy is what stands at their end, or login where the registry minds who we are.
    """
    try:
        body = await whole(response, _MAX_REFUSAL_BYTES, what, cut=True)
    except ArgosyError:
        body = b""
    finally:
        response.close()
    try:
        said = "; ".join(e.get("message") or e.get("code") or "" for e in json.loads(body)["errors"])
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        said = body.decode("utf-8", "replace")
    said = shown(_without_secrets(said, response))
    if response.status == 400 and _SPEAKS_TLS in said:
        return Unavailable(f"{what}: registry {Origin.of(str(response.url))}: {_WANTS_TLS}")
    who = "the proxy" if response.status == 407 else f"registry {Origin.of(str(response.url))}"
    text = f"{what}: {who} answered {response.status}{f' ({said})' if said else ''}"
    text += _PROXY_LOGIN if response.status == 407 else remedy
    text += login if response.status in (401, 403) else ""
    kinds: dict[int, type[ArgosyError]] = {
        401: Unauthenticated,
        407: Unauthenticated,
        403: PermissionDenied,
        404: NotFound,
        429: Unavailable,
    }
    if response.status in (429, 503):
        wait = _wait_s(response.headers.get("Retry-After", ""))
        if wait is not None or response.status == 429:
            return Busy(text, BUSY_S if wait is None else wait)
    if response.status >= 500:
        return Unavailable(text)
    return kinds.get(response.status, Unknown)(text)


def _wait_s(said: str) -> float | None:
    """Return how long a Retry-After header says to wait, in seconds; None for what says nothing."""
    if said.isascii() and said.isdigit() and len(said) < 6:
        return float(said)
    try:
        return max(0.0, parsedate_to_datetime(said).timestamp() - time.time()) if said else None
    except (ValueError, OverflowError, TypeError):
        return None


def led(url: str, location: str, origin: Origin) -> str:
    """Return where an answer leads. Raises Unknown when that is no web address."""
    try:
        target = urljoin(url, location)
        Origin.of(target)
    except (ValueError, InvalidArgument):
        raise Unknown(f'registry {origin} leads to "{shown(location)}", which is no web address') from None
    return target


def media_type(response: aiohttp.ClientResponse) -> str:
    """Return what an answer says that it is, without parameters."""
    return response.headers.get("Content-Type", "").partition(";")[0].strip().lower()


def skipped(response: aiohttp.ClientResponse, descriptor: Descriptor, offset: int) -> tuple[Decoder | None, int]:
    """Return what undoes an answer's codings, and how many of its first bytes are had already. Raises DataLoss for another size, or another part."""
    begin = 0
    if response.status == 206:
        match = _RANGE.fullmatch(response.headers.get("Content-Range", ""))
        # Without a right word about it the bytes are those that were asked for; their digest will tell.
        begin = int(match[1]) if match else offset
        if begin > offset or (match and match[3] not in ("*", str(descriptor.size))):
            raise DataLoss(
                f"{descriptor.digest}: the registry sends {shown(response.headers['Content-Range'])},"
                f" asked for {offset}- of {descriptor.size}"
            )
    length = response.headers.get("Content-Length", "")
    # A server of files may name the coding that the blob itself has: then its size is the descriptor's.
    undo = _coding(response, descriptor.digest) if response.status != 200 or length != str(descriptor.size) else None
    if undo is not None and response.status == 206:
        raise DataLoss(f"{descriptor.digest}: the server sends a part of it encoded, and nobody knows of what")
    if undo is None and length.isascii() and length.isdigit() and response.status == 200 and length != str(descriptor.size):
        raise DataLoss(
            f"{descriptor.digest}: the registry has {length[:20]} bytes of it, its descriptor says {descriptor.size}"
        )
    return undo, offset - begin


def check_part(response: aiohttp.ClientResponse, descriptor: Descriptor, begin: int, end: int) -> None:
    """Raise Unavailable for an answer that does not say to be exactly the bytes from begin up to end."""
    match = _RANGE.fullmatch(response.headers.get("Content-Range", ""))
    said = (int(match[1]), int(match[2]) + 1) if match else None
    if response.status != 206 or match is None or said != (begin, end) or match[3] not in ("*", str(descriptor.size)):
        raise Unavailable(
            f"{descriptor.digest}: asked for {begin}-{end - 1} of {descriptor.size}, the registry answers {response.status}"
            f' with "{shown(response.headers.get("Content-Range", ""))}"'
        )
    length = response.headers.get("Content-Length", str(end - begin))
    if length != str(end - begin) or response.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise Unavailable(
            f"{descriptor.digest}: the registry sends {shown(length)} bytes for {begin}-{end - 1}, or encodes them"
        )


def _coding(response: aiohttp.ClientResponse, what: str) -> Decoder | None:
    """Return what undoes an answer's codings, which nobody asked for. Raises DataLoss for one that is not known."""
    return decoder(response.headers.get("Content-Encoding", ""), what)


async def whole(response: aiohttp.ClientResponse, limit: int, what: str, cut: bool = False) -> bytes:
    """Return a body; what is longer than limit bytes is cut there, or refused. Raises Unavailable, InvalidArgument, DataLoss."""
    data = bytearray()
    undo = None if cut else _coding(response, what)
    try:
        with anyio.fail_after(ANSWER_S):
            while len(data) <= limit and (piece := await response.content.read(limit + 1 - len(data))):
                for part in undo.pieces(piece) if undo is not None else (piece,):
                    data += part
                    if len(data) > limit:
                        break
            else:
                if undo is not None and len(data) <= limit:
                    undo.end()
    except (aiohttp.ClientError, TimeoutError) as error:
        raise Unavailable(f"{what}: the connection broke: {shown(reason(error))}") from error
    if len(data) > limit and not cut:
        raise InvalidArgument(f"{what} is longer than {limit} bytes, and refused")
    return bytes(data[:limit])


async def body(
    response: aiohttp.ClientResponse, skip: int, digest: str, undo: Decoder | None, most: int
) -> AsyncGenerator[bytes, None]:
    """Yield a body without its first bytes. Whoever took the response closes it. most is how many bytes it may have in a coding.

    Raises Unavailable for one that hardly moves, too, and DataLoss for one in a coding that is not its.
    """
    moves, coded = pace.Pace(f"{digest}: the server"), 0
    try:
        while True:
            began = time.monotonic()
            chunk = await response.content.read(CHUNK)
            if not chunk:
                break
            moves.note(time.monotonic() - began, len(chunk))
            coded += len(chunk) if undo is not None else 0
            if coded > most:
                raise DataLoss(
                    f"{digest}: the server sends it in a coding that only makes it longer: {coded} bytes, and no end"
                )
            for part in undo.pieces(chunk) if undo is not None else (chunk,):
                if skip:
                    dropped = min(skip, len(part))
                    skip -= dropped
                    part = part[dropped:]
                if part:
                    yield part
        if undo is not None:
            undo.end()
    except (aiohttp.ClientError, TimeoutError) as error:
        raise Unavailable(f"{digest}: the connection broke: {shown(reason(error))}") from error
