"""Plugins that are registered while a mesh runs: by command, by a socket in the directory; killed, replaced, hung, another user's."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from argosy.client.services import present
from argosy.rpc import Channel
from argosy_cli.plugins import _row
from argosy_protos.argosy.plugins.v1 import AddRequest, ListRequest, PluginsStub, RemoveRequest, Table

from tests.harness.mesh import ARGOSY, IMAGE, Mesh, Ran, eventually, run
from tests.harness.processes import ending

pytestmark = pytest.mark.root

EXAMPLE = Path(__file__).parents[2] / "examples/snapshotter.py"
OTHER = 4711
# A stock plugin: it answers calls, and knows neither health nor reflection.
_STOCK = "import asyncio, os, sys; from tests.harness.plugins import _serve; "
_AS_ANOTHER = f"os.setgroups([]); os.setgid({OTHER}); os.setuid({OTHER}); "
_RUN = "asyncio.run(_serve(sys.argv[1]))"


@contextmanager
def example(base: Path, address: Path) -> Iterator[subprocess.Popen[bytes]]:
    """The README's snapshotter, with its directory in base."""
    with ending(subprocess.Popen([sys.executable, str(EXAMPLE), "--root", str(base), "--address", str(address)])) as process:
        eventually(lambda: answers(address), within=20, what="the example does not listen")
        yield process


@contextmanager
def stock(address: Path, before: str = "") -> Iterator[subprocess.Popen[bytes]]:
    """A snapshotter in memory that says nothing of itself."""
    with ending(subprocess.Popen([sys.executable, "-c", _STOCK + before + _RUN, str(address)])) as process:
        eventually(lambda: answers(address), within=20, what="the plugin does not listen")
        yield process


def answers(address: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as caller:
        try:
            caller.connect(str(address))
        except OSError:
            return False
        return True


def listed(mesh: Mesh) -> dict[str, dict[str, Any]]:
    """What `plugin ls` says, by name; asked without a process, for it is asked often."""

    async def main() -> dict[str, dict[str, Any]]:
        async with Channel(mesh.address) as channel:
            reply = await PluginsStub(channel).list(ListRequest(), timeout=10.0)
        return {row["name"]: row for row in map(_row, reply.plugins)}

    return asyncio.run(main())


def shown(mesh: Mesh, name: str) -> dict[str, Any]:
    """What is said of one; nothing when it is not there."""
    return listed(mesh).get(name, {})


def is_in(mesh: Mesh, name: str, state: str) -> None:
    """Wait until a plugin is in a state."""
    eventually(lambda: shown(mesh, name).get("state") == state, what=f"{name} is not {state}")


def refused(ran: Ran, said: str) -> None:
    assert ran.code != 0 and said in ran.err, ran


def test_one_that_is_added_runs_a_container_at_once(mesh: Mesh, short_path: Path, image_archive: Path) -> None:
    """By stock ctr, without a restart; it can't be removed while it is needed, and is gone when it is not."""
    address = short_path / "mine.sock"
    with example(short_path / "mine", address) as process:
        said = mesh.argosy("plugin", "add", "snapshot", "mine", "--address", f"unix://{address}").ok()
        assert said.err == "" and "mine" in said.out
        mesh.ctr("images", "import", "--snapshotter", "mine", str(image_archive)).ok()
        ran = mesh.ctr("run", "--rm", "--snapshotter", "mine", IMAGE, "on-mine", "echo", "hello").ok()
        assert ran.out == "hello\n"
        mesh.ctr("run", "-d", "--snapshotter", "mine", IMAGE, "stays", "sleep", "100").ok()
        # Its row, its numbers, where clients of containerd look, and all of it for a program.
        assert "mine" in mesh.argosy("plugin", "ls").ok().out and "Prepare" in mesh.argosy("plugin", "show", "mine").ok().out
        row = shown(mesh, "mine")
        told = json.loads(mesh.argosy("-o", "json", "plugin", "ls").ok().out)
        assert next(one["state"] for one in told if one["name"] == "mine") == "ready"
        assert row["state"] == "ready" and row["source"] == "registered" and row["failed"] == 0 and row["calls"] > 3
        assert [line.split()[-1] for line in mesh.ctr("plugins", "ls").ok().out.splitlines() if " mine " in line] == ["ok"]
        refused(
            mesh.argosy("plugin", "remove", "mine"),
            'in use: container "stays" in namespace "default" has its snapshot "stays"',
        )
        mesh.ctr("snapshots", "--snapshotter", "mine", "prepare", "another").ok()

        # Killed: said where clients look, with what is wrong; the container runs on; back: ready, and it says that it was away.
        process.kill()
        process.wait()
        is_in(mesh, "mine", "degraded")
        assert [line.split()[-1] for line in mesh.ctr("plugins", "ls").ok().out.splitlines() if " mine " in line] == [
            "error"
        ]
        refused(mesh.ctr("snapshots", "--snapshotter", "mine", "ls"), f'snapshot plugin "mine" at {address}')
        row = shown(mesh, "mine")
        assert "nobody listens there" in row["reason"] and row["errno"] == 111
        assert "RUNNING" in mesh.ctr("tasks", "ls").ok().out
    with example(short_path / "mine", address):
        is_in(mesh, "mine", "ready")
        assert shown(mesh, "mine")["restarts"] == 1
        mesh.ctr("tasks", "rm", "-f", "stays").ok()
        mesh.ctr("containers", "rm", "stays").ok()
        mesh.ctr("snapshots", "--snapshotter", "mine", "rm", "another").ok()
        mesh.ctr("images", "rm", "--sync", IMAGE).ok()
        mesh.argosy("plugin", "remove", "mine").ok()
        refused(mesh.ctr("snapshots", "--snapshotter", "mine", "ls"), "snapshotter not loaded: mine")
        assert shown(mesh, "mine") == {}
    mesh.ctr("images", "import", str(image_archive)).ok()


def test_what_was_answered_outlasts_a_killed_gateway(short_path: Path) -> None:
    """Killed with SIGKILL while they are being added: each that was told is there, and each can be added again."""
    mesh = Mesh(short_path / "m")
    mesh.base.mkdir()
    mesh.start()
    names = [f"p{n}" for n in range(24)]

    async def add(channel: Channel, name: str) -> str:
        table = Table(type="service", name=name, address=str(short_path / f"{name}.sock"))
        reply = await PluginsStub(channel).add(AddRequest(table=table), timeout=10.0)
        return present(present(reply.plugin, "a plugin").table, "a table").name

    async def killed() -> set[str]:
        """Return the names of those that were answered."""
        async with Channel(mesh.address) as channel:
            await add(channel, "before")
            adding = []
            for n, name in enumerate(names):
                adding.append(asyncio.ensure_future(add(channel, name)))
                await asyncio.sleep(0.003)
                if n == 16:
                    os.kill(mesh.services()["argosy-gateway"], signal.SIGKILL)
            return {one for one in await asyncio.gather(*adding, return_exceptions=True) if isinstance(one, str)}

    async def again() -> None:
        async with Channel(mesh.address) as channel:
            for name in names:
                assert await add(channel, name) == name
            for name in names:
                await PluginsStub(channel).remove(RemoveRequest(name=name), timeout=10.0)

    try:
        mesh.argosy("plugin", "drain", "overlayfs").ok()
        told = asyncio.run(killed())
        there = listed(mesh)
        assert told and told | {"before"} <= there.keys()
        assert there["overlayfs"]["state"] == "draining"
        asyncio.run(again())
        refused(mesh.ctr("snapshots", "prepare", "k"), 'snapshot plugin "overlayfs" at')
        mesh.argosy("plugin", "undrain", "overlayfs").ok()
        mesh.ctr("snapshots", "prepare", "k").ok()
        refused(mesh.argosy("plugin", "remove", "overlayfs"), "one of the configuration")
        assert not set(names) & listed(mesh).keys()
    finally:
        mesh.destroy()


def test_a_socket_of_another_user_is_no_plugin_unless_that_is_said(mesh: Mesh, short_path: Path) -> None:
    """Nothing is registered, and the error says who may serve."""
    short_path.chmod(0o777)
    address = short_path / "theirs.sock"
    with stock(address, _AS_ANOTHER):
        refused(
            mesh.argosy("plugin", "add", "snapshot", "theirs", "--address", str(address)),
            f"is served by user {OTHER}, which may not: only 0 may",
        )
        assert shown(mesh, "theirs") == {}
        refused(mesh.argosy("plugin", "add", "snapshot", "theirs", "--address", str(address), "--uid", "x"), '--uid "x"')
        mesh.argosy("plugin", "add", "snapshot", "theirs", "--address", str(address), "--uid", str(OTHER)).ok()
        mesh.ctr("snapshots", "--snapshotter", "theirs", "ls").ok()
        mesh.argosy("plugin", "remove", "theirs").ok()


def test_one_that_is_stopped_is_told_and_watched(mesh: Mesh, short_path: Path) -> None:
    """`plugin watch` says each change as it happens; the others go on."""
    address = short_path / "slow.sock"
    watching = subprocess.Popen(
        [str(ARGOSY), "--address", str(mesh.address), "-o", "json", "plugin", "watch"], stdout=subprocess.PIPE, text=True
    )
    heard: list[tuple[str, str]] = []
    with ThreadPoolExecutor(1) as pool, ending(watching):
        assert watching.stdout is not None

        def hear() -> None:
            assert watching.stdout is not None
            for line in watching.stdout:
                row = json.loads(line)
                heard.append((row["name"], row["state"]))

        hearing = pool.submit(hear)
        # Before it is there: what needs it waits.
        added = mesh.argosy("plugin", "add", "snapshot", "slow", "--address", str(address)).ok()
        assert "starting" in added.out and "no such socket" in added.err
        with ThreadPoolExecutor(1) as second:
            waiting = second.submit(mesh.ctr, "snapshots", "--snapshotter", "slow", "ls")
            with stock(address) as process:
                waiting.result().ok()
                eventually(lambda: ("slow", "ready") in heard)
                process.send_signal(signal.SIGSTOP)
                mesh.ctr("snapshots", "ls").ok()
                began = time.monotonic()
                mesh.argosy("plugin", "remove", "slow", "--force").ok()
                assert time.monotonic() - began < 5
                eventually(lambda: ("slow", "removed") in heard)
                process.send_signal(signal.SIGCONT)
        watching.terminate()
        hearing.result()


def test_a_swap_and_the_way_back(mesh: Mesh, short_path: Path) -> None:
    """By command; what would lose something is refused."""
    first, second = short_path / "1.sock", short_path / "2.sock"
    with stock(first), stock(second):
        mesh.argosy("plugin", "add", "snapshot", "two", "--address", str(first)).ok()
        mesh.argosy("plugin", "swap", "two", "--address", str(second)).ok()
        row = shown(mesh, "two")
        assert row["address"] == str(second) and row["generation"] == 2 and row["state"] == "ready"
        mesh.ctr("snapshots", "--snapshotter", "two", "prepare", "k").ok()
        refused(mesh.argosy("plugin", "rollback", "two"), "give the new one the same data")
        mesh.ctr("snapshots", "--snapshotter", "two", "rm", "k").ok()
        mesh.argosy("plugin", "rollback", "two").ok()
        assert shown(mesh, "two")["address"] == str(first)
        mesh.argosy("plugin", "remove", "two").ok()


def test_a_daemon_without_a_registry_is_told_as_one(short_path: Path) -> None:
    """As a stock containerd is: what can be asked of it instead is said."""
    with stock(short_path / "d.sock"):
        ran = run([str(ARGOSY), "--address", str(short_path / "d.sock"), "plugin", "ls"])
        assert ran.code == 8 and "registers no plugins while it runs; `argosy plugins` lists" in ran.err


class TestDirectory:
    """`plugins.d` in the state directory: a socket that appears there is a plugin for as long as it is there."""

    def test_a_socket_is_asked_what_it_is_and_goes_with_its_file(self, mesh: Mesh, short_path: Path) -> None:
        """By reflection; used at once; in use it is drained and comes back; unused it is gone."""
        address = mesh.state / "plugins.d/here.sock"
        with example(short_path / "here", address):
            is_in(mesh, "here", "ready")
            assert shown(mesh, "here")["source"] == "directory"
            mesh.ctr("snapshots", "--snapshotter", "here", "prepare", "k").ok()
            refused(mesh.argosy("plugin", "remove", "here"), "plugins.d")
            aside = mesh.state / "plugins.d/here.aside"
            address.rename(aside)
            is_in(mesh, "here", "draining")
            refused(mesh.ctr("snapshots", "--snapshotter", "here", "prepare", "l"), 'snapshot plugin "here" at')
            aside.rename(address)
            is_in(mesh, "here", "ready")
            mesh.ctr("snapshots", "--snapshotter", "here", "rm", "k").ok()
            # A gateway that dies finds it again by itself: nothing of it is written down.
            os.kill(mesh.services()["argosy-gateway"], signal.SIGKILL)
            is_in(mesh, "here", "ready")
        address.unlink(missing_ok=True)
        eventually(lambda: shown(mesh, "here") == {}, what="it is still there")

    def test_a_stock_plugin_needs_a_table_of_some_lines(self, mesh: Mesh, short_path: Path) -> None:
        """Without it the reason is told; with it, it is used, under the name that it says, at an address elsewhere too."""
        address, table = mesh.state / "plugins.d/foreign.sock", mesh.state / "plugins.d/foreign.toml"
        with stock(address):
            eventually(lambda: "write foreign.toml" in shown(mesh, "foreign").get("reason", ""))
            assert shown(mesh, "foreign")["state"] == "refused"
            table.write_text('type = "snapshot"\nname = "of-stock"\n')
            is_in(mesh, "of-stock", "ready")
            assert shown(mesh, "foreign") == {}
            mesh.ctr("snapshots", "--snapshotter", "of-stock", "ls").ok()
            table.write_text('type = "snapshot"\nnaem = "x"\n')
            eventually(lambda: 'unknown key "naem"; did you mean "name"' in shown(mesh, "foreign").get("reason", ""))
            assert shown(mesh, "of-stock")["state"] == "ready", "what is wrong in a file takes nothing away"
            elsewhere = short_path / "elsewhere.sock"
            with stock(elsewhere):
                table.write_text(f'type = "snapshot"\naddress = "{elsewhere}"\n')
                eventually(lambda: shown(mesh, "foreign").get("address") == str(elsewhere))
                is_in(mesh, "foreign", "ready")
                assert shown(mesh, "of-stock") == {}
        table.unlink()
        address.unlink()
        eventually(lambda: shown(mesh, "foreign") == {})

    def test_rubbish_and_others_are_told_and_hold_up_nobody(self, mesh: Mesh, short_path: Path) -> None:
        """A socket of another user, one that takes no connection, one that talks rubbish, and beside them one that serves."""
        directory = mesh.state / "plugins.d"
        assert directory.stat().st_mode & 0o777 == 0o700
        short_path.chmod(0o777)
        theirs, hung = directory / "theirs.sock", directory / "hung.sock"
        with socket.socket(socket.AF_UNIX) as mute, stock(short_path / "o.sock", _AS_ANOTHER):
            mute.bind(str(hung))
            mute.listen(0)
            os.rename(short_path / "o.sock", theirs)
            (directory / "liar.toml").write_text("type = [")
            with example(short_path / "good", directory / "good.sock"):
                is_in(mesh, "good", "ready")
                mesh.ctr("snapshots", "--snapshotter", "good", "ls").ok()
                reasons = {"theirs": f"user {OTHER}, which may not", "hung": "hung.sock", "liar": "liar.toml"}
                for name, said in reasons.items():
                    eventually(lambda name=name, said=said: said in shown(mesh, name).get("reason", ""), what=name)  # type: ignore[misc]
                    assert shown(mesh, name)["state"] == "refused"
        for name in ("theirs.sock", "hung.sock", "liar.toml", "good.sock"):
            (directory / name).unlink(missing_ok=True)
        eventually(lambda: not [name for name in (*reasons, "good") if shown(mesh, name)])

    def test_the_directory_may_be_taken_away(self, mesh: Mesh, short_path: Path) -> None:
        directory = mesh.state / "plugins.d"
        shutil.rmtree(directory)
        eventually(directory.is_dir)
        with example(short_path / "again", directory / "again.sock"):
            is_in(mesh, "again", "ready")
        (directory / "again.sock").unlink(missing_ok=True)
        eventually(lambda: shown(mesh, "again") == {})
