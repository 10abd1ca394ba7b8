"""The EROFS snapshotter as a service of a mesh: its name, how it is started, and its settings."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from argosy.service import Service, Start
from argosy.settings import Settings, option


@dataclass(frozen=True, kw_only=True)
class ErofsSettings(Settings):
    """How images are stacked here."""

    mount_options: list[str] = option('more overlay options, such as "volatile"', default_factory=list)
    layer_content_caches: list[str] = option(
        "folders with images of layers, made by `argosy image build-erofs-cache`: what is there is not fetched",
        default_factory=list,
    )
    sync_remove: bool = option("delete images at Remove instead of at Cleanup", True)

    def __post_init__(self) -> None:
        for folder in self.layer_content_caches:
            if not folder.startswith("/"):
                raise ValueError(f'layer_content_caches: "{folder}" is no absolute path')


def load() -> Start[ErofsSettings]:
    from argosy_snapshotter_erofs.__main__ import start

    return start


def lacks(settings: ErofsSettings) -> Collection[str]:
    from argosy.kernel.mount_trees import maps_ids

    return () if maps_ids(settings.root) else ("remap-ids",)


SERVICE = Service(
    "snapshotter-erofs", ErofsSettings, load, about="EROFS snapshotter",
    plugin="snapshot", public_name="erofs", capabilities=("remap-ids", "rebase"), lacks=lacks,
)  # fmt: skip
