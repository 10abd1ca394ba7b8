"""Disks: a freshly made ext4 on a loop device, so that no side pays for what was deleted before."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

# Sparse: only what is written takes room.
_SIZE: str = "12G"


def _run(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True, text=True)


@contextmanager
def fresh_disk(name: str) -> Iterator[Path]:
    """Yield the mount point of a new, empty ext4; unmounted and removed afterwards."""
    base = Path(tempfile.mkdtemp(prefix=f"ay-{name}-", dir="/tmp"))
    image, point = base / "disk", base / "m"
    point.mkdir()
    _run("truncate", "-s", _SIZE, str(image))
    _run("mkfs.ext4", "-q", "-F", "-E", "lazy_itable_init=1,nodiscard", str(image))
    # Nothing runs in the background: an inode table that is zeroed during a measurement counts for nobody.
    _run("mount", "-o", "loop,noinit_itable,noatime", str(image), str(point))
    try:
        yield point
    finally:
        for line in reversed(Path("/proc/self/mountinfo").read_text().splitlines()):
            where = line.split(" ")[4]
            if where.startswith(f"{base}/"):
                subprocess.run(["umount", where], check=False, capture_output=True)
        subprocess.run(["umount", "-l", str(point)], check=False, capture_output=True)
        shutil.rmtree(base, ignore_errors=True)
