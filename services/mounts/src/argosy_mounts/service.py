"""Mounts as a service of a mesh: its name, how it is started, and its settings."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from argosy.mounting.plan import HANDLED
from argosy.service import Service, main_of
from argosy.settings import Settings, option


@dataclass(frozen=True, kw_only=True)
class MountsSettings(Settings):
    """The settings of mounts: where they are made, and where what they need may be made."""

    state: Path = option("directory for mount points; does not outlive a reboot", mesh="state")
    roots: list[str] = option(
        "directories beneath which mkdir and mkfs may make something, beside the one that holds this root",
        default_factory=list,
    )

    activations: int = option("how many activations may be kept at a time", 16384)

    def __post_init__(self) -> None:
        if self.activations <= 0:
            raise ValueError(f"activations must be more than 0, not {self.activations}")
        for root in self.roots:
            if not root.startswith("/"):
                raise ValueError(f'roots: "{root}" is no absolute path; write it from the root on')


SERVICE = Service(
    "mounts", MountsSettings, main_of(__package__), about="mounts",
    plugin="mounts", public_name="mounts", capabilities=tuple(sorted(HANDLED)),
)  # fmt: skip
