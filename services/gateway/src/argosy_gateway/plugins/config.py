"""The gateway's settings: our own TOML, strict, in containerd's syntax where containerd has one."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from argosy.settings import Settings, option
from argosy.tables import (
    Gc,
    ImageVerifiers,
    NamespaceTable,
    ProxyPlugin,
    Registries,
    Restart,
    SnapshotterTable,
    StreamProcessor,
)


@dataclass(frozen=True, kw_only=True)
class GatewaySettings(Settings):
    """The gateway's settings, as flags, variables and a file."""

    state: Path = option("directory for what does not outlive a reboot")
    ttrpc_address: Path | None = option("socket of the event endpoint; default <address>.ttrpc", None)
    uid: int = option("owner of the socket; default: who starts it", -1)
    gid: int = option("group that may use the socket", -1)
    content_sharing_policy: Literal["shared", "isolated"] = "shared"
    reported_version: str = option(
        "what clients hear of our version, and after a space of our revision; default: our own", ""
    )
    restart_interval_s: float = option("how often the restart monitor looks; 0 turns it off", 10.0)
    supervisor: Path | None = option("socket of who starts plugins by command; without it there are none", None)
    proxy_plugins: dict[str, ProxyPlugin] = field(default_factory=dict)
    snapshotters: dict[str, SnapshotterTable] = field(default_factory=dict)
    namespaces: dict[str, NamespaceTable] = field(default_factory=dict)
    stream_processors: dict[str, StreamProcessor] = field(default_factory=dict)
    differs: list[str] = field(default_factory=list)
    """Those that are asked before the others, in this order."""
    gc: Gc = field(default_factory=Gc)
    restart: Restart = field(default_factory=Restart)
    registries: Registries = field(default_factory=Registries)
    image_verifiers: ImageVerifiers = field(default_factory=ImageVerifiers)
