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
_FEATURES_S = 5.0


def service() -> Any:
    """Return the class that serves the Task API; imported by a shim, not by its start."""
    from argosy_shim_runc_v2.service import RuncTasks

    return RuncTasks


def delete(flags: dict[str, str]) -> int:
    """Clean up after a shim that died: end the container, unmount, say how it ended."""
    from argosy.errors import ArgosyError
    from argosy.kernel.unmount import unmount_tree
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
    if os.path.lexists(os.path.join(bundle, "uds")):
        from argosy_shim_runc_v2.sockets import clean

        try:
            clean(bundle)
        except OSError as error:
            print(f"unmount {bundle}/uds: {error}", file=sys.stderr)
    os.write(1, DeleteResponse(pid=pid, exit_status=128 + signal.SIGKILL, exited_at=stamp(time.time_ns())).encode())
    return 0


def about(given: bytes) -> dict[str, Any]:
    """Return the options that were given and the features of the runtime they name; none of one too old to say. Exits 1 without a runtime."""
    import subprocess

    from argosy.errors import ArgosyError
    from argosy.typeurl import FEATURES
    from argosy_protos._wire import DecodeError
    from argosy_protos.lean.google.protobuf import Any as AnyMessage

    from argosy_shim_runc_v2.container import options_of
    from argosy_shim_runc_v2.runc import Runtime

    try:
        options = AnyMessage.decode(given) if given else None
        binary = Runtime(options_of(options).binary_name, "").binary
    except (ArgosyError, DecodeError) as error:
        print(f"info: {error}", file=sys.stderr)
        raise SystemExit(1) from None
    found: dict[str, Any] = {"options": options} if options is not None else {}
    try:
        said = subprocess.run(
            [binary, "features"], capture_output=True, stdin=subprocess.DEVNULL, timeout=_FEATURES_S, check=True
        )
        json.loads(said.stdout)
    except (OSError, ValueError, subprocess.SubprocessError):
        return found  # runc before 1.1 and some others have no such verb
    return {**found, "features": AnyMessage(type_url=FEATURES, value=said.stdout)}


def main(template: str = "") -> None:
    """Do what the command line says. A start leaves a template behind at the address template, if any."""

    def start(flags: dict[str, str]) -> int:
        code = shared.start(flags, service)
        if code == 0 and template:
            from argosy_shim_runc_v2.template import begin

            begin(template, os.getppid())
        return code

    shared.main(NAME, start, delete, about)


if __name__ == "__main__":
    main()
