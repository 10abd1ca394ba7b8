"""Bad input: one clear error that names the noun, the state and the remedy; nothing is lost; no traceback."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import os
import select
import subprocess
import tarfile
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path

import pytest
from argosy.tables import ProxyPlugin, StreamProcessor
from argosy.testkit.image import busybox_layer, descriptor, oci_archive

from tests.harness.leaks import cgroups
from tests.harness.mesh import ARGOSY, BIN, IMAGE, Mesh, Ran, eventually, run
from tests.harness.processes import ending

pytestmark = pytest.mark.root


def refused(ran: Ran, *words: str, code: int | None = None) -> None:
    assert ran.code != 0, ran.out
    assert code is None or ran.code == code, (ran.code, ran.err)
    assert "Traceback" not in ran.err + ran.out, ran.err
    for word in words:
        assert word in ran.err, ran.err


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("adress = '/x'", ('unknown key "adress"', 'did you mean "address"?')),
        ("[gc]\npause_treshold = 1", ('unknown key "gc.pause_treshold"', 'did you mean "pause_threshold"?')),
        ("[services.x]\nkind = 'contnt'", ('[services.x] no service of kind "contnt"', 'did you mean "content"?')),
        ('[services.content]\nkind = "content"\nsettings = { romo = 1 }', ("[services.content.settings]", "romo")),
        ("root = ", ("is not TOML", "Invalid value")),
        ("log_level = 'loud'", ('log level "loud"',)),
        ("[proxy_plugins.native]\ntype='snapshot'\naddress='/x'", ("[proxy_plugins.native]", "use another")),
        (
            "[proxy_plugins.x]\ntype='snapshot'\nadress='/x'",
            ('unknown key "proxy_plugins.x.adress"', 'did you mean "address"?'),
        ),
        ("[stream_processors.x]\nacepts=[]", ('unknown key "stream_processors.x.acepts"', 'did you mean "accepts"?')),
        ("[services.transfr.settings]\nlanes = 3", ('no service is usually called "transfr"', 'did you mean "transfer"?')),
        ("[services.transfer.settings]\nlains = 3", ("[services.transfer.settings]", "lains", 'did you mean "lanes"?')),
        ("[services.x]\nknd='content'", ('unknown key "services.x.knd"', 'did you mean "kind"?')),
        (
            "[proxy_plugins.x]\ntype='content'\naddress='/x'",
            ("[services.content] and [proxy_plugins.x] are 2 content plugins", "take all but one out"),
        ),
        (
            "[services.t1]\nkind='tasks'\n[services.t2]\nkind='tasks'\n[services.content]\nkind='content'",
            ("[services.t1] and [services.t2] are 2 tasks plugins",),
        ),
        (
            "[proxy_plugins.a]\ntype='snapshot'\naddress='/x'\n[proxy_plugins.b]\ntype='snapshot'\naddress='unix:///x'",
            ("[proxy_plugins.a] and [proxy_plugins.b] are snapshotters at one socket, unix:///x", "a socket of its own"),
        ),
        ("[snapshotters.a]\nfalback=['b']", ('unknown key "snapshotters.a.falback"', 'did you mean "fallback"?')),
        ("[snapshotters.a]\nfallback=['b', 'a']", ("snapshotters.a: it falls back on itself",)),
        ("[snapshotters.a]\nfallback=['b', 'b']", ('snapshotters.a: fallback names "b" 2 times',)),
        ("[proxy_plugins.x]\ntype='snapshot'\naddress='x.sock'", ('address "x.sock" is no absolute path',)),
        ("[proxy_plugins.x]\ntype='snapshot'\naddress='unix://x.sock'", ('address "unix://x.sock" is no absolute path',)),
        ("[proxy_plugins.x]\ntype='snapshot'\naddress=''", ("neither an address nor a command",)),
        ("[proxy_plugins.x]\ntype='snapshot'\ncommand=['/bin/x', \"a\\u0000\"]", ("zero byte",)),
        (f"[proxy_plugins.x]\ntype='snapshot'\ncommand=['/bin/x', '{'y' * 140_000}']", ("more than 131072 bytes",)),
        ("[proxy_plugins.x]\ntype='snapshot'\naddress='/x'\nroots=['x']", ('roots "x" is no absolute path',)),
        ("[proxy_plugins.x]\ntype='snapshot'\naddress='/x'\nexports={root='x'}", ('exports.root "x" is no absolute path',)),
        (
            "[proxy_plugins.x]\ntype='snapshot'\naddress='/x'\nservices=['a.B']",
            ('services means nothing to a plugin of the type "snapshot", only to service; take it out',),
        ),
        (
            "[proxy_plugins.x]\ntype='service'\naddress='/x'\ncleanup='all'",
            ('cleanup means nothing to a plugin of the type "service", only to snapshot and content',),
        ),
        (
            "[proxy_plugins.x]\ntype='sandbox'\naddress='/x'\nroots=['/y']",
            ("proxy_plugins.x: roots means nothing", '"sandbox"'),
        ),
        (
            "[proxy_plugins.x]\ntype='service'\naddress='/run/mesh/content.sock'",
            ("[proxy_plugins.x] has the address of [services.content]",),
        ),
        (
            "[proxy_plugins.x]\ntype='service'\naddress='unix:///run/mesh/a.sock'",
            ("[proxy_plugins.x] has the address of the gateway",),
        ),
        ("[gc]\nschedule_delay_s = nan", ('"gc.schedule_delay_s"', "finite number")),
        ("[gc]\nstartup_delay_s = -5", ("startup_delay_s must not be negative", "-5")),
        ("idle_s = inf", ('"idle_s"', "finite number")),
        ("restart_interval_s = nan", ('"restart_interval_s"', "finite number")),
        ("uid = 99999999999", ("uid must be a number below", "99999999999")),
        ("gid = -2", ("gid must be a number below", "-2")),
        ("address = 'a.sock'", ('mesh.toml: address "a.sock" is no absolute path',)),
        ("root = 'here'", ('mesh.toml: root "here" is no absolute path',)),
        ("version = 2\nstate = 'here'", ('mesh.toml: state "here" is no absolute path',)),
    ],
)
def test_a_wrong_config_names_the_key_and_the_nearest(tmp_path: Path, text: str, words: tuple[str, ...]) -> None:
    config = tmp_path / "mesh.toml"
    config.write_text(text)
    if "/run/mesh" in text:
        config.write_text(f"state = '/run/mesh'\naddress = '/run/mesh/a.sock'\n{text}")
    refused(run([str(ARGOSY), "config", "check", str(config)]), *words)
    if "/run/mesh" in text:
        return  # it is about places that a start would be given
    base = ["--root", str(tmp_path / "r"), "--state", str(tmp_path / "s"), "--address", str(tmp_path / "a")]
    refused(run([str(ARGOSY), "up", "--config", str(config), *base]), *words)


def test_every_command_has_help() -> None:
    from argosy_cli.commands import COMMANDS

    for command in ("", *(c for names in COMMANDS.values() for c in names)):
        ran = run([str(ARGOSY), *command.split(), "--help"]).ok()
        assert "Usage: argosy" in ran.out and "Traceback" not in ran.err
    assert "os/architecture[/variant]" in run([str(ARGOSY), "pull", "--help"]).out


def test_a_missing_config_and_a_service_without_its_settings() -> None:
    refused(run([str(ARGOSY), "up", "--config", "/no/such.toml"]), "config file /no/such.toml does not exist", code=4)
    refused(run([str(BIN / "argosy-content"), "--root", "/tmp/x"]), '"address" must be given (--address)', code=2)


def test_a_stock_config_is_understood_and_the_rest_named_once(tmp_path: Path) -> None:
    config = tmp_path / "config.toml"
    config.write_text(
        f"""version = 2
root = "{tmp_path}/root"
state = "{tmp_path}/state"
oom_score = -999
[grpc]
  address = "{tmp_path}/c.sock"
  max_recv_message_size = 16777216
[ttrpc]
  address = "{tmp_path}/t.sock"
[proxy_plugins.stargz]
  type = "snapshot"
  address = "/run/stargz.sock"
[stream_processors."x"]
  accepts = ["a/b"]
  returns = "application/vnd.oci.image.layer.v1.tar"
  path = "cat"
[cgroup]
  path = "/argosy-test"
[timeouts]
  "io.containerd.timeout.task.state" = "7s"
[plugins."io.containerd.gc.v1.scheduler"]
  pause_threshold = 0.05
  startup_delay = "250ms"
[plugins."io.containerd.metadata.v1.bolt"]
  content_sharing_policy = "isolated"
[plugins."io.containerd.internal.v1.restart"]
  interval = "5s"
[plugins."io.containerd.grpc.v1.cri".containerd]
  snapshotter = "overlayfs"
"""
    )
    checked = run([str(ARGOSY), "config", "check", str(config)]).ok()
    assert "oom_score" in checked.err and "max_recv_message_size" in checked.err and "snapshotter" in checked.err
    dumped = run([str(ARGOSY), "config", "dump", str(config)]).ok().out
    for wanted in (
        "pause_threshold = 0.05",
        "startup_delay_s = 0.25",
        '"isolated"',
        "restart_interval_s = 5.0",
        "t.sock",
        "stargz",
    ):
        assert wanted in dumped
    refused(run([str(ARGOSY), "config", "check", "/dev/null/x"]), "cannot be read")
    default = run([str(ARGOSY), "config", "default"]).ok().out
    for example, tables in ((ProxyPlugin, "proxy_plugins.NAME"), (StreamProcessor, "stream_processors.ID")):
        assert f"# [{tables}]" in default
        for key in (one.name for one in fields(example)):
            assert f"# {key} = " in default or f"# [{tables}.{key}]" in default, key
    shown = tmp_path / "shown.toml"
    shown.write_text("\n".join(line.removeprefix("# ") for line in default.splitlines()))
    run([str(ARGOSY), "config", "check", str(shown)]).ok()
    again = tmp_path / "again.toml"
    again.write_text(dumped)
    assert run([str(ARGOSY), "config", "dump", str(again)]).ok().out == dumped
    assert '"io.containerd.timeout.task.state" = "7s"' in dumped and 'cgroup = "/argosy-test"' in dumped


def test_the_mesh_joins_its_cgroup_and_its_containers_do_not(short_path: Path, image_archive: Path) -> None:
    config = short_path / "mesh.toml"
    name = f"argosy-test-{os.getpid()}"
    config.write_text(f'cgroup = "/{name}"\n[timeouts]\n"io.containerd.timeout.shim.load" = "9s"\n')
    mesh = Mesh(short_path / "m", extra=["--config", str(config)])
    mesh.base.mkdir()
    mesh.start()
    try:
        for pid in mesh.services().values():
            assert f"/{name}" in Path(f"/proc/{pid}/cgroup").read_text()
        mesh.ctr("images", "import", str(image_archive)).ok()
        mesh.ctr("run", "-d", IMAGE, "c", "sleep", "100").ok()
        pid = int(mesh.ctr("tasks", "ls").ok().out.splitlines()[1].split()[1])
        memory = next(
            line
            for line in Path(f"/proc/{pid}/cgroup").read_text().splitlines()
            if ":memory:" in line or line.startswith("0::")
        )
        assert memory.endswith("/default/c")
    finally:
        mesh.destroy()
        for group in cgroups(name):
            group.rmdir()
    config.write_text('[timeouts]\n"io.containerd.timeout.shim.lod" = "9s"\n')
    refused(
        run([str(ARGOSY), "config", "check", str(config)]),
        "unknown timeout",
        'did you mean "io.containerd.timeout.shim.load"?',
    )


def test_a_root_or_socket_in_use_is_named(mesh: Mesh, tmp_path: Path) -> None:
    same_socket = ["--root", str(tmp_path / "r"), "--state", str(tmp_path / "s"), "--address", str(mesh.address)]
    refused(run([str(ARGOSY), "up", *same_socket]), f"socket {mesh.address} is in use by a running process", code=6)
    same_root = ["--root", str(mesh.root), "--state", str(tmp_path / "s"), "--address", str(tmp_path / "a")]
    refused(run([str(ARGOSY), "up", *same_root]), f"root {mesh.root} is in use by argosy up pid", code=6)
    content = mesh.root / "io.containerd.content.v1.content"
    refused(
        run([str(BIN / "argosy-content"), "--root", str(content), "--address", str(tmp_path / "c")]),
        "is in use by content pid",
        code=6,
    )


def test_a_damaged_database_is_kept_and_named(short_path: Path) -> None:
    mesh = Mesh(short_path / "m")
    mesh.base.mkdir()
    mesh.start()
    mesh.stop()
    database = mesh.root / "io.containerd.metadata.v1.argosy/metadata.db"
    damaged = b"not a database at all" * 1000
    database.write_bytes(damaged)
    base = ["--root", str(mesh.root), "--state", str(mesh.state), "--address", str(mesh.address)]
    refused(run([str(ARGOSY), "up", *base]), f"database {database} is damaged", "nothing was changed", "move it away")
    assert database.read_bytes() == damaged


def test_a_dead_plugin_is_named(short_path: Path) -> None:
    config = short_path / "mesh.toml"
    config.write_text('[proxy_plugins.ghost]\ntype = "snapshot"\naddress = "/tmp/no-such-plugin.sock"\n')
    mesh = Mesh(short_path / "m", extra=["--config", str(config)])
    mesh.base.mkdir()
    mesh.start()
    try:
        refused(
            mesh.ctr("snapshots", "--snapshotter", "ghost", "prepare", "k"),
            'snapshot plugin "ghost" at /tmp/no-such-plugin.sock',
            "unavailable",
        )
        assert '"down"' in mesh.argosy("-o", "json", "status").ok().out
    finally:
        mesh.destroy()


def test_bad_references_and_snapshotters(mesh: Mesh) -> None:
    refused(mesh.argosy("pull", "UPPER/case"), "is no repository name", code=2)
    refused(mesh.argosy("run", "--rm", "a:b:c", "true"), 'reference "a:b:c"', code=2)
    refused(mesh.argosy("pull", "127.0.0.1:1/none"), "registry 127.0.0.1:1", code=7)
    refused(mesh.argosy("run", "--rm", "--snapshotter", "zz", "busybox", "true"), "snapshotter not loaded: zz", code=2)
    refused(mesh.argosy("exec", "nope", "true"), 'container "nope" in namespace "default"', code=4)
    refused(mesh.argosy("run", "--rm", "--user", "2147483648", "busybox", "true"), "does not fit", code=2)
    refused(mesh.argosy("run", "--rm", "--memory", "lots", "busybox", "true"), '"lots" is no size', code=2)
    as_json = mesh.argosy("-o", "json", "exec", "nope", "true")
    assert json.loads(as_json.err)["class"] == "NotFound"
    assert mesh.ctr("containers", "ls", "-q").ok().out == ""


def test_a_missing_runtime_binary_is_named_and_leaves_nothing(mesh: Mesh) -> None:
    refused(
        mesh.ctr("run", "--rm", "--runtime", "io.containerd.nope.v1", IMAGE, "x1", "true"),
        "containerd-shim-nope-v1",
        "not installed",
    )
    refused(
        mesh.ctr("run", "--rm", "--runc-binary", "no-such-runc", IMAGE, "x2", "true"),
        'OCI runtime "no-such-runc" is not installed',
    )
    refused(
        mesh.ctr("run", "--rm", IMAGE, "x3", "no-such-program"),
        "OCI runtime create failed",
        "executable file not found in $PATH",
    )
    for id in ("x1", "x2", "x3"):
        mesh.ctr("containers", "rm", id)
        mesh.ctr("snapshots", "rm", id)
    assert mesh.leftovers() == []


def bad_archive(
    path: Path,
    layer: bytes,
    media_type: str = "application/vnd.oci.image.layer.v1.tar+gzip",
    diff_id: str = "",
    claimed: bytes = b"",
) -> None:
    """An OCI archive with one layer that is not what it should be."""
    config = json.dumps(
        {
            "architecture": "amd64",
            "os": "linux",
            "config": {"Cmd": ["sh"]},
            "rootfs": {"type": "layers", "diff_ids": [diff_id or "sha256:" + "1" * 64]},
        }
    ).encode()
    named = descriptor(media_type, claimed or layer)
    manifest = json.dumps(
        {
            "schemaVersion": 2,
            "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "config": descriptor("application/vnd.oci.image.config.v1+json", config),
            "layers": [named],
        }
    ).encode()
    index = json.dumps(
        {
            "schemaVersion": 2,
            "manifests": [
                descriptor(
                    "application/vnd.oci.image.manifest.v1+json",
                    manifest,
                    annotations={"io.containerd.image.name": "docker.io/library/bad:latest"},
                )
            ],
        }
    ).encode()
    blobs = {named["digest"]: layer, **{f"sha256:{hashlib.sha256(b).hexdigest()}": b for b in (config, manifest)}}
    with tarfile.open(path, "w") as tar:
        for name, data in [
            ("oci-layout", b'{"imageLayoutVersion":"1.0.0"}'),
            ("index.json", index),
            *((f"blobs/sha256/{d[7:]}", b) for d, b in blobs.items()),
        ]:
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))


@pytest.mark.parametrize("case", ["wrong diff id", "truncated", "not gzip", "unknown media type", "wrong digest"])
def test_a_bad_layer_is_refused_and_leaves_no_snapshot(mesh: Mesh, tmp_path: Path, case: str) -> None:
    layer = gzip.compress(busybox_layer())
    path = tmp_path / "bad.tar"
    words: tuple[str, ...]
    if case == "wrong diff id":
        bad_archive(path, layer)
        words = ("wrong diff id calculated on extraction", "1" * 64)
    elif case == "truncated":
        bad_archive(path, layer[: len(layer) // 2])
        words = ("truncated",)
    elif case == "not gzip":
        bad_archive(path, b"this is no layer" * 100)
        words = ("archive",)
    elif case == "unknown media type":
        bad_archive(path, layer, "application/vnd.example.unknown")
        words = ('no processor for media-type "application/vnd.example.unknown"', "stream_processors")
    else:
        bad_archive(path, layer, claimed=layer[:-1] + b"?")
        words = ("holds other bytes",)
    before = mesh.ctr("snapshots", "ls").ok().out
    refused(mesh.argosy("import", str(path)), *words)
    assert mesh.ctr("snapshots", "ls").ok().out == before
    if case != "wrong digest":
        mesh.ctr("images", "rm", "--sync", "docker.io/library/bad:latest")
    eventually(lambda: mesh.ctr("content", "active").ok().out.splitlines()[1:] == [])


def test_what_is_no_archive(mesh: Mesh, tmp_path: Path) -> None:
    path = tmp_path / "x.tar"
    refused(mesh.argosy("import", str(path)), "does not exist", code=4)
    path.write_text("hello")
    refused(mesh.argosy("import", str(path)), "is not a tar archive", code=2)
    with tarfile.open(path, "w") as tar:
        tar.add(__file__, "file")
    refused(mesh.argosy("import", str(path)), "neither an OCI nor a docker archive", code=2)


@pytest.fixture
def small_disk(short_path: Path) -> Iterator[Path]:
    """A file system of a few megabytes."""
    mounted = short_path / "disk"
    mounted.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=3m", "argosy-test", mounted], check=True)
    yield mounted
    subprocess.run(["umount", "-l", mounted], check=True)


def test_a_full_disk_says_so_and_keeps_what_is_there(small_disk: Path) -> None:
    import asyncio

    from argosy.errors import ResourceExhausted
    from argosy.plugin.content.blobs import Blobs
    from argosy.plugin.content.local import LocalStore

    async def main() -> None:
        store = LocalStore(Blobs(small_disk / "content"))
        writer = await store.writer("r", 0, "", "test")
        await writer.write(0, b"a" * (1 << 20), 0, "")
        with pytest.raises(ResourceExhausted, match='ingest "r": the disk is full; free some space'):
            await writer.write(1 << 20, b"b" * (4 << 20), 0, "")
        assert writer.status().offset == 1 << 20
        await writer.close()
        writer = await store.writer("r", 0, "", "test")
        assert writer.status().offset == 1 << 20 and os.path.getsize(store.blobs.ingest_path("r") / "data") == 1 << 20
        await writer.close()

    asyncio.run(main())


def test_the_cli_does_what_it_says(mesh: Mesh, image_archive: Path, tmp_path: Path) -> None:
    oci_archive(tmp_path / "other.tar", "docker.io/library/other:1")
    assert "docker.io/library/other:1" in mesh.argosy("import", str(tmp_path / "other.tar")).ok().out
    assert len(json.loads(mesh.argosy("-o", "json", "images").ok().out)) == 2
    ran = mesh.argosy("run", "--rm", "-e", "A=b", "-w", "/tmp", "busybox", "sh", "-c", "echo $A; pwd; exit 3")
    assert (ran.code, ran.out) == (3, "b\n/tmp\n")
    assert mesh.argosy("run", "--rm", "-i", "busybox", "cat", input="piped").ok().out == "piped"
    mesh.argosy("run", "-d", "--name", "job", "busybox", "sh", "-c", "echo started; sleep 100").ok()
    eventually(lambda: mesh.argosy("logs", "job").out == "started\n")
    assert mesh.argosy("exec", "-i", "job", "cat", input="x").ok().out == "x"
    assert mesh.argosy("exec", "job", "sh", "-c", "exit 7").code == 7
    rows = json.loads(mesh.argosy("-o", "json", "ps").ok().out)
    assert [(r["id"], r["status"]) for r in rows] == [("job", "running")]
    refused(mesh.argosy("rm", "job"), 'container "job" is running', "--force", code=6)
    mesh.argosy("kill", "-s", "KILL", "job").ok()
    eventually(lambda: "exited (137)" in mesh.argosy("ps").out)
    mesh.argosy("rm", "job").ok()
    mesh.argosy("export", str(tmp_path / "out.tar"), "busybox").ok()
    missing = tmp_path / "missing"
    refused(
        mesh.argosy("export", str(missing / "out.tar"), "busybox"), f"{missing}: there is no such directory; make it first"
    )
    mesh.argosy("import", str(tmp_path / "out.tar"), namespace="other").ok()
    mesh.argosy("rmi", "--sync", "busybox", namespace="other").ok()
    mesh.argosy("rmi", "other:1").ok()
    for command in (
        ("plugins",),
        ("version",),
        ("gc",),
        ("namespaces",),
        ("snapshots", "ls"),
        ("content", "ls"),
        ("leases", "ls"),
        ("status",),
    ):
        json.loads(mesh.argosy("-o", "json", *command).ok().out)
    assert mesh.argosy("--help").ok().out.count("\n") > 10


def test_events_are_shown_and_published(mesh: Mesh) -> None:
    """``publish`` is what shims without ttrpc call, in Go's flag style, with an Any on standard input."""
    from argosy_protos.containerd.events import TaskOOM
    from argosy_protos.google.protobuf import Any as AnyMessage

    watch = [str(ARGOSY), "--address", str(mesh.address), "-o", "json", "events", 'topic=="/tasks/oom"']
    event = AnyMessage(type_url="containerd.events.TaskOOM", value=TaskOOM(container_id="c9").encode())
    command = [str(ARGOSY), "-address", str(mesh.address), "publish", "-topic", "/tasks/oom", "-namespace", "shims"]

    def published() -> None:
        done = subprocess.run(command, input=event.encode(), capture_output=True, timeout=30)
        assert done.returncode == 0, done.stderr

    with ending(subprocess.Popen(watch, stdout=subprocess.PIPE, text=True)) as shown:
        assert shown.stdout is not None
        published()
        while not select.select([shown.stdout], [], [], 0.2)[0]:  # what is published before the subscription is not shown
            published()
        row = json.loads(shown.stdout.readline())
        assert (row["namespace"], row["topic"], row["event"]) == ("shims", "/tasks/oom", {"containerId": "c9"})
