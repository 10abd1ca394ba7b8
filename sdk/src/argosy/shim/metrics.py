"""The files of a cgroup v2, as containerd's Metrics."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from argosy_protos.lean.io.containerd.cgroups import v2

NO_LIMIT: Final = (1 << 64) - 1
_MEMORY: Final = (
    "anon file kernel_stack slab sock shmem file_mapped file_dirty file_writeback anon_thp inactive_anon active_anon "
    "inactive_file active_file unevictable slab_reclaimable slab_unreclaimable pgfault pgmajfault workingset_refault "
    "workingset_activate workingset_nodereclaim pgrefill pgscan pgsteal pgactivate pgdeactivate pglazyfree pglazyfreed "
    "thp_fault_alloc thp_collapse_alloc"
).split()


def number(text: str) -> int:
    """Return the number in a file of one; ``max`` is NO_LIMIT, and what is no number is 0."""
    text = text.strip()
    if text == "max":
        return NO_LIMIT
    return int(text) if text.lstrip("-").isdigit() else 0


def table(text: str) -> dict[str, int]:
    """Return the numbers of a file of names and numbers."""
    found: dict[str, int] = {}
    for line in text.splitlines():
        key, _, value = line.partition(" ")
        if value.strip().isdigit():
            found[key.rstrip(":")] = int(value)
    return found


def unified(read: Callable[[str], str]) -> v2.Metrics:
    """Return what a cgroup measured; read gives the text of its file of a name, "" where there is none."""
    cpu, memory, events = table(read("cpu.stat")), table(read("memory.stat")), table(read("memory.events"))
    values: dict[str, Any] = {name: memory.get(name, 0) for name in _MEMORY}
    refault = {
        k: memory.get(k + "_anon", 0) + memory.get(k + "_file", 0) for k in ("workingset_refault", "workingset_activate")
    }
    values.update({k: v for k, v in refault.items() if v})
    io: list[Any] = []
    for line in read("io.stat").splitlines():
        device, _, rest = line.partition(" ")
        if ":" not in device:
            continue
        numbers = dict(p.split("=", 1) for p in rest.split() if "=" in p)
        major, minor = device.split(":")
        io.append(
            v2.IOEntry(
                major=int(major), minor=int(minor), rbytes=int(numbers.get("rbytes", 0)), wbytes=int(numbers.get("wbytes", 0)),
                rios=int(numbers.get("rios", 0)), wios=int(numbers.get("wios", 0)),
            )
        )  # fmt: skip
    counted = ("usage_usec", "user_usec", "system_usec", "nr_periods", "nr_throttled", "throttled_usec")
    times: dict[str, Any] = {k: cpu.get(k, 0) for k in counted}
    limit = number(read("pids.max"))
    return v2.Metrics(
        pids=v2.PidsStat(current=number(read("pids.current")), limit=0 if limit == NO_LIMIT else limit),
        cpu=v2.CPUStat(**times),
        memory=v2.MemoryStat(
            **values,
            usage=number(read("memory.current")), usage_limit=number(read("memory.max")),
            swap_usage=number(read("memory.swap.current")), swap_limit=number(read("memory.swap.max")),
            max_usage=number(read("memory.peak")),
        ),
        io=v2.IOStat(usage=io),
        memory_events=v2.MemoryEvents(**{k: events.get(k, 0) for k in ("low", "high", "max", "oom", "oom_kill")}),
    )  # fmt: skip
