"""What is stored, or kept: snapshots, content, leases, mounts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Final

from argosy_cli.output import Shown, ask, each, run_async, show, show_one, size, write_out
from argosy_cli.target import Target
from argosy_cli.words import Argument, Group, Option, Verb

_Snapshotter = Annotated[str, Option("--snapshotter", help="snapshotter; default: the namespace's")]


def snapshots_ls(snapshotter: _Snapshotter = "") -> None:
    """List snapshots with their disk use."""
    from argosy_protos.containerd.services.snapshots import v1 as snapshots

    async def work() -> None:
        rows = []
        async with Target.client() as client:
            name = snapshotter or await client.default_snapshotter()
            stub = client.services.snapshots
            async for reply in stub.list(snapshots.ListSnapshotsRequest(snapshotter=name)):
                for info in reply.info:
                    usage = await stub.usage(snapshots.UsageRequest(snapshotter=name, key=info.name))
                    kind = snapshots.Kind(info.kind).name.lower()
                    row = {
                        "key": info.name,
                        "parent": info.parent,
                        "kind": kind,
                        "size": size(usage.size),
                        "bytes": usage.size,
                    }
                    where, labels = _whereabouts(info.labels)
                    rows.append(row | {"inodes": usage.inodes, "labels": labels} | where)
        # Where a snapshot is, and why, for those that their snapshotter could not make itself.
        columns = ("key", "parent", "kind", "size", "inodes")
        show(rows, (*columns, "on", "because") if any(row["on"] for row in rows) else columns, "no snapshots")

    run_async(work())


def snapshots_info(key: str, snapshotter: _Snapshotter = "") -> None:
    """Show a snapshot with its labels; where it is, and why, when that is not the snapshotter of this name."""
    from argosy.timestamps import format_rfc3339, from_wire
    from argosy_protos.containerd.services.snapshots import v1 as snapshots

    async def work() -> None:
        from argosy.client.services import present

        async with Target.client() as client:
            name = snapshotter or await client.default_snapshotter()
            reply = await client.services.snapshots.stat(snapshots.StatSnapshotRequest(snapshotter=name, key=key))
        info = present(reply.info, f'snapshot "{key}"')
        where, labels = _whereabouts(info.labels)
        row: dict[str, Any] = {"key": info.name, "parent": info.parent, "kind": snapshots.Kind(info.kind).name.lower()}
        row |= {
            "created": format_rfc3339(from_wire(info.created_at) or 0),
            "updated": format_rfc3339(from_wire(info.updated_at) or 0),
        }
        row |= {key: value for key, value in where.items() if value or Shown.json}
        row |= {"labels": labels} if Shown.json else labels
        show_one(row)

    run_async(work())


def _whereabouts(labels: Mapping[str, str]) -> tuple[dict[str, str], dict[str, str]]:
    """Return where a snapshot is when its snapshotter fell back on another, and why; and its other labels."""
    from argosy.labels import FALLBACK_PLUGIN, FALLBACK_REASON

    rest = {key: value for key, value in labels.items() if key not in (FALLBACK_PLUGIN, FALLBACK_REASON)}
    return {"on": labels.get(FALLBACK_PLUGIN, ""), "because": labels.get(FALLBACK_REASON, "")}, rest


def snapshots_rm(keys: list[str], snapshotter: _Snapshotter = "") -> None:
    """Remove snapshots."""
    from argosy_protos.containerd.services.snapshots.v1 import RemoveSnapshotRequest

    async def work() -> None:
        async with Target.client() as client:
            name = snapshotter or await client.default_snapshotter()
            stub = client.services.snapshots
            await each(keys, "removed", lambda key: stub.remove(RemoveSnapshotRequest(snapshotter=name, key=key)))

    run_async(work())


def snapshots_mounts(key: str, snapshotter: _Snapshotter = "") -> None:
    """Show how to mount an active snapshot or a view."""
    from argosy_protos.containerd.services.snapshots.v1 import MountsRequest

    async def work() -> None:
        async with Target.client() as client:
            name = snapshotter or await client.default_snapshotter()
            reply = await client.services.snapshots.mounts(MountsRequest(snapshotter=name, key=key))
        rows = [{"type": m.type, "source": m.source, "options": ",".join(m.options)} for m in reply.mounts]
        show(rows, ("type", "source", "options"))

    run_async(work())


def content_ls(filters: Annotated[list[str] | None, Argument(help="containerd filters")] = None) -> None:
    """List blobs."""
    from argosy.client.content import blobs
    from argosy.timestamps import format_rfc3339, from_wire

    async def work() -> None:
        rows = []
        async with Target.client() as client:
            async for info in blobs(client.services.content, filters):
                row = {"digest": info.digest, "size": size(info.size), "bytes": info.size, "labels": dict(info.labels)}
                rows.append(row | {"created": format_rfc3339(from_wire(info.created_at) or 0)})
        show(rows, ("digest", "size", "created"), "no content")

    run_async(work())


def content_active() -> None:
    """List ingests that are not committed."""
    from argosy.timestamps import format_rfc3339, from_wire
    from argosy_protos.containerd.services.content.v1 import ListStatusesRequest

    async def work() -> None:
        reply = await Target.services().content.list_statuses(ListStatusesRequest())
        rows = [
            {"ref": s.ref, "offset": s.offset, "total": s.total, "updated": format_rfc3339(from_wire(s.updated_at) or 0)}
            for s in reply.statuses
        ]
        show(rows, ("ref", "offset", "total", "updated"), "no ingests")

    ask(work())


def content_get(digest: str) -> None:
    """Write a blob to standard output."""
    from argosy_protos.containerd.services.content.v1 import ReadContentRequest

    async def work() -> None:
        async with Target.client() as client:
            async for part in client.services.content.read(ReadContentRequest(digest=digest)):
                await write_out(part.data)

    run_async(work())


def content_rm(digests: list[str]) -> None:
    """Remove blobs."""
    from argosy_protos.containerd.services.content.v1 import DeleteContentRequest

    async def work() -> None:
        async with Target.client() as client:
            stub = client.services.content
            await each(digests, "removed", lambda digest: stub.delete(DeleteContentRequest(digest=digest)))

    run_async(work())


def leases_ls() -> None:
    """List leases and how much they hold."""
    from argosy.timestamps import format_rfc3339, from_wire
    from argosy_protos.containerd.services.leases.v1 import ListRequest, ListResourcesRequest

    async def work() -> None:
        rows = []
        stub = Target.services().leases
        for lease in (await stub.list(ListRequest())).leases:
            held = await stub.list_resources(ListResourcesRequest(id=lease.id))
            created = format_rfc3339(from_wire(lease.created_at) or 0)
            rows.append({"id": lease.id, "created": created, "resources": len(held.resources), "labels": dict(lease.labels)})
        show(rows, ("id", "created", "resources"), "no leases")

    ask(work())


def leases_create(id: Annotated[str, Argument(help="default: made by the daemon")] = "") -> None:
    """Create a lease."""
    from argosy.client.services import present
    from argosy_protos.containerd.services.leases.v1 import CreateRequest

    async def work() -> None:
        async with Target.client() as client:
            reply = await client.services.leases.create(CreateRequest(id=id))
        show([{"id": present(reply.lease, "the lease").id}], ("id",))

    run_async(work())


def leases_rm(ids: list[str], sync: Annotated[bool, Option("--sync", help="wait for the collection")] = False) -> None:
    """Remove leases."""
    from argosy_protos.containerd.services.leases.v1 import DeleteRequest

    async def work() -> None:
        async with Target.client() as client:
            stub = client.services.leases
            await each(ids, "removed", lambda id: stub.delete(DeleteRequest(id=id, sync=sync and id == ids[-1])))

    run_async(work())


def mounts_ls(filters: Annotated[list[str] | None, Argument(help="containerd filters")] = None) -> None:
    """List the mounts that the daemon keeps for clients, and where they are."""
    from argosy.timestamps import format_rfc3339, from_wire
    from argosy_protos.containerd.services.mounts.v1 import ListRequest

    async def work() -> None:
        from argosy.client.services import present

        rows: list[dict[str, Any]] = []
        async with Target.client() as client:
            async for message in client.services.mounts.list(ListRequest(filters=list(filters or ()))):
                info = present(message.info, "its info")
                left = [f"{mount.type} {mount.source}" for mount in info.system]
                common = {"name": info.name, "labels": dict(info.labels), "left": left}
                for active in info.active:
                    mount = present(active.mount, "its mount")
                    since = format_rfc3339(from_wire(active.mounted_at) or 0)
                    rows.append(
                        {**common, "type": mount.type, "source": mount.source, "at": active.mount_point, "since": since}
                    )
                if not info.active:
                    rows.append({**common, "type": "", "source": "", "at": "", "since": ""})
        show(rows, ("name", "type", "source", "at", "since"), "no mounts")

    run_async(work())


def mounts_rm(names: list[str]) -> None:
    """Have mounts taken down; what is busy goes with its last user."""
    from argosy_protos.containerd.services.mounts.v1 import DeactivateRequest

    async def work() -> None:
        async with Target.client() as client:
            stub = client.services.mounts
            await each(names, "unmounted", lambda name: stub.deactivate(DeactivateRequest(name=name)))

    run_async(work())


VERBS: Final[dict[str, Verb | Group]] = {
    "snapshots": Group(
        "Snapshots.",
        {
            "ls": Verb(snapshots_ls),
            "info": Verb(snapshots_info),
            "rm": Verb(snapshots_rm),
            "mounts": Verb(snapshots_mounts),
        },
    ),
    "content": Group(
        "Content: blobs and ingests.",
        {"ls": Verb(content_ls), "active": Verb(content_active), "get": Verb(content_get), "rm": Verb(content_rm)},
    ),
    "mounts": Group("Mounts that the daemon keeps for clients.", {"ls": Verb(mounts_ls), "rm": Verb(mounts_rm)}),
    "leases": Group("Leases.", {"ls": Verb(leases_ls), "create": Verb(leases_create), "rm": Verb(leases_rm)}),
}
