"""The process that keeps mounts is killed before each of its lines: what is mounted afterwards has a record, and nothing else is left."""

from __future__ import annotations

import asyncio
import itertools
import os
import subprocess
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from argosy.client.services import present
from argosy.errors import FailedPrecondition, NotFound, ResourceExhausted
from argosy.kernel.loop_device import attached
from argosy.kernel.mount import mount
from argosy.kernel.mount_table import mount_points
from argosy.kernel.unmount import unmount_tree
from argosy.mounting import activation, files, handlers
from argosy.mounts import Mount
from argosy_mounts import activations, disks
from argosy_mounts.activations import Activations

from tests.harness.deaths import dies_at_line
from tests.harness.leaks import loops_of
from tests.harness.mesh import eventually

pytestmark = pytest.mark.root
MODULES = (activation, files, handlers, activations)
# So many lines between two at which it is killed: each needs a few mounts and a moment of the kernel's.
STRIDE = 6


@pytest.fixture
def base() -> Iterator[Path]:
    """A directory with one to bind."""
    with tempfile.TemporaryDirectory(prefix="ay-", dir="/tmp") as made:
        path = Path(made)
        (path / "low").mkdir()
        try:
            yield path
        finally:
            unmount_tree(str(path))


def mounted(base: Path) -> list[str]:
    return sorted(one.point for one in mount_points() if one.point.startswith(f"{base}/t/"))


def opened(base: Path) -> Activations:
    kept = Activations(base / "t", [str(base)])
    kept.recover()
    return kept


def mounts(base: Path) -> list[Mount]:
    """All that there is: a disk in a file, a loop device, a bind, and directories in the first."""
    return [
        Mount("ext4", f"{base}/disk", ("rw", "loop")),
        Mount("loop", f"{base}/disk2", ("ro",)),
        Mount("bind", f"{base}/low", ("ro",)),
        Mount(
            "format/mkdir/overlay", "overlay",
            (
                "X-containerd.mkdir.path={{ mount 0 }}/upper:0755", "X-containerd.mkdir.path={{ mount 0 }}/work",
                "lowerdir={{ mount 2 }}", "upperdir={{ mount 0 }}/upper", "workdir={{ mount 0 }}/work",
            ),
        ),
    ]  # fmt: skip


def make_disk(base: Path) -> None:
    image = Mount("mkfs/ext2", f"{base}/disk", ("X-containerd.mkfs.size=256KiB", "X-containerd.mkfs.fs=ext2"))
    files.make_file_system(image, [str(base)])
    (base / "disk2").write_bytes(bytes(1 << 16))


def whole(base: Path, kept: Activations) -> int:
    """Check that what is mounted is what is kept; return how many there are."""
    infos = asyncio.run(kept.all())
    points = sorted(
        active.mount_point for info in infos for active in info.active if present(active.mount, "its mount").type != "loop"
    )
    assert mounted(base) == points
    # The kernel lets go of a device in its own time.
    eventually(lambda: loops_of(base) == 2 * len(infos), what=f"{loops_of(base)} devices for {len(infos)} activations")
    left = {name for name in os.listdir(base / "t") if name != "last"}
    assert left == {Path(info.active[0].mount_point).parent.name for info in infos}
    return len(infos)


def killed_everywhere(work: Callable[[Callable[[], None]], object], check: Callable[[], None], stride: int = 0) -> int:
    """Have work killed before every STRIDE-th line, each time on what check leaves; return how often it was."""
    times = 0
    for nth in itertools.count(1, stride or STRIDE):
        dies = dies_at_line(nth, MODULES, work)
        check()
        if not dies:
            return times
        times += 1
    raise AssertionError("it has an end")


def test_an_activation_that_is_killed_is_there_or_not(base: Path) -> None:
    make_disk(base)
    outcomes: set[int] = set()

    def work(begin: Callable[[], None]) -> None:
        kept = opened(base)
        begin()
        asyncio.run(kept.activate("a", mounts(base), {}, False))

    def check() -> None:
        kept = opened(base)
        count = whole(base, kept)
        outcomes.add(count)
        if count:
            asyncio.run(kept.deactivate("a"))
        assert whole(base, kept) == 0

    assert killed_everywhere(work, check) > 25
    assert outcomes == {0, 1}


def test_a_deactivation_that_is_killed_is_done_or_not(base: Path) -> None:
    make_disk(base)
    asyncio.run(opened(base).activate("a", mounts(base), {}, False))
    outcomes: set[int] = set()

    def work(begin: Callable[[], None]) -> None:
        kept = opened(base)
        begin()
        asyncio.run(kept.deactivate("a"))

    def check() -> None:
        kept = opened(base)
        count = whole(base, kept)
        outcomes.add(count)
        if not count:
            asyncio.run(kept.activate("a", mounts(base), {}, False))

    assert killed_everywhere(work, check) > 10
    assert outcomes == {0, 1}
    asyncio.run(opened(base).deactivate("a"))
    assert mounted(base) == [] and loops_of(base) == 0


def test_an_image_that_is_killed_while_it_is_made_is_whole_or_not_there(base: Path) -> None:
    def work(begin: Callable[[], None]) -> None:
        begin()
        make_disk(base)

    def check() -> None:
        assert sorted(set(os.listdir(base)) - {"disk2"}) in (["low"], ["disk", "low"])
        if (base / "disk").exists():
            assert (base / "disk").read_bytes()[1024 + 56 : 1024 + 58] == b"\x53\xef", "it has the magic of ext2"
            os.unlink(base / "disk")

    assert killed_everywhere(work, check, 2) > 20


def test_a_record_without_its_mounts_is_none(base: Path) -> None:
    """As after a restart of the machine: the directory may be there still, and a symlink to a loop device that is somebody else's by now."""
    make_disk(base)
    info = asyncio.run(opened(base).activate("a", mounts(base), {}, False))
    os.unlink(info.active[1].mount_point)
    with attached(f"{base}/disk2", True, b"somebody else") as (device, _):
        os.symlink(device, info.active[1].mount_point)
        kept = opened(base)
        assert len(kept) == 0 and mounted(base) == [] and [n for n in os.listdir(base / "t") if n != "last"] == []
        assert Path(f"/sys/block/{Path(device).name}/loop/autoclear").read_text() == "1\n"
    with pytest.raises(NotFound):
        asyncio.run(kept.info("a"))
    # The device that lost its symlink is let go of by hand here: nothing leads to it.
    for path in Path("/sys/block").glob("loop*/loop/backing_file"):
        if path.read_text().startswith(f"{base}/"):
            subprocess.run(["losetup", "-d", f"/dev/{path.parts[3]}"], check=True)


def test_what_is_busy_goes_with_its_last_user_and_what_cannot_go_is_tried_again(base: Path) -> None:
    kept = opened(base)
    info = asyncio.run(kept.activate("a", [Mount("bind", f"{base}/low", ("ro",))], {}, True))
    point = info.active[0].mount_point
    held = os.open(point, os.O_RDONLY | os.O_DIRECTORY)
    try:
        asyncio.run(kept.deactivate("a"))
        assert mounted(base) == [] and os.listdir(held) == []
    finally:
        os.close(held)
    info = asyncio.run(kept.activate("a", [Mount("bind", f"{base}/low", ("ro",))], {}, True))
    stranger = Path(info.active[0].mount_point).parent / "somebodys"
    stranger.mkdir()
    with pytest.raises(FailedPrecondition, match="could not be unmounted"):
        asyncio.run(kept.deactivate("a"))
    assert kept.stuck() == str(stranger.parent) and stranger.exists(), "nothing that is not ours is removed"
    stranger.rmdir()
    assert asyncio.run(kept.all()) == [] and kept.stuck() == "" and not stranger.parent.exists()


def test_a_disk_is_written_through_one_device(base: Path) -> None:
    """Two would destroy what is on it. Who reads it is let in; a restart forgets nothing, an end lets go."""
    make_disk(base)
    disk = [Mount("ext2", f"{base}/disk", ("rw", "loop"))]
    kept = opened(base)
    asyncio.run(kept.activate("a", disk, {}, True))
    for holder in (kept, opened(base)):
        with pytest.raises(FailedPrecondition, match=f'disk {base}/disk is mounted for writing by the activation "a"'):
            asyncio.run(holder.activate("b", disk, {}, True))
    asyncio.run(holder.deactivate("a"))
    asyncio.run(holder.activate("b", disk, {}, True))
    asyncio.run(holder.deactivate("b"))
    with pytest.raises(FailedPrecondition, match="ext4"):  # it is none
        asyncio.run(holder.activate("c", [disk[0], Mount("ext4", f"{base}/disk2", ("loop",))], {}, True))
    asyncio.run(holder.activate("c", disk, {}, True))
    asyncio.run(holder.deactivate("c"))
    assert whole(base, holder) == 0


def test_only_so_many_are_kept(base: Path) -> None:
    kept = Activations(base / "t", [], most=2)
    kept.recover()
    bind = [Mount("bind", f"{base}/low", ("ro",))]

    async def some() -> list[object]:
        return await asyncio.gather(*(kept.activate(name, bind, {}, True) for name in "abcd"), return_exceptions=True)

    assert sum(isinstance(one, ResourceExhausted) for one in asyncio.run(some())) == 2
    for info in asyncio.run(kept.all()):
        asyncio.run(kept.deactivate(info.name))
    assert whole(base, kept) == 0


def test_a_disk_has_one_device_whatever_it_is_called(base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By another name, by a text that is formatted, and though its activation was taken down while somebody used it."""
    make_disk(base)
    os.link(base / "disk", base / "same")
    kept = opened(base)
    point = asyncio.run(kept.activate("a", [Mount("ext2", f"{base}/disk", ("rw", "loop"))], {}, True)).active[0].mount_point
    others = [
        [Mount("ext2", f"{base}/same", ("loop",))],
        [Mount("ext2", f"{base}/same", ("ro", "rw", "loop"))],
        [Mount("loop", f"{base}/same")],
        [Mount("bind", str(base), ("rw",)), Mount("format/ext2", "{{ mount 0 }}/disk", ("loop",))],
    ]
    for mounts in others:
        with pytest.raises(FailedPrecondition, match='is mounted for writing by the activation "a"'):
            asyncio.run(kept.activate("b", mounts, {}, True))
    held = os.open(point, os.O_RDONLY | os.O_DIRECTORY)
    try:
        asyncio.run(kept.deactivate("a"))
        assert loops_of(base) == 1, "who uses it has it still"
        monkeypatch.setattr(disks, "LET_GO_S", 0.05)
        for mounts in others:
            with pytest.raises(FailedPrecondition, match="is in use for writing through /dev/loop"):
                asyncio.run(kept.activate("b", mounts, {}, True))
    finally:
        os.close(held)
    monkeypatch.setattr(disks, "LET_GO_S", 60.0)
    for mounts in others:
        asyncio.run(kept.activate("b", mounts, {}, True))
        asyncio.run(kept.deactivate("b"))
    assert whole(base, kept) == 0


def test_sources_that_hang_keep_nobody_else_waiting(base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As many as there are threads for, and more: what is kept is told of, and taken down."""
    hung = threading.Event()
    make = handlers.make

    def hangs(spec: Mount, point: str, held: object = None) -> None:
        if spec.target == "hangs":
            hung.wait()
        make(spec._replace(target=""), point)

    monkeypatch.setattr(handlers, "make", hangs)
    kept = opened(base)

    async def main() -> None:
        await kept.activate("a", [Mount("bind", f"{base}/low", ("ro",))], {}, True)
        async with asyncio.TaskGroup() as group:
            hanging = [Mount("bind", f"{base}/low", ("ro",), "hangs")]
            waiting = [group.create_task(kept.activate(f"h{n}", hanging, {}, True)) for n in range(64)]
            await asyncio.sleep(0.1)
            async with asyncio.timeout(30):
                assert [info.name for info in await kept.all()] == ["a"]
                assert (await kept.info("a")).name == "a"
                await kept.deactivate("a")
            hung.set()
            for one in waiting:
                await kept.deactivate((await one).name)

    try:
        asyncio.run(main())
    finally:
        hung.set()
    assert whole(base, kept) == 0


@pytest.mark.parametrize("what", ["activate", "deactivate"])
def test_a_caller_who_leaves_in_the_middle_leaves_nothing_that_nobody_knows(
    base: Path, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    """As a server cancels the task of a call whose client is gone: no scope holds that off."""
    begun, go_on = threading.Event(), threading.Event()
    kept = opened(base)

    def held(function: Callable[..., Any]) -> Callable[..., Any]:
        def run(*args: Any) -> Any:
            begun.set()
            go_on.wait()
            return function(*args)

        return run

    async def main() -> None:
        bind = [Mount("bind", f"{base}/low", ("ro",))]
        if what == "deactivate":
            await kept.activate("a", bind, {}, True)
        monkeypatch.setattr(handlers, *(("make", held(handlers.make)) if what == "activate" else ("undo", held(handlers.undo))))
        call = asyncio.create_task(kept.activate("a", bind, {}, True) if what == "activate" else kept.deactivate("a"))
        await asyncio.to_thread(begun.wait)
        call.cancel()
        await asyncio.sleep(0.05)
        go_on.set()
        with pytest.raises(asyncio.CancelledError):
            await call
        assert [info.name for info in await kept.all()] == (["a"] if what == "activate" else [])

    try:
        asyncio.run(main())
    finally:
        go_on.set()
    if what == "activate":
        assert len(mounted(base)) == 1
        asyncio.run(kept.deactivate("a"))
    assert whole(base, kept) == 0


def test_without_room_for_its_own_files_nothing_is_kept_and_the_disk_is_named(base: Path) -> None:
    """As many inodes as the disk may have: at each of the files that an activation has there is none left once."""
    bind = [Mount("bind", f"{base}/low", ("ro",))]
    outcomes: list[str] = []
    (base / "t").mkdir()
    for inodes in range(2, 10):
        mount(Mount("tmpfs", "tmpfs", (f"nr_inodes={inodes}",)), str(base / "t"))
        kept = opened(base)
        try:
            asyncio.run(kept.activate("a", bind, {}, True))
            outcomes.append("")
            asyncio.run(kept.deactivate("a"))
        except ResourceExhausted as error:
            outcomes.append(error.message)
            assert "no space left on device" in error.message and "free some space" in error.message
        assert mounted(base) == [] and set(os.listdir(base / "t")) <= {"last"} and kept.stuck() == ""
        unmount_tree(str(base / "t"))
    assert outcomes[0] and not outcomes[-1] and any("can't be kept" in one for one in outcomes)
