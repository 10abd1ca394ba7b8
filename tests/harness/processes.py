"""Processes that a test starts beside itself, and that are over with it whatever happens."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from typing import AnyStr


@contextmanager
def ending(process: subprocess.Popen[AnyStr]) -> Iterator[subprocess.Popen[AnyStr]]:
    """Yield process; at the end of the block it is killed if it still runs, waited for, and its pipes are closed.

    Who wants it to end in order waits for that in the block.
    """
    with process:
        try:
            yield process
        finally:
            process.kill()
