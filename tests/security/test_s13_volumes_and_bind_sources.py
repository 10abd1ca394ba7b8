"""S13 (CVE-2022-23648, CVE-2021-43816): an image's volumes copy nothing, and a bind mount's source stays as it is.

No part copies what an image has at a volume's place: ``argosy run`` makes no volumes. When a CRI is built, the copy's
tests belong here. No part relabels (there is no SELinux label in any spec of ours).
"""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from argosy.testkit.image import oci_archive

from tests.harness.mesh import IMAGE, Mesh

pytestmark = pytest.mark.root
VOLUMES = ["/../../etc", "/data", "..", "/proc/self/root", "/etc/passwd"]


def test_volumes_of_an_image_mount_and_copy_nothing(mesh: Mesh, tmp_path: Path) -> None:
    """The container has the mounts that the default spec has, and sees its own files."""
    reference = "docker.io/library/volumes:latest"
    oci_archive(tmp_path / "i.tar", reference, config={"Volumes": {v: {} for v in VOLUMES}})
    mesh.argosy("import", str(tmp_path / "i.tar")).ok()
    ran = mesh.argosy(
        "run", "--name", "v", reference, "sh", "-c", "cat /etc/motd; cat /etc/shadow /data/* 2>/dev/null; true"
    ).ok()
    assert ran.out == "hello from an argosy\n"
    mesh.argosy("run", "--name", "w", IMAGE, "true").ok()
    specs = [json.loads(mesh.ctr("containers", "info", id).ok().out)["Spec"] for id in ("v", "w")]
    assert specs[0]["mounts"] == specs[1]["mounts"]
    mesh.argosy("rm", "v", "w").ok()


def state(path: Path) -> list[tuple[object, ...]]:
    """Return what a relabel or a chown would change, for a tree."""
    found: list[tuple[object, ...]] = []
    for place in [path, *sorted(path.rglob("*"))]:
        info = place.lstat()
        names = os.listxattr(place, follow_symlinks=False)
        found.append(
            (
                place,
                info.st_uid,
                info.st_gid,
                info.st_mode,
                info.st_ctime_ns,
                [(n, os.getxattr(place, n, follow_symlinks=False)) for n in names],
            )
        )
    return found


def test_the_source_of_a_bind_mount_is_neither_chowned_nor_relabelled(mesh: Mesh, tmp_path: Path) -> None:
    """Not its owner, mode, extended attributes or times; nor those of what a link in it leads to."""
    source = tmp_path / "source"
    source.mkdir()
    (source / "file").write_text("x")
    (source / "link").symlink_to("/etc/passwd")
    os.chown(source / "file", 4242, 4242)
    os.chmod(source / "file", 0o640)
    os.setxattr(source / "file", "user.mark", b"1")
    before, host = state(source), state(Path("/etc/passwd"))
    for options in ("rbind:ro", "rbind:rw"):
        mount = f"type=bind,src={source},dst=/mnt,options={options}"
        ran = mesh.argosy(
            "run", "--rm", "--mount", mount, "--user", "7:8", IMAGE, "sh", "-c", "ls /mnt; cat /mnt/link | head -1"
        ).ok()
        # The link leads into the container's own /etc.
        assert ran.out == "file\nlink\nroot:x:0:0:root:/root:/bin/sh\n"
    assert state(source) == before and state(Path("/etc/passwd")) == host
