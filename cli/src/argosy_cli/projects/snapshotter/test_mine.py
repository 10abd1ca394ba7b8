"""Does mine keep containerd's contract? The checks of `argosy verify snapshotter`; as root they mount what it says, too."""

import asyncio
from pathlib import Path

from argosy.testkit import verify
from argosy.testkit.served import served

FILE = Path(__file__).with_name("mine.py")


def test_it_keeps_the_contract(tmp_path: Path) -> None:
    with served(FILE, "--root", str(tmp_path / "root")) as address:
        # lacks=["usage"] names what it can't do, has=["rebase"] what it can besides, skip="^many-" leaves checks out.
        report = asyncio.run(verify.snapshotter(address))
    assert report.passed, verify.explained(report)
