"""Labels and field masks: validation, and containerd's way of updating them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from argosy.errors import InvalidArgument

MAX_LABEL_BYTES: Final = 4096
_SHOWN_KEY: Final = 64

GC_ROOT: Final = "containerd.io/gc.root"
GC_REF: Final = "containerd.io/gc.ref."
GC_BREF: Final = "containerd.io/gc.bref."
GC_REF_CONTENT: Final = "containerd.io/gc.ref.content"
GC_REF_SNAPSHOT: Final = "containerd.io/gc.ref.snapshot."
GC_EXPIRE: Final = "containerd.io/gc.expire"
GC_FLAT: Final = "containerd.io/gc.flat"
UNCOMPRESSED: Final = "containerd.io/uncompressed"
DISTRIBUTION_SOURCE: Final = "containerd.io/distribution.source."
SNAPSHOT_REF: Final = "containerd.io/snapshot.ref"
SNAPSHOT_PREFIX: Final = "containerd.io/snapshot/"
CRI_PREFIX: Final = SNAPSHOT_PREFIX + "cri."
STARGZ_PREFIX: Final = SNAPSHOT_PREFIX + "remote/stargz."
"""Of what a remote snapshotter is told of an image, in the two conventions."""
DIFF_ID: Final = SNAPSHOT_PREFIX + "diff-id"
"""On a snapshot that a layer is to be unpacked into: what that layer is, uncompressed."""
MAX_SIZE: Final = SNAPSHOT_PREFIX + "max-size"
"""On a snapshot that is to be written to: how many bytes its file system may have, a hint in decimal digits."""
REMOTE: Final = SNAPSHOT_PREFIX + "remote"
"""On a snapshot that a snapshotter made by itself, without the layer's bytes, as stargz and soci have it."""
IMAGE_REFERENCES: Final = (CRI_PREFIX + "image-ref", STARGZ_PREFIX + "reference")
"""On what is unpacked of an image: the image's name."""
SHAREABLE: Final = "containerd.io/namespace.shareable"
RESERVED: Final = ("containerd.io/", "io.cri-containerd", "argosy/")
"""Prefixes of labels that steer a daemon or its clients: restarts, collection, snapshotters, CRI, logs."""
FALLBACK_PLUGIN: Final = "argosy/snapshot.plugin"
"""On a snapshot that is in another plugin than that of its snapshotter's name: which one."""
FALLBACK_REASON: Final = "argosy/snapshot.fallback-reason"
"""On the same: why it is there."""
COPIED_FROM: Final = "argosy/snapshot.copied-from"
"""On a layer that was made of another snapshotter's, and not of its blob: whose."""
VERIFIED: Final = "argosy/image.verified"
"""On an image that verifiers have accepted: the digest of what they have accepted, which it may point at no more."""
VERDICT: Final = "argosy/image.verdict"
"""On the same: which verifiers there were, and what each said."""
VERIFIED_AS: Final = "argosy/image.verified-as"
"""On the same, where it was accepted by another name than its own: by which."""
IMAGE_HEADER: Final = "argosy-image"
"""A client that sends this while it unpacks says of which image, so that hooks know."""
OWN_LABELS_HEADER: Final = "argosy-own-labels"
"""A client that sends this with Containers.Create says that it took no reserved label over from an image."""


def is_reserved(key: str) -> bool:
    """Return whether a label's name is one that an image has no business setting."""
    return key.startswith(RESERVED)


def of_image(labels: Mapping[str, str] | None) -> dict[str, str]:
    """Return those labels of an image's configuration that a container may take over (CVE-2026-53488)."""
    return {k: v for k, v in (labels or {}).items() if not is_reserved(k)}


def verdict(labels: Mapping[str, str], digest: str) -> dict[str, str]:
    """Return those labels of an image that say what verifiers have said of a digest; none where they say nothing of that one."""
    told = (VERIFIED, VERDICT, VERIFIED_AS)
    return {key: labels[key] for key in told if key in labels} if labels.get(VERIFIED) == digest else {}


def check_labels(labels: Mapping[str, str]) -> None:
    """Raise InvalidArgument when a key and its value are together longer than 4096 bytes."""
    for key, value in labels.items():
        size = len(key.encode()) + len(value.encode())
        if size > MAX_LABEL_BYTES:
            raise InvalidArgument(
                f"label key and value length ({size} bytes) greater than maximum size ({MAX_LABEL_BYTES} bytes), "
                f"key: {key[:_SHOWN_KEY]}"
            )


def stored(labels: Mapping[str, str]) -> dict[str, str]:
    """Return labels as they are stored: a key with an empty value is no label."""
    return {k: v for k, v in labels.items() if v}


def masked(
    current: Mapping[str, str], wanted: Mapping[str, str], paths: Iterable[str], what: str, whole: bool = True
) -> dict[str, str]:
    """Return current labels after an update with a field mask.

    ``labels.<key>`` sets one key (the key may hold dots and slashes; an empty value deletes it) and ``labels``
    replaces all where ``whole`` allows it. No path at all replaces all. Raises InvalidArgument for other paths.
    """
    paths = list(paths)
    if not paths:
        return stored(wanted)
    result = dict(current)
    for path in paths:
        if path.startswith("labels."):
            key = path[len("labels.") :]
            result[key] = wanted.get(key, "")
        elif path == "labels" and whole:
            result = dict(wanted)
        else:
            raise InvalidArgument(f'cannot update "{path}" field on {what}')
    return stored(result)


def merge(current: object, wanted: object, paths: Iterable[str], fields: Mapping[str, str], what: str) -> None:
    """Copy what a field mask names from wanted to current, two records of one class.

    ``fields`` has the attribute behind each path. ``<path>.<key>`` copies one key of a map (the key may hold dots and
    slashes); a key that wanted lacks is removed. Raises InvalidArgument for any other path.
    """
    for path in paths:
        name, dot, key = path.partition(".")
        value = getattr(wanted, fields[name]) if name in fields else None
        if name in fields and not dot:
            setattr(current, fields[name], dict(value) if isinstance(value, dict) else value)
        elif isinstance(value, dict):
            entries = getattr(current, fields[name])
            entries.pop(key, None)
            entries |= {k: v for k, v in value.items() if k == key}
        else:
            raise InvalidArgument(f'cannot update "{path}" field on {what}')


def inherited(labels: Mapping[str, str]) -> dict[str, str]:
    """Return the labels that a snapshotter plugin gets to see."""
    return {k: v for k, v in labels.items() if k == SNAPSHOT_REF or k.startswith(SNAPSHOT_PREFIX)}
