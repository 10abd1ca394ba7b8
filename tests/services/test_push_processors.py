"""Stream processors that lead from what a differ packs to what is stored: chains, payloads, their surroundings, and their end."""

from __future__ import annotations

import asyncio
import gzip
import hashlib
import json
import sys
import tempfile
from collections.abc import Awaitable, Callable, Iterator, Mapping
from pathlib import Path

import anyio
import pytest
from argosy.client import Client
from argosy.client import images as api
from argosy.client.content import read_blob
from argosy.errors import ArgosyError, ResourceExhausted, Unimplemented, Unknown
from argosy.kernel.process import alive
from argosy.mounts import Mount
from argosy.plugin.diff.contents import scratch_file
from argosy.plugin.diff.packing import Compared
from argosy.tables import StreamProcessor
from argosy.unpack.limits import DEFAULTS, Limits
from argosy_diff.processors import resolve, resolve_push
from argosy_protos.argosy.diff.v1 import MakeRequest
from argosy_protos.containerd.services.content.v1 import ListStatusesRequest
from argosy_protos.containerd.services.diff.v1 import DiffRequest
from argosy_protos.containerd.services.leases.v1 import ListRequest
from argosy_protos.containerd.types import Mount as WireMount
from argosy_protos.google.protobuf import Any as AnyMessage

from tests.harness.bombs import TAR, Unpacker, with_workers
from tests.harness.keys import Keys
from tests.harness.mesh import IMAGE, Mesh, eventually
from tests.security.test_s36_stream_processors import LOOK

pytestmark = pytest.mark.root

GZIP = f"{TAR}+gzip"
# It turns bytes around, so that twice is as if it had not been: a seal that a test can open by itself.
TURN = "import sys\ndata = sys.stdin.buffer.read()\nsys.stdout.buffer.write(data[::-1])\n"
PREFIX = "import os, sys\nsys.stdout.buffer.write(os.read(3, 100) + sys.stdin.buffer.read())\n"


def python(base: Path, name: str, text: str, *args: str) -> list[str]:
    program = base / f"{name}.py"
    program.write_text(text)
    return [sys.executable, "-IS", str(program), *args]


def push(command: list[str], accepts: str, returns: str) -> StreamProcessor:
    return StreamProcessor(accepts=[accepts], returns=returns, path=command[0], args=command[1:], direction="push")


@pytest.fixture
def tree(tmp_path: Path) -> list[Mount]:
    """A tree with a file, as mounts to make a layer of."""
    (tmp_path / "tree").mkdir()
    (tmp_path / "tree/hello").write_bytes(b"world")
    return [Mount("bind", str(tmp_path / "tree"), ("rbind", "ro"))]


def made(
    tmp_path: Path, tree: list[Mount], media_type: str, processors: Mapping[str, StreamProcessor],
    payloads: Mapping[str, bytes] | None = None, limits: Limits = DEFAULTS,
) -> tuple[Compared, bytes]:  # fmt: skip
    """Make a layer of a tree by a worker; return what is said of it, and its bytes."""
    found: list[tuple[Compared, bytes]] = []

    async def work(unpacker: Unpacker) -> None:
        with scratch_file(tmp_path) as out:
            layer = await unpacker.workers.compare([], tree, out, media_type, 0, processors, payloads or {})
            out.seek(0)
            found.append((layer, out.read()))

    with_workers(tmp_path, work, limits)
    return found[0]


def test_the_way_to_a_type_is_the_shortest_and_payloads_choose() -> None:
    """Backwards from what is asked for; of several the one that a payload is for, else the one that came last."""

    def one(accepts: list[str], returns: str, direction: str = "push") -> StreamProcessor:
        return StreamProcessor(
            accepts=accepts, returns=returns, path="x", direction="push" if direction == "push" else "apply"
        )

    table = {
        "a": one([GZIP], "x/sealed"), "b": one([TAR, "x/other"], "x/sealed"), "c": one(["x/sealed"], "x/signed"),
        "d": one(["x/signed"], "x/sealed"), "e": one(["x/sealed"], GZIP, "apply"), "f": one(["x/sealed"], TAR, "apply"),
    }  # fmt: skip

    def ids(media_type: str, *payloads: str) -> tuple[str, list[str]]:
        base, steps = resolve_push(media_type, table, payloads)
        return base, [id for id, _, _ in steps]

    assert ids(GZIP) == (GZIP, []) and ids("x/sealed") == (TAR, ["b"]) and ids("x/sealed", "a") == (GZIP, ["a"])
    assert ids("x/signed") == (TAR, ["b", "c"]) and ids("x/signed", "a") == (GZIP, ["a", "c"])
    assert resolve_push("x/signed", table)[1][1][2] == "x/sealed"  # what it is told that it is given
    for nowhere in ("x/other", "x/none", f"{TAR}+encrypted"):
        with pytest.raises(Unimplemented, match="unsupported diff media type"):
            resolve_push(nowhere, table)
    # The other direction has its own, and payloads choose there, too.
    assert [id for id, _, _ in resolve("x/sealed", table)] == ["f"] and [
        id for id, _, _ in resolve("x/sealed", table, ["e"])
    ] == ["e"]
    with pytest.raises(Unknown, match="no processor for media-type"):
        resolve("x/signed", table)


def test_a_chain_is_led_through_in_order_with_payloads(tmp_path: Path, tree: list[Mount]) -> None:
    """What comes out is what each made of what the one before made; said of it are its own digest and size, and those of its tar."""
    table = {
        "turn": push(python(tmp_path, "turn", TURN), GZIP, "x/turned"),
        "prefix": push(python(tmp_path, "prefix", PREFIX), "x/turned", "x/marked"),
    }
    layer, data = made(tmp_path, tree, "x/marked", table, {"prefix": b"mark"})
    assert data.startswith(b"mark") and (layer.digest, layer.size) == (
        f"sha256:{hashlib.sha256(data).hexdigest()}",
        len(data),
    )
    tar = gzip.decompress(data[4:][::-1])
    assert b"world" in tar and layer.uncompressed == f"sha256:{hashlib.sha256(tar).hexdigest()}"
    assert made(tmp_path, tree, GZIP, table)[1] == data[4:][::-1]


def test_one_inherits_nothing_of_ours(tmp_path: Path, tree: list[Mount], monkeypatch: pytest.MonkeyPatch) -> None:
    """Its four descriptors, its environment, and no ignored signal: as those that open layers."""
    monkeypatch.setenv("ARGOSY_SECRET", "1")
    found = tmp_path / "found"
    table = {"look": push(python(tmp_path, "look", LOOK, str(found)), GZIP, "x/y")}
    made(tmp_path, tree, "x/y", table, {"look": b"secret"})
    said = json.loads(found.read_text())
    assert sorted(said["fds"]) == ["0", "1", "2", "3"] and said["payload"] == "secret"
    assert not any("socket" in target for target in said["fds"].values())
    assert (
        set(said["env"]) <= {"PATH", "STREAM_PROCESSOR_MEDIATYPE", "LC_CTYPE"}
        and said["env"]["STREAM_PROCESSOR_MEDIATYPE"] == GZIP
    )
    assert int(said["ignored"], 16) & ~(1 << 12 | 1 << 24 | 1 << 31 | 1 << 32) == 0 and int(said["blocked"], 16) == 0


@pytest.mark.parametrize(
    ("text", "error", "says"),
    [
        ("import sys; sys.exit('no seal')", Unknown, 'stream processor "p" exited 1: no seal'),
        ("import sys; sys.stdout.write('half'); sys.exit(3)", Unknown, 'stream processor "p" exited 3: without a word'),
        ("while True: print('x' * 65536)", ResourceExhausted, "made more than 1048576 bytes of it"),
    ],
)
def test_one_that_fails_or_never_ends_makes_no_layer(
    tmp_path: Path, tree: list[Mount], text: str, error: type[ArgosyError], says: str
) -> None:
    with pytest.raises(error, match=says):
        made(tmp_path, tree, "x/y", {"p": push(python(tmp_path, "p", text), GZIP, "x/y")}, limits=Limits(max_bytes=1 << 20))


def test_the_whole_chain_ends_with_a_cancelled_call(tmp_path: Path, tree: list[Mount]) -> None:
    pids = tmp_path / "pids"
    hang = (
        f"import os, subprocess, time\nopen({str(pids)!r}, 'a').write(f'{{os.getpid()}}\\n')\n"
        f"subprocess.Popen(['sh', '-c', 'echo $$ >> {pids}; exec sleep 600'], start_new_session=True)\ntime.sleep(600)"
    )
    table = {
        "first": push(python(tmp_path, "first", hang), GZIP, "x/z"),
        "second": push(python(tmp_path, "second", hang), "x/z", "x/y"),
    }

    async def work(unpacker: Unpacker) -> None:
        async with anyio.create_task_group() as tasks:

            async def make() -> None:
                with scratch_file(tmp_path) as out:
                    await unpacker.workers.compare([], tree, out, "x/y", 0, table, {})

            tasks.start_soon(make)
            running: list[int] = []

            def there() -> bool:
                running[:] = [int(pid) for pid in pids.read_text().split()] if pids.exists() else []
                return len(running) == 4

            await anyio.to_thread.run_sync(lambda: eventually(there, 20))
            tasks.cancel_scope.cancel()
        await anyio.to_thread.run_sync(lambda: eventually(lambda: not any(map(alive, running)), what="one outlives its call"))

    with_workers(tmp_path, work)


# -- on a mesh --


@pytest.fixture(scope="module")
def mesh(image_archive: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mesh]:
    """A mesh with a processor in each direction in its configuration."""
    base = tmp_path_factory.mktemp("push")
    turn, mark = python(base, "turn", TURN), python(base, "mark", PREFIX)
    tables = "".join(
        f'[stream_processors.{id}]\naccepts = ["{accepts}"]\nreturns = "{returns}"\npath = "{command[0]}"\nargs = {json.dumps(command[1:])}\n{more}\n'
        for id, command, accepts, returns, more in (
            ("seal", turn, GZIP, "x/turned", 'direction = "push"'), ("open", turn, "x/turned", GZIP, ""),
            ("mark", mark, "x/turned", "x/marked", 'direction = "push"'),
        )
    )  # fmt: skip
    running = Mesh(Path(tempfile.mkdtemp(prefix="ay-", dir="/tmp")), extra=["--config", str(base / "mesh.toml")])
    (running.base / "keys").mkdir()
    tables += (
        f'[stream_processors."io.containerd.ocicrypt.decoder.v1.tar.gzip"]\naccepts = ["{GZIP}+encrypted"]\nreturns = "{GZIP}"\n'
        f'path = "ctd-decoder"\nargs = ["--decryption-keys-path", "{running.base}/keys"]\n'
    )
    (base / "mesh.toml").write_text(tables)
    running.start()
    try:
        running.ctr("images", "import", str(image_archive)).ok()
        yield running
    finally:
        running.destroy()


def with_client(mesh: Mesh, work: Callable[[Client], Awaitable[None]]) -> None:
    async def main() -> None:
        async with Client(mesh.address, "default") as client:
            await work(client)
            assert (await client.services.content.list_statuses(ListStatusesRequest())).statuses == []

    asyncio.run(main())


def test_diff_stores_what_processors_make(mesh: Mesh, tree: list[Mount]) -> None:
    """Any client may ask for the type; who has payloads says them to argosy.diff.v1."""

    async def work(client: Client) -> None:
        services = client.services
        right = [WireMount(type=m.type, source=m.source, options=list(m.options)) for m in tree]
        made = (await services.diff.diff(DiffRequest(right=right, media_type="x/turned"))).diff
        assert made is not None and made.media_type == "x/turned"
        data = await read_blob(services.content, made.digest)
        assert len(data) == made.size and b"world" in gzip.decompress(data[::-1])
        payloads = {"mark": AnyMessage(type_url="a.B", value=b"seven")}
        answer = await services.layers.make(MakeRequest(right=right, media_type="x/marked", payloads=payloads))
        assert answer.layer is not None and answer.diff_id.startswith("sha256:")
        marked = await read_blob(services.content, answer.layer.digest)
        assert marked == AnyMessage(type_url="a.B", value=b"seven").encode() + data
        with pytest.raises(Unimplemented, match="or add a stream processor that makes it"):
            await services.diff.diff(DiffRequest(right=right, media_type="x/none"))

    with_client(mesh, work)


def test_an_image_is_converted_there_and_back(mesh: Mesh) -> None:
    """Sealed, and run as it is; opened again it has the layers that it had."""
    mesh.argosy("image", "convert", "--to", "x/turned", IMAGE, "turned:1").ok()
    rows = json.loads(mesh.argosy("-o", "json", "image", "layerinfo", "turned:1").ok().out)
    assert [row["type"] for row in rows] == ["x/turned"] * 2
    archive = mesh.base / "turned.tar"
    mesh.argosy("export", str(archive), "turned:1").ok()
    mesh.argosy("import", str(archive), namespace="apart").ok()
    assert mesh.argosy("run", "--rm", "turned:1", "cat", "/etc/motd", namespace="apart").ok().out
    mesh.argosy("image", "convert", "--to", "uncompressed", "turned:1", "plain:1").ok()
    mesh.argosy("image", "convert", "--to", "uncompressed", IMAGE, "plain:2").ok()
    plain = [json.loads(mesh.argosy("-o", "json", "image", "layerinfo", name).ok().out) for name in ("plain:1", "plain:2")]
    assert [row["digest"] for row in plain[0]] == [row["digest"] for row in plain[1]]

    async def work(client: Client) -> None:
        payloads = {"mark": AnyMessage(type_url="a.B", value=b"x")}
        await api.convert(client, IMAGE, "marked:1", "x/marked", payloads=payloads)

    with_client(mesh, work)


def test_a_conversion_that_is_given_up_leaves_nothing(mesh: Mesh, tmp_path: Path) -> None:
    """No process, no ingest, no lease; whatever its processor waits for."""
    pids = tmp_path / "pids"
    hang = f"import os, time\nopen({str(pids)!r}, 'a').write(f'{{os.getpid()}}\\n')\ntime.sleep(600)"
    words = ("--accepts", GZIP, "--returns", "x/hangs", "--direction", "push")
    mesh.argosy("plugin", "add", "processor", "hangs", *words, "--command", " ".join(python(tmp_path, "hang", hang))).ok()

    async def work(client: Client) -> None:
        converting = asyncio.ensure_future(api.convert(client, IMAGE, "hangs:1", "x/hangs"))
        await asyncio.to_thread(eventually, lambda: pids.exists() and len(pids.read_text().split()) == 2, 20)
        converting.cancel()
        await asyncio.wait([converting])
        assert (await client.services.leases.list(ListRequest())).leases == []
        running = [int(pid) for pid in pids.read_text().split()]
        await asyncio.to_thread(eventually, lambda: not any(map(alive, running)), 10)

    with_client(mesh, work)
    mesh.argosy("plugin", "remove", "hangs").ok()


def test_a_program_that_came_with_us_needs_no_path(mesh: Mesh, tmp_path: Path) -> None:
    """A configuration of containerd's that says ctd-decoder finds ours, with the keys that it names."""
    keys = Keys(mesh.base / "keys")
    mesh.argosy("image", "encrypt", "--recipient", f"jwe:{keys.rsa('node').with_suffix('.pub')}", IMAGE, "nodes:1").ok()
    mesh.argosy("export", str(tmp_path / "nodes.tar"), "nodes:1").ok()
    mesh.ctr("images", "import", str(tmp_path / "nodes.tar"), namespace="nodes").ok()
    assert mesh.argosy("run", "--rm", "nodes:1", "cat", "/etc/motd", namespace="nodes").ok().out


def test_one_is_registered_with_its_direction(mesh: Mesh, tmp_path: Path) -> None:
    """And drained, it makes no layer."""
    command = " ".join(python(tmp_path, "turn", TURN))
    words = ("plugin", "add", "processor", "late", "--accepts", GZIP, "--command", command)
    mesh.argosy(*words, "--returns", "x/late", "--direction", "push").ok()
    assert json.loads(mesh.argosy("-o", "json", "plugin", "show", "late").ok().out)["direction"] == "push"
    mesh.argosy("image", "convert", "--to", "x/late", IMAGE, "late:1").ok()
    mesh.argosy("plugin", "drain", "late").ok()
    refused = mesh.argosy("image", "convert", "--to", "x/late", IMAGE, "late:2")
    assert refused.code != 0 and 'needs stream processor "late", which is drained; undrain it' in refused.err, refused
    mesh.argosy("plugin", "remove", "late").ok()
    for more, says in (
        (("--returns", f"{TAR}+zstd", "--direction", "push"), "which differs know"),
        (("--returns", "x/late", "--direction", "pull"), "give apply or push"),
    ):
        refused = mesh.argosy(*words, *more)
        assert refused.code != 0 and says in refused.err, refused
