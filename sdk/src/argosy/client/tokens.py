"""How a registry is told who asks: by name and password, or by a token that its service gives for them."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Final
from urllib.parse import urlencode

import anyio

from argosy.client import answers
from argosy.client.answers import shown, whole
from argosy.client.credentials import Ask, Credentials
from argosy.client.hosts import Host, Origin
from argosy.client.web import Secrets, Web
from argosy.errors import InvalidArgument, Unauthenticated, Unavailable

_MAX_TOKEN_BYTES: Final = 1 << 20
# A name has a beginning and a bound: a challenge that is one long word takes no longer than another.
_PARAMETER: Final = re.compile(r'(?<!\w)(\w{1,64})="([^"]*)"')
# How long a token lasts whose service does not say so, or says what can't be: the distribution protocol's default, and at most.
_TOKEN_S, _MOST_S = 60.0, 86400


class Tokens:
    """What the hosts of one registry were told of who asks, and what may be told to them."""

    def __init__(self, web: Web, registry: str, credentials: Credentials | Ask | None, login: str) -> None:
        """registry is the name that credentials are for; login is what messages name as the way to give some."""
        self._web, self._registry, self._credentials, self._login_word = web, registry, credentials, login
        self._asking = anyio.Lock()
        self._answered: Credentials | None = None
        self._was_asked = False
        self._headers: dict[tuple[str, str], str] = {}
        """By host and scope: the Authorization header that answered its challenge."""
        self._lasts_s: dict[str, float] = {}
        """How long a token that a service gave lasts, as it said."""

    def secrets(self, host: Host, scope: str) -> Secrets:
        """Return what goes with a request to a host about a scope."""
        said = self._headers.get((host.base, scope))
        own = [header for header in host.headers if not said or header[0].lower() != "authorization"]
        return Secrets(host.origin, [*own, *([("Authorization", said)] if said else [])], host.identities)

    async def answer(self, host: Host, challenges: Sequence[str], scope: str) -> None:
        """Have requests to a host about a scope answer its challenges from now on. Raises as ``header`` does."""
        self._headers[host.base, scope] = await self.header(host, challenges, scope)

    async def header(self, host: Host, challenges: Sequence[str], scope: str) -> str:
        """Return an Authorization header that answers one of a host's challenges. Raises Unauthenticated, Unavailable."""
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
                        f"{host.origin} wants a user name and a password, and those given are for {self._registry};"
                        " write its own as a header in hosts.toml"
                    )
                return login.header
        raise Unauthenticated(f"registry {host.origin} refuses us and offers no way to authenticate that is known here")

    def lasts_s(self, header: str) -> float:
        """Return how long the token of a header lasts, from when it was given, in seconds."""
        return self._lasts_s.get(header, _TOKEN_S)

    @property
    def advice(self) -> str:
        """What whoever is refused may do about it, for the end of a message."""
        known = self._answered if callable(self._credentials) else self._credentials
        if known is not None and known.username:
            return f'; check name and password of "{shown(known.username)}", and what that user may do there'
        return f"; if it is not for anybody, give a name and a password with {self._login_word}"

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
        """Return the header with a token of the service that a challenge names."""
        realm = parameters["realm"]
        try:
            service = Origin.of(realm)
        except InvalidArgument:
            raise Unauthenticated(f'token service "{shown(realm)}" is no web address') from None
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
            secrets = Secrets(service, own, host.identities if service.scheme == "https" else ())
        if login is not None and not login.username:
            # A secret without a name is a refresh token, which is exchanged for one to use.
            said = {**query, "grant_type": "refresh_token", "refresh_token": login.secret, "client_id": "argosy"}
            form = urlencode(said, errors="replace")
            kind = [("Content-Type", "application/x-www-form-urlencoded")]
            with anyio.move_on_after(answers.ANSWER_S) as waiting:
                response = await self._web.send("POST", realm, kind, secrets, host.verify, form.encode())
            if waiting.cancelled_caught:
                raise Unavailable(f"token service {service} does not answer")
        else:
            url = f"{realm}{'&' if '?' in realm else '?'}{urlencode(query, errors='replace')}"
            response = await self._web.get("GET", url, (), secrets, host.verify)
        try:
            if response.status != 200:
                raise Unauthenticated(f"token service {service} answered {response.status}; check user name and password")
            body = await whole(response, _MAX_TOKEN_BYTES, f"token service {service}")
        finally:
            response.close()
        token, lasts_s = _given(body, service)
        self._lasts_s = {f"Bearer {token}": lasts_s}
        return f"Bearer {token}"


def _given(body: bytes, service: Origin) -> tuple[str, float]:
    """Return the token that a service answered with, and how long it lasts. Raises Unavailable, Unauthenticated."""
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
    return token, float(lasts) if type(lasts) is int and 0 < lasts < _MOST_S else _TOKEN_S
