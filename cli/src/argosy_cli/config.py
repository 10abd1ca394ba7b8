"""A mesh's configuration: our own mesh.toml, strict; or a stock containerd config.toml, of which the known keys count.

What a mesh runs unless it is told is in the ``mesh.toml`` beside this file.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Final, Literal

from argosy.errors import InvalidArgument
from argosy.log import LEVELS
from argosy.settings import Settings, Strict, from_mesh, nearest, read_toml, validate
from argosy.tables import (
    SHORT_TYPES,
    Gc,
    ImageVerifiers,
    NamespaceTable,
    ProxyPlugin,
    Registries,
    Restart,
    SnapshotterTable,
    StreamProcessor,
)
from argosy.unpack.limits import Limits

from argosy_cli.directories import usual
from argosy_cli.services import plugin_of

TOPOLOGY: Final = Path(__file__).with_name("mesh.toml")
_TIMEOUT: Final = "io.containerd.timeout."
_STOCK_PLUGINS: Final = {
    "gc": "io.containerd.gc.v1.scheduler",
    "bolt": "io.containerd.metadata.v1.bolt",
    "diff": "io.containerd.service.v1.diff-service",
    "restart": "io.containerd.internal.v1.restart",
    "monitor": "io.containerd.monitor.container.v1.restart",
    "bindir": "io.containerd.image-verifier.v1.bindir",
}
_CRI: Final = "io.containerd.grpc.v1.cri"
_OURS: Final = frozenset(one.name for one in fields(Settings))
# As (uid_t) -1, the system's word for none.
_NOBODY: Final = (1 << 32) - 1


@dataclass(kw_only=True)
class ServiceConfig(Strict):
    """``[services.NAME]``: one process of the mesh."""

    kind: str
    """Which of the installed services it is."""
    name: str = ""
    """What clients call it: a snapshotter's name. By default its own, or this table's where that is not its kind."""
    start: Literal["on-demand", "at-once"] = "on-demand"
    """When it starts: with the first call, or with the mesh."""
    settings: dict[str, Any] = field(default_factory=dict)
    """The service's own settings, as ``argosy-<kind> --help`` lists them."""

    def shown(self, table: str) -> str:
        """Return what clients call it. table is the name of its own table."""
        return self.name or (plugin_of(self.kind).public_name if table == self.kind else table)


def _default_services() -> dict[str, ServiceConfig]:
    return {name: ServiceConfig(**table) for name, table in read_toml(TOPOLOGY)["services"].items()}


def timeouts(services: Mapping[str, ServiceConfig]) -> list[str]:
    """Return the timeouts that some service of a mesh can be told, by containerd's names."""
    return [key for one in services.values() for key in from_mesh(plugin_of(one.kind).settings) if key.startswith(_TIMEOUT)]


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
    reported_version: str = ""
    """What clients hear of our version, and after a space of our revision; "" for our own. `ctr version` warns of any other than its own."""
    restart_interval_s: float = 10.0
    idle_s: float = 15.0
    """A service that starts with its first call ends after so many seconds without one; 0: it stays."""
    gc: Gc = field(default_factory=Gc)
    restart: Restart = field(default_factory=Restart)
    registries: Registries = field(default_factory=Registries)
    image_verifiers: ImageVerifiers = field(default_factory=ImageVerifiers)
    services: dict[str, ServiceConfig] = field(default_factory=_default_services)
    proxy_plugins: dict[str, ProxyPlugin] = field(default_factory=dict)
    snapshotters: dict[str, SnapshotterTable] = field(default_factory=dict)
    namespaces: dict[str, NamespaceTable] = field(default_factory=dict)
    differs: list[str] = field(default_factory=list)
    """The differs that are asked before the others, in this order; the next one does what one says it can't."""
    stream_processors: dict[str, StreamProcessor] = field(default_factory=dict)
    layers: Limits = field(default_factory=Limits)
    timeouts: dict[str, str] = field(default_factory=dict)
    """By containerd's names and durations, such as ``"io.containerd.timeout.shim.load" = "5s"``."""
    cgroup: str = ""
    """A cgroup for the mesh's own processes, as a path below each hierarchy; containers have their own."""

    def __post_init__(self) -> None:
        if not 0 <= self.idle_s < math.inf:
            raise ValueError(f"idle_s must be a number of seconds, or 0 for services that stay, not {self.idle_s}")
        for name, number in (("uid", self.uid), ("gid", self.gid)):
            if not -1 <= number < _NOBODY:
                raise ValueError(f"{name} must be a number below {_NOBODY}, or -1 for nobody, not {number}")
        for shown, table in self.snapshotters.items():
            if shown in table.fallback:
                raise ValueError(f'snapshotters.{shown}: it falls back on itself; take "{shown}" out of its fallback')
        known = timeouts(self.services) if self.timeouts else []
        for name in self.timeouts:
            if name not in known:
                raise ValueError(f'unknown timeout "{name}"{nearest(name, known)}')


@dataclass
class Loaded:
    """A configuration with what was not understood in it."""

    mesh: MeshConfig
    ignored: list[str] = field(default_factory=list)


def defaults() -> MeshConfig:
    """Return the defaults for this user: the system's directories for root, XDG's for others."""
    root, state = usual()
    table = {k: v for k, v in read_toml(TOPOLOGY).items() if k != "services"}
    # What is installed with us needs no check at every start: a test has it checked.
    return MeshConfig(**{**table, "gc": Gc(**table["gc"]), "root": Path(root), "state": Path(state)})


def parse_mesh(table: Mapping[str, Any], source: str) -> MeshConfig:
    """Return our own configuration. Raises InvalidArgument that names the key and the nearest known one."""
    base = defaults()
    services = {"services": _services(table["services"], source)} if "services" in table else {}
    return validate(MeshConfig, {"root": base.root, "state": base.state, **table, **services}, source)


def _services(said: Any, source: str) -> Any:
    """Return the services that a file says: with a kind in any of its tables all that there are, else what it changes of the usual ones.

    Who wants one setting need not write down the whole mesh. Raises InvalidArgument for a table without a kind that changes none.
    """
    if (
        not isinstance(said, dict)
        or not said
        or not all(isinstance(one, dict) and "kind" not in one for one in said.values())
    ):
        return said
    usual_ones = read_toml(TOPOLOGY)["services"]
    for name, table in said.items():
        if not {one.name for one in fields(ServiceConfig)}.issuperset(table):
            return said  # a key is wrong, and that is told
        if name not in usual_ones:
            raise InvalidArgument(
                f'{source}: no service is usually called "{name}"{nearest(name, list(usual_ones))}; one that a file adds has a kind, and all others are written beside it'
            )
    return {name: {**table, **said.get(name, {})} for name, table in usual_ones.items()}


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
    disabled = reader.take("disabled_plugins") or []
    if not isinstance(disabled, list) or not all(isinstance(id, str) for id in disabled):
        raise InvalidArgument(f'{source}: disabled_plugins is {disabled!r}; write a list of ids, such as ["{_CRI}"]')
    services, left = _without(_default_services(), disabled, short_ids=version == 1)
    restart = {_STOCK_PLUGINS["restart"], _STOCK_PLUGINS["monitor"], *(("restart",) if version == 1 else ())}
    if restart.intersection(disabled):
        values["restart_interval_s"] = 0.0
    left = [id for id in left if id not in restart]
    for name, one in services.items():
        # What a plugin of containerd's is told, ours of that type and name is told, too, as far as it knows the words.
        service = plugin_of(one.kind)
        stock = f"{SHORT_TYPES[service.plugin]}.{one.shown(name)}"
        for key in (x.name for x in fields(service.settings) if x.name not in _OURS):
            if (value := reader.take("plugins", stock, key)) is not None:
                one.settings[key] = value
    values["services"] = services
    for plugin in (_STOCK_PLUGINS["diff"], "diff-service"):
        if (order := reader.take("plugins", plugin, "default")) is not None:
            values["differs"] = order
    verifiers = {key: reader.take("plugins", _STOCK_PLUGINS["bindir"], key) for key in ("bin_dir", "max_verifiers")}
    if (text := reader.take("plugins", _STOCK_PLUGINS["bindir"], "per_verifier_timeout")) is not None:
        verifiers["per_verifier_timeout_s"] = seconds(text, f"{source}: per_verifier_timeout")
    if verifiers := {key: value for key, value in verifiers.items() if value is not None}:
        values["image_verifiers"] = verifiers
    for key in ("proxy_plugins", "snapshotters", "namespaces", "stream_processors", "layers"):
        if (value := reader.take(key)) is not None:
            values[key] = value
    if (cgroup := reader.take("cgroup", "path")) is not None:
        values["cgroup"] = cgroup
    found = {name: reader.take("timeouts", name) for name in timeouts(services)}
    values["timeouts"] = {k: v for k, v in found.items() if v is not None}
    return Loaded(validate(MeshConfig, values, source), [*reader.ignored(), *(f'disabled_plugins "{id}"' for id in left)])


def _without(
    services: Mapping[str, ServiceConfig], disabled: Collection[str], short_ids: bool
) -> tuple[dict[str, ServiceConfig], list[str]]:
    """Return the services that are not disabled, and of disabled what runs here all the same.

    A plugin that is disabled leaves its name to a proxy. Where we have no plugin of such a type and id, it is off anyway; of what
    the gateway does itself only the restart monitor can be turned off. short_ids: an id alone will do, as in version 1.
    """
    names = {name: f"{SHORT_TYPES[plugin_of(one.kind).plugin]}.{one.shown(name)}" for name, one in services.items()}
    off = {name for name, id in names.items() if id in disabled or (short_ids and id.rpartition(".")[2] in disabled)}
    types = {id.rpartition(".")[0] for id in names.values()}

    def runs_here(id: str) -> bool:
        return id.rpartition(".")[0] not in types and id != _CRI and ("." in id or not short_ids)

    return {name: one for name, one in services.items() if name not in off}, [id for id in disabled if runs_here(id)]


def as_table(mesh: MeshConfig) -> dict[str, Any]:
    """Return a configuration as the table that it could be read from."""
    from pydantic import TypeAdapter

    table: dict[str, Any] = TypeAdapter(MeshConfig).dump_python(mesh, mode="json")
    return table


def load(path: Path | None) -> Loaded:
    """Return the configuration in a file, or the defaults. A ``version`` key says that it is containerd's."""
    if path is None:
        return Loaded(defaults())
    table = read_toml(path)
    loaded = parse_stock(table, str(path)) if "version" in table else Loaded(parse_mesh(table, str(path)))
    _sensible(loaded.mesh, str(path))
    return loaded


def _sensible(mesh: MeshConfig, source: str) -> None:
    """Raise InvalidArgument for what a file can say and no mesh can be."""
    for key in ("root", "state", "address", "ttrpc_address"):
        path: Path | None = getattr(mesh, key)
        if path is not None and not path.is_absolute():
            raise InvalidArgument(f'{source}: {key} "{path}" is no absolute path; write it from the root on')
    if mesh.log_level not in LEVELS:
        raise InvalidArgument(f'{source}: log level "{mesh.log_level}" is not one of {", ".join(LEVELS)}')
