"""argosy.shims.v1.Shims: where the shims of tasks listen, and containers that get no task for a while."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Final

import anyio
from argosy.rpc.context import current
from argosy_protos.argosy.shims.v1 import FindRequest, FindResponse, HoldRequest, HoldResponse, ShimsBase

from argosy_tasks.roster import Roster

# What a caller may say of its reason.
_MOST_CHARACTERS: Final = 200


class Shims(ShimsBase):
    """Shims of the caller's namespace."""

    def __init__(self, roster: Roster) -> None:
        self._roster = roster

    async def find(self, request: FindRequest) -> FindResponse:
        """Return the address of a task's shim. Raises NotFound, Unavailable for one that does not answer."""
        shim = self._roster.get(current().namespace, request.container_id)
        return FindResponse(address=shim.bundle.recall().address)

    async def hold(self, request: HoldRequest) -> AsyncIterator[HoldResponse]:
        """Keep a container without a task until the caller goes. Raises AlreadyExists for one that has a task, or is about to."""
        why = request.reason[:_MOST_CHARACTERS] or "somebody needs it without a task"
        async with self._roster.without_task(current().namespace, request.container_id, why):
            yield HoldResponse()
            await anyio.sleep_forever()
