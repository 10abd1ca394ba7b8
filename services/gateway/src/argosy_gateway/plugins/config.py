"""The gateway's settings: our own TOML, strict, in containerd's syntax where containerd has one."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from argosy.models import BaseModel, ConfigDict, Field, field_validator
from argosy.settings import Settings

SHORT_TYPES = {
    "snapshot": "io.containerd.snapshotter.v1",
    "content": "io.containerd.content.v1",
    "diff": "io.containerd.differ.v1",
    "sandbox": "io.containerd.sandbox.controller.v1",
    "tasks": "io.containerd.runtime.v2",
}
_LONG = {v: k for k, v in SHORT_TYPES.items()}


class ProxyPlugin(BaseModel):
    """One ``[proxy_plugins.NAME]`` table."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    type: str
    address: str
    platform: str = ""
    exports: dict[str, str] = Field(default_factory=dict)
    capabilities: list[str] = Field(default_factory=list)
    on_demand: bool = False
    """Whether the first call starts it: it is not called without need."""

    @field_validator("type")
    @classmethod
    def _known(cls, value: str) -> str:
        short = _LONG.get(value, value)
        if short not in SHORT_TYPES:
            raise ValueError(f"unknown plugin type; use one of {', '.join(SHORT_TYPES)}")
        return short


class GcSettings(BaseModel):
    """``[gc]``: see argosy_gateway.gc.scheduler. Delays are seconds."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    pause_threshold: float = 0.02
    deletion_threshold: int = 0
    mutation_threshold: int = 100
    schedule_delay_s: float = 0.0
    startup_delay_s: float = 0.1


class GatewaySettings(Settings):
    """What a gateway can be told."""

    state: Path = Field(description="directory for what does not outlive a reboot")
    ttrpc_address: Path | None = Field(default=None, description="socket of the event endpoint; default <address>.ttrpc")
    uid: int = Field(default=-1, description="owner of the socket; default: who starts it")
    gid: int = Field(default=-1, description="group that may use the socket")
    content_sharing_policy: Literal["shared", "isolated"] = "shared"
    restart_interval_s: float = Field(default=10.0, description="how often the restart monitor looks; 0 turns it off")
    proxy_plugins: dict[str, ProxyPlugin] = Field(default_factory=dict)
    gc: GcSettings = Field(default_factory=GcSettings)
    disabled_plugins: list[str] = Field(default_factory=list)
