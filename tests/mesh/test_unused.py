"""A service that nobody calls for a while ends, and nobody notices: the next call finds it, and what it is for goes on."""

from __future__ import annotations

import json
import random
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import grpc
import pytest
from argosy_protos.argosy.service.v1 import StatisticsRequest
from argosy_protos.containerd.services.content.v1 import InfoRequest
from argosy_protos.containerd.services.snapshots.v1 import PrepareSnapshotRequest, StatSnapshotRequest

from tests.harness.mesh import IMAGE, Mesh, comm, eventually

pytestmark = pytest.mark.root

STAT = "/containerd.services.snapshots.v1.Snapshots/Stat"
PREPARE = "/containerd.services.snapshots.v1.Snapshots/Prepare"
LIST = "/containerd.services.tasks.v1.Tasks/List"
INFO = "/containerd.services.content.v1.Content/Info"
STATISTICS = "/argosy.service.v1.Service/Statistics"
ABSENT = "sha256:" + "0" * 64
# A storm is over when each of its callers has had so many answers.
STORM_S, CALLS = 40.0, 15
GATEWAY = {"argosy-gateway"}


@pytest.fixture
def own_mesh(short_path: Path) -> Iterator[Mesh]:
    mesh = Mesh(short_path)
    yield mesh
    mesh.destroy()


def started(mesh: Mesh, idle_s: float) -> Mesh:
    mesh.idle_s = idle_s
    mesh.start()
    return mesh


def names(mesh: Mesh) -> set[str]:
    return set(mesh.services())


def quiet(mesh: Mesh) -> None:
    """Nothing ended in disorder, and nothing was said of it as if it had."""
    text = mesh.log.read_text()
    assert not any(word in text for word in ("service.ended", "does_not_answer", "could_not_start", "Traceback")), text[
        -4000:
    ]


def test_what_nobody_calls_ends_and_comes_back(own_mesh: Mesh, image_archive: Path) -> None:
    mesh = started(own_mesh, 0.5)
    mesh.ctr("images", "import", str(image_archive)).ok()
    mesh.ctr("run", "--rm", IMAGE, "t", "true").ok()
    eventually(lambda: names(mesh) == GATEWAY, within=20)
    # A process has gone before its supervisor has seen that and says so; who asks in between starts it again.
    eventually(lambda: len(list(mesh.state.glob("*.sock.idle"))) == 8)
    assert mesh.argosy("status").ok().out.count("starts with its first call") == 8
    plugins = json.loads(mesh.argosy("-o", "json", "plugins").ok().out)
    assert {plugin["status"] for plugin in plugins} == {"ok"}
    time.sleep(1)
    assert names(mesh) == GATEWAY, "somebody starts them again whom nobody asked"
    assert mesh.ctr("run", "--rm", IMAGE, "t", "echo", "again").ok().out == "again\n"
    eventually(lambda: names(mesh) == GATEWAY, within=20)
    quiet(mesh)


def test_to_ask_how_it_is_keeps_no_service(own_mesh: Mesh) -> None:
    mesh = started(own_mesh, 3)
    mesh.ctr("snapshots", "prepare", "k").ok()
    assert comm("snapshotter-overlay") in names(mesh)
    mark = mesh.state / "snapshotter-overlay.sock.idle"

    def asked() -> bool:
        with grpc.insecure_channel(f"unix:{mesh.state}/snapshotter-overlay.sock") as channel:
            for method in (STATISTICS, "/grpc.health.v1.Health/Check"):
                channel.unary_unary(method)(StatisticsRequest().encode(), timeout=5)
        time.sleep(0.5)
        return mark.exists()

    eventually(asked, within=20)
    quiet(mesh)


def test_one_that_starts_with_the_mesh_stays(own_mesh: Mesh) -> None:
    config = own_mesh.base / "mesh.toml"
    config.write_text(
        'idle_s = 0.3\n[services.content]\nkind = "content"\nstart = "at-once"\n[services.diff]\nkind = "diff"\n'
        '[services.snapshotter-overlay]\nkind = "snapshotter-overlay"\n'
    )
    own_mesh.extra = ["--config", str(config)]
    own_mesh.start()
    own_mesh.ctr("snapshots", "prepare", "k").ok()
    assert '"service.ready", "service": "snapshotter-overlay"' in own_mesh.log.read_text()
    eventually(lambda: names(own_mesh) == {"argosy-gateway", "argosy-content"})
    time.sleep(1)
    assert names(own_mesh) == {"argosy-gateway", "argosy-content"}


@pytest.mark.parametrize("wrong", ["-1", "inf", "nan", '"soon"'])
def test_a_time_that_is_none_is_an_error_of_the_start(own_mesh: Mesh, wrong: str) -> None:
    config = own_mesh.base / "mesh.toml"
    config.write_text(f"idle_s = {wrong}\n")
    ran = own_mesh.argosy("config", "check", str(config))
    assert ran.code == 2 and "idle_s" in ran.err, ran


def test_a_storm_of_calls_around_the_moment_of_ending_loses_none(own_mesh: Mesh) -> None:
    mesh = started(own_mesh, 0.04)
    until = time.monotonic() + STORM_S
    rows: list[tuple[str, Path, str, Callable[[int], bytes]]] = []
    failures: list[str] = []
    counts: dict[str, int] = {}

    def calls(name: str, address: Path, method: str, request: Callable[[int], bytes], seed: int) -> None:
        rng = random.Random(seed)
        metadata = (("containerd-namespace", "default"),)
        with grpc.insecure_channel(f"unix:{address}", options=[("grpc.use_local_subchannel_pool", 1)]) as channel:
            ask: Callable[..., bytes] = channel.unary_unary(method)
            while time.monotonic() < until and (len(counts) < len(rows) or min(counts.values()) < CALLS):
                try:
                    ask(request(counts.get(name, 0)), timeout=20, metadata=metadata)
                except grpc.RpcError as error:
                    if error.code() is not grpc.StatusCode.NOT_FOUND:
                        failures.append(f"{name}: {error.code()} {error.details()}")
                counts[name] = counts.get(name, 0) + 1
                time.sleep(rng.choice((0.02, 0.05, 0.08, 0.15)))

    stat = StatSnapshotRequest(key="nope").encode()
    info = InfoRequest(digest=ABSENT).encode()
    direct = mesh.state / "snapshotter-overlay.sock"
    rows += [
        ("gateway, snapshots", mesh.address, PREPARE, lambda n: PrepareSnapshotRequest(snapshotter="overlayfs", key=f"k{n}").encode()),
        ("gateway, tasks", mesh.address, LIST, lambda n: b""),
        ("direct, snapshots", direct, STAT, lambda n: stat),
        ("direct, content", mesh.state / "content.sock", INFO, lambda n: info),
    ]  # fmt: skip
    threads = [threading.Thread(target=calls, args=(*row, n)) for n, row in enumerate(rows)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == [], failures[:5]
    assert min(counts.values()) >= CALLS and len(counts) == len(rows), counts
    quiet(mesh)
    text = mesh.log.read_text()
    ready = [
        text.count(f'"event": "service.ready", "service": "{name}"') for name in ("content", "snapshotter-overlay", "tasks")
    ]
    assert min(ready) >= 5, f"they ended too seldom to try it out: {ready}"


def test_a_running_container_survives_the_end_and_the_return_of_all_around_it(own_mesh: Mesh, image_archive: Path) -> None:
    mesh = started(own_mesh, 0.4)
    mesh.ctr("images", "import", str(image_archive)).ok()
    mesh.ctr("run", "-d", IMAGE, "t", "sleep", "1000").ok()
    tasks = mesh.services()["argosy-tasks"]
    for n in range(3):
        eventually(lambda: names(mesh) == GATEWAY | {"argosy-tasks"}, within=20)
        assert mesh.ctr("tasks", "exec", "--exec-id", f"e{n}", "t", "echo", "alive").ok().out == "alive\n"
        assert "t " in mesh.ctr("snapshots", "ls").ok().out
    assert mesh.services()["argosy-tasks"] == tasks, "whoever looks after it has to stay"
    mesh.ctr("tasks", "kill", "-s", "KILL", "t").ok()
    eventually(lambda: "STOPPED" in mesh.ctr("tasks", "ls").out)  # the signal is sent, its end comes after
    assert "exit code 137" in mesh.ctr("tasks", "rm", "t").ok().err
    mesh.ctr("containers", "rm", "t").ok()
    eventually(lambda: names(mesh) == GATEWAY, within=20)
    quiet(mesh)


def test_who_waits_for_a_task_keeps_its_manager(own_mesh: Mesh, image_archive: Path) -> None:
    mesh = started(own_mesh, 0.3)
    mesh.ctr("images", "import", str(image_archive)).ok()
    ran = mesh.ctr("run", "--rm", IMAGE, "t", "sh", "-c", "sleep 2; echo done; exit 3")
    assert ran.out == "done\n" and ran.code == 3
    eventually(lambda: names(mesh) == GATEWAY, within=20)
    quiet(mesh)


def test_a_snapshotter_that_holds_mounts_stays(own_mesh: Mesh, image_archive: Path) -> None:
    mesh = started(own_mesh, 0.3)
    mesh.ctr("images", "import", "--snapshotter", "erofs", str(image_archive)).ok()
    eventually(lambda: names(mesh) == GATEWAY | {comm("snapshotter-erofs")}, within=20)
    time.sleep(1)
    assert names(mesh) == GATEWAY | {comm("snapshotter-erofs")}
    assert mesh.ctr("run", "--rm", "--snapshotter", "erofs", IMAGE, "t", "echo", "x").ok().out == "x\n"
    mesh.ctr("images", "rm", "--sync", IMAGE).ok()
    eventually(lambda: names(mesh) == GATEWAY, within=20)
    quiet(mesh)


def test_an_upload_that_pauses_is_there_when_it_goes_on(own_mesh: Mesh) -> None:
    """Its store ends meanwhile; an ingest is on disk, and a stream that is open keeps whoever serves it."""
    mesh = started(own_mesh, 0.2)
    from argosy_protos.containerd.services.content.v1 import WriteAction, WriteContentRequest, WriteContentResponse

    def write(*, offset: int, data: bytes, pause_s: float, commit: bool = False) -> WriteContentResponse:
        requests = [WriteContentRequest(action=WriteAction.WRITE, ref="r", offset=offset, data=data)]
        if commit:
            requests.append(WriteContentRequest(action=WriteAction.COMMIT, ref="r", offset=offset + len(data)))

        def slowly() -> Iterator[bytes]:
            for request in requests:
                yield request.encode()
                time.sleep(pause_s)

        with grpc.insecure_channel(f"unix:{mesh.address}") as channel:
            call = channel.stream_stream("/containerd.services.content.v1.Content/Write")
            found = list(call(slowly(), timeout=20, metadata=(("containerd-namespace", "default"),)))
        return WriteContentResponse.decode(found[-1])

    assert write(offset=0, data=b"a" * 1000, pause_s=1.0).offset == 1000
    eventually(lambda: names(mesh) == GATEWAY, within=20)
    done = write(offset=1000, data=b"b" * 1000, pause_s=1.0, commit=True)
    assert done.digest and done.offset == 2000
    assert mesh.ctr("content", "get", done.digest).ok().out == "a" * 1000 + "b" * 1000
    quiet(mesh)
