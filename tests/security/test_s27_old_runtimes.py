"""S27: runtimes with known holes are told or refused, and what an image does with /dev never reaches them."""

from __future__ import annotations

import asyncio
import io
import os
import subprocess
import tarfile
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from argosy.errors import FailedPrecondition
from argosy.testkit.image import busybox_layer, oci_archive
from argosy_protos.containerd.runc.v1 import Options
from argosy_protos.google.protobuf import Any as AnyMessage
from argosy_shim_runc_v2 import guard
from argosy_tasks.gate import Gate, open_holes, parse

from tests.harness.mesh import IMAGE, Mesh, eventually

DEV = "CVE-2026-41579"
MASKS = {"CVE-2025-31133", "CVE-2025-52565", "CVE-2025-52881"}
ALL = {"CVE-2019-5736", "CVE-2021-30465", "CVE-2024-21626", *MASKS, DEV}


@pytest.mark.parametrize(
    ("said", "holes"),
    [
        (
            "runc version 1.1.5+ds1\ncommit: 1.1.5+ds1-1+deb12u1\nspec: 1.0.2-dev\n",
            ALL - {"CVE-2019-5736", "CVE-2021-30465"},
        ),
        ("runc version 1.0.0-rc10\n", ALL),
        ("runc version 1.1.12\n", {*MASKS, DEV}),
        ("runc version 1.2.7\n", {*MASKS, DEV}),
        ("runc version 1.2.8\n", {DEV}),
        ("runc version 1.3.3\n", {DEV}),
        ("runc version 1.3.6\n", set()),
        ("runc version 1.4.0-rc.3\n", {*MASKS, DEV}),
        ("runc version 1.4.3\n", {DEV}),
        ("runc version 1.4.4\n", set()),
        ("runc version 1.5.0-rc.3\n", {DEV}),
        ("runc version 1.5.0\n", set()),
        ("runc version 1.6.0-rc.1\n", set()),
        ("runc version 2.0.0\n", set()),
        ("crun version 1.8.1\ncommit: f8a096be060b22ccd3d5f3ebe44108517fbf6c30\n", {"CVE-2026-30892"}),
        ("crun version 1.4.3\n", {"CVE-2022-27650", "CVE-2026-30892"}),
        ("crun version 1.27\n", set()),
    ],
)
def test_a_version_is_known_by_its_holes(said: str, holes: set[str]) -> None:
    """Safe are 1.3.6 and newer of 1.3, 1.4.4 and newer of 1.4, and the final 1.5.0; a series without a mended one never is."""
    version = parse(said)
    assert version is not None and set(open_holes(version)) == holes


def test_what_debian_installs_is_known() -> None:
    """The parser is judged by the real programs, not by what we think that they print."""
    for name in ("runc", "crun"):
        said = subprocess.run([name, "--version"], capture_output=True, text=True, check=True).stdout
        version = parse(said)
        assert (
            version is not None
            and version.name == name
            and said.startswith(f"{name} version {'.'.join(map(str, version.number))}")
        )


def runtime(place: Path, said: str, name: str = "runc") -> Path:
    """A program that says that it is some runtime."""
    path = place / name
    path.write_text(f"#!/bin/sh\necho '{said}'\n")
    path.chmod(0o755)
    return path


def test_a_runtime_that_was_replaced_is_asked_again(tmp_path: Path) -> None:
    """The gate is as good as the binary of now: an upgrade opens it and a downgrade closes it, without a restart."""

    async def main() -> None:
        gate = Gate(True, str(tmp_path))
        named = AnyMessage(
            type_url="containerd.runc.v1.Options", value=Options(binary_name=str(runtime(tmp_path, "gVisor", "x"))).encode()
        )
        runtime(tmp_path, "runc version 1.1.5")
        with pytest.raises(
            FailedPrecondition, match=r"runc 1\.1\.5, which has .*CVE-2024-21626.*1\.3\.6.*require_safe_runc"
        ):
            await gate.check("io.containerd.runc.v2", None)
        runtime(tmp_path, "runc version 1.3.6").touch()
        await gate.check("io.containerd.runc.v2", None)
        runtime(tmp_path, "runc version 1.2.1").touch()
        with pytest.raises(FailedPrecondition, match=DEV):
            await gate.check("/opt/bin/containerd-shim-runc-v2", None)
        with pytest.raises(FailedPrecondition, match="neither runc nor crun"):
            await gate.check("io.containerd.runc.v2", named)
        # A VM's shim runs neither.
        await gate.check("io.containerd.kata.v2", None)
        lenient = Gate(False, str(tmp_path))
        await lenient.check("io.containerd.runc.v2", None)
        await lenient.check("io.containerd.runc.v2", named)

    asyncio.run(main())


@pytest.mark.root
def test_the_log_names_the_holes_of_an_old_runc(short_path: Path, image_archive: Path) -> None:
    """A start with an old runc goes on, and says WARNING with every CVE and what to do."""
    (short_path / "bin").mkdir()
    runtime(short_path / "bin", "runc version 1.1.11")
    mesh = Mesh(short_path, path_first=short_path / "bin")
    mesh.start()
    try:
        mesh.ctr("tasks", "ls").ok()
        eventually(lambda: "runtime.too_old" in mesh.log.read_text())
        (line,) = [line for line in mesh.log.read_text().splitlines() if "runtime.too_old" in line]
        assert "warning" in line.lower() and "1.3.6" in line and all(cve in line for cve in {*MASKS, DEV, "CVE-2024-21626"})
    finally:
        mesh.destroy()


@pytest.mark.root
def test_an_old_runc_makes_no_container_where_that_is_wanted(short_path: Path, image_archive: Path) -> None:
    """With require_safe_runc a create fails and says why; nothing is left of it."""
    (short_path / "bin").mkdir()
    runtime(short_path / "bin", "runc version 1.1.11")
    kinds = {
        "content": "",
        "snapshotter-overlay": 'name = "overlayfs"',
        "diff": "",
        "tasks": "settings.require_safe_runc = true",
    }
    config = short_path / "mesh.toml"
    config.write_text("\n".join(f'[services.{kind}]\nkind = "{kind}"\n{more}' for kind, more in kinds.items()))
    mesh = Mesh(short_path, path_first=short_path / "bin", extra=("--config", str(config)))
    mesh.start()
    try:
        mesh.ctr("images", "import", str(image_archive)).ok()
        ran = mesh.ctr("run", "--rm", IMAGE, "refused", "true")
        assert ran.code and "require_safe_runc" in ran.err and "CVE-2024-21626" in ran.err, ran
        assert mesh.leftovers() == []
    finally:
        mesh.destroy()


def image_with(place: Path, name: str, **links: str) -> Path:
    """An image in which some directories are symlinks."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=io.BytesIO(busybox_layer())) as old, tarfile.open(fileobj=buffer, mode="w") as new:
        for entry in old:
            if entry.name.rstrip("/") not in links:
                new.addfile(entry, old.extractfile(entry) if entry.isfile() else None)
        for link, target in links.items():
            entry = tarfile.TarInfo(link.replace("__", "/"))
            entry.type, entry.linkname = tarfile.SYMTYPE, target
            new.addfile(entry)
    path = place / "image.tar"
    oci_archive(path, name, [buffer.getvalue()])
    return path


@pytest.fixture
def host_directory() -> Iterator[Path]:
    """A directory of the host that holds what a runtime removes in a container's /dev."""
    with tempfile.TemporaryDirectory(prefix="ay-host-", dir="/tmp") as path:
        (Path(path) / "ptmx").write_text("the host's")
        yield Path(path)


@pytest.mark.root
def test_an_image_with_dev_as_a_symlink_leaves_the_host_alone(mesh: Mesh, tmp_path: Path, host_directory: Path) -> None:
    """CVE-2026-41579: an old runc removes the host's ptmx and makes links beside it; with us it never sees such an image."""
    name = "docker.io/library/dev-link:latest"
    mesh.ctr("images", "import", str(image_with(tmp_path, name, dev=str(host_directory)))).ok()
    ran = mesh.ctr("run", "--rm", name, "dev-link", "true")
    assert ran.code and "/dev" in ran.err and str(host_directory) in ran.err, ran
    mesh.ctr("containers", "rm", "dev-link")
    assert os.listdir(host_directory) == ["ptmx"] and (host_directory / "ptmx").read_text() == "the host's"


@pytest.mark.root
def test_the_attack_is_real(tmp_path: Path, host_directory: Path) -> None:
    """The runc that Debian installs does remove the host's file: without the guard, the test above would fail."""
    version = parse(subprocess.run(["runc", "--version"], capture_output=True, text=True, check=True).stdout)
    assert version is not None
    if DEV not in open_holes(version):
        pytest.skip("the runc here is mended")
    bundle = tmp_path / "bundle"
    (bundle / "rootfs").mkdir(parents=True)
    subprocess.run(["tar", "x", "-C", str(bundle / "rootfs")], input=busybox_layer(), check=True)
    (bundle / "rootfs/dev").rmdir()
    (bundle / "rootfs/dev").symlink_to(host_directory)
    (bundle / "rootfs" / str(host_directory).lstrip("/")).mkdir(parents=True)
    subprocess.run(["runc", "spec"], cwd=bundle, check=True)
    config = (bundle / "config.json").read_text().replace('"terminal": true', '"terminal": false').replace('"sh"', '"true"')
    (bundle / "config.json").write_text(config)
    command = ["runc", "--root", str(tmp_path / "runc"), "run", "--bundle", str(bundle), f"ay-{os.getpid()}"]
    subprocess.run(command, capture_output=True, stdin=subprocess.DEVNULL, timeout=30, check=False)
    assert not (host_directory / "ptmx").is_file() or (host_directory / "ptmx").is_symlink()
    with pytest.raises(FailedPrecondition, match="/dev"):
        guard.check(str(bundle / "rootfs"), {})


@pytest.mark.parametrize("target", ["/tmp/x", "../../../tmp", "system/dev", "dev2"])
def test_dev_is_a_directory_or_nothing(tmp_path: Path, target: str) -> None:
    """Any symlink there is refused, wherever it leads; a directory, and an image without one, are not."""
    guard.check(str(tmp_path), {})
    (tmp_path / "dev2").mkdir()
    (tmp_path / "dev").symlink_to(target)
    with pytest.raises(FailedPrecondition, match=f'symlink to "{target}"'):
        guard.check(str(tmp_path), {})
    (tmp_path / "dev").unlink()
    (tmp_path / "dev").mkdir()
    guard.check(str(tmp_path), {})
