"""S17: a directory that an image goes to, or comes from, may be somebody else's: what is in it leads nowhere else, and hangs nobody."""

from __future__ import annotations

import asyncio
import fcntl
import hashlib
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from argosy.client.transfers import ImageFolder, ImageSource, LayoutName, Wish, layouts
from argosy.errors import AlreadyExists, ArgosyError, InvalidArgument, NotFound, Unavailable
from argosy.oci.image import Descriptor

from tests.harness.web import CONFIG, LAYER, MANIFEST, sha256


class Image(ImageSource):
    """An image of one layer."""

    called = "an image"

    def __init__(self) -> None:
        self.blobs: dict[str, bytes] = {}
        layer, config = self.keep(b"the layer", LAYER), self.keep(b'{"rootfs":{}}', CONFIG)
        body = {"schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": [layer]}
        self.top = Descriptor.of(self.keep(json.dumps(body).encode(), MANIFEST))

    def keep(self, data: bytes, media_type: str) -> dict[str, Any]:
        self.blobs[sha256(data)] = data
        return {"mediaType": media_type, "digest": sha256(data), "size": len(data)}

    async def resolve(self) -> Descriptor:
        return self.top

    async def fetch(self, d: Descriptor, offset: int = 0) -> AsyncIterator[bytes]:
        if d.digest not in self.blobs:
            raise NotFound(d.digest)
        yield self.blobs[d.digest][offset:]


def put(directory: Path) -> None:
    asyncio.run(asyncio.wait_for(LayoutName(directory, "v1").take_image(Image(), Wish()), 30))


def layout(directory: Path) -> Path:
    directory.mkdir()
    (directory / "oci-layout").write_text('{"imageLayoutVersion":"1.0.0"}')
    return directory


def whole(directory: Path) -> bool:
    """Whether the image is there, every byte."""
    index = json.loads((directory / "index.json").read_bytes())
    assert [one["digest"] for one in index["manifests"]] == [Image().top.digest]
    found = {path.name: path.read_bytes() for path in (directory / "blobs/sha256").iterdir()}
    return all(hashlib.sha256(data).hexdigest() == name for name, data in found.items()) and len(found) == 3


def state(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


LINKS: list[tuple[str, str]] = [
    ("blobs", "{out}"), ("blobs", "../out"), ("blobs/sha256", "{out}"), ("blobs/sha256", "../../out"), ("blobs", "nowhere"), ("blobs", "blobs"),
    ("index.json", "{out}/index.json"), ("index.json", "../out/nothing"), ("oci-layout", "{out}/secret"), ("oci-layout", "/proc/self/mem"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "target"), LINKS)
def test_a_link_in_a_directory_leads_nowhere_outside(tmp_path: Path, name: str, target: str) -> None:
    """Nothing is written, read or removed outside, whether the transfer is refused or the link is replaced."""
    out = tmp_path / "out"
    out.mkdir()
    (out / "secret").write_text("CANARY")
    (out / "index.json").write_text('{"manifests":[{"canary":1}]}')
    (out / ".argosy-0123-old").write_text("not of this directory")
    (out / "sha256").mkdir()
    (out / "sha256" / ".argosy-0123-old").write_text("neither")
    before = state(out)
    directory = layout(tmp_path / "box")
    link = directory / name
    link.parent.mkdir(exist_ok=True)
    link.unlink(missing_ok=True)
    link.symlink_to(target.format(out=out))
    try:
        put(directory)
    except (InvalidArgument, AlreadyExists) as error:
        assert str(directory) in error.message and "CANARY" not in error.message
    else:
        assert whole(directory) and b"canary" not in (directory / "index.json").read_bytes()
    assert state(out) == before


def test_a_link_that_stays_inside_is_followed(tmp_path: Path) -> None:
    directory = layout(tmp_path / "box")
    (directory / "elsewhere").mkdir()
    (directory / "blobs").symlink_to("elsewhere")
    put(directory)
    assert whole(directory) and (directory / "elsewhere/sha256").is_dir()


def test_the_directory_itself_may_be_a_link(tmp_path: Path) -> None:
    """Its name is the operator's; what is in it is not."""
    layout(tmp_path / "real")
    (tmp_path / "box").symlink_to("real")
    put(tmp_path / "box")
    assert whole(tmp_path / "real")


@pytest.mark.parametrize("name", ["oci-layout", "index.json", "blobs", "blobs/sha256"])
@pytest.mark.parametrize(
    "kind", [os.mkfifo, os.mkdir, lambda path: os.symlink("/dev/zero", path)], ids=["fifo", "directory", "device"]
)
def test_what_is_no_file_is_not_opened_and_hangs_nobody(tmp_path: Path, name: str, kind: Callable[[Path], None]) -> None:
    directory = layout(tmp_path / "box")
    path = directory / name
    path.parent.mkdir(exist_ok=True)
    path.unlink(missing_ok=True)
    kind(path)
    try:
        put(directory)
    except (ArgosyError, OSError) as error:
        assert str(directory) in str(error) or name.partition("/")[0] in str(error)
    else:
        assert whole(directory)


def test_a_blob_that_is_no_file_is_no_blob(tmp_path: Path) -> None:
    """A link to bytes elsewhere of the right size is not taken for it: whoever reads the layout gets those of the image."""
    directory = layout(tmp_path / "box")
    (directory / "blobs/sha256").mkdir(parents=True)
    (tmp_path / "other").write_bytes(b"not layer")
    digest = sha256(b"the layer")[7:]
    (directory / "blobs/sha256" / digest).symlink_to(tmp_path / "other")
    put(directory)
    assert whole(directory) and (tmp_path / "other").read_bytes() == b"not layer"


def test_a_lock_that_somebody_keeps_is_waited_for_and_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(layouts, "_LOCKED_S", 0.2)
    directory = layout(tmp_path / "box")
    for path in (directory, directory / "oci-layout"):
        fd = os.open(path, os.O_RDONLY)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX)
            with pytest.raises(Unavailable, match="somebody has had the lock of"):
                put(directory)
        finally:
            os.close(fd)
    put(directory)
    assert whole(directory)


INDEXES: list[Any] = [
    {"manifests": [{"annotations": [1]}, 7, None, {"annotations": {"org.opencontainers.image.ref.name": {}}}, []]}, {"manifests": {}}, [],
    {"manifests": [1] * 10}, {"manifests": []},
]  # fmt: skip


@pytest.mark.parametrize("index", INDEXES, ids=range(len(INDEXES)))
def test_an_index_of_any_shape_is_kept_or_refused(tmp_path: Path, index: Any) -> None:
    directory = layout(tmp_path / "box")
    (directory / "index.json").write_text(json.dumps(index))
    try:
        put(directory)
    except InvalidArgument as error:
        assert "is no index" in error.message
    else:
        found = json.loads((directory / "index.json").read_bytes())["manifests"]
        assert found[:-1] == index["manifests"] and found[-1]["digest"] == Image().top.digest


# -- as a source --

CASES: list[tuple[str, Callable[[Path, Path], object]]] = [
    ("index.json", lambda path, secret: path.symlink_to(secret)),
    ("index.json", lambda path, secret: os.mkfifo(path)),
    ("index.json", lambda path, secret: path.symlink_to("/dev/zero")),
    ("index.json", lambda path, secret: path.mkdir()),
    ("layer", lambda path, secret: path.symlink_to(secret)),
    ("layer", lambda path, secret: path.symlink_to("../../../secret")),
    ("layer", lambda path, secret: path.symlink_to(f"/proc/{os.getpid()}/environ")),
    ("layer", lambda path, secret: os.mkfifo(path)),
    ("layer", lambda path, secret: path.write_bytes(b"another")),
    ("layer", lambda path, secret: path.write_bytes(b"not layer")),
    ("layer", lambda path, secret: None),
]


@pytest.mark.parametrize(("what", "how"), CASES, ids=range(len(CASES)))
def test_nothing_outside_is_read_from_a_directory(tmp_path: Path, what: str, how: Callable[[Path, Path], object]) -> None:
    """Neither by a link, nor by waiting for somebody; what is there of another digest does not arrive."""
    directory, secret = tmp_path / "box", tmp_path / "secret"
    put(directory)
    secret.write_bytes(b"CANARY123")  # as long as the layer
    path = directory / ("index.json" if what == "index.json" else f"blobs/sha256/{sha256(b'the layer')[7:]}")
    path.unlink()
    how(path, secret)

    async def work() -> None:
        async with ImageFolder(directory, "v1").image() as image:
            await LayoutName(tmp_path / "copy", "v1").take_image(image, Wish())

    with pytest.raises(ArgosyError) as caught:
        asyncio.run(asyncio.wait_for(work(), 30))
    assert "CANARY" not in caught.value.message
    copied = state(tmp_path / "copy") if (tmp_path / "copy").exists() else {}
    assert not [name for name, data in copied.items() if b"CANARY" in data] and not (tmp_path / "copy/index.json").exists()


def test_a_killed_writer_leaves_a_directory_that_the_next_one_makes_whole(tmp_path: Path) -> None:
    """Killed at each of its system calls that change something, as far as it comes."""
    code = f"""
import asyncio, os, signal, sys
sys.path.insert(0, {str(Path(__file__).resolve().parents[2])!r})
from pathlib import Path
from tests.security import test_s17_layouts_stay_inside as it
left = int(sys.argv[2])
def dying(call):
    def do(*args, **kwargs):
        global left
        left -= 1
        if left < 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return call(*args, **kwargs)
    return do
for name in ("mkdir", "rename", "unlink"):
    setattr(os, name, dying(getattr(os, name)))
it.put(Path(sys.argv[1]))
"""
    directory = tmp_path / "box"
    died = 0
    for steps in (1, 2, 3, 5, 8):
        done = subprocess.run(
            [sys.executable, "-c", code, str(directory), str(steps)], capture_output=True, text=True, check=False
        )
        died += done.returncode == -9
        assert done.returncode in (0, -9), done.stderr
    assert died
    put(directory)
    assert whole(directory)
    assert not [path for path in directory.rglob("*") if path.name.startswith(".argosy-")]
