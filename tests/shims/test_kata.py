"""Containers in microVMs, driven by stock ctr: through our mesh, and through Debian's containerd. All under TCG."""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from argosy_protos.containerd.services.tasks.v1 import UpdateTaskRequest
from argosy_protos.google.protobuf import Any as AnyMessage
from argosy_shim_kata_v2 import cgroup

from tests.harness import kata
from tests.harness.containerd import Containerd
from tests.harness.erofs import CAN_EROFS
from tests.harness.kata import RUNTIME, Home, vm_of
from tests.harness.listening import listening
from tests.harness.mesh import BIN, IMAGE, Mesh, Peer, eventually, run
from tests.harness.processes import ending

pytestmark = kata.MARKS


@pytest.fixture(scope="module", params=["mesh", "containerd"])
def peer(request: pytest.FixtureRequest, home: Home, image_archive: Path) -> Iterator[Peer]:
    daemon: Mesh | Containerd
    if request.param == "mesh":
        daemon = Mesh(home.base / "m")
        daemon.base.mkdir()
    else:
        daemon = Containerd(home.base / "c", path_first=BIN)
    daemon.start()
    try:
        daemon.ctr("images", "import", str(image_archive)).ok()
        yield daemon
    finally:
        daemon.destroy()


@pytest.fixture(autouse=True)
def tidied(peer: Peer) -> Iterator[None]:
    yield
    kata.tidy(peer)


@pytest.fixture
def sleeping(peer: Peer, request: pytest.FixtureRequest) -> Iterator[str]:
    """A container that waits; its id, which its shell has in its command line."""
    id = f"s{abs(hash(request.node.name)) % 10**8}-{os.getpid()}"
    peer.ctr("run", "-d", *RUNTIME, IMAGE, id, "sh", "-c", f"trap 'exit 9' TERM; : {id}; while :; do sleep 0.1; done").ok()
    yield id
    peer.ctr("tasks", "rm", "-f", id)
    peer.ctr("containers", "rm", id)


def test_the_kernel_is_the_guests(peer: Peer, home: Home) -> None:
    told = peer.ctr("run", "--rm", *RUNTIME, IMAGE, "uname", "uname", "-r").ok().out.strip()
    assert told == json.loads((home.image / "image.json").read_text())["kernel"]
    assert told != os.uname().release


def test_output_errors_and_exit_code_come_back(peer: Peer) -> None:
    done = peer.ctr("run", "--rm", *RUNTIME, IMAGE, "codes", "sh", "-c", "echo out; echo err >&2; exit 7")
    assert (done.code, done.out, done.err) == (7, "out\n", "err\n")


def test_input_reaches_the_process_and_ends(peer: Peer, sleeping: str) -> None:
    # By exec: ctr 1.6's own run does not pass the end of its input on, to runc's shim neither.
    text = "".join(f"line {n}\n" for n in range(100_000))
    done = peer.ctr("tasks", "exec", "--exec-id", "sum", sleeping, "sha256sum", input=text).ok()
    assert done.out.split()[0] == hashlib.sha256(text.encode()).hexdigest()


def test_nothing_is_lost_when_the_reader_is_slow(peer: Peer) -> None:
    script = (
        "i=0; while [ $i -lt 8 ]; do dd if=/dev/zero bs=1M count=1 2>/dev/null | tr '\\0' x; i=$((i+1)); done; echo done"
    )
    command = ["ctr", "-a", str(peer.address), "run", "--rm", *RUNTIME, IMAGE, "flood", "sh", "-c", script]
    with ending(subprocess.Popen(command, stdout=subprocess.PIPE)) as process:
        assert process.stdout is not None
        first = process.stdout.read(1 << 16)
        time.sleep(2)
        rest = process.stdout.read()
        assert process.wait(60) == 0
    data = first + rest
    assert len(data) == (8 << 20) + 5 and data.endswith(b"xdone\n") and set(data[:-5]) == {ord("x")}


def test_exec_runs_beside_the_init(peer: Peer, sleeping: str) -> None:
    done = peer.ctr("tasks", "exec", "--exec-id", "one", sleeping, "sh", "-c", "echo in; echo bad >&2; exit 3")
    assert (done.code, done.out, done.err) == (3, "in\n", "bad\n")
    assert "sh -c trap" in peer.ctr("tasks", "exec", "--exec-id", "two", sleeping, "ps").ok().out
    missing = peer.ctr("tasks", "exec", "--exec-id", "three", sleeping, "no-such-program")
    assert missing.code != 0 and "no-such-program" in missing.err


def test_a_terminal_has_its_size_and_its_code(peer: Peer) -> None:
    inner = f"stty rows 45 cols 123; ctr -a {peer.address} run -t --rm {' '.join(RUNTIME)} {IMAGE} term sh -c 'sleep 0.5; stty size; exit 5'"
    done = subprocess.run(["script", "-qec", inner, "/dev/null"], capture_output=True, text=True, timeout=60, input="")
    assert "45 123" in done.stdout and done.returncode == 5, done


def test_signals_reach_the_process(peer: Peer, sleeping: str) -> None:
    def stopped() -> bool:
        # The shell may not have come to its trap yet, and an init is deaf to what it does not handle.
        peer.ctr("tasks", "kill", "-s", "SIGTERM", sleeping)
        return "STOPPED" in peer.ctr("tasks", "ls").out.split(sleeping)[1].splitlines()[0]

    eventually(stopped)
    done = peer.ctr("tasks", "rm", sleeping)
    assert "exit code 9" in done.err, done


def test_a_killed_process_says_137(peer: Peer, sleeping: str) -> None:
    began = time.monotonic()
    peer.ctr("tasks", "kill", "-s", "SIGKILL", sleeping).ok()
    eventually(lambda: "STOPPED" in peer.ctr("tasks", "ls").out.split(sleeping)[1].splitlines()[0])
    assert time.monotonic() - began < 20
    assert "137" in peer.ctr("tasks", "rm", sleeping).err


def test_pause_stops_the_container_and_resume_starts_it(peer: Peer, home: Home, sleeping: str) -> None:
    script = "while :; do echo tick >>/tmp/ticks; sleep 0.05; done"
    peer.ctr("tasks", "exec", "--exec-id", "d", "-d", sleeping, "sh", "-c", script).ok()
    (rootfs,) = home.run.glob(f"*.shared/{sleeping}/rootfs")
    ticks = rootfs / "tmp/ticks"
    eventually(lambda: ticks.exists() and ticks.stat().st_size > 0)
    peer.ctr("tasks", "pause", sleeping).ok()
    assert "PAUSED" in peer.ctr("tasks", "ls").out.split(sleeping)[1].splitlines()[0]
    time.sleep(0.3)
    before = ticks.stat().st_size
    time.sleep(1)
    assert ticks.stat().st_size == before
    refused = peer.ctr("tasks", "exec", "--exec-id", "p", sleeping, "true")
    assert refused.code != 0 and "paused" in refused.err
    peer.ctr("tasks", "resume", sleeping).ok()
    eventually(lambda: ticks.stat().st_size > before)


def test_metrics_are_those_of_the_guests_cgroup(peer: Peer, sleeping: str) -> None:
    shown = peer.ctr("tasks", "metrics", sleeping).ok().out
    usage = re.search(r"memory\.usage\s+(\d+)", shown)
    assert usage is not None and 100_000 < int(usage[1]) < 100_000_000, shown


def test_processes_are_those_of_the_guest(peer: Peer, sleeping: str) -> None:
    peer.ctr("tasks", "exec", "-d", "--exec-id", "long", sleeping, "sleep", "1000").ok()
    lines = peer.ctr("tasks", "ps", sleeping).ok().out.splitlines()
    assert len(lines) >= 3 and any("long" in line for line in lines), lines


def takes(megabytes: int) -> tuple[str, ...]:
    """A command that has so much memory for a moment. The kernel would refuse it more than the VM has altogether."""
    return ("dd", "if=/dev/zero", "of=/dev/null", f"bs={megabytes}M", "count=1")


def worked_s(vm: int) -> float:
    """How long a VM has run its guest: what a guest does in vain shows here, and not how busy the machine is."""
    return sum(int(ticks) for ticks in Path(f"/proc/{vm}/stat").read_text().split()[13:15]) / os.sysconf("SC_CLK_TCK")


# Much less than the VM has, half of it, all of it; and a container that has no limit but the VM.
@pytest.mark.parametrize("limit", [32, 128, 256, 0])
def test_memory_has_its_limit_and_says_so_in_time(peer: Peer, limit: int) -> None:
    limits = ("--memory-limit", str(limit << 20)) if limit else ()
    peer.ctr("run", "-d", *RUNTIME, *limits, IMAGE, "oom", "sleep", "1000").ok()
    vm = vm_of(peer, "oom")
    with listening(peer) as seen:
        began = worked_s(vm)
        assert peer.ctr("tasks", "exec", "--exec-id", "e", "oom", *takes(limit + 100 if limit else 200)).code == 137
        eventually(lambda: any("/tasks/oom" in line for line in seen), what=f"no OOM event: {seen}")
        assert worked_s(vm) - began < 20


def test_a_limit_is_memory_that_there_is(peer: Peer) -> None:
    """More than the VM has by itself, for one and for the other container of a pod; and what a limit becomes later."""
    pod = ("--annotation", "io.kubernetes.cri.sandbox-id=big")

    def total_mb() -> int:
        told = peer.ctr(
            "tasks", "exec", "--exec-id", f"m{time.monotonic_ns()}", "big", "grep", "MemTotal", "/proc/meminfo"
        ).ok()
        return int(told.out.split()[1]) >> 10

    try:
        for number, id in enumerate(("big", "big2"), 1):
            peer.ctr("run", "-d", *RUNTIME, *pod, "--memory-limit", str(300 << 20), IMAGE, id, "sleep", "1000").ok()
            assert total_mb() > 200 + number * 300
        peer.ctr("tasks", "exec", "--exec-id", "e", "big", *takes(280)).ok()
        update(peer, "big2", {"memory": {"limit": 500 << 20}})
        assert total_mb() > 200 + 800
    finally:
        for id in ("big2", "big"):
            peer.ctr("tasks", "rm", "-f", id)
            peer.ctr("containers", "rm", id)


def test_a_pod_goes_on_when_one_of_it_takes_all_memory(peer: Peer) -> None:
    pod = ("--annotation", "io.kubernetes.cri.sandbox-id=full")
    try:
        for id in ("full", "full2"):
            peer.ctr("run", "-d", *RUNTIME, *pod, IMAGE, id, "sleep", "1000").ok()
        began = worked_s(vm_of(peer, "full"))
        assert peer.ctr("tasks", "exec", "--exec-id", "e", "full", *takes(200)).code == 137
        assert worked_s(vm_of(peer, "full")) - began < 20
        for id in ("full", "full2"):
            assert peer.ctr("tasks", "exec", "--exec-id", "f", id, "echo", "alive").ok().out == "alive\n"
    finally:
        for id in ("full2", "full"):
            peer.ctr("tasks", "rm", "-f", id)
            peer.ctr("containers", "rm", id)


def test_a_vm_and_its_file_server_are_in_the_pods_cgroup(peer: Peer, home: Home) -> None:
    # Cgroups are the machine's: another's container may be called the same.
    id = f"counted-{os.getpid()}"
    peer.ctr("run", "-d", *RUNTIME, IMAGE, id, "sleep", "1000").ok()
    processes = [int(line.split()[0]) for line in kata.processes(home.run)]
    assert len(processes) == 2 and vm_of(peer, id) in processes
    for pid in processes:
        rows = [row.split(":", 2) for row in Path(f"/proc/{pid}/cgroup").read_text().splitlines()]
        assert {path for _, _, path in rows} == {f"/default/{id}"}, rows
    peer.ctr("tasks", "rm", "-f", id).ok()
    assert [root for root in cgroup.roots() if (root / "default" / id).exists()] == []


def test_three_containers_share_the_vm_of_their_pod(peer: Peer) -> None:
    pod = ("--annotation", "io.kubernetes.cri.sandbox-id=pod1")
    ids = ["pod1", "pod2", "pod3"]
    try:
        for id in ids:
            peer.ctr("run", "-d", *RUNTIME, *pod, IMAGE, id, "sleep", "1000").ok()
        assert len({vm_of(peer, id) for id in ids}) == 1
        boots = {
            peer.ctr("tasks", "exec", "--exec-id", "b", id, "cat", "/proc/sys/kernel/random/boot_id").ok().out for id in ids
        }
        assert len(boots) == 1
        # One goes; the others stay, and a new one joins them.
        peer.ctr("tasks", "rm", "-f", "pod2").ok()
        assert peer.ctr("tasks", "exec", "--exec-id", "c", "pod3", "echo", "here").ok().out == "here\n"
        peer.ctr("tasks", "start", "-d", "pod2").ok()
        assert vm_of(peer, "pod2") == vm_of(peer, "pod1")
    finally:
        for id in reversed(ids):
            peer.ctr("tasks", "rm", "-f", id)
            peer.ctr("containers", "rm", id)


@pytest.fixture(params=["virtiofs", "block"])
def rootfs(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[str, ...]:
    """Flags for either way in which a guest gets its files."""
    config = tmp_path / "kata.toml"
    config.write_text(f'rootfs = "{request.param}"\n')
    return (*RUNTIME, "--runtime-config-path", str(config))


@pytest.mark.parametrize("snapshotter", ["overlayfs", "native", "erofs"])
def test_what_the_container_writes_is_in_its_snapshot(
    peer: Peer, rootfs: tuple[str, ...], snapshotter: str, image_archive: Path, tmp_path: Path
) -> None:
    if snapshotter == "erofs" and not (isinstance(peer, Mesh) and CAN_EROFS):
        pytest.skip("this daemon or this kernel has no EROFS snapshotter")
    peer.ctr("images", "import", "--snapshotter", snapshotter, str(image_archive)).ok()
    view = tmp_path / "view"
    view.mkdir()
    script = "echo new >/root/new; rm /etc/passwd; mkdir /root/d; ln -s new /root/link; chmod 4755 /root/new; mknod /root/null c 1 3"
    use = ("--snapshotter", snapshotter)
    peer.ctr("run", *rootfs, *use, IMAGE, "writer", "sh", "-c", script).ok()
    try:
        for text in ("new\n", "new\nagain\n"):
            mounts = peer.ctr("snapshots", *use, "mounts", str(view), "writer").ok().out.strip()
            run(["sh", "-c", mounts]).ok()
            try:
                assert (view / "root/new").read_text() == text and (view / "root/new").stat().st_mode & 0o7777 == 0o4755
                assert not (view / "etc/passwd").exists() and (view / "etc/group").exists()
                assert os.readlink(view / "root/link") == "new" and (view / "root/null").is_char_device()
                # As a client that looks at a container before it is started again.
                with (view / "root/new").open("w") as file:
                    file.write("new\nagain\n")
            finally:
                run(["umount", str(view)]).ok()
    finally:
        peer.ctr("containers", "rm", "writer").ok()


def test_a_container_that_starts_again_finds_what_it_wrote(peer: Peer, rootfs: tuple[str, ...]) -> None:
    peer.ctr("run", *rootfs, IMAGE, "twice", "sh", "-c", "echo x >>/root/runs; cat /root/runs").ok()
    try:
        assert peer.ctr("tasks", "start", "twice").ok().out == "x\nx\n"
    finally:
        peer.ctr("containers", "rm", "twice").ok()


def test_a_read_only_root_is_read_only(peer: Peer, rootfs: tuple[str, ...]) -> None:
    done = peer.ctr("run", "--rm", "--read-only", *rootfs, IMAGE, "ro", "sh", "-c", "echo x >/root/x")
    assert done.code != 0 and "Read-only file system" in done.err


def test_without_a_share_a_volume_is_a_small_file(peer: Peer, tmp_path: Path) -> None:
    config = tmp_path / "kata.toml"
    config.write_text('rootfs = "block"\n')
    (tmp_path / "secret").write_text("told\n")
    (tmp_path / "secret").chmod(0o640)
    flags = ("--rm", *RUNTIME, "--runtime-config-path", str(config))
    mount = f"type=bind,src={tmp_path}/secret,dst=/etc/secret,options=rbind:ro"
    done = peer.ctr(
        "run", *flags, "--mount", mount, IMAGE, "file", "sh", "-c", "cat /etc/secret; stat -c %a /etc/secret"
    ).ok()
    assert done.out == "told\n640\n"
    mount = f"type=bind,src={tmp_path},dst=/data,options=rbind:ro"
    refused = peer.ctr("run", *flags, "--mount", mount, IMAGE, "folder", "true")
    assert refused.code != 0 and "can be no volume without virtiofs" in refused.err
    peer.ctr("containers", "rm", "folder")


def test_a_pod_of_disks_gives_them_back(peer: Peer, tmp_path: Path) -> None:
    if not isinstance(peer, Mesh):
        pytest.skip("what a shim has plugged in does not depend on its daemon")
    config = tmp_path / "kata.toml"
    config.write_text('rootfs = "block"\n')
    flags = (*RUNTIME, "--runtime-config-path", str(config), "--annotation", "io.kubernetes.cri.sandbox-id=bpod")
    peer.ctr("run", "-d", *flags, IMAGE, "bpod", "sleep", "1000").ok()
    try:
        # More than the VM has room for at a time.
        for n in range(9):
            assert peer.ctr("run", "--rm", *flags, IMAGE, f"b{n}", "echo", str(n)).ok().out == f"{n}\n"
    finally:
        peer.ctr("tasks", "rm", "-f", "bpod")
        peer.ctr("containers", "rm", "bpod")


def test_volumes_are_the_hosts_own(peer: Peer, tmp_path: Path) -> None:
    (tmp_path / "in").write_text("from the host\n")
    for options in ("rbind:rw", "rbind:ro"):
        mount = f"type=bind,src={tmp_path},dst=/data,options={options}"
        script = "cat /data/in; echo back >/data/out-$0"
        done = peer.ctr("run", "--rm", *RUNTIME, "--mount", mount, IMAGE, "vol", "sh", "-c", script, options[-2:])
        assert done.out == "from the host\n"
        assert (done.code == 0) == (options == "rbind:rw"), done
    assert (tmp_path / "out-rw").read_text() == "back\n" and not (tmp_path / "out-ro").exists()
    # Nothing of the volume went with the container.
    assert (tmp_path / "in").read_text() == "from the host\n"


def test_the_guest_sees_nothing_of_the_host(peer: Peer, sleeping: str) -> None:
    shown = peer.ctr("tasks", "exec", "--exec-id", "ps", sleeping, "ps").ok().out
    assert "qemu" not in shown and "pytest" not in shown and f": {sleeping};" in shown
    on_host = subprocess.run(["ps", "-ww", "-eo", "args"], capture_output=True, text=True, check=True).stdout
    assert f": {sleeping};" not in on_host


def test_two_vms_draw_different_numbers_and_know_the_time(peer: Peer) -> None:
    ids = ["rnd1", "rnd2"]
    script = "cat /proc/sys/kernel/random/uuid; head -c 16 /dev/urandom | od -An -tx1; date +%s"
    told = []
    for id in ids:
        out = peer.ctr("run", "--rm", *RUNTIME, IMAGE, id, "sh", "-c", script).ok().out.splitlines()
        assert abs(int(out[2]) - time.time()) < 5
        told.append(out)
    assert told[0][0] != told[1][0] and told[0][1] != told[1][1]


@pytest.fixture
def pod_network() -> Iterator[tuple[str, str]]:
    """A network namespace with one end of a veth, and the host's end in a namespace of its own. (namespace, host's namespace)."""
    names = [f"ay-{os.getpid()}-{n}" for n in "ph"]
    try:
        for name in names:
            run(["ip", "netns", "add", name]).ok()
        pod, host = names
        run(["ip", "link", "add", "eth0", "netns", pod, "type", "veth", "peer", "name", "outer", "netns", host]).ok()
        for name, link, last in ((pod, "eth0", "2"), (host, "outer", "1")):
            run(["ip", "-n", name, "link", "set", link, "up"]).ok()
            run(["ip", "-n", name, "addr", "add", f"10.99.0.{last}/24", "dev", link]).ok()
            run(["ip", "-n", name, "addr", "add", f"fd00:99::{last}/64", "dev", link, "nodad"]).ok()
        for gateway in ("10.99.0.1", "fd00:99::1"):
            run(["ip", "-n", pod, "route", "add", "default", "via", gateway]).ok()
        yield pod, host
    finally:
        for name in names:
            run(["ip", "netns", "del", name])


def test_a_pod_is_where_its_namespace_is(peer: Peer, pod_network: tuple[str, str], tmp_path: Path) -> None:
    pod, host = pod_network
    (tmp_path / "page").write_text("from outside\n")
    outside = subprocess.Popen(
        ["ip", "netns", "exec", host, "python3", "-m", "http.server", "-b", "::", "8000"], cwd=tmp_path, stderr=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
    )  # fmt: skip
    with ending(outside):
        try:
            six = "wget -qO- http://[fd00:99::1]:8000/page"
            script = f"ip addr show eth0; ip route; ip -6 route; wget -qO- http://10.99.0.1:8000/page; {six}; echo inside >/tmp/page; httpd -f -p 80 -h /tmp"
            ns = ("--with-ns", f"network:/run/netns/{pod}")
            peer.ctr(
                "run", "-d", *ns, *RUNTIME, "--log-uri", f"file://{tmp_path}/log", IMAGE, "net", "sh", "-c", script
            ).ok()
            read = "import urllib.request as u; print(u.urlopen('http://10.99.0.2/page', timeout=2).read().decode(), end='')"
            fetch = ["ip", "netns", "exec", host, sys.executable, "-c", read]
            try:
                eventually(lambda: run(fetch).out == "inside\n", within=15)
            except AssertionError:
                raise AssertionError(f"the pod can't be reached; it says: {(tmp_path / 'log').read_text()}") from None
            log = (tmp_path / "log").read_text()
            assert "inet 10.99.0.2/24" in log and "default via 10.99.0.1" in log, log
            assert "inet6 fd00:99::2/64" in log and "default via fd00:99::1" in log and log.count("from outside") == 2, log
        finally:
            peer.ctr("tasks", "rm", "-f", "net")
            peer.ctr("containers", "rm", "net").ok()
    # The namespace is its maker's again.
    assert "argosy" not in run(["ip", "-n", pod, "link"]).ok().out
    assert "ingress" not in run(["ip", "netns", "exec", pod, "tc", "qdisc"]).ok().out


def test_without_a_namespace_there_is_qemus_network_or_none(peer: Peer, tmp_path: Path) -> None:
    refused = peer.ctr("run", "--rm", "--net-host", *RUNTIME, IMAGE, "hostnet", "true")
    assert refused.code != 0 and "a VM can't be in the host's network" in refused.err
    peer.ctr("containers", "rm", "hostnet")
    (tmp_path / "page").write_text("through slirp\n")
    server = subprocess.Popen(
        ["python3", "-u", "-m", "http.server", "-b", "127.0.0.1", "0"], cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )  # fmt: skip
    with ending(server):
        assert server.stdout is not None
        port = server.stdout.readline().split("port ")[1].split()[0]
        config = tmp_path / "kata.toml"
        config.write_text('network = "user"\n')
        script = f"wget -qO- http://10.0.2.2:{port}/page"
        done = peer.ctr(
            "run", "--rm", "--runtime-config-path", str(config), *RUNTIME, IMAGE, "user", "sh", "-c", script
        ).ok()
        assert done.out == "through slirp\n"
    links = peer.ctr("run", "--rm", *RUNTIME, IMAGE, "alone", "ip", "-o", "link").ok().out
    assert links.count("\n") == 1 and ": lo:" in links


def test_our_own_command_runs_a_vm_and_settings_make_it(peer: Peer, home: Home, tmp_path: Path) -> None:
    if not isinstance(peer, Mesh):
        pytest.skip("one daemon is enough")
    command = [str(BIN / "argosy"), "--address", str(peer.address), "run", "--rm", *RUNTIME, IMAGE]
    kernel = json.loads((home.image / "image.json").read_text())["kernel"]
    assert run([*command, "uname", "-r"]).ok().out.strip() == kernel
    config = tmp_path / "kata.toml"
    config.write_text('vcpus = 2\nmemory_mb = 384\nkernel_params = "argosy.mark=1"\n')
    script = "nproc; grep MemTotal /proc/meminfo; cat /proc/cmdline"
    flags = ("--rm", "--runtime-config-path", str(config), *RUNTIME)
    cores, memory, line = peer.ctr("run", *flags, IMAGE, "two", "sh", "-c", script).ok().out.splitlines()
    assert cores == "2" and 300_000 < int(memory.split()[1]) < 393_216 and "argosy.mark=1" in line


def update(peer: Peer, id: str, resources: dict[str, Any]) -> None:
    """Change a task's limits, as no command of ctr does."""
    kind = "types.containerd.io/opencontainers/runtime-spec/1/LinuxResources"
    wanted = AnyMessage(type_url=kind, value=json.dumps(resources).encode())
    request = UpdateTaskRequest(container_id=id, resources=wanted)
    with grpc.insecure_channel(f"unix:{peer.address}") as channel:
        call = channel.unary_unary("/containerd.services.tasks.v1.Tasks/Update", lambda r: r.encode(), lambda data: data)
        call(request, metadata=(("containerd-namespace", "default"),), timeout=20)


def test_limits_change_while_it_runs(peer: Peer, sleeping: str) -> None:
    update(peer, sleeping, {"memory": {"limit": 64 << 20}, "pids": {"limit": 77}})
    shown = peer.ctr("tasks", "metrics", sleeping).ok().out
    assert re.search(rf"memory\.usage_limit\s+{64 << 20}", shown), shown
    limit = peer.ctr(
        "tasks", "exec", "--exec-id", "l", sleeping, "sh", "-c", "cat /sys/fs/cgroup/pids.max 2>/dev/null || true"
    ).ok()
    assert limit.out.strip() in ("77", "")
