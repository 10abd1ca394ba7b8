"""The task manager as a service of a mesh: its name, how it is started, and its settings."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from argosy.service import Service, main_of
from argosy.settings import Settings, option


@dataclass(frozen=True, kw_only=True)
class TasksSettings(Settings):
    """The task manager's settings: its directories, and the daemon that its tasks belong to."""

    state: Path = option("directory for bundles; does not outlive a reboot", mesh="state")
    gateway: Path = option("socket of the daemon that knows the containers and takes events", mesh="address")
    ttrpc: Path | None = option("socket that shims publish events to; default <gateway>.ttrpc", None, mesh="ttrpc_address")
    publish_binary: str = option("program that shims without ttrpc publish events with", "")
    state_timeout_s: float = option(
        "how long a shim may take to say its state", 2.0, mesh="io.containerd.timeout.task.state"
    )
    stats_timeout_s: float = option(
        "how long a shim may take to measure", 2.0, mesh="io.containerd.timeout.metrics.shimstats"
    )
    load_timeout_s: float = option(
        "how long an adopted shim may take to answer", 5.0, mesh="io.containerd.timeout.shim.load"
    )
    cleanup_timeout_s: float = option(
        "how long cleaning up after a dead shim may take", 5.0, mesh="io.containerd.timeout.shim.cleanup"
    )
    shutdown_timeout_s: float = option("how long a shim may take to leave", 3.0, mesh="io.containerd.timeout.shim.shutdown")
    require_safe_runc: bool = option("make no container with a runc or crun that has a known way out of one", False)
    bundles: str = option("directory name below state and root", "io.containerd.runtime.v2.task")


def has_tasks(settings: TasksSettings) -> bool:
    """Return whether an earlier run left bundles: their shims wait to be adopted, or to be cleaned up after."""
    bases = (settings.state / settings.bundles, settings.root / settings.bundles)
    return any(next(base.glob("*/*"), None) is not None for base in bases)


SERVICE = Service(
    "tasks", TasksSettings, main_of(__package__), about="task manager",
    plugin="tasks", public_name="task", folder="tasks", wanted=has_tasks,
)  # fmt: skip
