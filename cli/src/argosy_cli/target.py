"""Which daemon and namespace the commands speak to: the global options."""

from __future__ import annotations

from pathlib import Path

from argosy.client import Client
from argosy.client.connection import default_address


class Target:
    """Set once, before a command runs."""

    address: Path | None = None
    namespace: str = "default"
    log_level: str = "warn"

    @classmethod
    def client(cls) -> Client:
        return Client(cls.socket(), cls.namespace)

    @classmethod
    def socket(cls) -> Path:
        return cls.address or default_address()
