"""Specs, users, references and image documents: defaults against ctr's, hostile input against the rules."""

from __future__ import annotations

import errno
import json
import os
import platform
import resource
import subprocess
import sys
import time
from pathlib import Path

import pytest
from argosy.errors import InvalidArgument, NotFound
from argosy.oci.image import ContainerConfig, chain_ids, parse_document
from argosy.oci.reference import Reference
from argosy.oci.seccomp import architectures, default_profile
from argosy.oci.spec import CAPABILITIES, BindMount, Options, bounding_set, build, default_spec, merge_env
from argosy.oci.users import User, resolve

from tests.harness.mesh import run


def test_the_default_spec_is_containerds() -> None:
    """``ctr oci spec`` prints what containerd starts from; what differs here is newer containerd's."""
    theirs = json.loads(run(["ctr", "oci", "spec"]).ok().out)
    ours = default_spec("default", "")
    for spec in (ours, theirs):
        spec.pop("ociVersion")
        spec["linux"].pop("cgroupsPath")
        spec["linux"].pop("resources", None) if spec is theirs else None
    devices = ours["linux"].pop("resources")["devices"]
    assert devices[0] == {"allow": False, "access": "rwm"}
    assert ours["process"].pop("env")[0] == theirs["process"].pop("env")[0] if theirs["process"].get("env") else True
    for key in ("user", "cwd", "rlimits", "noNewPrivileges"):
        assert ours["process"][key] == theirs["process"][key], key
    for kind in ("bounding", "effective", "permitted"):
        assert set(ours["process"]["capabilities"][kind]) == set(theirs["process"]["capabilities"][kind])
    assert ours["mounts"] == theirs["mounts"]
    assert [n["type"] for n in ours["linux"]["namespaces"]] == [n["type"] for n in theirs["linux"]["namespaces"]]
    newer = set(ours["linux"]["maskedPaths"]) ^ set(theirs["linux"]["maskedPaths"])
    assert newer <= {"/sys/devices/virtual/powercap", "/proc/asound"}
    assert ours["linux"]["readonlyPaths"] == theirs["linux"]["readonlyPaths"]


def test_specs_share_nothing() -> None:
    """CVE-2021-21334: what one container is given never shows in another."""
    image = ContainerConfig(env=["A=1"], cmd=["sh"])
    specs = [build("n", f"c{i}", image, User(), Options(env=[f"ME={i}"])) for i in range(100)]
    for i, spec in enumerate(specs):
        assert [e for e in spec["process"]["env"] if e.startswith("ME=")] == [f"ME={i}"]
        spec["linux"]["maskedPaths"].append("x")
    assert build("n", "c", image, User(), Options())["linux"]["maskedPaths"].count("x") == 0
    assert image.env == ["A=1"]


def test_options_change_what_they_say() -> None:
    image = ContainerConfig(entrypoint=["/entry"], cmd=["image"], working_dir="/w", env=["A=1", "B=2"])
    spec = build(
        "n", "c", image, User(5, 6, (6, 7)),
        Options(args=["mine"], env=["B", "C=3"], memory=1 << 20, cpus=0.5, read_only=True, host_network=True, terminal=True,
                mounts=[BindMount.parse("type=bind,src=/a,dst=/b,options=rbind:ro")]),
    )  # fmt: skip
    process = spec["process"]
    assert process["args"] == ["/entry", "mine"] and process["cwd"] == "/w"
    assert {"A=1", "C=3", "TERM=xterm"} <= set(process["env"]) and not any(e.startswith("B=") for e in process["env"])
    assert process["user"] == {"uid": 5, "gid": 6, "additionalGids": [6, 7]}
    assert spec["linux"]["resources"]["memory"] == {"limit": 1 << 20}
    assert spec["linux"]["resources"]["cpu"] == {"period": 100_000, "quota": 50_000}
    assert "network" not in [n["type"] for n in spec["linux"]["namespaces"]]
    assert spec["root"]["readonly"] and spec["mounts"][7]["options"] == ["rbind", "ro"]
    with pytest.raises(InvalidArgument, match="neither the image nor the caller says what to run"):
        build("n", "c", ContainerConfig(), User(), Options())
    with pytest.raises(InvalidArgument, match="is none of type="):
        BindMount.parse("type=bind,source=/a,target=/b")
    assert merge_env(["A=1"], ["A=2"]) == ["A=2"]


def test_the_seccomp_profile_follows_the_capabilities() -> None:
    def allowed(profile) -> set[str]:  # type: ignore[no-untyped-def] # a JSON table
        return {n for r in profile["syscalls"] if r["action"] == "SCMP_ACT_ALLOW" and "args" not in r for n in r["names"]}

    plain, admin = allowed(default_profile(CAPABILITIES)), allowed(default_profile([*CAPABILITIES, "CAP_SYS_ADMIN"]))
    assert {"read", "openat2", "chroot"} <= plain and not {"mount", "bpf", "kexec_load", "keyctl", "ptrace_nope"} & plain
    assert {"mount", "bpf", "unshare"} <= admin


@pytest.mark.skipif(platform.machine() != "x86_64", reason="x32 is an interface of x86_64")
def test_only_an_interface_that_the_kernel_lacks_has_no_rules() -> None:
    assert {"SCMP_ARCH_X86_64", "SCMP_ARCH_X86"} <= set(architectures())
    # In a process of its own: where somebody's filter has no rules for x32, this is its end.
    code = (
        "import ctypes; l = ctypes.CDLL(None, use_errno=True); r = l.syscall(0x40000000 | 39); print(r, ctypes.get_errno())"
    )
    asked = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    if "SCMP_ARCH_X32" not in architectures():
        assert asked.returncode < 0 or asked.stdout.split() == ["-1", str(errno.ENOSYS)]


def rootfs(tmp_path: Path, passwd: str = "", group: str = "") -> str:
    (tmp_path / "etc").mkdir(exist_ok=True)
    (tmp_path / "etc/passwd").write_text(passwd)
    (tmp_path / "etc/group").write_text(group)
    return str(tmp_path)


PASSWD = "root:x:0:0:root:/root:/bin/sh\nalice:x:1000:1001:A:/home/alice:/bin/sh\n4294967296:x:0:0::/:\n"
GROUP = "root:x:0:\nstaff:x:50:bob,alice\nwheel:x:10:alice\nother:x:77:bob\n"


@pytest.mark.parametrize(
    ("user", "expected"),
    [
        ("", User(0, 0, (0,), "/root")),
        ("alice", User(1000, 1001, (1001, 50, 10), "/home/alice")),
        ("1000", User(1000, 1001, (1001, 50, 10), "/home/alice")),
        ("4242", User(4242, 0, (0,), "/")),
        ("alice:staff", User(1000, 50, (50, 10), "/home/alice")),
        ("1000:8", User(1000, 8, (8, 50, 10), "/home/alice")),
        ("7:8", User(7, 8, (8,), "/")),
    ],
)
def test_users_are_looked_up_inside(tmp_path: Path, user: str, expected: User) -> None:
    assert resolve(rootfs(tmp_path, PASSWD, GROUP), user) == expected


@pytest.mark.parametrize("user", ["2147483648", "4294967296", "-1", "1:4294967296", "+5", "18446744073709551616"])
def test_numbers_that_do_not_fit_are_refused_and_never_names(tmp_path: Path, user: str) -> None:
    """CVE-2024-40635, CVE-2026-46680."""
    with pytest.raises(InvalidArgument, match="does not fit"):
        resolve(rootfs(tmp_path, PASSWD, GROUP), user)


def test_unknown_names_are_named(tmp_path: Path) -> None:
    root = rootfs(tmp_path, PASSWD, GROUP)
    with pytest.raises(NotFound, match='user "eve" is not in the image'):
        resolve(root, "eve")
    with pytest.raises(NotFound, match='group "none" is not in the image'):
        resolve(root, "alice:none")


def test_symlinks_stay_inside(tmp_path: Path) -> None:
    root = tmp_path / "root"
    (root / "etc").mkdir(parents=True)
    (root / "usr").mkdir()
    (root / "usr/passwd").write_text("inside:x:7:7::/:\n")
    os.symlink("/usr/passwd", root / "etc/passwd")
    assert resolve(str(root), "inside").uid == 7
    (root / "etc/passwd").unlink()
    (tmp_path / "passwd").write_text("outside:x:8:8::/:\n")
    os.symlink("../../passwd", root / "etc/passwd")
    with pytest.raises(NotFound):
        resolve(str(root), "outside")


def test_a_huge_group_file_is_refused_at_once(tmp_path: Path) -> None:
    """CVE-2026-47262."""
    root = rootfs(tmp_path, PASSWD)
    os.truncate(tmp_path / "etc/group", 1 << 30)
    before, began = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.monotonic()
    with pytest.raises(InvalidArgument, match="larger than 1048576 bytes"):
        resolve(root, "alice")
    assert time.monotonic() - began < 10
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 32 << 10


@pytest.mark.parametrize(
    ("text", "full"),
    [
        ("box", "docker.io/library/box:latest"),
        ("a/b:1", "docker.io/a/b:1"),
        ("localhost/x", "localhost/x:latest"),
        ("127.0.0.1:5000/team/box:1", "127.0.0.1:5000/team/box:1"),
        ("ghcr.io/a/b@sha256:" + "0" * 64, "ghcr.io/a/b@sha256:" + "0" * 64),
    ],
)
def test_references_are_filled_in(text: str, full: str) -> None:
    assert str(Reference.parse(text)) == full


@pytest.mark.parametrize("bad", ["", "UPPER", "a b", "a:b:c", "x@sha256:1", "host.io/", "a//b", "-x", "x:" + "t" * 129])
def test_what_is_no_reference(bad: str) -> None:
    with pytest.raises(InvalidArgument):
        Reference.parse(bad)


def test_a_document_is_one_thing() -> None:
    """CVE-2021-41190."""
    both = b'{"schemaVersion":2,"manifests":[],"layers":[],"config":{"digest":"x","size":1}}'
    with pytest.raises(InvalidArgument, match="both an index and a manifest"):
        parse_document(both, "application/vnd.oci.image.manifest.v1+json")
    mixed = b'{"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[]}'
    with pytest.raises(InvalidArgument, match="says it is"):
        parse_document(mixed, "application/vnd.oci.image.manifest.v1+json")
    with pytest.raises(InvalidArgument, match="larger than"):
        parse_document(b" " * (9 << 20), "")
    with pytest.raises(InvalidArgument, match="malformed"):
        parse_document(b"{", "application/vnd.oci.image.manifest.v1+json")


def test_chain_ids() -> None:
    a, b = "sha256:" + "a" * 64, "sha256:" + "b" * 64
    import hashlib

    assert chain_ids([a, b]) == [a, "sha256:" + hashlib.sha256(f"{a} {b}".encode()).hexdigest()]


@pytest.mark.parametrize("cpus", [-1.0, -0.5, 0.001, float("nan"), float("inf"), -float("inf"), 1e12])
def test_a_number_of_cpus_that_no_kernel_takes_is_refused(cpus: float) -> None:
    with pytest.raises(InvalidArgument, match="is no number of CPUs; write one from 0.01 on"):
        Options(cpus=cpus)


def test_a_negative_memory_limit_is_refused() -> None:
    with pytest.raises(InvalidArgument, match="-1 bytes are no memory limit"):
        Options(memory=-1)


@pytest.mark.parametrize(
    ("mask", "has", "lacks"),
    [
        ("000001ffffffffff", ("CHOWN", "SYS_RESOURCE", "CHECKPOINT_RESTORE"), ()),
        ("000001fffeffffff", ("CHOWN", "SYS_BOOT"), ("SYS_RESOURCE",)),
        ("0000000000000001", ("CHOWN",), ("DAC_OVERRIDE", "CHECKPOINT_RESTORE")),
        ("0000000000000000", (), ("CHOWN",)),
        # A kernel that is newer than the table.
        ("00000fffffffffff", ("CHOWN", "CHECKPOINT_RESTORE"), ()),
    ],
)
def test_privileged_asks_for_no_capability_that_the_bounding_set_lacks(
    tmp_path: Path, mask: str, has: tuple[str, ...], lacks: tuple[str, ...]
) -> None:
    status = tmp_path / "status"
    status.write_text(f"Name:\tx\nCapInh:\t0000000000000000\nCapBnd:\t{mask}\nCapAmb:\t0000000000000000\n")
    found = bounding_set(status)
    assert {f"CAP_{name}" for name in has} <= set(found) and not {f"CAP_{name}" for name in lacks} & set(found)
    assert len(found) == min(41, int(mask, 16).bit_count()) and len(set(found)) == len(found)
