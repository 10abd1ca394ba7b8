"""The plugins: one channel each, found by type and name, and listed as Introspection shows them."""

from __future__ import annotations

import platform
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from argosy.errors import FailedPrecondition, InvalidArgument, Unimplemented
from argosy.rpc.channel import Channel
from argosy.tables import SHORT_TYPES, ProxyPlugin
from argosy_protos.containerd.services.introspection.v1 import Plugin
from argosy_protos.containerd.types import Platform

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


@dataclass(frozen=True)
class Registered:
    """One plugin process."""

    name: str
    config: ProxyPlugin
    channel: Channel


@dataclass
class Registry:
    """All of them. Channels to one address are shared."""

    plugins: dict[tuple[str, str], Registered] = field(default_factory=dict)
    _channels: dict[str, Channel] = field(default_factory=dict)

    def add(self, name: str, config: ProxyPlugin) -> Registered:
        """Raises FailedPrecondition when the name is taken within its type."""
        at = (config.type, name)
        if at in self.plugins:
            raise FailedPrecondition(f'proxy plugin "{name}" of type {config.type} is configured twice')
        channel = self._channels.get(config.address)
        if channel is None:
            channel = self._channels[config.address] = Channel(config.address, name=f'{config.type} plugin "{name}"')
        registered = self.plugins[at] = Registered(name, config, channel)
        return registered

    def of_type(self, kind: str) -> Iterator[Registered]:
        """Yield the plugins of a short type, in order of configuration."""
        return (p for (t, _), p in self.plugins.items() if t == kind)

    def only(self, kind: str) -> Registered:
        """Return the plugin of a type of which there can be one. Raises Unimplemented, FailedPrecondition."""
        found = list(self.of_type(kind))
        if not found:
            raise Unimplemented(f"no {kind} plugin is configured; add one under [proxy_plugins]")
        if len(found) > 1:
            names = ", ".join(p.name for p in found)
            raise FailedPrecondition(f"{len(found)} {kind} plugins are configured ({names}) where one can serve")
        return found[0]

    def snapshotter(self, name: str) -> Registered:
        """Raises InvalidArgument, as containerd does for a snapshotter it has not."""
        if not name:
            raise InvalidArgument("snapshotter argument missing")
        found = self.plugins.get(("snapshot", name))
        if found is None:
            raise InvalidArgument(f"snapshotter not loaded: {name}")
        return found

    def close(self) -> None:
        for channel in self._channels.values():
            channel.close()


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
_IDS = {"content": "content", "diff": "walking", "tasks": "task"}


def listing(registry: Registry, own_exports: Mapping[tuple[str, str], Mapping[str, str]]) -> list[Plugin]:
    """Return the plugins as Introspection lists them: processes first, then what the gateway does itself."""
    here = host_platform()
    out: list[Plugin] = []
    for (kind, name), registered in registry.plugins.items():
        config = registered.config
        id = name if kind in ("snapshot", "sandbox") else _IDS[kind]
        if kind == "diff" and name != "diff":
            id = name
        wanted = here
        if config.platform:
            parts = config.platform.split("/")
            wanted = Platform(
                os=parts[0], architecture=parts[1] if len(parts) > 1 else "", variant=parts[2] if len(parts) > 2 else ""
            )
        out.append(
            Plugin(
                type=SHORT_TYPES[kind],
                id=id,
                platforms=[wanted] if kind in ("snapshot", "diff", "tasks") else [],
                exports={**config.exports, "address": config.address},
                capabilities=list(config.capabilities),
            )
        )
    for type_, id, requires in _OWN:
        out.append(Plugin(type=type_, id=id, requires=list(requires), exports=dict(own_exports.get((type_, id), {}))))
    return out
