"""What is at a path as a tar, and a tar below a directory: by GNU tar's judgement, and so that nothing is lost."""

from __future__ import annotations

import asyncio
import io
import os
import stat
import subprocess
import tarfile
from pathlib import Path

import anyio
import pytest
from argosy.errors import FailedPrecondition, InvalidArgument, NotFound, ResourceExhausted
from argosy.mounts import Mount
from argosy.paths import running
from argosy.paths.__main__ import explained
from argosy.paths.names import base_name
from argosy.paths.order import PACK, PLACE, Order

from tests.harness.copies import a_tree, archive, packed, placed, snapshot


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A tree with one of everything that a copy keeps."""
    return a_tree(tmp_path / "tree")


# -- what GNU tar says --


def test_gnu_tar_takes_what_is_packed(tree: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    subprocess.run(["tar", "xpf", "-", "--xattrs", "-C", out], input=packed(tree), check=True, capture_output=True)
    assert snapshot(out) == snapshot(tree)


def test_holes_are_not_sent(tree: Path) -> None:
    assert len(packed(tree, "/d/sparse")) < 64 << 10


@pytest.mark.parametrize("how", ["--format=gnu", "--format=pax", "--format=gnu --sparse", "--format=pax --sparse --xattrs"])
def test_what_gnu_tar_packs_is_taken(tree: Path, tmp_path: Path, how: str) -> None:
    out = tmp_path / "out"
    out.mkdir()
    data = subprocess.run(["tar", "cf", "-", *how.split(), "-C", tree, "."], check=True, capture_output=True).stdout
    placed(out, "/", data, owners=True)
    mine, theirs = snapshot(out), snapshot(tree)
    whole = "pax" in how
    for rows in (mine, theirs):
        for name, row in rows.items():
            rows[name] = (
                *row[:-2],
                row[-2] if "xattrs" in how or not isinstance(row[-2], list) else [],
                row[-1] if whole else 0,
            )
    assert mine == theirs


def test_a_copy_of_a_copy_is_the_same(tree: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    data = packed(tree)
    placed(out, "/", data, step=777, owners=True)
    assert snapshot(out) == snapshot(tree)
    assert len(packed(out)) == len(data)


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/", "."),
        ("", "."),
        ("/a/", "a"),
        ("/a/.", "."),
        ("/a/..", "."),
        ("/a/b", "b"),
        ("/a.", "a."),
        ("/.a", ".a"),
        (".", "."),
    ],
)
def test_an_archive_is_called_after_the_path(path: str, name: str) -> None:
    assert base_name(path) == name


def test_a_symlink_is_followed_where_a_slash_stands_behind_it(tree: Path) -> None:
    (tree / "to").symlink_to("/d/deep")
    kinds = {}
    for path in ("/to", "/to/", "/to/."):
        with tarfile.open(fileobj=io.BytesIO(packed(tree, path))) as tar:
            kinds[path] = [(one.name, one.type) for one in tar]
    assert kinds["/to"] == [("to", tarfile.SYMTYPE)]
    assert kinds["/to/"] == [("to", tarfile.DIRTYPE), ("to/link", tarfile.REGTYPE)]
    assert kinds["/to/."] == [(".", tarfile.DIRTYPE), ("./link", tarfile.REGTYPE)]


def test_without_walking_a_directory_stands_alone(tree: Path) -> None:
    with tarfile.open(fileobj=io.BytesIO(packed(tree, "/d", walk=False))) as tar:
        assert tar.getnames() == ["d"]


def test_an_attribute_whose_name_is_no_text_is_left_out(tree: Path) -> None:
    (tree / "odd").write_bytes(b"o")
    os.setxattr(tree / "odd", b"user.\xff", b"1")
    os.setxattr(tree / "odd", b"user.fine", b"\xff2")
    with tarfile.open(fileobj=io.BytesIO(packed(tree, "/odd"))) as tar:
        assert [key for key in tar.getmembers()[0].pax_headers if key.startswith("SCHILY")] == ["SCHILY.xattr.user.fine"]


def test_what_is_not_there_is_said(tree: Path) -> None:
    for path in ("/no", "/d/file/x", "/d/sym/"):
        with pytest.raises(NotFound, match="in the tree"):
            packed(tree, path)
    with pytest.raises(NotFound, match='"/no" in the tree'):
        placed(tree, "/no", archive(("a", b"")))
    with pytest.raises(FailedPrecondition, match="is no directory"):
        placed(tree, "/d/file", archive(("a", b"")))
    with pytest.raises(InvalidArgument, match="NUL"):
        packed(tree, "/a\0b")


# -- nothing is lost --


def test_what_is_in_the_way_stays(tree: Path) -> None:
    before = snapshot(tree)
    with pytest.raises(FailedPrecondition, match='cannot overwrite directory "d" with non-directory'):
        placed(tree, "/", archive(("d", b"a file")))
    with pytest.raises(FailedPrecondition, match='cannot overwrite directory "d" with non-directory'):
        placed(tree, "/", archive(("d", "a/symlink")))
    with pytest.raises(FailedPrecondition, match='cannot overwrite non-directory "d/file" with directory'):
        placed(tree, "/", archive(("d/file", None)))
    with pytest.raises(FailedPrecondition, match="cannot overwrite"):
        placed(tree, "/", archive(("d/file/x", b"")))
    assert snapshot(tree) == before


def test_a_file_is_replaced_whole_or_not_at_all(tree: Path) -> None:
    before = snapshot(tree)
    data = archive(("d/empty", b"n" * 5000), ("d/file", b"o" * 5000))
    for length in (600, 3000, 5000):
        with pytest.raises(InvalidArgument, match="truncated"):
            placed(tree, "/", data[:length])
        after = snapshot(tree)
        after["d"] = before["d"]
        assert after == before
    placed(tree, "/", data)
    assert (tree / "d" / "file").read_bytes() == b"o" * 5000
    assert (tree / "d" / "deep" / "link").read_bytes() == b"bytes\n" * 1000, "another name of the file that was replaced"


def test_the_directory_keeps_what_it_is(tree: Path) -> None:
    (tree / "d").chmod(0o1777)
    placed(tree, "/d", archive(("./", {"type": tarfile.DIRTYPE, "mode": 0o700, "uid": 5}), ("./x", b"")))
    assert stat.S_IMODE((tree / "d").stat().st_mode) == 0o1777 and (tree / "d").stat().st_uid == os.geteuid()


def test_names_are_those_that_were_asked_for(tree: Path) -> None:
    placed(
        tree,
        "/",
        archive(("a", None), ("a/f", b"x"), ("a/l", {"type": tarfile.LNKTYPE, "linkname": "a/f"})),
        only="a",
        name="b",
    )
    assert (tree / "b" / "l").read_bytes() == b"x" and not (tree / "a").exists()
    for name in ("b", "./b", "ab", "b/a"):
        with pytest.raises(InvalidArgument, match="alone"):
            placed(tree, "/", archive((name, b"")), only="a", name="c")


def test_a_process_without_memory_says_so(tree: Path) -> None:
    """What is in one directory is listed whole; who has more of it than any memory is told, and nobody else notices."""
    order = Order(verb=PACK, path="/", what="the tree", word=7)
    error = explained(MemoryError(), order)
    assert isinstance(error, ResourceExhausted) and "copy a part of them" in error.message


def test_an_order_is_read_as_it_was_given_however_long(tree: Path) -> None:
    mounts = [Mount("overlay", "overlay", ("lowerdir=" + ":".join(f"/a/long/path/{n}" for n in range(20_000)),), "")]
    order = Order(verb=PLACE, path="/\udcff\n", what='container "x"', mounts=mounts, maps=("0:1:2", "0:3:4"), word=3)
    file = order.file()
    assert Order.read(file) == order
    assert max(map(len, order.command(file))) < 4096


def test_whoever_takes_no_more_of_what_is_packed_does_not_wait_for_it(tmp_path: Path) -> None:
    """Its process is killed with its output full, which asyncio's streams do not come to the end of by themselves."""
    (tmp_path / "big").write_bytes(os.urandom(4 << 20))

    async def takes_one(root: int) -> None:
        with anyio.fail_after(running._DEATH_S / 2):
            async with running.packed(Order(verb=PACK, path="/big", what="it", root=root), 10) as chunks:
                async for _ in chunks:
                    await anyio.sleep(0.2)
                    break

    root = os.open(tmp_path, os.O_PATH | os.O_DIRECTORY)
    try:
        asyncio.run(takes_one(root))
    finally:
        os.close(root)
