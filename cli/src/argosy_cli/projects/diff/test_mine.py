"""Does mine keep containerd's contract? The checks of `argosy verify diff`, with a content store that is there for them."""

import asyncio
from pathlib import Path

from argosy.testkit import store, verify
from argosy.testkit.served import served

FILE = Path(__file__).with_name("mine.py")


def test_it_keeps_the_contract(tmp_path: Path) -> None:
    with (
        served(store.__file__, "--root", str(tmp_path / "content")) as content,
        served(FILE, "--content", str(content)) as address,
    ):
        # Without root little is checked: a differ works on mounts. skip="^layers-" leaves checks out, has=["zstd"] adds some.
        report = asyncio.run(verify.diff(address, content))
    assert report.passed, verify.explained(report)
