"""What a service's memory grows by, and what it gives back: measured in processes of their own."""

from __future__ import annotations

import asyncio
import gc
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Final

import pytest
from argosy import memory as room
from argosy.memory import Memory

MIB: Final = 1 << 20

_PRELUDE: Final = """
import asyncio, gc, os, sys
from pathlib import Path
import uvloop
from argosy.errors import ArgosyError
from argosy.kernel.heap import keep_freed
from argosy.rpc import Channel, Server, inline
from argosy_protos.containerd.services.version.v1 import VersionBase, VersionResponse, VersionStub
from argosy_protos.google.protobuf import Empty

def rss():
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGESIZE")

class Version(VersionBase):
    @inline
    async def version(self, request):
        return VersionResponse(version="1")

async def main():
    path = Path(sys.argv[1])
    server = Server([Version()])
    await server.listen_unix(path)
    async with Channel(path) as channel:
        await measured(server, channel)
    await server.close(0.1)
"""


def _grown(short_path: Path, script: str) -> int:
    """Return what a process printed that ran script, whose ``measured`` is given a server and a channel to it."""
    code = f"{_PRELUDE}\n{script}\nasyncio.Runner(loop_factory=uvloop.new_event_loop).run(main())\n"
    done = subprocess.run([sys.executable, "-c", code, str(short_path / "s")], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return int(done.stdout)


def test_calls_with_metadata_of_their_own_leave_nothing_behind(short_path: Path) -> None:
    """Neither in the one who serves them nor in the one who makes them, however many fields they have."""
    grown = _grown(
        short_path,
        """
async def measured(server, channel):
    stub = VersionStub(channel)
    async def calls(first, count):
        for i in range(first, first + count, 20):
            await asyncio.gather(*[
                stub.version(Empty(), metadata={f"f{n}": str(i * 1000 + j * 40 + n) for n in range(40)}) for j in range(20)
            ])
    await calls(0, 200)
    before = rss()
    await calls(1000, 2000)
    print(rss() - before)
""",
    )
    assert grown < 16 * MIB


def test_answers_that_nobody_reads_are_not_made(short_path: Path) -> None:
    """A hundred calls with answers of a megabyte each, and a peer that takes none of them: those that do not fit begin when it reads."""
    grown = _grown(
        short_path,
        """
import socket
from ngh2 import Connection, Role, Configuration
from argosy.rpc import wire
from argosy_protos.containerd.services.version.v1 import VersionBase

made = 0

class Large(VersionBase):
    @inline
    async def version(self, request):
        global made
        made += 1
        return VersionResponse(version="x" * (1 << 20))

async def measured(server, channel):
    server.add(Large())
    stub = VersionStub(channel)
    await stub.version(Empty())
    before, already = rss(), made
    reader, writer = await asyncio.open_unix_connection(sys.argv[1])
    peer = Connection(Role.CLIENT, Configuration(auto_window_update=False))
    peer.initiate_connection()
    headers = channel.headers("/containerd.services.version.v1.Version/Version", (), None)
    for _ in range(90):
        sid = peer.send_request(headers, end_stream=False)
        peer.send_data(sid, wire.FRAME.pack(0, 0), end_stream=True)
    writer.write(peer.data_to_send())
    await asyncio.sleep(1.0)
    grown, at_first = rss() - before, made - already
    assert 60 <= at_first < 70, at_first
    # Who reads gets them all, those that were held back, too; others were answered meanwhile.
    await stub.version(Empty())
    ended = 0
    peer.set_local_window_size(1 << 30)
    while made - already < 91 or ended < 90:
        data = await asyncio.wait_for(reader.read(1 << 20), 10)
        peer.receive_data(data)
        for event in peer.events():
            name = type(event).__name__
            if name == "DataReceived":
                peer.acknowledge_received_data(len(event.data), event.stream_id)
            elif name == "StreamClosed":
                ended += 1
        writer.write(peer.data_to_send())
    writer.close()
    print(grown)
""",
    )
    assert grown < 80 * MIB


def test_what_a_burst_took_is_given_back_when_it_is_over(short_path: Path) -> None:
    """By a process that keeps freed memory for the next message; and it wakes no more when nobody calls it."""
    left = _grown(
        short_path,
        """
from argosy.memory import Memory

held = []

class Greedy(VersionBase):
    async def version(self, request):
        held.append([bytes(1000) for _ in range(2000)])
        await asyncio.sleep(0.2)
        held.clear()
        return VersionResponse(version="x" * (1 << 20))

async def measured(server, channel):
    keep_freed()
    memory = Memory()
    server.ended = memory.used
    server.add(Greedy())
    stub = VersionStub(channel)
    await stub.version(Empty())
    before = rss()
    await asyncio.gather(*[stub.version(Empty()) for _ in range(30)])
    grown = rss() - before
    assert grown > 12 << 20, grown
    while memory._timer is not None:
        await asyncio.sleep(0.1)
    print(rss() - before)
""",
    )
    assert left < 4 * MIB


@pytest.mark.parametrize("grown", [False, True])
@pytest.mark.parametrize("unending", [False, True])
def test_it_is_looked_after_once_a_burst_or_now_and_then(
    grown: bool, unending: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only what has grown is looked through, and not after each call."""
    size, told = 100 * MIB, Counter[str]()
    monkeypatch.setattr(room, "_QUIET_S", 0.05)
    monkeypatch.setattr(room, "_MOST_S", 0.2)
    monkeypatch.setattr(room, "_LETTING_GO_S", 0.01)
    monkeypatch.setattr(room, "resident", lambda: size)
    monkeypatch.setattr(room, "give_back", lambda: told.update(["given back"]))
    monkeypatch.setattr(gc, "collect", lambda: None)

    async def main() -> None:
        nonlocal size
        memory = Memory()
        memory.also(lambda: told.update(["let go"]))
        memory.used()
        size += 10 * MIB if grown else MIB
        began = time.monotonic()
        while time.monotonic() - began < (0.8 if unending else 0.05):
            memory.used()
            await asyncio.sleep(0.005)
        while memory._timer is not None:
            await asyncio.sleep(0.01)

    asyncio.run(main())
    assert told["let go"] == told["given back"] == grown


def test_what_goes_on_growing_is_given_back_again(monkeypatch: pytest.MonkeyPatch) -> None:
    size, given = 100 * MIB, 0
    monkeypatch.setattr(room, "_QUIET_S", 0.02)
    monkeypatch.setattr(room, "_MOST_S", 0.1)
    monkeypatch.setattr(room, "_LETTING_GO_S", 0.0)
    monkeypatch.setattr(room, "resident", lambda: size)

    def give_back() -> None:
        nonlocal given
        given += 1

    monkeypatch.setattr(room, "give_back", give_back)

    async def main() -> None:
        nonlocal size
        memory, began = Memory(), time.monotonic()
        while time.monotonic() - began < 1.0:
            memory.used()
            size += MIB
            await asyncio.sleep(0.005)

    asyncio.run(main())
    assert 3 <= given <= 15
