"""The plugins as Introspection shows them, in containerd's terms."""

from __future__ import annotations

import platform
from collections.abc import Mapping, Sequence
from typing import Final, Protocol

from argosy.errors import Unavailable
from argosy.tables import SHORT_TYPES
from argosy_protos.containerd.services.introspection import v1 as p
from argosy_protos.containerd.types import Platform
from argosy_protos.google.rpc import Status

from argosy_gateway.plugins.plugin import Plugin, State
from argosy_gateway.plugins.registry import Registry

_ARCHITECTURES = {
    "x86_64": "amd64",
    "aarch64": "arm64",
    "armv7l": "arm",
    "ppc64le": "ppc64le",
    "s390x": "s390x",
    "riscv64": "riscv64",
}


def host_platform() -> Platform:
    """Return this machine's platform in OCI's words."""
    machine = platform.machine()
    return Platform(os="linux", architecture=_ARCHITECTURES.get(machine, machine))


# What this server serves by itself, in containerd's order and with containerd's ids: clients look some of them up.
_OWN: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    ("io.containerd.metadata.v1", "bolt", ("io.containerd.content.v1", "io.containerd.snapshotter.v1")),
    ("io.containerd.event.v1", "exchange", ()),
    ("io.containerd.gc.v1", "scheduler", ("io.containerd.metadata.v1",)),
    ("io.containerd.lease.v1", "manager", ("io.containerd.metadata.v1",)),
    *(
        ("io.containerd.service.v1", f"{s}-service", ("io.containerd.metadata.v1",))
        for s in ("introspection", "containers", "content", "diff", "images", "leases", "namespaces", "snapshots", "tasks")
    ),
    ("io.containerd.internal.v1", "restart", ("io.containerd.event.v1", "io.containerd.service.v1")),
    *(
        ("io.containerd.grpc.v1", s, ("io.containerd.service.v1",))
        for s in (
            "introspection", "containers", "content", "diff", "events", "healthcheck", "images", "leases", "namespaces",
            "sandboxes", "snapshots", "tasks", "version",
        )
    ),
)  # fmt: skip
# What comes with a transfer plugin.
_OF_TRANSFER: Final = (
    ("io.containerd.streaming.v1", "manager", ("io.containerd.metadata.v1",)),
    ("io.containerd.grpc.v1", "streaming", ("io.containerd.streaming.v1",)),
    ("io.containerd.grpc.v1", "transfer", ("io.containerd.transfer.v1", "io.containerd.streaming.v1")),
)
# What comes with a mounts plugin.
_OF_MOUNTS: Final = (
    ("io.containerd.mount-handler.v1", "erofs", ()),
    ("io.containerd.mount-handler.v1", "loop", ()),
    ("io.containerd.grpc.v1", "mounts", ("io.containerd.mount-manager.v1",)),
)
# containerd has no proxies of these types, and clients ask for its one plugin by this id.
_THE_ONLY: Final = {"tasks": "task", "transfer": "local", "mounts": "bolt"}


class Served(Protocol):
    """The services that plugins of the type ``service`` serve, by plugin."""

    def of(self, plugin: Plugin) -> list[str]: ...


class FallsBack(Protocol):
    """A snapshotter that has others to fall back on."""

    name: str

    @property
    def order(self) -> Sequence[str]: ...


def listing(
    registry: Registry, own_exports: Mapping[tuple[str, str], Mapping[str, str]], services: Served | None = None,
    chains: Mapping[str, FallsBack] | None = None,
) -> list[p.Plugin]:  # fmt: skip
    """Return the plugins as Introspection lists them: processes first, then what the gateway does itself."""
    chains = chains or {}
    here = host_platform()
    out: list[p.Plugin] = []
    for plugin in registry:
        kind, config = plugin.type, plugin.config
        wanted = here
        if config.platform:
            parts = config.platform.split("/")
            wanted = Platform(
                os=parts[0], architecture=parts[1] if len(parts) > 1 else "", variant=parts[2] if len(parts) > 2 else ""
            )
        chain = chains.get(plugin.name) if kind == "snapshot" else None
        out.append(
            p.Plugin(
                type=SHORT_TYPES[kind],
                id=_THE_ONLY.get(kind, plugin.name),
                platforms=[wanted] if kind in ("snapshot", "diff", "tasks") else [],
                exports={**config.exports, "address": config.address, **_served(plugin, services), **_fallback(chain)},
                capabilities=list(config.capabilities) if chain is None else _common(registry, chain),
                init_err=failure(plugin),
            )
        )
    # A snapshotter whose name is no plugin's.
    names = [chain for chain in chains.values() if ("snapshot", chain.name) not in registry.plugins]
    out += [
        p.Plugin(
            type=SHORT_TYPES["snapshot"], id=chain.name, platforms=[here], exports=_fallback(chain),
            capabilities=_common(registry, chain),
        )
        for chain in names
    ]  # fmt: skip
    with_them = (
        *(_OF_TRANSFER if any(registry.of_type("transfer")) else ()),
        *(_OF_MOUNTS if any(registry.of_type("mounts")) else ()),
    )
    for type_, id, requires in (*_OWN, *with_them):
        out.append(p.Plugin(type=type_, id=id, requires=list(requires), exports=dict(own_exports.get((type_, id), {}))))
    return out


def _fallback(chain: FallsBack | None) -> dict[str, str]:
    return {"fallback": ",".join(chain.order[1:])} if chain is not None and len(chain.order) > 1 else {}


def _common(registry: Registry, chain: FallsBack) -> list[str]:
    """Return what all plugins of a chain can do. A layer can't be put on another afterwards, which may be in another plugin."""
    found = [registry.plugins[at].capabilities for name in chain.order if (at := ("snapshot", name)) in registry.plugins]
    return [one for one in (found[0] if found else ()) if one != "rebase" and all(one in other for other in found)]


def _served(plugin: Plugin, services: Served | None) -> dict[str, str]:
    return {"services": ",".join(services.of(plugin))} if plugin.type == "service" and services is not None else {}


def failure(plugin: Plugin) -> Status | None:
    """Return why a plugin does not serve now, where containerd says why one did not start."""
    if plugin.condition not in (State.STARTING, State.READY) or plugin.channel.away:
        return Status(code=Unavailable.code, message=plugin.why())
    return None
