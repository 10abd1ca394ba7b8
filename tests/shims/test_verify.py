"""The suite of the shim's contract finds no fault in our shim, nor in the one that is written in Go."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from argosy.testkit import verify
from argosy.testkit.suite import Verdict

from tests.harness.leaks import cgroups
from tests.harness.mesh import BIN
from tests.harness.verifying import all_passed

pytestmark = pytest.mark.root


@pytest.mark.parametrize(
    "binary", [BIN / "containerd-shim-runc-v2", Path("/usr/bin/containerd-shim-runc-v2")], ids=["ours", "go"]
)
def test_a_shim_keeps_the_contract(binary: Path) -> None:
    all_passed(asyncio.run(verify.shim(binary, fast=True)))
    assert cgroups("argosy-verify-*") == []


@pytest.mark.parametrize(
    ("script", "got"),
    [
        ('echo "warning: an old kernel"; exec {shim} "$@"', "warning: an old kernel"),
        ("exit 0", "''"),
        ("echo no room >&2; exit 3", "exit code 3: no room"),
        ("exec sleep 1000", "took longer than 3 s"),
    ],
    ids=["noise", "silence", "failure", "hang"],
)
def test_a_shims_fault_is_found(short_path: Path, script: str, got: str) -> None:
    binary = short_path / "containerd-shim-broken-v1"
    binary.write_text(f"#!/bin/sh\n{script.format(shim=BIN / 'containerd-shim-runc-v2')}\n")
    binary.chmod(0o755)
    report = asyncio.run(verify.shim(binary, focus="^start-", deadline_s=3.0))
    first, last = report.results
    assert first.verdict is Verdict.FAILED and got in first.got, verify.explained(report)
    assert last.name == "nothing-left" and last.verdict is Verdict.PASSED, verify.explained(report)
