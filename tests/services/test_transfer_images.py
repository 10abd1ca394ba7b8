"""What of images a transfer takes along and what it calls them: several platforms, archives of docker, names by rules."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from argosy.client.images import Extra, Naming
from argosy.oci.image import Descriptor
from argosy.testkit.image import busybox_layer
from argosy_protos.containerd.types import Platform
from argosy_protos.containerd.types import transfer as p

from tests.harness.mesh import Mesh
from tests.harness.transfer import HOST, Tool, extra, refused

pytestmark = pytest.mark.root

INDEX, MANIFEST = "application/vnd.oci.image.index.v1+json", "application/vnd.oci.image.manifest.v1+json"
CONFIG, LAYER = "application/vnd.oci.image.config.v1+json", "application/vnd.oci.image.layer.v1.tar"
ARM = Platform(os="linux", architecture="arm64")
DIGEST = "sha256:" + "a" * 64


def digest_of(data: bytes) -> str:
    return "sha256:" + hashlib.sha256(data).hexdigest()


def tar_of(files: Mapping[str, bytes]) -> bytes:
    with io.BytesIO() as out:
        with tarfile.open(fileobj=out, mode="w") as tar:
            for name, data in files.items():
                entry = tarfile.TarInfo(name)
                entry.size = len(data)
                tar.addfile(entry, io.BytesIO(data))
        return out.getvalue()


def several(tag: str) -> tuple[bytes, dict[str, dict[str, str]]]:
    """Return an OCI archive of one image for three platforms, and the digests of each: manifest, config, layer."""
    blobs: dict[str, bytes] = {}

    def put(media_type: str, data: bytes, **more: object) -> dict[str, object]:
        blobs[digest_of(data)] = data
        return {"mediaType": media_type, "digest": digest_of(data), "size": len(data), **more}

    found: dict[str, dict[str, str]] = {}
    manifests = []
    for architecture in ("amd64", "arm64", "s390x"):
        layer = tar_of({f"etc/{tag}-{architecture}": b"x" * 100})
        said = {"os": "linux", "architecture": architecture}
        config = put(CONFIG, json.dumps({**said, "rootfs": {"type": "layers", "diff_ids": [digest_of(layer)]}}).encode())
        layers = [put(LAYER, layer)]
        body = {"schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": layers}
        manifests.append(put(MANIFEST, json.dumps(body).encode(), platform=said))
        found[architecture] = {
            "manifest": str(manifests[-1]["digest"]), "config": str(config["digest"]), "layer": str(layers[0]["digest"]),
        }  # fmt: skip
    index = put(INDEX, json.dumps({"schemaVersion": 2, "mediaType": INDEX, "manifests": manifests}).encode())
    index["annotations"] = {"org.opencontainers.image.ref.name": tag}
    files = {f"blobs/sha256/{digest[7:]}": data for digest, data in blobs.items()}
    files["index.json"] = json.dumps({"schemaVersion": 2, "mediaType": INDEX, "manifests": [index]}).encode()
    files["oci-layout"] = b'{"imageLayoutVersion": "1.0.0"}'
    return tar_of(files), found


@pytest.fixture
def tool(mesh: Mesh, request: pytest.FixtureRequest) -> Iterator[Tool]:
    with Tool(mesh.address, f"i{abs(hash(request.node.name)) % 10**9}") as found:
        yield found


@pytest.fixture
def multi(mesh: Mesh, registry: str, request: pytest.FixtureRequest) -> tuple[str, dict[str, dict[str, str]]]:
    """An image for three platforms that only the registry has, and its digests."""
    tag = f"m{abs(hash(request.node.name)) % 10**9}"
    archive, digests = several(tag)
    name = f"{registry}/multi:{tag}"
    with Tool(mesh.address, f"made-{tag}") as maker:
        maker.transfer(
            p.ImageImportStream(stream=maker.sending(archive)),
            p.ImageStore(extra_references=[extra(f"{registry}/multi", is_prefix=True)]),
        )
        maker.transfer(p.ImageStore(name=name), p.OCIRegistry(reference=name))
        mesh.ctr("images", "rm", name, namespace=maker.namespace).ok()
    mesh.argosy("gc").ok()
    return name, digests


def has(mesh: Mesh, tool: Tool, digests: dict[str, dict[str, str]]) -> dict[str, set[str]]:
    there = set(mesh.ctr("content", "ls", "-q", namespace=tool.namespace).ok().out.split())
    return {one: {kind for kind, digest in of.items() if digest in there} for one, of in digests.items()}


ALL, DOCUMENTS = {"manifest", "config", "layer"}, {"manifest", "config"}


@pytest.mark.parametrize(
    ("platforms", "flags", "wanted"),
    [
        ([HOST], {}, {"amd64": ALL, "arm64": set(), "s390x": set()}),
        ([HOST], {"all_metadata": True}, {"amd64": ALL, "arm64": DOCUMENTS, "s390x": DOCUMENTS}),
        ([HOST, ARM], {}, {"amd64": ALL, "arm64": ALL, "s390x": set()}),
        ([ARM, HOST], {"manifest_limit": 1}, {"amd64": set(), "arm64": ALL, "s390x": set()}),
        ([HOST, Platform(os="linux", architecture="amd64", os_features=["erofs"])], {}, {"amd64": ALL, "arm64": set(), "s390x": set()}),
        ([], {}, {"amd64": ALL, "arm64": ALL, "s390x": ALL}),
    ],
)  # fmt: skip
def test_a_pull_fetches_what_is_for_the_platforms_that_are_wanted(
    mesh: Mesh, tool: Tool, multi: tuple[str, dict[str, dict[str, str]]], platforms: list[Platform], flags: dict[str, object],
    wanted: dict[str, set[str]],
) -> None:  # fmt: skip
    name, digests = multi
    unpacks = [p.UnpackConfiguration(platform=HOST)] if HOST in platforms and "manifest_limit" not in flags else []
    store: dict[str, Any] = {"platforms": platforms, "all_metadata": False, "unpacks": unpacks, **flags}
    tool.pull(name, **store)
    assert has(mesh, tool, digests) == wanted
    mesh.argosy("gc").ok()
    assert has(mesh, tool, digests) == wanted, "labels hold it"
    if unpacks:
        assert "Committed" in mesh.ctr("snapshots", "ls", namespace=tool.namespace).out


@pytest.mark.parametrize(
    ("asked", "where"),
    [
        ([("", "native")], {"native"}), ([("erofs", "native")], {"native"}), ([("", "overlayfs"), ("erofs", "native")], {"overlayfs"}),
        ([("", "overlayfs"), ("other", "native")], {"overlayfs"}),
    ],
)  # fmt: skip
def test_who_asks_for_erofs_layers_has_what_there_is_unpacked_once(
    mesh: Mesh, tool: Tool, multi: tuple[str, dict[str, dict[str, str]]], asked: list[tuple[str, str]], where: set[str]
) -> None:
    """As a 2.x client does, which says so beside its own platform, or alone."""
    unpacks = [
        p.UnpackConfiguration(
            platform=Platform(os="linux", architecture="amd64", os_features=[feature] if feature else []),
            snapshotter=snapshotter,
        )
        for feature, snapshotter in asked
    ]
    tool.pull(multi[0], platforms=[HOST], all_metadata=False, unpacks=unpacks)
    names = ("overlayfs", "native")
    found = {
        one
        for one in names
        if "Committed" in mesh.ctr("snapshots", "--snapshotter", one, "ls", namespace=tool.namespace).out
    }
    assert found == where


def test_a_platform_that_there_is_not_is_not_found(tool: Tool, multi: tuple[str, dict[str, dict[str, str]]]) -> None:
    store = p.ImageStore(name="x", platforms=[Platform(os="linux", architecture="mips")])
    assert refused(tool.transfer, p.OCIRegistry(reference=multi[0]), store)[0] == "NOT_FOUND"


def test_an_export_has_the_hosts_platform_or_those_that_are_asked_for(
    tool: Tool, multi: tuple[str, dict[str, dict[str, str]]]
) -> None:
    name, digests = multi
    tool.pull(name, platforms=[], all_metadata=False, unpacks=[])
    for platforms, everything, wanted in (([], False, {"amd64"}), ([ARM], False, {"arm64"}), ([], True, set(digests))):
        got = bytearray()
        id, _ = tool.receiving(got)
        sink = p.ImageExportStream(stream=id, platforms=platforms, all_platforms=everything)
        tool.transfer(p.ImageStore(extra_references=[extra(name)]), sink)
        with tarfile.open(fileobj=io.BytesIO(bytes(got))) as tar:
            names = set(tar.getnames())
        assert {one for one, of in digests.items() if f"blobs/sha256/{of['layer'][7:]}" in names} == wanted


def test_an_export_of_all_platforms_wants_all_of_them(tool: Tool, multi: tuple[str, dict[str, dict[str, str]]]) -> None:
    tool.pull(multi[0])
    id, _ = tool.receiving(bytearray())
    source, sink = p.ImageStore(name=multi[0]), p.ImageExportStream(stream=id, all_platforms=True)
    assert refused(tool.transfer, source, sink)[0] == "NOT_FOUND"


def docker_archive(tags: list[str], layer: bytes) -> bytes:
    config = json.dumps(
        {"os": "linux", "architecture": "amd64", "rootfs": {"type": "layers", "diff_ids": [digest_of(layer)]}}
    ).encode()
    listing = [{"Config": "config.json", "RepoTags": tags, "Layers": ["layer.tar"]}]
    return tar_of({"config.json": config, "layer.tar": layer, "manifest.json": json.dumps(listing).encode()})


@pytest.mark.parametrize("compress", [False, True])
def test_what_docker_saves_is_imported_and_runs_with_its_layers_compressed_or_not(
    mesh: Mesh, tool: Tool, compress: bool
) -> None:
    tool.transfer(
        p.ImageImportStream(stream=tool.sending(docker_archive(["box:docker"], busybox_layer())), force_compress=compress),
        p.ImageStore(
            platforms=[HOST], extra_references=[extra("import-2026-11-26", is_prefix=True, allow_overwrite=True)],
            unpacks=[p.UnpackConfiguration(platform=HOST)],
        ),
    )  # fmt: skip
    name = "docker.io/library/box:docker"
    assert mesh.ctr("images", "ls", "-q", namespace=tool.namespace).out.split() == [name]
    sizes = {line.split()[1] for line in mesh.ctr("content", "ls", namespace=tool.namespace).out.splitlines()[1:]}
    assert any("MB" in size or "MiB" in size for size in sizes)
    run = mesh.ctr("run", "--rm", name, f"run-{tool.namespace}", "/bin/busybox", "echo", "it runs", namespace=tool.namespace)
    assert run.ok().out == "it runs\n"


def test_an_image_without_a_name_is_imported_by_its_digest_or_not_at_all(mesh: Mesh, tool: Tool) -> None:
    """As nerdctl loads, and as ctr imports without --digests: that succeeds, and names nothing."""
    archive = docker_archive([], tar_of({"a": b"b"}))
    for flags, count in (({}, 0), ({"add_digest": True, "skip_named_digest": True}, 1)):
        tool.transfer(
            p.ImageImportStream(stream=tool.sending(archive)),
            p.ImageStore(extra_references=[extra("import-x", is_prefix=True, allow_overwrite=True, **flags)]),
        )
        names = mesh.ctr("images", "ls", "-q", namespace=tool.namespace).out.split()
        manifests = [name for name in names if name.startswith("import-x@sha256:")]
        assert bool(manifests) == bool(count)


# -- names --


def named(target: Descriptor, *extra: Extra) -> list[str]:
    return [name for name, _ in Naming("", {}, extra).imported(target)]


@pytest.mark.parametrize(
    ("full", "tag", "flags", "wanted"),
    [
        ("a.io/b:1", "1", {"allow_overwrite": True}, ["a.io/b:1"]),
        ("a.io/b:1", "1", {}, []),
        ("a.io/b:1", "1", {"add_digest": True, "skip_named_digest": True}, [f"p/q@{DIGEST}"]),
        ("p/q:7", "7", {}, ["p/q:7"]),
        ("p/qq:7", "", {}, []),
        ("", "p/q/r:7", {}, ["p/q/r:7"]),
        ("", "other/r:7", {}, []),
        ("", "p/q", {}, ["p/q"]),
        ("", "", {}, []),
        ("", "", {"add_digest": True}, [f"p/q@{DIGEST}"]),
        ("", "1", {"add_digest": True}, ["p/q:1", f"p/q@{DIGEST}"]),
        ("", "1", {"add_digest": True, "skip_named_digest": True}, ["p/q:1"]),
        ("", "", {"add_digest": True, "skip_named_digest": True}, [f"p/q@{DIGEST}"]),
    ],
)
def test_names_in_an_archive_become_those_of_a_prefix(
    full: str, tag: str, flags: dict[str, bool], wanted: list[str]
) -> None:
    annotations = {"io.containerd.image.name": full, "org.opencontainers.image.ref.name": tag}
    target = Descriptor(digest=DIGEST, size=1, annotations={key: value for key, value in annotations.items() if value})
    assert named(target, Extra("p/q", is_prefix=True, **flags)) == wanted


def test_a_name_beside_another_lives_as_long_as_that() -> None:
    extra = [Extra("full"), Extra("p", is_prefix=True), Extra("p", is_prefix=True, add_digest=True, skip_named_digest=True)]
    found = dict(Naming("main", {"a": "b"}, extra).names(Descriptor(digest=DIGEST, size=1)))
    assert found["main"] == {"a": "b"} and set(found) == {"main", "full", f"p@{DIGEST}"}
    for name in ("full", f"p@{DIGEST}"):
        assert found[name].keys() == {"a", "containerd.io/gc.bref.image", "containerd.io/gc.expire"}
    imported = dict(Naming("main", {"a": "b"}, extra).imported(Descriptor(digest=DIGEST, size=1)))
    assert imported[f"p@{DIGEST}"].keys() == {"a", "containerd.io/gc.bref.image", "containerd.io/gc.expire"}
    alone = dict(Naming("", {"a": "b"}, extra).names(Descriptor(digest=DIGEST, size=1)))
    assert alone["full"] == {"a": "b"}
