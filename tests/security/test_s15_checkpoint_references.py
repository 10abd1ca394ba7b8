"""S15 (CVE-2026-50195): a restore makes and moves no reference, and takes its bytes by their digest."""

from __future__ import annotations

import json

import pytest
from argosy.errors import ArgosyError, NotFound

from tests.harness.checkpoints import House, archive, in_house


def test_bytes_that_are_not_the_digests_are_refused() -> None:
    """A content store that was changed, or lies, restores nothing."""

    async def work(house: House) -> None:
        good, other = archive(("a.img", b"x")), archive(("a.img", b"y"))
        digest = house.put(good)
        house.put(other, digest)
        with pytest.raises(ArgosyError, match="digest"):
            await house.restore(digest)
        assert house.roster.made == []
        house.put(good)
        await house.restore(digest)
        assert house.roster.made[0][1] == {"a.img": b"x"}

    in_house(work)


def test_a_digest_that_is_not_there_restores_nothing() -> None:
    """And is named."""

    async def work(house: House) -> None:
        with pytest.raises(NotFound, match="0000"):
            await house.restore("sha256:" + "0" * 64)

    in_house(work)


def test_names_inside_an_archive_are_only_names_of_files() -> None:
    """Podman's and CRI's archives carry references; here they are bytes for the runtime, and no record is written.

    The task manager calls two services for a restore, Containers.Get and Content.Read: the stores of this test have
    no others, so that any other call would be UNIMPLEMENTED.
    """

    async def work(house: House) -> None:
        dump = json.dumps(
            {"rootfsImageName": "docker.io/library/victim:latest", "rootfsImageRef": "sha256:" + "1" * 64}
        ).encode()
        index = json.dumps({"manifests": [{"annotations": {"io.containerd.image.name": "docker.io/library/victim:latest"}}]})
        names = {"config.dump": dump, "index.json": index.encode(), "container.log": b"x"}
        await house.restore(house.put(archive(*names.items())))
        assert house.roster.made[0][1] == names and house.containers.written == []

    in_house(work)
