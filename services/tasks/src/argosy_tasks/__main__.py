"""argosy-tasks: the task manager, as a process of its own."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from argosy import log
from argosy.errors import ArgosyError, NotFound
from argosy.names import NAMESPACE_HEADER
from argosy.rpc.channel import Channel
from argosy.service import Service, ServiceContext, run
from argosy.settings import Settings, option
from argosy.timestamps import now_ns, to_wire
from argosy_protos._message import Message
from argosy_protos._service import ServiceBase
from argosy_protos.containerd.services.containers.v1 import ContainersStub, GetContainerRequest
from argosy_protos.containerd.services.events.v1 import EventsStub, ForwardRequest
from argosy_protos.containerd.types import Envelope
from argosy_protos.google.protobuf import Any as AnyMessage

from argosy_tasks.bootstrap import Starter
from argosy_tasks.roster import Roster, Timeouts
from argosy_tasks.runtimes import Runtimes, own_directory
from argosy_tasks.servicer import Tasks

# A gateway that starts together with us answers within this; one that does not is not waited for.
GATEWAY_WAIT_S: Final = 5.0


@dataclass(frozen=True, kw_only=True)
class TasksSettings(Settings):
    """Where tasks live and whom they belong to."""

    state: Path = option("directory for bundles; does not outlive a reboot")
    gateway: Path = option("socket of the daemon that knows the containers and takes events")
    ttrpc: Path | None = option("socket that shims publish events to; default <gateway>.ttrpc", None)
    publish_binary: str = option("program that shims without ttrpc publish events with", "")
    state_timeout_s: float = option("how long a shim may take to say its state", 2.0)
    stats_timeout_s: float = option("how long a shim may take to measure", 2.0)
    load_timeout_s: float = option("how long an adopted shim may take to answer", 5.0)
    cleanup_timeout_s: float = option("how long cleaning up after a dead shim may take", 5.0)
    shutdown_timeout_s: float = option("how long a shim may take to leave", 3.0)
    bundles: str = option("directory name below state and root", "io.containerd.runtime.v2.task")


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
        path.mkdir(parents=True, exist_ok=True, mode=0o700)
    for path in (state, root):
        path.mkdir(parents=True, exist_ok=True, mode=0o711)
    # Shims find one another's helpers (runc, log programs) the way we find the shims.
    runtimes = Runtimes()
    os.environ["PATH"] = os.pathsep.join(runtimes.directories)
    starter = Starter(str(s.gateway), ttrpc, publisher, s.state, s.log_level == "debug")
    roster = Roster(
        state, root, runtimes, starter, publish, known, Timeouts(s.load_timeout_s, s.cleanup_timeout_s, s.shutdown_timeout_s)
    )
    ctx.on_close(roster.close)
    adopted = await roster.adopt()
    if adopted:
        log.get("tasks").info("tasks.adopted", tasks=adopted)
    ctx.gauges["tasks"] = lambda: len(roster)
    return [Tasks(roster, gateway, s.state_timeout_s, s.stats_timeout_s)]


SERVICE = Service("tasks", TasksSettings, start)


def main() -> None:
    run(SERVICE)


if __name__ == "__main__":
    main()
