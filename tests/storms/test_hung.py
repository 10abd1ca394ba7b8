"""A plugin that is stopped, not dead: who does not need it goes on, who needs it is told its name, collection skips it."""

from __future__ import annotations

import os
import signal
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pytest

from tests.harness.mesh import IMAGE, Mesh, eventually
from tests.storms.faults import CONTENT, DIFF, SNAPSHOTTERS, TASKS
from tests.storms.test_acknowledged import surely
from tests.storms.wire import DEADLINE_EXCEEDED, UNAVAILABLE, Answer, Wire, message
from tests.storms.workers.content import digest_of
from tests.storms.workers.worker import CONTENTS, IMAGES, LEASES, ROOT, SNAPSHOTS

pytestmark = [pytest.mark.root, pytest.mark.timeout(240)]

# A call to a plugin that does not answer ends before a caller that is this patient gives up.
PATIENCE_S: Final = 20.0
# Besides twice what it took before: two cores, and a suite that runs beside others.
MARGIN_S: Final = 0.4
CALLS: Final = 60

Calls = Mapping[str, tuple[str, dict[str, Any]]]


@dataclass(frozen=True)
class Stopped:
    """One plugin: its process, what errors must call it, who needs it, and who does not."""

    process: str
    name: str
    needs: tuple[str, dict[str, Any]]


APPLY: Final = (
    "diff.v1.Diff/Apply",
    {"diff": {"media_type": "application/vnd.oci.image.layer.v1.tar", "digest": digest_of(b"")}},
)
PLUGINS: Final = {
    "snapshotter": Stopped(
        SNAPSHOTTERS["overlayfs"], "overlayfs", (SNAPSHOTS + "Prepare", {"snapshotter": "overlayfs", "key": "x"})
    ),
    "content": Stopped(CONTENT, "content", (CONTENTS + "Status", {"ref": "waiting"})),
    "diff": Stopped(DIFF, "diff", APPLY),
    "tasks": Stopped(TASKS, "tasks", ("tasks.v1.Tasks/List", {})),
}


def others(kind: str, n: int) -> list[tuple[str, dict[str, Any]]]:
    """Calls that have nothing to do with the plugin of this kind."""
    snapshotter = "native" if kind == "snapshotter" else "overlayfs"
    calls: list[tuple[str, dict[str, Any]]] = [
        (IMAGES + "List", {}),
        (LEASES + "Create", {"id": f"{kind}{n}"}),
        (LEASES + "Delete", {"id": f"{kind}{n}"}),
        ("containers.v1.Containers/List", {}),
        ("namespaces.v1.Namespaces/List", {}),
        (SNAPSHOTS + "Prepare", {"snapshotter": snapshotter, "key": f"{kind}{n}", "labels": ROOT}),
        (SNAPSHOTS + "Mounts", {"snapshotter": snapshotter, "key": f"{kind}{n}"}),
        (SNAPSHOTS + "Remove", {"snapshotter": snapshotter, "key": f"{kind}{n}"}),
        (CONTENTS + "List", {}),
    ]
    return calls if kind == "tasks" else [*calls, ("tasks.v1.Tasks/List", {})]


@pytest.fixture(scope="module")
def own(image_archive: Path) -> Iterator[Mesh]:
    """A mesh with an image, all of whose services run."""
    mesh = Mesh(Path(tempfile.mkdtemp(prefix="ay-", dir="/tmp")), idle_s=0)
    mesh.start()
    try:
        mesh.ctr("images", "import", str(image_archive)).ok()
        mesh.wake()
        yield mesh
        assert mesh.leftovers() == []
    finally:
        mesh.destroy()


@contextmanager
def stopped(mesh: Mesh, process: str) -> Iterator[None]:
    """Hold a service still for a while."""
    pid = mesh.services()[process]
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def measured(wire: Wire, kind: str, first: int) -> tuple[float, list[Answer]]:
    """Make the calls of others one after the other; return the slowest but one in a hundred, and what failed."""
    took: list[float] = []
    failed: list[Answer] = []
    n = first
    while len(took) < CALLS:
        for path, fields in others(kind, n):
            answer = wire.call(path, timeout_s=15, **fields)
            took.append(answer.took_s)
            if not answer.ok:
                failed.append(answer)
            if answer.took_s > 10:
                return answer.took_s, failed  # the others would say the same
        n += 1
    return sorted(took)[int(len(took) * 0.99) - 1], failed


def need(wire: Wire, kind: str) -> Answer:
    """Make a call that changes something in the plugin, and wait as long as a patient caller does."""
    if kind == "content":
        ask = message("content.v1.WriteContentRequest", action=0, ref="r", total=1, expected=digest_of(b"x"))
        return wire.write(timeout_s=PATIENCE_S).ask(ask)
    path, fields = PLUGINS[kind].needs
    return wire.call(path, timeout_s=PATIENCE_S, **fields)


def in_thread(call: Callable[[], Answer]) -> tuple[threading.Thread, list[Answer]]:
    got: list[Answer] = []
    thread = threading.Thread(target=lambda: got.append(call()))
    thread.start()
    return thread, got


@pytest.fixture
def wire(own: Mesh, request: pytest.FixtureRequest) -> Iterator[Wire]:
    with Wire(own.address, f"h{abs(hash(request.node.nodeid)) % 10**9}") as connection:
        # Whom the last test stopped is asked every half second whether it answers again.
        eventually(lambda: opens(connection), within=30, what="the content plugin does not answer")
        surely(
            connection, SNAPSHOTS + "Prepare", snapshotter="overlayfs", key="first", labels=ROOT
        )  # it stays: trees are counted
        surely(connection, "tasks.v1.Tasks/List")
        yield connection


def opens(wire: Wire) -> bool:
    """Return whether an ingest can be opened."""
    stream = wire.write()
    answer = stream.ask(message("content.v1.WriteContentRequest", action=0, ref=f"r{time.monotonic_ns()}", total=1))
    stream.cancel()
    return answer.ok


ALL: Final = [
    pytest.param("snapshotter"),
    pytest.param("content"),
    pytest.param("diff"),
    pytest.param("tasks"),
]  # fmt: skip


@pytest.mark.parametrize("kind", ALL)
def test_who_does_not_need_a_stopped_plugin_goes_on(own: Mesh, wire: Wire, kind: str) -> None:
    """Even while a call waits for it, and a collection too."""
    plugin = PLUGINS[kind]
    before, failed = measured(wire, kind, 0)
    assert not failed, failed[:3]
    with Wire(own.address, f"{wire.namespace}-needy") as needy:
        lease = surely(needy, LEASES + "Create", id=f"gc-{kind}").message.lease.id
        with stopped(own, plugin.process):
            waits, _ = in_thread(lambda: need(needy, kind))
            time.sleep(0.3)
            collects, _ = in_thread(lambda: needy.call(LEASES + "Delete", id=lease, sync=True, timeout_s=PATIENCE_S))
            time.sleep(0.3)
            during, failed = measured(wire, kind, 1000)
        waits.join()
        collects.join()
    assert not failed, [str(answer) for answer in failed[:3]]
    assert during < 2 * before + MARGIN_S, f"{during:.3f} s while {plugin.name} is stopped, {before:.3f} s before"


@pytest.mark.parametrize(
    "kind",
    list(PLUGINS),
)
def test_who_needs_a_stopped_plugin_is_told_its_name_in_time(own: Mesh, wire: Wire, kind: str) -> None:
    """DEADLINE_EXCEEDED or UNAVAILABLE from the gateway, before a patient caller gives up; then it works again."""
    plugin = PLUGINS[kind]
    path, fields = plugin.needs
    stream = wire.write()  # an ingest, for whoever asks for its status
    assert stream.ask(message("content.v1.WriteContentRequest", action=0, ref="waiting", total=1)).ok
    with stopped(own, plugin.process):
        answer = wire.call(path, timeout_s=PATIENCE_S, **fields)
    assert answer.code in (DEADLINE_EXCEEDED, UNAVAILABLE) and plugin.name in answer.details, str(answer)
    assert answer.took_s < PATIENCE_S - 1
    stream.cancel()
    surely(wire, "tasks.v1.Tasks/List")
    eventually(
        lambda: wire.call(SNAPSHOTS + "Prepare", snapshotter="overlayfs", key=f"after-{kind}", labels=ROOT).ok
    )


@pytest.mark.parametrize("kind", ["snapshotter", "content"])
def test_a_collection_skips_a_stopped_plugin_and_says_so(own: Mesh, wire: Wire, kind: str) -> None:
    """Its bytes are dropped by a later one."""
    plugin = PLUGINS[kind]
    data = os.urandom(100)
    surely(wire, LEASES + "Create", id="l")
    stream = wire.write("l")
    fields = {"action": 2, "ref": "r", "total": len(data), "data": data, "expected": digest_of(data)}
    assert stream.ask(message("content.v1.WriteContentRequest", **fields)).ok
    stream.close()
    mounts = surely(wire, SNAPSHOTS + "Prepare", lease="l", snapshotter="overlayfs", key="k").message.mounts
    tree = Path(mounts[0].source).parent
    trees = own.root / "io.containerd.snapshotter.v1.overlayfs/snapshots"
    blob = own.root / "io.containerd.content.v1.content/blobs/sha256" / digest_of(data).removeprefix("sha256:")
    assert tree.parent == trees and tree.exists()
    with stopped(own, plugin.process):
        began = time.monotonic()
        deleted = wire.call(LEASES + "Delete", id="l", sync=True, timeout_s=PATIENCE_S)
        assert deleted.ok and time.monotonic() - began < PATIENCE_S - 1, deleted
        told = own.argosy("gc").ok()
        assert plugin.name in told.out + told.err, told
        if kind == "snapshotter":
            eventually(lambda: not blob.exists(), within=20, what="the store was skipped, too")
        else:
            eventually(lambda: not tree.exists(), within=20, what="the snapshotter was skipped, too")
    eventually(
        lambda: (own.argosy("gc"), not blob.exists() and not tree.exists())[1], within=20,
        what="what was skipped stays",
    )  # fmt: skip


def test_a_container_lives_through_stopped_services(own: Mesh, tmp_path: Path) -> None:
    """It needs none of them."""
    log = tmp_path / "log"
    script = "i=0; while :; do echo $i; i=$((i+1)); sleep 0.05; done"
    own.ctr("run", "-d", "--log-uri", f"file://{log}", IMAGE, "c", "sh", "-c", script).ok()
    for process in (CONTENT, SNAPSHOTTERS["overlayfs"], DIFF, TASKS):
        with stopped(own, process):
            before = len(log.read_text())
            eventually(lambda before=before: len(log.read_text()) > before)  # type: ignore[misc] # bound at once
    assert own.ctr("tasks", "exec", "--exec-id", "e", "c", "echo", "on").ok().out == "on\n"
    own.ctr("tasks", "rm", "-f", "c").ok()
    own.ctr("containers", "rm", "c").ok()
    own.ctr("snapshots", "rm", "c")
