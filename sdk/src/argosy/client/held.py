"""What is there already and a job goes on to use: held by the job's lease first, and looked at then, since a collection may come in between."""

from __future__ import annotations

from argosy_protos.containerd.services.leases.v1 import AddResourceRequest, Resource

from argosy.client.services import Services


async def hold_snapshot(services: Services, snapshotter: str, name: str) -> None:
    """Have the lease of services hold a snapshot, whether it is there or not, and so those below it. Without a lease nothing is held."""
    await _hold(services, f"snapshots/{snapshotter}", name)


async def hold_blob(services: Services, digest: str) -> None:
    """Have the lease of services hold a blob, whether it is there or not. Without a lease nothing is held."""
    await _hold(services, "content", digest)


async def _hold(services: Services, kind: str, id: str) -> None:
    if services.lease:
        await services.leases.add_resource(AddResourceRequest(id=services.lease, resource=Resource(type=kind, id=id)))
