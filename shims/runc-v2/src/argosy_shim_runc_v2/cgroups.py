"""A container's cgroups: their paths, their processes, their metrics, and the event of running out of memory."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from argosy.errors import NotFound
from argosy.kernel.mount_table import mount_points
from argosy.shim.metrics import NO_LIMIT, number, table, unified
from argosy_protos.lean.google.protobuf import Any as AnyMessage
from argosy_protos.lean.io.containerd.cgroups import v1

_V1_MEMORY = {
    "cache": "cache", "rss": "rss", "rss_huge": "rss_huge", "mapped_file": "mapped_file", "dirty": "dirty",
    "writeback": "writeback", "pgpgin": "pg_pg_in", "pgpgout": "pg_pg_out", "pgfault": "pg_fault", "pgmajfault": "pg_maj_fault",
    "inactive_anon": "inactive_anon", "active_anon": "active_anon", "inactive_file": "inactive_file",
    "active_file": "active_file", "unevictable": "unevictable", "hierarchical_memory_limit": "hierarchical_memory_limit",
    "hierarchical_memsw_limit": "hierarchical_swap_limit",
}  # fmt: skip


def _text(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""


def _number(path: Path) -> int:
    return number(_text(path))


def _table(path: Path) -> dict[str, int]:
    return table(_text(path))


def hierarchies() -> dict[str, Path]:
    """Return controller -> mount point; "" is the unified hierarchy."""
    found: dict[str, Path] = {}
    for mount in mount_points():
        if mount.type == "cgroup2":
            found.setdefault("", Path(mount.point))
        elif mount.type == "cgroup":
            for option in mount.super_options:
                found.setdefault(option, Path(mount.point))
    return found


class Cgroup:
    """The cgroups that a process was in when this was made."""

    def __init__(self, pid: int) -> None:
        mounted = hierarchies()
        paths: dict[str, Path] = {}
        with open(f"/proc/{pid}/cgroup") as table:
            for line in table:
                _, controllers, path = line.strip().split(":", 2)
                for controller in controllers.split(","):
                    if controller in mounted:
                        paths[controller] = mounted[controller] / path.lstrip("/")
        self._are(paths)

    def asleep(self) -> dict[str, str]:
        """Return what ``woken`` needs."""
        return {controller: str(path) for controller, path in self.paths.items()}

    @classmethod
    def woken(cls, paths: dict[str, str]) -> Cgroup:
        """Return the cgroups that were ``asleep``: those of then, wherever the process is now."""
        cgroup = cls.__new__(cls)
        cgroup._are({controller: Path(path) for controller, path in paths.items()})
        return cgroup

    def _are(self, paths: dict[str, Path]) -> None:
        self.paths = paths
        self.unified = "memory" not in paths and "pids" not in paths

    @property
    def main(self) -> Path:
        if self.unified:
            return self.paths[""]
        return self.paths.get("pids") or self.paths.get("memory") or next(iter(self.paths.values()))

    def pids(self) -> list[int]:
        """Return every process below the cgroup."""
        found: list[int] = []
        for folder, _, files in os.walk(self.main):
            if "cgroup.procs" in files:
                found += [int(p) for p in _text(Path(folder) / "cgroup.procs").split()]
        return sorted(set(found))

    def stats(self) -> AnyMessage:
        """Return what was measured, as containerd's Metrics of this kind of cgroup. Raises NotFound when it is gone."""
        if not self.main.exists():
            raise NotFound("cgroup does not exist")
        if self.unified:
            return AnyMessage(
                type_url="io.containerd.cgroups.v2.Metrics", value=unified(lambda name: _text(self.main / name)).encode()
            )
        return AnyMessage(type_url="io.containerd.cgroups.v1.Metrics", value=self._v1().encode())

    def _v1(self) -> Any:
        metrics = v1.Metrics()
        if (pids := self.paths.get("pids")) is not None:
            limit = _number(pids / "pids.max")
            metrics.pids = v1.PidsStat(current=_number(pids / "pids.current"), limit=0 if limit == NO_LIMIT else limit)
        cpu = self.paths.get("cpuacct")
        if cpu is not None:
            ticks = 10_000_000  # cpuacct.stat counts USER_HZ, 100 a second
            times = _table(cpu / "cpuacct.stat")
            usage = v1.CPUUsage(
                total=_number(cpu / "cpuacct.usage"),
                user=times.get("user", 0) * ticks,
                kernel=times.get("system", 0) * ticks,
                per_cpu=[int(x) for x in _text(cpu / "cpuacct.usage_percpu").split()],
            )
            throttled = _table(self.paths["cpu"] / "cpu.stat") if "cpu" in self.paths else {}
            metrics.cpu = v1.CPUStat(
                usage=usage,
                throttling=v1.Throttle(
                    periods=throttled.get("nr_periods", 0),
                    throttled_periods=throttled.get("nr_throttled", 0),
                    throttled_time=throttled.get("throttled_time", 0),
                ),
            )
        if (memory := self.paths.get("memory")) is not None:
            table = _table(memory / "memory.stat")
            values = {field: table.get(name, 0) for name, field in _V1_MEMORY.items()}
            totals = {
                f"total_{field}": table.get(f"total_{name}", 0)
                for name, field in _V1_MEMORY.items()
                if not name.startswith("hierarchical")
            }
            entries = {
                field: v1.MemoryEntry(
                    limit=_number(memory / f"{name}.limit_in_bytes"),
                    usage=_number(memory / f"{name}.usage_in_bytes"),
                    max=_number(memory / f"{name}.max_usage_in_bytes"),
                    failcnt=_number(memory / f"{name}.failcnt"),
                )
                for field, name in (
                    ("usage", "memory"), ("swap", "memory.memsw"), ("kernel", "memory.kmem"), ("kernel_tcp", "memory.kmem.tcp"),
                )
                if (memory / f"{name}.usage_in_bytes").exists()
            }  # fmt: skip
            numbers: dict[str, Any] = {**values, **totals, **entries}
            metrics.memory = v1.MemoryStat(**numbers)
            oom = _table(memory / "memory.oom_control")
            metrics.memory_oom_control = v1.MemoryOomControl(
                oom_kill_disable=oom.get("oom_kill_disable", 0),
                under_oom=oom.get("under_oom", 0),
                oom_kill=oom.get("oom_kill", 0),
            )
        if (blkio := self.paths.get("blkio")) is not None:
            metrics.blkio = v1.BlkIOStat(
                io_service_bytes_recursive=self._blkio(blkio / "blkio.throttle.io_service_bytes_recursive"),
                io_serviced_recursive=self._blkio(blkio / "blkio.throttle.io_serviced_recursive"),
            )
        return metrics

    @staticmethod
    def _blkio(path: Path) -> list[Any]:
        entries = []
        for line in _text(path).splitlines():
            parts = line.split()
            if len(parts) == 3 and ":" in parts[0]:
                major, minor = parts[0].split(":")
                entries.append(v1.BlkIOEntry(op=parts[1], major=int(major), minor=int(minor), value=int(parts[2])))
        return entries


class OomWatch:
    """A descriptor that becomes readable when the container ran out of memory: eventfd (v1) or inotify (v2)."""

    def __init__(self, cgroup: Cgroup) -> None:
        self.fd = -1
        self._cgroup = cgroup
        self._seen = 0
        self._control = -1
        if cgroup.unified:
            self._watch_v2()
        elif "memory" in cgroup.paths:
            self._watch_v1(cgroup.paths["memory"])

    def asleep(self, hand: Callable[[int], int]) -> tuple[int, int, int]:
        """Return what ``woken`` needs."""
        return hand(self.fd), hand(self._control), self._seen

    @classmethod
    def woken(cls, cgroup: Cgroup, state: tuple[int, int, int], descriptor: Callable[[int], int]) -> OomWatch:
        """Return the watch that was ``asleep``."""
        watch = cls.__new__(cls)
        watch._cgroup = cgroup
        watch.fd, watch._control, watch._seen = descriptor(state[0]), descriptor(state[1]), state[2]
        return watch

    def _watch_v1(self, memory: Path) -> None:
        with contextlib.suppress(OSError):
            self._control = os.open(memory / "memory.oom_control", os.O_RDONLY | os.O_CLOEXEC)
            self.fd = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
            (memory / "cgroup.event_control").write_text(f"{self.fd} {self._control}")

    def _watch_v2(self) -> None:
        import ctypes

        from argosy.kernel.libc import call

        with contextlib.suppress(OSError):
            self.fd = call("inotify_init1", ctypes.c_int(os.O_CLOEXEC | os.O_NONBLOCK))
            path = str(self._cgroup.main / "memory.events").encode()
            call("inotify_add_watch", ctypes.c_int(self.fd), path, ctypes.c_uint32(2))  # IN_MODIFY

    def happened(self) -> bool:
        """Read the descriptor; return whether it means an OOM kill. A removed cgroup also wakes it."""
        try:
            os.read(self.fd, 4096)
        except OSError:
            return False  # nothing to read, or closed since
        if not self._cgroup.unified:
            return self._cgroup.paths["memory"].exists()
        count = _table(self._cgroup.main / "memory.events").get("oom_kill", 0)
        new, self._seen = count > self._seen, count
        return new

    def close(self) -> None:
        for name in ("fd", "_control"):
            fd = getattr(self, name)
            if fd >= 0:
                os.close(fd)
                setattr(self, name, -1)
