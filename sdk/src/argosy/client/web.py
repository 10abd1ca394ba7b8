"""One request over HTTP(S), and where its answer leads: through a proxy, in its time, with secrets that are for one origin.

Who gets which secret is said in ``argosy.client.hosts``.
"""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Self
from urllib.parse import urlsplit

import aiohttp
import anyio

from argosy import log
from argosy.client import answers, pace
from argosy.client.answers import CHUNK, led, reason, shown
from argosy.client.hosts import Origin, context_of
from argosy.client.proxies import Proxies, Proxy
from argosy.errors import InvalidArgument, Unavailable, Unknown

Trace = Callable[[str], None]
"""Is told of one request and its answer, in lines of text."""
Warn = Callable[[str], None]
"""Is told what a registry warns of, each once, in words that can be shown."""
Data = Callable[[], Any] | bytes
"""The body of a request: its bytes, or what returns an iterator of them, anew each time."""
_CONNECT_S, _READ_S = 30, pace.SILENCE_S
MAX_WARNINGS: Final = 16
_REDIRECTS: Final = 10
_REDIRECTING: Final = frozenset((301, 302, 303, 307, 308))
_WARNING: Final = re.compile(r'299 \S{1,255} "((?:[^"\\]|\\.)*)"')
# Of what a trace shows; the values of others may be secrets, an address's query among them.
_SHOWN_HEADERS: Final = frozenset(
    ("accept", "content-length", "content-range", "content-type", "date", "docker-content-digest", "docker-distribution-api-version",
     "range", "retry-after", "server", "user-agent", "warning", "www-authenticate")
)  # fmt: skip
_MOST_HEADERS: Final = 300
_HEADER_NAME: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,256}")
# One of them wrong, and a request has no end, or is another one.
_OWN_HEADERS: Final = frozenset(
    ("connection", "content-length", "expect", "host", "keep-alive", "proxy-connection", "range", "te", "trailer", "transfer-encoding", "upgrade")
)  # fmt: skip


@dataclass(frozen=True)
class Secrets:
    """What goes with a request to one origin, and nowhere else."""

    origin: Origin
    headers: Sequence[tuple[str, str]] = ()
    identities: Sequence[Any] = ()


def warned(text: str) -> None:
    """Write what a registry warns of into the log."""
    log.get("registry").warning("registry.warns", warning=text)


class Web:
    """The connections of one client: what is sent over them, and what servers warn of. Use it as an async context manager.

    Proxies are those of the environment.
    """

    def __init__(self, trace: Trace | None, warn: Warn) -> None:
        """trace is told of every request and answer, without their secrets; warn of what servers warn of, each once. Raises InvalidArgument for a proxy that is none."""
        self._trace, self._warn = trace, warn
        self._warnings: set[str] = set()
        self._proxies = Proxies.of_environment()
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        # What a server wants us to say again is a secret like others, and we have no use for one.
        cookies = aiohttp.DummyCookieJar()
        headers = {"User-Agent": "argosy/0.1", "Accept-Encoding": "identity"}
        self._session = aiohttp.ClientSession(
            timeout=_timeout(), auto_decompress=False, headers=headers, read_bufsize=CHUNK, cookie_jar=cookies
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._session is not None:
            await self._session.close()

    @property
    def session(self) -> aiohttp.ClientSession:
        if self._session is None:
            raise InvalidArgument("use the registry as an async context manager")
        return self._session

    async def send(
        self, method: str, url: str, headers: Sequence[tuple[str, str]], secrets: Secrets | None, verify: Any,
        data: Data | None = None, dial_s: float | None = None,
    ) -> aiohttp.ClientResponse:  # fmt: skip
        """Send one request; an answer that leads elsewhere is returned as it is. Raises Unavailable."""
        origin = Origin.of(url)
        home = secrets if secrets is not None and secrets.origin == origin else None
        sent = [*headers, *(home.headers if home is not None else ())]
        contexts = (home.identities if home is not None else ()) or (verify,)
        proxy = self._proxies.of(origin)
        through = _through(proxy, origin)
        try:
            target = _encoded(url)
        except ValueError:
            raise Unknown(f'registry {origin}: "{shown(url.partition("?")[0])}" is no web address') from None
        if proxy is not None and origin.scheme == "http":
            sent += [("Proxy-Authorization", proxy.authorization)] if proxy.authorization else []
        for i, how in enumerate(contexts):
            context = context_of(how)
            if proxy is not None and proxy.origin.scheme == "https" and context is not True:
                raise InvalidArgument(
                    f"{proxy.origin} is a proxy over TLS, and would be spoken to with the certificates that hosts.toml says for {origin};"
                    f" name an http:// proxy, or write {origin.host} into NO_PROXY"
                )
            try:
                response = await self._asked(
                    data, method, target, headers=sent, ssl=context, timeout=_timeout(dial_s), **through
                )
                if self._trace is not None:
                    self._trace(_traced(method, url, sent, response))
                self._note_warnings(origin, response)
                return response
            except (aiohttp.ClientError, TimeoutError, ValueError) as error:
                # Which of several certificates a server wants is seen only by trying.
                if i + 1 == len(contexts) or data is not None:
                    raise Unavailable(f"registry {origin}: {method} {_path(url)}: {shown(reason(error))}") from error
        raise AssertionError("unreachable: the last context returns or raises")

    async def _asked(self, data: Data | None, method: str, url: Any, **more: Any) -> aiohttp.ClientResponse:
        """Return the head of an answer. Raises TimeoutError when it does not come, and what aiohttp does."""
        moving: list[anyio.CancelScope] = []
        body = _moved(data(), moving) if callable(data) else data
        asked = self.session.request(method, url, data=body, allow_redirects=False, **more)
        # An upload ends with what is uploaded, as long as that moves.
        with anyio.move_on_after(answers.ANSWER_S) as scope:
            if callable(data):
                moving.append(scope)
            response = await asked
        if scope.cancelled_caught:
            # fail_after would ask whether the deadline is over: what is uploaded may have moved it while all was cancelled.
            raise TimeoutError
        return response

    def _note_warnings(self, origin: Origin, response: aiohttp.ClientResponse) -> None:
        """Tell of what a server warns of, each once, and not without end."""
        for header in response.headers.getall("Warning", []):
            match = _WARNING.fullmatch(header.strip())
            text = shown(re.sub(r"\\(.)", r"\1", match[1])) if match else ""
            if text and text not in self._warnings and len(self._warnings) < MAX_WARNINGS:
                self._warnings.add(text)
                self._warn(f"registry {origin} warns: {text}")

    async def get(
        self, method: str, url: str, headers: Sequence[tuple[str, str]], secrets: Secrets | None, verify: Any,
        strict: bool = False, dial_s: float | None = None,
    ) -> aiohttp.ClientResponse:  # fmt: skip
        """Send a GET or HEAD and go where it leads: what is led to another origin gets no secrets any more, wherever it comes to.

        With strict, TLS is not left for plain HTTP. Raises Unavailable, Unknown.
        """
        start = Origin.of(url)
        for _ in range(_REDIRECTS + 1):
            response = await self.send(method, url, headers, secrets, verify, dial_s=dial_s)
            if response.status not in _REDIRECTING or "Location" not in response.headers:
                return response
            response.release()
            url = led(url, response.headers["Location"], start)
            target = Origin.of(url)
            if secrets is not None and target != secrets.origin:
                secrets = None
            if strict and start.scheme == "https" and target.scheme != "https":
                raise Unknown(f"registry {start} redirects to {target} over plain HTTP, where anybody could answer for it")
        raise Unknown(f"registry {start} redirects more than {_REDIRECTS} times; the last time to {target}")


async def _moved(pieces: AsyncIterator[bytes], scope: Sequence[anyio.CancelScope]) -> AsyncGenerator[bytes, None]:
    """Yield pieces in ones so small that each has to be taken in its time."""
    async for piece in pieces:
        for at in range(0, len(piece), pace.TAKEN_BYTES):
            for one in scope:
                one.deadline = anyio.current_time() + pace.TAKEN_S
            yield piece[at : at + pace.TAKEN_BYTES]
    for one in scope:
        one.deadline = anyio.current_time() + pace.LOOKED_S


def check_headers(headers: Sequence[tuple[str, str]]) -> None:
    """Raise InvalidArgument for what can't be said in a header, or says where a request ends and whom it is for."""
    for name, value in headers:
        if not _HEADER_NAME.fullmatch(name):
            raise InvalidArgument(f'"{shown(name)}" is no name of a header')
        if name.lower() in _OWN_HEADERS:
            raise InvalidArgument(f"header {name} says how a request is sent, which is not a client's to say; leave it out")
        if any(c != "\t" and (ord(c) < 0x20 or ord(c) == 0x7F) for c in value):
            raise InvalidArgument(f"header {name} has a control character")


def _traced(method: str, url: str, sent: Sequence[tuple[str, str]], response: aiohttp.ClientResponse) -> str:
    """Return a request and its answer as text: values of headers that may be secrets, and queries, are left out."""
    lines = [f"> {method} {Origin.of(url)}{_path(url)}"]
    lines += [f"> {name}: {shown(value) if name.lower() in _SHOWN_HEADERS else '<hidden>'}" for name, value in sent]
    lines.append(f"< {response.status} {shown(response.reason or '')}".rstrip())
    lines += [
        f"< {name}: {shown(value) if name.lower() in _SHOWN_HEADERS else '<hidden>'}"
        for name, value in list(response.headers.items())[:_MOST_HEADERS]
    ]
    return "\n".join(lines) + "\n"


def _through(proxy: Proxy | None, origin: Origin) -> dict[str, Any]:
    """Return how a request goes through a proxy: over TLS in a tunnel, whose far end never sees what the proxy is told."""
    if proxy is None:
        return {}
    tunnel = {"Proxy-Authorization": proxy.authorization} if origin.scheme == "https" and proxy.authorization else None
    return {"proxy": proxy.url, "proxy_headers": tunnel}


def _timeout(dial_s: float | None = None) -> aiohttp.ClientTimeout:
    return aiohttp.ClientTimeout(total=None, connect=_CONNECT_S, sock_connect=dial_s, sock_read=_READ_S)


def _encoded(url: str) -> Any:
    """Return an address as it is written: who signed one compares its bytes."""
    import yarl

    return yarl.URL(url, encoded=url.isascii() and url.isprintable() and " " not in url)


def _path(url: str) -> str:
    """Return what of an address may be shown: a query can be a secret."""
    return shown(urlsplit(url).path)
