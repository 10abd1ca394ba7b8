"""The stream processors, by the lines that they print: layers that no daemon knows become layers that each does."""

from __future__ import annotations

import gzip
import subprocess
import sys
from pathlib import Path

import pytest
from argosy.testkit.image import LAYER, busybox_layer, oci_archive, second_layer

from tests.examples.conftest import Together
from tests.harness.examples import EXAMPLES, by_hand

SEALED = f"{LAYER}+aesgcm"
NAME = "docker.io/library/packed:latest"


def converted(data: bytes, *command: str) -> bytes:
    return subprocess.run(command, input=data, capture_output=True, check=True).stdout


def sealed(data: bytes, key: Path) -> bytes:
    return converted(data, sys.executable, str(EXAMPLES / "aesgcm.py"), "--key", str(key), "--seal")


def zstd(layer: bytes) -> bytes:
    return converted(layer, "zstd", "-cq")


def changed(data: bytes) -> bytes:
    """Return a sealed layer with one bit that is another."""
    return data[:-20] + bytes([data[-20] ^ 1]) + data[-19:]


@pytest.fixture(scope="module")
def archives(tmp_path_factory: pytest.TempPathFactory, key: Path) -> Path:
    """Images whose layers are packed by zstd, sealed, and changed after they were."""
    base, layers = tmp_path_factory.mktemp("archives"), [busybox_layer(), second_layer()]
    packed = {layer: sealed(gzip.compress(layer, 1), key) for layer in layers}
    oci_archive(base / "zst", NAME, layers, media_type=LAYER.replace("+gzip", "+zst"), pack=zstd)
    oci_archive(base / "sealed", NAME, layers, media_type=SEALED, pack=packed.__getitem__)
    oci_archive(base / "changed", NAME, layers, media_type=SEALED, pack=lambda layer: changed(packed[layer]))
    return base


@pytest.mark.root
@pytest.mark.parametrize("kind", ["zst", "sealed"])
def test_an_image_runs_whose_layers_no_daemon_knows(together: Together, archives: Path, kind: str) -> None:
    peer = together.peer
    peer.ctr("images", "import", str(archives / kind)).ok()
    assert peer.ctr("run", "--rm", NAME, "c", "cat", "/etc/motd").ok().out == "hello from an argosy\n"
    peer.ctr("images", "rm", "--sync", NAME).ok()


@pytest.mark.root
def test_a_layer_that_was_changed_after_it_was_sealed_is_refused(together: Together, archives: Path) -> None:
    peer = together.peer
    ran = peer.ctr("images", "import", str(archives / "changed"))
    assert ran.code != 0, ran
    # A stock daemon may hear of the broken stream before it hears why.
    assert "is not what was sealed with this key" in ran.err or not together.is_ours, ran
    assert peer.ctr("run", "--rm", NAME, "c", "true").code != 0
    peer.ctr("images", "rm", "--sync", NAME).ok()


@pytest.fixture(scope="module")
def key(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("key") / "key"
    path.write_bytes(bytes(range(32)))
    return path


def test_what_is_not_the_whole_sealed_layer_is_refused(key: Path) -> None:
    """Bytes changed, cut off at a block's end or within one, blocks swapped or left out, another key."""
    data = (second_layer() * 20)[:150_000]
    whole = sealed(data, key)
    salt, block = 32, (64 << 10) + 16
    assert len(whole) == salt + len(data) + 3 * 16
    first, second, third = whole[salt : salt + block], whole[salt + block : salt + 2 * block], whole[salt + 2 * block :]
    other = key.with_name("other")
    other.write_bytes(bytes(32))
    short = key.with_name("short")
    short.write_bytes(bytes(16))
    command = [sys.executable, str(EXAMPLES / "aesgcm.py"), "--key"]
    for given, by in (
        (whole[:salt] + second + first + third, key), (whole[:salt] + first + third, key), (whole[:salt] + first + second, key),
        (whole[:-1], key), (whole[:salt], key), (b"", key), (whole + b"x", key), (bytes([whole[0] ^ 1]) + whole[1:], key),
        (whole, other), (whole, short),
    ):  # fmt: skip
        done = subprocess.run([*command, str(by)], input=given, capture_output=True)
        assert done.returncode == 1 and done.stderr.startswith(b"aesgcm.py: ") and b"Traceback" not in done.stderr, done
        assert data.startswith(done.stdout) and len(done.stdout) < len(data)
    assert converted(whole, *command, str(key)) == data
    none = key.with_name("none")
    assert by_hand("aesgcm", "--key", str(none)).err == f"aesgcm.py: {none}: no such file or directory\n"
