"""A runc shim without a daemon, and a client of its Transfer and Streaming services."""

from __future__ import annotations

import asyncio
import io
import json
import os
import shutil
import subprocess
import sys
import tarfile
import time
from collections.abc import AsyncIterator, Awaitable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from argosy.errors import ArgosyError
from argosy.ttrpc.client import TtrpcClient, TtrpcStream
from argosy.typeurl import pack
from argosy.windows import Writer, received
from argosy_protos.containerd.services.streaming.v1 import StreamInit
from argosy_protos.containerd.services.transfer.v1 import TransferOptions, TransferRequest
from argosy_protos.containerd.task import v2 as api
from argosy_protos.containerd.types import transfer as p
from argosy_protos.google.protobuf import Any as AnyMessage
from argosy_protos.google.protobuf import Empty

from tests.harness.processes import ending

STREAMING: Final = "containerd.services.streaming.v1.Streaming"
TRANSFER: Final = "containerd.services.transfer.v1.Transfer"
TASK: Final = "containerd.task.v3.Task"
_TYPES: Final = "containerd.types.transfer"
# A shim as a template's start leaves it, but for the start: the first is one process, the second a keeper and a worker.
_PROGRAM: Final = """
import os, socket, sys
from argosy.kernel.process import die_with_parent
from argosy.shim.daemon import Identity, resume, serve
from argosy.shim.keeper import keep
from argosy_shim_runc_v2.service import RuncTasks
path = sys.argv[1]
def begin(keeper=None):
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(path + ".new")
    listener.listen(64)
    os.rename(path + ".new", path)
    serve(listener, Identity(path, "alone", "tests", "", ""), RuncTasks, keeper)
    os._exit(0)
def first(keeper):
    assert keeper.free()
    keeper.show("shim:alone", sys.argv, os.getcwd())
    begin(keeper)
if sys.argv[2] == "sleeps":
    keep(first, lambda keeper, asleep: resume(keeper, asleep, RuncTasks))
die_with_parent()
begin()
"""
# It waits up to 64 times as long where it was woken early before.
_SLEEP_S: Final = "0.004"


class Opened:
    """A stream, by its client's end."""

    def __init__(self, id: str, stream: TtrpcStream) -> None:
        self.id, self.stream = id, stream

    async def receive(self) -> AnyMessage | None:
        found: AnyMessage | None = await self.stream.recv()
        return found

    async def send(self, message: AnyMessage) -> None:
        await self.stream.send(message)

    async def grant(self, size: int) -> None:
        await self.send(pack(f"{_TYPES}.WindowUpdate", p.WindowUpdate(update=size)))

    async def give(self, data: bytes) -> None:
        """Send bytes as they are, granted or not."""
        await self.send(pack(f"{_TYPES}.Data", p.Data(data=data)))


class Peer:
    """A client of a shim; container is whose files it wants."""

    def __init__(self, shim: TtrpcClient, container: str = "box") -> None:
        self.shim, self.container = shim, container

    async def task(self, method: str, request: Any, response: Any = Empty) -> Any:
        return await self.shim.call(TASK, method, request, response, 60)

    async def open(self, id: str = "") -> Opened:
        id = id or os.urandom(4).hex()
        stream = self.shim.stream(STREAMING, "Stream", AnyMessage)
        await stream.send(pack("containerd.services.streaming.v1.StreamInit", StreamInit(id=id)))
        assert (await stream.recv()).type_url == "google.protobuf.Empty"
        return Opened(id, stream)

    def path(self, path: str) -> p.ContainerPath:
        return p.ContainerPath(container_id=self.container, path=path)

    async def transfer(self, source: Any, destination: Any, progress: str = "") -> None:
        ends = [pack(f"{_TYPES}.{type(one).__name__}", one) for one in (source, destination)]
        options = TransferOptions(progress_stream=progress) if progress else None
        request = TransferRequest(source=ends[0], destination=ends[1], options=options)
        await self.shim.call(TRANSFER, "Transfer", request, Empty, 60)

    async def read(self, path: str, **more: Any) -> bytes:
        stream = await self.open()

        async def take() -> bytes:
            return b"".join([data async for data in received(stream, 30)])

        async with asyncio.TaskGroup() as group:
            taken = group.create_task(take())
            await self.transfer(self.path(path), p.WriteStream(stream=stream.id), **more)
        return taken.result()

    async def write(self, path: str, data: bytes) -> None:
        stream = await self.open()
        writer = Writer(stream, 30)

        async def give() -> None:
            await writer.write(data)
            await writer.flush()
            await stream.stream.close_send()

        heard = asyncio.create_task(writer.run())
        given = asyncio.create_task(give())
        try:
            await self.transfer(p.ReadStream(stream=stream.id), self.path(path))
            await given
        finally:
            for task in (heard, given):
                task.cancel()
            await asyncio.gather(heard, given, return_exceptions=True)


@asynccontextmanager
async def peer(address: str, container: str = "box") -> AsyncIterator[Peer]:
    shim = await TtrpcClient.connect(address, "the shim")
    try:
        yield Peer(shim, container)
    finally:
        shim.close()


async def fails(work: Awaitable[Any]) -> ArgosyError:
    """Return what a call is refused with."""
    try:
        await work
    except (ArgosyError, BaseExceptionGroup) as failed:
        error: BaseException = failed
        while isinstance(error, BaseExceptionGroup):
            error = error.exceptions[0]
        assert isinstance(error, ArgosyError)
        return error
    raise AssertionError("it was not refused")


def one_file(name: str, data: bytes) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        info = tarfile.TarInfo(name)
        info.size = len(data)
        tar.addfile(info, io.BytesIO(data))
    return out.getvalue()


@dataclass
class Alone:
    """A shim whose containers' roots are one directory of ours. Made by ``alone``."""

    base: Path
    shim: subprocess.Popen[bytes]
    keeper: bool
    made: list[str] = field(default_factory=list)

    @property
    def address(self) -> str:
        return f"unix://{self.base}/s"

    @property
    def rootfs(self) -> Path:
        return self.base / "rootfs"

    def bundle(self, id: str) -> Path:
        return self.base / id

    async def create(self, shim: Peer, volume: Path | None = None) -> int:
        """Create a client's container, which sleeps; volume is what it has at /vol. Returns its pid."""
        bundle = self.bundle(shim.container)
        bundle.mkdir(mode=0o711)
        mounts = [{"destination": "/proc", "type": "proc", "source": "proc"}]
        more = [{"destination": "/vol", "type": "none", "source": str(volume), "options": ["bind", "rw"]}] if volume else []
        spec = {
            "ociVersion": "1.0.2",
            "process": {"user": {"uid": 0, "gid": 0}, "args": ["sleep", "1000"], "env": ["PATH=/bin"], "cwd": "/"},
            "root": {"path": str(self.rootfs)},
            "mounts": [*mounts, *more],
            "linux": {
                "namespaces": [{"type": "pid"}, {"type": "mount"}],
                "cgroupsPath": f"/argosy-tests-{os.getpid()}/{shim.container}",
            },
        }
        (bundle / "config.json").write_text(json.dumps(spec))
        self.made.append(shim.container)
        request = api.CreateTaskRequest(id=shim.container, bundle=str(bundle))
        return int((await shim.task("Create", request, api.CreateTaskResponse)).pid)

    async def run(self, shim: Peer, volume: Path | None = None) -> int:
        """Create a client's container and start it. Returns its pid."""
        pid = await self.create(shim, volume)
        await shim.task("Start", api.StartRequest(id=shim.container), api.StartResponse)
        return pid

    async def remove(self, shim: Peer) -> None:
        """End a client's container, whatever its state, and delete it."""
        with suppress(ArgosyError):
            await shim.task("Kill", api.KillRequest(id=shim.container, signal=9))
        with suppress(ArgosyError):
            await shim.task("Wait", api.WaitRequest(id=shim.container), api.WaitResponse)
        await shim.task("Delete", api.DeleteRequest(id=shim.container), api.DeleteResponse)
        shutil.rmtree(self.bundle(shim.container), ignore_errors=True)

    def worker(self) -> int:
        """Return the process that serves; 0 of a shim that sleeps, or has ended."""
        if self.shim.poll() is not None:
            return 0
        if not self.keeper:
            return self.shim.pid
        return next((pid for pid in children(self.shim.pid) if comm(pid).startswith("shim:")), 0)

    def copiers(self) -> list[int]:
        """Return the processes that copy for this shim."""
        found = []
        for path in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):
                words = (path / "cmdline").read_bytes()
                if b"argosy.paths" in words and f"SHIM={self.address}".encode() in (path / "environ").read_bytes():
                    found.append(int(path.name))
        return found

    def held(self) -> dict[str, Any]:
        """Return what the worker has: threads, descriptors but for those of connections, children that are shims' own or zombies."""
        pid = self.worker()
        links = sorted(
            link
            for fd in list(Path(f"/proc/{pid}/fd").iterdir())
            if not (link := link_of(fd)).startswith(("socket", "gone"))
        )
        return {
            "threads": len(os.listdir(f"/proc/{pid}/task")),
            "descriptors": [link.partition(":[")[0] for link in links],
            "children": sorted(comm(child) for child in children(pid)),
        }


def link_of(fd: Path) -> str:
    try:
        return str(fd.readlink())
    except OSError:
        return "gone"


def children(pid: int) -> list[int]:
    try:
        return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []


def comm(pid: int) -> str:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        return Path(f"/proc/{pid}/comm").read_text().strip() + (" (a zombie)" if state == "Z" else "")
    except OSError:
        return "gone"


def fill(rootfs: Path) -> None:
    """Make a root directory with busybox, and files to copy: /small and /big, of 8 MiB."""
    busybox = shutil.which("busybox")
    assert busybox is not None
    for name in ("bin", "proc", "tmp", "vol"):
        (rootfs / name).mkdir(parents=True)
    shutil.copy(busybox, rootfs / "bin/busybox")
    (rootfs / "bin/sleep").symlink_to("busybox")
    (rootfs / "small").write_bytes(b"small")
    (rootfs / "big").write_bytes(os.urandom(1 << 20) * 8)


async def _asked(shim: Alone) -> None:
    """Ask a shim something: who listens may not serve yet, and does not have all that it will have."""
    async with peer(shim.address) as client:
        await client.task("Connect", api.ConnectRequest(id="box"), api.ConnectResponse)


@contextmanager
def alone(base: Path, *, sleeps: bool = False) -> Iterator[Alone]:
    """Yield a shim that serves, in one process, or with a keeper, so that it sleeps almost at once. It is killed at the end, with its containers."""
    if not (base / "rootfs").exists():
        fill(base / "rootfs")
    path = base / "s"
    path.unlink(missing_ok=True)
    env = {**os.environ, "SHIM": f"unix://{path}", "ARGOSY_RUNC_ROOT": str(base / "runc"), "ARGOSY_SHIM_SLEEP": _SLEEP_S}
    command = [sys.executable, "-P", "-c", _PROGRAM, str(path), "sleeps" if sleeps else "awake"]
    with ending(subprocess.Popen(command, env=env, cwd=base)) as process:
        found = Alone(base, process, sleeps)
        while not path.exists():
            assert process.poll() is None
            with suppress(subprocess.TimeoutExpired):
                process.wait(0.01)
        try:
            asyncio.run(_asked(found))
            yield found
        finally:
            worker = found.worker()
            if worker != process.pid and worker:
                with suppress(ProcessLookupError):
                    os.kill(worker, 9)
            process.kill()
            process.wait()
            root = ["runc", "--root", str(base / "runc/tests")]
            for id in found.made:
                subprocess.run([*root, "delete", "--force", id], capture_output=True, check=False)
                shutil.rmtree(found.bundle(id), ignore_errors=True)
            _end_groups()


def _end_groups() -> None:
    """Kill what is left in the cgroups of this test's containers, such as what a runtime was making when its shim was killed, and remove them."""
    for _ in range(200):
        tops = list(Path("/sys/fs/cgroup").glob(f"*/argosy-tests-{os.getpid()}"))
        if not tops:
            return
        for group in [*(below for top in tops for below in top.iterdir() if below.is_dir()), *tops]:
            with suppress(OSError):
                for pid in (group / "cgroup.procs").read_text().split():
                    os.kill(int(pid), 9)
                group.rmdir()
        time.sleep(0.01)
