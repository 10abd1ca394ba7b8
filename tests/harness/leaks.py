"""What a mesh under test holds of the machine: processes, mounts, sockets, cgroups, network namespaces, descriptors.

Everything is judged by what only that mesh can have made: a mark in the environment that its processes inherit, its own
directory in a path, its own containerd namespaces in a cgroup's path. Other meshes on the machine are not looked at.
"""

from __future__ import annotations

import contextlib
import fnmatch
import os
import stat
import uuid
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

MARK: Final = "ARGOSY_TEST_MARK"
_CGROUPS: Final = Path("/sys/fs/cgroup")


def new_mark() -> str:
    """Return a value for MARK in a mesh's environment that no other mesh has."""
    return uuid.uuid4().hex


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""  # it ended while we looked


def _comm(pid: int) -> str:
    return _read(Path(f"/proc/{pid}/comm")).decode(errors="replace").strip()


def _status(pid: int) -> tuple[str, int]:
    """Return a process's state letter and parent; ("", 0) when it is gone."""
    text = _read(Path(f"/proc/{pid}/stat")).decode(errors="replace")
    fields = text.rpartition(")")[2].split()
    return (fields[0], int(fields[1])) if fields else ("", 0)


@dataclass(frozen=True)
class Held:
    """A moment's holdings. Each is a readable name -> what it is."""

    processes: dict[int, str] = field(default_factory=dict)
    zombies: dict[int, str] = field(default_factory=dict)
    mounts: tuple[str, ...] = ()
    sockets: tuple[str, ...] = ()
    cgroups: tuple[str, ...] = ()
    netns: frozenset[str] = frozenset()
    """Inodes of the network namespaces of its processes that are not ours."""

    def lines(self) -> list[str]:
        """Return everything, one thing a line."""
        return [
            *(f"process {pid}: {what}" for pid, what in sorted(self.processes.items())),
            *(f"zombie {pid}: {what}" for pid, what in sorted(self.zombies.items())),
            *(f"mount {m}" for m in self.mounts), *(f"socket {s}" for s in self.sockets),
            *(f"cgroup {c}" for c in self.cgroups),
        ]  # fmt: skip


def holds(base: Path, mark: str, namespaces: Iterable[str] = (), ignore: Iterable[int] = ()) -> Held:
    """Look at what the mesh below base with this mark holds now; ignore are processes of the test itself."""
    skipped = {os.getpid(), *ignore}
    names = sorted(namespaces)
    needle, marked = str(base).encode(), f"{MARK}={mark}".encode()
    processes: dict[int, str] = {}
    parents: dict[int, tuple[str, int]] = {}
    netns: set[str] = set()
    own_netns = os.readlink("/proc/self/ns/net")
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) in skipped:
            continue
        pid = int(entry.name)
        parents[pid] = _status(pid)
        if parents[pid][0] in ("Z", "X", ""):
            continue
        command = _read(entry / "cmdline").replace(b"\0", b" ").strip()
        groups = _read(entry / "cgroup").decode(errors="replace")
        inside = any(f":/{ns}/" in groups for ns in names)
        if marked in _read(entry / "environ").split(b"\0") or needle in command or inside:
            processes[pid] = f"{_comm(pid)}: {command.decode(errors='replace')[:160]}"
            try:
                space = os.readlink(entry / "ns/net")
            except OSError:
                continue  # it ended while we looked
            if space != own_netns:
                netns.add(space)
    zombies = {
        pid: f"{_comm(pid)}, child of {parent} ({_comm(parent)})"
        for pid, (state, parent) in parents.items() if state == "Z" and parent in processes
    }  # fmt: skip
    mounts = tuple(
        line.split(" ")[4] for line in Path("/proc/self/mountinfo").read_text().splitlines()
        if f"{base}/" in line.split(" ")[4] + " "
    )  # fmt: skip
    bound = {line.split(" ")[-1] for line in Path("/proc/net/unix").read_text().splitlines() if f" {base}/" in line}
    found = {str(p) for p in _files(base) if _is_socket(p)}
    cgroups = tuple(str(group) for top in _groups(names) for group in _below(top))
    return Held(processes, zombies, mounts, tuple(sorted(bound | found)), cgroups, frozenset(netns))


def _files(base: Path) -> Iterable[Path]:
    for folder, inner, names in os.walk(base):
        # Trees of images are many and none of ours.
        inner[:] = [name for name in inner if name not in ("snapshots", "blobs", "rootfs")]
        yield from (Path(folder) / name for name in names)


def _is_socket(path: Path) -> bool:
    try:
        return stat.S_ISSOCK(path.lstat().st_mode)
    except OSError:
        return False


def _groups(names: Iterable[str]) -> list[Path]:
    """Return the cgroups of containerd namespaces: the folder that the containers' own are in."""
    tops = [_CGROUPS, *(p for p in (_CGROUPS.iterdir() if _CGROUPS.exists() else ()) if p.is_dir())]
    return [top / name for name in names for top in tops if (top / name).is_dir()]


def _below(group: Path) -> list[Path]:
    """Return the cgroups right below one; none when it has gone, which another mesh's end may do at any time."""
    try:
        return [entry for entry in group.iterdir() if entry.is_dir()]
    except FileNotFoundError:
        return []


def cgroups(*names: str) -> list[Path]:
    """Return the cgroups whose last components fit these patterns, anywhere and innermost first.

    A glob over them all fails when another test's container ends meanwhile; this look does not.
    """
    found = []
    for folder, _, _ in os.walk(_CGROUPS, topdown=False):
        parts = Path(folder).parts[-len(names) :]
        if len(parts) == len(names) and all(
            fnmatch.fnmatchcase(part, name) for part, name in zip(parts, names, strict=True)
        ):
            found.append(Path(folder))
    return found


def drop_namespaces(names: Iterable[str]) -> None:
    """Remove the empty cgroups of containerd namespaces, which runc leaves behind by design."""
    for group in _groups(names):
        with contextlib.suppress(OSError):  # one that is not empty is a leak, and reported as such
            group.rmdir()


def pinned(netns: Iterable[str]) -> list[str]:
    """Return the mounts that keep one of these network namespaces (``net:[4026532...]``) though nobody is in it."""
    wanted = set(netns)
    return [
        f"{fields[4]} keeps {fields[3]}"
        for fields in (line.split(" ") for line in Path("/proc/self/mountinfo").read_text().splitlines())
        if fields[3] in wanted
    ]


def descriptors(pid: int) -> dict[str, int]:
    """Return what a process has open: path without numbers -> how often. Sockets and pipes are one kind each."""
    kinds: dict[str, int] = {}
    try:
        names = os.listdir(f"/proc/{pid}/fd")
    except OSError:
        return {}
    for name in names:
        try:
            target = os.readlink(f"/proc/{pid}/fd/{name}")
        except OSError:
            continue  # closed while we looked
        kind = target.partition(":")[0] if not target.startswith("/") else target
        kinds[kind] = kinds.get(kind, 0) + 1
    return kinds


def loops_of(base: Path) -> int:
    """Return how many loop devices there are of files below base."""
    found = 0
    for path in Path("/sys/block").glob("loop*/loop/backing_file"):
        try:
            found += path.read_text().startswith(f"{base}/")
        except OSError:
            pass  # it was let go of
    return found
