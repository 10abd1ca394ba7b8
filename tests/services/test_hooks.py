"""Hooks, asked by a gateway's core in this loop: what they may change, what their silence and their lies cost, and what is asked only once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager
from functools import wraps
from pathlib import Path
from typing import Any

import anyio
import pytest
from argosy.errors import ArgosyError, Internal, InvalidArgument, PermissionDenied, Unavailable
from argosy.labels import VERDICT, VERIFIED, VERIFIED_AS
from argosy.plugin.hooks import Changes, Container, Deny, Hook, Image, Layer
from argosy.plugin.verifier import Image as Verified
from argosy.plugin.verifier import Reject, Verifier
from argosy.rpc.server import Server
from argosy.tables import POINTS, ImageVerifiers, ProxyPlugin
from argosy_gateway.backends.policy import MOST_NAMES
from argosy_gateway.core import Core
from argosy_gateway.metadata import images
from argosy_gateway.plugins import plugin as plugins
from argosy_protos.argosy.hooks.v1 import DecideRequest, DecideResponse, HooksBase
from argosy_protos.containerd.services.diff.v1 import ApplyRequest
from argosy_protos.containerd.types import Descriptor

from tests.harness.gateways import Gateway, serving
from tests.harness.mesh import until

NAME, OTHER = "docker.io/library/box:1", "docker.io/library/box:2"
DIGEST = "sha256:" + "a" * 64
TARGET = Descriptor(media_type="application/vnd.oci.image.manifest.v1+json", digest=DIGEST, size=7)


def in_a_loop(test: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., None]:
    """Run a test in a loop of its own."""

    @wraps(test)
    def run(*args: Any, **kwargs: Any) -> None:
        asyncio.run(test(*args, **kwargs))

    return run


class Says(HooksBase):
    """A hook that notes what it is asked, and answers what it is told to."""

    def __init__(self, answer: DecideResponse | Callable[[DecideRequest], DecideResponse] | None = None) -> None:
        self.answer = DecideResponse(allow=True) if answer is None else answer
        self.asked: list[DecideRequest] = []
        self.hangs = False
        self.dies: Server | None = None

    async def decide(self, request: DecideRequest) -> DecideResponse:
        self.asked.append(request)
        if self.dies is not None:
            self._dying = asyncio.create_task(self.dies.close(0.0))
        if self.hangs:
            await anyio.sleep_forever()
        return self.answer(request) if callable(self.answer) else self.answer

    @property
    def points(self) -> list[str]:
        return [request.point for request in self.asked]


class Accepts(Verifier):
    def __init__(self) -> None:
        self.asked: list[Verified] = []
        self.rejects, self.hangs = "", False

    async def check(self, image: Verified) -> str:
        self.asked.append(image)
        if self.hangs:
            await anyio.sleep_forever()
        if self.rejects:
            raise Reject(self.rejects)
        return "signed by\nsomebody"


@asynccontextmanager
async def guarded(base: Path, cover: str = "transfer", /, **plugins: tuple[Any, dict[str, Any]]) -> AsyncIterator[Core]:
    """A gateway's core with hooks and verifiers, each with what its table says beside its type and its address."""
    async with AsyncExitStack() as stack:
        # Nobody calls it.
        tables = {"native": ProxyPlugin(type="snapshot", address=str(base / "native.sock"))}
        for name, (plugin, said) in plugins.items():
            kind = "verifier" if isinstance(plugin, Verifier) else "hook"
            await stack.enter_async_context(serving(base / f"{name}.sock", plugin))
            tables[name] = ProxyPlugin(type=kind, address=str(base / f"{name}.sock"), **{"deadline_s": 60.0, **said})
        settings = ImageVerifiers(bin_dir=str(base / "none"), cover=cover)
        gateway = Gateway(base, tables, image_verifiers=settings)
        core = await gateway.start()
        try:
            yield core
        finally:
            await gateway.stop()


async def pull(core: Core, name: str = NAME, ns: str = "n", target: Descriptor = TARGET) -> dict[str, str]:
    """Ask as a client that pulls does, give the image its name, and return its labels."""
    before = await core.policy.before_pull(ns, name, [name])
    await core.policy.resolved(ns, before.reference, [name], target, before.snapshotter)
    labels = await core.policy.named(ns, name, target, {}, None)
    core.policy.used(ns, name, target.digest)
    return labels


@in_a_loop
async def test_a_client_that_asks_is_asked_for_each_point_once_and_its_name_is_given_without_a_question(
    short_path: Path,
) -> None:
    hook = Says()
    async with guarded(short_path, h=(hook, {})) as core:
        await pull(core)
        assert hook.points == ["pre-pull", "resolved"]
        assert [request.here for request in hook.asked] == [False, False]
        assert [request.target for request in hook.asked] == [None, TARGET]
        # Its pass is used up: the next one is one who did not ask.
        await core.policy.named("n", NAME, TARGET, {}, None)
        assert hook.points[2:] == ["pre-pull", "resolved"] and all(request.here for request in hook.asked[2:])


@in_a_loop
async def test_a_pass_is_for_one_name_one_digest_and_one_namespace(short_path: Path) -> None:
    hook = Says()
    async with guarded(short_path, h=(hook, {})) as core:
        await core.policy.resolved("n", NAME, [NAME], TARGET)
        hook.asked.clear()
        another = Descriptor(media_type=TARGET.media_type, digest="sha256:" + "b" * 64, size=7)
        for ns, name, target in (("m", NAME, TARGET), ("n", OTHER, TARGET), ("n", NAME, another)):
            await core.policy.named(ns, name, target, {}, None)
            assert hook.points == ["pre-pull", "resolved"], (ns, name)
            hook.asked.clear()
        await core.policy.named("n", NAME, TARGET, {}, None)
        assert hook.points == []


@in_a_loop
async def test_a_hook_that_comes_during_a_pull_is_asked_before_its_name_is_given(short_path: Path) -> None:
    first, second = Says(), Says(DecideResponse(allow=False, reason="not any more"))
    async with guarded(short_path, h=(first, {})) as core, serving(short_path / "late.sock", second):
        await core.policy.resolved("n", NAME, [NAME], TARGET)
        core.admit(core.registry.add("late", ProxyPlugin(type="hook", address=str(short_path / "late.sock"))))
        with pytest.raises(
            PermissionDenied, match='hook "late" denies image "docker.io/library/box:1" in namespace "n": not any more'
        ):
            await core.policy.named("n", NAME, TARGET, {}, None)


@in_a_loop
async def test_a_client_can_not_ask_for_one_name_and_use_another(short_path: Path) -> None:
    def only_one(request: DecideRequest) -> DecideResponse:
        return DecideResponse(allow=request.name == NAME, reason="the other")

    async with guarded(short_path, h=(Says(only_one), {})) as core:
        await core.policy.resolved("n", NAME, [NAME], TARGET)
        with pytest.raises(PermissionDenied):
            await core.policy.named("n", OTHER, TARGET, {}, None)
        # A name that was never asked about before the pull is asked about in both ways.
        with pytest.raises(PermissionDenied):
            await core.policy.resolved("n", NAME, [NAME, OTHER], TARGET)


@in_a_loop
async def test_each_hook_hears_what_those_before_it_have_made_of_an_image(short_path: Path) -> None:
    def mirror(request: DecideRequest) -> DecideResponse:
        moved = request.reference.replace("docker.io/", "mirror.example/")
        return DecideResponse(allow=True, reference=moved if request.point == "pre-pull" else "", labels={"a": "1"})

    first, second = Says(mirror), Says(DecideResponse(allow=True, labels={"b": "2"}, snapshotter="native"))
    async with guarded(short_path, one=(first, {}), two=(second, {})) as core:
        before = await core.policy.before_pull("n", NAME, [NAME])
        assert (before.guarded, before.reference, before.snapshotter) == (True, "mirror.example/library/box:1", "native")
        assert second.asked[0].reference == "mirror.example/library/box:1" and second.asked[0].labels == {"a": "1"}
        # The first one has to agree to what it has made of it.
        assert [request.reference for request in first.asked] == [NAME, "mirror.example/library/box:1"]
        after = await core.policy.resolved("n", before.reference, [NAME], TARGET, "")
        assert after.snapshotter == "native" and first.points == ["pre-pull", "pre-pull", "resolved"]
        assert await core.policy.named("n", NAME, TARGET, {"c": "3"}, None) == {"a": "1", "b": "2", "c": "3"}


@in_a_loop
async def test_a_reference_that_is_rewritten_without_end_is_denied(short_path: Path) -> None:
    hook = Says(lambda request: DecideResponse(allow=True, reference=f"m.example/{request.reference.replace('.', '-')}"))
    async with guarded(short_path, h=(hook, {})) as core:
        with pytest.raises(PermissionDenied, match=f'hooks rewrite "{NAME}" again and again'):
            await core.policy.before_pull("n", NAME, [NAME])
        assert len(hook.asked) < 10


@in_a_loop
async def test_what_is_here_already_can_not_come_from_elsewhere(short_path: Path) -> None:
    hook = Says(lambda request: DecideResponse(allow=True, reference="m.example/x:1" if request.point == "pre-pull" else ""))
    async with guarded(short_path, h=(hook, {})) as core:
        with pytest.raises(PermissionDenied, match='come from "m.example/x:1", and its bytes are here already'):
            await core.policy.named("n", NAME, TARGET, {}, None)


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (DecideResponse(allow=True, reference="Not A Reference"), "Not A Reference"),
        (DecideResponse(allow=True, reference="x" * 5000), "5000 letters"),
        (DecideResponse(allow=True, labels={"containerd.io/gc.root": "now"}), "steers a daemon"),
        (DecideResponse(allow=True, labels={VERIFIED: DIGEST}), "steers a daemon"),
        (DecideResponse(allow=True, labels={f"k{n}": "v" for n in range(65)}), "65 labels"),
        (DecideResponse(allow=True, labels={"k": "v" * 5000}), "maximum size"),
        (DecideResponse(allow=True, snapshotter="a\nb"), "no name"),
        (
            DecideResponse(allow=True, snapshotter="nowhere"),
            'asks for the snapshotter "nowhere", which is not here; there are ',
        ),
        (
            DecideResponse(allow=True, snapshotter="native,id==x"),
            'asks for the snapshotter "native,id==x", which is not here',
        ),
    ],
)
@in_a_loop
async def test_an_answer_that_can_not_be_is_none(short_path: Path, answer: DecideResponse, why: str) -> None:
    for fail in ("closed", "open"):
        async with guarded(short_path, h=(Says(answer), {"fail": fail})) as core:
            if fail == "closed":
                with pytest.raises(Unavailable, match='hook "h" was asked about image') as refused:
                    await core.policy.before_pull("n", NAME, [NAME])
                assert why in str(refused.value)
            else:
                said = await core.policy.before_pull("n", NAME, [NAME])
                assert said.reference == NAME and said.snapshotter == ""


@in_a_loop
async def test_a_hook_can_change_nothing_where_nothing_can_be_changed(short_path: Path) -> None:
    changes = [DecideResponse(allow=True, labels={"a": "b"}), DecideResponse(allow=True, reference="m.example/x:1")]
    for changed in changes:
        async with guarded(short_path, h=(Says(changed), {"capabilities": ["layer-ready"]})) as core:
            with pytest.raises(Unavailable, match="at layer-ready"):
                await core.policy.layer_ready("n", ApplyRequest(diff=TARGET).encode())


@in_a_loop
async def test_an_empty_answer_denies(short_path: Path) -> None:
    async with guarded(short_path, h=(Says(DecideResponse()), {})) as core:
        with pytest.raises(PermissionDenied, match="it gives no reason"):
            await core.policy.before_pull("n", NAME, [NAME])


@in_a_loop
async def test_a_reason_is_one_line_of_bounded_length(short_path: Path) -> None:
    async with guarded(short_path, h=(Says(DecideResponse(reason="a\n\x1b[31m b" + "c" * 99999)), {})) as core:
        with pytest.raises(PermissionDenied, match=r"a \[31m bc") as denied:
            await core.policy.before_pull("n", NAME, [NAME])
        assert len(str(denied.value)) < 1300 and "\x1b" not in str(denied.value)


@in_a_loop
async def test_what_a_hook_or_a_verifier_fails_with_is_one_line_of_bounded_length(short_path: Path) -> None:
    """It ends on somebody's terminal, as a reason does."""

    def fails(request: Any) -> Any:
        raise Internal("a\n\x1b[31m\u202e b" + "c" * 99999)

    class Fails(Accepts):
        async def check(self, image: Verified) -> str:
            return str(fails(image))

    for plugin in (Says(fails), Fails()):
        async with guarded(short_path, **{type(plugin).__name__: (plugin, {})}) as core:
            with pytest.raises(Unavailable, match=r"a \[31m bc") as failed:
                await core.policy.before_pull("n", NAME, [NAME])
                await core.policy.resolved("n", NAME, [NAME], TARGET)
            assert len(str(failed.value)) < 1400 and str(failed.value).isprintable()


@pytest.mark.parametrize("fault", ["hangs", "is away", "dies", "fails", "is of another make"])
@in_a_loop
async def test_a_hook_that_gives_no_answer_costs_its_deadline_and_what_its_table_says(
    short_path: Path, fault: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A plugin that nobody has heard of yet may take some time to be there: that counts, too.
    monkeypatch.setattr(plugins, "ARRIVE_S", 1000.0)
    hook, calm = Says(), Says()
    hook.hangs = fault in ("hangs", "dies")
    if fault == "fails":
        hook.answer = lambda request: 1 / 0  # type: ignore[assignment,return-value] # a bug of its author's
    address, said = short_path / "h.sock", {"deadline_s": 0.3}
    async with AsyncExitStack() as stack:
        if fault != "is away":
            server = await stack.enter_async_context(serving(address, *([] if fault == "is of another make" else [hook])))
            hook.dies = server if fault == "dies" else None
        await stack.enter_async_context(serving(short_path / "calm.sock", calm))
        for fail in ("closed", "open"):
            tables = {
                "h": ProxyPlugin(type="hook", address=str(address), fail=fail, **said),  # type: ignore[arg-type]
                "calm": ProxyPlugin(type="hook", address=str(short_path / "calm.sock"), deadline_s=60.0),
            }
            gateway = Gateway(short_path / fail, tables)
            core = await gateway.start()
            calm.asked.clear()
            try:
                if fail == "closed":
                    with pytest.raises(Unavailable, match='hook "h" was asked about image'):
                        await core.policy.before_pull("n", NAME, [NAME])
                    assert calm.asked == []
                else:
                    assert (await core.policy.before_pull("n", NAME, [NAME])).reference == NAME
                    assert calm.points == ["pre-pull"]
                if fault == "hangs":
                    # `argosy plugin ls` shows what is wrong with it.
                    (seen,) = [one for one in core.registry if one.name == "h"]
                    assert seen.method("/argosy.hooks.v1.Hooks/Decide").failed == 1
                    assert "took longer than 0.3 s" in seen.last_error
            finally:
                await gateway.stop()


@in_a_loop
async def test_a_caller_that_leaves_ends_its_question(short_path: Path) -> None:
    hook = Says()
    hook.hangs = True
    async with guarded(short_path, h=(hook, {"deadline_s": 60.0})) as core:
        async with anyio.create_task_group() as callers:
            callers.start_soon(core.policy.before_pull, "n", NAME, [NAME])
            await until(lambda: hook.asked)
            callers.cancel_scope.cancel()
        assert len(hook.asked) == 1
        assert all(plugin.in_flight == 0 for plugin in core.registry)


@in_a_loop
async def test_a_hook_is_asked_at_its_points_only(short_path: Path) -> None:
    hook = Says()
    async with guarded(short_path, h=(hook, {"capabilities": ["resolved"]})) as core:
        assert [point for point in POINTS if core.policy.asks(point)] == ["resolved"]
        await pull(core)
        assert hook.points == ["resolved"]
    with pytest.raises(ValueError, match='asked at no point "resolve"'):
        ProxyPlugin(type="hook", address="/x", capabilities=["resolve"])


@in_a_loop
async def test_without_hooks_and_verifiers_nobody_is_asked(short_path: Path) -> None:
    async with guarded(short_path, "all") as core:
        assert not any(core.policy.asks(point) for point in POINTS)
        said = await core.policy.before_pull("n", NAME, [NAME])
        assert not said.guarded and said.reference == NAME
        # What a client says that verifiers have said counts for nothing all the same.
        labels = await core.policy.named("n", NAME, TARGET, {"a": "b", VERIFIED: DIGEST, VERDICT: "all is well"}, None)
        assert labels == {"a": "b"}


@in_a_loop
async def test_questions_are_bounded(short_path: Path) -> None:
    async with guarded(short_path, h=(Says(), {})) as core:
        for reference, names in (("", [NAME]), (NAME, []), (NAME, [""]), (NAME, [NAME] * (MOST_NAMES + 1))):
            with pytest.raises(InvalidArgument):
                await core.policy.before_pull("n", reference, names)
            with pytest.raises(InvalidArgument):
                await core.policy.resolved("n", reference, names, TARGET)
        with pytest.raises(InvalidArgument, match="malformed"):
            await core.policy.layer_ready("n", b"\x0a\xff")


@in_a_loop
async def test_verdicts_become_labels_and_what_a_client_says_of_them_does_not(short_path: Path) -> None:
    verifier = Accepts()
    async with guarded(short_path, v=(verifier, {})) as core:
        labels = await pull(core)
        assert labels == {VERIFIED: DIGEST, VERDICT: "v: signed by somebody"}
        assert [(image.name, image.namespace, image.target.digest) for image in verifier.asked] == [(NAME, "n", DIGEST)]
        # cover = "transfer": who does not ask is not verified.
        assert await core.policy.named("n", OTHER, TARGET, dict(labels), None) == {}
        assert len(verifier.asked) == 1


@in_a_loop
async def test_a_verdict_goes_along_to_another_name_of_the_same_bytes_where_it_was_given(short_path: Path) -> None:
    """And says of which name it was; what was not said so, of these bytes and in this namespace, is nobody's verdict."""
    verifier = Accepts()
    async with guarded(short_path, v=(verifier, {})) as core:
        told = await pull(core)
        await core.change(lambda db: images.create(db, "n", images.Image(NAME, TARGET, told), None, None))
        tagged = {**told, VERIFIED_AS: NAME}
        assert await core.policy.named("n", OTHER, TARGET, {"a": "b", **told}, None) == {"a": "b", **tagged}
        # A name of a name is of what was verified; what the client says of that counts for nothing.
        await core.change(lambda db: images.create(db, "n", images.Image(OTHER, TARGET, tagged), None, None))
        await core.change(lambda db: images.delete(db, "n", NAME, None, None), dirty=True)
        third = NAME.replace(":1", ":3")
        assert await core.policy.named("n", third, TARGET, {**told, VERIFIED_AS: third}, None) == tagged
        # One that has these bytes already, and no verdict.
        before = images.Image(third, TARGET)
        assert await core.policy.named("n", third, TARGET, tagged, before) == tagged
        other = Descriptor(media_type=TARGET.media_type, digest="sha256:" + "b" * 64, size=7)
        for ns, name, target, labels in (
            ("m", third, TARGET, told),
            ("n", third, TARGET, {**told, VERDICT: "v: signed by the king"}),
            ("n", third, other, told),
            ("n", third, other, {**told, VERIFIED: other.digest}),
            ("n", third, TARGET, {VERDICT: told[VERDICT], VERIFIED_AS: NAME}),
        ):
            assert await core.policy.named(ns, name, target, labels, None) == {}, (ns, labels)
        assert len(verifier.asked) == 1
    async with guarded(short_path / "all", "all", v=(verifier, {})) as core:
        # There each name is verified.
        await core.change(lambda db: images.create(db, "n", images.Image(NAME, TARGET, told), None, None))
        assert await core.policy.named("n", OTHER, TARGET, told, None) == told
        assert len(verifier.asked) == 2


@in_a_loop
async def test_verifiers_that_cover_all_are_asked_when_a_name_is_given(short_path: Path) -> None:
    verifier = Accepts()
    async with guarded(short_path, "all", v=(verifier, {})) as core:
        assert (await core.policy.named("n", OTHER, TARGET, {}, None))[VERIFIED] == DIGEST
        verifier.rejects = "who is this?"
        words = f"image verifier v blocked pull of {NAME} with digest {DIGEST} for reason: who is this?"
        with pytest.raises(PermissionDenied, match=words):
            await core.policy.named("n", NAME, TARGET, {}, None)
    verifier.hangs = True
    async with guarded(short_path, "all", v=(verifier, {"deadline_s": 0.3})) as core:
        with pytest.raises(
            Unavailable, match=f"blocking pull of {NAME} with digest {DIGEST}: image verifier v returned error: "
        ):
            await core.policy.named("n", NAME, TARGET, {}, None)


@in_a_loop
async def test_a_pass_of_hooks_is_none_of_verifiers_that_came_since(short_path: Path) -> None:
    """The directory of programs may be made at any time, and nobody tells the gateway."""
    async with guarded(short_path, "all", h=(Says(), {})) as core:
        await core.policy.before_pull("n", NAME, [NAME])
        await core.policy.resolved("n", NAME, [NAME], TARGET)
        (short_path / "none").mkdir()
        with pytest.raises(Unavailable, match="image verifier bindir returned error"):  # who would run them is not there
            await core.policy.named("n", NAME, TARGET, {}, None)


class Everything(Hook):
    """Overrides each method, and notes what it gets."""

    def __init__(self) -> None:
        self.seen: list[Any] = []

    async def pre_pull(self, image: Image) -> Changes | None:
        self.seen.append(image)
        return Changes(labels={"seen": "yes"})

    async def layer_ready(self, layer: Layer) -> None:
        self.seen.append(layer)

    async def unpacked(self, image: Image) -> None:
        self.seen.append(image)
        raise Deny("no")

    async def pre_run(self, container: Container) -> None:
        self.seen.append(container)


@in_a_loop
async def test_the_class_to_inherit_from_has_a_method_for_each_point(short_path: Path) -> None:
    hook = Everything()
    assert hook.capabilities == ["pre-pull", "layer-ready", "unpacked", "pre-run"] and Hook().capabilities == []
    async with guarded(short_path, h=(hook, {})) as core:
        assert (await pull(core)) == {"seen": "yes"}
        image = hook.seen.pop()
        assert (image.registry, image.repository, image.tag, image.digest) == ("docker.io", "library/box", "1", "")
        await core.policy.layer_ready("n", ApplyRequest(diff=TARGET).encode())
        assert hook.seen.pop() == Layer("n", "", DIGEST, TARGET.media_type, 7, {})
        label = "containerd.io/gc.ref.snapshot.native"
        with pytest.raises(PermissionDenied, match=f"an image with the configuration {DIGEST}"):
            await core.policy.unpacked("n", DIGEST, {label: "sha256:top", "other": "x"}, [f"labels.{label}"])
        assert (hook.seen[0].snapshotter, hook.seen[0].snapshot) == ("native", "sha256:top")
        # Other labels of a blob, and that one when it is taken away, say nothing of the kind.
        await core.policy.unpacked("n", DIGEST, {label: ""}, [f"labels.{label}"])
        await core.policy.unpacked("n", DIGEST, {label: "sha256:top", "other": "x"}, ["labels.other"])
        assert len(hook.seen) == 1
    with pytest.raises(ArgosyError, match="not known"):
        await hook.decide(DecideRequest(point="another"))
