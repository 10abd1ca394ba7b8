"""Transfers as a service of a mesh: its name, how it is started, and its settings."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from argosy.service import Service, main_of
from argosy.settings import Settings, option
from argosy.tables import ImageVerifiers

# A connection has 4096 calls. Who waits for a place on it is told nothing, so some are left for those that are refused.
MOST_CALLS: Final = 3584


@dataclass(frozen=True, kw_only=True)
class TransferSettings(Settings):
    """The settings of transfers: the daemon whose images these are, and how long a client is waited for."""

    gateway: Path = option("socket of the daemon whose images, content and leases these are", mesh="address")
    answer_s: float = option("how long a client may take to answer when it is asked for credentials", 30.0)
    silence_s: float = option("how long a stream of bytes may stand still before its client is given up", 600.0)
    streams: int = option("how many streams may be open at a time; those of one namespace are half of them at most", 2048)
    transfers: int = option(
        "how many transfers may be under way at a time; those of one namespace are half of them at most", 512
    )
    lanes: int = option(
        "how many ranges of large layers may be on their way at a time, beside one of each; each takes 4 MiB", 7
    )
    image_verifiers: ImageVerifiers = option(
        "the programs that verify images", default_factory=ImageVerifiers, mesh="image_verifiers"
    )

    def __post_init__(self) -> None:
        for name in ("answer_s", "silence_s", "streams", "transfers"):
            if getattr(self, name) <= 0:
                raise ValueError(f"{name} must be more than 0, not {getattr(self, name)}")
        if self.streams + self.transfers > MOST_CALLS:
            raise ValueError(
                f"streams and transfers are {MOST_CALLS} at most together, not {self.streams + self.transfers}: all come over one connection"
            )
        if self.lanes < 0:
            raise ValueError(f"lanes must be 0 or more, not {self.lanes}")


SERVICE = Service(
    "transfer", TransferSettings, main_of(__package__), about="transfers", plugin="transfer", public_name="transfer"
)
