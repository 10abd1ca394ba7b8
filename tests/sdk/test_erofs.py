"""Layers as EROFS images: the kernel mounts them, and finds in them what GNU tar and the tree writer unpack."""

from __future__ import annotations

import os
import stat
import subprocess
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from argosy.erofs.snapshot import FILES, IMAGE, MARKER, layer_directory, seal, write_layer
from argosy.errors import ArgosyError, InvalidArgument, NotFound
from argosy.kernel.mount import temporary_mount
from argosy.mounts import Mount

from tests.harness.erofs import IMAGE_OPTIONS, needs_erofs
from tests.sdk.test_unpack import HOSTILE, apply, archive, entry, outside, rich_tree  # noqa: F401 - a fixture

pytestmark = [pytest.mark.root, needs_erofs]


def image(base: Path, data: bytes, lowers: tuple[str, ...] = (), keep: bool = False) -> Path:
    """Return the image of a layer; base is the snapshot's directory, which is made. keep: something is to be below it."""
    (base / FILES).mkdir(parents=True, exist_ok=True)
    chunks = iter([data[i : i + 777] for i in range(0, len(data), 777)])
    write_layer(base, chunks, lowers, False, lambda: b"u" * 16)
    if not keep:
        seal(base, IMAGE_OPTIONS, ())
    assert sorted(p.name for p in base.iterdir()) == [FILES, IMAGE]
    return base / IMAGE


@contextmanager
def mounted(image: Path) -> Iterator[Path]:
    with temporary_mount([Mount("erofs", str(image), ("ro", *IMAGE_OPTIONS))]) as point:
        yield Path(point)


def described(root: Path, directory_times: bool = True) -> dict[str, tuple[object, ...]]:
    """Everything of every path below root; hard links are named by the first path of their inode."""
    found: dict[str, tuple[object, ...]] = {}
    first: dict[int, str] = {}
    # Not rglob: it looks where symlinks lead, and one here is longer than a name may be.
    for path in sorted(Path(at, name) for at, below, files in os.walk(root) for name in (*below, *files)):
        info = path.lstat()
        name = str(path.relative_to(root))
        kind = stat.S_IFMT(info.st_mode)
        content: object = None
        if kind == stat.S_IFREG:
            content = path.read_bytes()
        elif kind == stat.S_IFLNK:
            content = os.readlink(path)
        xattrs = {k: os.getxattr(path, k, follow_symlinks=False) for k in os.listxattr(path, follow_symlinks=False)}
        links = (info.st_nlink, first.setdefault(info.st_ino, name)) if kind != stat.S_IFDIR else info.st_nlink
        time = info.st_mtime_ns if kind != stat.S_IFDIR or directory_times else 0
        size = info.st_size if kind != stat.S_IFDIR else 0
        found[name] = (oct(info.st_mode), info.st_uid, info.st_gid, time, size, links, info.st_rdev, content, xattrs)
    return found


@pytest.mark.parametrize("format", ["gnu", "pax", "oldgnu", "ustar"])
@pytest.mark.parametrize("sparse", [[], ["--sparse"], ["--sparse", "--sparse-version=1.0"]])
def test_an_image_holds_what_gnu_tar_packed(rich_tree: Path, tmp_path: Path, format: str, sparse: list[str]) -> None:  # noqa: F811 - the fixture
    xattrs = ["--xattrs", "--xattrs-include=*"] if format == "pax" else []
    if format == "ustar":  # has no room for these
        for name in ("long-target", "long-" + "n" * 200):
            (rich_tree / name).unlink()
        subprocess.run(["rm", "-rf", rich_tree / ("d" * 60)], check=True)
        sparse = []
    packed = tmp_path / "l.tar"
    subprocess.run(["tar", f"--format={format}", *sparse, *xattrs, "-C", rich_tree, "-cf", packed, "."], check=True)
    out = tmp_path / "out"
    out.mkdir()
    subprocess.run(["tar", "-C", str(out), "-xpf", str(packed), *xattrs, "--numeric-owner"], check=True)
    with mounted(image(tmp_path / "s", packed.read_bytes())) as root:
        found, wanted = described(root), described(out)
    assert found.keys() == wanted.keys()
    for name, what in wanted.items():
        assert found[name] == what, name


def test_an_image_of_files_holds_the_files(rich_tree: Path, tmp_path: Path) -> None:  # noqa: F811 - the fixture
    snapshot = tmp_path / "s"
    snapshot.mkdir()
    rich_tree.rename(snapshot / FILES)
    seal(snapshot, IMAGE_OPTIONS)
    with mounted(snapshot / IMAGE) as root:
        assert described(root) == described(snapshot / FILES)


def test_what_was_written_after_a_layer_lies_over_it(tmp_path: Path) -> None:
    snapshot, work, merged = tmp_path / "s", tmp_path / "work", tmp_path / "m"
    image(
        snapshot,
        archive(
            entry("gone", data=b"1"), entry("dir/old", data=b"1"), entry("dir/sub/x", data=b"1"), entry("keep", data=b"keep"),
            entry("tree/a", data=b"a"), entry("hard", tarfile.LNKTYPE, link="keep"),
        ),
    )  # fmt: skip
    with mounted(snapshot / IMAGE) as lower:
        work.mkdir()
        merged.mkdir()
        overlay = Mount("overlay", "overlay", (f"lowerdir={lower}", f"upperdir={snapshot / FILES}", f"workdir={work}"))
        with temporary_mount([overlay]) as name:
            top = Path(name)
            (top / "gone").unlink()
            (top / "dir/old").write_text("changed")
            subprocess.run(["rm", "-r", top / "tree"], check=True)
            (top / "tree").mkdir()
            (top / "tree/b").write_text("b")
            os.chmod(top / "keep", 0o600)
            expected = described(top, directory_times=False)
    bottom = tmp_path / "bottom"
    subprocess.run(["cp", "-a", snapshot, bottom], check=True)
    seal(bottom, IMAGE_OPTIONS, ())
    with mounted(bottom / IMAGE) as alone:
        # Nothing lies below: seen without an overlay it is the same tree, not one full of whiteouts.
        assert {str(p.relative_to(alone)) for p in alone.rglob("*")} == set(expected)
        assert "trusted.overlay.opaque" not in os.listxattr(alone / "tree")
    seal(snapshot, IMAGE_OPTIONS)
    with (
        mounted(snapshot / IMAGE) as both,
        temporary_mount([Mount("overlay", "overlay", (f"lowerdir={both}:{merged}",))]) as name,
    ):
        found = described(Path(name), directory_times=False)
    # A copied-up file is a link of its own in the upper directory, and nobody's link in the image.
    for tree in (expected, found):
        for path, what in tree.items():
            tree[path] = (*what[:5], None, *what[6:])
    assert found == expected
    assert set(found) >= {"dir/sub/x", "tree/b"} and "tree/a" not in found


@pytest.mark.parametrize("attack", HOSTILE)
def test_nothing_outside_the_image_is_touched_or_shown(tmp_path: Path, attack: str) -> None:
    victim = outside(tmp_path)
    before = (victim.stat().st_mtime_ns, (victim / "file").stat().st_mtime_ns, (victim / "file").stat().st_nlink)
    try:
        made = image(tmp_path / "s", archive(*HOSTILE[attack](str(victim))))
    except ArgosyError:
        assert not (tmp_path / "s" / IMAGE).exists()
    else:
        with mounted(made) as root:
            for path in root.rglob("*"):
                if stat.S_ISREG(path.lstat().st_mode):
                    assert path.read_bytes() != b"precious"
    assert (victim.stat().st_mtime_ns, (victim / "file").stat().st_mtime_ns, (victim / "file").stat().st_nlink) == before


@pytest.mark.parametrize(
    "entries",
    [
        [entry("a/b/c", data=b"1"), entry("a", data=b"now a file"), entry("f", tarfile.DIRTYPE, mode=0o700), entry("f/x", data=b"2")],
        [entry("usr/lib", tarfile.DIRTYPE, mode=0o755), entry("lib", tarfile.SYMTYPE, link="usr/lib"), entry("lib/x", data=b"1")],
        [entry("d/x", data=b"1"), entry("l", tarfile.SYMTYPE, link="d"), entry("l/y", data=b"2"), entry("d", data=b"file"), entry("l/z", data=b"3")],
        [entry("a", data=b"1"), entry("b", tarfile.LNKTYPE, link="a"), entry("a", data=b"2"), entry("c", tarfile.LNKTYPE, link="b")],
        [entry("f", data=b"1"), entry("f/x", data=b"2")],
        [entry("x/.wh.y"), entry("x/y", data=b"1"), entry("x/.wh.y"), entry("z", data=b"1"), entry("z/.wh..wh..opq")],
        [entry("c", tarfile.DIRTYPE, mode=0o700, uid=5), entry("c/f", data=b"1"), entry("c", tarfile.DIRTYPE, mode=0o711, uid=6)],
        [entry("/abs", data=b"1"), entry("./dot", data=b"2"), entry("a//b/../c", data=b"3"), entry("", tarfile.DIRTYPE, mode=0o700)],
        [entry(f"n{i:04}{'x' * (i % 200)}", data=b"%d" % i) for i in range(600)],
    ],
)  # fmt: skip
@pytest.mark.parametrize("overlay", [False, True], ids=["bottom", "stacked"])
def test_an_image_is_what_the_tree_writer_writes(
    tmp_path: Path, entries: list[tuple[tarfile.TarInfo, bytes]], overlay: bool
) -> None:
    data = archive(*entries)
    apply(data, tmp_path / "tree", overlay)
    with mounted(image(tmp_path / "s", data, (), overlay)) as root:
        found, wanted = described(root, False), described(tmp_path / "tree", False)
    assert found == wanted


def test_missing_directories_and_link_targets_come_from_lower_layers(tmp_path: Path) -> None:
    lower = tmp_path / "lower"
    (lower / "dir").mkdir(parents=True)
    os.chmod(lower / "dir", 0o711)
    os.chown(lower / "dir", 7, 8)
    (lower / "target").write_text("from below")
    os.setxattr(lower / "target", "user.a", b"b")
    (lower / "through").symlink_to("/etc/passwd")
    data = archive(
        entry(".wh.gone"),
        entry("dir/.wh..wh..opq"),
        entry("dir/new", data=b"2"),
        entry("dir/hard", tarfile.LNKTYPE, link="target"),
    )
    apply(data, tmp_path / "tree", True, (str(lower),))
    with mounted(image(tmp_path / "s", data, (str(lower),), True)) as root:
        found = described(root, False)
        assert (root / "target").read_text() == "from below" and (root / "target").samefile(root / "dir/hard")
        assert os.getxattr(root / "target", "user.a") == b"b"
        assert os.getxattr(root / "dir", "trusted.overlay.opaque") == b"y"
        assert (root / "gone").lstat().st_rdev == 0 and stat.S_ISCHR((root / "gone").lstat().st_mode)
    wanted = described(tmp_path / "tree", False)
    assert found.keys() == wanted.keys() and found["dir"] == wanted["dir"]
    with pytest.raises(NotFound, match="which is in no layer"):
        image(tmp_path / "nowhere", archive(entry("h", tarfile.LNKTYPE, link="nowhere")), (str(lower),), True)
    # A link to a symlink is a link to the symlink itself, as GNU tar makes it: never to what it leads to.
    linked = archive(entry("h", tarfile.LNKTYPE, link="through"))
    apply(linked, tmp_path / "linked", True, (str(lower),))
    with mounted(image(tmp_path / "through", linked, (str(lower),), True)) as root:
        assert os.readlink(root / "h") == "/etc/passwd" and described(root) == described(tmp_path / "linked")


def test_more_than_four_gigabytes_are_one_file(tmp_path: Path) -> None:
    """Sizes are 64 bits wide; the hole is not written out."""
    snapshot = tmp_path / "s"
    (snapshot / FILES).mkdir(parents=True)
    size = (5 << 30) + 3
    with (snapshot / FILES / "big").open("wb") as file:
        file.seek(size - 3)
        file.write(b"end")
    seal(snapshot, IMAGE_OPTIONS)
    assert (snapshot / IMAGE).stat().st_blocks * 512 < 1 << 20
    with mounted(snapshot / IMAGE) as root, (root / "big").open("rb") as file:
        assert os.fstat(file.fileno()).st_size == size
        file.seek(size - 5)
        assert file.read() == b"\0\0end"


def test_a_broken_archive_leaves_no_image(tmp_path: Path) -> None:
    data = archive(entry("f", data=b"x" * 5000))
    with pytest.raises(InvalidArgument, match="truncated"):
        image(tmp_path / "s", data[:3000])
    assert [p.name for p in (tmp_path / "s").iterdir()] == [FILES]


def test_only_an_untouched_layer_is_given_an_image(tmp_path: Path) -> None:
    snapshot = tmp_path / "s"
    (snapshot / FILES).mkdir(parents=True)
    bind = [Mount("bind", str(snapshot / FILES), ("rw", "rbind"))]
    assert layer_directory(bind) is None  # no marker: some other snapshotter's
    (snapshot / MARKER).touch()
    assert layer_directory(bind) == snapshot
    overlay = [Mount("overlay", "overlay", (f"upperdir={snapshot / FILES}", "lowerdir=/x"))]
    assert layer_directory(overlay) == snapshot
    assert layer_directory([Mount("bind", str(snapshot / FILES), ("ro", "rbind"))]) is None
    (snapshot / FILES / "x").touch()
    assert layer_directory(bind) is None
