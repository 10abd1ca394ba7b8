"""S14 (CVE-2026-53489): a checkpoint's archive holds plain files at its top; anything else is refused, and nothing is followed."""

from __future__ import annotations

import tarfile
from pathlib import Path

import pytest
from argosy.errors import ArgosyError, InvalidArgument

from tests.harness.checkpoints import House, archive, in_house, special


@pytest.mark.parametrize(
    "entry",
    [
        special("container.log", tarfile.SYMTYPE, "/etc/shadow"),
        special("pages-1.img", tarfile.LNKTYPE, "/etc/shadow"),
        special("x", tarfile.FIFOTYPE),
        special("x", tarfile.CHRTYPE),
        special("x", tarfile.BLKTYPE),
        special("sub", tarfile.DIRTYPE),
        ("../out", b"x"),
        ("/tmp/out", b"x"),
        ("a/b", b"x"),
        ("..", b"x"),
        ("x\0y", b"x"),
    ],
)
def test_what_is_no_plain_file_at_the_top_is_refused(entry: tarfile.TarInfo | tuple[str, bytes], tmp_path: Path) -> None:
    """Before a task is made."""

    async def work(house: House) -> None:
        digest = house.put(archive(("inventory.img", b"fine"), entry))
        if entry == ("x\0y", b"x"):
            # A name ends at its first zero: it is called x.
            await house.restore(digest)
            assert house.roster.made[0][1] == {"inventory.img": b"fine", "x": b"x"}
            return
        with pytest.raises(InvalidArgument, match="not a plain file at its top"):
            await house.restore(digest)
        assert house.roster.made == []

    in_house(work)


def test_a_file_that_comes_twice_follows_no_link() -> None:
    """The second one can't write through the first, which was refused."""

    async def work(house: House) -> None:
        link = special("a.img", tarfile.SYMTYPE, "/etc/argosy-must-not-exist")
        with pytest.raises(InvalidArgument):
            await house.restore(house.put(archive(link, ("a.img", b"x"))))
        assert not Path("/etc/argosy-must-not-exist").exists()

    in_house(work)


def test_a_sparse_file_of_a_terabyte_is_refused() -> None:
    """Its archive has a few hundred bytes."""

    async def work(house: House) -> None:
        info = tarfile.TarInfo("GNUSparseFile.0/pages-1.img")
        info.pax_headers = {
            "GNU.sparse.major": "0", "GNU.sparse.minor": "1", "GNU.sparse.name": "pages-1.img",
            "GNU.sparse.size": str(1 << 40), "GNU.sparse.map": f"{(1 << 40) - 1},1",
        }  # fmt: skip
        info.size = 1
        with pytest.raises(InvalidArgument, match="checkpoint image"):
            await house.restore(house.put(archive(info)))
        assert house.roster.made == []

    in_house(work)


@pytest.mark.parametrize("data", [b"", b"no tar", b"\0" * 512, b"\xff" * 5000])
def test_what_is_no_archive_makes_no_task(data: bytes) -> None:
    """It is told, or it is an empty image, which no runtime restores."""

    async def work(house: House) -> None:
        try:
            await house.restore(house.put(data))
        except ArgosyError as error:
            assert isinstance(error, InvalidArgument) and "checkpoint image" in error.message
        assert [files for _, files in house.roster.made] in ([], [{}])

    in_house(work)
