"""The gateway's socket while a mesh starts: ours from the first moment, and answered before anything else is loaded."""

from __future__ import annotations

import contextlib
import os
from importlib import import_module
from typing import Any

from argosy.roots import lock_root, private
from argosy.rpc.early import Early
from argosy.rpc.engine import preload
from argosy.rpc.server import Server
from argosy.rpc.sockets import bind_unix, check_free, same_user

from argosy_cli.places import GATEWAY_ROOT


class Door:
    """A mesh's root and state, locked, and its socket, bound and answered. End it with ``close``."""

    def __init__(self, root: str, state: str, address: str, uid: int = -1, gid: int = -1) -> None:
        """Raises FailedPrecondition when another process has the socket or the root, InvalidArgument, OSError."""
        check_free(address)
        self.address = address
        self._lock = lock_root(root, "argosy up")
        self._root = root
        self._records: Any = None
        self.early: Early | None = None
        # Who may use the socket is decided by its group, if it was given one.
        allowed = same_user if gid < 0 else None
        try:
            preload()  # before there is a socket: an engine that is none is a mistake of the start's
            private(state)
            self.listener = bind_unix(address, uid=uid, gid=gid)
        except BaseException:
            os.close(self._lock)
            raise
        version = import_module("argosy_gateway.early").Version()
        self.early = Early(Server([version], allow=allowed), self.listener)
        self.early.start()

    def open_records(self) -> None:
        """Check the gateway's database, and answer what asks for the records in it. Raises FailedPrecondition, OSError."""
        assert self.early is not None
        records = import_module("argosy_gateway.records").Records(os.path.join(self._root, GATEWAY_ROOT))
        self._records = records
        for service in records.services():
            self.early.add(service)
        self.early.settle()

    def stop(self) -> Early | None:
        """Stop answering, for good; callers wait from now on. Returns what goes on elsewhere, the first time only."""
        early, self.early = self.early, None
        if early is not None:
            early.stop()
        records, self._records = self._records, None
        if records is not None:
            records.close()
        return early

    def close(self) -> None:
        """Remove the socket and give the root up."""
        early = self.stop()
        if early is not None:
            early.close()
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self.address)
        self.listener.close()
        os.close(self._lock)
