"""Registries over HTTP(S): resolve, fetch with resumption, push; tokens, basic auth, mirrors by hosts.toml.

Credentials go to the host they are for and its token service only: a redirect to another host drops them, and the
``urls`` of a descriptor are fetched without any.
"""

from __future__ import annotations

import json
import os
import re
import ssl
from base64 import b64encode
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self
from urllib.parse import urlencode, urljoin, urlsplit

from argosy.digest import Digest
from argosy.errors import InvalidArgument, NotFound, PermissionDenied, Unauthenticated, Unavailable, Unknown
from argosy.lazy import lazy
from argosy.oci.image import INDEX_TYPES, MANIFEST_TYPES, MAX_MANIFEST_BYTES, Descriptor
from argosy.oci.reference import Reference
from argosy.settings import read_toml

if TYPE_CHECKING:
    import aiohttp
else:
    # 110 ms, and most runs of a client pull nothing.
    aiohttp = lazy("aiohttp")

_ACCEPT: Final = ", ".join((*sorted(INDEX_TYPES | MANIFEST_TYPES), "*/*"))
_CHUNK: Final = 1 << 20
_CONNECT_S, _READ_S = 30, 60
_DOCKER: Final = "registry-1.docker.io"
_TRIES: Final = 5
_PARAMETER: Final = re.compile(r'(\w+)="([^"]*)"')


@dataclass(frozen=True)
class Host:
    """One place to ask."""

    base: str
    """``https://host/v2``"""
    capabilities: frozenset[str] = frozenset(("pull", "resolve", "push"))
    headers: Mapping[str, str] = field(default_factory=dict)
    verify: ssl.SSLContext | bool = True


def default_scheme(registry: str, plain: bool) -> str:
    """Return http for loopback and where asked, else https."""
    host = registry.rpartition(":")[0] if ":" in registry.rpartition("]")[2] else registry
    loopback = host in ("localhost", "[::1]") or host.startswith("127.")
    return "http" if plain or loopback else "https"


def hosts_for(registry: str, plain: bool = False, config: Path | None = None) -> list[Host]:
    """Return where to look for a registry's images: its mirrors by ``<config>/<registry>/hosts.toml``, then itself."""
    real = _DOCKER if registry == "docker.io" else registry
    own = Host(f"{default_scheme(registry, plain)}://{real}/v2")
    if config is None:
        return [own]
    for name in (registry, registry.replace(":", "_"), "_default"):
        file = config / name / "hosts.toml"
        if file.exists():
            break
    else:
        return [own]
    table = read_toml(file)
    found = [_host(url, values, file) for url, values in (table.get("host") or {}).items()]
    server = table.get("server")
    if server:
        found.append(_host(server, {k: v for k, v in table.items() if k not in ("host", "server")}, file))
    elif not any("push" in h.capabilities for h in found):
        found.append(own)
    return found


def _host(url: str, values: Mapping[str, Any], file: Path) -> Host:
    parts = urlsplit(url if "://" in url else f"https://{url}")
    known = {"capabilities", "ca", "client", "skip_verify", "header", "override_path"}
    unknown = set(values) - known
    if unknown:
        raise InvalidArgument(f'{file}: unknown key "{sorted(unknown)[0]}"; known keys: {", ".join(sorted(known))}')
    path = parts.path.rstrip("/")
    base = f"{parts.scheme}://{parts.netloc}{path if values.get('override_path') or path.endswith('/v2') else path + '/v2'}"
    verify: ssl.SSLContext | bool = True
    if values.get("skip_verify"):
        verify = False
    elif values.get("ca"):
        context = ssl.create_default_context()
        for ca in [values["ca"]] if isinstance(values["ca"], str) else values["ca"]:
            context.load_verify_locations(file.parent / ca)
        verify = context
    headers = {k: v if isinstance(v, str) else v[0] for k, v in (values.get("header") or {}).items()}
    return Host(base, frozenset(values.get("capabilities") or ("pull", "resolve", "push")), headers, verify)


@dataclass(frozen=True)
class Credentials:
    """A name and a secret for one registry."""

    username: str
    secret: str

    @property
    def header(self) -> str:
        return "Basic " + b64encode(f"{self.username}:{self.secret}".encode()).decode()


class Registry:
    """One repository of one registry, over all its hosts."""

    def __init__(
        self,
        reference: Reference,
        *,
        plain: bool = False,
        credentials: Credentials | None = None,
        hosts: Sequence[Host] | None = None,
    ) -> None:
        self.reference = reference
        config = os.environ.get("ARGOSY_HOSTS_DIR")
        self._hosts = (
            list(hosts) if hosts is not None else hosts_for(reference.registry, plain, Path(config) if config else None)
        )
        self._credentials = credentials
        self._tokens: dict[tuple[str, str], str] = {}
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        timeout = aiohttp.ClientTimeout(total=None, connect=_CONNECT_S, sock_read=_READ_S)
        self._session = aiohttp.ClientSession(
            timeout=timeout, auto_decompress=False, headers={"User-Agent": "argosy/0.1"}, read_bufsize=_CHUNK
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

    def _url(self, host: Host, kind: str, what: str) -> str:
        return f"{host.base}/{self.reference.repository}/{kind}/{what}"

    def _mirror_query(self, host: Host) -> dict[str, str]:
        own = urlsplit(host.base).netloc in (self.reference.registry, _DOCKER)
        return {} if own else {"ns": self.reference.registry}

    # -- one request, with authentication --

    async def _request(
        self, host: Host, method: str, url: str, scope: str, *, headers: Mapping[str, str] | None = None, data: Any = None,
        params: Mapping[str, str] | None = None,
    ) -> aiohttp.ClientResponse:  # fmt: skip
        """Send a request, answering one challenge. Redirects to other hosts lose the credentials. Raises Unavailable."""
        origin = urlsplit(host.base).netloc
        for attempt in range(2):
            sent = {**host.headers, **(headers or {})}
            token = self._tokens.get((origin, scope))
            if token and urlsplit(url).netloc == origin:
                sent["Authorization"] = token
            try:
                response = await self.session.request(
                    method, url, headers=sent, data=data() if callable(data) else data, params=params or {}, ssl=host.verify,
                    allow_redirects=False,
                )  # fmt: skip
            except (aiohttp.ClientError, TimeoutError) as error:
                raise Unavailable(
                    f"registry {origin}: {method} {urlsplit(url).path}: {error or type(error).__name__}"
                ) from error
            if response.status == 401 and attempt == 0 and urlsplit(url).netloc == origin:
                challenges = response.headers.getall("WWW-Authenticate", [])
                response.release()
                self._tokens[origin, scope] = await self._authorize(host, challenges, scope)
                continue
            if response.status in (301, 302, 303, 307, 308) and method in ("GET", "HEAD") and "Location" in response.headers:
                target = urljoin(url, response.headers["Location"])
                response.release()
                if urlsplit(target).scheme not in ("http", "https"):
                    raise Unknown(f"registry {origin} redirects to {target}, which is no web address")
                follow = {
                    k: v
                    for k, v in sent.items()
                    if urlsplit(target).netloc == origin or k.lower() not in ("authorization", "cookie")
                }
                try:
                    return await self.session.request(method, target, headers=follow, ssl=host.verify)
                except (aiohttp.ClientError, TimeoutError) as error:
                    raise Unavailable(f"registry {origin} redirected to {urlsplit(target).netloc}: {error}") from error
            return response
        raise AssertionError("unreachable: the second attempt returns")

    async def _authorize(self, host: Host, challenges: Sequence[str], scope: str) -> str:
        """Return an Authorization header that answers a challenge. Raises Unauthenticated."""
        origin = urlsplit(host.base).netloc
        for challenge in challenges:
            kind, _, rest = challenge.partition(" ")
            parameters = dict(_PARAMETER.findall(rest))
            if kind.lower() == "bearer" and "realm" in parameters:
                return await self._token(host, parameters, scope)
        for challenge in challenges:
            if challenge.lower().startswith("basic"):
                if self._credentials is None:
                    raise Unauthenticated(f"registry {origin} wants a user name and a password; give them with --user")
                return self._credentials.header
        raise Unauthenticated(f"registry {origin} refuses us and offers no way to authenticate that is known here")

    async def _token(self, host: Host, parameters: Mapping[str, str], scope: str) -> str:
        realm = parameters["realm"]
        if urlsplit(realm).scheme not in ("http", "https"):
            raise Unauthenticated(f"token service {realm} is no web address")
        query = {"scope": parameters.get("scope") or scope}
        if "service" in parameters:
            query["service"] = parameters["service"]
        headers = {"Authorization": self._credentials.header} if self._credentials else {}
        try:
            async with self.session.get(
                f"{realm}{'&' if '?' in realm else '?'}{urlencode(query)}", headers=headers, ssl=host.verify
            ) as response:
                if response.status != 200:
                    raise Unauthenticated(
                        f"token service {urlsplit(realm).netloc} answered {response.status}; check user name and password"
                    )
                answer = json.loads(await response.read())
        except (aiohttp.ClientError, TimeoutError, ValueError) as error:
            raise Unavailable(f"token service {urlsplit(realm).netloc}: {error}") from error
        token = answer.get("token") or answer.get("access_token")
        if not token:
            raise Unauthenticated(f"token service {urlsplit(realm).netloc} answered without a token")
        return f"Bearer {token}"

    @staticmethod
    async def _refusal(response: aiohttp.ClientResponse, what: str) -> Exception:
        body = await response.content.read(4096)
        try:
            said = "; ".join(e.get("message") or e.get("code") or "" for e in json.loads(body)["errors"])
        except (ValueError, KeyError, TypeError, AttributeError):
            said = body.decode("utf-8", "replace").strip()[:200]
        text = f"{what}: the registry answered {response.status}{f' ({said})' if said else ''}"
        response.release()
        kinds: dict[int, type[Exception]] = {401: Unauthenticated, 403: PermissionDenied, 404: NotFound, 429: Unavailable}
        if response.status >= 500:
            return Unavailable(text)
        return kinds.get(response.status, Unknown)(text)

    def _pull_scope(self) -> str:
        return f"repository:{self.reference.repository}:pull"

    # -- pulling --

    async def resolve(self) -> Descriptor:
        """Return what the reference points at now. Raises NotFound, Unauthenticated, Unavailable."""
        failure: Exception = Unavailable(f"no host serves {self.reference}")
        for host in self._hosts:
            if "resolve" not in host.capabilities:
                continue
            try:
                return await self._resolve_at(host)
            except (NotFound, Unavailable, Unauthenticated, PermissionDenied, Unknown) as error:
                failure = error
        raise failure

    async def _resolve_at(self, host: Host) -> Descriptor:
        url = self._url(host, "manifests", self.reference.target)
        query = self._mirror_query(host)
        response = await self._request(host, "HEAD", url, self._pull_scope(), headers={"Accept": _ACCEPT}, params=query)
        digest = response.headers.get("Docker-Content-Digest", "")
        size = int(response.headers.get("Content-Length") or 0)
        media_type = response.headers.get("Content-Type", "").partition(";")[0]
        status = response.status
        response.release()
        if status == 404:
            raise NotFound(f'"{self.reference}" is not in its registry')
        if status == 200 and digest and size and media_type:
            Digest.parse(digest)
            return Descriptor(media_type=media_type, digest=digest, size=size)
        response = await self._request(host, "GET", url, self._pull_scope(), headers={"Accept": _ACCEPT}, params=query)
        if response.status != 200:
            raise await self._refusal(response, str(self.reference))
        data = await response.content.read(MAX_MANIFEST_BYTES + 1)
        media_type = response.headers.get("Content-Type", "").partition(";")[0]
        response.release()
        if len(data) > MAX_MANIFEST_BYTES:
            raise InvalidArgument(f"{self.reference}: a manifest larger than {MAX_MANIFEST_BYTES} bytes is refused")
        digest = str(Digest.of(data))
        if self.reference.digest and self.reference.digest != digest:
            raise Unknown(f"{self.reference}: the registry sent {digest}")
        return Descriptor(media_type=media_type, digest=digest, size=len(data))

    async def fetch(self, descriptor: Descriptor, offset: int = 0) -> AsyncIterator[bytes]:
        """Yield a blob's or manifest's bytes from offset on. A broken connection is taken up where it broke."""
        at, tries = offset, 0
        while at < descriptor.size or not descriptor.size:
            try:
                async for chunk in self._fetch_once(descriptor, at):
                    at += len(chunk)
                    tries = 0
                    yield chunk
                if at >= descriptor.size:
                    return
                raise Unavailable(f"{descriptor.digest}: the registry sent {at} of {descriptor.size} bytes")
            except Unavailable:
                tries += 1
                if tries >= _TRIES:
                    raise

    async def _fetch_once(self, descriptor: Descriptor, offset: int) -> AsyncIterator[bytes]:
        kinds = ("manifests",) if descriptor.media_type in INDEX_TYPES | MANIFEST_TYPES else ("blobs",)
        failure: Exception = Unavailable(f"no host serves {descriptor.digest}")
        for host in self._hosts:
            if "pull" not in host.capabilities:
                continue
            for kind in kinds:
                headers = {"Accept": f"{descriptor.media_type}, */*"}
                if offset:
                    headers["Range"] = f"bytes={offset}-"
                url = self._url(host, kind, descriptor.digest)
                response = await self._request(
                    host, "GET", url, self._pull_scope(), headers=headers, params=self._mirror_query(host)
                )
                if response.status not in (200, 206):
                    failure = await self._refusal(response, descriptor.digest)
                    continue
                skip = offset if response.status == 200 else 0
                async for chunk in _body(response, skip, descriptor.digest):
                    yield chunk
                return
        for address in descriptor.urls:
            async for chunk in self._foreign(address, offset, descriptor.digest):
                yield chunk
            return
        raise failure

    async def _foreign(self, address: str, offset: int, digest: str) -> AsyncIterator[bytes]:
        """Fetch a descriptor's own URL: without any credentials (CVE-2020-15157)."""
        if urlsplit(address).scheme not in ("http", "https"):
            raise InvalidArgument(f"{digest}: {address} is no web address")
        headers = {"Range": f"bytes={offset}-"} if offset else {}
        try:
            response = await self.session.get(address, headers=headers)
        except (aiohttp.ClientError, TimeoutError) as error:
            raise Unavailable(f"{digest}: {address}: {error}") from error
        if response.status not in (200, 206):
            raise await self._refusal(response, digest)
        async for chunk in _body(response, offset if response.status == 200 else 0, digest):
            yield chunk

    # -- pushing --

    def _push_host(self) -> Host:
        for host in self._hosts:
            if "push" in host.capabilities:
                return host
        raise InvalidArgument(f"no host of {self.reference.registry} takes pushes")

    def _push_scope(self) -> str:
        return f"repository:{self.reference.repository}:pull,push"

    async def has(self, kind: str, digest: str) -> bool:
        """Return whether the registry has a blob or manifest."""
        host = self._push_host()
        response = await self._request(
            host, "HEAD", self._url(host, kind, digest), self._push_scope(), headers={"Accept": _ACCEPT}
        )
        response.release()
        return response.status == 200

    async def push_blob(self, digest: str, size: int, data: Any) -> None:
        """Upload a blob; data is a function that returns an async iterator of its bytes. Raises the registry's refusal."""
        host = self._push_host()
        scope = self._push_scope()
        response = await self._request(host, "POST", self._url(host, "blobs", "uploads/"), scope)
        if response.status != 202:
            raise await self._refusal(response, digest)
        target = urljoin(f"{host.base}/", response.headers["Location"])
        response.release()
        url = f"{target}{'&' if '?' in target else '?'}digest={digest}"
        headers = {"Content-Length": str(size), "Content-Type": "application/octet-stream"}
        response = await self._request(host, "PUT", url, scope, headers=headers, data=data)
        if response.status != 201:
            raise await self._refusal(response, digest)
        response.release()

    async def push_manifest(self, media_type: str, data: bytes, name: str) -> None:
        """Upload a manifest under a tag or digest. Raises the registry's refusal."""
        host = self._push_host()
        response = await self._request(
            host,
            "PUT",
            self._url(host, "manifests", name),
            self._push_scope(),
            headers={"Content-Type": media_type},
            data=data,
        )
        if response.status not in (200, 201):
            raise await self._refusal(response, name)
        response.release()


async def _body(response: aiohttp.ClientResponse, skip: int, digest: str) -> AsyncIterator[bytes]:
    try:
        async for chunk in response.content.iter_chunked(_CHUNK):
            if skip:
                dropped = min(skip, len(chunk))
                skip -= dropped
                chunk = chunk[dropped:]
            if chunk:
                yield chunk
    except (aiohttp.ClientError, TimeoutError) as error:
        raise Unavailable(f"{digest}: the connection broke: {error or type(error).__name__}") from error
    finally:
        response.close()
