"""The gateway as a service of a mesh: its name and how it is started. Its settings are in ``plugins/config.py``."""

from __future__ import annotations

from argosy.service import Service, main_of

from argosy_gateway.plugins.config import GatewaySettings

SERVICE = Service(
    "gateway", GatewaySettings, main_of(__package__), about="gateway", folder="io.containerd.metadata.v1.argosy"
)
