"""The differ as a service of a mesh: its name, how it is started, and its settings."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from argosy.service import Service, main_of
from argosy.settings import Settings, option
from argosy.tables import StreamProcessor
from argosy.unpack.limits import Limits


@dataclass(frozen=True, kw_only=True)
class DiffSettings(Settings):
    """The differ's settings: the daemon whose layers these are, the stream processors, and the limits of a layer."""

    content: Path = option("socket that serves the content of the layers; usually the gateway's", mesh="address")
    stream_processors: dict[str, StreamProcessor] = option(
        "external decoders, by their ids", default_factory=dict, mesh="stream_processors"
    )
    workers: int = option("how many layers of 1 MiB or more to apply at a time; 0: one a core", 0)
    decryption_keys: Path | None = option(
        "directory of private keys that open encrypted layers, for whoever unpacks them here", None
    )
    key_providers: Path | None = option("JSON file that says which key providers open encrypted layers here", None)
    layers: Limits = option("what one layer may take", default_factory=Limits, mesh="layers")

    def __post_init__(self) -> None:
        if self.workers < 0:
            raise ValueError(f"workers must be 0 or more, not {self.workers}")


SERVICE = Service("diff", DiffSettings, main_of(__package__), about="differ", plugin="diff", public_name="walking")
