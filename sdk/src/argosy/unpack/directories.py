"""The directories of a tree that is being written: paths of entries followed one part at a time, and directories made that no entry spoke of.

* A parent that is a symlink is followed inside the root, also where it leads to what is not there yet, or is in a lower layer.
* A missing parent takes owner, mode, times and xattrs from the nearest lower layer that shows it; one that no layer shows is
  root's, 0755, and as old as the epoch.

A directory's *true path* is the one without symlinks; everything here is remembered by it.
"""

from __future__ import annotations

import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Final, TypeVar

from argosy.errors import FailedPrecondition, InvalidArgument
from argosy.shown import shown
from argosy.unpack.attributes import Attributes
from argosy.unpack.below import Below, Found, Parts
from argosy.unpack.names import MAX_NAME_BYTES
from argosy.unpack.writer import Writer

# As many symlinks as the kernel follows on the way to one file.
_MAX_LINKS: Final = 40
_NEW: Final = Attributes()

D = TypeVar("D")


def needs_lower(path: bytes) -> FailedPrecondition:
    """Return the refusal of a layer that cannot be unpacked by itself."""
    return FailedPrecondition(f"the layer says nothing of {shown(path)} itself; apply it on the layers below it")


class Directories(Writer[D]):
    """The directories of one tree that is being written, and what is known of each."""

    def __init__(self, root: D, stacked: bool, lowers: Sequence[str], detached: bool, opaque_xattr: str) -> None:
        """root is the tree's own; the rest is as for ``Layer``."""
        self._root = root
        self._stacked = stacked
        self._detached = detached
        self._below = Below(lowers, opaque_xattr) if stacked and lowers else None
        # Directories by their true path; and by what entries call them, which symlinks make another thing.
        self._open: dict[Parts, D] = {(): root}
        self._true: dict[Parts, Parts] = {(): ()}
        # By the true path of each that was ever open: the names of those below it, some of them twice, and some gone.
        self._names_below: dict[Parts, list[bytes]] = {(): []}
        self._links: set[Parts] = set()
        # What this layer brought, with the directories that lead to it.
        self._brought: set[Parts] = {()}
        self._covered: set[Parts] = set()
        self._times: dict[Parts, tuple[int, int]] = {}

    def close(self) -> None:
        if self._below is not None:
            self._below.close()

    def _opened(self, path: Parts) -> D:
        """Return a directory by its true path."""
        depth = len(path)
        while (at := self._open.get(path[:depth])) is None:
            depth -= 1
        while depth < len(path):
            depth += 1
            entered = self._enter(at, path[depth - 1])
            if entered is None:
                raise FailedPrecondition(
                    f"{shown(b'/'.join(path))} went meanwhile: somebody else writes where it is unpacked"
                )
            at = self._keep_open(path[:depth], entered)
        return at

    def _keep_open(self, path: Parts, at: D) -> D:
        self._open[path] = at
        self._note(path)
        return at

    def _note(self, path: Parts) -> None:
        """Remember in which directory one is, so that what is known of it can be forgotten without a look at all others."""
        names: list[bytes] = []
        while (known := self._names_below.get(path)) is None:
            self._names_below[path] = names
            names, path = [path[-1]], path[:-1]
        known += names

    def _directory(self, parts: Parts) -> tuple[D, Parts]:
        """Return a directory and its true path; missing ones are made."""
        path = self._true.get(parts)
        if path is not None:
            return self._opened(path), path
        depth = len(parts) - 1
        while (path := self._true.get(parts[:depth])) is None:
            depth -= 1
        at = self._opened(path)
        todo = list(reversed(parts[depth:]))
        links = 0
        while todo:
            part = todo.pop()
            if part in (b"", b"."):
                continue
            if part == b"..":
                path = path[:-1]
                at = self._opened(path)
                continue
            if len(part) > MAX_NAME_BYTES:
                raise InvalidArgument(
                    f"a symlink on the way to {shown(b'/'.join(parts))} leads to a name of {len(part)} bytes"
                )
            here = (*path, part)
            found = self._open.get(here)
            if found is None:
                entered = self._enter(at, part)
                leads = None if entered is not None else self._symlink(at, here)
                if leads is not None:
                    links += 1
                    if links > _MAX_LINKS:
                        raise InvalidArgument(f"too many symlinks on the way to {shown(b'/'.join(parts))}")
                    self._links.add(here)
                    if leads.startswith(b"/"):
                        at, path = self._root, ()
                    todo += reversed(leads.split(b"/"))
                    continue
                found = self._keep_open(here, entered if entered is not None else self._make_missing(at, here))
                if entered is not None:
                    self._changes(found, here)
            at, path = found, here
            if not todo:
                break
        self._true[parts] = path
        self._bring(path)
        return at, path

    def _symlink(self, at: D, here: Parts) -> bytes | None:
        """Return where here leads when it is a symlink, of this layer or of one below."""
        kind = self._kind(at, here[-1])
        if kind == stat.S_IFLNK:
            return self._read_link(at, here[-1])
        if kind is None and self._below is not None and not self._is_covered(here):
            with self._below.find(here) as found:
                return found.link() if found is not None else None
        return None

    def _make_missing(self, at: D, here: Parts) -> D:
        """Make a directory that no entry spoke of."""
        name = here[-1]
        kind = self._kind(at, name)
        if kind is not None:
            self._remove(at, name)
        elif self._stacked and not self._is_covered(here):
            if self._detached:
                raise needs_lower(b"/".join(here))
            if self._below is not None:
                with self._below.find(here) as found:
                    if found is not None and found.is_directory:
                        what = attributes_of(found)
                        made = self._make_directory(at, name, self._put_off(here, what))
                        self._times[here] = (what.atime_ns, what.mtime_ns)
                        return made
        made = self._make_directory(at, name, _NEW)
        self._times[here] = (0, 0)
        if kind is not None:
            self._cover(made, here)
        return made

    def _cover(self, at: D, here: Parts) -> None:
        if self._stacked:
            self._make_opaque(at)
            self._covered.add(here)

    def _is_covered(self, here: Parts) -> bool:
        """Return whether this layer hides what is below at here."""
        return bool(self._covered) and any(here[:n] in self._covered for n in range(len(here)))

    def _bring(self, here: Parts) -> None:
        while here not in self._brought:
            self._brought.add(here)
            here = here[:-1]

    @contextmanager
    def _held(self, at: D) -> Iterator[D]:
        """Keep a directory while others are opened."""
        yield at

    def _clear(self, at: D, here: Parts) -> None:
        """Make room for a name."""
        self._forget_link(here)
        if self._remove(at, here[-1]):
            todo = [here]
            while todo:
                path = todo.pop()
                todo += [(*path, name) for name in self._names_below.pop(path, ())]
                if path in self._open:
                    self._leave(self._open.pop(path))
                self._times.pop(path, None)
            self._true = {(): ()}

    def _forget_link(self, here: Parts) -> None:
        """A name is removed or replaced: where it was a symlink, paths through it are followed anew."""
        if here in self._links:
            self._links.clear()
            self._true = {(): ()}


def attributes_of(found: Found) -> Attributes:
    """Return what a name of a lower layer has, for one that is made like it."""
    info = found.info
    return Attributes(
        stat.S_IMODE(info.st_mode),
        info.st_uid,
        info.st_gid,
        max(0, info.st_mtime_ns),
        max(0, info.st_atime_ns),
        found.xattrs(),
    )
