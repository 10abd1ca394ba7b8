"""Daemons of each make, with every example that can stand beside the others."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.harness.containerd import Containerd
from tests.harness.examples import config_of, disabled_by, lines_of, merged, serving, tables
from tests.harness.mesh import Mesh, run
from tests.harness.services import service


@dataclass
class Together:
    """A daemon and the directory of its plugins."""

    peer: Mesh | Containerd
    base: Path

    @property
    def is_ours(self) -> bool:
        return isinstance(self.peer, Mesh)


def started(
    base: Path, make: str, config: str, path_first: Path | None = None, disabled: tuple[str, ...] = ()
) -> Mesh | Containerd:
    """Start a daemon of a make with these lines; disabled is what a stock one has to leave out."""
    peer: Mesh | Containerd
    if make == "argosy":
        (base / "mesh.toml").write_text(config)
        peer = Mesh(base / "m", path_first=path_first, extra=["--config", str(base / "mesh.toml")])
        peer.base.mkdir()
    else:
        peer = Containerd(base / "c", config, path_first, ("io.containerd.grpc.v1.cri", *disabled))
    peer.start()
    return peer


@pytest.fixture(scope="package", params=["argosy", "containerd"])
def together(request: pytest.FixtureRequest) -> Iterator[Together]:
    """A daemon with two snapshotters, two stream processors, a service and a shim, each by the lines that it prints itself."""
    base = Path(tempfile.mkdtemp(prefix="ay-", dir="/tmp"))
    (base / "bin").mkdir()
    (base / "key").write_bytes(bytes(range(32)))
    try:
        subprocess.run(["sh", "-ec", lines_of("shim")[0].replace("/usr/local/bin", str(base / "bin"))], check=True)
        with ExitStack() as stack:
            inner = stack.enter_context(service("snapshotter-overlay", base))
            clock = stack.enter_context(serving("clock", base, "--every", "0.01"))
            config = [
                config_of("told", stack.enter_context(serving("told", base, "--target", str(inner)))),
                config_of("memory", stack.enter_context(serving("memory", base, "--root", str(base / "memory")))),
                lines_of("unzstd")[1],
                lines_of("aesgcm")[1].replace('"KEY"', f'"{base / "key"}"'),
            ]
            if request.param == "argosy":  # a stock daemon ends with a panic at a type of plugin that it does not know
                config.append(config_of("clock", clock))
            peer = started(base, request.param, "\n\n".join(config), base / "bin")
            try:
                yield Together(peer, base)
            finally:
                peer.destroy()
    finally:
        run(["umount", "-l", str(base / "memory/memory")])
        shutil.rmtree(base)


@pytest.fixture(scope="package", params=["argosy", "containerd"])
def stores(request: pytest.FixtureRequest) -> Iterator[Together]:
    """A daemon whose content is in blocks, and ours has the differ, too: Debian's takes none from outside."""
    base = Path(tempfile.mkdtemp(prefix="ay-", dir="/tmp"))
    socket = base / ("m/a.sock" if request.param == "argosy" else "c/c.sock")
    try:
        with ExitStack() as stack:
            blocks = config_of("blocks", stack.enter_context(serving("blocks", base, "--root", str(base / "root"))))
            differ = config_of("differ", stack.enter_context(serving("differ", base, "--content", str(socket))))
            if request.param == "argosy":
                peer = started(base, "argosy", merged(blocks, differ))
            else:
                peer = started(base, "containerd", tables(blocks), disabled=disabled_by(blocks))
            assert peer.address == socket
            try:
                yield Together(peer, base)
            finally:
                peer.destroy()
    finally:
        shutil.rmtree(base)
