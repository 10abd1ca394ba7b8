"""Accounts: the CPU time that a side's processes use, dead ones included, and the memory that is theirs."""

from __future__ import annotations

import itertools
import os
import struct
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

_PAGE = 4096
_ROOT = Path("/sys/fs/cgroup")
_NUMBERS = itertools.count()


class Cgroup:
    """A cgroup that counts CPU time; daemons start in it, and what they start counts too."""

    def __init__(self, name: str) -> None:
        self._unified = (_ROOT / "cgroup.controllers").exists()
        self.path = (
            (_ROOT if self._unified else _ROOT / "cpuacct") / "argosy-bench" / f"{name}-{os.getpid()}-{next(_NUMBERS)}"
        )
        self.path.mkdir(parents=True, exist_ok=True)

    def command(self, command: Sequence[str]) -> list[str]:
        """Return a command that runs inside."""
        return ["sh", "-c", 'echo $$ >"$0/cgroup.procs" && exec "$@"', str(self.path), *command]

    def cpu_s(self) -> float:
        """Return the CPU seconds used so far."""
        if self._unified:
            for line in (self.path / "cpu.stat").read_text().splitlines():
                key, value = line.split()
                if key == "usage_usec":
                    return int(value) / 1e6
            return 0.0
        return int((self.path / "cpuacct.usage").read_text()) / 1e9

    def pids(self) -> list[int]:
        return [int(p) for p in (self.path / "cgroup.procs").read_text().split()]

    def remove(self) -> None:
        try:
            self.path.rmdir()
            self.path.parent.rmdir()
        except OSError:
            pass  # the other side's is still there, or a process is on its way out


def pss_bytes(pids: Iterable[int], besides: Iterable[int] = ()) -> int:
    """Return the proportional memory of processes in bytes, as if the benchmark's own and besides were not there.

    We run on the interpreter that one side runs on, and other daemons of both sides run meanwhile: the kernel's own
    count would give them a share of the libraries. A page counts for what part of its mappings are the given
    processes', those left out. One that has ended counts nothing.
    """
    mine = Counter[int]()
    for pid in {*_family(), *besides}:
        mine.update(_pages(pid))
    theirs = Counter[int]()
    for pid in pids:
        theirs.update(_pages(pid))
    total = 0.0
    with open("/proc/kpagecount", "rb", buffering=0) as counts:
        for page, mapped in theirs.items():
            (everybody,) = struct.unpack("<Q", os.pread(counts.fileno(), 8, page * 8))
            total += mapped / max(everybody - mine[page], mapped)
    return int(total * _PAGE)


def _family() -> list[int]:
    """The benchmark and its load generators."""
    children = Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()
    return [os.getpid(), *(int(c) for c in children if _is_generator(c))]


def _is_generator(pid: str) -> bool:
    try:
        return b"bench.load" in Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False


def _pages(pid: int) -> Iterator[int]:
    """Yield the frame of every page that a process has mapped and present."""
    try:
        with open(f"/proc/{pid}/maps") as maps, open(f"/proc/{pid}/pagemap", "rb", buffering=0) as table:
            for line in maps:
                first, end = (int(x, 16) // _PAGE for x in line.split(" ", 1)[0].split("-"))
                if first < 1 << 47:
                    entries = os.pread(table.fileno(), (end - first) * 8, first * 8)
                    for (entry,) in struct.iter_unpack("<Q", entries[: len(entries) // 8 * 8]):
                        if entry >> 63:
                            yield entry & (1 << 55) - 1
    except (FileNotFoundError, ProcessLookupError):
        return
