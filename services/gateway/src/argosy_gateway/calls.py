"""Whose call is being served: its namespace and its lease."""

from __future__ import annotations

from argosy.rpc.context import current


def namespace() -> str:
    """Return the namespace of the call being served. Raises FailedPrecondition, InvalidArgument."""
    return current().namespace


def lease() -> str | None:
    """Return the lease of the call being served."""
    return current().lease
