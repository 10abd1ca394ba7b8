"""Moves between cgroups that are made quick: which files are written to, that nothing moves, and for how long it goes on."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from argosy.kernel.mount_table import Mounted
from argosy.kernel.moves import Moves, hierarchies, own_procs


def _mount(point: str, kind: str, *options: str, root: str = "/") -> Mounted:
    return Mounted(point, root, kind, kind, (), options)


def _eventually(what: Callable[[], bool]) -> bool:
    end = time.monotonic() + 5
    while not what() and time.monotonic() < end:
        time.sleep(0.005)
    return what()


def _faked(tmp_path: Path) -> tuple[dict[str, str], list[Path]]:
    """Return hierarchies below tmp_path that have this process's own cgroups, and their files."""
    places: dict[str, str] = {}
    for line in Path("/proc/self/cgroup").read_text().splitlines():
        number, controllers, _ = line.split(":", 2)
        places[controllers.split(",")[0]] = str(tmp_path / number)
    files = list(own_procs(Path("/proc/self/cgroup").read_text(), places))
    for file in files:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(b"")
    return places, files


def test_the_files_are_those_of_the_own_cgroups() -> None:
    mounts = [
        _mount("/proc", "proc"),
        _mount("/c/docker", "cgroup", "rw", "pids", root="/docker"),
        _mount("/c/pids", "cgroup", "rw", "pids"),
        _mount("/c/systemd", "cgroup", "rw", "name=systemd"),
        _mount("/c/unified", "cgroup2", "rw", "nsdelegate"),
    ]
    table = "9:name=systemd:/a/b\n8:pids:/\n7:memory:/x\n0::/c:d\n"
    assert [str(p) for p in own_procs(table, hierarchies(mounts))] == [
        "/c/systemd/a/b/cgroup.procs",
        "/c/pids/cgroup.procs",
        "/c/unified/c:d/cgroup.procs",
    ]


def test_what_lies_outside_of_the_cgroup_namespace_is_left_alone() -> None:
    assert not list(own_procs("0::/../other\n", {"": "/sys/fs/cgroup"}))


def test_a_host_that_favors_moves_needs_none() -> None:
    assert hierarchies([_mount("/c", "cgroup2", "rw", "favordynmods")]) == {}


def test_nothing_moves() -> None:
    before = Path("/proc/self/cgroup").read_text()
    moves = Moves()
    with moves.expected():
        time.sleep(0.03)
    assert Path("/proc/self/cgroup").read_text() == before


def test_the_own_process_is_written_until_nothing_is_expected(tmp_path: Path) -> None:
    places, files = _faked(tmp_path)
    assert files, "this machine has no cgroups"
    moves = Moves(places)
    time.sleep(0.02)
    assert files[0].read_bytes() == b""
    with moves.expected():
        assert _eventually(lambda: files[0].read_bytes() == b"0")
        files[0].write_bytes(b"")
        assert _eventually(lambda: files[0].read_bytes() == b"0")
    time.sleep(0.05)  # a write that had begun
    files[0].write_bytes(b"")
    time.sleep(0.05)
    assert files[0].read_bytes() == b""
    moves.soon()
    assert _eventually(lambda: files[0].read_bytes() == b"0")
    assert not any(file.read_bytes() for file in files[1:])


def test_several_at_a_time_are_left_to_themselves(tmp_path: Path) -> None:
    places, files = _faked(tmp_path)
    moves = Moves(places)
    with moves.expected():
        with moves.expected():
            time.sleep(0.02)
            files[0].write_bytes(b"")
            time.sleep(0.05)
            assert files[0].read_bytes() == b""
        assert _eventually(lambda: files[0].read_bytes() == b"0")


def test_a_cgroup_that_may_not_be_written_to_is_passed_over(tmp_path: Path) -> None:
    places, files = _faked(tmp_path)
    for file in files[:-1]:
        file.unlink()
        file.mkdir()
    moves = Moves(places)
    moves.soon()
    assert _eventually(lambda: files[-1].read_bytes() == b"0")
    files[-1].unlink()
    files[-1].mkdir()
    moves.soon()  # nothing can be written to: nothing is
    time.sleep(0.02)
    files[-1].rmdir()
    files[-1].write_bytes(b"")
    moves.soon()
    assert _eventually(lambda: files[-1].read_bytes() == b"0")
