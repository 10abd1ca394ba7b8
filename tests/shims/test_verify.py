"""The suite of the shim's contract finds no fault in our shim, nor in the one that is written in Go."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from argosy.testkit import shim
from argosy.testkit.suite import Report, judge

from tests.harness.mesh import BIN
from tests.harness.verifying import all_passed

pytestmark = pytest.mark.root


@pytest.mark.parametrize(
    ("binary", "fast"),
    [(BIN / "containerd-shim-runc-v2", True), (Path("/usr/bin/containerd-shim-runc-v2"), False)],
    ids=["ours", "go"],
)
def test_a_shim_keeps_the_contract(binary: Path, fast: bool) -> None:
    async def main() -> Report:
        async with shim.begun(binary, 10.0) as target:
            report = Report(shim.SUITE.kind, await shim.begin(target))
            checks, able = shim.SUITE.choose(fast=fast), shim.able((), ())
            return await judge(shim.SUITE, checks, able, lambda check: shim.subject(target, check), report)

    report = asyncio.run(main())
    all_passed(report)
    assert not list(Path("/sys/fs/cgroup").glob("**/argosy-verify-*"))
