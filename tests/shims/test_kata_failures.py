"""Whatever dies of a VM, its containers' ends are reported, and nothing of it is left. And what can't start says why."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import argosy_shim_kata_v2
import pytest
from argosy_shim_kata_v2 import template
from argosy_shim_kata_v2.config import Config
from argosy_shim_kata_v2.image.cpio import Cpio

from tests.harness import kata
from tests.harness.kata import RUNTIME, Home, vm_of
from tests.harness.mesh import IMAGE, Mesh, Ran, comm, eventually, run
from tests.harness.processes import ending

pytestmark = kata.MARKS


@pytest.fixture(scope="module")
def mesh(home: Home, image_archive: Path) -> Iterator[Mesh]:
    with kata.mesh_in(home, image_archive) as daemon:
        # The template is made here, and not in the first test's time.
        daemon.ctr("run", "--rm", *RUNTIME, IMAGE, "first", "true").ok()
        yield daemon


@pytest.fixture(autouse=True)
def tidied(mesh: Mesh) -> Iterator[None]:
    yield
    kata.tidy(mesh)


def shim(mesh: Mesh, id: str) -> int:
    return int((mesh.state / f"io.containerd.runtime.v2.task/default/{id}/shim.pid").read_text())


def file_server(home: Home) -> int:
    (found,) = [line.split()[0] for line in kata.processes(home.run) if "virtiofsd" in line]
    return int(found)


def status(mesh: Mesh, id: str) -> str:
    for line in mesh.ctr("tasks", "ls").out.splitlines():
        if line.split()[0] == id:
            return line.split()[2]
    return ""


def gone(mesh: Mesh, home: Home, id: str) -> None:
    """Remove a container as a client does after its end; then nothing of its VM may be left."""
    mesh.ctr("tasks", "rm", "-f", id)
    assert mesh.ctr("containers", "rm", id).code == 0
    kata.nothing_left(home)
    eventually(lambda: mesh.leftovers() == [], what=f"left: {mesh.leftovers()}")


def test_a_killed_vm_is_an_exit_of_all_its_processes(mesh: Mesh, home: Home) -> None:
    mesh.ctr("run", "-d", *RUNTIME, IMAGE, "victim", "sleep", "1000").ok()
    command = ["ctr", "-a", str(mesh.address), "tasks", "exec", "--exec-id"]
    with (
        ending(subprocess.Popen([*command, "e0", "victim", "sleep", "1000"])) as first,
        ending(subprocess.Popen([*command, "e1", "victim", "sleep", "1000"])) as second,
    ):
        # A process is there before its start has been answered; killed in between, the start fails, and rightly.
        eventually(lambda: all(kata.is_running(mesh, "victim", f"e{n}") for n in range(2)))
        began = time.monotonic()
        os.kill(vm_of(mesh, "victim"), signal.SIGKILL)
        for process in (first, second):
            assert process.wait(10) == 137
    eventually(lambda: status(mesh, "victim") == "STOPPED")
    assert time.monotonic() - began < 20
    assert "137" in mesh.ctr("tasks", "rm", "victim").err
    gone(mesh, home, "victim")


def test_a_guest_that_panics_has_ended(mesh: Mesh, home: Home) -> None:
    mesh.ctr(
        "run",
        "-d",
        "--privileged",
        *RUNTIME,
        IMAGE,
        "victim",
        "sh",
        "-c",
        "sleep 1; echo c >/proc/sysrq-trigger; sleep 1000",
    ).ok()
    eventually(lambda: status(mesh, "victim") == "STOPPED")
    assert "the guest panicked" in mesh.log.read_text()
    gone(mesh, home, "victim")


def test_a_guest_whose_kernel_fails_in_one_process_panics(mesh: Mesh) -> None:
    """That process would never end, and nor would who removes its container."""
    assert mesh.ctr("run", "--rm", *RUNTIME, IMAGE, "oops", "cat", "/proc/sys/kernel/panic_on_oops").ok().out == "1\n"


def test_who_is_killed_at_its_first_instruction_takes_no_file_system_away(mesh: Mesh, home: Home) -> None:
    """Its program is still being read then."""
    for n in range(8):
        id = f"first-{n}"
        mesh.ctr("run", "-d", *RUNTIME, IMAGE, id, "sleep", "1000").ok()
        mesh.ctr("tasks", "rm", "-f", id)
        gone(mesh, home, id)
    said = [line for line in mesh.log.read_text().splitlines() if "panicked" in line and '"first-' in line]
    assert said == []


def test_a_guest_that_hangs_is_ended(mesh: Mesh, home: Home, tmp_path: Path) -> None:
    config = tmp_path / "kata.toml"
    config.write_text("hang_timeout_s = 2.0\n")
    mesh.ctr("run", "-d", "--runtime-config-path", str(config), *RUNTIME, IMAGE, "victim", "sleep", "1000").ok()
    vm = vm_of(mesh, "victim")
    os.kill(vm, signal.SIGSTOP)
    eventually(lambda: status(mesh, "victim") == "STOPPED", within=20)
    gone(mesh, home, "victim")


def test_a_file_server_that_dies_takes_its_container_or_lets_it_end(mesh: Mesh, home: Home) -> None:
    mesh.ctr("run", "-d", *RUNTIME, IMAGE, "victim", "sleep", "1000").ok()
    os.kill(file_server(home), signal.SIGKILL)
    eventually(lambda: status(mesh, "victim") == "STOPPED")
    gone(mesh, home, "victim")


def test_a_killed_shim_leaves_no_vm(mesh: Mesh, home: Home) -> None:
    mesh.ctr("run", "-d", *RUNTIME, IMAGE, "victim", "sleep", "1000").ok()
    os.kill(shim(mesh, "victim"), signal.SIGKILL)
    kata.nothing_left(home)
    gone(mesh, home, "victim")


def test_a_shim_that_is_killed_while_it_makes_a_template_leaves_no_vm(mesh: Mesh, home: Home, tmp_path: Path) -> None:
    """That VM is not the container's: it boots, and would then wait for ever."""
    config = tmp_path / "kata.toml"
    config.write_text('kernel_params = "argosy.test=killed"\n')
    flags = (*RUNTIME, "--runtime-config-path", str(config))
    command = ["ctr", "-a", str(mesh.address), "run", "-d", *flags, IMAGE, "victim", "sleep", "1000"]
    with ending(subprocess.Popen(command, stderr=subprocess.DEVNULL)) as process:
        eventually(lambda: any(home.run.glob("t-*/qmp")))
        os.kill(shim(mesh, "victim"), signal.SIGKILL)
        process.wait(60)
    gone(mesh, home, "victim")


def test_one_of_a_pod_is_removed_and_the_shim_then_killed(mesh: Mesh, home: Home) -> None:
    pod = ("--annotation", "io.kubernetes.cri.sandbox-id=p1")
    for id in ("p1", "p2"):
        mesh.ctr("run", "-d", *RUNTIME, *pod, IMAGE, id, "sleep", "1000").ok()
    os.kill(shim(mesh, "p1"), signal.SIGKILL)
    for id in ("p2", "p1"):
        mesh.ctr("tasks", "rm", "-f", id)
        mesh.ctr("containers", "rm", id).ok()
    kata.nothing_left(home)


def test_containers_outlive_the_task_manager(mesh: Mesh, home: Home) -> None:
    mesh.ctr("run", "-d", *RUNTIME, IMAGE, "stays", "sleep", "1000").ok()
    vm = vm_of(mesh, "stays")
    os.kill(mesh.services()[comm("tasks")], signal.SIGKILL)
    eventually(lambda: status(mesh, "stays") == "RUNNING", within=15)
    assert vm_of(mesh, "stays") == vm
    assert mesh.ctr("tasks", "exec", "--exec-id", "e", "stays", "echo", "alive").ok().out == "alive\n"
    gone(mesh, home, "stays")


def kill_vm(mesh: Mesh, home: Home, id: str) -> bool:
    return _kill(home, "qemu")


def kill_file_server(mesh: Mesh, home: Home, id: str) -> bool:
    return _kill(home, "virtiofsd")


def kill_shim(mesh: Mesh, home: Home, id: str) -> bool:
    try:
        os.kill(shim(mesh, id), signal.SIGKILL)
    except (OSError, ValueError):
        return False
    return True


def kill_tasks(mesh: Mesh, home: Home, id: str) -> bool:
    found = mesh.services().get(comm("tasks"))
    if found is not None:
        os.kill(found, signal.SIGKILL)
    return found is not None


def _kill(home: Home, what: str) -> bool:
    found = [int(line.split()[0]) for line in kata.processes(home.run) if what in line]
    for pid in found:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue
    return bool(found)


@pytest.mark.parametrize("victim", [kill_vm, kill_file_server, kill_shim, kill_tasks])
@pytest.mark.parametrize("after", [0.15, 0.4, 0.7, 1.0])
def test_a_death_at_any_step_leaves_nothing(
    mesh: Mesh, home: Home, victim: Callable[[Mesh, Home, str], bool], after: float
) -> None:
    """Start, VM, create, start, exec, delete: a whole life takes about a second and a half here."""
    id = f"{victim.__name__[5:].replace('_', '-')}-{int(after * 1000)}"
    script = f"ctr -a {mesh.address} run -d {' '.join(RUNTIME)} {IMAGE} {id} sleep 1000 && ctr -a {mesh.address} tasks exec --exec-id e {id} true"
    with ending(subprocess.Popen(["sh", "-c", script], stderr=subprocess.DEVNULL)) as process:
        time.sleep(after)
        victim(mesh, home, id)
        process.wait(60)
    eventually(lambda: mesh.ctr("version").code == 0)
    eventually(lambda: _removed(mesh, id), within=20)
    kata.nothing_left(home, within=15)
    eventually(lambda: mesh.leftovers() == [], what=f"left: {mesh.leftovers()}")
    if after < 1:
        return  # the next of these tests starts one
    assert mesh.ctr("run", "--rm", *RUNTIME, IMAGE, f"after-{id}", "echo", "ok").ok().out == "ok\n"


# What an agent has that dies of the ids it is asked about: at once, or while it is at work.
_MORTAL = """
def _mortal(name):
    import signal
    verb = getattr(Agent, "do_" + name)
    def do(self, **arguments):
        id = arguments["id"]
        if id == "at-" + name:
            os._exit(9)
        if id == "amid-" + name:
            signal.signal(signal.SIGALRM, lambda *_: os._exit(9))
            signal.setitimer(signal.ITIMER_REAL, 0.05)
        return verb(self, **arguments)
    setattr(Agent, "do_" + name, do)
for _name in ("create", "start", "exec", "kill", "delete"):
    _mortal(_name)
"""


@pytest.fixture(scope="module")
def mortal(home: Home, mesh: Mesh) -> tuple[str, ...]:
    """Flags for a VM whose agent dies when it is told to. It is PID 1: with it goes the guest."""
    agent = Path(argosy_shim_kata_v2.__file__).parent / "guest/agent.py"
    before, main = agent.read_text().split('if __name__ == "__main__":')
    archive = Cpio()
    archive.file("agent/argosy_shim_kata_v2/guest/agent.py", f'{before}{_MORTAL}if __name__ == "__main__":{main}'.encode())
    # The kernel unpacks one archive after the other; the later file stays.
    (home.base / "initrd").write_bytes((home.image / "initrd").read_bytes() + archive.encode())
    (home.base / "mortal.toml").write_text(f'initrd = "{home.base}/initrd"\n')
    flags = (*RUNTIME, "--runtime-config-path", str(home.base / "mortal.toml"))
    mesh.ctr("run", "--rm", *flags, IMAGE, "first", "true").ok()
    return flags


@pytest.mark.parametrize("when", ["at", "amid"])
@pytest.mark.parametrize("step", ["create", "start", "exec", "kill", "delete"])
def test_an_agent_that_dies_leaves_nothing(mesh: Mesh, home: Home, mortal: tuple[str, ...], step: str, when: str) -> None:
    id = f"{when}-{step}"
    started = mesh.ctr("run", "-d", *mortal, IMAGE, id, "sleep", "1000")
    assert (started.code == 0) == (step not in ("create", "start")), started
    if step == "exec":
        done = mesh.ctr("tasks", "exec", "--exec-id", "e", id, "sleep", "1000")
        assert done.code != 0
    elif step in ("kill", "delete"):
        mesh.ctr("tasks", "kill", "-s", "SIGKILL", id)
    if step in ("exec", "kill", "delete"):
        eventually(lambda: status(mesh, id) == "STOPPED")
        assert "137" in mesh.ctr("tasks", "rm", id).err
    eventually(lambda: _removed(mesh, id), within=20)
    kata.nothing_left(home, within=15)
    eventually(lambda: mesh.leftovers() == [], what=f"left: {mesh.leftovers()}")


@pytest.mark.parametrize("victim", [kill_vm, kill_file_server, kill_shim, kill_tasks])
def test_a_death_while_a_container_is_removed_leaves_nothing(
    mesh: Mesh, home: Home, victim: Callable[[Mesh, Home, str], bool]
) -> None:
    id = f"rm-{victim.__name__[5:].replace('_', '-')}"
    mesh.ctr("run", "-d", *RUNTIME, IMAGE, id, "sleep", "1000").ok()
    command = ["ctr", "-a", str(mesh.address), "tasks", "rm", "-f", id]
    with ending(subprocess.Popen(command, stderr=subprocess.DEVNULL)) as process:
        time.sleep(0.1)
        victim(mesh, home, id)
        process.wait(60)
    eventually(lambda: _removed(mesh, id), within=20)
    kata.nothing_left(home, within=15)


def _removed(mesh: Mesh, id: str) -> bool:
    mesh.ctr("tasks", "rm", "-f", id)
    mesh.ctr("containers", "rm", id)
    return id not in mesh.ctr("containers", "ls", "-q").out.split() and id not in mesh.ctr("tasks", "ls", "-q").out.split()


@pytest.mark.parametrize("victim", [kill_vm, kill_shim])
def test_what_was_written_to_a_disk_outlives_its_vm(
    mesh: Mesh, home: Home, tmp_path: Path, victim: Callable[[Mesh, Home, str], bool]
) -> None:
    config = tmp_path / "kata.toml"
    config.write_text('rootfs = "block"\n')
    id = f"disk-{victim.__name__[5:]}"
    script = "echo kept >/root/kept; sync; touch /root/done; sleep 1000"
    mesh.ctr("run", "-d", "--runtime-config-path", str(config), *RUNTIME, IMAGE, id, "sh", "-c", script).ok()
    eventually(lambda: mesh.ctr("tasks", "exec", "--exec-id", f"e{time.monotonic_ns()}", id, "ls", "/root/done").code == 0)
    assert victim(mesh, home, id)
    eventually(lambda: status(mesh, id) in ("STOPPED", ""))
    mesh.ctr("tasks", "rm", "-f", id)
    view = tmp_path / "view"
    view.mkdir()

    def kept() -> bool:
        run(["sh", "-c", mesh.ctr("snapshots", "mounts", str(view), id).ok().out.strip()]).ok()
        try:
            return (view / "root/kept").exists() and (view / "root/kept").read_text() == "kept\n"
        finally:
            run(["umount", str(view)]).ok()

    eventually(kept)
    gone(mesh, home, id)


# -- what can't start --


def refused(mesh: Mesh, tmp_path: Path, toml: str) -> Ran:
    config = tmp_path / "kata.toml"
    config.write_text(toml)
    done = mesh.ctr("run", "--rm", "--runtime-config-path", str(config), *RUNTIME, IMAGE, "never", "true")
    assert done.code != 0
    mesh.ctr("containers", "rm", "never")
    return done


@pytest.mark.parametrize(
    ("toml", "says"),
    [
        (
            'hypervisor = "no-such-qemu"',
            'hypervisor "no-such-qemu" is not installed; type: apt-get install -y qemu-system-x86',
        ),
        ('kernel = "/nowhere/vmlinux"', "guest image /nowhere/vmlinux does not exist; type: argosy kata build-image"),
        ("memory_mb = 16", "memory_mb = 16 is too little for a guest; 128 is the least"),
        ('accel = "hax"', 'accel = "hax" is not known; use auto or kvm or tcg'),
        ('acel = "tcg"', 'unknown key "acel"; did you mean "accel"?'),
        ("memory_mb = true", "memory_mb must be int, not bool"),
        ("memory_mb =", "is not TOML"),
    ],
)
def test_a_wrong_setting_says_what_to_do(mesh: Mesh, home: Home, tmp_path: Path, toml: str, says: str) -> None:
    assert says in refused(mesh, tmp_path, toml + "\n").err
    assert kata.leftovers(home.run) == []


def test_kvm_that_is_demanded_and_missing_is_an_error(mesh: Mesh, tmp_path: Path) -> None:
    from argosy_shim_kata_v2 import accel

    if not accel.usable():
        pytest.skip("KVM may work here")
    assert 'use "tcg" or "auto"' in refused(mesh, tmp_path, 'accel = "kvm"\n').err


def test_a_kernel_that_does_not_boot_is_an_error_in_time(mesh: Mesh, home: Home, tmp_path: Path) -> None:
    kernel = tmp_path / "vmlinux"
    kernel.write_bytes(b"no kernel at all" * 1000)
    done = refused(mesh, tmp_path, f'kernel = "{kernel}"\nboot_timeout_s = 5.0\n')
    assert "QEMU" in done.err or "guest did not start" in done.err, done
    assert kata.leftovers(home.run) == []


def test_a_template_that_was_cut_short_is_made_again(mesh: Mesh, home: Home) -> None:
    kept = home.data / "templates" / template.shape_of(Config()).key()
    state = kept / "state"
    os.truncate(state, 1000)
    assert mesh.ctr("run", "--rm", *RUNTIME, IMAGE, "again", "echo", "made").ok().out == "made\n"
    # Damage that no size shows: this start fails and says so, and the next one makes another.
    data = bytearray(state.read_bytes())
    data[: len(data) // 2] = os.urandom(len(data) // 2)
    state.write_bytes(data)
    failed = mesh.ctr("run", "--rm", *RUNTIME, IMAGE, "damaged", "echo", "never")
    assert failed.code != 0 and not (kept / "memory").exists()
    mesh.ctr("containers", "rm", "damaged")
    assert mesh.ctr("run", "--rm", *RUNTIME, IMAGE, "again2", "echo", "made").ok().out == "made\n"


def test_an_image_without_layers_is_an_error(mesh: Mesh, home: Home, tmp_path: Path) -> None:
    (tmp_path / "nothing").mkdir()
    done = mesh.ctr("run", "--rm", *RUNTIME, "--rootfs", str(tmp_path / "nothing"), "hollow", "true")
    assert done.code != 0 and "its image has no layers" in done.err, done
    mesh.ctr("containers", "rm", "hollow")
    assert kata.leftovers(home.run) == []
