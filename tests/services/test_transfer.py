"""containerd.services.transfer.v1.Transfer as containerd's 2.x tools call it: each command a conversation, by grpcio, against a whole mesh."""

from __future__ import annotations

import hashlib
import io
import json
import subprocess
import tarfile
from collections.abc import Iterator
from pathlib import Path
from urllib.request import Request, urlopen

import pytest
from argosy.typeurl import bare
from argosy_protos.argosy.snapshots.v1 import Snapshot
from argosy_protos.argosy.transfer import v1 as ours
from argosy_protos.containerd.services.introspection.v1 import PluginsRequest, PluginsResponse
from argosy_protos.containerd.types import Platform
from argosy_protos.containerd.types import transfer as p

from tests.harness.matrix import PAIRS
from tests.harness.mesh import IMAGE, Mesh, Ran, eventually
from tests.harness.transfer import HOST, Tool, extra, pack, refused
from tests.harness.web import INDEX, MANIFEST

pytestmark = pytest.mark.root


@pytest.fixture
def tool(mesh: Mesh, request: pytest.FixtureRequest) -> Iterator[Tool]:
    with Tool(mesh.address, f"t{abs(hash(request.node.name)) % 10**9}") as found:
        yield found


@pytest.fixture
def pushed(mesh: Mesh, registry: str) -> str:
    """An image's name in the local registry."""
    name = f"{registry}/library/box:1"
    mesh.ctr("images", "tag", "--force", IMAGE, name).ok()
    mesh.argosy("push", "--plain-http", name).ok()
    return name


def images(mesh: Mesh, tool: Tool) -> dict[str, str]:
    """Return the images of a namespace as stock ctr lists them: digests by name."""
    lines = mesh.ctr("images", "ls", namespace=tool.namespace).ok().out.splitlines()[1:]
    return {line.split()[0]: next(word for word in line.split() if word.startswith("sha256:")) for line in lines}


# -- pull --


def test_pull_then_stock_ctr_lists_and_runs_it(mesh: Mesh, tool: Tool, pushed: str) -> None:
    tool.make_lease("pull")
    asked: list[p.AuthRequest] = []
    resolver = p.RegistryResolver(auth_stream=tool.answer(p.AuthResponse(authType=p.AuthType.REFRESH), asked))
    tool.pull(pushed, resolver=resolver, labels={"by": "us"})
    tool.end_lease()
    assert pushed in images(mesh, tool)
    assert "by=us" in mesh.ctr("images", "ls", namespace=tool.namespace).out
    mesh.argosy("gc").ok()
    out = mesh.ctr("run", "--rm", pushed, f"run-{tool.namespace}", "echo", "it runs", namespace=tool.namespace).ok().out
    assert out == "it runs\n"
    assert asked == [], "a registry that asks for nothing is given nothing"
    where = f"OCI Registry ({pushed})"
    assert tool.statuses() == [f"Resolving from {where}", f"Pulling from {where}", f"Completed pull from {where}"]
    first = next(one for one in tool.progress if one.name)
    assert (first.event, first.name) == ("fetching image content", pushed) and first.desc is not None
    parents = {one.name: list(one.parents) for one in tool.progress if one.event == "waiting"}
    tops = [name for name, of in parents.items() if of == [pushed]]
    assert len(tops) == 1 and tops[0].endswith(first.desc.digest)
    assert all(parent in parents for name, of in parents.items() if name not in tops for parent in of)
    # A blob stays where it hangs, or ctr draws it twice.
    assert all(list(one.parents) in ([], parents[one.name]) for one in tool.progress if one.name in parents)
    events = tool.events()
    for name in parents:
        assert ("complete", name) in events and events.index(("waiting", name)) < events.index(("complete", name))
    layers = [name for name in parents if name.startswith("layer-")]
    assert layers and all(("extracted", name) in events for name in layers)
    assert ("saved", pushed) in events
    assert all(one.desc is not None and one.desc.digest for one in tool.progress if one.name)


def test_a_second_pull_finds_everything_there(mesh: Mesh, tool: Tool, pushed: str) -> None:
    tool.pull(pushed)
    with Tool(mesh.address, tool.namespace) as again:
        again.pull(pushed)
        there = [one for one in again.progress if one.event == "already exists"]
        assert there and all(one.progress == one.total == one.desc.size and not one.parents for one in there if one.desc)
        assert not [one for one in again.progress if one.event in ("downloading", "extracting")]


def test_a_pull_names_what_it_is_told_to_and_labels_the_name_beside(mesh: Mesh, tool: Tool, pushed: str) -> None:
    tool.pull(
        pushed,
        name="mine/box:2",
        extra_references=[
            extra("other/box:3"),
            extra("ignored", is_prefix=True),
            extra("mine/box", is_prefix=True, add_digest=True),
        ],
        unpacks=[],
    )
    found = images(mesh, tool)
    (digest,) = set(found.values())
    assert set(found) == {"mine/box:2", "other/box:3", f"mine/box@{digest}"}
    assert "containerd.io/gc.bref.image=mine/box:2" in mesh.ctr("images", "ls", namespace=tool.namespace).out


def test_what_can_not_be_pulled_is_said_in_containerds_words(tool: Tool, registry: str) -> None:
    store = p.ImageStore(name="x", platforms=[HOST])
    name = f"{registry}/no/such:1"
    assert refused(tool.transfer, p.OCIRegistry(reference=name), store) == (
        "NOT_FOUND",
        f"failed to resolve image: {name}: not found",
    )
    code, text = refused(tool.transfer, p.OCIRegistry(reference=f"{registry}/no/such"), store)
    assert (code, text) == ("UNKNOWN", "failed to resolve image: object required")


def test_a_refused_connection_and_a_server_without_tls_are_said_so_that_nerdctl_knows_them(
    tool: Tool, registry: str, tmp_path: Path
) -> None:
    """It looks for these words to try plain HTTP next."""
    store = p.ImageStore(name="x", platforms=[HOST])
    code, text = refused(tool.transfer, p.OCIRegistry(reference="127.0.0.1:1/a/b:1"), store)
    assert code == "UNAVAILABLE" and "connection refused" in text
    port = registry.rpartition(":")[2]
    folder = tmp_path / f"{registry.replace(':', '_')}_"
    folder.mkdir()
    (folder / "hosts.toml").write_text(f'server = "https://{registry}"\n')
    https = p.RegistryResolver(host_dir=str(tmp_path))
    code, text = refused(tool.transfer, p.OCIRegistry(reference=f"127.0.0.1:{port}/a/b:1", resolver=https), store)
    assert code == "UNAVAILABLE" and "http: server gave HTTP response to HTTPS client" in text


def test_an_unpack_that_nobody_can_do_is_refused_before_anything_is_fetched(mesh: Mesh, tool: Tool, pushed: str) -> None:
    bad = [p.UnpackConfiguration(platform=HOST, snapshotter="no-such")]
    store = p.ImageStore(name="x", platforms=[HOST], unpacks=bad)
    assert refused(tool.transfer, p.OCIRegistry(reference=pushed), store) == (
        "INVALID_ARGUMENT", "unable to initialize unpacker: no unpack platforms defined: invalid argument",
    )  # fmt: skip
    assert mesh.ctr("content", "ls", "-q", namespace=tool.namespace).out == ""


def test_a_pull_onto_another_snapshotter(mesh: Mesh, tool: Tool, pushed: str) -> None:
    tool.pull(pushed, unpacks=[p.UnpackConfiguration(platform=HOST, snapshotter="native")])
    assert "Committed" in mesh.ctr("snapshots", "--snapshotter", "native", "ls", namespace=tool.namespace).out


def test_without_a_name_a_pull_is_refused(tool: Tool, pushed: str) -> None:
    assert refused(tool.transfer, p.OCIRegistry(reference=pushed), p.ImageStore()) == (
        "NOT_FOUND",
        "no image name found: not found",
    )


# -- push, tag --


def test_push_under_another_name_tells_what_goes(mesh: Mesh, tool: Tool, pushed: str, registry: str) -> None:
    tool.pull(pushed)
    name = f"{registry}/other/box:7"
    with Tool(mesh.address, tool.namespace) as pusher:
        asked: list[p.AuthRequest] = []
        resolver = p.RegistryResolver(auth_stream=pusher.answer(None, asked))
        pusher.transfer(
            p.ImageStore(name=pushed, platforms=[HOST]), p.OCIRegistry(reference=name, resolver=resolver), pusher.watch()
        )
        pusher.watching.join(10)
        where = f"OCI Registry ({name})"
        assert pusher.statuses() == [f"Pushing to {where}", f"Completed push to {where}"]
        assert [one for one in pusher.progress if one.event == "complete"]
    with Tool(mesh.address, f"{tool.namespace}x") as other:
        other.pull(name)
        assert images(mesh, other)[name] == images(mesh, tool)[pushed]


def test_where_blobs_came_from_is_noted_as_containerd_notes_it(mesh: Mesh, tool: Tool, pushed: str, registry: str) -> None:
    """Its clients push from one repository to another by that note, and it has no port."""
    second = f"{registry}/also/box:1"
    mesh.argosy("push", "--plain-http", second, pushed).ok()
    tool.pull(pushed)
    tool.pull(second)
    key = f"containerd.io/distribution.source.{registry.partition(':')[0]}"
    rows = [
        row for row in mesh.ctr("content", "ls", namespace=tool.namespace).ok().out.splitlines() if row.startswith("sha256:")
    ]
    assert rows and all(f"{key}=also/box,library/box" in row for row in rows), rows
    mesh.argosy("transfer", "--plain-http", f"image:{second}", f"{registry}/third/box:1", namespace=tool.namespace).ok()


def put(registry: str, name: str, media_type: str, document: dict[str, object]) -> dict[str, object]:
    """Put a document into the registry, as anybody may; return its descriptor."""
    data = json.dumps(document).encode()
    request = Request(f"http://{registry}/v2/library/box/manifests/{name}", data, {"Content-Type": media_type}, method="PUT")
    with urlopen(request) as answer:
        digest = answer.headers["Docker-Content-Digest"]
    return {"mediaType": media_type, "digest": digest, "size": len(data)}


def test_one_platform_of_an_image_is_pushed_alone(mesh: Mesh, tool: Tool, pushed: str, registry: str) -> None:
    """Of an index mostly one platform is here, and a registry takes no index without all that it names."""
    with urlopen(Request(f"http://{registry}/v2/library/box/manifests/1", headers={"Accept": MANIFEST})) as answer:
        manifest = json.load(answer)
    entries = []
    for architecture in ("amd64", "arm64"):
        one = put(registry, f"1-{architecture}", MANIFEST, {**manifest, "annotations": {"for": architecture}})
        entries.append({**one, "platform": {"os": "linux", "architecture": architecture}})
    many, target = f"{registry}/library/box:many", f"{registry}/one/box:1"
    put(registry, "many", INDEX, {"schemaVersion": 2, "mediaType": INDEX, "manifests": entries})

    def push(*words: str) -> Ran:
        return mesh.argosy("push", "--plain-http", *words, target, many, namespace=tool.namespace)

    mesh.argosy("pull", "--plain-http", many, namespace=tool.namespace).ok()
    assert (
        f"{target}: registry {registry} answered 400" in (all_of_it := push()).err and "one platform alone" in all_of_it.err
    )
    assert push("--platform", "linux/arm64").code == 4
    push("--platform", "linux/amd64").ok()
    mesh.ctr("images", "pull", "--plain-http", target, namespace=tool.namespace).ok()
    assert images(mesh, tool)[target] == entries[0]["digest"]
    copied = f"{registry}/one/box:2"
    mesh.argosy("transfer", "--plain-http", "--platform", "linux/arm64", many, copied).ok()
    with urlopen(Request(f"http://{registry}/v2/one/box/manifests/2", headers={"Accept": MANIFEST})) as answer:
        assert answer.headers["Docker-Content-Digest"] == entries[1]["digest"]
    none = mesh.argosy("transfer", "--plain-http", "--platform", "linux/riscv64", many, copied)
    assert none.code == 4 and "no manifest for linux/riscv64; it has linux/amd64, linux/arm64" in none.err
    alone = mesh.argosy("push", "--plain-http", "--platform", "linux/arm64", pushed)
    assert alone.code == 4 and "for linux/arm64; it is for linux/amd64" in alone.err


def test_a_blob_that_came_from_another_repository_of_the_registry_is_not_sent_again(
    tool: Tool, pushed: str, registry: str
) -> None:
    tool.pull(pushed)
    got = bytearray()
    logs, reading = tool.receiving(got)
    resolver = p.RegistryResolver(http_debug=p.HTTPDebug.BOTH, logs_stream=logs)
    tool.transfer(p.ImageStore(name=pushed), p.OCIRegistry(reference=f"{registry}/mounted/box:1", resolver=resolver))
    reading.join(10)
    requests = [
        line.split()[1:] for line in got.decode().splitlines() if line.startswith("> ") and line.split()[1].isupper()
    ]
    assert [path for method, path in requests if method == "POST"], "blobs are offered"
    assert all("/manifests/" in path for method, path in requests if method == "PUT"), "and none is sent"


def test_tag_takes_a_name_from_another_image_and_its_labels_with_it(mesh: Mesh, tool: Tool, pushed: str) -> None:
    tool.pull(pushed, labels={"a": "b"})
    for labels in ({"first": "1"}, {"second": "2"}):
        tool.transfer(p.ImageStore(name=pushed), p.ImageStore(name="tagged:1", labels=labels))
    found = images(mesh, tool)
    assert found["tagged:1"] == found[pushed]
    line = next(x for x in mesh.ctr("images", "ls", namespace=tool.namespace).out.splitlines() if x.startswith("tagged:1"))
    assert "second=2" in line and "first" not in line and "a=b" not in line
    assert refused(tool.transfer, p.ImageStore(name="nope"), p.ImageStore(name="b")) == (
        "NOT_FOUND",
        'image "nope": not found',
    )
    assert refused(tool.transfer, p.ImageStore(name=pushed), p.ImageStore()) == (
        "NOT_FOUND",
        "no image name found: not found",
    )


# -- export, import --


def exported(tool: Tool, *names: str, delay_s: float = 0.0, **flags: object) -> bytes:
    got = bytearray()
    id, _ = tool.receiving(got, delay_s)
    tool.transfer(p.ImageStore(extra_references=[extra(name) for name in names]), p.ImageExportStream(stream=id, **flags))  # type: ignore[arg-type]
    return bytes(got)  # as it stands when the transfer is answered: nothing is under way any more


def test_export_is_answered_after_its_last_byte_and_makes_the_same_bytes_each_time(tool: Tool, pushed: str) -> None:
    tool.pull(pushed)
    first = exported(tool, pushed, delay_s=0.01)
    assert first == exported(tool, pushed)
    with tarfile.open(fileobj=io.BytesIO(first)) as tar:
        names = tar.getnames()
        assert (
            names == sorted(names)
            and names[:2] == ["blobs", "blobs/sha256"]
            and names[-3:] == ["index.json", "manifest.json", "oci-layout"]
        )
        assert all((one.mtime, one.uid, one.gid) == (0, 0, 0) for one in tar)
        index = json.load(tar.extractfile("index.json"))  # type: ignore[arg-type]
        (manifest,) = index["manifests"]
        assert manifest["annotations"]["io.containerd.image.name"] == pushed
        assert manifest["annotations"]["org.opencontainers.image.ref.name"] == "1"
        assert any(key.startswith("containerd.io/distribution.source.") for key in manifest["annotations"])


def test_export_leaves_out_what_it_is_told_to(tool: Tool, pushed: str) -> None:
    tool.pull(pushed)
    with tarfile.open(fileobj=io.BytesIO(exported(tool, pushed, skip_compatibility_manifest=True))) as tar:
        assert "manifest.json" not in tar.getnames() and "index.json" in tar.getnames()


def test_export_says_what_there_is_not(tool: Tool, pushed: str) -> None:
    tool.pull(pushed)
    id, _ = tool.receiving(bytearray())
    sink = p.ImageExportStream(stream=id)
    assert refused(tool.transfer, p.ImageStore(name="nope"), sink) == ("NOT_FOUND", 'image "nope": not found')
    code, text = refused(tool.transfer, p.ImageStore(extra_references=[extra("x", is_prefix=True)]), sink)
    assert (code, text) == (
        "UNIMPLEMENTED",
        "method Transfer not implemented for containerd.types.transfer.ImageStore to containerd.types.transfer.ImageExportStream",
    )


def imported(tool: Tool, data: bytes, store: p.ImageStore, **flags: object) -> None:
    id = tool.watch()
    tool.transfer(p.ImageImportStream(stream=tool.sending(data), **flags), store, id)  # type: ignore[arg-type]
    tool.watching.join(10)


def ctr_import(
    prefix: str = "import-2026-11-26", *, generated: bool = True, digests: bool = False, name: str = "", unpack: bool = True
) -> p.ImageStore:
    """Return what ``ctr images import`` sends."""
    reference = extra(prefix, is_prefix=True, allow_overwrite=generated, add_digest=digests, skip_named_digest=digests)
    return p.ImageStore(
        name=name,
        platforms=[HOST],
        extra_references=[reference],
        unpacks=[p.UnpackConfiguration(platform=HOST)] if unpack else [],
    )


def test_import_what_ctr_exports_and_run_it(mesh: Mesh, tool: Tool, image_archive: Path) -> None:
    tool.make_lease("import")
    imported(tool, image_archive.read_bytes(), ctr_import())
    tool.end_lease()
    assert set(images(mesh, tool)) == {IMAGE}
    assert tool.statuses() == ["Importing", "Completed import"] and ("saved", IMAGE) in tool.events()
    mesh.argosy("gc").ok()
    run = mesh.ctr("run", "--rm", IMAGE, f"run-{tool.namespace}", "echo", "it runs", namespace=tool.namespace)
    assert run.ok().out == "it runs\n"


@pytest.mark.parametrize("program", ["gzip", "zstd"])
def test_a_compressed_archive_is_imported_too(mesh: Mesh, tool: Tool, image_archive: Path, program: str) -> None:
    data = subprocess.run([program, "-1", "-c", image_archive], capture_output=True, check=True).stdout
    imported(tool, data, ctr_import(unpack=False))
    assert set(images(mesh, tool)) == {IMAGE}


def test_import_under_a_prefix_with_digests_and_an_index(mesh: Mesh, tool: Tool, image_archive: Path) -> None:
    imported(tool, image_archive.read_bytes(), ctr_import("foo/bar", generated=False, digests=True, name="whole:1"))
    found = images(mesh, tool)
    # The archive's own full name is none of the prefix's, and its tag alone is no name then, as in containerd: it is called by its digest.
    digests = {found["whole:1"], *found.values()}
    assert len(digests) == 2 and set(found) == {"whole:1", *(f"foo/bar@{digest}" for digest in digests)}
    rows = mesh.ctr("images", "ls", namespace=tool.namespace).ok().out.splitlines()[1:]
    assert all("containerd.io/gc.bref.image=whole:1" in row for row in rows if row.startswith("foo/bar")), rows
    with tarfile.open(image_archive) as tar:
        index = tar.extractfile("index.json")
        assert index is not None and found["whole:1"] == f"sha256:{hashlib.sha256(index.read()).hexdigest()}", "as it is"


def test_what_is_no_archive_of_images_names_nothing(mesh: Mesh, tool: Tool) -> None:
    for data in (b"", b"no archive" * 1000):
        code, _ = refused(imported, tool, data, ctr_import())
        assert code == "INVALID_ARGUMENT"
    assert images(mesh, tool) == {}


def test_an_import_that_breaks_off_names_nothing(mesh: Mesh, tool: Tool, image_archive: Path) -> None:
    """On the wire its end looks like any other."""
    data = image_archive.read_bytes()
    code, text = refused(imported, tool, data[: len(data) // 2], ctr_import())
    assert code == "INVALID_ARGUMENT" and "ends in the middle" in text
    assert images(mesh, tool) == {}


def test_an_archive_for_other_machines_only_is_said_to_be(mesh: Mesh, tool: Tool, image_archive: Path) -> None:
    store = ctr_import(unpack=False)
    store.platforms = [Platform(os="linux", architecture="s390x")]
    code, text = refused(imported, tool, image_archive.read_bytes(), store)
    assert code == "UNKNOWN" and text.startswith("image might be filtered out")


# -- what is not served --

REGISTRY, STORE = p.OCIRegistry(reference="127.0.0.1:1/a:1"), p.ImageStore(name="a")
IMPORT, EXPORT = p.ImageImportStream(stream="i"), p.ImageExportStream(stream="e")
PATH, READ, WRITE = p.ContainerPath(container_id="c", path="/x"), p.ReadStream(stream="r"), p.WriteStream(stream="w")
BLOB, LAYOUT, STORED = ours.Blob(), ours.Layout(path="/x"), ours.Stored(depot="d", name="n")
ENDS = (REGISTRY, STORE, IMPORT, EXPORT, PATH, READ, WRITE, BLOB, LAYOUT, STORED, Snapshot(name="s"))


@pytest.mark.parametrize("prefix", ["", "type.googleapis.com/"])
def test_every_other_pair_is_unimplemented_in_containerds_words(tool: Tool, prefix: str) -> None:
    for source in ENDS:
        for sink in ENDS:
            if PAIRS.get((type(source).__name__, type(sink).__name__)):
                continue
            code, text = refused(tool.transfer, source, sink, prefix=prefix)
            words = " to ".join(bare(pack(one).type_url) for one in (source, sink))
            assert (code, text) == ("UNIMPLEMENTED", f"method Transfer not implemented for {words}")


def test_no_namespace_no_source_and_types_that_nobody_knows(mesh: Mesh, tool: Tool) -> None:
    with Tool(mesh.address, "") as nowhere:
        assert refused(nowhere.transfer, STORE, STORE) == (
            "FAILED_PRECONDITION",
            "namespace is required: failed precondition",
        )
    assert refused(tool.transfer, None, STORE) == ("UNKNOWN", "type with url : not found")
    assert refused(tool.transfer, STORE, None) == ("UNKNOWN", "type with url : not found")


def test_introspection_lists_the_plugins_as_containerd_does(mesh: Mesh, tool: Tool) -> None:
    data = tool.call("/containerd.services.introspection.v1.Introspection/Plugins", PluginsRequest())
    found = {f"{one.type}/{one.id}" for one in PluginsResponse.decode(data).plugins}
    assert {
        "io.containerd.transfer.v1/local", "io.containerd.streaming.v1/manager", "io.containerd.grpc.v1/transfer",
        "io.containerd.grpc.v1/streaming",
    } <= found  # fmt: skip


def test_the_process_starts_with_its_first_call(image_archive: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    mesh = Mesh(tmp_path_factory.mktemp("idle"), idle_s=0.5)
    mesh.start()
    try:
        assert "argosy-transfer" not in mesh.services()
        with Tool(mesh.address) as tool:
            stream = tool.open("progress")
            assert "argosy-transfer" in mesh.services()
            stream.cancel()
        eventually(lambda: "argosy-transfer" not in mesh.services(), what="it stays though nobody needs it")
    finally:
        mesh.destroy()
