"""Calling runc or crun: one function a verb, errors in the runtime's own words."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from argosy.errors import NotFound, Unknown

_STDERR_BYTES: Final = 16 << 10


class Stdio(NamedTuple):
    """Descriptors a runtime hands to the process it makes."""

    stdin: int
    stdout: int
    stderr: int


def spawn(
    command: Sequence[str], stdio: Stdio, env: Mapping[str, str] | None = None, extra: Sequence[tuple[int, int]] = ()
) -> int:
    """Start a program with these descriptors as 0, 1, 2 (and extra (from, to) pairs); return its pid.

    posix_spawn uses vfork: no copy of our page tables. Raises OSError.
    """
    actions: list[tuple[int, ...]] = []
    # Move sources out of the way of the targets first, or one dup2 may overwrite the next one's source.
    pairs = [(stdio.stdin, 0), (stdio.stdout, 1), (stdio.stderr, 2), *extra]
    moved = [(os.dup(source), target) for source, target in pairs]
    high = [(_above(source), target) for source, target in moved]
    try:
        for source, target in high:
            actions.append((os.POSIX_SPAWN_DUP2, source, target))
        return os.posix_spawn(
            command[0], list(command), dict(os.environ if env is None else env), file_actions=actions, setsigdef=[13]
        )
    finally:
        for source, _ in high:
            os.close(source)


def _above(fd: int, floor: int = 10) -> int:
    """Return a close-on-exec duplicate of fd that is at least floor; fd is closed."""
    import fcntl

    if fd >= floor:
        return fd
    duplicate = fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, floor)
    os.close(fd)
    return duplicate


def exit_code(status: int) -> int:
    """Return a wait status as a shell shows it: 128 + signal for a killed process."""
    code = os.waitstatus_to_exitcode(status)
    return 128 - code if code < 0 else code


def on_path(name: str) -> str | None:
    """Return the program of that name or path. shutil has the same, but takes every shim longer to import than this."""
    places = [""] if "/" in name else os.environ.get("PATH", os.defpath).split(os.pathsep)
    for place in places:
        path = os.path.join(place, name)
        if os.path.isfile(path) and os.access(path, os.X_OK):
            return path
    return None


class Runtime:
    """One OCI runtime binary with its root and options."""

    def __init__(self, binary: str, root: str, systemd_cgroup: bool = False) -> None:
        found = on_path(binary or "runc")
        if found is None:
            raise NotFound(
                f'OCI runtime "{binary or "runc"}" is not installed: executable file not found in $PATH; install it or name another in the options'
            )
        self.binary = found
        self.root = root
        self._systemd = systemd_cgroup

    def _base(self, log: str) -> list[str]:
        command = [self.binary, "--root", self.root, "--log", log, "--log-format", "json"]
        if self._systemd:
            command.append("--systemd-cgroup")
        return command

    def run(self, args: Sequence[str], log: str, stdio: Stdio | None = None, stdin: bytes = b"") -> str:
        """Run one verb to its end; return its output. Raises Unknown in the runtime's own words.

        With stdio the verb makes a process that keeps those descriptors, so that no output can be read.
        """
        try:
            os.truncate(log, 0)
        except FileNotFoundError:
            pass
        command = [*self._base(log), *args]
        if stdio is not None:
            _, status = os.waitpid(spawn(command, stdio), 0)
            if status:
                raise Unknown(self._reason(log, ""))
            return ""
        read, write = os.pipe()
        feed_read, feed_write = os.pipe()
        try:
            pid = spawn(command, Stdio(feed_read, write, write))
        except BaseException:
            os.close(read)
            os.close(feed_write)
            raise
        finally:
            os.close(write)
            os.close(feed_read)
        try:
            with os.fdopen(feed_write, "wb") as feed:
                feed.write(stdin)
        except BrokenPipeError:
            pass  # it did not want all of it
        output = b""
        with os.fdopen(read, "rb") as reader:
            output = reader.read()
        _, status = os.waitpid(pid, 0)
        text = output.decode("utf-8", "replace")
        if status:
            raise Unknown(self._reason(log, text))
        return text

    @staticmethod
    def _reason(log: str, output: str) -> str:
        """Return the last error of the runtime's log, or what it printed."""
        try:
            with open(log, encoding="utf-8", errors="replace") as lines:
                for line in reversed(lines.readlines()):
                    try:
                        entry = json.loads(line)
                    except ValueError:
                        continue
                    if entry.get("level") == "error" and entry.get("msg"):
                        return str(entry["msg"])
        except OSError:
            pass  # no log; what it printed is all there is
        return output.strip()[-_STDERR_BYTES:] or "the runtime failed without a word"
