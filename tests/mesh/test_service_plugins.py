"""Plugins of the type ``service``: any gRPC service in any process is served on the main socket under its own name."""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import grpc
import pytest
from argosy.client import Client
from argosy.errors import Unavailable, Unimplemented
from argosy.rpc import Channel
from argosy_protos.containerd.services.introspection.v1 import PluginsRequest
from argosy_protos.grpc.health.v1 import HealthCheckRequest, HealthCheckResponseServingStatus, HealthStub
from argosy_protos.grpc.reflection import v1 as reflection
from grpclib.const import Cardinality

from tests.harness.mesh import ARGOSY, Mesh, eventually, run

pytestmark = pytest.mark.root
ECHO = "demo.v1.Echo"


def _say(request: bytes, context: Any) -> bytes:
    told = dict(context.invocation_metadata())
    if request == b"fail":
        context.abort(grpc.StatusCode.FAILED_PRECONDITION, "not now")
    ns: str = told.get("containerd-namespace", "nowhere")
    return request + b" in " + ns.encode()


def _each(requests: Iterator[bytes], context: Any) -> Iterator[bytes]:
    for request in requests:
        yield request.upper()


def _slowly(request: bytes, context: Any) -> Iterator[bytes]:
    for i in range(int(request)):
        time.sleep(0.01)
        yield str(i).encode()


class _Echo(grpc.GenericRpcHandler):  # type: ignore[misc] # grpc has no types
    """A service of Google's own server, which knows nothing of us."""

    def service(self, details: Any) -> Any:
        return {
            f"/{ECHO}/Say": grpc.unary_unary_rpc_method_handler(_say),
            f"/{ECHO}/Each": grpc.stream_stream_rpc_method_handler(_each),
            f"/{ECHO}/Slowly": grpc.unary_stream_rpc_method_handler(_slowly),
        }.get(details.method)


@pytest.fixture(scope="module")
def echo() -> Iterator[Path]:
    """The service's socket."""
    with tempfile.TemporaryDirectory(prefix="ay-", dir="/tmp") as base:
        server = grpc.server(ThreadPoolExecutor(4))
        server.add_generic_rpc_handlers((_Echo(),))
        server.add_insecure_port(f"unix:{base}/echo.sock")
        server.start()
        yield Path(base) / "echo.sock"
        server.stop(0).wait()


def configured(base: Path, tables: str) -> Mesh:
    config = base / "mesh.toml"
    config.write_text(tables)
    return Mesh(base, extra=("--config", str(config)))


@pytest.fixture(scope="module")
def mesh(echo: Path) -> Iterator[Mesh]:
    base = Path(tempfile.mkdtemp(prefix="ay-", dir="/tmp"))
    running = configured(
        base,
        f"""
        [proxy_plugins.echo]
        type = "service"
        address = "{echo}"
        services = ["{ECHO}"]

        [proxy_plugins.gone]
        type = "service"
        address = "{base}/gone.sock"
        services = ["demo.v1.Gone"]
        """,
    )
    running.start()
    try:
        yield running
    finally:
        running.destroy()


def test_every_shape_of_call_is_relayed_as_it_is(mesh: Mesh) -> None:
    """Messages, metadata, errors and the order of streams, seen by a client that is not ours either."""
    with grpc.insecure_channel(f"unix:{mesh.address}") as channel:
        say = channel.unary_unary(f"/{ECHO}/Say")
        assert say(b"hello", metadata=(("containerd-namespace", "n"),), timeout=10) == b"hello in n"
        with pytest.raises(grpc.RpcError) as failed:
            say(b"fail", timeout=10)
        assert failed.value.code() is grpc.StatusCode.FAILED_PRECONDITION and failed.value.details() == "not now"
        assert list(channel.stream_stream(f"/{ECHO}/Each")(iter([b"a", b"b"] * 50), timeout=10)) == [b"A", b"B"] * 50
        assert list(channel.unary_stream(f"/{ECHO}/Slowly")(b"20", timeout=10)) == [str(i).encode() for i in range(20)]


def test_it_is_listed_where_clients_look(mesh: Mesh) -> None:
    """Reflection names it, health knows it, Introspection lists its plugin."""

    async def main() -> None:
        async with Channel(mesh.address) as channel, Client(mesh.address, "default") as client:
            stream = channel.request(
                "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo", Cardinality.STREAM_STREAM,
                reflection.ServerReflectionRequest, reflection.ServerReflectionResponse,
            )  # fmt: skip
            async with stream:
                await stream.send_message(reflection.ServerReflectionRequest(list_services="*"))
                listed = (await stream.recv_message()).list_services_response
            assert ECHO in {s.name for s in listed.service}
            health = await HealthStub(channel).check(HealthCheckRequest(service=ECHO))
            assert health.status is HealthCheckResponseServingStatus.SERVING
            plugins = (await client.services.introspection.plugins(PluginsRequest())).plugins
            found = next(p for p in plugins if p.id == "echo")
            assert found.type == "io.containerd.grpc.v1" and found.exports["services"] == ECHO

    asyncio.run(main())


def test_one_that_is_not_there_says_which(mesh: Mesh) -> None:
    """UNAVAILABLE with the plugin's name and socket; an unknown service stays UNIMPLEMENTED."""

    async def main() -> None:
        async with Channel(mesh.address) as channel:
            with pytest.raises(Unavailable, match='service plugin "gone" at .*gone.sock'):
                await channel.unary("/demo.v1.Gone/Do", b"", bytes, timeout=10)
            with pytest.raises(Unimplemented, match="unknown service demo.v1.Nobody"):
                await channel.unary("/demo.v1.Nobody/Do", b"", bytes, timeout=10)

    asyncio.run(main())


def test_what_the_gateway_serves_itself_nobody_else_can(short_path: Path) -> None:
    """A plugin that names one of our services is a mistake, told at start."""
    config = short_path / "m.toml"
    config.write_text(
        '[proxy_plugins.x]\ntype = "service"\naddress = "/run/x.sock"\nservices = ["containerd.services.images.v1.Images"]\n'
    )
    mesh = Mesh(short_path)
    ran = run([
        "timeout", "20", str(ARGOSY), "up", "--config", str(config), "--root", str(mesh.root),
        "--state", str(mesh.state), "--address", str(mesh.address),
    ])  # fmt: skip
    assert ran.code not in (0, 124) and 'service "containerd.services.images.v1.Images" is the gateway\'s own' in ran.err


def test_services_are_found_by_reflection_and_again_when_they_come_later(short_path: Path) -> None:
    """Nothing has to be listed for a plugin with reflection, and the order of start does not matter."""
    from argosy.rpc.reflection import ReflectionV1
    from argosy.rpc.server import Server
    from argosy_protos.containerd.services.version.v1 import VersionBase, VersionResponse
    from argosy_protos.google.protobuf import Empty

    class Renamed(VersionBase):
        """A service of ours under another name."""

        __service__ = "demo.v1.Version"

        async def version(self, request: Empty) -> VersionResponse:
            return VersionResponse(version="7")

    mesh = configured(short_path, f'[proxy_plugins.late]\ntype = "service"\naddress = "{short_path}/late.sock"\n')
    mesh.start()

    async def main() -> None:
        server = Server()
        server.add(Renamed())
        server.add(ReflectionV1(server))
        await server.listen_unix(short_path / "late.sock")
        async with Channel(mesh.address) as channel:

            async def version() -> str:
                try:
                    answer = await channel.unary("/demo.v1.Version/Version", Empty(), VersionResponse, timeout=5)
                except Unimplemented:
                    return ""
                return str(answer.version)

            for _ in range(100):
                if await version():
                    break
                await asyncio.sleep(0.1)
            assert await version() == "7"
        await server.close(0)

    try:
        asyncio.run(main())
    finally:
        mesh.destroy()
    eventually(lambda: not mesh.address.exists(), what="the socket is left")
