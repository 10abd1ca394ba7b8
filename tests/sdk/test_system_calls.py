"""System calls by name: the numbers are the kernel's on every machine we name, and another machine is told so."""

from __future__ import annotations

import errno
import os
import re
from pathlib import Path

import pytest
from argosy.kernel import libc
from argosy.kernel.files import exchange, sync_file_system

HEADER = Path("/usr/include/asm-generic/unistd.h")


@pytest.mark.skipif(not HEADER.exists(), reason="needs the kernel's headers (linux-libc-dev)")
@pytest.mark.parametrize("header", [HEADER, *Path("/usr/include").glob("*/asm/unistd_64.h")], ids=os.fspath)
def test_the_numbers_are_those_of_the_kernels_headers(header: Path) -> None:
    found = dict(re.findall(r"#define __NR_(\w+)\s+(\d+)", header.read_text()))
    for name, number in libc._NUMBERS.items():
        assert int(found[name]) == number


@pytest.mark.parametrize("machine", ["x86_64", "aarch64", "riscv64", "s390x", "ppc64le", "armv7l"])
def test_machines_that_count_alike_have_the_same_numbers(machine: str) -> None:
    assert libc.number_of("openat2", machine) == 437


@pytest.mark.parametrize("machine", ["alpha", "mips64", "sparc64", "vax", ""])
def test_a_machine_that_is_not_known_is_told(machine: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """On MIPS the number would be another call's: nothing is called there."""
    with pytest.raises(OSError, match="openat2 is not known for this kind of machine") as caught:
        libc.number_of("openat2", machine)
    assert caught.value.errno == errno.ENOSYS
    monkeypatch.setattr(libc, "_MACHINE", machine)
    with pytest.raises(OSError, match="not known"):
        libc.syscall("openat2")


def test_a_libc_without_a_function_is_told() -> None:
    with pytest.raises(OSError, match="this libc has no such_a_function"):
        libc.call("such_a_function")


def test_two_paths_change_places_and_a_file_system_is_synced(tmp_path: Path) -> None:
    """Through libc's own functions, whose numbers differ from machine to machine."""
    for name in ("a", "b"):
        (tmp_path / name).write_text(name)
    exchange(str(tmp_path / "a"), str(tmp_path / "b"))
    assert ((tmp_path / "a").read_text(), (tmp_path / "b").read_text()) == ("b", "a")
    fd = os.open(tmp_path, os.O_RDONLY)
    sync_file_system(fd)
    os.close(fd)
    with pytest.raises(OSError, match="Bad file descriptor"):
        sync_file_system(fd)
