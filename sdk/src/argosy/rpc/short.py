"""Where a mesh's sockets are when its state directory's path is too long for them: a short directory of our own.

    /run/argosy-sockets/             0700
        <16 hex digits>/             0700   the hash of a state directory's path, so that each start finds the same
            state ->                        that state directory
            s/                       0700   sockets of shims
            NAME.sock

Without root it is below XDG_RUNTIME_DIR, or /tmp. A directory whose state directory has gone is swept at the next start of
any mesh, unless somebody answers in it: a shim outlives whatever is removed beside it.
"""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from argosy.errors import FailedPrecondition
from argosy.roots import private
from argosy.rpc.sockets import MAX_PATH_BYTES, answers

# Shims of ours name their sockets by a SHA-256, in a directory "s".
SHIM_BYTES: Final = len("s/") + 64
_RECORD: Final = "state"
_ATTEMPTS: Final = 5


def base() -> Path:
    """Return where the short directories are."""
    if os.geteuid() == 0:
        return Path("/run/argosy-sockets")
    return Path(os.environ.get("XDG_RUNTIME_DIR") or "/tmp") / f"argosy-{os.geteuid()}-sockets"


def fits(path: str | os.PathLike[str]) -> bool:
    """Return whether a socket can have this path."""
    return len(os.fsencode(path)) <= MAX_PATH_BYTES


def directory_for(state: str | os.PathLike[str], longest: int = SHIM_BYTES) -> Path:
    """Return the directory of sockets whose names have at most so many bytes: state, or its short one. Makes nothing."""
    path = os.path.abspath(state)
    if fits(os.path.join(path, "x" * longest)):
        return Path(path)
    from hashlib import sha256  # slow to import, and few need it

    return base() / sha256(os.fsencode(path)).hexdigest()[:16]


def make(directory: Path, state: str | os.PathLike[str]) -> None:
    """Make what ``directory_for`` returned, closed to others. Raises FailedPrecondition when there is one of somebody else's, OSError."""
    if directory.parent != base():
        private(directory)
        return
    for attempt in range(_ATTEMPTS):
        try:
            for path in (directory.parent, directory):
                _ours(path)
            with contextlib.suppress(FileExistsError):
                os.symlink(os.path.abspath(state), directory / _RECORD)
            return
        except FileNotFoundError:  # swept by another mesh before it said whose it is
            if attempt == _ATTEMPTS - 1:
                raise


def _ours(path: Path) -> None:
    with contextlib.suppress(FileExistsError):
        os.mkdir(path, 0o700)
    if not _is_ours(path.lstat()):
        raise FailedPrecondition(
            f"{path} is not a directory of user {os.geteuid()}, and sockets are to be made in it; remove it, or use a shorter state directory"
        )
    path.chmod(0o700)


def _is_ours(found: os.stat_result) -> bool:
    return stat.S_ISDIR(found.st_mode) and found.st_uid == os.geteuid()


def sweep() -> None:
    """Remove the directories whose state directory has gone, and in which nobody answers."""
    import shutil  # the same

    try:
        # Without root it may be anybody's, and a link of theirs to a directory of ours: nothing is removed there.
        if not _is_ours(base().lstat()):
            return
        found = sorted(base().iterdir())
    except OSError:  # it has gone, or was never there
        return
    for directory in found:
        record = directory / _RECORD
        if record.is_symlink():
            if not record.exists() and not any(map(answers, _sockets(directory))):
                shutil.rmtree(directory, ignore_errors=True)
        else:
            with contextlib.suppress(OSError):  # not empty: not ours, or about to say whose it is
                directory.rmdir()


def leave(directory: Path) -> None:
    """Remove a short directory in which nobody answers; a directory of another kind is left alone."""
    if directory.parent == base() and not any(map(answers, _sockets(directory))):
        import shutil  # the same

        shutil.rmtree(directory, ignore_errors=True)


def _sockets(directory: Path) -> Iterator[Path]:
    for at, _, names in os.walk(directory):
        yield from (path for path in (Path(at) / name for name in names) if path.is_socket())
