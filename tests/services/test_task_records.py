"""Whose the containers of adopted tasks are: what the task manager asks the gateway, and what it makes of the answers."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from argosy.errors import ArgosyError, NotFound, Unavailable
from argosy.rpc import Channel, Server
from argosy_protos.containerd.services.containers import v1 as containers
from argosy_protos.containerd.services.introspection import v1 as introspection
from argosy_protos.google.protobuf import Empty
from argosy_tasks import gateway as room
from argosy_tasks.gateway import Gateway, Standing


class Daemon:
    """A gateway on a socket, which can be another one the next time."""

    def __init__(self, path: Path, uuid: str, known: set[str]) -> None:
        self.path, self.uuid, self.known = path, uuid, known
        self.fails: ArgosyError | None = None
        self.asked = 0
        daemon = self

        class Containers(containers.ContainersBase):
            async def get(self, request: containers.GetContainerRequest) -> containers.GetContainerResponse:
                if daemon.fails is not None:
                    raise daemon.fails
                if request.id not in daemon.known:
                    raise NotFound(request.id)
                return containers.GetContainerResponse(container=containers.Container(id=request.id))

        class Introspection(introspection.IntrospectionBase):
            async def server(self, request: Empty) -> introspection.ServerResponse:
                daemon.asked += 1
                return introspection.ServerResponse(uuid=daemon.uuid)

        self.services = [Containers(), *([Introspection()] if uuid else [])]
        self.server = Server(self.services)

    async def __aenter__(self) -> Daemon:
        await self.server.listen_unix(self.path)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.server.close(0.1)


def asked(short_path: Path, body: Callable[[Gateway, Path], Awaitable[None]]) -> None:
    async def main() -> None:
        async with Channel(short_path / "g", name="gateway") as channel:
            await body(Gateway(channel), short_path / "g")

    asyncio.run(main())


def test_only_the_gateway_that_a_task_was_made_for_says_that_its_container_was_deleted(short_path: Path) -> None:
    async def body(gateway: Gateway, path: Path) -> None:
        async with Daemon(path, "one", {"there"}) as daemon:
            for _ in range(20):
                assert await gateway.standing("default", "there", "one") is Standing.THERE
                assert await gateway.standing("default", "there", "other") is Standing.THERE
                assert await gateway.standing("default", "gone", "one") is Standing.DELETED
                assert await gateway.standing("default", "gone", "other") is Standing.STRANGE
                assert await gateway.standing("default", "gone", "") is Standing.STRANGE
            assert daemon.asked == 1  # a connection
        async with Daemon(path, "two", set()):
            await asyncio.sleep(0.1)
            assert await gateway.standing("default", "gone", "one") is Standing.STRANGE
            assert await gateway.standing("default", "gone", "two") is Standing.DELETED

    asked(short_path, body)


def test_one_that_has_no_uuid_says_of_no_task_that_it_is_deleted(short_path: Path) -> None:
    async def body(gateway: Gateway, path: Path) -> None:
        async with Daemon(path, "", set()):
            assert await gateway.uuid() == ""
            assert await gateway.standing("default", "gone", "") is Standing.STRANGE

    asked(short_path, body)


def test_what_is_not_said_is_no_absence(short_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "WAIT_S", 0.3)

    async def body(gateway: Gateway, path: Path) -> None:
        assert await gateway.standing("default", "gone", "one") is Standing.UNSAID
        with pytest.raises(Unavailable):
            await gateway.uuid()  # a task that is made now would be nobody's
        async with Daemon(path, "one", set()) as daemon:
            daemon.fails = Unavailable("its database is damaged")
            assert await gateway.standing("default", "gone", "one") is Standing.UNSAID

    asked(short_path, body)
