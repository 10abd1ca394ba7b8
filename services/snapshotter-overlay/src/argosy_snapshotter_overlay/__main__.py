"""argosy-snapshotter-overlay: overlayfs snapshots on a directory, as a process of its own."""

from __future__ import annotations

from collections.abc import Sequence

from argosy.models import Field
from argosy.plugin.snapshots import SnapshotsServicer, TreeSnapshotter
from argosy.service import Service, ServiceContext, run
from argosy.settings import Settings
from argosy_protos._service import ServiceBase

from argosy_snapshotter_overlay.layout import ask
from argosy_snapshotter_overlay.snapshotter import OverlayBackend


class OverlaySettings(Settings):
    """How overlays are made here."""

    mount_options: list[str] = Field(default_factory=list, description='more overlay options, such as "volatile"')
    upperdir_label: bool = Field(default=False, description="label each snapshot with the path of its upper directory")
    sync_remove: bool = Field(default=False, description="delete directories at Remove instead of at Cleanup")


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
