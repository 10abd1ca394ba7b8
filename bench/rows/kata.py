"""Containers in VMs, by our mesh and by a stock containerd: against the numbers that the VM shim is accepted by."""

from __future__ import annotations

import contextlib
import itertools
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from argosy.kernel.process import start_time
from argosy_shim_kata_v2.config import Config
from argosy_shim_kata_v2.launch import make_spare, start
from argosy_shim_kata_v2.processes import Adopted
from argosy_shim_kata_v2.qemu import Qemu
from argosy_shim_kata_v2.template import shape_of, template

from bench.disk import fresh_disk
from bench.images import SMALL
from bench.measure import Bench, Result, Series, note
from bench.setup import OUT, Setup
from bench.sides import Failed, Side

_RUNTIME = ("--runtime", "io.containerd.kata.v2")
_NUMBERS = itertools.count()
_PODS = 6
_FLOOD_MB = 16


@contextlib.contextmanager
def _home() -> Iterator[Path]:
    """Directories for images and VMs, named in the environment that the daemons inherit."""
    base = Path(tempfile.mkdtemp(prefix="ay-", dir="/tmp"))
    packages = OUT / "kata-packages"
    packages.mkdir(parents=True, exist_ok=True)
    (base / "data").mkdir()
    (base / "data/packages").symlink_to(packages)
    os.environ |= {"ARGOSY_KATA_DIR": str(base / "data"), "ARGOSY_KATA_RUN": str(base / "r")}
    try:
        yield base
    finally:
        for name in ("ARGOSY_KATA_DIR", "ARGOSY_KATA_RUN"):
            del os.environ[name]
        shutil.rmtree(base, ignore_errors=True)


def _timed(rounds: int, step: Callable[[], object]) -> Series:
    values = []
    for _ in range(rounds):
        began = time.perf_counter()
        value = step()
        values.append(float(value) if isinstance(value, float) else time.perf_counter() - began)
    return Series(values)


def kata(bench: Bench, setup: Setup) -> None:
    """What is printed as stock is the number that must be reached."""

    def add(what: str, unit: str, ours: Series, limit: float, higher: bool = False) -> None:
        bench.add(Result("kata", what, unit, ours, bench.one(limit), required=1.0, higher_is_better=higher))

    if shutil.which(Config().hypervisor) is None:
        raise Failed("QEMU is not installed; type: apt-get install -y qemu-system-x86")
    with _home() as base:
        program = Path(sys.executable).with_name("argosy-kata-image")
        subprocess.run([program, "build"], check=True, capture_output=True)
        add("image build", "s", _timed(1, lambda: subprocess.run([program, "build"], check=True, capture_output=True)), 10)
        _machines(bench, add)
        shims = base / "shims"
        shims.mkdir()
        (shims / "containerd-shim-kata-v2").symlink_to(program.with_name("containerd-shim-kata-v2"))
        for index in (0, 1):
            with fresh_disk(f"kata{index}") as disk, setup.side(index, disk, shims=shims) as side:
                side.ctr("images", "import", str(setup.small_image()))
                note(f"kata: through {side.label}")
                _containers(bench, side, add if index == 0 else _through_stock(add))
        left = [p.name for p in (base / "r").iterdir() if p.name != "accel.json"]
        if left:
            raise Failed(f"VMs left {left}")


def _through_stock(add: Callable[..., None]) -> Callable[..., None]:
    return lambda what, *rest: add(f"stock containerd: {what}", *rest)


def _machines(bench: Bench, add: Callable[..., None]) -> None:
    """VMs by themselves: template, clone, cold boot, memory."""
    config = Config()
    add("template build", "s", _timed(1, lambda: template(shape_of(config))), 30)

    def clone(chosen: Config = config) -> Qemu:
        return start(chosen, f"b{next(_NUMBERS)}", False, lambda _: None, lambda _: None)

    def from_spare() -> float:
        """Seconds from a spare VM to its agent's first answer."""
        spare = make_spare(shape_of(config), f"b{next(_NUMBERS)}", False)
        began = time.perf_counter()
        process = Adopted(spare.pid, start_time(spare.pid))
        held.append(start(config, spare.folder.name, False, lambda _: None, lambda _: None, spare=process))
        return time.perf_counter() - began

    held: list[Qemu] = []
    try:
        clones = _timed(bench.rounds(10), lambda: held.append(clone()))
        add("clone to first answer", "s", clones, 0.5)
        add("clone to first answer, p95", "s", bench.one(clones.p95), 1.5)
        add("spare VM to first answer", "s", _timed(bench.rounds(5), from_spare), 0.5)
        add("idle clone, PSS", "MiB", Series([_memory(m.pid, "Pss") for m in held]), 80)
    finally:
        for machine in held:
            machine.cleanup()
    cold: list[Qemu] = []
    add("cold boot without a template", "s", _timed(1, lambda: cold.append(clone(Config(template=False)))), 20)
    cold[0].cleanup()


def _memory(pid: int, field: str) -> float:
    for row in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if row.startswith(f"{field}:"):
            return int(row.split()[1]) / 1024
    return 0.0


def _containers(bench: Bench, side: Side, add: Callable[..., None]) -> None:
    """Containers by ctr."""

    def name() -> str:
        return f"k{next(_NUMBERS)}"

    def first_output() -> float:
        began = time.perf_counter()
        process = subprocess.Popen(
            ["ctr", "-a", str(side.address), "run", "--rm", *_RUNTIME, SMALL, name(), "echo", "first"],
            stdout=subprocess.PIPE,
        )
        assert process.stdout is not None
        with process.stdout as stream:
            if stream.readline() != b"first\n":
                raise Failed("a container in a VM said nothing")
            spent = time.perf_counter() - began
        process.wait()
        return spent

    first_output()
    add("run to first output", "s", _timed(bench.rounds(5), first_output), 3)
    id = name()
    side.ctr("run", "-d", *_RUNTIME, SMALL, id, "sleep", "3600")
    listed = subprocess.run(
        ["ctr", "-a", str(side.address), "tasks", "ls"], capture_output=True, text=True, check=True
    ).stdout
    vm = int(next(line.split()[1] for line in listed.splitlines() if line.split()[0] == id))
    add("exec true", "s", _timed(bench.rounds(5), lambda: side.ctr("tasks", "exec", "--exec-id", name(), id, "true")), 1)
    add("pause", "s", _timed(3, lambda: _pause(side, id, resume=True)), 0.05)
    add("stats", "s", _timed(3, lambda: side.ctr("tasks", "metrics", id)), 0.1)
    add("a container's VM, RSS", "MiB", bench.one(_memory(vm, "Rss")), 160)
    add("output", "MB/s", _timed(1, lambda: _flood(side, id, name())), 1, True)
    add("kill to exit", "s", _timed(1, lambda: _kill(side, id)), 0.3)
    side.ctr("tasks", "rm", "-f", id)
    side.ctr("containers", "rm", id)
    add(f"{_PODS} at the same time", "s", _timed(1, lambda: _many(side, name)), 15)


def _pause(side: Side, id: str, resume: bool) -> float:
    began = time.perf_counter()
    side.ctr("tasks", "pause", id)
    spent = time.perf_counter() - began
    if resume:
        side.ctr("tasks", "resume", id)
    return spent


def _flood(side: Side, id: str, exec_id: str) -> float:
    began = time.perf_counter()
    command = ["ctr", "-a", str(side.address), "tasks", "exec", "--exec-id", exec_id, id, "dd", "if=/dev/zero", "bs=64k"]
    done = subprocess.run([*command, f"count={_FLOOD_MB * 16}"], capture_output=True, check=True)
    if len(done.stdout) != _FLOOD_MB << 20:
        raise Failed(f"{len(done.stdout)} bytes of output came through")
    return _FLOOD_MB / (time.perf_counter() - began)


def _kill(side: Side, id: str) -> float:
    waiter = subprocess.Popen(["ctr", "-a", str(side.address), "events"], stdout=subprocess.PIPE, text=True)
    time.sleep(0.3)
    began = time.perf_counter()
    side.ctr("tasks", "kill", "-s", "SIGKILL", id)
    assert waiter.stdout is not None
    for row in waiter.stdout:
        if "/tasks/exit" in row:
            break
    spent = time.perf_counter() - began
    waiter.send_signal(signal.SIGTERM)
    waiter.communicate()
    return spent


def _many(side: Side, name: Callable[[], str]) -> None:
    started = [
        subprocess.Popen(["ctr", "-a", str(side.address), "run", "--rm", *_RUNTIME, SMALL, name(), "true"])
        for _ in range(_PODS)
    ]
    for process in started:
        if process.wait(120):
            raise Failed("one of several VMs at once failed")
