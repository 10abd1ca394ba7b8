"""Does mine keep containerd's contract? The checks of `argosy verify shim`, which run small containers, as root."""

import asyncio
import os
import sys
from pathlib import Path

import pytest
from argosy.testkit import verify

FILE = Path(__file__).with_name("mine.py")


@pytest.mark.skipif(os.geteuid() != 0, reason="a shim is judged by root only: it runs containers")
def test_it_keeps_the_contract(tmp_path: Path) -> None:
    program = tmp_path / "containerd-shim-mine-v1"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{FILE}" "$@"\n')
    program.chmod(0o755)
    # It adds no processes, and does not pause or measure. Without fast more is checked, as terminals, and processes that need a /dev.
    report = asyncio.run(verify.shim(program, fast=True, skip="process", lacks=["pause", "stats"]))
    assert report.passed, verify.explained(report)
