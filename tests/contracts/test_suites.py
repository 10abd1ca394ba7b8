"""The suites find each fault that an implementation was given, and none in one that keeps the contract."""

from __future__ import annotations

import asyncio
import itertools
import os
import threading
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from argosy.mounts import Mount
from argosy.plugin.content import ContentServicer
from argosy.plugin.depots import to_wire
from argosy.plugin.diff import DiffServicer
from argosy.testkit import content, depot, diff, service, shim, snapshotter, tasks, verify
from argosy.testkit.depot.calls import Image
from argosy.testkit.snapshotter.anything import Choice, attempt
from argosy.testkit.snapshotter.written import inside
from argosy.testkit.suite import Broken, Report, Verdict, judge
from argosy.testkit.target import reached
from argosy.testkit.verify import explained

from tests.contracts import depots, differs, fronts, policies, services, snapshotters, stores
from tests.contracts import tasks as lives
from tests.harness.gateways import serving
from tests.harness.verifying import all_passed

_MOUNTING = {check.name for check in snapshotter.SUITE.checks if "mount" in check.needs}


def exactly(names: object) -> str:
    assert isinstance(names, tuple)
    return f"^({'|'.join(names)})$"


def judged_snapshotter(
    path: Path, plugin: snapshotters.Reference, focus: str = "", skip: str = "", deadline_s: float = 5.0
) -> Report:
    async def main() -> Report:
        async with serving(path / "s.sock", plugin):
            return await verify.snapshotter(path / "s.sock", focus=focus, skip=skip, deadline_s=deadline_s)

    return asyncio.run(main())


def judged_store(path: Path, store: stores.Reference, focus: str = "", deadline_s: float = 5.0) -> Report:
    async def main() -> Report:
        async with serving(path / "c.sock", ContentServicer(store)):
            return await verify.content(path / "c.sock", focus=focus, deadline_s=deadline_s, has=["sha512"])

    return asyncio.run(main())


def judged_differ(path: Path, kind: type[differs.Reference], store: stores.Reference, focus: str = "") -> Report:
    async def main() -> Report:
        async with serving(path / "c.sock", ContentServicer(store)), serving(path / "d.sock", DiffServicer(kind(store))):
            return await verify.diff(path / "d.sock", path / "c.sock", focus=focus, has=["zstd"])

    return asyncio.run(main())


@pytest.mark.root
def test_a_snapshotter_that_keeps_the_contract_passes(short_path: Path) -> None:
    plugin = snapshotters.Reference(short_path)
    all_passed(judged_snapshotter(short_path, plugin, skip="^many-"), ["commit-gives-a-parent"])
    assert plugin.infos == {}
    assert [path.name for path in short_path.iterdir() if path.is_dir()] == []


@pytest.mark.parametrize(
    "fault",
    [
        pytest.param(fault, marks=[pytest.mark.root] if _MOUNTING.intersection(fault.found_by) else [], id=fault.__name__)
        for fault in snapshotters.FAULTS
    ],
)
def test_a_snapshotters_fault_is_found(short_path: Path, fault: type[snapshotters.Reference]) -> None:
    report = judged_snapshotter(short_path, fault(short_path), exactly(fault.found_by), deadline_s=0.5)
    found = {one.name for one in report.of(Verdict.FAILED)}
    assert found >= set(fault.found_by), explained(report)
    for one in report.of(Verdict.FAILED):
        assert one.sent and one.expected and one.got and one.expected != one.got, one


def test_a_store_that_keeps_the_contract_passes(short_path: Path) -> None:
    store = stores.Reference()
    all_passed(judged_store(short_path, store))
    assert store.blobs == {} and store.ingests == {}


@pytest.mark.parametrize("fault", [pytest.param(fault, id=fault.__name__) for fault in stores.FAULTS])
def test_a_stores_fault_is_found(short_path: Path, fault: type[stores.Reference]) -> None:
    report = judged_store(short_path, fault(), exactly(fault.found_by), deadline_s=0.5)
    found = {one.name for one in report.of(Verdict.FAILED)}
    assert found >= set(fault.found_by), explained(report)
    for one in report.of(Verdict.FAILED):
        assert one.sent and one.expected and one.got and one.expected != one.got, one


@pytest.mark.root
def test_a_differ_that_keeps_the_contract_passes(short_path: Path) -> None:
    store = stores.Reference()
    all_passed(judged_differ(short_path, differs.Reference, store))
    assert store.blobs == {} and store.ingests == {}


@pytest.mark.root
@pytest.mark.parametrize("fault", [pytest.param(fault, id=fault.__name__) for fault in differs.FAULTS])
def test_a_differs_fault_is_found(short_path: Path, fault: type[differs.Reference]) -> None:
    report = judged_differ(short_path, fault, stores.Reference(), exactly(fault.found_by))
    assert {one.name for one in report.of(Verdict.FAILED)} >= set(fault.found_by), explained(report)


def judged_depot(path: Path, depot: depots.Reference, focus: str = "", deadline_s: float = 5.0) -> Report:
    async def main() -> Report:
        async with serving(path / "d.sock", depot):
            return await verify.depot(path / "d.sock", focus=focus, deadline_s=deadline_s, lacks=depot.lacks)

    return asyncio.run(main())


def judged_hook(path: Path, hook: policies.Hook, focus: str = "", deadline_s: float = 5.0) -> Report:
    async def main() -> Report:
        async with serving(path / "h.sock", hook):
            said = {"allowed": [policies.ALLOWED], "denied": [policies.DENIED]}
            return await verify.hook(path / "h.sock", focus=focus, deadline_s=deadline_s, **said)  # type: ignore[arg-type] # both are lists

    return asyncio.run(main())


def judged_verifier(path: Path, verifier: policies.Verifier, focus: str = "", deadline_s: float = 5.0) -> Report:
    async def main() -> Report:
        async with serving(path / "v.sock", verifier):
            said = {"accepted": [policies.ACCEPTED], "rejected": [policies.REJECTED]}
            return await verify.verifier(path / "v.sock", focus=focus, deadline_s=deadline_s, **said)  # type: ignore[arg-type] # both are lists

    return asyncio.run(main())


def test_depots_hooks_and_verifiers_that_keep_the_contract_pass(short_path: Path) -> None:
    report = judged_depot(short_path, depots.Reference())
    all_passed(report, ["who-takes-no-images-says-so"])
    assert "stay there" in report.left
    puts = {check.name for check in depot.SUITE.checks if "put" in check.needs}
    given = {check.name for check in depot.SUITE.checks if check.needs == ("give",)}
    # One that takes nothing, and has nothing that is known of.
    unknown = given - {"a-name-of-nothing-is-not-found", "no-name-is-no-name"}
    only = judged_depot(short_path, depots.OnlyGives())
    all_passed(only, puts | unknown)
    assert only.left == ""
    all_passed(judged_hook(short_path, policies.Hook()))
    all_passed(judged_verifier(short_path, policies.Verifier()))


def test_a_depot_that_only_gives_is_judged_by_an_image_that_it_has(short_path: Path) -> None:
    async def main() -> Report:
        gives = depots.OnlyGives()
        image = Image.new()
        gives.blobs, gives.names = image.blobs, {"box": to_wire(image.top)}
        async with serving(short_path / "d.sock", gives):
            return await verify.depot(short_path / "d.sock", image="box", lacks=["put"])

    all_passed(asyncio.run(main()), {check.name for check in depot.SUITE.checks if "put" in check.needs})


@pytest.mark.parametrize("fault", [pytest.param(one, id=one.__name__) for one in depots.FAULTS])
def test_a_depots_fault_is_found(short_path: Path, fault: type[depots.Reference]) -> None:
    _is_found(judged_depot(short_path, fault(), exactly(fault.found_by)), fault.found_by)


@pytest.mark.parametrize("fault", [pytest.param(one, id=one.__name__) for one in policies.HOOKS])
def test_a_hooks_fault_is_found(short_path: Path, fault: type[policies.Hook]) -> None:
    _is_found(judged_hook(short_path, fault(), exactly(fault.found_by), 0.5), fault.found_by)


@pytest.mark.parametrize("fault", [pytest.param(one, id=one.__name__) for one in policies.VERIFIERS])
def test_a_verifiers_fault_is_found(short_path: Path, fault: type[policies.Verifier]) -> None:
    _is_found(judged_verifier(short_path, fault(), exactly(fault.found_by), 0.5), fault.found_by)


def _is_found(report: Report, by: Sequence[str]) -> None:
    assert {one.name for one in report.of(Verdict.FAILED)} >= set(by), explained(report)
    for one in report.of(Verdict.FAILED):
        assert one.sent and one.expected and one.got and one.expected != one.got, one


# What concerns the shim's own process, of which the reference has none.
_OWN = "^a-shim-leaves-|^what-a-dead-shim-"
# What concerns the process that holds a task, of which the reference has none.
_HELD = "a-dead-shim-is-noticed"


def judged_tasks(path: Path, kind: type[lives.Reference], focus: str = "", deadline_s: float = 5.0) -> Report:
    async def main() -> Report:
        async with fronts.daemon(path / "t.sock", kind):
            return await verify.tasks(path / "t.sock", focus=focus, deadline_s=deadline_s, lacks=["loggers"])

    return asyncio.run(main())


def judged_shim(path: Path, kind: type[lives.Reference], focus: str = "", deadline_s: float = 5.0) -> Report:
    async def main() -> Report:
        async with fronts.shim(path, kind) as made:
            return await verify.shim(made.binary, focus=focus, skip=_OWN, deadline_s=deadline_s)

    return asyncio.run(main())


@pytest.mark.root
def test_tasks_that_keep_the_contract_pass(short_path: Path) -> None:
    all_passed(judged_tasks(short_path, lives.Reference), [_HELD, "a-program-takes-what-a-task-says"])


@pytest.mark.root
@pytest.mark.parametrize("fault", [pytest.param(fault, id=fault.__name__) for fault in lives.FAULTS])
def test_a_fault_of_tasks_is_found(short_path: Path, fault: type[lives.Reference]) -> None:
    report = judged_tasks(short_path, fault, exactly(fault.found_by), deadline_s=0.8)
    assert {one.name for one in report.of(Verdict.FAILED)} >= set(fault.found_by), explained(report)
    for one in report.of(Verdict.FAILED):
        assert one.sent and one.expected and one.got and one.expected != one.got, one


@pytest.mark.root
def test_a_task_api_that_keeps_the_contract_passes(short_path: Path) -> None:
    all_passed(judged_shim(short_path, lives.Reference))


@pytest.mark.root
@pytest.mark.parametrize("fault", [pytest.param(fault, id=fault.__name__) for fault in lives.FAULTS if fault.by_shim])
def test_a_fault_of_a_task_api_is_found(short_path: Path, fault: type[lives.Reference]) -> None:
    report = judged_shim(short_path, fault, exactly(fault.by_shim), deadline_s=0.8)
    assert {one.name for one in report.of(Verdict.FAILED)} >= set(fault.by_shim), explained(report)


def judged_service(path: Path, kind: type[services.Reference], focus: str = "", deadline_s: float = 5.0) -> Report:
    async def main() -> Report:
        server = kind()
        await server.listen_unix(path / "s.sock")
        try:
            return await verify.service(
                path / "s.sock", services.NAME, unary=services.UNARY, streams=services.STREAMS, focus=focus,
                deadline_s=deadline_s, has=["namespace"],
            )  # fmt: skip
        finally:
            await server.close(0.0)
            server.done()

    return asyncio.run(main())


def test_a_service_that_keeps_the_contract_passes(short_path: Path) -> None:
    all_passed(judged_service(short_path, services.Reference), ["a-process-ends-in-order"])


@pytest.mark.parametrize("fault", [pytest.param(fault, id=fault.__name__) for fault in services.FAULTS])
def test_a_services_fault_is_found(short_path: Path, fault: type[services.Reference]) -> None:
    report = judged_service(short_path, fault, exactly(fault.found_by), deadline_s=1.0)
    assert {one.name for one in report.of(Verdict.FAILED)} >= set(fault.found_by), explained(report)
    for one in report.of(Verdict.FAILED):
        assert one.sent and one.expected and one.got and one.expected != one.got, one


def test_nobody_is_judged_after_his_end(short_path: Path) -> None:
    """A check that ends a process is made after all others, in whatever order they come."""

    async def main() -> Report:
        server = services.Reference()
        await server.listen_unix(short_path / "s.sock")
        try:
            async with service.begun(short_path / "s.sock", services.NAME, (), (), 5.0) as target:
                chosen = service.SUITE.choose("^a-process-ends|^a-ping|^it-lists")
                subject = partial(service.subject, target)
                return await judge(service.SUITE, chosen[::-1], (), subject, Report("service", ""))
        finally:
            await server.close(0.0)

    report = asyncio.run(main())
    names = ["a-ping-is-answered", "it-lists-itself", "a-process-ends-in-order", "nothing-left"]
    assert [one.name for one in report.results] == names and report.passed


def test_there_are_faults_enough_and_each_is_to_be_found_by_a_check_that_there_is() -> None:
    found: Sequence[tuple[Any, Any, int]] = (
        (snapshotters.FAULTS, snapshotter.SUITE, 40),
        (stores.FAULTS, content.SUITE, 30),
        (differs.FAULTS, diff.SUITE, 12),
        (lives.FAULTS, tasks.SUITE, 40),
        (services.FAULTS, service.SUITE, 25),
    )
    for faults, suite, least in found:
        names = {check.name for check in suite.checks}
        assert len(faults) >= least
        assert all(fault.found_by and names.issuperset({*fault.found_by} - {"nothing-left"}) for fault in faults)
        assert len(names) == len(suite.checks)
    by_shim = [fault.by_shim for fault in lives.FAULTS if fault.by_shim]
    assert len(by_shim) >= 25 and {check.name for check in shim.SUITE.checks}.issuperset(itertools.chain(*by_shim))


def test_a_call_that_hangs_fails_its_check_and_the_others_go_on(short_path: Path) -> None:
    plugin = snapshotters.Hangs(short_path)
    focus = exactly(("prepare-makes-an-active-snapshot", "commit-has-its-own-labels", "what-is-not-there-is-not-found"))
    report = judged_snapshotter(short_path, plugin, focus, deadline_s=0.2)
    verdicts = {one.name: one.verdict for one in report.results}
    assert verdicts == {
        "prepare-makes-an-active-snapshot": Verdict.PASSED,
        "commit-has-its-own-labels": Verdict.FAILED,
        "what-is-not-there-is-not-found": Verdict.PASSED,
        "nothing-left": Verdict.PASSED,
    }
    (failed,) = report.of(Verdict.FAILED)
    assert failed.sent.startswith("Commit(") and "DEADLINE_EXCEEDED" in failed.got
    assert plugin.infos == {}


@pytest.mark.root
def test_a_mount_whose_work_never_ends_is_taken_from_it(tmp_path: Path) -> None:
    """Such as a FIFO in a file's place, which nobody reads."""
    points: list[Path] = []
    goes_on = threading.Event()

    def work(root: Path) -> None:
        points.append(root)
        goes_on.wait()

    async def main() -> None:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.2):
                await inside([Mount("bind", str(tmp_path), ("rbind", "rw"))], work)
        (point,) = points
        assert not os.path.ismount(point)
        assert not point.parent.exists()
        goes_on.set()

    try:
        asyncio.run(main())
    finally:
        goes_on.set()


def test_a_commit_that_hangs_fails_its_check(short_path: Path) -> None:
    focus = exactly(("bytes-become-a-blob", "an-ingest-is-aborted"))
    report = judged_store(short_path, stores.Hangs(), focus, deadline_s=0.2)
    (failed,) = report.of(Verdict.FAILED)
    assert failed.name == "bytes-become-a-blob" and failed.sent.startswith("Write COMMIT(")
    assert failed.got == "DEADLINE_EXCEEDED (no answer within 0.2 s: context deadline exceeded)"


def test_a_read_without_an_end_fills_no_memory(short_path: Path) -> None:
    store = stores.ReadsForEver()
    report = judged_store(short_path, store, exactly(("bytes-become-a-blob",)), deadline_s=20)
    (failed,) = report.of(Verdict.FAILED)
    assert failed.name == "bytes-become-a-blob" and "DEADLINE_EXCEEDED" not in failed.got and len(failed.got) < 1000
    assert store.sent < 100 << 20


def test_a_plugin_that_answers_no_more_ends_the_run(short_path: Path) -> None:
    report = judged_snapshotter(short_path, snapshotters.Dies(short_path), "commit|list|update", deadline_s=0.2)
    first = report.results[0]
    assert first.verdict is Verdict.FAILED and report.left.startswith('what begins with "argosy-verify-')
    assert {one.verdict for one in report.results[1:]} == {Verdict.NOT_RUN}
    assert report.results[1].why == f"the plugin does not answer any more, since {first.name}"
    assert report.seconds < 5 and not report.passed


def steps(*told: tuple[str, int, int]) -> list[Choice]:
    return [Choice(method, word, other, (("x", "1"),), ()) for method, word, other in told]


def test_a_model_of_the_tree(short_path: Path) -> None:
    """Calls whose answers and outcome it knows; a fault that they show is seen."""
    grown = steps(
        ("Prepare", 0, 0), ("Commit", 1, 0), ("Prepare", 0, 0), ("Commit", 2, 0), ("View", 0, 1), ("Mounts", 0, 0),
        ("Update", 1, 0), ("Remove", 0, 0), ("Remove", 7, 0), ("Mounts", 1, 0), ("Commit", 3, 7),
    )  # fmt: skip

    async def tried(plugin: snapshotters.Reference) -> str:
        path = short_path / "s.sock"
        async with serving(path, plugin), reached(path) as target:
            subject = snapshotter.subject(target, "", "any")
            try:
                await attempt(subject, 1, grown)
            except Broken as broken:
                return broken.expected
            finally:
                await subject.clean()
            assert sum(call.answer == "OK" for call in subject.calls) >= 8
        return ""

    def fresh(kind: type[snapshotters.Reference]) -> str:
        (short_path / kind.__name__).mkdir()
        return asyncio.run(tried(kind(short_path / kind.__name__)))

    assert fresh(snapshotters.Reference) == ""
    assert fresh(snapshotters.LosesParents).startswith("these snapshots after it: ")
    assert fresh(snapshotters.LosesCommits).startswith("these snapshots after it: ")
