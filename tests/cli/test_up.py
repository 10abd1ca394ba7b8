"""``argosy up``: what it loads, says and serves from its first moment."""

from __future__ import annotations

import os
import select
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import grpc
import pytest

from tests.harness.listening import listening
from tests.harness.mesh import ARGOSY, Peer, eventually
from tests.harness.processes import ending

pytestmark = pytest.mark.root


@contextmanager
def stopping(mesh: subprocess.Popen[str]) -> Iterator[IO[str]]:
    """Yield what a mesh says; at the end of the block stop it as a service manager would, with SIGKILL after 30 s."""
    with ending(mesh):
        assert mesh.stdout is not None
        try:
            yield mesh.stdout
        finally:
            mesh.send_signal(signal.SIGTERM)
            assert mesh.wait(30) == 0


def test_help_and_mistakes_are_told_as_ever() -> None:
    told = subprocess.run([str(ARGOSY), "up", "--help"], capture_output=True, text=True, timeout=60, check=True)
    assert "Start the mesh in the foreground" in told.stdout
    wrong = subprocess.run([str(ARGOSY), "up", "--rooot", "/r"], capture_output=True, text=True, timeout=60)
    assert wrong.returncode == 2 and "No such option: --rooot" in wrong.stderr.replace("'", "")
    level = subprocess.run([str(ARGOSY), "up", "--log-level", "loud"], capture_output=True, text=True, timeout=60)
    assert level.returncode == 2 and 'log level "loud" is not one of trace' in level.stderr


def test_a_start_takes_its_address_from_the_environment() -> None:
    base = Path(tempfile.mkdtemp(prefix="ay-", dir="/tmp"))
    try:
        address = base / "c.sock"
        mesh = subprocess.Popen(
            [str(ARGOSY), "up", "--root", str(base / "r"), f"--state={base / 's'}"],
            env={**os.environ, "ARGOSY_ADDRESS": str(address)}, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        with stopping(mesh) as said:
            assert said.readline() == f"argosy: ready address={address}\n"
            eventually(address.is_socket)
    finally:
        shutil.rmtree(base)


_PLANS = """
import sys
from argosy_cli import main, up
assert main.plain(["up", "--root", "/nonexistent"])
from argosy_cli.config import load
from argosy_cli.services import service_of
from argosy_cli.supervisor import plan
for child in plan(load(None).mesh):
    # What is not checked is right: each setting has the type that checking would give it.
    settings = service_of(child.kind).settings(**child.values)
    if sys.argv[1:]:
        from argosy.settings import validate
        assert validate(type(settings), vars(settings), "again") == settings
print({"typer", "click", "rich", "pydantic", "argosy.plugin.content.blobs"} & sys.modules.keys())
"""


def test_a_start_that_nobody_configured_loads_nothing_to_check_it_with() -> None:
    def run(*words: str) -> str:
        return subprocess.run(
            [sys.executable, "-I", "-c", _PLANS, *words], capture_output=True, text=True, check=True
        ).stdout

    assert run() == "set()\n"
    assert run("check") == "{'pydantic'}\n"


@pytest.fixture
def base() -> Iterator[Path]:
    path = Path(tempfile.mkdtemp(prefix="ay-", dir="/tmp"))
    yield path
    shutil.rmtree(path)


def up(base: Path, *words: str) -> subprocess.Popen[str]:
    command = [str(ARGOSY), "up", "--root", f"{base}/r", "--state", f"{base}/s", "--address", f"{base}/c.sock", *words]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def calls(channel: grpc.Channel, method: str) -> bytes:
    return bytes(channel.unary_unary(method)(b"", timeout=20))


VERSION = "/containerd.services.version.v1.Version/Version"


def test_who_calls_before_a_mesh_is_ready_waits_for_it(base: Path) -> None:
    """Nobody is refused from the moment that there is a socket, and a call is served once."""
    early = 0
    for _ in range(3):
        with stopping(up(base)) as said:
            eventually((base / "c.sock").is_socket)
            with grpc.insecure_channel(f"unix:{base}/c.sock") as channel:
                ready, _, _ = select.select([said], [], [], 0)
                early += not ready
                assert b"argosy" in calls(channel, VERSION)
                calls(channel, "/containerd.services.namespaces.v1.Namespaces/List")
                assert said.readline() == f"argosy: ready address={base}/c.sock\n"
        assert not (base / "c.sock").exists()
    assert early  # of three, should this machine have stood still twice


def test_a_mesh_that_cannot_start_says_why_and_leaves_no_socket(base: Path) -> None:
    database = base / "r" / "io.containerd.metadata.v1.argosy" / "metadata.db"
    database.parent.mkdir(parents=True)
    database.write_bytes(b"no database" * 1000)
    with ending(up(base)) as mesh:
        _, told = mesh.communicate(timeout=30)
    assert mesh.returncode == 6 and f"database {database} is damaged" in told
    assert not (base / "c.sock").exists()


def test_an_engine_that_is_none_is_told_and_leaves_no_socket(base: Path) -> None:
    told = subprocess.run(
        [str(ARGOSY), "up", "--root", f"{base}/r", "--state", f"{base}/s", "--address", f"{base}/c.sock"],
        env={**os.environ, "ARGOSY_H2": "h3"}, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert told.returncode == 2 and 'ARGOSY_H2="h3" names no HTTP/2 engine; use ngh2 or h2' in told.stderr
    assert "Traceback" not in told.stderr and not (base / "c.sock").exists()


def test_a_call_waits_for_a_gateway_that_is_started_again(base: Path) -> None:
    """The supervisor holds the socket: nobody is refused while there is no gateway."""
    mesh = up(base)
    with stopping(mesh) as said:
        assert said.readline()
        os.kill(gateway_of(mesh), signal.SIGKILL)
        with grpc.insecure_channel(f"unix:{base}/c.sock") as channel:
            assert b"argosy" in calls(channel, VERSION)
            calls(channel, "/containerd.services.namespaces.v1.Namespaces/List")


def test_a_start_waits_for_the_services_of_a_supervisor_that_was_killed(base: Path) -> None:
    """They end their calls first; who starts the mesh again at once, as a service manager does, is not told to stop them."""
    killed = up(base)
    with ending(killed):
        assert killed.stdout is not None and killed.stdout.readline()
        peer = Peer()
        peer.address = base / "c.sock"
        with listening(peer):
            gateway = gateway_of(killed)
            os.kill(killed.pid, signal.SIGKILL)
            killed.wait(10)
            assert Path(f"/proc/{gateway}").exists()
            with stopping(up(base)) as said:
                assert said.readline() == f"argosy: ready address={base}/c.sock\n"


def gateway_of(mesh: subprocess.Popen[str]) -> int:
    children = Path(f"/proc/{mesh.pid}/task/{mesh.pid}/children").read_text().split()
    return next(int(pid) for pid in children if Path(f"/proc/{pid}/comm").read_text() == "argosy-gateway\n")


def test_a_gateway_that_cannot_start_again_tells_its_callers_until_it_can(base: Path) -> None:
    mesh = up(base)
    with stopping(mesh) as said:
        assert said.readline()
        database = base / "r" / "io.containerd.metadata.v1.argosy" / "metadata.db"
        whole = database.read_bytes()
        damaged = b"no database" * 1000
        database.write_bytes(damaged)
        for other in database.parent.glob("metadata.db-*"):
            other.unlink()
        os.kill(gateway_of(mesh), signal.SIGKILL)
        with grpc.insecure_channel(f"unix:{base}/c.sock") as channel:
            with pytest.raises(grpc.RpcError) as caught:
                calls(channel, VERSION)
            assert caught.value.code() == grpc.StatusCode.FAILED_PRECONDITION
            assert f"database {database} is damaged" in caught.value.details()
            assert database.read_bytes() == damaged
            database.write_bytes(whole)

            def answered() -> bool:
                try:
                    return b"argosy" in calls(channel, VERSION)
                except grpc.RpcError:
                    return False

            eventually(answered, within=30)


def test_a_socket_belongs_to_whom_it_is_given(base: Path) -> None:
    config = base / "mesh.toml"
    config.write_text("uid = 4711\ngid = 4712\n")
    with stopping(up(base, "--config", str(config))) as said:
        assert said.readline()
        found = (base / "c.sock").stat()
        assert (found.st_uid, found.st_gid, found.st_mode & 0o777) == (4711, 4712, 0o660)
