"""argosy.shims.v1.Shims: where the shims of tasks listen."""

from __future__ import annotations

from argosy.rpc.context import current
from argosy_protos.argosy.shims.v1 import FindRequest, FindResponse, ShimsBase

from argosy_tasks.roster import Roster


class Shims(ShimsBase):
    """Shims of the caller's namespace."""

    def __init__(self, roster: Roster) -> None:
        self._roster = roster

    async def find(self, request: FindRequest) -> FindResponse:
        """Return the address of a task's shim. Raises NotFound, Unavailable for one that does not answer."""
        shim = self._roster.get(current().namespace, request.container_id)
        return FindResponse(address=shim.bundle.recall().address)
