"""The plugins as argosy.plugins.v1 shows them: all that is known of each."""

from __future__ import annotations

from typing import Final

from argosy.errors import InvalidArgument
from argosy.tables import ProxyPlugin
from argosy.timestamps import to_wire
from argosy_protos.argosy.plugins import v1 as p
from argosy_protos.google.protobuf import Timestamp

from argosy_gateway.plugins.listing import failure
from argosy_gateway.plugins.plugin import Method, Plugin, Source, State, quantile
from argosy_gateway.plugins.registry import Refusal
from argosy_gateway.programs import Programs

# A service of ours is started by its first call, so a mesh that has just begun shows this of all.
_UNCALLED: Final = "nobody has called it yet"


def shown(plugin: Plugin, programs: Programs | None = None) -> p.Plugin:
    """Return what is known of a plugin now; programs knows the process of one by command."""
    program = programs.of(plugin.config.address) if programs is not None and plugin.config.command else None
    why = failure(plugin)
    return p.Plugin(
        table=_table(plugin.name, plugin.config),
        source=plugin.source.value,
        state="debug" if plugin.debug and plugin.condition is State.READY else plugin.condition.value,
        since=_time(plugin.since),
        reason=why.message if why is not None else _UNCALLED if plugin.condition is State.STARTING else "",
        generation=plugin.generation,
        last_error=plugin.last_error,
        last_errno=plugin.last_errno,
        last_error_at=_time(plugin.last_error_at),
        last_ok_at=_time(plugin.last_ok),
        calls_in_flight=plugin.in_flight,
        # What never answered was never started.
        restarts=program.restarts if program is not None else plugin.channel.restarts if plugin.last_ok else 0,
        pid=program.pid if program is not None else 0,
        p50_s=quantile(plugin.latencies, 0.5),
        p99_s=quantile(plugin.latencies, 0.99),
        methods=[_method(path, method) for path, method in sorted(plugin.methods.items())],
    )


def refused(name: str, refusal: Refusal) -> p.Plugin:
    """Return what there is to say of a socket in the registration directory that is no plugin."""
    return p.Plugin(
        table=p.Table(name=name, address=refusal.address), source=Source.DIRECTORY.value, state="refused",
        since=_time(refusal.since), reason=refusal.reason,
    )  # fmt: skip


def _method(path: str, method: Method) -> p.MethodStatistics:
    return p.MethodStatistics(
        name=path.lstrip("/"),
        calls=method.calls,
        failed=method.failed,
        p50_s=quantile(method.latencies, 0.5),
        p99_s=quantile(method.latencies, 0.99),
    )


def _time(seconds: float) -> Timestamp | None:
    return to_wire(int(seconds * 1e9)) if seconds else None


def _table(name: str, config: ProxyPlugin) -> p.Table:
    return p.Table(
        type=config.type, name=name, address=config.address, platform=config.platform, exports=dict(config.exports),
        capabilities=list(config.capabilities), uids=list(config.uids), roots=list(config.roots), cleanup=config.cleanup,
        services=list(config.services), command=list(config.command), directory=config.directory,
        deadline_s=config.deadline_s, fail=config.fail if config.type == "hook" else "",
    )  # fmt: skip


def configuration(table: p.Table) -> ProxyPlugin:
    """Return what a table says. Raises InvalidArgument, which says what is wrong with it."""
    try:
        return ProxyPlugin(
            type=table.type, address=table.address, platform=table.platform, exports=dict(table.exports),
            capabilities=list(table.capabilities), uids=list(table.uids), roots=list(table.roots),
            cleanup=table.cleanup or "own", services=list(table.services), command=list(table.command),
            directory=table.directory, deadline_s=table.deadline_s, fail=table.fail or "closed",
        )  # fmt: skip
    except ValueError as error:
        raise InvalidArgument(f'plugin "{table.name}": {error}') from None
