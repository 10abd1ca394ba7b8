"""What a depot keeps: whole or not at all, and under which name."""

from __future__ import annotations

from typing import Final

import anyio
from argosy_protos.argosy.transfer.v1 import PutBegin, PutRequest

from argosy.errors import ArgosyError, DataLoss, InvalidArgument, NotFound
from argosy.oci.image import Descriptor
from argosy.plugin.depots import to_wire
from argosy.testkit.blobs import digest_of, fresh
from argosy.testkit.depot.calls import SUITE, Depot, Image
from argosy.testkit.image import LAYER

check = SUITE.check
_LARGE: Final = (3 << 20) + 17
_AT_ONCE: Final = 4
# Who is left in the middle of a put sees it within this, and a fault shows then.
_SEEN_S: Final = 0.1


@check("put", "give", fast=True)
async def what_is_put_is_there(d: Depot) -> None:
    """Each blob and document that was put can be fetched, and the name stands for the one that was put as its top."""
    image = Image.new()
    name = await d.put_image("a", image)
    d.equal(await d.resolve(name), image.top, "what the name stands for")
    for one in image.descriptors:
        d.equal(await d.fetch(name, one), image.blobs[one.digest], "the bytes that were put")


@check("put", "give")
async def a_large_blob_is_put(d: Depot) -> None:
    """A blob of several messages is kept as one."""
    image = Image.new(_LARGE)
    name = await d.put_image("a", image)
    d.equal(digest_of(await d.fetch(name, image.layer)), image.layer.digest, "the digest of what comes")


@check("put", "give", fast=True)
async def a_name_stands_for_its_latest_top(d: Depot) -> None:
    """Another top under a name takes the name; what is put beside it does not."""
    old, new, beside = Image.new(), Image.new(), Image.new()
    name = await d.put_image("a", old)
    await d.put_image("a", new)
    d.equal(await d.resolve(name), new.top, "what the name stands for")
    for one in beside.descriptors:
        await d.put(name, one, beside.blobs[one.digest])
    d.equal(await d.resolve(name), new.top, "what the name stands for after others were put beside it")


@check("put", "give", fast=True)
async def names_are_apart(d: Depot) -> None:
    """What is put under one name is nothing of another's, though it begins with it."""
    one, other = Image.new(), Image.new()
    first, second = await d.put_image("a", one), await d.put_image("a/b", other)
    d.equal(await d.resolve(first), one.top, f'what "{first}" stands for')
    d.equal(await d.resolve(second), other.top, f'what "{second}" stands for')


@check("put", "give")
async def any_name_is_a_name(d: Depot) -> None:
    """A name with blanks, colons or letters of any language is kept, or refused with INVALID_ARGUMENT; it never becomes another."""
    image = Image.new()
    for word in ("b 1", "b:1@x", "b%2f1", "blatt-ß-日本", "b'\";$(x)", "B"):
        name = d.name(word)
        try:
            for one in image.descriptors:
                await d.put(name, one, image.blobs[one.digest], one is image.top)
        except InvalidArgument:
            continue
        d.equal(await d.resolve(name), image.top, f'what "{name}" stands for')
    await d.refused(d.resolve(d.name("b")), NotFound)


@check("put", "give", fast=True)
async def fewer_bytes_are_not_kept(d: Depot) -> None:
    """A put that ends before as many bytes have come as its descriptor says answers DATA_LOSS, and nothing of it is kept."""
    image, name = Image.new(), d.name("a")
    await d.refused(d.put(name, image.layer, image.blobs[image.layer.digest][:-1]), DataLoss)
    await d.nothing_of(name, image.layer)
    await d.refused(d.put(name, image.top, image.blobs[image.top.digest][:-1], True), DataLoss)
    await d.refused(d.resolve(name), NotFound)


@check("put", "give", fast=True)
async def other_bytes_are_not_kept(d: Depot) -> None:
    """Bytes that are others than the digest says, or more, answer DATA_LOSS, and nothing of them is kept."""
    image, name = Image.new(), d.name("a")
    data = image.blobs[image.layer.digest]
    for wrong in (data[:-1] + bytes([data[-1] ^ 1]), data + b"x"):
        await d.refused(d.put(name, image.layer, wrong), DataLoss)
        await d.nothing_of(name, image.layer)
    await d.put(name, image.layer, data)
    d.equal(await d.fetch(name, image.layer), data, "the bytes that were put after that")


@check("put", "give", fast=True)
async def who_goes_leaves_nothing(d: Depot) -> None:
    """A put whose caller goes in the middle keeps nothing, and the blob can be put again."""
    image, name = Image.new(), d.name("a")
    data = image.blobs[image.layer.digest]
    for part in (data[:100], b""):
        await d.put(name, image.layer, part, gives_up=True)
        await anyio.sleep(_SEEN_S)
        await d.nothing_of(name, image.layer)
    # All of its bytes came, and no end: it may be kept or not, but not by half.
    await d.put(name, image.top, image.blobs[image.top.digest][:-1], True, gives_up=True)
    await anyio.sleep(_SEEN_S)
    await d.refused(d.resolve(name), NotFound)
    await d.put(name, image.layer, data)
    d.equal(await d.fetch(name, image.layer), data, "the bytes that were put after that")


@check("put")
async def nobody_has_what_nobody_put(d: Depot) -> None:
    """Has says yes of nothing that was not put: it would never come."""
    image = Image.new()
    d.equal(await d.has(d.name("a"), image.layer), False, "what Has says of a blob that nobody put")
    name = await d.put_image("a", image)
    other = Image.new()
    d.equal(await d.has(name, other.layer), False, "what Has says of a blob that nobody put")


@check("put", "give")
async def a_blob_is_put_again(d: Depot) -> None:
    """A blob that is there may be put again, one after the other or at once, and is there as before."""
    image = Image.new()
    name = await d.put_image("a", image)
    data = image.blobs[image.layer.digest]
    await d.put(name, image.layer, data)
    answers = await d.at_once([d.put(name, image.layer, data) for _ in range(_AT_ONCE)])
    d.equal(answers, ["OK"] * _AT_ONCE, "the answers")
    d.equal(await d.fetch(name, image.layer), data, "the blob")


@check("put", "give")
async def many_names_are_given_at_once(d: Depot) -> None:
    """Names that are given at the same time are all there afterwards."""
    images = [Image.new(100) for _ in range(_AT_ONCE)]
    answers = await d.at_once([d.put_image(f"n{i}", image) for i, image in enumerate(images)])
    d.equal(answers, ["OK"] * _AT_ONCE, "the answers")
    for i, image in enumerate(images):
        d.equal(await d.resolve(d.name(f"n{i}")), image.top, f"what name {i} stands for")


@check("put", "give")
async def a_blob_may_be_empty(d: Depot) -> None:
    """A blob of no bytes is kept, and has none."""
    name, empty = d.name("a"), Descriptor(media_type=LAYER, digest=digest_of(b""), size=0)
    await d.put(name, empty, b"")
    d.equal(await d.fetch(name, empty), b"", "its bytes")


@check("put", fast=True)
async def a_put_says_first_what_is_put(d: Depot) -> None:
    """A put that does not begin with what is put, or begins twice, answers INVALID_ARGUMENT and keeps nothing."""
    data = fresh(100)
    one = Descriptor(media_type=LAYER, digest=digest_of(data), size=100)
    begin = PutBegin(name=d.name("a"), descriptor=to_wire(one))
    await d.refused(d.put_nothing(), InvalidArgument)
    await d.refused(d.put_nothing(PutRequest(data=data)), InvalidArgument)
    await d.refused(d.put_nothing(PutRequest(begin=PutBegin(name=d.name("a"))), PutRequest(data=data)), InvalidArgument)
    await d.refused(d.put_nothing(PutRequest(begin=begin), PutRequest(begin=begin), PutRequest(data=data)), InvalidArgument)
    try:
        d.equal(await d.has(d.name("a"), one), False, "what Has says of it")
    except ArgosyError as error:
        if not isinstance(error, NotFound):
            raise
