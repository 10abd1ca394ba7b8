"""The VM tests' guest image and directories; and which of them run every time.

A VM without KVM takes seconds to boot: what differs in its surroundings only is a storm's.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from tests.harness import kata

# On stock containerd: that its shim's contract is kept in each kind of call. Everything else is asked of our own mesh.
_ON_STOCK: Final = frozenset(
    f"test_{name}"
    for name in (
        "the_kernel_is_the_guests",
        "output_errors_and_exit_code_come_back",
        "exec_runs_beside_the_init",
        "signals_reach_the_process",
        "three_containers_share_the_vm_of_their_pod",
    )
)
# Parameters, as they stand in a test's name, of which two or three stand for all in each run.
_MORE: Final = {
    "test_what_the_container_writes_is_in_its_snapshot": ("block-overlayfs", "block-native", "virtiofs-erofs"),
    "test_a_container_that_starts_again_finds_what_it_wrote": ("mesh-block",),
    "test_a_read_only_root_is_read_only": ("mesh-virtiofs",),
    "test_a_pod_of_disks_gives_them_back": ("mesh",),
    "test_files_go_into_a_vm_and_come_out": ("block-/root",),
    "test_a_tree_with_mounts_is_what_the_container_sees": ("block",),
    "test_a_copy_under_way_holds_up_no_end": ("virtiofs",),
    "test_a_container_in_a_vm_speaks_with_who_listens_on_the_host": ("block",),
    "test_a_death_at_any_step_leaves_nothing": ("0.15-", "0.7-"),
}


@pytest.hookimpl(tryfirst=True)  # before -m looks at the marks
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if not isinstance(item, pytest.Function) or not Path(item.path).name.startswith("test_kata"):
            continue
        parameters = item.name.partition("[")[2]
        on_stock = Path(item.path).name == "test_kata.py" and parameters.startswith("containerd")
        if (on_stock and item.originalname not in _ON_STOCK) or any(
            more in parameters for more in _MORE.get(item.originalname, ())
        ):
            item.add_marker(pytest.mark.storm)


@pytest.fixture(scope="session")
def guest_image(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The VM shim's guest image, made once."""
    directory = tmp_path_factory.mktemp("kata")
    kata.build(directory)
    return directory / "image"


@pytest.fixture(scope="module")
def home(guest_image: Path) -> Iterator[kata.Home]:
    """Directories for VMs; nothing may be left in them at the end."""
    with kata.new_home(guest_image) as directories:
        yield directories
