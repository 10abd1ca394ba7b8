"""A plugin is one class on a socket: the README's snapshotter, and a differ."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest
from argosy.errors import Unimplemented
from argosy.mounts import Mount
from argosy.plugin.diff import Descriptor, Differ
from argosy.plugin.serve import serve
from argosy.plugin.snapshots import Backend, Kind, TreeSnapshotter, Usage
from argosy.plugin.snapshots.tree import disk_usage
from argosy.rpc import Channel
from argosy_protos.containerd.services.diff import v1 as diff
from argosy_protos.containerd.types import Descriptor as WireDescriptor

from tests.harness.mesh import eventually, run


class Plain(Backend):
    """The README's."""

    def make(self, directory: Path, kind: Kind, parents: Sequence[Path], labels: Mapping[str, str]) -> None:
        if parents:
            shutil.copytree(parents[0], directory, dirs_exist_ok=True)

    def mounts(self, directory: Path, kind: Kind, parents: Sequence[Path], labels: Mapping[str, str]) -> Sequence[Mount]:
        return [Mount("bind", str(directory), ("rbind", "rw" if kind is Kind.ACTIVE else "ro"))]

    def measure(self, directory: Path, kind: Kind, parents: Sequence[Path]) -> Usage:
        return disk_usage(directory)


def test_the_readmes_snapshotter_serves_ctr(short_path: Path) -> None:
    async def main() -> None:
        tree = await TreeSnapshotter.open(short_path / "root", Plain())
        serving = asyncio.ensure_future(serve(tree, short_path / "s"))

        def drive() -> None:
            eventually((short_path / "s").exists)

            def ctr(*args: str) -> str:
                return run(["ctr", "-a", str(short_path / "s"), "snapshots", *args]).ok().out

            ctr("prepare", "k")
            (short_path / "root/snapshots/1/file").write_text("x")
            ctr("commit", "c", "k")
            ctr("prepare", "k2", "c")
            assert (short_path / "root/snapshots/2/file").read_text() == "x"
            assert "Committed" in ctr("ls") and "snapshots/2 /m" in ctr("mounts", "/m", "k2")

        try:
            await asyncio.to_thread(drive)
        finally:
            serving.cancel()
            await asyncio.gather(serving, return_exceptions=True)
            await tree.close()

    asyncio.run(main())


def test_a_differ_is_one_class(short_path: Path) -> None:
    class Counting(Differ):
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

    async def main() -> None:
        serving = asyncio.ensure_future(serve(Counting(), short_path / "d"))
        await asyncio.sleep(0.2)
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
