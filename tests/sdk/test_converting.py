"""Images converted on the way of a transfer: what of their documents changes, what does not, and what a conversion leaves that is given up."""

from __future__ import annotations

import asyncio
import gzip
import json
import os
from collections.abc import AsyncIterator
from typing import Any

import anyio
import pytest
from argosy.client.progress import Progress
from argosy.client.transfers import Converted, Wish, converting, copy_image
from argosy.client.transfers.ends import ImageSource
from argosy.errors import DataLoss, FailedPrecondition, InvalidArgument
from argosy.oci.image import Descriptor, Platform
from argosy.oci.layers import EROFS, FORMS, LAYERS, OPENED, TAR, in_form, is_erofs, oci_type

from tests.harness.cancelling import at_each_await
from tests.harness.layers import archive, directory, entry, hard_link
from tests.harness.web import CONFIG, INDEX, MANIFEST
from tests.sdk.test_transfers import Loose, digest

DOCKER = "application/vnd.docker"
SHARED = archive(directory("d"), entry("d/f", data=b"f" * 9000))


class Image(ImageSource):
    """Two platforms with a layer in common, of docker's types, an attestation of the first, and an artifact, in memory."""

    called = "the test's image"

    def __init__(self, own: bytes = archive(entry("own", data=b"o"))) -> None:
        self.blobs: dict[str, bytes] = {}
        manifests: list[dict[str, Any]] = []
        for architecture in ("amd64", "arm64"):
            said = {
                "os": "linux", "architecture": architecture, "kept": [1],
                "rootfs": {"type": "layers", "diff_ids": [digest(SHARED), digest(own)]},
            }  # fmt: skip
            config = self.keep(said, f"{DOCKER}.container.image.v1+json")
            layers = [
                self.layer(SHARED, urls=["http://elsewhere/"]),
                self.layer(own, annotations={"io.containers.estargz.x": "1", "mine": "2"}),
            ]
            body = {
                "schemaVersion": 2,
                "mediaType": f"{DOCKER}.distribution.manifest.v2+json",
                "config": config,
                "layers": layers,
                "odd": 1,
            }
            manifests.append(
                self.keep(
                    body,
                    f"{DOCKER}.distribution.manifest.v2+json",
                    platform={"os": "linux", "architecture": architecture, "os.version": "9"},
                )
            )
        artifact = {
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": self.keep({}, "application/vnd.example"),
            "layers": [self.layer(own)],
        }
        note = {"vnd.docker.reference.digest": manifests[0]["digest"], "vnd.docker.reference.type": "attestation-manifest"}
        manifests.append(self.keep(artifact, MANIFEST, annotations=note))
        index = {"schemaVersion": 2, "mediaType": f"{DOCKER}.distribution.manifest.list.v2+json", "manifests": manifests}
        self.top = Descriptor.of(self.keep(index, f"{DOCKER}.distribution.manifest.list.v2+json"))

    def layer(self, tar: bytes, **more: Any) -> dict[str, Any]:
        return self.keep(gzip.compress(tar, mtime=0), f"{DOCKER}.image.rootfs.diff.tar.gzip", **more)

    def keep(self, said: Any, media_type: str, **more: Any) -> dict[str, Any]:
        data = said if isinstance(said, bytes) else json.dumps(said).encode()
        self.blobs[digest(data)] = data
        return {"mediaType": media_type, "digest": digest(data), "size": len(data), **more}

    async def resolve(self) -> Descriptor:
        return self.top

    async def fetch(self, d: Descriptor, offset: int = 0) -> AsyncIterator[bytes]:
        await asyncio.sleep(0)
        yield self.blobs[d.digest][offset:]


def converted(image: ImageSource, form: str, *platforms: str) -> tuple[dict[str, Any], dict[str, bytes]]:
    """Return the top document of an image once it is converted, and all blobs of that."""
    sink = Loose()
    wish = Wish([Platform.parse(one) for one in platforms])

    async def main() -> None:
        async with Converted(image, form, wish).image() as source:
            await copy_image(source, sink, wish)

    asyncio.run(main())
    return json.loads(sink.blobs[sink.top]), sink.blobs


@pytest.mark.parametrize("form", FORMS)
def test_what_says_what_layers_are_is_written_anew_and_nothing_else(form: str) -> None:
    image = Image()
    top, blobs = converted(image, form)
    before = json.loads(image.blobs[image.top.digest])
    if form == "gzip":
        assert top == before, "what is so already is the same image"
        return
    assert top["mediaType"] == INDEX and top["manifests"][2]["digest"] == before["manifests"][2]["digest"], (
        "an artifact's layers are its own"
    )
    assert top["manifests"][2]["annotations"] == {
        "vnd.docker.reference.digest": top["manifests"][0]["digest"], "vnd.docker.reference.type": "attestation-manifest",
    }  # fmt: skip
    features = {"os.features": ["erofs"]} if form.startswith("erofs") else {}
    digests = set()
    for was, now in zip(before["manifests"][:2], top["manifests"][:2], strict=True):
        assert now["platform"] == {**was["platform"], **features} and now["mediaType"] == MANIFEST
        manifest, old = json.loads(blobs[now["digest"]]), json.loads(image.blobs[was["digest"]])
        config, old_config = (
            json.loads(blobs[manifest["config"]["digest"]]),
            json.loads(image.blobs[old["config"]["digest"]]),
        )
        assert manifest["odd"] == 1 and manifest["config"]["mediaType"] == CONFIG
        assert {one["mediaType"] for one in manifest["layers"]} == {in_form(TAR, form)}
        assert ["urls" in one for one in manifest["layers"]] == [False, False]
        assert [one.get("annotations") for one in manifest["layers"]] == [None, {"mine": "2"}]
        if features:
            assert config["rootfs"]["diff_ids"] != old_config["rootfs"]["diff_ids"]
            config["rootfs"] = old_config["rootfs"]
        assert config == {**old_config, **features}
        digests |= {one["digest"] for one in manifest["layers"]}
    assert len(digests) == 2, "the layer that both have is converted once"


def test_other_platforms_stay_as_they_are() -> None:
    image = Image()
    top, blobs = converted(image, "erofs", "linux/arm64")
    was, now = json.loads(image.blobs[image.top.digest])["manifests"], top["manifests"]
    assert now[0] == was[0] and now[1]["digest"] != was[1]["digest"] and was[0]["digest"] not in blobs


def test_what_is_wrong_with_a_layer_is_told_and_nothing_is_made() -> None:
    linked = Image(archive(hard_link("a", "below")))
    with pytest.raises(FailedPrecondition, match="which is not in the layer"):
        converted(linked, "erofs")
    wrong = Image()
    config = next(data for data in wrong.blobs.values() if b"diff_ids" in data and b"amd64" in data)
    wrong.blobs[digest(config)] = config.replace(digest(SHARED).encode(), digest(b"other").encode())
    with pytest.raises(DataLoss):
        converted(wrong, "zstd")
    sealed = Image()
    sealed.blobs = {key: data.replace(b"diff.tar.gzip", b"tar+encrypted") for key, data in sealed.blobs.items()}
    with pytest.raises((InvalidArgument, DataLoss)):
        converted(sealed, "zstd")


def test_what_is_written_anew_has_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(converting, "_MAX_DOCUMENTS_BYTES", 1000)
    with pytest.raises(InvalidArgument, match="more than 1000 bytes of manifests; convert it for fewer platforms"):
        converted(Image(), "zstd")


def test_a_conversion_that_is_cut_at_any_await_leaves_no_file_open() -> None:
    def make() -> Any:
        async def work() -> None:
            async with Converted(Image(), "erofs+zstd", Wish(watch=lambda _: None)).image() as source:
                await source.resolve()

        return work()

    before = 0

    async def check(is_done: bool) -> None:
        nonlocal before
        before = before or len(os.listdir("/proc/self/fd"))
        assert len(os.listdir("/proc/self/fd")) == before

    assert asyncio.run(at_each_await(make, check, most=2000)) > 5


def test_a_large_layer_stops_when_nobody_waits_for_it() -> None:
    """The thread that converts it is not waited for to its end."""
    image = Image(archive(entry("zeros", data=bytes(40 << 20))))
    seen: list[Progress] = []

    async def main() -> None:
        with anyio.CancelScope() as scope:

            def watch(one: Progress) -> None:
                seen.append(one)
                scope.cancel()

            async with Converted(image, "erofs", Wish(watch=watch)).image():
                pytest.fail("it was cancelled")
        assert scope.cancelled_caught

    asyncio.run(main())
    assert len(seen) == 1, "of five"


def test_the_types_of_layers_are_one_table() -> None:
    for media_type in OPENED:
        assert oci_type(oci_type(media_type)) == oci_type(media_type) in OPENED
        for form, (to_image, packing) in FORMS.items():
            now = in_form(media_type, form)
            assert now in OPENED
            if "nondistributable" in oci_type(media_type):
                assert "nondistributable" in now and not is_erofs(now), "what may not be given away still may not"
            else:
                assert (is_erofs(now), now.endswith(f"+{packing}") if packing else "+" not in now) == (to_image, True)
    assert OPENED - LAYERS == {EROFS, f"{EROFS}+zstd"}
    assert in_form("application/vnd.oci.image.layer.nondistributable.v1.tar+gzip+encrypted", "zstd").endswith(
        "distributable.v1.tar+zstd"
    )
    assert in_form("x/unknown", "gzip") == f"{TAR}+gzip" and oci_type("x/unknown") == "x/unknown"
