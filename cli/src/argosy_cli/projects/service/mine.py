"""mine, a gRPC service of one's own: what time is it, now and every so often?"""

import time
from collections.abc import AsyncIterator
from typing import Annotated

import anyio
from argosy.plugin.main import main
from argosy.plugin.services import Cardinality, Method, ServiceBase
from argosy.timestamps import to_wire
from argosy_protos.google.protobuf import Empty, Timestamp


class Mine(ServiceBase):
    # What clients call, and of what messages: the name on the wire, the method below, how many messages go each way, and their classes.
    # Any class with encode and decode will do; all of containerd's are in argosy_protos.
    __service__ = "example.mine.v1.Mine"
    __methods__ = (
        Method("Now", "now", Cardinality.UNARY_UNARY, Empty, Timestamp),
        Method("Ticks", "ticks", Cardinality.UNARY_STREAM, Empty, Timestamp),
    )

    def __init__(self, every: Annotated[float, "seconds between two ticks"] = 1.0) -> None:
        """Each parameter is a flag: this one is --every."""
        self._every = every

    async def now(self, request: Empty) -> Timestamp:
        # Change this. What fails is told by a class of argosy.errors: raise NotFound('clock "x"') is NOT_FOUND for the client.
        return to_wire(time.time_ns())

    async def ticks(self, request: Empty) -> AsyncIterator[Timestamp]:
        # It ends when the client leaves. What blocks belongs into a thread: argosy.settled.in_thread.
        while True:
            yield to_wire(time.time_ns())
            await anyio.sleep(self._every)


if __name__ == "__main__":
    # --address, --help, signals and the service manager are main's.
    main(Mine)
