"""The verbs of the house: `./run test` with words of pytest runs what they say, and nothing else."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.harness.mesh import run

JUST = Path(sys.executable).parent / "just"
HERE = Path(__file__).parents[1]


@pytest.mark.root
def test_words_of_pytest_run_only_those_tests_and_reach_it_whole() -> None:
    """Echo stands in for Python: what it is called with is what would run."""
    words = ["-k", "one or two", "tests/sdk"]
    ran = run([str(JUST), "--justfile", str(HERE / "justfile"), "python=echo", "test", *words]).ok()
    assert ran.out.splitlines() == ["-m pytest -m not storm -k one or two tests/sdk"]
    printf = run([str(JUST), "--justfile", str(HERE / "justfile"), "python=printf '<%s>'", "test", *words]).ok()
    assert printf.out == "<-m><pytest><-m><not storm><-k><one or two><tests/sdk>"
