"""Copies that a shim can't begin: whoever asked is told why, and nothing of them is left."""

from __future__ import annotations

import errno
import os
import threading
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from argosy.shim import spawn
from argosy.shim.copies import Tree
from argosy.shim.streams import Connection
from argosy.shim.transfers import STREAMING, TRANSFER, Transfers
from argosy.ttrpc.machine import Answer, ClientMachine, Incoming, ServerMachine
from argosy.typeurl import pack
from argosy_protos.containerd.services.streaming.v1 import StreamInit
from argosy_protos.containerd.services.transfer.v1 import TransferRequest
from argosy_protos.containerd.types import transfer as p


class Shim:
    """Its transfers, with a client and no loop."""

    def __init__(self, tree: Any) -> None:
        self.client, self.answers = ClientMachine(), list[Answer]()
        self._connection = cast("Connection", SimpleNamespace(machine=ServerMachine(), pending=b""))
        self.transfers = Transfers(tree, lambda call: call(), lambda _: self._flush())

    def _flush(self) -> None:
        self.answers += [one for one in self.client.feed(self._connection.machine.take()) if isinstance(one, Answer)]

    def ask(self, service: str, method: str, payload: bytes, *, streaming: bool = False) -> None:
        self.client.request(service, method, payload, streaming=streaming)
        for event in self._connection.machine.feed(self.client.take()):
            assert isinstance(event, Incoming)
            self.transfers.request(self._connection, event)
        self._flush()

    def read(self) -> Answer:
        """Ask for files over a stream; return what the stream, or else the transfer, ended with last."""
        opening = pack("containerd.services.streaming.v1.StreamInit", StreamInit(id="x"))
        self.ask(STREAMING, "Stream", opening.encode(), streaming=True)
        ends = [
            pack(f"containerd.types.transfer.{type(one).__name__}", one)
            for one in (p.ContainerPath(container_id="box", path="/x"), p.WriteStream(stream="x"))
        ]
        self.ask(TRANSFER, "Transfer", TransferRequest(source=ends[0], destination=ends[1]).encode())
        return self.answers[-1]


def opened(directory: Path) -> Tree:
    return Tree(os.open(directory, os.O_PATH | os.O_DIRECTORY))


def descriptors() -> list[str]:
    return sorted(os.listdir("/proc/self/fd"))


def test_a_copy_for_which_there_is_no_thread(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_thread(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    shim, before, known = Shim(lambda _: opened(tmp_path)), descriptors(), spawn.known()
    monkeypatch.setattr(threading.Thread, "start", no_thread)
    answer = shim.read()
    assert (answer.code, "needs a thread" in answer.message) == (8, True), answer
    assert not shim.transfers.busy() and descriptors() == before and spawn.known() == known


@pytest.mark.parametrize(
    ("number", "code", "words"),
    [
        (errno.EACCES, 7, "needs CAP_SYS_PTRACE"),
        (errno.EMFILE, 8, "Too many open files"),
        (errno.ENOENT, 9, "copy from its snapshot"),
    ],
)
def test_a_container_whose_files_can_not_be_opened(number: int, code: int, words: str) -> None:
    def refused(_: str) -> Tree:
        raise OSError(number, os.strerror(number))

    shim, before = Shim(refused), descriptors()
    answer = shim.read()
    assert answer.code == code and 'the files of container "box" can\'t be reached' in answer.message
    assert words in answer.message and descriptors() == before


def test_a_copy_whose_process_can_not_be_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_process(*_: object, **__: object) -> int:
        raise OSError(errno.EAGAIN, os.strerror(errno.EAGAIN))

    shim, before = Shim(lambda _: opened(tmp_path)), descriptors()
    monkeypatch.setattr(os, "posix_spawn", no_process)
    answer = shim.read()
    assert answer.code == 14 and "can't be started" in answer.message
    assert not shim.transfers.busy() and descriptors() == before


def test_what_nobody_thought_of_is_answered_all_the_same(tmp_path: Path) -> None:
    def broken(_: str) -> Tree:
        raise ZeroDivisionError

    shim = Shim(broken)
    with pytest.raises(ZeroDivisionError):  # for the shim's log
        shim.read()
    shim._flush()
    assert shim.answers[-1].code != 0
