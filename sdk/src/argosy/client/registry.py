"""Registries over HTTP(S): resolve, fetch with resumption, push; what is asked at which host is in ``argosy.client.repository``."""

from __future__ import annotations

import os
import re
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode

from argosy.client.answers import media_type, whole
from argosy.client.credentials import Ask, Credentials
from argosy.client.downloads import Download, is_large
from argosy.client.hosts import Host, hosts_for
from argosy.client.ranges import LANES, Lanes
from argosy.client.repository import DOCUMENTS, Repository
from argosy.client.tokens import Tokens
from argosy.client.web import Trace, Warn, Web, check_headers, warned
from argosy.digest import Digest
from argosy.errors import ArgosyError, DataLoss, InvalidArgument, NotFound, Unavailable
from argosy.oci.image import INDEX_TYPES, MAX_MANIFEST_BYTES, Descriptor, media_type_of
from argosy.oci.reference import Reference

_ACCEPT: Final = ", ".join((*sorted(DOCUMENTS), "*/*"))
_MOST_LINK: Final = 4096
_NEXT: Final = re.compile(r'<([^<>]*)>\s*;\s*rel="?next"?(?=[\s,;]|$)')
_NOT_ALL_THERE: Final = (
    "; an index goes with all that it names: pull the image with --all-platforms, or push it for one platform alone"
)


class Registry(Repository):
    """What one repository of one registry has, over all its hosts: resolved, fetched, listed and pushed."""

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
        config = hosts_dir or os.environ.get("ARGOSY_HOSTS_DIR")
        found = list(hosts) if hosts is not None else hosts_for(reference.registry, plain, Path(config) if config else None)
        if headers:
            added = list(headers.items())
            check_headers(added)
            found = [replace(h, headers=[*h.headers, *added]) if h.is_registry else h for h in found]
        web = Web(trace, warn)
        super().__init__(reference, found, web, Tokens(web, reference.registry, credentials, login))
        self._lanes = lanes
        self._in_parts: dict[str, int] = {}
        """By digest: how often a blob was handed on that came in several ranges."""

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
        if response.status == 200 and said and size and media_type(response) in DOCUMENTS:
            self._is_asked(str(Digest.parse(said)))
            self._is_small(size)
            return Descriptor(media_type=media_type(response), digest=said, size=size)
        response = await self.request(host, "GET", url, self._pull_scope(), headers=headers, strict=strict)
        if response.status != 200:
            raise await self.refusal(response, str(self.reference))
        try:
            data = await whole(response, MAX_MANIFEST_BYTES, f"the manifest of {self.reference}")
        finally:
            response.close()
        digest = str(Digest.of(data))
        if self.reference.digest and not self.reference.digest.startswith("sha256:"):
            digest = str(Digest.of(data, Digest.parse(self.reference.digest).algorithm))
        self._is_asked(digest)
        # A server of files may not know the type: the document says what it is.
        told = media_type(response)
        return Descriptor(media_type=told if told in DOCUMENTS else media_type_of(data), digest=digest, size=len(data))

    def _is_asked(self, digest: str) -> None:
        if self.reference.digest and self.reference.digest != digest:
            raise DataLoss(f"{self.reference}: the registry answers with {digest}")

    def _is_small(self, size: int) -> None:
        if size > MAX_MANIFEST_BYTES:
            raise InvalidArgument(
                f"the manifest of {self.reference} has {size} bytes; more than {MAX_MANIFEST_BYTES} are refused"
            )

    def fetch(self, descriptor: Descriptor, offset: int = 0) -> AsyncGenerator[bytes, None]:
        """Return what yields a blob's or manifest's bytes from offset on, as many as the descriptor says and never more.

        A broken connection is taken up where it broke. A large blob comes in several ranges at a time, unless its host does not take them, or says
        something odd: then the rest comes over one connection. Raises Unavailable, DataLoss (the registry has another number of bytes), and what
        each of its hosts refuses with. Close it when you stop early: its connections end with it.
        """
        digest = descriptor.digest
        lanes = self._lanes if self._may_come_in_parts(descriptor, offset) else None
        if digest in self._in_parts:
            self._in_parts[digest] += 1
        return Download(self, descriptor, lanes, lambda: self._in_parts.update({digest: 1})).run(offset)

    def _may_come_in_parts(self, descriptor: Descriptor, offset: int) -> bool:
        large = is_large(descriptor, offset) and descriptor.media_type not in DOCUMENTS
        return large and self._lanes is not None and self._lanes.most > 0 and not self._in_parts.get(descriptor.digest)

    def came_in_parts(self, digest: str) -> bool:
        """Return whether a blob came in several ranges when it was fetched last. It comes over one connection the next time: were its bytes others, a range lied."""
        return self._in_parts.get(digest) == 1

    # -- lists --

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
            following = _NEXT.search(response.headers.get("Link", "")[:_MOST_LINK])
            return await whole(response, MAX_MANIFEST_BYTES, what), following[1] if following else ""
        finally:
            response.close()

    # -- pushing --

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
