"""argosy-snapshotter-overlay: overlayfs snapshots on a directory, as a process of its own."""

from __future__ import annotations

from collections.abc import Sequence

from argosy.plugin.snapshots import SnapshotsServicer, TreeSnapshotter
from argosy.service import ServiceContext, run
from argosy_protos._service import ServiceBase

from argosy_snapshotter_overlay.layout import ask
from argosy_snapshotter_overlay.service import SERVICE, OverlaySettings
from argosy_snapshotter_overlay.snapshotter import OverlayBackend


async def start(ctx: ServiceContext[OverlaySettings]) -> Sequence[ServiceBase]:
    s = ctx.settings
    backend = OverlayBackend(ask(s.root), s.mount_options, s.upperdir_label)
    tree = await TreeSnapshotter.open(s.root, backend, s.sync_remove, ctx.tasks)
    ctx.on_close(tree.close)
    return [SnapshotsServicer(tree)]


def main() -> None:
    run(SERVICE)


if __name__ == "__main__":
    main()
