"""A service that starts again is what is on disk now, whatever the supervisor has loaded: its own code, ours, and what it depends on."""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from argosy.settings import validate
from argosy_cli.child import plain
from argosy_cli.config import defaults
from argosy_cli.services import service_of
from argosy_cli.supervisor import plan

from tests.harness.installed import install
from tests.harness.mesh import ARGOSY, Mesh, eventually

pytestmark = pytest.mark.root
SERVICE = '''
from dataclasses import dataclass, field
from pathlib import Path
from argosy.service import Service
from argosy.settings import Settings, option

@dataclass(frozen=True, kw_only=True)
class AgedSettings(Settings):
    """What it was told."""

    gateway: Path = option("who calls", mesh="address")
    words: list[str] = option("anything", default_factory=list)

def load():
    import dependency_of_a_test
    version = "1"
    async def start(ctx):
        ctx.gauges["version"] = lambda: version
        ctx.gauges["dependency"] = lambda: dependency_of_a_test.version
        ctx.gauges["told"] = lambda: f"{type(ctx.settings.gateway).__name__} {ctx.settings.words}"
        return []
    return start

SERVICE = Service("aged", AgedSettings, load, about="aged service", plugin="snapshot", public_name="aged")
'''


@pytest.fixture
def mesh(short_path: Path) -> Iterator[Mesh]:
    site = short_path / "site"
    install(site, "aged", "aged_of_a_test", SERVICE)
    (site / "dependency_of_a_test.py").write_text('version = "1"\n')
    config = short_path / "mesh.toml"
    config.write_text(
        'idle_s = 0.4\n[services.content]\nkind = "content"\n[services.aged]\nkind = "aged"\nstart = "at-once"\n'
        'settings = { words = ["a", "b c"] }\n'
    )
    running = Mesh(
        short_path, extra=["--config", str(config)], command=(sys.executable, str(ARGOSY)), env={"PYTHONPATH": str(site)}
    )
    running.start()
    yield running
    running.destroy()


def gauges(mesh: Mesh) -> dict[str, str]:
    rows = {row["role"]: row for row in json.loads(mesh.argosy("-o", "json", "status").ok().out)}
    found: dict[str, str] = rows["snapshotter aged"]["gauges"]
    return found


def killed(mesh: Mesh, name: str) -> None:
    pid = mesh.services()[name]
    os.kill(pid, signal.SIGKILL)
    eventually(lambda: mesh.services().get(name, pid) != pid)


def test_a_service_that_dies_comes_back_as_what_is_on_disk(mesh: Mesh) -> None:
    told = "PosixPath ['a', 'b c']"
    assert gauges(mesh) == {"version": "1", "dependency": "1", "told": told}
    killed(mesh, "argosy-aged")
    assert gauges(mesh) == {"version": "1", "dependency": "1", "told": told}
    assert "code.changed" not in mesh.log.read_text(), "what is as it was is forked"
    # A dependency is enough; the service's own code follows, and comes at its next start.
    (mesh.base / "site/dependency_of_a_test.py").write_text('version = "two"\n')
    killed(mesh, "argosy-aged")
    assert gauges(mesh) == {"version": "1", "dependency": "two", "told": told}
    (mesh.base / "site/aged_of_a_test.py").write_text(SERVICE.replace('version = "1"', 'version = "three"'))
    killed(mesh, "argosy-aged")
    assert gauges(mesh) == {"version": "three", "dependency": "two", "told": told}
    assert mesh.log.read_text().count("code.changed") == 1


def test_every_service_of_an_older_supervisor_works(mesh: Mesh) -> None:
    """The gateway too, and one that starts with its first call, ends, and starts with the next."""
    (mesh.base / "site/dependency_of_a_test.py").write_text('version = "two"\n')
    killed(mesh, "argosy-gateway")
    for n in (1, 2):
        mesh.ctr("content", "ingest", f"ref{n}", input=f"bytes {n}").ok()
        assert mesh.log.read_text().count('"event": "service.ready", "service": "content"') == n
        eventually(lambda: "argosy-content" not in mesh.services())
    text = mesh.log.read_text()
    assert text.count("service.ended") == 1, text[-3000:]  # the one that was killed
    command = Path(f"/proc/{mesh.services()['argosy-gateway']}/cmdline").read_bytes().split(b"\0")
    assert b"argosy_cli.child" in command, "it was forked by what is older"
    assert mesh.stop() == 0


def test_code_that_cannot_be_loaded_is_told_to_the_callers(mesh: Mesh) -> None:
    """Half an update: the service is tried again, and is back when the other half is there."""
    good = (mesh.base / "site/aged_of_a_test.py").read_text()
    (mesh.base / "site/aged_of_a_test.py").write_text("import nothing_of_that_name\n")
    pid = mesh.services()["argosy-aged"]
    os.kill(pid, signal.SIGKILL)
    eventually(lambda: "nothing_of_that_name" in mesh.log.read_text())
    mesh.ctr("content", "ls").ok()
    time.sleep(0.5)
    (mesh.base / "site/aged_of_a_test.py").write_text(good.replace('version = "1"', 'version = "mended"'))

    def mended() -> None:
        assert gauges(mesh).get("version") == "mended"

    eventually(mended, within=20)


def test_settings_come_through_as_they_are() -> None:
    """Of each service of a usual mesh, the gateway with its tables."""
    for child in plan(defaults()):
        service = service_of(child.kind)
        settings = service.settings(**child.values)
        table = json.loads(json.dumps(plain(settings)))
        assert validate(service.settings, table, child.name) == settings
