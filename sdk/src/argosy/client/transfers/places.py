"""What people write for a source or a sink, and what it stands for.

NAME            an image of a registry; ``registry:NAME`` says so where a depot has the first word of it
image:NAME      one of the daemon's images
oci:DIR[:NAME]  a directory with an OCI layout, and the name that its index has for the image
archive:FILE[#NAME]  an OCI or docker archive; of several images in it the one called NAME
-               the same from standard input, or to standard output
blob:DIGEST     a blob of the daemon's content store; as a sink ``blob:`` is whatever comes
snapshot:NAME[#PARENT]  what is in one of the daemon's snapshots, as a tar; as a sink a new one of a layer, on a parent
container:NAME:PATH  what is at a path in one of the daemon's containers, as a tar; as a sink a directory that is there
DEPOT:NAME      an image of a depot: of an entry point, or of a plugin of the daemon's
"""

from __future__ import annotations

import fcntl
import os
import re
import sys
from collections.abc import Mapping
from contextlib import AsyncExitStack
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Final

from argosy.client.connection import Client
from argosy.client.credentials import Credentials
from argosy.client.resolvers import Registries
from argosy.client.transfers.ends import Sink, Source
from argosy.errors import AlreadyExists, ArgosyError, InvalidArgument, NotFound
from argosy.oci.reference import Reference
from argosy.tables import TRANSFER_KINDS

_SCHEME: Final = re.compile(r"([A-Za-z][A-Za-z0-9._-]*):(.*)", re.DOTALL)
# Without a lease, what keeps a blob that no image refers to.
KEPT: Final[Mapping[str, str]] = {"containerd.io/gc.root": "transfer"}

# Whether a daemon has a depot of that name.
_ASK_S: Final = 10.0


class Places:
    """Makes ends of what people write. What they open is closed with the block, and so is the client."""

    def __init__(
        self, client: Client, *, plain: bool = False, from_credentials: Credentials | None = None, to_credentials: Credentials | None = None,
        snapshotter: str = "", unpack: bool = True,
    ) -> None:  # fmt: skip
        """plain is for registries; credentials are for the source's and for the sink's, and neither gets the other's. snapshotter and unpack are for
        images of the daemon's.
        """
        self._client, self._snapshotter, self._unpack = client, snapshotter, unpack
        self._from = Registries(plain=plain, credentials=from_credentials, login="--from-user")
        self._to = Registries(plain=plain, credentials=to_credentials, login="--to-user")
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Places:
        await self._stack.enter_async_context(self._client)
        for registries in (self._from, self._to):
            await self._stack.enter_async_context(registries)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool | None:
        return await self._stack.__aexit__(kind, error, trace)

    async def source(self, text: str, with_referrers: bool = False) -> Source:
        """Return the source that text means; with_referrers, what refers to an image in its registry goes along. Raises InvalidArgument for what means none.

        What is asked of a daemon at once fails in the block.
        """
        from argosy.client.transfers.archives import ImageArchive, ImageFolder
        from argosy.client.transfers.blobs import Blob
        from argosy.client.transfers.containers import ContainerTree, parted
        from argosy.client.transfers.depots import DepotImage, depot
        from argosy.client.transfers.registries import RegistryImage
        from argosy.client.transfers.snapshots import SnapshotTree
        from argosy.client.transfers.stored import StoredImage

        kind, rest = await self._parted(text)
        if with_referrers and kind != "registry":
            raise InvalidArgument(
                f"{text} is no image of a registry: of others, what refers to them and is kept with them goes along anyway"
            )
        match kind:
            case "registry":
                return RegistryImage(self._from, Reference.parse(rest), with_referrers=with_referrers)
            case "image":
                return StoredImage(self._client.services, rest)
            case "oci":
                directory, name = _of_layout(rest)
                if not directory.is_dir():
                    raise NotFound(f"directory {directory} does not exist")
                return ImageFolder(directory, name)
            case "-":
                return ImageArchive("standard input", _input(), "")
            case "archive":
                path, _, name = rest.partition("#")
                return ImageArchive(f"archive {path}", Path(path), name)
            case "blob":
                return Blob(self._client.services, rest)
            case "snapshot":
                return SnapshotTree(self._client, self._snapshotter, rest)
            case "container":
                from argosy.client.paths import read_path

                container, path = parted(rest)
                read = read_path(self._client, container, path)
                return ContainerTree(container, path, await self._stack.enter_async_context(read))
        found, called = await depot(kind, self._client.services, self._stack)
        return DepotImage(found, rest, f"{called}: {rest}")

    async def sink(self, text: str, source: str = "") -> Sink:
        """Return the sink that text means; source is what the other end was, for an archive to name its image by. Raises InvalidArgument."""
        from argosy.client.transfers.archives import ArchiveFile, Output
        from argosy.client.transfers.blobs import NewBlob
        from argosy.client.transfers.containers import ContainerDirectory, parted
        from argosy.client.transfers.depots import DepotName, depot
        from argosy.client.transfers.layouts import LayoutName
        from argosy.client.transfers.registries import RegistryName
        from argosy.client.transfers.snapshots import NewSnapshot
        from argosy.client.transfers.stored import StoredName

        kind, rest = await self._parted(text)
        match kind:
            case "registry":
                return RegistryName(await self._to.of(Reference.parse(rest)))
            case "image":
                return StoredName(self._client, rest, unpack=self._unpack, snapshotter=self._snapshotter)
            case "oci":
                directory, name = _of_layout(rest)
                return LayoutName(directory, name)
            case "-":
                return Output(_output(), "standard output", await self._named(source))
            case "archive":
                path, _, name = rest.partition("#")
                if Path(path).is_dir():
                    raise AlreadyExists(f"{path} is a directory; name a file, or say oci:{path}")
                return ArchiveFile(Path(path), name or await self._named(source))
            case "blob":
                return NewBlob(self._client, rest, KEPT)
            case "snapshot":
                name, _, parent = rest.partition("#")
                return NewSnapshot(self._client, self._snapshotter, name, parent, KEPT)
            case "container":
                return ContainerDirectory(self._client, *parted(rest))
        found, called = await depot(kind, self._client.services, self._stack)
        return DepotName(found, rest, f"{called}: {rest}")

    async def _named(self, source: str) -> str:
        """Return what an archive calls an image that comes from source; "" where that says nothing."""
        kind, rest = await self._parted(source) if source else ("", "")
        if kind not in ("registry", "image"):
            return ""
        try:
            return str(Reference.parse(rest))
        except InvalidArgument:
            return rest

    async def _parted(self, text: str) -> tuple[str, str]:
        """Return the kind of an end, or the name of its depot, and the rest of what was written. Raises InvalidArgument."""
        if text == "-":
            return "-", ""
        found = _SCHEME.fullmatch(text)
        if found is not None and found[1] in TRANSFER_KINDS:
            if not found[2] and found[1] != "blob":
                raise InvalidArgument(f'"{text}" does not say which; write {_usage(found[1])}')
            return found[1], found[2]
        if found is not None and found[2] and await self._is_depot(found[1]):
            return found[1], found[2]
        try:
            Reference.parse(text)
        except InvalidArgument as error:
            if found is None:
                raise
            raise InvalidArgument(
                f'"{text}" is neither an image of a registry ({error.message}), nor is "{found[1]}" a depot or one of {", ".join(TRANSFER_KINDS)}'
            ) from None
        return "registry", text

    async def _is_depot(self, name: str) -> bool:
        from argosy_protos.argosy.plugins.v1 import GetRequest

        from argosy.client.transfers.depots import installed

        if name in installed():
            return True
        try:
            plugin = (await self._client.services.plugins.get(GetRequest(name=f"depot/{name}"), timeout=_ASK_S)).plugin
        except ArgosyError:
            return False  # there is none; another daemon than ours, or none at all, has no depots
        return plugin is not None and plugin.table is not None and plugin.table.type == "depot"


def _of_layout(text: str) -> tuple[Path, str]:
    """Return a directory and a name in its index. A directory with a colon in it is written with one at its end."""
    directory, colon, name = text.rpartition(":")
    return (Path(directory), name) if colon else (Path(text), "")


def _input() -> BinaryIO:
    """Return standard input. Raises InvalidArgument where there is none to read."""
    # What stands in for one that was closed can't be read.
    if sys.stdin is None or fcntl.fcntl(0, fcntl.F_GETFL) & os.O_ACCMODE == os.O_WRONLY:
        raise InvalidArgument("standard input is closed; pipe an archive into it, or name a file")
    if os.isatty(0):
        raise InvalidArgument("standard input is a terminal; pipe something into it, or name a file")
    return sys.stdin.buffer


def _output() -> BinaryIO:
    """Return standard output. Raises InvalidArgument for a terminal."""
    if os.isatty(1):
        raise InvalidArgument("standard output is a terminal, and this is no text: send it to a file or a program")
    return sys.stdout.buffer


def _usage(kind: str) -> str:
    return {
        "registry": "registry:NAME",
        "image": "image:NAME",
        "oci": "oci:DIR or oci:DIR:NAME",
        "archive": "archive:FILE",
        "snapshot": "snapshot:NAME",
        "container": "container:NAME:PATH",
    }[kind]
