"""argosy-snapshotter-overlay: overlayfs snapshots on a directory, as a process of its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from argosy.plugin.snapshots import SnapshotsServicer, TreeSnapshotter
from argosy.service import Service, ServiceContext, run
from argosy.settings import Settings, option
from argosy_protos._service import ServiceBase

from argosy_snapshotter_overlay.layout import ask
from argosy_snapshotter_overlay.snapshotter import OverlayBackend


@dataclass(frozen=True, kw_only=True)
class OverlaySettings(Settings):
    """How overlays are made here."""

    mount_options: list[str] = option('more overlay options, such as "volatile"', default_factory=list)
    upperdir_label: bool = option("label each snapshot with the path of its upper directory", False)
    sync_remove: bool = option("delete directories at Remove instead of at Cleanup", False)


async def start(ctx: ServiceContext[OverlaySettings]) -> Sequence[ServiceBase]:
    s = ctx.settings
    backend = OverlayBackend(ask(s.root), s.mount_options, s.upperdir_label)
    tree = await TreeSnapshotter.open(s.root, backend, s.sync_remove)
    ctx.on_close(tree.close)
    return [SnapshotsServicer(tree)]


SERVICE = Service("snapshotter-overlay", OverlaySettings, start)


def main() -> None:
    run(SERVICE)


if __name__ == "__main__":
    main()
