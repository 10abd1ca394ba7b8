"""What each pair of a source and a sink does: the table that the tests of transfers go by, and that docs/matrix.md is written from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

SOURCES: Final[Mapping[str, str]] = {
    "OCIRegistry": "an image of a registry",
    "ImageStore": "images by their names",
    "ImageImportStream": "an archive that the client sends",
    "Layout": "a directory with an OCI layout",
    "Stored": "an image of a depot",
    "Blob": "a blob of the content store",
    "ReadStream": "bytes that the client sends",
    "ContainerPath": "files of a container",
    "Snapshot": "what is in a snapshot",
}
SINKS: Final[Mapping[str, str]] = {
    "OCIRegistry": "a name in a registry",
    "ImageStore": "names of images",
    "ImageExportStream": "an archive that the client takes",
    "Layout": "a directory with an OCI layout",
    "Stored": "a name in a depot",
    "Blob": "a blob of the content store",
    "WriteStream": "bytes that the client takes",
    "ContainerPath": "files of a container",
    "Snapshot": "what is in a snapshot",
}
IMAGES: Final = ("OCIRegistry", "ImageStore", "ImageImportStream", "Layout", "Stored")
TAKES_IMAGES: Final = ("OCIRegistry", "ImageStore", "ImageExportStream", "Layout", "Stored")
BYTES: Final = ("ImageImportStream", "Blob", "ReadStream")
TREES: Final = ("ContainerPath", "Snapshot")
OF_TREES: Final = ("tar", "untar", "files")
TAKES_BYTES: Final = ("ImageExportStream", "Blob", "WriteStream")
WORDS: Final[Mapping[tuple[str, str], str]] = {
    ("OCIRegistry", "ImageStore"): "pull",
    ("ImageStore", "OCIRegistry"): "push",
    ("ImageStore", "ImageStore"): "tag",
    ("ImageStore", "ImageExportStream"): "export",
    ("ImageImportStream", "ImageStore"): "import",
    ("ImageImportStream", "ImageExportStream"): "echo",
}
"""What containerd calls its own pairs."""


def what(source: str, sink: str) -> str:
    """Return what a pair does in a word; "" for one that is not served."""
    if (source, sink) in WORDS:
        return WORDS[source, sink]
    if source in IMAGES and sink in TAKES_IMAGES:
        return "copy"
    if source in BYTES and sink in TREES:
        return "untar"
    if source in TREES and sink in TAKES_BYTES:
        return "tar"
    if source in TREES and sink in TREES:
        return "files"
    return "bytes" if source in BYTES and sink in TAKES_BYTES else ""


PAIRS: Final[Mapping[tuple[str, str], str]] = {(source, sink): what(source, sink) for source in SOURCES for sink in SINKS}
