"""Sockets of the host in containers in VMs, driven by stock ctr. All under TCG. What needs no VM is in test_kata_sockets_parts."""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.harness import kata
from tests.harness.kata import RUNTIME, vm_of
from tests.harness.mesh import IMAGE, Mesh, eventually
from tests.harness.programs import SPEAKER
from tests.harness.sockets import Listener

pytestmark = kata.MARKS


@pytest.fixture(scope="module")
def mesh(home: kata.Home, image_archive: Path) -> Iterator[Mesh]:
    with kata.mesh_in(home, image_archive) as daemon:
        yield daemon


@pytest.fixture(autouse=True)
def tidied(mesh: Mesh) -> Iterator[None]:
    yield
    kata.tidy(mesh)


@pytest.fixture
def speaker(short_path: Path) -> list[str]:
    """The mount that brings a client into a container, as words for ctr."""
    path = short_path / "speaker"
    path.write_bytes(SPEAKER)
    path.chmod(0o755)
    return ["--mount", f"type=bind,src={path},dst=/speaker,options=rbind:ro"]


def uds(source: object, destination: str = "/run/host.sock", options: str = "rbind:rw") -> list[str]:
    return ["--mount", f"type=uds,src={source},dst={destination},options={options}"]


@pytest.mark.parametrize("rootfs", ["virtiofs", "block"])
def test_a_container_in_a_vm_speaks_with_who_listens_on_the_host(
    mesh: Mesh, short_path: Path, speaker: list[str], rootfs: str
) -> None:
    """What it has sent before it ended arrives, though it is deleted at once."""
    (short_path / "kata.toml").write_text(f'rootfs = "{rootfs}"\n')
    run = ("run", "--rm", *RUNTIME, "--runtime-config-path", str(short_path / "kata.toml"), *speaker, *uds(short_path / "s"))
    script = (
        "ls -ln /run/host.sock | cut -c1-10; echo hello | /speaker /run/host.sock;"
        "dd if=/dev/zero bs=1k count=600 2>/dev/null | tr '\\0' x | /speaker /run/host.sock | wc -c;"
        "(dd if=/dev/zero bs=1k count=100 2>/dev/null; echo last) | /speaker /run/host.sock >/dev/null & sleep 0.5; exit 3"
    )
    with Listener(short_path / "s", mode=0o640) as listener:
        ran = mesh.ctr(*run, IMAGE, f"speaks-{rootfs}", "sh", "-c", script, timeout=120)
        assert (ran.out, ran.code) == ("srw-r-----\nHELLO\n614400\n", 3), ran
        eventually(lambda: len(listener.heard) == 3)
    hello, large, last = listener.heard
    assert hello == b"hello\n" and large == b"x" * 614400
    # The process dies with its container's init, but not what it had said by then.
    assert bytes(len(last) - 5) + b"last\n" == last if last.endswith(b"\n") else last == bytes(len(last))


def test_a_container_that_goes_takes_its_connections_and_so_does_its_shim(
    mesh: Mesh, short_path: Path, speaker: list[str]
) -> None:
    """The others of its pod keep theirs."""
    pod = ("--annotation", "io.kubernetes.cri.sandbox-id=one")
    peers = {}
    for id in ("one", "two"):
        with socket.socket(socket.AF_UNIX) as server:
            server.bind(str(short_path / id))
            server.listen(1)
            server.settimeout(30)
            words = (*pod, *speaker, *uds(short_path / id), IMAGE, id, "sh", "-c", "sleep 1000 | /speaker /run/host.sock")
            mesh.ctr("run", "-d", *RUNTIME, *words, timeout=120).ok()
            peers[id] = server.accept()[0]
            peers[id].settimeout(30)
    with peers["one"], peers["two"]:
        vm = vm_of(mesh, "one")
        assert vm_of(mesh, "two") == vm
        mesh.ctr("tasks", "rm", "-f", "two", timeout=120)
        assert peers["two"].recv(1) == b""
        peers["one"].setblocking(False)
        with pytest.raises(BlockingIOError):
            peers["one"].recv(1)
        peers["one"].settimeout(30)
        shim = int(Path(f"/proc/{vm}/status").read_text().partition("PPid:")[2].split()[0])
        assert b"containerd-shim-kata" in Path(f"/proc/{shim}/cmdline").read_bytes()
        os.kill(shim, signal.SIGKILL)
        assert peers["one"].recv(1) == b""


def test_what_is_no_socket_is_refused_with_its_name(mesh: Mesh, short_path: Path) -> None:
    (short_path / "file").write_text("")
    ran = mesh.ctr("run", "--rm", *RUNTIME, *uds(short_path / "file"), IMAGE, "refused", "true", timeout=120)
    assert (
        ran.code != 0
        and f'mount /run/host.sock of type uds: its source "{short_path}/file" is there and is no socket' in ran.err
    )
    # The VM that was made for it is gone, and so is what the container had in it.
    assert "refused" not in mesh.ctr("tasks", "ls").ok().out
