"""A mount namespace of this process's own: what is mounted in it nobody else sees, and it goes with the process, however that ends."""

from __future__ import annotations

import ctypes
from typing import Final

from argosy.kernel.libc import call

_CLONE_NEWNS: Final = 0x20000
_MS_REC, _MS_PRIVATE = 0x4000, 0x40000


def own_mounts() -> None:
    """Leave the mount namespace that we share with others. The process must have one thread. Raises OSError."""
    call("unshare", ctypes.c_int(_CLONE_NEWNS))
    call("mount", b"none", b"/", None, ctypes.c_ulong(_MS_REC | _MS_PRIVATE), None, path="/")
