"""A folder of layers as EROFS images, by what is in them: a snapshotter that finds a layer there has it without anybody fetching it.

The layout is containerd's: ``<folder>/<algorithm>/<first two>/<rest and all>.erofs``, by the layer's diff id. Who mounts never writes there.
"""

from __future__ import annotations

import os
import stat
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Final

from argosy import log
from argosy.digest import Digest
from argosy.erofs.snapshot import FILES, IMAGE, write_layer
from argosy.errors import InvalidArgument
from argosy.roots import sync_directory
from argosy.unpack.content import content
from argosy.unpack.inflate import inflate
from argosy.unpack.limits import Budget

logger = log.get("erofs.cache")

_NEW: Final = ".new-"


def path_of(folder: Path, diff_id: str) -> Path:
    """Return where a folder has a layer. Raises InvalidArgument for what is no digest."""
    parsed = Digest.parse(diff_id)
    return folder / parsed.algorithm / parsed.hex[:2] / f"{parsed.hex}.erofs"


def find(folders: Sequence[Path], diff_id: str) -> Path | None:
    """Return the first image of a layer in some folders; None when none has it, or only one that others could write to."""
    for folder in folders:
        try:
            path = path_of(folder, diff_id)
            info = os.lstat(path)
        except (InvalidArgument, OSError):
            continue
        if not stat.S_ISREG(info.st_mode) or info.st_uid not in (0, os.geteuid()) or info.st_mode & 0o022:
            logger.warning(
                "cache.not_trusted", path=str(path), remedy="make it a file of root's that nobody else can write to"
            )
            continue
        return path
    return None


def fill(folder: Path, diff_id: str, blob: IO[bytes], media_type: str) -> bool:
    """Make the image of a layer, whose blob, compressed or not, is read to its end; return whether it was missing.

    It appears when it is complete and on disk. Blocks. Raises InvalidArgument when the blob is another layer, or none, FailedPrecondition for
    one that cannot be read without the layers below it, ResourceExhausted, OSError.
    """
    path = path_of(folder, diff_id)
    if path.exists():
        return False
    path.parent.mkdir(parents=True, exist_ok=True)
    budget = Budget(packed=os.fstat(blob.fileno()).st_size)
    held = content(inflate(blob), media_type, budget, blob)
    with tempfile.TemporaryDirectory(prefix=_NEW, dir=folder) as scratch:
        place = Path(scratch)
        (place / FILES).mkdir(mode=0o755)
        write_layer(place, iter(held), (), True, held.hash.digest, detached=True, budget=budget)
        if held.digest != diff_id:
            raise InvalidArgument(f"the layer is {held.digest}, and its image says {diff_id}")
        os.chmod(place / IMAGE, 0o444)
        os.rename(place / IMAGE, path)
    for changed in (path.parent, path.parent.parent, folder):
        sync_directory(changed)
    return True
