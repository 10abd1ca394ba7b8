"""The plugins of a gateway: plugin new, dev, ls, show, add, remove, drain, undrain, swap, rollback, watch, logs."""

from __future__ import annotations

import json
import os
import shlex
import sys
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Annotated, Any, Final

from argosy.errors import InvalidArgument, NotFound, Unimplemented

from argosy_cli.dev import dev
from argosy_cli.new import new
from argosy_cli.output import Shown, ask, remark, show, show_one
from argosy_cli.target import Target
from argosy_cli.words import Argument, Group, Option, Verb

if TYPE_CHECKING:
    from argosy_protos.argosy.plugins.v1 import Plugin, PluginsStub

_COLUMNS: Final = ("type", "name", "state", "calls", "failed", "in_flight", "p50", "p99", "restarts", "reason")
# Beyond what the gateway itself may take for it.
_PATIENCE_S: Final = 20.0
# A swap may wait for calls in flight, for one process to close and for another to open.
_SWAP_S: Final = 150.0


def _run(work: Callable[[PluginsStub], Awaitable[None]]) -> None:
    """Do work with the registry of the daemon."""

    async def main() -> None:
        from argosy_protos.argosy.plugins.v1 import PluginsStub

        try:
            await work(PluginsStub(Target.channel()))
        except Unimplemented:
            raise Unimplemented(
                f"the daemon at {Target.socket()} registers no plugins while it runs; `argosy plugins` lists what it has"
            ) from None

    ask(main())


def _row(plugin: Plugin) -> dict[str, Any]:
    """Return a plugin as it is shown."""
    from argosy.client.services import present
    from argosy.timestamps import format_rfc3339, from_wire

    def when(stamp: Any) -> str:
        ns = from_wire(stamp)
        return "" if ns is None else format_rfc3339(ns)

    table = present(plugin.table, "the plugin's table")
    methods = [
        {"name": m.name, "calls": m.calls, "failed": m.failed, "p50": _ms(m.p50_s), "p99": _ms(m.p99_s)}
        for m in plugin.methods
    ]
    return {
        "type": table.type, "name": table.name, "state": plugin.state, "since": when(plugin.since), "reason": plugin.reason,
        "address": table.address, "source": plugin.source, "generation": plugin.generation,
        "in_flight": plugin.calls_in_flight, "calls": sum(m.calls for m in plugin.methods),
        "failed": sum(m.failed for m in plugin.methods), "restarts": plugin.restarts,
        "p50": _ms(plugin.p50_s), "p99": _ms(plugin.p99_s), "last_ok": when(plugin.last_ok_at),
        "last_error": plugin.last_error, "last_error_at": when(plugin.last_error_at), "errno": plugin.last_errno,
        "capabilities": list(table.capabilities), "exports": dict(table.exports), "uids": list(table.uids),
        "command": shlex.join(table.command), "directory": table.directory, "pid": plugin.pid or "",
        "roots": list(table.roots), "cleanup": table.cleanup, "services": list(table.services),
        "accepts": list(table.accepts), "returns": table.returns, "env": list(table.env), "direction": table.direction,
        "deadline": f"{table.deadline_s:g}s" if table.deadline_s else "", "fail": table.fail, "methods": methods,
    }  # fmt: skip


def _ms(seconds: float) -> str:
    return f"{seconds * 1000:.1f}ms" if seconds else ""


def _show(plugin: Plugin | None) -> None:
    from argosy.client.services import present

    row = _row(present(plugin, "the plugin"))
    if not Shown.json:
        methods = row.pop("methods")
        row["errno"] = row["errno"] or ""
        row |= {key: " ".join(map(str, row[key])) for key in ("capabilities", "uids", "roots", "services", "accepts", "env")}
        row["exports"] = " ".join(f"{k}={v}" for k, v in row["exports"].items())
        row |= {m["name"]: f"{m['calls']} calls, {m['failed']} failed, {m['p50']} / {m['p99']}" for m in methods}
        row = {key: value for key, value in row.items() if value != ""}
    show_one(row)


def _say(plugin: Plugin | None) -> None:
    """Say in one line how a plugin is, and why it takes no calls."""
    from argosy.client.services import present

    row = _row(present(plugin, "the plugin"))
    if Shown.json:
        show_one(row)
        return
    show_one({"plugin": row["name"], "type": row["type"], "state": row["state"]})
    if row["reason"]:
        remark(row["reason"])


def listed() -> None:
    """List the plugins: how each is, its calls and their times, and why one takes none."""

    async def work(plugins: PluginsStub) -> None:
        from argosy_protos.argosy.plugins.v1 import ListRequest

        reply = await plugins.list(ListRequest(), timeout=_PATIENCE_S)
        show([_row(plugin) for plugin in reply.plugins], _COLUMNS)

    _run(work)


def one(name: Annotated[str, Argument(help="its name, or TYPE/NAME")]) -> None:
    """Show all that is known of a plugin."""

    async def work(plugins: PluginsStub) -> None:
        from argosy_protos.argosy.plugins.v1 import GetRequest

        _show((await plugins.get(GetRequest(name=name), timeout=_PATIENCE_S)).plugin)

    _run(work)


def add(
    type: Annotated[
        str, Argument(help="snapshot, content, diff, sandbox, tasks, depot, service, hook, verifier or processor")
    ],
    name: Annotated[str, Argument(help="what clients call it")],
    address: Annotated[str, Option("--address", help="the plugin's socket")] = "",
    command: Annotated[
        str, Option("--command", help="the program that serves it, which the daemon starts; {address} in it is its socket")
    ] = "",
    capability: Annotated[list[str] | None, Option("--capability", help="what it says of itself in Introspection")] = None,
    root: Annotated[str, Option("--root", help="its exported root")] = "",
    below: Annotated[
        list[str] | None, Option("--below", help="a directory below which the sources of its mounts may lie")
    ] = None,
    uid: Annotated[list[str] | None, Option("--uid", help="the number of a user that may serve the socket, too")] = None,
    service: Annotated[list[str] | None, Option("--service", help="a gRPC service to relay to it")] = None,
    cleanup: Annotated[
        str, Option("--cleanup", help="what collection may remove from one of another make: own or all")
    ] = "",
    export: Annotated[list[str] | None, Option("--export", help="KEY=VALUE that Introspection shows of it")] = None,
    accepts: Annotated[
        list[str] | None, Option("--accepts", help="a media type of layers that a stream processor takes")
    ] = None,
    returns: Annotated[str, Option("--returns", help="the media type that a stream processor makes of them")] = "",
    env: Annotated[list[str] | None, Option("--env", help="NAME=VALUE in the environment of a stream processor")] = None,
    direction: Annotated[
        str,
        Option(
            "--direction",
            help="when a stream processor works: apply (unpacking, the default) or push (when layers are made)",
        ),
    ] = "",
    deadline: Annotated[
        float,
        Option(
            "--deadline",
            help="how many seconds a hook or a verifier has to answer; 0 is the usual: 5 for a hook, 10 for a verifier",
        ),
    ] = 0.0,
    on_failure: Annotated[
        str, Option("--fail", help="what no answer of a hook means: closed (denied, the default) or open (allowed)")
    ] = "",
) -> None:
    """Register a plugin. It is used at once, without a restart, and is kept over restarts; it need not be there yet."""

    async def work(plugins: PluginsStub) -> None:
        from argosy.tables import PROCESSOR
        from argosy_protos.argosy.plugins.v1 import AddRequest, Table

        if type == PROCESSOR and (address or not command):
            raise InvalidArgument(
                f'stream processor "{name}" is a program that is started for each layer; say its --command, and no --address'
            )
        if bool(address) == bool(command):
            raise InvalidArgument("a plugin has an --address, or a --command that the daemon starts; give one of them")
        for number in uid or []:
            if not number.isdecimal() or int(number) >= 1 << 32:
                raise InvalidArgument(f'--uid "{number}" is no number of a user')
        of_processors = {"--accepts": accepts, "--returns": returns, "--env": env, "--direction": direction}
        of_others = {"--capability": capability, "--root": root, "--below": below, "--uid": uid, "--service": service,
                     "--cleanup": cleanup, "--export": export, "--deadline": deadline, "--fail": on_failure}  # fmt: skip
        for option, value in (of_others if type == PROCESSOR else of_processors).items():
            if value:
                kinds = "a stream processor" if type != PROCESSOR else "other plugins"
                raise InvalidArgument(f"{option} says something of {kinds}, not of a {type} plugin; leave it out")
        exports = {"root": root} if root else {}
        for entry in export or []:
            key, equals, value = entry.partition("=")
            if not key or not equals or key in exports:
                raise InvalidArgument(f'--export "{entry}" is no KEY=VALUE, or its key was given before')
            exports[key] = value
        table = Table(
            type=type, name=name, address=address, command=_words(command),
            directory=os.getcwd() if command and type != PROCESSOR else "", capabilities=capability or [], exports=exports,
            roots=below or [], uids=[int(number) for number in uid or []], services=service or [],
            cleanup="" if type == PROCESSOR else cleanup or "own", accepts=accepts or [], returns=returns, env=env or [],
            direction=direction,
            deadline_s=deadline, fail=on_failure,
        )  # fmt: skip
        _say((await plugins.add(AddRequest(table=table), timeout=_PATIENCE_S)).plugin)

    _run(work)


def _words(command: str) -> list[str]:
    """Return the words of a command; the program is the one that this shell would start. Raises InvalidArgument, NotFound."""
    if not command:
        return []
    import shutil  # no other verb looks for a program

    try:
        words = shlex.split(command)
    except ValueError as error:
        raise InvalidArgument(f"--command: {error}") from None
    if not words:
        raise InvalidArgument("--command has no word in it")
    found = shutil.which(words[0])
    if found is None:
        raise NotFound(f'--command: there is no program "{words[0]}" here')
    return [os.path.abspath(found), *words[1:]]


def remove(
    name: Annotated[str, Argument(help="its name, or TYPE/NAME")],
    force: Annotated[bool, Option("--force", "-f", help="also while it is in use, and with calls in flight")] = False,
    wait: Annotated[float, Option("--wait", help="how many seconds to wait for calls in flight")] = 30.0,
) -> None:
    """Drain a plugin and forget it, unless something needs it. What it holds stays where it is."""

    async def work(plugins: PluginsStub) -> None:
        from argosy_protos.argosy.plugins.v1 import RemoveRequest

        await plugins.remove(RemoveRequest(name=name, force=force, wait_s=_seconds(wait)), timeout=wait + _PATIENCE_S)
        show_one({"removed": name})

    _run(work)


def _seconds(wait: float) -> float:
    """Return a number of seconds. Raises InvalidArgument for what is none."""
    if not 0 <= wait < 86400:
        raise InvalidArgument(f"--wait {wait:g} is no number of seconds between 0 and 86400")
    return wait


def drain(
    name: Annotated[str, Argument(help="its name, or TYPE/NAME")],
    wait: Annotated[float, Option("--wait", help="how many seconds to wait for calls in flight")] = 0.0,
) -> None:
    """Have a plugin get no new calls, over restarts too; those in flight go on."""

    async def work(plugins: PluginsStub) -> None:
        from argosy_protos.argosy.plugins.v1 import DrainRequest

        reply = await plugins.drain(DrainRequest(name=name, wait_s=_seconds(wait)), timeout=wait + _PATIENCE_S)
        _say(reply.plugin)

    _run(work)


def undrain(name: Annotated[str, Argument(help="its name, or TYPE/NAME")]) -> None:
    """Have a plugin get calls again."""

    async def work(plugins: PluginsStub) -> None:
        from argosy_protos.argosy.plugins.v1 import UndrainRequest

        _say((await plugins.undrain(UndrainRequest(name=name), timeout=_PATIENCE_S)).plugin)

    _run(work)


def swap(
    name: Annotated[str, Argument(help="its name, or TYPE/NAME")],
    address: Annotated[str, Option("--address", help="the socket of the process that is to serve it")] = "",
    command: Annotated[str, Option("--command", help="another program that is to serve it")] = "",
    canary: Annotated[str, Option("--canary", help="how long it may go back by itself, such as 30s")] = "",
    verify: Annotated[
        bool, Option("--verify", help="judge it first, in a root of its own, by the fast checks of argosy verify")
    ] = False,
    max_error_rate: Annotated[
        str, Option("--max-error-rate", help="how many of its calls may fail meanwhile, such as 0.5%")
    ] = "",
) -> None:
    """Have another process serve a plugin, by default a fresh one of its command: new calls go to it at one instant, and none fails."""

    async def work(plugins: PluginsStub) -> None:
        from argosy_protos.argosy.plugins.v1 import SwapRequest

        if max_error_rate and not canary:
            raise InvalidArgument("--max-error-rate says when a canary has failed; say how long it takes, too: --canary 30s")
        seconds = _duration(canary) if canary else 0.0
        request = SwapRequest(
            name=name, address=address, command=_words(command), directory=os.getcwd() if command else "",
            canary_s=seconds, max_error_rate=_share(max_error_rate),
            verify=verify,
        )  # fmt: skip
        _say((await plugins.swap(request, timeout=seconds + _SWAP_S)).plugin)

    _run(work)


def _duration(text: str) -> float:
    """Return a time in seconds. Raises InvalidArgument for what is none, and for none at all."""
    from argosy_cli.config import seconds

    found = seconds(text, "--canary")
    if not found:
        raise InvalidArgument("--canary 0 watches for no time at all; leave it out, or give it some seconds")
    return found


def _share(text: str) -> float:
    """Return a share of all, 0 to 1, of ``0.5%`` or ``0.005``; of "" none. Raises InvalidArgument."""
    try:
        found = float(text.removesuffix("%") or "0") / (100 if text.endswith("%") else 1)
    except ValueError:
        found = -1.0
    if not 0 <= found <= 1:
        raise InvalidArgument(f'--max-error-rate "{text}" is no share of all calls, such as 0.5% or 0.005')
    return found


def rollback(name: Annotated[str, Argument(help="its name, or TYPE/NAME")]) -> None:
    """Swap a plugin back to the process that served it before."""

    async def work(plugins: PluginsStub) -> None:
        from argosy_protos.argosy.plugins.v1 import RollbackRequest

        _say((await plugins.rollback(RollbackRequest(name=name), timeout=_SWAP_S)).plugin)

    _run(work)


def logs(
    name: Annotated[str, Argument(help="its name, or TYPE/NAME")],
    follow: Annotated[bool, Option("--follow", "-f", help="go on with what is printed from now on")] = False,
    tail: Annotated[int, Option("--tail", "-n", help="only so many of the last lines; 0 is all")] = 0,
) -> None:
    """Print what the programs of a plugin by command have printed, each line with its time and process."""

    async def work(plugins: PluginsStub) -> None:
        from argosy_protos.argosy.plugins.v1 import LogsRequest

        if not 0 <= tail < 1 << 32:
            raise InvalidArgument(f"--tail {tail} is no number of lines")
        async for part in plugins.logs(LogsRequest(name=name, follow=follow, lines=tail)):
            sys.stdout.buffer.write(part.data)
            sys.stdout.buffer.flush()

    _run(work)


def watch() -> None:
    """Print each plugin as it is, and again whenever it is another: one line each, or one JSON object."""

    async def work(plugins: PluginsStub) -> None:
        from argosy.client.services import present
        from argosy_protos.argosy.plugins.v1 import WatchRequest

        async for change in plugins.watch(WatchRequest()):
            plugin = present(change.plugin, "the plugin")
            row = _row(plugin) | ({"state": "removed"} if change.removed else {})
            if Shown.json:
                print(json.dumps(row), flush=True)
            else:
                told = (f"generation {row['generation']}", f"pid {row['pid']}" if row["pid"] else "")
                words = (row["since"], row["type"], row["name"], row["state"], *told, row["reason"])
                print(" ".join(filter(None, words)), flush=True)

    _run(work)


VERBS: Final[dict[str, Verb | Group]] = {
    "plugin": Group(
        "See plugins, and have them come and go while everything runs.",
        {
            "new": Verb(new),
            "dev": Verb(dev, command_follows=True),
            "ls": Verb(listed),
            "show": Verb(one),
            "add": Verb(add),
            "remove": Verb(remove),
            "drain": Verb(drain),
            "undrain": Verb(undrain),
            "swap": Verb(swap),
            "rollback": Verb(rollback),
            "watch": Verb(watch),
            "logs": Verb(logs),
        },
    ),
}
