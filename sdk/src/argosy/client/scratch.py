"""Unnamed files for what comes once and is needed again: in TMPDIR, else in /var/tmp, which has more room than /tmp. They go with whoever has them."""

from __future__ import annotations

import os
import tempfile
from typing import IO


def folder() -> str:
    """Return where such files are."""
    return os.environ.get("TMPDIR") or ("/var/tmp" if os.access("/var/tmp", os.W_OK) else tempfile.gettempdir())


def unnamed() -> IO[bytes]:
    """Return a new one. Raises OSError."""
    return tempfile.TemporaryFile(dir=folder())
