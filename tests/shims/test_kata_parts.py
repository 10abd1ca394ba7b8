"""The parts of the VM shim that need no VM: the image's makers, the protocol with a hostile guest, specs, settings."""

from __future__ import annotations

import json
import lzma
import os
import re
import shutil
import socket
import struct
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
import zstandard
from argosy.errors import (
    ArgosyError,
    DeadlineExceeded,
    FailedPrecondition,
    InvalidArgument,
    NotFound,
    Unavailable,
    Unimplemented,
    Unknown,
)
from argosy.mounts import Mount
from argosy_shim_kata_v2 import accel, blobs, cgroup, config, shape
from argosy_shim_kata_v2 import spec as specs
from argosy_shim_kata_v2.channel import Control, Streams
from argosy_shim_kata_v2.devices import Devices
from argosy_shim_kata_v2.guest import frames
from argosy_shim_kata_v2.guest import memory as guest_memory
from argosy_shim_kata_v2.guest.system import Failure
from argosy_shim_kata_v2.image import binaries, debs
from argosy_shim_kata_v2.image.cpio import Cpio
from argosy_shim_kata_v2.machine import Machine
from argosy_shim_kata_v2.qmp import Qmp
from argosy_shim_kata_v2.sandbox import Sandbox
from argosy_shim_kata_v2.share import listens

from tests.harness import kata
from tests.harness.leaks import descriptors
from tests.harness.mesh import BIN, eventually, run

# -- the image --


@pytest.mark.skipif(bool(kata.why_not()), reason=kata.why_not() or "images are made here")
def test_the_same_packages_give_the_same_bytes(guest_image: Path, tmp_path: Path) -> None:
    began = time.monotonic()
    kata.build(tmp_path)
    assert time.monotonic() - began < 60
    for name in ("vmlinux", "initrd", "image.json"):
        assert (tmp_path / "image" / name).read_bytes() == (guest_image / name).read_bytes(), name
    facts = json.loads((guest_image / "image.json").read_text())
    assert facts["initrd_bytes"] < 25 << 20 and facts["initrd_gzip_bytes"] < 10 << 20
    shown = run([str(BIN / "argosy"), "kata", "show-image", "--directory", str(tmp_path)]).ok().out
    assert json.loads(shown) == facts


def test_an_image_without_packages_says_so(tmp_path: Path) -> None:
    missing = run([str(BIN / "argosy"), "kata", "show-image", "--directory", str(tmp_path)])
    assert missing.code == 1 and "type: argosy kata build-image" in missing.err
    nowhere = run([str(BIN / "argosy"), "kata", "build-image", "--directory", str(tmp_path)], env={"PATH": str(tmp_path)})
    assert nowhere.code == 1 and "is not installed: the guest image is made of Debian packages" in nowhere.err


def test_a_broken_package_is_named(guest_image: Path, tmp_path: Path) -> None:
    (tmp_path / "packages").mkdir()
    for path in kata.CACHE.glob("*.deb"):
        shutil.copy(path, tmp_path / "packages")
    (broken,) = (tmp_path / "packages").glob("crun_*.deb")
    broken.write_bytes(b"no archive")
    done = run([str(BIN / "argosy"), "kata", "build-image", "--directory", str(tmp_path)])
    assert done.code == 1 and broken.name in done.err
    assert not (tmp_path / "image").exists()


def test_needed_libraries_are_those_that_the_linker_names() -> None:
    program = shutil.which("python3") or "/bin/ls"
    for path in (os.path.realpath(program), "/bin/sh", "/usr/bin/tar"):
        told = subprocess.run(["readelf", "-d", "-l", path], capture_output=True, text=True).stdout
        if not told:
            pytest.skip("readelf is not installed")
        expected = re.findall(r"interpreter: (\S+)\]", told) + re.findall(r"NEEDED.*\[(.*)\]", told)
        assert sorted(binaries.libraries(Path(path).read_bytes())) == sorted(expected)
    assert binaries.libraries(b"#!/bin/sh\n") == []


def test_modules_come_after_what_they_need() -> None:
    modules = {
        "a": b"\0depends=b,c-d\0", "b": b"\0depends=\0softdep=pre: e gone post: f\0", "c_d": b"\0depends=built_in\0", "e": b"\0depends=\0",
        "f": b"\0depends=\0",
    }  # fmt: skip
    assert binaries.module_order(["a"], modules, frozenset(["built_in"])) == ["e", "b", "c_d", "a"]
    with pytest.raises(NotFound, match="no module x, which the agent needs"):
        binaries.module_order(["x"], modules, frozenset())


def test_what_a_release_compresses_is_unpacked() -> None:
    elf = b"\x7fELF" + bytes(100)
    head = bytearray(0x400)
    head[0x202:0x206], head[0x1F1] = b"HdrS", 1
    for packed in (lzma.compress(elf), zstandard.ZstdCompressor().compress(elf) + b"\x68\0\0\0"):
        head[0x248:0x250] = struct.pack("<II", 0, len(packed))
        assert binaries.vmlinux(bytes(head) + packed, ["no-such-lz4"]) == elf
    assert debs.unpacked("a.ko", elf) == debs.unpacked("a.ko.xz", lzma.compress(elf)) == elf
    assert debs.unpacked("a.ko.zst", zstandard.ZstdCompressor().compress(elf)) == elf
    for name in ("a.ko.xz", "a.ko.zst"):
        with pytest.raises(InvalidArgument, match=name):
            debs.unpacked(name, b"neither")


def test_packages_are_those_that_apt_would_install_now(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An older version that was kept is no guest image any more: it may lack a fix."""
    apt = tmp_path / "bin/apt-get"
    apt.parent.mkdir()
    apt.write_text(
        '#!/bin/sh\necho "$@" >>$LOG\ncase "$*" in *--print-uris*)\n'
        "for p in one two; do echo \"'http://example/$p' ${p}_2-1_amd64.deb 3 SHA256:0\"; done;;\n"
        '*) for p in one two; do case " $* " in *" $p "*) echo $p >${p}_2-1_amd64.deb;; esac; done;;\nesac\n'
    )
    apt.chmod(0o755)
    monkeypatch.setenv("PATH", f"{apt.parent}:{os.environ['PATH']}")
    monkeypatch.setenv("LOG", str(tmp_path / "log"))
    cache = tmp_path / "cache"
    cache.mkdir()
    (cache / "one_1-1_amd64.deb").write_text("stale")
    (cache / "two_2-1_amd64.deb").write_text("kept")
    found = debs.download(["one", "two"], cache)
    assert found == {"one": cache / "one_2-1_amd64.deb", "two": cache / "two_2-1_amd64.deb"}
    assert sorted(p.name for p in cache.iterdir()) == ["one_2-1_amd64.deb", "two_2-1_amd64.deb"]
    assert found["two"].read_text() == "kept" and (tmp_path / "log").read_text().count("download one\n") == 1
    with pytest.raises(NotFound, match="apt-get knows no package three"):
        debs.download(["one", "three"], cache)


def test_a_file_server_is_found_or_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "virtiofsd"
    program.write_text("")
    program.chmod(0o755)
    assert config.Config(virtiofsd=str(program)).file_server() == str(program)
    missing = config.Config(virtiofsd="/nowhere/virtiofsd")
    assert missing.file_server() == "" and not missing.shares()
    with pytest.raises(NotFound, match='virtiofsd = "/nowhere/virtiofsd" is not installed; type: apt-get install'):
        config.Config(virtiofsd="/nowhere/virtiofsd", rootfs="virtiofs").shares()


def test_a_kernel_that_is_none_is_refused() -> None:
    with pytest.raises(InvalidArgument, match="neither ELF nor a bzImage"):
        binaries.vmlinux(bytes(4096), ["lz4"])
    assert binaries.vmlinux(b"\x7fELFrest", ["lz4"]) == b"\x7fELFrest"


def test_an_archive_has_its_parents_and_is_sorted() -> None:
    archive = Cpio()
    archive.file("b/c/file", b"x" * 5, 0o755)
    archive.link("a", "b/c/file")
    archive.device("dev/null", 1, 3)
    data = archive.encode()
    names = [m.decode() for m in re.findall(rb"070701[0-9a-f]{104}([^\0]+)\0", data)]
    assert names == ["a", "b", "b/c", "b/c/file", "dev", "dev/null", "TRAILER!!!"] and len(data) % 512 == 0
    assert data == archive.encode() and "b/c" in archive and "b/x" not in archive


# -- a guest that is not to be trusted --


class Guest:
    """The other end of a port."""

    def __init__(self, path: Path) -> None:
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(path))
        self._listener.listen(1)

    def accept(self) -> socket.socket:
        peer, _ = self._listener.accept()
        peer.settimeout(10)
        self._listener.close()
        return peer


@pytest.fixture
def control(short_path: Path) -> Iterator[tuple[Control, socket.socket, list[Any]]]:
    guest = Guest(short_path / "ctl")
    heard: list[Any] = []

    def event(told: Mapping[str, Any]) -> None:
        if told.get("ev") == "bad":
            raise ValueError("an event that makes no sense")
        heard.append(told)

    host = Control(short_path / "ctl", 5, event, lambda why: heard.append(why))
    peer = guest.accept()
    yield host, peer, heard
    host.close()
    peer.close()


def answer(peer: socket.socket, make: Callable[[int], bytes]) -> threading.Thread:
    """Read one request, and send what make says for its number."""

    def run() -> None:
        header = peer.recv(frames.HEADER.size, socket.MSG_WAITALL)
        _, _, size = frames.HEADER.unpack(header)
        request = json.loads(peer.recv(size, socket.MSG_WAITALL))
        peer.sendall(make(request["i"]))

    thread = threading.Thread(target=run)
    thread.start()
    return thread


def reply(**fields: Any) -> bytes:
    return frames.frame(0, frames.RESPONSE, json.dumps(fields).encode())


def test_answers_and_errors_come_to_who_asked(control: tuple[Control, socket.socket, list[Any]]) -> None:
    host, peer, heard = control
    thread = answer(peer, lambda n: frames.frame(0, frames.EVENT, b'{"ev": "x"}') + reply(i=n, ok={"a": 1}))
    assert host.call("hello", 5) == {"a": 1} and heard == [{"ev": "x"}]
    thread.join()
    for kind, error in (("not_found", NotFound), ("unimplemented", Unimplemented), ("whatever", Unknown)):
        thread = answer(peer, partial(lambda kind, n: reply(i=n, err="no\x1b[31m\nred", kind=kind), kind))
        with pytest.raises(error, match="no \\[31m red"):
            host.call("x", 5)
        thread.join()
    with pytest.raises(DeadlineExceeded, match=r"did not answer slow within 0\.1 s"):
        host.call("slow", 0.1)


@pytest.mark.parametrize(
    "hostile",
    [
        lambda n: reply(i=n + 1, ok=1),
        lambda n: reply(i=str(n), ok=1),
        lambda n: reply(i=True, ok=1),
        lambda n: reply(i=[n], ok=1),
        lambda n: reply(ok=1),
        lambda n: frames.frame(0, frames.RESPONSE, b"[1]"),
        lambda n: frames.frame(0, frames.RESPONSE, b"\xff\xfe{"),
        lambda n: frames.frame(0, frames.RESPONSE, b"1e9999"),
        lambda n: frames.frame(0, frames.REQUEST, b'{"i": 1, "m": "kill"}'),
        lambda n: frames.frame(0, frames.DATA, b"x"),
        lambda n: frames.frame(0, 200, b"x"),
        lambda n: frames.HEADER.pack(0, frames.RESPONSE, frames.MAX_CONTROL + 1),
        lambda n: frames.HEADER.pack(0, frames.RESPONSE, 0xFFFFFFFF),
        lambda n: frames.frame(0, frames.EVENT, b'{"ev": "bad"}'),
    ],
)  # fmt: skip
def test_a_guest_that_breaks_the_protocol_is_given_up(
    control: tuple[Control, socket.socket, list[Any]], hostile: Callable[[int], bytes]
) -> None:
    host, peer, heard = control
    thread = answer(peer, hostile)
    with pytest.raises(Unavailable, match="broke the protocol"):
        host.call("hello", 10)
    thread.join()
    assert isinstance(heard[-1], str) and "broke the protocol" in heard[-1]
    with pytest.raises(Unavailable):
        host.call("hello", 10)


@pytest.fixture
def streams(short_path: Path) -> Iterator[tuple[Streams, socket.socket, list[str]]]:
    guest = Guest(short_path / "io")
    lost: list[str] = []
    host = Streams(short_path / "io", 5, lost.append)
    peer = guest.accept()
    yield host, peer, lost
    host.close()
    peer.close()


def test_output_is_held_back_by_its_reader_alone(streams: tuple[Streams, socket.socket, list[str]]) -> None:
    host, peer, lost = streams
    base = host.number()
    read, write = os.pipe()
    other_read, other_write = os.pipe()
    ended: list[int] = []
    host.outlet(base + 1, write, lambda: ended.append(1))
    host.outlet(base + 2, other_write, lambda: ended.append(2))
    sent = 0
    # As much as the window allows; the pipe holds a quarter of it, and nobody reads.
    while sent < frames.WINDOW:
        peer.sendall(frames.frame(base + 1, frames.DATA, b"x" * 32768))
        sent += 32768
    peer.sendall(frames.frame(base + 2, frames.DATA, b"quick") + frames.frame(base + 2, frames.END))
    with os.fdopen(other_read, "rb") as quick:
        assert quick.read() == b"quick"
    eventually(lambda: ended == [2])
    peer.sendall(frames.frame(base + 1, frames.END))
    with os.fdopen(read, "rb") as slow:
        assert len(slow.read()) == frames.WINDOW
    eventually(lambda: ended == [2, 1])
    assert lost == []


def test_input_waits_for_credit(streams: tuple[Streams, socket.socket, list[str]]) -> None:
    host, peer, _ = streams
    base = host.number()
    read, write = os.pipe()
    host.inlet(base, read)

    def feed() -> None:
        with os.fdopen(write, "wb") as file:
            file.write(b"y" * (2 * frames.WINDOW))

    thread = threading.Thread(target=feed)
    thread.start()
    reader = frames.Reader(frames.STREAM_KINDS, frames.MAX_STREAM)
    got, ended = 0, False
    peer.settimeout(0.5)
    with pytest.raises(TimeoutError):
        while True:
            for _, _, payload in reader.feed(peer.recv(65536)):
                got += len(payload)
    assert got == frames.WINDOW
    peer.settimeout(10)
    while not ended:
        peer.sendall(frames.frame(base, frames.CREDIT, frames.AMOUNT.pack(got)) if got else b"")
        got = 0
        for _, kind, payload in reader.feed(peer.recv(65536)):
            ended = ended or kind == frames.END
            got += len(payload)
    thread.join()


@pytest.mark.parametrize(
    "hostile",
    [
        lambda base: frames.frame(base + 1, frames.DATA, b"x" * 65536) * 5,
        lambda base: (
            frames.frame(base + 1, frames.DATA, b"x" * 65536) * 2 + frames.frame(base + 1, frames.END)
            + frames.frame(base + 1, frames.DATA, b"y")
        ),
        lambda base: frames.frame(base + 300, frames.DATA, b"x"),
        lambda base: frames.frame(base, frames.DATA, b"x"),
        lambda base: frames.frame(base, frames.CREDIT, frames.AMOUNT.pack(1)),
        lambda base: frames.frame(base, frames.CREDIT, b"xx"),
        lambda base: frames.frame(base, frames.BREAK),
        lambda base: frames.frame(base + 1, frames.BREAK),
        lambda base: frames.frame(base + 300, frames.BREAK),
        lambda base: frames.frame(base + 1, frames.RESPONSE, b"{}"),
        lambda base: frames.HEADER.pack(base + 1, frames.DATA, frames.MAX_STREAM + 1),
    ],
)  # fmt: skip
def test_a_stream_that_breaks_its_rules_is_the_end(
    streams: tuple[Streams, socket.socket, list[str]], hostile: Callable[[int], bytes]
) -> None:
    host, peer, lost = streams
    base = host.number()
    # Nobody reads the output, so that its window closes.
    read, write = os.pipe()
    in_read, in_write = os.pipe()
    ended: list[int] = []
    host.outlet(base + 1, write, lambda: ended.append(1))
    host.inlet(base, in_read)
    time.sleep(0.05)
    try:
        peer.sendall(hostile(base))
        if b"x" * 65536 in hostile(base):
            peer.sendall(frames.frame(base + 1, frames.DATA, b"x" * 65536))
    except BrokenPipeError:
        pass  # it has closed already
    eventually(lambda: bool(lost) and "broke the protocol" in lost[0] and ended == [1], what=str(lost))
    os.close(read)
    os.close(in_write)


def test_what_comes_after_the_end_of_the_port_is_let_go_of(streams: tuple[Streams, socket.socket, list[str]]) -> None:
    host, guest, lost = streams
    guest.close()
    eventually(lambda: len(lost) == 1)
    read, write = os.pipe()
    ended = threading.Event()
    host.outlet(host.number() + 1, write, ended.set)
    assert ended.wait(2) and os.read(read, 1) == b""
    other, back = os.pipe()
    host.inlet(host.number(), other)
    with pytest.raises(BrokenPipeError):
        os.write(back, b"x")
    for fd in (read, back):
        os.close(fd)
    host.close()


def test_qemu_that_talks_nonsense_is_gone(short_path: Path) -> None:
    guest = Guest(short_path / "qmp")

    def serve() -> None:
        peer = guest.accept()
        peer.sendall(b'{"QMP": {}}\n')
        peer.recv(4096)
        peer.sendall(b'{"return": {}}\n{"event": "RESUME"}\n')
        peer.recv(4096)
        peer.sendall(b'{"error": {"desc": "no such thing"}}\n')
        peer.recv(4096)
        peer.sendall(b"nonsense\n")
        peer.recv(4096)
        peer.close()

    thread = threading.Thread(target=serve)
    thread.start()
    events: list[str] = []
    qmp = Qmp(short_path / "qmp", 5, lambda name, _: events.append(name))
    with pytest.raises(Unknown, match="QEMU: device_add: no such thing"):
        qmp.command("device_add")
    with pytest.raises(Unavailable):
        qmp.command("cont")
    assert events == ["RESUME"]
    qmp.close()
    thread.join()


def test_a_qemu_that_listens_and_does_not_greet_is_given_up(short_path: Path) -> None:
    """It is stopped, or never gets to it: the kernel takes the connection for it."""
    before = descriptors(os.getpid()).get("socket", 0)
    guest = Guest(short_path / "qmp")
    with pytest.raises(Unavailable, match=r"QEMU did not greet within 0\.2 s"):
        Qmp(short_path / "qmp", 0.2, lambda name, _: None)
    guest.accept().close()
    assert descriptors(os.getpid()).get("socket", 0) == before


@pytest.mark.parametrize("words", [b'{"return": {}}\n', b"nonsense\n"])
def test_a_qemu_that_is_let_go_of_leaves_no_descriptor(short_path: Path, words: bytes) -> None:
    """Nor does one that is not understood, with whom there is nothing to let go of. A pool of VMs lets go of each."""
    before = descriptors(os.getpid()).get("socket", 0)
    guest = Guest(short_path / "qmp")

    def serve() -> None:
        with guest.accept() as peer:
            peer.sendall(b'{"QMP": {}}\n')
            peer.recv(4096)
            peer.sendall(words)
            assert peer.recv(4096) == b"", "it is still connected"

    thread = threading.Thread(target=serve)
    thread.start()
    # Whoever still has the object, or the error's traceback, has no descriptor by it.
    held: object
    try:
        held = Qmp(short_path / "qmp", 5, lambda name, _: None)
        held.close()
    except Unavailable as error:
        held = error
    thread.join()
    assert descriptors(os.getpid()).get("socket", 0) == before, held


class Monitor:
    """A QEMU that has every device it is told of, but those of one path; each is let go of as soon as it is to go."""

    def __init__(self, refused: str = "") -> None:
        self.devices = Devices(self.command)
        self.refused = refused
        self.held: set[str] = set()

    def command(self, name: str, words: dict[str, Any]) -> None:
        id = str(words.get("id") or words.get("node-name"))
        if name == "object-del":
            self.held.remove(id)
        elif name in ("device_del", "blockdev-del"):
            if id not in self.held:
                raise Unknown(f"QEMU: {name}: Device '{id}' not found")
            self.held.remove(id)
            self.devices.unplugged(id)
        elif self.refused and self.refused in (id, words.get("driver")):
            raise Unknown(f"QEMU: {name}: no such thing")
        else:
            self.held.add(id)


def test_a_disk_too_many_is_refused_and_harms_no_other(tmp_path: Path) -> None:
    """Its container takes back all that it wanted to plug in; were that an error, its pod's VM would be ended."""
    monitor = Monitor()
    for n in range(shape.SLOTS):
        monitor.devices.plug_disk(tmp_path, f"s{n}", True)
    before = set(monitor.held)
    with pytest.raises(FailedPrecondition, match="room for 16 devices"):
        monitor.devices.plug_disk(tmp_path, "more", True)
    monitor.devices.unplug_disk("more")
    assert monitor.held == before
    monitor.devices.unplug_disk("s3")
    monitor.devices.plug_disk(tmp_path, "more", True)
    assert monitor.held == before - {"d-s3", "n-s3"} | {"d-more", "n-more"}


@pytest.mark.parametrize("refused", ["n-bad", "d-bad"])
def test_a_disk_that_qemu_refuses_leaves_nothing(tmp_path: Path, refused: str) -> None:
    monitor = Monitor(refused)
    for _ in range(shape.SLOTS + 1):
        with pytest.raises(Unknown, match="no such thing"):
            monitor.devices.plug_disk(tmp_path, "bad", False)
    monitor.devices.unplug_disk("bad")
    assert monitor.held == set()


def test_memory_that_qemu_refuses_leaves_nothing() -> None:
    monitor = Monitor("pc-dimm")
    for _ in range(2):
        with pytest.raises(Unknown, match="no such thing"):
            monitor.devices.plug_memory(128 << 20, True)
    assert monitor.held == set()


def test_what_a_guest_lets_go_of_by_itself_is_no_end_of_the_connection() -> None:
    told: list[object] = ["d-none", None, ["d"], {}]
    for device in told:
        Monitor().devices.unplugged(device)


# -- settings and specs --


def test_a_template_depends_on_all_that_its_state_does(tmp_path: Path) -> None:
    files = {name: tmp_path / name for name in ("qemu", "kernel", "initrd")}
    for path in files.values():
        path.write_text("x")

    def key(chosen: config.Config = config.Config(), name: str = "tcg") -> str:  # noqa: B008 # frozen
        return shape.Shape(chosen, name, str(files["qemu"]), files["kernel"], files["initrd"]).key()

    keys = {key(), key(name="kvm"), key(config.Config(memory_mb=512)), key(config.Config(vcpus=2)),
            key(config.Config(kernel_params="x"))}  # fmt: skip
    files["kernel"].write_text("another")
    assert len(keys | {key()}) == 6
    assert key() == key(config.Config(network="none"))


def test_a_guest_under_kvm_speaks_at_once_for_it_is_judged_by_that(tmp_path: Path) -> None:
    for name, spoken in (("kvm", True), ("tcg", False)):
        guest = shape.Shape(config.Config(kernel_params="last=1"), name, "/qemu", tmp_path / "kernel", tmp_path / "initrd")
        command = shape.arguments(guest, tmp_path, tmp_path / "memory", True, False)
        line = command[command.index("-append") + 1].split()
        assert ("earlyprintk=ttyS0" in line) is spoken and ("quiet" in line) is not spoken and line[-1] == "last=1"
        assert ("mitigations=off" in line) is (name == "tcg")


def test_what_means_something_only_on_the_host_is_left_out(tmp_path: Path) -> None:
    shared: list[tuple[str, Mount]] = []

    def share(name: str, mount: Mount) -> str:
        shared.append((name, mount))
        return f"/guest/{name}"

    def listen(destination: str, source: str) -> str:
        return f"/listener{destination}{source}"

    source: dict[str, Any] = {
        "process": {"args": ["x"], "apparmorProfile": "p", "selinuxLabel": "l", "cwd": "/"},
        "root": {"path": "rootfs", "readonly": True},
        "hooks": {"prestart": [{"path": "/bin/evil"}]},
        "mounts": [
            {"destination": "/proc", "type": "proc", "source": "proc"},
            {"destination": "/data", "type": "bind", "source": str(tmp_path), "options": ["rbind", "ro", "rprivate"]},
            {"destination": "/dev/shm", "type": "bind", "source": "/run/pod/shm", "options": ["rbind"]},
            {"destination": "/agent.sock", "type": "uds", "source": "/run/it", "options": ["rbind", "ro"]},
            {"destination": "/hostsys", "type": "bind", "source": "/sys/fs", "options": ["rbind", "ro"]},
        ],
        "linux": {
            "namespaces": [
                {"type": "pid"}, {"type": "network", "path": "/run/netns/x"}, {"type": "ipc", "path": "/proc/1/ns/ipc"}, {"type": "user"},
                {"type": "mount"},
            ],
            "cgroupsPath": "/host/path", "resources": {"memory": {"limit": 1}}, "uidMappings": [{}],
        },
    }  # fmt: skip
    guest = specs.translate(source, "c1", "/guest/rootfs", share, listen)
    assert "hooks" not in guest and guest["root"] == {"path": "/guest/rootfs", "readonly": True}
    assert guest["process"] == {"args": ["x"], "cwd": "/"}
    assert guest["linux"]["namespaces"] == [{"type": "pid"}, {"type": "mount"}]
    assert guest["linux"]["resources"] == {"memory": {"limit": 1}}
    assert not {"uidMappings", "cgroupsPath"}.intersection(guest["linux"])
    assert shared == [("m1", Mount("bind", str(tmp_path), ("rbind", "ro")))]
    mounts = {m["destination"]: m for m in guest["mounts"]}
    assert mounts["/data"]["source"] == "/guest/m1" and "ro" in mounts["/data"]["options"]
    listener = {"type": "bind", "source": "/listener/agent.sock/run/it", "options": ["rbind", "ro"]}
    assert mounts["/agent.sock"] == {"destination": "/agent.sock", **listener}
    assert mounts["/dev/shm"]["type"] == "tmpfs" and mounts["/hostsys"]["source"] == "/sys/fs"
    assert specs.network_namespace(source) == "/run/netns/x" and specs.network_namespace({}) == ""
    assert source["linux"]["cgroupsPath"] == "/host/path"


@pytest.mark.parametrize(
    ("resources", "limit"),
    [
        ({"memory": {"limit": 5}}, 5), ({"memory": {"limit": -1}}, 0), ({"memory": {"limit": None}}, 0), ({"memory": {"limit": "5"}}, 0),
        ({"memory": None}, 0), ({"memory": []}, 0), ({}, 0), (None, 0), ([], 0),
    ],
)  # fmt: skip
def test_a_memory_limit_is_a_number_or_there_is_none(resources: object, limit: int) -> None:
    assert specs.memory_limit(resources) == limit


@pytest.mark.parametrize("version", ["1.0.2", "1.1.0", "1.2.1", "1.3.0", "2.0.0", None])
def test_the_guest_is_told_a_version_that_it_knows(version: str | None) -> None:
    spec = {"process": {"args": ["x"]}} | ({} if version is None else {"ociVersion": version})
    assert specs.translate(spec, "c", "/r", lambda name, mount: name, lambda *_: "")["ociVersion"] == "1.0.2"


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"mounts": [{"destination": "/x", "type": "bind", "source": "/no/such/path"}]}, "does not exist"),
        ({"mounts": [{"destination": "/x", "type": "bind", "source": "../relative"}]}, "does not exist"),
        ({"linux": {"devices": [{"path": "/dev/kvm"}]}}, "a VM can't be given the host's devices: /dev/kvm"),
        ({"linux": {"netDevices": {"eth7": {}}}}, "a VM can't be given the host's network devices: eth7"),
        ({"process": None}, "the spec has no process"),
    ],
)
def test_a_spec_that_no_vm_can_have_is_refused(change: dict[str, Any], error: str) -> None:
    with pytest.raises((InvalidArgument, Unimplemented), match=error):
        specs.translate({"process": {"args": ["x"]}} | change, "c", "/r", lambda name, mount: name, lambda *_: "")


def test_kvm_is_believed_only_when_a_guest_has_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tried: list[str] = []

    def probe(works: bool) -> Callable[[], None]:
        def run() -> None:
            tried.append("x")
            if not works:
                raise Unknown("not one byte")

        return run

    monkeypatch.setattr(accel, "usable", lambda: "")
    cache = tmp_path / "r/accel.json"
    assert accel.choose("auto", "one", cache, probe(False)) == "tcg"
    assert accel.choose("auto", "one", cache, probe(True)) == "tcg" and len(tried) == 1
    assert accel.choose("auto", "two", cache, probe(True)) == "kvm" and len(tried) == 2
    assert accel.choose("tcg", "two", cache, probe(True)) == "tcg" and accel.choose("kvm", "x", cache, probe(False)) == "kvm"
    cache.write_text("[broken")
    assert accel.choose("auto", "two", cache, probe(True)) == "kvm" and len(tried) == 3
    monkeypatch.setattr(accel, "usable", lambda: "there is no /dev/kvm")
    assert accel.choose("auto", "three", cache, probe(True)) == "tcg"
    with pytest.raises(ArgosyError, match="there is no /dev/kvm"):
        accel.choose("kvm", "three", cache, probe(True))


# -- layers that are images, and the host's cgroups --


@pytest.mark.skipif(shutil.which("mkfs.erofs") is None, reason="mkfs.erofs is not installed: apt-get install -y erofs-utils")
def test_an_image_is_the_guests_only_where_its_kernel_reads_it(tmp_path: Path) -> None:
    (tmp_path / "tree").mkdir()
    (tmp_path / "tree/file").write_bytes(b"text\n" * 10_000)
    for name, *options in (("plain",), ("packed", "-zlz4hc")):
        run(["mkfs.erofs", "--quiet", *options, str(tmp_path / name), str(tmp_path / "tree")]).ok()
        assert blobs.readable(tmp_path / name, "6.1.0-40-cloud-amd64")
    small = bytearray((tmp_path / "plain").read_bytes())
    small[1024 + 12] = 9  # blocks of 512 bytes, as our own snapshotter's
    (tmp_path / "small").write_bytes(small)
    releases = {
        "6.1.0-40-cloud-amd64": False,
        "6.4.0": True,
        "6.12.1-amd64": True,
        "7.0": True,
        "nonsense": False,
        "": False,
    }
    assert {r: blobs.readable(tmp_path / "small", r) for r in releases} == releases
    for at, value in ((1024, 0), (1024 + 80, 0x40), (1024 + 86, 1), (1024 + 12, 16)):
        broken = bytearray((tmp_path / "plain").read_bytes())
        broken[at] = value
        (tmp_path / "broken").write_bytes(broken)
        assert not blobs.readable(tmp_path / "broken", "6.12.0"), at
    (tmp_path / "short").write_bytes(bytes(100))
    assert not blobs.readable(tmp_path / "short", "6.12.0") and not blobs.readable(tmp_path / "none", "6.12.0")
    assert blobs.image_of(str(tmp_path), {}) is None and blobs.images_of([], "6.12.0") == ()


@pytest.mark.parametrize(
    ("named", "path"),
    [
        ("", ""),
        ("/default/one", "/default/one"),
        ("kubepods/pod1/c", "/kubepods/pod1/c"),
        ("kubepods-besteffort-pod1.slice:cri-containerd:abc",
         "/kubepods.slice/kubepods-besteffort.slice/kubepods-besteffort-pod1.slice/cri-containerd-abc.scope"),
        (":runc:abc", "/system.slice/runc-abc.scope"),
    ],
)  # fmt: skip
def test_a_cgroup_is_where_a_runtime_would_put_it(named: str, path: str) -> None:
    assert cgroup.path_of(named) == path


def test_a_cgroup_stays_in_its_hierarchy() -> None:
    with pytest.raises(InvalidArgument, match="leads out of its hierarchy"):
        cgroup.path_of("/default/../../etc")


def test_a_socket_that_is_only_bound_is_not_listened_at(short_path: Path) -> None:
    """QEMU would be refused there, and asking by a connection would take the one that a file server accepts."""
    path = short_path / "a socket"
    assert not listens(path)
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))
        assert path.exists() and not listens(path)
        with socket.socket(socket.AF_UNIX) as peer, pytest.raises(ConnectionRefusedError):
            peer.connect(str(path))
        server.listen(1)
        assert listens(path)
    assert not listens(path)


# -- memory --


def test_a_block_of_memory_that_the_kernel_is_just_making_is_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its directory is there before what is in it."""
    blocks, group = tmp_path / "memory", tmp_path / "group"
    (blocks / "memory0").mkdir(parents=True)
    group.mkdir()
    (blocks / "memory0" / "state").write_text("online\n")
    (blocks / "block_size_bytes").write_text("8000000\n")
    monkeypatch.setattr(guest_memory, "BLOCKS", str(blocks))
    memory = guest_memory.Memory(str(group))
    growing = memory.grow(128 << 20, 10)
    next(growing)
    (blocks / "memory1").mkdir()
    next(growing)
    (blocks / "memory1" / "state").write_text("offline\n")
    next(growing)
    (blocks / "memory1" / "state").write_text("online\n")
    assert list(growing) == []
    with pytest.raises(Failure, match="did not appear"):
        list(memory.grow(256 << 20, 0))


def test_memory_that_a_guest_takes_late_is_counted_then_and_not_plugged_in_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    late = True
    plugged: list[int] = []
    asked: list[int] = []

    def call(name: str, timeout: float, *, size: int, wait_s: float) -> None:
        assert name == "grow" and wait_s < timeout
        asked.append(size >> 20)
        if late:
            raise Unknown("did not appear")

    machine = SimpleNamespace(
        lost=False,
        folder=Path("/"),
        control=SimpleNamespace(call=call),
        devices=SimpleNamespace(plug_memory=lambda size, shared: plugged.append(size >> 20)),
    )
    pod = Sandbox(lambda _: None, lambda _: None)
    pod.machine = cast("Machine", machine)
    monkeypatch.setattr(pod, "_note", lambda bundle, folder: None)
    for n in range(3):
        pod.enter(f"c{n}", "", config.Config(), "", limit=128 << 20)
    assert (plugged, asked) == ([128], [128, 128, 128])
    late = False
    pod.set_limit("c0", 256 << 20)
    assert (plugged, asked[3:]) == ([128, 384], [128, 512])
    pod.set_limit("c0", 128 << 20)
    assert (plugged, asked[5:]) == ([128, 384], [])
