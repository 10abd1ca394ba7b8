"""One transfer that was asked for: its client, the streams that it uses, and how it asks registries."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from argosy import log
from argosy.client import Client
from argosy.client.jobs import together
from argosy.client.resolvers import Registries
from argosy.client.web import warned
from argosy.errors import ArgosyError, InvalidArgument, Unknown
from argosy.oci.reference import Reference
from argosy.windows import Writer
from argosy_protos.argosy.transfer import v1 as ours
from argosy_protos.containerd.types import transfer as p

from argosy_transfer.credentials import Asker
from argosy_transfer.lines import Lines
from argosy_transfer.progress import Teller
from argosy_transfer.service import TransferSettings
from argosy_transfer.streams import Stream

logger = log.get("transfer")

_TRACE_BYTES: Final = 1 << 20
_DEBUG: Final = (p.HTTPDebug.DEBUG, p.HTTPDebug.BOTH)


@dataclass
class Job:
    """One transfer that was asked for."""

    client: Client
    settings: TransferSettings
    teller: Teller
    find: Callable[[str], Stream]
    """Returns a stream of the caller's by its id. Raises NotFound."""
    used: list[Stream] = field(default_factory=list)

    def stream(self, id: str) -> Stream:
        """Return a stream that ends with the job. Raises NotFound."""
        found = self.find(id)
        self.used.append(found)
        return found

    def close(self) -> None:
        for stream in self.used:
            stream.close()

    @asynccontextmanager
    async def registries(self, it: p.OCIRegistry) -> AsyncGenerator[tuple[Registries, Reference], None]:
        """Yield what asks registries as a client wants it, and the name that it is asked for."""
        said = it.resolver or p.RegistryResolver()
        reference = _reference(it.reference)
        if said.host_dir and not said.host_dir.startswith("/"):
            raise InvalidArgument(
                f'host_dir "{said.host_dir}" is no absolute path; it is a directory of this daemon\'s machine'
            )
        if said.default_scheme not in ("", "http", "https"):
            raise InvalidArgument(f'default_scheme "{said.default_scheme}" is neither http nor https')
        ask = Asker(self.stream(said.auth_stream), it.reference, self.settings.answer_s) if said.auth_stream else None
        lines = Lines(self.stream(said.logs_stream), _TRACE_BYTES) if said.logs_stream else None
        trace = (lines.add if lines is not None else _log) if said.http_debug in _DEBUG else None
        async with together() as group:
            if lines is not None:
                group.start_soon(lines.run, self.settings.silence_s)
            registries = Registries(
                plain=said.default_scheme == "http", credentials=ask, hosts_dir=Path(said.host_dir) if said.host_dir else None,
                headers=dict(said.headers), trace=trace, warn=self._warn,
            )  # fmt: skip
            failure: ArgosyError | None = None
            async with registries:
                try:
                    yield registries, reference
                except ArgosyError as error:
                    failure = error  # what was said on the way to it is told, too
            if lines is not None:
                lines.end()
        if failure is not None:
            raise failure

    def _warn(self, text: str) -> None:
        """Tell a client, and the log, what a registry warns of."""
        self.teller.status(text)
        warned(text)

    @asynccontextmanager
    async def writer(self, id: str) -> AsyncGenerator[Writer, None]:
        """Yield what sends bytes to a stream of the client's, and close that when the block ends."""
        stream = self.stream(id)
        writer = Writer(stream, self.settings.silence_s)
        async with together() as group:
            group.start_soon(writer.run)
            yield writer
            group.cancel_scope.cancel()
        stream.close()


Opener = Callable[[Job, Any, AsyncExitStack], Awaitable[Any]]
"""Makes an end of a message. What it opens is closed with the stack."""


def directory(said: ours.Layout) -> Path:
    """Return where a layout is. Raises InvalidArgument."""
    if not said.path.startswith("/"):
        raise InvalidArgument(f'layout "{said.path}" is no absolute path; it is a directory of this daemon\'s machine')
    return Path(said.path)


def depot_name(said: ours.Stored) -> str:
    """Return which depot an image is in. Raises InvalidArgument."""
    if not said.depot:
        raise InvalidArgument("an image in a depot, and no depot is named; say which")
    return said.depot


def _reference(text: str) -> Reference:
    """Return what a client calls an image of a registry. Raises Unknown in containerd's words where it says no object, InvalidArgument."""
    last = text.rpartition("/")[2]
    if "@" not in text and ":" not in last:
        raise Unknown("failed to resolve image: object required")
    return Reference.parse(text)


def _log(text: str) -> None:
    logger.info("registry.http", said=text)
