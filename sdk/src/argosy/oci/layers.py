"""The media types of layers: what each holds, how it is packed, and what it becomes when it is packed otherwise, or encrypted."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from argosy.errors import InvalidArgument

TAR: Final = "application/vnd.oci.image.layer.v1.tar"
EROFS: Final = "application/vnd.erofs.layer.v1"
"""An image of a file system, which is mounted instead of unpacked; as containerd calls it."""
_FOREIGN: Final = "application/vnd.oci.image.layer.nondistributable.v1.tar"
_DOCKER: Final = "application/vnd.docker.image.rootfs."
# What the type of each kind of layer begins with, what OCI calls that kind, and what stands before how it is packed.
_BEGINS: Final = (
    (TAR, TAR, "+"), (_FOREIGN, _FOREIGN, "+"), (f"{_DOCKER}diff.tar", TAR, "."), (f"{_DOCKER}foreign.diff.tar", _FOREIGN, "."),
    (EROFS, EROFS, "+"),
)  # fmt: skip
_TYPES: Final[Mapping[str, tuple[str, str]]] = {
    f"{begins}{sign}{packing}" if packing else begins: (kind, packing)
    for begins, kind, sign in _BEGINS
    for packing in ("", "gzip", "zstd")
    if (kind, packing) != (EROFS, "gzip")  # nobody writes or reads that
}
LAYERS: Final = frozenset(one for one, (kind, _) in _TYPES.items() if kind != EROFS)
"""The types of layers that are a tar, as it is or compressed."""
OPENED: Final = frozenset(_TYPES)
"""The types of layers that are read without anybody's help: ``LAYERS``, and EROFS images, as they are or compressed."""
FORMS: Final[Mapping[str, tuple[bool, str]]] = {
    "uncompressed": (False, ""), "gzip": (False, "gzip"), "zstd": (False, "zstd"), "erofs": (True, ""), "erofs+zstd": (True, "zstd"),
}  # fmt: skip
"""What layers can be converted to, by name: whether that is an EROFS image, and how it is packed."""
SUFFIX: Final = "+encrypted"
# What writers of long ago called zstd.
_MISTYPED: Final = "+zsdt"
# What says how the bytes of a layer lie, and is no more true of others.
_OF_BYTES: Final = ("containerd.io/snapshot/", "io.containers.estargz.", "io.github.containers.zstd-chunked.")


def bare(media_type: str) -> str:
    """Return a media type without parameters."""
    return media_type.partition(";")[0].strip()


def is_erofs(media_type: str) -> bool:
    """Return whether a layer of that type is an EROFS image, as it is or compressed."""
    return _TYPES.get(bare(media_type), ("", ""))[0] == EROFS


def oci_type(media_type: str) -> str:
    """Return OCI's name for a type of docker's; any other as it is."""
    return _named(*_TYPES[media_type]) if media_type in _TYPES else media_type


def in_form(media_type: str, form: str) -> str:
    """Return the type of a layer once it is converted to one of ``FORMS``.

    What may not be given away still may not, which nothing says of an EROFS image: such a layer stays as it is.
    """
    is_foreign = "nondistributable" in media_type or media_type.startswith(f"{_DOCKER}foreign.")
    kind, packing = _TYPES.get(media_type, (_FOREIGN if is_foreign else TAR, ""))
    to_image, packed = FORMS[form]
    if is_foreign:
        return _named(kind, packing if to_image else packed)
    return _named(EROFS if to_image else TAR, packed)


def _named(kind: str, packing: str) -> str:
    return f"{kind}+{packing}" if packing else kind


def kept_annotations(annotations: Mapping[str, str]) -> dict[str, str]:
    """Return what is still true of a layer when it is packed otherwise."""
    return {name: value for name, value in annotations.items() if not name.startswith(_OF_BYTES)}


def is_encrypted(media_type: str) -> bool:
    """Return whether a layer of that type is encrypted."""
    return bare(media_type).endswith(SUFFIX)


def encrypted(media_type: str) -> str:
    """Return the type of a layer once it is encrypted; docker's types become OCI's, which has such types. Raises InvalidArgument."""
    if media_type not in LAYERS:
        raise InvalidArgument(f'a layer of the type "{media_type}" cannot be encrypted; it is no tar')
    return f"{oci_type(media_type)}{SUFFIX}"


def decrypted(media_type: str) -> str:
    """Return the type of an encrypted layer once it is opened. Raises InvalidArgument for what is none that is known."""
    opened = bare(media_type).removesuffix(SUFFIX)
    if opened.endswith(_MISTYPED):
        opened = f"{opened.removesuffix(_MISTYPED)}+zstd"
    if not is_encrypted(media_type) or opened not in LAYERS:
        raise InvalidArgument(f'"{media_type}" is no type of an encrypted layer')
    return opened


ENCRYPTED: Final = tuple(
    f"{base}{compression}{SUFFIX}" for compression in ("", "+gzip", "+zstd", _MISTYPED) for base in (TAR, _FOREIGN)
)
"""The encrypted types that are opened here."""
