"""argosy.plugins.v1.Plugins: which plugins there are, how each is, and their coming and going. Stream processors are plugins, too."""

from __future__ import annotations

from collections.abc import AsyncIterator
from functools import partial

from argosy.errors import FailedPrecondition, InvalidArgument, NotFound
from argosy.names import check_identifier
from argosy.tables import PROCESSOR
from argosy_protos.argosy.plugins import v1 as p

from argosy_gateway.core import Core
from argosy_gateway.plugins.registry import Watcher
from argosy_gateway.plugins.report import configuration, refused, shown
from argosy_gateway.processors import Processors, processor_of, processor_shown
from argosy_gateway.program_logs import printed
from argosy_gateway.programs import LOGS
from argosy_gateway.registration import WAIT_S, Registration
from argosy_gateway.swaps import Canary


class Plugins(p.PluginsBase):
    """All plugins of this gateway, by their names."""

    def __init__(self, core: Core, registration: Registration, processors: Processors) -> None:
        self._core, self._registration, self._processors = core, registration, processors
        self._found = partial(shown, programs=core.programs)

    async def list(self, request: p.ListRequest) -> p.ListResponse:
        registry = self._core.registry
        out = [refused(name, refusal) for name, refusal in sorted(registry.refused.items())]
        return p.ListResponse(plugins=[*map(self._found, registry), *map(processor_shown, self._processors), *out])

    async def get(self, request: p.GetRequest) -> p.GetResponse:
        return p.GetResponse(plugin=self._shown(request.name))

    def _shown(self, name: str) -> p.Plugin:
        """Return what is known of a plugin, or of what was refused under its name. Raises NotFound."""
        if (processor := self._processors.named(name)) is not None:
            return processor_shown(processor)
        registry = self._core.registry
        refusal = registry.refused.get(name)
        try:
            return self._found(registry.named(name))
        except NotFound:
            if refusal is None:
                raise
            return refused(name, refusal)

    async def add(self, request: p.AddRequest) -> p.AddResponse:
        if request.table is None:
            raise InvalidArgument("to add a plugin needs its table: type, name, address")
        if request.table.type == PROCESSOR:
            added = await self._processors.add(request.table.name, processor_of(request.table))
            return p.AddResponse(plugin=processor_shown(added))
        plugin = await self._registration.add(request.table.name, configuration(request.table))
        return p.AddResponse(plugin=self._found(plugin))

    async def remove(self, request: p.RemoveRequest) -> p.RemoveResponse:
        if (processor := self._processors.named(request.name)) is not None:
            await self._processors.remove(processor)
            return p.RemoveResponse()
        await self._registration.remove(request.name, request.force, request.wait_s or WAIT_S)
        return p.RemoveResponse()

    async def drain(self, request: p.DrainRequest) -> p.DrainResponse:
        if (processor := self._processors.named(request.name)) is not None:
            await self._processors.drain(processor, True)
            return p.DrainResponse(plugin=processor_shown(processor))
        return p.DrainResponse(plugin=self._found(await self._registration.drain(request.name, request.wait_s)))

    async def undrain(self, request: p.UndrainRequest) -> p.UndrainResponse:
        if (processor := self._processors.named(request.name)) is not None:
            await self._processors.drain(processor, False)
            return p.UndrainResponse(plugin=processor_shown(processor))
        return p.UndrainResponse(plugin=self._found(await self._registration.undrain(request.name)))

    async def swap(self, request: p.SwapRequest) -> p.SwapResponse:
        if (processor := self._processors.named(request.name)) is not None:
            if request.address or not request.command or request.canary_s or request.max_error_rate or request.verify:
                raise InvalidArgument(
                    f'stream processor "{processor.name}" is started anew for each layer; swap it for another command, and with nothing else'
                )
            await self._processors.swap(processor, request.command)
            return p.SwapResponse(plugin=processor_shown(processor))
        canary = None
        if request.canary_s or request.max_error_rate:
            canary = Canary(seconds=request.canary_s, max_error_rate=request.max_error_rate)
        plugin = await self._registration.swap(
            request.name, request.address, request.command, request.directory, canary, request.verify
        )
        return p.SwapResponse(plugin=self._found(plugin))

    async def rollback(self, request: p.RollbackRequest) -> p.RollbackResponse:
        if (processor := self._processors.named(request.name)) is not None:
            await self._processors.rollback(processor)
            return p.RollbackResponse(plugin=processor_shown(processor))
        return p.RollbackResponse(plugin=self._found(await self._registration.rollback(request.name)))

    async def logs(self, request: p.LogsRequest) -> AsyncIterator[p.LogsResponse]:
        if (processor := self._processors.named(request.name)) is not None:
            raise FailedPrecondition(
                f'stream processor "{processor.name}" has no log: what it says on standard error is in the error of its layer'
            )
        # A name alone may be that of one which is gone.
        name = self._core.registry.named(request.name).name if "/" in request.name else request.name
        check_identifier(name)
        path = self._core.settings.state / LOGS / f"{name}.log"
        if not path.exists():
            plugin = self._core.registry.named(request.name)
            if not plugin.config.command:
                raise FailedPrecondition(f"{plugin} was registered by its address: whoever started it has what it prints")
        async for data in printed(path, request.lines, request.follow):
            yield p.LogsResponse(data=data)

    async def watch(self, request: p.WatchRequest) -> AsyncIterator[p.WatchResponse]:
        watcher, registry = Watcher(), self._core.registry
        registry.watchers.add(watcher)
        try:
            there = (*registry, *self._processors)
            for name in (*(plugin.full_name for plugin in there), *registry.refused):
                watcher.tell(name)
            while True:
                for name in await watcher.changed():
                    try:
                        yield p.WatchResponse(plugin=self._shown(name))
                    except NotFound:
                        kind, _, alone = name.rpartition("/")
                        yield p.WatchResponse(plugin=p.Plugin(table=p.Table(type=kind, name=alone)), removed=True)
        finally:
            registry.watchers.discard(watcher)
