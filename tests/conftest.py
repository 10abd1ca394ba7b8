"""A run of tests is apart from others; fixtures: a temporary directory with a short path, an image, a mesh."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest
from argosy.testkit.image import oci_archive
from argosy.testkit.registry import running_registry

from tests.harness.apart import Apart, apart
from tests.harness.mesh import IMAGE, Mesh

# Before grpc is loaded: its fork handlers write to descriptors that a child of ours has closed, and perhaps opened for another use.
os.environ["GRPC_ENABLE_FORK_SUPPORT"] = "false"
# How long an example takes says how busy the machine is: the other half of the tests runs beside this one.
hypothesis.settings.register_profile("busy", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow])
hypothesis.settings.load_profile("busy")
_APART = pytest.StashKey[Apart]()
_NOT_APART = pytest.StashKey[str]()


def pytest_configure(config: pytest.Config) -> None:
    """As root, a run is apart from those beside it before anything of it has begun."""
    if os.geteuid() == 0:
        try:
            config.stash[_APART] = apart()
        except OSError as error:
            config.stash[_NOT_APART] = f"not apart from other tests on this machine: {error}"


def pytest_report_header(config: pytest.Config) -> str:
    return config.stash.get(_NOT_APART, "")


def pytest_unconfigure(config: pytest.Config) -> None:
    if (made := config.stash.get(_APART, None)) is not None:
        made.leave()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What needs root is skipped without it, and says so."""
    if os.geteuid() == 0:
        return
    for item in items:
        if item.get_closest_marker("root"):
            item.add_marker(pytest.mark.skip(reason="needs root: mounts, cgroups, runc"))


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    """A test that fails shows what its mesh said last: why a VM ended, which service failed."""
    made = yield
    report = made.get_result()  # type: ignore[attr-defined] # pluggy's, which a plain generator's type does not say
    mesh = getattr(item, "funcargs", {}).get("mesh")
    if report.failed and isinstance(mesh, Mesh) and mesh.log.exists():
        report.sections.append(("the mesh's log", "\n".join(mesh.log.read_text(errors="replace").splitlines()[-40:])))


@pytest.fixture(scope="session", autouse=True)
def command_templates() -> Iterator[None]:
    """Commands of the tests have templates of their own, which end with their meshes."""
    path = Path(tempfile.mkdtemp(prefix="ay-", dir="/tmp"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ARGOSY_CLI_DIR", str(path))
        yield
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture
def short_path() -> Iterator[Path]:
    """A directory whose path leaves room for socket names."""
    path = Path(tempfile.mkdtemp(prefix="ay-", dir="/tmp"))
    yield path
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture(scope="session")
def image_archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small OCI image, called docker.io/library/busybox:latest."""
    path = tmp_path_factory.mktemp("image") / "busybox.tar"
    oci_archive(path, IMAGE)
    return path


@pytest.fixture(scope="module")
def mesh(image_archive: Path) -> Iterator[Mesh]:
    """A mesh with the image in it; nothing of its tasks may be left at the end."""
    running = Mesh(Path(tempfile.mkdtemp(prefix="ay-", dir="/tmp")))
    running.start()
    try:
        running.ctr("images", "import", str(image_archive)).ok()
        yield running
        left = running.leftovers()
        assert left == [], left
    finally:
        running.destroy()


@pytest.fixture(scope="module")
def registry() -> Iterator[str]:
    """An empty registry; its host:port."""
    with running_registry() as address:
        yield address
