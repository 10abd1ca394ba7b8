"""The registration directory: what a socket says that it is, what of that is believed, and that nobody who lies or hangs holds up others."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from argosy.about import About
from argosy.errors import PermissionDenied
from argosy.plugin.snapshots.rules import Kind
from argosy.rpc.reflection import ReflectionV1, ReflectionV1Alpha
from argosy.rpc.server import Server
from argosy_gateway.backends.services import Services
from argosy_gateway.core import Core
from argosy_gateway.directory import Directory
from argosy_gateway.plugins.plugin import Plugin
from argosy_gateway.registration import Registration
from argosy_protos.argosy.hooks.v1 import DecideRequest, DecideResponse, HooksBase
from argosy_protos.argosy.instance.v1 import GetInfoRequest, GetInfoResponse, InstanceBase
from argosy_protos.containerd.services.content.v1 import ContentBase
from argosy_protos.containerd.services.diff.v1 import DiffBase

from tests.harness.gateways import Gateway
from tests.harness.plugins import MemorySnapshotter
from tests.harness.twins import Twin


class Says(InstanceBase):
    """Answers what it is told to."""

    def __init__(self, answer: GetInfoResponse) -> None:
        self.answer = answer

    async def get_info(self, request: GetInfoRequest) -> GetInfoResponse:
        return self.answer


class Hangs(InstanceBase):
    async def get_info(self, request: GetInfoRequest) -> GetInfoResponse:
        await asyncio.Event().wait()
        raise AssertionError


class Denies(HooksBase):
    async def decide(self, request: DecideRequest) -> DecideResponse:
        return DecideResponse(reason="no")


class There:
    """A core whose registration directory is looked at."""

    def __init__(self, core: Core, path: Path, stack: AsyncExitStack) -> None:
        self.core, self.path, self._stack = core, path, stack

    async def serve(self, file: str, *services: Any, reflects: bool = True) -> None:
        """Serve services at a socket in the directory."""
        server = Server(services)
        if reflects:
            server.add(ReflectionV1(server))
            server.add(ReflectionV1Alpha(server))
        await server.listen_unix(self.path / file)
        self._stack.push_async_callback(server.close, 0.0)

    async def registered(self, name: str) -> Plugin:
        deadline = time.monotonic() + 8
        while time.monotonic() < deadline:
            found = next((plugin for plugin in self.core.registry if plugin.name == name), None)
            if found is not None:
                return found
            await asyncio.sleep(0.01)
        raise AssertionError(self.core.registry.refused)

    async def refused(self, name: str) -> str:
        deadline = time.monotonic() + 8
        while name not in self.core.registry.refused:
            assert time.monotonic() < deadline, [str(plugin) for plugin in self.core.registry]
            await asyncio.sleep(0.01)
        return self.core.registry.refused[name].reason


@asynccontextmanager
async def directory(base: Path) -> AsyncIterator[There]:
    gateway = Gateway(base, {})
    core = await gateway.start()
    path = base / "d"
    path.mkdir(mode=0o700, exist_ok=True)
    looking = asyncio.ensure_future(Directory(core, Registration(core), path).run())
    async with AsyncExitStack() as stack:
        core.serve(Services((), Server([]), set()))
        yield There(core, path, stack)
    looking.cancel()
    await asyncio.gather(looking, return_exceptions=True)
    await gateway.stop()


def test_what_a_plugin_says_of_itself_is_its_table(short_path: Path) -> None:
    """Its type though it serves more than one, what it can do, and its name, which is its socket's when it says none."""

    async def main() -> None:
        async with directory(short_path) as there:
            answer = GetInfoResponse(type="snapshot", name="mine", version="1", capabilities=["rebase"])
            await there.serve("mine.sock", MemorySnapshotter(), DiffBase(), Says(answer))
            await there.serve("other.sock", MemorySnapshotter(), Says(GetInfoResponse(type="snapshot")), reflects=False)
            mine, other = await there.registered("mine"), await there.registered("other")
            assert (mine.type, mine.capabilities, mine.config.address) == (
                "snapshot",
                ["rebase"],
                str(there.path / "mine.sock"),
            )
            assert (other.type, other.capabilities) == ("snapshot", [])

    asyncio.run(main())


def test_a_service_is_relayed_by_what_it_declares_alone(short_path: Path) -> None:
    """What it serves besides is nobody's business."""

    async def main() -> None:
        async with directory(short_path) as there:
            answer = GetInfoResponse(type="service", services=["demo.v1.Echo"])
            await there.serve("echo.sock", Says(answer), reflects=False)
            assert (await there.registered("echo")).config.services == ["demo.v1.Echo"]

    asyncio.run(main())


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (GetInfoResponse(type="snapshot", name="overlayfs"), 'is called "overlayfs"; have it listen at overlayfs.sock'),
        (GetInfoResponse(type="snapshot", name="../../x\x1b[2J\n"), r'is called "\.\./\.\./x\\x1b'),
        (GetInfoResponse(type="tasks"), 'of the type "tasks", and does not serve containerd.services.tasks.v1.Tasks'),
        (GetInfoResponse(type="content"), 'of the type "content", and does not serve containerd.services.content'),
        (GetInfoResponse(type="service", services=["demo.v1.None"]), "does not serve demo.v1.None"),
        (GetInfoResponse(type="everything"), 'of the type "everything"; use one of snapshot'),
        (GetInfoResponse(), 'of the type ""; use one of snapshot'),
        (GetInfoResponse(type="snapshot", capabilities=["x"] * 100), "more of itself than 64 words"),
        (GetInfoResponse(type="snapshot", capabilities=["x" * 1000]), "more of itself than 64 words"),
        (GetInfoResponse(type="snapshot", capabilities=["a\nb"]), "printable"),
    ],
)
def test_who_declares_what_is_not_so_is_refused_and_says_why(short_path: Path, answer: GetInfoResponse, why: str) -> None:
    """S5: a plugin is registered under its own socket's name, as what it declares, when it serves that."""

    async def main() -> None:
        async with directory(short_path) as there:
            await there.serve("liar.sock", MemorySnapshotter(), Says(answer))
            reason = await there.refused("liar")
            assert reason.isprintable()
            with pytest.raises(AssertionError, match=why):
                raise AssertionError(reason)
            assert not list(there.core.registry)
            there.core.registry.refuse("liar", None)

    asyncio.run(main())


def test_a_claim_of_a_type_without_reflection_is_tried(short_path: Path) -> None:
    """One that says that it is a content store, and is none, is refused all the same."""

    async def main() -> None:
        async with directory(short_path) as there:
            await there.serve("liar.sock", MemorySnapshotter(), Says(GetInfoResponse(type="content")), reflects=False)
            assert "does not serve containerd.services.content.v1.Content" in await there.refused("liar")
            await there.serve("true.sock", ContentBase(), Says(GetInfoResponse(type="content")), reflects=False)
            assert "does not serve" in await there.refused("true"), "its Info is unimplemented"

    asyncio.run(main())


def test_one_of_another_make_is_what_its_reflection_lists(short_path: Path) -> None:
    async def main() -> None:
        async with directory(short_path) as there:
            await there.serve("stock.sock", MemorySnapshotter())
            await there.serve("both.sock", MemorySnapshotter(), DiffBase())
            await there.serve("mute.sock", MemorySnapshotter(), reflects=False)
            assert (await there.registered("stock")).type == "snapshot"
            assert "serves diff and snapshot; write both.toml" in await there.refused("both")
            assert "has no reflection; write mute.toml" in await there.refused("mute")

    asyncio.run(main())


def test_who_hangs_or_talks_rubbish_holds_up_nobody_and_is_asked_again(short_path: Path) -> None:
    """A question without an answer, a socket that takes no connection, one that answers with noise; another one serves meanwhile."""

    async def noise(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"\xff" * 4096)
        await writer.drain()
        writer.close()

    async def main() -> None:
        async with directory(short_path) as there:
            await there.serve("hangs.sock", Hangs(), MemorySnapshotter())
            noisy = await asyncio.start_unix_server(noise, there.path / "noisy.sock")
            with socket.socket(socket.AF_UNIX) as mute:
                mute.bind(str(there.path / "mute.sock"))
                mute.listen(0)
                await asyncio.sleep(0.1)
                began = time.monotonic()
                await there.serve("good.sock", MemorySnapshotter(), Says(GetInfoResponse(type="snapshot", name="good")))
                await there.registered("good")
                assert time.monotonic() - began < 1.9  # two seconds are what one that hangs is given
                for name in ("hangs", "mute", "noisy"):
                    assert await there.refused(name)
                assert [plugin.name for plugin in there.core.registry] == ["good"]
            noisy.close()
            (there.path / "noisy.sock").unlink(missing_ok=True)
            await there.serve("noisy.sock", MemorySnapshotter(), Says(GetInfoResponse(type="snapshot")))
            await there.registered("noisy")

    asyncio.run(main())


def test_one_that_stands_by_is_what_it_says_and_is_told_to_claim(short_path: Path) -> None:
    """It serves nothing yet that its reflection could list."""

    async def main() -> None:
        async with directory(short_path) as there:
            twin = Twin(there.path / "s.sock", short_path / "kept", {})
            About("s", twin.server, root=short_path / "kept").add()
            twin.server.add(ReflectionV1(twin.server))
            twin.add()
            await twin.server.listen_unix(twin.path)
            try:
                assert (await there.registered("s")).type == "snapshot"
                await there.core.snapshots("s").create("n", None, Kind.ACTIVE, "k", "", {})
                assert twin.phase.value == "serving" and len(twin.snapshotter.held) == 1
            finally:
                await twin.server.close(0.0)
                await twin.close()

    asyncio.run(main())


def test_a_hook_is_remembered_where_it_can_be_and_is_one_where_it_can_not(short_path: Path) -> None:
    """By the next gateway, for which it does not answer. Anything else that does not answer is not known."""

    async def main() -> None:
        hook = GetInfoResponse(type="hook", capabilities=["pre-pull"])
        async with directory(short_path) as there:
            (there.path / ".full.new").mkdir()  # as on a disk without room
            for name in ("told", "full"):
                await there.serve(f"{name}.sock", Says(hook), reflects=False)
            await there.serve("disk.sock", MemorySnapshotter(), Says(GetInfoResponse(type="snapshot")), reflects=False)
            for name in ("told", "full", "disk"):
                assert await there.registered(name)
        assert sorted(path.name for path in (short_path / "d").glob(".*.guard")) == [".told.guard"]
        for name in ("told", "full", "disk"):
            with socket.socket(socket.AF_UNIX) as dead:
                dead.bind(str(short_path / f"d/{name}.sock"))
        async with directory(short_path) as there:
            plugin = await there.registered("told")
            assert (plugin.type, plugin.capabilities, plugin.config.fail) == ("hook", ["pre-pull"], "closed")
            assert await there.refused("full") and await there.refused("disk")

    asyncio.run(main())


def test_whoever_asks_about_hooks_waits_until_each_was_looked_at(short_path: Path) -> None:
    async def main() -> None:
        path = short_path / "d"
        path.mkdir()
        gateway = Gateway(short_path, {})
        core = await gateway.start()
        core.registry.look_for_guards()
        asked = Says(GetInfoResponse(type="hook", capabilities=["pre-pull"]))
        server = Server([asked, Denies()])
        await server.listen_unix(path / "h.sock")
        waiting = asyncio.ensure_future(core.policy.before_pull("n", "localhost/x:1", ["localhost/x:1"]))
        await asyncio.sleep(0.05)
        assert core.policy.asks("pre-pull") and not waiting.done()
        core.serve(Services((), Server([]), set()))
        looking = asyncio.ensure_future(Directory(core, Registration(core), path).run())
        try:
            with pytest.raises(PermissionDenied, match='hook "h" denies image "localhost/x:1"'):
                await asyncio.wait_for(waiting, 20)
            assert not core.registry.unsure
        finally:
            looking.cancel()
            await asyncio.gather(looking, return_exceptions=True)
            await gateway.stop()
            await server.close(0.0)

    asyncio.run(main())
