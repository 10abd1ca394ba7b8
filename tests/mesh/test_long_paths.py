"""Paths longer than a socket's may be: of the state directory, of a bundle, and those that nothing helps."""

from __future__ import annotations

import os
import shutil
import socket
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from argosy.rpc import short

from tests.harness.mesh import ARGOSY, IMAGE, Mesh, run
from tests.harness.processes import ending

pytestmark = pytest.mark.root

LONG_ID = "0123456789abcdef" * 4


@pytest.fixture(params=[41, 90])
def far(request: pytest.FixtureRequest, short_path: Path, image_archive: Path) -> Iterator[Mesh]:
    """A mesh whose state directory has so many characters."""
    base = short_path / ("d" * (request.param - len(str(short_path)) - len("//state")))
    base.mkdir()
    mesh = Mesh(base)
    assert len(str(mesh.state)) == request.param
    mesh.start()
    mesh.ctr("images", "import", str(image_archive)).ok()
    yield mesh
    mesh.destroy()
    assert not short.directory_for(mesh.state).exists()


def test_a_mesh_with_a_long_state_directory_runs_containers_and_finds_them_again(far: Mesh) -> None:
    """Its sockets are in a directory of our own that nobody else can enter."""
    far.ctr("run", "-d", IMAGE, LONG_ID, "sleep", "60").ok()
    sockets = short.directory_for(far.state)
    assert sockets != far.state
    for path in (sockets.parent, sockets, sockets / "s"):
        assert (path.stat().st_uid, stat.S_IMODE(path.stat().st_mode)) == (os.geteuid(), 0o700), path
    assert far.ctr("tasks", "exec", "--exec-id", "e", LONG_ID, "echo", "there").ok().out == "there\n"
    assert far.stop() == 0
    far.start()
    assert far.ctr("tasks", "exec", "--exec-id", "e", LONG_ID, "echo", "still").ok().out == "still\n"
    far.ctr("tasks", "rm", "-f", LONG_ID).ok()
    far.ctr("containers", "rm", LONG_ID).ok()
    assert far.leftovers() == []


@pytest.mark.parametrize(("length", "address"), [(90, True), (90, False), (120, False)])
def test_addresses_that_nobody_chose_are_short_enough(short_path: Path, length: int, address: bool) -> None:
    """The main socket's that follows the state directory, the one for events that follows the main one's."""
    state = short_path / ("s" * (length - len(str(short_path)) - 1))
    mesh = Mesh(short_path)
    command = [str(ARGOSY), "up", "--root", str(mesh.root), "--state", str(state)]
    if address:
        command += ["--address", str(short_path / ("j" * (100 - len(str(short_path)))))]
    with ending(
        subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env={**os.environ, "ARGOSY_ADDRESS": ""})
    ) as up:
        assert up.stdout is not None
        found = up.stdout.readline().partition("ready address=")[2].strip()
        assert run(["ctr", "-a", found, "version"]).ok()
        up.terminate()
        assert up.wait(30) == 0
    assert not short.directory_for(state).exists()


def test_a_terminal_with_a_long_id(mesh: Mesh) -> None:
    """The runtime connects to a socket in the bundle, whose path alone has more than 107 bytes."""
    terminal = ("script", "-qec")
    for command in (
        f"ctr -a {mesh.address} run --rm -t {IMAGE} {LONG_ID} tty",
        f"ctr -a {mesh.address} run -d {IMAGE} {LONG_ID} sleep 60",
        f"ctr -a {mesh.address} tasks exec -t --exec-id {LONG_ID} {LONG_ID} tty",
    ):
        ran = subprocess.run(
            [*terminal, command, "/dev/null"], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60
        )
        assert ran.returncode == 0, ran.stdout
        assert ("/dev/pts/" in ran.stdout) == ("-t " in command), ran.stdout
    assert not [*(mesh.state / "io.containerd.runtime.v2.task/default" / LONG_ID).glob("pty*")]
    mesh.ctr("tasks", "rm", "-f", LONG_ID).ok()
    mesh.ctr("containers", "rm", LONG_ID).ok()


@pytest.mark.parametrize(
    ("what", "config"),
    [
        ("address", 'address = "/tmp/{long}"\n'),
        ("ttrpc address", 'ttrpc_address = "/tmp/{long}"\n'),
        ("proxy_plugins.far", '[proxy_plugins.far]\ntype = "snapshot"\naddress = "/tmp/{long}"\n'),
    ],
)
def test_a_socket_path_that_cannot_work_is_an_error_at_the_start(short_path: Path, what: str, config: str) -> None:
    """It says which, how long it is, and what helps; nothing is started."""
    file = short_path / "config.toml"
    file.write_text(config.format(long="l" * 110))
    command = [
        str(ARGOSY),
        "up",
        "--config",
        str(file),
        "--root",
        str(short_path / "root"),
        "--state",
        str(short_path / "state"),
    ]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=30)
    assert ran.returncode != 0 and "ready" not in ran.stdout
    assert what in ran.stderr and "106" in ran.stderr and "shorter" in ran.stderr
    assert not (short_path / "state").exists()


def test_directories_of_meshes_that_have_gone_are_swept_but_not_one_with_a_live_shim(
    short_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(short, "base", lambda: short_path / "b")
    states = {name: short_path / (name * 60) for name in "abc"}
    directories = {}
    for name, state in states.items():
        state.mkdir()
        directories[name] = short.directory_for(state)
        short.make(directories[name], state)
    listener = socket.socket(socket.AF_UNIX)
    with listener:
        listener.bind(str(directories["b"] / "x"))
        listener.listen()
        for name in "ab":
            shutil.rmtree(states[name])
        short.sweep()
        assert {name for name, path in directories.items() if path.exists()} == {"b", "c"}
    short.sweep()
    assert {name for name, path in directories.items() if path.exists()} == {"c"}


def test_a_short_directory_that_is_somebody_elses_is_refused(short_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without root its place may be /tmp, where anybody can be first."""
    from argosy.errors import FailedPrecondition

    monkeypatch.setattr(short, "base", lambda: short_path / "b")
    state = short_path / ("s" * 80)
    (short_path / "elsewhere").mkdir()
    (short_path / "b").symlink_to(short_path / "elsewhere")
    with pytest.raises(FailedPrecondition, match="is not a directory of user 0"):
        short.make(short.directory_for(state), state)
    assert not any((short_path / "elsewhere").iterdir())


@pytest.mark.parametrize("how", ["a link", "another owner"])
def test_nothing_is_swept_where_somebody_else_was_first(short_path: Path, monkeypatch: pytest.MonkeyPatch, how: str) -> None:
    """A link to a directory of ours would have its empty directories removed, and those with a dangling link in them."""
    monkeypatch.setattr(short, "base", lambda: short_path / "b")
    elsewhere = short_path / ("elsewhere" if how == "a link" else "b")
    for name in ("empty", "full"):
        (elsewhere / name).mkdir(parents=True)
    (elsewhere / "full" / "state").symlink_to(short_path / "gone")
    if how == "a link":
        (short_path / "b").symlink_to(elsewhere)
    else:
        os.chown(elsewhere, 12345, -1)
    short.sweep()
    assert sorted(path.name for path in elsewhere.iterdir()) == ["empty", "full"]
