"""Registries over HTTP(S): resolve, fetch with resumption, push; tokens, basic auth, mirrors by hosts.toml.

A registry is taken for hostile: what it sends is bounded before it is kept, waits have an end, its addresses and texts are looked at.
Who gets which secret is said in ``argosy.client.hosts``.
"""

from __future__ import annotations

import json
import os
import random
import re
import time
from base64 import b64encode
from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from email.utils import parsedate_to_datetime
from functools import partial
from pathlib import Path
from typing import Any, Final, Self, TypeVar
from urllib.parse import urlencode, urljoin, urlsplit

import aiohttp
import anyio

from argosy import log
from argosy.client import pace
from argosy.client.codings import Decoder, decoder
from argosy.client.hosts import Host, Origin, context_of, hosts_for
from argosy.client.pace import BACK_OFF_S, PROGRESS_BYTES, TRIES
from argosy.client.proxies import Proxies, Proxy
from argosy.client.ranges import LANES, LARGE_BYTES, PART_BYTES, Lanes, in_order
from argosy.digest import Digest
from argosy.errors import (
    ArgosyError,
    DataLoss,
    FailedPrecondition,
    InvalidArgument,
    NotFound,
    PermissionDenied,
    Unauthenticated,
    Unavailable,
    Unknown,
    in_words,
)
from argosy.oci.image import INDEX_TYPES, MANIFEST_TYPES, MAX_MANIFEST_BYTES, Descriptor, media_type_of
from argosy.oci.reference import Reference
from argosy.shown import plain

_ACCEPT: Final = ", ".join((*sorted(INDEX_TYPES | MANIFEST_TYPES), "*/*"))
_DOCUMENTS: Final = INDEX_TYPES | MANIFEST_TYPES
# Of what a trace shows; the values of others may be secrets, an address's query among them.
_SHOWN_HEADERS: Final = frozenset(
    ("accept", "content-length", "content-range", "content-type", "date", "docker-content-digest", "docker-distribution-api-version",
     "range", "retry-after", "server", "user-agent", "warning", "www-authenticate")
)  # fmt: skip
_CHUNK: Final = 1 << 20
_CONNECT_S, _READ_S = 30, pace.SILENCE_S
# Until the head of an answer is there, whatever comes before; and until a small body is there.
_ANSWER_S: Final = 120
MAX_WAIT_S: Final = 30.0
# Who says "too many" and not when to come again is asked again after so long.
_BUSY_S: Final = 1.0
_MAX_WARNINGS: Final = 16
_REDIRECTS: Final = 10
# Of a descriptor's own addresses: each may take as long as a host does, and a manifest has room for a hundred thousand.
_MOST_URLS: Final = 16
# What an answer in a coding may have more than the blob itself: some bytes a block. One that has more says nothing with them, and need not end.
_CODED_BYTES: Final = 1 << 20
_MAX_TOKEN_BYTES: Final = 1 << 20
_MAX_REFUSAL_BYTES: Final = 4096
_SHOWN: Final = 300
# A name has a beginning and a bound: a challenge that is one long word takes no longer than another.
_PARAMETER: Final = re.compile(r'(?<!\w)(\w{1,64})="([^"]*)"')
_HEADER_NAME: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,256}")
# One of them wrong, and a request has no end, or is another one.
_OWN_HEADERS: Final = frozenset(
    ("connection", "content-length", "expect", "host", "keep-alive", "proxy-connection", "range", "te", "trailer", "transfer-encoding", "upgrade")
)  # fmt: skip
# How long a token lasts whose service does not say so, or says what can't be: the distribution protocol's default, and at most.
_TOKEN_S, _MOST_S = 60.0, 86400
_WARNING: Final = re.compile(r'299 \S{1,255} "((?:[^"\\]|\\.)*)"')
_SCOPE: Final = re.compile(r'\bscope="[^"]*"')
_RANGE: Final = re.compile(r"bytes (\d{1,19})-(\d{1,19})/(\d{1,19}|\*)", re.ASCII)
_NEXT: Final = re.compile(r'<([^<>]*)>\s*;\s*rel="?next"?(?=[\s,;]|$)')
_REDIRECTING: Final = frozenset((301, 302, 303, 307, 308))


_PROXY_LOGIN: Final = "; write name and password into HTTP_PROXY or HTTPS_PROXY: http://name:password@host:port"

# What Go's servers say, as no answer to a HEAD and as one to a GET; and what is to be done about it.
_SPEAKS_TLS: Final = "HTTP request to an HTTPS server"
_WANTS_TLS: Final = "it speaks HTTPS and was asked over plain HTTP, as a registry of this machine is by default; write https:// and its host into its hosts.toml"
_NOT_ALL_THERE: Final = (
    "; an index goes with all that it names: pull the image with --all-platforms, or push it for one platform alone"
)

# Shorter values of a query are numbers and words that messages need.
_SECRET_BYTES: Final = 6


@dataclass(frozen=True)
class Credentials:
    """A name and a secret for one registry."""

    username: str
    secret: str

    def __repr__(self) -> str:
        return f"Credentials({self.username!r})"

    @property
    def header(self) -> str:
        return "Basic " + b64encode(f"{self.username}:{self.secret}".encode()).decode()


Ask = Callable[[str], Awaitable[Credentials | None]]
"""Returns the credentials for a host; None for none. A secret without a name is a refresh token for the registry's token service."""
Trace = Callable[[str], None]
"""Is told of one request and its answer, in lines of text."""
Warn = Callable[[str], None]
"""Is told what a registry warns of, each once, in words that can be shown."""
T = TypeVar("T")


@dataclass(frozen=True)
class Grant:
    """A host, and what lets somebody else ask it for one repository, for some seconds; no token where none is needed."""

    base: str
    token: str
    lasts_s: float

    def __repr__(self) -> str:
        return f"Grant({self.base!r})"


@dataclass(frozen=True)
class _Secrets:
    """What goes with a request to one origin, and nowhere else."""

    origin: Origin
    headers: Sequence[tuple[str, str]] = ()
    identities: Sequence[Any] = ()


def _shown(text: str) -> str:
    """Return a registry's text as it can be shown on a terminal."""
    return plain(text, _SHOWN).strip()


def warned(text: str) -> None:
    """Write what a registry warns of into the log."""
    log.get("registry").warning("registry.warns", warning=text)


class Busy(Unavailable):
    """Raised when a registry says when to come again, or that there is too much for it now."""

    def __init__(self, message: str, wait_s: float) -> None:
        super().__init__(message)
        self.wait_s = wait_s


def _without_secrets(said: str, response: aiohttp.ClientResponse) -> str:
    """Return what a server says without what we said to it: it may repeat our credentials, or a signed address."""
    request = response.request_info
    given = [request.headers.get(name, "").partition(" ")[2] for name in ("Authorization", "Proxy-Authorization")]
    secrets = [*given, *request.url.query.values()]
    for secret in secrets:
        if len(secret) >= _SECRET_BYTES:
            said = said.replace(secret, "...")
    return said


def _reason(error: Exception) -> str:
    """Return what went wrong with a connection, without the address, whose query may be a signature."""
    if isinstance(error, aiohttp.ClientHttpProxyError):
        return f"the proxy answered {error.status} when asked for a connection{_PROXY_LOGIN if error.status == 407 else ''}"
    if isinstance(error, aiohttp.ClientProxyConnectionError):
        return f"the proxy of HTTP_PROXY or HTTPS_PROXY cannot be reached: {error}"
    if isinstance(error, aiohttp.ClientResponseError):
        if _SPEAKS_TLS in error.message:
            return _WANTS_TLS
        return f"it answers with what is no HTTP: {_shown(error.message)}"
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


class Registry:
    """One repository of one registry, over all its hosts."""

    def __init__(
        self,
        reference: Reference,
        *,
        plain: bool = False,
        credentials: Credentials | Ask | None = None,
        hosts: Sequence[Host] | None = None,
        hosts_dir: Path | None = None,
        headers: Mapping[str, str] | None = None,
        trace: Trace | None = None,
        warn: Warn = warned,
        lanes: Lanes | None = LANES,
        login: str = "--user",
    ) -> None:
        """With hosts of your own, those with ``is_registry`` get the credentials. Proxies are those of the environment.

        hosts_dir is where the registries' hosts.toml are, by default ARGOSY_HOSTS_DIR. headers are for the registry itself, as the credentials are.
        trace is told of every request and answer, without their secrets; warn of what the registry warns its users of, by default a line of the log is.
        lanes are for large blobs of registries that take ranges, None for one connection a blob. login is what messages name as the way to give credentials.

        Raises InvalidArgument for a bad hosts.toml, for a proxy that is none, and for headers that are no header's, or the connection's own.
        """
        self.reference = reference
        config = hosts_dir or os.environ.get("ARGOSY_HOSTS_DIR")
        self._hosts = (
            list(hosts) if hosts is not None else hosts_for(reference.registry, plain, Path(config) if config else None)
        )
        if headers:
            added = list(headers.items())
            _check_headers(added)
            self._hosts = [replace(h, headers=[*h.headers, *added]) if h.is_registry else h for h in self._hosts]
        self._credentials = credentials
        self._trace, self._warn, self._lanes, self._login_word = trace, warn, lanes, login
        self._warnings: set[str] = set()
        self._in_parts: dict[str, int] = {}
        """By digest: how often a blob was handed on that came in several ranges."""
        self._asking = anyio.Lock()
        self._answered: Credentials | None = None
        self._was_asked = False
        self._tokens: dict[tuple[str, str], str] = {}
        self._lasts_s: dict[str, float] = {}
        """How long a token that a service gave lasts, as it said."""
        self._proxies = Proxies.of_environment()
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        # What a server wants us to say again is a secret like others, and we have no use for one.
        cookies = aiohttp.DummyCookieJar()
        headers = {"User-Agent": "argosy/0.1", "Accept-Encoding": "identity"}
        self._session = aiohttp.ClientSession(
            timeout=_timeout(), auto_decompress=False, headers=headers, read_bufsize=_CHUNK, cookie_jar=cookies
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

    def url(self, host: Host, kind: str, what: str) -> str:
        return f"{host.base}/{self.reference.repository}/{kind}/{what}"

    def _mirrored(self, host: Host, url: str) -> str:
        """Return a mirror's address with the name of the registry that it stands for."""
        if host.stands_for(self.reference.registry):
            return url
        return f"{url}?{urlencode({'ns': self.reference.registry})}"

    # -- one request --

    async def _send(
        self, method: str, url: str, headers: Sequence[tuple[str, str]], secrets: _Secrets | None, verify: Any,
        data: Callable[[], Any] | bytes | None = None, dial_s: float | None = None,
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
            raise Unknown(f'registry {origin}: "{_shown(url.partition("?")[0])}" is no web address') from None
        if proxy is not None and origin.scheme == "http":
            sent += [("Proxy-Authorization", proxy.authorization)] if proxy.authorization else []
        for i, how in enumerate(contexts):
            context = context_of(how)
            if proxy is not None and proxy.origin.scheme == "https" and context is not True:
                raise InvalidArgument(
                    f"{proxy.origin} is a proxy over TLS, and would be spoken to with the certificates that hosts.toml says for {origin};"
                    f" name an http:// proxy, or write {origin.host} into NO_PROXY"
                )
            moving: list[anyio.CancelScope] = []
            body = _moved(data(), moving) if callable(data) else data
            asked = self.session.request(
                method,
                target,
                headers=sent,
                data=body,
                ssl=context,
                allow_redirects=False,
                timeout=_timeout(dial_s),
                **through,
            )
            try:
                # An upload ends with what is uploaded, as long as that moves.
                with anyio.move_on_after(_ANSWER_S) as scope:
                    if callable(data):
                        moving.append(scope)
                    response = await asked
                if scope.cancelled_caught:
                    # fail_after would ask whether the deadline is over: what is uploaded may have moved it while all was cancelled.
                    raise TimeoutError
                if self._trace is not None:
                    self._trace(_traced(method, url, sent, response))
                self._note_warnings(origin, response)
                return response
            except (aiohttp.ClientError, TimeoutError, ValueError) as error:
                # Which of several certificates a server wants is seen only by trying.
                if i + 1 == len(contexts) or data is not None:
                    reason = _shown(_reason(error))
                    raise Unavailable(f"registry {origin}: {method} {_path(url)}: {reason}") from error
        raise AssertionError("unreachable: the last context returns or raises")

    def _note_warnings(self, origin: Origin, response: aiohttp.ClientResponse) -> None:
        """Tell of what a server warns of, each once, and not without end."""
        for header in response.headers.getall("Warning", []):
            match = _WARNING.fullmatch(header.strip())
            text = _shown(re.sub(r"\\(.)", r"\1", match[1])) if match else ""
            if text and text not in self._warnings and len(self._warnings) < _MAX_WARNINGS:
                self._warnings.add(text)
                self._warn(f"registry {origin} warns: {text}")

    @staticmethod
    async def patiently(work: Callable[[], Awaitable[T]]) -> T:
        """Do what a registry has too much of now again when it says, some times. Raises Busy when that is too long, and what else work raises."""
        for tries_left in reversed(range(TRIES)):
            try:
                return await work()
            except Busy as busy:
                if not tries_left or busy.wait_s > MAX_WAIT_S:
                    raise
                wait = busy.wait_s
            await anyio.sleep(wait)
        raise AssertionError("unreachable: the last try returns or raises")

    async def _get(
        self, method: str, url: str, headers: Sequence[tuple[str, str]], secrets: _Secrets | None, verify: Any,
        strict: bool = False, dial_s: float | None = None,
    ) -> aiohttp.ClientResponse:  # fmt: skip
        """Send a GET or HEAD and go where it leads: what is led to another origin gets no secrets any more, wherever it comes to.

        With strict, TLS is not left for plain HTTP. Raises Unavailable, Unknown.
        """
        start = Origin.of(url)
        for _ in range(_REDIRECTS + 1):
            response = await self._send(method, url, headers, secrets, verify, dial_s=dial_s)
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

    async def request(
        self, host: Host, method: str, url: str, scope: str, *, headers: Mapping[str, str] | None = None,
        data: Callable[[], Any] | bytes | None = None, strict: bool = False,
    ) -> aiohttp.ClientResponse:  # fmt: skip
        """Send a request with the secrets that are for its host, answering one challenge. Raises Unavailable, Unauthenticated."""
        for attempt in range(2):
            token = self._tokens.get((host.base, scope))
            own = [h for h in host.headers if not token or h[0].lower() != "authorization"]
            secrets = _Secrets(host.origin, [*own, *([("Authorization", token)] if token else [])], host.identities)
            sent = list((headers or {}).items())
            if method in ("GET", "HEAD"):
                response = await self._get(method, url, sent, secrets, host.verify, strict, host.dial_timeout_s)
            else:
                response = await self._send(method, url, sent, secrets, host.verify, data, host.dial_timeout_s)
            if response.status == 401 and attempt == 0 and Origin.of(str(response.url)) == host.origin:
                challenges = response.headers.getall("WWW-Authenticate", [])
                response.release()
                self._tokens[host.base, scope] = await self._authorize(host, challenges, scope)
                continue
            return response
        raise AssertionError("unreachable: the second attempt returns")

    async def _authorize(self, host: Host, challenges: Sequence[str], scope: str) -> str:
        """Return an Authorization header that answers a challenge. Raises Unauthenticated."""
        for challenge in challenges:
            kind, _, rest = challenge.partition(" ")
            parameters = dict(_PARAMETER.findall(rest))
            if kind.lower() == "bearer" and "realm" in parameters:
                return await self._token(host, parameters, scope)
        for challenge in challenges:
            if challenge.lower().startswith("basic"):
                login = await self._login(host) if host.is_registry else None
                if (host.is_registry and (login is None or not login.username)) or self._credentials is None:
                    raise Unauthenticated(
                        f"registry {host.origin} wants a user name and a password; give them with {self._login_word}"
                    )
                if login is None:
                    raise Unauthenticated(
                        f"{host.origin} wants a user name and a password, and those given are for {self.reference.registry};"
                        " write its own as a header in hosts.toml"
                    )
                return login.header
        raise Unauthenticated(f"registry {host.origin} refuses us and offers no way to authenticate that is known here")

    async def _login(self, host: Host) -> Credentials | None:
        """Return the registry's credentials; whoever has to be asked for them is asked once."""
        if self._credentials is None or isinstance(self._credentials, Credentials):
            return self._credentials
        async with self._asking:
            if not self._was_asked:
                self._answered = await self._credentials(str(host.origin))
                self._was_asked = True
        return self._answered

    async def _token(self, host: Host, parameters: Mapping[str, str], scope: str) -> str:
        realm = parameters["realm"]
        try:
            service = Origin.of(realm)
        except InvalidArgument:
            raise Unauthenticated(f'token service "{_shown(realm)}" is no web address') from None
        query = {"scope": parameters.get("scope") or scope}
        if "service" in parameters:
            query["service"] = parameters["service"]
        secrets, login = None, None
        # A mirror's token service is asked as anybody.
        if host.is_registry:
            login = await self._login(host)
            if login is not None and host.origin.scheme == "https" != service.scheme:
                raise Unauthenticated(
                    f"registry {host.origin} names the token service {service} on plain HTTP: name and password do not go there"
                )
            own = [("Authorization", login.header)] if login is not None and login.username else []
            secrets = _Secrets(service, own, host.identities if service.scheme == "https" else ())
        if login is not None and not login.username:
            # A secret without a name is a refresh token, which is exchanged for one to use.
            said = {**query, "grant_type": "refresh_token", "refresh_token": login.secret, "client_id": "argosy"}
            form = urlencode(said, errors="replace")
            kind = [("Content-Type", "application/x-www-form-urlencoded")]
            with anyio.move_on_after(_ANSWER_S) as waiting:
                response = await self._send("POST", realm, kind, secrets, host.verify, form.encode())
            if waiting.cancelled_caught:
                raise Unavailable(f"token service {service} does not answer")
        else:
            url = f"{realm}{'&' if '?' in realm else '?'}{urlencode(query, errors='replace')}"
            response = await self._get("GET", url, (), secrets, host.verify)
        try:
            if response.status != 200:
                raise Unauthenticated(f"token service {service} answered {response.status}; check user name and password")
            body = await _whole(response, _MAX_TOKEN_BYTES, f"token service {service}")
        finally:
            response.close()
        try:
            answer = json.loads(body)
            token = answer.get("token") or answer.get("access_token")
        except (ValueError, AttributeError, RecursionError):
            raise Unavailable(f"token service {service} answered with something that is no token") from None
        if not token:
            raise Unauthenticated(f"token service {service} answered without a token")
        if not isinstance(token, str) or not token.isascii() or not token.isprintable():
            raise Unauthenticated(f"token service {service} answered with a token that no header can carry")
        lasts = answer.get("expires_in")
        self._lasts_s = {f"Bearer {token}": float(lasts) if type(lasts) is int and 0 < lasts < _MOST_S else _TOKEN_S}
        return f"Bearer {token}"

    async def refusal(self, response: aiohttp.ClientResponse, what: str, remedy: str = "") -> ArgosyError:
        """Return what an answer that refuses what means, in words, remedy at their end. The answer is closed."""
        try:
            body = await _whole(response, _MAX_REFUSAL_BYTES, what, cut=True)
        except ArgosyError:
            body = b""
        finally:
            response.close()
        try:
            said = "; ".join(e.get("message") or e.get("code") or "" for e in json.loads(body)["errors"])
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            said = body.decode("utf-8", "replace")
        said = _shown(_without_secrets(said, response))
        if response.status == 400 and _SPEAKS_TLS in said:
            return Unavailable(f"{what}: registry {Origin.of(str(response.url))}: {_WANTS_TLS}")
        who = "the proxy" if response.status == 407 else f"registry {Origin.of(str(response.url))}"
        text = f"{what}: {who} answered {response.status}{f' ({said})' if said else ''}"
        text += _PROXY_LOGIN if response.status == 407 else remedy
        if response.status in (401, 403):
            known = self._answered if callable(self._credentials) else self._credentials
            text += (
                f'; check name and password of "{_shown(known.username)}", and what that user may do there'
                if known is not None and known.username
                else f"; if it is not for anybody, give a name and a password with {self._login_word}"
            )
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
                return Busy(text, _BUSY_S if wait is None else wait)
        if response.status >= 500:
            return Unavailable(text)
        return kinds.get(response.status, Unknown)(text)

    def _pull_scope(self) -> str:
        return f"repository:{self.reference.repository}:pull"

    # -- for others --

    async def grants(self, push: bool = False) -> list[Grant]:
        """Return the hosts that are to be asked for the repository, in order, each with a token of its own that lasts minutes.

        A host that can't be reached, or does not give us one, is left out. Raises the last one's error when none is left; FailedPrecondition for
        one that wants name and password each time, which are nobody else's.
        """
        scope = self._push_scope() if push else self._pull_scope()
        found: list[Grant] = []
        failure: ArgosyError = Unavailable(f"no host serves {self.reference}")
        for host in self._hosts:
            if ("push" if push else "pull") in host.capabilities:
                try:
                    found.append(await self._grant(host, scope))
                except ArgosyError as error:
                    failure = error
        if not found:
            raise failure
        return found

    async def _grant(self, host: Host, scope: str) -> Grant:
        secrets = _Secrets(host.origin, host.headers, host.identities)
        response = await self._get("GET", f"{host.base}/", (), secrets, host.verify, dial_s=host.dial_timeout_s)
        try:
            if response.status != 401:
                return Grant(host.base, "", 0.0)
            # What a token is for is ours to say: it is given to somebody else.
            challenges = [_SCOPE.sub("", one) for one in response.headers.getall("WWW-Authenticate", [])]
        finally:
            response.close()
        header = await self._authorize(host, challenges, scope)
        kind, _, token = header.partition(" ")
        if kind != "Bearer":
            raise FailedPrecondition(
                f"registry {host.origin} gives no tokens, and wants name and password each time: these stay here"
            )
        return Grant(host.base, token, self._lasts_s.get(header, _TOKEN_S))

    # -- pulling --

    async def resolve(self) -> Descriptor:
        """Return what the reference points at now. Raises NotFound, Unauthenticated, Unavailable, DataLoss, Unknown."""
        return await self.patiently(self._resolve)

    async def _resolve(self) -> Descriptor:
        failure: ArgosyError = Unavailable(f"no host serves {self.reference}")
        for host in self._hosts:
            if "resolve" not in host.capabilities:
                continue
            try:
                return await self._resolve_at(host)
            except ArgosyError as error:
                failure = error
        raise failure

    async def _resolve_at(self, host: Host) -> Descriptor:
        url = self._mirrored(host, self.url(host, "manifests", self.reference.target))
        headers = {"Accept": _ACCEPT}
        # What a digest names, anybody may send.
        strict = not self.reference.digest
        response = await self.request(host, "HEAD", url, self._pull_scope(), headers=headers, strict=strict)
        response.release()
        said = response.headers.get("Docker-Content-Digest", "")
        length = response.headers.get("Content-Length", "")
        size = int(length) if length.isascii() and length.isdigit() and len(length) < 20 else 0
        if response.status == 404:
            raise NotFound(f'"{self.reference}" is not in its registry')
        if response.status == 200 and said and size and _media_type(response) in _DOCUMENTS:
            self._is_asked(str(Digest.parse(said)))
            self._is_small(size)
            return Descriptor(media_type=_media_type(response), digest=said, size=size)
        response = await self.request(host, "GET", url, self._pull_scope(), headers=headers, strict=strict)
        if response.status != 200:
            raise await self.refusal(response, str(self.reference))
        try:
            data = await _whole(response, MAX_MANIFEST_BYTES, f"the manifest of {self.reference}")
        finally:
            response.close()
        digest = str(Digest.of(data))
        if self.reference.digest and not self.reference.digest.startswith("sha256:"):
            digest = str(Digest.of(data, Digest.parse(self.reference.digest).algorithm))
        self._is_asked(digest)
        # A server of files may not know the type: the document says what it is.
        media_type = _media_type(response)
        return Descriptor(
            media_type=media_type if media_type in _DOCUMENTS else media_type_of(data), digest=digest, size=len(data)
        )

    def _is_asked(self, digest: str) -> None:
        if self.reference.digest and self.reference.digest != digest:
            raise DataLoss(f"{self.reference}: the registry answers with {digest}")

    def _is_small(self, size: int) -> None:
        if size > MAX_MANIFEST_BYTES:
            raise InvalidArgument(
                f"the manifest of {self.reference} has {size} bytes; more than {MAX_MANIFEST_BYTES} are refused"
            )

    async def fetch(self, descriptor: Descriptor, offset: int = 0) -> AsyncGenerator[bytes, None]:
        """Yield a blob's or manifest's bytes from offset on, as many as the descriptor says and never more.

        A broken connection is taken up where it broke. A large blob comes in several ranges at a time, unless its host does not take them, or says
        something odd: then the rest comes over one connection. Raises Unavailable, DataLoss (the registry has another number of bytes), and what
        each of its hosts refuses with. Close it when you stop early: its connections end with it.
        """
        at = firm = offset
        tries = 0
        broken: Counter[str] = Counter()
        parts = self._may_come_in_parts(descriptor, offset)
        if descriptor.digest in self._in_parts:
            self._in_parts[descriptor.digest] += 1
        while at < descriptor.size:
            try:
                async with aclosing(
                    self._fetch_in_parts(descriptor, at, broken) if parts else self._fetch_once(descriptor, at, broken)
                ) as pieces:
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
                if parts:
                    # Whatever went wrong: one connection is what every registry can.
                    log.get("registry").debug("registry.no_ranges", digest=descriptor.digest, at=at, error=error.message)
                    parts = False
                    if not isinstance(error, Busy):
                        continue
                if not isinstance(error, Unavailable):
                    raise
                if at - firm >= PROGRESS_BYTES:
                    firm, tries = at, 0
                tries += 1
                if tries >= TRIES:
                    raise
                wait = error.wait_s if isinstance(error, Busy) else random.uniform(0, BACK_OFF_S * 2**tries)
                if wait > MAX_WAIT_S:
                    raise
            await anyio.sleep(wait)

    def _may_come_in_parts(self, descriptor: Descriptor, offset: int) -> bool:
        large = descriptor.size - offset >= LARGE_BYTES and descriptor.media_type not in _DOCUMENTS
        return large and self._lanes is not None and self._lanes.most > 0 and not self._in_parts.get(descriptor.digest)

    def came_in_parts(self, digest: str) -> bool:
        """Return whether a blob came in several ranges when it was fetched last. It comes over one connection the next time: were its bytes others, a range lied."""
        return self._in_parts.get(digest) == 1

    async def _fetch_in_parts(
        self, descriptor: Descriptor, offset: int, broken: Counter[str]
    ) -> AsyncGenerator[bytes, None]:
        """Yield a blob from offset on, in several ranges at a time where the first one's answer says that it is one.

        Raises Unavailable for anything else than what was asked for: what came before it is right, as far as its size goes.
        """
        assert self._lanes is not None
        at, end = offset, min(offset + PART_BYTES, descriptor.size)
        async with aclosing(self._fetch_once(descriptor, at, broken, end, whole=True)) as pieces:
            async for piece in pieces:
                at += len(piece)
                yield piece
        if at != end:
            return  # all of it came, or it broke off
        self._in_parts[descriptor.digest] = 1

        def ask(begin: int, end: int) -> AsyncGenerator[bytes, None]:
            return self._fetch_once(descriptor, begin, broken, end)

        async with aclosing(in_order(ask, at, descriptor.size, self._lanes, PART_BYTES)) as pieces:
            async for piece in pieces:
                yield piece

    async def _fetch_once(
        self, descriptor: Descriptor, offset: int, broken: Counter[str], end: int | None = None, whole: bool = False
    ) -> AsyncGenerator[bytes, None]:
        """Yield what the first host sends that begins to; before its first byte, each may fail.

        end is up to where bytes are asked for, None for all; with whole, a host that sends all of it though is taken at that.
        Who broke off is counted in broken, and asked after those who did less often: a mirror that ends each answer early is not
        all that there is.
        """
        kind = "manifests" if descriptor.media_type in _DOCUMENTS else "blobs"
        failure: ArgosyError = Unavailable(f"no host serves {descriptor.digest}")
        headers = {"Accept": f"{descriptor.media_type}, */*"}
        if end is not None:
            headers["Range"] = f"bytes={offset}-{end - 1}"
        elif offset:
            headers["Range"] = f"bytes={offset}-"
        sent = list(headers.items())
        asks: list[tuple[str, Callable[[], Awaitable[aiohttp.ClientResponse]]]] = []
        for host in self._hosts:
            if "pull" in host.capabilities:
                url = self._mirrored(host, self.url(host, kind, descriptor.digest))
                asks.append((url, partial(self.request, host, "GET", url, self._pull_scope(), headers=headers)))
        # A descriptor's own addresses: nobody's secrets go there (CVE-2020-15157).
        asks += [(address, partial(self._get, "GET", address, sent, None, True)) for address in descriptor.urls[:_MOST_URLS]]
        for asked, ask in sorted(asks, key=lambda pair: broken[pair[0]]):
            begun = False
            at = offset
            try:
                response = await ask()
                try:
                    if response.status not in (200, 206):
                        raise await self.refusal(response, descriptor.digest)
                    if end is not None and not (whole and response.status == 200):
                        undo, skip, until = None, _part(response, descriptor, offset, end), end
                    else:
                        undo, skip = _skipped(response, descriptor, offset)
                        until = descriptor.size
                    most = 2 * descriptor.size + _CODED_BYTES
                    async for chunk in _body(response, skip, descriptor.digest, undo, most):
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

    # -- lists --

    @property
    def hosts(self) -> Sequence[Host]:
        """Where it is asked, in order."""
        return self._hosts

    async def document(self, host: Host, kind: str, what: str, push: bool = False) -> bytes:
        """Return a document of one host whole. Raises NotFound, and what the host refuses with."""
        return (await self.page(host, kind, what, {}, push))[0]

    async def page(
        self, host: Host, kind: str, what: str, query: Mapping[str, str], push: bool = False
    ) -> tuple[bytes, str]:
        """Return one page of a list whole, and where the next one is, "" for none."""
        url = self._mirrored(host, self.url(host, kind, what))
        if query:
            url += f"{'&' if '?' in url else '?'}{urlencode(query)}"
        scope = self._push_scope() if push else self._pull_scope()
        response = await self.request(host, "GET", url, scope, headers={"Accept": _ACCEPT}, strict=True)
        if response.status != 200:
            raise await self.refusal(response, what)
        try:
            following = _NEXT.search(response.headers.get("Link", "")[:_MAX_REFUSAL_BYTES])
            return await _whole(response, MAX_MANIFEST_BYTES, what), following[1] if following else ""
        finally:
            response.close()

    # -- pushing --

    def push_host(self) -> Host:
        for host in self._hosts:
            if "push" in host.capabilities:
                return host
        raise InvalidArgument(f"no host of {self.reference.registry} takes pushes")

    def _push_scope(self) -> str:
        return f"repository:{self.reference.repository}:pull,push"

    async def has(self, kind: str, digest: str) -> bool:
        """Return whether the registry has a blob or manifest."""
        host = self.push_host()

        async def ask() -> bool:
            response = await self.request(
                host, "HEAD", self.url(host, kind, digest), self._push_scope(), headers={"Accept": _ACCEPT}
            )
            if response.status in (429, 503):
                raise await self.refusal(response, digest)
            response.release()
            return response.status == 200

        return await self.patiently(ask)

    async def push_blob(self, digest: str, size: int, data: Callable[[], Any], source: str = "") -> bool:
        """Upload a blob; data is a function that returns an async iterator of its bytes, anew each time. Raises the registry's refusal.

        source is another repository of the registry that may have it. An upload that breaks off goes on where the registry says that it is; a registry
        that does not take a blob at once is given it in chunks. Returns whether the registry took it from source: no byte was sent then.
        """
        from argosy.client.uploads import Upload  # who pulls has no use for it

        return await Upload(self, self.push_host(), self._push_scope(), digest, size, data).run(source)

    def _named(self, name: str) -> str:
        """Return the whole name of a tag or a digest of the repository."""
        return f"{self.reference.registry}/{self.reference.repository}{'@' if ':' in name else ':'}{name}"

    async def push_manifest(self, media_type: str, data: bytes, name: str) -> bool:
        """Upload a manifest under a tag or digest. Raises the registry's refusal.

        Returns whether the registry keeps the list of referrers of the manifest's subject, where it has one: else whoever pushes has to.
        """
        host = self.push_host()
        url = self.url(host, "manifests", name)

        async def put() -> bool:
            response = await self.request(
                host, "PUT", url, self._push_scope(), headers={"Content-Type": media_type}, data=data
            )
            if response.status not in (200, 201):
                lacks = response.status in (400, 404) and media_type in INDEX_TYPES
                raise await self.refusal(response, self._named(name), _NOT_ALL_THERE if lacks else "")
            response.release()
            return bool(response.headers.get("OCI-Subject"))

        return await self.patiently(put)


async def _moved(pieces: AsyncIterator[bytes], scope: Sequence[anyio.CancelScope]) -> AsyncGenerator[bytes, None]:
    """Yield pieces in ones so small that each has to be taken in its time."""
    async for piece in pieces:
        for at in range(0, len(piece), pace.TAKEN_BYTES):
            for one in scope:
                one.deadline = anyio.current_time() + pace.TAKEN_S
            yield piece[at : at + pace.TAKEN_BYTES]
    for one in scope:
        one.deadline = anyio.current_time() + pace.LOOKED_S


def _check_headers(headers: Sequence[tuple[str, str]]) -> None:
    """Raise InvalidArgument for what can't be said in a header, or says where a request ends and whom it is for."""
    for name, value in headers:
        if not _HEADER_NAME.fullmatch(name):
            raise InvalidArgument(f'"{_shown(name)}" is no name of a header')
        if name.lower() in _OWN_HEADERS:
            raise InvalidArgument(f"header {name} says how a request is sent, which is not a client's to say; leave it out")
        if any(c != "\t" and (ord(c) < 0x20 or ord(c) == 0x7F) for c in value):
            raise InvalidArgument(f"header {name} has a control character")


def _wait_s(said: str) -> float | None:
    """Return how long a Retry-After header says to wait, in seconds; None for what says nothing."""
    if said.isascii() and said.isdigit() and len(said) < 6:
        return float(said)
    try:
        return max(0.0, parsedate_to_datetime(said).timestamp() - time.time()) if said else None
    except (ValueError, OverflowError, TypeError):
        return None


def _traced(method: str, url: str, sent: Sequence[tuple[str, str]], response: aiohttp.ClientResponse) -> str:
    """Return a request and its answer as text: values of headers that may be secrets, and queries, are left out."""
    lines = [f"> {method} {Origin.of(url)}{_path(url)}"]
    lines += [f"> {name}: {_shown(value) if name.lower() in _SHOWN_HEADERS else '<hidden>'}" for name, value in sent]
    lines.append(f"< {response.status} {_shown(response.reason or '')}".rstrip())
    lines += [
        f"< {name}: {_shown(value) if name.lower() in _SHOWN_HEADERS else '<hidden>'}"
        for name, value in list(response.headers.items())[:_SHOWN]
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
    return _shown(urlsplit(url).path)


def led(url: str, location: str, origin: Origin) -> str:
    """Return where an answer leads. Raises Unknown when that is no web address."""
    try:
        target = urljoin(url, location)
        Origin.of(target)
    except (ValueError, InvalidArgument):
        raise Unknown(f'registry {origin} leads to "{_shown(location)}", which is no web address') from None
    return target


def _media_type(response: aiohttp.ClientResponse) -> str:
    return response.headers.get("Content-Type", "").partition(";")[0].strip().lower()


def _skipped(response: aiohttp.ClientResponse, descriptor: Descriptor, offset: int) -> tuple[Decoder | None, int]:
    """Return what undoes an answer's codings, and how many of its first bytes are had already. Raises DataLoss for another size, or another part."""
    begin = 0
    if response.status == 206:
        match = _RANGE.fullmatch(response.headers.get("Content-Range", ""))
        # Without a right word about it the bytes are those that were asked for; their digest will tell.
        begin = int(match[1]) if match else offset
        if begin > offset or (match and match[3] not in ("*", str(descriptor.size))):
            raise DataLoss(
                f"{descriptor.digest}: the registry sends {_shown(response.headers['Content-Range'])},"
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


def _part(response: aiohttp.ClientResponse, descriptor: Descriptor, begin: int, end: int) -> int:
    """Return 0 for an answer that says to be exactly the bytes from begin up to end. Raises Unavailable for any other."""
    match = _RANGE.fullmatch(response.headers.get("Content-Range", ""))
    said = (int(match[1]), int(match[2]) + 1) if match else None
    if response.status != 206 or match is None or said != (begin, end) or match[3] not in ("*", str(descriptor.size)):
        raise Unavailable(
            f"{descriptor.digest}: asked for {begin}-{end - 1} of {descriptor.size}, the registry answers {response.status}"
            f' with "{_shown(response.headers.get("Content-Range", ""))}"'
        )
    length = response.headers.get("Content-Length", str(end - begin))
    if length != str(end - begin) or response.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise Unavailable(
            f"{descriptor.digest}: the registry sends {_shown(length)} bytes for {begin}-{end - 1}, or encodes them"
        )
    return 0


def _coding(response: aiohttp.ClientResponse, what: str) -> Decoder | None:
    """Return what undoes an answer's codings, which nobody asked for. Raises DataLoss for one that is not known."""
    return decoder(response.headers.get("Content-Encoding", ""), what)


async def _whole(response: aiohttp.ClientResponse, limit: int, what: str, cut: bool = False) -> bytes:
    """Return a body; what is longer than limit bytes is cut there, or refused. Raises Unavailable, InvalidArgument, DataLoss."""
    data = bytearray()
    undo = None if cut else _coding(response, what)
    try:
        with anyio.fail_after(_ANSWER_S):
            while len(data) <= limit and (piece := await response.content.read(limit + 1 - len(data))):
                for part in undo.pieces(piece) if undo is not None else (piece,):
                    data += part
                    if len(data) > limit:
                        break
            else:
                if undo is not None and len(data) <= limit:
                    undo.end()
    except (aiohttp.ClientError, TimeoutError) as error:
        raise Unavailable(f"{what}: the connection broke: {_shown(_reason(error))}") from error
    if len(data) > limit and not cut:
        raise InvalidArgument(f"{what} is longer than {limit} bytes, and refused")
    return bytes(data[:limit])


async def _body(
    response: aiohttp.ClientResponse, skip: int, digest: str, undo: Decoder | None, most: int
) -> AsyncGenerator[bytes, None]:
    """Yield a body without its first bytes. Whoever took the response closes it. most is how many bytes it may have in a coding.

    Raises Unavailable for one that hardly moves, too, and DataLoss for one in a coding that is not its.
    """
    moves, coded = pace.Pace(f"{digest}: the server"), 0
    try:
        while True:
            began = time.monotonic()
            chunk = await response.content.read(_CHUNK)
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
        raise Unavailable(f"{digest}: the connection broke: {_shown(_reason(error))}") from error
