"""Tables of a configuration that the mesh and its services share.

``[proxy_plugins.NAME]``, ``[snapshotters.NAME]``, ``[namespaces.NAME]``, ``[gc]``, ``[restart]``, ``[registries]``, ``[stream_processors.ID]``,
``[image_verifiers]``.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

from argosy.settings import Strict

SHORT_TYPES: Final = {
    "snapshot": "io.containerd.snapshotter.v1",
    "content": "io.containerd.content.v1",
    "diff": "io.containerd.differ.v1",
    "sandbox": "io.containerd.sandbox.controller.v1",
    "tasks": "io.containerd.runtime.v2",
    "transfer": "io.containerd.transfer.v1",
    "mounts": "io.containerd.mount-manager.v1",
    "service": "io.containerd.grpc.v1",
    "depot": "io.argosy.depot.v1",
    "hook": "io.argosy.hook.v1",
    "verifier": "io.containerd.image-verifier.v1",
}
PROCESSOR: Final = "processor"
"""The type of stream processors, which are programs, and no plugins of containerd's: they have no long type and no socket."""
ALONE: Final = ("content", "tasks", "transfer", "mounts")
"""Of these types one plugin can serve; which of two were meant nobody knows. Content that a namespace names doesn't count."""
TRANSFER_KINDS: Final = ("registry", "image", "oci", "archive", "blob", "snapshot", "container")
"""What a source or sink of a transfer may be besides a depot."""
BINDIR: Final = "bindir"
"""What containerd calls the programs of the directory of verifiers together."""
TAKEN_NAMES: Final[Mapping[str, tuple[str, ...]]] = {"depot": TRANSFER_KINDS, "verifier": (BINDIR,)}
"""Names that no plugin of a type may have, since they mean something else where one is named."""
_MOST_COMMAND_BYTES: Final = 128 << 10
_LONG: Final = {long: short for short, long in SHORT_TYPES.items()}
# Keys that mean something to some types only.
_ONLY_FOR: Final = {
    "services": ("service",), "roots": ("snapshot",), "cleanup": ("snapshot", "content"), "deadline_s": ("hook", "verifier"), "fail": ("hook",),
}  # fmt: skip
POINTS: Final = ("pre-pull", "resolved", "layer-ready", "unpacked", "pre-run")
"""When hooks are asked: which of them one is asked at its capabilities say; without any, at all."""
_MOST_DEADLINE_S: Final = 600.0


@dataclass(frozen=True, kw_only=True)
class ProxyPlugin(Strict):
    """One ``[proxy_plugins.NAME]`` table."""

    type: str
    """The short form, a key of SHORT_TYPES; the long one is understood, too."""
    address: str = ""
    """Its socket. One that is started by command gets one."""
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
    command: list[str] = field(default_factory=list)
    """The words of the program that serves it, which the supervisor starts; ``{address}`` in them is its socket."""
    directory: str = ""
    """Where the program starts."""
    deadline_s: float = 0.0
    """For the types ``hook`` and ``verifier``: how long it may take to answer; 0 for 5 s of a hook and 10 s of a verifier."""
    fail: str = "closed"
    """For the type ``hook``: what no answer means, ``closed`` (denied) or ``open`` (allowed)."""

    def __post_init__(self) -> None:
        short = _LONG.get(self.type, self.type)
        if short not in SHORT_TYPES:
            raise ValueError(f'unknown plugin type "{self.type}"; use one of {", ".join(SHORT_TYPES)}')
        object.__setattr__(self, "type", short)
        if self.cleanup not in ("own", "all"):
            raise ValueError(f'cleanup "{self.cleanup}" is neither "own" nor "all"')
        if self.fail not in ("closed", "open"):
            raise ValueError(f'fail "{self.fail}" is neither "closed" nor "open"')
        if not 0 <= self.deadline_s <= _MOST_DEADLINE_S:
            raise ValueError(f"deadline_s must be a number of seconds up to {_MOST_DEADLINE_S:g}, not {self.deadline_s}")
        for key, types in _ONLY_FOR.items():
            if short not in types and getattr(self, key) not in ([], "own", 0.0, "closed"):
                raise ValueError(
                    f'{key} means nothing to a plugin of the type "{short}", only to {" and ".join(types)}; take it out'
                )
        if short == "hook" and (odd := [word for word in self.capabilities if word not in POINTS]):
            raise ValueError(f'a hook is asked at no point "{odd[0]}"; its capabilities are some of {", ".join(POINTS)}')
        if not self.address and not self.command:
            raise ValueError("neither an address nor a command; say where its socket is, or how it is started")
        if self.directory and not self.command:
            raise ValueError("directory means nothing without a command; take it out")
        words = (*self.command, self.directory)
        if any("\0" in word for word in words):
            raise ValueError("a zero byte in the command or directory, which no program can be given; take it out")
        if sum(len(word.encode()) for word in words) > _MOST_COMMAND_BYTES:
            raise ValueError(
                f"a command of more than {_MOST_COMMAND_BYTES} bytes, which is too long; give it a file to read instead"
            )
        paths = [(key, path) for key in ("address", "directory") if (path := getattr(self, key))]
        for key, path in (*paths, *(("roots", root) for root in self.roots), *self._export()):
            if not path.removeprefix("unix://").startswith("/"):
                raise ValueError(f'{key} "{path}" is no absolute path; write it from the root on')

    def _export(self) -> list[tuple[str, str]]:
        return [("exports.root", self.exports["root"])] if "root" in self.exports else []


@dataclass(frozen=True, kw_only=True)
class SnapshotterTable(Strict):
    """One ``[snapshotters.NAME]`` table."""

    fallback: list[str] = field(default_factory=list)
    """The snapshotters that make what this one can't, for a reason of its own, in this order; one of them need not be there yet."""

    def __post_init__(self) -> None:
        for name in self.fallback:
            if not name or self.fallback.count(name) > 1:
                raise ValueError(f'fallback names "{name}" {self.fallback.count(name)} times; write each snapshotter once')


@dataclass(frozen=True, kw_only=True)
class NamespaceTable(Strict):
    """One ``[namespaces.NAME]`` table."""

    content: str = ""
    """The content plugin that has its blobs; by default the one that no namespace names."""


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
class Registries(Strict):
    """``[registries]``: what plugins that fetch by themselves may ask the gateway for (``argosy.credentials.v1``)."""

    docker_config: str = ""
    """A docker configuration with names and passwords, or the helpers that have them; without it tokens are those of anybody."""
    hosts_dir: str = ""
    """The directory of the registries' hosts.toml."""

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if value and not value.startswith("/"):
                raise ValueError(f'{name} "{value}" is no absolute path; write it from the root on')


@dataclass(frozen=True, kw_only=True)
class ImageVerifiers(Strict):
    """``[image_verifiers]``: the programs that verify images, as containerd's plugin ``bindir`` runs them, and which images are verified."""

    bin_dir: str = "/opt/containerd/image-verifier/bin"
    """The directory of the programs. Without it there are none."""
    max_verifiers: int = 10
    """How many of them are run, the first by name; a negative number for all."""
    per_verifier_timeout_s: float = 10.0
    cover: str = "transfer"
    """``transfer``: images that are pulled by a client that asks, which is what Transfer and ours do. ``all``: whatever gets a name, by any client."""

    def __post_init__(self) -> None:
        if self.cover not in ("transfer", "all"):
            raise ValueError(f'cover "{self.cover}" is neither "transfer" nor "all"')
        if not self.bin_dir.startswith("/"):
            raise ValueError(f'bin_dir "{self.bin_dir}" is no absolute path; write it from the root on')
        if not 0 < self.per_verifier_timeout_s <= _MOST_DEADLINE_S:
            raise ValueError(
                f"per_verifier_timeout_s must be a number of seconds up to {_MOST_DEADLINE_S:g}, not {self.per_verifier_timeout_s}"
            )


@dataclass(frozen=True, kw_only=True)
class StreamProcessor(Strict):
    """One ``[stream_processors.ID]`` table."""

    accepts: list[str]
    returns: str
    path: str
    args: list[str] = field(default_factory=list)
    env: list[str] = field(default_factory=list)
    direction: Literal["apply", "push"] = "apply"
    """Whether it leads from a stored layer towards its tar, or from what a differ packs towards what is stored."""

    def environment(self) -> dict[str, str]:
        """Return the variables that it has: those that are configured, and a PATH."""
        env = dict(entry.split("=", 1) for entry in self.env if "=" in entry)
        env.setdefault("PATH", os.environ.get("PATH", os.defpath))
        return env

    def program(self) -> str | None:
        """Return the file that is its program, None where there is none; a bare name is one of its PATH, else one that came with us."""
        import shutil  # only who has some waits for it

        path = self.environment()["PATH"]
        return shutil.which(self.path, path=os.pathsep.join((path, os.path.dirname(sys.executable))))
