"""argosy transfer: what people write for sources and sinks, on our own mesh, on a stock containerd, and with no daemon at all."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tarfile
from base64 import b64encode
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from tests.harness.containerd import Containerd
from tests.harness.examples import EXAMPLES, serving
from tests.harness.mesh import ARGOSY, IMAGE, Mesh, Ran, eventually, run
from tests.harness.objects import serving_objects
from tests.harness.web import Server
from tests.harness.web import serving as serving_web

pytestmark = pytest.mark.root


@pytest.fixture(scope="module")
def layout(image_archive: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The image as a directory with an OCI layout."""
    base = tmp_path_factory.mktemp("layout") / "box"
    with tarfile.open(image_archive) as tar:
        tar.extractall(base, filter="data")
    return base


@pytest.fixture(scope="module")
def digest(layout: Path) -> str:
    (entry,) = json.loads((layout / "index.json").read_bytes())["manifests"]
    return str(entry["digest"])


def nowhere(*args: str, env: dict[str, str] | None = None) -> Ran:
    """Run the command where no daemon is. Not as `argosy` itself, which is isolated from PYTHONPATH."""
    return run([sys.executable, str(ARGOSY), "--address", "/run/argosy-is-not-here.sock", "transfer", *args], env)


def listed(mesh: Mesh | Containerd, namespace: str = "default") -> dict[str, str]:
    lines = mesh.ctr("images", "ls", namespace=namespace).ok().out.splitlines()[1:]
    return {line.split()[0]: next(word for word in line.split() if word.startswith("sha256:")) for line in lines}


def named(layout: Path) -> dict[str, str]:
    entries = json.loads((layout / "index.json").read_bytes())["manifests"]
    return {one.get("annotations", {}).get("org.opencontainers.image.ref.name", ""): one["digest"] for one in entries}


def test_without_a_daemon_images_go_between_registries_directories_and_archives(
    registry: str, layout: Path, digest: str, tmp_path: Path
) -> None:
    first, second = f"{registry}/a/box:1", f"registry:{registry}/b/box:2"
    chain = [f"oci:{layout}", first, second, f"oci:{tmp_path}/new:v3", f"archive:{tmp_path}/box.tar", f"oci:{tmp_path}/last"]
    for source, sink in pairwise(chain):
        ran = nowhere("--plain-http", source, sink)
        assert (ran.code, ran.err) == (0, "") and digest in ran.out, ran
    assert named(tmp_path / "new") == {"v3": digest} and named(tmp_path / "last") == {"": digest}
    with tarfile.open(tmp_path / "box.tar") as tar:
        names = tar.getnames()
    assert names == sorted(names) and {"index.json", "manifest.json", "oci-layout"} < set(names)
    for blob in (tmp_path / "last/blobs/sha256").iterdir():
        assert hashlib.sha256(blob.read_bytes()).hexdigest() == blob.name
    assert nowhere("--plain-http", second, f"oci:{tmp_path}/new:v4").code == 0
    assert named(tmp_path / "new") == {"v3": digest, "v4": digest}, "what else is in a directory stays"


def test_an_image_of_the_daemon_goes_out_and_comes_back_through_a_pipe(mesh: Mesh, tmp_path: Path) -> None:
    out = [str(ARGOSY), "--address", str(mesh.address), "transfer", f"image:{IMAGE}", "-"]
    back = [
        str(ARGOSY),
        "--address",
        str(mesh.address),
        "--namespace",
        "piped",
        "-o",
        "json",
        "transfer",
        "-",
        "image:piped.example/box:1",
    ]
    with subprocess.Popen(out, stdout=subprocess.PIPE) as sender:
        done = subprocess.run(back, stdin=sender.stdout, capture_output=True, timeout=60, check=False)
    assert (sender.returncode, done.returncode, done.stderr) == (0, 0, b"")
    found = listed(mesh, "piped")
    assert found == {"piped.example/box:1": listed(mesh)[IMAGE]}
    assert json.loads(done.stdout)["digest"] == found["piped.example/box:1"]
    ran = mesh.ctr("run", "--rm", "piped.example/box:1", "c", "cat", "/etc/motd", namespace="piped")
    assert ran.ok().out == "hello from an argosy\n", "it is unpacked, and can be run"


def test_a_blob_becomes_a_file_and_a_file_a_blob_that_stays(mesh: Mesh, tmp_path: Path) -> None:
    (tmp_path / "text").write_bytes(b"some text " * 1000)
    digest = f"sha256:{hashlib.sha256((tmp_path / 'text').read_bytes()).hexdigest()}"
    ran = mesh.argosy("-o", "json", "transfer", f"archive:{tmp_path}/text", "blob:", namespace="bytes").ok()
    assert json.loads(ran.out)["digest"] == digest
    mesh.argosy("gc").ok()
    mesh.argosy("transfer", f"blob:{digest}", f"archive:{tmp_path}/again", namespace="bytes").ok()
    assert (tmp_path / "again").read_bytes() == (tmp_path / "text").read_bytes()
    assert (
        mesh.argosy("transfer", f"blob:{digest}", "-", namespace="bytes").ok().out.encode()
        == (tmp_path / "text").read_bytes()
    )


@pytest.fixture
def shelf(tmp_path: Path) -> dict[str, str]:
    """The environment of an installation that has the example as an entry point."""
    info = tmp_path / "site/shelf-1.dist-info"
    info.mkdir(parents=True)
    (tmp_path / "site/shelf.py").write_text((EXAMPLES / "shelf.py").read_text())
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: shelf\nVersion: 1\n")
    (info / "entry_points.txt").write_text(
        "[argosy.transfer]\nshelf = shelf:Shelf\nbroken = shelf:NAME\nmissing = nothing:Nothing\n"
    )
    return {"PYTHONPATH": str(tmp_path / "site"), "SHELF": str(tmp_path / "layout")}


def test_an_entry_point_is_a_source_and_a_sink(layout: Path, digest: str, shelf: dict[str, str], tmp_path: Path) -> None:
    for name in ("one", "two"):
        ran = nowhere(f"oci:{layout}", f"shelf:{name}", env=shelf)
        assert (ran.code, ran.err) == (0, "") and digest in ran.out, ran
    assert named(tmp_path / "layout") == {"one": digest, "two": digest}, "any tool for layouts finds it"
    assert nowhere("shelf:two", f"oci:{tmp_path}/back:x", env=shelf).ok() and named(tmp_path / "back") == {"x": digest}
    ran = nowhere("shelf:three", f"oci:{tmp_path}/back:x", env=shelf)
    assert ran.code != 0 and 'image "three" in' in ran.err
    ran = nowhere("broken:x", f"oci:{tmp_path}/back", env=shelf)
    assert ran.code != 0 and "can't be loaded" in ran.err and "broken" in ran.err
    ran = nowhere("missing:x", f"oci:{tmp_path}/back", env=shelf)
    assert ran.code != 0 and "can't be loaded: ModuleNotFoundError" in ran.err


def test_a_registered_depot_is_named_by_every_client(mesh: Mesh, layout: Path, digest: str, tmp_path: Path) -> None:
    with serving_objects() as objects, serving("objects", tmp_path, "--url", objects.url) as address:
        mesh.argosy("plugin", "add", "depot", "objects", "--address", str(address)).ok()
        assert "depot" in mesh.argosy("plugin", "ls").ok().out
        mesh.argosy("transfer", f"oci:{layout}", "objects:box/1").ok()
        assert set(objects.objects) == {
            "names/box/1",
            *(f"blobs/sha256/{one.name}" for one in (layout / "blobs/sha256").iterdir()),
        }
        mesh.argosy("transfer", "objects:box/1", "image:from-a-depot:1").ok()
        assert listed(mesh)["docker.io/library/from-a-depot:1"] == digest
        ran = mesh.argosy("transfer", "objects:box/2", "image:x")
        assert (ran.code != 0, "names/box/2 in" in ran.err) == (True, True), ran
        puts = [key for method, key, _ in objects.asked if method == "PUT"]
        mesh.argosy("transfer", f"oci:{layout}", "objects:box/3").ok()
        again = [key for method, key, _ in objects.asked if method == "PUT"][len(puts) :]
        assert "names/box/3" in again and len(again) < len(puts), "blobs that are there are not sent again"
        mesh.argosy("plugin", "remove", "objects").ok()
    ran = mesh.argosy("transfer", "objects:box/1", "image:x")
    assert ran.code != 0 and 'nor is "objects" a depot' in ran.err


def test_mistakes_are_told_from_each_other(mesh: Mesh, layout: Path, tmp_path: Path) -> None:
    full = tmp_path / "full"
    full.mkdir()
    (full / "mine").write_text("not yours")
    told = {
        ("blob:", "image:x"): "digest",
        ("image:", f"oci:{tmp_path}/x"): '"image:" does not say which; write image:NAME',
        ("image:no-such", f"oci:{tmp_path}/x"): "no-such",
        (f"oci:{tmp_path}/none", "image:x"): "does not exist",
        (f"oci:{layout}:other", "image:x"): "has no image other; it has",
        (f"oci:{layout}", f"oci:{full}"): "is no OCI layout, and not empty; name another directory",
        (f"oci:{layout}", f"archive:{tmp_path}"): "is a directory; name a file, or say oci:",
        (f"oci:{layout}", f"archive:{tmp_path}/no/where"): "there is no such directory",
        (f"oci:{layout}", "blob:"): "gives an archive of images, and a blob takes bytes",
        ("s3:bucket/Box:1", "image:x"): 'nor is "s3" a depot or one of registry, image, oci, archive, blob',
        (f"archive:{tmp_path}/none.tar", "image:x"): "does not exist",
        (f"archive:{full}/mine", "image:x"): "it is not a tar archive",
    }
    for (source, sink), words in told.items():
        ran = mesh.argosy("transfer", source, sink)
        assert ran.code != 0 and words in ran.err and "Traceback" not in ran.err, (source, sink, ran)
    assert (full / "mine").read_text() == "not yours" and [path.name for path in full.iterdir()] == ["mine"]


@pytest.fixture(scope="module")
def stock(tmp_path_factory: pytest.TempPathFactory, image_archive: Path) -> Iterator[Containerd]:
    running = Containerd(tmp_path_factory.mktemp("stock"))
    running.start()
    try:
        running.ctr("images", "import", str(image_archive)).ok()
        yield running
    finally:
        running.destroy()


def test_a_stock_containerd_is_transferred_from_and_to(stock: Containerd, digest: str, tmp_path: Path) -> None:
    command = [str(ARGOSY), "--address", str(stock.address), "transfer"]
    run([*command, f"image:{IMAGE}", f"oci:{tmp_path}/out"]).ok()
    assert named(tmp_path / "out") == {"": digest}
    run([*command, f"oci:{tmp_path}/out", "image:back:1"]).ok()
    assert listed(stock)["docker.io/library/back:1"] == digest
    assert stock.ctr("run", "--rm", "docker.io/library/back:1", "c", "cat", "/etc/motd").ok().out == "hello from an argosy\n"


def test_what_is_cut_off_leaves_no_file_and_no_name(tmp_path: Path) -> None:
    """A transfer is told to end where its source stands still."""
    os.mkfifo(tmp_path / "fifo")
    command = [sys.executable, str(ARGOSY), "transfer", f"archive:{tmp_path}/fifo", f"archive:{tmp_path}/out"]
    with subprocess.Popen(command, stderr=subprocess.PIPE) as process, (tmp_path / "fifo").open("wb") as file:
        file.write(b"the beginning")
        file.flush()
        eventually(lambda: any(path.name.startswith(".out.") for path in tmp_path.iterdir()), what="it never began")
        process.send_signal(signal.SIGINT)
        process.wait(20)
    assert [path.name for path in tmp_path.iterdir()] == ["fifo"]


def test_a_registry_gets_its_own_password_and_never_the_others(tmp_path: Path, layout: Path) -> None:
    """Both want one; what each was told is looked at where it arrives."""

    async def ask(server: Server, request: web.Request) -> web.StreamResponse | None:
        if "Authorization" in request.headers:
            return None
        return web.Response(status=401, headers={"WWW-Authenticate": 'Basic realm="r"'})

    async def work() -> tuple[set[str], set[str]]:
        async with serving_web(ask) as source, serving_web(ask) as sink:
            source.image("a/box:1", [b"layer" * 100])
            command = [
                str(ARGOSY), "transfer", "--plain-http", "--from-user", "me:one", "--to-user", "you:two", f"{source.netloc}/a/box:1",
                f"{sink.netloc}/b/box:1",
            ]  # fmt: skip
            process = await asyncio.create_subprocess_exec(*command, stdin=subprocess.DEVNULL)
            await process.wait()
            return set(source.secrets()), set(sink.secrets())

    given = asyncio.run(work())
    assert given == ({f"Basic {b64encode(b'me:one').decode()}"}, {f"Basic {b64encode(b'you:two').decode()}"})


def layers_of(layout: Path) -> list[tuple[str, bytes]]:
    """Return types and bytes of the layers of the only image in a directory, of its only platform."""
    (entry,) = json.loads((layout / "index.json").read_bytes())["manifests"]
    document = json.loads((layout / "blobs" / entry["digest"].replace(":", "/")).read_bytes())
    while "manifests" in document:
        document = json.loads((layout / "blobs" / document["manifests"][0]["digest"].replace(":", "/")).read_bytes())
    return [
        (one["mediaType"], (layout / "blobs" / one["digest"].replace(":", "/")).read_bytes()) for one in document["layers"]
    ]


def test_layers_become_another_form_on_the_way_and_hold_the_same(
    mesh: Mesh, stock: Containerd, layout: Path, tmp_path: Path
) -> None:
    for form in ("zstd", "gzip", "uncompressed"):
        for name in (form, f"{form}-again"):
            nowhere("--layers", form, f"oci:{layout}", f"oci:{tmp_path}/{name}").ok()
        assert named(tmp_path / form) == named(tmp_path / f"{form}-again"), "the same image becomes the same image"
    for form, words in {"zstd": ["zstd", "-dc"], "gzip": ["gzip", "-dc"], "uncompressed": ["cat"]}.items():
        for (kind, data), (_, plain) in zip(layers_of(tmp_path / form), layers_of(tmp_path / "uncompressed"), strict=True):
            assert kind == "application/vnd.oci.image.layer.v1.tar" + ("" if form == "uncompressed" else f"+{form}")
            assert subprocess.run(words, input=data, stdout=subprocess.PIPE, check=True, timeout=30).stdout == plain
    nowhere("--layers", "uncompressed", f"oci:{tmp_path}/zstd", f"oci:{tmp_path}/back").ok()
    assert named(tmp_path / "back") == named(tmp_path / "uncompressed")
    for peer in (mesh, stock):
        run(
            [
                str(ARGOSY),
                "--address",
                str(peer.address),
                "transfer",
                "--layers",
                "zstd",
                f"image:{IMAGE}",
                "image:smaller:1",
            ]
        ).ok()
        assert (
            peer.ctr("run", "--rm", "docker.io/library/smaller:1", "c", "cat", "/etc/motd").ok().out
            == "hello from an argosy\n"
        )
    ran = nowhere("--layers", "brotli", f"oci:{layout}", f"oci:{tmp_path}/no")
    assert (
        ran.code != 0
        and 'layers can be uncompressed, gzip, zstd, erofs, erofs+zstd, and not "brotli"' in ran.err
        and not (tmp_path / "no").exists()
    )


@pytest.mark.parametrize("form", ["erofs", "erofs+zstd"])
def test_layers_become_erofs_images_on_the_way_and_back(mesh: Mesh, layout: Path, tmp_path: Path, form: str) -> None:
    for name in ("one", "two"):
        nowhere("--layers", form, f"oci:{layout}", f"oci:{tmp_path}/{name}").ok()
    assert named(tmp_path / "one") == named(tmp_path / "two"), "the same image becomes the same image"
    for number, (kind, data) in enumerate(layers_of(tmp_path / "one")):
        assert kind == "application/vnd.erofs.layer.v1" + form.removeprefix("erofs")
        (tmp_path / str(number)).write_bytes(
            subprocess.run(["zstd", "-dc"], input=data, stdout=subprocess.PIPE, check=True).stdout
            if "zstd" in form
            else data
        )
        if shutil.which("fsck.erofs"):
            subprocess.run(["fsck.erofs", str(tmp_path / str(number))], check=True, capture_output=True)
    nowhere("--layers", "uncompressed", f"oci:{tmp_path}/one", f"oci:{tmp_path}/back").ok()
    nowhere("--layers", form, f"oci:{tmp_path}/back", f"oci:{tmp_path}/again").ok()
    assert {kind for kind, _ in layers_of(tmp_path / "back")} == {"application/vnd.oci.image.layer.v1.tar"}
    run(
        [
            str(ARGOSY),
            "--address",
            str(mesh.address),
            "transfer",
            f"oci:{tmp_path}/again",
            f"image:{form.replace('+', '-')}:1",
        ]
    ).ok()
    ran = mesh.argosy("run", "--rm", f"{form.replace('+', '-')}:1", "cat", "/etc/motd").ok()
    assert ran.out == "hello from an argosy\n"


def test_a_layer_that_is_not_what_its_config_says_is_not_converted(layout: Path, tmp_path: Path) -> None:
    def changed(config: dict[str, Any]) -> dict[str, Any]:
        return {
            **config,
            "rootfs": {**config["rootfs"], "diff_ids": ["sha256:" + "1" * 64 for _ in config["rootfs"]["diff_ids"]]},
        }

    shutil.copytree(layout, tmp_path / "box")
    (entry,) = json.loads((layout / "index.json").read_bytes())["manifests"]
    manifest = json.loads((layout / "blobs" / entry["digest"].replace(":", "/")).read_bytes())
    assert "layers" in manifest
    made = json.dumps(
        changed(json.loads((layout / "blobs" / manifest["config"]["digest"].replace(":", "/")).read_bytes()))
    ).encode()

    def keep(data: bytes) -> dict[str, Any]:
        digest = hashlib.sha256(data).hexdigest()
        (tmp_path / "box/blobs/sha256" / digest).write_bytes(data)
        return {"digest": f"sha256:{digest}", "size": len(data)}

    top = keep(json.dumps({**manifest, "config": {**manifest["config"], **keep(made)}}).encode())
    (tmp_path / "box/index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": [{**entry, **top}]}))
    form = "gzip" if "gzip" not in manifest["layers"][0]["mediaType"] else "zstd"
    ran = nowhere("--layers", form, f"oci:{tmp_path}/box", f"oci:{tmp_path}/out")
    assert ran.code != 0 and f"and its config says sha256:{'1' * 64}" in ran.err
    assert not (tmp_path / "out/index.json").exists()


@pytest.fixture
def boxes(mesh: Mesh) -> Iterator[None]:
    """Containers: one that runs, and one that has never run."""
    mesh.ctr("run", "-d", IMAGE, "files-runs", "sleep", "1000").ok()
    mesh.ctr("containers", "create", IMAGE, "files-waits", "sleep", "1000").ok()
    try:
        yield
    finally:
        mesh.argosy("rm", "--force", "files-runs", "files-waits").ok()


def test_files_of_containers_go_to_whatever_takes_a_tar_and_come_from_what_is_one(
    mesh: Mesh, boxes: None, tmp_path: Path
) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in/text").write_text("some text\n" * 10_000)
    os.chown(tmp_path / "in/text", 1234, 4321)
    subprocess.run(["tar", "-C", str(tmp_path), "-cf", str(tmp_path / "in.tar"), "in"], check=True)
    mesh.argosy("transfer", f"archive:{tmp_path}/in.tar", "container:files-runs:/tmp").ok()
    seen = mesh.argosy("exec", "files-runs", "stat", "-c", "%u:%g %s", "/tmp/in/text").ok().out
    assert seen.split() == ["1234:4321", "100000"]
    # The path may be relative to the root.
    for source, sink in (
        ("container:files-runs:tmp/in", f"archive:{tmp_path}/out.tar"), (f"archive:{tmp_path}/out.tar", "container:files-waits:/home"),
        ("container:files-waits:/home/in", "snapshot:files"), ("snapshot:files", "container:files-runs:/root"),
        ("container:files-runs:/root/in", "container:files-waits:/root"),
    ):  # fmt: skip
        said = mesh.argosy("-o", "json", "transfer", source, sink).ok()
        assert json.loads(said.out) == {"from": source, "to": sink}
    digest = json.loads(mesh.argosy("-o", "json", "transfer", "container:files-waits:/root/in", "blob:").ok().out)["digest"]
    mesh.argosy("transfer", f"blob:{digest}", f"archive:{tmp_path}/last.tar").ok()
    listed = subprocess.run(["tar", "-tvf", str(tmp_path / "last.tar"), "--numeric-owner"], capture_output=True, text=True)
    assert [(line.split()[1], line.split()[2], line.split()[-1]) for line in listed.stdout.splitlines()] == [
        ("0/0", "0", "in/"), ("1234/4321", "100000", "in/text"),
    ]  # fmt: skip


def test_files_of_containers_go_through_pipes(mesh: Mesh, boxes: None) -> None:
    argosy = [str(ARGOSY), "--address", str(mesh.address), "transfer"]
    with subprocess.Popen([*argosy, "container:files-runs:/bin/.", "-"], stdout=subprocess.PIPE) as sender:
        done = subprocess.run(
            [*argosy, "-", "container:files-waits:/tmp"], stdin=sender.stdout, capture_output=True, timeout=60, check=False
        )
    assert (sender.returncode, done.returncode, done.stderr) == (0, 0, b"")
    out = subprocess.run([*argosy, "container:files-waits:/tmp", "-"], capture_output=True, timeout=60, check=True).stdout
    listed = subprocess.run(["tar", "-tf", "-"], input=out, capture_output=True, check=True).stdout.decode().split()
    assert {"tmp/", "tmp/busybox", "tmp/sh"} <= set(listed)


def test_mistakes_with_files_of_containers_are_said(mesh: Mesh, boxes: None, layout: Path, tmp_path: Path) -> None:
    def said(source: str, sink: str) -> str:
        ran = mesh.argosy("transfer", source, sink)
        assert ran.code != 0 and "Traceback" not in ran.err, ran
        return " ".join(ran.err.split())

    assert "write container:NAME:PATH" in said("container:files-runs", f"archive:{tmp_path}/x")
    assert 'container "nobody"' in said("container:nobody:/x", f"archive:{tmp_path}/x")
    assert '"/no" in container "files-waits"' in said("container:files-waits:/no", "-")
    assert "takes a tree" in said(f"oci:{layout}", "container:files-runs:/tmp")
    assert "gives a tree" in said("container:files-runs:/tmp", f"oci:{tmp_path}/y")
    (tmp_path / "text").write_text("no tar\n" * 1000)
    assert "archive" in said(f"archive:{tmp_path}/text", "container:files-runs:/tmp")
    subprocess.run(["tar", "-C", str(tmp_path), "-czf", str(tmp_path / "z.tgz"), "text"], check=True)
    assert "compressed" in said(f"archive:{tmp_path}/z.tgz", "container:files-waits:/tmp")
    assert not (tmp_path / "x").exists() and not (tmp_path / "y").exists()
