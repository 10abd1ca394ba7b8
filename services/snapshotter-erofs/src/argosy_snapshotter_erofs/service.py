"""The EROFS snapshotter as a service of a mesh: its name, how it is started, and its settings."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from argosy.errors import InvalidArgument
from argosy.service import Service, main_of
from argosy.settings import Settings, option


@dataclass(frozen=True, kw_only=True)
class ErofsSettings(Settings):
    """How images are stacked here."""

    mount_options: list[str] = option('more overlay options, such as "volatile"', default_factory=list)
    layer_content_caches: list[str] = option(
        "folders with images of layers, made by `argosy image build-erofs-cache`: what is there is not fetched",
        default_factory=list,
    )
    default_size: int | str = option(
        "the most that is written to an active snapshot whose labels don't say, such as 10GiB: it has a file system of that size; "
        "0: it may fill the disk",
        0,
    )
    sync_remove: bool = option("delete images at Remove instead of at Cleanup", True)

    def __post_init__(self) -> None:
        for folder in self.layer_content_caches:
            if not folder.startswith("/"):
                raise ValueError(f'layer_content_caches: "{folder}" is no absolute path')
        try:
            _ = self.default_bytes
        except InvalidArgument:
            raise ValueError(
                f'default_size: "{self.default_size}" is no size; write it as 64MiB or 10GiB, or 0 for no limit'
            ) from None

    @property
    def default_bytes(self) -> int:
        """The bytes of default_size."""
        if self.default_size in ("", "0", 0):
            return 0
        from argosy.mounting.files import size_of  # most are started without

        return size_of(str(self.default_size))


def lacks(settings: ErofsSettings) -> Collection[str]:
    from argosy.kernel.mount_trees import maps_ids

    return () if maps_ids(settings.root) else ("remap-ids",)


SERVICE = Service(
    "snapshotter-erofs", ErofsSettings, main_of(__package__), about="EROFS snapshotter",
    plugin="snapshot", public_name="erofs", capabilities=("remap-ids", "rebase"), lacks=lacks,
)  # fmt: skip
