"""Events for the daemon: sent over TTRPC_ADDRESS, in order, with retries; without that, through its publish command."""

from __future__ import annotations

import os
import queue
import socket
import sys
import threading
import time
from typing import Any, Final

from argosy_protos._wire import DecodeError
from argosy_protos.lean.containerd.services.events.ttrpc.v1 import ForwardRequest
from argosy_protos.lean.containerd.types import Envelope
from argosy_protos.lean.google.protobuf import Any as AnyMessage
from argosy_protos.lean.google.protobuf import Timestamp

from argosy.ttrpc.machine import Answer, ClientMachine

_QUEUE: Final = 2048
_CALL_TIMEOUT_S: Final = 5.0
_RETRIES: Final = 5
_SERVICE: Final = "containerd.services.events.ttrpc.v1.Events"


def stamp(ns: int) -> Timestamp:
    """Return nanoseconds since the epoch as a Timestamp."""
    return Timestamp(seconds=ns // 1_000_000_000, nanos=ns % 1_000_000_000)


class Publisher:
    """A queue and the thread that empties it. An event that five tries could not deliver is dropped, and said so."""

    def __init__(self, namespace: str, address: str, grpc_address: str, binary: str) -> None:
        self._namespace, self._address = namespace, address
        self._grpc_address, self._binary = grpc_address, binary
        self._queue: queue.Queue[tuple[str, bytes, Envelope] | None] = queue.Queue(_QUEUE)
        self._machine = ClientMachine()
        self._socket: socket.socket | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def publish(self, topic: str, name: str, event: Any) -> None:
        """Queue one event; name is its full proto name."""
        payload = AnyMessage(type_url=name, value=event.encode())
        envelope = Envelope(timestamp=stamp(time.time_ns()), namespace=self._namespace, topic=topic, event=payload)
        try:
            self._queue.put_nowait((topic, payload.encode(), envelope))
        except queue.Full:
            print(f"event {topic} dropped: {_QUEUE} are waiting", file=sys.stderr)

    def idle(self) -> bool:
        """Whether all that was queued is delivered, or given up."""
        return not self._queue.unfinished_tasks

    def close(self, timeout: float) -> None:
        """Deliver what is queued, for at most timeout seconds."""
        try:
            self._queue.put(None, timeout=timeout)
        except queue.Full:
            return
        self._thread.join(timeout)

    def _run(self) -> None:
        while (item := self._queue.get()) is not None:
            topic, payload, envelope = item
            for attempt in range(_RETRIES + 1):
                try:
                    self._send(topic, payload, envelope)
                    break
                except (OSError, DecodeError) as error:
                    self._drop_connection()
                    if attempt == _RETRIES:
                        print(f"event {topic} lost after {_RETRIES} retries: {error}", file=sys.stderr)
                    elif attempt:  # the first failure is a daemon that restarted: try again at once
                        time.sleep(attempt)
            self._queue.task_done()
        self._drop_connection()

    def _send(self, topic: str, payload: bytes, envelope: Envelope) -> None:
        if self._address:
            self._forward(envelope)
        elif self._binary:
            self._run_binary(topic, payload)

    def _drop_connection(self) -> None:
        if self._socket is not None:
            self._socket.close()
        self._socket = None
        self._machine = ClientMachine()

    def _forward(self, envelope: Envelope) -> None:
        if self._socket is None:
            connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            connection.settimeout(_CALL_TIMEOUT_S)
            try:
                connection.connect(self._address.removeprefix("unix://"))
            except OSError:
                connection.close()
                raise
            self._socket = connection
        metadata = {"containerd-namespace-ttrpc": self._namespace}
        request = ForwardRequest(envelope=envelope).encode()
        stream = self._machine.request(_SERVICE, "Forward", request, int(_CALL_TIMEOUT_S * 1e9), metadata)
        self._socket.sendall(self._machine.take())
        while True:
            data = self._socket.recv(65536)
            if not data:
                raise ConnectionError("the daemon closed the connection")
            for event in self._machine.feed(data):
                if isinstance(event, Answer) and event.stream == stream:
                    if event.code:
                        # The daemon refused it; trying again would not change its mind.
                        print(f"event {envelope.topic} refused: {event.message}", file=sys.stderr)
                    return

    def _run_binary(self, topic: str, payload: bytes) -> None:
        from argosy.shim.spawn import Stdio, spawn, wait

        read, write = os.pipe()
        null = os.open("/dev/null", os.O_RDWR | os.O_CLOEXEC)
        try:
            command = [
                self._binary,
                "--address",
                self._grpc_address,
                "publish",
                "--topic",
                topic,
                "--namespace",
                self._namespace,
            ]
            pid = spawn(command, Stdio(read, null, null))
            os.close(read)
            read = -1
            with os.fdopen(write, "wb") as feed:
                write = -1
                feed.write(payload)
        finally:
            for fd in (read, write, null):
                if fd >= 0:
                    os.close(fd)
        status = wait(pid)
        if status:
            raise OSError(f"{self._binary} publish exited {os.waitstatus_to_exitcode(status)}")
