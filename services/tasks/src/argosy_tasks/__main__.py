"""argosy-tasks: the task manager, as a process of its own."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence

from argosy import log
from argosy.roots import private
from argosy.rpc import short
from argosy.rpc.channel import Channel
from argosy.service import ServiceContext, run
from argosy_protos._service import ServiceBase

from argosy_tasks.bootstrap import Starter
from argosy_tasks.checkpoints import Checkpoints
from argosy_tasks.gate import Gate
from argosy_tasks.gateway import Gateway
from argosy_tasks.introspection import Introspection
from argosy_tasks.logs import keep_short
from argosy_tasks.rootfs import Rootfs
from argosy_tasks.roster import Roster, Timeouts
from argosy_tasks.runtimes import Runtimes, own_directory
from argosy_tasks.service import SERVICE, TasksSettings
from argosy_tasks.servicer import Tasks
from argosy_tasks.shims import Shims


async def start(ctx: ServiceContext[TasksSettings]) -> Sequence[ServiceBase]:
    s = ctx.settings
    channel = Channel(s.gateway, name="gateway")
    publisher = s.publish_binary or str(own_directory() / "argosy")
    ttrpc = str(s.ttrpc or f"{s.gateway}.ttrpc")
    state, root = s.state / s.bundles, s.root / s.bundles
    sockets = short.directory_for(s.state)
    short.make(sockets, s.state)
    for path in (s.state, sockets / "s", s.state / "runc"):
        private(path)
    for path in (state, root):
        path.mkdir(parents=True, exist_ok=True, mode=0o711)
        os.chmod(path, 0o711)  # whoever made it, and with whatever umask
    # Shims find one another's helpers (runc, log programs) the way we find the shims.
    runtimes = Runtimes()
    os.environ["PATH"] = os.pathsep.join(runtimes.directories)
    gate = Gate(s.require_safe_runc, os.environ["PATH"])
    ctx.tasks.start_soon(gate.look)  # beside the rest of the start: nothing waits for it
    starter = Starter(str(s.gateway), ttrpc, publisher, s.state, sockets / "s", s.log_level == "debug")
    roster = Roster(
        state, root, runtimes, starter, Gateway(channel),
        Timeouts(s.load_timeout_s, s.cleanup_timeout_s, s.shutdown_timeout_s), s.root, Rootfs(channel),
    )  # fmt: skip
    ctx.on_close(roster.close)
    ctx.stay_while(roster.busy)  # somebody has to see how tasks end
    adopted = await roster.adopt()
    if adopted:
        log.get("tasks").info("tasks.adopted", tasks=adopted)
    checkpoints = Checkpoints(s.root / "checkpoints")
    await asyncio.to_thread(checkpoints.open, roster.has)
    ctx.tasks.start_soon(keep_short, roster.outputs)
    ctx.gauges["tasks"] = lambda: len(roster)
    ctx.gauges["tasks_without_record"] = roster.kept
    ctx.gauges["tasks_silent"] = roster.silent
    tasks = Tasks(roster, channel, gate, checkpoints, s.state_timeout_s, s.stats_timeout_s)
    return [tasks, Introspection(runtimes), Shims(roster)]


def main() -> None:
    run(SERVICE)


if __name__ == "__main__":
    main()
