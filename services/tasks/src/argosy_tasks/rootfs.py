"""Mounts of a root file system that are not for a shim: what has to be made before is made by the daemon's Mounts service, and goes with the task.

A bundle says so (``mounts``) before the service is asked, so that the next task manager takes down what this one had made. The service's
record refers to the container: what nobody takes down goes with that at the latest.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

import anyio
from argosy import log
from argosy.errors import AlreadyExists, ArgosyError, NotFound, Unavailable, Unimplemented
from argosy.labels import GC_BREF
from argosy.mounts import Mount, needs_manager
from argosy.names import NAMESPACE_HEADER
from argosy.rpc.channel import Channel
from argosy_protos._wire import DecodeError
from argosy_protos.containerd.services.mounts.v1 import ActivateRequest, DeactivateRequest, InfoRequest, MountsStub
from argosy_protos.containerd.types import ActivationInfo, RuntimeInfo
from argosy_protos.containerd.types import Mount as WireMount

from argosy_tasks.bootstrap import answered, run
from argosy_tasks.bundle import Bundle

logger = log.get("tasks.rootfs")

ALLOWED: Final = "containerd.io/runtime-allow-mounts"
"""A runtime's annotation: types of mounts, by commas, that its shim prepares by itself; ``NAME/*`` is any type that NAME stands before."""
_OF_TASK: Final = "argosy/mounts.of-task"
"""On what was made for a task: nobody but a task manager has a use for it."""
# An image may have to be made.
_MAKE_S: Final = 180.0
_ASK_S: Final = 10.0
_TAKE_DOWN_S: Final = 10.0
_AGAIN_S: Final = 0.2
_STOCK: Final = "containerd-shim-runc-v2"


def allows(allowed: Sequence[str], mounts: Sequence[Mount]) -> bool:
    """Return whether a shim prepares all of these by itself."""
    return all(
        mount.type in allowed or f"{mount.type.partition('/')[0]}/*" in allowed for mount in mounts if needs_manager([mount])
    )


class Rootfs:
    """Has what comes before a root file system's mounts made, and taken down."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self._allowed: dict[str, tuple[str, ...]] = {}
        """What the shims at these paths prepare by themselves."""

    def _stub(self, namespace: str) -> MountsStub:
        return MountsStub(self._channel.with_metadata({NAMESPACE_HEADER: namespace}))

    async def made(self, bundle: Bundle, binary: Path, rootfs: Sequence[WireMount]) -> Sequence[WireMount]:
        """Return what the shim is to mount: rootfs itself, unless some of it has to be made before, which is done.

        A daemon without a Mounts service leaves it to the shim. Raises what the service says. Cancellation: what it has begun is taken
        down with the bundle.
        """
        mounts = [Mount.from_wire(mount) for mount in rootfs]
        if not needs_manager(mounts) or allows(await self._allowed_by(binary), mounts):
            return rootfs
        id, stub = bundle.id, self._stub(bundle.namespace)
        await anyio.to_thread.run_sync(bundle.note_mounts)
        labels = {f"{GC_BREF}container": id, _OF_TASK: "true"}
        request = ActivateRequest(name=id, mounts=list(rootfs), labels=labels)
        try:
            info = await self._activated(stub, request)
        except Unimplemented:
            return rootfs
        return rootfs if info is None else info.system

    async def _activated(self, stub: MountsStub, request: ActivateRequest) -> ActivationInfo | None:
        try:
            return (await stub.activate(request, timeout=_MAKE_S)).info
        except AlreadyExists:
            pass
        # Collection may be faster at each step: what is gone then is no more in the way.
        with suppress(NotFound):
            info = (await stub.info(InfoRequest(name=request.name), timeout=_ASK_S)).info
            if info is None or _OF_TASK not in info.labels:
                return info  # somebody has made it ahead for this container
            # Of a task that is no more, perhaps of another container's of this name.
            await stub.deactivate(DeactivateRequest(name=request.name), timeout=_TAKE_DOWN_S)
        return (await stub.activate(request, timeout=_MAKE_S)).info

    async def drop(self, bundle: Bundle) -> None:
        """Have what was made for a task taken down; a service that is away is waited for, 10 s at most.

        What can't be taken down goes with its container; that is logged.
        """
        request, stub = DeactivateRequest(name=bundle.id), self._stub(bundle.namespace)
        why = f"nobody took it down within {_TAKE_DOWN_S:g} s"
        with anyio.move_on_after(_TAKE_DOWN_S):
            while True:
                try:
                    await stub.deactivate(request, timeout=_TAKE_DOWN_S)
                    return
                except (NotFound, Unimplemented):
                    return
                except Unavailable as error:
                    why = error.message
                except ArgosyError as error:
                    why = error.message
                    break
                await anyio.sleep(_AGAIN_S)
        logger.warning("rootfs.stays", namespace=bundle.namespace, container=bundle.id, error=why)

    async def _allowed_by(self, binary: Path) -> Sequence[str]:
        """Return the types of mounts that a shim prepares by itself, as it says; asked once."""
        if binary.name == _STOCK:
            return ()
        found = self._allowed.get(str(binary))
        if found is None:
            found = self._allowed[str(binary)] = await _ask(binary)
        return found


async def _ask(binary: Path) -> tuple[str, ...]:
    try:
        code, output, errors = await run([str(binary), "-info"], Path("/"), {}, b"", _ASK_S)
        info: RuntimeInfo = answered(RuntimeInfo, f"{binary.name} -info", code, output, errors)
    except (ArgosyError, OSError, DecodeError) as error:
        logger.info("rootfs.shim_says_nothing", shim=str(binary), error=str(error))
        return ()
    return tuple(word for word in info.annotations.get(ALLOWED, "").split(",") if word)
