"""argosy-tasks: the task manager, as a process of its own."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Sequence
from typing import Final

from argosy import log
from argosy.errors import ArgosyError, NotFound
from argosy.names import NAMESPACE_HEADER
from argosy.roots import private
from argosy.rpc.channel import Channel
from argosy.service import ServiceContext, run
from argosy.timestamps import now_ns, to_wire
from argosy_protos._message import Message
from argosy_protos._service import ServiceBase
from argosy_protos.containerd.services.containers.v1 import ContainersStub, GetContainerRequest
from argosy_protos.containerd.services.events.v1 import EventsStub, ForwardRequest
from argosy_protos.containerd.types import Envelope
from argosy_protos.google.protobuf import Any as AnyMessage

from argosy_tasks.bootstrap import Starter
from argosy_tasks.checkpoints import Checkpoints
from argosy_tasks.gate import Gate
from argosy_tasks.logs import keep_short
from argosy_tasks.roster import Roster, Timeouts
from argosy_tasks.runtimes import Runtimes, own_directory
from argosy_tasks.service import SERVICE, TasksSettings
from argosy_tasks.servicer import Tasks

# A gateway that starts together with us answers within this; one that does not is not waited for.
GATEWAY_WAIT_S: Final = 5.0


async def start(ctx: ServiceContext[TasksSettings]) -> Sequence[ServiceBase]:
    s = ctx.settings
    gateway = Channel(s.gateway, name="gateway")
    events = EventsStub(gateway)

    async def publish(namespace: str, topic: str, name: str, event: Message) -> None:
        envelope = Envelope(
            timestamp=to_wire(now_ns()),
            namespace=namespace,
            topic=topic,
            event=AnyMessage(type_url=name, value=event.encode()),
        )
        try:
            await events.forward(ForwardRequest(envelope=envelope), timeout=5.0, metadata={NAMESPACE_HEADER: namespace})
        except ArgosyError as error:
            log.get("tasks").warning("event.lost", topic=topic, namespace=namespace, error=str(error))

    containers = ContainersStub(gateway)

    async def known(namespace: str, id: str) -> bool:
        deadline = time.monotonic() + GATEWAY_WAIT_S
        while True:
            try:
                await containers.get(GetContainerRequest(id=id), timeout=5.0, metadata={NAMESPACE_HEADER: namespace})
                return True
            except NotFound:
                return False
            except ArgosyError:
                if time.monotonic() > deadline:
                    return True  # nobody can say
            await asyncio.sleep(0.1)

    publisher = s.publish_binary or str(own_directory() / "argosy")
    ttrpc = str(s.ttrpc or f"{s.gateway}.ttrpc")
    state, root = s.state / s.bundles, s.root / s.bundles
    for path in (s.state, s.state / "s", s.state / "runc"):
        private(path)
    for path in (state, root):
        path.mkdir(parents=True, exist_ok=True, mode=0o711)
        os.chmod(path, 0o711)  # whoever made it, and with whatever umask
    # Shims find one another's helpers (runc, log programs) the way we find the shims.
    runtimes = Runtimes()
    os.environ["PATH"] = os.pathsep.join(runtimes.directories)
    gate = Gate(s.require_safe_runc, os.environ["PATH"])
    ctx.tasks.start_soon(gate.look)  # beside the rest of the start: nothing waits for it
    starter = Starter(str(s.gateway), ttrpc, publisher, s.state, s.log_level == "debug")
    roster = Roster(
        state, root, runtimes, starter, publish, known, Timeouts(s.load_timeout_s, s.cleanup_timeout_s, s.shutdown_timeout_s)
    )
    ctx.on_close(roster.close)
    adopted = await roster.adopt()
    if adopted:
        log.get("tasks").info("tasks.adopted", tasks=adopted)
    checkpoints = Checkpoints(s.root / "checkpoints")
    await asyncio.to_thread(checkpoints.open, roster.has)
    ctx.tasks.start_soon(keep_short, roster.outputs)
    ctx.gauges["tasks"] = lambda: len(roster)
    return [Tasks(roster, gateway, gate, checkpoints, s.state_timeout_s, s.stats_timeout_s)]


def main() -> None:
    run(SERVICE)


if __name__ == "__main__":
    main()
