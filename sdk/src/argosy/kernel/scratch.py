"""A temporary directory below a root that we have locked, for trying out mounts. What a killed process left there is removed by the next one."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from argosy.kernel.unmount import unmount_tree

_PREFIX: Final = "check-"


@contextmanager
def scratch_in(root: Path, alone: bool = True) -> Iterator[Path]:
    """Yield a new directory below root; it goes with the block. Raises OSError.

    alone: the caller holds root's lock, so that earlier ones are nobody's, and go, too. Who does not may find that its own went.
    """
    for left in root.glob(f"{_PREFIX}*") if alone else ():
        unmount_tree(str(left))
        shutil.rmtree(left, ignore_errors=True)
    with tempfile.TemporaryDirectory(prefix=_PREFIX, dir=root) as made:
        yield Path(made)
