"""Tables of a configuration that the mesh and its services share: ``[proxy_plugins.NAME]``, ``[gc]``, ``[restart]``, ``[stream_processors.ID]``."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from argosy.settings import Strict

SHORT_TYPES: Final = {
    "snapshot": "io.containerd.snapshotter.v1",
    "content": "io.containerd.content.v1",
    "diff": "io.containerd.differ.v1",
    "sandbox": "io.containerd.sandbox.controller.v1",
    "tasks": "io.containerd.runtime.v2",
    "service": "io.containerd.grpc.v1",
}
ALONE: Final = ("content", "diff", "tasks")
"""Of these types one plugin can serve; which of two were meant nobody knows."""
_LONG: Final = {long: short for short, long in SHORT_TYPES.items()}
# Keys that mean something to some types only.
_ONLY_FOR: Final = {"services": ("service",), "roots": ("snapshot",), "cleanup": ("snapshot", "content")}


@dataclass(frozen=True, kw_only=True)
class ProxyPlugin(Strict):
    """One ``[proxy_plugins.NAME]`` table."""

    type: str
    """The short form, a key of SHORT_TYPES; the long one is understood, too."""
    address: str
    platform: str = ""
    exports: dict[str, str] = field(default_factory=dict)
    capabilities: list[str] = field(default_factory=list)
    on_demand: bool = False
    """Whether the first call starts it: it is not called without need."""
    uids: list[int] = field(default_factory=list)
    """Users that may serve the socket, beside root and whoever runs the gateway."""
    roots: list[str] = field(default_factory=list)
    """Directories below which the sources of its mounts must lie; by default its exported root, where there is one."""
    cleanup: str = "own"
    """What collection may remove from a plugin that can't be claimed: ``own``, what this gateway made, or ``all``."""
    services: list[str] = field(default_factory=list)
    """For the type ``service``: the gRPC services to relay; by default those that the plugin's reflection lists."""

    def __post_init__(self) -> None:
        short = _LONG.get(self.type, self.type)
        if short not in SHORT_TYPES:
            raise ValueError(f'unknown plugin type "{self.type}"; use one of {", ".join(SHORT_TYPES)}')
        object.__setattr__(self, "type", short)
        if self.cleanup not in ("own", "all"):
            raise ValueError(f'cleanup "{self.cleanup}" is neither "own" nor "all"')
        for key, types in _ONLY_FOR.items():
            if short not in types and getattr(self, key) not in ([], "own"):
                raise ValueError(
                    f'{key} means nothing to a plugin of the type "{short}", only to {" and ".join(types)}; take it out'
                )
        for key, path in (("address", self.address), *(("roots", root) for root in self.roots), *self._export()):
            if not path.removeprefix("unix://").startswith("/"):
                raise ValueError(f'{key} "{path}" is no absolute path; write it from the root on')

    def _export(self) -> list[tuple[str, str]]:
        return [("exports.root", self.exports["root"])] if "root" in self.exports else []


@dataclass(frozen=True, kw_only=True)
class Gc(Strict):
    """``[gc]``: thresholds of the collector; delays are seconds."""

    pause_threshold: float = 0.02
    deletion_threshold: int = 0
    mutation_threshold: int = 100
    schedule_delay_s: float = 0.0
    startup_delay_s: float = 0.1

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if value < 0:
                raise ValueError(f"{name} must not be negative, and is {value:g}")


@dataclass(frozen=True, kw_only=True)
class Restart(Strict):
    """``[restart]``: what the restart monitor may do with what a label says."""

    log_uris: list[str] = field(default_factory=list)
    """Where ``containerd.io/restart.loguri`` may point. ``binary://`` URIs stand here whole, arguments and all; one of
    ``file://`` or ``fifo://`` that ends in a slash allows what lies beneath it. Empty: a restarted task keeps no log."""

    def __post_init__(self) -> None:
        for uri in self.log_uris:
            from urllib.parse import urlsplit  # only who has some waits for it

            parts = urlsplit(uri)
            if parts.scheme not in ("binary", "binary-v2", "file", "fifo") or parts.netloc or not parts.path.startswith("/"):
                raise ValueError(
                    f'log_uris: "{uri}" is none of binary:///program?args, file:///directory/ and fifo:///directory/'
                )


@dataclass(frozen=True, kw_only=True)
class StreamProcessor(Strict):
    """One ``[stream_processors.ID]`` table."""

    accepts: list[str]
    returns: str
    path: str
    args: list[str] = field(default_factory=list)
    env: list[str] = field(default_factory=list)
