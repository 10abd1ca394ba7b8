"""Does mine keep the contract of depots? The checks of `argosy verify depot`."""

import asyncio
from pathlib import Path

from argosy.testkit import verify
from argosy.testkit.served import served

FILE = Path(__file__).with_name("mine.py")


def test_it_keeps_the_contract(tmp_path: Path) -> None:
    with served(FILE, "--root", str(tmp_path / "root")) as address:
        # skip="^many-" leaves checks out. One that only gives images has lacks=["put"], and image= one that is there.
        report = asyncio.run(verify.depot(address))
    assert report.passed, verify.explained(report)
