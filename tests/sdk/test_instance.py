"""Who has a root: each step of claiming and releasing it, whoever leaves, refuses or comes twice."""

from __future__ import annotations

import asyncio
import itertools
import os
from pathlib import Path

import pytest
from argosy.errors import ArgosyError, FailedPrecondition, InvalidArgument, Unavailable
from argosy.instance import MOVES, Phase
from argosy.roots import lock_root
from argosy.rpc import Channel
from argosy_protos.argosy.instance.v1 import ClaimRequest, InstanceStub, ReleaseRequest, StatusRequest
from argosy_protos.containerd.services.snapshots import v1 as p
from argosy_protos.grpc.health.v1 import HealthCheckRequest, HealthCheckResponseServingStatus, HealthStub

from tests.harness.plugins import Fault
from tests.harness.twins import HANGS, REFUSES, Twin, twins

SERVING = HealthCheckResponseServingStatus.SERVING


async def phase(stub: InstanceStub) -> str:
    return (await stub.status(StatusRequest())).phase


async def until(twin: Twin, phase: Phase) -> None:
    while twin.phase is not phase:
        await asyncio.sleep(0.001)


async def prepare(channel: Channel, key: str) -> None:
    await p.SnapshotsStub(channel).prepare(p.PrepareSnapshotRequest(snapshotter="s", key=key))


@pytest.mark.parametrize(
    ("at", "how"),
    [pair for pair in itertools.product(Phase, sorted({how for _, how in MOVES})) if pair not in MOVES],
)
def test_a_move_that_is_not_in_the_table_is_refused_and_changes_nothing(at: Phase, how: str, tmp_path: Path) -> None:
    async def main() -> None:
        it = Twin(tmp_path / "s.sock", tmp_path / "r", {})
        it._phase = at
        with pytest.raises(KeyError):
            it._move(how)
        assert it.phase is at

    asyncio.run(main())


def test_who_stands_by_serves_nobody_until_it_is_told(short_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither has opened nor locked anything; says so in its health; a root goes to and fro, and each order may come twice."""

    async def main() -> None:
        async with (
            twins(short_path, monkeypatch, "one", "two") as (one, two),
            Channel(one.path) as a,
            Channel(two.path) as b,
        ):
            old, new = InstanceStub(a), InstanceStub(b)
            assert (await phase(old), await phase(new)) == ("serving", "standby") and two.opened == 0
            said = await new.status(StatusRequest())
            assert (said.name, said.type, said.root) == ("two", "snapshot", str(short_path / "kept")) and said.pid > 1
            with pytest.raises(Unavailable, match="two stands by: nobody has told it to claim"):
                await prepare(b, "k")
            assert (await HealthStub(b).check(HealthCheckRequest())).status is not SERVING
            with pytest.raises(FailedPrecondition, match="is in use by one pid"):
                await new.claim(ClaimRequest())
            assert await phase(new) == "standby"
            await prepare(a, "k")
            for there, here, channel in ((old, new, b), (new, old, a), (old, new, b)):
                for _ in range(2):
                    await there.release(ReleaseRequest())
                    assert await phase(there) == "standby"
                for _ in range(2):
                    await here.claim(ClaimRequest())
                    assert await phase(here) == "serving"
                await p.SnapshotsStub(channel).stat(p.StatSnapshotRequest(snapshotter="s", key="k"))
                assert (await HealthStub(channel).check(HealthCheckRequest())).status is SERVING
            assert (one.opened, two.opened) == (2, 2)

    asyncio.run(main())


def test_a_release_waits_for_calls_in_flight_and_refuses_new_ones(short_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that takes too long keeps the root, and goes on; so does one whose caller leaves; a call whose caller left counts."""

    async def main() -> None:
        async with twins(short_path, monkeypatch, "one") as (one,), Channel(one.path) as channel:
            stub = InstanceStub(channel)
            one.snapshotter.faults.append(Fault.STOPS_AFTER)
            slow = asyncio.ensure_future(prepare(channel, "slow"))
            await one.snapshotter.reached.wait()
            with pytest.raises(Unavailable, match="has 1 calls in flight after 0.05 s, and serves on"):
                await stub.release(ReleaseRequest(wait_s=0.05))
            await prepare(channel, "another")
            leaving = asyncio.ensure_future(stub.release(ReleaseRequest(wait_s=20)))
            await until(one, Phase.RELEASING)
            with pytest.raises(Unavailable, match="gives its root to another process"):
                await prepare(channel, "refused")
            leaving.cancel()
            await until(one, Phase.SERVING)
            await prepare(channel, "third")
            releasing = asyncio.ensure_future(stub.release(ReleaseRequest(wait_s=20)))
            await asyncio.sleep(0.05)
            assert not releasing.done() and not slow.done()
            one.snapshotter.go.set()
            await slow
            await releasing
            await until(one, Phase.STANDBY)
            with pytest.raises(InvalidArgument, match="can't wait -1 s"):
                await stub.release(ReleaseRequest(wait_s=-1))

    asyncio.run(main())


def test_a_claim_whose_caller_leaves_or_that_fails_holds_nothing(short_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def main() -> None:
        async with (
            twins(short_path, monkeypatch, "one", "two") as (one, two),
            Channel(one.path) as a,
            Channel(two.path) as b,
        ):
            await InstanceStub(a).release(ReleaseRequest())
            for what, said in ((REFUSES, "not today"), (HANGS, "")):
                two.fault = ("opening", what)
                two.reached.clear()
                claiming = asyncio.ensure_future(InstanceStub(b).claim(ClaimRequest()))
                await two.reached.wait()
                if said:
                    with pytest.raises(ArgosyError, match=said):
                        await claiming
                else:
                    await until(two, Phase.CLAIMING)
                    claiming.cancel()
                    await asyncio.sleep(0.05)  # it is heard of there
                    two.go.set()
                await until(two, Phase.STANDBY)
                await InstanceStub(a).claim(ClaimRequest())
                await InstanceStub(a).release(ReleaseRequest())
            await InstanceStub(b).claim(ClaimRequest())

    asyncio.run(main())


def test_a_rehearsal_is_in_a_root_of_its_own(short_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """While another process has the real one, which is claimed after it."""

    async def main() -> None:
        async with twins(short_path, monkeypatch, "one", "two") as (_, two), Channel(two.path) as channel:
            stub = InstanceStub(channel)
            with pytest.raises(InvalidArgument, match="no absolute path"):
                await stub.claim(ClaimRequest(root="here"))
            await stub.claim(ClaimRequest(root=str(short_path / "stage")))
            await prepare(channel, "k")
            with pytest.raises(FailedPrecondition, match="two serves .*/stage; release it first"):
                await stub.claim(ClaimRequest())
            await stub.release(ReleaseRequest())
            os.close(lock_root(short_path / "stage", "anybody"))

    asyncio.run(main())
