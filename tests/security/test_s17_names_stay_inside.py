"""S17: no name and no link of an archive leads out of the tree that it is unpacked to."""

from __future__ import annotations

import ast
import os
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from argosy.errors import ArgosyError

from tests.harness.layers import UNMARKED_WAYS, WAYS, Member, archive, directory, entry, hard_link, symlink, unpacked

pytestmark = pytest.mark.root

_SECRET = b"precious bytes of the host"
_REPOSITORY = Path(__file__).parents[2]


def file(name: str, data: bytes = b"bad", mode: int = 0o777) -> Member:
    return entry(name, data=data, mode=mode)


def _long_way_out(victim: str) -> list[Member]:
    """CVE-2025-4517: symlinks whose expansion is longer than a path may be, then one that goes up through them."""
    members: list[Member] = []
    part, at = "p" * 247, ""
    for letter in "abcdefghijklmnop":
        members += [directory(at + part), symlink(at + letter, part)]
        at += part + "/"
    short = "/".join("abcdefghijklmnop")
    members += [symlink(f"{short}/{'l' * 254}", "../" * 16), symlink("out", f"{short}/{'l' * 254}/../../../..{victim}")]
    return [*members, file("out/new"), hard_link("leak", "out/file"), file("leak")]


ATTACKS: dict[str, Callable[[str], list[Member]]] = {
    "dots": lambda v: [file(f"../../../../../../..{v}/file")],
    "dots inside": lambda v: [file(f"a/../../../../../../../..{v}/file")],
    "absolute": lambda v: [file(f"{v}/new"), file(f"/{v}/file")],
    "symlink absolute": lambda v: [symlink("s", v), file("s/new"), file("s/file"), directory("s", mode=0o777)],
    "symlink up": lambda v: [symlink("s", "../" * 20 + v), file("s/new"), file("s/file")],
    "symlink chain": lambda v: [symlink("a", "b"), symlink("b", "c/.."), symlink("c", v), file("a/new"), file("b/file")],
    "symlink that comes after": lambda v: [directory("d"), file("d/x"), symlink("d", v), file("d/new"), file("d/file")],
    "symlink without a name": lambda v: [symlink("", v), file("new"), symlink(".", v), file("./new"), symlink("/", v), file("/file")],
    "over a symlink": lambda v: [symlink("s", f"{v}/file"), file("s"), directory("s", mode=0o777)],
    "hard link absolute": lambda v: [hard_link("h", f"{v}/file"), file("h")],
    "hard link up": lambda v: [hard_link("h", "../" * 20 + f"{v}/file"), file("h")],
    "hard link through a symlink": lambda v: [symlink("s", v), hard_link("h", "s/file"), file("h")],
    "hard link to a symlink": lambda v: [symlink("s", f"{v}/file"), hard_link("h", "s"), file("h"), hard_link("i", "s"), directory("i", mode=0o777)],
    "hard link to a symlink to a directory": lambda v: [symlink("s", v), hard_link("h", "s"), file("h/new"), file("h/file")],
    "the long way": _long_way_out,
    "a long name": lambda v: [file("/".join(["p" * 250] * 20))],
    "devices through a symlink": lambda v: [symlink("s", v), entry("s/new", tarfile.FIFOTYPE), entry("s/dev", tarfile.CHRTYPE, device=(1, 5))],
}  # fmt: skip


@pytest.fixture
def victim(tmp_path: Path) -> Iterator[Path]:
    """What no layer may touch: not even its change time differs afterwards."""
    path = tmp_path / "victim"
    path.mkdir(mode=0o700)
    (path / "file").write_bytes(_SECRET)
    (path / "file").chmod(0o600)
    before = [os.stat(p) for p in (path, path / "file")]
    yield path
    assert [p.name for p in path.iterdir()] == ["file"] and (path / "file").read_bytes() == _SECRET
    for old, new in zip(before, [os.stat(p) for p in (path, path / "file")], strict=True):
        assert (old.st_mode, old.st_uid, old.st_nlink, old.st_mtime_ns, old.st_ctime_ns) == (
            new.st_mode, new.st_uid, new.st_nlink, new.st_mtime_ns, new.st_ctime_ns,
        )  # fmt: skip


@pytest.mark.parametrize("way", [*WAYS, *UNMARKED_WAYS])
@pytest.mark.parametrize("attack", ATTACKS)
def test_nothing_outside_is_written_changed_or_shown(
    tmp_path: Path, victim: Path, way: tuple[str, str], attack: str
) -> None:
    """CVE-2025-4517, -4330, -4138, -4435, CVE-2024-12718 and their kin: refused, or kept inside."""
    layers = [archive(directory("d"), file("f", b"below")), archive(*ATTACKS[attack](str(victim)))]
    try:
        with unpacked(way, tmp_path, layers) as root:
            for at, _, files in os.walk(root):
                for path in (Path(at, name) for name in files):
                    if path.is_file() and not path.is_symlink():
                        assert _SECRET not in path.read_bytes()
    except ArgosyError:
        pass  # refused; also fine


def test_nothing_here_extracts_with_tarfile() -> None:
    """Python's extraction filters had holes (cpython #149486, #151558, #157190); what unpacks layers does not even import them."""
    sources = [p for top in ("sdk", "services", "shims", "cli") for p in (_REPOSITORY / top).glob("**/src/**/*.py")]
    assert len(sources) > 100
    for path in sources:
        for node in ast.walk(ast.parse(path.read_bytes())):
            if isinstance(node, ast.Attribute):
                assert node.attr not in ("extractall", "extract", "unpack_archive"), path
    for path in [
        *(_REPOSITORY / "sdk/src/argosy/unpack").glob("*.py"),
        *(_REPOSITORY / "sdk/src/argosy/erofs").glob("*.py"),
    ]:
        assert "import tarfile" not in path.read_text(), path
