"""What refers to an image: listed by the registry's own list and by the tag that stands in for one, kept with it, pushed and exported along."""

from __future__ import annotations

import asyncio
import json
import tarfile
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from argosy.client import Client
from argosy.client import images as api
from argosy.client.referrers import fallback_tag, referrers
from argosy.client.registry import Registry
from argosy.client.resolvers import Registries
from argosy.errors import InvalidArgument, Unavailable
from argosy.oci.reference import Reference
from argosy_protos.containerd.services.images.v1 import ListImagesRequest

from tests.harness.mesh import Mesh
from tests.harness.tars import layer
from tests.harness.web import INDEX, MANIFEST, Server, serving, sha256

pytestmark = pytest.mark.root

EMPTY = "application/vnd.oci.empty.v1+json"
SBOM = "application/vnd.example.sbom+json"


def referrer(server: Server, subject: dict[str, Any], kind: str, said: bytes) -> dict[str, Any]:
    """Keep a manifest that refers to another; return how a list has it."""
    body = {
        "schemaVersion": 2, "mediaType": MANIFEST, "artifactType": kind, "config": server.keep(b"{}", EMPTY),
        "layers": [server.keep(said, kind)], "subject": subject, "annotations": {"said": said.decode()},
    }  # fmt: skip
    return {**server.keep(json.dumps(body).encode(), MANIFEST), "artifactType": kind, "annotations": {"said": said.decode()}}


class Lists:
    """The list of referrers of a registry of OCI 1.1, two a page."""

    def __init__(self) -> None:
        self.lists: dict[str, list[dict[str, Any]]] = {}
        self.endless = False

    async def __call__(self, server: Server, request: web.Request) -> web.StreamResponse | None:
        if "/referrers/" not in request.path:
            return None
        found = self.lists.get(request.path.rpartition("/")[2], [])
        kind, at = request.query.get("artifactType", ""), int(request.query.get("at", "0"))
        found = [one for one in found if not kind or one["artifactType"] == kind]
        headers = {"Content-Type": INDEX}
        if at + 2 < len(found) or self.endless:
            headers["Link"] = f'<{request.path}?at={at + 2}&artifactType={kind}>; rel="next"'
        body = {"schemaVersion": 2, "mediaType": INDEX, "manifests": found[at : at + 2]}
        return web.Response(body=json.dumps(body).encode(), headers=headers)


def run(work: Any) -> None:
    asyncio.run(asyncio.wait_for(work(), 60))


@pytest.mark.parametrize("tag", [False, True])
def test_referrers_are_listed_by_the_registry_or_by_the_tag(tag: bool) -> None:
    async def work() -> None:
        lists = Lists()
        async with serving(None if tag else lists) as server:
            subject = server.image("a/b:1", [layer(("f", b"x"))])
            found = [referrer(server, subject, SBOM if i % 2 else "application/x", b"%d" % i) for i in range(5)]
            if tag:
                body = {"schemaVersion": 2, "mediaType": INDEX, "manifests": found}
                server.tag(f"a/b:{fallback_tag(subject['digest'])}", body)
            else:
                lists.lists[subject["digest"]] = found
            async with Registry(Reference.parse(f"{server.netloc}/a/b:1")) as registry:
                told = await referrers(registry, subject["digest"])
                assert [one.written() for one in told] == found
                only = await referrers(registry, subject["digest"], SBOM)
                assert [one.descriptor.digest for one in only] == [found[1]["digest"], found[3]["digest"]]
                assert await referrers(registry, sha256(b"nobody")) == []

    run(work)


def test_a_list_without_an_end_is_refused() -> None:
    async def work() -> None:
        lists = Lists()
        lists.endless = True
        async with serving(lists) as server, Registry(Reference.parse(f"{server.netloc}/a/b:1")) as registry:
            with pytest.raises(Unavailable, match="has no end"):
                await referrers(registry, sha256(b"x"))
            assert len(server.seen) < 100

    run(work)


def test_a_referrer_that_refers_to_another_is_refused(mesh: Mesh) -> None:
    async def work() -> None:
        lists = Lists()
        async with serving(lists) as server, Client(mesh.address, "ref-lies") as client:
            subject, other = (server.image(f"a/b:{n}", [layer(("f", b"%d" % n))]) for n in (1, 2))
            lists.lists[subject["digest"]] = [referrer(server, other, SBOM, b"of another")]
            name = Reference.parse(f"{server.netloc}/a/b:1")
            await api.pull(client, str(name))
            async with Registries() as registries, client.lease() as services:
                with pytest.raises(InvalidArgument, match="says it is none"):
                    await api.fetch_referrers(services, registries, name, subject["digest"])
            assert await api.referrers_here(client.services, subject["digest"]) == []

    run(work)


def test_referrers_go_where_their_image_goes(mesh: Mesh, registry: str, tmp_path: Path) -> None:
    """Fetched with the command, kept by the collector, in an archive and back, and in Debian's registry, which knows no list of them."""
    archive = tmp_path / "a.tar"

    async def work() -> None:
        lists = Lists()
        async with serving(lists) as server, Client(mesh.address, "referrers") as client:
            subject = server.image("a/b:1", [layer(("f", b"x"))])
            bill = referrer(server, subject, SBOM, b"a bill")
            lists.lists[subject["digest"]] = [bill]
            name = f"{server.netloc}/a/b:1"
            await api.pull(client, name)
            told = await asyncio.to_thread(
                mesh.argosy, "-o", "json", "-n", "referrers", "image", "referrers", "--fetch", "--plain-http", name
            )
            (row,) = json.loads(told.ok().out)
            assert row["digest"] == bill["digest"] and row["artifact type"] == SBOM
            # A second time changes nothing.
            async with Registries() as registries, client.lease() as services:
                await api.fetch_referrers(services, registries, Reference.parse(name), subject["digest"])
            (here,) = await api.referrers_here(client.services, subject["digest"])
            assert here.written() == bill

            await api.export_archive(client, archive, [name])
            with tarfile.open(archive) as tar:
                index = json.load(tar.extractfile("index.json"))  # type: ignore[arg-type] # it is there
                docker = json.load(tar.extractfile("manifest.json"))  # type: ignore[arg-type] # the same
                assert f"blobs/sha256/{sha256(b'a bill')[7:]}" in tar.getnames()
            assert [one["digest"] for one in index["manifests"]] == [bill["digest"], subject["digest"]]
            assert index["manifests"][0]["annotations"]["io.containerd.manifest.subject"] == subject["digest"]
            assert len(docker) == 1

            target = f"{registry}/referred/b:1"
            await api.push(client, target, source=name)
            async with Registry(Reference.parse(target)) as there:
                (pushed,) = await referrers(there, subject["digest"])
                assert pushed.written() == bill
            await api.push(client, target, source=name)
            async with Registry(Reference.parse(target)) as there:
                assert len(await referrers(there, subject["digest"])) == 1

    run(work)

    async def back() -> None:
        async with Client(mesh.address, "referrers-back") as client:
            (name,) = await api.import_archive(client, archive)
            assert [one.name for one in (await client.services.images.list(ListImagesRequest())).images] == [name]
            digest = (await api.target_of(client.services, name)).digest
            assert len(await api.referrers_here(client.services, digest)) == 1

    run(back)
