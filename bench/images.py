"""Images: the small one that containers run, and a big one of the shape that pulls suffer from. Both are made here."""

from __future__ import annotations

import hashlib
import io
import json
import random
import tarfile
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from argosy.testkit.image import CONFIG, INDEX, LAYER, MANIFEST, busybox_layer, descriptor, oci_archive
from isal import igzip

SMALL: Final = "docker.io/library/busybox:latest"
BIG: Final = "docker.io/library/big:latest"
# Bytes of content and files of each layer: about 1.8 GB in 70 thousand files, 500 MB compressed.
_LAYERS: Final = ((780 << 20, 3_700), (300 << 20, 16_800), (700 << 20, 49_500), (4 << 20, 40))
_POOL_BYTES: Final = 48 << 20
_EPOCH: Final = 1_700_000_000
_LEVEL: Final = 2


def small(directory: Path) -> Path:
    path = directory / "small.tar"
    if not path.exists():
        oci_archive(path, SMALL)
    return path


def _pool(rng: random.Random) -> bytes:
    """Text and noise that deflate makes about 3.5 times smaller, as the files of a distribution."""
    words = [bytes(rng.choices(b"etaoinshrdlucmfwypvbgkjqxz_./-(){}=", k=rng.randint(2, 12))) + b" " for _ in range(4000)]
    weights = [1 / (n + 2) for n in range(len(words))]
    lines = [b"".join(rng.choices(words, weights, k=8)) + b"\n" for _ in range(500)]
    out = bytearray()
    while len(out) < _POOL_BYTES:
        out += b"".join(rng.choices(words, weights, k=1_500))
        out += b"".join(rng.choices(lines, k=1_200))
        out += rng.randbytes(4_000)
    return bytes(out)


def _sizes(rng: random.Random, total: int, files: int) -> Iterator[int]:
    """File sizes as they are found: many small ones, few big ones, total bytes in all."""
    drawn = [rng.lognormvariate(0, 2.2) for _ in range(files)]
    scale = total / sum(drawn)
    return (int(d * scale) for d in drawn)


class _Counted(io.RawIOBase):
    """Writes to a file and hashes what passes."""

    def __init__(self, path: Path) -> None:
        self.file = path.open("wb")
        self.hash = hashlib.sha256()
        self.size = 0

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self.hash.update(data)
        self.size += len(data)
        return self.file.write(data)


def _layer(path: Path, rng: random.Random, pool: bytes, number: int, total: int, files: int) -> tuple[str, str, int]:
    """Write a compressed layer to path. Returns (digest, diff id, size)."""
    packed, plain = _Counted(path), hashlib.sha256()

    class Tee(io.RawIOBase):
        def writable(self) -> bool:
            return True

        def write(self, data: Any) -> int:
            plain.update(data)
            zipped.write(data)  # type: ignore[no-untyped-call] # isal's classes have no types
            return len(data)

    with (
        igzip.IGzipFile(  # type: ignore[no-untyped-call] # the same
            fileobj=packed, mode="wb", compresslevel=_LEVEL, mtime=0, filename=""
        ) as zipped,
        tarfile.open(fileobj=Tee(), mode="w|", format=tarfile.PAX_FORMAT, bufsize=1 << 20) as tar,
    ):
        if number == 0:
            base = tarfile.open(fileobj=io.BytesIO(busybox_layer()))
            for entry in base:
                tar.addfile(entry, base.extractfile(entry) if entry.isreg() else None)
        folder = ""
        seen: set[str] = set()
        for n, size in enumerate(_sizes(rng, total, files)):
            if n % 20 == 0:
                folder = f"usr/lib{number}/{rng.randrange(60):02}/pkg-{n // 20}"
                # A builder that packs what changed in a tree names every directory on the way.
                parts = folder.split("/")
                for depth in range(1, len(parts) + 1):
                    name = "/".join(parts[:depth])
                    if name not in seen:
                        seen.add(name)
                        made = tarfile.TarInfo(f"{name}/")
                        made.type, made.mode, made.mtime = tarfile.DIRTYPE, 0o755, _EPOCH
                        tar.addfile(made)
            entry = tarfile.TarInfo(f"{folder}/file-{n}.{rng.choice(('py', 'so', 'h', 'txt'))}")
            entry.mode, entry.mtime, entry.size = rng.choice((0o644, 0o755)), _EPOCH + n, size
            if n % 50 == 49:
                entry.uid = entry.gid = 1000
            if n % 40 == 39:
                entry.type, entry.linkname, entry.size = tarfile.SYMTYPE, "../target", 0
            tar.addfile(entry, _Slices(rng, pool, entry.size))
    packed.file.close()
    return f"sha256:{packed.hash.hexdigest()}", f"sha256:{plain.hexdigest()}", packed.size


class _Slices(io.RawIOBase):
    """A file's content: pieces of the pool from offsets that chance chooses."""

    def __init__(self, rng: random.Random, pool: bytes, size: int) -> None:
        self._rng, self._pool, self._left = rng, pool, size

    def readable(self) -> bool:
        return True

    def read(self, wanted: int = -1) -> bytes:
        count = self._left if wanted < 0 else min(wanted, self._left)
        self._left -= count
        parts = []
        while count > 0:
            piece = min(count, 1 << 17)
            at = self._rng.randrange(len(self._pool) - piece)
            parts.append(self._pool[at : at + piece])
            count -= piece
        return b"".join(parts)


class BigImage:
    """The big image as an OCI layout on disk, an archive of it, and its manifest."""

    def __init__(self, directory: Path) -> None:
        # Made anew when what it holds changes.
        self.layout = directory / "big-2"
        self.archive = directory / "big-2.tar"
        if not (self.layout / "index.json").exists():
            self._make()
        index = json.loads((self.layout / "index.json").read_text())
        self.manifest_digest: str = index["manifests"][0]["digest"]
        self.manifest: dict[str, Any] = json.loads(self.blob(self.manifest_digest).read_text())

    def blob(self, digest: str) -> Path:
        return self.layout / "blobs/sha256" / digest.removeprefix("sha256:")

    @property
    def layers(self) -> list[Path]:
        return [self.blob(layer["digest"]) for layer in self.manifest["layers"]]

    def _make(self) -> None:
        blobs = self.layout / "blobs/sha256"
        blobs.mkdir(parents=True, exist_ok=True)
        rng = random.Random(20)
        pool = _pool(rng)
        layers, diff_ids = [], []
        for number, (total, files) in enumerate(_LAYERS):
            scratch = blobs / "scratch"
            digest, diff_id, size = _layer(scratch, rng, pool, number, total, files)
            scratch.rename(self.blob(digest))
            layers.append({"mediaType": LAYER, "digest": digest, "size": size})
            diff_ids.append(diff_id)

        def put(body: dict[str, Any]) -> bytes:
            data = json.dumps(body, sort_keys=True).encode()
            self.blob(f"sha256:{hashlib.sha256(data).hexdigest()}").write_bytes(data)
            return data

        config = put(
            {
                "architecture": "amd64",
                "os": "linux",
                "config": {"Env": ["PATH=/bin:/usr/bin"], "Cmd": ["sh"]},
                "rootfs": {"type": "layers", "diff_ids": diff_ids},
            }
        )
        manifest = put({"schemaVersion": 2, "mediaType": MANIFEST, "config": descriptor(CONFIG, config), "layers": layers})
        names = {"io.containerd.image.name": BIG, "org.opencontainers.image.ref.name": "latest"}
        entry = descriptor(MANIFEST, manifest, platform={"os": "linux", "architecture": "amd64"}, annotations=names)
        index = {"schemaVersion": 2, "mediaType": INDEX, "manifests": [entry]}
        (self.layout / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')
        (self.layout / "index.json").write_text(json.dumps(index))
        with tarfile.open(self.archive, "w") as tar:
            for path in ("oci-layout", "index.json", "blobs"):
                tar.add(self.layout / path, path)

    def push(self, registry: str, name: str) -> str:
        """Put the image into a registry on loopback; return its reference."""
        base = f"http://{registry}/v2/{name}"
        for wanted in [self.manifest["config"], *self.manifest["layers"]]:
            started = urllib.request.urlopen(urllib.request.Request(f"{base}/blobs/uploads/", method="POST"), timeout=60)
            where = started.headers["Location"]
            path = self.blob(wanted["digest"])
            with path.open("rb") as file:
                join = "&" if "?" in where else "?"
                request = urllib.request.Request(
                    f"{where}{join}digest={wanted['digest']}",
                    data=file,
                    method="PUT",
                    headers={"Content-Type": "application/octet-stream", "Content-Length": str(path.stat().st_size)},
                )
                urllib.request.urlopen(request, timeout=300).read()
        manifest = urllib.request.Request(
            f"{base}/manifests/latest",
            data=self.blob(self.manifest_digest).read_bytes(),
            method="PUT",
            headers={"Content-Type": MANIFEST},
        )
        urllib.request.urlopen(manifest, timeout=60).read()
        return f"{registry}/{name}:latest"
