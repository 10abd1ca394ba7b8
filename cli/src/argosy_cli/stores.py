"""What is stored: snapshots, content, leases."""

from __future__ import annotations

from typing import Annotated

import typer
from argosy.client.content import blobs
from argosy.client.services import present
from argosy.timestamps import format_rfc3339, from_wire
from argosy_protos.containerd.services.content.v1 import DeleteContentRequest, ListStatusesRequest, ReadContentRequest
from argosy_protos.containerd.services.leases import v1 as leases_api
from argosy_protos.containerd.services.snapshots import v1 as snapshots_api

from argosy_cli.output import each, run_async, show, size, write_out
from argosy_cli.target import Target

snapshots_app = typer.Typer(help="Snapshots.", no_args_is_help=True)
content_app = typer.Typer(help="Content: blobs and ingests.", no_args_is_help=True)
leases_app = typer.Typer(help="Leases.", no_args_is_help=True)
_Snapshotter = Annotated[str, typer.Option("--snapshotter", help="snapshotter; default: the namespace's")]


@snapshots_app.command("ls")
def snapshots_ls(snapshotter: _Snapshotter = "") -> None:
    """List snapshots with their disk use."""

    async def work() -> None:
        rows = []
        async with Target.client() as client:
            name = snapshotter or await client.default_snapshotter()
            stub = client.services.snapshots
            async for reply in stub.list(snapshots_api.ListSnapshotsRequest(snapshotter=name)):
                for info in reply.info:
                    usage = await stub.usage(snapshots_api.UsageRequest(snapshotter=name, key=info.name))
                    kind = snapshots_api.Kind(info.kind).name.lower()
                    row = {
                        "key": info.name,
                        "parent": info.parent,
                        "kind": kind,
                        "size": size(usage.size),
                        "bytes": usage.size,
                    }
                    rows.append(row | {"inodes": usage.inodes, "labels": dict(info.labels)})
        show(rows, ("key", "parent", "kind", "size", "inodes"), "no snapshots")

    run_async(work())


@snapshots_app.command("rm")
def snapshots_rm(keys: list[str], snapshotter: _Snapshotter = "") -> None:
    """Remove snapshots."""

    async def work() -> None:
        async with Target.client() as client:
            name = snapshotter or await client.default_snapshotter()
            stub = client.services.snapshots
            await each(
                keys, "removed", lambda key: stub.remove(snapshots_api.RemoveSnapshotRequest(snapshotter=name, key=key))
            )

    run_async(work())


@snapshots_app.command("mounts")
def snapshots_mounts(key: str, snapshotter: _Snapshotter = "") -> None:
    """Show how to mount an active snapshot or a view."""

    async def work() -> None:
        async with Target.client() as client:
            name = snapshotter or await client.default_snapshotter()
            reply = await client.services.snapshots.mounts(snapshots_api.MountsRequest(snapshotter=name, key=key))
        rows = [{"type": m.type, "source": m.source, "options": ",".join(m.options)} for m in reply.mounts]
        show(rows, ("type", "source", "options"))

    run_async(work())


@content_app.command("ls")
def content_ls(filters: Annotated[list[str] | None, typer.Argument(help="containerd filters")] = None) -> None:
    """List blobs."""

    async def work() -> None:
        rows = []
        async with Target.client() as client:
            async for info in blobs(client.services.content, filters):
                row = {"digest": info.digest, "size": size(info.size), "bytes": info.size, "labels": dict(info.labels)}
                rows.append(row | {"created": format_rfc3339(from_wire(info.created_at) or 0)})
        show(rows, ("digest", "size", "created"), "no content")

    run_async(work())


@content_app.command("active")
def content_active() -> None:
    """List ingests that are not committed."""

    async def work() -> None:
        async with Target.client() as client:
            reply = await client.services.content.list_statuses(ListStatusesRequest())
        rows = [
            {"ref": s.ref, "offset": s.offset, "total": s.total, "updated": format_rfc3339(from_wire(s.updated_at) or 0)}
            for s in reply.statuses
        ]
        show(rows, ("ref", "offset", "total", "updated"), "no ingests")

    run_async(work())


@content_app.command("get")
def content_get(digest: str) -> None:
    """Write a blob to standard output."""

    async def work() -> None:
        async with Target.client() as client:
            async for part in client.services.content.read(ReadContentRequest(digest=digest)):
                await write_out(part.data)

    run_async(work())


@content_app.command("rm")
def content_rm(digests: list[str]) -> None:
    """Remove blobs."""

    async def work() -> None:
        async with Target.client() as client:
            stub = client.services.content
            await each(digests, "removed", lambda digest: stub.delete(DeleteContentRequest(digest=digest)))

    run_async(work())


@leases_app.command("ls")
def leases_ls() -> None:
    """List leases and how much they hold."""

    async def work() -> None:
        rows = []
        async with Target.client() as client:
            stub = client.services.leases
            for lease in (await stub.list(leases_api.ListRequest())).leases:
                held = await stub.list_resources(leases_api.ListResourcesRequest(id=lease.id))
                created = format_rfc3339(from_wire(lease.created_at) or 0)
                rows.append(
                    {"id": lease.id, "created": created, "resources": len(held.resources), "labels": dict(lease.labels)}
                )
        show(rows, ("id", "created", "resources"), "no leases")

    run_async(work())


@leases_app.command("create")
def leases_create(id: Annotated[str, typer.Argument(help="default: made by the daemon")] = "") -> None:
    """Create a lease."""

    async def work() -> None:
        async with Target.client() as client:
            reply = await client.services.leases.create(leases_api.CreateRequest(id=id))
        show([{"id": present(reply.lease, "the lease").id}], ("id",))

    run_async(work())


@leases_app.command("rm")
def leases_rm(ids: list[str], sync: Annotated[bool, typer.Option("--sync", help="wait for the collection")] = False) -> None:
    """Remove leases."""

    async def work() -> None:
        async with Target.client() as client:
            stub = client.services.leases
            await each(ids, "removed", lambda id: stub.delete(leases_api.DeleteRequest(id=id, sync=sync and id == ids[-1])))

    run_async(work())


def register(app: typer.Typer) -> None:
    """Put the commands on the app."""
    app.add_typer(snapshots_app, name="snapshots")
    app.add_typer(content_app, name="content")
    app.add_typer(leases_app, name="leases")
