"""S6, mounts: what a plugin answers, and what a task is created with, is looked at before anything is mounted."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
from argosy.client import Client, Container
from argosy.errors import ArgosyError, FailedPrecondition
from argosy.kernel.mount import mount_all, temporary_mount
from argosy.kernel.mount_table import mounts_below
from argosy.kernel.unmount import unmount_tree
from argosy.mounts import DETACHED, Mount, check, check_answer
from argosy.oci.spec import Options
from argosy.plugin.diff import Descriptor, Differ, DiffServicer
from argosy_protos.containerd.services.diff.v1 import ApplyRequest, DiffRequest
from argosy_protos.containerd.services.tasks.v1 import CreateTaskRequest
from argosy_protos.containerd.types import Descriptor as WireDescriptor
from argosy_protos.containerd.types import Mount as WireMount

from tests.harness.mesh import IMAGE, Mesh

ME = os.geteuid()


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A snapshotter's root with three snapshots, each with all that any stock snapshotter keeps there."""
    root = tmp_path / "root"
    for id in ("1", "2", "3"):
        for name in ("fs", "work", "mnt"):
            (root / "snapshots" / id / name).mkdir(parents=True)
        for name in ("layer.erofs", "fsmeta.erofs", "layer.erofs.dmverity"):
            (root / "snapshots" / id / name).touch()
    (root / "scratch").touch()
    return root


def stock(root: str) -> dict[str, list[Mount]]:
    """Answers of containerd's own snapshotters and of well known plugins."""
    s = f"{root}/snapshots"
    layers = f"lowerdir={s}/2/fs:{s}/1/fs"
    return {
        "overlayfs, active": [Mount("overlay", "overlay", (f"workdir={s}/3/work", f"upperdir={s}/3/fs", layers, "index=off"))],
        "overlayfs, first layer": [Mount("bind", f"{s}/1/fs", ("rw", "rbind"))],
        "overlayfs, mapped": [Mount("overlay", "overlay", ("uidmap=0:100000:65536", "gidmap=0:100000:65536", layers))],
        "overlayfs, volatile": [Mount("overlay", "overlay", (layers, f"upperdir={s}/3/fs", f"workdir={s}/3/work", "volatile"))],
        "overlayfs, selinux": [Mount("overlay", "overlay", (layers, 'context="system_u:object_r:container_t:s0:c1,c2"'))],
        "native": [Mount("bind", f"{s}/1", ("rbind", "ro"))],
        "blockfile": [Mount("ext4", f"{root}/scratch", ("loop", "rw"))],
        "zfs": [Mount("zfs", "tank/containerd/12", ("zfsutil",))],
        "erofs, one layer": [Mount("erofs", f"{s}/1/layer.erofs", ("ro", "loop"))],
        "erofs, verity": [
            Mount("erofs", f"{s}/1/layer.erofs", ("ro", "loop", f"X-containerd.dmverity={s}/1/layer.erofs.dmverity"))
        ],
        "erofs, merged": [
            Mount("erofs", f"{s}/2/fsmeta.erofs", ("ro", "loop", f"device={s}/1/layer.erofs", f"device={s}/2/layer.erofs")),
            Mount("format/mkdir/overlay", "overlay", (f"workdir={s}/3/work", f"upperdir={s}/3/fs", "lowerdir={{ mount 0 }}")),
        ],
        "erofs, blocks": [
            Mount(
                "mkfs/ext4",
                f"{s}/3/rwlayer.img",
                ("X-containerd.mkfs.fs=ext4", "X-containerd.mkfs.size=67108864", "rw", "loop"),
            ),
            Mount("erofs", f"{s}/2/layer.erofs", ("ro", "loop")),
            Mount("erofs", f"{s}/1/layer.erofs", ("ro", "loop")),
            Mount(
                "format/mkdir/overlay",
                "overlay",
                (
                    "X-containerd.mkdir.path={{ mount 0 }}/upper:0755", "X-containerd.mkdir.path={{ mount 0 }}/work:0755",
                    "workdir={{ mount 0 }}/work", "upperdir={{ mount 0 }}/upper", "lowerdir={{ overlay 1 2 }}",
                ),
            ),
        ],
        "erofs, first block layer": [
            Mount("mkfs/ext4", f"{s}/3/rwlayer.img", ("X-containerd.mkfs.size=1g", "rw", "loop")),
            Mount("format/mkdir/bind", "{{ mount 0 }}/upper", ("X-containerd.mkdir.path={{ mount 0 }}/upper:0755", "rw", "rbind")),
        ],
        "fuse-overlayfs": [
            Mount("fuse3.fuse-overlayfs", "overlay", (f"workdir={s}/3/work", f"upperdir={s}/3/fs", layers, "uidmapping=0:1:9"))
        ],
        "nydus": [Mount("fuse.nydus-overlayfs", "overlay", (layers, "extraoption=eyJhIjoxfQ=="))],
        "a layer for a differ": [Mount("overlay", "overlay", (f"upperdir={s}/3/fs", DETACHED))],
        "an empty one": [Mount("tmpfs", "tmpfs", ("size=64m", "mode=0755"))],
    }  # fmt: skip


@pytest.mark.parametrize("name", stock("/x"))
def test_what_stock_plugins_answer_is_allowed(root: Path, name: str) -> None:
    """A stock plugin works as it is: with declared roots, and with none as long as its directories are its own."""
    answer = stock(os.fspath(root))[name]
    check(answer)
    check_answer(answer, [root], 4242)
    check_answer(answer, None, ME)
    for mount in answer:
        assert Mount.from_wire(mount.to_wire(WireMount)) == mount


@pytest.mark.parametrize("device", ["/dev/mapper/pool-snap-7", "/dev/loop7"])
def test_a_disk_is_named_among_the_roots(device: str) -> None:
    """Roots may be devices, or hold them: devmapper and btrfs have a disk for their source."""
    disk = [Mount("xfs", device, ("nouuid", "ro"))]
    check_answer(disk, [Path(device)], ME)
    with pytest.raises(FailedPrecondition, match="roots"):
        check_answer(disk, [Path("/var/lib/containerd")], ME)


HOSTILE: dict[str, Sequence[Mount]] = {
    "an unknown type": [Mount("proc", "proc")],
    "a network's type": [Mount("nfs", "host:/export")],
    "no type": [Mount("", "/x/y/z", ("ro",))],
    "a helper's path": [Mount("fuse./tmp/evil", "overlay")],
    "a helper's words": [Mount("fuse3.fuse-overlayfs#sh -c id", "overlay")],
    "a helper's shell": [Mount("fuse.fuse-overlayfs", "$(id)")],
    "an unknown preparation": [Mount("exec/overlay", "overlay")],
    "remount": [Mount("bind", "/x/y/z", ("remount", "ro"))],
    "shared": [Mount("bind", "/x/y/z", ("rbind", "rshared"))],
    "an unknown option": [Mount("overlay", "overlay", ("lowerdir=/x/y/z", "xyz=1"))],
    "an option of another type": [Mount("bind", "/x/y/z", ("bind", "upperdir=/x/y/z"))],
    "two options in one": [Mount("overlay", "overlay", ("index=off,evil",))],
    "a directory in an option's tail": [Mount("overlay", "overlay", ("index=off,upperdir=/x/../etc",))],
    "a target above": [Mount("bind", "/x/y/z", ("rbind",), "../../out")],
    "a target above, further down": [Mount("bind", "/x/y/z", ("rbind",), "/a/../../out")],
    "a source above": [Mount("bind", "/x/y/z/../../../etc", ("rbind",))],
    "a layer above": [Mount("overlay", "overlay", ("lowerdir=/x/y/z:/x/y/../etc",))],
    "a layer above behind a colon": [Mount("overlay", "overlay", (r"lowerdir=/x/y\:/../../etc",))],
    "a relative source": [Mount("bind", "etc", ("rbind",))],
    "a relative layer": [Mount("overlay", "overlay", ("lowerdir=/x/y/z:etc",))],
    "a template that is none": [Mount("bind", "{{ mount 0 }}/upper", ("rbind",))],
    "a template's way out": [Mount("format/bind", "{{ mount 0 }}/../..", ("rbind",))],
    "a template's neighbour": [Mount("format/bind", "{{ mount 0 }}x", ("rbind",))],
    "a way out of what mkdir makes": [
        Mount("mkdir/bind", "/x/y/z", ("X-containerd.mkdir.path=/x/../../etc/x:0777", "rbind"))
    ],
    "mkdir without its type": [Mount("bind", "/x/y/z", ("X-containerd.mkdir.path=/x/y:0777", "rbind"))],
    "NUL": [Mount("bind", "/x/y\0/z", ("rbind",))],
    "too many": [Mount("bind", "/x/y/z", ("rbind",))] * 257,
    "too many options": [Mount("bind", "/x/y/z", ("rbind",) * 1025)],
    "too many layers": [Mount("overlay", "overlay", ("lowerdir=" + ":".join(["/x/y"] * 513),))],
    "too long a name": [Mount("bind", "/x/" + "y" * 4096, ("rbind",))],
    "too long a type": [Mount("fuse." + "x" * 4096, "overlay")],
    "too much": [Mount("fuse.x", "overlay", ("a=" + "y" * (1 << 20),))],
}


@pytest.mark.parametrize("name", HOSTILE)
def test_what_nobody_may_ask_for_is_refused_before_anything_is_mounted(tmp_path: Path, name: str) -> None:
    """Types, options, paths, numbers and sizes have an allow-list, whoever asks; the sentence says which mount it was."""
    attempts: list[Callable[[], None]] = [
        lambda: check(HOSTILE[name]),
        lambda: check_answer(HOSTILE[name], [Path("/")], ME),
        lambda: mount_all(HOSTILE[name], str(tmp_path)),
    ]
    for attempt in attempts:
        with pytest.raises(FailedPrecondition, match="mount") as caught:
            attempt()
        assert len(str(caught.value)) < 1000
    assert mounts_below(str(tmp_path)) == []


def test_what_an_operator_allowed_is_allowed() -> None:
    """The remedy in the sentences works: a type or an option that is listed for a plugin goes through, and no other."""
    check([Mount("ntfs3", "/x/y/z", ("iocharset=utf8",))], ["ntfs3", "iocharset"])
    with pytest.raises(FailedPrecondition, match="umask"):
        check([Mount("ntfs3", "/x/y/z", ("umask=0",))], ["ntfs3", "iocharset"])


@pytest.mark.parametrize(
    "source", ["/", "/etc", "/usr/lib", "/proc/1/root/x", "/home", "/dev/null", "/sys/fs", "/nothing/here"]
)
def test_without_roots_the_machine_itself_is_no_snapshot(source: str) -> None:
    """A bind of ``/`` and of the system's directories is refused also of a plugin that root serves and that has no roots."""
    with pytest.raises(FailedPrecondition, match="roots") as caught:
        check_answer([Mount("bind", source, ("rbind", "ro"))], None, 0)
    assert source in str(caught.value)


@pytest.mark.root
def test_without_roots_a_source_lies_where_its_server_writes(tmp_path: Path) -> None:
    """A plugin of user 4242 hands out what lies in a directory of 4242: nobody else's, and no link of its own to there."""
    snapshots = tmp_path / "snapshots"
    (snapshots / "1").mkdir(parents=True)
    answer = [Mount("bind", str(snapshots / "1"), ("rbind",))]
    with pytest.raises(FailedPrecondition, match="user 0.*user 4242"):
        check_answer(answer, None, 4242)
    os.chown(snapshots, 4242, 4242)
    os.chown(snapshots / "1", 1000, 1000)  # a container has given its root directory away
    check_answer(answer, None, 4242)
    (tmp_path / "others").mkdir()
    (tmp_path / "others" / "secret").mkdir()
    (snapshots / "2").symlink_to(tmp_path / "others" / "secret")
    for source in (snapshots / "2", tmp_path / "others" / "secret"):
        with pytest.raises(FailedPrecondition, match="user 4242"):
            check_answer([Mount("overlay", "overlay", (f"lowerdir={snapshots / '1'}:{source}",))], None, 4242)


def test_with_roots_a_source_lies_beneath_one_of_them(root: Path, tmp_path: Path) -> None:
    """By name and by where symlinks lead; a root that is itself reached through a symlink has both of its names."""
    (tmp_path / "other").mkdir()
    (root / "snapshots" / "out").symlink_to(tmp_path / "other")
    (root / "snapshots" / "in").symlink_to("1")
    alias = tmp_path / "alias"
    alias.symlink_to(root)
    check_answer([Mount("bind", f"{root}/snapshots/in/fs", ("rbind",))], [root], ME)
    check_answer([Mount("bind", f"{root}/snapshots/1/fs", ("rbind",))], [alias], ME)
    check_answer([Mount("bind", f"{alias}/snapshots/1/fs", ("rbind",))], [alias], ME)
    check_answer([Mount("bind", f"{root}/snapshots/1/fs", ("rbind",))], [tmp_path / "other", root], ME)
    for source in (
        tmp_path / "other",
        Path(f"{root}2/snapshots/1"),
        root / "snapshots/out",
        root / "snapshots/9/fs",
        Path("/"),
    ):
        for answer in (
            [Mount("bind", str(source), ("rbind",))],
            [Mount("overlay", "overlay", (f"lowerdir={root}/snapshots/1/fs", f"upperdir={source}", f"workdir={root}/w"))],
        ):
            with pytest.raises(FailedPrecondition, match="root"):
                check_answer(answer, [root], ME)
    with pytest.raises(FailedPrecondition, match="none at all"):
        check_answer([Mount("bind", f"{root}/snapshots/1/fs", ("rbind",))], [], ME)


def test_roots_that_are_not_there_are_compared_by_name() -> None:
    """A plugin in a mount namespace of its own has places that the gateway can't see."""
    elsewhere = Path("/var/lib/argosy-elsewhere")
    check_answer([Mount("bind", f"{elsewhere}/snapshots/1", ("rbind",))], [elsewhere], ME)
    with pytest.raises(FailedPrecondition, match="outside"):
        check_answer([Mount("bind", "/var/lib/argosy-elsewhere2/snapshots/1", ("rbind",))], [elsewhere], ME)


@pytest.fixture
def bundle(tmp_path: Path) -> Iterator[Path]:
    """A root file system to mount on, a directory beside it, and something to be mounted."""
    for name in ("bundle/rootfs", "outside", "source/inner"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "source" / "file").write_text("from the source")
    yield tmp_path
    unmount_tree(str(tmp_path))


@pytest.mark.root
@pytest.mark.parametrize("link", ["../../outside", "/outside", "../../../../../../../../../../outside"])
def test_a_target_is_looked_up_inside_of_the_root_file_system(bundle: Path, link: str) -> None:
    """A symlink that an image brought leads a mount's target nowhere else: it is followed as the container would follow it."""
    rootfs = bundle / "bundle" / "rootfs"
    source = Mount("bind", str(bundle / "source"), ("rbind", "ro"))
    (bundle / "source" / "inner" / "out").symlink_to(f"{link}/inner" if link.startswith("/") else link)
    inside = bundle / "source" / "outside"
    inside.mkdir()
    (inside / "inner").mkdir()
    mount_all([source._replace(options=("rbind",)), source._replace(target="inner/out")], str(rootfs))
    found = mounts_below(str(bundle))
    expected = rootfs / "outside/inner" if link.startswith("/") else rootfs / "outside"
    assert found == [str(rootfs), str(expected)]
    assert os.statvfs(expected).f_flag & os.ST_RDONLY, "flags of a bind went elsewhere"
    assert not os.statvfs(rootfs).f_flag & os.ST_RDONLY
    unmount_tree(str(rootfs))
    assert mounts_below(str(bundle)) == []


@pytest.mark.root
def test_a_list_that_fails_halfway_leaves_no_mount(bundle: Path) -> None:
    """Also of mounts below the root file system, and of one that was made and could not be finished."""
    rootfs = bundle / "bundle" / "rootfs"
    (rootfs / "below").mkdir()
    first = Mount("bind", str(bundle / "source"), ("rbind",), "below")
    with pytest.raises(OSError):
        mount_all([first, Mount("bind", str(bundle / "nothing"), ("rbind",))], str(rootfs))
    assert mounts_below(str(bundle)) == []
    with pytest.raises(OSError):
        mount_all([first, first._replace(target="missing")], str(rootfs))
    assert mounts_below(str(bundle)) == []


@pytest.mark.root
def test_a_mount_for_a_while_goes_with_all_its_targets(bundle: Path) -> None:
    """The mounts of differs and clients are gone afterwards, wherever below they were."""
    listed = [Mount("bind", str(bundle / "source"), ("rbind",)), Mount("bind", str(bundle / "source"), ("rbind",), "inner")]
    with temporary_mount(listed) as point:
        assert (Path(point) / "inner" / "file").read_text() == "from the source"
    assert not os.path.exists(point)


@pytest.mark.anyio
async def test_a_differ_is_never_asked_to_write_to_mounts_that_are_refused() -> None:
    """A differ writes to an overlay's upper directory itself: what it is sent is looked at before it is."""

    class Trusting(Differ):
        async def apply(self, *_: object) -> Descriptor:
            raise AssertionError("the differ was reached")

        async def compare(self, *_: object) -> Descriptor:
            raise AssertionError("the differ was reached")

    servicer = DiffServicer(Trusting())
    layer = WireDescriptor(media_type="application/vnd.oci.image.layer.v1.tar", digest="sha256:" + "0" * 64, size=1)
    evil = [WireMount(type="overlay", source="overlay", options=["upperdir=/x/../etc"])]
    with pytest.raises(ArgosyError, match="upperdir"):
        await servicer.apply(ApplyRequest(diff=layer, mounts=evil))
    for request in (DiffRequest(left=evil), DiffRequest(right=evil)):
        with pytest.raises(ArgosyError, match="upperdir"):
            await servicer.diff(request)


@pytest.mark.root
@pytest.mark.parametrize("first", ["", "a/"])
def test_a_task_with_a_target_outside_of_its_bundle_is_not_made(mesh: Mesh, tmp_path: Path, first: str) -> None:
    """Whoever creates a task names its mounts; one that leads out of the bundle fails the create, and nothing of it stays."""
    (tmp_path / "out").mkdir()
    target = f"{first}{'../' * 12}{tmp_path}/out"

    async def main() -> None:
        async with Client(mesh.address, "default") as client:
            container = await Container.create(client, "escape", IMAGE, Options(args=["true"]))
            try:
                mounts = [*container.prepared, WireMount(type="bind", source="/usr", options=["rbind"], target=target)]
                with pytest.raises(ArgosyError, match=r"mount 1 .*leads out"):
                    await client.services.tasks.create(CreateTaskRequest(container_id="escape", rootfs=mounts))
            finally:
                await container.delete()

    asyncio.run(main())
    assert mounts_below(str(tmp_path)) == []
    assert mesh.leftovers(15) == []
