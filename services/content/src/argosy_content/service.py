"""The content store as a service of a mesh: its name, how it is started, and its settings."""

from __future__ import annotations

from dataclasses import dataclass

from argosy.service import Service, main_of
from argosy.settings import Settings


@dataclass(frozen=True, kw_only=True)
class ContentSettings(Settings):
    """Nothing beyond what every process can be told."""


SERVICE = Service(
    "content", ContentSettings, main_of(__package__), about="content store", plugin="content", public_name="content"
)
