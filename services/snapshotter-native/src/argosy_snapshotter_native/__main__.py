"""argosy-snapshotter-native: copied snapshots on any file system, as a process of its own."""

from __future__ import annotations

from collections.abc import Sequence

from argosy.plugin.snapshots import SnapshotsServicer, TreeSnapshotter
from argosy.service import ServiceContext, run
from argosy_protos._service import ServiceBase

from argosy_snapshotter_native.service import SERVICE, NativeSettings
from argosy_snapshotter_native.snapshotter import NativeBackend


async def start(ctx: ServiceContext[NativeSettings]) -> Sequence[ServiceBase]:
    tree = await TreeSnapshotter.open(ctx.settings.root, NativeBackend(), ctx.settings.sync_remove, ctx.tasks)
    ctx.on_close(tree.close)
    return [SnapshotsServicer(tree)]


def main() -> None:
    run(SERVICE)


if __name__ == "__main__":
    main()
