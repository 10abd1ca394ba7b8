"""cp: files from a container to here, from here to a container, or from one to another."""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, suppress
from typing import TYPE_CHECKING, Annotated, Final, NamedTuple

from argosy.errors import FailedPrecondition, InvalidArgument, NotFound

from argosy_cli.output import Shown, run_async, write_out
from argosy_cli.target import Target
from argosy_cli.words import Group, Option, Verb

if TYPE_CHECKING:
    from argosy.client import Client
    from argosy.unpack.tar import Entry

_SILENCE_S: Final = 600.0
_CHUNK: Final = 256 << 10
# As many symlinks as the kernel follows on the way to one file.
_MOST_LINKS: Final = 40


class Place(NamedTuple):
    """One side of a copy: a path in a container, or here; ``-`` is a tar on standard input or output."""

    container: str
    path: str

    @classmethod
    def parse(cls, text: str) -> Place:
        """Return what a word means: what begins with a dot or a slash, or has no colon, is here. Raises InvalidArgument."""
        container, colon, path = text.partition(":")
        if text.startswith(("/", ".")) or not colon or not container:
            return cls("", text)
        try:
            path.encode()
        except UnicodeEncodeError:
            raise InvalidArgument(f"{path!r} is no text; copy a directory above it") from None
        return cls(container, path if path.startswith("/") else f"/{path}")

    @property
    def is_pipe(self) -> bool:
        return not self.container and self.path == "-"

    @property
    def contents(self) -> bool:
        """Whether what is meant is what is in a directory, and not that itself."""
        from argosy.paths.names import base_name

        return base_name(self.path) == "."


class Goal(NamedTuple):
    """Where a copy goes: a directory that is there, and the name that it has in it; "." for what is in it alone."""

    directory: str
    name: str


def goal(source: Place, is_directory: bool, destination: str, there: bool | None) -> Goal:
    """Return where a copy to destination goes, as ``docker cp`` has it. there: whether it is a directory; None when there is nothing.

    Raises FailedPrecondition for what can't be.
    """
    from argosy.paths.names import base_name

    if there:
        return Goal(destination, "." if source.contents else base_name(source.path))
    if there is None and destination.endswith("/") and not is_directory:
        raise NotFound(f'directory "{destination}"')
    if there is False and is_directory:
        raise FailedPrecondition(f'cannot copy directory "{source.path}" to the file "{destination}"')
    if there is False and destination.endswith("/"):
        raise FailedPrecondition(f'"{destination}" is no directory')
    above, _, name = destination.rstrip("/").rpartition("/")
    return Goal(above or ("/" if destination.startswith("/") else "."), name)


async def _look(client: Client, place: Place, follow: bool) -> tuple[Place, Entry | None]:
    """Return what is at a path in a container, None when there is nothing, and the path without the symlinks that were followed."""
    from argosy.client.paths import read_path

    for _ in range(_MOST_LINKS):
        found = None
        with suppress(NotFound):
            async with read_path(client, place.container, place.path, walk=False) as chunks:
                found = await _first(chunks)
        if found is None or not follow or found.type != b"2":
            return place, found
        leads = os.fsdecode(found.link)
        above = place.path.rstrip("/").rpartition("/")[0]
        place = place._replace(path=leads if leads.startswith("/") else f"{above}/{leads}")
    raise InvalidArgument(f'"{place.path}" in container "{place.container}" leads through too many symlinks')


async def _look_for_goal(client: Client, place: Place) -> tuple[str, bool | None]:
    """Return the path where something is to go, and whether it is a directory; None when there is nothing.

    A slash behind a file does not hide it. A file is the one that symlinks lead to.
    """
    resolved, found = await _look(client, place._replace(path=place.path.rstrip("/") or "/"), True)
    if found is None or found.type == b"5" or place.path.endswith("/"):
        return place.path, None if found is None else found.type == b"5"
    return resolved.path, False


async def _first(chunks: AsyncIterator[bytes]) -> Entry | None:
    """Return the first entry of an archive; only what stands before its data is read."""
    from argosy.unpack.tar import TarReader

    data = b""
    async for chunk in chunks:
        data += chunk
        with suppress(InvalidArgument):  # not all of the headers are there yet
            return next(iter(TarReader(iter([data]))), None)
    return None


async def _counted(chunks: AsyncIterator[bytes], size: list[int]) -> AsyncIterator[bytes]:
    async for data in chunks:
        size[0] += len(data)
        yield data


async def _input() -> AsyncGenerator[bytes, None]:
    import anyio.to_thread

    while data := await anyio.to_thread.run_sync(os.read, 0, _CHUNK, abandon_on_cancel=True):
        yield data


def _here(path: str, follow: bool) -> bool | None:
    """Return whether something here is a directory; None when there is nothing."""
    try:
        found = os.stat(path, follow_symlinks=follow)
    except FileNotFoundError:
        return None
    return stat.S_ISDIR(found.st_mode)


async def _out(client: Client, source: Place, destination: Place, archive: bool, follow: bool, size: list[int]) -> None:
    """Copy from a container to here."""
    from argosy.client.paths import read_path
    from argosy.paths.names import base_name
    from argosy.paths.order import PLACE, Order
    from argosy.paths.running import placed

    source, found = await _look(client, source, follow or source.path.endswith("/"))
    if found is None:
        raise NotFound(f'"{source.path}" in container "{source.container}"')
    if destination.is_pipe:
        async with read_path(client, source.container, source.path) as chunks:
            async for data in chunks:
                await write_out(data)
        return
    there = _here(destination.path, True)
    if there is False and not stat.S_ISREG(os.stat(destination.path).st_mode):
        raise FailedPrecondition(
            f'"{destination.path}" is neither a file nor a directory, and would be replaced by one; copy to - and send standard output there'
        )
    # A file is the one that symlinks lead to, here as in a container.
    at = os.path.realpath(destination.path) if not there and os.path.islink(destination.path) else destination.path
    to = goal(source, found.type == b"5", at, there)
    if _here(to.directory, True) is None:
        raise NotFound(f'directory "{to.directory}"')
    directory, name = to
    if source.contents and name != ".":
        # What it is the contents of has no name in the archive: its directory is made, and they go there.
        directory, name = os.path.join(directory, name), "."
        os.mkdir(directory)
    root = os.open(directory, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        base = base_name(source.path)
        order = Order(
            verb=PLACE, path="/", what=f'"{directory}"', owners=archive, root=root, links=False, devices=False,
            only="" if base == "." else base, name="" if base == "." else name,
        )  # fmt: skip
        async with read_path(client, source.container, source.path) as chunks:
            if without := await placed(order, _counted(chunks, size), _SILENCE_S):
                print(f"argosy: devices that were left out: {without}", file=sys.stderr)
    finally:
        os.close(root)


async def _in(client: Client, source: Place, destination: Place, archive: bool, follow: bool, size: list[int]) -> None:
    """Copy from here to a container."""
    from argosy.client.paths import write_path
    from argosy.paths.order import PACK, Order
    from argosy.paths.running import packed

    is_directory = False
    if not source.is_pipe:
        local = _here(source.path, follow or source.path.endswith("/"))
        if local is None:
            raise NotFound(f'"{source.path}"')
        is_directory = local
    path, there = await _look_for_goal(client, destination)
    if source.is_pipe:
        if not there:
            raise FailedPrecondition(f'destination "{destination.container}:{destination.path}" must be a directory')
        async with aclosing(_input()) as chunks:
            await write_path(client, destination.container, destination.path, _counted(chunks, size), owners=archive)
        return
    to = goal(source, is_directory, path, there)
    origin = os.path.abspath(source.path)
    if follow or source.path.endswith("/"):
        origin = os.path.realpath(origin)
    if source.contents:
        origin = origin.rstrip("/") + "/."
    root = os.open("/", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        order = Order(verb=PACK, path=origin, what="this machine", owners=True, root=root, name=to.name)
        async with packed(order, _SILENCE_S) as chunks:
            await write_path(client, destination.container, to.directory, _counted(chunks, size), owners=archive)
    finally:
        os.close(root)


async def _over(client: Client, source: Place, destination: Place, archive: bool, follow: bool, size: list[int]) -> None:
    """Copy from a container to another one, or to another place in it."""
    from argosy.client.paths import read_path, write_path
    from argosy.paths.names import base_name

    source, found = await _look(client, source, follow or source.path.endswith("/"))
    if found is None:
        raise NotFound(f'"{source.path}" in container "{source.container}"')
    to = goal(source, found.type == b"5", *await _look_for_goal(client, destination))
    if to.name != base_name(source.path):
        raise FailedPrecondition(
            f'from container to container a copy keeps its name: "{destination.path}" in container "{destination.container}" must be a directory'
        )
    async with read_path(client, source.container, source.path) as chunks:
        await write_path(client, destination.container, to.directory, _counted(chunks, size), owners=archive)


def cp(
    source: str,
    destination: str,
    archive: Annotated[bool, Option("--archive", "-a", help="keep the owners of files, and setuid bits")] = False,
    follow: Annotated[bool, Option("--follow-link", "-L", help="copy what a symlink leads to")] = False,
    quiet: Annotated[bool, Option("--quiet", "-q", help="do not say what was copied")] = False,
) -> None:
    """Copy files between a container (CONTAINER:PATH) and here, or a tar on standard input or output (-)."""
    from_, to = Place.parse(source), Place.parse(destination)
    if not from_.container and not to.container:
        raise InvalidArgument(
            f'neither "{source}" nor "{destination}" is in a container; write CONTAINER:PATH for one of them'
        )
    if (not from_.container and not from_.path) or (not to.container and not to.path):
        raise InvalidArgument("a path is empty; write . for this directory")

    async def work() -> None:
        from argosy.client import Container

        size = [0]
        copy = _over if from_.container and to.container else _out if from_.container else _in
        async with Target.client() as client:
            for id in filter(None, (from_.container, to.container)):
                await Container.get(client, id)
            await copy(client, from_, to, archive, follow, size)
        if not quiet and not to.is_pipe and not Shown.json:
            print(f"Successfully copied {size[0]} B to {destination}", file=sys.stderr)

    run_async(work())


VERBS: Final[dict[str, Verb | Group]] = {"cp": Verb(cp)}
