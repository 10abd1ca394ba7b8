"""What a call carries beside its message: namespace, lease, deadline, peer. Rides in a context variable."""

from __future__ import annotations

import time
from contextvars import ContextVar
from dataclasses import dataclass, field

from argosy.names import LEASE_HEADER, NAMESPACE_HEADER, check_namespace


@dataclass(frozen=True, slots=True)
class Peer:
    """Who is at the other end of a unix socket."""

    pid: int = 0
    uid: int = 0
    gid: int = 0
    groups: tuple[int, ...] = ()
    """Its supplementary groups."""


@dataclass(slots=True)
class Call:
    """One call being served."""

    path: str = ""
    metadata: tuple[tuple[str, str], ...] = ()
    deadline: float | None = None
    """Monotonic time, which is the loop's, at which the caller stops waiting, or None."""
    peer: Peer = field(default_factory=Peer)
    waiting_for: str = ""
    """Whose answer the call waits for, for the sentence that ends it when its deadline passes."""

    def get(self, key: str) -> str | None:
        """Return the first value of a metadata key: the newest one, since Go clients prepend."""
        for k, v in self.metadata:
            if k == key:
                return v
        return None

    @property
    def namespace(self) -> str:
        """The caller's namespace. Raises FailedPrecondition when missing, InvalidArgument when malformed."""
        return check_namespace(self.get(NAMESPACE_HEADER))

    @property
    def lease(self) -> str | None:
        """The lease that created resources join, or None."""
        return self.get(LEASE_HEADER) or None

    def timeout(self) -> float | None:
        """Return the seconds left, never negative, or None when the caller waits for ever."""
        if self.deadline is None:
            return None
        return max(0.0, self.deadline - time.monotonic())

    def forwarded(self) -> tuple[tuple[str, str], ...]:
        """Return the metadata a relay passes on: everything the caller said for itself."""
        return tuple((k, v) for k, v in self.metadata if not k.startswith("grpc-"))


_NOBODY = Call()
CALL: ContextVar[Call] = ContextVar("argosy_call", default=_NOBODY)


def current() -> Call:
    """Return the call being served, or an empty one outside any."""
    return CALL.get()
