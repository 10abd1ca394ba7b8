"""Does mine keep containerd's contract? The checks of `argosy verify content`."""

import asyncio
from pathlib import Path

from argosy.testkit import verify
from argosy.testkit.served import served

FILE = Path(__file__).with_name("mine.py")


def test_it_keeps_the_contract(tmp_path: Path) -> None:
    with served(FILE, "--root", str(tmp_path / "root")) as address:
        # Labels are kept by the daemon that has the store. skip="^a-long-" leaves checks out, has=["sha512"] adds some.
        report = asyncio.run(verify.content(address, lacks=["labels"]))
    assert report.passed, verify.explained(report)
