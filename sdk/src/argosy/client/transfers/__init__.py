"""Transfers: any source to any sink, of this machine's, a daemon's, a registry's or a plugin's, without a copy on the way."""

from __future__ import annotations

from typing import TYPE_CHECKING

from argosy.lazy import later

if TYPE_CHECKING:
    from argosy.client.transfers.archives import ArchiveFile, ArchiveSink, ImageArchive, ImageFolder, Output, Watched
    from argosy.client.transfers.blobs import Blob, NewBlob
    from argosy.client.transfers.containers import ContainerDirectory, ContainerTree
    from argosy.client.transfers.converting import Converted
    from argosy.client.transfers.copying import BlobSink, copy_image
    from argosy.client.transfers.depots import DepotImage, DepotName, RemoteDepot, depot
    from argosy.client.transfers.ends import (
        ArchiveSource,
        ByteSink,
        ByteSource,
        ImageSink,
        ImageSource,
        Known,
        NotServed,
        Sink,
        Source,
        TreeSink,
        TreeSource,
        Wish,
        transfer,
        way,
    )
    from argosy.client.transfers.layouts import LayoutName
    from argosy.client.transfers.places import Places
    from argosy.client.transfers.registries import RegistryImage, RegistryName
    from argosy.client.transfers.snapshots import NewSnapshot, SnapshotTree
    from argosy.client.transfers.stored import StoredImage, StoredName, bring
else:
    # Who copies from one registry to another needs no archive.
    __getattr__ = later(
        __name__,
        {
            "ArchiveFile": "archives", "ArchiveSink": "archives", "ImageArchive": "archives", "ImageFolder": "archives", "Watched": "archives", "Output": "archives",
            "Blob": "blobs", "NewBlob": "blobs",
            "ContainerDirectory": "containers", "ContainerTree": "containers",
            "Converted": "converting", "BlobSink": "copying", "copy_image": "copying", "DepotImage": "depots", "DepotName": "depots", "RemoteDepot": "depots",
            "depot": "depots",
            "ArchiveSource": "ends", "ByteSink": "ends", "ByteSource": "ends", "ImageSink": "ends", "ImageSource": "ends", "NotServed": "ends", "Sink": "ends",
            "Source": "ends", "TreeSink": "ends", "TreeSource": "ends", "Wish": "ends", "transfer": "ends", "way": "ends", "Known": "ends", "LayoutName": "layouts",
            "Places": "places",
            "RegistryImage": "registries", "RegistryName": "registries", "NewSnapshot": "snapshots", "SnapshotTree": "snapshots",
            "StoredImage": "stored", "StoredName": "stored", "bring": "stored",
        },
    )  # fmt: skip

__all__ = (
    "ArchiveFile",
    "ArchiveSink",
    "ArchiveSource",
    "Blob",
    "BlobSink",
    "ByteSink",
    "ByteSource",
    "ContainerDirectory",
    "ContainerTree",
    "Converted",
    "DepotImage",
    "DepotName",
    "ImageArchive",
    "ImageFolder",
    "ImageSink",
    "ImageSource",
    "Known",
    "LayoutName",
    "NewBlob",
    "NewSnapshot",
    "NotServed",
    "Output",
    "Places",
    "RegistryImage",
    "RegistryName",
    "RemoteDepot",
    "Sink",
    "SnapshotTree",
    "Source",
    "StoredImage",
    "StoredName",
    "TreeSink",
    "TreeSource",
    "Watched",
    "Wish",
    "bring",
    "copy_image",
    "depot",
    "transfer",
    "way",
)
