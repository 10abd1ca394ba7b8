"""Calling runc or crun: one function a verb, errors in the runtime's own words."""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import stat
import threading
from collections.abc import Iterator, Sequence
from typing import Final

from argosy.errors import NotFound, Unknown
from argosy.kernel.process import lives
from argosy.shim.spawn import Stdio, on_path, spawn, wait

_RELEASE_MS: Final = 5000
_STDERR_BYTES: Final = 16 << 10


class Verb:
    """A verb of the runtime that may have to be ended: it can hang on what a container has made of its own files."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._pidfd = -1
        self._pid = 0
        self.ended = False

    @contextlib.contextmanager
    def runs(self, pid: int) -> Iterator[None]:
        """It is child pid meanwhile, which is waited for here."""
        with self._lock:
            self._pid, self._pidfd = pid, os.pidfd_open(pid)
            if self.ended:
                self._kill()
        try:
            yield
        finally:
            with self._lock:
                os.close(self._pidfd)
                self._pid, self._pidfd = 0, -1

    def end(self) -> None:
        """Kill it, at once or as soon as it runs, with what it has started in the container. Safe to call twice, from any thread."""
        with self._lock:
            self.ended = True
            if self._pidfd >= 0:
                self._kill()

    def _kill(self) -> None:
        started = []
        # Those that it has started would wait on without it.
        with contextlib.suppress(OSError), open(f"/proc/{self._pid}/task/{self._pid}/children") as children:
            for child in children.read().split():
                with contextlib.suppress(OSError):
                    started.append(os.pidfd_open(int(child)))
        try:
            # Where it has been waited for, its number may be another's by now, and so may these children: then none is killed.
            signal.pidfd_send_signal(self._pidfd, signal.SIGKILL)
            for fd in started:
                with contextlib.suppress(ProcessLookupError):
                    signal.pidfd_send_signal(fd, signal.SIGKILL)
        except ProcessLookupError:
            pass  # it has ended
        finally:
            for fd in started:
                os.close(fd)


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

    def run(
        self,
        args: Sequence[str],
        log: str,
        stdio: Stdio | None = None,
        stdin: bytes = b"",
        verb: Verb | None = None,
    ) -> str:
        """Run one verb to its end; return its output. Raises Unknown in the runtime's own words.

        With stdio the verb makes a process that keeps those descriptors, so that no output can be read; verb can end it then.
        """
        try:
            os.truncate(log, 0)
        except FileNotFoundError:
            pass
        command = [*self._base(log), *args]
        if stdio is not None:
            pid = spawn(command, stdio)
            with verb.runs(pid) if verb is not None else contextlib.nullcontext():
                status = wait(pid)
            if status:
                raise Unknown(
                    "it was killed while it was being started" if verb is not None and verb.ended else self._reason(log, "")
                )
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
        status = wait(pid)
        text = output.decode("utf-8", "replace")
        if status:
            raise Unknown(self._reason(log, text))
        return text

    def release(self, id: str, init: int) -> bool:
        """Let a created container's init go on, as ``runc start`` does; false where that verb has to do it.

        init is its pidfd, -1 for none. A created init waits at a FIFO in its state directory: whoever reads from it starts it, and takes it away,
        so that the state is "running" for every other runc. That is runc's and nobody else's way.
        """
        if init < 0 or not self._is_runc():
            return False
        path = os.path.join(self.root, id, "exec.fifo")
        try:
            if not stat.S_ISFIFO(os.lstat(path).st_mode):
                return False
            fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError:
            return False
        try:
            poll = select.poll()
            poll.register(fd, select.POLLIN)
            poll.register(init, select.POLLIN)
            if not poll.poll(_RELEASE_MS) or not os.read(fd, 16):
                return False  # it has ended, or stands still: runc says it in its own words
        except BlockingIOError:
            return False
        finally:
            os.close(fd)
        # It goes on whatever comes now: runc start would find nothing to start.
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)
        return True

    def forget(self, id: str) -> bool:
        """Take away what is left of a container that has ended, as ``runc delete`` does; false where that verb has to do it.

        That is its cgroups, and then its state directory. In every case that is not the plain one nothing is taken away, or some of
        the cgroups, which the verb does not miss.
        """
        if self._systemd or not self._is_runc():
            return False
        home = os.path.join(self.root, id)
        try:
            with open(os.path.join(home, "state.json")) as file:
                state = json.load(file)
            config = state["config"]
            # In a PID namespace of its own nobody has outlived init.
            alone = any(n["type"] == "NEWPID" and not n["path"] for n in config["namespaces"])
            more = (
                (config.get("Hooks") or {}).get("poststop")
                or config["cgroups"].get("Systemd")
                or state.get("intel_rdt_path")
            )
            cgroups = [str(path) for path in state["cgroup_paths"].values()]
            began = int(state["init_process_start"])
            pid = int(state["init_process_pid"])
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return False
        if not alone or more or lives(pid, began):
            return False
        try:
            for path in set(cgroups):
                with contextlib.suppress(FileNotFoundError):
                    os.rmdir(path)  # EBUSY: somebody is in it or below it
            for name in os.listdir(home):
                os.unlink(os.path.join(home, name))
            os.rmdir(home)
        except OSError:
            return False
        return True

    def _is_runc(self) -> bool:
        return os.path.basename(os.path.realpath(self.binary)) == "runc"

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
