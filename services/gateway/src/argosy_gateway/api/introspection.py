"""containerd.services.introspection.v1.Introspection and containerd.services.version.v1.Version."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from argosy import filters
from argosy.errors import NotFound, Unimplemented
from argosy.rpc.server import inline
from argosy.tables import SHORT_TYPES
from argosy.timestamps import to_wire
from argosy_protos.containerd.services.introspection import v1 as p
from argosy_protos.containerd.services.version.v1 import VersionBase, VersionResponse
from argosy_protos.google.protobuf import Any as AnyMessage
from argosy_protos.google.protobuf import Empty

from argosy_gateway.backends.tasks import runtime_info
from argosy_gateway.core import Core
from argosy_gateway.plugins.listing import listing

# Clients parse the version; the contract served is that of containerd 1.7's API plus what is listed in the docs. `ctr version` warns
# of a mismatch unless both strings are its own, byte for byte (an empty one differs, too). Debian's would want to hear that we are
# Debian's build of containerd 1.6.20: a request doesn't say which client asks, and we are not. Who wants that says so.
VERSION: Final = "1.7.0+argosy.0.1.0"
REVISION: Final = "argosy-0.1.0"


# Where control groups of version 2 are, and no others.
UNIFIED: Final = Path("/sys/fs/cgroup/cgroup.controllers")
# containerd's name for it, by which its clients' users look it up.
CGROUP_V1: Final = "io.containerd.deprecation/cgroup-v1"


def deprecations(now_ns: int, unified: Path = UNIFIED) -> list[p.DeprecationWarning]:
    """Return what this machine or its configuration uses that will not be served for ever; containerd's 2.x ctr says so with each of its commands."""
    if unified.exists():
        return []
    told = (
        "this machine has control groups of version 1, which newer runtimes, and containerd after May 2029, do not serve;"
        " boot it with systemd.unified_cgroup_hierarchy=1"
    )
    return [p.DeprecationWarning(id=CGROUP_V1, message=told, last_occurrence=to_wire(now_ns))]


class Version(VersionBase):
    """containerd.services.version.v1.Version: the version that this gateway says it is."""

    def __init__(self, reported: str) -> None:
        """reported is what a configuration wants to be heard, "VERSION" or "VERSION REVISION"; "" for our own."""
        version, _, revision = reported.partition(" ")
        self._answer = VersionResponse(version=version or VERSION, revision=revision or REVISION)

    @inline
    async def version(self, request: Empty) -> VersionResponse:
        return self._answer


class Introspection(p.IntrospectionBase):
    """containerd.services.introspection.v1.Introspection: the plugins, and the server's uuid and process."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self._deprecations = deprecations(time.time_ns())

    def _plugins(self) -> list[p.Plugin]:
        core = self._core
        gc = core.settings.gc
        exports = {
            ("io.containerd.metadata.v1", "bolt"): {
                "policy": core.settings.content_sharing_policy,
                "path": str(core.db.path),
            },
            ("io.containerd.gc.v1", "scheduler"): {
                "PauseThreshold": f"{gc.pause_threshold:g}",
                "DeletionThreshold": str(gc.deletion_threshold),
                "MutationThreshold": str(gc.mutation_threshold),
                "ScheduleDelay": f"{gc.schedule_delay_s:g}s",
            },
        }
        return listing(core.registry, exports, core.services, core.chains)

    @inline
    async def plugins(self, request: p.PluginsRequest) -> p.PluginsResponse:
        wanted = filters.parse(request.filters)

        def matches(plugin: p.Plugin) -> bool:
            def look(path: Sequence[str]) -> str | None:
                return {"type": plugin.type, "id": plugin.id}.get(".".join(path)) or None

            return wanted.matches(look)

        return p.PluginsResponse(plugins=[x for x in self._plugins() if matches(x)])

    @inline
    async def server(self, request: Empty) -> p.ServerResponse:
        pidns = os.stat("/proc/self/ns/pid").st_ino
        return p.ServerResponse(uuid=self._core.uuid, pid=os.getpid(), pidns=pidns, deprecations=self._deprecations)

    async def plugin_info(self, request: p.PluginInfoRequest) -> p.PluginInfoResponse:
        """Options are a question to the plugin itself; only the task manager takes one: what a runtime can do.

        Raises NotFound, Unimplemented for options of a plugin that takes none, what the task manager raises.
        """
        for plugin in self._plugins():
            if plugin.type == request.type and plugin.id == request.id:
                extra = await self._extra(request) if request.options is not None else None
                return p.PluginInfoResponse(plugin=plugin, extra=extra)
        raise NotFound(f'plugin "{request.type}.{request.id}"')

    async def _extra(self, request: p.PluginInfoRequest) -> AnyMessage | None:
        if request.type != SHORT_TYPES["tasks"]:
            raise Unimplemented(f'plugin "{request.type}.{request.id}" says no more of itself; ask without options')
        return await runtime_info(self._core.registry, request)
