"""The native snapshotter as a service of a mesh: its name, how it is started, and its settings."""

from __future__ import annotations

from dataclasses import dataclass

from argosy.service import Service, main_of
from argosy.settings import Settings, option


@dataclass(frozen=True, kw_only=True)
class NativeSettings(Settings):
    """How copies are removed here."""

    sync_remove: bool = option("delete directories at Remove instead of at Cleanup", True)


SERVICE = Service(
    "snapshotter-native", NativeSettings, main_of(__package__), about="native snapshotter",
    plugin="snapshot", public_name="native",
)  # fmt: skip
