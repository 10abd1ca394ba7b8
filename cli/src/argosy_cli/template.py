"""The command's template: it runs commands for callers that only hand over what they were given.

After the request a worker says who it is ("+" and its pid), and begins when the caller has answered: from then on the caller passes
the signals on that it gets, and the worker ends when the caller does, as if it were the same process.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import importlib
import io
import os
import select
import signal
import socket
import sys
import traceback
from typing import Any, Final

from argosy import template
from argosy.client import Client
from argosy.errors import ArgosyError
from argosy.kernel.process import set_title
from argosy.kernel.surroundings import surroundings
from argosy.oci.seccomp import architectures
from argosy.template import Asked

from argosy_cli.commands import COMMANDS, load
from argosy_cli.main import run
from argosy_cli.words import Group, parameters

TAKEN: Final = b"+"
# Besides the commands: what they import when they run.
_LOADED: Final = (
    "anyio._backends._asyncio",
    "anyio.to_thread",
    "argosy.client.containers",
    "argosy.client.content",
    "argosy.client.events",
    "argosy.client.foreground",
    "argosy.client.images",
    "argosy.client.logs",
    "argosy.client.progress",
    "argosy.kernel.mount",
    "concurrent.futures.thread",
    "importlib.metadata",
    "unicodedata",
)
# What belongs to the surroundings of a command, besides what belongs to every one: in whose name an audit or a security module sees what is done, too.
_STATUS: Final = ("Umask", "SigIgn", "SigBlk")
_FILES: Final = ("loginuid", "sessionid", "attr/current")
# 32 and 33, as a bit each.
_LIBRARYS_SIGNALS: Final = 0b11 << 31
_LOOKED_AT: Final = (b"LANG", b"LC_", b"LD_", b"TZ", b"OPENSSL_", b"SSL_", b"MALLOC_", b"GLIBC_")


class Template(template.Template):
    """Its workers are commands."""

    def __init__(self, address: str, daemon: str) -> None:
        super().__init__("argosy-template", address)
        self._daemon = daemon
        self._looked_at = _looked_at()

    def surroundings_of(self, pid: int) -> str:
        return "\n".join(_meant(line) for line in surroundings(pid, _STATUS, _FILES).split("\n"))

    def load(self) -> None:
        for name in _LOADED:
            importlib.import_module(name)
        # How a command's words become values is worked out when it is first asked for.
        for names in COMMANDS.values():
            for name in names:
                found = load(name)
                for verb in found.verbs.values() if isinstance(found, Group) else [found]:
                    parameters(verb.run)
        architectures()
        # What is loaded and set up with the first call of all.
        with contextlib.suppress(ArgosyError):
            asyncio.run(self._call())

    async def _call(self) -> None:
        async with Client(self._daemon) as client:
            await client.defaults()
            await asyncio.to_thread(os.getpid)

    def work(self, asked: Asked, argv: list[str]) -> None:
        assert isinstance(asked, socket.socket)
        if _looked_at() != self._looked_at:
            return
        asked.sendall(TAKEN + str(os.getpid()).encode())
        if asked.recv(1) != TAKEN:
            return
        # The end of the caller is ours: SIGIO ends a process that does not expect it.
        fcntl.fcntl(asked, fcntl.F_SETOWN, os.getpid())
        fcntl.fcntl(asked, fcntl.F_SETFL, os.O_ASYNC | fcntl.fcntl(asked, fcntl.F_GETFL))
        poll = select.poll()
        poll.register(asked, select.POLLHUP)
        if poll.poll(0):
            return
        set_title(argv)
        sys.argv = argv
        _reopen_streams()
        try:
            code = run(argv[1:])
        except BaseException:
            traceback.print_exc()
            code = 1
        asked.sendall(bytes((code & 0xFF,)))


def _meant(line: str) -> str:
    """Return a line of surroundings without what nobody meant: who was started by posix_spawn(3) ignores the C library's own signals."""
    name, _, mask = line.partition(":")
    return f"{name}: {int(mask, 16) & ~_LIBRARYS_SIGNALS:x}" if name == "SigIgn" else line


def _looked_at() -> list[tuple[bytes, bytes]]:
    """Return what an interpreter and its libraries look at once, when they start: a worker's must be what its template had."""
    return sorted(item for item in os.environb.items() if item[0].startswith(_LOOKED_AT))


def _reopen_streams() -> None:
    """Make sys.stdin, stdout and stderr anew: whether they are terminals was decided when the template began."""

    def text(fd: int, before: Any, mode: str, lines: bool) -> io.TextIOWrapper:
        raw = open(fd, mode, buffering=0, closefd=False)
        buffered: Any = io.BufferedReader(raw) if mode == "rb" else io.BufferedWriter(raw)
        return io.TextIOWrapper(buffered, before.encoding, before.errors, line_buffering=lines)

    sys.stdin = sys.__stdin__ = text(0, sys.stdin, "rb", False)  # type: ignore[misc] # final by convention only
    sys.stdout = sys.__stdout__ = text(1, sys.stdout, "wb", os.isatty(1))  # type: ignore[misc] # the same
    sys.stderr = sys.__stderr__ = text(2, sys.stderr, "wb", True)  # type: ignore[misc] # the same


def main() -> None:
    template.begun()
    # A caller that ignores it has other surroundings.
    if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    Template(sys.argv[1], sys.argv[2]).run()


if __name__ == "__main__":
    main()
