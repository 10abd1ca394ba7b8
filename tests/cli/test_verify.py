"""argosy verify: what it prints, what it exits with, and that it leaves nothing, however it ends."""

from __future__ import annotations

import asyncio
import json
import signal
import tempfile
from pathlib import Path
from typing import Any, NamedTuple
from xml.etree import ElementTree

import pytest
from argosy.plugin.content import ContentServicer

from tests.contracts import depots, fronts, policies, services, snapshotters, stores
from tests.contracts import tasks as lives
from tests.harness.gateways import serving
from tests.harness.mesh import ARGOSY, Mesh, run


class Ended(NamedTuple):
    code: int
    out: str
    err: str


async def verify(*words: str) -> Ended:
    process = await asyncio.create_subprocess_exec(
        str(ARGOSY), "verify", *words, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    out, err = await process.communicate()
    assert process.returncode is not None
    return Ended(process.returncode, out.decode(), err.decode())


def with_plugin(path: Path, plugin: Any, *words: str) -> Ended:
    """Run the command, pointed at a plugin that is served here."""

    async def main() -> Ended:
        async with serving(path / "p.sock", plugin):
            return await verify(*words, "--address", str(path / "p.sock"))

    return asyncio.run(main())


def test_a_line_a_check_and_a_summary(short_path: Path) -> None:
    ran = with_plugin(short_path, snapshotters.Reference(short_path), "snapshotter", "--fast", "--lacks", "mount")
    assert (ran.code, ran.err) == (0, "")
    *lines, last = ran.out.splitlines()
    assert all(line.startswith(("ok  ", "skip")) for line in lines)
    assert any(line.endswith(" remove-removes") for line in lines)
    assert last.startswith(f"snapshotter at {short_path}/p.sock: {len(lines)} checks, ")
    ran = with_plugin(short_path, ContentServicer(stores.Reference()), "content", "--fast")
    assert (ran.code, ran.err) == (0, "") and ran.out.splitlines()[-1].startswith("content store at ")


def test_a_failure_says_the_rule_and_what_was_sent_expected_and_got(short_path: Path) -> None:
    plugin = snapshotters.MountsCommitted(short_path)
    ran = with_plugin(short_path, plugin, "snapshotter", "--focus", "^only-active-.*mounts$")
    assert ran.code == 1
    name = "only-active-snapshots-and-views-have-mounts"
    told = ran.out.splitlines()
    assert told[0].startswith("FAIL") and told[0].endswith(name)
    assert told[1] == (
        "        rule      Mounts of what is not there answers NOT_FOUND, of a committed snapshot FAILED_PRECONDITION."
    )
    assert told[2].startswith('        sent      Mounts(key="argosy-verify-') and told[2].endswith(f'/{name}/base")')
    assert told[3] == "        expected  FAILED_PRECONDITION"
    assert told[4].startswith("        got       OK, with [Mount(")
    assert any("Prepare(key=" in line and line.endswith("-> OK") for line in told[5:])
    assert "1 passed, 1 failed" in told[-1]


def test_json_and_junit(short_path: Path) -> None:
    junit = short_path / "junit.xml"
    plugin = snapshotters.RemovesTwice(short_path)
    words = ("snapshotter", "--focus", "remove-removes|commit-gives", "--junit", str(junit), "--json")
    ran = with_plugin(short_path, plugin, *words)
    assert ran.code == 1
    told = json.loads(ran.out)
    verdicts = {one["name"]: one["verdict"] for one in told["checks"]}
    assert verdicts == {"commit-gives-a-parent": "skipped", "remove-removes": "failed", "nothing-left": "passed"}
    failed = next(one for one in told["checks"] if one["verdict"] == "failed")
    assert (failed["expected"], failed["got"]) == ("NOT_FOUND", "OK") and failed["sent"].startswith("Remove(")
    assert told["passed"] is False and told["kind"] == "snapshotter"
    suite = ElementTree.parse(junit).getroot()
    assert (suite.get("tests"), suite.get("failures"), suite.get("skipped")) == ("3", "1", "1")
    assert [case.get("name") for case in suite if case.find("failure") is not None] == ["remove-removes"]


def test_the_shortest_calls_that_fail(short_path: Path) -> None:
    plugin = snapshotters.RemovesTwice(short_path)
    words = ("snapshotter", "--focus", "^view-", "--minimize", "--json", "--deadline", "1.5")
    before = set(Path(tempfile.gettempdir()).glob("argosy-verify-*/constants"))
    ran = with_plugin(short_path, plugin, *words)
    assert ran.code == 1 and plugin.infos == {}
    assert set(Path(tempfile.gettempdir()).glob("argosy-verify-*/constants")) <= before
    failed = next(one for one in json.loads(ran.out)["checks"] if one["name"] == "calls-in-any-order")
    assert (failed["verdict"], failed["expected"], failed["got"]) == ("failed", "NOT_FOUND", "OK")
    # One call shows it; a slow machine may have no time to find that.
    assert failed["sent"].startswith("Remove(") and len(failed["calls"]) <= 8, failed


def test_what_cannot_begin_says_why_and_exits_with_2(short_path: Path) -> None:
    nobody = short_path / "nobody.sock"
    for words, why in (
        (["snapshotter", "--address", str(nobody)], "no such socket"),
        (["snapshotter", "--address", str(nobody), "--focus", "("], '--focus "(" is no regular expression'),
        (
            ["content", "--address", str(nobody), "--focus", "pigeons"],
            "no check is left to make; the checks are: bytes-become",
        ),
        (
            ["content", "--address", str(nobody), "--has", "wings"],
            'a content store has no capability "wings"; there are: labels',
        ),
        (["content", "--address", str(nobody), "--deadline", "0"], "give it more than none"),
        (["content", "--address", str(nobody), "--junit", str(short_path / "no/where")], "no such file or directory"),
        (["pigeons"], "pigeons"),
    ):
        ran = run([str(ARGOSY), "verify", *words])
        assert ran.code == 2 and why in ran.err and ran.out == "", ran
    ended = with_plugin(short_path, ContentServicer(stores.Reference()), "snapshotter")
    assert ended.code == 2 and "no snapshotter is served at" in ended.err


def test_who_gives_up_leaves_nothing(short_path: Path) -> None:
    async def main(number: int) -> tuple[int, str]:
        plugin = snapshotters.Hangs(short_path)
        path = short_path / f"{number}.sock"
        async with serving(path, plugin):
            process = await asyncio.create_subprocess_exec(
                str(ARGOSY), "verify", "snapshotter", "--address", str(path), "--focus", "commit",
                stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE,
            )  # fmt: skip
            try:
                async with asyncio.timeout(20):
                    while not plugin.infos:
                        await asyncio.sleep(0.02)
                    assert all(name.startswith("argosy-verify-") for name in plugin.infos)
                    process.send_signal(number)
                    _, err = await process.communicate()
            finally:
                if process.returncode is None:
                    process.kill()
            assert plugin.infos == {}
            return process.returncode or 0, err.decode()

    for number, code in ((signal.SIGINT, 130), (signal.SIGTERM, 143)):
        ended = asyncio.run(main(number))
        assert ended[0] == code and ended[1].startswith("given up: snapshotter at "), ended


def test_a_service_is_judged_as_others_are(short_path: Path) -> None:
    """Options of the suites that are there for all of them, with the service's name before the address."""
    junit = short_path / "junit.xml"

    async def main(*words: str, name: str = services.NAME) -> Ended:
        server = services.FailsUnknownMethods()
        path = short_path / f"{len(words)}.sock"
        await server.listen_unix(path)
        try:
            return await verify("service", name, "--address", str(path), *words)
        finally:
            await server.close(0.0)

    ran = asyncio.run(main("--focus", "^an-unknown", "--skip", "service", "--junit", str(junit), "--json"))
    told = json.loads(ran.out)
    assert ran.code == 1 and told["kind"] == "service" and told["subject"].startswith(f'service "{services.NAME}" at ')
    (failed,) = (one for one in told["checks"] if one["verdict"] == "failed")
    assert failed["sent"].startswith(f"/{services.NAME}/") and (failed["expected"], failed["got"][:8]) == (
        "UNIMPLEMENTED",
        "INTERNAL",
    )
    assert ElementTree.parse(junit).getroot().get("failures") == "1"
    ran = asyncio.run(main("--unary", "Pigeons"))
    assert ran.code == 2 and "has no method Pigeons; it has: Forward, Publish, Subscribe" in ran.err
    ran = asyncio.run(main("--lacks", "reflection", "--focus", "^a-ping"))
    assert ran.code == 0 and "(if it is there: nothing lists it, and no method" in ran.out
    ran = asyncio.run(main("--unary", "Subscribe", "--fast"))
    assert ran.code == 2 and "Subscribe answers with a stream: say --stream Subscribe" in ran.err
    ran = asyncio.run(main("--fast", name="a.Pigeon"))
    assert ran.code == 2 and "which lists: " in ran.err and services.NAME in ran.err, ran
    ran = with_plugin(short_path, ContentServicer(stores.Reference()), "service", "a.Pigeon")
    assert ran.code == 2 and '"a.Pigeon" is not served at ' in ran.err and "unknown service a.Pigeon" in ran.err, ran
    nobody = run([str(ARGOSY), "verify", "service", "a.Pigeon", "--address", str(short_path / "nobody.sock")])
    assert nobody.code == 2 and "no such socket" in nobody.err, nobody
    bad = run([str(ARGOSY), "verify", "service", "a/b", "--address", str(junit)])
    assert bad.code == 2 and '"a/b" is no name of a gRPC service' in bad.err


def test_the_shortest_words_that_a_service_stumbles_over(short_path: Path) -> None:
    async def main() -> Ended:
        server = services.StopsAfterACut()
        await server.listen_unix(short_path / "s.sock")
        try:
            words = ("--focus", "^many-", "--minimize", "--json", "--deadline", "1.5")
            return await verify("service", services.NAME, "--address", str(short_path / "s.sock"), *words)
        finally:
            await server.close(0.0)

    ran = asyncio.run(main())
    failed = next(one for one in json.loads(ran.out)["checks"] if one["name"] == "calls-in-any-order")
    assert ran.code == 1 and failed["verdict"] == "failed" and len(failed["calls"]) <= 8, failed
    assert failed["sent"] in ("half a message", "a call without a message", "bytes that are no message"), failed


@pytest.mark.root
def test_the_shortest_life_that_fails(short_path: Path) -> None:
    async def main() -> Ended:
        async with fronts.daemon(short_path / "t.sock", lives.StartsTwice):
            words = (
                "--address",
                str(short_path / "t.sock"),
                "--focus",
                "^a-call-needs-",
                "--minimize",
                "--json",
                "--deadline",
                "3",
            )
            return await verify("tasks", *words)

    ran = asyncio.run(main())
    failed = next(one for one in json.loads(ran.out)["checks"] if one["name"] == "calls-in-any-order")
    assert ran.code == 1 and failed["verdict"] == "failed", failed
    assert failed["sent"].startswith("Start(") and failed["got"] == "OK" and len(failed["calls"]) <= 10, failed


@pytest.mark.root
def test_what_keeps_tasks_from_being_judged(short_path: Path) -> None:
    async def main() -> list[Ended]:
        async with serving(short_path / "p.sock", ContentServicer(stores.Reference())):
            return [
                await verify("tasks", "--address", str(short_path / "p.sock")),
                await verify("tasks", "--address", str(short_path / "p.sock"), "--has", "wings"),
            ]

    plugin, wings = asyncio.run(main())

    async def without_runtime() -> Ended:
        async with fronts.daemon(short_path / "t.sock", lives.Reference):
            return await verify("tasks", "--address", str(short_path / "t.sock"), "--runtime", "no.such.v1")

    runtime = asyncio.run(without_runtime())
    assert runtime.code == 2 and "there are no tasks of that runtime: " in runtime.err and "--runtime" in runtime.err
    assert plugin.code == 2 and "is no daemon's socket: say where the daemon is" in plugin.err and "--daemon" in plugin.err
    assert wings.code == 2 and 'a Tasks service has no capability "wings"; there are: pause' in wings.err


def test_depots_hooks_and_verifiers_are_judged_by_their_verbs(short_path: Path) -> None:
    ran = with_plugin(short_path, depots.Reference(), "depot", "--fast")
    assert ran.code == 0 and ran.out.splitlines()[-1].startswith(f"depot at {short_path}/p.sock: "), ran
    assert "stay there: a depot has no word for removing" in ran.out.splitlines()[-1]
    ran = with_plugin(short_path, depots.KeepsOtherBytes(), "depot", "--focus", "^other-bytes", "--json")
    assert ran.code == 1 and json.loads(ran.out)["checks"][0]["expected"] == "DATA_LOSS", ran
    ran = with_plugin(
        short_path, depots.OnlyGives(), "depot", "--lacks", "put", "--image", "nothing", "--focus", "comes-whole"
    )
    assert ran.code == 1 and 'NOT_FOUND (image "nothing"' in ran.out, ran

    said = ("--allowed", policies.ALLOWED, "--denied", policies.DENIED)
    ran = with_plugin(short_path, policies.Hook(), "hook", "--fast", "--namespace", "prod", "--point", "pre-run", *said)
    assert ran.code == 0 and "hook at " in ran.out and ", at pre-run: " in ran.out, ran
    ran = with_plugin(short_path, policies.AllowsWhatIsHere(), "hook", "--focus", "denied", *said)
    assert ran.code == 1 and f"expected  no to {policies.DENIED}" in ran.out, ran

    said = ("--accepted", policies.ACCEPTED, "--rejected", policies.REJECTED)
    ran = with_plugin(short_path, policies.Verifier(), "verifier", "--fast", *said)
    assert ran.code == 0 and "0 failed" not in ran.out and "skip" not in ran.out, ran
    ran = with_plugin(short_path, policies.LooksAtNames(), "verifier", "--focus", "other-bytes", *said)
    assert ran.code == 1 and 'got       yes, "by its name"' in ran.out, ran

    for words, why in (
        (("hook", "--point", "lunch"), '"lunch" is no point at which hooks are asked; there are pre-pull'),
        (("verifier", "--accepted", "box:1"), '"box:1" is no image to verify: write its name and its digest'),
        (("depot", "--has", "wings"), 'a depot has no capability "wings"; there are: give'),
    ):
        ran = with_plugin(short_path, policies.Hook(), *words)
        assert ran.code == 2 and why in ran.err, ran
    for kind in ("depot", "hook", "verifier"):
        ran = with_plugin(short_path, ContentServicer(stores.Reference()), kind)
        assert ran.code == 2 and f"no {kind} is served at {short_path}/p.sock" in ran.err, ran


@pytest.mark.root
def test_a_depot_of_a_daemon_is_judged_there(mesh: Mesh, short_path: Path) -> None:
    """The gateway relays what it says, and its errors, as they are."""

    async def main() -> list[Ended]:
        async with serving(short_path / "d.sock", depots.Reference()):
            added = await asyncio.create_subprocess_exec(
                str(ARGOSY), "--address", str(mesh.address), "plugin", "add", "depot", "shed", "--address", str(short_path / "d.sock"),
                stdout=asyncio.subprocess.DEVNULL,
            )  # fmt: skip
            assert await added.wait() == 0
            words = ("depot", "--address", str(mesh.address))
            return [await verify(*words, "--depot", "shed"), await verify(*words), await verify(*words, "--depot", "barn")]

    whole, unnamed, other = asyncio.run(main())
    mesh.argosy("plugin", "remove", "shed", "--force").ok()
    assert whole.code == 0 and 'depot "shed" of containerd' in whole.out, whole
    assert unnamed.code == 2 and "say which of its depots is judged, with --depot NAME" in unnamed.err, unnamed
    assert other.code == 2 and 'depot "barn"; there are shed' in other.err, other
