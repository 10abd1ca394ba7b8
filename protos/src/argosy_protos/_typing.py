"""What generated stubs take and return, for type checkers: nothing of it is imported when a program runs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Protocol, Self, TypedDict, TypeVar

Sent = TypeVar("Sent", contravariant=True)
Received = TypeVar("Received", covariant=True)


class Options(TypedDict, total=False):
    """What may be said of one call beside its request."""

    timeout: float | None
    """Seconds; None is as long as the channel says."""
    metadata: Mapping[str, str] | Iterable[tuple[str, str]] | None
    group: Any
    """Calls that end together, in the channel's own terms."""


class Stream(Protocol[Sent, Received]):
    """A call whose requests are a stream; iterate over its answers. Leaving the block ends it."""

    async def __aenter__(self) -> Self: ...

    async def __aexit__(self, kind: Any, error: BaseException | None, trace: Any) -> None: ...

    async def send_message(self, message: Sent, *, end: bool = False) -> None:
        """Send a request; with end it is the last one. Raises the call's error when it has ended."""

    async def recv_message(self) -> Received | None:
        """Return the next answer; None at the end of a call that went well. Raises its error otherwise."""

    async def end(self) -> None:
        """Say that no more requests follow."""

    def cancel(self) -> None:
        """Give the call up. Safe to call twice."""

    def __aiter__(self) -> Self: ...

    async def __anext__(self) -> Received: ...
