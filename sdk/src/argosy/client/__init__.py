"""A typed asynchronous client of containerd's contract, for our mesh and any other daemon."""

from __future__ import annotations

from typing import TYPE_CHECKING

from argosy.lazy import later

if TYPE_CHECKING:
    from argosy.client.connection import Client
    from argosy.client.containers import Container
    from argosy.client.foreground import Foreground, Interrupted
    from argosy.client.processes import Process
    from argosy.client.progress import Progress
    from argosy.client.resolvers import Registries, Resolver
    from argosy.client.services import Services
    from argosy.client.stdio import Stdio
    from argosy.client.tasks import Task
else:
    # Who lists containers pulls none.
    __getattr__ = later(
        __name__,
        {
            "Client": "connection", "Container": "containers", "Foreground": "foreground", "Interrupted": "foreground",
            "Process": "processes", "Progress": "progress", "Registries": "resolvers", "Resolver": "resolvers",
            "Services": "services", "Stdio": "stdio", "Task": "tasks",
        },
    )  # fmt: skip

__all__ = (
    "Client",
    "Container",
    "Foreground",
    "Interrupted",
    "Process",
    "Progress",
    "Registries",
    "Resolver",
    "Services",
    "Stdio",
    "Task",
)
