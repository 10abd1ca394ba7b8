"""containerd-shim-runc-v2 without a template: its own ``start``, and ``delete``."""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from typing import Any

from argosy.shim import start as shared

NAME = "io.containerd.runc.v2"


def service() -> Any:
    """Return the class that serves the Task API; imported by a shim, not by its start."""
    from argosy_shim_runc_v2.service import RuncTasks

    return RuncTasks


def delete(flags: dict[str, str]) -> int:
    """Clean up after a shim that died: end the container, unmount, say how it ended."""
    from argosy.errors import ArgosyError
    from argosy.kernel.mount import unmount_tree
    from argosy.shim.events import stamp
    from argosy_protos.lean.containerd.task.v2 import DeleteResponse

    from argosy_shim_runc_v2.container import default_runc_root
    from argosy_shim_runc_v2.runc import Runtime

    bundle = flags.get("bundle") or os.getcwd()
    options: dict[str, Any] = {}
    try:
        with open(os.path.join(bundle, "options.json")) as file:
            options = json.load(file)
    except (OSError, ValueError):
        pass  # it died before it wrote them; the defaults are right then
    binary = str(options.get("binary_name", ""))
    try:
        with open(os.path.join(bundle, "runtime")) as file:
            binary = file.read().strip() or binary
    except OSError:
        pass  # the same
    root = os.path.join(str(options.get("root", "")) or default_runc_root(), flags.get("namespace", ""))
    try:
        runtime = Runtime(binary, root, bool(options.get("systemd_cgroup")))
        runtime.run(["delete", "--force", flags["id"]], os.path.join(bundle, "delete-log.json"))
    except (ArgosyError, OSError) as error:
        print(f"delete {flags.get('id')}: {error}", file=sys.stderr)
    pid = 0
    try:
        with open(os.path.join(bundle, "init.pid")) as file:
            pid = int(file.read().strip() or "0")
    except (OSError, ValueError):
        pass  # there never was an init
    try:
        unmount_tree(os.path.join(bundle, "rootfs"))
    except OSError as error:
        print(f"unmount {bundle}/rootfs: {error}", file=sys.stderr)
    os.write(1, DeleteResponse(pid=pid, exit_status=128 + signal.SIGKILL, exited_at=stamp(time.time_ns())).encode())
    return 0


def main(template: str = "", key: str = "") -> None:
    """Do what the command line says. A start leaves a template of place key behind at the address template, if any."""

    def start(flags: dict[str, str]) -> int:
        code = shared.start(flags, service)
        if code == 0 and template:
            from argosy_shim_runc_v2.template import begin

            begin(template, key, os.getppid())
        return code

    shared.main(NAME, start, delete)


if __name__ == "__main__":
    main()
