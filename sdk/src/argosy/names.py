"""Identifiers and namespaces: the grammar that every name of the contract obeys."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

from argosy.errors import FailedPrecondition, InvalidArgument

NAMESPACE_HEADER: Final = "containerd-namespace"
NAMESPACE_TTRPC_KEY: Final = "containerd-namespace-ttrpc"
LEASE_HEADER: Final = "containerd-lease"
MEDIA_TYPE_HEADER: Final = "argosy-media-type"
"""On a Write of content: what the blob is, for the event that tells of it. Nothing else is made of it."""
DEPOT_HEADER: Final = "argosy-depot"
"""Which depot a call of ``argosy.transfer.v1.Depot`` is for, where there are several."""
DEFAULT_NAMESPACE: Final = "default"
MAX_IDENTIFIER_BYTES: Final = 76
_NAMESPACES: Final = 1024  # so many are remembered to be right
IDENTIFIER: Final = re.compile(r"[A-Za-z0-9]+(?:[._-](?:[A-Za-z0-9]+))*")
_SHOWN: Final = "^[A-Za-z0-9]+(?:[._-](?:[A-Za-z0-9]+))*$"


def check_identifier(value: str) -> str:
    """Return value when it may name a namespace, container, exec, sandbox or topic part.

    Raises InvalidArgument with containerd's own sentences otherwise.
    """
    if not value:
        raise InvalidArgument("identifier must not be empty")
    if len(value) > MAX_IDENTIFIER_BYTES:
        raise InvalidArgument(f'identifier "{value}" greater than maximum length ({MAX_IDENTIFIER_BYTES} characters)')
    if not IDENTIFIER.fullmatch(value):
        raise InvalidArgument(f'identifier "{value}" must match {_SHOWN}')
    return value


@lru_cache(_NAMESPACES)
def check_namespace(value: str | None) -> str:
    """Return value when it is a namespace. Raises FailedPrecondition when missing, InvalidArgument when malformed."""
    if not value:
        raise FailedPrecondition("namespace is required")
    try:
        return check_identifier(value)
    except InvalidArgument as error:
        raise InvalidArgument(f"namespace validation: {error.message}") from None


def check_topic(topic: str) -> str:
    """Return topic when it is ``/part/part...``. Raises InvalidArgument otherwise."""
    if not topic.startswith("/"):
        raise InvalidArgument(f'topic "{topic}" must start with "/"')
    for part in topic[1:].split("/"):
        try:
            check_identifier(part)
        except InvalidArgument as error:
            raise InvalidArgument(f'topic "{topic}": component "{part}": {error.message}') from None
    return topic
