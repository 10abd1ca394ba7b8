"""S29: nothing that a shim or a guest answers is believed: lengths, stream numbers, messages and words are bounded."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import socket
import threading
import tracemalloc
from pathlib import Path
from typing import Any

import pytest
from argosy.errors import Internal, ResourceExhausted, Unavailable
from argosy.shim.events import Publisher
from argosy.ttrpc.client import Closed, TtrpcClient
from argosy.ttrpc.frames import DATA, HEADER, MAX_PAYLOAD_BYTES, RESPONSE, Decoder, encode
from argosy_protos.containerd.task.v2 import StateRequest, StateResponse
from argosy_protos.lean.containerd.events import TaskStart
from argosy_protos.lean.ttrpc import Response
from argosy_shim_kata_v2.channel import Control
from argosy_shim_kata_v2.guest import frames as guest
from argosy_tasks.bundle import Bundle
from argosy_tasks.shim import ShimLog

MIB = 1 << 20


class Peer:
    """Whoever listens at a socket, answers each request with the next of some bytes, and keeps the connection."""

    def __init__(self, path: Path, *answers: bytes) -> None:
        self.path = path
        self._answers = list(answers)
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(path))
        self._listener.listen()
        self._held: list[socket.socket] = []
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        while self._answers:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self._held.append(connection)
            decoder = Decoder()
            try:
                while self._answers and (data := connection.recv(65536)):
                    # More requests than answers may come in one piece.
                    for _ in range(min(len(self._answers), len(list(decoder.feed(data))))):
                        connection.sendall(self._answers.pop(0))
            except OSError:
                continue

    def close(self) -> None:
        for held in (self._listener, *self._held):
            with contextlib.suppress(OSError):
                held.shutdown(socket.SHUT_RDWR)
        self._thread.join(5)
        for held in (self._listener, *self._held):
            held.close()


def ask(path: Path, *answers: bytes, calls: int = 1) -> list[BaseException | Any]:
    """Call a peer that answers so; return what each of the calls, made at once, came to."""
    peer = Peer(path, *answers)

    async def main() -> list[BaseException | Any]:
        client = await TtrpcClient.connect(str(path), "shim of default/x")
        try:
            work = [client.call("a.Task", "State", StateRequest(id="x"), StateResponse, 5.0) for _ in range(calls)]
            return await asyncio.wait_for(asyncio.gather(*work, return_exceptions=True), 4.0)
        finally:
            client.close()

    try:
        return asyncio.run(main())
    finally:
        peer.close()


def good(stream: int, payload: bytes = b"") -> bytes:
    return encode(stream, RESPONSE, 0, Response(payload=payload).encode())


def test_an_answer_that_is_too_long_fails_its_call_at_once(short_path: Path) -> None:
    """Above 4 MiB the call ends when the length is read: what is announced and never comes keeps nobody waiting, and takes no memory."""
    tracemalloc.start()
    try:
        (got,) = ask(short_path / "t", HEADER.pack(1 << 30, 1, RESPONSE, 0) + b"x" * 65536)
        assert tracemalloc.get_traced_memory()[1] < 2 * MIB
    finally:
        tracemalloc.stop()
    assert isinstance(got, ResourceExhausted) and str(1 << 30) in str(got)


def test_the_next_answer_is_found_behind_one_that_is_too_long(short_path: Path) -> None:
    """Its bytes are thrown away, and no more than those."""
    long = HEADER.pack(MAX_PAYLOAD_BYTES + 1, 1, RESPONSE, 0) + good(3) * 64 * 4096
    long = long[: HEADER.size + MAX_PAYLOAD_BYTES + 1].ljust(HEADER.size + MAX_PAYLOAD_BYTES + 1, b"x")
    one, two = ask(short_path / "t", long, good(3, StateResponse(pid=7).encode()), calls=2)
    assert isinstance(one, ResourceExhausted) and isinstance(two, StateResponse) and two.pid == 7


@pytest.mark.parametrize("size", [1 << 31, 0xFFFFFFFF])
def test_a_negative_length_ends_the_connection(short_path: Path, size: int) -> None:
    """All that wait hear of it; nothing that comes after such a header means anything."""
    got = ask(short_path / "t", HEADER.pack(size, 1, RESPONSE, 0) + good(3), calls=3)
    assert all(isinstance(error, Internal) and f"{size - (1 << 32)}" in str(error) for error in got), got


@pytest.mark.parametrize("stream", [0, 2, 3, 5, 0x7FFFFFFF, 0xFFFFFFFF])
@pytest.mark.parametrize("kind", [RESPONSE, DATA])
def test_an_answer_to_nothing_ends_the_connection(short_path: Path, stream: int, kind: int) -> None:
    """Streams are numbered by whoever asks; one that was never opened is no answer to anybody."""
    (got,) = ask(short_path / "t", encode(stream, kind, 0, Response().encode()) + good(1))
    assert isinstance(got, Internal) and f"stream {stream}" in str(got), got


def test_a_second_answer_is_nobodys(short_path: Path) -> None:
    """An answer to a call that has ended, or was given up, is dropped; the connection lives on."""
    one, two = ask(short_path / "t", good(1) * 3, good(1) + good(3, StateResponse(pid=9).encode()), calls=2)
    assert isinstance(one, StateResponse) and isinstance(two, StateResponse) and two.pid == 9


@pytest.mark.parametrize("garbage", [b"\xff" * 30, b"\x0a\xff\xff\xff\xff\x0f", b"\x12\x05abc", bytes(range(256))])
def test_garbage_in_an_answer_is_an_error_of_the_call(short_path: Path, garbage: bytes) -> None:
    """As the envelope, and as the message in it: INTERNAL with the shim's name, never an exception of the decoder's."""
    (got,) = ask(short_path / "t", encode(1, RESPONSE, 0, garbage))
    assert isinstance(got, Internal) and "shim of default/x" in str(got), got
    (got,) = ask(short_path / "u", good(1, garbage))
    assert isinstance(got, Internal) and "shim of default/x" in str(got), got


def test_a_stream_that_is_not_read_is_not_kept_in_memory(short_path: Path) -> None:
    """A peer that floods a stream is read no further than a few MiB ahead of its reader; all of it arrives in the end."""
    piece = encode(1, DATA, 0, StateResponse(id="x" * (MIB - 64)).encode())
    peer = Peer(short_path / "t", piece * 64 + encode(1, RESPONSE, 0, Response().encode()))

    async def main() -> None:
        client = await TtrpcClient.connect(str(short_path / "t"), "shim")
        try:
            tracemalloc.start()
            stream = client.stream("a.Task", "Flood", StateResponse, StateRequest(id="x"))
            await asyncio.sleep(1.0)
            held = tracemalloc.get_traced_memory()[0]
            tracemalloc.stop()
            assert held < 24 * MIB, held
            count = 0
            while await asyncio.wait_for(stream.recv(), 10) is not None:
                count += 1
            assert count == 64
        finally:
            client.close()

    try:
        asyncio.run(main())
    finally:
        peer.close()


def test_a_peer_that_goes_is_told_to_all(short_path: Path) -> None:
    """The connection's end in the middle of an answer is the end of every call on it."""

    async def main() -> None:
        server = socket.socket(socket.AF_UNIX)
        server.bind(str(short_path / "t"))
        server.listen()
        client = await TtrpcClient.connect(str(short_path / "t"), "shim")
        connection, _ = server.accept()
        call = asyncio.ensure_future(client.raw("a", "b", b"", 5.0))
        await asyncio.sleep(0.05)
        connection.sendall(HEADER.pack(100, 1, RESPONSE, 0) + b"half")
        connection.close()
        with pytest.raises(Closed):
            await call
        server.close()

    asyncio.run(main())


@pytest.mark.parametrize(
    "answer", [HEADER.pack(0xFFFFFFFF, 1, RESPONSE, 0), encode(2, RESPONSE, 0, b""), encode(1, RESPONSE, 0, b"\xff" * 20)]
)
def test_a_daemon_that_answers_nonsense_does_not_end_a_shims_events(short_path: Path, answer: bytes) -> None:
    """The shim's publisher drops that connection and tries again: the event and all later ones arrive."""
    peer = Peer(short_path / "t", answer, good(1), good(3))
    publisher = Publisher("default", str(short_path / "t"), "", "")
    try:
        for pid in (1, 2):
            publisher.publish("/tasks/start", "containerd.events.TaskStart", TaskStart(container_id="x", pid=pid))
        publisher.close(10.0)
        assert peer._answers == []
    finally:
        peer.close()


@pytest.mark.parametrize(
    "message",
    [
        b"[" * 20000,
        json.dumps({"i": 99, "ok": 1}).encode(),
        json.dumps({"i": True, "ok": 1}).encode(),
        json.dumps({"i": [1], "ok": 1}).encode(),
        b"[]",
        b"\xff\xfe",
        b"1e999999",
    ],
)
def test_a_guest_that_answers_nonsense_loses_its_vm(short_path: Path, message: bytes) -> None:
    """CVE-2026-24834: an answer that nobody asked for, nested without end, or no JSON ends the channel, and all calls on it."""
    lost: list[str] = []
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(short_path / "g"))
    listener.listen()
    made: list[Control] = []
    maker = threading.Thread(target=lambda: made.append(Control(short_path / "g", 5.0, lambda _: None, lost.append)))
    maker.start()
    connection, _ = listener.accept()
    maker.join(5)
    (control,) = made
    failed: list[BaseException] = []

    def call() -> None:
        try:
            control.call("state", 5.0)
        except Unavailable as error:
            failed.append(error)

    caller = threading.Thread(target=call)
    caller.start()
    connection.recv(4096)
    connection.sendall(guest.frame(0, guest.RESPONSE, message))
    caller.join(5)
    control.close()
    connection.close()
    listener.close()
    assert len(failed) == 1 and len(lost) == 1 and "protocol" in lost[0]


def test_what_a_shim_says_is_no_command_to_a_terminal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Escape sequences in a shim's log are written as what they are, in the daemon's log."""
    lines: list[str] = []

    class Recorder:
        def info(self, _: str, **values: str) -> None:
            lines.append(values["line"])

    monkeypatch.setattr("argosy_tasks.shim.logger", Recorder())
    bundle = Bundle("default", "x", tmp_path, tmp_path / "work")

    async def main() -> None:
        shim_log = ShimLog(bundle)
        fd = os.open(tmp_path / "log", os.O_WRONLY | os.O_NONBLOCK)
        os.write(fd, b"plain\n\x1b]0;owned\x07\x1b[2J\xc2\x9b31m\n")
        os.close(fd)
        shim_log.close()

    asyncio.run(main())
    assert lines == ["plain", "\\x1b]0;owned\\x07\\x1b[2J\\x9b31m"]
