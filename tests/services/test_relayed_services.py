"""What a plugin of the type ``service`` serves is asked without keeping it awake, where its first call starts it."""

from __future__ import annotations

import asyncio
import socket
from pathlib import Path

import anyio
import pytest
from argosy.about import About
from argosy.rpc import Server
from argosy.tables import ProxyPlugin
from argosy_gateway.backends import services as room
from argosy_gateway.backends.services import Services
from argosy_gateway.plugins.plugin import Plugin, connect


@pytest.mark.parametrize("on_demand", [True, False])
def test_one_that_its_first_call_starts_is_asked_once_a_connection(
    short_path: Path, monkeypatch: pytest.MonkeyPatch, on_demand: bool
) -> None:
    monkeypatch.setattr(room, "_LOOK_S", 0.02)

    async def main() -> None:
        config = ProxyPlugin(type="service", address=str(short_path / "s"), on_demand=on_demand)
        plugin = Plugin("p", config, connect("p", config))
        asked = 0

        class Counted(Services):
            async def _ask(self, plugin: Plugin) -> list[str]:
                nonlocal asked
                names = await super()._ask(plugin)
                asked += 1
                return names

        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(str(short_path / "s"))
            listener.listen(8)
            server = Server()
            About("s", server).add()
            await server.listen(listener.dup())
            try:
                async with anyio.create_task_group() as group:
                    group.start_soon(Counted([plugin], Server(), []).look)
                    with anyio.fail_after(5):
                        while asked < (1 if on_demand else 5):
                            await asyncio.sleep(0.01)
                        if on_demand:
                            # It leaves, and is not wanted back for this.
                            assert await server.retire(listener, lambda: False, 2)
                            await asyncio.sleep(0.3)
                            assert asked == 1 and plugin.channel.connections == 1
                            # Somebody calls it, and by then it may be a newer one.
                            await server.listen(listener.dup())
                            assert await plugin.answers()
                            while asked < 2:
                                await asyncio.sleep(0.01)
                            await asyncio.sleep(0.2)
                            assert asked == 2
                    group.cancel_scope.cancel()
            finally:
                plugin.channel.close()
                await server.close(0)

    asyncio.run(main())
