"""Sockets of the host in a container: for the runtime a mount of type ``uds`` is a bind of the socket.

```
config.json, the daemon's                    config.json, while the runtime makes the container
  type uds, source /run/x.sock      ->         type bind, source BUNDLE/uds/0  (where /run/x.sock is mounted)
                                             config.json.given, the daemon's
```

The socket that was looked at is the one that the container gets: what is mounted is the descriptor, so nobody can put another file in its place
before the runtime comes to it. When the runtime is done the container has mounts of its own, and the bundle is as it was.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import stat
from collections.abc import Iterator
from typing import Any, Final

from argosy.errors import FailedPrecondition, InvalidArgument
from argosy.kernel.mount import mount
from argosy.kernel.unmount import unmount_tree
from argosy.mounts import Mount

TYPE: Final = "uds"
_BINDS: Final = frozenset(("bind", "rbind"))
_CONFIG: Final = "config.json"
_GIVEN: Final = "config.json.given"


@contextlib.contextmanager
def bound(bundle: str) -> Iterator[None]:
    """Have the runtime find binds in the bundle's spec. Raises what ``opened`` does, OSError; the bundle is as it was then, and afterwards."""
    clean(bundle)
    path, directory = os.path.join(bundle, _CONFIG), os.path.join(bundle, TYPE)
    with open(path) as file:
        spec = json.load(file)
    try:
        os.mkdir(directory, 0o711)  # a runtime in a user namespace has to come through
        spec["mounts"] = [
            _bind(given, os.path.join(directory, str(number))) if given.get("type") == TYPE else given
            for number, given in enumerate(spec["mounts"])
        ]
        scratch = os.path.join(directory, _CONFIG)
        with open(scratch, "w") as file:
            json.dump(spec, file)
        shutil.copymode(path, scratch)
        os.link(path, os.path.join(bundle, _GIVEN))
        os.rename(scratch, path)
        yield
    finally:
        clean(bundle)


def _bind(given: dict[str, Any], point: str) -> dict[str, Any]:
    """Mount the socket of a mount at point, a new file; return the mount for the runtime."""
    with open(point, "x"):
        pass
    fd = opened(given)
    try:
        mount(Mount("bind", f"/proc/self/fd/{fd}", ("bind",)), point)
    finally:
        os.close(fd)
    options = [option for option in given.get("options") or () if option not in _BINDS]
    return {**given, "type": "bind", "source": point, "options": ["bind", *options]}


def opened(given: dict[str, Any]) -> int:
    """Return the socket that a mount names, opened as a path. Raises InvalidArgument, FailedPrecondition."""
    source, what = str(given.get("source") or ""), f"mount {given.get('destination')} of type {TYPE}"
    if not source.startswith("/") or "\0" in source:
        raise InvalidArgument(f'{what}: its source "{source}" is no absolute path; name the socket by its whole path')
    try:
        fd = os.open(source, os.O_PATH | os.O_CLOEXEC)
    except OSError as error:
        raise FailedPrecondition(
            f'{what}: its source "{source}" can\'t be reached: {error.strerror}; start what listens there first, or name another socket'
        ) from None
    if not stat.S_ISSOCK(os.fstat(fd).st_mode):
        os.close(fd)
        raise FailedPrecondition(
            f'{what}: its source "{source}" is there and is no socket; name a socket, or use a mount of type bind'
        )
    return fd


def clean(bundle: str) -> None:
    """Take away what ``bound`` has made, also that of a shim that died. Where nothing is, that is well. Raises OSError."""
    with contextlib.suppress(FileNotFoundError):
        os.rename(os.path.join(bundle, _GIVEN), os.path.join(bundle, _CONFIG))
    directory = os.path.join(bundle, TYPE)
    if not os.path.isdir(directory):
        return
    unmount_tree(directory)
    with contextlib.suppress(FileNotFoundError):
        for name in os.listdir(directory):
            # A mount point that is still one is busy, and one that is not is empty.
            os.unlink(os.path.join(directory, name))
        os.rmdir(directory)
