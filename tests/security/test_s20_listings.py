"""S20: what an archive lists is bounded together, and not only each: names, tags, layers that are listed again and again, headers before one member."""

from __future__ import annotations

import asyncio
import io
import json
import subprocess
import sys
import tarfile
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import pytest
from argosy.client import members
from argosy.client.images.importing import digest_of
from argosy.client.members import Archive, Part
from argosy.client.transfers import ImageArchive
from argosy.client.transfers import archives as archives_module
from argosy.errors import InvalidArgument
from argosy.oci.image import Descriptor, parse_docker_listing
from argosy_transfer.progress import name_of

from tests.harness.web import MANIFEST


def tar(*files: tuple[str, bytes]) -> bytes:
    with io.BytesIO() as out:
        with tarfile.open(fileobj=out, mode="w") as archive:
            for name, data in files:
                entry = tarfile.TarInfo(name)
                entry.size = len(data)
                archive.addfile(entry, io.BytesIO(data))
        return out.getvalue()


def listing(*images: Mapping[str, object]) -> bytes:
    return json.dumps(images).encode()


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (listing({"Config": "c", "RepoTags": ["t"] * 5000}), "4096 are the most"),
        (listing(*[{"Config": "c", "RepoTags": ["t"] * 3000, "Layers": []}] * 2), "lists 6000 tags"),
        (listing(*[{"Config": "c", "RepoTags": [], "Layers": []}] * 5000), "4096 are the most"),
        (listing({"Config": "c", "Layers": ["l"] * 5000}), "4096 are the most"),
        (listing(*[{"Config": "c", "Layers": ["l"] * 4000}] * 20), "lists 80000 layers"),
    ],
)
def test_a_docker_listing_is_bounded_in_all(data: bytes, message: str) -> None:
    with pytest.raises(InvalidArgument, match=message):
        parse_docker_listing(data)


def test_a_listing_of_many_images_is_read() -> None:
    """A hundred images of sixty layers each, which all share: somebody saves all that they have."""
    found = parse_docker_listing(
        listing(*[{"Config": f"c{i}", "RepoTags": [f"t:{i}"], "Layers": ["l"] * 60} for i in range(100)])
    )
    assert len(found) == 100


def test_a_layer_that_is_listed_again_and_again_is_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Four bytes in the listing would be a pass over a layer of any size, each time."""
    read: Counter[str] = Counter()

    async def counted(part: Part) -> tuple[str, int, bool]:
        read[part.name] += 1
        return await digest_of(part)

    monkeypatch.setattr(archives_module, "digest_of", counted)
    file = tmp_path / "saved.tar"
    config = json.dumps({"rootfs": {"type": "layers", "diff_ids": []}}).encode()
    images = [{"Config": "c", "RepoTags": [f"a:{i}"], "Layers": ["one", "two"] * 1000} for i in range(10)]
    file.write_bytes(tar(("c", config), ("one", b"1" * 600), ("two", b"2" * 600), ("manifest.json", listing(*images))))

    async def work() -> None:
        async with ImageArchive("it", file).image() as image:
            assert (await image.resolve()).size > 0

    asyncio.run(work())
    assert read == {"one": 1, "two": 1}


def test_names_that_are_long_and_many_are_refused_in_little_memory(tmp_path: Path) -> None:
    """A hundred thousand names of four thousand letters, which shrink to nothing: in a process of its own, whose most is counted."""
    code = """
import io, resource, sys, tarfile
from argosy.client.members import Archive
from argosy.errors import InvalidArgument

def member(i):
    entry = tarfile.TarInfo(f"{i:08d}" + "x" * 3900)
    return entry.tobuf(tarfile.GNU_FORMAT)

class Many(io.RawIOBase):
    "As many members as anybody asks for."
    def __init__(self): self.i, self.here, self.at = 0, b"", 0
    def seekable(self): return True
    def seek(self, at, whence=0):
        if whence == 2: return 1 << 60
        if at < self.at: self.i, self.here, self.at = 0, b"", 0
        while self.at < at: self.read(at - self.at)
        return at
    def tell(self): return self.at
    def read(self, size=-1):
        while len(self.here) < size: self.here += member(self.i); self.i += 1
        out, self.here = self.here[:size], self.here[size:]
        self.at += len(out)
        return out

before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
archive = Archive(Many())
try:
    while not archive.advance(): pass
except InvalidArgument as error:
    print(error)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    said, grown = done.stdout.splitlines()
    assert said == f"an archive with more than {members.MAX_NAMES_BYTES} bytes of names is refused"
    assert int(grown) < 64 << 10, "KiB"


@pytest.mark.parametrize("kind", [tarfile.XHDTYPE, tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK, tarfile.XGLTYPE])
def test_headers_before_one_member_are_bounded_together(kind: bytes) -> None:
    """Each may be a mebibyte, and all of them are kept until the member comes: which need not be."""
    out = io.BytesIO()
    for i in range(40):
        key = f"k{i}".encode()
        value = b"v" * 60_000
        length = len(key) + len(value) + 3
        length += len(str(length + 5))
        record = b"%d %s=%s\n" % (length, key, value)
        assert len(record) == length
        entry = tarfile.TarInfo("h")
        entry.type, entry.size = kind, len(record)
        out.write(entry.tobuf(tarfile.USTAR_FORMAT) + record.ljust(-(-len(record) // 512) * 512, b"\0"))
    archive = Archive(io.BytesIO(out.getvalue() + tar(("a", b"a"))))
    with pytest.raises(InvalidArgument, match="a header of .* bytes in the archive is refused"):
        while not archive.advance():
            pass


def test_an_archive_whose_members_have_usual_headers_is_read() -> None:
    """A pax header for each of thousands of members is what some tools write."""
    with io.BytesIO() as out:
        with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as archive:
            for i in range(3000):
                entry = tarfile.TarInfo(f"blobs/sha256/{i:064x}")
                entry.pax_headers = {"comment": "x" * 600}
                archive.addfile(entry)
        found = Archive(io.BytesIO(out.getvalue()))
    while not found.advance():
        pass
    assert f"blobs/sha256/{7:064x}" in found


def test_what_an_image_calls_a_part_is_cut_off_where_progress_names_it() -> None:
    """It stands in each event of the part, and in those of what is below it: megabytes of a name would be gigabytes of events."""
    called = {"org.opencontainers.image.ref.name": "n" * 5_000_000}
    d = Descriptor(media_type=MANIFEST, digest="sha256:" + "0" * 64, size=1, annotations=called)
    name = name_of(d)
    assert name.startswith("manifest-nnn") and name.endswith(f"@{d.digest}") and len(name) < 300
