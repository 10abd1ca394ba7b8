"""A layer that was written before anybody knew what would be below it, now that it is known: what hides nothing goes.

A whiteout of a name that no lower layer shows is not only useless. Where a directory has nothing to be merged with, the kernel lists
it as it is, and the whiteout is a name that cannot be opened. A mark on the root of a layer it does not look for at all.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Final

from argosy.kernel.descent import Entered, descend
from argosy.unpack.below import Below, Parts, is_whiteout

TRUSTED_OPAQUE: Final = "trusted.overlay.opaque"


@contextmanager
def layers_below(lowers: Sequence[str], opaque_xattr: str = TRUSTED_OPAQUE) -> Iterator[Below | None]:
    """Yield what is below a layer; None where nothing is. Raises OSError."""
    below = Below(lowers, opaque_xattr) if lowers else None
    try:
        yield below
    finally:
        if below is not None:
            below.close()


def useless(below: Below | None, here: Parts, covered: bool) -> bool:
    """Return whether a whiteout at here hides nothing; covered: it is in an opaque directory."""
    if below is None or covered:
        return True
    with below.find(here) as found:
        return found is None


def _is_opaque(fd: int, xattr: str) -> bool:
    try:
        return os.getxattr(fd, xattr) == b"y"
    except OSError:
        return False  # there is none


def _useless_ones(root: str, below: Below | None, xattr: str) -> Iterator[tuple[int, str]]:
    """Yield the useless whiteouts of a tree: the directory's descriptor, for the step only, and the name.

    The name is empty for an opaque directory's mark, where nothing is below it.
    """
    stack: list[tuple[Parts, bool]] = []
    for step in descend(root):
        if not isinstance(step, Entered):
            stack.pop()
            continue
        path, covered = stack[-1] if stack else ((), False)
        if stack:
            path = (*path, os.fsencode(step.name))
        if _is_opaque(step.fd, xattr):
            covered = True
            if below is None:
                yield step.fd, ""
        stack.append((path, covered))
        for entry in step.entries:
            # What the directory says of the kind spares nearly all of the lstats.
            if entry.is_dir(follow_symlinks=False) or entry.is_file(follow_symlinks=False) or entry.is_symlink():
                continue
            if is_whiteout(entry.stat(follow_symlinks=False)) and useless(below, (*path, os.fsencode(entry.name)), covered):
                yield step.fd, entry.name


def is_settled(root: str, lowers: Sequence[str]) -> bool:
    """Return whether everything in a tree, which is only read, hides something of lowers. Raises OSError."""
    with layers_below(lowers) as below:
        fd = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            if _is_opaque(fd, TRUSTED_OPAQUE):
                return False
        finally:
            os.close(fd)
        return next(_useless_ones(root, below, TRUSTED_OPAQUE), None) is None


def settle_tree(root: str, lowers: Sequence[str], xattr: str = TRUSTED_OPAQUE) -> None:
    """Remove the useless whiteouts of a tree, and make whiteouts of a mark on its root. Raises OSError."""
    with layers_below(lowers, xattr) as below:
        fd = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            if _is_opaque(fd, xattr):
                _hide_all(fd, below, xattr)
        finally:
            os.close(fd)
        for directory, name in _useless_ones(root, below, xattr):
            info = os.fstat(directory)
            if not name:
                os.removexattr(directory, xattr)
                continue
            os.unlink(name, dir_fd=directory)
            os.utime(directory, ns=(info.st_atime_ns, info.st_mtime_ns))


def _hide_all(root: int, below: Below | None, xattr: str) -> None:
    for name in sorted(below.names()) if below is not None else ():
        try:
            child = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=root)
        except FileNotFoundError:
            os.mknod(name, stat.S_IFCHR, 0, dir_fd=root)
        except OSError:
            continue  # no directory: it hides what is below as it is
        else:
            try:
                os.setxattr(child, xattr, b"y")
            finally:
                os.close(child)
    # Last: a crash before leaves the mark, and all of this is done again.
    os.removexattr(root, xattr)
