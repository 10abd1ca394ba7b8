"""Which images are mounted for writing through a loop device: one device each, as the kernel says. Two would destroy what is on them.

The kernel is asked, and not our own records: what was unmounted while it was busy has its device for as long as somebody uses it.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from argosy.errors import FailedPrecondition
from argosy.kernel.loop_device import writer_of
from argosy.kernel.mount_options import MS_RDONLY, parse_options
from argosy.mounts import Mount

# The kernel lets go of a device in its own time, after it was unmounted.
LET_GO_S: Final = 2.0
_LOOK_S: Final = 0.02


def _is_written(mount: Mount) -> bool:
    """Return whether a mount writes to a file through a loop device of its own."""
    if mount.type == "loop":
        return "ro" not in mount.options
    parsed = parse_options(mount.options)
    return mount.type != "erofs" and parsed.loop and not parsed.flags & MS_RDONLY


class Disks:
    """The images that are about to be mounted for writing, beside those that the kernel has."""

    def __init__(self, holder: Callable[[str], str]) -> None:
        """holder returns the name of the activation that has a device, or "" when none has it."""
        self._holder = holder
        self._lock = threading.Lock()
        self._being: set[tuple[int, int]] = set()

    @contextmanager
    def claimed(self, mount: Mount) -> Iterator[None]:
        """Have nobody else mount the image of mount for writing while the block does. Blocks, for some seconds at most.

        Raises FailedPrecondition when somebody has it already.
        """
        try:
            found = os.stat(mount.source) if _is_written(mount) else None
        except OSError:
            found = None  # whoever mounts it says so
        if found is None:
            yield
            return
        file = found.st_dev, found.st_ino
        self._claim(mount.source, file)
        try:
            yield
        finally:
            with self._lock:
                self._being.discard(file)

    def _claim(self, path: str, file: tuple[int, int]) -> None:
        deadline = time.monotonic() + LET_GO_S
        while True:
            with self._lock:
                if file in self._being:
                    raise FailedPrecondition(
                        f"the disk {path} is being mounted for writing by another activation; use a disk of its own, or mount it read-only"
                    )
                device = writer_of(*file)
                if not device:
                    self._being.add(file)
                    return
            name = self._holder(device)
            if name:
                raise FailedPrecondition(
                    f'the disk {path} is mounted for writing by the activation "{name}"; deactivate that first, or mount it read-only'
                )
            if time.monotonic() > deadline:
                raise FailedPrecondition(
                    f"the disk {path} is in use for writing through {device}, though no activation has it; end who uses that, or mount it read-only"
                )
            time.sleep(_LOOK_S)
