"""A plugin's command line: ``main(plugin)`` is all that stands at the end of its file.

    if __name__ == "__main__":
        main(Copies)

* Without arguments it says what it is, which is the docstring of its module, and with which lines a daemon takes it. ``--describe`` says it
  to a program, in JSON.
* ``--address`` is its socket, ``--log-level`` how much it says. ``--name`` is what it is called; it is registered under no other name then.
  One that keeps anything has a ``--root``, which one process at a time has, and one gateway owns: a ``Backend``, and whatever takes a
  parameter of that name.
* Each other parameter of plugin is a flag, too. ``target: Annotated[Path, "socket of the other"]`` is ``--target``, which must be given;
  with a default it need not be. Types are str, int, float, bool and Path, or one of them or None.
* With ``--standby`` it starts without its root, beside the process that has it, and takes it when it is told to (``argosy.instance``). Whoever starts
  it may say both by the environment, too: ``ARGOSY_PLUGIN_ADDRESS``, and ``ARGOSY_PLUGIN_STANDBY=1``.
* It can be called when it says so to its service manager (sd_notify). SIGTERM and Ctrl-C end it in order: calls get a moment to end, the
  plugin's ``close`` is called, its socket is removed, and the exit code is 0. What it cannot start for is one sentence, and an exit code by
  the class of the error, as of our own services.
"""

from __future__ import annotations

import argparse
import inspect
import json
import os
import shlex
import signal
import sys
import typing
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any, Final

import anyio
from argosy_protos._service import ServiceBase
from argosy_protos.argosy.instance.v1 import GetInfoResponse

from argosy import log
from argosy.errors import ArgosyError, FailedPrecondition, in_words
from argosy.plugin.content import ContentStore
from argosy.plugin.depots import Depot
from argosy.plugin.diff import Differ
from argosy.plugin.flags import DESCRIBE, Flag, about_of, add_flags, described, flags_of, indented, name_of, options_of
from argosy.plugin.info import info_of, type_of_service
from argosy.plugin.serve import Plugin, close, serve_instance, servicer
from argosy.plugin.snapshots import Backend, Snapshotter, TreeSnapshotter
from argosy.service import EXIT_CODES, notify_systemd

Made = Backend | Plugin
"""What a file's end may name, or what it names may return: a backend is served as a ``TreeSnapshotter``."""

_KINDS: Final[Mapping[str, tuple[type[Any], ...]]] = {
    "snapshot": (Backend, Snapshotter), "content": (ContentStore,), "diff": (Differ,), "depot": (Depot,), "service": (ServiceBase,),
}  # fmt: skip
ADDRESS, STANDBY = "ARGOSY_PLUGIN_ADDRESS", "ARGOSY_PLUGIN_STANDBY"
"""Variables of the environment that say what the flags of these names do."""
# What a daemon has of its own in the place of a plugin of which it can have one.
_INSTEAD: Final = {"content": "io.containerd.content.v1.content", "diff": "io.containerd.differ.v1.walking"}


def main(plugin: Made | Callable[..., Made | Awaitable[Made]], argv: Sequence[str] | None = None) -> None:
    """Be the process of a plugin: an object, a class of one, or a function that returns one and says so (``-> Snapshotter``).

    Exits with 0 after a signal, with another code when it cannot start; returns when there are no arguments.
    """
    argv = sys.argv[1:] if argv is None else argv
    kind, name, flags = _kind(plugin), name_of(plugin), flags_of(plugin)
    needs_root = issubclass(_class(plugin), Backend) or any(flag.name == "root" for flag in flags)
    about = about_of(plugin)
    if list(argv) == [DESCRIBE]:
        print(described(kind, name, about, needs_root))
        return
    address = os.environ.get(ADDRESS)
    if not argv and not address:
        # A hook is asked at the points that its table names.
        words = _class(plugin).points() if kind == "hook" else []
        print(_introduction(about, kind, name, flags, needs_root, words))
        return
    parser = argparse.ArgumentParser(
        description=about, allow_abbrev=False, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--address", required=not address, type=Path, default=address and Path(address), help="unix socket to serve on"
    )
    parser.add_argument(
        "--standby", action="store_true", default=os.environ.get(STANDBY, "") not in ("", "0"),
        help="take nothing and serve nobody until it is told to",
    )  # fmt: skip
    parser.add_argument(
        "--argosy-debug",
        action="store_true",
        help="it is under a debugger: Argosy's gateway gives its calls all the time they take",
    )
    if needs_root:
        parser.add_argument("--root", required=True, type=Path, help="directory of what it keeps")
    parser.add_argument("--name", default="", help=f"what it is called (default: {name}, and as its socket says)")
    parser.add_argument("--log-level", default="info", choices=list(log.LEVELS), metavar="LEVEL", help="trace to error")
    add_flags(parser, [flag for flag in flags if flag.name != "root"])
    told = vars(parser.parse_args(argv))
    declared, told["name"] = told["name"], told["name"] or name
    log.configure(told["log_level"], service=told["name"])
    os.umask(0o077)
    given = {flag.name: told[flag.name] for flag in flags}
    once: list[object] = []

    def make(root: Path | None) -> Any:
        if callable(plugin):
            return plugin(**({**given, "root": root} if "root" in given else given))
        if once and not isinstance(plugin, Backend):
            raise FailedPrecondition(
                f"{told['name']} is one object, which was closed; end this process, or have it made by a class or a function"
            )
        once.append(plugin)
        return plugin

    try:
        anyio.run(
            _run, make, told["address"], told["name"], declared, kind, told.get("root"), told["standby"], told["argosy_debug"],
            backend="asyncio", backend_options={"use_uvloop": True},
        )  # fmt: skip
    except BaseException as raised:
        error = raised
        while isinstance(error, BaseExceptionGroup) and len(error.exceptions) == 1:
            error = error.exceptions[0]
        if not isinstance(error, (ArgosyError, OSError)):
            raise
        print(f"{told['name']}: {in_words(error) if isinstance(error, OSError) else error}", file=sys.stderr)
        raise SystemExit(EXIT_CODES.get(getattr(error, "code", 2), 1)) from None


async def _run(
    make: Callable[[Path | None], Any], address: Path, name: str, declared: str, kind: str, root: Path | None, standby: bool,
    debug: bool,
) -> None:  # fmt: skip
    """Make the plugin and serve it until a signal comes. declared is the name that was said."""
    info = GetInfoResponse(type=kind, name=declared)

    @asynccontextmanager
    async def opened(root: Path | None) -> AsyncIterator[list[ServiceBase]]:
        nonlocal info
        made = make(root)
        if inspect.isawaitable(made):
            made = await made
        info = info_of(made, declared)
        try:
            async with anyio.create_task_group() as tasks:
                if isinstance(made, Backend):
                    assert root is not None
                    made = await TreeSnapshotter.open(root, made, tasks=tasks)
                try:
                    yield [servicer(made)]
                finally:
                    tasks.cancel_scope.cancel()
        finally:
            if not isinstance(made, Backend):  # it could not be opened
                await close(made)

    with anyio.open_signal_receiver(signal.SIGTERM, signal.SIGINT) as signals:
        async with anyio.create_task_group() as tasks:
            serving = partial(
                serve_instance, opened, address, name, kind, root, standby=standby, debug=debug, info=lambda: info,
                ready=lambda: notify_systemd("READY=1"),
            )  # fmt: skip
            tasks.start_soon(serving)
            async for _ in signals:
                break
            notify_systemd("STOPPING=1")
            tasks.cancel_scope.cancel()


def _class(plugin: Any) -> type[Any]:
    """Return the class of what is served in the end. Raises TypeError for a function that does not say what it returns."""
    if isinstance(plugin, type):
        return plugin
    if isinstance(plugin, tuple(one for kinds in _KINDS.values() for one in kinds)):
        return type(plugin)
    made = typing.get_type_hints(plugin).get("return") if callable(plugin) else None
    if not isinstance(made, type):
        raise TypeError(
            f"{plugin!r} is no plugin, and does not say what it returns: write def {name_of(plugin)}() -> Snapshotter"
        )
    return made


def _kind(plugin: Any) -> str:
    made = _class(plugin)
    for kind, classes in _KINDS.items():
        if issubclass(made, classes):
            return type_of_service(made) if kind == "service" else kind
    raise TypeError(f"{made!r} is no snapshotter, content store, differ, depot or gRPC service")


def _introduction(
    about: str, kind: str, name: str, flags: Sequence[Flag], needs_root: bool, words: Sequence[str] = ()
) -> str:
    """Return what it is, how it is served, and what a daemon is told of it; words are its capabilities."""
    command = ["python", sys.argv[0]]
    if needs_root:
        command += ["--root", f"/var/lib/{name}"]
    command += options_of([flag for flag in flags if flag.name != "root"])
    parts = [about, "Serve it (--help lists its flags, Ctrl-C ends it):"]
    parts += [indented(shlex.join([*command, "--address", f"/run/{name}.sock"]))]
    argosy, containerd = "Argosy (argosy up --config FILE)", "containerd (/etc/containerd/config.toml)"
    table = f'[proxy_plugins.{name}]\ntype = "{kind}"\naddress = "/run/{name}.sock"'
    if words:
        table += f"\ncapabilities = {json.dumps(words)}"
    if kind in _INSTEAD:
        ours = f'version = 2\ndisabled_plugins = ["{_INSTEAD[kind]}"]\n\n{table}'
    else:
        ours = table
    if kind == "diff":
        order = f'[plugins."io.containerd.service.v1.diff-service"]\ndefault = ["{name}", "walking"]'
        parts += [f"{argosy} takes it by", indented(ours), f"{containerd} takes it by, since its version 2,"]
        parts += [indented(f"version = 3\n\n{order}\n\n{table}")]
    elif kind == "depot":
        parts += ["Argosy (argosy up --config FILE) takes it by", indented(ours)]
        parts += [
            "containerd knows no depots: there, `argosy transfer` uses the ones of its own installation (entry points of argosy.transfer)."
        ]
    elif kind in ("hook", "verifier"):
        parts += [f"{argosy} takes it by", indented(ours)]
        parts += ["containerd has no plugins of this type."]
    elif kind == "service":
        parts += [f"{argosy} serves it on the main socket, too, by", indented(ours)]
        parts += ["containerd relays no foreign services: there, clients call it at its own socket."]
    else:
        parts += [f"{argosy} and {containerd} take it by", indented(ours)]
    if kind not in _INSTEAD:
        parts += ["An Argosy that runs takes it at once, and over restarts, by"]
        more = [word for point in words for word in ("--capability", point)]
        parts += [indented(shlex.join(["argosy", "plugin", "add", kind, name, "--address", f"/run/{name}.sock", *more]))]
    return "\n\n".join(parts)
