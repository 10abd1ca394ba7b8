"""A container is let go without ``runc start`` and forgotten without ``runc delete``: every other runc must see the same as after them."""

from __future__ import annotations

import json
import os
import select
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from argosy.testkit.image import busybox_layer
from argosy_shim_runc_v2.runc import Runtime

from tests.harness.mesh import eventually

pytestmark = pytest.mark.root


class Made:
    """A container that the real runc has created, and its init."""

    def __init__(self, directory: Path, change: Callable[[Any], None] | None = None) -> None:
        self.root, self.bundle, self.id = directory / "runc", directory / "bundle", f"ay-{directory.name}"
        (self.bundle / "rootfs").mkdir(parents=True)
        subprocess.run(["tar", "x", "-C", str(self.bundle / "rootfs")], input=busybox_layer(), check=True)
        subprocess.run(["runc", "spec"], cwd=self.bundle, check=True)
        spec = json.loads((self.bundle / "config.json").read_text())
        spec["process"] |= {"terminal": False, "args": ["sh", "-c", "echo ran >/ran; sleep 1000"]}
        spec["root"]["readonly"] = False
        spec["linux"]["cgroupsPath"] = f"/default/{self.id}"
        if change is not None:
            change(spec)
        (self.bundle / "config.json").write_text(json.dumps(spec))
        self.runc("create", "--bundle", str(self.bundle), "--pid-file", str(directory / "pid"), self.id)
        self.init = os.pidfd_open(int((directory / "pid").read_text()))
        self.ran = self.bundle / "rootfs/ran"

    def runc(self, *words: str) -> str:
        command = ["runc", "--root", str(self.root), *words]
        # A container's init keeps what it was born with: no pipe of ours.
        with open(self.bundle / "out", "w+") as out:
            subprocess.run(command, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT, check=True)
            out.seek(0)
            return out.read()

    def cgroups(self) -> list[Path]:
        """The container's cgroups that are there."""
        named: dict[str, str] = json.loads((self.root / self.id / "state.json").read_text())["cgroup_paths"]
        return [Path(path) for path in named.values() if Path(path).exists()]

    def end(self) -> None:
        signal.pidfd_send_signal(self.init, signal.SIGKILL)
        # runc looks at the first of its threads; the others may be in its cgroup for some time yet.
        assert select.select([self.init], [], [], 30)[0]
        eventually(lambda: self.status() == "stopped")

    def status(self) -> str:
        return str(json.loads(self.runc("state", self.id))["status"])


@pytest.fixture
def made(short_path: Path, request: pytest.FixtureRequest) -> Iterator[Made]:
    container = Made(short_path, getattr(request, "param", None))
    try:
        yield container
    finally:
        subprocess.run(["runc", "--root", str(container.root), "delete", "--force", container.id], check=False)
        os.close(container.init)


def test_a_released_container_runs_and_is_running_for_runc(made: Made) -> None:
    runtime = Runtime("runc", str(made.root))
    assert made.status() == "created" and not made.ran.exists()
    assert runtime.release(made.id, made.init)
    eventually(made.ran.exists)
    assert made.status() == "running" and not (made.root / made.id / "exec.fifo").exists()
    # It waits no more, and there is nothing to let go of.
    assert not runtime.release(made.id, made.init)
    made.runc("kill", made.id, "KILL")
    eventually(lambda: made.status() == "stopped")


def test_what_has_ended_is_runcs_to_explain(made: Made) -> None:
    signal.pidfd_send_signal(made.init, signal.SIGKILL)
    eventually(lambda: made.status() == "stopped")
    assert not Runtime("runc", str(made.root)).release(made.id, made.init)
    assert not made.ran.exists()


def test_another_runtime_starts_its_own(made: Made, tmp_path: Path) -> None:
    wrapper = tmp_path / "my-runtime"
    shutil.copy(shutil.which("true") or "", wrapper)
    assert not Runtime(str(wrapper), str(made.root)).release(made.id, made.init)
    assert not Runtime("runc", str(made.root)).release("no-such-container", made.init)
    assert made.status() == "created"


def test_an_ended_container_is_forgotten_as_runc_forgets_it(made: Made) -> None:
    cgroups = made.cgroups()
    assert cgroups != []
    made.end()
    assert Runtime("runc", str(made.root)).forget(made.id)
    assert not any(path.exists() for path in cgroups)
    assert list(made.root.iterdir()) == [] and json.loads(made.runc("list", "--format", "json") or "null") is None
    assert not Runtime("runc", str(made.root)).forget(made.id)


def test_a_container_that_runs_is_not_forgotten(made: Made) -> None:
    runtime = Runtime("runc", str(made.root))
    assert not runtime.forget(made.id) and made.status() == "created"
    assert runtime.release(made.id, made.init)
    eventually(made.ran.exists)
    assert not runtime.forget(made.id) and made.status() == "running" and made.cgroups() != []


def _with_a_hook(spec: Any) -> None:
    spec["hooks"] = {"poststop": [{"path": "/bin/true"}]}


def _in_our_pid_namespace(spec: Any) -> None:
    spec["linux"]["namespaces"] = [n for n in spec["linux"]["namespaces"] if n["type"] != "pid"]


@pytest.mark.parametrize("made", [_with_a_hook, _in_our_pid_namespace], indirect=True)
def test_what_needs_more_than_that_is_runcs_to_forget(made: Made) -> None:
    made.end()
    assert not Runtime("runc", str(made.root)).forget(made.id)
    made.runc("delete", made.id)
    assert list(made.root.iterdir()) == []


def test_what_a_shim_that_died_half_way_has_left_goes_with_runc_delete(made: Made) -> None:
    made.end()
    for path in set(made.cgroups()):
        path.rmdir()
    (made.root / made.id / "state.json").unlink()
    assert not Runtime("runc", str(made.root)).forget(made.id)
    made.runc("delete", "--force", made.id)  # what the binary's delete calls
    assert list(made.root.iterdir()) == []


def test_a_cgroup_that_is_busy_is_runcs_to_remove(made: Made, tmp_path: Path) -> None:
    made.end()
    below = made.cgroups()[0] / "below"
    below.mkdir()
    runtime = Runtime("runc", str(made.root))
    assert not runtime.forget(made.id) and (made.root / made.id / "state.json").exists()
    # What was taken away by then is not missed.
    runtime.run(["delete", made.id], str(tmp_path / "log"))
    assert list(made.root.iterdir()) == [] and not below.exists()


def test_another_runtime_and_systemds_cgroups_forget_their_own(made: Made, tmp_path: Path) -> None:
    made.end()
    wrapper = tmp_path / "my-runtime"
    shutil.copy(shutil.which("true") or "", wrapper)
    assert not Runtime(str(wrapper), str(made.root)).forget(made.id)
    assert not Runtime("runc", str(made.root), systemd_cgroup=True).forget(made.id)
    assert made.status() == "stopped"
