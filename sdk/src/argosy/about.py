"""What every Argosy process answers about itself, one of our services and anybody's plugin alike: argosy.service.v1, health, reflection."""

from __future__ import annotations

import errno
import os
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from argosy_protos.argosy.service.v1 import (
    ClaimRequest,
    ClaimResponse,
    DrainRequest,
    DrainResponse,
    ResumeRequest,
    ResumeResponse,
    ServiceBase,
    SetLogLevelRequest,
    SetLogLevelResponse,
    StatisticsRequest,
    StatisticsResponse,
)

from argosy import log
from argosy.errors import ArgosyError, FailedPrecondition, InvalidArgument, ResourceExhausted, Unavailable, Unimplemented
from argosy.roots import replace_file
from argosy.rpc.health import Health
from argosy.rpc.reflection import ReflectionV1, ReflectionV1Alpha
from argosy.rpc.server import Server, inline
from argosy.store.reserve import give_all
from argosy.timestamps import to_wire

_CLAIM: Final = "/argosy.service.v1.Service/Claim"
_MAX_OWNER_BYTES: Final = 256
_FULL: Final = frozenset((errno.ENOSPC, errno.EDQUOT))


class About(ServiceBase):
    """argosy.service.v1.Service of one server. ``add`` it once everything else is there."""

    def __init__(
        self,
        name: str,
        server: Server,
        *,
        root: Path | None = None,
        gauges: Mapping[str, Callable[[], object]] | None = None,
        log_level: str = "info",
        log_json: bool | None = None,
    ) -> None:
        """root is what a claim is about; a plugin without one belongs to nobody. gauges are read at each call."""
        self._name, self._server, self._root = name, server, root
        self._gauges = {} if gauges is None else gauges
        self._started = time.time_ns()
        self._level, self._json = log_level, log_json
        self._drained: ArgosyError | None = None

    def add(self) -> None:
        """Serve this, health and reflection. All but Claim is answered while the server drains, or refuses for another reason."""
        for service in (Health(self._server), ReflectionV1(self._server), ReflectionV1Alpha(self._server), self):
            self._server.add(service)
            self._server.always |= service.__mapping__().keys() - {_CLAIM}

    @inline
    async def statistics(self, request: StatisticsRequest) -> StatisticsResponse:
        server = self._server
        return StatisticsResponse(
            name=self._name,
            pid=os.getpid(),
            started_at=to_wire(self._started),
            calls_in_flight=server.calls_in_flight,
            calls_total=server.statistics.total,
            calls_failed=server.statistics.failed,
            state="ready" if server.draining is None else "draining" if server.draining is self._drained else "refusing",
            gauges={k: str(v()) for k, v in self._gauges.items()},
        )

    async def drain(self, request: DrainRequest) -> DrainResponse:
        if self._server.draining is None:
            self._drained = Unavailable(f"{self._name} is draining; try again when it is back")
            self._server.draining = self._drained
        # This call itself is in flight.
        return DrainResponse(calls_in_flight=max(0, self._server.calls_in_flight - 1))

    async def resume(self, request: ResumeRequest) -> ResumeResponse:
        draining = self._server.draining
        if draining is not None and draining is not self._drained:
            raise FailedPrecondition(f"{self._name} was not drained: {draining.message}")
        self._server.draining = self._drained = None
        return ResumeResponse()

    async def claim(self, request: ClaimRequest) -> ClaimResponse:
        """Give what is below our root to one owner, for good: two metadata stores would collect each other's bytes."""
        owner, address = request.owner, request.address
        if not owner or " " in owner or len(owner) > _MAX_OWNER_BYTES:
            raise InvalidArgument("a claim names its owner, in one word")
        root = self._root
        if root is None:
            raise Unimplemented(f"{self._name} keeps nothing that could be claimed")
        mark = root / "owner"
        try:
            held, _, at = mark.read_text(errors="replace").partition(" ")
        except FileNotFoundError:
            held = at = ""
        if held == owner:
            return ClaimResponse()
        # An empty mark, of a power loss, names nobody.
        if held.strip("\0 \n") and at.strip() == address:
            raise FailedPrecondition(
                f"{self._name} root {root} belongs to a daemon that was at this same socket before ({held}), and whose metadata this one "
                f"does not have: nothing of it is removed. If that is gone for good, remove {mark}; the next collection then removes "
                "all that no record names"
            )
        if held.strip("\0 \n"):
            raise FailedPrecondition(
                f"{self._name} root {root} belongs to {held} at {at.strip()}; give this daemon a root of its own, "
                f"or remove {mark} when that one is gone for good"
            )
        self._write_owner(mark, f"{owner} {address}")
        return ClaimResponse()

    @staticmethod
    def _write_owner(mark: Path, text: str) -> None:
        """Write the owner's mark of a root. Raises ResourceExhausted, Unavailable."""
        try:
            try:
                replace_file(mark, text)
            except OSError as error:
                # Nothing can be removed before this is written.
                if error.errno not in _FULL or not give_all(mark.parent):
                    raise
                replace_file(mark, text)
        except OSError as error:
            if error.errno in _FULL:
                raise ResourceExhausted(f"{mark} cannot be written: the disk is full; free some space") from error
            raise Unavailable(f"{mark} cannot be written: {error.strerror}") from error

    async def set_log_level(self, request: SetLogLevelRequest) -> SetLogLevelResponse:
        if request.level not in log.LEVELS:
            raise InvalidArgument(f'log level "{request.level}" is not one of {", ".join(log.LEVELS)}')
        previous, self._level = self._level, request.level
        log.configure(request.level, self._json, self._name)
        return SetLogLevelResponse(previous=previous)
