"""A plugin is one class on a socket: a snapshotter, and a differ."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest
from argosy.errors import (
    AlreadyExists,
    ArgosyError,
    DataLoss,
    FailedPrecondition,
    Internal,
    InvalidArgument,
    Locked,
    NotFound,
    ResourceExhausted,
    Unavailable,
    Unimplemented,
)
from argosy.mounts import Mount
from argosy.plugin.diff import Descriptor, Differ
from argosy.plugin.serve import serve
from argosy.plugin.snapshots import Backend, Kind, TreeSnapshotter, Usage
from argosy.plugin.snapshots.tree import disk_usage
from argosy.rpc import Channel
from argosy_protos.argosy.service import v1 as p
from argosy_protos.containerd.services.diff import v1 as diff
from argosy_protos.containerd.services.snapshots.v1 import SnapshotsStub, StatSnapshotRequest
from argosy_protos.containerd.types import Descriptor as WireDescriptor
from argosy_protos.grpc.health.v1 import HealthCheckRequest, HealthCheckResponseServingStatus, HealthStub

from tests.harness.mesh import eventually


class Plain(Backend):
    """One that keeps trees; examples/ has one that copies them."""

    def make(self, directory: Path, kind: Kind, parents: Sequence[Path], labels: Mapping[str, str]) -> None:
        directory.chmod(0o755)

    def mounts(self, directory: Path, kind: Kind, parents: Sequence[Path], labels: Mapping[str, str]) -> Sequence[Mount]:
        return [Mount("bind", str(directory), ("rbind", "rw" if kind is Kind.ACTIVE else "ro"))]

    def measure(self, directory: Path, kind: Kind, parents: Sequence[Path]) -> Usage:
        return disk_usage(directory)


class Nothing(Differ):
    """A differ that counts what it was given."""

    async def apply(
        self, layer: Descriptor, mounts: Sequence[Mount], payloads: Mapping[str, bytes], sync: bool
    ) -> Descriptor:
        return Descriptor("tar", layer.digest, len(mounts) + len(payloads) + sync)

    async def compare(
        self,
        lower: Sequence[Mount],
        upper: Sequence[Mount],
        media_type: str,
        ref: str,
        labels: Mapping[str, str],
        epoch_s: int | None,
    ) -> Descriptor:
        raise Unimplemented(f"unsupported diff media type: {media_type}")


def test_a_differ_is_one_class(short_path: Path) -> None:
    async def main() -> None:
        serving = asyncio.ensure_future(serve(Nothing(), short_path / "d"))
        while not (short_path / "d").exists():
            await asyncio.sleep(0.01)
        async with Channel(short_path / "d") as channel:
            stub = diff.DiffStub(channel)
            applied = (await stub.apply(diff.ApplyRequest(diff=WireDescriptor(digest="d"), sync_fs=True))).applied
            assert applied is not None and (applied.digest, applied.size) == ("d", 1)
            with pytest.raises(Unimplemented, match="x/y"):
                await stub.diff(diff.DiffRequest(media_type="x/y"))
        serving.cancel()
        await asyncio.gather(serving, return_exceptions=True)
        assert not (short_path / "d").exists()

    asyncio.run(main())


def test_a_plugin_answers_about_itself_as_our_own_services_do(short_path: Path) -> None:
    """Statistics, health, drain and its end, and a claim, which is on disk; a plugin without a root can't be claimed."""

    async def main() -> None:
        tree = await TreeSnapshotter.open(short_path / "root", Plain())
        serving = asyncio.ensure_future(serve(tree, short_path / "s"))
        bare = asyncio.ensure_future(serve(Nothing(), short_path / "n", name="bare"))
        while not ((short_path / "s").exists() and (short_path / "n").exists()):
            await asyncio.sleep(0.01)
        try:
            async with Channel(short_path / "s") as channel, Channel(short_path / "n") as other:
                about, health = p.ServiceStub(channel), HealthStub(channel)
                snapshots_ = SnapshotsStub(channel)
                await about.claim(p.ClaimRequest(owner="one", address="/a"))
                await about.claim(p.ClaimRequest(owner="one", address="/a"))
                with pytest.raises(FailedPrecondition, match="belongs to one at /a"):
                    await about.claim(p.ClaimRequest(owner="two", address="/b"))
                assert (short_path / "root/owner").read_text() == "one /a"
                for empty in ("", "\0" * 20):  # as a power loss leaves it
                    (short_path / "root/owner").write_text(empty)
                    await about.claim(p.ClaimRequest(owner="one", address="/a"))
                    assert (short_path / "root/owner").read_text() == "one /a"
                told = await about.statistics(p.StatisticsRequest())
                assert (told.name, told.state, told.calls_failed) == ("TreeSnapshotter", "ready", 0)
                for _ in range(2):
                    await about.drain(p.DrainRequest())
                    with pytest.raises(Unavailable, match="TreeSnapshotter is draining"):
                        await snapshots_.stat(StatSnapshotRequest(key="k"))
                    with pytest.raises(Unavailable, match="is draining"):
                        await about.claim(p.ClaimRequest(owner="one", address="/a"))
                    assert (await about.statistics(p.StatisticsRequest())).state == "draining"
                    state = (await health.check(HealthCheckRequest())).status
                    assert state == HealthCheckResponseServingStatus.NOT_SERVING
                    await about.drain(p.DrainRequest())  # again changes nothing
                    await about.resume(p.ResumeRequest())
                    with pytest.raises(NotFound):
                        await snapshots_.stat(StatSnapshotRequest(key="k"))
                state = (await health.check(HealthCheckRequest())).status
                assert state == HealthCheckResponseServingStatus.SERVING
                with pytest.raises(Unimplemented, match="bare keeps nothing"):
                    await p.ServiceStub(other).claim(p.ClaimRequest(owner="one", address="/a"))
                # One process at a time has the root.
                with pytest.raises(FailedPrecondition, match="is in use by TreeSnapshotter pid"):
                    await serve(tree, short_path / "again")
        finally:
            for task in (serving, bare):
                task.cancel()
            await asyncio.gather(serving, bare, return_exceptions=True)
            await tree.close()

    asyncio.run(main())


def test_a_plugin_that_can_not_serve_is_closed(short_path: Path) -> None:
    """The process that wanted to serve it can end: nothing of the plugin's stays open."""

    async def main() -> None:
        first = await TreeSnapshotter.open(short_path / "root", Plain())
        serving = asyncio.ensure_future(serve(first, short_path / "s"))
        await asyncio.to_thread(eventually, (short_path / "s").exists)
        other = await TreeSnapshotter.open(short_path / "other", Plain())
        with pytest.raises(FailedPrecondition, match="in use"):
            await serve(other, short_path / "s")
        with pytest.raises(Unavailable, match="closed"):
            await other.prepare("k", "", {})
        serving.cancel()
        await asyncio.gather(serving, return_exceptions=True)
        await first.close()

    asyncio.run(main())


def test_a_plugin_is_closed_when_its_serving_ends(short_path: Path) -> None:
    """A thread of it would keep the process, which Ctrl-C was to end, from ending."""

    async def main() -> None:
        tree = await TreeSnapshotter.open(short_path / "root", Plain())
        serving = asyncio.ensure_future(serve(tree, short_path / "s"))
        await asyncio.to_thread(eventually, (short_path / "s").exists)
        serving.cancel()
        await asyncio.gather(serving, return_exceptions=True)
        with pytest.raises(Unavailable, match="closed"):
            await tree.prepare("k", "", {})

    asyncio.run(main())


def test_what_a_backend_says_nothing_about_is_not_put_under_another_parent(short_path: Path) -> None:
    """Right for a copy, which holds its parent's files, and for one that is stacked only slower."""

    async def main() -> None:
        tree = await TreeSnapshotter.open(short_path / "root", Plain())
        await tree.prepare("a", "", {})
        await tree.commit("below", "a", {}, "")
        await tree.prepare("b", "", {})
        with pytest.raises(FailedPrecondition, match='prepare it on "below"'):
            await tree.commit("above", "b", {}, "below")
        await tree.close()

    asyncio.run(main())


@pytest.mark.parametrize(
    ("error", "failed"),
    [
        (NotFound("x"), 0), (AlreadyExists("x"), 0), (InvalidArgument("x"), 0), (FailedPrecondition("x"), 0), (Locked("x"), 0),
        (Unimplemented("x"), 0), (Unavailable("x"), 1), (ResourceExhausted("x"), 1), (DataLoss("x"), 1), (Internal("x"), 1),
        (OSError(5, "Input/output error"), 1),
    ],
)  # fmt: skip
def test_a_no_to_a_caller_is_no_failed_call(short_path: Path, error: Exception, failed: int) -> None:
    class Says(Nothing):
        async def compare(self, *_: object) -> Descriptor:
            raise error

    async def main() -> None:
        serving = asyncio.ensure_future(serve(Says(), short_path / "s"))
        await asyncio.to_thread(eventually, (short_path / "s").exists)
        async with Channel(short_path / "s") as channel:
            with pytest.raises(ArgosyError):
                await diff.DiffStub(channel).diff(diff.DiffRequest())
            told = await p.ServiceStub(channel).statistics(p.StatisticsRequest())
            assert (told.calls_total, told.calls_failed) == (1, failed)
        serving.cancel()
        await asyncio.gather(serving, return_exceptions=True)

    asyncio.run(main())
