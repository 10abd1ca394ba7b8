"""argosy-snapshotter-native: copied snapshots on any file system, as a process of its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from argosy.plugin.snapshots import SnapshotsServicer, TreeSnapshotter
from argosy.service import Service, ServiceContext, run
from argosy.settings import Settings, option
from argosy_protos._service import ServiceBase

from argosy_snapshotter_native.snapshotter import NativeBackend


@dataclass(frozen=True, kw_only=True)
class NativeSettings(Settings):
    """How copies are removed here."""

    sync_remove: bool = option("delete directories at Remove instead of at Cleanup", True)


async def start(ctx: ServiceContext[NativeSettings]) -> Sequence[ServiceBase]:
    tree = await TreeSnapshotter.open(ctx.settings.root, NativeBackend(), ctx.settings.sync_remove)
    ctx.on_close(tree.close)
    return [SnapshotsServicer(tree)]


SERVICE = Service("snapshotter-native", NativeSettings, start)


def main() -> None:
    run(SERVICE)


if __name__ == "__main__":
    main()
