"""Where a session of ``plugin dev`` has its sockets, and what a session that was killed has left: a directory, and a registration."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Final

from argosy.errors import ArgosyError, FailedPrecondition, NotFound, Unavailable
from argosy.roots import lock_root, private, replace_file
from argosy.rpc.channel import Channel
from argosy_protos.argosy.plugins.v1 import GetRequest, PluginsStub, RemoveRequest

_RECORD: Final = "registered.json"
_SCRATCH: Final = "scratch"
_MEMORY: Final = "/dev/shm"
# A registry writes to its database, and asks a plugin.
_ASK_S: Final = 20.0


def base() -> Path:
    """Return the directory of all sessions of this user; ARGOSY_DEV_DIR names another."""
    if wish := os.environ.get("ARGOSY_DEV_DIR"):
        return Path(wish)
    if not os.geteuid():
        return Path("/run/argosy-dev")
    runtime = os.environ.get("XDG_RUNTIME_DIR")
    return Path(runtime) / "argosy-dev" if runtime else Path(f"/tmp/argosy-dev-{os.geteuid()}")


class Place:
    """The directory of one session, which is locked while it lasts."""

    def __init__(self, directory: Path, lock: int, scratch: Path) -> None:
        self.directory, self._lock, self.scratch = directory, lock, scratch

    @classmethod
    def make(cls, word: str) -> Place:
        """Make one. Raises OSError."""
        directory = base() / f"{word[:20]}-{os.getpid()}"
        private(base())
        lock = lock_root(directory, "argosy plugin dev")
        try:
            # What is checked syncs often, and need not outlast a power loss.
            scratch = Path(
                tempfile.mkdtemp(
                    prefix=f"argosy-dev-{os.getpid()}-", dir=_MEMORY if os.access(_MEMORY, os.W_OK) else directory
                )
            )
            (directory / _SCRATCH).symlink_to(scratch)
        except BaseException:
            os.close(lock)
            raise
        return cls(directory, lock, scratch)

    def registers(self, daemon: Path, name: str) -> None:
        """Write down what we register, before we do: whoever comes after us takes it back if we can't."""
        replace_file(self.directory / _RECORD, json.dumps({"daemon": str(daemon), "name": name}), durable=False)

    def leave(self, is_clean: bool) -> None:
        """Give it back; what is still registered stays written down."""
        shutil.rmtree(self.scratch, ignore_errors=True)
        if is_clean:
            shutil.rmtree(self.directory, ignore_errors=True)
        os.close(self._lock)


async def sweep() -> list[str]:
    """Take back what sessions that were killed have registered, and remove their directories. Return what was done, in sentences.

    What can't be taken back now, since its daemon is away, stays for the next time.
    """
    done = []
    for directory in sorted(base().iterdir()) if base().is_dir() else []:
        try:
            lock = lock_root(directory, "argosy plugin dev")
        except (FailedPrecondition, OSError):
            continue  # it lasts, or is nothing of ours
        try:
            with suppress(OSError):  # it has none any more
                shutil.rmtree(os.readlink(directory / _SCRATCH), ignore_errors=True)
            with suppress(Unavailable):
                name = await _taken_back(directory)
                shutil.rmtree(directory, ignore_errors=True)
                if name:
                    done.append(f'"{name}" was still registered by a session that was killed, and is not any more')
        finally:
            os.close(lock)
    return done


async def _taken_back(directory: Path) -> str:
    """Unregister what a session has registered, if it is that still; return its name, "" when there was nothing. Raises Unavailable."""
    try:
        told = json.loads((directory / _RECORD).read_text())
        daemon, name = Path(told["daemon"]), str(told["name"])
    except (OSError, ValueError, KeyError, TypeError):
        return ""
    async with Channel(daemon, name="the daemon", default_timeout_s=_ASK_S) as channel:
        plugins = PluginsStub(channel)
        try:
            found = (await plugins.get(GetRequest(name=name))).plugin
            if found is None or found.table is None or not found.table.address.startswith(f"{directory}/"):
                return ""  # another has that name now
            await plugins.remove(RemoveRequest(name=name, force=True))
        except NotFound:
            return ""
        except Unavailable:
            raise
        except ArgosyError as error:
            raise Unavailable(error.message) from error
    return name
