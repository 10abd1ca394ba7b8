"""Imports from pipes and folders, and a push whose source is named as a person names it."""

from __future__ import annotations

import asyncio
import gzip
import io
import json
import os
import shutil
import signal
import subprocess
import tarfile
import threading
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from argosy.client import Client
from argosy.client import images as api
from argosy.errors import InvalidArgument, NotFound
from argosy_protos.containerd.services.images.v1 import DeleteImageRequest, GetImageRequest
from argosy_protos.containerd.services.leases.v1 import ListRequest

from tests.harness.mesh import ARGOSY, IMAGE, Mesh, eventually
from tests.harness.web import Server, serving

pytestmark = pytest.mark.root


def with_client(mesh: Mesh, work: Callable[[Client], Awaitable[None]], namespace: str) -> None:
    async def main() -> None:
        async with Client(mesh.address, namespace) as client:
            await asyncio.wait_for(work(client), 50)
            assert (await client.services.leases.list(ListRequest())).leases == []

    asyncio.run(main())


def imported(mesh: Mesh, name: str, data: bytes | None = None, stdin: Any = None) -> subprocess.CompletedProcess[bytes]:
    """Run an import of data, or with stdin as its standard input."""
    command: list[str | Path] = [ARGOSY, "-a", mesh.address, "-n", "imports", "import", "--no-unpack", name]
    if data is not None:
        return subprocess.run(command, input=data, capture_output=True, timeout=30, check=False)
    return subprocess.run(command, stdin=stdin or subprocess.DEVNULL, capture_output=True, timeout=30, check=False)


@pytest.fixture
def layout(image_archive: Path, tmp_path: Path) -> Path:
    """The image's archive as a folder."""
    folder = tmp_path / "box"
    with tarfile.open(image_archive) as tar:
        tar.extractall(folder, filter="data")
    return folder


def test_standard_input_is_an_archive_in_any_form(mesh: Mesh, image_archive: Path) -> None:
    whole = image_archive.read_bytes()
    for data in (whole, gzip.compress(whole, 1)):
        for name in ("-", "/dev/stdin"):
            done = imported(mesh, name, data)
            assert (done.returncode, done.stderr) == (0, b"") and IMAGE.encode() in done.stdout
    with image_archive.open("rb") as file:
        assert imported(mesh, "-", stdin=file).returncode == 0


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "standard input is empty"),
        (b"no archive" * 1000, "standard input: it is not a tar archive"),
        (b"short", "standard input: it is not a tar archive"),
        (bytes(10240), "it is neither an OCI nor a docker archive"),
        (b"\x1f\x8b" + bytes(600), "compressed data is broken"),
    ],
)
def test_what_is_no_archive_is_said_to_be_none(mesh: Mesh, data: bytes, message: str) -> None:
    done = imported(mesh, "-", data)
    assert done.returncode != 0 and message in done.stderr.decode() and b"Traceback" not in done.stderr


def test_an_archive_that_ends_early_is_refused(mesh: Mesh, image_archive: Path) -> None:
    """In the middle of a member, or before one: an image without its layer is none, whether it is unpacked or not."""
    whole = image_archive.read_bytes()
    with tarfile.open(image_archive) as tar:
        last = max(tar.getmembers(), key=lambda m: m.offset)

    async def work(client: Client) -> None:
        for end, message in ((last.offset_data + 100, "ends in the middle"), (last.offset, "and does not have it")):
            with pytest.raises(InvalidArgument, match=f"the stream: .*{message}"):
                await api.import_archive(client, io.BytesIO(whole[:end]), unpack_images=False)
        # Nor is it any better where all that it should hold is here already, and nothing of it has to be read.
        await api.import_archive(client, io.BytesIO(whole), unpack_images=False)
        with pytest.raises(InvalidArgument, match="ends in the middle"):
            await api.import_archive(client, io.BytesIO(whole[: last.offset_data + 100]), unpack_images=False)

    assert last.name.startswith("blobs/") and last.size > 100
    with_client(mesh, work, "import-cut")


def test_an_endless_stream_that_is_no_archive_is_refused_at_its_first_block(mesh: Mesh) -> None:
    endless = subprocess.Popen(["yes"], stdout=subprocess.PIPE)
    try:
        done = imported(mesh, "-", stdin=endless.stdout)
        assert done.returncode != 0 and b"it is not a tar archive" in done.stderr
    finally:
        endless.kill()
        endless.communicate()


def test_neither_a_device_nor_a_terminal_is_waited_for(mesh: Mesh) -> None:
    for name in ("/dev/zero", "/dev/null"):
        done = imported(mesh, name)
        assert done.returncode != 0 and b"neither a file nor a pipe nor a folder" in done.stderr
    ours, theirs = os.openpty()
    try:
        done = imported(mesh, "-", stdin=theirs)
        assert done.returncode != 0 and b"standard input is a terminal" in done.stderr
    finally:
        os.close(ours)
        os.close(theirs)


def test_a_closed_standard_input_is_said_to_be_closed(tmp_path: Path) -> None:
    """No daemon is needed to say so."""
    closed = subprocess.run(
        ["sh", "-c", 'exec "$@" <&-', "sh", ARGOSY, "-a", tmp_path / "none.sock", "import", "-"],
        capture_output=True, timeout=30, check=False, env={**os.environ, "ARGOSY_CLI_TEMPLATE": "off"},
    )  # fmt: skip
    assert closed.returncode != 0 and closed.stderr.startswith(b"argosy: standard input is closed")


@pytest.mark.root
@pytest.mark.parametrize("template", ["on", "off"])
def test_closed_streams_are_no_sockets_of_ours(mesh: Mesh, tmp_path: Path, template: str) -> None:
    """The next descriptor that is opened has the number of one that is closed: input is not read from it, nor output written to it."""
    env = {**os.environ, "ARGOSY_CLI_TEMPLATE": template, "ARGOSY_CLI_DIR": str(tmp_path)}
    command = [str(ARGOSY), "-a", str(mesh.address)]
    for _ in range(2):  # the first leaves a template behind
        subprocess.run([*command, "version"], capture_output=True, timeout=30, check=True, env=env)
    for closed, args, wanted in (
        ("<&-", ["import", "-"], "argosy: standard input is closed"),
        (">&-", ["content", "get", "sha256:" + "0" * 64], "not found"),
        (">&-", ["run", "--rm", IMAGE, "echo", "words"], "argosy: standard output cannot be written"),
    ):
        ran = subprocess.run(
            ["sh", "-c", f'exec "$@" {closed}', "sh", *command, *args],
            capture_output=True, text=True, timeout=30, check=False, env=env,
        )  # fmt: skip
        assert ran.returncode not in (0, 141) and wanted in ran.stderr, ran
    assert subprocess.run([*command, "ps"], capture_output=True, timeout=30, check=True, env=env).stderr == b""


def test_a_fifo_is_read_whenever_its_writer_comes(mesh: Mesh, image_archive: Path, tmp_path: Path) -> None:
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    writer = threading.Timer(0.3, lambda: fifo.write_bytes(image_archive.read_bytes()))

    async def work(client: Client) -> None:
        writer.start()
        assert await api.import_archive(client, fifo, unpack_images=False) == [IMAGE]

    try:
        with_client(mesh, work, "import-fifo")
    finally:
        writer.join()


def test_waiting_for_a_writer_can_be_given_up(mesh: Mesh, tmp_path: Path) -> None:
    """Both as a task and as a command: nobody ever opens the other end, or writes nothing."""
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)

    async def work(client: Client) -> None:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(api.import_archive(client, fifo), 0.3)

    with_client(mesh, work, "import-fifo")
    with pytest.raises(OSError, match="No such device or address"):
        os.open(fifo, os.O_WRONLY | os.O_NONBLOCK)  # nobody reads it any more
    waiting, silent = os.pipe()
    with os.fdopen(silent, "wb"), os.fdopen(waiting, "rb") as stdin:
        command = subprocess.Popen([ARGOSY, "-a", mesh.address, "import", "-"], stdin=stdin, stderr=subprocess.PIPE)
        try:
            eventually(lambda: b" (deleted)" in b" ".join(_open_files(command.pid)), what="the command waits for its input")
            command.send_signal(signal.SIGINT)
            assert command.wait(10) in (130, -signal.SIGINT)
        finally:
            command.kill()
            command.communicate()


def _open_files(pid: int) -> list[bytes]:
    found = []
    for fd in Path(f"/proc/{pid}/fd").iterdir():
        try:
            found.append(os.readlink(os.fsencode(fd)))
        except OSError:
            continue  # closed meanwhile
    return found


def test_a_folder_is_an_archive_too(mesh: Mesh, layout: Path, tmp_path: Path) -> None:
    """An OCI layout, one whose image has no name, and what somebody unpacked of docker's archive, links and all."""

    async def work(client: Client) -> None:
        assert await api.import_archive(client, layout) == [IMAGE]
        index = json.loads((layout / "index.json").read_text())
        del index["manifests"][0]["annotations"]
        (layout / "index.json").write_text(json.dumps(index))
        assert await api.import_archive(client, layout) == ["docker.io/library/box:latest"]
        manifest = json.loads((layout / "blobs/sha256" / index["manifests"][0]["digest"][7:]).read_text())
        docker = tmp_path / "docker"
        (docker / "one").mkdir(parents=True)
        blobs = [layout / "blobs/sha256" / d["digest"][7:] for d in (manifest["config"], *manifest["layers"])]
        shutil.copy(blobs[0], docker / "config.json")
        names = []
        for i, blob in enumerate(blobs[1:]):
            shutil.copy(blob, docker / f"{i}.tar")
            (docker / f"one/{i}.tar").symlink_to(f"../{i}.tar")
            names.append(f"one/{i}.tar")
        listing = [{"Config": "config.json", "RepoTags": ["box:docker"], "Layers": names}]
        (docker / "manifest.json").write_text(json.dumps(listing))
        assert await api.import_archive(client, docker) == ["docker.io/library/box:docker"]

    with_client(mesh, work, "import-folder")


def test_a_folder_leads_nowhere_else(mesh: Mesh, layout: Path, tmp_path: Path) -> None:
    """Somebody else may have made it: what its links and names lead to outside is not read, and no FIFO waited for."""
    (tmp_path / "secret").write_text("{}")
    folder = tmp_path / "docker"
    folder.mkdir()
    os.mkfifo(folder / "fifo")
    (folder / "link").symlink_to(tmp_path / "secret")
    (folder / "up").symlink_to("../secret")

    async def work(client: Client) -> None:
        for name in ("link", "up", "../secret", str(tmp_path / "secret"), "fifo", ".", "", "a\0b"):
            (folder / "manifest.json").write_text(json.dumps([{"Config": name, "RepoTags": ["x:1"], "Layers": []}]))
            with pytest.raises(InvalidArgument, match="the folder has no file"):
                await api.import_archive(client, folder)
        (folder / "manifest.json").unlink()
        with pytest.raises(InvalidArgument, match="neither an OCI nor a docker archive"):
            await api.import_archive(client, folder)
        with pytest.raises(NotFound, match="does not exist"):
            await api.import_archive(client, folder / "none")
        blob = next((layout / "blobs/sha256").iterdir())
        blob.write_bytes(blob.read_bytes()[:-1] + b"~")
        with pytest.raises(InvalidArgument, match="holds? other bytes"):
            await api.import_archive(client, layout)

    with_client(mesh, work, "import-bad-folder")


def test_the_source_of_a_push_may_be_named_in_short(mesh: Mesh, image_archive: Path) -> None:
    pushed: list[str] = []

    async def answer(server: Server, request: web.Request) -> web.Response | None:
        if request.method == "HEAD":
            return web.Response(status=200)
        pushed.append(request.path)
        await request.read()
        return web.Response(status=201)

    async def work(client: Client) -> None:
        await api.import_archive(client, image_archive, unpack_images=False)
        image = (await client.services.images.get(GetImageRequest(name=IMAGE))).image
        assert image is not None and image.target is not None
        target = image.target
        await api.put_image(client.services, "Odd Name", target)
        async with serving(answer) as registry:
            for i, source in enumerate(
                ("busybox", "busybox:latest", "library/busybox", "docker.io/library/busybox", IMAGE, "Odd Name")
            ):
                await api.push(client, f"{registry.netloc}/a/b:{i}", source=source)
                assert pushed.pop() == f"/v2/a/b/manifests/{i}"
            for source in ("nobody", "docker.io/library/nobody:latest", "Odd name"):
                with pytest.raises(NotFound):
                    await api.push(client, f"{registry.netloc}/a/b:1", source=source)
        await client.services.images.delete(DeleteImageRequest(name=IMAGE, sync=True))

    with_client(mesh, work, "push-source")
