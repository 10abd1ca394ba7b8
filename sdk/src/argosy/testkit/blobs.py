"""Bytes that nobody has yet, and their digests: what checks put into stores, and ask for in vain."""

from __future__ import annotations

import os

from argosy.digest import Digest


def digest_of(data: bytes) -> str:
    """Return a digest as containerd's stores have it by themselves."""
    return str(Digest.of(data))


def fresh(size: int) -> bytes:
    """Return bytes that no store has."""
    return os.urandom(size)
