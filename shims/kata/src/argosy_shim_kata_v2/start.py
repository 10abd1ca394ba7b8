"""containerd-shim-kata-v2: ``start`` and ``delete``."""

from __future__ import annotations

import os
import signal
import sys
import time
from typing import Any, Final

from argosy.shim import start as shared

NAME: Final = "io.containerd.kata.v2"


def service() -> Any:
    """Return the class that serves the Task API; imported by a shim, not by its start."""
    from argosy_shim_kata_v2.service import KataTasks

    return KataTasks


def delete(flags: dict[str, str]) -> int:
    """Clean up after a shim that died: end the VM, undo its mounts, say how it ended."""
    from argosy.shim.events import stamp
    from argosy_protos.lean.containerd.task.v2 import DeleteResponse

    from argosy_shim_kata_v2.sandbox import clean

    bundle = flags.get("bundle") or os.getcwd()
    try:
        clean(bundle, flags.get("id", ""))
    except OSError as error:
        print(f"delete {flags.get('id')}: {error}", file=sys.stderr)
    os.write(1, DeleteResponse(exit_status=128 + signal.SIGKILL, exited_at=stamp(time.time_ns())).encode())
    return 0


def main() -> None:
    # The script that called us passes its own path first, as what a process is called by.
    if len(sys.argv) > 1 and sys.argv[1].endswith("containerd-shim-kata-v2"):
        sys.argv[:2] = sys.argv[1:2]
    shared.main(NAME, lambda flags: shared.start(flags, service, kind="kata/"), delete)


if __name__ == "__main__":
    main()
