"""S35: a hard link to a special file of a lower layer is a link to that special file; nobody ever opens it."""

from __future__ import annotations

import os
import resource
import socket
import stat
import tarfile
import threading
from collections.abc import Iterator
from contextlib import chdir
from pathlib import Path

import pytest
from argosy.errors import InvalidArgument, NotFound
from argosy.kernel.loop_device import loop_device
from argosy.kernel.path import open_regular, open_regular_at, peek, read_in_root

from tests.harness.layers import UNMARKED_WAYS, WAYS, Layer, archive, directory, entry, hard_link, unpacked

pytestmark = [pytest.mark.root, pytest.mark.timeout(60)]

_SECRET = b"bytes of the host that no container may read"


@pytest.fixture(autouse=True)
def small_files() -> Iterator[None]:
    """Should anybody copy zeros without end, it ends with an error, not with a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (64 << 20, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[os.stat_result]:
    """A block device with a secret on it; its stat."""
    backing = tmp_path / "disk"
    backing.write_bytes(_SECRET * 1000)
    os.truncate(backing, 1 << 20)
    with loop_device(str(backing), False) as device:
        yield os.stat(device)


def _device(kind: bytes, info: os.stat_result) -> tuple[tarfile.TarInfo, bytes]:
    return entry("dev/it", kind, mode=0o640, uid=3, gid=4, device=(os.major(info.st_rdev), os.minor(info.st_rdev)))


@pytest.mark.parametrize("way", WAYS)
def test_a_link_to_a_lower_block_device_holds_no_byte_of_the_disk(
    tmp_path: Path, disk: os.stat_result, way: tuple[str, str]
) -> None:
    """The same node is made anew: a container has no access to it, and no copy of what is on it."""
    lower = archive(directory("dev"), _device(tarfile.BLKTYPE, disk))
    upper = archive(directory("etc"), hard_link("etc/leak", "dev/it"))
    with unpacked(way, tmp_path, [lower, upper]) as root:
        for name in ("etc/leak", "dev/it"):
            info = (root / name).lstat()
            assert stat.S_ISBLK(info.st_mode) and info.st_rdev == disk.st_rdev
            assert (stat.S_IMODE(info.st_mode), info.st_uid, info.st_gid) == (0o640, 3, 4)
        assert (root / "etc/leak").lstat().st_ino == (root / "dev/it").lstat().st_ino
    for path in tmp_path.rglob("*"):
        if path.name != "disk" and stat.S_ISREG(path.lstat().st_mode):
            assert _SECRET not in path.read_bytes(), path


@pytest.mark.parametrize("way", WAYS)
def test_a_link_to_lower_zeros_without_end_ends(tmp_path: Path, way: tuple[str, str]) -> None:
    """/dev/zero is never read: the disk is not filled."""
    lower = archive(directory("dev"), _device(tarfile.CHRTYPE, os.stat("/dev/zero")))
    with unpacked(way, tmp_path, [lower, archive(hard_link("z", "dev/it"))]) as root:
        info = (root / "z").lstat()
        assert stat.S_ISCHR(info.st_mode) and info.st_rdev == os.stat("/dev/zero").st_rdev


@pytest.mark.parametrize("way", WAYS)
def test_a_link_to_a_lower_fifo_does_not_wait_for_a_writer(tmp_path: Path, way: tuple[str, str]) -> None:
    """The FIFO is made anew."""
    lower = archive(entry("p", tarfile.FIFOTYPE, mode=0o600, uid=7))
    with unpacked(way, tmp_path, [lower, archive(hard_link("q", "p"), hard_link("r", "q"))]) as root:
        for name in ("p", "q", "r"):
            info = (root / name).lstat()
            assert stat.S_ISFIFO(info.st_mode) and (stat.S_IMODE(info.st_mode), info.st_uid) == (0o600, 7)
        assert (root / "p").lstat().st_ino == (root / "r").lstat().st_ino


@pytest.mark.parametrize("way", UNMARKED_WAYS)
def test_a_link_to_what_cannot_be_seen_is_refused_at_once(tmp_path: Path, way: tuple[str, str]) -> None:
    """Whoever applies a layer without those below and does not say so gets an error, not a wait and not an empty file."""
    lower = archive(entry("p", tarfile.FIFOTYPE, mode=0o600))
    with pytest.raises(NotFound, match="in no layer"), unpacked(way, tmp_path, [lower, archive(hard_link("q", "p"))]):
        pass


@pytest.mark.parametrize("way", WAYS)
def test_a_link_to_a_lower_socket_is_a_socket_or_refused(tmp_path: Path, way: tuple[str, str]) -> None:
    """A socket comes from a committed container. Images leave sockets out, and say that there is none."""

    def listening(root: Path) -> None:
        with socket.socket(socket.AF_UNIX) as one:
            with chdir(root):  # a socket's name is short
                one.bind("s")

    layers: list[Layer] = [archive(directory("d")), listening, archive(hard_link("t", "s"))]
    if way[0].startswith("erofs"):
        with pytest.raises(NotFound, match="in no layer"), unpacked(way, tmp_path, layers):
            pass
        return
    with unpacked(way, tmp_path, layers) as root:
        assert stat.S_ISSOCK((root / "t").lstat().st_mode) and stat.S_ISSOCK((root / "s").lstat().st_mode)


@pytest.mark.parametrize("kind", [tarfile.BLKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE])
@pytest.mark.parametrize("way", WAYS)
def test_a_link_in_the_same_layer_is_one_inode(tmp_path: Path, way: tuple[str, str], kind: bytes) -> None:
    """As GNU tar makes it."""
    layer = archive(entry("a", kind, device=(1, 5)), hard_link("b", "a"), directory("d"), hard_link("d/c", "b"))
    with unpacked(way, tmp_path, [layer]) as root:
        assert len({(root / name).lstat().st_ino for name in ("a", "b", "d/c")}) == 1
        assert not stat.S_ISREG((root / "a").lstat().st_mode)


@pytest.mark.parametrize("way", WAYS)
def test_a_link_through_a_lower_symlink_or_to_a_directory_reads_nothing_of_the_host(
    tmp_path: Path, way: tuple[str, str]
) -> None:
    """What leads out of the root leads nowhere; a directory is not linked."""
    (tmp_path / "secret").write_bytes(_SECRET)
    lower = archive(entry("s", tarfile.SYMTYPE, link=str(tmp_path)), directory("d"))
    for target, error in (("s/secret", NotFound), ("d", InvalidArgument)):
        base = tmp_path / target.replace("/", "-")
        base.mkdir()
        with pytest.raises(error), unpacked(way, base, [lower, archive(hard_link("h", target))]):
            pass


def test_what_is_no_regular_file_is_never_opened(tmp_path: Path) -> None:
    """A FIFO that nobody opened has no reader: opening its other end without waiting says so."""
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "file").write_text("content")
    (tmp_path / "link").symlink_to("file")
    at = os.open(tmp_path, os.O_RDONLY | os.O_DIRECTORY)
    seen: list[int] = []
    stop = threading.Event()

    def watch() -> None:
        while not stop.is_set():
            try:
                os.close(os.open(tmp_path / "fifo", os.O_WRONLY | os.O_NONBLOCK))
                seen.append(1)
            except OSError:
                continue  # nobody reads, as it should be

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        for _ in range(200):
            with pytest.raises(OSError, match="not a regular file"):
                open_regular_at(at, "fifo")
            with pytest.raises(ValueError, match="no regular file"):
                read_in_root(str(tmp_path), "/fifo", 100)
    finally:
        stop.set()
        watcher.join()
    assert seen == []
    with pytest.raises(OSError, match="not a regular file"):
        open_regular_at(at, "link")
    assert read_in_root(str(tmp_path), "/link", 100) == b"content"
    with peek(at, b"file") as (fd, info):
        assert stat.S_ISREG(info.st_mode)
        opened = open_regular(fd)
    assert os.read(opened, 10) == b"content"
    os.close(opened)
    os.close(at)


def test_a_passwd_that_is_a_device_is_not_read(tmp_path: Path, disk: os.stat_result) -> None:
    """Who a container runs as is never looked up on a disk of the host."""
    (tmp_path / "etc").mkdir()
    os.mknod(tmp_path / "etc/passwd", stat.S_IFBLK | 0o644, disk.st_rdev)
    with pytest.raises(ValueError, match="no regular file"):
        read_in_root(str(tmp_path), "/etc/passwd", 1 << 20)
