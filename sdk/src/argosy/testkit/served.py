"""A plugin's file, served for as long as a test needs it: ``with served("mine.py", "--root", str(tmp_path)) as address: ...``."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from argosy.errors import DeadlineExceeded, Unavailable

_LOOK_S: Final = 0.05
# Calls in flight get a second; more than that is the plugin's own end.
_END_S: Final = 10.0


@contextmanager
def served(file: str | os.PathLike[str], *flags: str, within_s: float = 20.0) -> Iterator[Path]:
    """Run a file that ends with ``argosy.plugin.main`` as a program, and yield its socket once it can be called; end it afterwards.

    flags are its own, all but ``--address``. Raises Unavailable, with all that it said, when it ends before, and DeadlineExceeded when it
    can't be called within_s seconds after its start, or does not end ten seconds after it was told to.
    """
    # Those of pytest are too long for a socket.
    base = Path(tempfile.mkdtemp(prefix="argosy-", dir="/tmp"))
    address, heard, said = base / "plugin.sock", base / "ready", base / "said"
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager, said.open("w") as out:
            manager.bind(str(heard))
            manager.settimeout(_LOOK_S)
            with subprocess.Popen(
                [sys.executable, os.fspath(file), "--address", str(address), *flags],
                stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT, env={**os.environ, "NOTIFY_SOCKET": str(heard)},
            ) as process:  # fmt: skip
                try:
                    _await_ready(process, manager, Path(file).name, said, within_s)
                    yield address
                    process.send_signal(signal.SIGTERM)
                    try:
                        process.wait(_END_S)
                    except subprocess.TimeoutExpired:
                        raise DeadlineExceeded(
                            f"{Path(file).name} runs on {_END_S:g} s after it was told to end (SIGTERM)\n{said.read_text()}"
                        ) from None
                finally:
                    process.kill()
    finally:
        shutil.rmtree(base, ignore_errors=True)


def _await_ready(process: subprocess.Popen[bytes], manager: socket.socket, name: str, said: Path, within_s: float) -> None:
    until = time.monotonic() + within_s
    while True:
        try:
            manager.recv(64)
        except TimeoutError:
            if process.poll() is not None:
                raise Unavailable(f"{name} ended with exit code {process.returncode}\n{said.read_text()}") from None
            if time.monotonic() > until:
                raise DeadlineExceeded(
                    f"{name} can't be called {within_s:g} s after its start\n{said.read_text()}"
                ) from None
        else:
            return
