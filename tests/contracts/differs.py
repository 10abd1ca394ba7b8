"""A differ that keeps the contract, made of the rules of ours, and ones that break it in one way each.

Each fault names the checks of the suite that are to find it. Its layers are in a store of ``stores``.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import tarfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

from argosy.errors import ArgosyError, NotFound, Unknown
from argosy.labels import UNCOMPRESSED
from argosy.mounts import Mount
from argosy.oci.layers import TAR
from argosy.plugin.content import Info
from argosy.plugin.diff import Descriptor, Differ
from argosy.plugin.diff.compare import DEFAULT, compare_trees
from argosy.plugin.diff.packing import compressor
from argosy_diff.apply import apply_layer

from tests.contracts import stores


class Reference(Differ):
    """A differ without a fault."""

    found_by: ClassVar[Sequence[str]] = ()

    def __init__(self, store: stores.Reference) -> None:
        self.store = store

    def blob(self, digest: str) -> bytes:
        return self.store.get(digest)[1]

    async def apply(
        self, layer: Descriptor, mounts: Sequence[Mount], payloads: Mapping[str, bytes], sync: bool
    ) -> Descriptor:
        return self.unpack(self.blob(layer.digest), layer.media_type, mounts)

    def unpack(self, data: bytes, media_type: str, mounts: Sequence[Mount]) -> Descriptor:
        applied = apply_layer(io.BytesIO(data), media_type, mounts, {}, {}, False)
        return Descriptor(TAR, applied.digest, applied.size)

    async def compare(
        self,
        lower: Sequence[Mount],
        upper: Sequence[Mount],
        media_type: str,
        ref: str,
        labels: Mapping[str, str],
        epoch_s: int | None,
    ) -> Descriptor:
        chosen = self.choose(media_type or DEFAULT)
        out = io.BytesIO()
        layer = compare_trees(lower, upper, out, chosen, epoch_s)
        kept = dict(labels) | ({} if chosen == TAR else {UNCOMPRESSED: layer.uncompressed})
        return self.put(Descriptor(chosen, layer.digest, layer.size), out.getvalue(), kept)

    def choose(self, media_type: str) -> str:
        compressor(media_type)
        return media_type

    def put(self, layer: Descriptor, data: bytes, labels: Mapping[str, str]) -> Descriptor:
        now = time.time_ns()
        self.store.blobs[layer.digest] = Info(layer.digest, len(data), now, now, dict(labels)), data
        return layer


def filtered(data: bytes, media_type: str, keep: Mapping[str, object], drop: str = "\0") -> bytes:
    """Return a layer without the entries whose names have drop in them, with fields of the others set."""
    plain = gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data
    out = io.BytesIO()
    with (
        tarfile.open(fileobj=io.BytesIO(plain)) as source,
        tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as target,
    ):
        for member in source:
            if drop not in member.name:
                for field, value in keep.items():
                    setattr(member, field, value)
                target.addfile(member, source.extractfile(member) if member.isreg() else None)
    return out.getvalue()


class SaysTheBlobsDigest(Reference):
    """Apply answers the digest of the blob as it is stored."""

    found_by = ("a-layer-is-applied", "a-layer-is-decompressed")

    def unpack(self, data: bytes, media_type: str, mounts: Sequence[Mount]) -> Descriptor:
        super().unpack(data, media_type, mounts)
        return Descriptor(TAR, f"sha256:{hashlib.sha256(data).hexdigest()}", len(data))


class StopsAtTheEndOfTheArchive(Reference):
    """The digest leaves out what follows the archive."""

    found_by = ("the-digest-is-of-all-bytes",)

    def unpack(self, data: bytes, media_type: str, mounts: Sequence[Mount]) -> Descriptor:
        super().unpack(data, media_type, mounts)
        plain = gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data
        plain = plain[: len(plain) - 20480]
        return Descriptor(TAR, f"sha256:{hashlib.sha256(plain).hexdigest()}", len(plain))


class DropsOwners(Reference):
    """Everything is root's."""

    found_by = ("a-layer-is-applied",)

    def unpack(self, data: bytes, media_type: str, mounts: Sequence[Mount]) -> Descriptor:
        applied = super().unpack(data, media_type, mounts)
        super().unpack(filtered(data, media_type, {"uid": 0, "gid": 0}), TAR, mounts)
        return applied


class DropsTimes(Reference):
    """Everything is of now."""

    found_by = ("a-layer-is-applied",)

    def unpack(self, data: bytes, media_type: str, mounts: Sequence[Mount]) -> Descriptor:
        applied = super().unpack(data, media_type, mounts)
        super().unpack(filtered(data, media_type, {"mtime": int(time.time())}), TAR, mounts)
        return applied


class IgnoresWhiteouts(Reference):
    """What a layer removes stays."""

    found_by = ("whiteouts-remove", "whiteouts-hide-what-is-below-an-overlay", "a-diff-leads-from-one-to-the-other")

    def unpack(self, data: bytes, media_type: str, mounts: Sequence[Mount]) -> Descriptor:
        plain = filtered(data, media_type, {}, ".wh.")
        super().unpack(plain, TAR, mounts)
        return Descriptor(TAR, f"sha256:{hashlib.sha256(data).hexdigest()}", len(data))


class LeadsOut(Reference):
    """Names and links in a layer lead wherever they say."""

    found_by = ("a-layer-stays-inside",)

    def unpack(self, data: bytes, media_type: str, mounts: Sequence[Mount]) -> Descriptor:
        with tarfile.open(fileobj=io.BytesIO(data)) as source:
            for member in source:
                target = Path(mounts[0].source, member.name)
                if member.issym():
                    target.symlink_to(member.linkname)
                elif member.isreg() and ".wh." not in member.name:
                    target.write_bytes(b"")
        return Descriptor(TAR, "", 0)


class TakesWhatIsBroken(Reference):
    """A layer that is cut short is applied as far as it goes."""

    found_by = ("a-broken-layer-is-refused",)

    def unpack(self, data: bytes, media_type: str, mounts: Sequence[Mount]) -> Descriptor:
        try:
            return super().unpack(data, media_type, mounts)
        except ArgosyError:
            return Descriptor(TAR, f"sha256:{hashlib.sha256(data).hexdigest()}", len(data))


class TakesEveryType(Reference):
    """A layer of any media type is taken for a tar."""

    found_by = ("a-media-type-that-nobody-knows-is-refused",)

    def unpack(self, data: bytes, media_type: str, mounts: Sequence[Mount]) -> Descriptor:
        return super().unpack(data, TAR, mounts)


class SaysUnknown(Reference):
    """A blob that is not there is an error without a class."""

    found_by = ("a-layer-has-to-be-there",)

    def blob(self, digest: str) -> bytes:
        try:
            return super().blob(digest)
        except NotFound as error:
            raise Unknown(error.message) from None


class RemovesNothing(Reference):
    """A diff leaves out what was removed."""

    found_by = ("a-diff-leads-from-one-to-the-other",)

    def put(self, layer: Descriptor, data: bytes, labels: Mapping[str, str]) -> Descriptor:
        if layer.media_type != TAR:
            return super().put(layer, data, labels)
        data = filtered(data, TAR, {}, ".wh.")
        return super().put(replace(layer, digest=f"sha256:{hashlib.sha256(data).hexdigest()}", size=len(data)), data, labels)


class ForgetsTheLabel(Reference):
    """A diff's blob has no label with the digest of its tar."""

    found_by = ("a-diff-is-compressed",)

    def put(self, layer: Descriptor, data: bytes, labels: Mapping[str, str]) -> Descriptor:
        return super().put(layer, data, {name: value for name, value in labels.items() if name != UNCOMPRESSED})


class WritesEveryType(Reference):
    """A diff into a media type that nobody knows is a tar."""

    found_by = ("a-diff-of-an-unknown-type-is-unimplemented",)

    def choose(self, media_type: str) -> str:
        return TAR if "verify" in media_type else media_type


FAULTS = Reference.__subclasses__()
