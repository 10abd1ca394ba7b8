"""Freed memory is kept for the next message: its pages are not made anew each time."""

from __future__ import annotations

import subprocess
import sys

import pytest

_SCRIPT = """
import resource
from argosy.kernel.heap import keep_freed

def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(100):
        [b"x" * (1 << 20) for _ in range(4)]
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

faults()
before = faults()
keep_freed()
faults()
print(before, faults())
"""


def _faults(**env: str) -> tuple[int, int]:
    done = subprocess.run([sys.executable, "-c", _SCRIPT], capture_output=True, text=True, check=True, env=env)
    before, after = done.stdout.split()
    return int(before), int(after)


@pytest.mark.skipif("glibc" not in " ".join(__import__("platform").libc_ver()), reason="another libc has no such setting")
def test_messages_of_a_megabyte_cost_no_new_pages() -> None:
    before, after = _faults()
    # 400 MiB pass through; a page of 4 KiB is a fault each time that it is new.
    assert before > 10_000
    assert after < before / 20


def test_what_the_environment_says_stays() -> None:
    _, after = _faults(MALLOC_TRIM_THRESHOLD_="131072")
    assert after > 10_000
