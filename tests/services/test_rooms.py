"""Snapshots that have a size: what is written beyond it is ENOSPC and harms nobody, and it is there or gone whoever dies when."""

from __future__ import annotations

import asyncio
import errno
import io
import itertools
import os
import subprocess
import tarfile
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from argosy.errors import FailedPrecondition, InvalidArgument, NotFound
from argosy.filters import EVERYTHING
from argosy.kernel.mount import temporary_mount
from argosy.kernel.mount_table import mount_points
from argosy.kernel.unmount import unmount_tree
from argosy.labels import MAX_SIZE
from argosy.mounts import Mount
from argosy.plugin.snapshots import Kind, TreeSnapshotter
from argosy.settings import validate
from argosy_snapshotter_erofs import layout, room, snapshotter
from argosy_snapshotter_erofs.service import ErofsSettings
from argosy_snapshotter_erofs.snapshotter import ErofsBackend

from tests.harness.deaths import dies_at_line
from tests.harness.erofs import needs_erofs
from tests.harness.layers import apply, archive, directory, entry, unpacked
from tests.harness.leaks import loops_of
from tests.harness.mesh import IMAGE, Mesh, eventually
from tests.storms.wire import Wire

pytestmark = [pytest.mark.root, needs_erofs]
MIB = 1 << 20
SIZE = 32 * MIB
SIZED = {MAX_SIZE: str(SIZE)}


@pytest.fixture
def base() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="ay-", dir="/tmp") as made:
        path = Path(made)
        try:
            yield path
        finally:
            unmount_tree(str(path))
    no_loops(path)


def no_loops(base: Path) -> None:
    """Wait until the kernel, in its own time, has let go of all devices of files below base."""
    eventually(lambda: loops_of(base) == 0, what=f"loop devices of {base} are left")


def mounted(base: Path) -> list[str]:
    return [one.point for one in mount_points() if one.point.startswith(f"{base}/")]


class Opened:
    """The snapshotter without a process, as it is from a start to an end."""

    def __init__(self, base: Path, default_size: int = 0) -> None:
        self.backend = ErofsBackend(layout.ask(base), default_size=default_size)
        self.base = base

    async def __aenter__(self) -> TreeSnapshotter:
        self.tree = await TreeSnapshotter.open(self.base, self.backend, True)
        self.backend.resume(self.tree.committed(), self.tree.active())
        return self.tree

    async def __aexit__(self, *_: object) -> None:
        self.backend.pause(self.tree.committed(), self.tree.active())
        await self.tree.close()


def works(base: Path, work: Callable[[TreeSnapshotter], Any], default_size: int = 0) -> Any:
    async def run() -> Any:
        async with Opened(base, default_size) as tree:
            return await work(tree)

    return asyncio.run(run())


def write(path: Path, mebibytes: int) -> int:
    """Write so much to a file, or what fits of it; return how many bytes that were."""
    with path.open("wb", buffering=0) as file:
        for _ in range(mebibytes):
            try:
                file.write(bytes(MIB))
            except OSError as error:
                assert error.errno == errno.ENOSPC
                break
        return os.fstat(file.fileno()).st_size


async def a_base(tree: TreeSnapshotter) -> None:
    with temporary_mount(await tree.prepare("b", "", {})) as point:
        Path(point, "below").write_text("below")
        os.chmod(point, 0o1751)
        os.chown(point, 12, 34)
    await tree.commit("base", "b", {}, "")


def test_without_a_size_mounts_are_what_they_were(base: Path) -> None:
    async def work(tree: TreeSnapshotter) -> None:
        (bare,) = await tree.prepare("bare", "", {})
        assert bare == Mount("bind", f"{base}/snapshots/1/fs", ("rw", "rbind"))
        await a_base(tree)
        (active,) = await tree.prepare("a", "base", {})
        wanted = (f"workdir={base}/snapshots/3/work", f"upperdir={base}/snapshots/3/fs", f"lowerdir={base}/snapshots/2/mnt")
        assert active.type == "overlay" and active.options[:3] == wanted
        assert loops_of(base) == 0

    works(base, work)


@pytest.mark.parametrize("parent", ["", "base"])
def test_what_is_written_beyond_the_size_does_not_fit(base: Path, parent: str) -> None:
    async def work(tree: TreeSnapshotter) -> None:
        await a_base(tree)
        mounts = await tree.prepare("a", parent, SIZED)
        other = await tree.prepare("other", parent, SIZED)
        fresh = await tree.usage("a")
        assert fresh.size < MIB
        with temporary_mount(mounts) as point, temporary_mount(other) as beside:
            stat = os.stat(point)
            if parent:
                assert (oct(stat.st_mode & 0o7777), stat.st_uid, stat.st_gid) == ("0o1751", 12, 34)
            assert 20 * MIB < write(Path(point, "large"), 64) < SIZE
            with pytest.raises(OSError, match="No space left"):
                Path(point, "more").write_bytes(bytes(MIB))
            assert write(Path(beside, "fits"), 16) == 16 * MIB
            assert 20 * MIB < (await tree.usage("a")).size <= SIZE
            for name in ("large", "more"):
                os.unlink(Path(point, name))
            assert write(Path(point, "fits"), 3) == 3 * MIB
        await tree.commit("layer", "a", {}, "")
        assert 3 * MIB <= (await tree.usage("layer")).size < 4 * MIB
        with temporary_mount(await tree.view("v", "layer", {})) as point:
            there = {"fits", "below"} if parent else {"fits"}
            assert set(os.listdir(point)) == there and Path(point, "fits").stat().st_size == 3 * MIB
        for key in ("v", "layer", "other"):
            await tree.remove(key)
        assert loops_of(base) == 0 and [name for name in os.listdir(base / "snapshots") if int(name) > 1] == []

    works(base, work)
    assert mounted(base) == []


@pytest.mark.parametrize("text", ["-1", "0", "32MiB", "1e9", " 1", "٣", "9" * 4000])
def test_a_label_that_is_no_size_counts_as_none(base: Path, text: str) -> None:
    assert room.asked({MAX_SIZE: text}, 7) == 7
    works(base, lambda tree: tree.prepare("a", "", {MAX_SIZE: text}))
    assert not room.has(base / "snapshots/1")


def test_a_size_is_what_can_be_made(base: Path) -> None:
    """No smaller than a file system can be, and no larger than the disk, of which not a hundredth is put aside."""

    async def work(tree: TreeSnapshotter) -> None:
        for number, asked in enumerate(("1", "9" * 19), 1):
            with temporary_mount(await tree.prepare(asked, "", {MAX_SIZE: asked})) as point:
                Path(point, "file").write_text("fits")
            image = os.stat(base / f"snapshots/{number}/rwlayer.img")
            disk = os.statvfs(base)
            assert image.st_size == (MIB if asked == "1" else disk.f_blocks * disk.f_frsize)
            assert image.st_blocks * 512 < max(MIB, image.st_size // 100)

    works(base, work)


def test_a_snapshot_keeps_the_size_that_it_was_made_with(base: Path) -> None:
    """Over a restart with other settings; views have none, and the label wins."""

    async def first(tree: TreeSnapshotter) -> None:
        await a_base(tree)
        with temporary_mount(await tree.prepare("a", "base", {})) as point:
            Path(point, "kept").write_text("kept")
        await tree.prepare("small", "base", {MAX_SIZE: str(2 * MIB)})
        await tree.view("v", "base", SIZED)

    async def then(tree: TreeSnapshotter) -> None:
        assert [os.stat(base / f"snapshots/{n}/rwlayer.img").st_size for n in (2, 3)] == [SIZE, 2 * MIB]
        assert not room.has(base / "snapshots/4")
        with temporary_mount(await tree.mounts("a")) as point:
            assert Path(point, "kept").read_text() == "kept"
            assert write(Path(point, "large"), 64) < SIZE
        await tree.prepare("unlimited", "base", {})
        assert not room.has(base / "snapshots/5")

    works(base, first, SIZE)
    assert mounted(base) == []
    no_loops(base)
    works(base, then)


def test_who_goes_on_meanwhile_and_the_next_start_see_one_file_system(base: Path) -> None:
    """A stop unmounts rooms, and a container has its own hold on one: it is not mounted through a second device."""

    async def prepare(tree: TreeSnapshotter) -> Any:
        await a_base(tree)
        return await tree.prepare("a", "base", SIZED)

    async def commit(tree: TreeSnapshotter) -> None:
        assert loops_of(base) == 1
        with temporary_mount(await tree.mounts("a")) as again:
            assert Path(again, "before").read_text() == "before" and Path(again, "between").read_text() == "between"
        await tree.commit("layer", "a", {}, "")
        with temporary_mount(await tree.view("v", "layer", {})) as view:
            assert Path(view, "between").read_text() == "between"

    async def whole() -> None:
        opened = Opened(base)
        async with opened as tree:
            with temporary_mount(await prepare(tree)) as point:
                Path(point, "before").write_text("before")
                await opened.__aexit__()
                assert mounted(base) == [] and loops_of(base) == 1
                Path(point, "between").write_text("between")
                async with Opened(base) as tree:
                    await commit(tree)
                Path(point, "after").write_text("nobody minds")
            await opened.__aenter__()

    asyncio.run(whole())


def test_a_room_that_nobody_unmounted_is_whole_after_a_power_loss(base: Path) -> None:
    """What was synced is there: the journal is read, and not passed over."""
    image, copy = base / "snapshots/1/rwlayer.img", base / "copy"

    def taken() -> None:
        subprocess.run(["cp", "--sparse=always", image, copy], check=True)
        features = subprocess.run(["dumpe2fs", "-h", copy], capture_output=True, text=True, check=True).stdout
        assert "needs_recovery" in features

    async def lose(tree: TreeSnapshotter) -> None:
        with temporary_mount(await tree.prepare("a", "", SIZED)) as point:
            for number in range(20):
                Path(point, str(number)).write_text("synced")
            fd = os.open(Path(point, "19"), os.O_RDONLY)
            os.fsync(fd)
            os.close(fd)
            await asyncio.to_thread(taken)

    async def look(tree: TreeSnapshotter) -> None:
        await tree.commit("layer", "a", {}, "")
        with temporary_mount(await tree.view("v", "layer", {})) as point:
            assert Path(point, "19").read_text() == "synced" and len(os.listdir(point)) == 20

    works(base, lose)
    no_loops(base)
    copy.rename(image)
    works(base, look)


def test_our_differ_writes_an_image_and_others_files(base: Path) -> None:
    """What fits no room is unpacked all the same, and what was written besides is in the layer, too."""
    data = archive(directory("d"), entry("d/large", data=bytes(48 * MIB)))

    async def work(tree: TreeSnapshotter) -> None:
        mounts = await tree.prepare("a", "", SIZED)
        await asyncio.to_thread(apply, data, mounts)
        assert (base / "snapshots/1/layer.erofs").exists() and os.listdir(base / "snapshots/1/room/upper") == []
        with temporary_mount(await tree.mounts("a")) as point:
            assert os.stat(f"{point}/d/large").st_size == 48 * MIB
            Path(point, "besides").write_text("written")
        await tree.commit("layer", "a", {}, "")
        with temporary_mount(await tree.view("v", "layer", {})) as point:
            assert os.stat(f"{point}/d/large").st_size == 48 * MIB and Path(point, "besides").read_text() == "written"

    works(base, work)


def test_layers_that_are_put_together_at_the_commit_are_written_to_images_too(base: Path) -> None:
    below = archive(directory("d"), entry("d/gone"), entry("d/kept", data=b"kept"))
    above = archive(directory("d"), entry("d/.wh.gone"), entry("d/large", data=bytes(48 * MIB)))
    with unpacked(("erofs-room", "detached"), base, [below, above]) as root:
        assert set(os.listdir(root / "d")) == {"kept", "large"} and (root / "d/large").stat().st_size == 48 * MIB


def test_what_is_missing_is_said(base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(base))
    with pytest.raises(FailedPrecondition, match=r"mkfs\.ext4.*install e2fsprogs"):
        works(base, lambda tree: tree.prepare("a", "", SIZED))
    assert os.listdir(base / "snapshots") == []
    with pytest.raises(FailedPrecondition, match=r"default_size is set.*install e2fsprogs"):
        layout.ask(base, True)
    monkeypatch.undo()

    async def work(tree: TreeSnapshotter) -> None:
        await tree.prepare("a", "", SIZED)
        room.detach(base / "snapshots/1")
        os.truncate(base / "snapshots/1/rwlayer.img", 0)
        for call in (lambda: tree.mounts("a"), lambda: tree.commit("layer", "a", {}, "")):
            with pytest.raises(FailedPrecondition, match="remove the snapshot and prepare it again"):
                await call()
        await tree.remove("a")

    works(base, work)


@pytest.mark.parametrize(
    ("given", "size"),
    [(0, 0), ("0", 0), ("", 0), (4096, 4096), ("4096", 4096), ("10GiB", 10 << 30), ("1.5 MB", 3 * MIB // 2)],
)
def test_the_setting_is_bytes_or_words(tmp_path: Path, given: int | str, size: int) -> None:
    values: Mapping[str, Any] = {"root": tmp_path, "address": tmp_path / "s", "default_size": given}
    assert validate(ErofsSettings, values, "here").default_bytes == size


@pytest.mark.parametrize("given", ["10 apples", "-1", -1, "0GiB", [], 1.5])
def test_a_setting_that_is_no_size_is_refused(tmp_path: Path, given: Any) -> None:
    with pytest.raises(InvalidArgument, match="default_size"):
        validate(ErofsSettings, {"root": tmp_path, "address": tmp_path / "s", "default_size": given}, "here")



STRIDE = 6


def killed_everywhere(base: Path, work: Callable[[TreeSnapshotter], Any], check: Callable[[], None]) -> int:
    """Have work killed before every STRIDE-th line, each time on what check leaves; return how often it was."""

    def run(begin: Callable[[], None]) -> None:
        async def inside() -> None:
            async with Opened(base) as tree:
                begin()
                await work(tree)
            os._exit(0)  # what is mounted is looked at as work leaves it

        asyncio.run(inside())

    for times in itertools.count():
        dies = dies_at_line(1 + times * STRIDE, (room, snapshotter), run)
        check()
        if not dies:
            return times
    raise AssertionError("it has an end")


def test_a_commit_or_prepare_that_is_killed_is_done_or_not(base: Path) -> None:
    """Files of a snapshot that is active still are all there, and of one that is committed; nothing else is left."""
    works(base, a_base)
    outcomes: set[Kind] = set()

    async def change(tree: TreeSnapshotter) -> None:
        mounts = await tree.prepare("a", "base", SIZED)
        with temporary_mount(mounts) as point:
            Path(point, "file").write_text("all")
        await tree.commit("layer", "a", {}, "")
        await tree.remove("layer")

    async def look(tree: TreeSnapshotter) -> None:
        known = [info async for info in tree.walk(EVERYTHING)]
        found = [info for info in known if info.name != "base"]
        assert len(os.listdir(base / "snapshots")) == len(known)
        for info in found:
            outcomes.add(info.kind)
            mounts = await (tree.mounts("a") if info.kind is Kind.ACTIVE else tree.view("v", "layer", {}))
            with temporary_mount(mounts) as point:
                words = Path(point, "file").read_text() if Path(point, "file").exists() else ""
            if info.kind is Kind.COMMITTED:
                assert words == "all" and not list((base / "snapshots").glob("*/rwlayer.img"))
                await tree.remove("v")
            await tree.remove(info.name)
        with pytest.raises(NotFound):
            await tree.stat("layer")
        eventually(lambda: loops_of(base) == 0, what="devices are left")

    assert killed_everywhere(base, change, lambda: works(base, look)) > 10
    assert outcomes == {Kind.ACTIVE, Kind.COMMITTED}


# -- in a mesh, with containers --

NS = "rooms"


@pytest.fixture(scope="module")
def roomy(image_archive: Path) -> Iterator[Mesh]:
    """A mesh whose EROFS snapshotter gives 32 MiB to who says nothing."""
    with tempfile.TemporaryDirectory(prefix="ay-", dir="/tmp") as made:
        config = Path(made, "mesh.toml")
        config.write_text('[services.snapshotter-erofs.settings]\ndefault_size = "32MiB"\n')
        mesh = Mesh(Path(made, "m"), extra=["--config", str(config)])
        mesh.base.mkdir()
        mesh.start()
        try:
            mesh.ctr("images", "import", "--snapshotter", "erofs", str(image_archive), namespace=NS).ok()
            yield mesh
            assert mesh.leftovers() == []
        finally:
            for task in mesh.ctr("tasks", "ls", "-q", namespace=NS).out.split():
                mesh.ctr("tasks", "rm", "-f", task, namespace=NS)  # of a test that failed
            mesh.stop()
            unmount_tree(made)
        no_loops(Path(made))


def ctr(mesh: Mesh, *words: str) -> Any:
    return mesh.ctr(*words, namespace=NS)


def test_a_container_that_fills_its_room_harms_nobody(roomy: Mesh) -> None:
    fill = "dd if=/dev/zero of=/large bs=1M count=64; echo code $?; rm /large; echo kept > /kept; sync"
    ctr(roomy, "run", "-d", "--snapshotter", "erofs", IMAGE, "other", "sh", "-c", "sleep 1000").ok()
    ran = ctr(roomy, "run", "--snapshotter", "erofs", IMAGE, "full", "sh", "-c", fill).ok()
    assert "No space left on device" in ran.out + ran.err and "code 1" in ran.out
    lives = ctr(roomy, "tasks", "exec", "--exec-id", "e", "other", "sh", "-c", "dd if=/dev/zero of=/x bs=1M count=16 && echo fits")
    assert "fits" in lives.ok().out
    snapshots = ["snapshots", "--snapshotter", "erofs"]
    # A restart between, of the snapshotter as a kill and of the mesh as an operator does it.
    os.kill(roomy.services()["argosy-snap-ero"], 9)
    ctr(roomy, *snapshots, "commit", "grown", "full").ok()
    roomy.stop()
    assert loops_of(roomy.base) == 1  # the other's, who runs on
    roomy.start()
    exec_ = ["tasks", "exec", "--exec-id", "f", "other", "sh", "-c"]
    assert "16777216" in ctr(roomy, *exec_, "stat -c %s /x; echo on > /on").ok().out
    # Its files can be packed while it runs.
    packed = subprocess.run(["ctr", "-a", str(roomy.address), "-n", NS, *snapshots, "diff", "other"], capture_output=True, check=True)
    with tarfile.open(fileobj=io.BytesIO(packed.stdout)) as tar:
        assert {"x", "on"} <= set(tar.getnames())
    with Wire(roomy.address, NS) as wire:
        big = wire.call(
            "snapshots.v1.Snapshots/Prepare", snapshotter="erofs", key="big", parent="grown",
            labels={MAX_SIZE: str(128 * MIB), "containerd.io/gc.root": "test"},
        ).message  # fmt: skip
        command = 'BEGIN { exit system("cat /kept && dd if=/dev/zero of=/l bs=1M count=64") }'
        ctr(roomy, "containers", "create", IMAGE, "big", "awk", command).ok()
        mounts = [{"type": m.type, "source": m.source, "options": list(m.options)} for m in big.mounts]
        assert wire.call("tasks.v1.Tasks/Create", container_id="big", rootfs=mounts).ok
        assert wire.call("tasks.v1.Tasks/Start", container_id="big").ok
        assert wire.call("tasks.v1.Tasks/Wait", container_id="big").message.exit_status == 0
        assert wire.call("tasks.v1.Tasks/Delete", container_id="big").ok
        usage = wire.call("snapshots.v1.Snapshots/Usage", snapshotter="erofs", key="big").message
        assert 64 * MIB < usage.size < 100 * MIB
    ctr(roomy, "tasks", "rm", "-f", "other").ok()
    ctr(roomy, "containers", "rm", "other", "full", "big").ok()
    for key in ("big", "grown"):
        ctr(roomy, *snapshots, "rm", key)
    eventually(lambda: loops_of(roomy.base) == 0, what="devices are left")
    left = subprocess.run(["find", str(roomy.root), "-name", "rwlayer.img"], capture_output=True, text=True, check=True).stdout
    assert left == ""
