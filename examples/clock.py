"""A gRPC service that containerd knows nothing of: what time is it, now and every so often?

Any service in any process will do, in any language. Here it has the main socket's permissions, deadlines and health, and clients find it
by reflection beside containerd's own.
"""

import time
from collections.abc import AsyncIterator
from typing import Annotated

import anyio
from argosy.plugin.main import main
from argosy.plugin.services import Cardinality, Method, ServiceBase
from argosy.timestamps import to_wire
from argosy_protos.google.protobuf import Empty, Timestamp


class Clock(ServiceBase):
    __service__ = "example.clock.v1.Clock"
    __methods__ = (
        Method("Now", "now", Cardinality.UNARY_UNARY, Empty, Timestamp),
        Method("Ticks", "ticks", Cardinality.UNARY_STREAM, Empty, Timestamp),
    )

    def __init__(self, every: Annotated[float, "seconds between two ticks"] = 1.0) -> None:
        self._every = every

    async def now(self, request: Empty) -> Timestamp:
        return to_wire(time.time_ns())

    async def ticks(self, request: Empty) -> AsyncIterator[Timestamp]:
        while True:
            yield to_wire(time.time_ns())
            await anyio.sleep(self._every)


if __name__ == "__main__":
    main(Clock)
