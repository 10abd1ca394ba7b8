"""A client: a namespace and the services it uses, each of which may be anything with the same methods.

By default all services are stubs on one socket. Pass ``Services`` with another socket's stub, or a local object, to
put another implementation in the place of any of them.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Self

from argosy.client.daemon import START, default_address
from argosy.client.jobs import given_back
from argosy.client.services import Services
from argosy.errors import ArgosyError
from argosy.labels import GC_EXPIRE
from argosy.names import DEFAULT_NAMESPACE, LEASE_HEADER, NAMESPACE_HEADER
from argosy.rpc.channel import NO_DEADLINE, Channel
from argosy.rpc.engine import WINDOWS, Windows

if TYPE_CHECKING:
    from argosy.client.resolvers import Resolver

LEASE_LIFE: Final = timedelta(hours=24)
DEFAULT_SNAPSHOTTER: Final = "overlayfs"
DEFAULT_RUNTIME: Final = "io.containerd.runc.v2"


class Defaults(NamedTuple):
    """A namespace's choices, by their names."""

    snapshotter: str
    runtime: str


class Client:
    """One namespace of one daemon. Use it as an async context manager."""

    def __init__(
        self,
        address: str | Path | None = None,
        namespace: str = "",
        services: Services | None = None,
        resolver: Resolver | None = None,
        lease: str = "",
        windows: Windows = WINDOWS,
    ) -> None:
        """resolver is where pulled images come from; by default the registries that their names say. lease is one of somebody else's, to work under.

        windows say how much of an answer may come before it is read.
        """
        self.namespace = namespace or os.environ.get("CONTAINERD_NAMESPACE") or DEFAULT_NAMESPACE
        self.address = str(address or default_address())
        self._channel = Channel(
            self.address, name="containerd", default_timeout_s=NO_DEADLINE, remedy=START, windows=windows
        )
        self.services = services or Services(self._channel.with_metadata({NAMESPACE_HEADER: self.namespace}))
        self.resolver = resolver
        self._lease = lease
        self._leaving: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        try:
            if self._leaving:
                await given_back(asyncio.wait(self._leaving))
        finally:
            self.close()

    def close(self) -> None:
        self._channel.close()

    def replace(self, **services: Any) -> None:
        """Put other implementations in the place of services, by their names. Raises TypeError for a name that is none."""
        self.services = self.services.replaced(**services)

    async def defaults(self) -> Defaults:
        """Return what the namespace's labels say, or else what is usual."""
        from argosy_protos.containerd.services.namespaces.v1 import GetNamespaceRequest

        reply = await self.services.namespaces.get(GetNamespaceRequest(name=self.namespace))
        labels = reply.namespace.labels if reply.namespace else {}
        return Defaults(
            labels.get("containerd.io/defaults/snapshotter") or DEFAULT_SNAPSHOTTER,
            labels.get("containerd.io/defaults/runtime") or DEFAULT_RUNTIME,
        )

    async def default_snapshotter(self) -> str:
        """Return the namespace's default snapshotter."""
        return (await self.defaults()).snapshotter

    @asynccontextmanager
    async def lease(self, linger: bool = False) -> AsyncIterator[Services]:
        """Yield services whose every call is made under a fresh lease, which goes with the block or after a day.

        A client that was given a lease uses that, and leaves it to whoever made it. A fresh one is given back though the block is cancelled. One that
        may linger is gone when the client is left; the block's end does not wait for it.
        """
        if self._lease:
            yield self.services.with_metadata({LEASE_HEADER: self._lease})
            return
        from argosy_protos.containerd.services.leases.v1 import CreateRequest

        expire = (datetime.now(UTC) + LEASE_LIFE).strftime("%Y-%m-%dT%H:%M:%SZ")
        # The name is ours: who is cancelled before the answer comes knows what to give back.
        id = f"{time.time_ns() % 1_000_000_000}-{os.urandom(4).hex()}"
        leased = self.services.with_metadata({LEASE_HEADER: id})
        try:
            await self.services.leases.create(CreateRequest(id=id, labels={GC_EXPIRE: expire}))
            yield leased
        finally:
            if linger:
                leaving = asyncio.create_task(given_back(self._end_lease(id)))  # noqa: TID251 - owned by the client, which waits for it when it is left
                self._leaving.add(leaving)
                leaving.add_done_callback(self._leaving.discard)
            else:
                await given_back(self._end_lease(id))

    async def _end_lease(self, id: str) -> None:
        from argosy_protos.containerd.services.leases.v1 import DeleteRequest

        try:
            await self.services.leases.delete(DeleteRequest(id=id))
        except ArgosyError:
            pass  # it never came to be, or expires by itself
