"""Which daemon and namespace the commands speak to: the global options."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from argosy.client import Client
    from argosy.client.services import Services
    from argosy.rpc.blocking import BlockingChannel


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
    def channel(cls) -> BlockingChannel:
        """Return a channel for a command that asks a few things and ends, which ``output.ask`` runs."""
        from argosy.client.daemon import START
        from argosy.rpc.blocking import BlockingChannel

        from argosy_cli.output import remark

        return BlockingChannel(cls.socket(), name="containerd", remedy=START, late=remark)

    @classmethod
    def services(cls) -> Services:
        """Return the services of such a command."""
        from argosy.client.services import Services
        from argosy.names import NAMESPACE_HEADER

        return Services(cls.channel().with_metadata({NAMESPACE_HEADER: cls.namespace}))

    @classmethod
    def socket(cls) -> Path:
        from argosy.client.daemon import default_address, plain

        return default_address() if cls.address is None else plain(str(cls.address))
