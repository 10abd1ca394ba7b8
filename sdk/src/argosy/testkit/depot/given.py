"""What a depot gives: what a name stands for, and the bytes of a blob from any offset on."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from argosy_protos.argosy.transfer import v1 as p

from argosy.errors import InvalidArgument, NotFound, Unimplemented
from argosy.oci.image import INDEX_TYPES, MANIFEST_TYPES
from argosy.testkit.blobs import digest_of, fresh
from argosy.testkit.depot.calls import SUITE, Depot, Image
from argosy.testkit.suite import NotHere

check = SUITE.check
# Several messages' worth.
_LARGE: Final = (3 << 20) + 17


@check("give", fast=True)
async def a_name_stands_for_an_image(d: Depot) -> None:
    """Resolve answers with the media type, digest and size of an index or a manifest, and Fetch has those bytes."""
    name, _, _ = await d.given()
    top = await d.resolve(name)
    d.holds(top.media_type in INDEX_TYPES | MANIFEST_TYPES, "the media type of an index or a manifest", top.media_type)
    data = await d.document(name, top)
    d.equal(len(data), top.size, "the bytes of the document")


@check("give", fast=True)
async def a_name_of_nothing_is_not_found(d: Depot) -> None:
    """Resolve of a name that nothing has answers NOT_FOUND."""
    await d.refused(d.resolve(d.name("nobody")), NotFound)
    await d.refused(d.resolve(d.name("nobody") + ":1@/é"), NotFound, InvalidArgument)


@check("give", fast=True)
async def no_name_is_no_name(d: Depot) -> None:
    """A call without a name answers INVALID_ARGUMENT."""
    await d.refused(d.resolve(""), InvalidArgument)


@check("give", fast=True)
async def a_blob_comes_whole(d: Depot) -> None:
    """Fetch from 0 on has all bytes of a blob, in messages of at most 1 MiB."""
    name, blob, data = await d.given(_LARGE)
    d.equal(digest_of(await d.fetch(name, blob)), digest_of(data), "the digest of what comes")


@check("give", fast=True)
async def a_blob_comes_from_any_offset_on(d: Depot) -> None:
    """Fetch from an offset on has the bytes from there to the end: what broke off is asked for from where it did."""
    name, blob, data = await d.given()
    for offset in (1, blob.size // 2, blob.size - 1):
        d.equal(await d.fetch(name, blob, offset), data[offset:], f"the bytes from {offset} on")


@check("give")
async def nothing_comes_from_the_end_on(d: Depot) -> None:
    """Fetch from a blob's end on has no bytes, and one from beyond it, or from before its beginning, has none either."""
    name, blob, _ = await d.given()
    d.equal(await d.fetch(name, blob, blob.size), b"", "the bytes from the end on")
    for offset in (blob.size + 1, -1):
        await d.refused(d.fetch(name, blob, offset), InvalidArgument)


@check("give", fast=True)
async def a_blob_that_is_not_there_is_not_found(d: Depot) -> None:
    """Fetch of a blob that is not there answers NOT_FOUND, before any byte."""
    name, blob, _ = await d.given()
    await d.refused(d.fetch(name, replace(blob, digest=digest_of(fresh(10)))), NotFound)


@check("give", fast=True)
async def a_digest_is_no_path(d: Depot) -> None:
    """What is no digest is refused, or not found: it may be the name of a file where the blobs are."""
    name, blob, _ = await d.given()
    for digest in ("", "sha256:../../../../../../etc/passwd", "../" * 8 + "etc/passwd", "sha256:" + "x" * 64):
        wire = p.Descriptor(media_type=blob.media_type, digest=digest, size=1 << 20)
        await d.refused(d.fetch(name, wire), InvalidArgument, NotFound)


@check("give")
async def a_fetch_that_is_given_up_hurts_nobody(d: Depot) -> None:
    """Who leaves in the middle of a blob is forgotten, and the next one gets all of it."""
    name, blob, data = await d.given(_LARGE)
    for _ in range(3):
        await d.fetch_a_part(name, blob)
    d.equal(digest_of(await d.fetch(name, blob)), digest_of(data), "the digest of what comes")


@check("give", "put")
async def several_blobs_come_at_once(d: Depot) -> None:
    """Blobs that are fetched side by side come whole, each its own bytes."""
    image = Image.new(_LARGE)
    name = await d.put_image("a", image)
    got: dict[str, bytes] = {}

    async def one(digest: str) -> None:
        got[digest] = await d.fetch(name, next(x for x in image.descriptors if x.digest == digest))

    answers = await d.at_once([one(digest) for digest in image.blobs])
    d.equal(answers, ["OK"] * len(image.blobs), "the answers")
    for digest, data in image.blobs.items():
        d.equal(digest_of(got[digest]), digest, f"the digest of the {len(data)} bytes that were fetched")


@check()
async def who_takes_no_images_says_so(d: Depot) -> None:
    """Put to a depot that takes none, and Resolve of one that gives none, answer UNIMPLEMENTED."""
    lacks = {"give", "put"} - d.place.able
    if not lacks:
        raise NotHere("it gives and takes images")
    image = Image.new()
    if "put" in lacks:
        await d.refused(d.put(d.name("a"), image.config, image.blobs[image.config.digest]), Unimplemented)
        d.place.put.clear()
    if "give" in lacks:
        await d.refused(d.resolve(d.name("a")), Unimplemented)
