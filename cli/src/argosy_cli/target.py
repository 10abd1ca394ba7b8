"""Which daemon and namespace the commands speak to: the global options."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from argosy.client import Client


class Target:
    """Set once, before a command runs."""

    address: Path | None = None
    namespace: str = "default"
    log_level: str = "warn"

    @classmethod
    def client(cls) -> Client:
        from argosy.client import Client  # half of what a start of the mesh would otherwise load
        from argosy.kernel.heap import keep_freed

        keep_freed()
        return Client(cls.socket(), cls.namespace)

    @classmethod
    def socket(cls) -> Path:
        from argosy.client.connection import default_address

        return cls.address or default_address()
