"""Stream processors that come, go and are swapped while a mesh runs: what a differ finds, what is kept, what is refused."""

from __future__ import annotations

import asyncio
import gzip
import json
import os
import signal
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from argosy.errors import InvalidArgument, NotFound
from argosy.tables import StreamProcessor
from argosy.testkit.image import LAYER, busybox_layer, oci_archive
from argosy_gateway.processors import Processors

from tests.harness.gateways import Gateway
from tests.harness.mesh import Mesh, Ran, comm, eventually

SEALED = "application/vnd.example.layer.sealed"
NAME = "docker.io/library/sealed:latest"
CONFIGURED = f"""
[stream_processors.configured]
accepts = ["{SEALED}+configured"]
returns = "{LAYER}"
path = "cat"
"""


@pytest.fixture
def mesh(tmp_path: Path) -> Iterator[Mesh]:
    """A mesh of each test's own, with one processor in its configuration."""
    (tmp_path / "mesh.toml").write_text(CONFIGURED)
    base = Path(tempfile.mkdtemp(prefix="ay-", dir="/tmp"))
    running = Mesh(base, extra=["--config", str(tmp_path / "mesh.toml")])
    running.start()
    try:
        yield running
    finally:
        running.destroy()


@pytest.fixture(scope="module")
def archives(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Images whose layers no daemon knows, by what stands in the place of a seal: they are as they were without it."""
    base = tmp_path_factory.mktemp("archives")
    for name, media_type in (("sealed", SEALED), ("configured", f"{SEALED}+configured")):
        oci_archive(base / name, NAME, [busybox_layer()], media_type=media_type, pack=lambda layer: gzip.compress(layer, 1))
    return base


def added(mesh: Mesh, *words: str, name: str = "opener", command: str = "cat") -> Ran:
    return mesh.argosy(
        "plugin", "add", "processor", name, "--accepts", SEALED, "--returns", LAYER, "--command", command, *words
    )


def shown(mesh: Mesh, name: str = "opener") -> dict[str, Any]:
    row: dict[str, Any] = json.loads(mesh.argosy("-o", "json", "plugin", "show", name).ok().out)
    return row


def imported(mesh: Mesh, archives: Path, name: str = "sealed") -> Ran:
    """Import an image whose layer nobody has unpacked, and unpack it."""
    mesh.ctr("images", "rm", "--sync", NAME)
    return mesh.ctr("images", "import", str(archives / name))


def failing(tmp_path: Path, word: str) -> str:
    """Return a command that refuses each layer with a word."""
    program = tmp_path / f"{word}.py"
    program.write_text(f"import sys\nsys.stdin.buffer.read()\nsys.exit({word!r})\n")
    return f"{sys.executable} {program}"


@pytest.mark.root
def test_a_layer_is_opened_by_who_came_while_all_ran(mesh: Mesh, archives: Path) -> None:
    """Without a restart, after one in order, and after kills; the one that is gone opens none."""
    refused = imported(mesh, archives)
    assert "argosy plugin add processor" in refused.err and SEALED in refused.err, refused
    assert added(mesh).ok().out.split() == ["plugin", "opener", "type", "processor", "state", "ready"]
    imported(mesh, archives).ok()
    assert mesh.ctr("run", "--rm", NAME, "c", "cat", "/etc/passwd").ok().out
    added(mesh).ok()  # the same again
    mesh.stop()
    mesh.start()
    assert (shown(mesh)["source"], shown(mesh)["state"]) == ("registered", "ready")
    imported(mesh, archives).ok()
    for victim in ("diff", "gateway"):
        if (pid := mesh.services().get(comm(victim))) is not None:
            os.kill(pid, signal.SIGKILL)
        eventually(lambda: mesh.ctr("version").code == 0)
        imported(mesh, archives).ok()
    mesh.argosy("plugin", "remove", "opener").ok()
    assert imported(mesh, archives).code != 0
    assert mesh.argosy("plugin", "show", "opener").code == 4


@pytest.mark.root
def test_a_drained_one_takes_no_layer_over_restarts_too(mesh: Mesh, archives: Path) -> None:
    """One of the configuration as well."""
    added(mesh).ok()
    for name, archive in (("opener", "sealed"), ("processor/configured", "configured")):
        imported(mesh, archives, archive).ok()
        mesh.argosy("plugin", "drain", name).ok()
        assert imported(mesh, archives, archive).code != 0
        mesh.stop()
        mesh.start()
        assert shown(mesh, name)["state"] == "draining" and "undrain it" in shown(mesh, name)["reason"]
        refused = imported(mesh, archives, archive)
        bare = name.removeprefix("processor/")
        assert refused.code != 0 and f'stream processor "{bare}", which is drained; undrain it' in refused.err, refused
        mesh.argosy("plugin", "undrain", name).ok()
        imported(mesh, archives, archive).ok()


@pytest.mark.root
def test_one_is_swapped_and_goes_back(mesh: Mesh, archives: Path, tmp_path: Path) -> None:
    added(mesh, command=failing(tmp_path, "first")).ok()
    assert 'stream processor "opener" exited 1: first' in imported(mesh, archives).err
    mesh.argosy("plugin", "swap", "opener", "--command", failing(tmp_path, "second")).ok()
    assert 'stream processor "opener" exited 1: second' in imported(mesh, archives).err
    mesh.argosy("plugin", "rollback", "opener").ok()
    assert 'stream processor "opener" exited 1: first' in imported(mesh, archives).err
    mesh.argosy("plugin", "swap", "processor/opener", "--command", "cat").ok()
    imported(mesh, archives).ok()
    assert shown(mesh)["generation"] == 4


@pytest.mark.root
def test_the_one_that_came_last_is_asked_first(mesh: Mesh, archives: Path, tmp_path: Path) -> None:
    added(mesh).ok()
    added(mesh, name="later", command=failing(tmp_path, "later")).ok()
    assert "later" in imported(mesh, archives).err
    mesh.argosy("plugin", "drain", "later").ok()
    imported(mesh, archives).ok()


@pytest.mark.root
def test_its_environment_is_what_was_said(mesh: Mesh, archives: Path, tmp_path: Path) -> None:
    program = tmp_path / "env.py"
    program.write_text(
        "import os, sys\nsys.stdin.buffer.read()\nsys.exit(' '.join(sorted(k for k in os.environ if k != 'LC_CTYPE')))\n"
    )
    added(mesh, "--env", "KEY=a=b", command=f"{sys.executable} {program}").ok()
    assert "exited 1: KEY PATH STREAM_PROCESSOR_MEDIATYPE" in imported(mesh, archives).err


def test_what_is_refused_names_the_remedy(mesh: Mesh, tmp_path: Path) -> None:
    added(mesh).ok()
    for words, says in (
        (("add", "processor", "x", "--accepts", "a/b", "--returns", "b/c"), "say its --command"),
        (("add", "processor", "x", "--command", "cat"), "does not say which media types it accepts"),
        (("add", "processor", "x", "--command", "cat", "--accepts", LAYER, "--returns", "a/b"), "which differs know"),
        (("add", "processor", "x", "--command", "cat", "--accepts", "a/b", "--returns", "a/b"), "would never be done"),
        (
            ("add", "processor", "x", "--address", "/x", "--accepts", "a/b", "--returns", "b/c"),
            "say its --command, and no --address",
        ),
        (("add", "processor", "x", "--command", "cat", "--uid", "3"), "--uid says something of other plugins"),
        (("add", "snapshot", "x", "--address", "/x", "--accepts", "a/b"), "--accepts says something of a stream processor"),
        (("add", "processor", "../x", "--command", "cat", "--accepts", "a/b", "--returns", "b/c"), "../x"),
        (("add", "processor", "opener", "--command", "cat", "--accepts", "a/b", "--returns", "b/c"), "remove it first"),
        (("add", "processor", "configured", "--command", "cat", "--accepts", "a/b", "--returns", "b/c"), "remove it first"),
        (("remove", "configured"), "is one of the configuration"),
        (("swap", "configured", "--command", "cat"), "is one of the configuration"),
        (("swap", "opener"), "swap it for another command"),
        (("rollback", "opener"), "never swapped"),
        (("logs", "opener"), "in the error of its layer"),
        (("show", "processor/nobody"), "processor/nobody"),
    ):
        ran = mesh.argosy("plugin", *words)
        assert ran.code != 0 and says in ran.err, ran
    assert sorted(row["name"] for row in json.loads(mesh.argosy("-o", "json", "plugin", "ls").ok().out) if row["type"] == "processor") == [
        "configured", "opener",
    ]  # fmt: skip


def test_a_program_that_is_not_there_is_shown_and_may_come(mesh: Mesh, tmp_path: Path) -> None:
    program = tmp_path / "late"
    program.write_text("#!/bin/sh\nexec cat\n")
    program.chmod(0o755)
    added(mesh, command=str(program)).ok()
    program.unlink()
    assert shown(mesh)["state"] == "down" and f"{program} is not an executable file" in shown(mesh)["reason"]
    program.write_text("#!/bin/sh\nexec cat\n")
    program.chmod(0o755)
    assert shown(mesh)["state"] == "ready"


def test_exports_of_a_plugin_are_what_introspection_shows(mesh: Mesh, tmp_path: Path) -> None:
    words = ("plugin", "add", "snapshot", "s", "--address", str(tmp_path / "s.sock"))
    mesh.argosy(*words, "--export", "color=blue=ish").ok()
    exports = shown(mesh, "s")["exports"]
    assert exports == {"color": "blue=ish"}
    assert "is no KEY=VALUE" in mesh.argosy(*words, "--export", "color").err


def test_what_comes_at_once_is_done_one_after_the_other(short_path: Path) -> None:
    """What is answered is so in memory and on disk, and the way back leads to the one before."""

    async def main() -> None:
        gateway = Gateway(short_path, {})
        core = await gateway.start()
        processors = Processors(core)
        table = StreamProcessor(accepts=["a/b"], returns=LAYER, path="cat")
        one, other = await asyncio.gather(processors.add("x", table), processors.add("x", table))
        assert one is other
        await asyncio.gather(processors.swap(one, ["first"]), processors.swap(one, ["second"]))
        await processors.rollback(one)
        assert one.table.path == "first"
        ended = await asyncio.gather(processors.remove(one), processors.drain(one, True), return_exceptions=True)
        assert ended[0] is None and isinstance(ended[1], NotFound)
        assert list(Processors(core)) == []
        await processors.add("x", table)
        for command in ([""], ["a\0b"]):
            with pytest.raises(InvalidArgument, match="command"):
                await processors.swap(next(iter(processors)), command)
        await gateway.stop()

    asyncio.run(main())
