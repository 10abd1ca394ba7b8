"""How a layer is read: what its names, whiteouts, links and missing directories mean, for every kind of writer.

A writer (a directory, an image) makes and removes single names in a directory that it was given; where an entry belongs is decided
here, one part of a path at a time. So overlay, native and erofs hold the same tree for every archive.

* A parent that is a symlink is followed inside the root, also where it leads to what is not there yet, or is in a lower layer.
* A missing parent takes owner, mode, times and xattrs from the nearest lower layer that shows it; one that no layer shows is
  root's, 0755, and as old as the epoch.
* Whiteouts (OCI image spec, layer.md) are about lower layers only: ``.wh.NAME`` hides NAME, ``.wh..wh..opq`` everything in its
  directory, and what the same layer brings stays, in whichever order they come. A character device 0/0 is a whiteout.
* A directory where the layer had something else is new: nothing below shows through.
"""

from __future__ import annotations

import abc
import errno
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

from argosy.errors import FailedPrecondition, InvalidArgument, NotFound, ResourceExhausted
from argosy.unpack import tar
from argosy.unpack.attributes import Attributes, attributes, device, link_target, shown
from argosy.unpack.below import Below, Found, Parts
from argosy.unpack.limits import Budget
from argosy.unpack.tar import Entry, TarReader

WHITEOUT: Final = b".wh."
OPAQUE: Final = b".wh..wh..opq"
RESERVED: Final = b".wh..wh."
_MAX_PATH_BYTES: Final = 4096
_MAX_NAME_BYTES: Final = 255
_MAX_FILE_BYTES: Final = (1 << 63) - 1
# As many symlinks as the kernel follows on the way to one file.
_MAX_LINKS: Final = 40
_SPECIAL: Final = {tar.CHARACTER: stat.S_IFCHR, tar.BLOCK_DEVICE: stat.S_IFBLK, tar.FIFO: stat.S_IFIFO}
_NEW: Final = Attributes()

D = TypeVar("D")


@dataclass
class Result:
    """What was written."""

    entries: int = 0
    size: int = 0


def split_name(name: bytes) -> list[bytes]:
    """Return the parts of an entry's name, cleaned. Raises InvalidArgument when it leaves the root or is absurd."""
    if len(name) > _MAX_PATH_BYTES or b"\0" in name:
        raise InvalidArgument(f"an entry's name of {len(name)} bytes is no path")
    parts: list[bytes] = []
    for part in name.split(b"/"):
        if part in (b"", b"."):
            continue
        if part == b"..":
            if not parts:
                raise InvalidArgument(f"entry {name!r} leaves the root of its layer")
            parts.pop()
            continue
        if len(part) > _MAX_NAME_BYTES:
            raise InvalidArgument(f"entry {shown(name)} has a name of {len(part)} bytes; {_MAX_NAME_BYTES} are the most")
        parts.append(part)
    return parts


def hidden_name(name: bytes) -> bytes | None:
    """Return the name that a whiteout hides, None for a mark of older union file systems. Raises InvalidArgument."""
    if name.startswith(RESERVED):
        return None  # hard link farms and such
    original = name[len(WHITEOUT) :]
    if original in (b"", b".", b".."):
        raise InvalidArgument(f"invalid whiteout name: {name!r}")
    return original


def needs_lower(path: bytes) -> FailedPrecondition:
    """Return the refusal of a layer that cannot be unpacked by itself."""
    return FailedPrecondition(f"the layer says nothing of {shown(path)} itself; apply it on the layers below it")


class Layer(abc.ABC, Generic[D]):
    """Applies one archive to a tree. D is what a writer knows a directory by.

    stacked: the tree is one layer of a stack, and whiteouts stay in it; otherwise it is the whole tree, and they delete. lowers are
    the directories below, nearest first; none means that nobody knows yet what will be below. detached: FailedPrecondition is
    raised for an archive that can't be written without knowing that.
    """

    def __init__(
        self, root: D, stacked: bool, lowers: Sequence[str] = (), detached: bool = False, user_xattr: bool = False
    ) -> None:
        self._root = root
        self._stacked = stacked
        self._detached = detached
        self._budget = Budget()
        self._user_xattr = user_xattr
        self._opaque_xattr = "user.overlay.opaque" if user_xattr else "trusted.overlay.opaque"
        self._below = Below(lowers, self._opaque_xattr) if stacked and lowers else None
        # Directories by their true path; and by what entries call them, which symlinks make another thing.
        self._open: dict[Parts, D] = {(): root}
        self._places: dict[Parts, Parts] = {(): ()}
        self._links: set[Parts] = set()
        # What this layer brought, with the directories that lead to it.
        self._brought: set[Parts] = {()}
        self._covered: set[Parts] = set()
        self._times: dict[Parts, tuple[int, int]] = {}

    def close(self) -> None:
        if self._below is not None:
            self._below.close()

    # -- what a writer does --

    @abc.abstractmethod
    def _enter(self, at: D, name: bytes) -> D | None:
        """Return a directory in at; None when name is missing or something else. What it returns is given to ``_leave``."""

    @abc.abstractmethod
    def _kind(self, at: D, name: bytes) -> int | None:
        """Return S_IFMT bits of what is called name; None when it is missing."""

    @abc.abstractmethod
    def _read_link(self, at: D, name: bytes) -> bytes:
        """Return where a symlink leads."""

    @abc.abstractmethod
    def _names(self, at: D) -> list[bytes]:
        """Return the names in a directory."""

    @abc.abstractmethod
    def _remove(self, at: D, name: bytes) -> bool:
        """Remove whatever is called name, a tree with all below it; return whether it was a tree. A missing one is fine."""

    @abc.abstractmethod
    def _make_directory(self, at: D, name: bytes, what: Attributes) -> D:
        """Make a directory. Raises FileExistsError."""

    @abc.abstractmethod
    def _dress(self, at: D, what: Attributes) -> None:
        """Give a directory these attributes and no others."""

    @abc.abstractmethod
    def _make_file(self, at: D, name: bytes, what: Attributes, reader: TarReader, entry: Entry) -> None:
        """Make a regular file of the entry's data. Raises FileExistsError before any data is read."""

    @abc.abstractmethod
    def _make_symlink(self, at: D, name: bytes, what: Attributes, target: bytes) -> None:
        """Make a symlink. Raises FileExistsError."""

    @abc.abstractmethod
    def _make_special(self, at: D, name: bytes, what: Attributes, kind: int, major: int, minor: int) -> None:
        """Make a device, FIFO or socket. Raises FileExistsError."""

    @abc.abstractmethod
    def _make_link(self, source: D, target: bytes, at: D, name: bytes) -> None:
        """Make name in at another name of target in source, which is there and no directory."""

    @abc.abstractmethod
    def _copy_file(self, at: D, name: bytes, what: Attributes, found: Found, path: Parts) -> None:
        """Make a regular file with the bytes of one of a lower layer, whose path is known too."""

    @abc.abstractmethod
    def _hide(self, at: D, name: bytes) -> None:
        """Put a whiteout where nothing is."""

    @abc.abstractmethod
    def _is_hidden(self, at: D, name: bytes) -> bool:
        """Return whether name is a whiteout."""

    @abc.abstractmethod
    def _make_opaque(self, at: D) -> None:
        """Have nothing of lower layers show through a directory."""

    def _leave(self, at: D) -> None:
        """A directory is not needed any more."""

    def _changes(self, at: D, place: Parts) -> None:
        """An existing directory is about to change."""

    def _put_off(self, place: Parts, what: Attributes) -> Attributes:
        """Return what a directory is to have from the beginning; the rest is remembered for ``_finish_directories``."""
        return what

    def _finish_directories(self) -> None:
        """Give directories what they can have only after everything else: their times."""

    # -- directories --

    def _opened(self, place: Parts) -> D:
        """Return a directory by its true path."""
        depth = len(place)
        while (at := self._open.get(place[:depth])) is None:
            depth -= 1
        while depth < len(place):
            depth += 1
            entered = self._enter(at, place[depth - 1])
            if entered is None:
                raise FailedPrecondition(
                    f"{shown(b'/'.join(place))} went meanwhile: somebody else writes where a layer is unpacked"
                )
            at = self._keep_open(place[:depth], entered)
        return at

    def _keep_open(self, place: Parts, at: D) -> D:
        self._open[place] = at
        return at

    def _directory(self, parts: Parts) -> tuple[D, Parts]:
        """Return a directory and its true path; missing ones are made."""
        place = self._places.get(parts)
        if place is not None:
            return self._opened(place), place
        depth = len(parts) - 1
        while (place := self._places.get(parts[:depth])) is None:
            depth -= 1
        at = self._opened(place)
        todo = list(reversed(parts[depth:]))
        links = 0
        while todo:
            part = todo.pop()
            if part in (b"", b"."):
                continue
            if part == b"..":
                place = place[:-1]
                at = self._opened(place)
                continue
            if len(part) > _MAX_NAME_BYTES:
                raise InvalidArgument(
                    f"a symlink on the way to {shown(b'/'.join(parts))} leads to a name of {len(part)} bytes"
                )
            here = (*place, part)
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
                        at, place = self._root, ()
                    todo += reversed(leads.split(b"/"))
                    continue
                found = self._keep_open(here, entered if entered is not None else self._make_missing(at, here))
                if entered is not None:
                    self._changes(found, here)
            at, place = found, here
            if not todo:
                break
        self._places[parts] = place
        self._bring(place)
        return at, place

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
                        what = _of(found)
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
            depth = len(here)
            for place in [p for p in self._open if p[:depth] == here]:
                self._leave(self._open.pop(place))
            for place in [p for p in self._times if p[:depth] == here]:
                del self._times[place]
            self._places = {(): ()}

    def _forget_link(self, here: Parts) -> None:
        """A symlink goes, if it is one: what it led to is called otherwise from now on."""
        if here in self._links:
            self._links.clear()
            self._places = {(): ()}

    # -- entries --

    def apply(self, reader: TarReader) -> Result:
        """Apply every entry. Raises InvalidArgument for a hostile or broken archive, ResourceExhausted for a full disk, NotFound."""
        result = Result()
        self._budget = reader.budget
        for entry in reader:
            parts = tuple(split_name(entry.name))
            if not parts:
                continue  # the root's own metadata is not the layer's to set
            result.entries += 1
            result.size += entry.real_size
            if entry.real_size > _MAX_FILE_BYTES:
                raise InvalidArgument(f"{shown(entry.name)} is to have {entry.real_size} bytes, more than a file can")
            try:
                self._one(reader, entry, parts)
            except OSError as error:
                if error.errno in (errno.ENOSPC, errno.EDQUOT):
                    raise ResourceExhausted("unpacking: the disk is full; free some space and pull again") from error
                raise InvalidArgument(f"unpacking {shown(entry.name)}: {error.strerror or error}") from error
        self._finish_directories()
        return result

    def _one(self, reader: TarReader, entry: Entry, parts: Parts) -> None:
        if WHITEOUT in entry.name and any(part.startswith(WHITEOUT) for part in parts[:-1]):
            if any(part.startswith(RESERVED) for part in parts[:-1]):
                return  # what older union file systems kept beside their files
            raise InvalidArgument(f"entry {shown(entry.name)} is below a whiteout")
        at, place = self._directory(parts[:-1])
        name = parts[-1]
        if name == OPAQUE:
            self._empty(place)
            return
        if name.startswith(WHITEOUT):
            original = hidden_name(name)
            if original is not None:
                self._whiteout(at, (*place, original))
            return
        here = (*place, name)
        kind = entry.type
        if kind == tar.CHARACTER and not entry.major and not entry.minor:
            self._whiteout(at, here)
            return
        self._forget_link(here)
        self._bring(here)
        if kind == tar.REGULAR:
            what = self._attributes(entry, stat.S_IFREG)
            try:
                self._make_file(at, name, what, reader, entry)
            except FileExistsError:
                self._clear(at, here)
                self._make_file(at, name, what, reader, entry)
        elif kind == tar.DIRECTORY:
            self._directory_entry(at, here, self._attributes(entry, stat.S_IFDIR))
        elif kind == tar.SYMLINK:
            target, what = link_target(entry), self._attributes(entry, stat.S_IFLNK)
            self._clear(at, here)
            self._make_symlink(at, name, what, target)
        elif kind == tar.HARDLINK:
            self._hard_link(entry, at, here)
        elif kind in _SPECIAL:
            major, minor = device(entry) if kind != tar.FIFO else (0, 0)
            what = self._attributes(entry, _SPECIAL[kind])
            self._clear(at, here)
            self._make_special(at, name, what, _SPECIAL[kind], major, minor)
        else:
            raise InvalidArgument(f"unhandled tar header type {kind!r} of {entry.name!r}")

    def _attributes(self, entry: Entry, kind: int) -> Attributes:
        return attributes(entry, kind, self._user_xattr)

    def _directory_entry(self, at: D, here: Parts, what: Attributes) -> None:
        name = here[-1]
        self._times[here] = (what.atime_ns, what.mtime_ns)
        what = self._put_off(here, what)
        try:
            made = self._make_directory(at, name, what)
        except FileExistsError:
            there = self._open.get(here)
            if there is None and (there := self._enter(at, name)) is not None:
                self._keep_open(here, there)
            if there is not None:
                self._dress(there, what)
                return
            self._remove(at, name)
            made = self._make_directory(at, name, what)
            self._cover(made, here)
        self._keep_open(here, made)

    # -- whiteouts --

    def _whiteout(self, at: D, here: Parts) -> None:
        """Hide a name of lower layers."""
        name = here[-1]
        if here in self._brought:
            # What this layer brings stays; below a directory nothing else does.
            if self._kind(at, name) == stat.S_IFDIR:
                self._empty(here)
            return
        self._clear(at, here)
        if self._stacked and not self._is_covered(here) and self._shows(here):
            self._hide(at, name)

    def _shows(self, here: Parts) -> bool:
        """Return whether there is something below to hide, as far as that is known.

        In the root a whiteout does no harm: the kernel always merges roots, and finds whiteouts in what it merges only.
        """
        if self._below is None or len(here) == 1:
            return True
        with self._below.find(here) as found:
            return found is not None

    def _empty(self, place: Parts) -> None:
        """Hide everything of lower layers in a directory. What this layer brought stays."""
        if self._stacked and not place:
            self._empty_root()
            return
        todo = [place]
        while todo:
            above = todo.pop()
            at = self._opened(above)
            for name in self._names(at):
                here = (*above, name)
                # Whiteouts go, too: they were never brought, and the kernel shows those of a directory that it does not merge.
                if here not in self._brought:
                    self._clear(at, here)
                elif self._kind(at, name) == stat.S_IFDIR:
                    todo.append(here)
        self._cover(self._opened(place), place)

    def _empty_root(self) -> None:
        """The kernel looks for no mark on the root of a layer: each name below is hidden by itself."""
        if self._below is None:
            if self._detached:
                raise needs_lower(b"/")
            self._cover(self._root, ())  # whoever learns what is below makes whiteouts of it
            return
        for name in sorted(self._below.names()):
            self._whiteout(self._root, (name,))
        self._covered.add(())

    # -- hard links --

    def _hard_link(self, entry: Entry, at: D, here: Parts) -> None:
        target = tuple(split_name(entry.link))
        if not target:
            raise InvalidArgument(f"hard link {shown(entry.name)} points at the root")
        self._clear(at, here)
        with self._held(at):
            source, place = self._directory(target[:-1])
            there = (*place, target[-1])
            if there == here:
                raise InvalidArgument(f"hard link {shown(entry.name)} points at itself")
            kind = self._kind(source, target[-1])
            if kind is None:
                self._bring_up(entry, source, there)
            elif kind == stat.S_IFDIR:
                raise InvalidArgument(f"hard link {shown(entry.name)} points at a directory")
            elif self._stacked and self._is_hidden(source, target[-1]):
                raise _in_no_layer(entry)
            self._bring(there)
            self._make_link(source, target[-1], at, here[-1])

    def _bring_up(self, entry: Entry, at: D, there: Parts) -> None:
        """The target of a hard link is in a lower layer only: make it here too, as a write to it would.

        Only a regular file's bytes are copied. A device, FIFO or socket is made anew: it is never opened.
        """
        covered = self._is_covered(there)
        if self._detached and not covered:
            raise needs_lower(b"/".join(there))
        if self._below is None or covered:
            raise _in_no_layer(entry)
        with self._below.find(there) as found:
            if found is None:
                raise _in_no_layer(entry)
            kind, what = stat.S_IFMT(found.info.st_mode), _of(found)
            if kind == stat.S_IFDIR:
                raise InvalidArgument(f"hard link {shown(entry.name)} points at a directory")
            leads = found.link()
            if kind == stat.S_IFREG:
                self._budget.copied(found.info.st_size)
                self._copy_file(at, there[-1], what, found, there)
            elif leads is not None:
                self._make_symlink(at, there[-1], what, leads)
            else:
                self._make_special(at, there[-1], what, kind, *found.device)


def _of(found: Found) -> Attributes:
    info = found.info
    return Attributes(
        stat.S_IMODE(info.st_mode),
        info.st_uid,
        info.st_gid,
        max(0, info.st_mtime_ns),
        max(0, info.st_atime_ns),
        found.xattrs(),
    )


def _in_no_layer(entry: Entry) -> NotFound:
    return NotFound(f"hard link {entry.name!r} points at {entry.link!r}, which is in no layer")
