"""The guest's memory: how much of it containers may use together, and what is plugged in while the guest runs."""

from __future__ import annotations

import os
import time

from argosy_shim_kata_v2.guest.system import Failure, attribute, put, text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Generator

BLOCKS = "/sys/devices/system/memory"
# What the kernel, the agent and crun may come to need beyond what they have after the start: so much, and a part of the whole.
RESERVE_BYTES = 16 << 20
RESERVE_PART = 32
# The kernel's own record of a page that was plugged in lies in memory that was there before.
PAGE_RECORD_PART = 64
SMALLEST_BYTES = 16 << 20


def meminfo(name: str) -> int:
    """Return a row of /proc/meminfo, in bytes."""
    for line in text("/proc/meminfo").splitlines():
        words = line.split()
        if words[0] == name + ":":
            return int(words[1]) << 10
    raise Failure("failed", "the guest's kernel tells no " + name)


def blocks_in_use() -> int:
    """Return how many memory blocks the kernel uses; 0 where memory can't be plugged in."""
    names = os.listdir(BLOCKS) if os.path.isdir(BLOCKS) else []
    return sum(attribute(f"{BLOCKS}/{n}/state") == "online" for n in names if n.startswith("memory") and n[6:].isdigit())


class Memory:
    """What the containers' cgroup has of the memory. The rest is kept for the guest itself.

    Without that, a container that takes all there is has the kernel reclaim everybody's pages, again and again: it is not killed for minutes, and
    the agent does not come to say anything either.
    """

    def __init__(self, group: str) -> None:
        """Group is the directory of the cgroup that all containers are below. Made when nothing runs but the agent."""
        self._group = group
        self._first = blocks_in_use()
        total = meminfo("MemTotal")
        self._kept = total - meminfo("MemAvailable") + RESERVE_BYTES + total // RESERVE_PART
        self._bound(0)

    def _bound(self, plugged: int) -> None:
        most = meminfo("MemTotal") - self._kept - plugged // PAGE_RECORD_PART
        put(self._group + "/memory.max", str(max(most, SMALLEST_BYTES)))

    def grow(self, size: int, wait_s: float) -> Generator[None, int | None, None]:
        """Wait until size bytes have been plugged in altogether, and let containers have them.

        A kernel that takes in no memory says nothing of it: Failure after wait_s seconds.
        """
        if not self._first:
            raise Failure("failed", "the guest's kernel takes in no memory while it runs")
        deadline = time.monotonic() + wait_s
        block = int(text(BLOCKS + "/block_size_bytes"), 16)
        # The kernel's command line says that it uses a block as soon as it has it.
        while blocks_in_use() < self._first + size // block:
            if time.monotonic() > deadline:
                raise Failure("failed", f"{size >> 20} MiB of memory were plugged in and did not appear")
            yield None
        self._bound(size)
