"""The shim that isolates nothing: stdio, exit codes and signals as of any runtime, in the namespaces of the machine."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import anyio.to_thread
import pytest
from argosy.client import Client, Container
from argosy.client.stdio import Stdio
from argosy.errors import Unimplemented
from argosy.oci.spec import Options
from argosy.testkit.image import oci_archive

from tests.examples.conftest import Together
from tests.harness.mesh import IMAGE, Peer, Ran, eventually
from tests.harness.processes import ending

pytestmark = pytest.mark.root
RUNTIME = "io.containerd.exec.v1"
# An image whose user is not root.
USER = "docker.io/library/user:latest"


@pytest.fixture(scope="module")
def images(together: Together, image_archive: Path) -> Iterator[Peer]:
    """The daemon with both images."""
    oci_archive(together.base / "user.tar", USER, config={"User": "5:60"})
    for archive in (image_archive, together.base / "user.tar"):
        together.peer.ctr("images", "import", str(archive)).ok()
    yield together.peer
    together.peer.ctr("images", "rm", "--sync", IMAGE, USER).ok()


@pytest.fixture
def peer(together: Together, images: Peer) -> Iterator[Peer]:
    """A daemon, on which no container and no mount of one may be left."""
    yield images
    assert images.ctr("containers", "ls", "-q").ok().out == ""
    mounts = Path("/proc/self/mountinfo").read_text().splitlines()
    assert [line for line in mounts if str(together.base) in line and "rootfs" in line] == []


def ran_on(peer: Peer, *args: str) -> Ran:
    return peer.ctr("run", "--rm", "--runtime", RUNTIME, *args)


def shims(id: str) -> list[int]:
    """Return the shims of a container: this one's command line names it."""
    found = []
    for name in os.listdir("/proc"):
        try:
            words = Path(f"/proc/{name}/cmdline").read_bytes().split(b"\0") if name.isdigit() else []
        except OSError:
            continue
        if b"-id" in words and words[words.index(b"-id") + 1] == id.encode() and any(w.endswith(b"/shim.py") for w in words):
            found.append(int(name))
    return found


def runs(pid: int) -> bool:
    """Return whether a process is there, and no zombie that somebody else has to reap."""
    try:
        return bool(Path(f"/proc/{pid}/cmdline").read_bytes())
    except FileNotFoundError:
        return False


def test_stdio_and_the_exit_code_are_the_processs(peer: Peer) -> None:
    script = "cat /etc/motd; pwd; id -u; cat; echo err >&2; exit 3"
    # An input that ends before the task is there is one that ctr never closes.
    with ending(
        subprocess.Popen(
            ["ctr", "-a", str(peer.address), "run", "--rm", "--runtime", RUNTIME, IMAGE, "c", "sh", "-c", script],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )
    ) as process:  # fmt: skip
        assert process.stdin is not None and process.stdout is not None and process.stderr is not None
        assert [process.stdout.readline() for _ in range(3)] == ["hello from an argosy\n", "/\n", "0\n"]
        with process.stdin:
            process.stdin.write("in\n")
        assert (process.stdout.read(), process.stderr.read(), process.wait(30)) == ("in\n", "err\n", 3)
    ran = ran_on(peer, "--cwd", "/tmp", "--env", "A=b c", USER, "c", "sh", "-c", "id -u; id -g; pwd; echo $A")
    assert ran.ok().out == "5\n60\n/tmp\nb c\n"


def test_what_cannot_be_executed_is_said_and_leaves_nothing(peer: Peer) -> None:
    ran = ran_on(peer, IMAGE, "c", "no-such-program")
    assert ran.code != 0 and "no-such-program cannot be started: " in ran.err, ran
    ran = peer.ctr("run", "--rm", "--runtime", RUNTIME, IMAGE, "c", "true")
    assert ran.ok().out == ""


def test_it_is_in_the_machines_namespaces_and_ends_by_a_signal_with_what_it_started(peer: Peer) -> None:
    peer.ctr("run", "-d", "--runtime", RUNTIME, IMAGE, "d", "sh", "-c", "sleep 300 | sleep 300").ok()
    (row,) = [line.split() for line in peer.ctr("tasks", "ls").ok().out.splitlines()[1:]]
    assert row[0] == "d" and row[2] == "RUNNING"
    pid = int(row[1])
    for namespace in ("pid", "net", "mnt", "ipc"):
        assert os.readlink(f"/proc/{pid}/ns/{namespace}") == os.readlink(f"/proc/self/ns/{namespace}")
    eventually(lambda: len(peer.ctr("tasks", "ps", "d").ok().out.splitlines()) == 4)  # a head, the shell and two sleeps
    others = {int(line.split()[0]) for line in peer.ctr("tasks", "ps", "d").ok().out.splitlines()[1:]}
    assert pid in others
    peer.ctr("tasks", "kill", "-s", "KILL", "d").ok()
    eventually(lambda: "STOPPED" in peer.ctr("tasks", "ls").ok().out)
    removed = peer.ctr("tasks", "rm", "d")
    assert removed.code in (0, 137), removed
    peer.ctr("containers", "rm", "d").ok()
    eventually(lambda: not any(map(runs, others)), what="what it left behind runs on")


def test_a_shim_that_is_killed_leaves_nothing(peer: Peer) -> None:
    peer.ctr("run", "-d", "--runtime", RUNTIME, IMAGE, "k", "sleep", "300").ok()
    pid = int(peer.ctr("tasks", "ls").ok().out.splitlines()[1].split()[1])
    (shim,) = shims("k")
    os.kill(shim, signal.SIGKILL)
    eventually(lambda: not runs(pid), within=20, what="its process runs on")
    eventually(lambda: peer.ctr("tasks", "ls", "-q").ok().out == "", within=20)
    peer.ctr("containers", "rm", "k").ok()


def test_what_was_created_and_never_started_is_gone_with_its_task(peer: Peer) -> None:
    """It runs nothing until Start; and what the shim lacks is said."""

    async def main() -> int:
        async with Client(peer.address, "default") as client:
            container = await Container.create(client, "n", IMAGE, Options(args=["true"]), runtime=RUNTIME)
            task = await container.new_task(Stdio())
            pid = task.pid
            assert runs(pid) and os.readlink(f"/proc/{pid}/root") == "/"
            # Its stdio, and what it waits for and answers by; the rest it closes by itself.
            await anyio.to_thread.run_sync(eventually, lambda: len(os.listdir(f"/proc/{pid}/fd")) == 5)
            with pytest.raises(Unimplemented, match="has no pause"):
                await task.pause()
            with pytest.raises(Unimplemented, match="has no execs"):
                await task.exec("e", {"args": ["true"], "cwd": "/"}, Stdio())
            await task.delete()
            await container.delete()
            return pid

    pid = asyncio.run(main())
    eventually(lambda: not runs(pid), what="it waits for a start that never comes")
