"""A small OCI image made here from a static busybox: for demos and tests that have no network."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import shutil
import subprocess
import tarfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from argosy.errors import NotFound

LAYER: Final = "application/vnd.oci.image.layer.v1.tar+gzip"
MANIFEST: Final = "application/vnd.oci.image.manifest.v1+json"
CONFIG: Final = "application/vnd.oci.image.config.v1+json"
INDEX: Final = "application/vnd.oci.image.index.v1+json"
_EPOCH: Final = 1_700_000_000
# containerd-stress runs its containers as games.
_PASSWD: Final = (
    b"root:x:0:0:root:/root:/bin/sh\ngames:x:5:60:games:/:/bin/false\nnobody:x:65534:65534:nobody:/:/bin/false\n"
)
_GROUP: Final = b"root:x:0:\ngames:x:60:\nnogroup:x:65534:\n"


def _add(
    tar: tarfile.TarFile, name: str, data: bytes = b"", kind: bytes = tarfile.REGTYPE, mode: int = 0o644, link: str = ""
) -> None:
    entry = tarfile.TarInfo(name)
    entry.type, entry.mode, entry.size, entry.linkname, entry.mtime = kind, mode, len(data), link, _EPOCH
    tar.addfile(entry, io.BytesIO(data))


def busybox_layer() -> bytes:
    """Return an uncompressed layer: busybox with its applets, /etc/passwd and the usual directories. Raises NotFound."""
    busybox = shutil.which("busybox")
    if busybox is None:
        raise NotFound("busybox is not installed; type: apt-get install -y busybox-static")
    applets = subprocess.run([busybox, "--list"], capture_output=True, text=True, check=True).stdout.split()
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for directory in ("bin", "dev", "etc", "home", "proc", "root", "sys", "usr", "usr/bin", "var"):
            _add(tar, directory + "/", kind=tarfile.DIRTYPE, mode=0o755)
        _add(tar, "tmp/", kind=tarfile.DIRTYPE, mode=0o1777)
        _add(tar, "bin/busybox", Path(busybox).read_bytes(), mode=0o755)
        for applet in applets:
            if applet != "busybox":
                _add(tar, f"bin/{applet}", kind=tarfile.SYMTYPE, mode=0o777, link="busybox")
        _add(tar, "etc/passwd", _PASSWD)
        _add(tar, "etc/group", _GROUP)
    return buffer.getvalue()


def second_layer() -> bytes:
    """Return a layer that adds, replaces and whites out, so that unpacking has something to do."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as tar:
        _add(tar, "etc/motd", b"hello from an argosy\n")
        _add(tar, "home/.wh..wh..opq")
        _add(tar, "var/lib/", kind=tarfile.DIRTYPE, mode=0o755)
    return buffer.getvalue()


def descriptor(media_type: str, data: bytes, **more: Any) -> dict[str, Any]:
    return {"mediaType": media_type, "digest": f"sha256:{hashlib.sha256(data).hexdigest()}", "size": len(data), **more}


def _gzipped(layer: bytes) -> bytes:
    return gzip.compress(layer, 6, mtime=0)


def oci_archive(
    path: Path, name: str, layers: Sequence[bytes] | None = None, config: Mapping[str, Any] | None = None,
    *, media_type: str = LAYER, pack: Callable[[bytes], bytes] = _gzipped,
) -> str:  # fmt: skip
    """Write an OCI image archive to path, called name (a full reference). Returns the manifest's digest.

    layers are plain tars; pack makes of each the blob that media_type says.
    """
    layers = [busybox_layer(), second_layer()] if layers is None else layers
    packed = [pack(layer) for layer in layers]
    body = {
        "architecture": "amd64",
        "os": "linux",
        "config": {"Env": ["PATH=/bin:/usr/bin"], "Cmd": ["sh"], "WorkingDir": "/", **(config or {})},
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{hashlib.sha256(layer).hexdigest()}" for layer in layers]},
        "history": [{"created_by": f"layer {i}"} for i in range(len(layers))],
    }
    config_blob = json.dumps(body, sort_keys=True).encode()
    manifest = json.dumps(
        {
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": descriptor(CONFIG, config_blob),
            "layers": [descriptor(media_type, blob) for blob in packed],
        },
        sort_keys=True,
    ).encode()
    index = json.dumps(
        {
            "schemaVersion": 2,
            "mediaType": INDEX,
            "manifests": [
                descriptor(
                    MANIFEST,
                    manifest,
                    platform={"os": "linux", "architecture": "amd64"},
                    annotations={
                        "io.containerd.image.name": name,
                        "org.opencontainers.image.ref.name": name.rpartition(":")[2],
                    },
                )
            ],
        },
        sort_keys=True,
    ).encode()
    with tarfile.open(path, "w", format=tarfile.USTAR_FORMAT) as tar:
        _add(tar, "oci-layout", json.dumps({"imageLayoutVersion": "1.0.0"}).encode())
        _add(tar, "index.json", index)
        for blob in (config_blob, manifest, *packed):
            _add(tar, f"blobs/sha256/{hashlib.sha256(blob).hexdigest()}", blob)
    return f"sha256:{hashlib.sha256(manifest).hexdigest()}"
