"""What refers to an image: listed by the registry's own list and by the tag that stands in for one, kept with it, pushed and exported along."""

from __future__ import annotations

import asyncio
import json
import tarfile
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path
from typing import Any

import anyio
import pytest
from aiohttp import web
from argosy.client import Client
from argosy.client import images as api
from argosy.client import referrers as referring
from argosy.client.referrers import add_to_fallback, fallback_tag, referrers
from argosy.client.registry import Registry
from argosy.client.resolvers import Registries
from argosy.client.transfers import RegistryImage, RegistryName, Wish, transfer
from argosy.client.transfers.registries import MOST_REFERRERS
from argosy.errors import InvalidArgument, Unavailable
from argosy.oci.image import Descriptor
from argosy.oci.reference import Reference
from argosy.oci.referrer import Referrer
from argosy_protos.containerd.services.images.v1 import ListImagesRequest

from tests.harness.mesh import Mesh, Ran
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
    """The list of referrers of a registry of OCI 1.1, in pages."""

    page = 2

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
        if at + self.page < len(found) or self.endless:
            headers["Link"] = f'<{request.path}?at={at + self.page}&artifactType={kind}>; rel="next"'
        body = {"schemaVersion": 2, "mediaType": INDEX, "manifests": found[at : at + self.page]}
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


# -- copies --


def test_a_copy_takes_referrers_along_where_that_is_asked_for(mesh: Mesh, registry: str, tmp_path: Path) -> None:
    """Between registries, by way of a directory and of an archive; of all that the image consists of, and what refers to that again."""
    target = f"{registry}/taken/b"
    folder, archive = tmp_path / "folder", tmp_path / "a.tar"

    async def work() -> None:
        lists = Lists()
        async with serving(lists) as server:
            subject = server.image("a/b:1", [layer(("f", b"x"))])
            bill = referrer(server, subject, SBOM, b"a bill")
            seal = referrer(server, bill, "application/x", b"of the bill")
            lists.lists |= {subject["digest"]: [bill], bill["digest"]: [seal]}
            name = f"{server.netloc}/a/b:1"

            async def transfer(*words: str) -> Ran:
                return await asyncio.to_thread(mesh.argosy, "-n", "taken", "transfer", "--plain-http", *words)

            async def there(tag: str, of: dict[str, Any]) -> list[dict[str, Any]]:
                async with Registry(Reference.parse(f"{target}:{tag}")) as found:
                    return [one.written() for one in await referrers(found, of["digest"])]

            (await transfer(name, f"{target}:none")).ok()
            assert await there("none", subject) == []
            for sink in (f"oci:{folder}:box", f"archive:{archive}"):
                (await transfer("--referrers", name, sink)).ok()
            for source, tag in ((f"oci:{folder}:box", "folder"), (f"archive:{archive}", "archive")):
                (await transfer(source, f"{target}-{tag}:1")).ok()
                async with Registry(Reference.parse(f"{target}-{tag}:1")) as found:
                    assert [one.written() for one in await referrers(found, subject["digest"])] == [bill], tag
                    assert [one.written() for one in await referrers(found, bill["digest"])] == [seal], tag
            (await transfer("--referrers", name, f"{target}:1")).ok()
            assert await there("1", subject) == [bill] and await there("1", bill) == [seal]
            (await transfer("--referrers", name, "image:taken:1")).ok()
            async with Client(mesh.address, "taken") as client:
                assert [one.written() for one in await api.referrers_here(client.services, subject["digest"])] == [bill]
            for words, said in (
                (("--layers", "zstd", name, f"{target}:2"), "becomes another image, to which nothing refers"),
                (("image:taken:1", f"{target}:2"), "is no image of a registry"),
            ):
                ran = await transfer("--referrers", *words)
                assert ran.code == 2 and said in ran.err, ran

    run(work)


def test_referrers_that_lie_and_too_many_of_them_keep_a_copy_from_being_made(registry: str) -> None:
    async def work() -> None:
        lists = Lists()
        async with serving(lists) as server, Registries(plain=True) as registries:
            subject, other = (server.image(f"a/b:{n}", [layer(("f", b"%d" % n))]) for n in (1, 2))
            source = RegistryImage(registries, Reference.parse(f"{server.netloc}/a/b:1"), with_referrers=True)
            sink = RegistryName(await registries.of(Reference.parse(f"{registry}/lies/b:1")))
            lists.lists[subject["digest"]] = [referrer(server, other, SBOM, b"of another")]
            with pytest.raises(InvalidArgument, match="says it is none"):
                await transfer(source, sink, Wish())
            lists.page = 1000
            one = referrer(server, subject, SBOM, b"true")
            lists.lists[subject["digest"]] = [{**one, "digest": sha256(b"%d" % n)} for n in range(MOST_REFERRERS + 1)]
            with pytest.raises(InvalidArgument, match=f"more than {MOST_REFERRERS} referrers"):
                await transfer(source, sink, Wish())

    run(work)


class Writer(Registry):
    """Waits before it writes."""

    may_write: asyncio.Event
    has_read: asyncio.Event
    has_written: asyncio.Event

    async def push_manifest(self, media_type: str, data: bytes, name: str) -> bool:
        self.has_read.set()
        await self.may_write.wait()
        try:
            return await super().push_manifest(media_type, data, name)
        finally:
            self.has_written.set()


def test_two_who_write_the_tag_of_referrers_at_once_lose_nothing(registry: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both have read it before either writes, and the later one writes what the first one's entry is missing in. What else is in the list stays."""
    reference = Reference.parse(f"{registry}/writers/b:1")
    subject = sha256(b"the subject")
    tag = fallback_tag(subject)

    def said(n: int) -> Referrer:
        return Referrer(Descriptor(media_type=MANIFEST, digest=sha256(b"%d" % n), size=n + 1), SBOM)

    async def work() -> None:
        async with Writer(reference) as first, Writer(reference) as second:
            for one in (first, second):
                one.may_write, one.has_read, one.has_written = asyncio.Event(), asyncio.Event(), asyncio.Event()
            first.may_write.set()
            strange = {
                "mediaType": MANIFEST,
                "digest": sha256(b"0"),
                "size": 1,
                "platform": {"os": "linux", "architecture": "a"},
            }
            body = {"schemaVersion": 2, "mediaType": INDEX, "manifests": [strange], "annotations": {"by": "somebody"}}
            for kept in (b"0", b"1", b"2"):
                await first.push_blob(sha256(kept), len(kept), partial(pieces, kept))
            await first.push_manifest(INDEX, json.dumps(body).encode(), tag)
            first.may_write.clear()
            first.has_read.clear()
            first.has_written.clear()

            async def settle(_: float) -> None:
                # As long as it takes the others.
                await first.has_written.wait()
                second.may_write.set()
                await second.has_written.wait()

            monkeypatch.setattr(referring, "_settle", settle)
            async with anyio.create_task_group() as group:
                for number, one in enumerate((first, second), 1):
                    group.start_soon(add_to_fallback, one, subject, said(number))
                await first.has_read.wait()
                await second.has_read.wait()
                first.may_write.set()
            document = json.loads(await first.document(first.push_host(), "manifests", tag))
            assert document["annotations"] == {"by": "somebody"} and document["manifests"][0] == strange
            assert {one["digest"] for one in document["manifests"][1:]} == {sha256(b"1"), sha256(b"2")}

    run(work)


def test_a_list_that_others_write_each_time_is_given_up(registry: str, monkeypatch: pytest.MonkeyPatch) -> None:
    reference, subject = Reference.parse(f"{registry}/writers/c:1"), sha256(b"another subject")

    async def work() -> None:
        async with Registry(reference) as writer:

            async def settle(_: float) -> None:
                nobody = json.dumps({"schemaVersion": 2, "mediaType": INDEX, "manifests": []}).encode()
                await writer.push_manifest(INDEX, nobody, fallback_tag(subject))

            await writer.push_blob(sha256(b"x"), 1, partial(pieces, b"x"))
            monkeypatch.setattr(referring, "_settle", settle)
            with pytest.raises(Unavailable, match="again and again"):
                await add_to_fallback(
                    writer, subject, Referrer(Descriptor(media_type=MANIFEST, digest=sha256(b"x"), size=1))
                )

    run(work)


async def pieces(data: bytes) -> AsyncIterator[bytes]:
    yield data
