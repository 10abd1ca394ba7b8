"""The snapshotter that wraps another: what it wraps does the work, and every call is told."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

import pytest
from argosy.errors import NotFound
from argosy.plugin.snapshots.remote import RemoteSnapshotter

from tests.examples.conftest import Together
from tests.harness.mesh import IMAGE, eventually

pytestmark = pytest.mark.root


def test_a_container_runs_on_what_is_wrapped_and_every_call_is_told(together: Together, image_archive: Path) -> None:
    peer, said = together.peer, together.base / "told.out"
    peer.ctr("images", "import", "--snapshotter", "told", str(image_archive)).ok()
    ran = peer.ctr("run", "--rm", "--snapshotter", "told", IMAGE, "t", "cat", "/etc/motd").ok()
    assert ran.out == "hello from an argosy\n"
    assert len(list((together.base / "snapshotter-overlay/snapshots").iterdir())) >= 2
    peer.ctr("images", "rm", "--sync", IMAGE).ok()

    def is_removed() -> bool:
        return not list((together.base / "snapshotter-overlay/snapshots").iterdir())

    eventually(is_removed, what="the wrapped one keeps snapshots")
    lines = said.read_text()
    number = r"^ *\d+\.\d ms  "
    assert re.search(
        number + r"PrepareSnapshotRequest\(.*key='.*extract-.*-> PrepareSnapshotResponse\(mounts=\[Mount", lines, re.M
    )
    assert re.search(number + r"CommitSnapshotRequest\(.*name='.*sha256:.*-> Empty\(\)$", lines, re.M)
    assert re.search(number + r"RemoveSnapshotRequest\(.*-> Empty\(\)$", lines, re.M)


def test_a_refusal_is_the_wrapped_ones_and_is_told(together: Together) -> None:
    async def main() -> None:
        told = RemoteSnapshotter(together.base / "told.sock")
        try:
            with pytest.raises(NotFound, match="nobody"):
                await told.stat("nobody")
        finally:
            await told.close()

    asyncio.run(main())
    last = (together.base / "told.out").read_text().splitlines()[-1]
    assert "StatSnapshotRequest(key='nobody') -> NotFound: " in last
