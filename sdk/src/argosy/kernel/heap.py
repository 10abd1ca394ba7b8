"""What the allocator does with memory that has been freed: it keeps some for the next message, until it is told to give it back."""

from __future__ import annotations

import ctypes
import os
from typing import Final

# Names and numbers of mallopt(3).
_M_TRIM_THRESHOLD: Final = -1
_M_MMAP_THRESHOLD: Final = -3

_PAGE: Final = os.sysconf("SC_PAGESIZE")

_KEPT_BYTES: Final = 16 << 20
_MAPPED_BYTES: Final = 8 << 20


def keep_freed() -> None:
    """Keep up to 16 MiB of freed memory at the end of the heap, and take pieces of up to 8 MiB from it.

    By default glibc gives memory back as soon as two pieces of the size of the largest one are free at the end. To a process through which
    messages of a megabyte pass that means to have every page of each of them made anew: half of the time that a gateway spent on an
    ingest. Nothing where libc has no such setting (musl), or where the environment has set it (MALLOC_TRIM_THRESHOLD_).
    """
    if "MALLOC_TRIM_THRESHOLD_" in os.environ or "GLIBC_TUNABLES" in os.environ:
        return
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_M_TRIM_THRESHOLD, _KEPT_BYTES)
        mallopt(_M_MMAP_THRESHOLD, _MAPPED_BYTES)


def give_back() -> None:
    """Give whole pages that are free back to the system, wherever they lie (malloc_trim(3)). Takes a millisecond for some ten MiB.

    Nothing where libc has no such call (musl).
    """
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)


def resident() -> int:
    """Return how many bytes of memory this process has."""
    with open("/proc/self/statm", "rb") as statm:
        return int(statm.read().split()[1]) * _PAGE
