"""How a layer is read: what its entries, whiteouts and links mean, for every kind of writer.

A writer (a directory, an image) makes and removes single names in a directory that it was given (``writer``); in which directory
an entry belongs is said by ``directories``, and what becomes of it there is decided here. So overlay, native and erofs hold the
same tree for every archive.

* Whiteouts (OCI image spec, layer.md) are about lower layers only: ``.wh.NAME`` hides NAME, ``.wh..wh..opq`` everything in its
  directory, and what the same layer brings stays, in whichever order they come. A character device 0/0 is a whiteout.
* A directory where the layer had something else is new: nothing below shows through.
"""

from __future__ import annotations

import errno
import stat
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, TypeVar

from argosy.errors import InvalidArgument, NotFound, ResourceExhausted
from argosy.shown import shown
from argosy.unpack import tar
from argosy.unpack.attributes import Attributes, attributes, device, link_target
from argosy.unpack.below import Parts
from argosy.unpack.directories import Directories, attributes_of, needs_lower
from argosy.unpack.limits import Budget
from argosy.unpack.names import OPAQUE, RESERVED, WHITEOUT, hidden_name, split_name
from argosy.unpack.tar import Entry, TarReader

_MAX_FILE_BYTES: Final = (1 << 63) - 1
_SPECIAL: Final = {tar.CHARACTER: stat.S_IFCHR, tar.BLOCK_DEVICE: stat.S_IFBLK, tar.FIFO: stat.S_IFIFO}

D = TypeVar("D")


@dataclass
class Result:
    """Counts of one applied archive: its entries, and the bytes of their files."""

    entries: int = 0
    size: int = 0


class Layer(Directories[D]):
    """Applies one archive to a tree. D is what a writer knows a directory by.

    stacked: the tree is one layer of a stack, and whiteouts stay in it; otherwise it is the whole tree, and they delete. lowers are
    the directories below, nearest first; none means that nobody knows yet what will be below. detached: FailedPrecondition is
    raised for an archive that can't be written without knowing that.
    """

    def __init__(
        self, root: D, stacked: bool, lowers: Sequence[str] = (), detached: bool = False, user_xattr: bool = False
    ) -> None:
        self._opaque_xattr = "user.overlay.opaque" if user_xattr else "trusted.overlay.opaque"
        super().__init__(root, stacked, lowers, detached, self._opaque_xattr)
        self._budget = Budget()
        self._user_xattr = user_xattr

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
        at, path = self._directory(parts[:-1])
        name = parts[-1]
        if name == OPAQUE:
            self._empty(path)
            return
        if name.startswith(WHITEOUT):
            original = hidden_name(name)
            if original is not None:
                self._whiteout(at, (*path, original))
            return
        here = (*path, name)
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
            raise InvalidArgument(f"unhandled tar header type {shown(kind)} of {shown(entry.name)}")

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

    def _empty(self, path: Parts) -> None:
        """Hide everything of lower layers in a directory. What this layer brought stays."""
        if self._stacked and not path:
            self._empty_root()
            return
        todo = [path]
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
        self._cover(self._opened(path), path)

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
            source, path = self._directory(target[:-1])
            there = (*path, target[-1])
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
            kind, what = stat.S_IFMT(found.info.st_mode), attributes_of(found)
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


def _in_no_layer(entry: Entry) -> NotFound:
    return NotFound(f"hard link {shown(entry.name)} points at {shown(entry.link)}, which is in no layer")
