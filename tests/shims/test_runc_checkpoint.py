"""What the runtime is told to write a checkpoint of: a task that runs, and one that is paused, as clients do that pause it first."""

from __future__ import annotations

from pathlib import Path

import pytest
from argosy.errors import Unknown
from argosy.shim import lifecycle
from argosy_protos.lean.containerd.runc.v1 import Options
from argosy_protos.lean.containerd.task.v2 import CreateTaskRequest
from argosy_protos.lean.google.protobuf import Any as AnyMessage
from argosy_shim_runc_v2.container import OPTIONS_TYPE, Container


@pytest.fixture
def container(tmp_path: Path) -> Container:
    """One whose runtime only writes down what it is told."""
    runtime = tmp_path / "runtime"
    runtime.write_text(f'#!/bin/sh\necho "$@" >> {tmp_path}/told\n')
    runtime.chmod(0o755)
    options = AnyMessage(type_url=OPTIONS_TYPE, value=Options(binary_name=str(runtime), root=str(tmp_path)).encode())
    return Container("n", CreateTaskRequest(id="c", bundle=str(tmp_path), options=options))


@pytest.mark.parametrize("status", [lifecycle.RUNNING, lifecycle.PAUSED])
def test_a_running_or_paused_task_is_checkpointed_and_stays_as_it_is(
    container: Container, tmp_path: Path, status: int
) -> None:
    container.init.status = status
    container.make_checkpoint(str(tmp_path / "image"), None)
    told = (tmp_path / "told").read_text()
    assert f"checkpoint --image-path {tmp_path}/image" in told and "--leave-running" in told
    assert container.init.status == status


@pytest.mark.parametrize("status", [lifecycle.CREATED, lifecycle.STOPPED, lifecycle.PAUSING])
def test_no_other_is(container: Container, tmp_path: Path, status: int) -> None:
    container.init.status = status
    with pytest.raises(Unknown, match="cannot checkpoint a"):
        container.make_checkpoint(str(tmp_path / "image"), None)
    assert not (tmp_path / "told").exists()
