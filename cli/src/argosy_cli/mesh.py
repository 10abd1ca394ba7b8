"""The mesh itself: up, status, plugins, config, gc, events, namespaces, publish."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Annotated, Any, Final

from argosy.errors import ArgosyError

from argosy_cli.output import Exit, Shown, ask, fail, remark, run_async, sentence, show, show_one
from argosy_cli.target import Target
from argosy_cli.words import Argument, Group, Option, Verb


def up(
    config: Annotated[Path | None, Option("--config", "-c", help="mesh.toml, or a containerd config.toml")] = None,
    root: Annotated[Path | None, Option("--root", help="directory for data")] = None,
    state: Annotated[Path | None, Option("--state", help="directory for sockets and bundles")] = None,
    address: Annotated[Path | None, Option("--address", "-a", help="socket to serve on")] = None,
    log_level: Annotated[str | None, Option("--log-level", "-l", help="trace, debug, info, warn or error")] = None,
) -> None:
    """Start the mesh in the foreground. Containers run on when it stops."""
    from argosy import log

    from argosy_cli.up import start

    try:
        code = start(config, root, state, address or Target.address, log_level)
    except (ArgosyError, OSError) as error:
        log.get("argosy").debug("up.failed", exc_info=error)
        raise Exit(fail(error)) from None
    raise Exit(code)


def status() -> None:
    """Show the mesh's processes and what they are doing."""

    async def work() -> None:
        from argosy.errors import Unimplemented
        from argosy.rpc.channel import Channel
        from argosy_protos.argosy.service.v1 import ServiceStub, StatisticsRequest
        from argosy_protos.containerd.services.introspection.v1 import PluginsRequest

        rows: list[dict[str, Any]] = []
        async with Target.client() as client:
            reply = await client.services.introspection.plugins(PluginsRequest(), timeout=10.0)
        sockets = {str(Target.socket()): "gateway"}
        for plugin in reply.plugins:
            address = plugin.exports.get("address")
            if address:
                sockets.setdefault(address, f"{plugin.type.split('.')[2]} {plugin.id}")
        for address, role in sockets.items():
            row: dict[str, Any] = {"role": role, "address": address}
            if Path(f"{address}.idle").exists():
                rows.append(row | {"state": "idle", "details": "starts with its first call"})
                continue
            async with Channel(address, name=role) as channel:
                try:
                    s = await ServiceStub(channel).statistics(StatisticsRequest(), timeout=5.0)
                    row |= {"name": s.name, "pid": s.pid, "state": s.state, "calls": s.calls_total, "failed": s.calls_failed}
                    row |= {"in_flight": s.calls_in_flight, "gauges": dict(s.gauges), "details": _gauges(s.gauges)}
                except Unimplemented:
                    # A plugin of another make, which has told us just now that it serves: nothing is wrong with it.
                    row |= {"state": "ready", "details": "a plugin of another make: it counts no calls"}
                except ArgosyError as error:
                    row |= {"state": "down", "details": sentence(error)}
            rows.append(row)
        show(rows, ("role", "state", "pid", "calls", "failed", "details"))

    run_async(work())


def _gauges(gauges: dict[str, str]) -> str:
    return " ".join(f"{k}={v}" for k, v in sorted(gauges.items()))


def plugins() -> None:
    """List plugins in containerd's terms."""

    async def work() -> None:
        from argosy_protos.containerd.services.introspection.v1 import PluginsRequest

        reply = await Target.services().introspection.plugins(PluginsRequest())
        rows = [
            {
                "type": x.type,
                "id": x.id,
                "platforms": ",".join(f"{y.os}/{y.architecture}" for y in x.platforms),
                "capabilities": ",".join(x.capabilities),
                "exports": dict(x.exports),
                "status": "ok" if x.init_err is None else x.init_err.message,
            }
            for x in reply.plugins
        ]
        show(rows, ("type", "id", "platforms", "capabilities", "status"))

    ask(work())


def version() -> None:
    """Show the versions of this client and of the daemon."""

    async def work() -> None:
        from importlib.metadata import version as installed

        from argosy_protos.google.protobuf import Empty

        reply = await Target.services().version.version(Empty(), timeout=10.0)
        show_one({"client": installed("argosy-cli"), "server": reply.version, "revision": reply.revision})

    ask(work())


def collect() -> None:
    """Collect garbage now, and wait until it is done."""

    async def work() -> None:
        from argosy.client.services import present
        from argosy.errors import Unimplemented
        from argosy.rpc.channel import Channel
        from argosy_protos.argosy.service.v1 import ServiceStub, StatisticsRequest
        from argosy_protos.containerd.services.leases.v1 import CreateRequest, DeleteRequest

        async with Target.client() as client:
            made = await client.services.leases.create(CreateRequest())
            await client.services.leases.delete(DeleteRequest(id=present(made.lease, "the lease").id, sync=True))
        async with Channel(Target.socket(), name="gateway") as channel:
            try:
                left = dict((await ServiceStub(channel).statistics(StatisticsRequest(), timeout=10.0)).gauges).get(
                    "gc_left_out", ""
                )
            except Unimplemented:
                left = ""  # another containerd, which does not say
        show_one({"gc": "done", "left out": left.splitlines()} if Shown.json else {"gc": "done"})
        for line in left.splitlines() if not Shown.json else []:
            remark(f"left out, tried again later: {line}")

    run_async(work())


def events(filters: Annotated[list[str] | None, Argument(help="containerd filters")] = None) -> None:
    """Print events as they happen, of all namespaces."""

    async def work() -> None:
        from argosy.client.events import subscribe
        from argosy.timestamps import format_rfc3339

        async with Target.client() as client:
            async for event in subscribe(client, filters or []):
                when, body = format_rfc3339(event.time_ns), event.fields()
                if Shown.json:
                    row = {
                        "time": when,
                        "namespace": event.namespace,
                        "topic": event.topic,
                        "type": event.type,
                        "event": body,
                    }
                    print(json.dumps(row, default=str), flush=True)
                else:
                    print(f"{when} {event.namespace} {event.topic} {json.dumps(body, default=str)}", flush=True)

    run_async(work())


def publish(
    topic: Annotated[str, Option("--topic")],
    namespace: Annotated[str, Option("--namespace")] = "",
) -> None:
    """Publish an event whose google.protobuf.Any is on standard input: what shims call."""

    async def work() -> None:
        from argosy_protos.containerd.services.events.v1 import PublishRequest
        from argosy_protos.google.protobuf import Any as AnyMessage

        event = AnyMessage.decode(sys.stdin.buffer.read())
        Target.namespace = namespace or Target.namespace
        await Target.services().events.publish(PublishRequest(topic=topic, event=event), timeout=5.0)

    ask(work())


def _toml(value: Any) -> str:
    """Return a plain table as TOML."""
    lines: list[str] = []

    def scalar(v: Any) -> str:
        if isinstance(v, bool):
            return "true" if v else "false"
        if isinstance(v, int | float):
            return str(v)
        if isinstance(v, list):
            return "[" + ", ".join(scalar(x) for x in v) + "]"
        return json.dumps(str(v))

    def key(k: str) -> str:
        return k if re.fullmatch(r"[A-Za-z0-9_-]+", k) else json.dumps(k)

    def table(prefix: str, t: dict[str, Any]) -> None:
        plain = {k: v for k, v in t.items() if not isinstance(v, dict) and v is not None}
        if prefix and (plain or not t):
            lines.append(f"\n[{prefix}]")
        lines.extend(f"{key(k)} = {scalar(v)}" for k, v in plain.items())
        for k, v in t.items():
            if isinstance(v, dict):
                table(f"{prefix}.{key(k)}" if prefix else key(k), v)

    table("", value)
    return "\n".join(lines).strip()


def config_default() -> None:
    """Print the default mesh.toml; tables of which a mesh has none by default are comments in it."""
    from argosy.tables import NamespaceTable, ProxyPlugin, SnapshotterTable, StreamProcessor

    from argosy_cli.config import as_table, defaults

    plugin = ProxyPlugin(type="snapshot", address="/run/NAME.sock")
    processor = StreamProcessor(accepts=["application/..."], returns="application/vnd.oci.image.layer.v1.tar", path="ID")
    examples = {
        "proxy_plugins": {"NAME": vars(plugin)}, "stream_processors": {"ID": vars(processor)},
        "snapshotters": {"NAME": vars(SnapshotterTable(fallback=["overlayfs"]))},
        "namespaces": {"NAME": vars(NamespaceTable(content="NAME"))},
    }  # fmt: skip
    print(_toml(as_table(defaults())))
    print("\n" + "\n".join(f"# {line}".rstrip() for line in _toml(examples).splitlines()))


def config_check(file: Annotated[Path, Argument(help="mesh.toml or a containerd config.toml")]) -> None:
    """Say whether a configuration is understood, and which keys of a containerd config are not used."""
    from argosy_cli.config import load
    from argosy_cli.supervisor import plan

    try:
        loaded = load(file)
        plan(loaded.mesh)
    except (ArgosyError, OSError) as error:
        raise Exit(fail(error)) from None
    if loaded.ignored:
        remark(f"not used here: {', '.join(loaded.ignored)}")
    show_one({"config": str(file), "result": "ok"})


def config_dump(file: Annotated[Path, Argument(help="mesh.toml or a containerd config.toml")]) -> None:
    """Print what a configuration means, as a complete mesh.toml."""
    from argosy_cli.config import as_table, load

    try:
        loaded = load(file)
    except (ArgosyError, OSError) as error:
        raise Exit(fail(error)) from None
    print(_toml(as_table(loaded.mesh)))


def namespaces() -> None:
    """List namespaces."""

    async def work() -> None:
        from argosy_protos.containerd.services.namespaces.v1 import ListNamespacesRequest

        reply = await Target.services().namespaces.list(ListNamespacesRequest())
        rows = [
            {"name": n.name, "labels": " ".join(f"{k}={v}" for k, v in sorted(n.labels.items()))} for n in reply.namespaces
        ]
        show(rows, ("name", "labels"))

    ask(work())


VERBS: Final[dict[str, Verb | Group]] = {
    "up": Verb(up),
    "status": Verb(status),
    "plugins": Verb(plugins),
    "version": Verb(version),
    "gc": Verb(collect),
    "events": Verb(events),
    "namespaces": Verb(namespaces),
    "publish": Verb(publish, hidden=True),
    "config": Group(
        "Look at configurations.",
        {"default": Verb(config_default), "check": Verb(config_check), "dump": Verb(config_dump)},
    ),
}
