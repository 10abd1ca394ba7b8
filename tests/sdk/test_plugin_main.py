"""A plugin's command line: what a parameter becomes, what is refused, and who has a root."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Annotated

import pytest
from argosy.errors import AlreadyExists, FailedPrecondition, NotFound
from argosy.filters import parse
from argosy.plugin.flags import flags_of, name_of
from argosy.plugin.main import main
from argosy.plugin.serve import serve, servicer
from argosy.plugin.snapshots import Info, Kind, Snapshotter, TreeSnapshotter
from argosy.plugin.snapshots.remote import RemoteSnapshotter
from argosy.roots import lock_root
from argosy.rpc import Channel
from argosy_protos.argosy.instance.v1 import ClaimRequest, GetInfoRequest, GetInfoResponse, InstanceStub, StatusRequest

from tests.harness.mesh import eventually
from tests.harness.processes import ending
from tests.sdk.test_plugin import Nothing, Plain


class ReadThrough(Nothing):
    def __init__(
        self, url: str, *, cache_dir: Annotated[Path, "where it keeps it"] = Path("/c"), tries: int = 3, often: bool = False,
        limit: float | None = None,
    ) -> None:  # fmt: skip
        self.given = (url, cache_dir, tries, often, limit)


async def made(url: str) -> ReadThrough:
    return ReadThrough(url)


def test_a_parameter_is_a_flag() -> None:
    found = {flag.option: (flag.type, flag.is_needed, flag.help) for flag in flags_of(ReadThrough)}
    assert found == {
        "--url": (str, True, ""), "--cache-dir": (Path, False, "where it keeps it"), "--tries": (int, False, ""),
        "--often": (bool, False, ""), "--limit": (float, False, ""),
    }  # fmt: skip
    assert [flag.name for flag in flags_of(made)] == ["url"]
    assert flags_of(Plain) == flags_of(Plain()) == flags_of(ReadThrough("x")) == []
    assert (name_of(ReadThrough), name_of(made), name_of(ReadThrough("x"))) == ("read-through", "made", "read-through")


def test_what_is_no_flag_and_what_is_no_plugin_is_an_error_of_its_author() -> None:
    def strange(of: list[str]) -> Snapshotter:
        raise NotFound(str(of))

    def silent(): ...  # type: ignore[no-untyped-def] # the point

    def number() -> int:
        return 1

    for wrong, why in (
        (strange, "of of .* which is no flag"),
        (silent, "does not say what it returns"),
        (number, "int.* is no snapshotter"),
    ):
        with pytest.raises(TypeError, match=why):
            main(wrong, ["--address", "/x"])  # type: ignore[arg-type] # the same
    with pytest.raises(TypeError, match="is no snapshotter"):
        servicer(3)  # type: ignore[arg-type] # the same


def test_a_module_without_arguments_prints_and_returns(capsys: pytest.CaptureFixture[str]) -> None:
    main(ReadThrough, [])
    said = capsys.readouterr().out
    assert "A plugin's command line" in said and "--url URL --address /run/read-through.sock" in said
    assert 'type = "diff"' in said and 'default = ["read-through", "walking"]' in said


def test_the_daemon_that_a_user_has_named_is_no_socket_to_serve_at(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """ARGOSY_ADDRESS is for clients, whose shell starts plugins, too."""
    monkeypatch.setenv("ARGOSY_ADDRESS", "/nowhere/daemon.sock")
    main(ReadThrough, [])
    assert "[proxy_plugins.read-through]" in capsys.readouterr().out


def test_an_error_of_its_start_is_one_sentence_and_its_class_is_the_exit_code(short_path: Path) -> None:
    script = "from argosy.plugin.main import main\nfrom tests.sdk.test_plugin import Plain\nmain(Plain)\n"
    (short_path / "file").write_text("")

    def run(address: Path) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-c", script, "--root", str(short_path / "r"), "--address", str(address)]
        return subprocess.run(command, capture_output=True, text=True, timeout=60, cwd=Path(__file__).parents[2])

    done = run(short_path / "file")
    assert (done.returncode, done.stderr) == (
        6, f"plain: {short_path / 'file'} exists and is not a socket; remove it or use another address\n",
    )  # fmt: skip
    done = run(short_path / "file/s")
    assert done.returncode == 1 and done.stderr.startswith("plain: ") and done.stderr.count("\n") == 1, done


def test_nothing_is_opened_in_a_root_that_another_process_has(short_path: Path) -> None:
    """What opening takes for a crash's leavings may be what that process is making."""
    script = (
        "from pathlib import Path\nfrom argosy.plugin.main import main\nfrom argosy.plugin.snapshots import Snapshotter\n"
        "def made(root: Path) -> Snapshotter:\n    print('opened')\nmain(made)\n"
    )
    held = lock_root(short_path / "r", "other")
    try:
        command = [sys.executable, "-c", script, "--root", str(short_path / "r"), "--address", str(short_path / "s")]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60)
        assert (done.returncode, done.stdout) == (6, "") and "is in use by other pid" in done.stderr
    finally:
        os.close(held)


def test_a_remote_snapshotter_is_the_one_at_the_socket(short_path: Path) -> None:
    """Every call of one of ours, and its errors."""

    async def main() -> None:
        tree = await TreeSnapshotter.open(short_path / "root", Plain())
        serving = asyncio.ensure_future(serve(tree, short_path / "s"))
        await asyncio.to_thread(eventually, (short_path / "s").exists)
        far = RemoteSnapshotter(short_path / "s")

        async def listed(one: Snapshotter, words: list[str]) -> list[Info]:
            found: AsyncIterator[Info] = one.walk(parse(words))
            return [info async for info in found]

        mounts = await far.prepare("a", "", {"l": "1"})
        assert list(mounts) == list(await tree.mounts("a")) == list(await far.mounts("a"))
        await far.commit("base", "a", {"l": "2"}, "")
        await far.view("v", "base", {})
        assert (await far.stat("v")).parent == "base" and await far.stat("v") == await tree.stat("v")
        info = await far.stat("base")
        assert (info.kind, info.labels) == (Kind.COMMITTED, {"l": "2"})
        changed = await far.update(Info("base", "", Kind.COMMITTED, 0, 0, {"l": "3", "m": "4"}), ["labels.m"])
        assert changed.labels == {"l": "2", "m": "4"} == (await tree.stat("base")).labels
        assert await listed(far, []) == await listed(tree, []) and len(await listed(far, [])) == 2
        assert [one.name for one in await listed(far, ["kind==view"])] == ["v"]
        assert await far.usage("base") == await tree.usage("base")
        await far.remove("v")
        await far.cleanup()
        with pytest.raises(NotFound):
            await far.stat("v")
        with pytest.raises(AlreadyExists):
            await far.prepare("base", "", {})
        with pytest.raises(FailedPrecondition):
            await far.mounts("base")
        await far.close()
        serving.cancel()
        await asyncio.gather(serving, return_exceptions=True)

    asyncio.run(main())


def test_one_that_stands_by_is_told_so_by_its_environment_and_tries_to_open_first(short_path: Path) -> None:
    """Its address too. Its root is another's meanwhile; what it can't open ends it before anybody asks it to."""
    script = (
        "from pathlib import Path\nfrom argosy.plugin.main import main\nfrom argosy.plugin.snapshots import TreeSnapshotter\n"
        "from tests.sdk.test_plugin import Plain\n"
        "async def made(root: Path) -> TreeSnapshotter:\n    if {broken}:\n        raise OSError(5, 'no such luck')\n"
        "    return await TreeSnapshotter.open(root, Plain())\nmain(made)\n"
    )
    environment = {**os.environ, "ARGOSY_PLUGIN_ADDRESS": str(short_path / "s"), "ARGOSY_PLUGIN_STANDBY": "1"}

    def command(broken: bool) -> list[str]:
        return [sys.executable, "-c", script.format(broken=broken), "--root", str(short_path / "r")]

    async def asked() -> None:
        async with Channel(short_path / "s") as channel:
            stub = InstanceStub(channel)
            assert (await stub.status(StatusRequest())).phase == "standby"
            assert await stub.get_info(GetInfoRequest()) == GetInfoResponse(type="snapshot")
            with pytest.raises(FailedPrecondition, match="is in use by other pid"):
                await stub.claim(ClaimRequest())
            os.close(held)
            await stub.claim(ClaimRequest())
            with pytest.raises(FailedPrecondition):
                lock_root(short_path / "r", "another")

    held = lock_root(short_path / "r", "other")
    here = Path(__file__).parents[2]
    done = subprocess.run(command(True), capture_output=True, text=True, timeout=60, env=environment, cwd=here)
    assert done.returncode == 1 and "no such luck" in done.stderr, done
    with ending(subprocess.Popen(command(False), env=environment, cwd=here)):
        eventually((short_path / "s").exists, within=20)
        asyncio.run(asked())
