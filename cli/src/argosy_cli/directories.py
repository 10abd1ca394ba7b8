"""Where a mesh lives unless it is told otherwise: the system's directories for root, XDG's for others."""

from __future__ import annotations

import os


def usual() -> tuple[str, str]:
    """Return the directories for data and for what does not outlive a reboot."""
    if os.geteuid() == 0:
        return "/var/lib/argosy", "/run/argosy"
    data = os.environ.get("XDG_DATA_HOME") or os.path.expanduser("~/.local/share")
    runtime = os.environ.get("XDG_RUNTIME_DIR") or f"/tmp/argosy-{os.geteuid()}"
    return f"{data}/argosy", f"{runtime}/argosy"


def socket_in(state: str | os.PathLike[str]) -> str:
    """Return where the gateway listens, in a mesh's state directory."""
    return os.path.join(state, "containerd.sock")
