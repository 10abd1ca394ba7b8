"""The interface of a writer of trees: make, look at and remove one name in one directory. ``Layer`` says which name goes where."""

from __future__ import annotations

import abc
from typing import Generic, TypeVar

from argosy.unpack.attributes import Attributes
from argosy.unpack.below import Found, Parts
from argosy.unpack.tar import Entry, TarReader

D = TypeVar("D")


class Writer(abc.ABC, Generic[D]):
    """Writes to a directory tree or into an image. D is what it knows a directory by: a descriptor, or a node."""

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

    def _changes(self, at: D, path: Parts) -> None:
        """An existing directory is about to change."""

    def _put_off(self, path: Parts, what: Attributes) -> Attributes:
        """Return what a directory is to have from the beginning; the rest is remembered for ``_finish_directories``."""
        return what

    def _finish_directories(self) -> None:
        """Give directories what they can have only after everything else: their times."""
