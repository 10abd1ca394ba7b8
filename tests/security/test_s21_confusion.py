"""S21: a document is one thing, is the bytes that its digest says, and is read the same way by everybody (CVE-2021-41190)."""

from __future__ import annotations

import asyncio
import json
import os
import re
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from aiohttp import web
from argosy.client import Client
from argosy.client import images as api
from argosy.client.content import read_blob
from argosy.client.registry import Registry
from argosy.digest import Digest
from argosy.errors import ArgosyError, DataLoss, InvalidArgument, NotFound
from argosy.oci.image import Manifest, parse_document
from argosy.oci.reference import Reference
from argosy_protos.containerd.services.content.v1 import ListStatusesRequest
from argosy_protos.containerd.services.images.v1 import ListImagesRequest

from tests.harness.mesh import Mesh
from tests.harness.tars import layer
from tests.harness.web import CONFIG, INDEX, LAYER, MANIFEST, Server, serving, sha256

CHILD = {"mediaType": LAYER, "digest": sha256(b""), "size": 0}


def run(work: Callable[[], Awaitable[None]]) -> None:
    async def main() -> None:
        await asyncio.wait_for(work(), 60)

    asyncio.run(main())


@pytest.mark.parametrize("media_type", [MANIFEST, INDEX, ""])
@pytest.mark.parametrize(
    "body",
    [
        {"manifests": [], "layers": [], "config": CHILD},
        {"manifests": [CHILD], "layers": [CHILD], "config": CHILD},
        {"manifests": [CHILD], "config": CHILD},
        {"mediaType": MANIFEST, "manifests": [CHILD], "layers": [CHILD], "config": CHILD},
        {"mediaType": INDEX, "manifests": [CHILD], "layers": [CHILD]},
    ],
)
def test_a_document_that_is_an_index_and_a_manifest_is_refused(media_type: str, body: dict[str, Any]) -> None:
    """Whatever it is sent as: another reader would take it for the other thing."""
    with pytest.raises(InvalidArgument, match="both an index and a manifest"):
        parse_document(json.dumps(body).encode(), media_type)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b'{"layers": [], "Layers": [], "config": %s}', '"Layers" is "layers" written in another case'),
        (b'{"LAYERS": [], "layers": [], "config": %s}', '"LAYERS" is "layers" written in another case'),
        (b'{"layers": [], "Config": {}, "config": %s}', '"Config" is "config" written in another case'),
        (b'{"layers": [], "media_type": "x", "config": %s}', '"media_type" is none of OCI\'s'),
        (
            b'{"layers": [{"digest": "sha256:%s", "Digest": "x", "size": 1}], "config": %%s}' % (b"0" * 64),
            '"Digest" is "digest"',
        ),
    ],
)
def test_a_key_in_another_case_is_refused(data: bytes, message: str) -> None:
    """Go's readers take "Layers" for "layers", and would see another image than we do."""
    with pytest.raises(InvalidArgument, match=message):
        parse_document(data % json.dumps(CHILD).encode(), MANIFEST)


@pytest.mark.parametrize("change", [
    {"digest": "../../../v2/other/blobs/x"}, {"digest": "sha256:" + "A" * 64}, {"digest": "md5:" + "0" * 32}, {"digest": ""}, {"digest": 1},
    {"size": -1}, {"size": "1"}, {"size": 1.5}, {"size": 1 << 63}, {"size": None}, {"digest": None},
])  # fmt: skip
def test_a_descriptor_has_a_digest_and_a_size(change: dict[str, Any]) -> None:
    """Both go into addresses, names and sums: nothing else does."""
    with pytest.raises(InvalidArgument, match="a manifest is malformed"):
        parse_document(json.dumps({"config": CHILD, "layers": [{**CHILD, **change}]}).encode(), MANIFEST)


@pytest.mark.parametrize("said", [[], {}, 1, True, ["x"], "\ud800"])
def test_a_media_type_is_a_string(said: Any) -> None:
    with pytest.raises(InvalidArgument, match="a manifest is malformed: mediaType"):
        parse_document(json.dumps({"mediaType": said, "config": CHILD, "layers": []}).encode(), "")


@pytest.mark.parametrize("data", [
    b"", b"{", b"[", b"null", b"[" * 100_000, b'{"layers": NaN}', b"\xff\xfe", '{"layers": []}'.encode("utf-16"), b'\xef\xbb\xbf{"layers": []}',
    b'{"layers": [], "config": {"digest": "sha256:%s", "size": %s}}' % (b"0" * 64, b"1" * 5000), b'{"layers": {}}', b'{"layers": [null]}',
])  # fmt: skip
def test_what_is_no_json_or_no_document_is_refused(data: bytes) -> None:
    """Whatever Go would refuse, and whatever is deeper or longer than anybody writes."""
    with pytest.raises(InvalidArgument, match="is malformed|neither an index nor a manifest"):
        parse_document(data, MANIFEST)


def test_null_is_what_is_not_there() -> None:
    """Go writes it for what is empty, and reads it so."""
    body = {
        "mediaType": None,
        "config": CHILD,
        "layers": [{**CHILD, "urls": None, "annotations": None, "platform": None}],
        "manifests": None,
    }
    document = parse_document(json.dumps(body).encode(), MANIFEST)
    assert isinstance(document, Manifest) and document.layers[0].urls == []


@pytest.mark.parametrize(("sent", "said"), [(MANIFEST, INDEX), (INDEX, MANIFEST)])
def test_a_document_is_what_it_was_sent_as(sent: str, said: str) -> None:
    """Its own word and the registry's must be the same where both are given."""
    body = {"mediaType": said, "config": CHILD, "layers": []} if said == MANIFEST else {"mediaType": said, "manifests": []}
    with pytest.raises(InvalidArgument, match=re.escape(f'sent as "{sent}" says it is "{said}"')):
        parse_document(json.dumps(body).encode(), sent)


@pytest.mark.parametrize("content_type", ["application/json", "text/plain; charset=utf-8", "application/octet-stream"])
def test_what_has_no_type_of_an_image_is_taken_by_its_own_word_or_refused(content_type: str) -> None:
    """A server of files says application/json; a page of HTML is no image."""
    sent: list[str] = []

    async def answer(server: Server, request: web.Request) -> web.StreamResponse | None:
        headers = {"Content-Type": content_type, "Docker-Content-Digest": sent[-1]}
        return web.Response(body=server.blobs[sent[-1]], headers=headers)

    async def work() -> None:
        async with serving(answer) as server, Registry(Reference.parse(f"{server.netloc}/a/b:1")) as registry:
            sent.append(server.image("a/b:1", [b"layer"])["digest"])
            target = await registry.resolve()
            assert (target.media_type, target.digest) == (MANIFEST, sent[0])
            sent.append(server.keep(b"<html>")["digest"])
            with pytest.raises(InvalidArgument):
                await registry.resolve()

    run(work)


@pytest.mark.parametrize("algorithm", ["sha256", "sha512"])
@pytest.mark.parametrize("head", [True, False])
def test_a_reference_with_a_digest_gets_those_bytes_or_an_error(algorithm: str, head: bool) -> None:
    """Whether HEAD or GET tells the lie, and though the registry serves what it names."""
    evil = json.dumps({"schemaVersion": 2, "mediaType": MANIFEST, "config": CHILD, "layers": []}).encode()
    same, good = Digest.of(evil, algorithm), Digest.of(b"good", algorithm)

    async def answer(server: Server, request: web.Request) -> web.StreamResponse | None:
        if request.method == "HEAD" and not head:
            return web.Response(status=405)
        return web.Response(body=evil, headers={"Content-Type": MANIFEST, "Docker-Content-Digest": str(same)})

    async def work() -> None:
        async with serving(answer) as server:
            async with Registry(Reference.parse(f"{server.netloc}/a/b@{good}")) as registry:
                with pytest.raises(DataLoss, match="the registry answers with"):
                    await registry.resolve()
            async with Registry(Reference.parse(f"{server.netloc}/a/b@{same}")) as registry:
                assert (await registry.resolve()).digest == str(same)

    run(work)


@pytest.mark.root
@pytest.mark.parametrize("what", ["manifest", "config", "layer"])
def test_other_bytes_than_the_digest_says_are_refused_before_they_are_read(mesh: Mesh, what: str) -> None:
    """Of each kind of blob. Nothing has a name then, and what came is thrown away."""

    async def work() -> None:
        async def answer(server: Server, request: web.Request) -> web.StreamResponse | None:
            digest = request.path.rpartition("/")[2]
            if digest == wrong:
                return web.Response(body=bytes(len(server.blobs[digest])))
            return None

        async with serving(answer) as server, Client(mesh.address, f"s21-{what}") as client:
            image = server.image("a/b:1", [layer(("f", os.urandom(1000)))])
            body = json.loads(server.blobs[image["digest"]])
            wrong = {"manifest": image, "config": body["config"], "layer": body["layers"][0]}[what]["digest"]
            with pytest.raises(DataLoss, match="the registry sent other bytes"):
                await api.pull(client, f"{server.netloc}/a/b:1")
            assert (await client.services.images.list(ListImagesRequest())).images == []
            assert (await client.services.content.list_statuses(ListStatusesRequest())).statuses == []
            with pytest.raises(NotFound):
                await read_blob(client.services.content, wrong)

    run(work)


@pytest.mark.root
def test_a_blob_that_is_here_is_not_believed_under_another_size(mesh: Mesh) -> None:
    """The second manifest says of the first one's layer that it is shorter: nobody reads it so."""

    async def work() -> None:
        async with serving() as server, Client(mesh.address, "s21-size") as client:
            image = server.image("a/b:1", [layer(("f", os.urandom(1000)))])
            await api.pull(client, f"{server.netloc}/a/b:1")
            body = json.loads(server.blobs[image["digest"]])
            body["layers"][0]["size"] -= 1
            server.tag("a/b:2", body)
            with pytest.raises(DataLoss, match="its descriptor says"):
                await api.pull(client, f"{server.netloc}/a/b:2")

    run(work)


@pytest.mark.root
def test_a_layer_is_what_the_config_says_of_it(mesh: Mesh) -> None:
    """Its diff id is verified after it was unpacked, and the snapshot is gone when it is another; so with a count that is another."""

    async def work() -> None:
        async with serving() as server, Client(mesh.address, "s21-diff") as client:
            for diff_ids, message in (
                ([sha256(b"x")], "wrong diff id"),
                ([], "1 layers and 0 diff ids"),
                (["x"], "failed validation"),
            ):
                server.image("a/b:1", [layer(("f", os.urandom(1000)))], {"rootfs": {"type": "layers", "diff_ids": diff_ids}})
                with pytest.raises(ArgosyError, match=message):
                    await api.pull(client, f"{server.netloc}/a/b:1")
            assert (await client.services.images.list(ListImagesRequest())).images == []

    run(work)


@pytest.mark.root
def test_a_pull_refuses_both_things_at_once(mesh: Mesh) -> None:
    """The whole way: the registry sends it, nothing of what it lists is fetched."""

    async def work() -> None:
        async with serving() as server, Client(mesh.address, "s21-both") as client:
            image = server.image("a/b:1", [layer(("f", b"1"))])
            body = json.loads(server.blobs[image["digest"]])
            server.tag("a/b:2", {**body, "manifests": [image]})
            with pytest.raises(InvalidArgument, match="CVE-2021-41190"):
                await api.pull(client, f"{server.netloc}/a/b:2")
            assert not [seen for seen in server.seen if "/blobs/" in seen.path]

    run(work)


def test_a_config_is_not_taken_for_a_manifest() -> None:
    """Neither key is there, so it is neither."""
    with pytest.raises(InvalidArgument, match="neither an index nor a manifest"):
        parse_document(b"{}", CONFIG)
    with pytest.raises(InvalidArgument, match="neither an index nor a manifest"):
        parse_document(b'{"rootfs": {}}', "")
