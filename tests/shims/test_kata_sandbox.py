"""A pod's VM by name: the shim's own Sandbox service, as a sandbox controller calls it, with containers by the Task service."""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest
from argosy.errors import AlreadyExists, FailedPrecondition, NotFound
from argosy.kernel.mount import mount
from argosy.kernel.unmount import unmount
from argosy.mounts import Mount as OurMount
from argosy.testkit.image import busybox_layer
from argosy.ttrpc.client import TtrpcClient
from argosy_protos.containerd.runtime.sandbox import v1 as sandbox
from argosy_protos.containerd.task import v2 as task
from argosy_protos.containerd.types import Mount
from argosy_protos.google.protobuf import Any as AnyMessage
from argosy_protos.io.containerd.cgroups.v2 import Metrics

from tests.harness import kata
from tests.harness.erofs import IMAGE_OPTIONS, needs_erofs
from tests.harness.kata import Home
from tests.harness.mesh import BIN, eventually

pytestmark = kata.MARKS
_SANDBOX = "containerd.runtime.sandbox.v1.Sandbox"
_SPEC = {
    "ociVersion": "1.0.2",
    "process": {"args": ["sleep", "1000"], "cwd": "/", "env": ["PATH=/bin"], "user": {"uid": 0, "gid": 0}},
    "root": {"path": "rootfs"},
    "mounts": [{"destination": "/proc", "type": "proc", "source": "proc"}],
    "linux": {"namespaces": [{"type": "pid"}, {"type": "mount"}, {"type": "network", "path": "/nowhere/at/all"}]},
}


class Shim:
    """A shim started as a daemon starts it."""

    def __init__(self, home: Home, name: str) -> None:
        self.bundle = home.base / name
        self.bundle.mkdir()
        (self.bundle / "config.json").write_text("{}")
        env = {**os.environ, "ARGOSY_SHIM_SOCKET_DIR": str(home.base / "s"), "MAX_SHIM_VERSION": "3"}
        self._command = [str(BIN / "containerd-shim-kata-v2"), "-namespace", "n", "-address", "/none", "-id", name]
        done = subprocess.run(
            [*self._command, "start"], cwd=self.bundle, env=env, capture_output=True, check=True, stdin=subprocess.DEVNULL
        )
        self.address = json.loads(done.stdout)["address"]
        self.pid = int((self.bundle / "shim.pid").read_text())

    def delete(self) -> None:
        done = subprocess.run([*self._command, "-bundle", str(self.bundle), "delete"], cwd=self.bundle, capture_output=True)
        assert done.returncode == 0, done

    def rootfs(self) -> Path:
        path = self.bundle / "files"
        if not path.exists():
            path.mkdir()
            subprocess.run(["tar", "x", "-C", str(path)], input=busybox_layer(), check=True)
        return path


async def ask(client: TtrpcClient, method: str, request: Any, response: Any, service: str = _SANDBOX) -> Any:
    return await client.call(service, method, request, response, 60.0, {})


async def said(path: Path, text: str) -> None:
    """Wait until a container has written text to its output."""
    for _ in range(600):
        if path.exists() and path.read_text() == text:
            return
        await asyncio.sleep(0.05)
    raise AssertionError(f"{path.read_text() if path.exists() else 'nothing'!r} is not {text!r}")


def container(shim: Shim, id: str, **changed: Any) -> task.CreateTaskRequest:
    bundle = shim.bundle.with_name(f"{shim.bundle.name}-{id}")
    bundle.mkdir()
    (bundle / "config.json").write_text(json.dumps({**_SPEC, **changed}))
    return task.CreateTaskRequest(
        id=id, bundle=str(bundle), rootfs=[Mount(type="bind", source=str(shim.rootfs()), options=["rbind", "rw"])]
    )


def test_a_pod_lives_from_start_to_stop(home: Home) -> None:
    shim = Shim(home, "pod")

    async def main() -> None:
        client = await TtrpcClient.connect(shim.address, "pod", lambda: None, 5.0)
        options = AnyMessage(type_url="type.googleapis.com/runtime.v1.PodSandboxConfig", value=b"\n\0")
        create = sandbox.CreateSandboxRequest(sandbox_id="pod", bundle_path=str(shim.bundle), options=options)
        with pytest.raises(NotFound):
            await ask(client, "StartSandbox", sandbox.StartSandboxRequest(sandbox_id="pod"), sandbox.StartSandboxResponse)
        await ask(client, "CreateSandbox", create, sandbox.CreateSandboxResponse)
        with pytest.raises(AlreadyExists):
            await ask(client, "CreateSandbox", create, sandbox.CreateSandboxResponse)
        with pytest.raises(FailedPrecondition):
            await ask(client, "PingSandbox", sandbox.PingRequest(sandbox_id="pod"), sandbox.PingResponse)
        started = await ask(
            client, "StartSandbox", sandbox.StartSandboxRequest(sandbox_id="pod"), sandbox.StartSandboxResponse
        )
        assert "qemu" in Path(f"/proc/{started.pid}/cmdline").read_text()
        with pytest.raises(FailedPrecondition):
            await ask(client, "StartSandbox", sandbox.StartSandboxRequest(sandbox_id="pod"), sandbox.StartSandboxResponse)
        waiting = asyncio.ensure_future(
            ask(client, "WaitSandbox", sandbox.WaitSandboxRequest(sandbox_id="pod"), sandbox.WaitSandboxResponse)
        )
        status = sandbox.SandboxStatusRequest(sandbox_id="pod", verbose=True)
        told = await ask(client, "SandboxStatus", status, sandbox.SandboxStatusResponse)
        assert (told.state, told.pid) == ("SANDBOX_READY", started.pid) and told.info["accel"] in ("tcg", "kvm")
        platform = await ask(client, "Platform", sandbox.PlatformRequest(sandbox_id="pod"), sandbox.PlatformResponse)
        assert (platform.platform.os, platform.platform.architecture) == ("linux", "amd64")
        await ask(client, "PingSandbox", sandbox.PingRequest(sandbox_id="pod"), sandbox.PingResponse)
        told = await ask(
            client, "SandboxMetrics", sandbox.SandboxMetricsRequest(sandbox_id="pod"), sandbox.SandboxMetricsResponse
        )
        cpu = Metrics.decode(told.metrics.data.value).cpu
        assert cpu is not None and cpu.usage_usec > 0
        # Containers come and go; the pod stays, and so does its shim.
        for id in ("one", "two"):
            await ask(client, "Create", container(shim, id), task.CreateTaskResponse, "containerd.task.v3.Task")
            start = task.StartRequest(id=id)
            assert (await ask(client, "Start", start, task.StartResponse, "containerd.task.v3.Task")).pid == started.pid
        kill = task.KillRequest(id="one", signal=9, all=True)
        await ask(client, "Kill", kill, task.StartResponse, "containerd.task.v3.Task")
        ended = await ask(client, "Wait", task.WaitRequest(id="one"), task.WaitResponse, "containerd.task.v3.Task")
        assert ended.exit_status == 137
        await ask(client, "Delete", task.DeleteRequest(id="one"), task.DeleteResponse, "containerd.task.v3.Task")
        await ask(client, "Shutdown", task.ShutdownRequest(id="one"), task.StartResponse, "containerd.task.v3.Task")
        await ask(client, "PingSandbox", sandbox.PingRequest(sandbox_id="pod"), sandbox.PingResponse)
        # The pod's end is the end of who is left in it.
        last = asyncio.ensure_future(
            ask(client, "Wait", task.WaitRequest(id="two"), task.WaitResponse, "containerd.task.v3.Task")
        )
        await asyncio.sleep(0.1)
        await ask(client, "StopSandbox", sandbox.StopSandboxRequest(sandbox_id="pod"), sandbox.StopSandboxResponse)
        assert (await last).exit_status == 137
        assert (await waiting).exit_status == 0
        told = await ask(client, "SandboxStatus", status, sandbox.SandboxStatusResponse)
        assert told.state == "SANDBOX_NOTREADY" and told.exited_at is not None
        await ask(
            client, "ShutdownSandbox", sandbox.ShutdownSandboxRequest(sandbox_id="pod"), sandbox.ShutdownSandboxResponse
        )
        client.close()

    asyncio.run(main())
    eventually(
        lambda: not Path(f"/proc/{shim.pid}/cmdline").exists() or Path(f"/proc/{shim.pid}/cmdline").read_bytes() == b""
    )
    shim.delete()
    kata.nothing_left(home)
    assert (shim.rootfs() / "bin/busybox").exists()


def test_a_spec_of_any_version_runs(home: Home) -> None:
    """Daemons write the version that they were made with, and the guest's crun is older."""
    shim = Shim(home, "versions")

    async def main() -> None:
        client = await TtrpcClient.connect(shim.address, "pod", lambda: None, 5.0)
        create = sandbox.CreateSandboxRequest(sandbox_id="versions", bundle_path=str(shim.bundle))
        await ask(client, "CreateSandbox", create, sandbox.CreateSandboxResponse)
        await ask(client, "StartSandbox", sandbox.StartSandboxRequest(sandbox_id="versions"), sandbox.StartSandboxResponse)
        for number, version in enumerate(("1.0.0", "1.1.0+dev", "1.2.1", "1.3.0")):
            request = container(shim, f"v{number}", ociVersion=version)
            await ask(client, "Create", request, task.CreateTaskResponse, "containerd.task.v3.Task")
            await ask(client, "Start", task.StartRequest(id=request.id), task.StartResponse, "containerd.task.v3.Task")
        down = sandbox.ShutdownSandboxRequest(sandbox_id="versions")
        await ask(client, "ShutdownSandbox", down, sandbox.ShutdownSandboxResponse)
        client.close()

    asyncio.run(main())
    shim.delete()
    kata.nothing_left(home)


@pytest.mark.parametrize("how", ["vm", "shim"])
def test_a_pod_that_dies_says_so_and_leaves_nothing(home: Home, how: str) -> None:
    shim = Shim(home, f"dies-{how}")
    id = f"dies-{how}"

    async def main() -> None:
        client = await TtrpcClient.connect(shim.address, "pod", lambda: None, 5.0)
        create = sandbox.CreateSandboxRequest(sandbox_id=id, bundle_path=str(shim.bundle))
        await ask(client, "CreateSandbox", create, sandbox.CreateSandboxResponse)
        started = await ask(client, "StartSandbox", sandbox.StartSandboxRequest(sandbox_id=id), sandbox.StartSandboxResponse)
        if how == "shim":
            os.kill(shim.pid, signal.SIGKILL)
            client.close()
            return
        os.kill(started.pid, signal.SIGKILL)
        ended = await ask(client, "WaitSandbox", sandbox.WaitSandboxRequest(sandbox_id=id), sandbox.WaitSandboxResponse)
        assert ended.exit_status == 137
        await ask(client, "ShutdownSandbox", sandbox.ShutdownSandboxRequest(sandbox_id=id), sandbox.ShutdownSandboxResponse)
        client.close()

    asyncio.run(main())
    if how == "shim":
        eventually(lambda: not re.search("kata_v2", _words(shim.pid)))
    shim.delete()
    kata.nothing_left(home)
    shutil.rmtree(shim.bundle)


def _words(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text()
    except OSError:
        return ""


@pytest.mark.parametrize("toml", ["", "template = false\n"], ids=["cloned", "booted"])
def test_what_is_killed_from_outside_leaves_no_memory(
    home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, toml: str
) -> None:
    """All of a pod is killed at once, and nobody ever runs delete: 256 MiB would stay until the host is started again."""
    (tmp_path / "kata.toml").write_text(toml)
    monkeypatch.setenv("ARGOSY_KATA_CONFIG", str(tmp_path / "kata.toml"))
    shim = Shim(home, "killed")

    async def main() -> int:
        client = await TtrpcClient.connect(shim.address, "pod", lambda: None, 5.0)
        create = sandbox.CreateSandboxRequest(sandbox_id="killed", bundle_path=str(shim.bundle))
        await ask(client, "CreateSandbox", create, sandbox.CreateSandboxResponse)
        start = sandbox.StartSandboxRequest(sandbox_id="killed")
        started = await ask(client, "StartSandbox", start, sandbox.StartSandboxResponse)
        client.close()
        return int(started.pid)

    vm = asyncio.run(main())
    memory = kata.memory_file(vm)
    try:
        for pid in (shim.pid, *(int(line.split()[0]) for line in kata.processes(home.run))):
            os.kill(pid, signal.SIGKILL)
        eventually(lambda: kata.processes(home.run) == [])
        assert not os.path.exists(memory)
    finally:
        shim.delete()
        shutil.rmtree(shim.bundle)
    kata.nothing_left(home)


def test_a_pod_that_stops_keeps_what_its_containers_wrote(
    home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = tmp_path / "kata.toml"
    config.write_text('rootfs = "block"\n')
    monkeypatch.setenv("ARGOSY_KATA_CONFIG", str(config))
    shim = Shim(home, "writes")
    (shim.rootfs() / "etc/motd2").write_text("below\n")
    upper, work = shim.bundle / "upper", shim.bundle / "work"
    for path in (upper, work):
        path.mkdir()
    options = [f"lowerdir={shim.rootfs()}", f"upperdir={upper}", f"workdir={work}"]
    request = container(shim, "writer")
    request.rootfs = [Mount(type="overlay", source="overlay", options=options)]
    spec = json.loads(json.dumps(_SPEC))
    spec["process"]["args"] = ["sh", "-c", "echo kept >/root/kept; sync; echo done; sleep 1000"]
    request.stdout = f"file://{tmp_path}/out"
    Path(request.bundle, "config.json").write_text(json.dumps(spec))

    async def main() -> None:
        client = await TtrpcClient.connect(shim.address, "pod", lambda: None, 5.0)
        create = sandbox.CreateSandboxRequest(sandbox_id="writes", bundle_path=str(shim.bundle))
        await ask(client, "CreateSandbox", create, sandbox.CreateSandboxResponse)
        await ask(client, "StartSandbox", sandbox.StartSandboxRequest(sandbox_id="writes"), sandbox.StartSandboxResponse)
        await ask(client, "Create", request, task.CreateTaskResponse, "containerd.task.v3.Task")
        await ask(client, "Start", task.StartRequest(id="writer"), task.StartResponse, "containerd.task.v3.Task")
        await said(tmp_path / "out", "done\n")
        await ask(client, "StopSandbox", sandbox.StopSandboxRequest(sandbox_id="writes"), sandbox.StopSandboxResponse)
        await ask(client, "Delete", task.DeleteRequest(id="writer"), task.DeleteResponse, "containerd.task.v3.Task")
        await ask(
            client, "ShutdownSandbox", sandbox.ShutdownSandboxRequest(sandbox_id="writes"), sandbox.ShutdownSandboxResponse
        )
        client.close()

    asyncio.run(main())
    assert (upper / "root/kept").read_text() == "kept\n"
    shim.delete()
    kata.nothing_left(home)


@needs_erofs
@pytest.mark.parametrize("form", ["overlay", "image"])
def test_layers_that_are_images_are_the_guests_disks(
    home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, form: str
) -> None:
    """Two EROFS layers as a snapshotter hands them out, mounted below an overlay; and one that is handed out as it is."""
    config = tmp_path / "kata.toml"
    config.write_text('rootfs = "block"\n')
    monkeypatch.setenv("ARGOSY_KATA_CONFIG", str(config))
    shim = Shim(home, f"layers-{form}")
    (tmp_path / "above/etc").mkdir(parents=True)
    (tmp_path / "above/etc/layer").write_text("above\n")
    (shim.rootfs() / "etc").mkdir(exist_ok=True)
    (shim.rootfs() / "etc/layer").write_text("below\n")
    points = []
    for name, tree in (("1", tmp_path / "above"), ("0", shim.rootfs())):
        subprocess.run(["mkfs.erofs", "--quiet", str(tmp_path / f"{name}.erofs"), str(tree)], check=True)
        points.append(tmp_path / f"mnt{name}")
        points[-1].mkdir()
    for path in (tmp_path / "upper", tmp_path / "work"):
        path.mkdir()
    request = container(shim, f"reader-{form}")
    if form == "overlay":
        options = [f"lowerdir={points[0]}:{points[1]}", f"upperdir={tmp_path}/upper", f"workdir={tmp_path}/work"]
        request.rootfs = [Mount(type="overlay", source="overlay", options=options)]
    else:
        request.rootfs = [Mount(type="erofs", source=str(tmp_path / "0.erofs"), options=["ro"])]
    request.stdout = f"file://{tmp_path}/out"
    spec = json.loads(json.dumps(_SPEC))
    script = "cat /etc/layer; ls /sys/block; echo kept >/etc/kept; sync; echo done"
    spec["mounts"].append({"destination": "/sys", "type": "sysfs", "source": "sysfs"})
    spec["process"]["args"] = ["sh", "-c", script]
    spec["linux"]["namespaces"] = [{"type": "pid"}, {"type": "mount"}, {"type": "network"}]
    Path(request.bundle, "config.json").write_text(json.dumps(spec))
    for point in points:
        mount(OurMount("erofs", str(tmp_path / f"{point.name[3:]}.erofs"), ("ro", *IMAGE_OPTIONS)), str(point))

    packed = set(home.data.glob("rootfs/*.erofs"))

    async def main() -> str:
        client = await TtrpcClient.connect(shim.address, "pod", lambda: None, 5.0)
        id = request.id
        await ask(client, "Create", request, task.CreateTaskResponse, "containerd.task.v3.Task")
        await ask(client, "Start", task.StartRequest(id=id), task.StartResponse, "containerd.task.v3.Task")
        ended = await ask(client, "Wait", task.WaitRequest(id=id), task.WaitResponse, "containerd.task.v3.Task")
        await ask(client, "Delete", task.DeleteRequest(id=id), task.DeleteResponse, "containerd.task.v3.Task")
        await ask(client, "Shutdown", task.ShutdownRequest(id=id), task.StartResponse, "containerd.task.v3.Task")
        client.close()
        assert ended.exit_status == 0
        return (tmp_path / "out").read_text()

    try:
        told = asyncio.run(main())
    finally:
        for point in points:
            unmount(str(point))
    disks = [line for line in told.splitlines() if line.startswith("vd")]
    if form == "overlay":
        assert told.startswith("above\n") and len(disks) == 3
        assert (tmp_path / "upper/etc/kept").read_text() == "kept\n"
    else:
        assert told.startswith("below\n") and len(disks) == 1
    assert set(home.data.glob("rootfs/*.erofs")) == packed, "the layers were packed"
    shim.delete()
    kata.nothing_left(home)
