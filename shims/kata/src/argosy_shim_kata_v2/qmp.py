"""QMP: commands to a running QEMU and its events, over its unix socket."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from argosy.errors import DeadlineExceeded, Unavailable, Unknown

_COMMAND_TIMEOUT_S: Final = 20.0
_LINE_BYTES: Final = 4 << 20


class Qmp:
    """One connection. Commands may come from any thread, one at a time; events are told in the reader's thread."""

    def __init__(self, path: Path, timeout: float, on_event: Callable[[str, Mapping[str, Any]], None]) -> None:
        """Connect, as soon as QEMU listens, and hear its greeting; each within timeout seconds. Raises Unavailable."""
        self._on_event = on_event
        self._turn = threading.Lock()
        self._answered = threading.Condition()
        self._answers: list[Mapping[str, Any]] = []
        self._lost = False
        self._socket = connect(path, timeout)
        self._file = self._socket.makefile("rb")
        self._socket.settimeout(timeout)
        try:
            self._file.readline(_LINE_BYTES)  # the greeting
        except TimeoutError:
            self.close()
            raise Unavailable(f"QEMU did not greet within {timeout:g} s") from None
        except OSError as error:
            self.close()
            raise Unavailable(f"QEMU is gone: {error.strerror}") from None
        self._socket.settimeout(None)
        self._reader = threading.Thread(target=self._read, daemon=True, name="qmp")
        self._reader.start()
        try:
            self.command("qmp_capabilities")
        except BaseException:
            self.close()
            raise

    def _read(self) -> None:
        try:
            while line := self._file.readline(_LINE_BYTES):
                message = json.loads(line)
                if "event" in message:
                    self._on_event(str(message["event"]), message.get("data") or {})
                    continue
                with self._answered:
                    self._answers.append(message)
                    self._answered.notify()
        except (OSError, ValueError):
            pass  # it has gone, or talks nonsense: the same to us
        with self._answered:
            self._lost = True
            self._answered.notify()

    def command(
        self,
        name: str,
        arguments: Mapping[str, Any] | None = None,
        *,
        fds: Sequence[int] = (),
        timeout: float = _COMMAND_TIMEOUT_S,
    ) -> Any:
        """Run a command, handing over descriptors with it. Raises Unknown in QEMU's words, Unavailable, DeadlineExceeded."""
        request: dict[str, Any] = {"execute": name}
        if arguments:
            request["arguments"] = dict(arguments)
        data = json.dumps(request).encode() + b"\n"
        with self._turn:
            with self._answered:
                self._answers.clear()
            try:
                if fds:
                    socket.send_fds(self._socket, [data], list(fds))
                else:
                    self._socket.sendall(data)
            except OSError as error:
                raise Unavailable(f"QEMU is gone: {error.strerror}") from None
            with self._answered:
                if not self._answered.wait_for(lambda: bool(self._answers) or self._lost, timeout):
                    raise DeadlineExceeded(f"QEMU did not answer {name} within {timeout:g} s")
                if not self._answers:
                    raise Unavailable("QEMU has ended")
                answer = self._answers.pop()
        if "error" in answer:
            raise Unknown(f"QEMU: {name}: {answer['error'].get('desc', 'failed')}")
        return answer.get("return")

    def heard_all(self, timeout: float) -> None:
        """Wait until QEMU's last event has been told: a QEMU that ends says why before it does."""
        self._reader.join(timeout)

    def close(self) -> None:
        try:
            self._socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass  # it was closed at the other end
        # The descriptor is open for as long as one of the two is; the reader has been woken.
        self._file.close()
        self._socket.close()


def connect(path: Path, timeout: float) -> socket.socket:
    """Connect to a socket that a process is about to listen at, within timeout seconds. Raises Unavailable."""
    deadline = time.monotonic() + timeout
    while True:
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            connection.connect(str(path))
            return connection
        except OSError as error:
            connection.close()
            if time.monotonic() > deadline:
                raise Unavailable(f"nobody listens at {path}: {error.strerror}") from None
        time.sleep(0.003)
