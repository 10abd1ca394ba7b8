"""Our services one by one, each started as a plugin of somebody else's daemon is."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.harness.mesh import BIN, eventually
from tests.harness.processes import ending


@contextmanager
def service(name: str, base: Path, *more: str) -> Iterator[Path]:
    """Start a service in a directory of base, with more flags; yield its socket. It has to end in order."""
    address = base / f"{name}.sock"
    with (base / f"{name}.log").open("w") as log:
        process = subprocess.Popen(
            [str(BIN / f"argosy-{name}"), "--root", str(base / name), "--address", str(address), *more], stderr=log, stdout=log
        )
    with ending(process):
        try:
            eventually(address.exists, within=20, what=f"{name} does not listen")
            yield address
        finally:
            process.terminate()
            assert process.wait(20) == 0
