"""What a plugin says of itself: its type by its class, the rest by what its author and whoever starts it say."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from argosy.plugin.info import Info
from argosy.plugin.serve import serve
from argosy.rpc import Channel
from argosy_protos.argosy.instance.v1 import GetInfoRequest, GetInfoResponse, InstanceStub, ReleaseRequest, StatusRequest
from argosy_protos.argosy.service.v1 import DrainRequest, ServiceStub
from argosy_protos.containerd.services.version.v1 import VersionBase

from tests.harness.mesh import eventually
from tests.harness.processes import ending
from tests.sdk.test_plugin import Nothing, Plain


class Versioned(Plain):
    version = "1.2.3"
    capabilities = ("rebase",)


def said(plugin: object, name: str = "") -> GetInfoResponse:
    return asyncio.run(Info(plugin, name).get_info(GetInfoRequest()))


def test_the_type_is_that_of_its_class() -> None:
    assert [said(plugin).type for plugin in (Plain(), Nothing(), VersionBase())] == ["snapshot", "diff", "service"]
    with pytest.raises(TypeError, match="3 is no snapshotter"):
        Info(3)


def test_its_author_says_a_version_and_what_it_can_do() -> None:
    assert said(Versioned(), "mine") == GetInfoResponse(
        type="snapshot", name="mine", version="1.2.3", capabilities=["rebase"]
    )
    assert (said(Plain()).name, said(Plain()).capabilities) == ("", [])


def test_a_service_says_which_one_and_a_method_called_version_is_none() -> None:
    found = said(VersionBase())
    assert found.services == ["containerd.services.version.v1.Version"] and found.version == ""


@pytest.mark.parametrize("name", ["", "mine"])
def test_it_is_asked_at_its_socket_also_while_it_drains(short_path: Path, name: str) -> None:
    async def main() -> None:
        serving: asyncio.Future[Any] = asyncio.ensure_future(serve(Nothing(), short_path / "s", name=name))
        await asyncio.to_thread(eventually, (short_path / "s").exists)
        async with Channel(short_path / "s") as channel:
            await ServiceStub(channel).drain(DrainRequest())
            found = await InstanceStub(channel).get_info(GetInfoRequest())
        assert (found.type, found.name) == ("diff", name)
        serving.cancel()
        await asyncio.gather(serving, return_exceptions=True)

    asyncio.run(main())


def test_one_that_can_be_handed_over_says_it_with_its_name_before_and_after_a_release(short_path: Path) -> None:
    """By the same object that says which root it has."""
    script = "from argosy.plugin.main import main\nfrom tests.sdk.test_plugin_info import Versioned\nmain(Versioned)\n"
    words = ["--address", str(short_path / "s"), "--root", str(short_path / "r"), "--name", "mine"]
    known = GetInfoResponse(type="snapshot", name="mine", version="1.2.3", capabilities=["rebase"])

    async def main() -> None:
        async with Channel(short_path / "s") as channel:
            stub = InstanceStub(channel)
            assert await stub.get_info(GetInfoRequest()) == known
            await stub.release(ReleaseRequest())
            assert (await stub.status(StatusRequest())).phase == "standby"
            assert await stub.get_info(GetInfoRequest()) == known

    with ending(subprocess.Popen([sys.executable, "-c", script, *words], cwd=Path(__file__).parents[2])):
        eventually((short_path / "s").exists, within=20)
        asyncio.run(main())
