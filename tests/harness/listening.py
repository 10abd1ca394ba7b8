"""Somebody who hears a daemon's events, from the first that a test makes on."""

from __future__ import annotations

import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.harness.mesh import Peer, eventually
from tests.harness.processes import ending


def told(peer: Peer) -> None:
    """Have a daemon tell something."""
    peer.ctr("namespaces", "create", "listening").ok()
    peer.ctr("namespaces", "rm", "listening").ok()


def hears(peer: Peer, said: Path) -> bool:
    """Have something told, and return whether who writes what it hears to a file has heard anything yet."""
    told(peer)
    return said.stat().st_size > 0


@contextmanager
def listening(peer: Peer) -> Iterator[list[str]]:
    """Yield the list of what ``ctr events`` says, one event a line, which grows: wait for what has to come.

    What is told before a subscription nobody hears, and nothing tells that there is one: namespaces are made until one is heard of.
    """
    heard: list[str] = []
    with ending(subprocess.Popen(["ctr", "-a", str(peer.address), "events"], stdout=subprocess.PIPE, text=True)) as process:
        reader = threading.Thread(target=lambda: heard.extend(process.stdout or ()), daemon=True)
        reader.start()

        def is_heard() -> bool:
            told(peer)
            return bool(heard)

        try:
            eventually(is_heard)
            yield heard
        finally:
            # Before the pipe is closed that it reads from.
            process.terminate()
            process.wait()
            reader.join(5)
