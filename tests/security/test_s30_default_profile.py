"""S30: our default seccomp profile and masked paths against Debian's containerd; each difference is explained in a file."""

from __future__ import annotations

import errno
import io
import json
import struct
import tarfile
import tempfile
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from argosy.oci.seccomp import architectures, default_profile
from argosy.oci.spec import MASKED_PATHS, READONLY_PATHS
from argosy.testkit.image import busybox_layer, oci_archive

from tests.harness.containerd import Containerd
from tests.harness.mesh import Mesh
from tests.harness.programs import program

pytestmark = pytest.mark.root
EXPLAINED = tomllib.loads((Path(__file__).parent / "seccomp_differences.toml").read_text())
Rules = dict[str, set[tuple[Any, ...]]]


@pytest.fixture(scope="module")
def stock(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[dict[str, Any]]]:
    """Specs that Debian's ctr makes with its default profile: plain, with CAP_SYS_ADMIN, with every capability."""
    daemon = Containerd(Path(tempfile.mkdtemp(prefix="ay-", dir="/tmp")))
    daemon.start()
    try:
        name = "docker.io/library/plain:latest"
        archive = tmp_path_factory.mktemp("image") / "i.tar"
        oci_archive(archive, name)
        daemon.ctr("images", "import", str(archive)).ok()
        specs = []
        for i, more in enumerate(([], ["--cap-add", "CAP_SYS_ADMIN"], ["--privileged"])):
            daemon.ctr("containers", "create", "--seccomp", *more, name, f"c{i}").ok()
            specs.append(json.loads(daemon.ctr("containers", "info", f"c{i}").ok().out)["Spec"])
            daemon.ctr("containers", "rm", f"c{i}").ok()
        yield specs
    finally:
        daemon.destroy()


def rules(profile: Mapping[str, Any]) -> Rules:
    """Return what a profile says of each call: (action, errno, arguments)."""
    found: Rules = {}
    for rule in profile["syscalls"]:
        arguments = tuple(sorted((a["index"], a["value"], a.get("valueTwo", 0), a["op"]) for a in rule.get("args") or []))
        for name in rule["names"]:
            found.setdefault(name, set()).add((rule["action"], rule.get("errnoRet"), arguments))
    return found


def test_every_difference_is_explained(stock: list[dict[str, Any]]) -> None:
    """And nothing is explained that is none."""
    allow = ("SCMP_ACT_ALLOW", None, ())
    different: dict[str, set[str]] = {"allowed_here": set(), "refused_here": set(), "narrower_here": set()}
    for spec in stock:
        theirs = rules(spec["linux"]["seccomp"])
        ours = rules(default_profile(spec["process"]["capabilities"]["bounding"]))
        for name in theirs.keys() | ours.keys():
            a, b = theirs.get(name), ours.get(name)
            if a == b:
                continue
            refused = b is None or {action for action, _, _ in b} == {"SCMP_ACT_ERRNO"}
            kind = "allowed_here" if a is None and b == {allow} else "refused_here" if refused else "narrower_here"
            different[kind].add(name)
    assert different == {kind: set(EXPLAINED[kind]) for kind in different}


def test_what_is_no_rule_is_the_same(stock: list[dict[str, Any]]) -> None:
    """What happens to the rest, and on which interfaces; x32 only where the kernel has it."""
    for spec in stock:
        theirs, ours = spec["linux"]["seccomp"], default_profile(spec["process"]["capabilities"]["bounding"])
        assert (
            theirs["defaultAction"] == ours["defaultAction"] == "SCMP_ACT_ERRNO" and ours["defaultErrnoRet"] == errno.EPERM
        )
        assert set(theirs["architectures"]) - set(architectures()) <= {"SCMP_ARCH_X32"}


def test_masked_paths_differ_as_explained(stock: list[dict[str, Any]]) -> None:
    """We mask what it masks, and more."""
    theirs = stock[0]["linux"]
    assert set(theirs["readonlyPaths"]) == set(READONLY_PATHS)
    assert set(theirs["maskedPaths"]) <= set(MASKED_PATHS)
    assert set(MASKED_PATHS) - set(theirs["maskedPaths"]) == set(EXPLAINED["masked_paths"])


def test_each_explanation_is_a_sentence() -> None:
    """Not a word."""
    for table in EXPLAINED.values():
        assert all(len(why.split()) >= 2 for why in table.values())


def by_32_bits(call: int, first: int, second: int, third: int) -> bytes:
    """Return a program that makes a system call of the 32-bit interface and exits with its error number."""
    load = struct.pack("<BI BI BI BI", 0xB8, call, 0xBB, first, 0xB9, second, 0xBA, third)
    return load + b"\xcd\x80\xf7\xd8\x89\xc7\xb8\x3c\x00\x00\x00\x0f\x05"


SOCKET, SOCKETCALL, AF_ALG, AF_VSOCK, AF_UNIX = 359, 102, 38, 40, 1
SEQPACKET = 5


@pytest.mark.skipif("SCMP_ARCH_X86" not in architectures(), reason="the programs are for x86")
def test_no_socket_of_a_refused_family_is_made_by_any_interface(mesh: Mesh, tmp_path: Path) -> None:
    """32-bit code has socketcall besides socket; the filter sees its arguments as an address."""
    arguments = {family: struct.pack("<III", family, SEQPACKET, 0) for family in (AF_ALG, AF_VSOCK, AF_UNIX)}
    programs = {f"call{family}": program(by_32_bits(SOCKETCALL, 1, 0x400100, 0), arguments[family]) for family in arguments}
    programs |= {f"socket{family}": program(by_32_bits(SOCKET, family, SEQPACKET, 0), b"") for family in arguments}
    layer = io.BytesIO()
    with tarfile.open(fileobj=layer, mode="w") as tar:
        for name, data in programs.items():
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(data), 0o755
            tar.addfile(entry, io.BytesIO(data))
    image = "docker.io/library/sockets:latest"
    oci_archive(tmp_path / "i.tar", image, [busybox_layer(), layer.getvalue()])
    mesh.argosy("import", str(tmp_path / "i.tar")).ok()
    script = "".join(f"/{name}; echo {name} $?; " for name in programs)
    ran = mesh.argosy("run", "--rm", image, "sh", "-c", script).ok()
    said = {name: int(code) for name, code in (line.split() for line in ran.out.splitlines())}
    for family in (AF_ALG, AF_VSOCK):
        assert said[f"socket{family}"] == errno.EPERM
        assert said[f"call{family}"] == errno.ENOSYS
    assert said[f"socket{AF_UNIX}"] not in (errno.EPERM, errno.ENOSYS)  # minus a descriptor
    assert said[f"call{AF_UNIX}"] == errno.ENOSYS
    # Without the profile the same programs are answered by the kernel: they do try.
    plain = mesh.argosy("run", "--rm", "--no-seccomp", image, "sh", "-c", script).ok()
    kernel = {name: int(code) for name, code in (line.split() for line in plain.out.splitlines())}
    assert kernel[f"call{AF_UNIX}"] not in (errno.EPERM, errno.ENOSYS)
    assert {kernel[f"call{AF_ALG}"], kernel[f"socket{AF_ALG}"]} & {errno.EPERM, errno.ENOSYS} == set()
