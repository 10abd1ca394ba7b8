"""Spare VMs: taken by the next container, replaced, and never left behind, whichever process dies."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from argosy_shim_kata_v2 import spares
from argosy_shim_kata_v2.config import Config

from tests.harness import kata
from tests.harness.kata import RUNTIME, Home, vm_of
from tests.harness.mesh import IMAGE, Mesh, Ran, eventually

pytestmark = kata.MARKS


@pytest.fixture(scope="module")
def mesh(home: Home, image_archive: Path) -> Iterator[Mesh]:
    with kata.mesh_in(home, image_archive) as daemon:
        yield daemon


@pytest.fixture
def flags(request: pytest.FixtureRequest, mesh: Mesh, home: Home, tmp_path: Path) -> Iterator[tuple[str, ...]]:
    """Flags for containers with a pool of one. The pool ends with the test, and nothing is left of it."""
    config = tmp_path / "kata.toml"
    config.write_text(f'pool = 1\nrootfs = "{getattr(request, "param", "virtiofs")}"\n')
    yield (*RUNTIME, "--runtime-config-path", str(config))
    kata.tidy(mesh)
    for pid in pools(home):
        os.kill(pid, signal.SIGCONT)
        os.kill(pid, signal.SIGTERM)
    # A killed one leaves its spares to the next VM that starts.
    spares.sweep()
    for stale in home.run.glob("pool-*"):
        eventually(lambda: pools(home) == [])
        stale.unlink(missing_ok=True)
    kata.nothing_left(home)


def pools(home: Home) -> list[int]:
    return [int(line.split()[0]) for line in kata.processes(home.run) if "v2.pool" in line]


def waiting_in(home: Home) -> list[Path]:
    """The directories of spares that no shim has taken; the directory that a VM shares has its name with an ending."""
    return [folder for folder in home.run.glob("p-*") if "." not in folder.name and not os.path.lexists(folder / "taken")]


def pid_in(home: Home, folder: Path) -> int:
    (found,) = [int(line.split()[0]) for line in kata.processes(folder) if "qemu" in line]
    return found


def spare_of(home: Home) -> Path:
    """Wait for the spare of a pool of one; its directory. Asked as a shim asks, the pool would give it away."""
    found: list[Path] = []

    def one() -> bool:
        found[:] = waiting_in(home)
        return len(found) == 1 and stands_still(found)

    eventually(one, within=20, what="there is no spare")
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
def test_a_spare_is_taken_and_replaced(mesh: Mesh, home: Home, flags: tuple[str, ...]) -> None:
    script = "cat /proc/sys/kernel/random/uuid; date +%s; echo kept >/root/kept"
    told: list[tuple[str, float]] = []

    def tell(ran: Ran) -> None:
        number, seconds = ran.ok().out.splitlines()
        told.append((number, abs(int(seconds) - time.time())))

    tell(mesh.ctr("run", "--rm", *flags, IMAGE, "first", "sh", "-c", script))
    taken = []
    for n in range(2):
        folder = spare_of(home)
        pid = pid_in(home, folder)
        mesh.ctr("run", "-d", *flags, IMAGE, f"next{n}", "sleep", "1000").ok()
        assert vm_of(mesh, f"next{n}") == pid
        taken.append(folder)
        tell(mesh.ctr("tasks", "exec", "--exec-id", "e", f"next{n}", "sh", "-c", script))
    assert len(set(taken)) == 2 and len({number for number, _ in told}) == 3
    assert all(off < 20 for _, off in told), told
    # The VM of a container goes with it, wherever it came from.
    for n in range(2):
        mesh.ctr("tasks", "rm", "-f", f"next{n}").ok()
        mesh.ctr("containers", "rm", f"next{n}").ok()
    eventually(lambda: not any(folder.exists() for folder in taken))


@pytest.mark.parametrize("midway", [False, True], ids=["waiting", "ending"])
def test_a_killed_pool_takes_no_vm_with_it(mesh: Mesh, home: Home, flags: tuple[str, ...], midway: bool) -> None:
    mesh.ctr("run", "--rm", *flags, IMAGE, "first", "true").ok()
    spare_of(home)
    mesh.ctr("run", "-d", *flags, IMAGE, "stays", "sleep", "1000").ok()
    orphan = spare_of(home)
    (process,) = pools(home)
    os.kill(process, signal.SIGKILL)
    eventually(lambda: pools(home) == [])
    if midway:
        (orphan / "taken").symlink_to("ended")
    assert mesh.ctr("tasks", "exec", "--exec-id", "e", "stays", "echo", "alive").ok().out == "alive\n"
    # The next one finds no pool: it ends what that one held, and starts another.
    (shared,) = home.run.glob("p-*.shared/stays/rootfs")
    before = sorted(os.listdir(shared / "bin"))
    assert mesh.ctr("run", "--rm", *flags, IMAGE, "other", "echo", "ok").ok().out == "ok\n"
    # And nothing of those that live, though what they share is called almost like a spare.
    assert sorted(os.listdir(shared / "bin")) == before and "busybox" in before
    assert mesh.ctr("tasks", "exec", "--exec-id", "f", "stays", "cat", "/etc/group").ok().out
    eventually(lambda: not orphan.exists() and kata.processes(orphan) == [])
    spare_of(home)


def test_a_pool_that_is_killed_from_outside_leaves_no_memory(mesh: Mesh, home: Home, flags: tuple[str, ...]) -> None:
    mesh.ctr("run", "--rm", *flags, IMAGE, "first", "true").ok()
    vm = pid_in(home, spare_of(home))
    memory = kata.memory_file(vm)
    for pid in (*pools(home), vm):
        os.kill(pid, signal.SIGKILL)
    eventually(lambda: kata.processes(home.run) == [])
    assert not os.path.exists(memory)


def test_whatever_is_wrong_with_the_pool_a_container_starts(mesh: Mesh, home: Home, flags: tuple[str, ...]) -> None:
    mesh.ctr("run", "--rm", *flags, IMAGE, "first", "true").ok()
    # The spare is dead.
    os.kill(pid_in(home, spare_of(home)), signal.SIGKILL)
    assert mesh.ctr("run", "--rm", *flags, IMAGE, "second", "echo", "ok").ok().out == "ok\n"
    # It is not the VM that it says it is.
    folder = spare_of(home)
    (folder / "qmp").unlink()
    assert mesh.ctr("run", "--rm", *flags, IMAGE, "third", "echo", "ok").ok().out == "ok\n"
    eventually(lambda: not folder.exists())
    # The pool does not answer.
    spare_of(home)
    (process,) = pools(home)
    os.kill(process, signal.SIGSTOP)
    assert mesh.ctr("run", "--rm", *flags, IMAGE, "fourth", "echo", "ok").ok().out == "ok\n"
    os.kill(process, signal.SIGCONT)
    spare_of(home)


def test_what_a_shim_asks_for_and_does_not_take_is_ended(mesh: Mesh, home: Home, flags: tuple[str, ...]) -> None:
    mesh.ctr("run", "--rm", *flags, IMAGE, "first", "true").ok()
    folder = spare_of(home)
    config = Config(pool=1, rootfs="virtiofs")
    offer = spares.ask(config)
    assert offer is not None and offer.spare.folder == folder
    assert spares.ask(config) is None, "one VM was given to two"
    offer.close()
    eventually(lambda: not folder.exists() and kata.processes(folder) == [])
    assert not offer.claim()
    assert spare_of(home) != folder


def test_a_pool_that_nobody_needs_ends(mesh: Mesh, home: Home, tmp_path: Path) -> None:
    config = tmp_path / "kata.toml"
    config.write_text("pool = 2\npool_idle_s = 8.0\n")
    flags = (*RUNTIME, "--runtime-config-path", str(config))
    mesh.ctr("run", "--rm", *flags, IMAGE, "only", "true").ok()
    eventually(lambda: len(waiting_in(home)) == 2)
    kata.nothing_left(home)


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
