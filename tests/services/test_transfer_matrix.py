"""Every pair of a source and a sink, each from end to end over the wire: what arrives is looked at by somebody else than us, byte by byte."""

from __future__ import annotations

import hashlib
import io
import json
import os
import signal
import subprocess
import tarfile
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from argosy_protos._message import Message
from argosy_protos.argosy.transfer import v1 as ours
from argosy_protos.containerd.services.transfer.v1 import TransferRequest
from argosy_protos.containerd.types import transfer as p

from tests.harness.examples import serving
from tests.harness.matrix import BYTES, IMAGES, OF_TREES, PAIRS
from tests.harness.mesh import IMAGE, Mesh, eventually
from tests.harness.objects import Objects, serving_objects
from tests.harness.transfer import HOST, Tool, kept_blob, pack, refused
from tests.harness.web import INDEX, MANIFEST

pytestmark = pytest.mark.root

# Those of trees are test_transfer_trees.py's.
SERVED = [pair for pair, what in PAIRS.items() if what and what not in OF_TREES]
ACCEPT = f"{INDEX}, {MANIFEST}"
RAW = b"bytes, whatever they are" * 9000


@dataclass
class World:
    """Where images and bytes are before a transfer."""

    mesh: Mesh
    registry: str
    objects: Objects
    archive: bytes
    layout: Path
    raw: Path
    digest: str = ""
    """Of the image, the same everywhere."""
    numbers: Iterator[int] = field(default_factory=lambda: iter(range(1000)))


@pytest.fixture(scope="module")
def world(mesh: Mesh, registry: str, image_archive: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    base = tmp_path_factory.mktemp("world")
    with tarfile.open(image_archive) as tar:
        tar.extractall(base / "layout", filter="data")
    mesh.ctr("images", "tag", "--force", IMAGE, f"{registry}/library/box:1").ok()
    mesh.argosy("push", "--plain-http", f"{registry}/library/box:1").ok()
    with serving_objects() as objects, serving("objects", mesh.base, "--url", objects.url) as address:
        mesh.argosy("plugin", "add", "depot", "objects", "--address", str(address)).ok()
        found = World(mesh, registry, objects, image_archive.read_bytes(), base / "layout", base / "raw")
        found.raw.write_bytes(RAW)
        (entry,) = json.loads((base / "layout/index.json").read_bytes())["manifests"]
        found.digest = entry["digest"]
        for blob in (base / "layout/blobs/sha256").iterdir():
            objects.objects[f"blobs/sha256/{blob.name}"] = blob.read_bytes()
        objects.objects["names/box/1"] = json.dumps({key: entry[key] for key in ("mediaType", "digest", "size")}).encode()
        yield found
        mesh.argosy("plugin", "remove", "objects").ok()


@dataclass
class End:
    """A source, or a sink with what shows that it has what was to come: the digest of an image, or bytes."""

    message: Message
    arrived: Callable[[], str | bytes] = str


@pytest.fixture
def tool(world: World) -> Iterator[Tool]:
    with Tool(world.mesh.address, f"matrix{next(world.numbers)}") as found:
        yield found


def digest_of(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def ctr(world: World, namespace: str, *args: str, stdin: Path = Path("/dev/null")) -> bytes:
    """Return what Debian's ctr prints."""
    command = ["ctr", "--connect-timeout", "5s", "-a", str(world.mesh.address), "-n", namespace, *args]
    with stdin.open("rb") as file:
        return subprocess.run(command, stdin=file, stdout=subprocess.PIPE, check=True, timeout=30).stdout


def whole(read: Callable[[str], bytes], top: Mapping[str, Any]) -> str:
    """Return an image's digest when all of it can be read, and is what its documents say."""
    data = read(top["digest"])
    assert digest_of(data) == top["digest"] and len(data) == top["size"]
    document = json.loads(data)
    for child in (
        *document.get("manifests", ()),
        *([document["config"], *document["layers"]] if "config" in document else ()),
    ):
        if "manifests" in document:
            whole(read, child)
        else:
            blob = read(child["digest"])
            assert digest_of(blob) == child["digest"] and len(blob) == child["size"]
    return str(top["digest"])


# -- sources --


def source_of(kind: str, world: World, tool: Tool, raw: bool) -> End:
    match kind:
        case "OCIRegistry":
            return End(p.OCIRegistry(reference=f"{world.registry}/library/box:1"))
        case "ImageStore":
            path = world.layout.parent / "box.tar"
            path.write_bytes(world.archive)
            world.mesh.ctr("images", "import", str(path), namespace=tool.namespace).ok()
            return End(p.ImageStore(name=IMAGE))
        case "ImageImportStream":
            return End(p.ImageImportStream(stream=tool.sending(RAW if raw else world.archive)))
        case "Layout":
            return End(ours.Layout(path=str(world.layout)))
        case "Stored":
            return End(ours.Stored(depot="objects", name="box/1"))
        case "Blob":
            kept_blob(world.mesh.address, RAW, tool.namespace)
            return End(ours.Blob(digest=digest_of(RAW)))
        case "ReadStream":
            return End(p.ReadStream(stream=tool.sending(RAW)))
    raise AssertionError(kind)


# -- sinks --


def sink_of(kind: str, world: World, tool: Tool, raw: bool, tmp_path: Path) -> End:
    unique = tool.namespace
    match kind:
        case "OCIRegistry":

            def at_registry() -> str:
                def read(what: str) -> bytes:
                    for where in ("manifests", "blobs"):
                        url = f"http://{world.registry}/v2/{unique}/box/{where}/{what}"
                        try:
                            with urllib.request.urlopen(
                                urllib.request.Request(url, headers={"Accept": ACCEPT}), timeout=20
                            ) as answer:
                                return bytes(answer.read())
                        except urllib.error.HTTPError as error:
                            assert error.code in (404, 500), (
                                error
                            )  # the registry has no better word for a blob where a manifest is wanted
                    raise AssertionError(f"the registry has no {what}")

                data = read("1")
                return whole(read, {"digest": digest_of(data), "size": len(data)})

            return End(p.OCIRegistry(reference=f"{world.registry}/{unique}/box:1"), at_registry)
        case "ImageStore":

            def in_store() -> str:
                def read(what: str) -> bytes:
                    return ctr(world, unique, "content", "get", what)

                lines = world.mesh.ctr("images", "ls", namespace=unique).ok().out.splitlines()[1:]
                named, *_ = [one for one in lines if one.startswith("new.example/box") and world.digest in one]
                return whole(read, {"digest": world.digest, "size": len(read(world.digest))}) if named else ""

            prefix = p.ImageReference(name="new.example/box", is_prefix=True, add_digest=True, skip_named_digest=True)
            store = p.ImageStore(name="new.example/box:2", platforms=[HOST], extra_references=[prefix])
            return End(store, in_store)
        case "ImageExportStream":
            got = bytearray()
            id, reading = tool.receiving(got)

            def exported() -> str | bytes:
                reading.join(10)
                if raw:
                    return bytes(got)
                with tarfile.open(fileobj=io.BytesIO(bytes(got))) as tar:
                    index = json.load(tar.extractfile("index.json"))  # type: ignore[arg-type]
                    (entry,) = index["manifests"]
                    return whole(lambda what: tar.extractfile(f"blobs/{what.replace(':', '/')}").read(), entry)  # type: ignore[union-attr]

            return End(p.ImageExportStream(stream=id), exported)
        case "Layout":

            def in_layout() -> str:
                assert json.loads((tmp_path / "new/oci-layout").read_bytes()) == {"imageLayoutVersion": "1.0.0"}
                (entry,) = json.loads((tmp_path / "new/index.json").read_bytes())["manifests"]
                assert entry["annotations"]["org.opencontainers.image.ref.name"] == "v2"
                return whole(lambda what: (tmp_path / "new/blobs" / what.replace(":", "/")).read_bytes(), entry)

            return End(ours.Layout(path=str(tmp_path / "new"), name="v2"), in_layout)
        case "Stored":

            def in_depot() -> str:
                kept = world.objects.objects
                return whole(lambda what: kept[f"blobs/{what.replace(':', '/')}"], json.loads(kept[f"names/{unique}/1"]))

            return End(ours.Stored(depot="objects", name=f"{unique}/1"), in_depot)
        case "Blob":
            return End(
                ours.Blob(digest=digest_of(RAW), labels={"containerd.io/gc.root": "here"}),
                lambda: ctr(world, unique, "content", "get", digest_of(RAW)),
            )
        case "WriteStream":
            got = bytearray()
            id, reading = tool.receiving(got)

            def taken() -> bytes:
                reading.join(10)
                return bytes(got)

            return End(p.WriteStream(stream=id), taken)
    raise AssertionError(kind)


@pytest.mark.parametrize(("source", "sink"), SERVED, ids=[f"{a}-{b}" for a, b in SERVED])
def test_a_pair_brings_the_very_same(world: World, tool: Tool, source: str, sink: str, tmp_path: Path) -> None:
    raw = PAIRS[source, sink] in ("bytes", "echo")
    begin = source_of(source, world, tool, raw)
    end = sink_of(sink, world, tool, raw, tmp_path)
    progress = tool.watch()
    tool.transfer(begin.message, end.message, progress)
    assert end.arrived() == (RAW if raw else world.digest)
    tool.watching.join(10)
    if sink in ("Layout", "Stored", "Blob", "WriteStream"):
        said = [text for text in tool.statuses() if not text.startswith("Resolving")]
        assert len(said) == 2 and said[0].startswith("Transferring to ") and said[1].startswith("Completed transfer to "), (
            said
        )
    elif PAIRS[source, sink] == "copy":
        assert tool.statuses()[-1].startswith("Completed "), tool.statuses()
    if not raw and sink != "ImageExportStream" and PAIRS[source, sink] not in ("tag", "import"):
        ends = {one.name for one in tool.progress if one.event in ("complete", "already exists")}
        assert {one.partition("-")[0] for one in ends} >= {"manifest", "config", "layer"}, tool.events()
    if "ImageStore" not in (source, sink) and "Blob" not in (source, sink):
        # What only passes through is kept nowhere.
        assert world.mesh.ctr("content", "ls", "-q", namespace=tool.namespace).ok().out == ""
    leases = world.mesh.ctr("leases", "ls", "-q", namespace=tool.namespace).ok().out
    assert leases == "", leases


def test_between_repositories_of_a_registry_no_blob_is_sent(world: World, tool: Tool) -> None:
    got = bytearray()
    logs, reading = tool.receiving(got)
    resolver = p.RegistryResolver(http_debug=p.HTTPDebug.BOTH, logs_stream=logs)
    sink = p.OCIRegistry(reference=f"{world.registry}/{tool.namespace}/mounted:1", resolver=resolver)
    tool.transfer(p.OCIRegistry(reference=f"{world.registry}/library/box:1"), sink)
    reading.join(10)
    asked = [line.split()[1:] for line in got.decode().splitlines() if line.startswith("> ") and line.split()[1].isupper()]
    assert [path for method, path in asked if method == "POST"], "blobs are offered"
    assert all("/manifests/" in path for method, path in asked if method == "PUT"), "and none is sent"


def test_the_table_has_every_end_and_no_other() -> None:
    assert {source for source, _ in SERVED} == {*IMAGES, *BYTES}


def test_what_is_not_where_it_should_be_is_said(world: World, tool: Tool, tmp_path: Path) -> None:
    store = p.ImageStore(name="x")
    missing = {
        "NOT_FOUND": [
            (ours.Stored(depot="objects", name="nothing"), "names/nothing in"),
            (ours.Stored(depot="nowhere", name="x"), 'depot "nowhere"; there are objects'),
            (ours.Layout(path=str(tmp_path / "none")), "does not exist"),
            (ours.Layout(path=str(world.layout), name="other"), "has no image other; it has"),
        ],
        "INVALID_ARGUMENT": [
            (ours.Layout(path="relative"), "no absolute path"),
            (ours.Stored(name="x"), "no depot is named"),
            (ours.Layout(path=str(tmp_path)), "neither an OCI nor a docker archive"),
        ],
    }
    for code, asked in missing.items():
        for source, words in asked:
            found, text = refused(tool.transfer, source, store)
            assert (found, words in text) == (code, True), (found, text)
    found, text = refused(
        tool.transfer, ours.Blob(digest=digest_of(b"none")), p.WriteStream(stream=tool.receiving(bytearray())[0])
    )
    assert found == "NOT_FOUND"


def test_bytes_that_are_not_those_of_the_digest_become_no_blob(world: World, tool: Tool) -> None:
    wrong = ours.Blob(digest=digest_of(b"something else"), labels={"containerd.io/gc.root": "here"})
    code, text = refused(tool.transfer, p.ReadStream(stream=tool.sending(RAW)), wrong)
    assert code == "DATA_LOSS" and digest_of(RAW) in text
    assert world.mesh.ctr("content", "ls", "-q", namespace=tool.namespace).out == ""
    assert world.mesh.ctr("content", "active", namespace=tool.namespace).out.count("\n") == 1


def test_a_depot_that_breaks_off_is_asked_for_the_rest(world: World, tool: Tool, tmp_path: Path) -> None:
    key = max(
        (key for key in world.objects.objects if key.startswith("blobs/")), key=lambda key: len(world.objects.objects[key])
    )
    world.objects.cut[key] = len(world.objects.objects[key]) // 2
    begin = len(world.objects.asked)
    tool.transfer(ours.Stored(depot="objects", name="box/1"), ours.Layout(path=str(tmp_path / "new")))
    ranges = [asked for method, at, asked in world.objects.asked[begin:] if (method, at) == ("GET", key)]
    assert ranges[0] == "" and len(ranges) == 2 and int(ranges[1].removeprefix("bytes=").rstrip("-")) > 0


def test_a_depot_with_other_bytes_is_found_out_and_nothing_of_it_is_kept(world: World, tool: Tool, tmp_path: Path) -> None:
    key = max(
        (key for key in world.objects.objects if key.startswith("blobs/")), key=lambda key: len(world.objects.objects[key])
    )
    right = world.objects.objects[key]
    world.objects.objects[key] = right[:-1] + bytes([right[-1] ^ 1])
    try:
        for sink in (
            ours.Layout(path=str(tmp_path / "new"), name="v"),
            p.OCIRegistry(reference=f"{world.registry}/{tool.namespace}:1"),
        ):
            code, text = refused(tool.transfer, ours.Stored(depot="objects", name="box/1"), sink)
            assert code == "DATA_LOSS" and "holds other bytes" in text, text
    finally:
        world.objects.objects[key] = right
    assert not (tmp_path / "new/index.json").exists()
    assert key.rpartition("/")[2] not in [path.name for path in (tmp_path / "new").rglob("*")]


def test_a_blob_whose_client_gives_up_half_way_leaves_nothing(world: World, tool: Tool) -> None:
    """By cancelling the transfer, or by going."""
    for goes in (False, True):
        with Tool(world.mesh.address, tool.namespace) as client:
            stream = client.open("import")
            request = TransferRequest(
                source=pack(p.ReadStream(stream=stream.id)),
                destination=pack(ours.Blob(labels={"containerd.io/gc.root": "here"})),
            )
            path = "/containerd.services.transfer.v1.Transfer/Transfer"
            call = client.channel.unary_unary(path).future(request.encode(), metadata=client.metadata())
            stream.receive()
            stream.send(pack(p.Data(data=bytes(1000))))
            eventually(
                lambda: "transfer-" in world.mesh.ctr("content", "active", namespace=tool.namespace).out,
                what="it never began",
            )
            if not goes:
                call.cancel()
                eventually(
                    lambda: "transfer-" not in world.mesh.ctr("content", "active", namespace=tool.namespace).out,
                    what="its ingest stays",
                )
        eventually(
            lambda: "transfer-" not in world.mesh.ctr("content", "active", namespace=tool.namespace).out,
            what="its ingest stays",
        )
        eventually(lambda: world.mesh.ctr("leases", "ls", "-q", namespace=tool.namespace).out == "", what="its lease stays")
        assert world.mesh.ctr("content", "ls", "-q", namespace=tool.namespace).out == ""


def test_a_directory_is_whole_after_the_process_was_killed_and_the_transfer_is_done_again(
    world: World, tool: Tool, tmp_path: Path
) -> None:
    """It is killed where the depot stands still in the middle of a blob."""
    key = max(
        (key for key in world.objects.objects if key.startswith("blobs/")), key=lambda key: len(world.objects.objects[key])
    )
    world.objects.held[key] = len(world.objects.objects[key]) // 2
    source, sink = ours.Stored(depot="objects", name="box/1"), ours.Layout(path=str(tmp_path / "new"), name="v2")
    refusal: list[tuple[str, str]] = []
    waiting = tool.beside(lambda: refusal.append(refused(tool.transfer, source, sink)))
    eventually(lambda: list((tmp_path / "new").glob("blobs/sha256/.argosy-*")) != [], what="it never began")
    os.kill(world.mesh.services()["argosy-transfer"], signal.SIGKILL)
    waiting.join(20)
    world.objects.let_go()
    assert refusal[0][0] == "UNAVAILABLE" and not (tmp_path / "new/index.json").exists()
    tool.transfer(source, sink)
    assert [path for path in (tmp_path / "new").rglob("*") if path.name.startswith(".argosy-")] == []
    (entry,) = json.loads((tmp_path / "new/index.json").read_bytes())["manifests"]
    assert whole(lambda what: (tmp_path / "new/blobs" / what.replace(":", "/")).read_bytes(), entry) == world.digest
