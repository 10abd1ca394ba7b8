"""The suite of the shim's contract finds no fault in our shim, nor in the one that is written in Go."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from argosy.testkit import verify

from tests.harness.mesh import BIN
from tests.harness.verifying import all_passed

pytestmark = pytest.mark.root


@pytest.mark.parametrize(
    ("binary", "fast"),
    [(BIN / "containerd-shim-runc-v2", True), (Path("/usr/bin/containerd-shim-runc-v2"), False)],
    ids=["ours", "go"],
)
def test_a_shim_keeps_the_contract(binary: Path, fast: bool) -> None:
    all_passed(asyncio.run(verify.shim(binary, fast=fast)))
    assert not list(Path("/sys/fs/cgroup").glob("**/argosy-verify-*"))
