"""Transfers whose registry wants something, whose client does not answer, lies or goes, and whose process is killed: nothing acknowledged is lost, nothing stays."""

from __future__ import annotations

import io
import os
import signal
import tarfile
import tempfile
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import grpc
import pytest
from argosy.testkit.image import oci_archive
from argosy_cli.config import TOPOLOGY
from argosy_protos.containerd.types import transfer as p

from tests.harness.gate import Gate, gate_before
from tests.harness.mesh import IMAGE, Mesh, eventually
from tests.harness.transfer import HOST, WINDOW, Tool, extra, pack, refused

pytestmark = pytest.mark.root

BIG = "docker.io/library/big:1"
BIG_BYTES = 24 << 20
ANSWER_S, SILENCE_S = 1.0, 2.0
# What the process may have of its own while it moves an image that is larger than this: no image is ever in memory.
MOST_ANON_KB = 96 << 10


@pytest.fixture(scope="module")
def mesh(image_archive: Path) -> Iterator[Mesh]:
    """A mesh whose transfers lose patience soon."""
    base = Path(tempfile.mkdtemp(prefix="ay-", dir="/tmp"))
    config = base / "mesh.toml"
    config.write_text(
        f"{TOPOLOGY.read_text()}\n[services.transfer.settings]\nanswer_s = {ANSWER_S}\nsilence_s = {SILENCE_S}\n"
    )
    running = Mesh(base, extra=["--config", str(config)])
    running.start()
    try:
        running.ctr("images", "import", str(image_archive)).ok()
        big = base / "big.tar"
        oci_archive(big, BIG, [layer_of(BIG_BYTES)])
        running.ctr("images", "import", "--no-unpack", str(big)).ok()
        yield running
        left = running.leftovers()
        assert left == [], left
    finally:
        running.destroy()


def layer_of(size: int) -> bytes:
    """Return a layer with one file, which no compression makes smaller."""
    with io.BytesIO() as out:
        with tarfile.open(fileobj=out, mode="w") as tar:
            entry = tarfile.TarInfo("big")
            entry.size = size
            tar.addfile(entry, io.BytesIO(os.urandom(size)))
        return out.getvalue()


@pytest.fixture
def gate(mesh: Mesh, registry: str) -> Iterator[Gate]:
    """A gate before a registry that has both images."""
    for image, name in ((IMAGE, "box:1"), (BIG, "big:1")):
        mesh.ctr("images", "tag", "--force", image, f"{registry}/{name}").ok()
        mesh.argosy("push", "--plain-http", f"{registry}/{name}").ok()
    with gate_before(registry) as found:
        yield found


@pytest.fixture
def tool(mesh: Mesh, request: pytest.FixtureRequest) -> Iterator[Tool]:
    with Tool(mesh.address, f"f{abs(hash(request.node.name)) % 10**9}") as found:
        yield found


def names(mesh: Mesh, tool: Tool) -> list[str]:
    return mesh.ctr("images", "ls", "-q", namespace=tool.namespace).ok().out.split()


def ingests(mesh: Mesh, tool: Tool) -> list[str]:
    return mesh.ctr("content", "active", namespace=tool.namespace).ok().out.splitlines()[1:]


def extracts(mesh: Mesh, tool: Tool) -> list[str]:
    out = mesh.ctr("snapshots", "ls", namespace=tool.namespace).ok().out
    return [line for line in out.splitlines() if line.startswith("extract-")]


def no_extracts(mesh: Mesh, tool: Tool) -> None:
    """Nothing stays of what a pull that was killed had extracted: at once, since a collection that nobody asks for comes when it is due."""

    def check() -> None:
        mesh.argosy("gc").ok()
        assert extracts(mesh, tool) == []

    eventually(check)


def nothing_is_left(mesh: Mesh, tool: Tool) -> None:
    def check() -> None:
        mesh.argosy("gc").ok()
        assert mesh.ctr("content", "ls", "-q", namespace=tool.namespace).out == ""
        assert mesh.ctr("snapshots", "ls", namespace=tool.namespace).out.splitlines()[1:] == []

    eventually(check)


def answers(tool: Tool) -> None:
    """Raise AssertionError while who was killed is not there again: a call may still have met it."""
    try:
        tool.open("look").cancel()
    except grpc.RpcError as error:
        raise AssertionError(error) from None


# -- registries --


def test_what_a_registry_warns_of_is_shown_by_the_command_and_told_among_the_progress(
    mesh: Mesh, tool: Tool, gate: Gate
) -> None:
    gate.warning = "this tag goes away"
    name = f"{gate.address}/box:1"
    shown = mesh.argosy("-n", tool.namespace, "pull", "--plain-http", name).ok()
    assert f"registry {gate.address} warns: this tag goes away" in shown.err and "warns" not in shown.out
    tool.pull(name)
    assert tool.statuses().count(f"registry {gate.address} warns: this tag goes away") == 1


def test_a_private_registry_is_pulled_from_by_what_the_client_answers(mesh: Mesh, tool: Tool, gate: Gate) -> None:
    gate.basic = "me:the word"
    asked: list[p.AuthRequest] = []
    name = f"{gate.address}/box:1"
    answer = p.AuthResponse(authType=p.AuthType.CREDENTIALS, username="me", secret="the word")
    tool.pull(name, resolver=p.RegistryResolver(auth_stream=tool.answer(answer, asked)))
    assert names(mesh, tool) == [name]
    assert [(one.host, one.reference) for one in asked] == [(gate.address, name)], "it is asked once a transfer"
    assert "the word" not in mesh.log.read_text()


@pytest.mark.parametrize("kind", ["wrong", "none", "header", "hangs", "gone", "not asked"])
def test_who_has_no_credentials_is_refused_and_nobody_waits(mesh: Mesh, tool: Tool, gate: Gate, kind: str) -> None:
    gate.basic = "me:the word"
    answer = {
        "wrong": p.AuthResponse(authType=p.AuthType.CREDENTIALS, username="me", secret="another word"),
        "none": p.AuthResponse(), "header": p.AuthResponse(authType=p.AuthType.HEADER, secret="x"),
    }.get(kind)  # fmt: skip
    stream = "" if kind == "not asked" else tool.answer(answer, [])
    if kind == "gone":
        opened = tool.open("creds")
        opened.half_close()
        stream = opened.id
    began = time.monotonic()
    code, text = refused(tool.pull, f"{gate.address}/box:1", resolver=p.RegistryResolver(auth_stream=stream))
    assert code == "UNAUTHENTICATED" and text.startswith("failed to resolve image: "), (code, text)
    assert time.monotonic() - began < ANSWER_S + 5
    assert names(mesh, tool) == []


def test_a_refresh_token_is_exchanged_for_one_to_use(mesh: Mesh, tool: Tool, gate: Gate) -> None:
    gate.refresh = "refresh-me"
    name = f"{gate.address}/box:1"
    answer = p.AuthResponse(authType=p.AuthType.REFRESH, secret="refresh-me")
    tool.pull(name, resolver=p.RegistryResolver(auth_stream=tool.answer(answer, [])))
    assert names(mesh, tool) == [name]
    assert {tuple(form["grant_type"]) for form in gate.forms} == {("refresh_token",)}


def test_headers_go_to_the_registry_and_its_traffic_is_shown_without_secrets(tool: Tool, gate: Gate) -> None:
    gate.basic = "me:the word"
    got = bytearray()
    logs, reading = tool.receiving(got)
    answer = p.AuthResponse(authType=p.AuthType.CREDENTIALS, username="me", secret="the word")
    resolver = p.RegistryResolver(
        auth_stream=tool.answer(answer, []),
        headers={"X-Tried": "header-value"},
        http_debug=p.HTTPDebug.DEBUG,
        logs_stream=logs,
    )
    tool.pull(f"{gate.address}/box:1", resolver=resolver)
    reading.join(10)
    assert all(headers.get("x-tried") == "header-value" for _, _, headers in gate.asked)
    text = got.decode()
    assert f"> HEAD {gate.address}/v2/box/manifests/1" in text and "< 200" in text and "< 401" in text
    assert "header-value" not in text and "Basic bWU6" not in text


def test_hosts_toml_of_the_clients_directory_leads_to_a_mirror(mesh: Mesh, tool: Tool, gate: Gate, tmp_path: Path) -> None:
    folder = tmp_path / "example.invalid"
    folder.mkdir()
    (folder / "hosts.toml").write_text(f'[host."http://{gate.address}"]\ncapabilities = ["pull", "resolve"]\n')
    tool.pull("example.invalid/box:1", resolver=p.RegistryResolver(host_dir=str(tmp_path)))
    assert names(mesh, tool) == ["example.invalid/box:1"] and gate.paths("/v2/box/")
    bad = p.OCIRegistry(reference="example.invalid/box:1", resolver=p.RegistryResolver(host_dir="relative"))
    assert refused(tool.transfer, bad, p.ImageStore(name="x"))[0] == "INVALID_ARGUMENT"


# -- in the middle --


def begun(mesh: Mesh, tool: Tool, gate: Gate, folder: Path) -> str:
    """Begin to pull an image that is nowhere in the mesh, slowly; return its name when some of it is there."""
    archive, made = folder / "new.tar", f"{gate.registry}/new:{tool.namespace}"
    oci_archive(archive, made, [layer_of(BIG_BYTES)])
    mesh.ctr("images", "import", "--no-unpack", str(archive)).ok()
    mesh.argosy("push", "--plain-http", made).ok()
    mesh.ctr("images", "rm", made).ok()
    mesh.argosy("gc").ok()
    gate.slow_from, gate.rate = 1 << 20, 6 << 20
    name = f"{gate.address}/new:{tool.namespace}"
    store = p.ImageStore(name=name, platforms=[HOST], unpacks=[p.UnpackConfiguration(platform=HOST)])
    tool.beside(tool.transfer, p.OCIRegistry(reference=name), store, tool.watch())

    def comes() -> bool:
        return any(one.event == "downloading" and one.progress > 2 << 20 for one in tool.progress)

    eventually(comes, what="nothing comes")
    return name


def taken_up(mesh: Mesh, tool: Tool, gate: Gate, name: str) -> None:
    """Pull again: what is there is not fetched again."""
    gate.slow_from = 1 << 62
    before = len(gate.paths("/blobs/"))
    with Tool(mesh.address, tool.namespace) as again:
        again.lease = tool.lease
        again.pull(name)
    ranges = [headers.get("range", "") for _, _, headers in gate.paths("/blobs/")[before:]]
    assert any(one.startswith("bytes=") and one != "bytes=0-" for one in ranges), ranges
    assert names(mesh, tool) == [name]


def test_a_pull_whose_process_is_killed_is_taken_up_where_it_was(mesh: Mesh, tool: Tool, gate: Gate, tmp_path: Path) -> None:
    tool.make_lease("killed")
    name = begun(mesh, tool, gate, tmp_path)
    os.kill(mesh.services()["argosy-transfer"], signal.SIGKILL)
    tool.watching.join(10)
    assert not tool.watching.is_alive(), "the client hears of it"
    assert names(mesh, tool) == [] and len(ingests(mesh, tool)) == 1
    taken_up(mesh, tool, gate, name)
    tool.end_lease()
    no_extracts(mesh, tool)
    run = mesh.ctr("run", "--rm", "--net-host", name, "x", "/no-such", namespace=tool.namespace)
    assert "no-such" in run.err, "it is unpacked"


def test_a_pull_that_is_cancelled_is_taken_up_or_leaves_nothing(mesh: Mesh, tool: Tool, gate: Gate, tmp_path: Path) -> None:
    tool.make_lease("cancelled")
    name = begun(mesh, tool, gate, tmp_path)
    tool.channel.close()
    with Tool(mesh.address, tool.namespace) as after:
        after.lease = "cancelled"
        eventually(lambda: extracts(mesh, tool) == [])
        assert names(mesh, tool) == []
        taken_up(mesh, after, gate, name)
        mesh.ctr("images", "rm", name, namespace=tool.namespace).ok()
        after.end_lease()
    nothing_is_left(mesh, tool)


def test_a_pull_without_a_lease_that_is_cancelled_gives_its_own_back(
    mesh: Mesh, tool: Tool, gate: Gate, tmp_path: Path
) -> None:
    begun(mesh, tool, gate, tmp_path)
    tool.channel.close()
    eventually(lambda: mesh.ctr("leases", "ls", "-q", namespace=tool.namespace).out == "")
    nothing_is_left(mesh, tool)


# -- clients that hang, and memory --


def anonymous_kb(mesh: Mesh) -> int:
    status = Path(f"/proc/{mesh.services()['argosy-transfer']}/status").read_text()
    return int(next(line for line in status.splitlines() if line.startswith("RssAnon")).split()[1])


def test_an_export_that_nobody_takes_is_given_up_and_never_held_in_memory(mesh: Mesh, tool: Tool) -> None:
    for granted in (0, 4 * WINDOW, (1 << 31) - 1):
        with Tool(mesh.address) as taker:
            stream = taker.open("export")
            if granted:
                stream.send(pack(p.WindowUpdate(update=granted)))
            source = p.ImageStore(extra_references=[extra(BIG)])
            code, text = refused(taker.transfer, source, p.ImageExportStream(stream=stream.id))
            assert code == "UNAVAILABLE" and "given up" in text, (granted, code, text)
            assert anonymous_kb(mesh) < MOST_ANON_KB


def test_an_import_that_says_nothing_is_given_up(mesh: Mesh, tool: Tool) -> None:
    stream = tool.open("import")
    began = time.monotonic()
    code, text = refused(tool.transfer, p.ImageImportStream(stream=stream.id), p.ImageStore(name="x"))
    assert code == "UNAVAILABLE" and "is silent" in text
    assert time.monotonic() - began < SILENCE_S + 5


def test_an_import_is_never_held_in_memory(mesh: Mesh, tool: Tool, tmp_path: Path) -> None:
    archive = tmp_path / "large.tar"
    oci_archive(archive, "docker.io/library/large:1", [layer_of(4 * BIG_BYTES)])
    tool.transfer(
        p.ImageImportStream(stream=tool.sending(archive.read_bytes())),
        p.ImageStore(extra_references=[extra("x", is_prefix=True, allow_overwrite=True)], platforms=[HOST]),
    )
    assert names(mesh, tool) == ["docker.io/library/large:1"]
    assert anonymous_kb(mesh) < MOST_ANON_KB


def test_a_client_that_reads_no_progress_holds_up_nobody(mesh: Mesh, tool: Tool, gate: Gate) -> None:
    name = f"{gate.address}/box:1"
    silent = tool.open("progress")
    tool.transfer(p.OCIRegistry(reference=name), p.ImageStore(name=name, platforms=[HOST]), silent.id)
    assert names(mesh, tool) == [name]


def test_a_progress_stream_whose_client_is_gone_ends_no_transfer(mesh: Mesh, tool: Tool, gate: Gate, tmp_path: Path) -> None:
    name = begun(mesh, tool, gate, tmp_path)
    tool._opened[0].cancel()
    eventually(lambda: names(mesh, tool) == [name], within=30)


def test_a_pull_outlives_no_gateway_and_goes_on_with_the_next(mesh: Mesh, tool: Tool, gate: Gate, tmp_path: Path) -> None:
    """The client hears of it; what was fetched is there."""
    tool.make_lease("gateway")
    name = begun(mesh, tool, gate, tmp_path)
    os.kill(mesh.services()["argosy-gateway"], signal.SIGKILL)
    tool.watching.join(10)
    assert not tool.watching.is_alive()
    eventually(lambda: mesh.ctr("version").ok() is not None, within=20)
    with Tool(mesh.address, tool.namespace) as after:
        after.lease = tool.lease
        taken_up(mesh, after, gate, name)
        after.end_lease()
    no_extracts(mesh, tool)


def test_a_content_store_that_is_killed_in_the_middle_costs_nothing_that_was_acknowledged(
    mesh: Mesh, tool: Tool, gate: Gate, tmp_path: Path
) -> None:
    tool.make_lease("content")
    name = begun(mesh, tool, gate, tmp_path)
    os.kill(mesh.services()["argosy-content"], signal.SIGKILL)
    tool.watching.join(30)
    if name not in names(mesh, tool):
        with Tool(mesh.address, tool.namespace) as after:
            after.lease = tool.lease
            gate.slow_from = 1 << 62
            after.pull(name)
    assert names(mesh, tool) == [name]
    tool.end_lease()
    mesh.argosy("gc").ok()
    eventually(lambda: ingests(mesh, tool) == [])


def test_an_import_whose_process_is_killed_names_nothing_and_can_be_done_again(
    mesh: Mesh, tool: Tool, image_archive: Path
) -> None:
    data = image_archive.read_bytes()
    store = p.ImageStore(platforms=[HOST], extra_references=[extra("x", is_prefix=True, allow_overwrite=True)])
    tool.make_lease("import")
    stream = tool.open("import")
    ends: list[tuple[str, str]] = []
    tool.beside(lambda: ends.append(refused(tool.transfer, p.ImageImportStream(stream=stream.id), store)))
    stream.receive()
    stream.send(pack(p.Data(data=data[:1000])))
    os.kill(mesh.services()["argosy-transfer"], signal.SIGKILL)
    eventually(lambda: [code for code, _ in ends] == ["UNAVAILABLE"])
    assert names(mesh, tool) == []
    tool.transfer(p.ImageImportStream(stream=tool.sending(data)), store)
    assert names(mesh, tool) == [IMAGE]
    tool.end_lease()


@pytest.mark.parametrize("how", ["cancelled", "killed"])
def test_a_pull_that_ends_at_any_moment_can_be_done_again_and_leaves_nothing(
    mesh: Mesh, tool: Tool, gate: Gate, tmp_path: Path, how: str
) -> None:
    """From before its first message to after its last."""
    name = begun(mesh, tool, gate, tmp_path)
    tool.watching.join(30)
    mesh.ctr("images", "rm", name, namespace=tool.namespace).ok()
    gate.slow_from = 1 << 62
    store = p.ImageStore(name=name, platforms=[HOST], all_metadata=True, unpacks=[p.UnpackConfiguration(platform=HOST)])
    for n in range(8):
        mesh.argosy("gc").ok()
        with Tool(mesh.address, tool.namespace) as one:
            one.make_lease(f"lease-{n}")
            one.beside(one.transfer, p.OCIRegistry(reference=name), store, one.watch())
            time.sleep(0.07 * n)
            if how == "killed":
                os.kill(mesh.services()["argosy-transfer"], signal.SIGKILL)
            one.channel.close()
        with Tool(mesh.address, tool.namespace) as after:
            after.lease = f"lease-{n}"
            eventually(partial(answers, after))
            after.pull(name)
            assert names(mesh, tool) == [name]
            mesh.ctr("images", "rm", name, namespace=tool.namespace).ok()
            after.end_lease()
        nothing_is_left(mesh, tool)


def test_many_pulls_of_one_image_at_a_time(mesh: Mesh, tool: Tool, gate: Gate, tmp_path: Path) -> None:
    name = begun(mesh, tool, gate, tmp_path)
    gate.slow_from = 1 << 62
    others = [Tool(mesh.address, f"{tool.namespace}{n % 2}") for n in range(4)]
    threads = [other.beside(other.pull, name) for other in others]
    for thread in threads:
        thread.join(60)
    for other in others:
        assert names(mesh, other) == [name]
        assert other.statuses()[-1].startswith("Completed pull"), other.progress[-3:]
        other.__exit__()
    eventually(lambda: names(mesh, tool) == [name], within=30)
