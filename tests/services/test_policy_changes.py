"""What a hook may change of a pull, and where it may stop one, with real pulls: where it comes from, its labels, its snapshotter, its layers."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import shlex
import signal
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from argosy.client import Client
from argosy.client.credentials import Credentials
from argosy.client.images import pull
from argosy.errors import PermissionDenied
from argosy.testkit.image import busybox_layer
from argosy_protos.containerd.types import transfer as p

from tests.harness import told_hook
from tests.harness.examples import serving as serving_example
from tests.harness.mesh import Mesh, eventually
from tests.harness.transfer import Tool, refused
from tests.harness.web import Server, serving
from tests.storms.wire import UNAVAILABLE, Wire

pytestmark = pytest.mark.root

SECRET = "Basic " + base64.b64encode(b"me:secret").decode()


class Told:
    """A mesh with a hook that answers what a test says, in a namespace of the test's own."""

    def __init__(self, mesh: Mesh) -> None:
        self.mesh, self._rules = mesh, mesh.base / "rules.json"

    def say(self, ns: str, **answers: dict[str, Any]) -> None:
        """Have the hook answer in a namespace, by points with underscores."""
        self._rules.write_text(json.dumps({ns: {point.replace("_", "-"): answer for point, answer in answers.items()}}))

    def asked(self, ns: str) -> list[dict[str, Any]]:
        log = self._rules.with_suffix(".asked")
        rows = [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []
        return [row for row in rows if row["namespace"] == ns]


@pytest.fixture(scope="module")
def told() -> Iterator[Told]:
    base = Path(tempfile.mkdtemp(prefix="ay-", dir="/tmp"))
    running = Mesh(base)
    running.start()
    try:
        found = Told(running)
        found.say("nobody")
        words = [sys.executable, told_hook.__file__, "--address", "{address}", "--rules", str(base / "rules.json")]
        running.argosy("plugin", "add", "hook", "told", "--deadline", "30", "--command", shlex.join(words)).ok()
        yield found
        left = running.leftovers()
        assert left == [], left
    finally:
        running.destroy()


async def locked(server: Server, request: web.Request) -> web.StreamResponse | None:
    """Serve who has the secret."""
    if request.headers.get("Authorization") == SECRET:
        return None
    return web.Response(status=401, headers={"WWW-Authenticate": 'Basic realm="r"'})


@asynccontextmanager
async def two(moved: bool = False) -> AsyncIterator[tuple[Server, Server, dict[str, Any]]]:
    """Two registries: one that wants a secret, and one with an image that only it has."""
    async with serving(locked) as first, serving() as second:
        yield first, second, second.image("box:1", [busybox_layer(), busybox_layer()])


def test_a_pull_comes_from_where_a_hook_says_and_keeps_its_name(told: Told) -> None:
    """Nothing of what its client knows of the one registry is told to the other."""

    async def main() -> None:
        async with two() as (first, second, target):
            name, other = f"{first.netloc}/box:1", f"{second.netloc}/box:1"
            told.say("moved", pre_pull={"reference": other})
            async with Client(told.mesh.address, "moved") as client:
                image = await pull(client, name, plain=True, credentials=Credentials("me", "secret"))
                assert image.name == name and image.target is not None and image.target.digest == target["digest"]
            with Tool(told.mesh.address, "moved") as tool:
                await asyncio.to_thread(told.mesh.ctr, "images", "rm", "--sync", name, namespace="moved")
                asks: list[p.AuthRequest] = []
                auth = tool.answer(p.AuthResponse(authType=p.AuthType.CREDENTIALS, username="me", secret="secret"), asks)
                resolver = p.RegistryResolver(auth_stream=auth, headers={"X-Secret": "mine"})
                await asyncio.to_thread(tool.pull, name, resolver=resolver)
                assert asks == []
            assert first.seen == [] and len(second.seen) >= 4 and second.secrets() == []
            points = [row["point"] for row in told.asked("moved")]
            # Each hook has to agree to what was made of it.
            once = ["pre-pull", "pre-pull", "resolved"]
            assert points == [*once, "layer-ready", "layer-ready", "unpacked"] * 2
            # By a client that does not ask it can't be done any more: it has the bytes, from elsewhere.
            first.image("box:1", [busybox_layer(), busybox_layer()])
            ctr = told.mesh.ctr
            (await asyncio.to_thread(ctr, "images", "rm", name, namespace="moved")).ok()
            ran = await asyncio.to_thread(ctr, "images", "pull", "--plain-http", "-u", "me:secret", name, namespace="moved")
            assert ran.code != 0 and f'has image "{name}" come from "{other}", and its bytes are here already' in ran.err, (
                ran
            )

    asyncio.run(main())


def test_labels_and_a_snapshotter_are_what_hooks_ask_for(told: Told) -> None:
    async def main() -> None:
        async with two() as (_, second, _target):
            name = f"{second.netloc}/box:1"
            told.say(
                "asked",
                pre_pull={"labels": {"team": "a", "by": "pre"}, "snapshotter": "native"},
                resolved={"labels": {"by": "resolved"}},
            )
            argosy, ctr = told.mesh.argosy, told.mesh.ctr
            (await asyncio.to_thread(argosy, "pull", name, "--plain-http", namespace="asked")).ok()
            (shown,) = json.loads((await asyncio.to_thread(argosy, "-o", "json", "images", namespace="asked")).ok().out)
            assert shown["labels"] == {"team": "a", "by": "resolved"}
            ready = json.loads(
                (await asyncio.to_thread(argosy, "-o", "json", "image", "check", name, namespace="asked")).ok().out
            )
            assert {row["snapshotter"] for row in ready if row["ready"]} == {"native"}
            # Who says where it is to be unpacked has it there.
            (
                await asyncio.to_thread(
                    argosy, "pull", name, "--plain-http", "--snapshotter", "overlayfs", namespace="asked"
                )
            ).ok()
            ready = json.loads(
                (await asyncio.to_thread(argosy, "-o", "json", "image", "check", name, namespace="asked")).ok().out
            )
            assert {row["snapshotter"] for row in ready if row["ready"]} == {"native", "overlayfs"}
            with Tool(told.mesh.address, "asked") as tool:
                (await asyncio.to_thread(ctr, "images", "rm", "--sync", name, namespace="asked")).ok()
                await asyncio.to_thread(tool.pull, name)
            ready = json.loads(
                (await asyncio.to_thread(argosy, "-o", "json", "image", "check", name, namespace="asked")).ok().out
            )
            assert "native" in {row["snapshotter"] for row in ready if row["ready"]}
            labels = (await asyncio.to_thread(ctr, "images", "ls", namespace="asked")).ok().out
            assert "team=a" in labels and "by=resolved" in labels

    asyncio.run(main())


@pytest.mark.parametrize("point", ["resolved", "layer-ready", "unpacked"])
def test_a_pull_ends_where_a_hook_denies_it(told: Told, point: str) -> None:
    """By each client; its image has no name then, but for Debian's ctr, which gives it before it unpacks."""

    async def main() -> None:
        async with two() as (_, second, target):
            name, ns = f"{second.netloc}/box:1", f"at-{point}"
            told.say(ns, **{point.replace("-", "_"): {"allow": False, "reason": "not here"}})
            async with Client(told.mesh.address, ns) as client:
                with pytest.raises(PermissionDenied, match='hook "told" denies .*: not here'):
                    await pull(client, name, plain=True)
            with Tool(told.mesh.address, ns) as tool:
                code, text = await asyncio.to_thread(refused, tool.pull, name)
                assert code == "PERMISSION_DENIED" and text.endswith("not here: permission denied"), text
            row = next(row for row in told.asked(ns) if row["point"] == point)
            # Our clients say of which image a layer is.
            assert row["name"] == name and row["digest"].startswith("sha256:") and row["here"] == (point != "resolved")
            ran = await asyncio.to_thread(told.mesh.ctr, "images", "pull", "--plain-http", name, namespace=ns)
            assert ran.code != 0 and "not here" in ran.err, ran
            names = (await asyncio.to_thread(told.mesh.ctr, "images", "ls", "-q", namespace=ns)).ok().out.split()
            assert names == ([] if point == "resolved" else [name])
            assert point != "resolved" or target["digest"] in {row["digest"] for row in told.asked(ns)}

    asyncio.run(main())


# -- how hooks come --


def test_a_hook_in_the_registration_directory_is_asked_at_the_points_that_it_says(told: Told) -> None:
    mesh = told.mesh

    with serving_example("nolatest", mesh.state / "plugins.d"):
        eventually(lambda: _row(mesh, "nolatest")["state"] == "ready")
        row = _row(mesh, "nolatest")
        assert (row["type"], row["capabilities"], row["fail"]) == ("hook", ["pre-pull", "pre-run"], "closed")
        ran = mesh.argosy("pull", "localhost:1/none:latest", namespace="prod")
        assert ran.code != 0 and 'hook "nolatest" denies' in ran.err, ran
    # Taken away with its socket: the registry is asked, which is not there.
    eventually(lambda: "denies" not in mesh.argosy("pull", "localhost:1/none:latest", namespace="prod").err)


def test_a_hook_in_the_registration_directory_is_asked_from_the_first_call_on(short_path: Path) -> None:
    """A gateway that starts again waits until it knows its hooks."""
    mesh = Mesh(short_path)
    mesh.start()
    target = {"media_type": "application/vnd.oci.image.manifest.v1+json", "digest": f"sha256:{5:064x}", "size": 7}
    image = {"name": "localhost:1/early:latest", "target": target}
    try:
        with serving_example("nolatest", mesh.state / "plugins.d"):
            eventually(lambda: _row(mesh, "nolatest")["state"] == "ready")
            os.kill(mesh.services()["argosy-gateway"], signal.SIGKILL)
            with Wire(mesh.address, "prod") as wire:
                while (answer := wire.call("images.v1.Images/Create", image=image)).code is UNAVAILABLE:
                    pass  # of the one that was killed, or nobody listens yet
            assert 'hook "nolatest" denies' in answer.details, answer
    finally:
        mesh.destroy()


def _row(mesh: Mesh, name: str) -> dict[str, Any]:
    rows = json.loads(mesh.argosy("-o", "json", "plugin", "ls").ok().out)
    return next((row for row in rows if row["name"] == name), {"state": ""})


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["hook", "h", "--fail", "sometimes"], 'fail "sometimes" is neither "closed" nor "open"'),
        (["hook", "h", "--deadline", "9999"], "deadline_s must be a number of seconds up to 600"),
        (["hook", "h", "--capability", "post-run"], 'asked at no point "post-run"'),
        (["verifier", "v", "--fail", "open"], 'fail means nothing to a plugin of the type "verifier"'),
        (["verifier", "bindir"], '"bindir" means something else where a verifier is named; use another name'),
        (["depot", "oci"], '"oci" means something else where a depot is named; use another name'),
        (["snapshot", "s", "--deadline", "1"], 'deadline_s means nothing to a plugin of the type "snapshot"'),
    ],
)
def test_a_table_that_means_nothing_is_refused(told: Told, words: list[str], why: str) -> None:
    ran = told.mesh.argosy("plugin", "add", *words, "--address", "/run/none.sock")
    assert ran.code != 0 and why in ran.err, ran


def test_a_hook_that_is_away_and_fails_open_stops_nobody(told: Told) -> None:
    """And is kept as it is over a restart of the gateway; with ``closed`` in its place nothing goes on."""
    mesh = told.mesh
    words = ["plugin", "add", "hook", "away", "--address", str(mesh.base / "away.sock"), "--deadline", "0.5"]
    mesh.argosy(*words, "--capability", "pre-pull", "--fail", "open").ok()
    os.kill(mesh.services()["argosy-gateway"], signal.SIGKILL)
    try:
        ran = mesh.argosy("pull", "localhost:1/none:1", namespace="open")
        assert ran.code != 0 and "away" not in ran.err, ran
        row = _row(mesh, "away")
        assert (row["deadline"], row["fail"]) == ("0.5s", "open")
        mesh.argosy("plugin", "remove", "away").ok()
        mesh.argosy(*words).ok()
        ran = mesh.argosy("pull", "localhost:1/none:1", namespace="open")
        assert (
            ran.code != 0
            and 'hook "away" was asked about image "localhost:1/none:1" at pre-pull and gave no answer' in ran.err
        ), ran
    finally:
        mesh.argosy("plugin", "remove", "away").ok()
