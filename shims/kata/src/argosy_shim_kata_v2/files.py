"""Files of a container in a VM: copied on the host where they are in a directory that it shares, else by the agent, through the stdio port.

Which of the two it is is asked when the first byte is wanted, in the transfer's own thread: the shim's loop does not wait for a guest.
"""

from __future__ import annotations

import json
import os
import threading
import time
from pathlib import Path
from typing import Final

from argosy.errors import (
    Aborted,
    ArgosyError,
    DeadlineExceeded,
    FailedPrecondition,
    Internal,
    InvalidArgument,
    NotFound,
    Unavailable,
    Unimplemented,
    from_wire,
)
from argosy.paths.names import MOST_PATH_BYTES, follows
from argosy.paths.order import PACK, failure
from argosy.shim.copies import DEATH_S, SILENCE_S, Copying, Files, Tree

from argosy_shim_kata_v2.channel import plain
from argosy_shim_kata_v2.guest.files import WORD_BYTES
from argosy_shim_kata_v2.machine import Machine
from argosy_shim_kata_v2.share import GUEST, ROOTFS

# Under emulation the guest loads its modules for some seconds, while others of its containers want the same processor.
_BEGIN_S: Final = 60.0
# How often who waits for a copy's end looks whether it is still wanted.
_LOOK_S: Final = 0.5


class VmFiles(Files):
    """The files of one container. root is where the host has its root file system, None where only the guest has that."""

    def __init__(self, container: str, machine: Machine, root: Path | None) -> None:
        self._container, self._machine, self._root = container, machine, root

    def close(self) -> None:
        """Nothing is open yet."""

    def copy(self, container: str, verb: str, path: str, *, walk: bool, owners: bool) -> Copying:
        """Return a copy that begins with its first byte. Raises InvalidArgument."""
        if "\0" in path or len(os.fsencode(path)) >= MOST_PATH_BYTES:
            raise InvalidArgument(
                f'a path of {len(os.fsencode(path))} bytes, or with a NUL, is none in container "{container}"'
            )
        return _Copy(container, self._machine, self._root, verb, path, walk, owners)


class _Copy(Copying):
    """A copy that is done by the one or the other, from the first byte on."""

    def __init__(
        self, container: str, machine: Machine, root: Path | None, verb: str, path: str, walk: bool, owners: bool
    ) -> None:
        self.container = container
        self._machine, self._root = machine, root
        self._verb, self._path, self._walk, self._owners = verb, path, walk, owners
        self._changed = threading.Condition()
        self._begins = False
        self._why = ""
        self._failed: ArgosyError | None = None
        self._by: Copying | None = None

    def end(self, why: str) -> None:
        with self._changed:
            self._why = self._why or why
            by = self._by
        if by is not None:
            by.end(why)

    def has_ended(self) -> bool:
        with self._changed:
            by, over = self._by, bool(self._why or self._failed)
        return by.has_ended() if by is not None else over

    def has_gone(self) -> bool:
        with self._changed:
            by, begins = self._by, self._begins
        return by.has_gone() if by is not None else not begins

    def gone(self, within_s: float) -> bool:
        deadline = time.monotonic() + within_s
        with self._changed:
            if not self._changed.wait_for(lambda: not self._begins, within_s):
                return False
            by = self._by
        return by is None or by.gone(max(0.0, deadline - time.monotonic()))

    def read(self, size: int) -> bytes:
        return self._begun().read(size)

    def write(self, data: bytes) -> bool:
        return self._begun().write(data)

    def wait(self) -> ArgosyError | None:
        try:
            by = self._begun()
        except ArgosyError as failed:
            return failed
        error = by.wait()
        if self._verb != PACK and not isinstance(by, _ByAgent):
            self._let_look_again()
        return error

    def collect(self) -> None:
        if self._by is not None:
            self._by.collect()

    def _begun(self) -> Copying:
        """Return what copies. Raises why it can't be begun; that it is tried once."""
        with self._changed:
            if self._by is not None:
                return self._by
            if self._failed is not None:
                raise self._failed
            if self._why:
                raise Aborted(self._why)
            self._begins = True
        try:
            by = self._begin()
        except BaseException as error:
            failed = error if isinstance(error, ArgosyError) else Unavailable(f"a copy can't be started: {error}")
            self._tell(None, failed)
            raise failed from error
        why = self._tell(by, None)
        if why:
            by.end(why)
        return by

    def _tell(self, by: Copying | None, failed: ArgosyError | None) -> str:
        """Have everybody know what copies, or why nothing does; return why it is not wanted any more."""
        with self._changed:
            self._by, self._failed, self._begins = by, failed, False
            self._changed.notify_all()
            return self._why

    def _begin(self) -> Copying:
        try:
            if self._root is not None and self._is_shared():
                return _on_host(self.container, self._root, self._verb, self._path, self._walk, self._owners)
            return _ByAgent(self.container, self._machine, self._verb, self._path, self._walk, self._owners)
        except Unimplemented:
            raise FailedPrecondition(
                f'the VM of container "{self.container}" is of an older image, which copies no files; '
                "type: argosy kata build-image, start the container again, then copy"
            ) from None

    def _is_shared(self) -> bool:
        """Ask whether the host has what is at the path. A guest that lies leads the host to another file of the same root."""
        said = self._machine.control.call(
            "shared", _BEGIN_S, id=self.container, path=self._path, folder=f"{GUEST}/{self.container}/{ROOTFS}",
            follow=self._verb != PACK or follows(self._path), writes=self._verb != PACK,
        )  # fmt: skip
        return said is True

    def _let_look_again(self) -> None:
        """Have the guest forget what it knows of names and files that nobody has open: for a second it would believe in what was there."""
        try:
            self._machine.control.call("drop", _BEGIN_S, sync=False)
        except ArgosyError:
            pass  # it has gone, or is busy; then it looks again a second later


def _on_host(container: str, root: Path, verb: str, path: str, walk: bool, owners: bool) -> Copying:
    """Begin a copy on the host, as the one of a container without a VM. Raises NotFound, OSError."""
    try:
        above = os.open(root.parent, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            top = os.open(root.name, os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=above)
            mounted = mount_of(top) != mount_of(above)
        finally:
            os.close(above)
    except FileNotFoundError:
        raise NotFound(f'the files of container "{container}"') from None
    if not mounted:
        # What was mounted there has gone, and this is the host's own.
        os.close(top)
        raise NotFound(f'the files of container "{container}"')
    return Tree(top).copy(container, verb, path, walk=walk, owners=owners)


def mount_of(fd: int) -> int:
    """Return the number of the mount that a descriptor is of."""
    with open(f"/proc/self/fdinfo/{fd}") as file:
        return int(next(line for line in file if line.startswith("mnt_id:")).split()[1])


class _ByAgent(Copying):
    """A copy that a child of the agent does. Its bytes are one more stream of the stdio port, with a window of its own."""

    def __init__(self, container: str, machine: Machine, verb: str, path: str, walk: bool, owners: bool) -> None:
        """Begin it. Raises the agent's error, DeadlineExceeded, Unavailable, OSError."""
        self.container = container
        self._machine = machine
        self._base = machine.streams.number()
        self._lock = threading.Lock()
        self._why = ""
        self._over = False
        self._error: ArgosyError | None = None
        arguments = {"id": container, "base": self._base, "verb": verb, "path": path, "walk": walk, "owners": owners}
        self._ended = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        read, write = os.pipe2(os.O_CLOEXEC)
        self.data, other = (read, write) if verb == PACK else (write, read)
        try:
            if verb == PACK:
                machine.streams.outlet(self._base + 1, other, lambda: None)
                other = -1
            else:
                os.set_blocking(self.data, False)
            machine.control.call("copy", _BEGIN_S, **arguments)
            self._asked = machine.control.ask("copied", base=self._base)
        except BaseException as error:
            self.close_data()
            for fd in (other, self._ended):
                if fd >= 0:
                    os.close(fd)
            machine.streams.drop(self._base)
            if isinstance(error, DeadlineExceeded):
                self._kill()  # it may begin yet
            raise
        if other >= 0:
            # Not before: the agent lets go of what comes for a stream that it does not know.
            machine.streams.inlet(self._base, other)

    def end(self, why: str) -> None:
        with self._lock:
            if self._over:
                return
            self._why = self._why or why
            os.eventfd_write(self._ended, 1)
        # A guest that reads nothing has its port full: who ends a copy does not wait for it.
        threading.Thread(target=self._kill, daemon=True, name="end of a copy").start()

    def _kill(self) -> None:
        try:
            self._machine.control.ask("end_copy", base=self._base)
        except ArgosyError:
            pass  # it went with its VM

    def has_ended(self) -> bool:
        return bool(self._why) or self._asked.done.is_set()

    def has_gone(self) -> bool:
        return self._over

    def gone(self, within_s: float) -> bool:
        return self._asked.done.wait(within_s)

    def write(self, data: bytes) -> bool:
        # What its process has not taken is let go of by the agent, so that the pipe of one that has ended is never full.
        return not self._asked.done.is_set() and super().write(data)

    def wait(self) -> ArgosyError | None:
        self.close_data()
        deadline = time.monotonic() + SILENCE_S
        while not self._asked.done.wait(_LOOK_S):
            if self._why:
                if not self.gone(DEATH_S):
                    return Aborted(self._why)
            elif time.monotonic() > deadline:
                self.end(self._still())
        self.collect()
        return self._error

    def collect(self) -> None:
        self._asked.done.wait()  # which the VM's end is an answer to
        with self._lock:
            if self._over:
                return
            self._over = True
        self.close_data()
        os.close(self._ended)
        self._machine.streams.drop(self._base)
        try:
            told = self._asked.result(0)
        except ArgosyError as error:
            self._error = Aborted(self._why) if self._why else error
            return
        said, code = (told.get("said"), told.get("code")) if isinstance(told, dict) else (None, None)
        self._error = Aborted(self._why) if self._why and not said else _failure(said, code)


def _failure(said: object, code: object) -> ArgosyError | None:
    """Return why a copy failed, from what the guest says of it: a guest may say anything."""
    if not isinstance(said, str) or type(code) is not int or not 0 <= code <= 255:
        return Internal("the agent answered with nonsense how a copy ended")
    if not said:
        return failure(b"", 128 - code if code > 128 else code)
    try:
        word = json.loads(said[:WORD_BYTES])
        number, message = word["code"], word["message"]
    except (ValueError, KeyError, TypeError, RecursionError):
        number = message = None
    if type(number) is not int or not isinstance(message, str):
        return Internal(f"the process that copied said {plain(said[:100])!r}")
    return from_wire(number, plain(message)) if number else None
