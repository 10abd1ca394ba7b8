"""Our shim under Debian's containerd, which has no mount manager: it prepares by itself what it is given, and says what it can't."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from argosy.kernel.mount_table import mount_points
from argosy.mounting.files import make_file_system
from argosy.mounts import Mount

from tests.harness.containerd import Containerd
from tests.harness.mesh import BIN, IMAGE
from tests.storms.wire import Wire

pytestmark = pytest.mark.root
S = "X-containerd."


@pytest.fixture
def stock(image_archive: Path) -> Iterator[Containerd]:
    daemon = Containerd(Path(tempfile.mkdtemp(prefix="ay-", dir="/tmp")), path_first=BIN)
    daemon.start()
    try:
        daemon.ctr("images", "import", str(image_archive)).ok()
        yield daemon
    finally:
        daemon.destroy()


def test_a_disk_below_an_overlay(stock: Containerd) -> None:
    stock.ctr("containers", "create", IMAGE, "c", "touch", "/made").ok()
    image = stock.base / "img"
    made = Mount("ext4", str(image), (f"{S}mkfs.size=8MiB",))
    make_file_system(made, [str(stock.base)])
    with Wire(stock.address, "default") as wire:
        own = wire.call("snapshots.v1.Snapshots/Mounts", snapshotter="overlayfs", key="c").message.mounts[0]
        lower = next(option for option in own.options if option.startswith("lowerdir="))
        disk: dict[str, Any] = {"type": "mkfs/ext4", "source": str(image), "options": [f"{S}mkfs.size=8MiB", "rw", "loop"]}
        overlay: dict[str, Any] = {
            "type": "format/mkdir/overlay", "source": "overlay",
            "options": [
                f"{S}mkdir.path={{{{ mount 0 }}}}/u:0755", f"{S}mkdir.path={{{{ mount 0 }}}}/w", lower,
                "upperdir={{ mount 0 }}/u", "workdir={{ mount 0 }}/w",
            ],
        }  # fmt: skip
        created = wire.call("tasks.v1.Tasks/Create", container_id="c", rootfs=[disk, overlay])
        assert created.ok, created
        points = [
            one.point for one in mount_points() if one.point.startswith(str(stock.base)) and one.type in ("ext4", "overlay")
        ]
        assert points == [f"{stock.base}/state/io.containerd.runtime.v2.task/default/c/rootfs"], (
            "the disk is mounted below it alone"
        )
        assert wire.call("tasks.v1.Tasks/Start", container_id="c").ok
        assert wire.call("tasks.v1.Tasks/Wait", container_id="c").message.exit_status == 0
        assert wire.call("tasks.v1.Tasks/Delete", container_id="c").ok
        assert b"made" in image.read_bytes(), "it was written to the disk"
        # What it can't do alone it says in containerd's words.
        for mounts, words in (
            ([{**disk, "source": f"{stock.base}/new"}, overlay], f'no root "{stock.base}" configured for mkfs'),
            (
                [{"type": "erofs", "source": str(image), "options": [f"{S}dmverity={image}"]}],
                f'internal mount option "{S}dmverity={image}" was not consumed by the mount manager',
            ),
            ([disk, {"type": "format/bind", "source": "{{ mount 3 }}"}], "index out of bounds: 3, has 1 active mounts"),
        ):
            refused = wire.call("tasks.v1.Tasks/Create", container_id="c", rootfs=mounts)
            assert not refused.ok and words in refused.details, refused
    assert not [one.point for one in mount_points() if one.point.startswith(str(stock.base))]
