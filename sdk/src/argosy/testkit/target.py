"""Whose socket is judged: a plugin's own, or a daemon's, where namespaces and leases are needed and given back at the end."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from argosy_protos.containerd.services.introspection.v1 import IntrospectionStub, PluginsRequest
from argosy_protos.containerd.services.leases import v1 as leases
from argosy_protos.containerd.services.namespaces import v1 as namespaces
from argosy_protos.containerd.services.version.v1 import VersionStub
from argosy_protos.google.protobuf import Empty

from argosy.client.jobs import given_back
from argosy.errors import ArgosyError, DeadlineExceeded, Unavailable
from argosy.labels import GC_EXPIRE
from argosy.names import LEASE_HEADER, NAMESPACE_HEADER, check_namespace
from argosy.rpc.channel import BoundChannel, Channel

# Begins every name that a suite makes.
PREFIX: Final = "argosy-verify-"
# How long what a killed run leaves in a daemon is kept from its collection.
_LEASE_LIFE: Final = timedelta(hours=1)


@dataclass(frozen=True)
class Target:
    """Who is judged."""

    address: str
    channel: BoundChannel
    """Adds what a daemon wants of each call."""
    deadline_s: float
    """What one call may take."""
    run: str
    """Begins every name that is made: a word of this run's own."""
    namespace: str
    version: str
    """A daemon's version; empty for a plugin's own socket."""
    store: Target | None = None
    """Where a differ's layers are, if that is not at the same socket."""
    made: dict[str, None] = field(default_factory=dict)
    """What was made under names that are not ours to choose, as the digests of blobs."""

    @property
    def is_daemon(self) -> bool:
        return bool(self.version)

    async def snapshotters(self) -> list[str]:
        """Return the names of a daemon's snapshotters. Raises what it says."""
        reply = await IntrospectionStub(self.channel).plugins(PluginsRequest())
        return sorted(
            plugin.id
            for plugin in reply.plugins
            if plugin.type == "io.containerd.snapshotter.v1" and plugin.init_err is None
        )

    async def collect(self) -> None:
        """Have a daemon remove now what nothing names any more; a plugin does that when it is told to remove. Raises what it says."""
        if not self.is_daemon:
            return
        id = f"{self.run}-collect"
        stub = leases.LeasesStub(self.channel)
        await stub.create(leases.CreateRequest(id=id))
        await stub.delete(leases.DeleteRequest(id=id, sync=True))


async def _version(channel: Channel) -> str:
    """Return a daemon's version, "" for a plugin. Raises Unavailable, DeadlineExceeded when nobody answers."""
    try:
        return (await VersionStub(channel).version(Empty())).version or "unknown"
    except (Unavailable, DeadlineExceeded):
        raise
    except ArgosyError:
        return ""


@asynccontextmanager
async def reached(address: str | Path, namespace: str = "", deadline_s: float = 5.0) -> AsyncIterator[Target]:
    """Yield who listens at a socket. In a daemon, what is made in the block is held by a lease, which goes with it.

    Without a namespace it is one of this run's own, which goes too. Raises Unavailable, DeadlineExceeded, and what
    a daemon refuses.
    """
    if namespace:
        check_namespace(namespace)
    run = f"{PREFIX}{secrets.token_hex(4)}"
    own = not namespace
    namespace = namespace or run
    async with Channel(address, default_timeout_s=deadline_s) as channel:
        version = await _version(channel)
        named = channel.with_metadata({NAMESPACE_HEADER: namespace})
        if not version:
            yield Target(channel.path, named, deadline_s, run, namespace, version)
            return
        expire = (datetime.now(UTC) + _LEASE_LIFE).strftime("%Y-%m-%dT%H:%M:%SZ")
        leased = named.with_metadata({LEASE_HEADER: run})
        try:
            if own:
                await namespaces.NamespacesStub(named).create(
                    namespaces.CreateNamespaceRequest(namespace=namespaces.Namespace(name=namespace))
                )
            await leases.LeasesStub(named).create(leases.CreateRequest(id=run, labels={GC_EXPIRE: expire}))
            yield Target(channel.path, leased, deadline_s, run, namespace, version)
        finally:
            await given_back(_leave(named, run, namespace if own else ""), deadline_s * 4)


async def _leave(channel: BoundChannel, lease: str, namespace: str) -> None:
    """Give back a lease, and a namespace if it is ours."""
    with suppress(ArgosyError):  # it never came to be, or expires by itself
        await leases.LeasesStub(channel).delete(leases.DeleteRequest(id=lease, sync=True))
    if namespace:
        with suppress(ArgosyError):  # something is left in it, which the report says
            await namespaces.NamespacesStub(channel).delete(namespaces.DeleteNamespaceRequest(name=namespace))
