"""Files that are copied out of a container, or into one, lie below its root, and below the directory that was named, whatever is in the way."""

from __future__ import annotations

import io
import os
import stat
import tarfile
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from argosy.errors import FailedPrecondition, InvalidArgument, NotFound, ResourceExhausted
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.harness.copies import a_tree, archive, packed, placed, snapshot


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A tree with one of everything that a copy keeps."""
    return a_tree(tmp_path / "tree")


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
