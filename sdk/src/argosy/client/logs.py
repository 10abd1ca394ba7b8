"""What a detached container wrote: reading a ``file://`` log, and following it to the end of its task."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from io import FileIO
from pathlib import Path
from typing import Final

import anyio
from argosy_protos.containerd.v1.types import Status

from argosy.client.connection import Client
from argosy.client.tasks import Task
from argosy.errors import NotFound

_CHUNK: Final = 1 << 16
_POLL_S: Final = 0.1


async def is_running(client: Client, id: str) -> bool:
    """Return whether a container has a task that has not ended."""
    try:
        return (await Task(client, id).state()).status in (Status.RUNNING, Status.PAUSED, Status.PAUSING, Status.CREATED)
    except NotFound:
        return False


def _skip_hole(log: FileIO) -> bool:
    """Go on to the next byte that is there: of a log with a bound the oldest part is a hole. Returns whether there was one."""
    here = log.tell()
    try:
        there = os.lseek(log.fileno(), here, os.SEEK_DATA)
    except OSError:
        return False  # nothing more yet, or a file system that knows no holes
    log.seek(there)
    return there != here


async def read(client: Client, id: str, path: Path, follow: bool = False) -> AsyncIterator[bytes]:
    """Yield the log of a container; with follow, until its task has ended and everything was read. Raises NotFound."""
    if not path.exists():
        raise NotFound(f'container "{id}" has no log at {path}')
    with path.open("rb", buffering=0) as log:
        if _skip_hole(log):
            log.readline()  # the rest of a line whose beginning has gone
        while True:
            _skip_hole(log)
            if data := log.read(_CHUNK):
                yield data
            elif not follow:
                return
            elif not await is_running(client, id):
                # What it wrote between our last look and its end.
                while data := log.read(_CHUNK):
                    yield data
                return
            else:
                await anyio.sleep(_POLL_S)
