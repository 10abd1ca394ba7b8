"""The overlayfs snapshotter as a service of a mesh: its name, how it is started, and its settings."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from argosy.service import Service, main_of
from argosy.settings import Settings, option


@dataclass(frozen=True, kw_only=True)
class OverlaySettings(Settings):
    """How overlays are made here."""

    mount_options: list[str] = option('more overlay options, such as "volatile"', default_factory=list)
    upperdir_label: bool = option("label each snapshot with the path of its upper directory", False)
    sync_remove: bool = option("delete directories at Remove instead of at Cleanup", False)


def lacks(settings: OverlaySettings) -> Collection[str]:
    from argosy.kernel.mount_trees import maps_ids

    return () if maps_ids(settings.root) else ("remap-ids",)


def ahead(settings: OverlaySettings) -> None:
    from argosy_snapshotter_overlay.layout import ask_ahead

    ask_ahead(settings.root)


SERVICE = Service(
    "snapshotter-overlay", OverlaySettings, main_of(__package__), about="overlayfs snapshotter",
    plugin="snapshot", public_name="overlayfs", capabilities=("remap-ids", "rebase"), lacks=lacks, ahead=ahead,
)  # fmt: skip
