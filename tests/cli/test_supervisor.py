"""What ``argosy up`` does when a service does not start, does not stay, or cannot even be forked: the others go on, callers are told."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest
from argosy_cli.restarts import BACKOFF_MAX_S
from argosy_cli.supervisor import Child

from tests.harness.installed import install
from tests.harness.mesh import ARGOSY, Mesh, eventually

pytestmark = pytest.mark.root

HEALTH = "/grpc.health.v1.Health/Check"
# A service that does what a file says: it is read when the service starts.
FRAGILE = '''
import os, signal
from dataclasses import dataclass
from argosy.service import Service
from argosy.settings import Settings

@dataclass(frozen=True, kw_only=True)
class FragileSettings(Settings):
    """Nothing to tell."""

def load():
    async def start(ctx):
        with open(os.environ["FRAGILE"]) as file:
            exec(file.read())
        return []
    return start

SERVICE = Service("fragile", FragileSettings, load, about="fragile service", plugin="snapshot", public_name="fragile")
'''


class Fragile(Mesh):
    """A mesh with a fragile service."""

    @property
    def orders(self) -> Path:
        return self.base / "orders.py"

    def call(self, timeout: float = 10.0) -> tuple[grpc.StatusCode, str]:
        """Call the fragile service on a connection of its own."""
        with grpc.insecure_channel(f"unix:{self.state}/fragile.sock") as channel:
            try:
                channel.unary_unary("/no.Such/Method")(b"", timeout=timeout)
            except grpc.RpcError as error:
                return error.code(), str(error.details())
        raise AssertionError("nobody has that method")


@pytest.fixture
def mesh(short_path: Path) -> Iterator[Fragile]:
    site = short_path / "site"
    install(site, "fragile", "fragile_of_a_test", FRAGILE)
    config = short_path / "mesh.toml"
    config.write_text('[services.content]\nkind = "content"\n[services.fragile]\nkind = "fragile"\n')
    running = Fragile(
        short_path, extra=["--config", str(config)], command=(sys.executable, str(ARGOSY)),
        env={"PYTHONPATH": str(site), "FRAGILE": str(short_path / "orders.py")},
    )  # fmt: skip
    running.orders.write_text("")
    yield running
    running.destroy()


def starts(mesh: Mesh) -> int:
    return mesh.log.read_text().count("service.ended")


def test_a_start_waits_longer_after_each_crash_and_no_longer_than_its_limit() -> None:
    waits = []
    child = Child("x", "x", {})
    for child.crashes in range(14):
        waits.append(round(child.backoff, 3))
    assert waits == [0, 0, 0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 5, 5, 5, 5, 5, 5] and BACKOFF_MAX_S == 5


@pytest.mark.parametrize(
    ("order", "said"),
    [
        ("raise ValueError('a bad byte')", "fragile cannot start: ValueError: a bad byte"),
        ("import sqlite3; raise sqlite3.DatabaseError('malformed')", "fragile cannot start: DatabaseError: malformed"),
        ("raise OSError(28, 'No space left on device')", "No space left on device"),
    ],
)
def test_whatever_keeps_a_service_from_starting_is_told_at_once(mesh: Fragile, order: str, said: str) -> None:
    mesh.orders.write_text(order)
    mesh.start()
    for _ in range(3):
        began = time.monotonic()
        _, told = mesh.call()
        assert said in told and time.monotonic() - began < 10, told
    # One process told them all: it is not tried again for every call.
    assert mesh.log.read_text().count("service.cannot_start") == 1
    # And the rest is not concerned.
    mesh.ctr("content", "ls").ok()
    mesh.orders.write_text("")
    eventually(lambda: mesh.call()[0] is grpc.StatusCode.UNIMPLEMENTED, within=20)


def test_a_service_that_crashes_again_and_again_is_tried_ever_more_seldom_and_its_callers_are_told(mesh: Fragile) -> None:
    mesh.orders.write_text("os.kill(os.getpid(), signal.SIGKILL)")
    mesh.start()
    until = time.monotonic() + 6
    told: list[str] = []
    slowest = 0.0
    while time.monotonic() < until:
        began = time.monotonic()
        _, said = mesh.call(timeout=15)
        slowest = max(slowest, time.monotonic() - began)
        told.append(said)
        time.sleep(0.02)
    # 0 + 0.1 + 0.2 + 0.4 + 0.8 + 1.6 + 3.2: no more than eight within six seconds. It was a dozen a second.
    assert 4 <= starts(mesh) <= 8, mesh.log.read_text()
    sentence = [t for t in told if "fragile ended by SIGKILL" in t and "times in a row" in t and "started again within" in t]
    assert sentence, told
    assert slowest < 10, "a caller waited instead of being told (a start takes seconds on a busy machine)"
    mesh.ctr("content", "ls").ok()
    mesh.orders.write_text("")
    eventually(lambda: mesh.call()[0] is grpc.StatusCode.UNIMPLEMENTED, within=15)


def test_the_reason_of_a_crash_is_its_last_words(mesh: Fragile) -> None:
    """What a background task of a service died of, long after its start."""
    mesh.orders.write_text(
        "async def die():\n    import anyio\n    await anyio.sleep(0.05)\n    raise RuntimeError('the index is upside down')\n"
        "ctx.tasks.start_soon(die)\n"
    )
    mesh.start()
    eventually(lambda: "the index is upside down" in mesh.call(timeout=5)[1], within=15)


def test_a_killed_service_comes_back_at_once_and_nobody_notices(mesh: Fragile) -> None:
    mesh.start()
    assert mesh.call()[0] is grpc.StatusCode.UNIMPLEMENTED
    pid = mesh.services()["argosy-fragile"]
    os.kill(pid, signal.SIGKILL)
    began = time.monotonic()
    # A call that the dying process had accepted is lost with it.
    eventually(lambda: mesh.call()[0] is grpc.StatusCode.UNIMPLEMENTED)
    assert time.monotonic() - began < 10


_FAILING = """
import os, sys
sys.argv[0] = "argosy"
number = {{"fork": 0, "pidfd_open": 0}}
real = getattr(os, {name!r})

def failing(*args):
    number[{name!r}] += 1
    if {first} <= number[{name!r}] < {first} + 3:
        raise OSError(11, "Resource temporarily unavailable")
    return real(*args)

setattr(os, {name!r}, failing)
from argosy_cli.main import main
main()
"""


@pytest.mark.parametrize("name", ["fork", "pidfd_open"])
@pytest.mark.parametrize("first", [1, 2])
def test_a_system_without_room_for_a_process_is_tried_again(mesh: Fragile, name: str, first: int) -> None:
    """At the first start (of the gateway) and at a later one (of what is called first): neither ends the mesh."""
    mesh.command = (sys.executable, "-c", _FAILING.format(name=name, first=first))
    mesh.start()
    assert mesh.call(timeout=10)[0] is grpc.StatusCode.UNIMPLEMENTED
    log = mesh.log.read_text()
    assert log.count("service.no_process") == 3 and "Resource temporarily unavailable" in log
    mesh.ctr("content", "ls").ok()
    assert mesh.stop() == 0
