"""Images that have to be made, made by a daemon's Mounts service for as long as somebody mounts the rest."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Final

from argosy_protos.containerd.services.mounts.v1 import ActivateRequest, DeactivateRequest, MountsStub
from argosy_protos.containerd.types import Mount as WireMount

from argosy.errors import ArgosyError, Unimplemented
from argosy.mounting.plan import step_of
from argosy.mounts import Mount
from argosy.settled import given_back

_MAKE_S: Final = 180.0
_TAKE_DOWN_S: Final = 10.0


@asynccontextmanager
async def kept(stub: MountsStub, name: str, mounts: Sequence[Mount]) -> AsyncIterator[Sequence[Mount]]:
    """Yield what is left of mounts, which is all of them where no image has to be made, or the daemon has no such service.

    stub sends the namespace and the lease that hold what is made, which goes with the block; name is the beginning of its own. Raises
    what the service says. Cancellation: what was made is taken down, for at most 10 s.
    """
    if not any("mkfs" in step_of(mount).transformers for mount in mounts):
        yield mounts
        return
    name = f"{name}-{os.urandom(8).hex()}"
    try:
        info = (
            await stub.activate(
                ActivateRequest(name=name, mounts=[mount.to_wire(WireMount) for mount in mounts]), timeout=_MAKE_S
            )
        ).info
    except Unimplemented:
        yield mounts
        return
    try:
        yield [Mount.from_wire(mount) for mount in info.system] if info is not None else mounts
    finally:
        with suppress(ArgosyError):  # collection takes down what stays
            await given_back(stub.deactivate(DeactivateRequest(name=name)), _TAKE_DOWN_S)
