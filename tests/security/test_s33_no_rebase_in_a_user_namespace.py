"""S33: in a user namespace no layer is put on another after the fact: its whiteouts could not have been made."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path

import pytest
from argosy.errors import FailedPrecondition
from argosy.plugin.snapshots import TreeSnapshotter
from argosy_snapshotter_overlay.layout import Abilities
from argosy_snapshotter_overlay.snapshotter import OverlayBackend

_APPLY = """
import sys
from argosy.errors import FailedPrecondition
from argosy.mounts import DETACHED, Mount
from argosy.unpack.apply import writer_for
try:
    with writer_for([Mount("overlay", "overlay", ("upperdir=" + sys.argv[1], DETACHED))]) as (writer, place):
        print("written to", place)
except FailedPrecondition as error:
    print(error.message)
"""


@pytest.mark.parametrize("userxattr", [True, False], ids=["user-namespace", "root"])
def test_the_overlay_snapshotter_rebases_as_root_of_the_machine_only(tmp_path: Path, userxattr: bool) -> None:
    """Commit with a parent that Prepare was not given is refused there, whoever asks."""

    async def commit() -> None:
        tree = await TreeSnapshotter.open(tmp_path, OverlayBackend(Abilities(False, userxattr, False)))
        try:
            await tree.prepare("a", "", {})
            await tree.commit("below", "a", {}, "")
            await tree.prepare("b", "", {})
            await tree.commit("above", "b", {}, "below")
        finally:
            await tree.close()

    if userxattr:
        with pytest.raises(FailedPrecondition, match='prepare it on "below"'):
            asyncio.run(commit())
    else:
        asyncio.run(commit())


@pytest.mark.root
def test_a_layer_by_itself_is_refused_there_before_anything_is_written(tmp_path: Path) -> None:
    """The client is told to apply it on the layers below, one after the other."""
    command = ["unshare", "--user", "--map-root-user", "--mount", sys.executable, "-c", _APPLY, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.stdout.strip() == "a layer cannot be applied here without the layers below it; apply it on them", done.stderr
    assert list(tmp_path.iterdir()) == []
