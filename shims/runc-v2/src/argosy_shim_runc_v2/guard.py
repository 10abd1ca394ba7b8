"""Refuses specs and root file systems that would lead an older runtime out of the container."""

from __future__ import annotations

import errno
import os
import re
from collections import deque
from typing import Any, Final

from argosy.errors import FailedPrecondition
from argosy.kernel.path import open_in_root

_LINKS: Final = 40
# A process's own descriptors, and whatever else of it is a link of the kernel's that leads to a file, not to a name.
_MAGIC: Final = re.compile(r"/proc/(?:self|thread-self|\d+)(?:/task/\d+)?/(?:fd|fdinfo|cwd|root|exe|map_files)(?:/.*)?")


def check(rootfs: str, spec: Any) -> None:
    """Refuse a container whose root file system or working directory leads the runtime elsewhere. Raises FailedPrecondition.

    ``/dev`` as a symlink: runc before 1.3.6, 1.4.4 and 1.5.0, and crun of that time, remove and make devices of the host where it
    leads to (CVE-2026-41579). A missing root file system is the runtime's to tell.
    """
    try:
        root = os.open(rootfs, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError:
        return
    try:
        link = _link(root, "dev")
        if link is not None:
            raise FailedPrecondition(
                f'the image has a symlink to "{link}" in the place of its directory /dev, which could lead the runtime to the '
                "host's files; make an image in which /dev is a directory"
            )
        _check_directory(root, spec.get("process"))
    finally:
        os.close(root)


def check_process(rootfs: str, process: Any) -> None:
    """Refuse a process with a working directory that leads to another process's descriptors. Raises FailedPrecondition."""
    try:
        root = os.open(rootfs, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError:
        _check_directory(-1, process)  # it is elsewhere; what the name says is all that is known
        return
    try:
        _check_directory(root, process)
    finally:
        os.close(root)


def _check_directory(root: int, process: Any) -> None:
    directory = str((process or {}).get("cwd") or "/")
    leads = _followed(root, directory)
    if _MAGIC.fullmatch(leads):
        what = f'"{directory}"' if leads == directory else f'"{directory}", which leads to {leads},'
        raise FailedPrecondition(
            f"the working directory {what} is a descriptor of whatever process looks there, and could be one of the host's; "
            "name a directory of the image"
        )


def _followed(root: int, path: str) -> str:
    """Return where a path leads in the container, as far as the root file system says; its mounts are not there yet."""
    done: list[str] = []
    todo = deque(path.split("/"))
    links = 0
    while todo:
        name = todo.popleft()
        if name in ("", "."):
            continue
        if name == "..":
            del done[-1:]
            continue
        # The kernel gives every process another answer here, and the image's own is hidden.
        target = _link(root, "/".join((*done, name))) if done[:1] != ["proc"] and (done or name != "proc") else None
        if target is None:
            done.append(name)
            here = "/" + "/".join(done)
            if _MAGIC.fullmatch(here):
                return here  # what a name behind it means, only the kernel knows
            continue
        links += 1
        if links > _LINKS:
            raise FailedPrecondition(f'the working directory "{path}" is a circle of symlinks')
        if target.startswith("/"):
            done.clear()
        todo.extendleft(reversed(target.split("/")))
    return "/" + "/".join(done)


def _link(root: int, path: str) -> str | None:
    """Return where a symlink in the root file system leads to; None for what is none, or not there."""
    if root < 0:
        return None
    try:
        fd = open_in_root(root, path, os.O_PATH | os.O_NOFOLLOW)
    except OSError as error:
        if error.errno in (errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.ENAMETOOLONG):
            return None
        raise
    try:
        return os.readlink("", dir_fd=fd)
    except OSError:
        return None
    finally:
        os.close(fd)
