"""The registration directory: a socket that appears there is a plugin, for as long as it is there.

``NAME.sock`` is a plugin called NAME. It is asked what it is (argosy.instance.v1), or, when it is of another make, which services its
reflection lists; or ``NAME.toml`` says it, in the words of a table ``[proxy_plugins.NAME]``: ``type``, and, where they are others,
``name`` and ``address``. What is declared and what is served must be the same. The directory is the record: nothing of it is
in the database. What goes is drained; it is forgotten once nothing needs it, and takes calls again if it comes back before.
"""

from __future__ import annotations

import asyncio
import json
import os
import stat
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import anyio
import anyio.abc
from argosy import log
from argosy.errors import (
    ArgosyError,
    DeadlineExceeded,
    FailedPrecondition,
    InvalidArgument,
    PermissionDenied,
    Unavailable,
    Unimplemented,
    in_words,
)
from argosy.kernel.directory_watch import take_news, watch_directory
from argosy.roots import private
from argosy.settings import read_toml, validate
from argosy.shown import escaped
from argosy.tables import SHORT_TYPES, ProxyPlugin
from argosy_protos.argosy.instance.v1 import GetInfoResponse

from argosy_gateway.core import Core
from argosy_gateway.plugins.instances import STANDBY, told
from argosy_gateway.plugins.plugin import Source, connect
from argosy_gateway.plugins.reflection import introduced, reflected
from argosy_gateway.plugins.registry import GUARDS, Refusal
from argosy_gateway.registration import Registration

NAME: Final = "plugins.d"
"""The directory's name, in the state directory."""
logger = log.get("gateway.directory")

_TYPES: Final = {
    "containerd.services.snapshots.v1.Snapshots": "snapshot",
    "containerd.services.content.v1.Content": "content",
    "containerd.services.diff.v1.Diff": "diff",
    "containerd.services.sandbox.v1.Controller": "sandbox",
    "containerd.services.tasks.v1.Tasks": "tasks",
    "containerd.services.transfer.v1.Transfer": "transfer",
    "argosy.transfer.v1.Depot": "depot",
    "containerd.services.mounts.v1.Mounts": "mounts",
    "argosy.hooks.v1.Hooks": "hook",
    "argosy.verifier.v1.Verifier": "verifier",
}
# What every process may have beside what it is there for.
_BESIDE: Final = ("grpc.", "argosy.", "containerd.")
# How long a process may take to say what it is, and when one that did not is asked again: soon, since it may be about to listen.
_ASK_S: Final = 2.0
_AGAIN_FIRST_S, _AGAIN_MOST_S = 0.05, 5.0
# How often it is seen whether something still needs what has gone: each time collects.
_UNUSED_S: Final = 60.0
_MOST_BYTES: Final = 65536
# What a process may say of itself.
_MOST_WORDS, _MOST_LETTERS = 64, 256

Signature = tuple[int, ...]


@dataclass(frozen=True, kw_only=True)
class _Table(ProxyPlugin):
    """A table with its name in it."""

    name: str


@dataclass
class _Entry:
    """The files of one plugin: ``NAME.sock``, ``NAME.toml`` or both."""

    seen: Signature = ()
    """What its files were when they were last looked at."""
    plugin: str = ""
    """The name of what was registered for it."""
    busy: bool = False
    again_at: float = field(default=float("inf"))
    """When it is to be looked at again, in monotonic time."""
    pause_s: float = _AGAIN_FIRST_S


class Directory:
    """Registers what is in the directory, and drains what was."""

    def __init__(self, core: Core, registration: Registration, path: Path) -> None:
        self._core, self._registration, self._path = core, registration, path
        self._entries: dict[str, _Entry] = {}
        self._news = anyio.Event()
        self._inode = 0
        self._first: list[_Entry] = []
        """What was here at the start."""

    async def run(self) -> None:
        """Look for ever. Each plugin is looked at in a task of its own: one that hangs holds up no other."""
        loop = asyncio.get_running_loop()
        fd = -1
        private(self._path)
        if not any(_parts(name) for name in os.listdir(self._path)):
            self._core.registry.guards_are_known()  # though it should not be possible to watch it
        try:
            async with anyio.create_task_group() as group:
                while True:
                    self._news = anyio.Event()
                    if fd < 0 or self._is_another():
                        if fd >= 0:
                            loop.remove_reader(fd)
                            os.close(fd)
                        fd = self._watched()
                        loop.add_reader(fd, self._hear, fd)
                    self._scan(group)
                    self._guards_are_known()
                    due = min((entry.again_at for entry in self._entries.values()), default=float("inf"))
                    with anyio.move_on_after(max(0.0, due - time.monotonic())):
                        await self._news.wait()
        finally:
            if fd >= 0:
                loop.remove_reader(fd)
                os.close(fd)

    def _guards_are_known(self) -> None:
        """Say that all that was here at the start was looked at once, when it was."""
        if self._core.registry.unsure:
            self._first = self._first or list(self._entries.values())
            if not any(entry.busy for entry in self._first):
                self._core.registry.guards_are_known()

    def _hear(self, fd: int) -> None:
        take_news(fd)
        self._news.set()

    def _watched(self) -> int:
        """Watch the directory, which is made where it is not there. Returns the descriptor."""
        private(self._path)
        fd = watch_directory(self._path)
        self._inode = os.stat(self._path).st_ino
        return fd

    def _is_another(self) -> bool:
        try:
            return os.stat(self._path).st_ino != self._inode
        except OSError:
            return True  # somebody took it away

    def _scan(self, group: anyio.abc.TaskGroup) -> None:
        """Begin to look at what is another than before, or due."""
        found: dict[str, list[int]] = {}
        for file in sorted(os.scandir(self._path), key=lambda file: file.name):
            if parts := _parts(file.name):
                stem, kind = parts
                try:
                    at = file.stat()
                except OSError:
                    continue  # gone meanwhile, or a link to nothing
                # A socket's time changes when it is given to somebody; what is written into a file changes its own.
                found.setdefault(stem, []).extend((kind == "sock", at.st_ino, at.st_mtime_ns, at.st_ctime_ns, at.st_size))
        now = time.monotonic()
        for stem in {*found, *self._entries}:
            entry = self._entries.setdefault(stem, _Entry())
            signature = tuple(found.get(stem, ()))
            if entry.busy or (signature == entry.seen and now < entry.again_at):
                continue
            if signature != entry.seen:
                entry.pause_s = _AGAIN_FIRST_S
            entry.seen, entry.busy, entry.again_at = signature, True, float("inf")
            group.start_soon(self._look, stem, entry)

    async def _look(self, stem: str, entry: _Entry) -> None:
        path = str(self._path / f"{stem}.sock")
        try:
            if entry.seen:
                await self._come(stem, entry, path)
            else:
                await self._go(stem, entry)
        except (ArgosyError, OSError) as error:
            reason = in_words(error) if isinstance(error, OSError) else str(error)
            if self._core.registry.refuse(stem, Refusal(path, reason)):
                logger.warning("directory.refused", file=path, error=reason)
            entry.again_at = time.monotonic() + entry.pause_s
            entry.pause_s = min(entry.pause_s * 2, _AGAIN_MOST_S)
        except Exception as error:  # of one plugin's; the others are looked at all the same
            if self._core.registry.refuse(stem, Refusal(path, repr(error))):
                logger.error("directory.failed", file=path, error=repr(error), exc_info=error)
            entry.again_at = time.monotonic() + entry.pause_s
            entry.pause_s = min(entry.pause_s * 2, _AGAIN_MOST_S)
        finally:
            entry.busy = False
            self._news.set()

    async def _come(self, stem: str, entry: _Entry, path: str) -> None:
        """Register what an entry's files say, in the place of what they said before. Raises what is wrong with them."""
        name, config = await self._said(stem, path)
        if name != entry.plugin or self._core.registry.named(name).config != config:
            await self._withdraw(entry)
            await self._registration.add(name, config, Source.DIRECTORY)
            entry.plugin = name
            logger.info("directory.registered", plugin=name, type=config.type, address=config.address)
        await self._registration.resume(name)
        self._core.registry.refuse(stem, None)

    async def _go(self, stem: str, entry: _Entry) -> None:
        self._core.registry.refuse(stem, None)
        try:
            await self._withdraw(entry)
        except FailedPrecondition:
            if not entry.plugin:
                raise
            # Something needs it: it takes no calls, and goes once nothing does.
            entry.again_at = time.monotonic() + _UNUSED_S
            return
        if not entry.seen:
            (self._path / f".{stem}.guard").unlink(missing_ok=True)
            self._entries.pop(stem, None)

    async def _withdraw(self, entry: _Entry) -> None:
        """Drain what was registered, and forget it. Raises FailedPrecondition while something needs it: it stays drained then."""
        if entry.plugin:
            self._registration.suspend(entry.plugin)
            await self._registration.remove(entry.plugin, by=Source.DIRECTORY)
            logger.info("directory.removed", plugin=entry.plugin)
            entry.plugin = ""

    async def _said(self, stem: str, path: str) -> tuple[str, ProxyPlugin]:
        """Return the name and the table of a plugin. Raises InvalidArgument, PermissionDenied, Unimplemented, and what connecting raises."""
        table = self._path / f"{stem}.toml"
        if not table.exists():
            try:
                config = await _asked(stem, path)
            except (Unavailable, DeadlineExceeded):
                known = self._remembered(stem, path)
                if known is None:
                    raise
                config = known
            self._remember(stem, config)
            return stem, config
        found = os.stat(table)
        if found.st_uid not in (0, os.geteuid()):
            raise PermissionDenied(
                f"{table} belongs to user {found.st_uid}, which may not say what a plugin is; give it to root"
            )
        if not stat.S_ISREG(found.st_mode) or found.st_size > _MOST_BYTES:
            raise InvalidArgument(f"{table} is no file of at most {_MOST_BYTES} bytes; write a table of some lines")
        said = vars(validate(_Table, {"name": stem, "address": path, **read_toml(table)}, str(table)))
        return said["name"], ProxyPlugin(**{key: value for key, value in said.items() if key != "name"})


    # -- hooks and verifiers that do not answer --

    def _remember(self, stem: str, config: ProxyPlugin) -> None:
        """Note that a plugin is a hook or a verifier: after our own restart it is one though it hangs or is away, and is not passed over."""
        file = self._path / f".{stem}.guard"
        data = json.dumps({"type": config.type, "capabilities": config.capabilities}).encode()
        try:
            if config.type not in GUARDS:
                file.unlink(missing_ok=True)
            elif not file.exists() or file.read_bytes() != data:
                scratch = file.with_suffix(".new")
                scratch.write_bytes(data)
                scratch.rename(file)
        except OSError as error:  # the disk may be full: it is a hook all the same
            logger.warning("directory.not_remembered", plugin=stem, error=in_words(error))

    def _remembered(self, stem: str, path: str) -> ProxyPlugin | None:
        """Return the table that a plugin had as a hook or a verifier, None when it was none."""
        try:
            said = json.loads((self._path / f".{stem}.guard").read_bytes())
            return ProxyPlugin(type=said["type"], address=path, capabilities=said["capabilities"])
        except (OSError, ValueError, KeyError, TypeError):
            return None


def _parts(name: str) -> tuple[str, str] | None:
    """Return what a file is called and whether it is a ``sock`` or a ``toml``; None for any other."""
    stem, _, kind = name.rpartition(".")
    return (stem, kind) if stem and kind in ("sock", "toml") else None


async def _asked(stem: str, path: str) -> ProxyPlugin:
    """Return the table of the plugin at a socket, as it says itself. Raises InvalidArgument, Unimplemented, and what connecting raises."""
    async with connect(stem, ProxyPlugin(type="service", address=path)) as channel:
        said = await introduced(channel.within(_ASK_S))
        now = await told(channel) if said is not None else None
        try:
            served = await reflected(channel.within(_ASK_S))
        except Unimplemented:
            if said is None:
                raise Unimplemented(
                    f'{path} has no reflection; write {stem}.toml beside it with type = "snapshot", or what it is'
                ) from None
            served = []
    if said is None:
        return ProxyPlugin(type=_type_of(stem, path, served), address=path)
    # One that stands by serves it once it is told to.
    return _declared(stem, path, said, [] if now is not None and now.phase == STANDBY else served)


def _declared(stem: str, path: str, said: GetInfoResponse, served: Sequence[str]) -> ProxyPlugin:
    """Return the table of a plugin that says what it is. Raises InvalidArgument for what it is not, and for a name that is not its socket's."""
    if said.name not in ("", stem):
        raise InvalidArgument(
            f"{path} says that it is called {_shown(said.name)}; have it listen at {_shown(said.name)[1:-1]}.sock, "
            f"or write {stem}.toml that says what it is called here"
        )
    words = [said.type, *said.capabilities, *said.services]
    if len(words) > _MOST_WORDS or not all(len(word) <= _MOST_LETTERS and word.isprintable() for word in words):
        raise InvalidArgument(
            f"{path} says more of itself than {_MOST_WORDS} words of {_MOST_LETTERS} printable letters; "
            f"write {stem}.toml beside it that says what it is"
        )
    if said.type not in SHORT_TYPES:
        raise InvalidArgument(f"{path} says that it is of the type {_shown(said.type)}; use one of {', '.join(SHORT_TYPES)}")
    needed = [name for name, type in _TYPES.items() if type == said.type] or said.services
    missing = [name for name in needed if served and name not in served]
    if missing:
        raise InvalidArgument(
            f"{path} says that it is of the type {_shown(said.type)}, and does not serve {missing[0]}; serve it, or say what it is"
        )
    services = list(said.services) if said.type == "service" else []
    return ProxyPlugin(type=said.type, address=path, capabilities=list(said.capabilities), services=services)


def _shown(word: str) -> str:
    """Return a word of somebody else's, for a sentence."""
    return f'"{escaped(word[:_MOST_LETTERS])}"'


def _type_of(stem: str, path: str, served: Sequence[str]) -> str:
    """Return the type of the plugin at a socket, by what it serves. Raises InvalidArgument."""
    types = sorted({_TYPES[name] for name in served if name in _TYPES})
    if len(types) > 1:
        raise InvalidArgument(f"{path} serves {' and '.join(types)}; write {stem}.toml beside it that says which type it is")
    if not types and not [name for name in served if not name.startswith(_BESIDE)]:
        raise InvalidArgument(f"{path} serves nothing that a plugin could; write {stem}.toml beside it that says what it is")
    return types[0] if types else "service"
