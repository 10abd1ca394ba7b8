"""Files of a container as an end of a transfer: what is at a path as a tar, and a tar below a directory. The daemon reads and writes them."""

from __future__ import annotations

from collections.abc import AsyncIterator

from argosy.client.connection import Client
from argosy.client.paths import write_path
from argosy.client.transfers.ends import TreeSink, TreeSource, Wish
from argosy.errors import InvalidArgument


class ContainerTree(TreeSource):
    """What is at a path in a container, with its owners. Its bytes are those of ``argosy.client.paths.read_path``, whose block is its user's."""

    def __init__(self, container: str, path: str, pieces: AsyncIterator[bytes]) -> None:
        self.called = f'"{path}" in container "{container}"'
        self._pieces = pieces

    def tar(self) -> AsyncIterator[bytes]:
        return self._pieces


class ContainerDirectory(TreeSink):
    """A directory that is there in a container. Files get the owners that the tar says; what is there besides stays."""

    def __init__(self, client: Client, container: str, path: str) -> None:
        self.called = f'"{path}" in container "{container}"'
        self._client, self._container, self._path = client, container, path

    async def untar(self, pieces: AsyncIterator[bytes], wish: Wish) -> None:
        """Raises NotFound, InvalidArgument for a broken or hostile tar, FailedPrecondition for what is in the way; what was written before stays."""
        await write_path(self._client, self._container, self._path, pieces, owners=True)


def parted(text: str) -> tuple[str, str]:
    """Return a container and the path in it of ``NAME:PATH``. Raises InvalidArgument."""
    container, _, path = text.partition(":")
    if not container or not path:
        raise InvalidArgument(f'"container:{text}" names no path in a container; write container:NAME:PATH')
    try:
        path.encode()
    except UnicodeEncodeError:
        raise InvalidArgument(f"{path!r} is no text; name a directory above it") from None
    return container, path if path.startswith("/") else f"/{path}"
