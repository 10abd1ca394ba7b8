"""Places to try things out in: a process that was killed in one leaves nothing for longer than to the next try."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import pytest
from argosy.kernel.mount import mount
from argosy.kernel.mount_table import mounts_below
from argosy.kernel.scratch import scratch_in
from argosy.mounts import Mount


@pytest.mark.root
def test_what_a_killed_process_mounted_there_goes_with_the_next(short_path: Path) -> None:
    (short_path / "kept").mkdir()
    ready, said = os.pipe()
    pid = os.fork()
    if not pid:
        with scratch_in(short_path) as scratch:
            mount(Mount("tmpfs", "tmpfs", ("ro",)), str(scratch))
            os.write(said, b"x")
            time.sleep(60)
        os._exit(1)
    os.read(ready, 1)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    assert len(list(mounts_below(str(short_path)))) == 1
    with scratch_in(short_path) as scratch:
        assert list(mounts_below(str(short_path))) == []
        assert sorted(path.name for path in short_path.iterdir()) == sorted(["kept", scratch.name])
    assert [path.name for path in short_path.iterdir()] == ["kept"]
    os.close(ready)
    os.close(said)
