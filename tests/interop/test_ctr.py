"""Debian's ctr, unmodified, does everything it can through our socket."""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
from functools import partial
from pathlib import Path

import pytest

from tests.harness.erofs import SNAPSHOTTERS
from tests.harness.listening import listening
from tests.harness.mesh import IMAGE, Mesh, eventually, run

pytestmark = pytest.mark.root


def removed(mesh: Mesh, id: str) -> bool:
    """Whether a task has ended, and is deleted now."""
    return "STOPPED" in mesh.ctr("tasks", "ls").out and mesh.ctr("tasks", "rm", id).code == 0


def test_version_and_plugins_are_listed(mesh: Mesh) -> None:
    assert "Server:" in mesh.ctr("version").ok().out
    listed = mesh.ctr("plugins", "ls").ok().out
    for wanted in ("io.containerd.snapshotter.v1", "overlayfs", "native", "io.containerd.runtime.v2", "walking"):
        assert wanted in listed
    assert "error" not in listed
    only = mesh.ctr("plugins", "ls", "id==overlayfs").ok().out
    assert "overlayfs" in only and "native" not in only


def test_the_version_is_our_own_whatever_the_client_compares_it_with(mesh: Mesh) -> None:
    """ctr warns unless a server's version and revision are exactly its own. It says so on the side, and has the answer."""
    ran = mesh.ctr("version").ok()
    server = ran.out.partition("Server:")[2]
    assert "argosy" in server and re.search(r"Version: +1\.7\.", server) and "UUID:" in server
    assert "mismatch" not in ran.out and ran.err.splitlines() == ["WARNING: version mismatch", "WARNING: revision mismatch"]


def test_whoever_wants_a_client_to_hear_its_own_version_can_have_that(short_path: Path) -> None:
    """Of a client's version there are two strings; it prints them itself."""
    told = run(["ctr", "version"]).out.partition("Server:")[0]
    version, revision = (re.search(rf"{what}: *(.+)", told)[1] for what in ("Version", "Revision"))  # type: ignore[index] # it prints both
    (short_path / "mesh.toml").write_text(f'reported_version = "{version} {revision}"\n')
    mesh = Mesh(short_path / "m", extra=["--config", str(short_path / "mesh.toml")])
    mesh.base.mkdir()
    mesh.start()
    try:
        ran = mesh.ctr("version").ok()
        assert ran.err == "" and version in ran.out.partition("Server:")[2]
    finally:
        mesh.destroy()


def test_namespaces_are_made_labelled_listed_and_removed(mesh: Mesh) -> None:
    mesh.ctr("namespaces", "create", "blue", "colour=blue").ok()
    assert "colour=blue" in mesh.ctr("namespaces", "ls").ok().out
    mesh.ctr("namespaces", "label", "blue", "colour=", "size=5").ok()
    listed = mesh.ctr("namespaces", "ls").ok().out
    assert "size=5" in listed and "colour" not in listed
    again = mesh.ctr("namespaces", "create", "blue")
    assert again.code == 1 and 'namespace "blue": already exists' in again.err
    mesh.ctr("namespaces", "rm", "blue").ok()
    assert "blue" not in mesh.ctr("namespaces", "ls").ok().out
    full = mesh.ctr("namespaces", "rm", "default")
    assert full.code == 1 and 'namespace "default" must be empty, but it still has images' in full.err
    bad = mesh.ctr("namespaces", "create", "no/slash")
    assert bad.code == 1 and "must match" in bad.err and bad.err.strip().endswith("invalid argument")


def test_images_are_tagged_checked_exported_imported_mounted_and_removed(mesh: Mesh, tmp_path: Path) -> None:
    assert IMAGE in mesh.ctr("images", "ls", "-q").ok().out
    checked = mesh.ctr("images", "check").ok().out
    assert "complete" in checked and "true" in checked
    mesh.ctr("images", "tag", IMAGE, "docker.io/library/other:1").ok()
    again = mesh.ctr("images", "tag", IMAGE, "docker.io/library/other:1")
    assert again.code == 1 and "already exists" in again.err
    mesh.ctr("images", "label", "docker.io/library/other:1", "a=b").ok()
    assert "a=b" in mesh.ctr("images", "ls", "name==docker.io/library/other:1").ok().out
    out = tmp_path / "out.tar"
    mesh.ctr("images", "export", str(out), IMAGE).ok()
    mesh.ctr("images", "import", str(out), namespace="copy").ok()
    assert IMAGE in mesh.ctr("images", "ls", "-q", namespace="copy").ok().out
    point = tmp_path / "mnt"
    point.mkdir()
    mesh.ctr("images", "mount", IMAGE, str(point)).ok()
    assert (point / "etc/motd").read_text() == "hello from an argosy\n"
    mesh.ctr("images", "unmount", "--rm", str(point)).ok()
    assert not (point / "etc").exists()
    mesh.ctr("images", "rm", "--sync", "docker.io/library/other:1").ok()
    assert "other" not in mesh.ctr("images", "ls", "-q").ok().out
    missing = mesh.ctr("images", "rm", "docker.io/library/none:1")
    assert "not found" in missing.err
    mesh.ctr("images", "rm", "--sync", IMAGE, namespace="copy").ok()
    assert mesh.ctr("content", "ls", "-q", namespace="copy").ok().out == ""
    assert mesh.ctr("snapshots", "ls", namespace="copy").ok().out.splitlines()[1:] == []


def test_run_gives_output_and_exit_code_and_leaves_nothing(mesh: Mesh) -> None:
    ran = mesh.ctr("run", "--rm", IMAGE, "r1", "sh", "-c", "echo out; echo err >&2; exit 7")
    assert (ran.code, ran.out, ran.err) == (7, "out\n", "err\n")
    assert mesh.ctr("containers", "ls", "-q").ok().out == ""


@pytest.mark.parametrize("snapshotter", SNAPSHOTTERS)
def test_run_on_either_snapshotter(mesh: Mesh, image_archive: Path, snapshotter: str) -> None:
    mesh.ctr("images", "import", "--snapshotter", snapshotter, str(image_archive)).ok()
    ran = mesh.ctr("run", "--rm", "--snapshotter", snapshotter, IMAGE, f"on-{snapshotter}", "cat", "/etc/motd").ok()
    assert ran.out == "hello from an argosy\n"


def test_run_takes_env_mounts_host_network_and_a_pid_file(mesh: Mesh, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in/file").write_text("from the host\n")
    ran = mesh.ctr(
        "run", "--rm", "--env", "GREETING=hi", "--mount", f"type=bind,src={tmp_path}/in,dst=/mnt,options=rbind:ro",
        "--net-host", "--pid-file", str(tmp_path / "pid"), IMAGE, "r3", "sh", "-c",
        "echo $GREETING; cat /mnt/file; readlink /proc/self/ns/net; touch /mnt/x 2>/dev/null || echo read-only",
    ).ok()  # fmt: skip
    assert ran.out.splitlines() == ["hi", "from the host", os.readlink("/proc/self/ns/net"), "read-only"]
    assert int((tmp_path / "pid").read_text()) > 1


def test_a_memory_limit_is_enforced_and_reported(mesh: Mesh) -> None:
    with listening(mesh) as heard:
        ran = mesh.ctr(
            "run", "--rm", "--memory-limit", str(16 << 20), IMAGE, "r4", "sh", "-c", "head -c 64m /dev/zero | tail | wc -c"
        )
        eventually(lambda: any("/tasks/oom" in line for line in heard), what=f"no OOM event: {heard}")
    assert ran.out.strip() != str(64 << 20)


def test_a_terminal_is_a_terminal(mesh: Mesh) -> None:
    inner = f"ctr -a {mesh.address} run --rm -t {IMAGE} tty1 sh -c 'tty; test -t 1 && echo yes; exit 5'"
    done = subprocess.run(["script", "-qec", inner, "/dev/null"], capture_output=True, text=True, timeout=30, input="")
    assert done.returncode == 5, done.stdout
    assert "/dev/pts/0" in done.stdout and "yes" in done.stdout


def test_logs_go_to_files_and_programs(mesh: Mesh, tmp_path: Path) -> None:
    log = tmp_path / "deep/er/log"
    mesh.ctr("run", "-d", "--log-uri", f"file://{log}", IMAGE, "log1", "sh", "-c", "echo a; echo b >&2").ok()
    eventually(lambda: log.exists() and sorted(log.read_text().split()) == ["a", "b"])
    program = tmp_path / "logger"
    program.write_text(
        f'#!/bin/sh\nenv > {tmp_path}/env\necho "$@" > {tmp_path}/args\nprintf x >&5; exec 5>&-\ncat <&3 > {tmp_path}/out\n'
    )
    program.chmod(0o755)
    mesh.ctr("run", "-d", "--log-uri", f"binary://{program}?key=value", IMAGE, "log2", "echo", "through a program").ok()
    eventually(lambda: (tmp_path / "out").exists() and (tmp_path / "out").read_text() == "through a program\n")
    env = (tmp_path / "env").read_text()
    assert "CONTAINER_ID=log2" in env and "CONTAINER_NAMESPACE=default" in env
    assert (tmp_path / "args").read_text() == "key value\n"
    for id in ("log1", "log2"):
        eventually(partial(removed, mesh, id))
        mesh.ctr("containers", "rm", id).ok()


def test_a_log_program_that_never_gets_ready_fails_the_create(mesh: Mesh, tmp_path: Path) -> None:
    program = tmp_path / "logger"
    program.write_text("#!/bin/sh\nexec cat <&3\n")  # descriptor 5 stays open
    program.chmod(0o755)
    done = mesh.ctr("run", "--rm", "--log-uri", f"binary://{program}", IMAGE, "log3", "true")
    assert done.code == 1 and "was not ready after 5 s" in done.err
    mesh.ctr("run", "--rm", IMAGE, "log3", "true").ok()


def test_a_detached_task_is_listed_executed_in_paused_measured_and_killed(mesh: Mesh) -> None:
    mesh.ctr("run", "-d", IMAGE, "long", "sleep", "1000").ok()
    row = next(line for line in mesh.ctr("tasks", "ls").ok().out.splitlines() if line.startswith("long"))
    assert "RUNNING" in row
    pid = int(row.split()[1])
    assert os.path.exists(f"/proc/{pid}")
    assert str(pid) in mesh.ctr("tasks", "ps", "long").ok().out
    ran = mesh.ctr("tasks", "exec", "--exec-id", "e1", "long", "sh", "-c", "echo in; exit 9")
    assert (ran.code, ran.out) == (9, "in\n")
    # ctr passes the end of its input on only if it comes after the exec was made.
    cat = f"{{ sleep 2; echo typed; }} | ctr -a {mesh.address} tasks exec --exec-id e2 long cat"
    with_input = run(["sh", "-c", cat])
    assert (with_input.code, with_input.out) == (0, "typed\n")
    none = mesh.ctr("tasks", "exec", "--exec-id", "e3", "long", "no-such-program")
    assert none.code == 1 and "executable file not found" in none.err
    mesh.ctr("tasks", "pause", "long").ok()
    assert "PAUSED" in mesh.ctr("tasks", "ls").ok().out
    mesh.ctr("tasks", "resume", "long").ok()
    assert "RUNNING" in mesh.ctr("tasks", "ls").ok().out
    metrics = mesh.ctr("tasks", "metrics", "long").ok().out
    assert ("memory" in metrics and "cpuacct" in metrics) or "pids" in metrics
    busy = mesh.ctr("tasks", "rm", "long")
    assert busy.code == 1 and "must be stopped" in busy.err
    mesh.ctr("tasks", "kill", "-s", "SIGKILL", "long").ok()
    eventually(lambda: "STOPPED" in mesh.ctr("tasks", "ls").ok().out)
    gone = mesh.ctr("tasks", "kill", "long")
    assert gone.code == 1 and "process already finished: not found" in gone.err
    assert "exit with non-zero exit code 137" in mesh.ctr("tasks", "rm", "long").ok().err
    mesh.ctr("containers", "rm", "long").ok()
    assert not os.path.exists(f"/proc/{pid}")


def test_containers_are_made_shown_labelled_started_attached_and_removed(mesh: Mesh) -> None:
    mesh.ctr("containers", "create", "--label", "a=b", IMAGE, "c1", "sleep", "2").ok()
    info = json.loads(mesh.ctr("containers", "info", "c1").ok().out)
    assert info["ID"] == "c1" and info["Labels"]["a"] == "b" and info["Spec"]["process"]["args"] == ["sleep", "2"]
    mesh.ctr("containers", "label", "c1", "c=d").ok()
    assert "c1" in mesh.ctr("containers", "ls", "-q", "labels.c==d").ok().out
    mesh.ctr("tasks", "start", "-d", "c1").ok()
    attached = mesh.ctr("tasks", "attach", "c1")
    assert attached.code == 0
    mesh.ctr("tasks", "rm", "c1")
    mesh.ctr("containers", "rm", "c1").ok()
    missing = mesh.ctr("containers", "info", "c1")
    assert missing.code == 1 and 'container "c1" in namespace "default": not found' in missing.err


@pytest.mark.parametrize("snapshotter", SNAPSHOTTERS)
def test_snapshots_are_prepared_viewed_committed_mounted_compared_and_removed(
    mesh: Mesh, tmp_path: Path, snapshotter: str
) -> None:
    def snapshots(*args: str, code: int = 0) -> str:
        ran = mesh.ctr("snapshots", "--snapshotter", snapshotter, *args, namespace="snap")
        assert ran.code == code, f"{args}: {ran.out} {ran.err}"
        return ran.out + ran.err

    point = tmp_path / "m"
    point.mkdir()
    snapshots("prepare", "k1")
    subprocess.run(snapshots("mounts", str(point), "k1"), shell=True, check=True)
    (point / "hello").write_text("world")
    subprocess.run(["umount", point], check=True)
    snapshots("commit", "c1", "k1")
    snapshots("prepare", "k2", "c1")
    subprocess.run(snapshots("mounts", str(point), "k2"), shell=True, check=True)
    (point / "hello").unlink()
    (point / "new").write_text("file")
    subprocess.run(["umount", point], check=True)
    command = [
        "ctr",
        "-a",
        str(mesh.address),
        "-n",
        "snap",
        "snapshots",
        "--snapshotter",
        snapshotter,
        "diff",
        "--keep",
        "k2",
    ]
    layer = subprocess.run(command, capture_output=True, check=True).stdout
    listed = subprocess.run(["tar", "tz"], input=layer, capture_output=True, check=True).stdout.decode().split()
    assert sorted(listed) == [".wh.hello", "new"]
    snapshots("commit", "c2", "k2")
    # ctr makes a view without anything that holds it: a collection that is due may be faster than the next command.
    for _ in range(5):
        snapshots("view", "v1", "c2")
        held = mesh.ctr(
            "snapshots", "--snapshotter", snapshotter, "label", "v1", "containerd.io/gc.root=test", namespace="snap"
        )
        if held.code == 0:
            break
    held.ok()
    subprocess.run(snapshots("mounts", str(point), "v1"), shell=True, check=True)
    assert sorted(p.name for p in point.iterdir()) == ["new"]
    with pytest.raises(OSError):
        (point / "x").write_text("no")
    subprocess.run(["umount", point], check=True)
    assert "c1" in snapshots("usage") and "c2" in snapshots("tree")
    info = json.loads(snapshots("info", "c2"))
    assert info["Kind"] == "Committed" and info["Parent"] == "c1"
    assert "cannot remove snapshot with child: failed precondition" in snapshots("rm", "c1", code=1)
    assert "already exists" in snapshots("prepare", "c2", code=1)
    assert "parent snapshot nope does not exist: not found" in snapshots("prepare", "x", "nope", code=1)
    assert "not active or view: failed precondition" in snapshots("mounts", str(point), "c2", code=1)
    snapshots("rm", "v1", "c2", "c1")
    assert snapshots("ls").splitlines()[1:] == []


def test_an_unknown_snapshotter_is_named(mesh: Mesh) -> None:
    ran = mesh.ctr("snapshots", "--snapshotter", "zz", "ls")
    assert ran.code == 1 and "snapshotter not loaded: zz; loaded are " in ran.err and "overlayfs" in ran.err


def test_snapshots_unpack_an_image(mesh: Mesh) -> None:
    target = mesh.ctr("images", "ls", f"name=={IMAGE}").ok().out
    digest = re.search(r"sha256:[0-9a-f]{64}", target)
    assert digest
    mesh.ctr("snapshots", "--snapshotter", "native", "unpack", digest[0]).ok()


def test_content_is_ingested_read_labelled_listed_and_removed(mesh: Mesh) -> None:
    # Content outside any lease goes with the next collection: have it now.
    mesh.ctr("leases", "create", "--id", "now").ok()
    mesh.ctr("leases", "rm", "--sync", "now").ok()
    data = "some content\n" * 1000
    digest = "sha256:" + hashlib.sha256(data.encode()).hexdigest()
    mesh.ctr("content", "ingest", "--expected-digest", digest, "--expected-size", str(len(data)), "ref-1", input=data).ok()
    assert mesh.ctr("content", "get", digest).ok().out == data
    assert digest in mesh.ctr("content", "ls", "-q").ok().out
    mesh.ctr("content", "label", digest, "k=v").ok()
    assert "k=v" in mesh.ctr("content", "ls", "labels.k==v").ok().out
    assert mesh.ctr("content", "active").ok().out.splitlines()[1:] == []
    wrong = mesh.ctr("content", "ingest", "--expected-digest", "sha256:" + "0" * 64, "ref-2", input="x")
    assert wrong.code == 1 and "failed precondition" in wrong.err
    assert "ref-2" in mesh.ctr("content", "active").ok().out
    mesh.ctr("content", "rm", digest).ok()
    missing = mesh.ctr("content", "get", digest)
    assert missing.code == 1 and f"content digest {digest}: not found" in missing.err
    assert mesh.ctr("content", "prune", "references", "--dry").code == 0


def test_leases_are_made_listed_and_removed(mesh: Mesh) -> None:
    mesh.ctr("leases", "create", "--id", "l1", "--expires", "1h", "a=b").ok()
    assert "a=b" in mesh.ctr("leases", "ls").ok().out
    again = mesh.ctr("leases", "create", "--id", "l1")
    assert again.code == 1 and 'lease "l1": already exists' in again.err
    mesh.ctr("leases", "rm", "--sync", "l1").ok()
    missing = mesh.ctr("leases", "rm", "l1")
    assert 'lease "l1": not found' in missing.err


def test_events_come_in_order(mesh: Mesh) -> None:
    with listening(mesh) as heard:
        mesh.ctr("run", "-d", IMAGE, "ev", "sleep", "100").ok()
        mesh.ctr("tasks", "exec", "--exec-id", "e", "ev", "true").ok()
        mesh.ctr("tasks", "rm", "-f", "ev")
        mesh.ctr("containers", "rm", "ev").ok()
        eventually(lambda: any("/containers/delete" in line for line in heard))
    topics = [
        line.split()[5] for line in heard if ('"ev"' in line and "/tasks/" in line) or "/containers/" in line
    ]
    assert topics == [
        "/containers/create", "/tasks/create", "/tasks/start", "/tasks/exec-added", "/tasks/exec-started", "/tasks/exit",
        "/tasks/exit", "/tasks/delete", "/containers/delete",
    ]  # fmt: skip
