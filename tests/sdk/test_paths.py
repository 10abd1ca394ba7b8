"""What is at a path as a tar, and a tar below a directory: by GNU tar's judgement, and against archives and neighbours that are hostile."""

from __future__ import annotations

import io
import os
import stat
import subprocess
import tarfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from argosy.errors import FailedPrecondition, InvalidArgument, NotFound, ResourceExhausted
from argosy.paths.names import base_name
from argosy.paths.packing import pack
from argosy.paths.placing import Rules, place
from hypothesis import given, settings
from hypothesis import strategies as st


def packed(root: Path, path: str = "/", **options: Any) -> bytes:
    out = io.BytesIO()
    fd = os.open(root, os.O_PATH)
    try:
        pack(fd, path, out, what="the tree", **options)
    finally:
        os.close(fd)
    return out.getvalue()


def placed(root: Path, path: str, data: bytes, step: int = 1 << 20, **options: Any) -> None:
    fd = os.open(root, os.O_PATH)
    try:
        place(fd, path, (data[at : at + step] for at in range(0, len(data), step)), what="the tree", rules=Rules(**options))
    finally:
        os.close(fd)


def archive(*members: tuple[str, Any]) -> bytes:
    """Return a tar: of bytes a file, of text a symlink, of a dict an entry with these attributes, of None a directory."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for name, what in members:
            info = tarfile.TarInfo(name)
            data = b""
            if what is None:
                info.type, info.mode = tarfile.DIRTYPE, 0o755
            elif isinstance(what, str):
                info.type, info.linkname = tarfile.SYMTYPE, what
            elif isinstance(what, bytes):
                data = what
            else:
                data = what.pop("data", b"")
                for key, value in what.items():
                    setattr(info, key, value)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return out.getvalue()


def snapshot(root: Path) -> dict[str, Any]:
    """Return what a tree holds: everything that a copy keeps."""
    found: dict[str, Any] = {}
    inodes: dict[int, str] = {}
    for path in sorted(os.fsencode(root / sub) for sub in ["", *(str(p.relative_to(root)) for p in root.rglob("*"))]):
        info = os.lstat(path)
        name = os.fsdecode(os.path.relpath(path, os.fsencode(root)))
        row: list[Any] = [stat.filemode(info.st_mode), info.st_uid, info.st_gid]
        if stat.S_ISREG(info.st_mode):
            row += [info.st_size, Path(os.fsdecode(path)).read_bytes(), inodes.setdefault(info.st_ino, name)]
        if stat.S_ISLNK(info.st_mode):
            row.append(os.readlink(path))
        else:
            row.append(sorted((key, os.getxattr(path, key)) for key in os.listxattr(path)))
        found[name] = (*row, 0 if name == "." else info.st_mtime_ns)
    return found


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A tree with one of everything that a copy keeps."""
    top = tmp_path / "tree"
    (top / "d" / "deep").mkdir(parents=True)
    (top / "d" / "file").write_bytes(b"bytes\n" * 1000)
    (top / "d" / "empty").touch()
    os.link(top / "d" / "file", top / "d" / "deep" / "link")
    (top / "d" / "sym").symlink_to("../nowhere")
    os.mkfifo(top / "d" / "fifo", 0o640)
    (top / "d" / ".wh.name").write_bytes(b"no whiteout")
    Path(os.fsdecode(os.fsencode(top / "d") + b"/\xff\xfe bytes")).write_bytes(b"x")
    (top / "d" / ("long" * 60)).write_bytes(b"long")
    (top / "d" / "setuid").touch()
    (top / "d" / "setuid").chmod(0o4755)
    os.setxattr(top / "d" / "file", "user.kept", b"\xff\x00value")
    with (top / "d" / "sparse").open("wb") as file:
        file.seek(5 << 20)
        file.write(b"in the middle")
        file.truncate(9 << 20)
    for number, path in enumerate(sorted(top.rglob("*"), key=lambda p: -len(p.parts))):
        os.utime(path, ns=(10**18 + number, 10**18 + number * 7), follow_symlinks=False)
    return top


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


# -- hostile trees --


@pytest.fixture
def outside(tmp_path: Path) -> Iterator[Path]:
    """A directory that nobody may reach: it is as it was at the end."""
    secret = tmp_path / "outside"
    secret.mkdir()
    (secret / "passwd").write_text("secret")
    before = snapshot(secret)
    yield secret
    assert snapshot(secret) == before


def test_symlinks_stay_below_the_root(tree: Path, outside: Path) -> None:
    up = "/".join([".."] * 20)
    (tree / "abs").symlink_to(outside)
    (tree / "rel").symlink_to(f"{up}{outside}")
    for path in ("/abs/passwd", "/rel/passwd", f"/{up}{outside}/passwd", "/abs/"):
        with pytest.raises(NotFound):
            packed(tree, path)
        with pytest.raises(NotFound):
            placed(tree, path.removesuffix("passwd"), archive(("passwd", b"new")))


def test_magic_links_lead_nowhere() -> None:
    """A container's own /proc has them: they lead to the root of whoever looks."""
    for path in ("/proc/self/root/etc/hostname", f"/proc/{os.getpid()}/cwd/x"):
        with pytest.raises(InvalidArgument, match="of the kernel's own"):
            packed(Path("/"), path)


def test_the_kernels_own_state_is_no_file() -> None:
    with pytest.raises(FailedPrecondition, match=r"kernel's own state \(proc\)"):
        packed(Path("/"), "/proc/version")
    with pytest.raises(FailedPrecondition, match=r"kernel's own state \(proc\)"):
        placed(Path("/"), "/proc/sys", archive(("a", b"")))


def test_loops_and_depth_end(tree: Path) -> None:
    (tree / "loop").symlink_to("loop")
    with pytest.raises(InvalidArgument, match="too many symlinks"):
        packed(tree, "/loop/")
    here = os.open(tree, os.O_RDONLY)
    for _ in range(30):
        os.mkdir("n" * 200, dir_fd=here)
        below = os.open("n" * 200, os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = below
    os.close(here)
    with pytest.raises(FailedPrecondition, match="deeper than a path is long"):
        packed(tree)


def test_a_directory_that_turns_into_a_symlink_all_the_time_shows_nothing_of_outside(tree: Path, outside: Path) -> None:
    """Also where a tar is placed: what is written goes into the tree, or is refused."""
    stop = threading.Event()
    (tree / "aside").mkdir()
    (tree / "link").symlink_to(outside)

    def swap() -> None:
        while not stop.is_set():
            for one, other in (("d", "was"), ("link", "d"), ("d", "link"), ("was", "d")):
                os.rename(tree / one, tree / other)  # nobody else makes one of these names

    swapper = threading.Thread(target=swap)
    swapper.start()
    try:
        for _ in range(150):
            for path in ("/", "/d/", "/d/deep"):
                try:
                    assert b"secret" not in packed(tree, path)
                except (NotFound, FailedPrecondition, OSError):
                    pass
            for path in ("/d", "/d/deep"):
                try:
                    placed(tree, path, archive(("sub/passwd", b"mine"), ("passwd", b"mine")))
                except (NotFound, FailedPrecondition, InvalidArgument):
                    pass
    finally:
        stop.set()
        swapper.join()
    assert (outside / "passwd").read_text() == "secret" and os.listdir(outside) == ["passwd"]


# -- hostile archives --


@pytest.mark.parametrize("name", ["../x", "a/../../x", "d/../../x"])
def test_names_do_not_leave_the_directory(tree: Path, name: str) -> None:
    with pytest.raises(InvalidArgument, match="leaves the root"):
        placed(tree, "/d", archive((name, b"")))


@pytest.mark.parametrize("leads", ["/other", "../other", "../../other", "/"])
def test_a_symlink_does_not_lead_out_of_the_directory(tree: Path, leads: str) -> None:
    """Be it the archive's own, or one that was there."""
    (tree / "other").mkdir()
    data = archive(("s", leads), ("s/x", b"new"), ("s/y/z", b"new"))
    with pytest.raises(InvalidArgument, match="leads out of"):
        placed(tree, "/d", data)
    with pytest.raises(InvalidArgument, match="leads out of"):
        placed(tree, "/d", archive(("s/y/z", b"new")))
    assert os.listdir(tree / "other") == [] and not (tree / "x").exists()
    with pytest.raises(FailedPrecondition, match="is a symlink, and is not followed"):
        placed(tree, "/", archive(("d/s/x", b"new")), links=False)


def test_a_symlink_that_stays_below_is_followed(tree: Path) -> None:
    (tree / "d" / "in").symlink_to("/d/deep")
    placed(tree, "/d", archive(("in/x", b"new")))
    assert (tree / "d" / "deep" / "x").read_bytes() == b"new"


@pytest.mark.parametrize("kind", [tarfile.CHRTYPE, tarfile.BLKTYPE])
def test_devices_are_refused_or_left_out(tree: Path, kind: bytes) -> None:
    data = archive(("dev", {"type": kind, "devmajor": 1, "devminor": 3}), ("dev0", {"type": kind}), ("after", b"x"))
    with pytest.raises(InvalidArgument, match="is a device"):
        placed(tree, "/d", data)
    placed(tree, "/d", data, devices=False)
    assert not (tree / "d" / "dev").exists() and (tree / "d" / "after").exists()


@pytest.mark.parametrize("link", ["d/file", "../../../../etc/passwd", "d", "new", "later"])
def test_hard_links_are_to_what_the_archive_brought(tree: Path, link: str) -> None:
    data = archive(("new", {"type": tarfile.LNKTYPE, "linkname": link}), ("later", b""))
    with pytest.raises(InvalidArgument):
        placed(tree, "/", data)
    assert not (tree / "new").exists()


@pytest.mark.parametrize("size", [1 << 62, (1 << 63) - 1, 1 << 70])
def test_a_sparse_file_larger_than_files_are_is_refused(tree: Path, size: int) -> None:
    info = tarfile.TarInfo("GNUSparseFile.0/huge")
    info.pax_headers = {
        "GNU.sparse.major": "1", "GNU.sparse.minor": "0", "GNU.sparse.name": "huge", "GNU.sparse.realsize": str(size),
    }  # fmt: skip
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as tar:
        data = f"1\n{size}\n0\n".encode().ljust(512, b"\0")
        info.size = len(data)
        tar.addfile(info, io.BytesIO(data))
    with pytest.raises((InvalidArgument, ResourceExhausted)):
        placed(tree, "/", out.getvalue())
    assert sorted(os.listdir(tree)) == ["d"]


def test_without_owners_nobody_gets_rights_that_the_archive_gives(tree: Path) -> None:
    one = {"mode": 0o6755, "uid": 1234, "gid": 1234, "pax_headers": {"SCHILY.xattr.user.k": "v"}, "data": b"x"}
    placed(tree, "/", archive(("f", dict(one))))
    info = (tree / "f").stat()
    assert (stat.S_IMODE(info.st_mode), info.st_uid) == (0o755, os.geteuid())
    assert os.getxattr(tree / "f", "user.k") == b"v"
    if os.geteuid() == 0:
        placed(tree, "/", archive(("f", dict(one))), owners=True)
        info = (tree / "f").stat()
        assert (stat.S_IMODE(info.st_mode), info.st_uid, info.st_gid) == (0o6755, 1234, 1234)


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


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_an_archive_that_is_damaged_anywhere_stays_below(
    data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    top = tmp_path_factory.mktemp("damaged")
    (top / "in").mkdir()
    whole = bytearray(archive(("a/b", b"x" * 700), ("a/s", "b"), ("l", {"type": tarfile.LNKTYPE, "linkname": "a/b"})))
    for _ in range(data.draw(st.integers(1, 4))):
        whole[data.draw(st.integers(0, 6 * 512 - 1))] = data.draw(st.integers(0, 255))
    try:
        placed(top, "/in", bytes(whole[: data.draw(st.integers(0, len(whole)))]))
    except (InvalidArgument, FailedPrecondition, NotFound, ResourceExhausted):
        pass
    assert os.listdir(top) == ["in"]
