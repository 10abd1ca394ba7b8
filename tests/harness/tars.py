"""Layers, as tar files in memory."""

from __future__ import annotations

import io
import tarfile


def layer(*files: tuple[str, bytes]) -> bytes:
    """Return a tar of regular files, each (name, bytes)."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for name, data in files:
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            tar.addfile(entry, io.BytesIO(data))
    return out.getvalue()
