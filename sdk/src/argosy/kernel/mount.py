"""The mounts that snapshotters hand out, as a list: performed on a directory for good, or for a while.

``mount`` performs one of them and says what their options mean: it is in ``mount_one``. A list is refused where ``mounts.check`` refuses it,
and what a mount manager would prepare is prepared here (``argosy.mounting.alone``).
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Final

from argosy.kernel.mount_one import mount
from argosy.kernel.temporary import temporary_directory
from argosy.kernel.unmount import MNT_DETACH, unmount, unmount_all, unmount_tree
from argosy.mounts import Mount, check, needs_manager

__all__ = ("mount", "mount_all", "temporary_mount")

# What keeps a file system that is mounted read-only from writing what its journal has.
_JOURNALS: Final = {"ext3": "noload", "ext4": "noload", "xfs": "norecovery"}


def mount_all(mounts: Sequence[Mount], path: str) -> None:
    """Perform mounts in order on path; those already made are undone when one fails.

    Raises FailedPrecondition for a list that ``mounts.check`` refuses, before anything is mounted; otherwise what ``mount`` does.
    """
    check(mounts)
    if needs_manager(mounts):
        from argosy.mounting.alone import prepared  # few need it

        with prepared(mounts) as rest:
            _mount_each(rest, path)
        return
    _mount_each(mounts, path)


def _mount_each(mounts: Sequence[Mount], path: str) -> None:
    done: list[Mount] = []
    try:
        for spec in mounts:
            mount(spec, path)
            done.append(spec)
    except BaseException:
        if any(spec.target for spec in done):
            unmount_tree(path)
        else:
            for _ in done:
                unmount(path, MNT_DETACH)
        raise


@contextmanager
def temporary_mount(mounts: Sequence[Mount], read_only: bool = False) -> Iterator[str]:
    """Yield a directory on which mounts are performed; everything is gone afterwards. Raises what ``mount_all`` does.

    ``volatile`` is left out: the next mount of a volatile overlay is refused while its mark exists.
    """
    cleaned = [_for_a_while(m, read_only and i == len(mounts) - 1) for i, m in enumerate(mounts)]
    if read_only:
        cleaned = [*map(_untouched, cleaned[:-1]), *cleaned[-1:]]
    with temporary_directory() as directory:
        point = os.path.join(directory, "mount")
        os.mkdir(point, 0o700)
        mount_all(cleaned, point)
        try:
            yield point
        finally:
            if any(spec.target for spec in cleaned):
                unmount_tree(point)
            else:
                unmount_all(point)


def _untouched(spec: Mount) -> Mount:
    """Return a disk that others stand on as one that is not written to, not by its journal either: a container may have it mounted."""
    replays = _JOURNALS.get(spec.type.rsplit("/", 1)[-1])
    if replays is None:
        return spec
    return spec._replace(options=(*(o for o in spec.options if o not in ("rw", "ro", replays)), "ro", replays))


def _for_a_while(spec: Mount, read_only: bool) -> Mount:
    options = [o for o in spec.options if o not in ("volatile", "fsync=volatile")]
    kind = spec.type.rsplit("/", 1)[-1]
    if read_only:
        if kind == "overlay":
            # A second overlay on the same upper directory is undefined; read it as the topmost lower layer.
            upper = spec.option("upperdir")
            lower = spec.option("lowerdir")
            options = [o for o in options if not o.startswith(("upperdir=", "workdir=", "lowerdir="))]
            layers = ":".join(x for x in (upper, lower) if x)
            options.append(f"lowerdir={layers}")
        else:
            options = ["ro" if o == "rw" else o for o in options]
            if "ro" not in options:
                options.append("ro")
    return Mount(spec.type, spec.source, tuple(options), spec.target)
