"""Images encrypted and decrypted, layer by layer, as ocicrypt has them, and what is known of such layers without a key.

The work is done here: the daemon sees blobs. A layer that was changed is never stored decrypted: its ingest is committed when its HMAC was right.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from anyio.to_thread import run_sync
from argosy_protos.containerd.services.content import v1 as content
from argosy_protos.containerd.services.images.v1 import Image

from argosy.client.connection import Client
from argosy.client.content import Ingest, open_ingest, place
from argosy.client.images.documents import from_wire, reader
from argosy.client.images.names import find_image
from argosy.client.images.rewriting import Change, rewrite
from argosy.client.leftovers import abort_ingest
from argosy.client.progress import Progress, Watch, nobody
from argosy.client.rewriting import Made, Part
from argosy.client.services import Services, present
from argosy.encryption import wrapping
from argosy.encryption.cipher import Opener, Sealer
from argosy.encryption.payload import Parameters, without_keys
from argosy.errors import AlreadyExists, DataLoss, InvalidArgument, NotFound, PermissionDenied
from argosy.oci.image import CONFIG_TYPES, MAX_DEPTH, Descriptor, Index, Platform, kind, parse_config, parse_document
from argosy.oci.layers import decrypted, encrypted, is_encrypted

# Less than this is not worth asking where to put it.
_PLACED_BYTES: Final = 1 << 20


async def encrypt(
    client: Client, name: str, new: str, recipients: Parameters, *, keys: Parameters | None = None, layers: Sequence[int] = (),
    platforms: Sequence[Platform] = (), watch: Watch = nobody,
) -> Image:  # fmt: skip
    """Make an image of another, called new, whose layers only recipients can open. layers are numbers, from the end where they are negative.

    A layer that is encrypted already gets the recipients in addition, and keys must open it. Raises NotFound, InvalidArgument, PermissionDenied,
    DataLoss, and what a key provider says.
    """

    async def change(services: Services, part: Part) -> Made | None:
        layer = part.layer
        if not part.is_among(layers):
            return None
        if is_encrypted(layer.media_type):
            return Made(await _with_more(layer, recipients, keys))
        media_type = encrypted(layer.media_type)
        sealer = Sealer()
        digest = await _stored(services, layer, "encrypting", sealer.update, lambda: None, watch)
        key, seal = sealer.finish()
        if key.digest != layer.digest and layer.digest.startswith("sha256:"):
            raise DataLoss(f"content {layer.digest} holds other bytes than its digest says; fetch it again")
        annotations = await run_sync(wrapping.wrap, key, seal, recipients, without_keys(layer.annotations))
        return Made(Descriptor(media_type=media_type, digest=digest, size=layer.size, annotations=annotations))

    return await rewrite(client, name, new, _checked(change, layers), platforms)


async def _with_more(layer: Descriptor, recipients: Parameters, keys: Parameters | None) -> Descriptor:
    seal = wrapping.seal_in(layer.annotations)
    try:
        key = await run_sync(wrapping.unwrap, layer.annotations, keys or {})
    except PermissionDenied as error:
        raise PermissionDenied(
            f"layer {layer.digest} is encrypted already, and more recipients need a key that opens it: {error}"
        ) from None
    annotations = await run_sync(wrapping.wrap, key, seal, recipients, layer.annotations)
    return Descriptor(media_type=layer.media_type, digest=layer.digest, size=layer.size, annotations=annotations)


async def decrypt(
    client: Client, name: str, new: str, keys: Parameters, *, layers: Sequence[int] = (), platforms: Sequence[Platform] = (),
    watch: Watch = nobody,
) -> Image:  # fmt: skip
    """Make an image of another, called new, whose layers anybody can open. What is not encrypted stays as it is.

    Raises NotFound, InvalidArgument, PermissionDenied for a layer that no key opens, DataLoss for one that was changed.
    """

    async def change(services: Services, part: Part) -> Made | None:
        layer = part.layer
        if not part.is_among(layers) or not is_encrypted(layer.media_type):
            return None
        media_type = decrypted(layer.media_type)
        try:
            seal = wrapping.seal_in(layer.annotations)
            key = await run_sync(wrapping.unwrap, layer.annotations, keys)
            opener = Opener(key, seal)
            digest = await _stored(services, layer, "decrypting", opener.update, opener.finish, watch)
        except (PermissionDenied, DataLoss, InvalidArgument) as error:
            raise type(error)(f"layer {layer.digest}: {error}") from None
        return Made(
            Descriptor(media_type=media_type, digest=digest, size=layer.size, annotations=without_keys(layer.annotations))
        )

    return await rewrite(client, name, new, _checked(change, layers), platforms)


def _checked(change: Change, layers: Sequence[int]) -> Change:
    async def checked(services: Services, part: Part) -> Made | None:
        wrong = [n for n in layers if not -part.of <= n < part.of]
        if wrong:
            raise InvalidArgument(
                f"there is no layer {wrong[0]} in an image of {part.of}; they are counted from 0, or from the end with -1"
            )
        return await change(services, part)

    return checked


async def _stored(
    services: Services, layer: Descriptor, what: str, turn: Callable[[bytes], bytes], check: Callable[[], None], watch: Watch
) -> str:  # fmt: skip
    """Store what turn makes of a blob, of the same size; return its digest. It is committed when check returns, and else nothing stays."""
    ref = f"{what}-{layer.digest}-{os.urandom(4).hex()}"
    hashed = hashlib.sha256()

    def digest() -> str:
        return f"sha256:{hashed.hexdigest()}"

    def work(data: bytes) -> bytes:
        out = turn(data)
        hashed.update(out)
        return out

    try:
        # The store is not told which blob this becomes: one that has it already would have nobody look at what it is made of.
        ingest = await open_ingest(services.content, ref, layer.size, "")
        try:
            await _filled(services, layer, what, ingest, work, watch)
            await run_sync(check)
            with suppress(AlreadyExists):
                await ingest.commit(layer.size, digest())
        finally:
            ingest.close()
    except BaseException:
        await abort_ingest(services, ref)
        raise
    watch(Progress(ref, "done", layer.size, layer.size, layer))
    return digest()


async def _filled(
    services: Services, layer: Descriptor, what: str, ingest: Ingest, work: Callable[[bytes], bytes], watch: Watch
) -> None:
    """Write what work makes of a blob to an ingest: into its file where we can."""
    file = None
    if services.ingests is not None and layer.size >= _PLACED_BYTES:
        file = await place(services.ingests, ingest)
    sink = file or ingest
    try:
        async for data in _read(services, layer):
            await sink.write(await run_sync(work, data))
            watch(Progress(ingest.ref, what, sink.offset, layer.size, layer))
        if file is not None:
            await file.finish()
    finally:
        if file is not None:
            file.close()


async def _read(services: Services, layer: Descriptor) -> AsyncIterator[bytes]:
    """Yield a blob's bytes. Raises DataLoss when it has another size than its descriptor says."""
    done = 0
    async for part in services.content.read(content.ReadContentRequest(digest=layer.digest)):
        done += len(part.data)
        if done > layer.size:
            break
        yield part.data
    if done != layer.size:
        raise DataLoss(f"content {layer.digest} has other bytes than the {layer.size} of its descriptor")


@dataclass(frozen=True, slots=True)
class LayerInfo:
    """What is known of a layer without a key. size is bytes; schemes are what its key is wrapped by, recipients for how many."""

    number: int
    layer: Descriptor
    platform: str
    schemes: Sequence[str] = ()
    recipients: int = 0


async def layer_info(client: Client, name: str, platforms: Sequence[Platform] = ()) -> list[LayerInfo]:
    """Return the layers of an image, for the platforms that are here. Raises NotFound, InvalidArgument."""
    services = client.services
    image = await find_image(services, name)
    found: list[LayerInfo] = []
    await _look(services, from_wire(present(image.target, f'the target of image "{name}"')), platforms, found, 0)
    return found


async def _look(
    services: Services, d: Descriptor, platforms: Sequence[Platform], found: list[LayerInfo], depth: int
) -> None:
    if depth > MAX_DEPTH:
        raise InvalidArgument(f"an image with indexes {MAX_DEPTH} deep is refused")
    read = reader(services)
    document = parse_document(await read(d), d.media_type)
    if isinstance(document, Index):
        for child in document.manifests:
            if kind(child) in ("index", "manifest"):
                with suppress(NotFound):  # a platform that was never fetched
                    await _look(services, child, platforms, found, depth + 1)
        return
    if document.config.media_type and document.config.media_type not in CONFIG_TYPES:
        return
    config = parse_config(await read(document.config))
    if not config.platform.serves(platforms):
        return
    for number, layer in enumerate(document.layers):
        wrapped = wrapping.wrapped_in(layer.annotations) if is_encrypted(layer.media_type) else []
        schemes = list(dict.fromkeys(one.scheme for one in wrapped))
        found.append(LayerInfo(number, layer, str(config.platform), schemes, sum(map(_count, wrapped))))


def _count(wrapped: wrapping.Wrapped) -> int:
    try:
        return wrapped.recipients()
    except InvalidArgument:
        return 0  # nobody can open it by that
