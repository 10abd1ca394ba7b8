"""Copies of files in a VM, with an agent that may say anything; and what an agent's child does, with a directory of the host's instead of a guest."""

from __future__ import annotations

import io
import json
import os
import queue
import socket
import subprocess
import sys
import tarfile
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, cast

import pytest
from argosy.errors import (
    Aborted,
    ArgosyError,
    FailedPrecondition,
    Internal,
    InvalidArgument,
    NotFound,
    ResourceExhausted,
    Unavailable,
)
from argosy.paths.order import PACK, PLACE
from argosy.shim.copies import Copying
from argosy_shim_kata_v2.channel import Control, Streams
from argosy_shim_kata_v2.files import VmFiles
from argosy_shim_kata_v2.guest import frames
from argosy_shim_kata_v2.machine import Machine

from tests.harness.leaks import descriptors
from tests.harness.mesh import eventually


class Agent:
    """The guest's ends of both ports, and the shim's. Requests are noted; what is in answers is said at once, the rest when the test says it."""

    def __init__(self, folder: Path) -> None:
        self.answers: dict[str, dict[str, Any]] = {"shared": {"ok": False}, "copy": {"ok": None}, "drop": {"ok": None}}
        self.asked: queue.Queue[tuple[str, dict[str, Any]]] = queue.Queue()
        self.numbers: dict[str, int] = {}
        listeners = []
        for name in ("ctl", "io"):
            listener = socket.socket(socket.AF_UNIX)
            listener.bind(str(folder / name))
            listener.listen(1)
            listeners.append(listener)
        self.control = Control(folder / "ctl", 5, lambda _: None, lambda _: None)
        self.streams = Streams(folder / "io", 5, lambda _: None)
        self.ctl, self.io = (listener.accept()[0] for listener in listeners)
        self.io.settimeout(10)
        for listener in listeners:
            listener.close()
        self.lost = False
        self.thread = threading.Thread(target=self._serve)
        self.thread.start()

    def _serve(self) -> None:
        reader = frames.Reader(frames.CONTROL_KINDS, frames.MAX_CONTROL)
        try:
            while data := self.ctl.recv(65536):
                for _, _, payload in reader.feed(data):
                    request = json.loads(payload)
                    self.numbers[request["m"]] = request["i"]
                    if (answer := self.answers.get(request["m"])) is not None:
                        self.say(request["m"], answer)
                    self.asked.put((request["m"], request["a"]))
        except OSError:
            pass  # closed by the test

    def say(self, method: str, answer: dict[str, Any]) -> None:
        """Answer a method, once it is asked for."""
        eventually(lambda: method in self.numbers)
        self.ctl.sendall(frames.frame(0, frames.RESPONSE, json.dumps({"i": self.numbers[method], **answer}).encode()))

    def heard(self, method: str) -> dict[str, Any]:
        """Wait until a method was asked for; return its arguments."""
        while True:
            name, arguments = self.asked.get(timeout=10)
            if name == method:
                return arguments

    def ended(self, said: object, code: object = 0) -> None:
        self.say("copied", {"ok": {"said": said, "code": code}})

    def copy(self, verb: str, path: str = "/tmp", root: Path | None = None) -> Copying:
        return VmFiles("box", cast("Machine", self), root).copy("box", verb, path, walk=True, owners=False)

    def die(self) -> None:
        self.lost = True
        for end in (self.ctl, self.io):
            end.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        self.control.close()
        self.streams.close()
        self.thread.join(10)
        self.ctl.close()
        self.io.close()


@pytest.fixture
def agent(short_path: Path) -> Iterator[Agent]:
    before = descriptors(os.getpid())
    found = Agent(short_path)
    yield found
    found.close()
    eventually(lambda: descriptors(os.getpid()) == before)


def begun(copy: Copying) -> threading.Thread:
    """Have a copy begin, in another thread, by its first read."""
    thread = threading.Thread(target=lambda: copy.read(1))
    thread.start()
    return thread


def word(code: object, message: object) -> str:
    return json.dumps({"code": code, "message": message})


def test_what_is_packed_comes_through_the_stdio_port(agent: Agent) -> None:
    copy = agent.copy(PACK, "/etc")
    thread = begun(copy)
    asked = agent.heard("copy")
    assert (asked["id"], asked["verb"], asked["path"], asked["walk"], asked["owners"]) == (
        "box",
        "pack",
        "/etc",
        True,
        False,
    )
    agent.io.sendall(frames.frame(asked["base"] + 1, frames.DATA, b"xyz") + frames.frame(asked["base"] + 1, frames.END))
    thread.join(10)
    assert copy.read(10) == b"yz" and copy.read(10) == b""
    agent.heard("copied")
    agent.ended(word(0, ""))
    assert copy.wait() is None


def test_what_is_placed_goes_through_it_and_no_byte_before_the_agent_is_ready(agent: Agent) -> None:
    copy = agent.copy(PLACE)
    assert copy.write(b"abc")
    asked = agent.heard("copy")
    done: list[ArgosyError | None] = []
    thread = threading.Thread(target=lambda: done.append(copy.wait()))
    thread.start()
    got: list[tuple[int, int, bytes]] = []
    reader = frames.Reader(frames.STREAM_KINDS, frames.MAX_STREAM)
    while not got or got[-1][1] != frames.END:
        got += reader.feed(agent.io.recv(65536))
    assert got == [(asked["base"], frames.DATA, b"abc"), (asked["base"], frames.END, b"")]
    agent.ended(word(0, ""))
    thread.join(10)
    assert done == [None]


def test_one_that_ended_takes_no_more(agent: Agent) -> None:
    copy = agent.copy(PLACE)
    assert copy.write(b"abc")
    agent.heard("copied")
    agent.ended(word(8, "the disk is full"), 1)
    eventually(lambda: not copy.write(b"more"))
    error = copy.wait()
    assert isinstance(error, ResourceExhausted) and error.message == "the disk is full"


@pytest.mark.parametrize(
    ("said", "code", "kind", "message"),
    [
        (word(5, '"/x" in container "box": not found'), 1, NotFound, '"/x" in container "box"'),
        (word(3, "red\x1b[31m\n"), 1, InvalidArgument, "red [31m "),
        ("", 137, Unavailable, "by signal 9"),
        ("", 1, Unavailable, "with 1"),
        (word("5", "x"), 1, Internal, "said"),
        (word(5, ["x"]), 1, Internal, "said"),
        (word(True, "x"), 1, Internal, "said"),
        ("[" * 100_000, 1, Internal, "said"),
        ("nonsense\x1b", 1, Internal, "said"),
        (None, 0, Internal, "nonsense"),
        (word(0, ""), "0", Internal, "nonsense"),
        (word(0, ""), -1, Internal, "nonsense"),
    ],
)
def test_a_guest_may_say_anything_of_how_it_ended(
    agent: Agent, said: object, code: object, kind: type[ArgosyError], message: str
) -> None:
    copy = agent.copy(PLACE)
    assert copy.write(b"abc")
    agent.heard("copied")
    agent.ended(said, code)
    error = copy.wait()
    assert type(error) is kind and message in error.message and "\x1b" not in error.message


def test_an_answer_that_is_no_object_is_nonsense(agent: Agent) -> None:
    copy = agent.copy(PLACE)
    assert copy.write(b"abc")
    agent.heard("copied")
    agent.say("copied", {"ok": [1]})
    assert isinstance(copy.wait(), Internal)


@pytest.mark.parametrize(
    ("answer", "kind", "message"),
    [
        ({"err": "this agent has no method shared", "kind": "unimplemented"}, FailedPrecondition, "argosy kata build-image"),
        ({"err": "no process init of box", "kind": "not_found"}, NotFound, "no process"),
        ({"err": "4 copies are under way in the VM", "kind": "exhausted"}, ResourceExhausted, "4 copies"),
    ],
)
@pytest.mark.parametrize("verb", [PACK, PLACE])
def test_one_that_can_not_be_begun_says_why_and_leaves_nothing(
    agent: Agent, tmp_path: Path, answer: dict[str, str], kind: type[ArgosyError], message: str, verb: str
) -> None:
    for root, method in ((tmp_path, "shared"), (None, "copy")):
        agent.answers[method] = answer
        copy = agent.copy(verb, root=root)
        with pytest.raises(kind, match=message):
            _ = copy.read(1) if verb == PACK else copy.write(b"x")
        copy.end("it could not be begun")
        assert isinstance(copy.wait(), kind) and copy.has_gone()


@pytest.mark.parametrize("verb", [PACK, PLACE])
def test_one_is_killed_by_the_agent_and_its_caller_is_told_why(agent: Agent, verb: str) -> None:
    copy = agent.copy(verb)

    def move() -> None:
        with suppress(Aborted):
            _ = copy.read(1) if verb == PACK else copy.write(b"x")

    thread = threading.Thread(target=move)
    thread.start()
    asked = agent.heard("copied")
    copy.end("its client is gone")
    assert agent.heard("end_copy") == {"base": asked["base"]}
    agent.io.sendall(frames.frame(asked["base"] + 1, frames.END) if verb == PACK else b"")
    agent.ended("", 137)
    thread.join(10)
    error = copy.wait()
    assert isinstance(error, Aborted) and "its client is gone" in error.message and copy.has_gone() and copy.gone(0)


def test_one_that_can_not_be_killed_is_told_of_and_collected_with_its_vm(
    agent: Agent, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("argosy_shim_kata_v2.files.DEATH_S", 0.05)
    copy = agent.copy(PLACE)
    assert copy.write(b"x")
    agent.heard("copied")
    copy.end("its client is gone")
    error = copy.wait()
    assert isinstance(error, Aborted) and "its client is gone" in error.message
    assert copy.has_ended() and not copy.has_gone() and not copy.gone(0)
    agent.die()
    copy.collect()
    assert copy.has_gone()


def test_whoever_removes_a_container_waits_for_a_copy_that_begins(agent: Agent) -> None:
    del agent.answers["copy"]
    copy = agent.copy(PLACE)
    told: list[ArgosyError | None] = []
    thread = threading.Thread(target=lambda: told.append(copy.wait()))
    thread.start()
    agent.heard("copy")
    copy.end("the task was deleted")
    assert not copy.has_gone() and not copy.gone(0.01)
    agent.say("copy", {"ok": None})
    agent.heard("end_copy")
    agent.ended("", 137)
    thread.join(10)
    assert isinstance(told[0], Aborted) and copy.gone(0) and copy.has_gone()


def test_one_that_is_ended_before_it_begins_never_does(agent: Agent) -> None:
    copy = agent.copy(PACK)
    copy.end("the task was deleted")
    with pytest.raises(Aborted, match="the task was deleted"):
        copy.read(1)
    assert isinstance(copy.wait(), Aborted) and agent.asked.empty()


@pytest.mark.parametrize("verb", [PACK, PLACE])
def test_one_ends_with_its_vm(agent: Agent, verb: str) -> None:
    copy = agent.copy(verb)
    thread = threading.Thread(target=lambda: copy.read(1) if verb == PACK else copy.write(b"x"))
    thread.start()
    agent.heard("copied")
    agent.die()
    thread.join(10)
    if verb == PLACE:
        eventually(lambda: not copy.write(b"x" * 4096))
    error = copy.wait()
    assert isinstance(error, Unavailable) and "the VM is gone" in error.message


def test_a_path_is_bounded_before_a_guest_hears_of_it(agent: Agent) -> None:
    for path in ("/" + "x" * 4096, "/a\0b"):
        with pytest.raises(InvalidArgument, match="none in container"):
            agent.copy(PACK, path)
    assert agent.asked.empty()


@pytest.mark.root
def test_the_host_copies_only_where_something_is_mounted(agent: Agent, tmp_path: Path) -> None:
    """A root file system that was unmounted a moment ago leaves a directory of the host's own: nothing is put there."""
    agent.answers["shared"] = {"ok": True}
    root = tmp_path / "box/rootfs"
    root.mkdir(parents=True)
    (tmp_path / "files").mkdir()
    with pytest.raises(NotFound, match='the files of container "box"'):
        agent.copy(PLACE, "/", root).write(b"x")
    subprocess.run(["mount", "--bind", str(tmp_path / "files"), str(root)], check=True)
    try:
        copy = agent.copy(PLACE, "/", root)
        assert copy.write(tar_of("a/b", b"one")) and copy.wait() is None
        assert agent.heard("drop") == {"sync": False}
    finally:
        subprocess.run(["umount", str(root)], check=True)
    assert (tmp_path / "files/a/b").read_bytes() == b"one" and not os.listdir(root)
    root.rmdir()
    with pytest.raises(NotFound):
        agent.copy(PLACE, "/", root).write(b"x")


def tar_of(name: str, data: bytes) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        info = tarfile.TarInfo(name)
        info.size = len(data)
        tar.addfile(info, io.BytesIO(data))
    return out.getvalue()


# -- the agent's child --

# Forks it as the agent does, for a directory; says its exit code and its last word, after what it has written.
_FORK = """
import os, sys
from argosy_shim_kata_v2.guest import files
verb, root, path = sys.argv[1:4]
top = os.open(root, os.O_PATH | os.O_DIRECTORY)
word, said = os.pipe()
held, kept = os.pipe()
pid = files.fork(top, 0, 1, said, verb, path, "it", True, False)
os.close(said), os.close(kept)
assert os.read(held, 1) == b"", "the child keeps what is not its own"
code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
print(code, os.read(word, 8192).decode(), file=sys.stderr)
"""


def child(verb: str, root: Path, path: str, data: bytes = b"") -> tuple[bytes, str]:
    command = [sys.executable, "-c", _FORK, verb, str(root), path]
    done = subprocess.run(command, input=data, capture_output=True, timeout=60, check=True)
    return done.stdout, done.stderr.decode()


def test_the_agents_child_packs_and_places(tmp_path: Path) -> None:
    (tmp_path / "from").mkdir()
    (tmp_path / "to").mkdir()
    (tmp_path / "from/f").write_bytes(os.urandom(1 << 20))
    data, said = child("pack", tmp_path, "/from")
    assert said.startswith("0 ") and json.loads(said[2:])["code"] == 0
    _, said = child("place", tmp_path, "/to", data)
    assert said.startswith("0 ")
    assert (tmp_path / "to/from/f").read_bytes() == (tmp_path / "from/f").read_bytes()


def test_the_agents_child_stays_in_its_root_and_says_why_it_failed(tmp_path: Path) -> None:
    (tmp_path / "root").mkdir()
    (tmp_path / "root/out").symlink_to(tmp_path)
    for verb, path, data, code in (
        ("pack", "/no", b"", 5), ("place", "/out", b"", 5), ("place", "/", tar_of("../x", b"x"), 3), ("place", "/", b"x" * 1024, 3),
    ):  # fmt: skip
        _, said = child(verb, tmp_path / "root", path, data)
        assert said.startswith("1 ") and json.loads(said[2:])["code"] == code, said
    assert os.listdir(tmp_path) == ["root"]


def test_a_path_that_is_the_guests_alone_is_not_shared(tmp_path: Path) -> None:
    """Here nothing is virtiofs, so that nothing is; names with blanks and backslashes in the kernel's table are read as they are."""
    from argosy_shim_kata_v2.guest import files

    top = os.open(tmp_path, os.O_PATH | os.O_DIRECTORY)
    try:
        said: Callable[..., bool] = files.shared
        assert said("self", top, str(tmp_path), "/", True, False) is False
        assert said("self", top, str(tmp_path / "no"), "/", True, False) is False
    finally:
        os.close(top)
    assert files._unescaped("/a\\040b\\134c\\012") == "/a b\\c\n"
