"""The pod's cgroup on the host: a VM and its file server are accounted and limited where its processes would be.

It is the one that the first container's spec names. What limits the container itself is set in the guest; what limits the pod, a
kubelet has set on a cgroup above.
"""

from __future__ import annotations

import contextlib
import errno
import os
import time
from pathlib import Path
from typing import Final

from argosy.errors import InvalidArgument
from argosy.kernel.mount_table import mount_points

_WANTED: Final = ("cpu", "memory", "pids", "io")
_TRIES: Final = 5
_PAUSE_S: Final = 0.01
# A v1 cpuset takes no process before it has these.
_CPUSET: Final = ("cpuset.cpus", "cpuset.mems")


def path_of(named: str) -> str:
    """Return the path of a spec's cgroupsPath below a hierarchy's root: as it is, or from systemd's slice:prefix:name; "" for none.

    Raises InvalidArgument for one that leads out of the hierarchy.
    """
    if named.count(":") == 2 and not named.startswith("/"):
        inside, prefix, name = named.split(":")
        parts = inside.removesuffix(".slice").split("-") if inside else ["system"]
        slices = ["-".join(parts[: n + 1]) + ".slice" for n in range(len(parts))]
        named = "/".join([*slices, f"{prefix}-{name}.scope" if prefix else f"{name}.scope"])
    path = named.strip("/")
    if ".." in path.split("/"):
        raise InvalidArgument(f'the cgroup path "{named}" leads out of its hierarchy')
    return f"/{path}" if path else ""


def roots() -> list[Path]:
    """Return where cgroup hierarchies are mounted: those of v1 and the unified one."""
    return [Path(m.point) for m in mount_points() if m.type in ("cgroup", "cgroup2")]


def _make(root: Path, path: str) -> Path:
    group = root
    for part in path.strip("/").split("/"):
        parent, group = group, group / part
        # Where a controller can't be enabled the VM is only not limited by it.
        control = parent / "cgroup.subtree_control"
        if control.exists():
            for name in _WANTED:
                with contextlib.suppress(OSError):
                    control.write_text(f"+{name}")
        group.mkdir(exist_ok=True)
        for name in _CPUSET:
            with contextlib.suppress(OSError):
                if (group / name).exists() and not (group / name).read_text().strip():
                    (group / name).write_text((parent / name).read_text())
    return group


def join(path: str, pid: int) -> None:
    """Put a process into the cgroup of that path in every hierarchy; it is made where it is missing. Raises OSError."""
    for root in roots():
        (_make(root, path) / "cgroup.procs").write_text(str(pid))


def leave(path: str) -> None:
    """Remove the cgroup; one that still has processes stays."""
    for root in roots():
        for _ in range(_TRIES):
            try:
                os.rmdir(f"{root}{path}")
            except OSError as error:
                if error.errno == errno.EBUSY:
                    # A process that has just ended may be counted for a moment more.
                    time.sleep(_PAUSE_S)
                    continue
            break
