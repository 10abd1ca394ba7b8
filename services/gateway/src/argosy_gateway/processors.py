"""Stream processors: which there are, and which are drained. A differ asks for them when it is given a layer of a type that it does not know.

They are plugins without a socket: each layer has a process of its own, started and ended by the differ. So there is nobody to connect to,
nothing is handed over, and what is changed here counts from the next layer on.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from typing import Any, Final

import anyio
from argosy import log
from argosy.errors import AlreadyExists, FailedPrecondition, InvalidArgument, NotFound
from argosy.names import check_identifier
from argosy.oci.layers import LAYERS
from argosy.tables import PROCESSOR, StreamProcessor
from argosy.timestamps import to_wire
from argosy_protos.argosy.plugins import v1 as p

from argosy_gateway.core import Core
from argosy_gateway.metadata import plugins as rows
from argosy_gateway.plugins.plugin import Source, State

logger = log.get("gateway.processors")

# Before a processor's name in the rows of plugins: its names are its own type's.
_ROW: Final = f"{PROCESSOR}/"


@dataclass(eq=False)
class Processor:
    """One stream processor."""

    name: str
    table: StreamProcessor
    source: Source
    drained: bool = False
    since: float = 0.0
    """Since when it is drained, or not, or was swapped, in seconds since the epoch."""
    generation: int = 1

    @property
    def full_name(self) -> str:
        return _ROW + self.name

    def reason(self) -> str:
        """Return why it takes no layers; "" when it does."""
        if self.drained:
            return f'stream processor "{self.name}" is drained; undrain it, or add another for its media types'
        if self.table.program() is None:
            return f'stream processor "{self.name}" cannot be started: {self.table.path} is not an executable file'
        return ""


class Processors:
    """The stream processors of a gateway, those of the configuration first, in the order in which they came."""

    def __init__(self, core: Core) -> None:
        """Take up those of the configuration and those that were added in an earlier life. One that can't be is left out, and said."""
        self._core = core
        self._found: dict[str, Processor] = {}
        self._writing = anyio.Lock()
        for name, table in core.settings.stream_processors.items():
            self._found[name] = Processor(name, table, Source.CONFIGURATION)
        for row in rows.listed(core.db.reader):
            if row.type != PROCESSOR:
                continue
            name = row.name.removeprefix(_ROW)
            if row.table:
                try:
                    if name in self._found:
                        raise AlreadyExists(f'stream processor "{name}" of the configuration')
                    self._found[name] = Processor(name, StreamProcessor(**row.table), Source.REGISTERED)
                except (
                    AlreadyExists,
                    TypeError,
                    ValueError,
                ) as error:  # a later version may have written what we don't know
                    logger.error("plugin.left_out", plugin=name, type=PROCESSOR, error=str(error))
                    continue
            if name in self._found:
                self._found[name].drained = row.drained

    def __iter__(self) -> Iterator[Processor]:
        return iter(self._found.values())

    def named(self, name: str) -> Processor | None:
        """Return a processor by its name, or by TYPE/NAME; None for a name that is none's.

        Raises NotFound for a TYPE/NAME that is none's, InvalidArgument for a name that another plugin has, too.
        """
        if name.startswith(_ROW):
            found = self._found.get(name.removeprefix(_ROW))
            if found is None:
                raise NotFound(f'plugin "{name}"')
            return found
        found = self._found.get(name)
        others = [plugin.full_name for plugin in self._core.registry if plugin.name == name]
        if found is not None and others:
            both = " or ".join((*others, found.full_name))
            raise InvalidArgument(f'"{name}" is the name of {len(others) + 1} plugins; say {both}')
        return found

    async def add(self, name: str, table: StreamProcessor) -> Processor:
        """Register a processor and return it. Its program need not be there yet. To add the same again changes nothing.

        Raises AlreadyExists for a name that another has, InvalidArgument. Cancellation: it is registered or not.
        """
        check_identifier(name)
        return await self._core.work.finish(self._add, name, table)

    async def _add(self, name: str, table: StreamProcessor) -> Processor:
        async with self._writing:
            known = self._found.get(name)
            if known is not None:
                if known.table == table and known.source is Source.REGISTERED:
                    return known
                raise AlreadyExists(f'stream processor "{name}"; remove it first, or use another name')
            await self._core.db.write(partial(rows.add, name=_ROW + name, type=PROCESSOR, table=asdict(table)))
            found = self._found[name] = Processor(name, table, Source.REGISTERED, since=time.time())
            self._tell(found)
            return found

    async def drain(self, processor: Processor, drained: bool) -> None:
        """Have a processor take no layers, over restarts too, or take them again. Layers that it is at go on."""
        await self._core.work.finish(self._drain, processor, drained)

    async def _drain(self, processor: Processor, drained: bool) -> None:
        async with self._writing:
            self._check_there(processor)
            write = partial(rows.drain, name=processor.full_name, type=PROCESSOR, drained=drained)
            await self._core.db.write(write)
            processor.drained, processor.since = drained, time.time()
            self._tell(processor)

    async def swap(self, processor: Processor, command: Sequence[str]) -> None:
        """Have another program take the layers from now on. Raises FailedPrecondition for one of the configuration, InvalidArgument."""
        self._check_registered(processor)
        _check_command(f'stream processor "{processor.name}"', command)
        table = replace(processor.table, path=command[0], args=list(command[1:]))
        await self._core.work.finish(self._swap, processor, table)

    async def rollback(self, processor: Processor) -> None:
        """Have the program take them that did before. Raises FailedPrecondition when it was never swapped."""
        self._check_registered(processor)
        table = StreamProcessor(**rows.previous(self._core.db.reader, processor.full_name))
        await self._core.work.finish(self._swap, processor, table)

    async def _swap(self, processor: Processor, table: StreamProcessor) -> None:
        async with self._writing:
            self._check_there(processor)
            if table == processor.table:
                return
            was = asdict(processor.table)
            await self._core.db.write(partial(rows.swap, name=processor.full_name, table=asdict(table), previous=was))
            processor.table, processor.since = table, time.time()
            processor.generation += 1
            self._tell(processor)

    async def remove(self, processor: Processor) -> None:
        """Forget a processor. Layers that it is at go on. Raises FailedPrecondition for one of the configuration."""
        self._check_registered(processor)
        await self._core.work.finish(self._remove, processor)

    async def _remove(self, processor: Processor) -> None:
        async with self._writing:
            self._check_there(processor)

            def write(db: sqlite3.Connection) -> Any:
                return rows.remove(db, processor.full_name, PROCESSOR, force=True)

            await self._core.db.write(write)
            self._found.pop(processor.name, None)
            self._tell(processor)

    def _check_there(self, processor: Processor) -> None:
        """Raise NotFound for one that was removed while this waited for its turn."""
        if self._found.get(processor.name) is not processor:
            raise NotFound(f'stream processor "{processor.name}"; it was removed meanwhile')

    @staticmethod
    def _check_registered(processor: Processor) -> None:
        if processor.source is not Source.REGISTERED:
            raise FailedPrecondition(
                f'stream processor "{processor.name}" is one of the configuration, which would bring it back; change it there, or drain it'
            )

    def _tell(self, processor: Processor) -> None:
        for watcher in self._core.registry.watchers:
            watcher.tell(processor.full_name)


def processor_shown(processor: Processor) -> p.Plugin:
    """Return what is known of a processor, as ``argosy.plugins.v1`` shows plugins."""
    table = processor.table
    # Once: it looks for the program, and a differ asks for all of them with each layer of a type that it does not know.
    reason = processor.reason()
    state = State.DRAINING if processor.drained else State.DOWN if reason else State.READY
    return p.Plugin(
        table=p.Table(
            type=PROCESSOR, name=processor.name, command=[table.path, *table.args], accepts=list(table.accepts),
            returns=table.returns, env=list(table.env), direction="" if table.direction == "apply" else table.direction,
        ),
        source=processor.source.value,
        state=state.value,
        since=to_wire(int(processor.since * 1e9)) if processor.since else None,
        reason=reason,
        generation=processor.generation,
    )  # fmt: skip


def _check_command(what: str, command: Sequence[str]) -> None:
    if not command or not command[0]:
        raise InvalidArgument(f"{what} has no command; give the program that takes its layers")
    if any("\0" in word for word in command):
        raise InvalidArgument(f"{what} has a zero byte in its command, which no program can be given; take it out")


def processor_of(table: p.Table) -> StreamProcessor:
    """Return what a table says. Raises InvalidArgument, which says what is wrong with it."""
    what = f'stream processor "{table.name}"'
    if table.address:
        raise InvalidArgument(
            f"{what} has an address, where it is a program that is started for each layer; give its command"
        )
    _check_command(what, table.command)
    if not table.accepts or not all(table.accepts) or not table.returns:
        raise InvalidArgument(f"{what} does not say which media types it accepts, and which one it returns; give both")
    if table.returns in table.accepts:
        raise InvalidArgument(
            f"{what} returns {table.returns}, which it accepts: its layers would never be done; give another"
        )
    direction = table.direction or "apply"
    if direction not in ("apply", "push"):
        raise InvalidArgument(f'{what} has the direction "{direction}"; give apply or push')
    known = [kind for kind in (table.accepts if direction == "apply" else [table.returns]) if kind in LAYERS]
    if known:
        raise InvalidArgument(
            f"{what} would never be asked for {known[0]}, which differs know; give the media types of your own"
        )
    for entry in table.env:
        if "=" not in entry[1:] or "\0" in entry:
            raise InvalidArgument(f'{what} has "{entry}" in its environment, which is no NAME=VALUE')
    return StreamProcessor(
        accepts=list(table.accepts),
        returns=table.returns,
        path=table.command[0],
        args=list(table.command[1:]),
        env=list(table.env),
        direction="push" if direction == "push" else "apply",
    )
