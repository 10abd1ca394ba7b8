"""argosy-snapshotter-erofs: layers as EROFS images, as a process of its own."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from argosy.plugin.snapshots import SnapshotsServicer, TreeSnapshotter
from argosy.service import ServiceContext, run
from argosy_protos._service import ServiceBase

from argosy_snapshotter_erofs import room
from argosy_snapshotter_erofs.layout import ask
from argosy_snapshotter_erofs.service import SERVICE, ErofsSettings
from argosy_snapshotter_erofs.snapshotter import ErofsBackend


async def start(ctx: ServiceContext[ErofsSettings]) -> Sequence[ServiceBase]:
    s = ctx.settings
    able = await asyncio.to_thread(ask, s.root, bool(s.default_bytes))
    backend = ErofsBackend(able, s.mount_options, s.layer_content_caches, s.default_bytes)
    tree = await TreeSnapshotter.open(s.root, backend, s.sync_remove, ctx.tasks)
    ctx.on_close(tree.close)
    # Mounts handed out before we were stopped name these directories still.
    await asyncio.to_thread(backend.resume, tree.committed(), tree.active())

    async def release() -> None:
        if not ctx.passes_on:  # who takes over finds them mounted
            await asyncio.to_thread(backend.pause, tree.committed(), tree.active())

    ctx.on_close(release)
    # Images and rooms are mounted, and mounts that were handed out name them.
    ctx.stay_while(lambda: bool(tree.committed()) or any(map(room.has, tree.active())))
    return [SnapshotsServicer(tree)]


def main() -> None:
    run(SERVICE)


if __name__ == "__main__":
    main()
