"""Where a daemon listens when nobody says, and how one is started."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

START: Final = 'start a daemon with "argosy up", or name another\'s socket (--address, ARGOSY_ADDRESS)'
"""What helps where nobody listens, for a person who reads the error."""


def default_address() -> Path:
    """Return where a daemon listens when nobody says: the environment's wish, else our own address."""
    wish = os.environ.get("ARGOSY_ADDRESS") or os.environ.get("CONTAINERD_ADDRESS")
    return plain(wish) if wish else Path("/run/argosy/containerd.sock")


def plain(address: str) -> Path:
    """Return the path of a socket that may be written as ``unix:///run/x.sock``, as containerd's clients take it, too."""
    # Who makes a path of it first loses two of the slashes.
    return Path(address.removeprefix("unix://") if address.startswith("unix://") else address.removeprefix("unix:"))
