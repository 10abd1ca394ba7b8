"""A run of tests apart from all others on the machine: a part of the cgroup tree that it sees as the whole, and mounts of its own.

The cgroup of a container is named by its namespace and id alone, which two containerds (or meshes) choose alike, and whoever
deletes the one kills what is in it. So whoever writes a test need not know which names are taken by what runs beside it.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from argosy.kernel.libc import call
from argosy.kernel.mount_table import mount_points
from argosy.kernel.own_mounts import own_mounts
from argosy.kernel.process import alive
from argosy.kernel.unmount import MNT_DETACH, unmount_all

_CLONE_NEWCGROUP: Final = 0x02000000
_PREFIX: Final = "argosy-run-"
# Where the processes of a run begin: what has controllers for those below it may have no process itself (cgroup v2).
_LEAF: Final = "tests"


@dataclass(frozen=True)
class _Hierarchy:
    """A mounted cgroup hierarchy: where, its controllers ("" is v2), and the directory that has this process."""

    point: Path
    controllers: str
    ours: Path

    @property
    def parent(self) -> Path:
        """What a run's own part is made in: v2 gives controllers from the root on, and not below a group with processes."""
        return self.ours if self.controllers else self.point


def _hierarchies() -> Iterator[_Hierarchy]:
    mounted = list(mount_points())
    for line in Path("/proc/self/cgroup").read_text().splitlines():
        _, controllers, path = line.split(":", 2)
        kind, wanted = ("cgroup", set(controllers.split(","))) if controllers else ("cgroup2", set())
        for mount in mounted:
            if mount.type == kind and wanted <= set(mount.super_options):
                point = Path(mount.point)
                below = os.path.relpath(path, mount.root)
                yield _Hierarchy(point, controllers, point if below.startswith("..") else point / below)
                break


class Apart:
    """This process and what it starts from now on are apart. Made by ``apart``."""

    def __init__(self, back: list[int], parts: list[int]) -> None:
        self._back, self._parts = back, parts

    def leave(self) -> None:
        """Go back to the cgroups of before and remove those of the run, but for what still has processes. The mounts stay as they are."""
        for fd in self._back:
            with suppress(OSError):  # whoever started us has removed it
                os.write(fd, b"0")
            os.close(fd)
        for fd in self._parts:
            _remove(f"/proc/self/fd/{fd}", f"{_PREFIX}{os.getpid()}")
            os.close(fd)


def _remove(parent: str, name: str) -> None:
    """Remove a tree of cgroups, as far as it has no processes."""
    for folder, _, _ in os.walk(f"{parent}/{name}", topdown=False):
        with suppress(OSError):
            os.rmdir(folder)


def is_ours(pid: int) -> bool:
    """Whether a process belongs to this run, as those that another run has started do not. Raises OSError for one that is gone."""
    # From the top of our part of the tree the way to another's leads upwards.
    return not any(row.split(":", 2)[2].startswith("/..") for row in Path(f"/proc/{pid}/cgroup").read_text().splitlines())


def apart() -> Apart:
    """Take this process apart. It must be root and have one thread. Raises OSError where the kernel does not let it; then nothing has changed."""
    found = list(_hierarchies())
    made = Apart([], [])
    namespaces = [os.open(f"/proc/self/ns/{name}", os.O_RDONLY | os.O_CLOEXEC) for name in ("mnt", "cgroup")]
    here = os.getcwd()
    try:
        for hierarchy in found:
            made._parts.append(os.open(hierarchy.parent, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC))
            made._back.append(os.open(hierarchy.ours / "cgroup.procs", os.O_WRONLY | os.O_CLOEXEC))
            _enter(hierarchy)
        call("unshare", ctypes.c_int(_CLONE_NEWCGROUP))
        own_mounts()
        for hierarchy in found:
            _mount(hierarchy)
    except BaseException:
        for fd in namespaces:
            call("setns", ctypes.c_int(fd), ctypes.c_int(0))
        os.chdir(here)  # which another mount namespace sets to its root
        made.leave()
        raise
    finally:
        for fd in namespaces:
            os.close(fd)
    return made


def _mount(hierarchy: _Hierarchy) -> None:
    """Have what is mounted be our part of the tree."""
    point = str(hierarchy.point)
    unmount_all(point, MNT_DETACH)
    kind, options = (b"cgroup", hierarchy.controllers.encode()) if hierarchy.controllers else (b"cgroup2", None)
    call("mount", kind, os.fsencode(point), kind, ctypes.c_ulong(0), options, path=point)
    if not hierarchy.controllers:
        leaf = hierarchy.point / _LEAF
        leaf.mkdir(exist_ok=True)
        (leaf / "cgroup.procs").write_text("0")


def _enter(hierarchy: _Hierarchy) -> None:
    parent = hierarchy.parent
    for left in parent.glob(f"{_PREFIX}*"):
        if not alive(int(left.name.removeprefix(_PREFIX))):
            _remove(str(parent), left.name)
    if not hierarchy.controllers:
        for controller in (parent / "cgroup.controllers").read_text().split():
            with suppress(OSError):  # as much as there is: who needs more fails as it did before
                (parent / "cgroup.subtree_control").write_text(f"+{controller}")
    part = parent / f"{_PREFIX}{os.getpid()}"
    part.mkdir(exist_ok=True)
    if "cpuset" in hierarchy.controllers.split(","):
        for name in ("cpuset.cpus", "cpuset.mems"):
            (part / name).write_text((parent / name).read_text())
    (part / "cgroup.procs").write_text("0")
