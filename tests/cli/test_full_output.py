"""What is written to a disk that is full, by whatever command: the message names the file, and nothing is replaced."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from tests.harness.mesh import ARGOSY, IMAGE, Mesh, run

pytestmark = pytest.mark.root


@pytest.mark.parametrize("words", [("export", "{}", IMAGE), ("transfer", f"image:{IMAGE}", "archive:{}")])
def test_a_device_stays_one_and_the_message_names_it(mesh: Mesh, words: tuple[str, ...], tmp_path: Path) -> None:
    device = tmp_path / "full"
    os.mknod(device, stat.S_IFCHR | 0o666, os.makedev(1, 7))
    refused = mesh.argosy(*(word.format(device) for word in words))
    assert (refused.code, refused.err) == (1, f"argosy: {device}: no space left on device\n")
    assert stat.S_ISCHR(device.stat().st_mode) and os.listdir(tmp_path) == ["full"]


@pytest.mark.parametrize("words", [f"export - {IMAGE}", f"transfer image:{IMAGE} -"])
def test_standard_output_is_named(mesh: Mesh, words: str) -> None:
    refused = run(["sh", "-c", f"{ARGOSY} --address {mesh.address} {words} >/dev/full"])
    assert (refused.code, refused.err) == (1, "argosy: standard output: no space left on device\n")


def test_an_archive_alone_goes_to_what_a_descriptor_is_called(mesh: Mesh) -> None:
    listed = run(["sh", "-c", f"{ARGOSY} --address {mesh.address} export /dev/stdout {IMAGE} | tar -t"]).ok()
    assert listed.out.splitlines()[-1] == "oci-layout" and listed.err == ""
