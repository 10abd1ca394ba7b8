"""S3 (CVE-2020-15257): no socket of ours is abstract, and who is in the host's network but not root connects to none."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.harness.mesh import IMAGE, Mesh

pytestmark = pytest.mark.root


@pytest.fixture
def running(mesh: Mesh) -> Iterator[Mesh]:
    """Every service, and a container in the host's network."""
    mesh.wake()
    mesh.argosy("run", "-d", "--name", "net", "--net-host", IMAGE, "sleep", "100").ok()
    yield mesh
    mesh.argosy("rm", "-f", "net").ok()
    assert mesh.leftovers(15) == []


def family(mesh: Mesh) -> set[int]:
    """Return the process ids of a mesh: its supervisor, services and shims, not what runs in containers."""
    assert mesh.process is not None
    found = {mesh.process.pid, *mesh.services().values()}
    for proc in Path("/proc").iterdir():
        if proc.name.isdigit():
            try:
                command = (proc / "cmdline").read_bytes()
            except OSError:
                continue
            if b"containerd-shim" in command and str(mesh.base).encode() in command:
                found.add(int(proc.name))
    return found


def sockets(pids: set[int]) -> dict[str, str]:
    """Return inode -> address of the unix sockets that these processes have open; "" has no name."""
    names = {}
    for line in Path("/proc/net/unix").read_text().splitlines()[1:]:
        fields = line.split(maxsplit=7)
        names[fields[6]] = fields[7] if len(fields) > 7 else ""
    found = {}
    for pid in pids:
        for fd in Path(f"/proc/{pid}/fd").iterdir():
            try:
                inode = re.fullmatch(r"socket:\[(\d+)\]", os.readlink(fd))
            except OSError:
                continue
            if inode and inode[1] in names:
                found[inode[1]] = names[inode[1]]
    return found


def test_no_process_of_ours_has_an_abstract_socket(running: Mesh) -> None:
    """Looked up by what each process has open, not by what the sockets are called."""
    pids = family(running)
    assert len(pids) >= 8
    named = [address for address in sockets(pids).values() if address]
    assert str(running.address) in named and any("/s/" in a for a in named)
    assert [a for a in named if a.startswith("@")] == []


def test_an_abstract_socket_would_be_found() -> None:
    """The look-up sees one that this process has."""
    with socket.socket(socket.AF_UNIX) as mine:
        mine.bind(f"\0argosy-test-{os.getpid()}")
        mine.listen()
        assert any(a.startswith("@argosy-test-") for a in sockets({os.getpid()}).values())


def test_another_user_connects_to_no_socket(running: Mesh) -> None:
    """From the host's network namespace, by path: the gateway's, the plugins', the shims'."""
    named = sorted({a for a in sockets(family(running)).values() if a.startswith("/")})
    assert len(named) >= 7
    code = (
        "import socket, sys\n"
        "for path in sys.argv[1:]:\n"
        "    try: socket.socket(socket.AF_UNIX).connect(path); print(path)\n"
        "    except PermissionError: pass\n"
    )
    command = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", sys.executable, "-I", "-S", "-c", code, *named]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=30)
    assert (ran.returncode, ran.stdout) == (0, ""), ran.stdout + ran.stderr


def test_a_container_in_the_hosts_network_sees_none(running: Mesh) -> None:
    """Its /proc/net/unix lists abstract sockets of the host; none of ours is among them."""
    said = running.argosy("exec", "net", "sh", "-c", "grep -c . /proc/net/unix; grep ' @' /proc/net/unix; true").ok().out
    assert int(said.splitlines()[0]) > 5
    assert not [
        line
        for line in said.splitlines()
        if "@" in line and ("argosy" in line or "containerd" in line or str(running.base) in line)
    ]
