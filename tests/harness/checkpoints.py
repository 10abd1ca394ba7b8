"""A task manager between stores of ours, for restoring checkpoints: what it takes from an archive, and what not."""

from __future__ import annotations

import asyncio
import hashlib
import io
import os
import tarfile
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

from argosy.errors import NotFound
from argosy.names import NAMESPACE_HEADER
from argosy.rpc import Channel, Server
from argosy_protos.containerd.services.containers import v1 as containers
from argosy_protos.containerd.services.content import v1 as content
from argosy_protos.containerd.services.tasks import v1 as tasks
from argosy_protos.containerd.types import Descriptor
from argosy_protos.google.protobuf import Any as AnyMessage
from argosy_tasks.checkpoints import Checkpoints
from argosy_tasks.gate import Gate
from argosy_tasks.servicer import Tasks

SPEC = b'{"ociVersion":"1.0.2","annotations":{"mine":"1"},"mounts":[]}'
REFERENCE = "docker.io/library/mine:latest"


class Containers(containers.ContainersBase):
    """One container; remembers what it was told."""

    def __init__(self) -> None:
        self.written: list[Any] = []

    async def get(self, request: containers.GetContainerRequest) -> containers.GetContainerResponse:
        return containers.GetContainerResponse(
            container=containers.Container(
                id=request.id, image=REFERENCE, runtime=containers.ContainerRuntime(name="r"), spec=AnyMessage(value=SPEC)
            )
        )

    async def create(self, request: containers.CreateContainerRequest) -> containers.CreateContainerResponse:
        self.written.append(request)
        return containers.CreateContainerResponse(container=request.container)

    async def update(self, request: containers.UpdateContainerRequest) -> containers.UpdateContainerResponse:
        self.written.append(request)
        return containers.UpdateContainerResponse(container=request.container)


class Content(content.ContentBase):
    """Blobs; one may be given under another's digest."""

    def __init__(self) -> None:
        self.blobs: dict[str, bytes] = {}

    async def info(self, request: content.InfoRequest) -> content.InfoResponse:
        return content.InfoResponse(info=content.Info(digest=request.digest, size=len(self._get(request.digest))))

    async def read(self, request: content.ReadContentRequest) -> AsyncIterator[content.ReadContentResponse]:
        data = self._get(request.digest)[request.offset :]
        for start in range(0, len(data), 1 << 20):
            yield content.ReadContentResponse(offset=request.offset + start, data=data[start : start + (1 << 20)])

    def _get(self, digest: str) -> bytes:
        if digest not in self.blobs:
            raise NotFound(f"content digest {digest}")
        return self.blobs[digest]


class Roster:
    """Takes what a task would be made from, with the names and bytes of its checkpoint image."""

    def __init__(self) -> None:
        self.made: list[tuple[bytes, dict[str, bytes]]] = []

    async def create(self, ns: str, id: str, runtime: str, spec: bytes, options: Any, call: Any) -> int:
        images = Path(call.checkpoint)
        files = {p.name: p.read_bytes() for p in images.iterdir()} if call.checkpoint else {}
        assert all(p.is_file() and not p.is_symlink() for p in images.iterdir())
        self.made.append((spec, files))
        return 1


class House:
    """The task manager, asked as the gateway would ask it."""

    def __init__(self, channel: Channel, base: Path) -> None:
        self.containers, self.content, self.roster = Containers(), Content(), Roster()
        self.images = base / "checkpoints"
        checkpoints = Checkpoints(self.images)
        checkpoints.open(lambda namespace, id: False)
        gate = Gate(False, os.environ["PATH"])
        self.tasks = Tasks(self.roster, channel, gate, checkpoints)  # type: ignore[arg-type] # a roster that makes nothing
        self.channel: Channel

    def put(self, data: bytes, digest: str = "") -> str:
        digest = digest or f"sha256:{hashlib.sha256(data).hexdigest()}"
        self.content.blobs[digest] = data
        return digest

    async def restore(self, digest: str, size: int = 0) -> None:
        """Raises what the task manager says."""
        request = tasks.CreateTaskRequest(container_id="c", checkpoint=Descriptor(digest=digest, size=size))
        bound = self.channel.with_metadata({NAMESPACE_HEADER: "default"})
        await tasks.TasksStub(bound).create(request, timeout=30.0)


def in_house(work: Callable[[House], Awaitable[None]]) -> None:
    """Run work; no checkpoint's directory may be left of what was refused."""

    async def main() -> None:
        with tempfile.TemporaryDirectory(prefix="ay-") as base:
            stores, manager = Server(), Server()
            channel = Channel(Path(base) / "stores", name="stores")
            house = House(channel, Path(base))
            stores.add(house.containers)
            stores.add(house.content)
            manager.add(house.tasks)
            await stores.listen_unix(Path(base) / "stores")
            await manager.listen_unix(Path(base) / "tasks")
            house.channel = Channel(Path(base) / "tasks", name="tasks")
            try:
                await asyncio.wait_for(work(house), 60)
                # What is left is of tasks that were made, and goes with them.
                left = [p for p in house.images.glob("*/*") if p.parent.name != ".new" and not house.roster.made]
                assert [*left, *house.images.glob(".new/*")] == []
            finally:
                house.channel.close()
                channel.close()
                await manager.close(0)
                await stores.close(0)

    asyncio.run(main())


def archive(*entries: tarfile.TarInfo | tuple[str, bytes]) -> bytes:
    """Return a tar of these entries; a name with bytes is a plain file."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for entry in entries:
            if isinstance(entry, tuple):
                info = tarfile.TarInfo(entry[0])
                info.size = len(entry[1])
                tar.addfile(info, io.BytesIO(entry[1]))
            else:
                tar.addfile(entry, io.BytesIO(b"\0" * entry.size))
    return buffer.getvalue()


def special(name: str, kind: bytes, link: str = "", size: int = 0) -> tarfile.TarInfo:
    """Return an entry that is no plain file."""
    info = tarfile.TarInfo(name)
    info.type, info.linkname, info.size = kind, link, size
    return info
