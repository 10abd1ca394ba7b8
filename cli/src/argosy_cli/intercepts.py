"""Having one namespace's calls to a plugin go to an instance of your own: intercept NAME, intercept ls, intercept rm NAME."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Annotated, Any, Final

from argosy.errors import InvalidArgument, Unimplemented

from argosy_cli.output import Shown, remark, run_async, show, show_one
from argosy_cli.target import Target
from argosy_cli.words import Argument, Option, Verb

if TYPE_CHECKING:
    from argosy_protos.argosy.plugins.v1 import Intercept, InterceptsStub, Selector

_COLUMNS: Final = ("plugin", "namespace", "lease", "reference", "address", "state", "calls", "failed", "snapshots", "reason")
# Beyond what the gateway itself may take for it.
_PATIENCE_S: Final = 30.0


def _run(work: Callable[[InterceptsStub], Awaitable[None]]) -> None:
    """Do work with the intercepts of the daemon."""

    async def main() -> None:
        from argosy.rpc.channel import Channel
        from argosy_protos.argosy.plugins.v1 import InterceptsStub

        async with Channel(Target.socket(), name="gateway") as channel:
            try:
                await work(InterceptsStub(channel))
            except Unimplemented:
                raise Unimplemented(
                    f"the daemon at {Target.socket()} has no intercepts; it is not Argosy, or an older one"
                ) from None

    run_async(main())


def _row(found: Intercept | None) -> dict[str, Any]:
    """Return an intercept as it is shown."""
    from argosy.client.services import present

    intercept = present(found, "the intercept")
    selector, instance = present(intercept.selector, "its selector"), present(intercept.instance, "its instance")
    table = present(instance.table, "the instance's table")
    return {
        "plugin": selector.plugin, "namespace": selector.namespace, "lease": selector.lease, "reference": selector.reference,
        "type": table.type, "address": table.address, "state": instance.state, "reason": instance.reason,
        "calls": sum(method.calls for method in instance.methods), "failed": sum(method.failed for method in instance.methods),
        "in_flight": instance.calls_in_flight, "snapshots": intercept.snapshots, "last_error": instance.last_error,
    }  # fmt: skip


def intercept(
    plugin: Annotated[str, Argument(help="the plugin's name, or TYPE/NAME; or ls, or rm and the plugin's name")],
    of: Annotated[str, Argument(help="after rm: the plugin's name, or TYPE/NAME", metavar="[NAME]")] = "",
    namespace: Annotated[
        str, Option("--namespace", help="whose calls; by default of the namespace that all options name")
    ] = "",
    to: Annotated[str, Option("--to", help="the socket of your instance")] = "",
    lease: Annotated[str, Option("--lease", help="only calls with this lease")] = "",
    reference: Annotated[
        str, Option("--reference", help="only what is made for images whose name matches this pattern")
    ] = "",
    uid: Annotated[list[str] | None, Option("--uid", help="the number of a user that may serve the socket, too")] = None,
    below: Annotated[
        list[str] | None, Option("--below", help="a directory below which the sources of its mounts may lie")
    ] = None,
    detach: Annotated[bool, Option("--detach", "-d", help="leave it behind; argosy intercept rm ends it")] = False,
    force: Annotated[bool, Option("--force", "-f", help="of rm: also while containers need what is there")] = False,
) -> None:
    """Send one namespace's calls to a plugin to an instance of your own, and nobody else's; Ctrl-C ends it.

    argosy intercept NAME --namespace dev --to unix:///PATH; argosy intercept ls; argosy intercept rm NAME --namespace dev
    """
    if plugin == "ls" and not (of or to):
        _list()
        return
    ends = plugin == "rm" and of and not to
    if not ends and (of or not to):
        raise InvalidArgument("say whose calls go where: argosy intercept NAME --namespace NAMESPACE --to SOCKET")
    for number in uid or []:
        if not number.isdecimal() or int(number) >= 1 << 32:
            raise InvalidArgument(f'--uid "{number}" is no number of a user')

    async def work(intercepts: InterceptsStub) -> None:
        from argosy_protos.argosy.plugins.v1 import AddInterceptRequest, Selector

        selector = Selector(
            plugin=of if ends else plugin, namespace=namespace or Target.namespace, lease=lease, reference=reference
        )
        if ends:
            await _end(intercepts, selector, force)
            return
        request = AddInterceptRequest(
            selector=selector, address=to, uids=[int(number) for number in uid or []], roots=below or []
        )
        if detach:
            _say((await intercepts.add(request, timeout=_PATIENCE_S)).intercept)
        else:
            await _until_a_signal(intercepts, request)

    _run(work)


async def _until_a_signal(intercepts: InterceptsStub, request: Any) -> None:
    """Hold an intercept until Ctrl-C, SIGTERM or SIGHUP; it stays where its end is refused."""
    import signal
    import sys

    import anyio

    with anyio.open_signal_receiver(signal.SIGINT, signal.SIGTERM, signal.SIGHUP) as signals:
        _say((await intercepts.add(request, timeout=_PATIENCE_S)).intercept)
        sys.stdout.flush()  # who reads it by a pipe waits for it
        remark("Ctrl-C ends it")
        async for _ in signals:
            break
        await _end(intercepts, request.selector, False)


async def _end(intercepts: InterceptsStub, selector: Selector, force: bool) -> None:
    from argosy_protos.argosy.plugins.v1 import RemoveInterceptRequest

    await intercepts.remove(RemoveInterceptRequest(selector=selector, force=force), timeout=_PATIENCE_S)
    show_one({"ended": f"{selector.plugin} in {selector.namespace}"})


def _say(found: Intercept | None) -> None:
    row = _row(found)
    if Shown.json:
        show_one(row)
        return
    show_one({key: row[key] for key in ("plugin", "namespace", "lease", "reference", "address", "state") if row[key]})
    if row["reason"]:
        remark(row["reason"])


def _list() -> None:
    async def work(intercepts: InterceptsStub) -> None:
        from argosy_protos.argosy.plugins.v1 import ListInterceptsRequest

        reply = await intercepts.list(ListInterceptsRequest(), timeout=_PATIENCE_S)
        show([_row(found) for found in reply.intercepts], _COLUMNS)

    _run(work)


VERBS: Final[dict[str, Verb]] = {"intercept": Verb(intercept)}
