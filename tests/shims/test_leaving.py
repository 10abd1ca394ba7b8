"""A shim that leaves: who starts the next one of its name is never led to it, and it takes nothing of the next one's away."""

from __future__ import annotations

import socket
from pathlib import Path

from argosy.shim.daemon import Daemon, Identity
from argosy_protos.lean.containerd.task.v2 import ShutdownRequest
from argosy_shim_runc_v2.service import RuncTasks


def test_its_socket_goes_before_its_answer_and_is_its_own(short_path: Path) -> None:
    """A Create that fails, tried again at once, was answered with "closed" by the shim of the first: its loop had still to come round."""
    path = short_path / "s"
    with socket.socket(socket.AF_UNIX) as listener, socket.socket(socket.AF_UNIX) as next_one:
        listener.bind(str(path))
        listener.listen()
        shim = Daemon(listener, Identity(str(path), "id", "ns", "", ""), RuncTasks, None)
        shim.service.shutdown(ShutdownRequest(id="id"))
        assert not path.exists()
        next_one.bind(str(path))
        shim.service.shutdown(ShutdownRequest(id="id"))
        shim.run()
        assert path.exists()
