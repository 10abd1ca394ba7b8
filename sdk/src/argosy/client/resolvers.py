"""Where images come from: a resolver leads from a name to a descriptor, and from a descriptor to its bytes."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import AsyncExitStack, aclosing
from functools import partial
from pathlib import Path
from typing import Protocol, Self

from argosy.client.credentials import Ask, Credentials
from argosy.client.ranges import LANES, Lanes
from argosy.client.registry import Registry
from argosy.client.web import Trace, Warn, warned
from argosy.errors import InvalidArgument
from argosy.oci.image import Descriptor
from argosy.oci.reference import Reference


class Resolver(Protocol):
    """Leads from an image's name to its content. ``Registries`` is what a client has that is given none.

    Nothing that a resolver says is taken on trust: a name with a digest means that digest, and a blob is stored only if its
    bytes are those of its descriptor. It may raise any class of ``argosy.errors``; who pulls gets that. A pull that fails or
    is cancelled cancels the calls that it has made.
    """

    async def resolve(self, reference: Reference) -> Descriptor:
        """Return the index or manifest that a name stands for now, its size in bytes. Raises NotFound, Unavailable."""
        ...

    def fetch(self, reference: Reference, descriptor: Descriptor, offset: int = 0) -> AsyncIterator[bytes]:
        """Yield a document or a blob of the image that a name stands for, in pieces of any size.

        offset is how many bytes an earlier pull has already. Called for several blobs at once. A generator is closed when the
        pull ends before it does. Raises NotFound, Unavailable.
        """
        ...


class Registries:
    """The resolver that asks the registry of a name, by way of its mirrors. Use it as an async context manager.

    It keeps the connections and tokens of every name that it was asked for until the block is left.
    """

    def __init__(
        self, *, plain: bool = False, credentials: Credentials | Ask | None = None, hosts_dir: Path | None = None,
        headers: Mapping[str, str] | None = None, trace: Trace | None = None, warn: Warn = warned, lanes: Lanes | None = LANES,
        login: str = "--user",
    ) -> None:  # fmt: skip
        """plain is HTTP without TLS. credentials and headers are for the registry of the name, and for no mirror; the rest is as ``Registry`` takes it."""
        self._strange = partial(Registry, hosts_dir=hosts_dir, trace=trace, warn=warn, lanes=lanes, login=login)
        self._strangers = set[Reference]()
        self._made = partial(self._strange, plain=plain, credentials=credentials, headers=headers)
        self._open: dict[Reference, Registry] = {}
        self._stack: AsyncExitStack | None = None

    async def __aenter__(self) -> Self:
        self._stack = AsyncExitStack()
        return self

    async def __aexit__(self, *_: object) -> None:
        stack, self._stack = self._stack, None
        self._open.clear()
        if stack is not None:
            await stack.aclose()

    async def of(self, reference: Reference) -> Registry:
        """Return the registry of a name, opened once. Raises InvalidArgument for a bad hosts.toml, and for a proxy that is none."""
        if self._stack is None:
            raise InvalidArgument("registries are not open: use Registries() as an async context manager")
        registry = self._open.get(reference)
        if registry is None:
            made = self._strange if reference in self._strangers else self._made
            registry = self._open[reference] = await self._stack.enter_async_context(made(reference))
        return registry

    def pulled_as(self, reference: Reference, other: Reference) -> None:
        """Note that a daemon has a name come from another one. What its client gave us for the one registry is not for the other."""
        if other.registry != reference.registry:
            self._strangers.add(other)

    async def resolve(self, reference: Reference) -> Descriptor:
        """Raises NotFound, Unauthenticated, PermissionDenied, Unavailable, DataLoss, InvalidArgument, Unknown."""
        return await (await self.of(reference)).resolve()

    async def fetch(self, reference: Reference, descriptor: Descriptor, offset: int = 0) -> AsyncGenerator[bytes, None]:
        """A broken connection is taken up where it broke. Raises what ``resolve`` raises."""
        registry = await self.of(reference)
        async with aclosing(registry.fetch(descriptor, offset)) as pieces:
            async for piece in pieces:
                yield piece

    def came_in_parts(self, reference: Reference, digest: str) -> bool:
        """Return whether a blob came in several ranges the last time; it comes over one connection the next time."""
        registry = self._open.get(reference)
        return registry is not None and registry.came_in_parts(digest)
