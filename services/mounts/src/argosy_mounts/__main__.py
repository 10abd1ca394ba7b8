"""argosy-mounts: makes mounts and keeps them for clients, as a process of its own."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from argosy import log
from argosy.roots import private
from argosy.service import ServiceContext, run

from argosy_mounts.activations import FOLDER, Activations
from argosy_mounts.service import SERVICE, MountsSettings
from argosy_mounts.servicer import Mounts


async def start(ctx: ServiceContext[MountsSettings]) -> Sequence[Any]:
    s = ctx.settings
    private(s.state)
    activations = Activations(s.state / FOLDER, (str(s.root.parent), *s.roots), s.activations)
    taken_down = await asyncio.to_thread(activations.recover)
    if taken_down:
        log.get("mounts").info("mounts.taken_down", activations=taken_down)
    ctx.gauges["activations"] = lambda: len(activations)
    ctx.gauges["mounts_that_stay"] = activations.stuck
    return [Mounts(activations)]


def main() -> None:
    run(SERVICE)


if __name__ == "__main__":
    main()
