"""A service's process: forked by the supervisor or, where files on disk are newer than what that has loaded, an interpreter of its own.

Supervisor and service may then be of different versions, so what passes between them is plain: the service's kind, its settings as a
table that is checked as one from a file would be, and the numbers of descriptors, in a file in memory that the command names last.
"""

from __future__ import annotations

import json
import os
import socket
import sys
from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any, Final, NoReturn

from argosy.service import REPORT_BYTES, Handed, Service, run
from argosy.settings import Settings, validate

from argosy_cli.services import service_of

# What a process exits with that could not be the service and told its callers why; and one that nobody called any more.
REFUSED: Final = 75
UNUSED: Final = 76
# What of a Handed are descriptors, besides the listener; -1 is none.
_DESCRIPTORS: Final = ("ready", "report", "beside")


def be(name: str, made: Callable[[], tuple[Service[Any], Settings]], handed: Handed) -> NoReturn:
    """Be a service to its end; exit as the supervisor understands it."""
    code = 1
    try:
        service, settings = made()
        run(service, settings=settings, handed=handed)
        code = UNUSED if handed.idled else 0
    except SystemExit as exit:
        code = exit.code if isinstance(exit.code, int) else 1
        if handed.refused:
            code = REFUSED
    except BaseException as error:
        print(f"argosy-{name}: {error}", file=sys.stderr)
        os.pwrite(handed.report, f"{type(error).__name__}: {error}".encode(errors="replace")[:REPORT_BYTES], 0)
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def plain(value: Any) -> Any:
    """Return settings, or a part of them, as JSON has it."""
    if is_dataclass(value) and not isinstance(value, type):
        return {one.name: plain(getattr(value, one.name)) for one in fields(value)}
    if isinstance(value, Mapping):
        return {str(key): plain(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [plain(part) for part in value]
    return str(value) if isinstance(value, Path) else value


def begin_anew(kind: str, settings: Settings, handed: Handed) -> NoReturn:
    """Have a new interpreter be the service, in this very process. Raises OSError when there is none."""
    told = {one.name: getattr(handed, one.name) for one in fields(handed) if one.name != "listener"}
    listener = handed.listener.fileno()
    order = os.memfd_create("order", 0)
    what = {"kind": kind, "settings": plain(settings), "listener": listener, "handed": told}
    os.write(order, json.dumps(what, default=str).encode())
    for fd in (listener, *(told[name] for name in _DESCRIPTORS)):
        if fd >= 0:
            os.set_inheritable(fd, True)
    # As we were started ourselves, and never with the modules of the directory that we happen to be in.
    os.execv(sys.executable, [sys.executable, "-I" if sys.flags.isolated else "-P", "-m", __name__, str(order)])


def main() -> NoReturn:
    order = int(sys.argv[-1])
    told = json.loads(os.pread(order, os.fstat(order).st_size, 0))
    os.close(order)
    for fd in (told["listener"], *(told["handed"][name] for name in _DESCRIPTORS)):
        if fd >= 0:
            os.set_inheritable(fd, False)
    known = {one.name for one in fields(Handed)}
    handed = Handed(socket.socket(fileno=told["listener"]), **{k: v for k, v in told["handed"].items() if k in known})

    def made() -> tuple[Service[Any], Settings]:
        service = service_of(told["kind"])
        return service, validate(service.settings, told["settings"], f"argosy-{told['kind']}")

    be(told["kind"], made, handed)


if __name__ == "__main__":
    main()
