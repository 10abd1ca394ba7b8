"""S19: a whiteout hides a name in its own directory; it never deletes anything else."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from argosy.errors import ArgosyError

from tests.harness.layers import UNMARKED_WAYS, WAYS, Member, archive, directory, entry, symlink, unpacked

pytestmark = pytest.mark.root


def mark(name: str) -> Member:
    return entry(name)


ATTACKS: dict[str, Callable[[str], list[Member]]] = {
    "of a dot": lambda v: [mark("d/.wh..")],
    "of two dots": lambda v: [mark("d/.wh...")],
    "of two dots in the root": lambda v: [mark(".wh...")],
    "of nothing": lambda v: [mark(".wh."), mark("d/.wh.")],
    "as a directory of dots": lambda v: [mark(".wh.../x")],
    "as a directory": lambda v: [mark(".wh./etc"), mark(".wh.d/x")],
    "with dots in front": lambda v: [mark("../.wh.victim")],
    "with dots inside": lambda v: [mark(f"d/../../../../../../../..{os.path.dirname(v)}/.wh.victim")],
    "through a symlink": lambda v: [symlink("s", os.path.dirname(v)), mark("s/.wh.victim")],
    "through a symlink up": lambda v: [symlink("s", "../" * 20 + v), mark("s/.wh.file"), mark("s/.wh.sub")],
    "of a symlink to a directory": lambda v: [symlink("s", v), mark(".wh.s"), symlink("t", v), directory("t"), mark("t/.wh.file")],
    "opaque through a symlink": lambda v: [symlink("s", v), mark("s/.wh..wh..opq")],
    "opaque up": lambda v: [mark("../.wh..wh..opq")],
    "opaque root": lambda v: [symlink("s", v), mark(".wh..wh..opq")],
    "of a tree with symlinks out": lambda v: [directory("n"), symlink("n/s", v), mark(".wh.n"), mark(".wh.below")],
}  # fmt: skip


@pytest.mark.parametrize("way", [*WAYS, *UNMARKED_WAYS])
@pytest.mark.parametrize("attack", ATTACKS)
def test_nothing_outside_is_deleted(tmp_path: Path, way: tuple[str, str], attack: str) -> None:
    """Refused, or of no effect: neither the host's files nor the snapshot's neighbours go."""
    victim = tmp_path / "victim"
    (victim / "sub").mkdir(parents=True)
    (victim / "file").write_text("precious")
    lower = archive(directory("d"), entry("d/f"), directory("below"), symlink("below/out", str(victim)))
    try:
        with unpacked(way, tmp_path, [lower, archive(*ATTACKS[attack](str(victim)))]):
            pass
    except ArgosyError:
        pass  # refused; also fine
    assert sorted(p.name for p in victim.rglob("*")) == ["file", "sub"] and (victim / "file").read_text() == "precious"
    # The first layer's snapshot is a neighbour of the second's.
    assert (tmp_path / "-".join(way) / "snapshots/1").is_dir() and (tmp_path / "-".join(way) / "index.db").exists()
