"""S10 (CVE-2026-47262): an image's passwd and group files are read up to a limit, quickly, and only when they are files."""

from __future__ import annotations

import os
import resource
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest
from argosy.errors import InvalidArgument
from argosy.oci.users import MAX_FILE_BYTES, MAX_LINES, resolve

LIMIT_S = 1.0


def image(tmp_path: Path, passwd: str = "root:x:0:0::/:\n") -> Path:
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/passwd").write_text(passwd)
    return tmp_path


@pytest.mark.parametrize("name", ["passwd", "group"])
def test_a_sparse_gigabyte_is_refused_at_once(tmp_path: Path, name: str) -> None:
    """In a second, and within 32 MiB of memory more."""
    root = image(tmp_path)
    with (root / "etc" / name).open("wb") as file:
        file.truncate(1 << 30)
    code = (
        "import sys, resource; from argosy.oci.users import resolve\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "try: resolve(sys.argv[1], 'root')\n"
        "except Exception as error: print(type(error).__name__, error.message)\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)"
    )
    ran = subprocess.run([sys.executable, "-c", code, str(root)], capture_output=True, text=True, timeout=60, check=True)
    said, rise = ran.stdout.splitlines()
    assert said.startswith("InvalidArgument") and f"/etc/{name} is larger than" in said
    assert int(rise) < 32 << 10
    began = time.monotonic()
    with pytest.raises(InvalidArgument, match="larger than"):
        resolve(str(root), "root")
    assert time.monotonic() - began < LIMIT_S


def test_the_worst_files_that_are_read_are_read_quickly(tmp_path: Path) -> None:
    """As many groups as fit, root in each of them: the answer takes no time that grows with their square."""
    rows = [f"{i:x}::{i}:root" for i in range(MAX_LINES)]
    text = "\n".join(rows)[:MAX_FILE_BYTES]
    root = image(tmp_path, "root:x:0:0::/:\n" + "\n" * (MAX_FILE_BYTES - 100))
    (root / "etc/group").write_text(text)
    began = time.process_time()
    found = resolve(str(root), "root")
    assert time.process_time() - began < LIMIT_S
    assert len(found.additional_gids) > 50_000


def test_lines_beyond_the_limit_do_not_count(tmp_path: Path) -> None:
    """64 K of them are read."""
    root = image(tmp_path, "\n" * MAX_LINES + "late:x:0:0::/:\n")
    with pytest.raises(Exception, match='user "late" is not in'):
        resolve(str(root), "late")


@pytest.mark.root
def test_what_is_no_file_is_not_opened(tmp_path: Path) -> None:
    """An image may ship a device node, a FIFO or a socket there; opening one has effects, and reads the host."""
    root = image(tmp_path)
    group = root / "etc/group"
    nodes = [(stat.S_IFIFO, 0), (stat.S_IFCHR, os.makedev(1, 5)), (stat.S_IFBLK, os.makedev(7, 0)), (stat.S_IFDIR, 0)]
    for kind, device in nodes:
        if kind == stat.S_IFDIR:
            group.mkdir()
        else:
            os.mknod(group, 0o666 | kind, device)
        began = time.monotonic()
        with pytest.raises(InvalidArgument, match="/etc/group is no regular file"):
            resolve(str(root), "root")
        assert time.monotonic() - began < LIMIT_S
        if group.is_dir():
            group.rmdir()
        else:
            group.unlink()


def test_descriptors_do_not_leak(tmp_path: Path) -> None:
    """Whatever the file is."""
    root = image(tmp_path)
    os.mkfifo(root / "etc/group")
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(20):
        with pytest.raises(InvalidArgument):
            resolve(str(root), "root")
    assert len(os.listdir("/proc/self/fd")) == before
    assert resource.getrlimit(resource.RLIMIT_NOFILE)[0] > 20
