"""The media types of encrypted layers, and what each is of before and after."""

from __future__ import annotations

from typing import Final

from argosy.errors import InvalidArgument
from argosy.unpack.types import LAYERS, TAR

SUFFIX: Final = "+encrypted"
_FOREIGN: Final = "application/vnd.oci.image.layer.nondistributable.v1.tar"
_DOCKER: Final = "application/vnd.docker.image.rootfs."
# What writers of long ago called zstd.
_MISTYPED: Final = "+zsdt"


def is_encrypted(media_type: str) -> bool:
    """Return whether a layer of that type is encrypted."""
    return media_type.partition(";")[0].strip().endswith(SUFFIX)


def oci_type(media_type: str) -> str:
    """Return OCI's name for a type of docker's; any other as it is."""
    return (
        with_compression(media_type, _compression(media_type))
        if media_type.startswith(_DOCKER) and media_type in LAYERS
        else media_type
    )


def _compression(media_type: str) -> str:
    return next((end for end in ("gzip", "zstd") if media_type.endswith((f"+{end}", f".{end}"))), "")


def with_compression(media_type: str, compression: str) -> str:
    """Return the type of a layer that is packed otherwise: gzip, zstd, or "" for not at all. One that may not be given away still may not."""
    foreign = "nondistributable" in media_type or media_type.startswith(f"{_DOCKER}foreign.")
    return f"{_FOREIGN if foreign else TAR}{f'+{compression}' if compression else ''}"


def encrypted(media_type: str) -> str:
    """Return the type of a layer once it is encrypted; docker's types become OCI's, which has such types. Raises InvalidArgument."""
    if media_type not in LAYERS:
        raise InvalidArgument(f'a layer of the type "{media_type}" cannot be encrypted; it is no tar')
    return f"{oci_type(media_type)}{SUFFIX}"


def decrypted(media_type: str) -> str:
    """Return the type of an encrypted layer once it is opened. Raises InvalidArgument for what is none that is known."""
    opened = media_type.partition(";")[0].strip().removesuffix(SUFFIX)
    if opened.endswith(_MISTYPED):
        opened = f"{opened.removesuffix(_MISTYPED)}+zstd"
    if not is_encrypted(media_type) or opened not in LAYERS:
        raise InvalidArgument(f'"{media_type}" is no type of an encrypted layer')
    return opened


ENCRYPTED: Final = tuple(
    f"{base}{compression}{SUFFIX}" for compression in ("", "+gzip", "+zstd", _MISTYPED) for base in (TAR, _FOREIGN)
)
"""The types that are opened here."""
