"""What the VM tests hold against a VM is that VM's: a machine where others run, or have left something, is as good as an empty one."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.harness import kata
from tests.harness.processes import ending


def test_another_vm_is_not_ours_to_judge(short_path: Path) -> None:
    """Another's directory may even be called almost like ours. Their memory is where shims kept it once, in a file for all VMs of a user."""
    ours, theirs = short_path / "r", short_path / "r2"
    (theirs / "vm").mkdir(parents=True)
    shared = Path(f"/dev/shm/argosy-kata-{os.geteuid()}")
    was_there = shared.exists()
    shared.mkdir(mode=0o700, exist_ok=True)
    left = shared / f"{short_path.name}.memory"
    left.write_bytes(b"another's")
    waits = [sys.executable, "-S", "-c", "import time; time.sleep(60)"]
    try:
        with (
            ending(subprocess.Popen([*waits, "qemu-system-none", f"unix:{theirs}/vm/qmp"])) as vm,
            ending(
                subprocess.Popen([*waits, "argosy_shim_kata_v2.pool"], env={**os.environ, "ARGOSY_KATA_RUN": str(theirs)})
            ),
        ):
            assert kata.leftovers(ours) == []
            assert [line.split()[0] for line in kata.processes(theirs) if "qemu" in line] == [str(vm.pid)]
            assert len(kata.leftovers(theirs)) == 3
    finally:
        left.unlink()
        if not was_there:
            shared.rmdir()
