"""STORE-006: images whose every field lies. They are refused in words, or read: at a bounded cost, from the blob alone, into the tree alone."""

from __future__ import annotations

import os
import random
import stat
import tempfile
import tracemalloc
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
import zstandard
from argosy.erofs.reading import tar_of
from argosy.errors import ArgosyError, InvalidArgument, ResourceExhausted
from argosy.kernel.mount import temporary_mount
from argosy.mounts import Mount
from argosy.oci.layers import EROFS
from argosy.unpack.apply import unpack
from argosy.unpack.limits import Budget, Limits
from argosy.unpack.tar import TarReader

from tests.harness.erofs_images import CHUNKS, IMPLIED, Image, attribute, attributes, names
from tests.sdk.test_erofs_layers import read

pytestmark = pytest.mark.root

SMALL = Limits(max_bytes=4 << 20, max_entries=500, max_metadata_bytes=1 << 20)
# Behind the image in its file: whoever reads beyond the blob finds it.
BEYOND = b"behind the end of the blob" * 4096
IMPLIES = attributes(attribute(IMPLIED, b"y", 4))


def of_everything() -> Image:
    """Return an image with one of each kind of inode, layout and attribute; its root is the last inode."""
    image = Image()
    same = image.share(attribute(b"same", b"of two"))
    shared = attributes(attribute(b"own", b"o"), attribute(b"capability", b"\0\0\0\2" + bytes(16), 6), shared=[same])
    block = image.put(b"p" * 4096)
    holes = b"".join(number.to_bytes(4, "little") for number in (block, 0xFFFFFFFF, block))
    indexes = b"".join((number << 32).to_bytes(8, "little") for number in (block, 0xFFFFFFFF))
    linked = image.file(b"linked", links=2)
    inner = [
        (b"plain", image.inode(stat.S_IFREG | 0o4755, 4096, block, xattrs=shared)),
        (b"compact", image.file(b"c" * 100, compact=True, xattrs=attributes(shared=[same]))),
        (b"chunks", image.inode(stat.S_IFREG | 0o644, 3 * 4096 - 5, 0, CHUNKS, behind=holes)),
        (b"indexes", image.inode(stat.S_IFREG | 0o644, 8000, 0x20, CHUNKS, behind=indexes)),
        (b"one", linked),
        (b"another", linked),
        (b"symlink", image.inode(stat.S_IFLNK | 0o777, 11, 0, 2, behind=b"../../plain")),
        (b"null", image.inode(stat.S_IFCHR | 0o666, 0, 0x103)),
        (b"gone", image.inode(stat.S_IFCHR)),
        (b"fifo", image.inode(stat.S_IFIFO | 0o644)),
        (b"socket", image.inode(stat.S_IFSOCK | 0o644)),
    ]
    sub = image.directory([*inner, (b"deep", image.directory([(b"file", image.file(b"d"))]))], inline=False)
    image.directory(
        [
            (b"implied", image.directory([(b"in", image.file(b"i"))], xattrs=IMPLIES)),
            (b"opaque", image.directory([], xattrs=attributes(attribute(b"overlay.opaque", b"y", 4)))),
            (b"sub", sub),
        ]
    )
    return image


WHOLE = of_everything()
GOOD = WHOLE.made(WHOLE.last)


def liars(seed: int) -> Iterator[bytes]:
    """Yield the image with each field changed, and with several, and cut."""
    rng, fields = random.Random(seed), list(WHOLE.fields())
    assert len(fields) > 400
    for at, width in fields:
        now = int.from_bytes(GOOD[at : at + width], "little")
        most = (1 << 8 * width) - 1
        for value in rng.sample(
            [
                0,
                1,
                most,
                most - 1,
                most >> 1,
                most >> 1 ^ most,
                now + 1 & most,
                now - 1 & most,
                now << 1 & most,
                len(GOOD) & most,
            ],
            2,
        ):
            yield GOOD[:at] + value.to_bytes(width, "little") + GOOD[at + width :]
    for _ in range(200):
        made = bytearray(GOOD)
        for at, width in rng.sample(fields, rng.randint(2, 6)):
            made[at : at + width] = rng.randbytes(width) if rng.random() < 0.5 else bytes(width)
        if rng.random() < 0.2:
            del made[rng.randrange(len(made)) :]
        yield bytes(made)


def outcome(image: bytes, into: Path | None) -> str:
    """Read an image that something else stands behind, and unpack it into a directory, if any; return what it was refused with, or ""."""
    with open(os.memfd_create("image"), "w+b") as file:
        file.write(image + BEYOND)
        file.flush()
        budget, total = Budget(SMALL), 0
        tar = bytearray()
        try:
            for chunk in tar_of(file.fileno(), len(image), budget):
                total += len(chunk)
                assert total < 6 << 20
                budget.inflated(total)
                tar += chunk
            assert BEYOND[:26] not in tar
            for found in TarReader(iter([bytes(tar)]), Budget(SMALL)):
                assert found.name
            if into is None:
                return ""
            into.mkdir(parents=True, exist_ok=True)
            file.truncate(len(image))
            file.seek(0)
            unpack(
                file, [Mount("bind", str(into), ("rbind", "rw"))], budget=Budget(SMALL), media_type=EROFS, works_ahead=False
            )
        except ArgosyError as error:
            assert len(str(error)) < 1000
            return str(error) or type(error).__name__
    return ""


def test_the_image_is_one_before_it_lies(tmp_path: Path) -> None:
    assert outcome(GOOD, tmp_path) == ""
    assert sorted(os.listdir(tmp_path / "sub")) == sorted(
        ["another", "chunks", "compact", "deep", "fifo", "indexes", "null", "one", "plain", "symlink"]
    )
    assert (tmp_path / "sub/chunks").read_bytes() == b"p" * 4096 + bytes(4096) + b"p" * 4091
    assert (tmp_path / "sub/indexes").read_bytes() == b"p" * 4096 + bytes(3904)
    assert (
        os.getxattr(tmp_path / "sub/plain", "user.same") == os.getxattr(tmp_path / "sub/compact", "user.same") == b"of two"
    )
    assert (tmp_path / "sub/one").stat().st_ino == (tmp_path / "sub/another").stat().st_ino


@pytest.mark.parametrize("seed", range(2))
def test_whatever_field_lies_it_is_refused_or_read_and_nothing_else(seed: int, tmp_path: Path) -> None:
    """Nothing is read behind the blob's end, nothing is made outside of the tree, and no more than the limits say."""
    tree, said = tmp_path / "tree", set[str]()
    (tmp_path / "plain").write_text("outside")
    for number, image in enumerate(liars(seed)):
        # Making files takes most of the time.
        said.add(outcome(image, tree / str(number) if number % 5 == seed else None)[:40])
    assert sorted(os.listdir(tmp_path)) == ["plain", "tree"]
    assert (tmp_path / "plain").read_text() == "outside" and (tmp_path / "plain").stat().st_nlink == 1
    assert len(said) > 10, "it lies about one thing only"


def test_a_deep_path_through_wide_directories_takes_little_memory() -> None:
    """Each of them was held with all of its names while what is below was read: a gigabyte for blocks of 64 KiB."""
    image, depth = Image(16), 200
    many = [(b"%04d" % n, 0) for n in range(4000)]
    below = image.inode(stat.S_IFREG | 0o644)
    for _ in range(depth):
        below = image.directory([(b"d", below), *many], inline=False)
    made = image.made(below)
    with tempfile.TemporaryFile() as file:
        file.write(made)
        file.flush()
        tar = tar_of(file.fileno(), len(made), Budget())
        tracemalloc.start()
        try:
            for _ in range(depth - 1):
                next(tar)
            assert tracemalloc.get_traced_memory()[1] < 4 << 20
        finally:
            tracemalloc.stop()


def implied(image: Image, count: int, xattrs: bytes) -> Sequence[tuple[bytes, int]]:
    return [(b"%d" % n, image.inode(stat.S_IFDIR | 0o755, xattrs=xattrs)) for n in range(count)]


def test_directories_that_no_entry_speaks_of_count_as_entries() -> None:
    """There is nothing of them in the tar, whose reader counts."""
    image = Image()
    root = image.directory(implied(image, 60, IMPLIES), inline=False)
    assert read(image.made(root), Budget(Limits(max_entries=60)))
    with pytest.raises(ResourceExhausted, match="it holds more than 59 entries"):
        read(image.made(root), Budget(Limits(max_entries=59)))


@pytest.mark.parametrize("shows", [False, True], ids=["implied", "files"])
def test_attributes_are_counted_each_time_that_they_are_read(shows: bool) -> None:
    """A few bytes name one of 60 KB 255 times; as often as there are inodes, that was hours of reading."""
    image = Image()
    large = image.share(attribute(b"large", b"l" * 60_000, 4))
    xattrs = attributes(*([] if shows else [attribute(IMPLIED, b"y", 4)]), shared=[large] * 255)
    entries = [(b"f", image.inode(stat.S_IFREG | 0o644, xattrs=xattrs))] if shows else implied(image, 1, xattrs)
    made = image.made(image.directory(entries))
    with pytest.raises(ResourceExhausted, match="attributes and sparse maps take more than 4194304 bytes"):
        read(made, Budget(Limits(max_metadata_bytes=4 << 20)))


def test_names_of_files_that_say_they_have_more_are_counted() -> None:
    """Each is remembered in case that another one comes, which never does."""
    image = Image()
    below = image.directory([(b"%d" % n, image.file(links=2)) for n in range(100)], inline=False)
    for _ in range(10):
        below = image.directory([(b"d" * 255, below)])
    with pytest.raises(ResourceExhausted, match="take more than 200000 bytes"):
        read(image.made(below), Budget(Limits(max_metadata_bytes=200_000)))


@pytest.mark.parametrize("seconds", [-1, -86_400 * 365 * 30])
def test_a_time_before_the_epoch_is_no_time_of_the_far_future(seconds: int) -> None:
    image = Image()
    made = image.made(image.directory([(b"old", image.file(seconds=seconds))]))
    (found,) = TarReader(iter([read(made)]))
    assert found.mtime_ns == seconds * 1_000_000_000


@pytest.mark.parametrize("name", [b".wh..opq", b".wh.x", b".wh.", b".wh..wh..opq"])
@pytest.mark.parametrize("kind", [stat.S_IFCHR, stat.S_IFREG, stat.S_IFSOCK, stat.S_IFDIR])
def test_a_name_that_hides_something_in_other_layers_is_none_here(name: bytes, kind: int) -> None:
    """A whiteout called .wh..opq became what makes its directory opaque."""
    image = Image()
    made = image.made(image.directory([(name, image.inode(kind))]))
    with pytest.raises(InvalidArgument, match="which is a whiteout in any other layer"):
        read(made)


def test_names_that_go_backwards_or_are_the_whole_block_are_refused() -> None:
    image = Image()
    block = bytearray(names([(b"one", 0), (b"two", 0)]))
    block[8:10], block[20:22] = (24).to_bytes(2, "little"), (24).to_bytes(2, "little")
    root = image.inode(stat.S_IFDIR | 0o755, len(block), image.put(bytes(block)))
    with pytest.raises(InvalidArgument, match="a directory in it is none"):
        read(image.made(root))


def test_an_image_for_which_there_is_no_room_is_told_as_that(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """One that comes compressed is in a file while it is read: that the disk was full was an error of nobody's, and its remedy unknown."""
    image = Image()
    large = image.inode(stat.S_IFREG | 0o644, 8 << 20, image.put(bytes(8 << 20)))
    made = zstandard.compress(image.made(image.directory([(b"f", large)])))
    with temporary_mount([Mount("tmpfs", "tmpfs", ("size=1m",))]) as small, tempfile.TemporaryFile() as blob:
        blob.write(made)
        blob.seek(0)
        monkeypatch.setattr(tempfile, "tempdir", str(small))
        with pytest.raises(ResourceExhausted, match=r"image is to be in a file in .*: the disk is full; free some space"):
            unpack(blob, [Mount("bind", str(tmp_path), ("rbind", "rw"))], media_type=f"{EROFS}+zstd")
        monkeypatch.undo()
