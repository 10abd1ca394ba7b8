"""A name and a secret for a registry, and who is asked for them."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Awaitable, Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Credentials:
    """A name and a secret for one registry."""

    username: str
    secret: str

    def __repr__(self) -> str:
        return f"Credentials({self.username!r})"

    @property
    def header(self) -> str:
        return "Basic " + b64encode(f"{self.username}:{self.secret}".encode()).decode()


Ask = Callable[[str], Awaitable[Credentials | None]]
"""Returns the credentials for a host; None for none. A secret without a name is a refresh token for the registry's token service."""
