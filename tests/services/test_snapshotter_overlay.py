"""The overlay snapshotter finds out what its machine can do, and does without what it lacks."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.root

_ASK = "import pathlib, sys, argosy_snapshotter_overlay.layout as l; print(l.ask(pathlib.Path(sys.argv[1])).remap_ids)"


def abilities(root: Path, *wrapper: str) -> str:
    """Return what the snapshotter says of id-mapped layers, run behind wrapper in a mount namespace of its own."""
    command = ["unshare", "--mount", "--propagation", "private", *wrapper, sys.executable, "-c", _ASK, str(root)]
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=60).stdout.strip()


def test_without_user_namespaces_it_starts_and_maps_no_ids(tmp_path: Path) -> None:
    if abilities(tmp_path) != "True":
        pytest.skip("this kernel or file system has no id-mapped overlay layers at all")
    other = tmp_path / "root"
    other.mkdir()
    # Nobody may make a user namespace in a chroot.
    script = 'mount --rbind / "$0" && exec chroot "$0" "$@"'
    assert abilities(tmp_path, "sh", "-c", script, str(other)) == "False"
    assert not list(tmp_path.glob("check-*"))
