"""What a job that fails or is cancelled would leave in the daemon, taken away: snapshots that nobody refers to, ingests that nobody goes on with.

All of it goes with the job's lease, too; whoever is gone too early for that has the collector, a day later.
"""

from __future__ import annotations

from typing import Final

from argosy_protos.containerd.services.content import v1 as content
from argosy_protos.containerd.services.snapshots import v1 as snapshots

from argosy.client.jobs import given_back
from argosy.client.services import Services
from argosy.errors import ArgosyError, Unavailable

# An ingest is open until the end of our own stream has arrived there.
_ABORT_S: Final = 5.0
_AGAIN_S: Final = 0.05


async def remove_snapshot(services: Services, snapshotter: str, key: str) -> None:
    """Remove what may be left of a snapshot, though we are cancelled. One that can't be removed now goes with the lease, or to the collector."""

    async def remove() -> None:
        try:
            await services.snapshots.remove(snapshots.RemoveSnapshotRequest(snapshotter=snapshotter, key=key))
        except ArgosyError:
            pass  # it is gone, or never was

    await given_back(remove())


async def abort_ingest(services: Services, ref: str) -> None:
    """Throw away what was written to an ingest, though we are cancelled. Close it before."""

    async def abort() -> None:
        from anyio import sleep

        while True:
            try:
                await services.content.abort(content.AbortRequest(ref=ref))
                return
            except Unavailable:
                await sleep(_AGAIN_S)
            except ArgosyError:
                return  # it is committed, or gone, or never was

    await given_back(abort(), _ABORT_S)
