"""Mounts of type uds: sockets of the host in containers, by stock ctr and by our own command, with runc."""

from __future__ import annotations

import errno
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from argosy.errors import ArgosyError, FailedPrecondition, InvalidArgument, Unknown
from argosy.oci.seccomp import architectures
from argosy_protos.lean.containerd.runc.v1 import Options
from argosy_protos.lean.containerd.task.v2 import CreateTaskRequest
from argosy_protos.lean.google.protobuf import Any as AnyMessage
from argosy_shim_runc_v2 import sockets
from argosy_shim_runc_v2.container import OPTIONS_TYPE, Container

from tests.harness.mesh import IMAGE, Mesh, eventually
from tests.harness.programs import SPEAKER
from tests.harness.sockets import Listener

pytestmark = [
    pytest.mark.root,
    pytest.mark.skipif("SCMP_ARCH_X86" not in architectures(), reason="the client in the container is for x86"),
]


@pytest.fixture
def speaker(short_path: Path) -> Iterator[list[str]]:
    """The mount that brings a client into a container, as words for ctr."""
    path = short_path / "speaker"
    path.write_bytes(SPEAKER)
    path.chmod(0o755)
    yield ["--mount", f"type=bind,src={path},dst=/speaker,options=rbind:ro"]


def uds(source: object, options: str = "rbind:rw") -> list[str]:
    return ["--mount", f"type=uds,src={source},dst=/run/host.sock,options={options}"]


def bundle(mesh: Mesh, id: str) -> Path:
    return mesh.state / "io.containerd.runtime.v2.task/default" / id


def test_a_container_speaks_with_who_listens_on_the_host(mesh: Mesh, short_path: Path, speaker: list[str]) -> None:
    """By any name of the socket; the spec in the bundle stays the client's, and what the shim mounted is gone when the container is there."""
    (short_path / "link").symlink_to("s")
    script = "echo hello | /speaker /run/host.sock; : ; ls -l /run/host.sock; sleep 100"
    with Listener(short_path / "s") as listener:
        mesh.ctr("run", "-d", *speaker, *uds(short_path / "link"), IMAGE, "speaks", "sh", "-c", script).ok()
        eventually(lambda: listener.heard == [b"hello\n"])
        again = ("sh", "-c", "echo again | /speaker /run/host.sock")
        assert mesh.ctr("tasks", "exec", "--exec-id", "e", "speaks", *again).ok().out == "AGAIN\n"
    here = bundle(mesh, "speaks")
    (mount,) = [m for m in json.loads((here / "config.json").read_text())["mounts"] if m["destination"] == "/run/host.sock"]
    assert (mount["type"], mount["source"]) == ("uds", str(short_path / "link"))
    assert not (here / "uds").exists() and not (here / "config.json.given").exists()
    assert f"{here}/uds" not in Path("/proc/self/mountinfo").read_text()
    mesh.ctr("tasks", "rm", "-f", "speaks").ok()
    mesh.ctr("containers", "rm", "speaks").ok()


def test_our_own_command_mounts_one_and_read_only_means_its_name_alone(
    mesh: Mesh, short_path: Path, speaker: list[str]
) -> None:
    script = "echo one | /speaker /run/host.sock && chmod 600 /run/host.sock"
    with Listener(short_path / "s"):
        ran = mesh.argosy("run", "--rm", *speaker, *uds(short_path / "s", "ro"), IMAGE, "sh", "-c", script)
        assert ran.out == "ONE\n" and ran.code != 0 and "Read-only" in ran.err
        bare = ["--mount", f"type=uds,src={short_path}/s,dst=/run/host.sock"]
        assert mesh.argosy("run", "--rm", *speaker, *bare, IMAGE, "sh", "-c", script).ok().out == "ONE\n"
    assert "needs src= with an absolute path" in mesh.argosy("run", "--mount", "type=uds,src=s,dst=/s", IMAGE).err


def test_a_container_with_a_user_namespace_has_one_too(mesh: Mesh, short_path: Path, speaker: list[str]) -> None:
    """The directory that the shim mounts in is open to the container's root, whom the rest of a bundle is closed to."""
    mesh.base.chmod(0o711)
    short_path.chmod(0o711)
    maps = ["--uidmap", "0:100000:65536", "--gidmap", "0:100000:65536"]
    script = "echo mapped | /speaker /run/host.sock"
    with Listener(short_path / "s"):
        ran = mesh.ctr("run", "--rm", *maps, *speaker, *uds(short_path / "s"), IMAGE, "mapped", "sh", "-c", script)
        assert ran.ok().out == "MAPPED\n"
    (short_path / "s").unlink()
    with Listener(short_path / "s", mode=0o600):
        # Of the host's root, who is nobody in there.
        ran = mesh.ctr("run", "--rm", *maps, *speaker, *uds(short_path / "s"), IMAGE, "closed", "/speaker", "/run/host.sock")
        assert ran.code == errno.EACCES


def test_what_is_no_socket_is_refused_with_its_name(mesh: Mesh, short_path: Path) -> None:
    (short_path / "file").write_text("")
    for source, error in (
        ("file", f'mount /run/host.sock of type uds: its source "{short_path}/file" is there and is no socket'),
        (
            "none",
            f'its source "{short_path}/none" can\'t be reached: No such file or directory; start what listens there first',
        ),
    ):
        ran = mesh.ctr("run", "--rm", *uds(short_path / source), IMAGE, "refused", "true")
        assert ran.code != 0 and error in ran.err, ran
    assert not bundle(mesh, "refused").exists()


# -- the shim's own part --


def prepared(directory: Path, *mounts: Mapping[str, object]) -> Path:
    (directory / "config.json").write_text(json.dumps({"mounts": mounts}))
    return directory


@pytest.mark.parametrize(
    ("source", "kind", "error"),
    [
        (
            "relative.sock",
            InvalidArgument,
            'its source "relative.sock" is no absolute path; name the socket by its whole path',
        ),
        ("", InvalidArgument, 'its source "" is no absolute path'),
        ("/a\0b", InvalidArgument, "is no absolute path"),
        ("/dev/null", FailedPrecondition, "is there and is no socket; name a socket, or use a mount of type bind"),
        ("/", FailedPrecondition, "is there and is no socket"),
        ("/proc/self/environ/x", FailedPrecondition, "can't be reached: Not a directory"),
    ],
)
def test_a_source_is_judged_before_the_runtime_sees_it(
    tmp_path: Path, source: str, kind: type[ArgosyError], error: str
) -> None:
    given = {"destination": "/s", "type": "uds", "source": source}
    before = prepared(tmp_path, given).joinpath("config.json").read_bytes()
    with pytest.raises(kind) as raised, sockets.bound(str(tmp_path)):
        raise AssertionError("the runtime was called")
    assert "mount /s of type uds: " in raised.value.message and error in raised.value.message
    assert [p.name for p in tmp_path.iterdir()] == ["config.json"] and (tmp_path / "config.json").read_bytes() == before


def test_the_runtime_gets_the_socket_that_was_looked_at(short_path: Path) -> None:
    """Whoever owns the directory can put something else there as soon as it was judged. Other mounts are passed on as they are."""
    base = short_path / "b"
    base.mkdir()
    other = {"destination": "/o", "type": "bind", "source": "/etc", "options": ["rbind"]}
    idmapped = {"uidMappings": [{"containerID": 0, "hostID": 1, "size": 1}]}
    given = {
        "destination": "/s",
        "type": "uds",
        "source": f"{short_path}/s",
        "options": ["rbind", "ro", "rprivate"],
        **idmapped,
    }
    prepared(base, other, given)
    with Listener(short_path / "s") as listener:
        with sockets.bound(str(base)):
            (short_path / "s").unlink()
            (short_path / "s").symlink_to("/etc/shadow")
            first, second = json.loads((base / "config.json").read_text())["mounts"]
            assert first == other
            assert second == {
                **given,
                "type": "bind",
                "source": f"{base}/uds/1",
                "options": ["bind", "ro", "rprivate"],
            }
            with socket.socket(socket.AF_UNIX) as client:
                client.connect(second["source"])
                client.sendall(b"there")
        eventually(lambda: listener.heard == [b"there"])
    assert [p.name for p in base.iterdir()] == ["config.json"]


def test_a_container_that_is_restored_has_one_too(short_path: Path) -> None:
    """Its runtime makes it at its start. This one looks, and fails: the bundle is the daemon's again."""
    runtime, base = short_path / "runtime", short_path / "b"
    runtime.write_text(f"#!/bin/sh\n[ -S {base}/uds/0 ] && cp {base}/config.json {short_path}/seen\nexit 1\n")
    runtime.chmod(0o755)
    base.mkdir()
    before = (
        prepared(base, {"destination": "/s", "type": "uds", "source": f"{short_path}/s"})
        .joinpath("config.json")
        .read_bytes()
    )
    options = AnyMessage(type_url=OPTIONS_TYPE, value=Options(binary_name=str(runtime), root=str(short_path / "r")).encode())
    request = CreateTaskRequest(id="c", bundle=str(base), options=options, checkpoint=str(short_path / "image"))
    container = Container("n", request)
    with Listener(short_path / "s"):
        container.create()
        with pytest.raises(Unknown, match="OCI runtime start failed"):
            container.start()
    (mount,) = json.loads((short_path / "seen").read_text())["mounts"]
    assert (mount["type"], mount["source"]) == ("bind", f"{base}/uds/0")
    assert (base / "config.json").read_bytes() == before and not (base / "uds").exists()


def test_what_a_shim_that_died_left_is_taken_away_by_delete(short_path: Path) -> None:
    """Its spec was the runtime's just then, and a socket was mounted in its bundle."""
    base = short_path / "b"
    base.mkdir()
    before = (
        prepared(base, {"destination": "/s", "type": "uds", "source": f"{short_path}/s"})
        .joinpath("config.json")
        .read_bytes()
    )
    code = (
        "import os, signal, sys; from argosy_shim_runc_v2.sockets import bound\n"
        "with bound(sys.argv[1]): os.kill(os.getpid(), signal.SIGKILL)"
    )
    shim = shutil.which("containerd-shim-runc-v2", path=f"{Path(sys.executable).parent}:{os.environ['PATH']}")
    with Listener(short_path / "s"):
        died = subprocess.run([sys.executable, "-c", code, str(base)])
        assert died.returncode == -signal.SIGKILL and (base / "uds/0").is_socket()
        words = [str(shim), "-namespace", "n", "-id", "gone", "-bundle", str(base), "-address", "/none", "delete"]
        subprocess.run(words, capture_output=True, check=True, env={**os.environ, "ARGOSY_RUNC_ROOT": str(short_path / "r")})
    assert (base / "config.json").read_bytes() == before and not (base / "uds").exists()
    assert str(base) not in Path("/proc/self/mountinfo").read_text()
