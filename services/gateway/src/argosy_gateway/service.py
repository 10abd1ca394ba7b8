"""The gateway as a service of a mesh: its name and how it is started. Its settings are in ``plugins/config.py``."""

from __future__ import annotations

from argosy.service import Service, Start

from argosy_gateway.plugins.config import GatewaySettings


def load() -> Start[GatewaySettings]:
    from argosy_gateway.__main__ import start

    return start


SERVICE = Service("gateway", GatewaySettings, load, about="gateway", folder="io.containerd.metadata.v1.argosy")
