"""S11 (CVE-2023-25173): a process has its primary group and exactly the groups that the image's group file says."""

from __future__ import annotations

import io
import json
import tarfile
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from argosy.oci.users import resolve
from argosy.testkit.image import busybox_layer, oci_archive

from tests.harness.containerd import Containerd
from tests.harness.mesh import Mesh

pytestmark = pytest.mark.root
PASSWD = b"root:x:0:0:root:/root:/bin/sh\nfour:x:4:40::/four:/bin/sh\nseven:x:7:0::/:\n"
GROUP = b"root:x:0:\nfour:x:40:\nwheel:x:10:root,four\ndup:x:10:four\nmore:x:41:other,four\nnot:x:42:fours\nempty::50:\n"
USERS = ["", "root", "four", "4", "4:0", "four:wheel", "4:99", "0", "seven", ":10", "123", "123:root"]
REFERENCE = "docker.io/library/groups:latest"


def layer() -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for name, data in (("etc/passwd", PASSWD), ("etc/group", GROUP)):
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            tar.addfile(entry, io.BytesIO(data))
    return buffer.getvalue()


@pytest.fixture(scope="module")
def stock() -> Iterator[Containerd]:
    """Debian's containerd, the judge."""
    daemon = Containerd(Path(tempfile.mkdtemp(prefix="ay-", dir="/tmp")))
    daemon.start()
    try:
        yield daemon
    finally:
        daemon.destroy()


def test_groups_are_those_that_the_stock_client_gives(stock: Containerd, tmp_path: Path) -> None:
    """For each way to write a user: the same uid, gid and set of groups."""
    root = tmp_path / "root"
    (root / "etc").mkdir(parents=True)
    (root / "etc/passwd").write_bytes(PASSWD)
    (root / "etc/group").write_bytes(GROUP)
    for number, user in enumerate(USERS):
        # Each keeps its name: 1.6's ctr looks at layers that it does not hold, and the daemon collects those of an image that is replaced.
        reference = f"docker.io/library/groups:{number}"
        oci_archive(tmp_path / "i.tar", reference, [busybox_layer(), layer()], {"User": user})
        stock.ctr("images", "import", str(tmp_path / "i.tar")).ok()
        stock.ctr("containers", "create", reference, "c").ok()
        theirs = json.loads(stock.ctr("containers", "info", "c").ok().out)["Spec"]["process"]["user"]
        stock.ctr("containers", "rm", "c").ok()
        ours = resolve(str(root), user)
        assert (ours.uid, ours.gid) == (theirs["uid"], theirs["gid"]), user
        # Its primary group is among them always; 1.6.20 leaves it out where root's is named.
        assert set(ours.additional_gids) == {*theirs["additionalGids"], theirs["gid"]} - ({0} - {ours.gid}), user
        assert len(ours.additional_gids) == len(set(ours.additional_gids))


@pytest.mark.parametrize(("user", "groups"), [("four", {40, 10, 41}), ("4:99", {99, 10, 41}), ("7:8", {8}), ("", {0, 10})])
def test_a_process_has_them(mesh: Mesh, tmp_path: Path, user: str, groups: set[int]) -> None:
    """From the image to the kernel."""
    oci_archive(tmp_path / "i.tar", REFERENCE, [busybox_layer(), layer()], {"User": user})
    mesh.argosy("import", str(tmp_path / "i.tar")).ok()
    said = mesh.argosy("run", "--rm", REFERENCE, "sh", "-c", "grep Groups /proc/self/status").ok().out
    assert {int(g) for g in said.split()[1:]} == groups
