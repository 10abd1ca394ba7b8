"""Asking a plugin's process what it has of its root (``argosy.instance``): whether it stands by, to claim the root, to release it."""

from __future__ import annotations

from typing import Final

from argosy.errors import Unimplemented
from argosy.rpc.channel import BoundChannel, Channel
from argosy_protos.argosy.instance.v1 import (
    ClaimRequest,
    InstanceStub,
    ReleaseRequest,
    StatusRequest,
    StatusResponse,
)

from argosy_gateway.plugins.plugin import Plugin, Source

STANDBY: Final = "standby"
ASK_S: Final = 2.0
# Opening a store may have to look at what a crash left.
CLAIM_S: Final = 15.0
# To stop when its calls have ended, and to say so.
_CLOSE_S: Final = 5.0


async def told(channel: Channel | BoundChannel, within_s: float | None = None) -> StatusResponse | None:
    """Return what a process says of its root, by default within ``ASK_S``; None for one of another make, that knows no such question.

    Raises Unavailable, DeadlineExceeded.
    """
    try:
        return await InstanceStub(channel.within(within_s or ASK_S)).status(StatusRequest())
    except Unimplemented:
        return None


async def claim(channel: Channel | BoundChannel, root: str = "") -> None:
    """Have a process take its root, or another one for a rehearsal.

    Raises its error, FailedPrecondition when another has the root, Unimplemented, Unavailable, DeadlineExceeded.
    """
    await InstanceStub(channel.within(CLAIM_S)).claim(ClaimRequest(root=root))


async def release(channel: Channel | BoundChannel, wait_s: float) -> None:
    """Have a process give its root back, once its calls have ended. Raises its error, Unimplemented, Unavailable, DeadlineExceeded."""
    await InstanceStub(channel.within(wait_s + _CLOSE_S)).release(ReleaseRequest(wait_s=wait_s))


async def greet(plugin: Plugin) -> None:
    """Note whether whoever serves a plugin is under a debugger, and have it take its root, where it waits for somebody who says so.

    Who serves some calls of a plugin (``Source.INTERCEPT``) is told nothing of that kind: the root may be the plugin's, which may have
    died a moment ago. Raises as ``claim`` does.
    """
    said = await told(plugin.channel)
    plugin.set_debug(said is not None and said.debug)
    if said is not None and said.phase == STANDBY and not plugin.is_held and plugin.source is not Source.INTERCEPT:
        await claim(plugin.channel)
