"""What was acknowledged stays, whoever dies, gives up or runs beside: one scenario a test, short here, longer as a storm."""

from __future__ import annotations

import os
import random
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.harness.erofs import SNAPSHOTTERS
from tests.harness.mesh import Mesh, eventually
from tests.harness.processes import ending
from tests.storms import images
from tests.storms.faults import GATEWAY
from tests.storms.wire import ALREADY_EXISTS, FAILED_PRECONDITION, NOT_FOUND, Answer, Wire, message
from tests.storms.workers.content import bytes_of, digest_of
from tests.storms.workers.worker import CONTENTS, LEASES, ROOT, SNAPSHOTS

pytestmark = [pytest.mark.root, pytest.mark.timeout(300)]


def rounds(short: int, long: int) -> pytest.MarkDecorator:
    """Run a test a few times in ``./run test`` and often in ``./run storm``."""
    return pytest.mark.parametrize("rounds", [short, pytest.param(long, marks=pytest.mark.storm)])


@pytest.fixture(scope="module")
def stormy() -> Iterator[Mesh]:
    """A mesh whose services are killed."""
    mesh = Mesh(Path(tempfile.mkdtemp(prefix="ay-", dir="/tmp")))
    mesh.start()
    try:
        mesh.wake()
        yield mesh
        assert mesh.leftovers() == []
    finally:
        mesh.destroy()


@pytest.fixture
def wire(stormy: Mesh, request: pytest.FixtureRequest) -> Iterator[Wire]:
    """A connection in a namespace that only this test uses."""
    with Wire(stormy.address, f"t{abs(hash(request.node.nodeid)) % 10**9}") as connection:
        yield connection


def surely(wire: Wire, path: str, **fields: Any) -> Answer:
    """Call until somebody answers."""
    deadline = time.monotonic() + 30
    while True:
        answer = wire.call(path, **fields)
        if answer.ok or answer.refused or time.monotonic() > deadline:
            assert answer.ok or answer.refused, f"{path} {fields}: {answer}"
            return answer
        time.sleep(0.05)


def prepared(wire: Wire, snapshotter: str, keys: list[str], parent: str = "") -> None:
    """Prepare keys, which labels keep from collection."""
    for key in keys:
        answer = surely(wire, SNAPSHOTS + "Prepare", snapshotter=snapshotter, key=key, parent=parent, labels=ROOT)
        assert answer.ok, answer


def in_threads(work: Sequence[Callable[[], object]]) -> list[threading.Thread]:
    """Start all at once; the caller joins them."""
    threads = [threading.Thread(target=one) for one in work]
    for thread in threads:
        thread.start()
    return threads


def kill_gateway(mesh: Mesh) -> None:
    """Kill it, once it is there."""
    eventually(lambda: GATEWAY in mesh.services())
    os.kill(mesh.services()[GATEWAY], signal.SIGKILL)


def collect(wire: Wire) -> None:
    """Collect once, on command."""
    lease = surely(wire, LEASES + "Create", id=f"gc{time.monotonic_ns()}").message.lease.id
    surely(wire, LEASES + "Delete", id=lease, sync=True)


def broken(wire: Wire, snapshotter: str, key: str, name: str) -> str:
    """Return what is wrong after a Commit of key to name with an open outcome, or nothing: old state or new state."""
    states = {k: surely(wire, SNAPSHOTS + "Stat", snapshotter=snapshotter, key=k) for k in (key, name)}
    active, committed = (
        states[key].ok and states[key].message.info.kind == 2,
        states[name].ok and states[name].message.info.kind == 3,
    )
    if active == committed:
        return f"{key}: {states[key]}; {name}: {states[name]}"
    if active:
        mounts = surely(wire, SNAPSHOTS + "Mounts", snapshotter=snapshotter, key=key)
    else:
        mounts = surely(wire, SNAPSHOTS + "View", snapshotter=snapshotter, key=f"look-{name}", parent=name)
    return "" if mounts.ok else f"{key if active else name}: {mounts}"


@rounds(4, 20)
def test_a_gateway_killed_during_commits_loses_no_snapshot(stormy: Mesh, wire: Wire, rounds: int) -> None:
    """24 Commits at a time: each snapshot is active or committed afterwards."""
    rng, found = random.Random(1), []
    for n in range(rounds):
        snapshotter = ("overlayfs", "native")[n % 2]
        keys = [f"a{n}-{i}" for i in range(24)]
        prepared(wire, snapshotter, keys)

        def commit(key: str, snapshotter: str = snapshotter) -> None:
            wire.call(SNAPSHOTS + "Commit", snapshotter=snapshotter, key=key, name=f"c{key}", labels=ROOT)

        threads = in_threads([partial(commit, key) for key in keys])
        time.sleep(rng.uniform(0.005, 0.06))
        kill_gateway(stormy)
        for thread in threads:
            thread.join()
        collect(wire)
        found += [problem for key in keys if (problem := broken(wire, snapshotter, key, f"c{key}"))]
    assert not found, f"{len(found)} of {24 * rounds}: {found[:3]}"


@rounds(60, 400)
def test_a_cancelled_commit_leaves_the_old_state_or_the_new_one(wire: Wire, rounds: int) -> None:
    """The caller gives up at any instant."""
    rng = random.Random(2)
    keys = [f"a{i}" for i in range(rounds)]
    prepared(wire, "overlayfs", keys)
    for key in keys:
        wire.call(
            SNAPSHOTS + "Commit", snapshotter="overlayfs", key=key, name=f"c{key}", labels=ROOT,
            cancel_after_s=rng.uniform(0.0005, 0.012),
        )  # fmt: skip
    time.sleep(1)
    found = [problem for key in keys if (problem := broken(wire, "overlayfs", key, f"c{key}"))]
    assert not found, f"{len(found)} of {rounds}: {found[:3]}"


@rounds(120, 1500)
def test_a_cancelled_prepare_leaves_a_snapshot_or_a_free_key(wire: Wire, rounds: int) -> None:
    """Never a key that is NOT_FOUND to Mounts and ALREADY_EXISTS to Prepare."""
    rng, found = random.Random(3), []
    common: dict[str, Any] = {"snapshotter": "overlayfs", "labels": ROOT}
    usual = statistics.median(wire.call(SNAPSHOTS + "Prepare", key=f"w{n}", **common).took_s for n in range(20))
    for n in range(rounds):
        wire.call(SNAPSHOTS + "Prepare", key=f"p{n}", cancel_after_s=usual * rng.uniform(0.2, 1.2), **common)
    time.sleep(1)
    for n in range(rounds):
        again = surely(wire, SNAPSHOTS + "Prepare", snapshotter="overlayfs", key=f"p{n}", labels=ROOT)
        mounts = surely(wire, SNAPSHOTS + "Mounts", snapshotter="overlayfs", key=f"p{n}")
        if not mounts.ok or not (again.ok or again.code is ALREADY_EXISTS):
            found.append(f"p{n}: Prepare {again}, Mounts {mounts}")
        surely(wire, SNAPSHOTS + "Remove", snapshotter="overlayfs", key=f"p{n}")
    assert not found, f"{len(found)} of {rounds}: {found[:3]}"


@rounds(6, 60)
@pytest.mark.parametrize("snapshotter", SNAPSHOTTERS)
def test_of_commits_to_one_name_one_wins_and_the_others_keep_their_snapshots(
    wire: Wire, snapshotter: str, rounds: int
) -> None:
    """Losers are told ALREADY_EXISTS."""
    found = []
    for n in range(rounds):
        keys = [f"a{n}-{i}" for i in range(4)]
        prepared(wire, snapshotter, keys)
        answers = wire.together(
            [
                (SNAPSHOTS + "Commit", {"snapshotter": snapshotter, "key": key, "name": f"c{n}", "labels": ROOT})
                for key in keys
            ]
        )
        if [a.ok for a in answers].count(True) != 1:
            found.append(f"c{n}: {[str(a) for a in answers]}")
        for key, answer in zip(keys, answers, strict=True):
            if not answer.ok:
                mounts = surely(wire, SNAPSHOTS + "Mounts", snapshotter=snapshotter, key=key)
                if answer.code is not ALREADY_EXISTS or not mounts.ok:
                    found.append(f"{key}: Commit {answer}, then Mounts {mounts}")
    assert not found, f"{len(found)}: {found[:3]}"


@rounds(150, 600)
def test_prepare_beside_remove_of_its_parent_leaves_no_child_alone(wire: Wire, rounds: int) -> None:
    """One of the two is refused: NOT_FOUND for the child, or FAILED_PRECONDITION for the parent."""
    found = []
    for n in range(rounds):
        prepared(wire, "overlayfs", [f"a{n}"])
        surely(wire, SNAPSHOTS + "Commit", snapshotter="overlayfs", key=f"a{n}", name=f"p{n}", labels=ROOT)
        common = {"snapshotter": "overlayfs"}
        made, removed = wire.together(
            [
                (SNAPSHOTS + "Prepare", {**common, "key": f"k{n}", "parent": f"p{n}", "labels": ROOT}),
                (SNAPSHOTS + "Remove", {**common, "key": f"p{n}"}),
            ]
        )
        fine = (made.ok and removed.code is FAILED_PRECONDITION) or (removed.ok and made.code is NOT_FOUND)
        if not fine:
            found.append(f"Prepare {made}, Remove {removed}")
    assert not found, f"{len(found)} of {rounds}: {found[:3]}"


@rounds(3, 12)
def test_five_pulls_of_one_image_at_once_all_succeed(stormy: Mesh, registry: str, tmp_path: Path, rounds: int) -> None:
    """As stock containerd has it, of two names for one image."""
    failed = []
    for n in range(rounds):
        (sample, *_) = images.make(tmp_path, 1000 + n, 1)
        images.push(sample, registry)
        command = [
            "ctr", "-a", str(stormy.address), "-n", f"pulls{n}", "images", "pull", "--plain-http", f"{registry}/{sample.name}",
        ]  # fmt: skip
        with ExitStack() as stack:
            clients = [
                stack.enter_context(
                    ending(subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True))
                )
                for _ in range(5)
            ]
            for client in clients:
                out, _ = client.communicate(timeout=60)
                if client.returncode:
                    failed.append(out.strip().splitlines()[-1][-200:])
    assert not failed, f"{len(failed)} of {5 * rounds}: {failed[:2]}"


def files_of(mesh: Mesh) -> set[str]:
    """The digests that are on disk."""
    folder = mesh.root / "io.containerd.content.v1.content/blobs/sha256"
    return {f"sha256:{p.name}" for p in folder.iterdir()} if folder.exists() else set()


def blobs_of(mesh: Mesh) -> set[str]:
    """The digests that some namespace has."""
    with Wire(mesh.address) as wire:
        found: set[str] = set()
        for namespace in surely(wire, "namespaces.v1.Namespaces/List").message.namespaces:
            listed = surely(wire, CONTENTS + "List", ns=namespace.name)
            found |= {info.digest for part in listed.messages for info in part.info}
    return found


@rounds(3, 12)
def test_blobs_without_a_row_are_collected_after_a_restart(stormy: Mesh, wire: Wire, rounds: int) -> None:
    """The gateway is killed between the store's commit and its own row."""
    rng = random.Random(4)
    surely(wire, LEASES + "Create", id="l")
    for n in range(rounds):

        def commit(data: bytes, ref: str) -> None:
            stream = wire.write("l")
            ask = message(
                "content.v1.WriteContentRequest", action=2, ref=ref, total=len(data), data=data, expected=digest_of(data)
            )
            stream.ask(ask)
            stream.cancel()

        work = [partial(commit, bytes_of(1000 * n + i, 2000), f"r{n}-{i}") for i in range(24)]
        threads = in_threads(work)
        time.sleep(rng.uniform(0.01, 0.06))
        kill_gateway(stormy)
        for thread in threads:
            thread.join()
    # One of them for certain, whatever the kills met: a blob that the store has and nobody else knows of.
    with Wire(stormy.state / "content.sock", "nobody") as store:
        data = b"nobody's"
        fields = {"action": 2, "ref": "nobody/1/r", "total": len(data), "data": data, "expected": digest_of(data)}
        stream = store.write()
        assert stream.ask(message("content.v1.WriteContentRequest", **fields)).ok
        stream.close()
    stormy.stop()
    stormy.start()
    collect(wire)
    eventually(lambda: files_of(stormy) == blobs_of(stormy), what="files without rows, or rows without files")


def test_a_dead_snapshotter_with_bytes_to_drop_is_its_own_problem(registry: str, tmp_path: Path) -> None:
    """``images rm --sync`` answers 0 as stock does; ``gc`` says what is dirty still; later the bytes go."""
    base = Path(tempfile.mkdtemp(prefix="ay-", dir="/tmp"))
    socket, root = base / "mine.sock", base / "mine"
    config = base / "mesh.toml"
    config.write_text(f'[proxy_plugins.mine]\ntype = "snapshot"\naddress = "{socket}"\nexports = {{ root = "{root}" }}\n')
    mesh = Mesh(base / "m", extra=("--config", str(config)))
    mesh.base.mkdir()

    @contextmanager
    def alive() -> Iterator[None]:
        command = [sys.executable, "-m", "argosy_snapshotter_native", "--root", str(root), "--address", str(socket)]
        with ending(subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)):
            eventually(socket.exists, what="the snapshotter does not listen")
            yield

    try:
        with alive():
            mesh.start()
            (sample, *_) = images.make(tmp_path, 77, 1)
            mesh.ctr("images", "import", "--snapshotter", "mine", str(sample.archive)).ok()
            mesh.ctr("images", "import", "--snapshotter", "native", str(sample.archive), namespace="other").ok()
            trees = root / "snapshots"
            assert len(list(trees.iterdir())) == len(sample.chains)
        mesh.ctr("images", "rm", "--sync", sample.imported).ok()
        mesh.ctr("images", "rm", "--sync", sample.imported, namespace="other").ok()
        gone = mesh.root / "io.containerd.snapshotter.v1.native/snapshots"
        eventually(lambda: list(gone.iterdir()) == [], what="the others' bytes stay, too")
        told = mesh.argosy("gc").ok()
        assert "mine" in told.out + told.err, told
        with alive():
            eventually(lambda: (mesh.argosy("gc"), list(trees.iterdir()) == [])[1], within=20, what="its bytes stay")
            assert "mine" not in mesh.argosy("gc").ok().out
    finally:
        mesh.destroy()
        shutil.rmtree(base, ignore_errors=True)
