"""A repository of a registry: at which hosts it is, with which secrets each is asked, and one request at one of them.

A registry is taken for hostile: what it sends is bounded before it is kept, waits have an end, its addresses and texts are looked at
(``argosy.client.answers``). Who gets which secret is said in ``argosy.client.hosts``.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final, Self, TypeVar
from urllib.parse import urlencode

import aiohttp
import anyio

from argosy.client import answers
from argosy.client.answers import MAX_WAIT_S, Busy
from argosy.client.hosts import Host, Origin
from argosy.client.pace import TRIES
from argosy.client.tokens import Tokens
from argosy.client.web import Data, Secrets, Web
from argosy.errors import ArgosyError, FailedPrecondition, InvalidArgument, Unavailable
from argosy.oci.image import INDEX_TYPES, MANIFEST_TYPES, Descriptor
from argosy.oci.reference import Reference

DOCUMENTS: Final = INDEX_TYPES | MANIFEST_TYPES
"""Types of what a registry has as a manifest; all else is a blob."""
# Of a descriptor's own addresses: each may take as long as a host does, and a manifest has room for a hundred thousand.
_MOST_URLS: Final = 16
_SCOPE: Final = re.compile(r'\bscope="[^"]*"')

T = TypeVar("T")
Ways = Sequence[tuple[str, Callable[[], Awaitable[aiohttp.ClientResponse]]]]
"""Addresses, each with what asks it."""


@dataclass(frozen=True)
class Grant:
    """A host, and what lets somebody else ask it for one repository, for some seconds; no token where none is needed."""

    base: str
    token: str
    lasts_s: float

    def __repr__(self) -> str:
        return f"Grant({self.base!r})"


class Repository:
    """One repository of one registry: the hosts that may be asked for it, and how each is asked."""

    def __init__(self, reference: Reference, hosts: Sequence[Host], web: Web, tokens: Tokens) -> None:
        """web sends the requests, and is entered and left with this; tokens has the secrets of its hosts."""
        self.reference = reference
        self._hosts, self._web, self._tokens = hosts, web, tokens

    async def __aenter__(self) -> Self:
        await self._web.__aenter__()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._web.__aexit__()

    @property
    def hosts(self) -> Sequence[Host]:
        """Where it is asked, in order."""
        return self._hosts

    def push_host(self) -> Host:
        for host in self._hosts:
            if "push" in host.capabilities:
                return host
        raise InvalidArgument(f"no host of {self.reference.registry} takes pushes")

    # -- addresses and scopes --

    def _pull_scope(self) -> str:
        return f"repository:{self.reference.repository}:pull"

    def _push_scope(self) -> str:
        return f"repository:{self.reference.repository}:pull,push"

    def url(self, host: Host, kind: str, what: str) -> str:
        return f"{host.base}/{self.reference.repository}/{kind}/{what}"

    def _mirrored(self, host: Host, url: str) -> str:
        """Return a mirror's address with the name of the registry that it stands for."""
        if host.stands_for(self.reference.registry):
            return url
        return f"{url}?{urlencode({'ns': self.reference.registry})}"

    def ways_to(self, descriptor: Descriptor, headers: Mapping[str, str]) -> Ways:
        """Return the addresses that may have a blob or a manifest, in order."""
        kind = "manifests" if descriptor.media_type in DOCUMENTS else "blobs"
        ways: list[tuple[str, Callable[[], Awaitable[aiohttp.ClientResponse]]]] = []
        for host in self._hosts:
            if "pull" in host.capabilities:
                url = self._mirrored(host, self.url(host, kind, descriptor.digest))
                ways.append((url, partial(self.request, host, "GET", url, self._pull_scope(), headers=headers)))
        # A descriptor's own addresses: nobody's secrets go there (CVE-2020-15157).
        sent = list(headers.items())
        ways += [(url, partial(self._web.get, "GET", url, sent, None, True)) for url in descriptor.urls[:_MOST_URLS]]
        return ways

    # -- one request --

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

    async def request(
        self, host: Host, method: str, url: str, scope: str, *, headers: Mapping[str, str] | None = None,
        data: Data | None = None, strict: bool = False,
    ) -> aiohttp.ClientResponse:  # fmt: skip
        """Send a request with the secrets that are for its host, answering one challenge. Raises Unavailable, Unauthenticated."""
        for attempt in range(2):
            secrets = self._tokens.secrets(host, scope)
            sent = list((headers or {}).items())
            if method in ("GET", "HEAD"):
                response = await self._web.get(method, url, sent, secrets, host.verify, strict, host.dial_timeout_s)
            else:
                response = await self._web.send(method, url, sent, secrets, host.verify, data, host.dial_timeout_s)
            if response.status == 401 and attempt == 0 and Origin.of(str(response.url)) == host.origin:
                challenges = response.headers.getall("WWW-Authenticate", [])
                response.release()
                await self._tokens.answer(host, challenges, scope)
                continue
            return response
        raise AssertionError("unreachable: the second attempt returns")

    async def refusal(self, response: aiohttp.ClientResponse, what: str, remedy: str = "") -> ArgosyError:
        """Return what an answer that refuses what means, in words, remedy at their end. The answer is closed."""
        return await answers.refusal(response, what, remedy, self._tokens.advice)

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
        secrets = Secrets(host.origin, host.headers, host.identities)
        response = await self._web.get("GET", f"{host.base}/", (), secrets, host.verify, dial_s=host.dial_timeout_s)
        try:
            if response.status != 401:
                return Grant(host.base, "", 0.0)
            # What a token is for is ours to say: it is given to somebody else.
            challenges = [_SCOPE.sub("", one) for one in response.headers.getall("WWW-Authenticate", [])]
        finally:
            response.close()
        header = await self._tokens.header(host, challenges, scope)
        kind, _, token = header.partition(" ")
        if kind != "Bearer":
            raise FailedPrecondition(
                f"registry {host.origin} gives no tokens, and wants name and password each time: these stay here"
            )
        return Grant(host.base, token, self._tokens.lasts_s(header))
