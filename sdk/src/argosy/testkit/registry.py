"""Debian's docker-registry on loopback, for tests and benchmarks that pull and push."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from argosy.errors import Unavailable

_LISTENS_S: Final = 20.0


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def running_registry() -> Iterator[str]:
    """An empty registry; its host:port."""
    base = Path(tempfile.mkdtemp(prefix="ay-registry-"))
    port = free_port()
    (base / "config.yml").write_text(
        f"version: 0.1\nstorage:\n  filesystem:\n    rootdirectory: {base}/data\n  delete:\n    enabled: true\n"
        f"http:\n  addr: 127.0.0.1:{port}\n"
    )
    with (base / "log").open("w") as log:
        process = subprocess.Popen(
            ["docker-registry", "serve", str(base / "config.yml")], stdout=log, stderr=log, env=dict(os.environ)
        )

    try:
        deadline = time.monotonic() + _LISTENS_S
        while not _answers(port):
            if time.monotonic() > deadline:
                raise Unavailable(
                    f"docker-registry does not listen on port {port}; it said {(base / 'log').read_text()[-500:]!r}"
                )
            time.sleep(0.05)
        yield f"127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(10)
        shutil.rmtree(base, ignore_errors=True)


def _answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
