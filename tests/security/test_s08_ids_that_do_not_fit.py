"""S8 (CVE-2024-40635): a user or group that does not fit the kernel is refused, and never becomes root."""

from __future__ import annotations

from pathlib import Path

import pytest
from argosy.errors import ArgosyError, InvalidArgument
from argosy.oci.users import MAX_ID, resolve
from argosy.testkit.image import oci_archive
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.harness.mesh import Mesh

TOO_BIG = ["2147483648", "4294967295", "4294967296", "18446744073709551616", "9" * 5000, "-1", "-0", "+5", "²", "٣"]


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A root file system without users."""
    return str(tmp_path_factory.mktemp("root"))


@pytest.mark.parametrize("number", TOO_BIG)
@pytest.mark.parametrize("form", ["{}", "{}:0", "0:{}", "1:{}", "{}:{}"])
def test_a_number_that_does_not_fit_is_refused(bare: str, number: str, form: str) -> None:
    """As user and as group."""
    with pytest.raises(InvalidArgument, match="does not fit"):
        resolve(bare, form.replace("{}", number))


def test_rows_with_numbers_that_do_not_fit_are_no_way_around(tmp_path: Path) -> None:
    """A name whose uid or gid overflows, or is none, is refused; the user's own number finds no such row."""
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/passwd").write_text(
        "big:x:4294967296:1::/:\nodd:x:9:4294967296::/:\nword:x:11:root::/:\nnone:x::5::/:\n"
    )
    (tmp_path / "etc/group").write_text("big:x:4294967296:\nword:x:root:\n")
    for user in ("big", "odd", "9", "word", "11", "none", "5:big", "5:word"):
        with pytest.raises(InvalidArgument, match="does not fit"):
            resolve(str(tmp_path), user)


@settings(deadline=None, suppress_health_check=list(HealthCheck))
@given(st.text(max_size=24))
def test_only_nothing_and_zero_are_root(bare: str, user: str) -> None:
    """In an image without users, nothing else resolves to uid 0; and what resolves fits."""
    try:
        found = resolve(bare, user)
    except ArgosyError:
        return
    who = user.partition(":")[0]
    assert 0 <= found.uid <= MAX_ID and 0 <= found.gid <= MAX_ID
    assert (found.uid == 0) == (not who.strip("0"))


@pytest.mark.root
@pytest.mark.parametrize("user", ["2147483648", "4294967296", "-1", "1:4294967296"])
def test_an_image_with_such_a_user_makes_no_container(mesh: Mesh, tmp_path: Path, user: str) -> None:
    """And leaves nothing behind."""
    oci_archive(tmp_path / "i.tar", "docker.io/library/big:latest", config={"User": user})
    mesh.argosy("import", str(tmp_path / "i.tar")).ok()
    ran = mesh.argosy("run", "--name", "big", "docker.io/library/big:latest", "id")
    assert ran.code != 0 and "uid=" not in ran.out and "does not fit" in ran.err and "Traceback" not in ran.err
    assert "big" not in mesh.ctr("containers", "ls", "-q").out and "big" not in mesh.ctr("snapshots", "ls").out
