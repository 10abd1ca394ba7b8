"""The transformers that make something: a directory (``mkdir``), a file with a file system in it (``mkfs``).

Both make it beneath roots only. The way there is resolved by the kernel beneath the root, without a symlink (openat2); what is made is
made in the directory that was found, and not by its name. A file that is there already is never formatted, whatever is in it: an image
gets its name when it is a file system, and not before, so that whoever dies meanwhile leaves nothing.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Final, NamedTuple

from argosy.errors import FailedPrecondition, InvalidArgument, NotFound, Unimplemented
from argosy.kernel.path import RESOLVE_BENEATH, RESOLVE_NO_SYMLINKS, open_in_root
from argosy.mounts import Mount

MKDIR: Final = "X-containerd.mkdir."
MKFS: Final = "X-containerd.mkfs."
# The programs that make a file system, and how each is told its UUID.
_UUID_FLAG: Final = {"ext2": "-U", "ext3": "-U", "ext4": "-U", "xfs": "-m"}
_UUID: Final = re.compile(r"[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}")
_SIZE: Final = re.compile(r"(\d{1,15})(?:\.(\d{1,6}))? ?([kmgtp]?)(?:i?b)?", re.IGNORECASE)
_UNITS: Final = {"": 0, "k": 10, "m": 20, "g": 30, "t": 40, "p": 50}
_MKFS_S: Final = 120.0
_SAID_BYTES: Final = 2048
_FILE_MODE: Final = 0o640
_DIRECTORY_MODE: Final = 0o700
# Nobody may ask for the sticky bit: one with this mode is half made, by whoever died.
_HALF_MADE: Final = 0o1700


@contextmanager
def parent_beneath(path: str, roots: Sequence[str], what: str) -> Iterator[tuple[int, str]]:
    """Yield a descriptor of the directory in which path is to be, and its name there.

    Raises Unimplemented for a path beneath no root, in containerd's words with what for what is made; InvalidArgument, OSError.
    """
    parts = path.split("/")
    if not path.startswith("/") or ".." in parts or "." in parts or not parts[-1]:
        raise InvalidArgument(f'{what}: "{path}" is no plain absolute path')
    root = max((root for root in roots if path.startswith(root.rstrip("/") + "/")), key=len, default=None)
    if root is None:
        raise Unimplemented(f'no root "{os.path.dirname(path)}" configured for {what}')
    folder, name = os.path.split(path[len(root.rstrip("/")) :].lstrip("/"))
    top = os.open(root, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        flags = os.O_RDONLY | os.O_DIRECTORY
        parent = open_in_root(top, folder or ".", flags, resolve=RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS)
    finally:
        os.close(top)
    try:
        yield parent, name
    finally:
        os.close(parent)


def _taken(mount: Mount, prefix: str) -> tuple[list[tuple[str, str]], Mount]:
    """Return a transformer's options as (key, value), and the mount without them."""
    own = [option for option in mount.options if option.startswith(prefix)]
    rest = tuple(option for option in mount.options if not option.startswith(prefix))
    pairs = [(key[len(prefix) :], value) for key, _, value in (option.partition("=") for option in own)]
    return pairs, mount._replace(options=rest)


# -- mkdir --


class _Wanted(NamedTuple):
    path: str
    mode: int


def _directory(text: str) -> _Wanted:
    """Take ``PATH[:MODE[:UID:GID]]`` apart. Raises InvalidArgument, Unimplemented for another owner."""
    path, *more = text.split(":")
    if len(more) not in (0, 1, 3):
        raise InvalidArgument(f'mkdir: "{text}" is none of PATH, PATH:MODE and PATH:MODE:UID:GID')
    mode = _DIRECTORY_MODE
    if more:
        if not re.fullmatch(r"[0-7]{1,5}", more[0]) or int(more[0], 8) > 0o777:
            raise InvalidArgument(f'mkdir: the mode "{more[0]}" of {path} is no octal number up to 0777')
        mode = int(more[0], 8)
    for given, ours in zip(more[1:], (os.geteuid(), os.getegid()), strict=False):
        if not re.fullmatch(r"\d{1,10}", given):
            raise InvalidArgument(f'mkdir: "{given}" is no number of a user or group')
        if int(given) != ours:
            raise Unimplemented(f"chown not supported yet: {path} would be of {more[1]}:{more[2]}")
    return _Wanted(path, mode)


def make_directories(mount: Mount, roots: Sequence[str]) -> Mount:
    """Make the directories that a mount's options name, each in one that is there; return the mount without these options.

    One that is there with the mode that is wanted is fine. Raises what ``parent_beneath`` does, Unimplemented for one of another mode.
    """
    pairs, rest = _taken(mount, MKDIR)
    wanted: list[_Wanted] = []
    for key, value in pairs:
        if key != "path":
            raise InvalidArgument(f'mkdir: unknown option "{MKDIR}{key}"; use {MKDIR}path')
        wanted.append(_directory(value))
    for path, mode in wanted:
        with parent_beneath(path, roots, "mkdir") as (parent, name):
            with suppress(FileExistsError):
                os.mkdir(name, _HALF_MADE, dir_fd=parent)
            fd = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=parent)
            try:
                found = stat.S_IMODE(os.fstat(fd).st_mode)
                if found == _HALF_MADE:
                    os.fchmod(fd, mode)
                elif found != mode:
                    raise Unimplemented(f"mkdir: {path} is there with the mode {found:04o}, not {mode:04o}")
            finally:
                os.close(fd)
    return rest


# -- mkfs --


def size_of(text: str) -> int:
    """Return bytes: a number with a unit of 1024, as ``16MiB``, ``1g`` or ``1.5 GB``. Raises InvalidArgument."""
    found = _SIZE.fullmatch(text)
    if found is None:
        raise InvalidArgument(f'mkfs: "{text}" is no size; write it as 16MiB or 1g')
    scale = 1 << _UNITS[found[3].lower()]
    size = int(found[1]) * scale
    if found[2]:
        size += int(found[2]) * scale // 10 ** len(found[2])
    if not 0 < size < 1 << 60:
        raise InvalidArgument(f'mkfs: "{text}" is no size that a file can have')
    return size


def make_file_system(mount: Mount, roots: Sequence[str], flags: Sequence[str] = ()) -> Mount:
    """Make the image that is a mount's source, unless it is there; return the mount without the options of ``mkfs``.

    flags are the program's own, for who knows which it is. Blocks while the file system is made. Raises InvalidArgument, what
    ``parent_beneath`` does, FailedPrecondition when mkfs fails, NotFound when it is not installed.
    """
    pairs, rest = _taken(mount, MKFS)
    size, kind, uuid = 0, "ext4", ""
    for key, value in pairs:
        if key == "size":
            size = size_of(value)
        elif key == "fs":
            kind = value
        elif key == "uuid":
            uuid = value
        else:
            raise InvalidArgument(f'mkfs: unknown option "{MKFS}{key}"; use size, fs and uuid')
    if kind not in _UUID_FLAG:
        raise InvalidArgument(f'mkfs: "{kind}" is none of {", ".join(_UUID_FLAG)}')
    if uuid and not _UUID.fullmatch(uuid):
        raise InvalidArgument(f'mkfs: "{uuid}" is no UUID')
    if not size:
        raise InvalidArgument(f'mkfs: no size is given for "{mount.source}"; add the option {MKFS}size=16MiB')
    with parent_beneath(mount.source, roots, "mkfs") as (parent, name):
        try:
            found = os.stat(name, dir_fd=parent, follow_symlinks=False)
        except FileNotFoundError:
            _make_image(parent, name, size, kind, uuid, flags)
        else:
            if not stat.S_ISREG(found.st_mode):
                raise FailedPrecondition(f"mkfs: {mount.source} is there, and no regular file; name another")
    return rest


def _make_image(parent: int, name: str, size: int, kind: str, uuid: str, flags: Sequence[str]) -> None:
    """Make a file system in a file without a name, and give it one that is free."""
    hidden = ""
    try:
        fd = os.open(".", os.O_TMPFILE | os.O_RDWR | os.O_CLOEXEC, _FILE_MODE, dir_fd=parent)
    except OSError:  # not every file system has files without a name
        hidden = f".{name}.{os.urandom(6).hex()}"
        fd = os.open(hidden, os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_CLOEXEC, _FILE_MODE, dir_fd=parent)
    try:
        os.fchmod(fd, _FILE_MODE)
        os.ftruncate(fd, size)
        _run_mkfs(fd, name, kind, uuid, flags)
        os.fsync(fd)
        with suppress(FileExistsError):  # somebody else was faster, with a whole one
            if hidden:
                os.link(hidden, name, src_dir_fd=parent, dst_dir_fd=parent, follow_symlinks=False)
            else:
                os.link(f"/proc/self/fd/{fd}", name, dst_dir_fd=parent, follow_symlinks=True)
        os.fsync(parent)
    finally:
        os.close(fd)
        if hidden:
            with suppress(FileNotFoundError):
                os.unlink(hidden, dir_fd=parent)


def _run_mkfs(fd: int, name: str, kind: str, uuid: str, flags: Sequence[str]) -> None:
    """Run mkfs on a descriptor, which is the only one of ours that it gets."""
    import shutil  # slow to import, and few mounts need it
    import subprocess

    program = shutil.which(f"mkfs.{kind}")
    if program is None:
        package = "xfsprogs" if kind == "xfs" else "e2fsprogs"
        raise NotFound(f"mkfs.{kind}, which makes {name}, is not on PATH; install {package}")
    words = [program, "-q", "-f" if kind == "xfs" else "-F", *flags]
    if uuid:
        words += [_UUID_FLAG[kind], f"uuid={uuid}" if kind == "xfs" else uuid]
    try:
        done = subprocess.run(
            [*words, f"/proc/self/fd/{fd}"], pass_fds=(fd,), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, timeout=_MKFS_S, check=False, cwd="/",
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        raise FailedPrecondition(f"mkfs.{kind} did not make {name} in {_MKFS_S:g} s") from None
    if done.returncode:
        said = done.stdout[:_SAID_BYTES].decode("utf-8", "replace").strip()
        raise FailedPrecondition(f"mkfs.{kind} could not make {name} (code {done.returncode}): {said or 'without a word'}")
