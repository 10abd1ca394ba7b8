"""argosy-gateway: the one socket that clients dial."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from argosy import log
from argosy.loops import keep_going
from argosy.roots import private
from argosy.service import ServiceContext, run
from argosy.ttrpc.server import TtrpcServer
from argosy_protos.argosy.diff.v1 import LayersBase
from argosy_protos.argosy.shims.v1 import ShimsBase

from argosy_gateway.api.containers import Containers
from argosy_gateway.api.content import Content, Ingests
from argosy_gateway.api.credentials import Credentials
from argosy_gateway.api.events import Events, add_ttrpc
from argosy_gateway.api.images import Images
from argosy_gateway.api.intercepts import Intercepts
from argosy_gateway.api.introspection import Introspection, Version
from argosy_gateway.api.leases import Leases
from argosy_gateway.api.mounts import Mounts
from argosy_gateway.api.namespaces import Namespaces
from argosy_gateway.api.plugins import Plugins
from argosy_gateway.api.policy import Policy
from argosy_gateway.api.pulls import Pulls
from argosy_gateway.api.sandboxes import Store
from argosy_gateway.api.snapshots import Snapshots
from argosy_gateway.backends.diff import Diff
from argosy_gateway.backends.sandboxes import Controller
from argosy_gateway.backends.services import Services
from argosy_gateway.backends.tasks import Tasks
from argosy_gateway.backends.transfer import Depots, Transfer
from argosy_gateway.calls import Namespaced
from argosy_gateway.core import Core
from argosy_gateway.directory import NAME as DIRECTORY
from argosy_gateway.directory import Directory
from argosy_gateway.interception import Interception
from argosy_gateway.plugins.config import GatewaySettings
from argosy_gateway.processors import Processors
from argosy_gateway.registration import Registration
from argosy_gateway.restart import RestartMonitor
from argosy_gateway.service import SERVICE


async def start(ctx: ServiceContext[GatewaySettings]) -> Sequence[Any]:
    settings = ctx.settings
    core = await Core.open(settings, ctx.tasks)
    ctx.on_close(core.close)
    ctx.memory.also(core.db.shrink)
    core.collected = ctx.memory.used
    ctx.owner = settings.uid, settings.gid
    private(settings.state)
    ttrpc = TtrpcServer()
    add_ttrpc(ttrpc, core)
    await ttrpc.listen_unix(settings.ttrpc_address or Path(f"{settings.address}.ttrpc"))
    ctx.on_close(ttrpc.close)
    core.start_loops()
    if settings.restart_interval_s > 0:
        ctx.tasks.start_soon(RestartMonitor(settings.address, settings.restart_interval_s, core).run)
    ctx.gauges["gc_runs"] = lambda: core.scheduler.runs
    ctx.gauges["gc_last_s"] = lambda: f"{core.scheduler.last_s:.3f}"
    ctx.gauges["events"] = lambda: core.events.sequence
    ctx.gauges["db_transactions"] = lambda: core.db.statistics().transactions
    ctx.gauges["gc_left_out"] = core.left_dirty
    log.get("gateway").debug("gateway.plugins", plugins=sorted(f"{t}/{n}" for t, n in core.registry.plugins))
    namespaced: list[Any] = [
        Containers(core), Images(core), Leases(core), Snapshots(core), Store(core),
        Diff(core.registry, core.policy, settings.differs), Tasks(core.registry, core.db.reader, core.policy), Controller(core.registry, core.db.reader),
        Tasks(core.registry, core.db.reader, core.policy, ShimsBase), Content(core), Ingests(core), Pulls(core), Mounts(core), Policy(core),
        Diff(core.registry, core.policy, settings.differs, LayersBase),
        Depots(core.registry),
    ]  # fmt: skip
    registration = Registration(core)
    registration.take_up()
    services: list[Any] = [
        Version(core.settings.reported_version), Introspection(core), Namespaces(core), Events(core), Plugins(core, registration, Processors(core)),
        Intercepts(Interception(core, registration.admission)),
        Credentials(settings.registries),
        *map(Namespaced, namespaced),
        Transfer(core.registry),
    ]  # fmt: skip
    own = {path.split("/")[1] for service in services for path in service.__mapping__()}
    ctx.server.elsewhere = core.serve(Services((), ctx.server, own))
    directory = Directory(core, registration, settings.state / DIRECTORY)
    core.registry.look_for_guards()
    ctx.tasks.start_soon(keep_going, "registration directory", directory.run)
    return services


def main() -> None:
    os.environ.setdefault("ARGOSY_H2", "ngh2")
    run(SERVICE)


if __name__ == "__main__":
    main()
