"""A shim that nobody asks for anything goes to sleep: nothing of it is lost, and nobody notices but for the memory."""

from __future__ import annotations

import asyncio
import os
import resource
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from argosy.kernel.process import die_with_parent
from argosy.shim.daemon import patience
from argosy.shim.keeper import Asleep, Keeper, keep
from argosy.ttrpc.frames import REQUEST, encode
from argosy.ttrpc.machine import ServerMachine

from tests.harness.listening import listening
from tests.harness.mesh import ARGOSY, IMAGE, Mesh, comm, eventually
from tests.harness.processes import ending
from tests.harness.shims import Alone, alone, peer

pytestmark = pytest.mark.root


@pytest.fixture(scope="module")
def mesh(image_archive: Path) -> Iterator[Mesh]:
    """A mesh whose shims sleep almost at once."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ARGOSY_SHIM_SLEEP", "0.02")
        running = Mesh(Path(tempfile.mkdtemp(prefix="ay-", dir="/tmp")))
        running.start()
        try:
            running.ctr("images", "import", str(image_archive)).ok()
            # The first shim is no template's, and never sleeps.
            running.ctr("run", "--rm", IMAGE, "first", "true").ok()
            eventually(lambda: list((running.state / "s").glob("t-*")))
            yield running
            assert running.leftovers() == []
        finally:
            running.destroy()


def keeper_of(mesh: Mesh, id: str) -> int:
    return int((mesh.state / f"io.containerd.runtime.v2.task/default/{id}/shim.pid").read_text())


def workers(pid: int) -> list[int]:
    """The children of a keeper that are shims: containers are, too."""
    found = []
    for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
        try:
            if Path(f"/proc/{child}/comm").read_text().startswith("shim:"):
                found.append(int(child))
        except OSError:
            continue
    return found


def asleep(mesh: Mesh, id: str) -> int:
    """Wait until a container's shim sleeps; return its keeper."""
    pid = keeper_of(mesh, id)
    eventually(lambda: workers(pid) == [], what=f"the shim of {id} does not sleep")
    return pid


def awake(mesh: Mesh, id: str) -> int:
    """Wait until a container's shim is awake; return its worker."""
    pid = keeper_of(mesh, id)
    eventually(lambda: workers(pid) != [])
    return workers(pid)[0]


def start(mesh: Mesh, id: str, *words: str, flags: tuple[str, ...] = ()) -> None:
    mesh.ctr("run", "-d", *flags, IMAGE, id, *(words or ("sleep", "1000"))).ok()


def remove(mesh: Mesh, id: str) -> None:
    mesh.ctr("tasks", "rm", "-f", id)
    mesh.ctr("containers", "rm", id).ok()


def test_an_idle_shim_is_one_process_and_does_what_it_is_asked(mesh: Mesh) -> None:
    start(mesh, "idle")
    keeper = asleep(mesh, "idle")
    # It is the container's parent, as it was before and will be.
    init = next(line.split()[1] for line in mesh.ctr("tasks", "ls").ok().out.splitlines() if line.startswith("idle"))
    parent = Path(f"/proc/{init}/stat").read_text().rpartition(")")[2].split()[1]
    assert int(parent) == keeper
    for n in range(3):
        asleep(mesh, "idle")
        assert "RUNNING" in mesh.ctr("tasks", "ls").ok().out
        asleep(mesh, "idle")
        ran = mesh.ctr("tasks", "exec", "--exec-id", f"e{n}", "idle", "sh", "-c", "echo out; echo err >&2; exit 7")
        assert (ran.code, ran.out, ran.err.splitlines()[0]) == (7, "out\n", "err")
    # What the shim holds for its later self is nobody else's.
    assert mesh.ctr("tasks", "exec", "--exec-id", "fd", "idle", "ls", "/proc/self/fd").ok().out.split() == [
        "0",
        "1",
        "2",
        "3",
    ]
    asleep(mesh, "idle")
    assert init in mesh.ctr("tasks", "ps", "idle").ok().out
    asleep(mesh, "idle")
    assert "METRIC" in mesh.ctr("tasks", "metrics", "idle").ok().out
    for verb, state in (("pause", "PAUSED"), ("resume", "RUNNING")):
        asleep(mesh, "idle")
        mesh.ctr("tasks", verb, "idle").ok()
        asleep(mesh, "idle")
        assert state in mesh.ctr("tasks", "ls").ok().out
    asleep(mesh, "idle")
    mesh.ctr("tasks", "kill", "-s", "KILL", "idle").ok()
    eventually(lambda: "STOPPED" in mesh.ctr("tasks", "ls").out)
    asleep(mesh, "idle")
    assert "exit code 137" in mesh.ctr("tasks", "rm", "idle").ok().err
    mesh.ctr("containers", "rm", "idle").ok()
    eventually(lambda: not Path(f"/proc/{keeper}").exists())


def test_who_waits_hears_of_an_end_that_wakes_the_shim(mesh: Mesh) -> None:
    command = ["ctr", "-a", str(mesh.address), "run", "--rm", IMAGE, "ends", "sh", "-c", "sleep 2; echo late; exit 9"]
    with listening(mesh) as heard:
        with ending(subprocess.Popen(command, stdout=subprocess.PIPE, text=True)) as client:
            eventually(lambda: "ends" in mesh.ctr("tasks", "ls").out)
            asleep(mesh, "ends")
            out, _ = client.communicate(timeout=20)
        assert (client.returncode, out) == (9, "late\n")
        eventually(lambda: any("/tasks/delete" in line for line in heard))
    topics = [line.split(" default ")[1].split()[0] for line in heard if '"ends"' in line and "/tasks/" in line]
    assert topics == ["/tasks/create", "/tasks/start", "/tasks/exit", "/tasks/delete"]


def test_input_goes_on_and_ends_for_a_shim_that_sleeps(mesh: Mesh) -> None:
    command = ["ctr", "-a", str(mesh.address), "run", "--rm", IMAGE, "cat", "cat"]
    with ending(subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)) as client:
        assert client.stdin is not None and client.stdout is not None
        eventually(lambda: "cat" in mesh.ctr("tasks", "ls").out)
        asleep(mesh, "cat")
        client.stdin.write("one\n")
        client.stdin.flush()
        assert client.stdout.readline() == "one\n"
        asleep(mesh, "cat")
        # The end of the input is a call (CloseIO): the shim, woken, must be the last who has the FIFO open for writing.
        client.stdin.write("two\n")
        client.stdin.close()
        assert client.stdout.read() == "two\n" and client.wait(10) == 0


def test_an_exec_outlives_the_sleep_and_has_its_exit_code(mesh: Mesh) -> None:
    start(mesh, "ex")
    # Into a file: what goes to a client's FIFO is carried by the shim, which stays awake for that.
    log = f"file://{mesh.base}/exec.log"
    command = ["ctr", "-a", str(mesh.address), "tasks", "exec", "--log-uri", log, "--exec-id"]
    with ending(subprocess.Popen([*command, "long", "ex", "sh", "-c", "sleep 1; exit 5"])) as client:
        time.sleep(0.3)
        asleep(mesh, "ex")
        assert client.wait(10) == 5
    # Init's end waits for that of its execs, whoever was awake when they ended.
    with ending(subprocess.Popen([*command, "last", "ex", "sleep", "1000"])) as client:
        time.sleep(0.5)
        asleep(mesh, "ex")
        mesh.ctr("tasks", "kill", "-s", "KILL", "ex").ok()
        assert client.wait(10) == 137
    remove(mesh, "ex")


def test_a_sleeping_shim_whose_keeper_is_killed_is_a_dead_shim(mesh: Mesh) -> None:
    start(mesh, "k1")
    os.kill(asleep(mesh, "k1"), signal.SIGKILL)
    eventually(lambda: "k1" not in mesh.ctr("tasks", "ls").ok().out)
    mesh.ctr("containers", "rm", "k1").ok()


@pytest.mark.parametrize("who", ["keeper", "worker"])
def test_neither_outlives_the_other_while_both_work(mesh: Mesh, who: str) -> None:
    # A terminal's bytes have to be carried, so its shim stays awake.
    id = f"both-{who}"
    command = ["script", "-qec", f"ctr -a {mesh.address} run -t {IMAGE} {id} sh", "/dev/null"]
    with ending(subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)):
        eventually(lambda: f"{id} " in mesh.ctr("tasks", "ls").ok().out)
        pids = {"worker": awake(mesh, id), "keeper": keeper_of(mesh, id)}
        time.sleep(0.5)
        assert workers(pids["keeper"]) == [pids["worker"]], "the shim of a terminal sleeps"
        os.kill(pids[who], signal.SIGKILL)
        eventually(lambda: f"{id} " not in mesh.ctr("tasks", "ls").ok().out)
        eventually(lambda: not any(Path(f"/proc/{pid}").exists() for pid in pids.values()))
    mesh.ctr("containers", "rm", id).ok()


def test_a_task_manager_that_dies_finds_sleeping_shims_again(mesh: Mesh) -> None:
    start(mesh, "kept", "sh", "-c", "sleep 3; exit 4")
    asleep(mesh, "kept")
    before = mesh.services()[comm("tasks")]
    os.kill(before, signal.SIGKILL)
    eventually(lambda: mesh.services().get(comm("tasks"), before) != before)
    eventually(lambda: "RUNNING" in mesh.ctr("tasks", "ls").out)
    asleep(mesh, "kept")
    eventually(lambda: "STOPPED" in mesh.ctr("tasks", "ls").out)
    assert "exit code 4" in mesh.ctr("tasks", "rm", "kept").ok().err
    mesh.ctr("containers", "rm", "kept").ok()


@pytest.mark.skipif(not Path("/sys/fs/cgroup/memory").exists(), reason="counts on a v1 memory cgroup")
def test_a_container_that_runs_out_of_memory_wakes_its_shim(mesh: Mesh) -> None:
    hog = "sleep 1; x=1; while :; do x=$x$x; done"
    with listening(mesh) as heard:
        start(mesh, "hog", "sh", "-c", hog, flags=("--memory-limit", str(16 << 20)))
        asleep(mesh, "hog")
        eventually(lambda: "STOPPED" in mesh.ctr("tasks", "ls").out, within=30)
        eventually(lambda: any("/tasks/oom" in line and '"hog"' in line for line in heard), what=f"no OOM event: {heard}")
    remove(mesh, "hog")


def test_a_shim_may_be_told_never_to_sleep(image_archive: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ARGOSY_SHIM_SLEEP", "off")
    own = Mesh(Path(tempfile.mkdtemp(prefix="ay-", dir="/tmp")))
    own.start()
    try:
        own.ctr("images", "import", str(image_archive)).ok()
        own.ctr("run", "--rm", IMAGE, "first", "true").ok()
        eventually(lambda: list((own.state / "s").glob("t-*")))
        start(own, "up")
        worker = awake(own, "up")
        time.sleep(1.5)
        assert workers(keeper_of(own, "up")) == [worker]
        remove(own, "up")
    finally:
        own.destroy()
        shutil.rmtree(own.base, ignore_errors=True)


@pytest.mark.parametrize(("wish", "seconds"), [("", 0.5), ("off", None), ("0.25", 0.25), ("-1", 0.0), ("soon", 0.5)])
def test_the_wish_for_sleep(wish: str, seconds: float | None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ARGOSY_SHIM_SLEEP", wish)
    assert patience() == seconds


def test_half_a_request_keeps_a_connection_awake() -> None:
    machine = ServerMachine()
    frame = encode(1, REQUEST, 0, b"")
    machine.feed(frame[:5])
    assert not machine.idle()
    machine.feed(frame[5:])
    machine.take()
    assert machine.idle() and machine.last == 1
    later = ServerMachine(machine.last)
    assert later.feed(frame) == [] and b"StreamID cannot be re-used" in later.take()


def test_what_is_too_much_for_one_message_keeps_a_shim_awake() -> None:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with ours, theirs:
        keeper = Keeper(theirs)
        keeper.sleep(Asleep({"spec": "x" * 70_000}, [], []))  # it would not return
        keeper.sleep(Asleep({}, [0] * 251, []))
        ours.setblocking(False)
        with pytest.raises(BlockingIOError):
            ours.recv(1)


def test_a_worker_whose_descriptors_do_not_all_arrive_stays_awake() -> None:
    told, tell = os.pipe()
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)

    def work(keeper: Keeper) -> None:
        # It is the keeper that lacks room.
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)
        keeper.sleep(Asleep({}, [os.dup(2) for _ in range(20)], []))
        os.write(tell, b"stayed")
        # The keeper has let go of those that did arrive, and takes what fits.
        wake, waker = os.pipe()
        os.write(waker, b"x")
        keeper.sleep(Asleep({"number": 7}, [wake, waker], [0]))
        os.write(tell, b", lost")

    def go_on(_: Keeper, asleep: Asleep) -> None:
        os.write(tell, b", woke as %d" % asleep.state["number"])

    pid = os.fork()
    if pid == 0:
        try:
            die_with_parent(signal.SIGKILL)
            free = os.dup(2)
            resource.setrlimit(resource.RLIMIT_NOFILE, (free + 10, limits[1]))
            keep(work, go_on)
        finally:
            os._exit(1)
    os.close(tell)
    os.waitpid(pid, 0)
    with os.fdopen(told, "rb") as file:
        assert file.read() == b"stayed, woke as 7"


def test_a_copy_wakes_it_and_it_sleeps_again(mesh: Mesh) -> None:
    start(mesh, "copied")
    keeper = asleep(mesh, "copied")
    said = subprocess.run(
        [str(ARGOSY), "--address", str(mesh.address), "cp", "copied:/etc/passwd", "-"], capture_output=True, timeout=60
    )
    assert said.returncode == 0 and b"root" in said.stdout
    assert asleep(mesh, "copied") == keeper
    mesh.ctr("tasks", "rm", "-f", "copied").ok()
    mesh.ctr("containers", "rm", "copied").ok()


def inherited(pid: int) -> dict[str, str]:
    """Return the descriptors that whatever a process starts would inherit, but for the standard streams."""
    found = {}
    with suppress(FileNotFoundError, ProcessLookupError):  # it has ended
        for number in os.listdir(f"/proc/{pid}/fdinfo"):
            with suppress(FileNotFoundError):  # it was closed
                lines = Path(f"/proc/{pid}/fdinfo/{number}").read_text().splitlines()
                flags = next(int(line.split()[1], 8) for line in lines if line.startswith("flags:"))
                if not flags & os.O_CLOEXEC and int(number) > 2:
                    found[number] = os.readlink(f"/proc/{pid}/fd/{number}")
    return found


def test_what_a_shim_starts_after_its_sleep_inherits_nothing(mesh: Mesh) -> None:
    """The shim's own socket, and handles of its processes, went from worker to keeper to worker: they are for no runtime, and for no container."""
    start(mesh, "closed")
    keeper = asleep(mesh, "closed")
    assert inherited(keeper) == {}
    assert mesh.ctr("tasks", "exec", "--exec-id", "e", "closed", "true").code == 0
    for pid in (keeper, *workers(keeper)):
        assert inherited(pid) == {}
    mesh.ctr("tasks", "rm", "-f", "closed").ok()
    mesh.ctr("containers", "rm", "closed").ok()


def test_a_shim_of_several_containers_sleeps_when_one_was_deleted(short_path: Path) -> None:
    """It looked at a descriptor that was closed with the container, and was awake for the rest of its life."""

    async def work(shim: Alone) -> None:
        async with peer(shim.address, "stays") as stays:
            await shim.run(stays)
            async with peer(shim.address, "goes") as goes:
                await shim.run(goes)
                await shim.remove(goes)
            async with asyncio.timeout(20):
                while shim.worker():
                    await asyncio.sleep(0.02)

    short_path.chmod(0o711)
    with alone(short_path, sleeps=True) as shim:
        asyncio.run(work(shim))
