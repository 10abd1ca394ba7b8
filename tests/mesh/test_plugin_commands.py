"""Plugins by command in a mesh: started, kept, swapped for a fresh process of the same command under load, gone back to."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from argosy.kernel.process import alive

from tests.cli.test_programs import cgroups_of
from tests.harness.mesh import IMAGE, Mesh, eventually, run
from tests.harness.processes import ending
from tests.mesh.test_plugin_registry import EXAMPLE, is_in, refused, shown

pytestmark = pytest.mark.root


class Plugin:
    """A copy of the README's snapshotter, whose file can be edited, registered by command."""

    def __init__(self, mesh: Mesh, base: Path, name: str) -> None:
        self.mesh, self.name, self.base = mesh, name, base
        self.file = base / f"{name}.py"
        self.file.write_text(EXAMPLE.read_text())
        self.command = f"{sys.executable} ./{name}.py --root {base / name}"

    def edit(self, old: str, new: str) -> None:
        text = EXAMPLE.read_text()
        assert old in text
        self.file.write_text(text.replace(old, new))

    def add(self) -> None:
        said = run(
            [str(Path(sys.executable).parent / "argosy"), "--address", str(self.mesh.address), "plugin", "add", "snapshot", self.name,
             "--command", self.command], cwd=self.base,
        ).ok()  # fmt: skip
        assert "ready" in said.out, said

    def swap(self, *words: str) -> Any:
        return self.mesh.argosy("plugin", "swap", self.name, *words)

    @property
    def row(self) -> dict[str, Any]:
        return shown(self.mesh, self.name)

    @property
    def log(self) -> str:
        return self.mesh.argosy("plugin", "logs", self.name).ok().out


@pytest.fixture
def plugin(mesh: Mesh, short_path: Path) -> Iterator[Plugin]:
    it = Plugin(mesh, short_path, "mine")
    it.add()
    yield it
    pid = it.row.get("pid")
    mesh.argosy("plugin", "remove", "mine", "--force").ok()
    eventually(lambda: not pid or not alive(pid), what="its process outlived it")
    eventually(lambda: not list((mesh.state / "programs").glob("mine.*")), what="its socket outlived it")


@contextmanager
def load(mesh: Mesh, name: str) -> Iterator[list[str]]:
    """Make snapshots, look at them, commit and remove them, until the end of the block; yields what went wrong."""
    import asyncio

    from argosy.client.connection import Client
    from argosy_protos.containerd.services.snapshots.v1 import (
        CommitSnapshotRequest,
        MountsRequest,
        PrepareSnapshotRequest,
        RemoveSnapshotRequest,
    )

    wrong: list[str] = []
    over, made = threading.Event(), [0]

    async def one(client: Client, worker: int) -> None:
        n = 0
        async with client.lease() as leased:
            stub = leased.snapshots
            while not over.is_set():
                n += 1
                key, done = f"w{worker}-{n}", f"c{worker}-{n}"
                try:
                    await stub.prepare(PrepareSnapshotRequest(snapshotter=name, key=key))
                    await stub.mounts(MountsRequest(snapshotter=name, key=key))
                    await stub.commit(CommitSnapshotRequest(snapshotter=name, key=key, name=done))
                    await stub.remove(RemoveSnapshotRequest(snapshotter=name, key=done))
                    made[0] += 1
                except Exception as error:  # whatever it is, it was not to be
                    wrong.append(repr(error))

    async def main() -> None:
        async with Client(mesh.address, namespace="load") as client:
            await asyncio.gather(*(one(client, worker) for worker in range(4)))

    thread = threading.Thread(target=lambda: asyncio.run(main()))
    thread.start()
    try:
        eventually(lambda: made[0] > 3, within=30)
        yield wrong
    finally:
        over.set()
        thread.join(60)
    assert made[0] > 3


def test_one_by_command_runs_a_container_and_is_started_again(mesh: Mesh, plugin: Plugin, image_archive: Path) -> None:
    """Killed: back at once, counted; a drain does not end it; a gateway that is killed finds the same process again."""
    row = plugin.row
    assert row["state"] == "ready" and row["pid"] and row["source"] == "registered" and "./mine.py" in row["command"]
    mesh.ctr("images", "import", "--snapshotter", "mine", str(image_archive)).ok()
    assert mesh.ctr("run", "--rm", "--snapshotter", "mine", IMAGE, "on-mine", "echo", "hello").ok().out == "hello\n"
    os.kill(row["pid"], signal.SIGKILL)
    eventually(lambda: plugin.row["restarts"] == 1 and plugin.row["pid"] not in ("", row["pid"]))
    is_in(mesh, "mine", "ready")
    mesh.ctr("snapshots", "--snapshotter", "mine", "ls").ok()
    now = plugin.row["pid"]
    mesh.argosy("plugin", "drain", "mine").ok()
    assert alive(now)
    mesh.argosy("plugin", "undrain", "mine").ok()
    os.kill(mesh.services()["argosy-gateway"], signal.SIGKILL)
    is_in(mesh, "mine", "ready")
    assert plugin.row["pid"] == now
    log = plugin.log
    assert log.count("argosy: started") == 2 and "ended by SIGKILL" in log
    assert mesh.argosy("plugin", "logs", "mine", "--tail", "1").ok().out.count("\n") == 1
    mesh.ctr("images", "rm", "--sync", IMAGE).ok()
    mesh.ctr("images", "import", str(image_archive)).ok()


def test_what_can_not_be_started_is_refused_or_told(mesh: Mesh, short_path: Path) -> None:
    refused(mesh.argosy("plugin", "add", "snapshot", "x"), "give one of them")
    refused(mesh.argosy("plugin", "add", "snapshot", "x", "--command", "no-such-program-here"), "there is no program")
    refused(mesh.argosy("plugin", "add", "snapshot", "x", "--command", "'"), "No closing quotation")
    said = mesh.argosy("plugin", "add", "snapshot", "x", "--command", "sh -c 'echo oh no >&2; exit 3'").ok()
    assert "starting" in said.out
    eventually(lambda: "ended with exit code 3" in shown(mesh, "x")["reason"] and "oh no" in shown(mesh, "x")["reason"])
    eventually(lambda: shown(mesh, "x")["restarts"] >= 3)
    mesh.argosy("plugin", "remove", "x").ok()
    assert "oh no" in mesh.argosy("plugin", "logs", "x").ok().out
    refused(mesh.argosy("plugin", "logs", "overlayfs"), "was registered by its address")
    refused(mesh.argosy("plugin", "logs", "../x"), "../x")


def test_a_fresh_process_takes_over_and_no_call_fails(mesh: Mesh, plugin: Plugin) -> None:
    """To and fro under load, with new code; the way back takes less than a second."""
    with load(mesh, "mine") as wrong:
        pids = [plugin.row["pid"]]
        for n in range(3):
            plugin.edit("directory.chmod(0o755)", f"directory.chmod(0o755); print('version {n}', flush=True)")
            plugin.swap().ok()
            assert plugin.row["pid"] not in ("", *pids)
            eventually(lambda n=n: f"version {n}" in plugin.log)  # type: ignore[misc] # bound now
            began = time.monotonic()
            mesh.argosy("plugin", "rollback", "mine").ok()
            assert time.monotonic() - began < 8  # with the command's own start; the swap alone is in the bench
            assert plugin.row["pid"] == pids[-1]
            mesh.argosy("plugin", "rollback", "mine").ok()
            pids.append(plugin.row["pid"])
        assert plugin.row["generation"] == 10 and plugin.row["restarts"] == 0
    assert wrong == []
    eventually(lambda: [alive(pid) for pid in pids[:-2]] == [False] * (len(pids) - 2))


def test_one_that_can_not_take_over_leaves_the_old_one_serving(mesh: Mesh, plugin: Plugin) -> None:
    """Its code is broken, it opens something else, or it is killed while it starts."""
    with load(mesh, "mine") as wrong:
        before = plugin.row["pid"]
        plugin.edit("class Plain(Backend):", "class Plain(Backend:")
        refused(plugin.swap(), "the new process can't serve: its process ended with exit code 1")
        assert "SyntaxError" in plugin.log
        plugin.file.write_text(EXAMPLE.read_text())
        refused(
            plugin.swap("--command", f"{sys.executable} {plugin.file} --root {plugin.base / 'another'}"),
            "give the new one the same data",
        )
        assert plugin.row["pid"] == before and plugin.row["generation"] == 1
    assert wrong == []


def test_one_that_breaks_the_contract_does_not_take_over_when_it_is_judged(mesh: Mesh, plugin: Plugin) -> None:
    """In a root of its own: neither is anything of it left in the plugin's, nor do callers see it."""
    before = plugin.row["pid"]
    with load(mesh, "mine") as wrong:
        plugin.edit('Mount("bind", str(directory)', 'Mount("bind", str(directory / "elsewhere")')
        refused(plugin.swap("--verify"), "does not keep the contract, and does not take over")
        assert plugin.row["pid"] == before
        plugin.file.write_text(EXAMPLE.read_text())
        plugin.swap("--verify").ok()
        assert plugin.row["pid"] != before
    assert wrong == []
    assert "verify" not in mesh.ctr("snapshots", "--snapshotter", "mine", "ls").ok().out


def test_a_canary_goes_back_by_itself(mesh: Mesh, plugin: Plugin) -> None:
    """One that fails calls is replaced by the one before; one that does not is kept."""
    refused(plugin.swap("--max-error-rate", "1%"), "say how long it takes")
    refused(plugin.swap("--canary", "1s", "--max-error-rate", "x"), "is no share of all calls")
    with load(mesh, "mine") as wrong:
        before = plugin.row["pid"]
        plugin.edit("directory.chmod(0o755)", "raise ValueError('a bad version')")
        began = time.monotonic()
        refused(plugin.swap("--canary", "20s", "--max-error-rate", "0.5%"), "is served by the one before again")
        assert time.monotonic() - began < 15
        assert plugin.row["pid"] == before and plugin.row["state"] == "ready"
        assert wrong
        time.sleep(1)  # what was in flight has ended
        known = len(wrong)
        plugin.file.write_text(EXAMPLE.read_text())
        plugin.swap("--canary", "1s", "--max-error-rate", "0.5%").ok()
        assert plugin.row["pid"] != before and len(wrong) == known


def test_a_mesh_that_starts_again_has_them_again(short_path: Path) -> None:
    """Of its rows and of its configuration; at its end nothing runs on."""
    config = short_path / "mesh.toml"
    words = [sys.executable, str(EXAMPLE), "--root", str(short_path / "told")]
    config.write_text(f'[services.content]\nkind = "content"\n[proxy_plugins.told]\ntype = "snapshot"\ncommand = {words}\n')
    mesh = Mesh(short_path / "m", extra=["--config", str(config)])
    mesh.base.mkdir()
    mesh.start()
    try:
        mine = Plugin(mesh, short_path, "mine")
        mine.add()
        mine.swap().ok()
        is_in(mesh, "told", "ready")
        mesh.ctr("snapshots", "--snapshotter", "told", "prepare", "k").ok()
        mesh.argosy("plugin", "swap", "told").ok()
        mesh.ctr("snapshots", "--snapshotter", "told", "mounts", "/m", "k").ok()
        pids = [shown(mesh, name)["pid"] for name in ("mine", "told")]
        assert mesh.stop() == 0
        assert not any(map(alive, pids))
        mesh.start()
        for name in ("mine", "told"):
            is_in(mesh, name, "ready")
            assert shown(mesh, name)["pid"] not in pids
        mesh.ctr("snapshots", "--snapshotter", "told", "mounts", "/m", "k").ok()
        # A supervisor that is killed takes them with it.
        pids = [shown(mesh, name)["pid"] for name in ("mine", "told")]
        assert mesh.process is not None
        killed = mesh.process.pid
        with ending(mesh.process):
            mesh.process = None  # killed at the end of the block
        eventually(lambda: not any(map(alive, pids)))
        mesh.start()
        is_in(mesh, "mine", "ready")
        is_in(mesh, "told", "ready")
        assert not cgroups_of(killed)
    finally:
        mesh.destroy()


def test_one_that_hangs_is_killed_and_replaced(mesh: Mesh, plugin: Plugin) -> None:
    """It does not let go of its root, and is ours to end; so is a fresh one that stops while it takes over."""
    mesh.ctr("snapshots", "--snapshotter", "mine", "prepare", "k").ok()
    before = plugin.row["pid"]
    os.kill(before, signal.SIGSTOP)
    plugin.swap().ok()
    row = plugin.row
    assert row["pid"] not in ("", before) and row["state"] == "ready" and not alive(before)
    mesh.ctr("snapshots", "--snapshotter", "mine", "mounts", "/m", "k").ok()
    # The fresh one stops in its claim, with the lock.
    stops = "os.kill(os.getpid(), signal.SIGSTOP) if str(self.root).endswith('/mine') else None"
    plugin.edit(
        "if __name__", f"import os, signal\nfrom argosy.plugin.snapshots import TreeSnapshotter\n"
        f"made = Plain()\nasync def opened(root: Path) -> TreeSnapshotter:\n    self = await TreeSnapshotter.open(root, made)\n    {stops}\n    return self\n\n"
        "Plain = opened\nif __name__",
    )  # fmt: skip
    ran = plugin.swap()
    refused(ran, "Claim was not answered within")
    is_in(mesh, "mine", "ready")
    assert plugin.row["pid"] == row["pid"]
    mesh.ctr("snapshots", "--snapshotter", "mine", "mounts", "/m", "k").ok()
    mesh.ctr("snapshots", "--snapshotter", "mine", "rm", "k").ok()
