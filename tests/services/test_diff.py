"""Stream processors as containerd configures them, and media types nobody takes."""

from __future__ import annotations

import hashlib
import io
import tarfile
from pathlib import Path

import pytest
from argosy.errors import InvalidArgument, Unimplemented, Unknown
from argosy.mounts import Mount
from argosy.oci.layers import TAR
from argosy.plugin.diff.compare import write_layer
from argosy.tables import StreamProcessor
from argosy_diff.apply import apply_layer
from argosy_diff.processors import resolve
from argosy_protos.google.protobuf import Any as AnyMessage

pytestmark = pytest.mark.root


def layer() -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        info = tarfile.TarInfo("hello")
        info.size = 5
        tar.addfile(info, io.BytesIO(b"world"))
    return out.getvalue()


def script(path: Path, body: str) -> str:
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)
    return str(path)


def run(tmp_path: Path, data: bytes, media: str, processors: dict[str, StreamProcessor], payloads: dict[str, bytes]):  # type: ignore[no-untyped-def] # Applied
    blob = tmp_path / "blob"
    blob.write_bytes(data)
    root = tmp_path / "root"
    root.mkdir(exist_ok=True)
    with blob.open("rb", buffering=0) as source:
        return apply_layer(source, media, [Mount("bind", str(root), ("rw", "rbind"))], processors, payloads, False)


def test_processors_chain_and_get_their_payload_on_descriptor_3(tmp_path: Path) -> None:
    data = layer()
    coded = bytes(b ^ 1 for b in data)
    decode = script(
        tmp_path / "decode",
        f'echo "$STREAM_PROCESSOR_MEDIATYPE $KEY" > {tmp_path}/said; cat <&3 > {tmp_path}/payload; exec python3 -c '
        "'import sys; sys.stdout.buffer.write(bytes(b ^ 1 for b in sys.stdin.buffer.read()))'",
    )
    processors = {
        "outer": StreamProcessor(accepts=["x/outer"], returns="x/inner", path="cat"),
        "inner": StreamProcessor(accepts=["x/inner"], returns=TAR, path=decode, env=["KEY=value"]),
    }
    secret = AnyMessage(type_url="a.B", value=b"secret").encode()
    applied = run(tmp_path, coded, "x/outer", processors, {"inner": secret})
    assert (tmp_path / "root/hello").read_text() == "world"
    assert applied.digest == f"sha256:{hashlib.sha256(data).hexdigest()}" and applied.size == len(data)
    assert (tmp_path / "said").read_text() == "x/inner value\n"
    assert AnyMessage.decode((tmp_path / "payload").read_bytes()).value == b"secret"


def test_a_processor_that_fails_is_quoted(tmp_path: Path) -> None:
    failing = script(tmp_path / "fail", "echo no key for this layer >&2; exit 3")
    processors = {"p": StreamProcessor(accepts=["x/y"], returns=TAR, path=failing)}
    with pytest.raises(Unknown, match='stream processor "p" exited 3: no key for this layer'):
        run(tmp_path, layer(), "x/y", processors, {})
    missing = {"p": StreamProcessor(accepts=["x/y"], returns=TAR, path="/no/such")}
    with pytest.raises(Unknown, match="/no/such is not an executable file"):
        run(tmp_path, layer(), "x/y", missing, {})


def test_a_media_type_nobody_takes_names_the_remedy(tmp_path: Path) -> None:
    with pytest.raises(
        Unknown,
        match=r'no processor for media-type "x/y"; add one by argosy plugin add processor, or under \[stream_processors\]',
    ):
        resolve("x/y", {})
    circle = {"a": StreamProcessor(accepts=["x/y"], returns="x/y", path="cat")}
    with pytest.raises(Unknown, match="circle"):
        resolve("x/y", circle)
    with pytest.raises(InvalidArgument, match="needs mounts"):
        apply_layer(io.BytesIO(b""), TAR, [], {}, {}, False)
    with pytest.raises(Unimplemented, match="unsupported diff media type: application/vnd.docker"):
        write_layer("", str(tmp_path), io.BytesIO(), "application/vnd.docker.image.rootfs.diff.tar.gzip")
