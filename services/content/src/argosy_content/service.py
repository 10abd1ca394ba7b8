"""The content store as a service of a mesh: its name, how it is started, and its settings."""

from __future__ import annotations

from dataclasses import dataclass

from argosy.service import Service, Start
from argosy.settings import Settings


@dataclass(frozen=True, kw_only=True)
class ContentSettings(Settings):
    """Nothing beyond what every process can be told."""


def load() -> Start[ContentSettings]:
    from argosy_content.__main__ import start

    return start


SERVICE = Service("content", ContentSettings, load, about="content store", plugin="content", public_name="content")
