"""Debian's containerd in a temporary directory."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from dataclasses import dataclass
from pathlib import Path

from tests.harness.mesh import Peer, eventually, run
from tests.harness.processes import ending


@dataclass
class Containerd(Peer):
    """A stock daemon; config is appended to its configuration."""

    base: Path
    config: str = ""
    path_first: Path | None = None
    disabled: tuple[str, ...] = ("io.containerd.grpc.v1.cri",)
    process: subprocess.Popen[bytes] | None = None

    @property
    def address(self) -> Path:  # type: ignore[override] # computed here, an attribute elsewhere
        return self.base / "c.sock"

    @property
    def log(self) -> Path:
        return self.base / "log"

    def start(self) -> None:
        self.base.mkdir(parents=True, exist_ok=True)
        disabled = ", ".join(f'"{d}"' for d in self.disabled)
        (self.base / "config.toml").write_text(
            f'version = 2\nroot = "{self.base}/root"\nstate = "{self.base}/state"\ndisabled_plugins = [{disabled}]\n'
            f'[grpc]\naddress = "{self.address}"\n{self.config}'
        )
        path = os.environ["PATH"] if self.path_first is None else f"{self.path_first}:{os.environ['PATH']}"
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                ["containerd", "-c", str(self.base / "config.toml")],
                stdout=log,
                stderr=log,
                env={**os.environ, "PATH": path},
            )
        try:
            eventually(lambda: self.ctr("version").code == 0, within=20, what=f"containerd does not answer; see {self.log}")
        except BaseException:
            # Who could not start it has nothing to destroy.
            with ending(self.process):
                self.process = None
            raise

    def destroy(self) -> None:
        if self.process is not None:
            with ending(self.process) as process:
                self.process = None
                for task in self.ctr("tasks", "ls", "-q").out.split():
                    self.ctr("tasks", "rm", "-f", task)
                process.send_signal(signal.SIGTERM)
                process.wait(20)
        run(["umount", "-R", "-l", str(self.base)])
        shutil.rmtree(self.base, ignore_errors=True)
