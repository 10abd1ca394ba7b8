"""Accounts: the CPU time that a side's processes use, dead ones included, and the memory that is theirs."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterable, Sequence
from pathlib import Path

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


def pss_bytes(pids: Iterable[int]) -> int:
    """Return the proportional memory of processes in bytes; one that has ended counts nothing."""
    total = 0
    for pid in pids:
        try:
            for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
                if line.startswith("Pss:"):
                    total += int(line.split()[1]) * 1024
        except (FileNotFoundError, ProcessLookupError):
            continue
    return total
