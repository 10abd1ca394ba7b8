"""Debian's docker-registry on loopback, for tests and benchmarks that pull and push."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from argosy.errors import Unavailable

_LISTENS_S: Final = 60.0
# What it says once it takes connections: the port is its own choice, so that nobody else can have it meanwhile.
_LISTENS: Final = re.compile(rb"listening on (127\.0\.0\.1:[0-9]+)\"")


@contextmanager
def running_registry() -> Iterator[str]:
    """An empty registry; its host:port."""
    base = Path(tempfile.mkdtemp(prefix="ay-registry-"))
    (base / "config.yml").write_text(
        f"version: 0.1\nstorage:\n  filesystem:\n    rootdirectory: {base}/data\n  delete:\n    enabled: true\n"
        "http:\n  addr: 127.0.0.1:0\n"
    )
    with (base / "log").open("w") as log:
        process = subprocess.Popen(
            ["docker-registry", "serve", str(base / "config.yml")], stdout=log, stderr=log, env=dict(os.environ)
        )

    try:
        deadline = time.monotonic() + _LISTENS_S
        while (found := _LISTENS.search(said := (base / "log").read_bytes())) is None:
            if time.monotonic() > deadline or process.poll() is not None:
                raise Unavailable(f"docker-registry does not listen; it said {said[-500:].decode(errors='replace')!r}")
            time.sleep(0.05)
        yield found[1].decode()
    finally:
        process.terminate()
        process.wait(10)
        shutil.rmtree(base, ignore_errors=True)
