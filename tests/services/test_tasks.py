"""Runtime names, where shims are looked for, and what they may answer."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest
from argosy.errors import DeadlineExceeded, InvalidArgument, NotFound, Unimplemented, Unknown
from argosy.ttrpc.client import Closed, TtrpcClient
from argosy.ttrpc.server import TtrpcServer
from argosy_protos.containerd.runtime.bootstrap.v1 import BootstrapResult
from argosy_protos.containerd.task.v2 import DeleteRequest, DeleteResponse, WaitRequest, WaitResponse
from argosy_tasks.bootstrap import parse_answer
from argosy_tasks.bundle import Bootstrap, Bundle, bundles
from argosy_tasks.runtimes import Runtimes, binary_name, search_path
from argosy_tasks.shim import Shim, ShimLog

from tests.harness.mesh import BIN, IMAGE, Mesh, eventually, until


@pytest.mark.parametrize(
    ("runtime", "binary"),
    [
        ("io.containerd.runc.v2", "containerd-shim-runc-v2"),
        ("io.containerd.kata.v2", "containerd-shim-kata-v2"),
        ("my.thing.v1", "containerd-shim-thing-v1"),
    ],
)
def test_a_runtime_names_its_binary(runtime: str, binary: str) -> None:
    assert binary_name(runtime) == binary


@pytest.mark.parametrize("runtime", ["runc", ".runc", "io.containerd.", "..."])
def test_what_names_no_binary(runtime: str) -> None:
    with pytest.raises(InvalidArgument, match="invalid runtime name"):
        binary_name(runtime)


def test_runtimes_are_found_on_the_path_or_refused(tmp_path: Path) -> None:
    shim = tmp_path / "containerd-shim-x-v1"
    shim.write_text("#!/bin/sh\n")
    shim.chmod(0o755)
    runtimes = Runtimes(f"/nowhere:{tmp_path}", Path("/own"))
    assert runtimes.resolve("io.containerd.x.v1") == shim
    assert runtimes.resolve(str(shim)) == shim
    with pytest.raises(NotFound, match=r'runtime "io\.containerd\.y\.v1" binary not installed "containerd-shim-y-v1"'):
        runtimes.resolve("io.containerd.y.v1")
    with pytest.raises(InvalidArgument, match="invalid custom binary path"):
        runtimes.resolve("/no/such/shim")
    with pytest.raises(InvalidArgument, match="invalid runtime name"):
        runtimes.resolve("a/b")
    with pytest.raises(InvalidArgument, match="no runtime name"):
        runtimes.resolve("")


def test_our_shims_come_before_the_distributions_but_after_the_users_first() -> None:
    default = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin"
    assert search_path(default, "/own") == ["/usr/local/sbin", "/own", "/usr/local/bin", "/usr/sbin", "/usr/bin"]
    assert search_path(f"/opt/go:{default}", "/own")[:2] == ["/opt/go", "/own"]
    assert search_path(f"/usr/bin:{default}", "/own")[:2] == ["/usr/bin", "/own"]
    assert search_path(f"/a:/own:{default}", "/own")[:2] == ["/a", "/own"]
    assert search_path("", "/own") == ["/own"]


def test_three_dialects_of_start() -> None:
    assert parse_answer(b"unix:///s\n") == Bootstrap("unix:///s", 2)
    assert parse_answer(b'{"version":3,"address":"unix:///s","protocol":"ttrpc"}') == Bootstrap("unix:///s", 3)
    assert parse_answer(BootstrapResult(version=3, address="unix:///s", protocol="ttrpc").encode()) == Bootstrap(
        "unix:///s", 3
    )
    for bad in (b"", b"panic: oh", b"{}"):
        with pytest.raises(Unknown, match="the shim answered start with"):
            parse_answer(bad)
    with pytest.raises(Unimplemented, match="Task API 9"):
        parse_answer(b'{"version":9,"address":"unix:///s"}')
    with pytest.raises(Unimplemented, match="grpc"):
        parse_answer(b'{"version":3,"address":"unix:///s","protocol":"grpc"}')


def test_bundles_are_private_and_go_whole(tmp_path: Path) -> None:
    state, root = tmp_path / "s", tmp_path / "r"
    bundle = Bundle.make(state, root, "n", "c", b"{}")
    assert bundle.path.stat().st_mode & 0o777 == 0o700
    assert (bundle.path / "work").readlink() == bundle.work
    bundle.remember(Bootstrap("unix:///s", 3))
    assert [b.recall() for b in bundles(state, root)] == [Bootstrap("unix:///s", 3)]
    (state / "n/.hidden").mkdir()
    (state / "n/empty").mkdir()
    assert [b.id for b in bundles(state, root)] == ["c"]
    assert sorted(os.listdir(state / "n")) == ["c"]
    bundle.delete()
    bundle.delete()
    assert os.listdir(state / "n") == [] == os.listdir(root / "n")
    with pytest.raises(InvalidArgument):
        Bundle.make(state, root, "n", "../up", b"{}")


@pytest.mark.root
def test_a_task_that_was_deleted_behind_our_back_leaves_no_shim(mesh: Mesh) -> None:
    """As by a task manager that was killed between the shim's answer to Delete and its own Shutdown."""
    mesh.ctr("run", "-d", IMAGE, "behind", "sleep", "1000").ok()
    bundle = mesh.state / "io.containerd.runtime.v2.task/default/behind"
    address = (bundle / "address").read_text()
    mesh.ctr("tasks", "kill", "-s", "9", "behind").ok()

    async def delete() -> None:
        client = await TtrpcClient.connect(address, "shim", lambda: None, 5.0)
        await client.call("containerd.task.v2.Task", "Wait", WaitRequest(id="behind"), WaitResponse, 10.0, {})
        await client.call("containerd.task.v2.Task", "Delete", DeleteRequest(id="behind"), DeleteResponse, 10.0, {})
        client.close()

    asyncio.run(delete())
    assert bundle.exists()
    assert "behind" not in mesh.ctr("tasks", "ls", "-q").ok().out
    eventually(lambda: not bundle.exists() and not any("behind" in found for found in mesh.leftovers()))
    mesh.ctr("containers", "rm", "behind").ok()


@pytest.mark.root
@pytest.mark.parametrize("made", [BIN / "containerd-shim-runc-v2", Path("/usr/bin/containerd-shim-runc-v2")], ids=["ours", "go"])
@pytest.mark.parametrize(
    ("after", "says"),
    [("", "start with 'warning: old"), ("; exit 3", "start exited 3"), ("; echo unix:///nowhere", "start with 'warning: old")],
    ids=["noise", "failure", "two"],
)
def test_a_shim_whose_start_fails_is_ended(mesh: Mesh, short_path: Path, made: Path, after: str, says: str) -> None:
    """Its start had made it before it failed: nobody would ever speak to it."""
    binary = short_path / "containerd-shim-broken-v1"
    binary.write_text(f'#!/bin/sh\n[ "$1" = -v ] || echo "warning: old"\n{made} "$@"{after}\n')
    binary.chmod(0o755)
    ran = mesh.ctr("run", "-d", "--runtime", str(binary), IMAGE, "unspoken", "sleep", "1000")
    assert ran.code and says in ran.err, ran
    eventually(lambda: not [found for found in mesh.leftovers() if "shim" in found and "unspoken" in found])
    assert not (mesh.state / "io.containerd.runtime.v2.task/default/unspoken").exists()
    mesh.ctr("containers", "rm", "unspoken")


def test_all_that_wait_for_a_process_are_one_call_to_its_shim(short_path: Path, tmp_path: Path) -> None:
    """However many leave: the shim can't hear of it. Who stays has the answer, its own deadline, and the next process's own call."""

    async def main() -> None:
        asked: list[str] = []
        ended: dict[str, asyncio.Event] = {}

        async def wait(request: WaitRequest, _: object) -> WaitResponse:
            asked.append(request.exec_id)
            await ended.setdefault(request.exec_id, asyncio.Event()).wait()
            if request.exec_id == "bad":
                raise NotFound("process does not exist bad")
            return WaitResponse(exit_status=len(request.exec_id))

        server = TtrpcServer()
        server.add("containerd.task.v3.Task", "Wait", WaitRequest, wait)
        await server.listen_unix(short_path / "s")
        bundle = Bundle("default", "x", tmp_path, tmp_path / "work")
        shim = await Shim.connect(bundle, Bootstrap(f"unix://{short_path}/s", 3), ShimLog(bundle), lambda: None, 5.0)
        try:
            stays = [asyncio.ensure_future(shim.wait(id, None)) for id in ("", "ab", "", "bad")]
            for _ in range(50):
                leaves = asyncio.ensure_future(shim.wait("", None))
                await asyncio.sleep(0)
                leaves.cancel()
            with pytest.raises(DeadlineExceeded):
                await shim.wait("ab", 0.01)
            await until(lambda: len(asked) >= 3)
            await asyncio.sleep(0.05)  # any more would have come
            assert sorted(asked) == ["", "ab", "bad"]
            for event in ended.values():
                event.set()
            first, second, third, bad = await asyncio.gather(*stays, return_exceptions=True)
            assert isinstance(first, WaitResponse) and first == third and first.exit_status == 0
            assert isinstance(second, WaitResponse) and second.exit_status == 2
            assert isinstance(bad, NotFound)
            assert (await shim.wait("ab", 5.0)).exit_status == 2 and asked.count("ab") == 2
            gone = asyncio.ensure_future(shim.wait("never", None))
            await until(lambda: asked.count("never") == 1)
            shim.deleted("never")  # without an answer, and its id comes again
            again = asyncio.ensure_future(shim.wait("never", None))
            await until(lambda: asked.count("never") == 2)
            ended["never"].set()
            assert (await gone).exit_status == (await again).exit_status == 5
            ended["late"] = asyncio.Event()
            late = asyncio.ensure_future(shim.wait("late", None))
            await until(lambda: "late" in asked)
            await server.close()
            with pytest.raises(Closed):
                await late
        finally:
            shim.close()

    asyncio.run(main())
