"""Tries out, at start, what this kernel can do with overlays: index, userxattr, id-mapped layers."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from argosy.errors import FailedPrecondition
from argosy.kernel.mount import mount
from argosy.kernel.scratch import scratch_in
from argosy.kernel.unmount import MNT_DETACH, unmount
from argosy.mounts import Mount
from argosy.plugin.snapshots import remap


@dataclass(frozen=True)
class Abilities:
    """The answers."""

    index_off: bool
    userxattr: bool
    remap_ids: bool


def in_user_namespace() -> bool:
    """Return whether root here is not root of the machine."""
    try:
        first = Path("/proc/self/uid_map").read_text().split()
    except FileNotFoundError:
        return False
    return first[:3] != ["0", "0", "4294967295"]


_known: Final[dict[Path, Abilities]] = {}


def ask_ahead(root: Path) -> None:
    """Ask what ``ask`` will be asked for, while another process has root: a claim of it is then as quick as it can be. Raises as ``ask`` does."""
    _known[root] = _asked(root, alone=False)


def ask(root: Path) -> Abilities:
    """Try an overlay below root, whose lock is ours. Raises FailedPrecondition when the file system can't carry one."""
    return _known.pop(root, None) or _asked(root, alone=True)


def _asked(root: Path, alone: bool) -> Abilities:
    with scratch_in(root, alone) as base:
        for name in ("l1", "l2", "u", "w", "m"):
            (base / name).mkdir()
        options = [f"lowerdir={base / 'l2'}:{base / 'l1'}", f"upperdir={base / 'u'}", f"workdir={base / 'w'}"]
        userns = in_user_namespace()
        if userns:
            options.append("userxattr")
        if os.geteuid() != 0:
            return Abilities(Path("/sys/module/overlay/parameters/index").exists(), userns, False)
        _attempt(root, base, options)
        mapped = not userns and remap.is_possible([f"lowerdir={base / 'l2'}:{base / 'l1'}"], base / "m")
        return Abilities(Path("/sys/module/overlay/parameters/index").exists(), userns, mapped)


def _attempt(root: Path, base: Path, options: list[str]) -> None:
    try:
        mount(Mount("overlay", "overlay", tuple(options)), str(base / "m"))
    except OSError as error:
        raise FailedPrecondition(
            f"{root} cannot carry overlay mounts ({error.strerror}); put the root on ext4, xfs or btrfs, "
            "or use the native snapshotter"
        ) from error
    unmount(str(base / "m"), MNT_DETACH)
