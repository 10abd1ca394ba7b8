"""A mesh's configuration: our own mesh.toml, strict; or a stock containerd config.toml, of which the known keys count."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal

from argosy.errors import InvalidArgument
from argosy.settings import Strict, nearest, read_toml, validate
from argosy.tables import Gc, ProxyPlugin, StreamProcessor

from argosy_cli.places import usual

# containerd's timeout -> the task manager's setting.
TIMEOUTS: Final = {
    "io.containerd.timeout.task.state": "state_timeout_s",
    "io.containerd.timeout.metrics.shimstats": "stats_timeout_s",
    "io.containerd.timeout.shim.load": "load_timeout_s",
    "io.containerd.timeout.shim.cleanup": "cleanup_timeout_s",
    "io.containerd.timeout.shim.shutdown": "shutdown_timeout_s",
}
_STOCK_PLUGINS: Final = {
    "gc": "io.containerd.gc.v1.scheduler",
    "bolt": "io.containerd.metadata.v1.bolt",
    "restart": "io.containerd.internal.v1.restart",
    "monitor": "io.containerd.monitor.container.v1.restart",
    "overlay": "io.containerd.snapshotter.v1.overlayfs",
}


@dataclass(kw_only=True)
class ServiceConfig(Strict):
    """``[services.NAME]``: one process of the mesh."""

    kind: Literal["content", "snapshotter-overlay", "snapshotter-native", "snapshotter-erofs", "diff", "tasks"]
    name: str = ""
    """What clients call it: a snapshotter's name."""
    start: Literal["on-demand", "at-once"] = "on-demand"
    """When it starts: with the first call, or with the mesh."""
    settings: dict[str, Any] = field(default_factory=dict)
    """The service's own settings, as ``argosy-<kind> --help`` lists them."""


def _default_services() -> dict[str, ServiceConfig]:
    return {
        "content": ServiceConfig(kind="content"),
        "snapshotter-overlay": ServiceConfig(kind="snapshotter-overlay", name="overlayfs"),
        "snapshotter-native": ServiceConfig(kind="snapshotter-native", name="native"),
        "snapshotter-erofs": ServiceConfig(kind="snapshotter-erofs", name="erofs"),
        "diff": ServiceConfig(kind="diff"),
        "tasks": ServiceConfig(kind="tasks"),
    }


@dataclass(kw_only=True)
class MeshConfig(Strict):
    """mesh.toml."""

    root: Path = Path("/var/lib/argosy")
    state: Path = Path("/run/argosy")
    address: Path | None = None
    ttrpc_address: Path | None = None
    uid: int = -1
    gid: int = -1
    log_level: str = "info"
    content_sharing_policy: Literal["shared", "isolated"] = "shared"
    restart_interval_s: float = 10.0
    gc: Gc = field(default_factory=Gc)
    services: dict[str, ServiceConfig] = field(default_factory=_default_services)
    proxy_plugins: dict[str, ProxyPlugin] = field(default_factory=dict)
    stream_processors: dict[str, StreamProcessor] = field(default_factory=dict)
    timeouts: dict[str, str] = field(default_factory=dict)
    """By containerd's names and durations, such as ``"io.containerd.timeout.shim.load" = "5s"``."""
    cgroup: str = ""
    """A cgroup for the mesh's own processes, as a path below each hierarchy; containers have their own."""

    def __post_init__(self) -> None:
        for name in self.timeouts:
            if name not in TIMEOUTS:
                raise ValueError(f'unknown timeout "{name}"{nearest(name, list(TIMEOUTS))}')


@dataclass
class Loaded:
    """A configuration with what was not understood in it."""

    mesh: MeshConfig
    ignored: list[str] = field(default_factory=list)


def defaults() -> MeshConfig:
    """Return the defaults for this user: the system's places for root, XDG's for others."""
    root, state = usual()
    return MeshConfig(root=Path(root), state=Path(state))


def parse_mesh(table: Mapping[str, Any], source: str) -> MeshConfig:
    """Return our own configuration. Raises InvalidArgument that names the key and the nearest known one."""
    base = defaults()
    return validate(MeshConfig, {"root": base.root, "state": base.state, **table}, source)


def seconds(text: Any, source: str) -> float:
    """Return a Go duration ("1m30s", "100ms") in seconds. Raises InvalidArgument."""
    import re

    units = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
    if isinstance(text, int | float):
        return float(text) * 1e-9
    parts = re.findall(r"(\d+(?:\.\d+)?)(ns|us|µs|ms|s|m|h)", str(text))
    if not parts or "".join(n + u for n, u in parts) != str(text):
        if str(text) == "0":
            return 0.0
        raise InvalidArgument(f'{source}: "{text}" is not a duration such as "100ms" or "1m30s"')
    return sum(float(n) * units[u] for n, u in parts)


class _Reader:
    """Takes known keys out of a stock config and remembers the rest."""

    def __init__(self, table: Mapping[str, Any]) -> None:
        self.left: dict[str, Any] = _copy(table)

    def take(self, *path: str) -> Any:
        table: Any = self.left
        for part in path[:-1]:
            table = table.get(part) if isinstance(table, dict) else None
            if table is None:
                return None
        return table.pop(path[-1], None) if isinstance(table, dict) else None

    def ignored(self) -> list[str]:
        found: list[str] = []

        def walk(prefix: str, value: Any) -> None:
            if isinstance(value, dict):
                for key, inner in value.items():
                    walk(f"{prefix}.{key}" if prefix else key, inner)
            else:
                found.append(prefix)

        walk("", self.left)
        return sorted(found)


def _copy(value: Any) -> Any:
    return {k: _copy(v) for k, v in value.items()} if isinstance(value, dict) else value


def parse_stock(table: Mapping[str, Any], source: str) -> Loaded:
    """Return a containerd config (version 1 to 4) as a mesh: keys with a meaning here count, the rest are listed."""
    reader = _Reader(table)
    version = reader.take("version") or 1
    if version not in (1, 2, 3, 4):
        raise InvalidArgument(f"{source}: containerd config version {version} is not known; 2, 3 and 4 are")
    base = defaults()
    values: dict[str, Any] = {"root": base.root, "state": base.state}
    for key in ("root", "state"):
        if (value := reader.take(key)) is not None:
            values[key] = value
    for path, key in (
        (("grpc", "address"), "address"), (("plugins", "io.containerd.server.v1.grpc", "address"), "address"),
        (("ttrpc", "address"), "ttrpc_address"), (("plugins", "io.containerd.server.v1.ttrpc", "address"), "ttrpc_address"),
        (("grpc", "uid"), "uid"), (("grpc", "gid"), "gid"), (("debug", "level"), "log_level"),
    ):  # fmt: skip
        value = reader.take(*path)
        if value not in (None, ""):
            values[key] = value
    gc: dict[str, Any] = {}
    for key in ("pause_threshold", "deletion_threshold", "mutation_threshold"):
        for plugin in (_STOCK_PLUGINS["gc"], "scheduler"):
            if (value := reader.take("plugins", plugin, key)) is not None:
                gc[key] = value
    for key in ("schedule_delay", "startup_delay"):
        if (value := reader.take("plugins", _STOCK_PLUGINS["gc"], key)) is not None:
            gc[f"{key}_s"] = seconds(value, f"{source}: {key}")
    if gc:
        values["gc"] = gc
    if (policy := reader.take("plugins", _STOCK_PLUGINS["bolt"], "content_sharing_policy")) is not None:
        values["content_sharing_policy"] = policy
    for plugin in (_STOCK_PLUGINS["restart"], _STOCK_PLUGINS["monitor"]):
        if (value := reader.take("plugins", plugin, "interval")) is not None:
            values["restart_interval_s"] = seconds(value, f"{source}: interval")
    services = _default_services()
    overlay = services["snapshotter-overlay"].settings
    for key in ("mount_options", "upperdir_label", "sync_remove"):
        if (value := reader.take("plugins", _STOCK_PLUGINS["overlay"], key)) is not None:
            overlay[key] = value
    values["services"] = services
    for key in ("proxy_plugins", "stream_processors"):
        if (value := reader.take(key)) is not None:
            values[key] = value
    if (cgroup := reader.take("cgroup", "path")) is not None:
        values["cgroup"] = cgroup
    found = {name: reader.take("timeouts", name) for name in TIMEOUTS}
    values["timeouts"] = {k: v for k, v in found.items() if v is not None}
    return Loaded(validate(MeshConfig, values, source), reader.ignored())


def as_table(mesh: MeshConfig) -> dict[str, Any]:
    """Return a configuration as the table that it could be read from."""
    from argosy.models import TypeAdapter

    table: dict[str, Any] = TypeAdapter(MeshConfig).dump_python(mesh, mode="json")
    return table


def load(path: Path | None) -> Loaded:
    """Return the configuration in a file, or the defaults. A ``version`` key says that it is containerd's."""
    if path is None:
        return Loaded(defaults())
    table = read_toml(path)
    if "version" in table:
        return parse_stock(table, str(path))
    return Loaded(parse_mesh(table, str(path)))
