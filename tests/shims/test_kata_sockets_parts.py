"""Sockets of the host in a VM, without one: the shim's half and the agent's joined by sockets, and the shim's with a guest that may say anything."""

from __future__ import annotations

import errno
import os
import queue
import socket
import stat
import threading
import time
import types
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, cast

import pytest
from argosy.errors import ArgosyError, FailedPrecondition, InvalidArgument, Unavailable, Unimplemented
from argosy_shim_kata_v2 import sockets as host
from argosy_shim_kata_v2.channel import Streams
from argosy_shim_kata_v2.guest import frames, stdio
from argosy_shim_kata_v2.guest import sockets as guest
from argosy_shim_kata_v2.machine import Machine

from tests.harness.leaks import descriptors
from tests.harness.mesh import eventually
from tests.harness.sockets import Listener


class Pair:
    """A VM's two halves: the agent's loop is a thread here, and its stdio port a socket. It is its own ``Machine`` and ``Control``."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(guest, "DIRECTORY", str(folder / "guest"))
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(str(folder / "io"))
        listener.listen(1)
        self.lost = False
        self.streams = Streams(folder / "io", 5, lambda _: None)
        port = listener.accept()[0]
        port.setblocking(False)
        listener.close()
        with monkeypatch.context() as opening:
            opening.setattr(stdio, "os", types.SimpleNamespace(**{**vars(os), "open": lambda *_: port.detach()}))
            self.loop = stdio.Loop()
            self.stdio = stdio.Stdio(self.loop, "argosy.io", lambda _: None)
        self.agent = guest.Sockets(self.loop, self.stdio, lambda id, number: self.host.connect(id, number))
        self.host = host.Sockets(cast("Machine", self))
        self._posted: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._wake = os.eventfd(0, os.EFD_NONBLOCK)
        self.loop.watch(self._wake, 1, lambda _: self._run_posted())
        self._open = True
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    @property
    def control(self) -> Pair:
        return self

    def _run(self) -> None:
        while self._open:
            self.loop.serve(self.loop.turn(None))

    def _run_posted(self) -> None:
        os.eventfd_read(self._wake)
        while not self._posted.empty():
            self._posted.get()()

    def call(self, method: str, timeout: float, **arguments: Any) -> Any:
        """Have the agent do what is asked, in its loop."""
        if method == "listen":
            return self.do(lambda: self.agent.listen(**arguments))
        return self.do(lambda: self.agent.connected(arguments["connection"], arguments["base"]))

    def do(self, call: Callable[[], Any]) -> Any:
        """Call in the agent's loop, and return what it returns."""
        answers: queue.Queue[Any] = queue.Queue()

        def run() -> None:
            try:
                answers.put((call(), None))
            except Exception as error:
                answers.put((None, error))

        self._posted.put(run)
        os.eventfd_write(self._wake, 1)
        value, error = answers.get(timeout=30)
        if error is not None:
            raise error
        return value

    def client(self, path: str) -> socket.socket:
        made = socket.socket(socket.AF_UNIX)
        made.settimeout(20)
        made.connect(path)
        return made

    def idle(self) -> bool:
        """Whether neither half knows a connection."""
        return not (self.host._connections or self.host._threads or self.agent._asked or self.agent._open)

    def close(self) -> None:
        # Who has connected last is told so by a thread, which the agent answers.
        eventually(lambda: not self.host._threads, within=20, what="a connection is not answered")
        self._open = False
        self._posted.put(lambda: None)
        os.eventfd_write(self._wake, 1)
        self._thread.join(10)
        for container in {one.container for one in self.agent._listeners.values()}:
            self.agent.close(container)
        self.streams.close()
        self.loop._epoll.close()
        os.close(self._wake)
        os.close(self.stdio._port.fd)


@pytest.fixture
def pair(short_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Pair]:
    before = descriptors(os.getpid())
    found = Pair(short_path, monkeypatch)
    yield found
    found.close()
    eventually(lambda: descriptors(os.getpid()) == before, what=f"{descriptors(os.getpid())} not {before}")


@pytest.fixture
def server(short_path: Path) -> Iterator[socket.socket]:
    """A host's socket, at which the test accepts."""
    made = socket.socket(socket.AF_UNIX)
    made.bind(str(short_path / "s"))
    made.listen(128)
    made.settimeout(20)
    yield made
    made.close()


def joined(pair: Pair, server: socket.socket, short_path: Path) -> tuple[socket.socket, socket.socket]:
    """Return both ends of a connection: the container's and the host's."""
    client = pair.client(pair.host.add("box", "/s", str(short_path / "s")))
    peer, _ = server.accept()
    peer.settimeout(20)
    return client, peer


def read_all(end: socket.socket) -> bytes:
    return b"".join(iter(lambda: end.recv(1 << 16), b""))


def is_refused(end: socket.socket) -> bool:
    """Whether nobody takes what is sent at this end."""
    end.setblocking(False)
    with suppress(BlockingIOError):
        try:
            end.send(b"x")
        except BrokenPipeError:
            return True
    return False


def test_both_ends_may_say_their_last_first(pair: Pair, server: socket.socket, short_path: Path) -> None:
    client, peer = joined(pair, server, short_path)
    with client, peer:
        client.sendall(b"a question")
        client.shutdown(socket.SHUT_WR)
        assert read_all(peer) == b"a question"
        peer.sendall(b"an answer")
        peer.close()
        assert read_all(client) == b"an answer"
    eventually(pair.idle)
    client, peer = joined(pair, server, short_path)
    with client, peer:
        peer.sendall(b"welcome")
        peer.shutdown(socket.SHUT_WR)
        assert read_all(client) == b"welcome"
        client.sendall(b"thanks")
        client.close()
        assert read_all(peer) == b"thanks"
    eventually(pair.idle)


@pytest.mark.parametrize("by", ["client", "peer"])
def test_who_closes_is_not_written_to_any_more(pair: Pair, server: socket.socket, short_path: Path, by: str) -> None:
    """As if there were no VM between them: the other reads to the end, and what it writes is an error."""
    client, peer = joined(pair, server, short_path)
    closing, other = (client, peer) if by == "client" else (peer, client)
    with client, peer:
        closing.sendall(b"bye")
        closing.close()
        assert read_all(other) == b"bye"
        eventually(lambda: is_refused(other))
        eventually(pair.idle)


def test_who_closes_before_the_streams_are_known_is_not_written_to(
    pair: Pair, server: socket.socket, short_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The agent says so at once, and the shim hears it before the answer that it waits for."""
    agents_own, broken, take = pair.agent.connected, threading.Event(), pair.streams._take

    def heard(stream: int, kind: int, payload: bytes) -> None:
        take(stream, kind, payload)
        if kind == frames.BREAK:
            broken.set()

    def call(method: str, timeout: float, **arguments: Any) -> Any:
        said = Pair.call(pair, method, timeout, **arguments)
        assert method == "listen" or broken.wait(20)
        return said

    monkeypatch.setattr(pair.streams, "_take", heard)
    monkeypatch.setattr(pair, "call", call)
    clients: queue.Queue[socket.socket] = queue.Queue()

    def connected(number: int, base: int) -> bool:
        clients.get(timeout=20).close()
        return agents_own(number, base)

    monkeypatch.setattr(pair.agent, "connected", connected)
    clients.put(pair.client(pair.host.add("box", "/s", str(short_path / "s"))))
    peer, _ = server.accept()
    with peer:
        peer.settimeout(20)
        assert read_all(peer) == b""
        eventually(lambda: is_refused(peer))
    eventually(pair.idle)


def test_what_nobody_reads_is_held_back_on_the_way(pair: Pair, server: socket.socket, short_path: Path) -> None:
    """In each direction on its own, and a connection beside it goes on."""
    client, peer = joined(pair, server, short_path)
    data = os.urandom(1 << 20)
    with client, peer:
        for sender, reader in ((client, peer), (peer, client)):
            sender.setblocking(False)
            sent = last = 0
            still = time.monotonic() + 0.5
            while time.monotonic() < still:
                with suppress(BlockingIOError):
                    sent += sender.send(data[sent : sent + (1 << 16)])
                if sent != last:
                    last, still = sent, time.monotonic() + 0.5
                time.sleep(0.001)
            # The window, and what the two sockets on its way hold.
            assert frames.SOCKET_WINDOW <= sent < 1 << 20
            second, other = joined(pair, server, short_path)
            with second, other:
                second.sendall(b"beside")
                assert other.recv(10) == b"beside"
            sender.setblocking(True)
            rest = threading.Thread(target=sender.sendall, args=(data[sent:],))
            rest.start()
            got = bytearray()
            while len(got) < len(data):
                got += reader.recv(1 << 16)
            rest.join(10)
            assert got == data
    eventually(pair.idle)


def test_whoever_listens_may_come_later_and_start_anew(pair: Pair, short_path: Path) -> None:
    path = pair.host.add("box", "/s", str(short_path / "s"))
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o600
    with pair.client(path) as early:
        assert early.recv(1) == b""
    for _ in range(2):
        with Listener(short_path / "s") as listener:
            with pair.client(path) as client:
                client.sendall(b"now")
                client.shutdown(socket.SHUT_WR)
                assert read_all(client) == b"NOW"
            assert listener.heard == [b"now"]
        (short_path / "s").unlink()
    eventually(pair.idle)


def test_who_may_connect_is_said_by_the_hosts_socket(pair: Pair, server: socket.socket, short_path: Path) -> None:
    (short_path / "s").chmod(0o620)
    os.chown(short_path / "s", 1234, 5678)
    found = os.stat(pair.host.add("box", "/s", str(short_path / "s")))
    assert (stat.S_IMODE(found.st_mode), found.st_uid, found.st_gid) == (0o620, 1234, 5678)


def test_who_is_not_accepted_is_given_up(
    pair: Pair, short_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """Their queue is full: the container is told, and what waits holds up nothing else."""
    monkeypatch.setattr(host, "_DIAL_S", 0.3)
    with socket.socket(socket.AF_UNIX) as full, socket.socket(socket.AF_UNIX) as first:
        full.bind(str(short_path / "s"))
        full.listen(0)
        first.connect(str(short_path / "s"))
        for _ in range(2):
            with pair.client(pair.host.add("box", "/s", str(short_path / "s"))) as client:
                assert client.recv(1) == b""
    eventually(pair.idle)
    (said,) = capfd.readouterr().err.splitlines()
    assert said == f'container box: no connection to "{short_path}/s": Resource temporarily unavailable'


def test_a_container_has_so_many_and_others_wait_in_the_queue(pair: Pair, server: socket.socket, short_path: Path) -> None:
    path = pair.host.add("box", "/s", str(short_path / "s"))
    clients = [pair.client(path) for _ in range(guest.MOST + 1)]
    peers = [server.accept()[0] for _ in range(guest.MOST)]
    server.settimeout(0.3)
    with pytest.raises(TimeoutError):
        server.accept()
    server.settimeout(20)
    # Another container has its own.
    with pair.client(pair.host.add("other", "/s", str(short_path / "s"))), server.accept()[0]:
        pass
    clients.pop(0).close()
    peers.pop(0).close()
    peers.append(server.accept()[0])
    for end in (*clients, *peers):
        end.close()
    eventually(pair.idle)


def test_what_a_container_sent_before_it_ended_arrives(pair: Pair, server: socket.socket, short_path: Path) -> None:
    """Even what was in the queue; and a delete waits for it. Nobody can connect any more."""
    path = pair.host.add("box", "/s", str(short_path / "s"))

    def connect_and_end() -> None:
        for n in range(3):
            with socket.socket(socket.AF_UNIX) as client:
                client.connect(path)
                client.sendall(b"%d" % n * 50_000)
        pair.agent.ended("box")

    pair.do(connect_and_end)
    assert not os.path.exists(path)
    began = time.monotonic()
    pair.host.drain("box")
    assert time.monotonic() - began < host.DRAIN_S
    got = []
    for _ in range(3):
        with server.accept()[0] as peer:
            got.append(read_all(peer))
    assert sorted(got) == [b"%d" % n * 50_000 for n in range(3)]
    eventually(pair.idle)


def test_the_end_of_one_container_is_not_that_of_another(
    pair: Pair, server: socket.socket, short_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(host, "DRAIN_S", 0.1)
    client, peer = joined(pair, server, short_path)
    stays = pair.client(pair.host.add("other", "/s", str(short_path / "s")))
    kept = server.accept()[0]
    with client, peer, stays, kept:
        kept.settimeout(20)
        pair.host.drain("box")  # somebody still has it open: a delete does not wait for ever
        pair.do(lambda: pair.agent.close("box"))
        pair.host.remove("box")
        assert client.recv(1) == b"" and peer.recv(1) == b""
        stays.sendall(b"still")
        assert kept.recv(10) == b"still"
    eventually(pair.idle)
    assert list(pair.host._paths.values()) == [("other", f"{short_path}/s")]


def test_all_connections_end_with_the_vm(pair: Pair, server: socket.socket, short_path: Path) -> None:
    client, peer = joined(pair, server, short_path)
    with client, peer:
        pair.streams.close()
        assert peer.recv(1) == b""
    eventually(lambda: not pair.host._connections)


@pytest.mark.parametrize(
    ("source", "kind", "error"),
    [
        (
            "relative.sock",
            InvalidArgument,
            'its source "relative.sock" is no absolute path; name the socket by its whole path',
        ),
        ("/a\0b", InvalidArgument, "is no absolute path"),
        ("/dev/null", FailedPrecondition, "is there and is no socket; name a socket, or use a mount of type bind"),
    ],
)
def test_a_source_is_judged_when_the_container_is_made(pair: Pair, source: str, kind: type[ArgosyError], error: str) -> None:
    with pytest.raises(kind) as raised:
        pair.host.add("box", "/s", source)
    assert raised.value.message.startswith("mount /s of type uds: ") and error in raised.value.message
    assert not pair.host._paths


def test_a_name_of_any_length_is_dialled(short_path: Path) -> None:
    deep = short_path.joinpath(*["d" * 50] * 4)
    deep.mkdir(parents=True)
    with Listener(short_path / "s"):
        os.rename(short_path / "s", deep / "s")
        with host.dial(str(deep / "s"), 1) as made:
            made.shutdown(socket.SHUT_WR)
            assert made.recv(1) == b""
    for path, code in ((deep, errno.ENOTSOCK), (deep / "none", errno.ENOENT), (deep / "s", errno.ECONNREFUSED)):
        with pytest.raises(OSError) as raised:
            host.dial(str(path), 1)
        assert raised.value.errno == code


# -- a guest that may say anything --


class Lying:
    """A machine whose guest is the test: what the shim asks is noted, and answered by answer."""

    def __init__(self, answer: Callable[[str, dict[str, Any]], Any]) -> None:
        self.asked: queue.Queue[tuple[str, dict[str, Any]]] = queue.Queue()
        self.answer = answer
        self.sockets = host.Sockets(cast("Machine", self))

    @property
    def control(self) -> Lying:
        return self

    def call(self, method: str, timeout: float, **arguments: Any) -> Any:
        self.asked.put((method, arguments))
        return self.answer(method, arguments)

    def refused(self) -> int:
        """Wait for the answer to a connection; return its number, which must come with no streams."""
        method, arguments = self.asked.get(timeout=20)
        assert method == "connected" and arguments["base"] == 0
        return int(arguments["connection"])


def test_an_id_that_no_container_has_is_refused_and_told_of(capfd: pytest.CaptureFixture[str]) -> None:
    """So is one whose container has gone: that is nobody's lie. A path is an id like any other that is none."""
    machine = Lying(lambda *_: False)
    machine.sockets.add("box", "/s", "/run/s")
    ((id, _),) = machine.sockets._paths.items()
    machine.sockets.remove("box")
    machine.asked.get()
    for number, given in enumerate((id, "", "/run/s", "x" * 200 + "\n"), 1):
        machine.sockets.connect(given, number)
        assert machine.refused() == number
    said = capfd.readouterr().err.splitlines()
    assert said[0] == f"the guest names socket {id}, which no container has" and len(said) == 4 and len(said[3]) < 130
    eventually(lambda: not machine.sockets._threads)


@pytest.mark.parametrize("number", [0, -1, True, "1", None, 1.0])
def test_a_connection_without_a_number_ends_the_vm(number: object) -> None:
    with pytest.raises(ValueError, match="a connection without a number"):
        Lying(lambda *_: False).sockets.connect("x", number)


def test_a_guest_that_does_not_wait_for_answers_ends_its_vm(monkeypatch: pytest.MonkeyPatch) -> None:
    """So many are never under way with our agent."""
    dialled = threading.Event()

    def dial(path: str, within_s: float) -> socket.socket:
        dialled.wait(20)
        raise ConnectionRefusedError(errno.ECONNREFUSED, "nobody")

    monkeypatch.setattr(host, "dial", dial)
    machine = Lying(lambda *_: False)
    for container in ("one", "two"):
        machine.sockets.add(container, "/s", "/run/s")
    for number in range(1, guest.MOST_ALL + 1):
        machine.sockets.connect(list(machine.sockets._paths)[number % 2], number)
    for number in (1, guest.MOST_ALL + 1):
        with pytest.raises(ValueError, match=f"{guest.MOST_ALL} connections at once"):
            machine.sockets.connect("x", number)
    dialled.set()
    eventually(lambda: not machine.sockets._threads)
    machine.sockets.connect("x", 1)
    eventually(lambda: not machine.sockets._threads)


def test_a_guest_that_hears_no_answer_ends_its_vm(capfd: pytest.CaptureFixture[str]) -> None:
    """A thread waits for each. Of why they failed little is said."""
    answers = threading.Event()
    machine = Lying(lambda *_: answers.wait(20) and False)
    with pytest.raises(ValueError, match="connections at once"):
        for number in range(1, 10_000):
            machine.sockets.connect(f"lie {number}", number)
            machine.asked.get(timeout=20)
    assert machine.sockets._threads == host._MOST_THREADS
    answers.set()
    eventually(lambda: not machine.sockets._threads)
    assert len(capfd.readouterr().err.splitlines()) == 64


def test_a_guest_that_does_not_count_is_refused(
    pair: Pair, server: socket.socket, short_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Connections that it has forgotten stay who listens on the host's, and are counted by the shim."""
    path = pair.host.add("box", "/s", str(short_path / "s"))
    with monkeypatch.context() as lying:
        lying.setattr(guest, "MOST", 1000)
        clients = [pair.client(path) for _ in range(host._MOST)]
        peers = [server.accept()[0] for _ in range(host._MOST)]
        with pair.client(path) as more:
            assert more.recv(1) == b""
    for end in (*clients, *peers):
        end.close()
    eventually(pair.idle)


def test_an_agent_that_refuses_its_own_connection_leaves_nothing(
    short_path: Path, pair: Pair, server: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It has gone meanwhile, its VM has, or the answer makes no sense."""
    path = pair.host.add("box", "/s", str(short_path / "s"))
    agents_own = pair.agent.connected
    for answer in (False, None, "yes", Unavailable("the VM is gone")):

        def connected(number: int, base: int, answer: Any = answer) -> Any:
            agents_own(number, 0)
            if isinstance(answer, Exception):
                raise answer
            return answer

        with monkeypatch.context() as lying:
            lying.setattr(pair.agent, "connected", connected)
            with pair.client(path) as client, server.accept()[0] as peer:
                peer.settimeout(20)
                assert client.recv(1) == b"" and peer.recv(1) == b""
        eventually(pair.idle)


def test_a_sockets_window_is_smaller_and_kept_to(short_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(short_path / "io"))
        listener.listen(1)
        lost: list[str] = []
        streams = Streams(short_path / "io", 5, lost.append)
        port = listener.accept()[0]
    base, ended = streams.number(), threading.Event()
    read, write = os.pipe()
    with port, os.fdopen(read, "rb"):
        os.set_blocking(write, False)
        with suppress(BlockingIOError):
            while os.write(write, bytes(1 << 12)):
                pass  # nobody reads
        streams.outlet(base + 1, write, ended.set, socket=True)
        port.sendall(frames.frame(base + 1, frames.DATA, bytes(frames.SOCKET_WINDOW)))
        port.sendall(frames.frame(base + 1, frames.DATA, b"x"))
        eventually(lambda: lost == [f"the agent broke the protocol: stream {base + 1} sends more than its window"])
        assert ended.wait(10)


def test_an_older_image_says_how_to_have_a_newer_one() -> None:
    def refuse(*_: object) -> None:
        raise Unimplemented("this agent has no method listen")

    with pytest.raises(
        FailedPrecondition, match="mount /s of type uds: the VM is of an older image.*argosy kata build-image"
    ):
        Lying(refuse).sockets.add("box", "/s", "/run/s")
