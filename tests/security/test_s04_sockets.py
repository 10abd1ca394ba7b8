"""S4: a socket is its owner's: by its mode, by its directory, and by who connects, at every accept."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from argosy.rpc.context import Peer
from argosy.rpc.sockets import closed_to, owners

from tests.harness.mesh import IMAGE, Mesh, eventually

pytestmark = pytest.mark.root

NOBODY, OTHER, MEMBERS = 65534, 4711, 4712
VERSION = "/containerd.services.version.v1.Version/Version"
# Says HTTP/2's first words and whatever a template or a shim could take for a request; prints what comes back.
_KNOCK = """
import socket, sys
for path in sys.argv[1:]:
    with socket.socket(socket.AF_UNIX) as caller:
        caller.settimeout(3)
        try:
            caller.connect(path)
            caller.sendall(b"PRI * HTTP/2.0\\r\\n\\r\\nSM\\r\\n\\r\\n" + b"\\0\\0\\0\\4\\0\\0\\0\\0\\0")
            answer = caller.recv(64)
        except TimeoutError:
            answer = b"it waits"
        except OSError as error:
            answer = b"" if isinstance(error, (BrokenPipeError, ConnectionResetError)) else repr(error).encode()
        print(path, answer)
"""
_CALL = """
import sys, grpc
with grpc.insecure_channel(f"unix:{sys.argv[1]}") as channel:
    try:
        print(channel.unary_unary(sys.argv[2])(b"", timeout=5))
    except grpc.RpcError as error:
        print(error.code().name)
"""


@pytest.fixture
def own_mesh(short_path: Path) -> Iterator[Mesh]:
    short_path.chmod(0o755)
    mesh = Mesh(short_path)
    yield mesh
    mesh.destroy()


def run_as(uid: int, gid: int, groups: list[int], code: str, *words: str) -> str:
    # Not subprocess's own way: our interpreter may lie where that user cannot go.
    become = f"import os, socket, grpc, grpc._channel\nos.setgroups({groups}), os.setgid({gid}), os.setuid({uid})\n"
    done = subprocess.run([sys.executable, "-c", become + code, *words], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout


def sockets_below(*places: Path) -> list[Path]:
    return sorted(path for place in places for path in place.rglob("*") if path.is_socket())


def test_every_socket_is_0660_or_less_and_refuses_who_is_not_its_owner(
    own_mesh: Mesh, image_archive: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Modes and directories aside, which this opens to everybody: each accept looks who is there (SO_PEERCRED)."""
    own_mesh.start()
    own_mesh.ctr("images", "import", str(image_archive)).ok()
    own_mesh.ctr("run", "-d", IMAGE, "s4", "sleep", "60").ok()
    monkeypatch.setenv("ARGOSY_CLI_TEMPLATE", "on")
    own_mesh.argosy("namespaces").ok()
    own_mesh.wake()
    templates = Path(os.environ["ARGOSY_CLI_DIR"])
    found = sockets_below(own_mesh.base, templates)
    names = [path.name for path in found]
    # The gateway's two, six services', a shim's, and the templates' of commands and shims.
    assert {"a.sock", "a.sock.ttrpc", "content.sock", "snapshotter-overlay.sock", "tasks.sock"} <= set(names)
    assert any(path.parent == own_mesh.state / "s" for path in found) and len(found) >= 9, found
    for path in found:
        mode = stat.S_IMODE(path.stat().st_mode)
        assert mode & 0o007 == 0 and path.stat().st_uid == os.geteuid(), (path, oct(mode))
    opened = [own_mesh.root, own_mesh.state, templates, *{path.parent for path in found}]
    before = {path: stat.S_IMODE(path.stat().st_mode) for path in [*opened, *found]}

    def each_looks() -> None:
        # A service that ends, or comes, meanwhile has a new socket: its mode alone refuses, which is not what is looked for.
        for path in before:
            path.chmod(0o777)
        for line in run_as(NOBODY, NOBODY, [], _KNOCK, *map(str, found)).splitlines():
            if "PermissionError" not in line and not line.endswith(" b''"):
                pytest.fail(line)
            assert line.endswith(" b''"), line

    try:
        eventually(each_looks)
        # We ourselves are let in by the same words.
        asked = [path for path in found if path.suffix == ".sock"]
        for line in run_as(0, 0, [], _KNOCK, *map(str, asked)).splitlines():
            assert not line.endswith(" b''"), line
    finally:
        for path, mode in before.items():
            if path.exists():
                path.chmod(mode)
    own_mesh.ctr("tasks", "rm", "-f", "s4").ok()
    own_mesh.ctr("containers", "rm", "s4").ok()


@pytest.mark.parametrize(
    ("config", "admitted", "refused"),
    [
        (f"uid = {OTHER}\n", [(OTHER, 1, [])], [(NOBODY, 1, []), (NOBODY, MEMBERS, [])]),
        (
            f"gid = {MEMBERS}\n",
            [(NOBODY, MEMBERS, []), (NOBODY, 1, [MEMBERS, 7])],
            [(OTHER, 1, []), (NOBODY, 1, [7])],
        ),
        (f"uid = {OTHER}\ngid = {MEMBERS}\n", [(OTHER, 1, []), (NOBODY, 1, [MEMBERS])], [(NOBODY, 1, [])]),
    ],
)
def test_a_socket_that_is_given_away_serves_those_it_is_given_to(
    own_mesh: Mesh, config: str, admitted: list[tuple[int, int, list[int]]], refused: list[tuple[int, int, list[int]]]
) -> None:
    """By a user alone, too: it was owner of a socket that answered nobody. Whoever else gets past the mode is refused."""
    file = own_mesh.base / "mesh.toml"
    file.write_text(config)
    own_mesh.extra = ["--config", str(file)]
    own_mesh.start()
    address = str(own_mesh.address)
    for who in admitted:
        assert "argosy" in run_as(*who, _CALL, address, VERSION), who
    for who in refused:
        assert run_as(*who, _CALL, address, VERSION) == "UNAVAILABLE\n", who
    own_mesh.address.chmod(0o666)
    for who in refused:
        assert run_as(*who, _CALL, address, VERSION) == "UNAVAILABLE\n", who
    for who in admitted:
        assert "argosy" in run_as(*who, _CALL, address, VERSION), who
    # The services behind it are given to nobody.
    own_mesh.ctr("content", "ls").ok()
    for service in sockets_below(own_mesh.state):
        assert (service.stat().st_uid, service.stat().st_gid) == (os.geteuid(), os.getegid())


def test_an_owner_that_cannot_reach_its_socket_is_told(own_mesh: Mesh) -> None:
    own_mesh.base.chmod(0o700)
    file = own_mesh.base / "mesh.toml"
    file.write_text(f"uid = {OTHER}\n")
    own_mesh.extra = ["--config", str(file)]
    own_mesh.start()
    eventually(lambda: "socket.out_of_reach" in own_mesh.log.read_text())
    assert str(own_mesh.base) in own_mesh.log.read_text()


def test_all_of_a_peers_groups_count() -> None:
    """Python reads 256 of them at once."""
    code = "\n".join(
        [
            "from argosy.kernel.peer import groups",
            "a, b = socket.socketpair(socket.AF_UNIX)",
            "print(len(groups(a)), sum(groups(a)))",
        ]
    )
    for number in (0, 3, 256, 3000):
        wanted = list(range(1000, 1000 + number))
        script = f"import os, socket\nos.setgroups(list(range(1000, {1000 + number})))\n{code}"
        done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
        assert done.stdout == f"{number} {sum(wanted)}\n"


def test_who_may_connect_is_a_list() -> None:
    def peer(uid: int, gid: int = 1, *groups: int) -> Peer:
        return Peer(1, uid, gid, groups)

    nobody = owners(-1, -1)
    assert nobody(peer(0)) and nobody(peer(os.geteuid()))
    # -1 is no user: not even one whose number it looks like.
    assert not nobody(peer(NOBODY)) and not nobody(peer(-1, -1, -1)) and not nobody(peer(4294967295, 4294967295))
    members = owners(-1, 0)  # `gid = 0` stands in every containerd configuration
    assert members(peer(NOBODY, 0)) and not members(peer(NOBODY, 1))


def test_a_directory_that_is_closed_is_named(short_path: Path) -> None:
    deep = short_path / "a" / "b"
    deep.mkdir(parents=True)
    short_path.chmod(0o711)
    (short_path / "a").chmod(0o750)
    assert closed_to(deep / "s", OTHER, -1) == str(short_path / "a")
    assert closed_to(deep / "s", -1, MEMBERS) == str(short_path / "a")
    os.chown(short_path / "a", OTHER, MEMBERS)
    deep.chmod(0o755)
    assert closed_to(deep / "s", OTHER, MEMBERS) is None
    assert closed_to(deep / "s", 0, 0) is None and closed_to(deep / "s", -1, -1) is None
