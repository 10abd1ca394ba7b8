"""Snapshots as files: a mark is written into what was prepared, and looked for wherever it must have gone."""

from __future__ import annotations

import subprocess
import tempfile
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any


def upper(mounts: Sequence[Any]) -> Path | None:
    """Return the directory where writes to these mounts land, or None when that can't be said."""
    for mount in mounts:
        if mount.type in ("bind", "rbind") and "rw" in mount.options:
            return Path(mount.source)
        for option in mount.options:
            if option.startswith("upperdir="):
                return Path(option.removeprefix("upperdir="))
    return None


def mark(mounts: Sequence[Any], name: str) -> bool:
    """Leave a file in an active snapshot; returns whether it could."""
    directory = upper(mounts)
    if directory is None:
        return False
    try:
        (directory / name).write_text(name)
    except OSError:
        return False
    return True


def missing(mounts: Sequence[Any], names: Iterable[str], scratch: Path) -> str:
    """Mount a snapshot and read its marks; return what is wrong, or nothing."""
    if not mounts:
        return "no mounts at all"
    target = Path(tempfile.mkdtemp(prefix="look-", dir=scratch))
    done = 0
    try:
        for mount in mounts:
            bind = mount.type in ("bind", "rbind")
            command = ["mount", "--rbind" if bind else "-t", *([] if bind else [mount.type])]
            options = [o for o in mount.options if o not in ("rbind", "bind")]
            if options and not bind:
                command += ["-o", ",".join(options)]
            ran = subprocess.run([*command, mount.source, str(target)], capture_output=True, text=True, timeout=30)
            if ran.returncode:
                return f"mount {mount.type} {mount.source} {','.join(mount.options)[:200]}: {ran.stderr.strip()[:200]}"
            done += 1
        for name in names:
            try:
                text = (target / name).read_text()
            except OSError as error:
                return f"{name}: {error.strerror}"
            if text != name:
                return f"{name} says {text[:40]!r}"
        return ""
    finally:
        for _ in range(done):
            # A process that another thread has just forked holds our open files for a moment: busy is not for long, and then nobody's.
            for words in (["umount"], ["umount"], ["umount", "--lazy"]):
                if subprocess.run([*words, str(target)], capture_output=True, timeout=30).returncode == 0:
                    break
                time.sleep(0.1)
        target.rmdir()
