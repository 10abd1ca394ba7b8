"""The command line of a shim in one file: ``main(NAME, Tasks)`` is all that stands at its end.

Without arguments it says what it is, and how a daemon finds it. ``delete`` is for one without a runtime that keeps state: what has the
bundle's root file system for its root is ended, and that is unmounted.
"""

from __future__ import annotations

import os
import shlex
import signal
import sys
import time
from typing import Any

from argosy.shim import start
from argosy.shim.tasks import TaskService


def main(name: str, tasks: type[TaskService[Any]]) -> None:
    """Do what the command line says, for the runtime of that name (``io.containerd.NAME.VERSION``). Does not return."""
    if sys.argv[1:] == ["--describe"]:
        from argosy.plugin.flags import described  # nothing that a shim needs at its start

        print(described("shim", name, (sys.modules["__main__"].__doc__ or "").strip()))
        raise SystemExit(0)
    if len(sys.argv) == 1:
        print(_introduction(name))
        raise SystemExit(0)
    start.main(name, lambda flags: start.start(flags, lambda: tasks), clean_up)


def clean_up(flags: dict[str, str]) -> int:
    """Clean up after a shim that died, and say how its container ended."""
    from argosy_protos.lean.containerd.task.v2 import DeleteResponse

    from argosy.kernel.unmount import unmount_tree
    from argosy.shim.events import stamp
    from argosy.shim.local import end_rooted

    rootfs = os.path.join(flags.get("bundle") or os.getcwd(), "rootfs")
    end_rooted(rootfs)
    try:
        unmount_tree(rootfs)
    except OSError as error:
        print(f"unmount {rootfs}: {error}", file=sys.stderr)
    os.write(1, DeleteResponse(exit_status=128 + signal.SIGKILL, exited_at=stamp(time.time_ns())).encode())
    return 0


def _introduction(name: str) -> str:
    program = f"/usr/local/bin/containerd-shim-{'-'.join(name.split('.')[-2:])}"
    command = f'exec {shlex.quote(sys.executable)} {shlex.quote(os.path.abspath(sys.argv[0]))} "$@"'
    about = (sys.modules["__main__"].__doc__ or "").strip()
    return (
        f"{about}\n\nArgosy and containerd find a runtime's shim on their PATH; this puts it there:\n\n"
        f"    printf '%s\\n' '#!/bin/sh' {shlex.quote(command)} >{program}\n    chmod 755 {program}\n\n"
        f"Then a container runs on it with\n\n    ctr run --runtime {name} IMAGE ID COMMAND"
    )
