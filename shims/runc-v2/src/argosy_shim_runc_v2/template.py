"""The shim's template: it forks a shim for every ``start`` of its surroundings, and ends with the daemon that wanted the first one.

A start that is still a shell asks at the door instead of the socket. Shims are in sessions of their own, and survive it.
"""

from __future__ import annotations

import importlib
import os
import select
import socket
import sys
import traceback
from typing import TYPE_CHECKING, Any, Final

from argosy import template
from argosy.template import Asked, accepted

from argosy_shim_runc_v2.door import Door, Knock

if TYPE_CHECKING:
    from argosy.shim.keeper import Keeper

_LOADED: Final = (
    "argosy_shim_runc_v2.service",
    "argosy.shim.daemon",
    "argosy.shim.keeper",
    "argosy.shim.start",
    "argosy_protos.lean.containerd.runtime.bootstrap.v1",
)


def begin(address: str, daemon: int) -> None:
    """Leave a template behind that ends with the process daemon."""
    template.begin(__name__, address, str(daemon), watched=daemon)


class Template(template.Template):
    """Its workers are shims."""

    def __init__(self, address: str, daemon: int) -> None:
        super().__init__("shim-template", address)
        self._door = Door(os.path.dirname(address), daemon)
        self._keeper: Keeper | None = None

    def load(self) -> None:
        for name in _LOADED:
            importlib.import_module(name)

    def opened(self) -> None:
        self._door.open()

    def closed(self) -> None:
        self._door.remove()

    def spare(self) -> None:
        from argosy.shim.daemon import resume
        from argosy.shim.keeper import keep

        from argosy_shim_runc_v2.service import RuncTasks

        def first(keeper: Keeper) -> None:
            self._keeper = keeper
            self.wait_for_program(keeper.pid, keeper.free)
            os._exit(0)

        keep(first, lambda keeper, asleep: resume(keeper, asleep, RuncTasks))

    def asked(self, listener: socket.socket) -> socket.socket | Knock:
        poll = select.poll()
        poll.register(listener, select.POLLIN)
        if self._door.fd >= 0:
            poll.register(self._door.fd, select.POLLIN)
        while True:
            for fd, _ in poll.poll():
                found = self._door.knocked() if fd == self._door.fd else accepted(listener)
                if found is not None:
                    return found

    def answer(self, asked: Any) -> None:
        if isinstance(asked, Knock):
            request = asked.request()
            if request is not None and self.is_here(asked.pid, asked.process) and asked.take():
                self.become(asked, *request, asked.handed)
        else:
            super().answer(asked)

    def work(self, asked: Asked, argv: list[str]) -> None:
        from argosy.shim.start import parse_flags, start

        from argosy_shim_runc_v2.service import RuncTasks

        def told(code: int) -> None:
            try:
                asked.sendall(bytes((code,)))
            except OSError:
                pass  # the start was killed; its daemon cleans up
            asked.close()

        keeper = self._keeper
        assert keeper is not None
        if self._door.fd >= 0:
            os.close(self._door.fd)
        sys.argv = argv
        try:
            flags, _ = parse_flags(argv[1:])
            code = start(flags, lambda: RuncTasks, (keeper, told))
        except BaseException as error:
            print(error if isinstance(error, ValueError) else traceback.format_exc(), file=sys.stderr, flush=True)
            code = 1
        asked.sendall(bytes((code,)))


def main() -> None:
    template.begun()
    Template(sys.argv[1], int(sys.argv[2])).run()


if __name__ == "__main__":
    main()
