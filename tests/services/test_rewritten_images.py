"""Images with other layers: indexes, docker's documents, what nobody knows in them, and what of them is kept by whom."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from argosy.client import Client
from argosy.client import images as api
from argosy.client.content import read_blob, write_blob
from argosy.client.images.names import find_image
from argosy.client.images.rewriting import rewrite
from argosy.client.rewriting import Made, Part
from argosy.client.services import Services
from argosy.digest import Digest
from argosy.errors import InvalidArgument, NotFound
from argosy.oci.image import Descriptor, Platform
from argosy_protos.containerd.services.content.v1 import InfoRequest
from argosy_protos.containerd.services.images.v1 import DeleteImageRequest
from argosy_protos.containerd.types import Descriptor as WireDescriptor

from tests.harness.mesh import IMAGE, Mesh

pytestmark = pytest.mark.root

OCI, DOCKER = "application/vnd.oci.image", "application/vnd.docker"
GZIP = f"{OCI}.layer.v1.tar+gzip"


def with_client(mesh: Mesh, work: Callable[[Client, Services], Awaitable[None]]) -> None:
    """Run work with a client whose calls are under one lease, and with its services."""

    async def main() -> None:
        async with Client(mesh.address, "default") as client, client.lease() as services:
            await work(Client(mesh.address, "default", services=services), services)

    asyncio.run(main())


async def put(services: Services, said: Any, media_type: str, **more: Any) -> dict[str, Any]:
    """Store a document, or bytes, and return its descriptor."""
    data = said if isinstance(said, bytes) else json.dumps(said).encode()
    digest = await write_blob(services.content, f"put-{Digest.of(data)}", data)
    return {"mediaType": media_type, "digest": digest, "size": len(data), **more}


async def image(
    services: Services, architecture: str, *layers: dict[str, Any], docker: bool = False, **more: Any
) -> dict[str, Any]:
    """Store an image for an architecture and return the descriptor of its manifest."""
    config = {
        "os": "linux", "architecture": architecture, "rootfs": {"type": "layers", "diff_ids": [f"sha256:{'0' * 64}"] * len(layers)},
    }  # fmt: skip
    kind, type_of_config = (
        (f"{DOCKER}.distribution.manifest.v2+json", f"{DOCKER}.container.image.v1+json") if docker
        else (f"{OCI}.manifest.v1+json", f"{OCI}.config.v1+json")
    )  # fmt: skip
    manifest = {
        "schemaVersion": 2, "mediaType": kind, "config": await put(services, config, type_of_config), "layers": list(layers), **more,
    }  # fmt: skip
    return await put(services, manifest, kind, platform={"os": "linux", "architecture": architecture})


async def named(services: Services, name: str, d: dict[str, Any]) -> None:
    await api.put_image(services, name, WireDescriptor(media_type=d["mediaType"], digest=d["digest"], size=d["size"]))


async def upper(services: Services, part: Part) -> Made:
    """Make a layer of capital letters."""
    data = (await read_blob(services.content, part.layer.digest)).upper()
    digest = await write_blob(services.content, f"upper-{part.layer.digest}", data)
    return Made(Descriptor(media_type=GZIP, digest=digest, size=len(data), annotations={"new": "1"}))


async def document(services: Services, digest: str) -> Any:
    return json.loads(await read_blob(services.content, digest))


def test_an_index_keeps_what_is_not_changed(mesh: Mesh) -> None:
    """Manifests of other platforms, those that were never fetched, attestations, artifacts, and keys that nobody knows."""

    async def work(client: Client, services: Services) -> None:
        layer = await put(services, b"words", GZIP, annotations={"old": "1"}, urls=["http://x/"])
        one = await image(services, "amd64", layer, layer, annotations={"a": "b"}, odd={"x": 1})
        two = await image(services, "arm64", layer)
        away = {
            "mediaType": f"{OCI}.manifest.v1+json",
            "digest": f"sha256:{'e' * 64}",
            "size": 7,
            "platform": {"os": "linux", "architecture": "s390x"},
        }
        config = await put(services, b"{}", "application/vnd.in-toto+json")
        artifact = {"schemaVersion": 2, "mediaType": f"{OCI}.manifest.v1+json", "config": config, "layers": [layer]}
        attestation = await put(
            services, artifact, f"{OCI}.manifest.v1+json", annotations={"vnd.docker.reference.type": "attestation-manifest"}
        )
        said = {"schemaVersion": 2, "manifests": [one, two, away, attestation], "annotations": {"k": "v"}, "unknown": [1]}
        await named(services, "index.example/i:1", await put(services, said, f"{OCI}.index.v1+json"))
        made = await rewrite(client, "index.example/i:1", "index.example/i:2", upper, [Platform.parse("linux/amd64")])
        assert made.target is not None
        index = await document(services, made.target.digest)
        assert (
            index["unknown"] == [1]
            and index["annotations"] == {"k": "v"}
            and index["manifests"][1:] == [two, away, attestation]
        )
        changed = index["manifests"][0]
        assert changed["platform"] == one["platform"] and changed["digest"] != one["digest"]
        manifest = await document(services, changed["digest"])
        assert manifest["odd"] == {"x": 1} and manifest["annotations"] == {"a": "b"}
        (entry,) = {json.dumps(entry) for entry in manifest["layers"]}
        assert json.loads(entry).keys() == {"mediaType", "digest", "size", "annotations"} and json.loads(entry)[
            "annotations"
        ] == {"new": "1"}
        assert await read_blob(services.content, json.loads(entry)["digest"]) == b"WORDS"
        # Labels hold what is named: collection leaves it alone.
        for digest, count in ((made.target.digest, 4), (changed["digest"], 3)):
            info = (await services.content.info(InfoRequest(digest=digest))).info
            assert (
                info is not None
                and len([key for key in info.labels if key.startswith("containerd.io/gc.ref.content")]) == count
            )
        # Without platforms, all that are here.
        made = await rewrite(client, "index.example/i:1", "index.example/i:3", upper)
        assert made.target is not None
        index = await document(services, made.target.digest)
        assert index["manifests"][2:] == [away, attestation] and index["manifests"][1] != two
        with pytest.raises(NotFound, match="no manifest here for linux/riscv64"):
            await rewrite(client, "index.example/i:1", "index.example/i:4", upper, [Platform.parse("linux/riscv64")])

    with_client(mesh, work)


def test_what_nobody_changes_is_the_same_image(mesh: Mesh) -> None:
    async def nothing(services: Services, part: Part) -> Made | None:
        return None

    async def work(client: Client, services: Services) -> None:
        made = await rewrite(client, IMAGE, "same.example/i:1", nothing)
        assert made.target == (await find_image(services, IMAGE)).target

    with_client(mesh, work)


def test_docker_s_documents_become_oci_s(mesh: Mesh) -> None:
    """All of a manifest does: one with types of both is read by nobody."""

    async def first(services: Services, part: Part) -> Made | None:
        return await upper(services, part) if part.is_among([0]) else None

    async def work(client: Client, services: Services) -> None:
        layers = [await put(services, data, f"{DOCKER}.image.rootfs.diff.tar.gzip") for data in (b"one", b"two")]
        layers.append(await put(services, b"three", f"{DOCKER}.image.rootfs.foreign.diff.tar.gzip"))
        manifest = await image(services, "amd64", *layers, docker=True)
        said = {"schemaVersion": 2, "mediaType": f"{DOCKER}.distribution.manifest.list.v2+json", "manifests": [manifest]}
        await named(services, "docker.example/i:1", await put(services, said, str(said["mediaType"])))
        made = await rewrite(client, "docker.example/i:1", "docker.example/i:2", first)
        assert made.target is not None and made.target.media_type == f"{OCI}.index.v1+json"
        index = await document(services, made.target.digest)
        found = await document(services, index["manifests"][0]["digest"])
        types = [index["mediaType"], index["manifests"][0]["mediaType"], found["mediaType"], found["config"]["mediaType"]]
        assert types == [f"{OCI}.{kind}.v1+json" for kind in ("index", "manifest", "manifest", "config")]
        assert [layer["mediaType"] for layer in found["layers"]] == [GZIP, GZIP, f"{OCI}.layer.nondistributable.v1.tar+gzip"]
        assert [layer["digest"] for layer in found["layers"][1:]] == [layer["digest"] for layer in layers[1:]]

    with_client(mesh, work)


def test_what_is_no_image_is_refused(mesh: Mesh) -> None:
    """A document that leads to itself can't be; one that is too deep, or names nothing, is refused, and no name is given."""

    async def work(client: Client, services: Services) -> None:
        inner = await image(services, "amd64", await put(services, b"x", GZIP))
        for _ in range(10):
            said = {"schemaVersion": 2, "mediaType": f"{OCI}.index.v1+json", "manifests": [inner]}
            inner = await put(services, said, str(said["mediaType"]))
        await named(services, "deep.example/i:1", inner)
        with pytest.raises(InvalidArgument, match="indexes 8 deep or 4096 manifests is refused"):
            await rewrite(client, "deep.example/i:1", "deep.example/i:2", upper)
        with pytest.raises(NotFound):
            await rewrite(client, "nobody.example/i:1", "deep.example/i:2", upper)
        with pytest.raises(NotFound):
            await services.images.delete(DeleteImageRequest(name="deep.example/i:2"))

    with_client(mesh, work)


def test_layers_are_chosen_by_number() -> None:
    layer = Descriptor(media_type=GZIP, digest=f"sha256:{'0' * 64}", size=1)
    for chosen, taken in (((), [0, 1, 2]), ((0,), [0]), ((-1,), [2]), ((1, -3), [0, 1]), ((7,), [])):
        assert [n for n in range(3) if Part(layer, n, 3, "").is_among(chosen)] == taken
