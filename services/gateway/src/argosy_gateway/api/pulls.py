"""argosy.pull.v1.Pulls: what an image is whose layer a snapshot is to become, for plugins that fetch by themselves.

It is read from the documents in the namespace's content, which every client writes before it prepares a layer: so nobody has to hand it on, and it is the
same whoever pulls. What a document says never changes, so each is read once.
"""

from __future__ import annotations

from typing import Final

from argosy.digest import Digest
from argosy.errors import ArgosyError, InvalidArgument, NotFound, Unavailable
from argosy.labels import DISTRIBUTION_SOURCE
from argosy.oci.image import MAX_CONFIG_BYTES, MAX_MANIFEST_BYTES, Manifest, chain_ids, parse_config, parse_document
from argosy.oci.reference import host_of
from argosy.plugin.content import Info
from argosy.recent import Recent
from argosy_protos.argosy.pull.v1 import GetRequest, GetResponse, Image, Layer, PullsBase

from argosy_gateway.backends.blobs import Blobs
from argosy_gateway.calls import namespace
from argosy_gateway.core import Core
from argosy_gateway.metadata import content as rows
from argosy_gateway.metadata import images

# What was read, and about how many bytes of memory it may take.
_MOST, _MOST_BYTES = 4096, 8 << 20
_LAYER_BYTES: Final = 1500


class _NotYet(Exception):
    """Raised when a document is not all there: it is looked at again."""


class Pulls(PullsBase):
    """The images of the caller's namespace, by the chain ids of their layers."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self._known: Recent[str, Image] = Recent(_MOST, _MOST_BYTES, lambda _, image: 500 + _LAYER_BYTES * len(image.layers))
        """By a blob's digest; without layers for what is no manifest."""

    async def get(self, request: GetRequest) -> GetResponse:
        wanted = str(Digest.parse(request.chain_id))
        content, space = self._core.content_for(namespace())
        found: list[Image] = []
        for info in rows.documents(self._core.db.reader, space, MAX_MANIFEST_BYTES):
            try:
                image = await self._image(content.blobs, space, info)
            except _NotYet:
                continue
            for n, layer in enumerate(image.layers):
                if layer.chain_id == wanted:
                    found.append(
                        Image(
                            references=_references(info), manifest_digest=image.manifest_digest,
                            config_digest=image.config_digest, layers=image.layers, layer=n,
                            names=images.names_of(self._core.db.reader, namespace(), space, info.digest),
                        )
                    )  # fmt: skip
        if not found:
            raise NotFound(
                f'image with layer "{wanted}" in namespace "{namespace()}"; its manifest and configuration are there once it is being pulled'
            )
        return GetResponse(images=found)

    async def _image(self, blobs: Blobs, space: str, info: Info) -> Image:
        """Return the image of a manifest, one without layers for another blob. Raises _NotYet, Unavailable."""
        known = self._known.get(info.digest)
        if known is None:
            known = await self._read(blobs, space, info)
            self._known.put(info.digest, known)
        return known

    async def _read(self, blobs: Blobs, space: str, info: Info) -> Image:
        if not (await _bytes(blobs, space, info.digest, 64)).lstrip().startswith(b"{"):
            return Image()
        try:
            manifest = parse_document(await _bytes(blobs, space, info.digest, MAX_MANIFEST_BYTES), "")
        except InvalidArgument:
            return Image()
        if not isinstance(manifest, Manifest) or not manifest.layers:
            return Image()
        size = rows.size_of(self._core.db.reader, space, manifest.config.digest)
        if size is None or size > MAX_CONFIG_BYTES:
            raise _NotYet
        try:
            diff_ids = parse_config(await _bytes(blobs, space, manifest.config.digest, MAX_CONFIG_BYTES)).rootfs.diff_ids
            chain = chain_ids(diff_ids)
        except InvalidArgument:
            return Image()
        if len(chain) != len(manifest.layers):
            return Image()
        layers = [
            Layer(
                media_type=layer.media_type, digest=layer.digest, size=layer.size, annotations=dict(layer.annotations),
                diff_id=diff_id, chain_id=chain_id,
            )
            for layer, diff_id, chain_id in zip(manifest.layers, diff_ids, chain, strict=True)
        ]  # fmt: skip
        return Image(manifest_digest=info.digest, config_digest=manifest.config.digest, layers=layers)


def _references(info: Info) -> list[str]:
    """Return where a manifest's blobs can be fetched from, as whoever has fetched it noted on it."""
    said = {
        key.removeprefix(DISTRIBUTION_SOURCE): repositories
        for key, repositories in sorted(info.labels.items())
        if key.startswith(DISTRIBUTION_SOURCE)
    }
    # containerd's label has no port; who wrote one with it as well meant that.
    ported = {host_of(registry) for registry in said if host_of(registry) != registry}
    return [
        f"{registry}/{repository}@{info.digest}"
        for registry, repositories in said.items()
        if registry not in ported
        for repository in repositories.split(",")
        if repository
    ]


async def _bytes(blobs: Blobs, space: str, digest: str, most: int) -> bytes:
    """Return at most so many bytes of a blob. Raises _NotYet for one that went or can't be read now, Unavailable."""
    try:
        return b"".join([part async for part in blobs.read(space, digest, 0, most)])
    except Unavailable:
        raise
    except ArgosyError as error:
        raise _NotYet from error
