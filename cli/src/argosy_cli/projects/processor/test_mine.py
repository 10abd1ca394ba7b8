"""Does mine keep to what a differ wants of a stream processor? All bytes or an exit code, and nothing of what was broken passes as a layer."""

import lzma
import os
import subprocess
import sys
from pathlib import Path

import pytest

FILE = Path(__file__).with_name("mine.py")
TYPE = {"STREAM_PROCESSOR_MEDIATYPE": "application/vnd.oci.image.layer.v1.tar+xz"}


def convert(data: bytes) -> subprocess.CompletedProcess[bytes]:
    """Run it as a differ does."""
    return subprocess.run([sys.executable, FILE], input=data, capture_output=True, env={**os.environ, **TYPE})


def test_a_layer_comes_out_as_it_was() -> None:
    for layer in (b"", b"layer", os.urandom(3 << 20), bytes(50 << 20)):
        done = convert(lzma.compress(layer, preset=0))
        assert (done.returncode, done.stderr, done.stdout == layer) == (0, b"", True)


@pytest.mark.parametrize("change", [lambda data: data[:-1], lambda data: data + b"x", lambda data: b"x" + data])
def test_a_layer_that_is_broken_is_refused(change: object) -> None:
    assert callable(change)
    done = convert(change(lzma.compress(b"layer" * 1000)))
    assert done.returncode != 0 and done.stderr.startswith(b"mine.py: "), done
