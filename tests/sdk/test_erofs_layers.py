"""EROFS images as layers: what we make is checked by the kernel and fsck.erofs, what mkfs.erofs makes is read here without the kernel."""

from __future__ import annotations

import io
import os
import random
import shutil
import struct
import subprocess
import tarfile
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest
from argosy.erofs.packed import write_image
from argosy.erofs.reading import tar_of
from argosy.errors import ArgosyError, FailedPrecondition, InvalidArgument, ResourceExhausted, Unimplemented
from argosy.kernel.mount import temporary_mount
from argosy.mounts import Mount
from argosy.unpack.limits import Budget, Limits
from argosy.unpack.tar import TarReader

from tests.harness.erofs import needs_erofs
from tests.harness.layers import archive, directory, entry, hard_link, symlink
from tests.sdk.test_erofs import described, mounted
from tests.sdk.test_unpack import rich_tree  # noqa: F401 - a fixture

pytestmark = pytest.mark.root

needs_mkfs = pytest.mark.skipif(shutil.which("mkfs.erofs") is None, reason="needs mkfs.erofs, of erofs-utils")


def packed(tar: bytes, step: int = 777) -> bytes:
    """Return the image of a layer."""
    with tempfile.TemporaryFile() as file:
        write_image(file.fileno(), iter([tar[i : i + step] for i in range(0, len(tar), step)]))
        return file.read()


def read(image: bytes, budget: Budget | None = None) -> bytes:
    """Return what is in an image, as a tar."""
    with tempfile.TemporaryFile() as file:
        file.write(image)
        file.flush()
        return b"".join(tar_of(file.fileno(), len(image), budget or Budget()))


def checked(image: bytes, where: Path) -> Path:
    """Write an image to a file which fsck.erofs, where there is one, finds nothing wrong with."""
    where.write_bytes(image)
    if shutil.which("fsck.erofs"):
        ran = subprocess.run(["fsck.erofs", str(where)], capture_output=True, text=True, check=False)
        assert (ran.returncode, ran.stderr) == (0, ""), ran
    return where


def unpacked(tar: bytes, out: Path) -> Path:
    """Return a directory that GNU tar unpacked a tar to."""
    out.mkdir()
    command = ["tar", "-C", str(out), "-xp", "--xattrs", "--xattrs-include=*", "--numeric-owner"]
    subprocess.run(command, input=tar, check=True, capture_output=True)
    return out


def tar_up(root: Path) -> bytes:
    command = ["tar", "--format=pax", "--xattrs", "--xattrs-include=*", "--sparse", "-C", str(root), "-c", "."]
    return subprocess.run(command, check=True, capture_output=True).stdout


@needs_erofs
def test_what_gnu_tar_packed_is_in_the_image_and_comes_out_again(rich_tree: Path, tmp_path: Path) -> None:  # noqa: F811 - the fixture
    (rich_tree / "many").mkdir()
    for n in range(600):  # more than a block of names, and directories that stand behind their inodes
        (rich_tree / "many" / f"{n:03}-{'n' * 40}").symlink_to(f"../{n}")
        (rich_tree / "many" / f"{n:03}").mkdir()
    data = tar_up(rich_tree)
    wanted = described(unpacked(data, tmp_path / "gnu"))
    image = packed(data)
    assert image == packed(data, step=1 << 20), "the same layer becomes the same image"
    with mounted(checked(image, tmp_path / "image")) as root:
        assert described(root) == wanted
    assert described(unpacked(read(image), tmp_path / "back")) == wanted


@needs_mkfs
@pytest.mark.parametrize(
    "options",
    [[], ["-Enoinline_data"], ["--chunksize=4096"], ["-Eforce-inode-extended"], ["-Eforce-inode-compact"], ["-x1"]],
    ids=lambda options: " ".join(options) or "plain",
)
def test_what_mkfs_made_is_read_without_the_kernel(rich_tree: Path, tmp_path: Path, options: list[str]) -> None:  # noqa: F811 - the fixture
    """Compact and extended inodes, tails behind them, chunks with holes, attributes that files share."""
    for n in range(40):
        (rich_tree / f"shared-{n}").write_bytes(b"s" * 100 * n)
        os.setxattr(rich_tree / f"shared-{n}", "user.same", b"of many")
    subprocess.run(
        ["mkfs.erofs", "--quiet", *options, str(tmp_path / "image"), str(rich_tree)], check=True, capture_output=True
    )
    wanted, found = described(rich_tree), described(unpacked(read((tmp_path / "image").read_bytes()), tmp_path / "out"))
    if "-Eforce-inode-compact" in options:  # these have one time for all, and small ids
        wanted, found = ({name: (*what[:3], 0, *what[4:]) for name, what in one.items()} for one in (wanted, found))
    assert found == wanted


@needs_mkfs
def test_what_is_not_read_is_told_what_it_is(rich_tree: Path, tmp_path: Path) -> None:  # noqa: F811 - the fixture
    image = tmp_path / "image"
    subprocess.run(["mkfs.erofs", "--quiet", "-zlz4hc", str(image), str(rich_tree)], check=True, capture_output=True)
    with pytest.raises(Unimplemented, match="files are compressed in the layer.s EROFS image"):
        read(image.read_bytes())
    with tempfile.NamedTemporaryFile(dir=tmp_path) as blob:
        subprocess.run(
            ["mkfs.erofs", "--quiet", "--chunksize=4096", f"--blobdev={blob.name}", str(image), str(rich_tree)],
            check=True, capture_output=True,
        )  # fmt: skip
    with pytest.raises(Unimplemented):
        read(image.read_bytes())
    for data in (b"", bytes(4096), tar_up(rich_tree)[:8192]):
        with pytest.raises(InvalidArgument, match="EROFS image"):
            read(data)


@needs_erofs
def test_whiteouts_are_what_each_side_has_for_them(tmp_path: Path) -> None:
    tar = archive(
        directory("d"), entry("d/.wh.gone"), directory("e"), entry("e/.wh..wh..opq"), entry("e/new", data=b"n"), entry(".wh.top"),
        entry("d/" + ".wh." + "l" * 255),
    )  # fmt: skip
    image = packed(tar)
    with mounted(checked(image, tmp_path / "image")) as root:
        for name in ("d/gone", "top", "d/" + "l" * 255):
            info = (root / name).lstat()
            assert (info.st_rdev, info.st_mode & 0o170000) == (0, 0o020000)
        assert os.getxattr(root / "e", "trusted.overlay.opaque") == b"y"
    names = [found.name for found in TarReader(iter([read(image)]))]
    assert sorted(names) == sorted(
        [b".wh.top", b"d/", b"d/.wh.gone", b"d/.wh." + b"l" * 255, b"e/", b"e/.wh..wh..opq", b"e/new"]
    )
    root_opaque = packed(archive(entry(".wh..wh..opq"), entry("x")))
    assert [found.name for found in TarReader(iter([read(root_opaque)]))] == [b".wh..wh..opq", b"x"]


@needs_erofs
def test_a_directory_that_no_entry_spoke_of_is_none_afterwards(tmp_path: Path) -> None:
    """It is as it is in the layers below: /tmp does not lose its mode to a file in it."""
    tar = archive(
        entry("tmp/file", data=b"f"),
        entry("var/log/.wh.old"),
        entry("said/f"),
        directory("said", 0o700),
        entry("root/.wh..wh..opq"),
    )
    image = packed(tar)
    names = [found.name for found in TarReader(iter([read(image)]))]
    assert sorted(names) == [b"root/.wh..wh..opq", b"said/", b"said/f", b"tmp/file", b"var/log/.wh.old"]
    assert names.index(b"said/") < names.index(b"said/f")
    with mounted(checked(image, tmp_path / "image")) as root:
        assert [(root / name).stat().st_mode & 0o7777 for name in ("tmp", "var/log", "said")] == [0o755, 0o755, 0o700]
        (tmp_path / "below").mkdir()
        with temporary_mount([Mount("overlay", "overlay", (f"lowerdir={root}:{tmp_path / 'below'}",))]) as merged:
            assert os.listxattr(f"{merged}/tmp") == [], "the mark is nobody's to see"


def test_a_hole_is_not_free_in_an_image() -> None:
    """A tar of a few bytes may have a file of gigabytes: nobody's disk is filled with its zeros."""
    pax = {"GNU.sparse.major": "1", "GNU.sparse.minor": "0", "GNU.sparse.name": "holes", "GNU.sparse.realsize": str(8 << 30)}
    tar = archive(entry("x", data=b"1\n8589934592\n0\n".ljust(512, b"\0"), pax=pax))
    with tempfile.TemporaryFile() as file, pytest.raises(ResourceExhausted, match="it inflates to more than"):
        write_image(file.fileno(), iter([tar]), Budget(packed=len(tar)))


def test_a_link_to_what_is_below_is_refused() -> None:
    with pytest.raises(FailedPrecondition, match="hard link .a. is to .below., which is not in the layer"):
        packed(archive(hard_link("a", "below")))


# -- hostile images --


def patched(image: bytes, at: int, data: bytes) -> bytes:
    return image[:at] + data + image[at + len(data) :]


def inodes_at(image: bytes) -> int:
    """Return where an image of ours has its inodes; the root's is the first."""
    return int(struct.unpack_from("<I", image, 1024 + 40)[0]) * 4096


def renamed(old: bytes, new: bytes) -> Callable[[bytes], bytes]:
    def change(image: bytes) -> bytes:
        assert image.count(old) == 1 and len(old) == len(new)
        return image.replace(old, new)

    return change


SMALL = archive(directory("sub"), entry("sub/inside", data=b"i" * 5000), entry("outside", data=b"o"), symlink("way", "sub"))
HOSTILE: dict[str, tuple[Callable[[bytes], bytes], str]] = {
    "a name that leads out": (renamed(b"inside", b"in/ide"), "a directory in it is none"),
    "a name with a NUL": (renamed(b"outside", b"out\0ide"), "a directory in it is none"),
    "a name of a whiteout": (renamed(b"inside", b".wh.de"), "which is a whiteout in any other layer"),
    "inodes behind its end": (lambda image: patched(image, 1024 + 40, b"\xff\xff\xff\x7f"), "it names 32 bytes"),
    "blocks of four gigabytes": (lambda image: patched(image, 1024 + 12, b"\x20"), r"blocks have 2\^32 bytes"),
    "another device": (lambda image: patched(image, 1024 + 86, b"\x01\0"), "is of several files"),
    "a feature of the future": (lambda image: patched(image, 1024 + 80, b"\0\0\0\x40"), "it asks for features 0x40000000"),
    "a root that is a file": (lambda image: patched(image, inodes_at(image) + 4, b"\xa4\x81"), "its root is no directory"),
    "a root that is everything": (lambda image: patched(image, inodes_at(image) + 4, b"\xff\xff"), "a file of mode"),
    "a root without end": (lambda image: patched(image, inodes_at(image) + 8, b"\xff" * 7 + b"\x0f"), "a directory of the layer's"),
    "attributes without end": (lambda image: patched(image, inodes_at(image) + 2, b"\xff\xff"), "EROFS image"),
}  # fmt: skip


@pytest.mark.parametrize("how", HOSTILE)
def test_a_hostile_image_is_refused_with_what_is_wrong_in_it(how: str) -> None:
    change, says = HOSTILE[how]
    with pytest.raises(ArgosyError, match=says):
        read(change(packed(SMALL)))


def test_a_directory_that_is_in_itself_is_refused() -> None:
    image = packed(archive(directory("loop")))
    at = inodes_at(image)
    # The root's entries stand behind its inode: ., .., loop. Each begins with its inode's number.
    numbers = [struct.unpack_from("<Q", image, at + 64 + 12 * n)[0] for n in range(3)]
    assert len(set(numbers)) == 2
    with pytest.raises(InvalidArgument, match='has a directory twice, the second time as "loop"'):
        read(patched(image, at + 64 + 24, bytes(8)))


def test_what_is_large_in_a_small_image_stops_at_a_limit() -> None:
    """A thousand names for one file's bytes: each of their inodes says that it has but one."""
    image = packed(archive(entry("f", data=bytes(1 << 20)), *(entry(f"n{n}", data=b"x") for n in range(1000))))
    at, made = inodes_at(image), bytearray(image)
    files = [n for n in range(at, len(image) - 64, 32) if image[n : n + 6] == b"\x01\0\0\0\xa4\x81"]
    (large,) = (n for n in files if struct.unpack_from("<Q", image, n + 8)[0] == 1 << 20)
    for n in files:
        made[n + 8 : n + 20] = image[large + 8 : large + 20]  # its size, and where its bytes are
    assert len(files) == 1001
    budget = Budget(Limits(max_bytes=64 << 20))
    total = 0
    with tempfile.TemporaryFile() as file:
        file.write(made)
        file.flush()
        with pytest.raises(ResourceExhausted):
            for chunk in tar_of(file.fileno(), len(made), budget):
                total += len(chunk)
                budget.inflated(total)
    assert total < 70 << 20


@pytest.mark.parametrize("seed", range(4))
def test_a_damaged_image_is_read_or_refused_and_nothing_else(rich_tree: Path, seed: int) -> None:  # noqa: F811 - the fixture
    """What comes out is a tar that is read, or refused, in its turn."""
    whole, rng = packed(tar_up(rich_tree)), random.Random(seed)
    start = inodes_at(whole)
    for _ in range(150):
        image = bytearray(whole)
        for _ in range(rng.randint(1, 8)):
            where = rng.choice(
                [rng.randrange(1024, 1152), rng.randrange(start, len(image)), rng.randrange(start, len(image))]
            )
            image[where] = rng.choice([0, 0xFF, 0x7F, 1, image[where] ^ 1 << rng.randrange(8), rng.randrange(256)])
        if rng.random() < 0.2:
            del image[rng.randrange(len(image)) :]
        budget = Budget(Limits(max_bytes=32 << 20))
        try:
            with tempfile.TemporaryFile() as file:
                file.write(image)
                file.flush()
                total = 0
                out = io.BytesIO()
                for chunk in tar_of(file.fileno(), len(image), budget):
                    total += len(chunk)
                    budget.inflated(total)
                    out.write(chunk)
            for found in TarReader(iter([out.getvalue()])):
                assert found.name
        except ArgosyError:
            continue


def test_the_tar_of_an_image_is_one_that_python_reads(rich_tree: Path) -> None:  # noqa: F811 - the fixture
    with tarfile.open(fileobj=io.BytesIO(read(packed(tar_up(rich_tree))))) as tar:
        assert {member.name for member in tar if member.isreg()} >= {"hard", "sparse", "ünï"}
