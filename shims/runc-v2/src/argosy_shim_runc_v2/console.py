"""A terminal: the runtime sends its master over a socket; two threads carry the bytes."""

from __future__ import annotations

import array
import contextlib
import fcntl
import os
import select
import socket
import struct
import termios
import threading
from typing import Final

from argosy.errors import Unknown
from argosy.kernel.peer import credentials
from argosy.shim.stdio import Endpoints, fifo_path, open_input, open_outputs

_CHUNK: Final = 64 << 10
_MASTER_TIMEOUT_S: Final = 30.0


class ConsoleSocket:
    """The socket to which the runtime sends the terminal's master."""

    def __init__(self, directory: str) -> None:
        self._folder = os.path.join(directory, f"pty{os.getpid()}-{threading.get_ident()}")
        os.mkdir(self._folder, 0o700)
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        # A bundle's path may be longer than a socket's may be: with an id of 64 digits it is. That of a descriptor never is, for
        # the runtime as for us, and nothing has to be made outside the bundle, which would stay when we are killed.
        self._directory = os.open(self._folder, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        self.path = f"/proc/{os.getpid()}/fd/{self._directory}/s"
        self._socket.bind(self.path)
        self._socket.listen(1)
        self._socket.settimeout(_MASTER_TIMEOUT_S)

    def receive(self) -> int:
        """Return the master. Raises Unknown when none comes."""
        try:
            peer, _ = self._socket.accept()
            with peer:
                _, uid, _ = credentials(peer)
                if uid not in (0, os.geteuid()):
                    raise Unknown(f"user {uid} delivered a terminal in the runtime's place")
                fds = array.array("i")
                _, ancillary, _, _ = peer.recvmsg(4096, socket.CMSG_SPACE(fds.itemsize))
                for level, kind, data in ancillary:
                    if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
                        fds.frombytes(data[: len(data) - len(data) % fds.itemsize])
        except TimeoutError:
            raise Unknown("the runtime did not deliver the terminal in time") from None
        if not fds:
            raise Unknown("the runtime delivered no terminal")
        os.set_inheritable(fds[0], False)
        return fds[0]

    def close(self) -> None:
        self._socket.close()
        with contextlib.suppress(FileNotFoundError):
            os.unlink("s", dir_fd=self._directory)
        os.close(self._directory)
        with contextlib.suppress(OSError):
            os.rmdir(self._folder)


class Console:
    """A running terminal between its master and a process's stdio."""

    def __init__(self, master: int, stdin: str, stdout: str, namespace: str, id: str) -> None:
        self.master = master
        self._ends = Endpoints()
        self._wake_read, self._wake_write = os.pipe()
        reader = -1
        try:
            out, err = open_outputs(stdout, "", namespace, id, self._ends)
            os.close(err)
            if stdin:
                reader = open_input(fifo_path(stdin), self._ends)
        except BaseException:
            self._ends.close()
            for fd in (self._wake_read, self._wake_write):
                os.close(fd)
            raise
        self._writer = threading.Thread(target=self._carry_out, args=(out,), daemon=True)
        self._writer.start()
        self._reader: threading.Thread | None = None
        if reader >= 0:
            self._reader = threading.Thread(target=self._carry_in, args=(reader,), daemon=True)
            self._reader.start()

    def _carry_out(self, out: int) -> None:
        with contextlib.suppress(OSError):  # EIO: the last process on the terminal has gone
            while data := os.read(self.master, _CHUNK):
                view = memoryview(data)
                while view:
                    view = view[os.write(out, view) :]
        os.close(out)
        self._ends.close()

    def _carry_in(self, reader: int) -> None:
        poll = select.poll()
        poll.register(reader, select.POLLIN)
        poll.register(self._wake_read, select.POLLIN)
        try:
            while True:
                if any(fd == self._wake_read for fd, _ in poll.poll()):
                    return
                data = os.read(reader, _CHUNK)
                if not data:
                    # Every writer has gone: the terminal's own end-of-file, as a person would type it.
                    os.write(self.master, b"\x04")
                    return
                os.write(self.master, data)
        except OSError:
            pass  # the terminal is gone
        finally:
            os.close(reader)

    def resize(self, width: int, height: int) -> None:
        with contextlib.suppress(OSError):  # it has hung up
            fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", height, width, 0, 0))

    def close_stdin(self) -> None:
        self._ends.close_stdin()

    def drain(self, timeout: float) -> None:
        """Wait until all output has been carried."""
        self._writer.join(timeout)

    def close(self) -> None:
        os.write(self._wake_write, b"x")
        if self._reader is not None:
            self._reader.join(1)
        self._ends.close()
        for fd in (self.master, self._wake_read, self._wake_write):
            os.close(fd)
