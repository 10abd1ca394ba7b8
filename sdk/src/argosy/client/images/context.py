"""What a snapshotter is told of the layer that a snapshot is to be made of, and of its image.

A snapshotter that can fetch by itself (a remote one) finds there what it needs, in both conventions that there are: that of containerd's CRI
and that of stargz. Labels that an image's manifest gives a layer (``containerd.io/snapshot/...``) are handed on, as containerd does;
none of them is taken for one of ours.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from argosy.labels import CRI_PREFIX, DIFF_ID, MAX_LABEL_BYTES, REMOTE, SNAPSHOT_PREFIX, SNAPSHOT_REF, STARGZ_PREFIX
from argosy.oci.image import Descriptor

PARENT: Final = SNAPSHOT_PREFIX + "parent-chain-id"
"""On one that is unpacked by itself: the snapshot that it is put on when it is committed."""
# Labels of these names say what we say, and nobody else.
_OURS: Final = (CRI_PREFIX, STARGZ_PREFIX, REMOTE, DIFF_ID, PARENT, SNAPSHOT_PREFIX + "argosy.")


def labels_of(
    reference: str, manifest: str, layers: Sequence[Descriptor], n: int, diff_id: str, chain_id: str
) -> dict[str, str]:
    """Return the labels of the snapshot of an image's layer n; manifest is its digest.

    reference is the image's name, "" for what has none: then nobody could fetch it by itself, and is told nothing of where it is.
    """
    layer = layers[n]
    found = {
        key: value
        for key, value in layer.annotations.items()
        if key.startswith(SNAPSHOT_PREFIX) and not key.startswith(_OURS) and _fits(key, value)
    }
    found |= {SNAPSHOT_REF: chain_id, DIFF_ID: diff_id}
    if reference:
        digests = [one.digest for one in layers[n:]]
        found |= {
            CRI_PREFIX + "image-ref": reference,
            CRI_PREFIX + "manifest-digest": manifest,
            CRI_PREFIX + "layer-digest": layer.digest,
            CRI_PREFIX + "image-layers": _joined(CRI_PREFIX + "image-layers", digests),
            STARGZ_PREFIX + "reference": reference,
            STARGZ_PREFIX + "digest": layer.digest,
            STARGZ_PREFIX + "layers": _joined(STARGZ_PREFIX + "layers", digests),
        }
    return {key: value for key, value in found.items() if _fits(key, value)}


def _fits(key: str, value: str) -> bool:
    return len(key.encode()) + len(value.encode()) <= MAX_LABEL_BYTES


def _joined(key: str, digests: Sequence[str]) -> str:
    """Return as many digests as a label has room for, with commas."""
    room = MAX_LABEL_BYTES - len(key)
    found = ""
    for digest in digests:
        longer = f"{found},{digest}" if found else digest
        if len(longer) > room:
            break
        found = longer
    return found
