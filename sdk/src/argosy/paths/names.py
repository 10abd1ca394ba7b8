"""What a path means to whoever copies from it."""

from __future__ import annotations

from typing import Final

MOST_PATH_BYTES: Final = 4096


def base_name(path: str) -> str:
    """Return what an archive calls what is at path: its last part; "." for a root, and for a path that ends with ``.`` or ``..``."""
    name = path.rstrip("/").rpartition("/")[2]
    return "." if name in ("", ".", "..") or path.endswith("/.") else name


def follows(path: str) -> bool:
    """Return whether a symlink at the end of path is followed: where a slash, or ``.``, stands behind it."""
    return path.endswith(("/", "/.")) or base_name(path) == "."
