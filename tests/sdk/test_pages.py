"""Pages that a fork writes to are seen from its parent, and can be had before they are written."""

from __future__ import annotations

import os
import resource
from collections.abc import Callable

import pytest
from argosy.kernel.pages import populate, ranges, written

_PAGE = os.sysconf("SC_PAGE_SIZE")


def in_child(work: Callable[[], int]) -> int:
    """Return what work returns in a forked process."""
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            os.write(write, str(work()).encode())
        finally:
            os._exit(0)
    os.waitpid(pid, 0)
    told = int(os.read(read, 32))
    os.close(read)
    os.close(write)
    return told


def test_pages_are_joined_to_ranges() -> None:
    assert ranges([7, 3, 4, 5]) == [(3 * _PAGE, 3 * _PAGE), (7 * _PAGE, _PAGE)]
    assert ranges([]) == []


@pytest.mark.root  # whether a page is a process's own is told to everybody, but not of another process
def test_what_a_fork_writes_to_is_seen_and_written_faster_when_it_has_it() -> None:
    blocks = [bytearray(2 * _PAGE) for _ in range(500)]

    def faults_of_writing() -> int:
        before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
        for block in blocks:
            block[_PAGE] = 1
        return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

    def populated() -> int:
        populate(known)
        return faults_of_writing()

    told_read, told_write = os.pipe()
    go_read, go_write = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            faults_of_writing()
            os.write(told_write, b"x")
            os.read(go_read, 1)
        finally:
            os._exit(0)
    os.read(told_read, 1)
    known = ranges(written(pid))
    os.write(go_write, b"x")
    os.waitpid(pid, 0)
    for fd in (told_read, told_write, go_read, go_write):
        os.close(fd)
    assert sum(size for _, size in known) >= 500 * _PAGE
    assert in_child(faults_of_writing) >= 500
    assert in_child(populated) < 100
    with pytest.raises(OSError):
        written(pid)


def test_a_range_that_is_not_mapped_does_no_harm() -> None:
    populate([(16 * _PAGE, _PAGE)])
