"""Layers onto trees: what GNU tar packs, GNU tar finds again; what an attacker packs stays inside."""

from __future__ import annotations

import gzip
import io
import os
import random
import stat
import subprocess
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import zstandard
from argosy.erofs.image import Node
from argosy.erofs.layer import LayerIndex
from argosy.errors import ArgosyError, InvalidArgument
from argosy.kernel.descent import remove_tree
from argosy.plugin.snapshots.tree import disk_usage
from argosy.unpack.inflate import inflate
from argosy.unpack.tar import TarReader
from argosy.unpack.tree import TreeWriter

from tests.harness.layers import directory

pytestmark = pytest.mark.root


def apply(data: bytes, root: Path, overlay: bool = False, parents: tuple[str, ...] = ()) -> None:
    root.mkdir(exist_ok=True)
    with TreeWriter(str(root), overlay, parents) as writer:
        writer.apply(TarReader(iter([data[i : i + 777] for i in range(0, len(data), 777)])))


def entry(
    name: str, kind: bytes = tarfile.REGTYPE, data: bytes = b"", link: str = "", mode: int = 0o644, uid: int = 0
) -> tuple[tarfile.TarInfo, bytes]:
    info = tarfile.TarInfo(name)
    info.type, info.size, info.linkname, info.mode, info.uid, info.mtime = kind, len(data), link, mode, uid, 1_600_000_000
    return info, data


def archive(*entries: tuple[tarfile.TarInfo, bytes], format: int = tarfile.PAX_FORMAT) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=format) as tar:
        for info, data in entries:
            tar.addfile(info, io.BytesIO(data))
    return out.getvalue()


@pytest.fixture
def rich_tree(tmp_path: Path) -> Path:
    """One of everything that a layer may hold."""
    root = tmp_path / "rich"
    root.mkdir()
    (root / "plain").write_bytes(b"x" * 100_000)
    (root / "empty").touch()
    (root / ("long-" + "n" * 200)).write_text("long name")
    deep = root / "/".join(["d" * 60] * 6)
    deep.mkdir(parents=True)
    (deep / "file").write_text("deep")
    os.link(root / "plain", root / "hard")
    os.symlink("plain", root / "soft")
    os.symlink("t" * 300, root / "long-target")
    os.mkfifo(root / "fifo")
    os.mknod(root / "null", stat.S_IFCHR | 0o666, os.makedev(1, 3))
    os.mknod(root / "loop", stat.S_IFBLK | 0o660, os.makedev(7, 0))
    (root / "setuid").write_text("s")
    os.chown(root / "setuid", 1234, 5678)
    os.chmod(root / "setuid", 0o4755)
    with (root / "sparse").open("wb") as file:
        file.seek(1 << 20)
        file.write(b"in the middle")
        file.truncate(3 << 20)
    os.setxattr(root / "plain", "user.note", b"\x00binary\xff")
    os.setxattr(root / "empty", "security.capability", b"\x01\x00\x00\x02\x00\x04\x00\x00" + b"\x00" * 12)
    os.utime(root / "plain", ns=(1_500_000_000_000_000_000, 1_400_000_000_123_456_789))
    os.chmod(root / ("d" * 60), 0o2750)
    os.utime(root / ("d" * 60), (1, 1_300_000_000))
    (root / "ünï").write_text("utf-8")
    return root


@pytest.mark.parametrize("format", ["gnu", "pax", "oldgnu", "ustar"])
@pytest.mark.parametrize(
    "sparse",
    [
        [],
        ["--sparse"],
        ["--sparse", "--sparse-version=0.0"],
        ["--sparse", "--sparse-version=0.1"],
        ["--sparse", "--sparse-version=1.0"],
    ],
)
def test_what_gnu_tar_packs_it_finds_again(rich_tree: Path, tmp_path: Path, format: str, sparse: list[str]) -> None:
    if len(sparse) > 1 and format != "pax":
        pytest.skip("sparse versions are pax's")
    if format == "ustar":
        for name in ("long-target", "long-" + "n" * 200):
            (rich_tree / name).unlink()
        subprocess.run(["rm", "-rf", rich_tree / ("d" * 60)], check=True)
        sparse = []
    packed = tmp_path / "layer.tar"
    xattrs = ["--xattrs", "--xattrs-include=*"] if format == "pax" else []
    subprocess.run(["tar", f"--format={format}", *sparse, *xattrs, "-C", rich_tree, "-cf", packed, "."], check=True)
    root = tmp_path / "out"
    apply(packed.read_bytes(), root)
    done = subprocess.run(["tar", *xattrs, "-C", root, "-df", packed], capture_output=True, text=True)
    # The root's own metadata is not the layer's to set.
    differences = [line for line in (done.stdout + done.stderr).splitlines() if not line.startswith(".: ")]
    assert differences == []
    assert (root / "plain").stat().st_ino == (root / "hard").stat().st_ino
    assert (root / "setuid").stat().st_mode & 0o7777 == 0o4755 and (root / "setuid").stat().st_uid == 1234
    if sparse:
        assert (root / "sparse").stat().st_blocks * 512 < 1 << 20
    if format == "pax":
        assert os.getxattr(root / "plain", "user.note") == b"\x00binary\xff"
        assert os.getxattr(root / "empty", "security.capability")[:4] == b"\x01\x00\x00\x02"
        assert (root / "plain").stat().st_mtime_ns == 1_400_000_000_123_456_789
        assert (root / ("d" * 60)).stat().st_mtime == 1_300_000_000


@pytest.mark.parametrize("pack", [lambda b: b, lambda b: gzip.compress(b[:5000]) + gzip.compress(b[5000:]), lambda b: zstandard.compress(b),
                                  lambda b: b"\x50\x2a\x4d\x18\x04\x00\x00\x00skip" + zstandard.compress(b)], ids=["plain", "gzip", "zstd", "skippable"])  # fmt: skip
def test_compression_is_found_by_its_magic(pack: Callable[[bytes], bytes]) -> None:
    data = os.urandom(100_000)
    assert b"".join(inflate(io.BytesIO(pack(data)))) == data


@pytest.mark.parametrize("pack", [gzip.compress, zstandard.compress], ids=["gzip", "zstd"])
def test_a_truncated_or_damaged_stream_is_an_error(pack: Callable[[bytes], bytes]) -> None:
    packed = pack(os.urandom(100_000))
    bad_ones = [packed[:-10], packed[:50_000]]
    if pack is gzip.compress:  # a zstd frame need not carry a checksum; the diff id finds the damage then
        bad_ones.append(packed[:50_000] + b"\xff" * 100 + packed[50_100:])
    for bad in bad_ones:
        with pytest.raises(InvalidArgument, match=r"damaged|truncated"):
            b"".join(inflate(io.BytesIO(bad)))


def test_a_header_that_was_changed_anywhere_is_refused() -> None:
    """In each of its bytes; the sum that old archivers wrote, of signed bytes, is as good."""
    whole = archive(entry("n\xe4me" * 10, data=b"x"), format=tarfile.GNU_FORMAT)
    assert [e.size for e in TarReader(iter([whole]))] == [1]
    for at in {*range(512)} - {154, 155}:  # what ends the sum itself is not counted
        with pytest.raises(InvalidArgument):
            list(TarReader(iter([whole[:at] + bytes([whole[at] ^ 4]) + whole[at + 1 :]])))
    blanked = whole[:148] + b" " * 8 + whole[156:512]
    signed = sum(byte - 256 if byte > 127 else byte for byte in blanked)
    assert signed != sum(blanked)
    old = blanked[:148] + b"%06o\0 " % signed + blanked[156:] + whole[512:]
    assert [e.size for e in TarReader(iter([old]))] == [1]


@pytest.mark.parametrize("pack", [gzip.compress, zstandard.compress, lambda b: zstandard.ZstdCompressor(write_checksum=True, write_content_size=False).compress(b)],
                         ids=["gzip", "zstd", "checksummed"])  # fmt: skip
def test_a_little_input_that_holds_much_output_comes_in_pieces(pack: Callable[[bytes], bytes]) -> None:
    """S20: memory stays bounded whatever the ratio; a gigabyte of zeros is a few kilobytes of zstd."""
    zeros = pack(bytes(64 << 20))
    assert len(zeros) < 100_000
    sizes = [len(piece) for piece in inflate(io.BytesIO(zeros))]
    assert sum(sizes) == 64 << 20 and max(sizes) <= 1 << 20


@pytest.mark.parametrize("level", [1, 3, 19])
def test_zstd_of_any_make_is_read_as_its_own_program_reads_it(tmp_path: Path, level: int) -> None:
    data = random.Random(level).randbytes(300_000) + bytes(2 << 20) + b"text and text " * 50_000
    (tmp_path / "d").write_bytes(data)
    command = ["zstd", "-q", f"-{level}", "--check", "-c", str(tmp_path / "d")]
    packed = subprocess.run(command, check=True, capture_output=True).stdout
    assert b"".join(inflate(io.BytesIO(packed + packed))) == data + data
    for cut in (3, 7, 11, len(packed) // 2, len(packed) - 1):
        with pytest.raises(InvalidArgument, match=r"damaged|truncated"):
            b"".join(inflate(io.BytesIO(packed + packed[:cut])))


@pytest.mark.parametrize("cut", [100, 600, 512 + 50, 512 * 3 + 7])
def test_a_truncated_archive_is_an_error(tmp_path: Path, cut: int) -> None:
    data = archive(entry("a", data=b"1" * 700), entry("b", data=b"2" * 700))
    with pytest.raises(InvalidArgument, match="truncated"):
        apply(data[:cut], tmp_path / "out")


def outside(tmp_path: Path) -> Path:
    """Something next to the root that no layer may touch."""
    victim = tmp_path / "victim"
    victim.mkdir()
    (victim / "file").write_text("precious")
    os.chmod(victim / "file", 0o600)
    return victim


HOSTILE: dict[str, Callable[[str], list[tuple[tarfile.TarInfo, bytes]]]] = {
    "dots": lambda v: [entry("../victim/file", data=b"bad")],
    "dots inside": lambda v: [entry("a/../../victim/file", data=b"bad")],
    "absolute": lambda v: [entry(f"{v}/new", data=b"bad")],
    "symlink up": lambda v: [entry("s", tarfile.SYMTYPE, link="../victim"), entry("s/new", data=b"bad")],
    "symlink absolute": lambda v: [entry("s", tarfile.SYMTYPE, link=v), entry("s/new", data=b"bad"), entry("s/file", data=b"bad")],
    "symlink chain": lambda v: [
        entry("a", tarfile.SYMTYPE, link="b"), entry("b", tarfile.SYMTYPE, link=".."), entry("a/victim/new", data=b"bad"),
    ],
    "over a symlink": lambda v: [entry("s", tarfile.SYMTYPE, link=f"{v}/file"), entry("s", data=b"bad", mode=0o777)],
    "hard link up": lambda v: [entry("h", tarfile.LNKTYPE, link="../victim/file"), entry("h", data=b"bad", mode=0o777)],
    "hard link through symlink": lambda v: [
        entry("s", tarfile.SYMTYPE, link=v), entry("h", tarfile.LNKTYPE, link="s/file"), entry("h", data=b"bad", mode=0o777),
    ],
    "hard link to symlink": lambda v: [
        entry("s", tarfile.SYMTYPE, link=f"{v}/file"), entry("h", tarfile.LNKTYPE, link="s"), entry("h", mode=0o777, data=b"bad"),
    ],
    "directory becomes symlink": lambda v: [
        entry("d", tarfile.DIRTYPE, mode=0o755), entry("d/x", data=b"1"), entry("d", tarfile.SYMTYPE, link=v), entry("d/new", data=b"bad"),
    ],
    "chmod through symlink": lambda v: [entry("s", tarfile.SYMTYPE, link=v), entry("s", tarfile.DIRTYPE, mode=0o777)],
    "whiteout of dots": lambda v: [entry("../victim/.wh.file")],
    "whiteout through symlink": lambda v: [entry("s", tarfile.SYMTYPE, link=v), entry("s/.wh.file")],
    "opaque through symlink": lambda v: [entry("s", tarfile.SYMTYPE, link=v), entry("s/.wh..wh..opq")],
    "whiteout of nothing": lambda v: [entry("a/.wh.")],
    "whiteout of dot dot": lambda v: [entry("a/.wh...")],
    "deep name": lambda v: [entry("/".join(["p" * 250] * 20), data=b"bad")],
}  # fmt: skip


@pytest.mark.parametrize("overlay", [False, True], ids=["plain", "overlay"])
@pytest.mark.parametrize("attack", HOSTILE)
def test_nothing_outside_the_root_is_touched(tmp_path: Path, attack: str, overlay: bool) -> None:
    """CVE-2021-32760, CVE-2025-4517 and their kin."""
    victim = outside(tmp_path)
    before = (victim.stat().st_mode, victim.stat().st_mtime_ns, (victim / "file").stat().st_mtime_ns)
    try:
        apply(archive(*HOSTILE[attack](str(victim))), tmp_path / "root", overlay)
    except ArgosyError:
        pass  # refused; also fine
    assert sorted(p.name for p in victim.iterdir()) == ["file"]
    assert (victim / "file").read_text() == "precious" and (victim / "file").stat().st_mode & 0o777 == 0o600
    assert (victim.stat().st_mode, victim.stat().st_mtime_ns, (victim / "file").stat().st_mtime_ns) == before


def test_whiteouts_delete_in_a_plain_tree_and_spare_what_the_layer_brings(tmp_path: Path) -> None:
    root = tmp_path / "root"
    apply(
        archive(
            entry("keep", data=b"1"), entry("gone", data=b"1"), entry("dir/old", data=b"1"), entry("dir/sub/x", data=b"1")
        ),
        root,
    )
    apply(
        archive(entry(".wh.gone"), entry("dir/new", data=b"2"), entry("dir/.wh..wh..opq"), entry("dir/later", data=b"3")),
        root,
    )
    assert sorted(str(p.relative_to(root)) for p in root.rglob("*")) == ["dir", "dir/later", "dir/new", "keep"]


def test_whiteouts_take_overlay_form_in_an_upper_directory(tmp_path: Path) -> None:
    root, lower = tmp_path / "upper", tmp_path / "lower"
    (lower / "dir").mkdir(parents=True)
    os.chmod(lower / "dir", 0o711)
    os.chown(lower / "dir", 7, 8)
    apply(archive(entry(".wh.gone"), entry("dir/.wh..wh..opq"), entry("dir/new", data=b"2")), root, True, (str(lower),))
    info = (root / "gone").lstat()
    assert stat.S_ISCHR(info.st_mode) and info.st_rdev == 0
    assert os.getxattr(root / "dir", "trusted.overlay.opaque") == b"y"
    made = (root / "dir").stat()
    assert (made.st_mode & 0o7777, made.st_uid, made.st_gid) == (0o711, 7, 8)


def test_whiteouts_hide_the_longest_names_there_are(tmp_path: Path) -> None:
    root, longest = tmp_path / "root", "n" * 255
    apply(archive(entry(longest, data=b"1"), entry("b", data=b"1")), root)
    apply(archive(entry(f".wh.{longest}")), root)
    assert os.listdir(root) == ["b"]
    with pytest.raises(ArgosyError, match="255 are the most"):
        apply(archive(entry(f".wh.{longest}n")), root)


def test_files_and_directories_replace_one_another(tmp_path: Path) -> None:
    root = tmp_path / "root"
    apply(archive(entry("a/b/c", data=b"1"), entry("f", data=b"1")), root)
    apply(archive(entry("a", data=b"now a file"), entry("f", tarfile.DIRTYPE, mode=0o700), entry("f/x", data=b"2")), root)
    assert (root / "a").read_text() == "now a file" and (root / "f/x").read_text() == "2"


def test_a_tree_may_be_deeper_than_a_path_is_long(tmp_path: Path) -> None:
    """Only container escapes are refused: a thousand directories are no reason to fail, nor to leave them behind."""
    root = tmp_path / "root"
    apply(archive(entry("d/" * 1500 + "f", data=b"1")), root)
    at = os.open(root, os.O_RDONLY)
    for _ in range(4000):  # on to where no path leads any more
        try:
            os.mkdir("d", dir_fd=at)
        except FileExistsError:
            pass
        below = os.open("d", os.O_RDONLY, dir_fd=at)
        os.close(at)
        at = below
    os.close(at)
    assert disk_usage(root).inodes == 4002
    with (tmp_path / "open").open("w") as kept:
        os.symlink(kept.name, root / "d/link")
    apply(archive(entry("d", data=b"now a file")), root)
    assert [p.name for p in root.iterdir()] == ["d"] and (tmp_path / "open").exists()
    (root / "d").unlink()
    (root / "x").mkdir()
    os.symlink(tmp_path, root / "x/up")
    assert remove_tree(root) and not root.exists() and (tmp_path / "open").exists()
    assert remove_tree(root)


def test_a_layer_that_is_missing_leaves_none_of_the_others_open(tmp_path: Path) -> None:
    before = os.listdir("/proc/self/fd")
    root = Node(stat.S_IFDIR | 0o755)
    for make in (
        lambda: TreeWriter(str(tmp_path), True, (str(tmp_path), str(tmp_path / "gone"))),
        lambda: TreeWriter(str(tmp_path / "gone"), True, (str(tmp_path),)),
        lambda: LayerIndex(root, (str(tmp_path), str(tmp_path / "gone")), True),
    ):
        with pytest.raises(FileNotFoundError):
            make()
    assert os.listdir("/proc/self/fd") == before


def test_an_unknown_entry_type_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(InvalidArgument, match="unhandled tar header type"):
        apply(archive(entry("x", b"Z")), tmp_path / "root")


def test_a_name_that_is_refused_is_shown_as_text(tmp_path: Path) -> None:
    """Not as Python shows bytes; what a terminal would obey, and what is no text, is escaped."""
    with pytest.raises(InvalidArgument) as refused:
        apply(archive(entry("../\033[2J\udcffé", data=b"1")), tmp_path / "root")
    assert refused.value.message == 'entry "../\\x1b[2J\\xffé" leaves the root of its layer'


def test_a_layer_compared_and_applied_again_is_the_same_tree(rich_tree: Path, tmp_path: Path) -> None:
    """Compare writes what Apply reads; GNU tar says whether anything was lost."""
    from argosy.plugin.diff.compare import write_layer

    lower = tmp_path / "lower"
    subprocess.run(["cp", "-a", rich_tree, lower], check=True)
    upper = tmp_path / "upper"
    subprocess.run(["cp", "-a", rich_tree, upper], check=True)
    (upper / "plain").unlink()
    (upper / "empty").write_text("no more")
    os.chmod(upper / "setuid", 0o755)
    subprocess.run(["rm", "-r", upper / ("d" * 60)], check=True)
    (upper / "new/deep").mkdir(parents=True)
    (upper / "new/deep/file").write_text("added")
    out = tmp_path / "layer"
    with out.open("wb") as file:
        layer = write_layer(str(lower), str(upper), file, "application/vnd.oci.image.layer.v1.tar+gzip")
    assert layer.size == out.stat().st_size
    listed = subprocess.run(["tar", "tzf", out], capture_output=True, text=True, check=True).stdout.split()
    assert sorted(listed) == sorted(
        [".wh.plain", "empty", "setuid", ".wh." + "d" * 60, "new/", "new/deep/", "new/deep/file"]
    )
    with out.open("rb") as file, TreeWriter(str(lower)) as writer:
        writer.apply(TarReader(inflate(file)))
    whole = tmp_path / "whole.tar"
    subprocess.run(["tar", "--xattrs", "-C", upper, "-cf", whole, "."], check=True)
    done = subprocess.run(["tar", "-C", lower, "-df", whole], capture_output=True, text=True)
    # Whole seconds are what a layer keeps of a time; the root is not the layer's.
    left = [line for line in done.stdout.splitlines() if not line.startswith(".: ") and "Mod time differs" not in line]
    assert left == []
    assert not (lower / "plain").exists() and not (lower / ("d" * 60)).exists()


class _Counted(dict[Any, Any]):
    """What is known of directories; how often somebody looked through all of it is counted."""

    looked = 0

    def __iter__(self) -> Iterator[Any]:
        self.looked += 1
        return super().__iter__()


@pytest.mark.parametrize("writer", ["tree", "image"])
def test_a_directory_that_is_replaced_costs_what_is_in_it(tmp_path: Path, writer: str) -> None:
    """Each one that was replaced had all others looked through: a layer of a few megabytes took a day."""
    below = [directory(f"x/{n}/{n}", mtime=1_000_000_000 + n) for n in range(5)]
    tar = archive(
        directory("kept/d"), *below, entry("x"), directory("x"), *below, entry("x/3", data=b"3"), directory("kept/e")
    )
    layer: TreeWriter | LayerIndex = TreeWriter(str(tmp_path)) if writer == "tree" else LayerIndex(Node(0o040755), ())
    with layer:
        layer._open = opened = _Counted(layer._open)
        layer._times = times = _Counted(layer._times)
        layer.apply(TarReader(iter([tar])))

    assert (opened.looked, times.looked) == (0, writer == "tree")  # at the end all get their times
    left = [
        b"kept",
        b"kept/d",
        b"kept/e",
        b"x",
        *(b"x/%d" % n for n in (0, 1, 2, 4)),
        *(b"x/%d/%d" % (n, n) for n in (0, 1, 2, 4)),
    ]
    assert sorted(b"/".join(path) for path in times) == sorted(left)
    if writer == "tree":
        assert (tmp_path / "x/3").is_file() and (tmp_path / "x/4/4").stat().st_mtime == 1_000_000_004
