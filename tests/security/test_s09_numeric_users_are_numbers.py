"""S9 (CVE-2026-46680): an all-digit user is a number and never looked up as a name."""

from __future__ import annotations

from pathlib import Path

import pytest
from argosy.errors import InvalidArgument
from argosy.oci.users import resolve
from argosy.testkit.image import oci_archive

from tests.harness.mesh import Mesh

PASSWD = "root:x:0:0:root:/root:/bin/sh\n4294967296:x:0:0::/:\n1234:x:0:0::/:\n0:x:7:7::/:\n"
GROUP = "1234:x:0:\n4294967296:x:0:\nwheel:x:10:1234\n"


@pytest.fixture
def root(tmp_path: Path) -> str:
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/passwd").write_text(PASSWD)
    (tmp_path / "etc/group").write_text(GROUP)
    return str(tmp_path)


def test_rows_called_like_numbers_have_no_effect(root: str) -> None:
    """Neither a user's nor a group's."""
    assert (resolve(root, "1234").uid, resolve(root, "1234").gid) == (1234, 0)
    assert resolve(root, "1234").additional_gids == (0,)
    assert resolve(root, "5:1234").gid == 1234
    assert resolve(root, "0").uid == 0
    for user in ("4294967296", "5:4294967296"):
        with pytest.raises(InvalidArgument, match="does not fit"):
            resolve(root, user)


@pytest.mark.root
def test_a_container_of_such_an_image_runs_as_the_number(mesh: Mesh, tmp_path: Path) -> None:
    """From the image's configuration to the kernel."""
    import io
    import tarfile

    from argosy.testkit.image import busybox_layer

    layer = io.BytesIO()
    with tarfile.open(fileobj=layer, mode="w") as tar:
        for name, text in (("etc/passwd", PASSWD), ("etc/group", GROUP)):
            entry = tarfile.TarInfo(name)
            entry.size = len(text)
            tar.addfile(entry, io.BytesIO(text.encode()))
    reference = "docker.io/library/digits:latest"
    oci_archive(tmp_path / "i.tar", reference, [busybox_layer(), layer.getvalue()], {"User": "1234"})
    mesh.argosy("import", str(tmp_path / "i.tar")).ok()
    assert mesh.argosy("run", "--rm", reference, "id", "-u").ok().out == "1234\n"
