"""Whether this machine can mount EROFS images: what needs them is skipped with the reason where it can't."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import pytest
from argosy.errors import FailedPrecondition
from argosy_snapshotter_erofs.layout import ask


def _asked() -> tuple[str, tuple[str, ...]]:
    """Return why not, and the options for mounting an image: on tmpfs it takes a loop device."""
    if os.geteuid() != 0:
        return "", ()  # skipped for that already
    with tempfile.TemporaryDirectory(prefix="ay-", dir="/tmp") as scratch:
        try:
            return "", ask(Path(scratch)).image_options
        except FailedPrecondition as error:
            return error.message, ()


_REASON, IMAGE_OPTIONS = _asked()
CAN_EROFS = not _REASON
needs_erofs = pytest.mark.skipif(bool(_REASON), reason=_REASON or "it can")
SNAPSHOTTERS = ["overlayfs", "native", pytest.param("erofs", marks=needs_erofs)]
