"""S5, plugins that pretend to be others: who serves a socket, and whose it is, is looked at before a call is made on it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from argosy.errors import InvalidArgument, PermissionDenied, Unimplemented
from argosy.plugin.snapshots.rules import Kind
from argosy.rpc import Channel
from argosy.rpc.reflection import ReflectionV1
from argosy.rpc.server import Server
from argosy.tables import ProxyPlugin
from argosy_gateway.backends.services import Services
from argosy_gateway.plugins.plugin import Plugin, allowed_users, connect
from argosy_protos.containerd.services.version.v1 import VersionBase, VersionResponse
from argosy_protos.google.protobuf import Empty

from tests.harness.gateways import Gateway, serving
from tests.harness.mesh import Mesh
from tests.harness.plugins import MemorySnapshotter

pytestmark = pytest.mark.root

OTHER = 4711
ECHO = "demo.v1.Echo"
SECRET = b"the words of a caller"
# A server of Google's own in a process of another user; it writes down whatever reaches its method.
_ECHO = f"""
import os, sys, time
from concurrent.futures import ThreadPoolExecutor
import grpc, grpc._channel, grpc._cython.cygrpc
os.setgroups([]), os.setgid({OTHER}), os.setuid({OTHER})
class Echo(grpc.GenericRpcHandler):
    def service(self, details):
        return grpc.unary_unary_rpc_method_handler(lambda request, context: request + b" heard")
server = grpc.server(ThreadPoolExecutor(2))
server.add_generic_rpc_handlers((Echo(),))
server.add_insecure_port("unix:" + sys.argv[1])
server.start()
print("ready", flush=True)
sys.stdin.read()
"""
# Listens as another user, and says what the first caller wrote until it hung up.
_LISTENER = f"""
import os, socket, sys
os.setgroups([]), os.setgid({OTHER}), os.setuid({OTHER})
with socket.socket(socket.AF_UNIX) as listener:
    listener.bind(sys.argv[1])
    listener.listen()
    print("ready", flush=True)
    caller, _ = listener.accept()
    heard = b""
    try:
        while got := caller.recv(65536):
            heard += got
    except ConnectionResetError:
        pass
    print(heard, flush=True)
"""


@contextmanager
def by_another_user(code: str, path: Path) -> Iterator[subprocess.Popen[str]]:
    """Run code as another user, with a socket's path; it says when it listens."""
    path.parent.chmod(0o777)
    command = [sys.executable, "-c", code, str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None and process.stdout.readline() == "ready\n"
            yield process
        finally:
            process.kill()


@contextmanager
def meshed(base: Path, tables: str) -> Iterator[Mesh]:
    """A mesh with a configuration file."""
    (base / "mesh.toml").write_text(tables)
    mesh = Mesh(base, extra=("--config", str(base / "mesh.toml")))
    mesh.start()
    try:
        yield mesh
    finally:
        mesh.destroy()


def called(path: Path, method: str, request: bytes = SECRET) -> bytes:
    """Make one call on the mesh's socket, as its owner. Raises what it answers."""

    async def main() -> bytes:
        async with Channel(path) as channel:
            answer: bytes = await channel.unary(method, request, bytes, timeout=20.0)
            return answer

    return asyncio.run(main())


def test_a_socket_that_somebody_else_serves_gets_no_call(short_path: Path) -> None:
    """Refused with the socket's path, the user that serves it and those that may; not a word of the call is sent."""
    path = short_path / "p.sock"

    async def main() -> None:
        async with Channel(path, name='snapshot plugin "s"', serves=[0, 7]) as channel:
            with pytest.raises(PermissionDenied) as refused:
                await channel.unary("/demo.v1.Echo/Say", SECRET, bytes, timeout=20.0)
            told = f'snapshot plugin "s": socket {path} is served by user {OTHER}, which may not: only 0, 7 may'
            assert refused.value.message == told
            assert not channel.is_connected

    with by_another_user(_LISTENER, path) as listener:
        asyncio.run(main())
        assert listener.stdout is not None
        heard = listener.stdout.readline()
    assert heard and SECRET.decode() not in heard and "Echo" not in heard, heard


def test_a_socket_that_belongs_to_somebody_else_gets_no_call(short_path: Path) -> None:
    """Also when it is served by who may: an owner could put another in its place at any moment."""
    path = short_path / "p.sock"

    async def main() -> None:
        plugin = MemorySnapshotter()
        async with serving(path, plugin), Channel(path, serves=[0]) as channel:
            os.chown(path, OTHER, OTHER)
            with pytest.raises(PermissionDenied, match=f"socket {path} belongs to user {OTHER}, which may not: only 0 may"):
                await channel.unary("/containerd.services.snapshots.v1.Snapshots/Stat", b"", bytes, timeout=20.0)
            assert not channel.is_connected

    asyncio.run(main())


def test_a_socket_that_is_replaced_while_we_run_gets_no_call(short_path: Path) -> None:
    """Every connection is looked at, not only the first: the true plugin ends, and another user takes its place."""
    path = short_path / "p.sock"

    async def main() -> None:
        async with Channel(path, serves=[0]) as channel:
            async with serving(path, _Version("the true one")):
                answer = await channel.unary("/demo.v1.Version/Version", Empty(), VersionResponse, timeout=20.0)
                assert answer.version == "the true one" and channel.served_by == 0
            async with asyncio.timeout(20):
                while channel.is_connected:
                    await asyncio.sleep(0.01)
            path.unlink(missing_ok=True)
            with by_another_user(_ECHO, path):
                with pytest.raises(PermissionDenied, match=f"is served by user {OTHER}"):
                    await channel.unary("/demo.v1.Version/Version", Empty(), VersionResponse, timeout=20.0)
            path.unlink(missing_ok=True)
            async with serving(path, _Version("back again")):
                answer = await channel.unary("/demo.v1.Version/Version", Empty(), VersionResponse, timeout=20.0)
                assert answer.version == "back again", "a stranger's visit stayed"

    asyncio.run(main())


class _Version(VersionBase):
    """A service that is no other's."""

    __service__ = "demo.v1.Version"

    def __init__(self, says: str) -> None:
        self._says = says

    async def version(self, request: Empty) -> VersionResponse:
        return VersionResponse(version=self._says)


def test_only_users_that_its_table_names_serve_a_plugin(short_path: Path) -> None:
    """``uids`` lets a plugin of another user in, that one alone; without it clients hear PERMISSION_DENIED, with both names."""
    path = short_path / "plugin" / "p.sock"
    path.parent.mkdir()
    short_path.chmod(0o755)
    table = f'[proxy_plugins.{{}}]\ntype = "service"\naddress = "{path}"\nservices = ["{{}}"]\n'
    tables = table.format("strange", "demo.v1.Strange") + table.format("named", ECHO) + f"uids = [{OTHER}]\n"
    tables += table.format("other", "demo.v1.Other") + f"uids = [{OTHER + 1}]\n"
    with by_another_user(_ECHO, path), meshed(short_path, tables) as mesh:
        assert called(mesh.address, f"/{ECHO}/Say") == SECRET + b" heard"
        for name, service in (("strange", "demo.v1.Strange"), ("other", "demo.v1.Other")):
            with pytest.raises(PermissionDenied, match=f'service plugin "{name}": socket {path} is served by user {OTHER}'):
                called(mesh.address, f"/{service}/Say")


def test_a_snapshotter_of_a_stranger_makes_nothing(short_path: Path) -> None:
    """The call fails with the plugin's name, no row is left, and as soon as the table names its user it works."""
    path = short_path / "s.sock"

    async def main(uids: list[int]) -> bool:
        plugin = MemorySnapshotter()
        async with serving(path, plugin):
            os.chown(path, OTHER, OTHER)
            gateway = Gateway(short_path, {"s": ProxyPlugin(type="snapshot", address=str(path), uids=uids)})
            core = await gateway.start()
            try:
                await core.snapshots("s").create("n", None, Kind.ACTIVE, "k", "", {})
            except PermissionDenied as refused:
                assert f'snapshot plugin "s": socket {path} belongs to user {OTHER}' in refused.message
            finally:
                await gateway.stop()
        return bool(plugin.held)

    assert not asyncio.run(main([]))
    assert not asyncio.run(main([OTHER + 1]))
    assert asyncio.run(main([OTHER]))  # the key was free


def test_root_and_who_runs_the_gateway_may_serve() -> None:
    """Nobody else by default; a table adds users and takes none away."""
    assert allowed_users(ProxyPlugin(type="snapshot", address="/x")) == {0, os.geteuid()}
    assert allowed_users(ProxyPlugin(type="snapshot", address="/x", uids=[OTHER])) == {0, os.geteuid(), OTHER}


@pytest.mark.parametrize(
    "service",
    ["containerd.services.images.v1.Images", "grpc.health.v1.Health", "containerd.services.new.v9.New", "argosy.own.v1.Own"],
)
def test_a_table_that_names_one_of_the_gateways_services_is_a_mistake(service: str) -> None:
    """Those that it has and those that it may have one day: their packages are taken."""
    config = ProxyPlugin(type="service", address="/run/x.sock", services=[service])
    own = ["containerd.services.images.v1.Images", "grpc.health.v1.Health"]
    with pytest.raises(InvalidArgument, match=r"\[proxy_plugins.x\]: service \"" + service + "\" is the gateway's own"):
        Services([Plugin("x", config, connect("x", config))], Server(), own)


def test_two_plugins_of_one_service_are_a_mistake_that_names_the_first() -> None:
    """The second would take the first one's calls, or look as if it did."""
    tables = {n: ProxyPlugin(type="service", address=f"/run/{n}.sock", services=[ECHO]) for n in ("one", "two")}
    plugins = [Plugin(name, config, connect(name, config)) for name, config in tables.items()]
    with pytest.raises(InvalidArgument, match=r'\[proxy_plugins.two\]: service "demo.v1.Echo" is served by plugin "one"'):
        Services(plugins, Server(), [])


def test_reflection_gives_a_plugin_none_of_the_gateways_services(short_path: Path) -> None:
    """What it lists beside its own names is left out: the gateway goes on answering them, and nobody the ones it has not."""
    path = short_path / "p.sock"

    class Greedy(_Version):
        __service__ = "containerd.services.version.v1.Version"

    class New(_Version):
        __service__ = "containerd.services.new.v9.New"

    async def main(mesh: Mesh) -> None:
        server = Server([_Version("mine"), Greedy("stolen"), New("stolen")])
        server.add(ReflectionV1(server))
        await server.listen_unix(path)
        try:
            async with Channel(mesh.address) as channel:

                async def version(service: str) -> str:
                    answer = await channel.unary(f"/{service}/Version", Empty(), VersionResponse, timeout=20.0)
                    return str(answer.version)

                for _ in range(300):
                    with contextlib.suppress(Unimplemented):
                        if await version("demo.v1.Version") == "mine":
                            break
                    await asyncio.sleep(0.1)
                assert await version("demo.v1.Version") == "mine"
                assert await version("containerd.services.version.v1.Version") not in ("stolen", "mine", "")
                with pytest.raises(Unimplemented):
                    await version("containerd.services.new.v9.New")
        finally:
            await server.close(0)

    with meshed(short_path, f'[proxy_plugins.p]\ntype = "service"\naddress = "{path}"\n') as mesh:
        asyncio.run(main(mesh))
