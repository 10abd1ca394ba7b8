"""Several differs: in which order they are asked, and when the next one is."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from argosy.errors import ArgosyError, InvalidArgument, PermissionDenied, Unavailable, Unimplemented
from argosy.names import NAMESPACE_HEADER
from argosy.rpc.channel import Channel
from argosy.tables import ProxyPlugin
from argosy_gateway.backends.diff import Diff
from argosy_gateway.plugins import plugin as plugins
from argosy_gateway.registration import Registration
from argosy_protos.argosy.diff.v1 import LayersBase, LayersStub, UnpackRequest, UnpackResponse
from argosy_protos.containerd.services.diff.v1 import ApplyRequest, ApplyResponse, DiffBase, DiffStub
from argosy_protos.containerd.types import Descriptor

from tests.harness.gateways import Gateway, serving


class Differ(DiffBase):
    """One that says its name, or an error."""

    def __init__(self, name: str, error: ArgosyError | None = None) -> None:
        self.name, self.error, self.asked = name, error, 0

    async def apply(self, request: ApplyRequest) -> ApplyResponse:
        self.asked += 1
        if self.error is not None:
            raise self.error
        return ApplyResponse(applied=Descriptor(digest=self.name))


def a_differ(base: Path, name: str) -> ProxyPlugin:
    return ProxyPlugin(type="diff", address=str(base / f"{name}.sock"))


@asynccontextmanager
async def differs(base: Path, names: Sequence[str], first: Sequence[str] = ()) -> AsyncIterator[tuple[DiffStub, Gateway]]:
    """The Diff service of a gateway that knows differs of these names."""
    gateway = Gateway(base, {name: a_differ(base, name) for name in names})
    core = await gateway.start()
    try:
        async with (
            serving(base / "front.sock", Diff(core.registry, core.policy, first)),
            Channel(str(base / "front.sock"), name="front") as channel,
        ):
            yield DiffStub(channel.with_metadata({NAMESPACE_HEADER: "n"})), gateway
    finally:
        await gateway.stop()


async def applied(stub: DiffStub) -> str:
    reply = await stub.apply(ApplyRequest(), timeout=20)
    assert reply.applied is not None
    return reply.applied.digest


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plugins, "ARRIVE_S", 0.1)


def test_those_that_are_named_are_asked_first(short_path: Path) -> None:
    """In that order; the others in the order in which they were made known, also while everything runs."""

    async def main() -> None:
        known = {name: Differ(name, Unimplemented(f"{name} can't")) for name in ("a", "b", "c", "d")}
        async with (
            serving(short_path / "a.sock", known["a"]), serving(short_path / "b.sock", known["b"]),
            serving(short_path / "c.sock", known["c"]), serving(short_path / "d.sock", known["d"]),
            differs(short_path, ["a", "b", "c"], ["c", "nobody", "b"]) as (stub, gateway),
        ):  # fmt: skip
            await Registration(gateway.core).add("d", a_differ(short_path, "d"))
            for name in ("c", "b", "a", "d"):
                known[name].error = None
                for other in known:
                    known[other].asked = 0
                assert await applied(stub) == name
                known[name].error = Unimplemented(f"{name} can't")
            assert [known[name].asked for name in ("c", "b", "a", "d")] == [1, 1, 1, 1]
            with pytest.raises(Unimplemented, match="d can't"):
                await applied(stub)

    asyncio.run(main())


@pytest.mark.parametrize("error", [InvalidArgument("broken layer"), PermissionDenied("not yours"), Unavailable("cut")])
def test_what_one_has_begun_no_other_is_asked_for(short_path: Path, error: ArgosyError) -> None:
    """It may have unpacked half of a layer; and a layer that is wrong is wrong for everybody."""

    async def main() -> None:
        one, other = Differ("one", error), Differ("other")
        async with (
            serving(short_path / "one.sock", one), serving(short_path / "other.sock", other),
            differs(short_path, ["one", "other"]) as (stub, _),
        ):  # fmt: skip
            with pytest.raises(type(error), match=error.message):
                await applied(stub)
            assert other.asked == 0

    asyncio.run(main())


def test_one_that_is_killed_leaves_its_calls_to_the_next(short_path: Path) -> None:
    """At once, once it is known; back, it is asked again. When all are away the first one's reason is told."""

    async def main() -> None:
        one, other = Differ("one"), Differ("other")
        async with serving(short_path / "other.sock", other), differs(short_path, ["one", "other"]) as (stub, gateway):
            gateway.core.start_loops()
            assert await applied(stub) == "other"
            async with serving(short_path / "one.sock", one):
                until = time.monotonic() + 30
                while await applied(stub) != "one":
                    assert time.monotonic() < until
                    await asyncio.sleep(0.05)
            for _ in range(3):
                began = time.monotonic()
                assert await applied(stub) == "other"
                assert time.monotonic() - began < 5
            await Registration(gateway.core).drain("other")
            (short_path / "one.sock").unlink(missing_ok=True)
            with pytest.raises(Unavailable, match='diff plugin "one" at'):
                await applied(stub)

    asyncio.run(main())


def test_without_one_it_is_said_where_to_add_it(short_path: Path) -> None:
    async def main() -> None:
        async with differs(short_path, []) as (stub, _):
            with pytest.raises(Unimplemented, match="no diff plugin is configured"):
                await applied(stub)

    asyncio.run(main())


class Unpacker(LayersBase):
    """A differ that unpacks layers while they come."""

    def __init__(self, name: str) -> None:
        self.name, self.asked = name, 0

    async def unpack(self, request: UnpackRequest) -> UnpackResponse:
        self.asked += 1
        return UnpackResponse(applied=Descriptor(digest=self.name))


def test_a_layer_that_comes_is_for_the_differ_that_would_apply_it(short_path: Path) -> None:
    """Another one is not asked, though it could; and nobody is while a hook wants to hear of each layer that is there."""

    async def main() -> None:
        other = Unpacker("other")

        @asynccontextmanager
        async def layers(*names: str) -> AsyncIterator[tuple[LayersStub, Gateway]]:
            async with (
                differs(short_path, names) as (_, gateway),
                serving(short_path / "layers.sock", Diff(gateway.core.registry, gateway.core.policy, service=LayersBase)),
                Channel(str(short_path / "layers.sock"), name="front") as channel,
            ):
                yield LayersStub(channel.with_metadata({NAMESPACE_HEADER: "n"})), gateway

        async with serving(short_path / "one.sock", Differ("one")), serving(short_path / "other.sock", other):
            async with layers("one", "other") as (stub, _):
                with pytest.raises(Unimplemented):
                    await stub.unpack(UnpackRequest(), timeout=20)
                assert other.asked == 0
            async with layers("other", "one") as (stub, gateway):
                answer = await stub.unpack(UnpackRequest(), timeout=20)
                assert answer.applied is not None and answer.applied.digest == "other"
                hook = ProxyPlugin(type="hook", address=str(short_path / "h.sock"), capabilities=["layer-ready"])
                await Registration(gateway.core).add("h", hook)
                with pytest.raises(Unimplemented, match="a hook is asked about each layer that is there"):
                    await stub.unpack(UnpackRequest(), timeout=20)
                assert other.asked == 1

    asyncio.run(main())
