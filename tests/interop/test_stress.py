"""containerd-stress through us: eight workers create, start, wait for and delete containers."""

from __future__ import annotations

import pytest

from tests.harness.mesh import Mesh
from tests.harness.stress import stress

pytestmark = pytest.mark.root


def test_no_container_fails_and_nothing_is_left(mesh: Mesh, registry: str) -> None:
    counted = stress(mesh, registry, 8)
    assert counted["failures"] == 0 and counted["total"] >= 8, counted


def test_execs_go_on_beside_them(mesh: Mesh, registry: str) -> None:
    counted = stress(mesh, registry, 4, "--exec")
    assert counted["failures"] == 0 and counted["execFailures"] == 0 and counted["execTotal"] > 0, counted
