"""Containers in user namespaces: their root is nobody on the host, and must get to its own bundle, as nobody else does."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from argosy_tasks.bundle import Bundle, MappedRoot, mapped_root

from tests.harness.mesh import IMAGE, Mesh

pytestmark = pytest.mark.root

MAPS = ("--uidmap", "0:100000:65536", "--gidmap", "0:200000:65536")


@pytest.fixture
def passable(short_path: Path, image_archive: Path) -> Iterator[Mesh]:
    """A mesh below a directory that everybody can pass, as /run is."""
    short_path.chmod(0o755)
    mesh = Mesh(short_path)
    mesh.start()
    mesh.ctr("images", "import", str(image_archive)).ok()
    yield mesh
    mesh.destroy()


def listed(paths: list[Path], uid: int, gid: int) -> list[str]:
    """Return which of these directories this user can list, or stat something in."""
    code = (
        "import os, sys\n"
        "for path in sys.argv[1:]:\n"
        "    for look in (os.listdir, lambda p: os.stat(p + '/.')):\n"
        "        try: look(path); print(look.__name__, path)\n"
        "        except OSError: pass\n"
    )
    command = ["setpriv", f"--reuid={uid}", f"--regid={gid}", "--clear-groups", sys.executable, "-I", "-S", "-c", code]
    return subprocess.run([*command, *map(str, paths)], capture_output=True, text=True, check=True).stdout.splitlines()


def test_ctr_runs_a_container_in_a_user_namespace_and_execs_in_it(passable: Mesh) -> None:
    script = "id -u; cat /proc/self/uid_map; touch /mine && ls -ln /mine | cut -c1-10"
    ran = passable.ctr("run", "--rm", *MAPS, IMAGE, "userns", "sh", "-c", script).ok()
    assert ran.out.split() == ["0", "0", "100000", "65536", "-rw-r--r--"]
    passable.ctr("run", "-d", *MAPS, IMAGE, "stays", "sleep", "60").ok()
    assert passable.ctr("tasks", "exec", "--exec-id", "e", "stays", "id", "-u").ok().out == "0\n"
    passable.ctr("tasks", "rm", "-f", "stays").ok()
    passable.ctr("containers", "rm", "stays").ok()
    assert passable.leftovers() == []


def test_its_bundle_is_passed_by_its_own_group_and_listed_by_nobody(passable: Mesh) -> None:
    """What is above can be passed; each other directory in it is closed by itself, that of a container without a map too."""
    passable.ctr("run", "-d", *MAPS, IMAGE, "mapped", "sleep", "60").ok()
    passable.ctr("run", "-d", IMAGE, "plain", "sleep", "60").ok()
    bundles = passable.state / "io.containerd.runtime.v2.task/default"
    found = (bundles / "mapped").stat()
    assert (found.st_uid, found.st_gid, stat.S_IMODE(found.st_mode)) == (os.geteuid(), 200000, 0o710)
    assert stat.S_IMODE((bundles / "plain").stat().st_mode) == 0o700
    above = [passable.state, bundles.parent, bundles]
    assert [stat.S_IMODE(path.stat().st_mode) for path in above] == [0o711] * 3
    closed = [passable.root, *(passable.state / name for name in ("s", "runc")), *bundles.iterdir()]
    assert not any(line.startswith("listdir") for line in listed([*above, *closed], 100000, 200000))
    assert listed(closed, 100001, 200001) == []
    for id in ("mapped", "plain"):
        passable.ctr("tasks", "rm", "-f", id).ok()
        passable.ctr("containers", "rm", id).ok()
    # The next start closes the state directory again.
    assert passable.stop() == 0
    passable.start()
    assert stat.S_IMODE(passable.state.stat().st_mode) == 0o700


@pytest.mark.parametrize(
    ("linux", "root"),
    [
        (None, None),
        ({}, None),
        ({"uidMappings": None, "gidMappings": None}, None),
        (
            {"uidMappings": [{"hostID": 5, "size": 1}], "gidMappings": [{"containerID": 0, "hostID": 6, "size": 1}]},
            MappedRoot(5, 6),
        ),
        (
            {
                "uidMappings": [{"containerID": 1, "hostID": 9, "size": 1}, {"containerID": 0, "hostID": 5, "size": 1}],
                "gidMappings": [{"hostID": 6, "size": 9}],
            },
            MappedRoot(5, 6),
        ),
        ({"uidMappings": [{"containerID": 1, "hostID": 9, "size": 1}], "gidMappings": [{"hostID": 6, "size": 9}]}, None),
        # Neither the host's root nor what chown takes for "leave it".
        ({"uidMappings": [{"size": 9}], "gidMappings": [{"size": 9}]}, None),
        ({"uidMappings": [{"hostID": 5}], "gidMappings": [{"hostID": 0xFFFFFFFF}]}, None),
        ({"uidMappings": [{"hostID": "5"}], "gidMappings": [{"hostID": 6}]}, None),
        ({"uidMappings": ["odd"], "gidMappings": [{"hostID": 6}]}, None),
        ({"uidMappings": 7, "gidMappings": [{"hostID": 6}]}, None),
    ],
)
def test_who_root_is_on_the_host(linux: object, root: MappedRoot | None) -> None:
    """As Go's decoder reads it: null is absent, what is 0 may be left out; anything odd is left to the runtime."""
    assert mapped_root(json.dumps({"linux": linux}).encode()) == root


@pytest.mark.parametrize("config", [b"", b'"Mappings"', b'{"linux": "Mappings"}', b'[["uidMappings"]]', b"Mappings {"])
def test_a_spec_that_is_none_opens_nothing(tmp_path: Path, config: bytes) -> None:
    state = tmp_path / "state/bundles"
    (tmp_path / "state").mkdir(mode=0o700)
    bundle = Bundle.make(state, tmp_path / "root", "n", "c", config)
    assert stat.S_IMODE(bundle.path.stat().st_mode) == stat.S_IMODE(state.parent.stat().st_mode) == 0o700
