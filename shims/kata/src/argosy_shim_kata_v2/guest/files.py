"""A copy out of or into a container, in the guest: a child of the agent, which does what ``argosy.paths`` does on a host, with its very code.

The guest has that code, and the modules that it imports, in the image. They are loaded by the child, which is forked and not started: under emulation
an interpreter's start takes longer than most copies.
"""

from __future__ import annotations

import errno
import os
import resource
import signal

from argosy_shim_kata_v2.guest.system import LIBC, openat2, put, system, text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import IO

# A child that needs more than this ends with an error: what else is in the guest needs the rest.
MEMORY_BYTES = 128 << 20
# All together: each costs some 8 MB of what is kept for the guest.
MOST = 4
WORD_BYTES = 8192
PACK = "pack"
CHUNK = 64 << 10
RESOLVE_NO_XDEV, RESOLVE_NO_MAGICLINKS, RESOLVE_IN_ROOT = 0x01, 0x02, 0x10
ROOT, WORD = 3, 4


class Copying:
    """A child that copies. Word is where it says how it ended, mounts the mount namespace of its container, -1 for ours.

    As long as that is open, what is mounted below the root stays: what is written to a volume when the container has just ended is not to go to the
    directory underneath.
    """

    def __init__(self, container: str, base: int, pid: int, word: int, mounts: int, began: float) -> None:
        self.container, self.base, self.pid, self.word, self.mounts, self.began = container, base, pid, word, mounts, began


def fork(root: int, stdin: int, stdout: int, word: int, verb: str, path: str, what: str, walk: bool, owners: bool) -> int:
    """Begin a copy; return its pid. Root is a descriptor of the container's, the three others are the child's own in- and output."""
    pid = os.fork()
    if pid:
        return pid
    # Nothing of this may come back: from here on there would be two agents.
    code = 1
    try:
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # nobody takes what we read: there is nobody to be told
        moved = [os.dup(fd) for fd in (stdin, stdout, root, word)]
        high = [_above(fd) for fd in moved]
        for fd, target in zip(high, (0, 1, ROOT, WORD)):  # noqa: B905 # both are four
            os.dup2(fd, target, inheritable=False)
        # The pipes of containers among them: who reads one waits for the last that could write.
        os.closerange(WORD + 1, os.sysconf("SC_OPEN_MAX"))
        os.umask(0)
        # Where memory is short, a copy goes before a container does.
        put("/proc/self/oom_score_adj", "1000")
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
        code = _copy(verb, path, what, walk, owners)
    finally:
        os._exit(code)


def _above(fd: int) -> int:
    import fcntl

    return fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, 16)


class _Output:
    """Standard output, all of what is written."""

    def write(self, data: bytes) -> int:
        view = memoryview(data)
        while view:
            view = view[os.write(1, view) :]
        return len(data)


def _input() -> Iterator[bytes]:
    while data := os.read(0, CHUNK):
        yield data


def _copy(verb: str, path: str, what: str, walk: bool, owners: bool) -> int:
    """Do it, and say how it ended; return the exit code."""
    from typing import cast

    from argosy.errors import ResourceExhausted
    from argosy.paths.order import say

    error: BaseException | None = None
    try:
        if verb == PACK:
            from argosy.paths.packing import pack

            pack(ROOT, path, cast("IO[bytes]", _Output()), what=what, walk=walk, owners=owners)
        else:
            from argosy.paths.placing import Rules, place

            place(ROOT, path, _input(), what=what, rules=Rules(owners=owners))
    except MemoryError:
        error = ResourceExhausted(f"{what} has more names than a copy of its VM has memory for; copy a part of them")
    except BaseException as failed:
        error = failed
    say(WORD, error)
    return int(error is not None)


# -- whether the host can do it --


def _identity(fd: int) -> tuple[int, int]:
    """Return a descriptor's mount and its inode, without a question to the file system that they are of."""
    rows = dict(line.split(":", 1) for line in text(f"/proc/self/fdinfo/{fd}").splitlines())
    return int(rows["mnt_id"]), int(rows["ino"])


def _unescaped(name: str) -> str:
    """Return a name as it is, of one as the kernel's table of mounts has it: blanks and backslashes are three octal digits there."""
    first, *rest = name.split("\\")
    return first + "".join(chr(int(part[:3], 8)) + part[3:] for part in rest)


def _mounts(process: str) -> dict[int, tuple[str, str, list[str]]]:
    """Return what a process has mounted, by the mount's number: type, mount point, options."""
    found = {}
    for line in text(f"/proc/{process}/mountinfo").splitlines():
        row, _, source = line.partition(" - ")
        fields = row.split(" ")
        found[int(fields[0])] = (source.split(" ")[0], _unescaped(fields[4]), fields[5].split(","))
    return found


def shared(process: str, root: int, folder: str, path: str, follow: bool, writes: bool) -> bool:
    """Return whether what is at path below a process's root (a descriptor; process is a pid, or self) is at the same path below folder, a directory that the host shares.

    So it is where the root is that directory, no mount is on the way, and none below what path leads to. Asks the share's file system and no other.
    """
    try:
        there = os.open(folder, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        (mount, inode), (ours, same) = _identity(root), _identity(there)
    finally:
        os.close(there)
    theirs, known = _mounts(process), _mounts("self")
    # A mount of the host's below the share is a file system of its own, and another one for each who came to it first; the inodes are the host's.
    if inode != same or [table[n][0] for table, n in ((theirs, mount), (known, ours)) if n in table] != ["virtiofs"] * 2:
        return False
    if writes and "ro" in theirs[mount][2]:
        return False
    flags = os.O_PATH | os.O_CLOEXEC | (0 if follow else os.O_NOFOLLOW)
    try:
        fd = openat2(root, path or "/", flags, RESOLVE_IN_ROOT | RESOLVE_NO_XDEV | RESOLVE_NO_MAGICLINKS)
    except OSError as error:
        # What is not there, the host does not find either, and says so.
        return error.errno in (errno.ENOENT, errno.ENOTDIR)
    try:
        below = os.readlink(f"/proc/self/fd/{fd}").rstrip("/") + "/"
    finally:
        os.close(fd)
    points = [point for number, (_, point, _) in theirs.items() if number != mount]
    return not any((point.rstrip("/") + "/").startswith(below) for point in points)


def write_back(root: int) -> None:
    """Have the host get what is only in memory of a root file system. Others are left alone: one of the container's own may never answer."""
    fd = os.open(".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=root)
    try:
        system(LIBC.syncfs(fd), "syncfs")
    finally:
        os.close(fd)
