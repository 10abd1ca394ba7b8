"""VMs that wait: taken by the next container, replaced, and never left behind, whoever dies of those that hold them."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from argosy_shim_kata_v2 import pool
from argosy_shim_kata_v2.config import Config

from tests.harness import kata
from tests.harness.kata import RUNTIME, vm_of
from tests.harness.mesh import IMAGE, Mesh, eventually

pytestmark = kata.MARKS


@pytest.fixture(scope="module")
def mesh(place: Path, image_archive: Path) -> Iterator[Mesh]:
    with kata.mesh_at(place, image_archive) as daemon:
        yield daemon


@pytest.fixture
def flags(request: pytest.FixtureRequest, mesh: Mesh, place: Path, tmp_path: Path) -> Iterator[tuple[str, ...]]:
    """Flags for containers with a pool of one. Its keeper ends with the test, and nothing is left of it."""
    config = tmp_path / "kata.toml"
    config.write_text(f'pool = 1\nrootfs = "{getattr(request, "param", "virtiofs")}"\n')
    yield (*RUNTIME, "--runtime-config-path", str(config))
    kata.tidy(mesh)
    for pid in keepers(place):
        os.kill(pid, signal.SIGCONT)
        os.kill(pid, signal.SIGTERM)
    # One that was killed leaves its VMs to whoever comes next.
    pool.sweep()
    for stale in (place / "r").glob("pool-*"):
        eventually(lambda: keepers(place) == [])
        stale.unlink(missing_ok=True)
    eventually(lambda: kata.leftovers(place / "r") == [], what=f"left: {kata.leftovers(place / 'r')}")


def keepers(place: Path) -> list[int]:
    return [int(line.split()[0]) for line in kata.processes(place / "r") if "v2.pool" in line]


def waiting(place: Path) -> list[Path]:
    """The directories of VMs that nobody has taken; what a VM shares and its memory have its name with an ending."""
    return [
        folder for folder in (place / "r").glob("p-*") if "." not in folder.name and not os.path.lexists(folder / "taken")
    ]


def pid_in(place: Path, folder: Path) -> int:
    (found,) = [int(line.split()[0]) for line in kata.processes(folder) if "qemu" in line]
    return found


def one_waits(place: Path) -> Path:
    """Wait for the one VM that a keeper of one has to give; its directory. Asked like a shim asks, the keeper would give it away."""
    found: list[Path] = []

    def one() -> bool:
        found[:] = waiting(place)
        return len(found) == 1 and stands_still(found)

    eventually(one, within=20, what="no VM waits")
    return found[0]


def stands_still(folders: list[Path]) -> bool:
    """Whether VMs are restored and do nothing: their processes use no time."""

    def used() -> list[int]:
        found = [line.split()[0] for folder in folders for line in kata.processes(folder) if "qemu" in line]
        return [sum(int(v) for v in Path(f"/proc/{pid}/stat").read_text().split()[13:15]) for pid in found]

    before = used()
    time.sleep(0.3)
    return len(before) == len(folders) and used() == before


# Memory that is shared with virtiofsd is a copy of the template's; the other kind is mapped.
@pytest.mark.parametrize("flags", ["virtiofs", "block"], indirect=True)
def test_a_waiting_vm_is_taken_and_another_takes_its_place(mesh: Mesh, place: Path, flags: tuple[str, ...]) -> None:
    script = "cat /proc/sys/kernel/random/uuid; date +%s; echo kept >/root/kept"
    told = [mesh.ctr("run", "--rm", *flags, IMAGE, "first", "sh", "-c", script).ok().out.splitlines()]
    taken = []
    for n in range(2):
        folder = one_waits(place)
        pid = pid_in(place, folder)
        mesh.ctr("run", "-d", *flags, IMAGE, f"next{n}", "sleep", "1000").ok()
        assert vm_of(mesh, f"next{n}") == pid
        taken.append(folder)
        told.append(mesh.ctr("tasks", "exec", "--exec-id", "e", f"next{n}", "sh", "-c", script).ok().out.splitlines())
    assert len(set(taken)) == 2 and len({t[0] for t in told}) == 3
    assert all(abs(int(t[1]) - time.time()) < 20 for t in told), told
    # The VM of a container goes with it, wherever it came from.
    for n in range(2):
        mesh.ctr("tasks", "rm", "-f", f"next{n}").ok()
        mesh.ctr("containers", "rm", f"next{n}").ok()
    eventually(lambda: not any(folder.exists() for folder in taken))


@pytest.mark.parametrize("midway", [False, True], ids=["waiting", "ending"])
def test_a_killed_keeper_takes_nobody_with_it(mesh: Mesh, place: Path, flags: tuple[str, ...], midway: bool) -> None:
    mesh.ctr("run", "--rm", *flags, IMAGE, "first", "true").ok()
    one_waits(place)
    mesh.ctr("run", "-d", *flags, IMAGE, "stays", "sleep", "1000").ok()
    orphan = one_waits(place)
    (keeper,) = keepers(place)
    os.kill(keeper, signal.SIGKILL)
    eventually(lambda: keepers(place) == [])
    if midway:
        (orphan / "taken").symlink_to("ended")
    assert mesh.ctr("tasks", "exec", "--exec-id", "e", "stays", "echo", "alive").ok().out == "alive\n"
    # The next one finds no keeper: it ends what that one held, and starts another.
    (shared,) = (place / "r").glob("p-*.shared/stays/rootfs")
    before = sorted(os.listdir(shared / "bin"))
    assert mesh.ctr("run", "--rm", *flags, IMAGE, "other", "echo", "ok").ok().out == "ok\n"
    # And nothing of those that live, though what they share is called almost like a VM that waits.
    assert sorted(os.listdir(shared / "bin")) == before and "busybox" in before
    assert mesh.ctr("tasks", "exec", "--exec-id", "f", "stays", "cat", "/etc/group").ok().out
    eventually(lambda: not orphan.exists() and kata.processes(orphan) == [])
    one_waits(place)


def test_a_pool_that_is_killed_from_outside_leaves_no_memory(mesh: Mesh, place: Path, flags: tuple[str, ...]) -> None:
    mesh.ctr("run", "--rm", *flags, IMAGE, "first", "true").ok()
    vm = pid_in(place, one_waits(place))
    memory = kata.memory_file(vm)
    for pid in (*keepers(place), vm):
        os.kill(pid, signal.SIGKILL)
    eventually(lambda: kata.processes(place / "r") == [])
    assert not os.path.exists(memory)


def test_whatever_is_wrong_with_the_pool_a_container_starts(mesh: Mesh, place: Path, flags: tuple[str, ...]) -> None:
    mesh.ctr("run", "--rm", *flags, IMAGE, "first", "true").ok()
    # The VM that waits is dead.
    os.kill(pid_in(place, one_waits(place)), signal.SIGKILL)
    assert mesh.ctr("run", "--rm", *flags, IMAGE, "second", "echo", "ok").ok().out == "ok\n"
    # It is not the VM that it says it is.
    folder = one_waits(place)
    (folder / "qmp").unlink()
    assert mesh.ctr("run", "--rm", *flags, IMAGE, "third", "echo", "ok").ok().out == "ok\n"
    eventually(lambda: not folder.exists())
    # The keeper does not answer.
    one_waits(place)
    (keeper,) = keepers(place)
    os.kill(keeper, signal.SIGSTOP)
    assert mesh.ctr("run", "--rm", *flags, IMAGE, "fourth", "echo", "ok").ok().out == "ok\n"
    os.kill(keeper, signal.SIGCONT)
    one_waits(place)


def test_what_a_shim_asks_for_and_does_not_take_is_ended(mesh: Mesh, place: Path, flags: tuple[str, ...]) -> None:
    mesh.ctr("run", "--rm", *flags, IMAGE, "first", "true").ok()
    folder = one_waits(place)
    config = Config(pool=1, rootfs="virtiofs")
    offer = pool.ask(config)
    assert offer is not None and offer.waiting.folder == folder
    assert pool.ask(config) is None, "one VM was given to two"
    offer.close()
    eventually(lambda: not folder.exists() and kata.processes(folder) == [])
    assert not offer.claim()
    assert one_waits(place) != folder


def test_a_pool_that_nobody_needs_ends(mesh: Mesh, place: Path, tmp_path: Path) -> None:
    config = tmp_path / "kata.toml"
    config.write_text("pool = 2\npool_idle_s = 3.0\n")
    flags = (*RUNTIME, "--runtime-config-path", str(config))
    mesh.ctr("run", "--rm", *flags, IMAGE, "only", "true").ok()
    eventually(lambda: len(waiting(place)) == 2, within=15)
    eventually(lambda: kata.leftovers(place / "r") == [], within=20, what=f"left: {kata.leftovers(place / 'r')}")


@pytest.mark.parametrize(
    ("toml", "says"),
    [
        ("pool = 65", "pool = 65 is out of range; use 0 to 64"),
        ("pool = 1\ntemplate = false", "a pool is made of clones; set template = true, or pool = 0"),
    ],
)
def test_a_wrong_pool_says_what_to_do(mesh: Mesh, tmp_path: Path, toml: str, says: str) -> None:
    config = tmp_path / "kata.toml"
    config.write_text(toml + "\n")
    done = mesh.ctr("run", "--rm", "--runtime-config-path", str(config), *RUNTIME, IMAGE, "never", "true")
    assert done.code != 0 and says in done.err, done
    mesh.ctr("containers", "rm", "never")
