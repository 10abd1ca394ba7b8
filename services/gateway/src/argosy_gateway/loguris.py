"""The log URIs that a restart label may name: only where the configuration says, since a label says it, and a label may be an image's.

A log URI is dangerous whatever its scheme: ``binary://`` starts a program as root, ``file://`` makes and appends to any file,
and a FIFO's path that names a file is written over.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from typing import Final

# What every parser of URIs and every shim, in whatever language, reads in the same way.
_PLAIN: Final = re.compile(r"(file|fifo)://((?:/[A-Za-z0-9._@+~-]+)+)")
_SHOWN: Final = 200


def permitted(uri: str, allowed: Sequence[str]) -> bool:
    """Return whether a task may log there: nowhere, where an entry names it as it is, or beneath an entry ending in ``/``.

    Beneath means after every symlink that is there now; what may change them is the operator's to choose.
    """
    if not uri:
        return True
    if uri in allowed and not uri.endswith("/"):
        return True
    if uri.startswith("/"):
        uri = f"fifo://{uri}"
    found = _PLAIN.fullmatch(uri)
    if found is None or any(part in (".", "..") for part in found[2].split("/")):
        return False
    for entry in allowed:
        if entry.endswith("/") and uri.startswith(entry):
            top = os.path.realpath(entry.partition("://")[2])
            if os.path.realpath(found[2]).startswith(top.rstrip("/") + "/"):
                return True
    return False


def shown(uri: str) -> str:
    """Return a URI as a message may hold it."""
    return repr(uri if len(uri) <= _SHOWN else f"{uri[:_SHOWN]}...")
