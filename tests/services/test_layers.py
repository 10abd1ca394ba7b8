"""One tree for every snapshotter, whoever puts the layers together, and the tree that GNU tar makes."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from argosy.errors import ArgosyError

from tests.harness.corpus import REFUSED, TAR, TREES
from tests.harness.erofs import CAN_EROFS
from tests.harness.layers import UNMARKED_WAYS, WAYS, archive, described, unpacked

pytestmark = pytest.mark.root

_NATIVE = ("native", "serial")


def ways(unmarked: bool) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    for param in [*WAYS, *(UNMARKED_WAYS if unmarked else [])]:
        way = param.values[0]
        assert isinstance(way, tuple)
        if CAN_EROFS or not way[0].startswith("erofs"):
            found.append(way)
    return found


@pytest.mark.parametrize("name", TREES)
def test_a_stack_of_layers_is_one_tree_on_every_snapshotter(tmp_path: Path, name: str) -> None:
    stack = TREES[name]
    layers = [archive(*members) for members in stack.layers]
    with unpacked(_NATIVE, tmp_path, layers) as root:
        wanted = described(root)
    assert wanted
    for way in ways(not stack.needs_lower):
        if way != _NATIVE:
            with unpacked(way, tmp_path, layers) as root:
                assert described(root) == wanted, way


@pytest.mark.parametrize("name", [name for name, stack in TREES.items() if TAR in stack.agree])
def test_it_is_the_tree_that_gnu_tar_makes(tmp_path: Path, name: str) -> None:
    layers = [archive(*members) for members in TREES[name].layers]
    made = tmp_path / "made"
    made.mkdir()
    for number, layer in enumerate(layers):
        packed = tmp_path / f"{number}.tar"
        packed.write_bytes(layer)
        command = [
            "tar",
            "-C",
            str(made),
            "--numeric-owner",
            "--xattrs",
            "--xattrs-include=*",
            "--keep-directory-symlink",
            "-xpf",
        ]
        subprocess.run([*command, str(packed)], check=True)
    with unpacked(_NATIVE, tmp_path, layers) as root:
        assert described(root) == described(made)


@pytest.mark.parametrize("name", REFUSED)
def test_what_one_snapshotter_refuses_all_refuse(tmp_path: Path, name: str) -> None:
    layers = [archive(*members) for members in REFUSED[name].layers]
    for way in ways(True):
        with pytest.raises(ArgosyError), unpacked(way, tmp_path, layers):
            pytest.fail(f"{way} takes it")
