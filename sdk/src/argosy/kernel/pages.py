"""Pages of memory that a forked process has written to, and so has for itself: listing them, and making them its own ahead of time.

The first write to a page that is shared with a parent takes microseconds each time, and a program that was forked to do some work writes
to thousands. Which ones is much the same from one fork to the next.
"""

from __future__ import annotations

import array
import ctypes
import errno
import os
from collections.abc import Iterable, Iterator
from typing import Final

from argosy.kernel.libc import call

_PAGE: Final = os.sysconf("SC_PAGE_SIZE")
_ENTRY_BYTES: Final = 8
# Bits of an entry of pagemap, as the kernel's documentation of it has them.
_PRESENT: Final = 1 << 63
_OF_A_FILE: Final = 1 << 61
_EXCLUSIVE: Final = 1 << 56
_KIND: Final = _PRESENT | _OF_A_FILE | _EXCLUSIVE
_OWN: Final = _PRESENT | _EXCLUSIVE
_MADV_POPULATE_WRITE: Final = 23


def _writable(pid: int) -> Iterator[tuple[int, int]]:
    """Yield (first page, number of pages) of a process's private writable mappings."""
    with open(f"/proc/{pid}/maps", "rb") as maps:
        for line in maps:
            addresses, rights, _ = line.split(b" ", 2)
            if rights == b"rw-p":
                begin, end = (int(text, 16) // _PAGE for text in addresses.split(b"-"))
                yield begin, end - begin


def written(pid: int) -> set[int]:
    """Return the numbers of the pages that a process has for itself alone, among those that are mapped here too.

    Raises OSError when it has gone, or can't be looked at.
    """
    here: set[int] = set()
    for begin, length in _writable(os.getpid()):
        here.update(range(begin, begin + length))
    found: set[int] = set()
    fd = os.open(f"/proc/{pid}/pagemap", os.O_RDONLY | os.O_CLOEXEC)
    try:
        for begin, length in _writable(pid):
            entries = array.array("Q", os.pread(fd, length * _ENTRY_BYTES, begin * _ENTRY_BYTES))
            found.update(begin + n for n, entry in enumerate(entries) if entry & _KIND == _OWN)
    finally:
        os.close(fd)
    return found & here


def ranges(pages: Iterable[int]) -> list[tuple[int, int]]:
    """Return pages as (address, size in bytes), in order."""
    found: list[tuple[int, int]] = []
    for page in sorted(pages):
        address = page * _PAGE
        if found and sum(found[-1]) == address:
            found[-1] = (found[-1][0], found[-1][1] + _PAGE)
        else:
            found.append((address, _PAGE))
    return found


def populate(wanted: Iterable[tuple[int, int]]) -> None:
    """Make ranges of pages this process's own, as writing to them would. Raises OSError: EINVAL from a kernel before 5.14."""
    for address, size in wanted:
        try:
            call("madvise", ctypes.c_void_p(address), ctypes.c_size_t(size), ctypes.c_int(_MADV_POPULATE_WRITE))
        except OSError as error:
            if error.errno != errno.ENOMEM:  # not all of it is mapped here: the rest is had
                raise
