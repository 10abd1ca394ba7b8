"""A few small images that share layers, as archives and in a registry on loopback."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import random
import tarfile
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass
from email.message import Message
from pathlib import Path

from argosy.testkit.image import oci_archive


@dataclass(frozen=True)
class Sample:
    """One image: where it is, and what must be there when it was pulled."""

    name: str
    """Within the registry, with its tag."""
    imported: str
    """The name that its archive gives it."""
    archive: Path
    digest: str
    size: int
    """Of the manifest."""
    blobs: tuple[str, ...]
    chains: tuple[str, ...]


def _layer(rng: random.Random, name: str) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for n in range(rng.randrange(2, 8)):
            data = rng.randbytes(rng.choice((10, 3_000, 60_000)))
            entry = tarfile.TarInfo(f"{name}-{n}")
            entry.size = len(data)
            tar.addfile(entry, io.BytesIO(data))
    return buffer.getvalue()


def chain_ids(layers: Sequence[bytes]) -> tuple[str, ...]:
    """Return the names of an image's committed snapshots, the lowest first."""
    chains: list[str] = []
    for layer in layers:
        own = f"sha256:{hashlib.sha256(layer).hexdigest()}"
        chains.append(own if not chains else f"sha256:{hashlib.sha256(f'{chains[-1]} {own}'.encode()).hexdigest()}")
    return tuple(chains)


def make(directory: Path, seed: int, count: int = 5) -> list[Sample]:
    """Write count images that share layers into directory."""
    rng = random.Random(f"images/{seed}")
    pool = [_layer(rng, f"l{n}") for n in range(6)]
    samples = []
    for n in range(count):
        layers = [pool[0], *rng.sample(pool[1:], rng.randrange(1, 3)), _layer(rng, f"own{n}")]
        name = f"storm/s{n}:1"
        archive = directory / f"s{n}.tar"
        digest = oci_archive(archive, f"docker.io/{name}", layers)
        with tarfile.open(archive) as tar:
            blobs = {m.name.rpartition("/")[2]: m.size for m in tar.getmembers() if m.name.startswith("blobs/")}
        packed = [f"sha256:{hashlib.sha256(gzip.compress(layer, 6, mtime=0)).hexdigest()}" for layer in layers]
        assert all(p.removeprefix("sha256:") in blobs for p in packed)
        samples.append(
            Sample(
                name, f"docker.io/{name}", archive, digest, blobs[digest.removeprefix("sha256:")],
                tuple(f"sha256:{b}" for b in sorted(blobs)), chain_ids(layers),
            )
        )  # fmt: skip
    return samples


def _send(method: str, url: str, data: bytes, kind: str) -> Message:
    """Return the headers of the answer."""
    request = urllib.request.Request(url, data=data, method=method, headers={"Content-Type": kind})
    # A proxy of the environment is none of loopback's.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(request, timeout=20) as answer:
        headers: Message = answer.headers
        return headers


def push(sample: Sample, registry: str) -> None:
    """Put an image into a registry that listens without TLS."""
    name, _, tag = sample.name.partition(":")
    with tarfile.open(sample.archive) as tar:
        for member in tar.getmembers():
            blob = member.name.removeprefix("blobs/sha256/")
            file = tar.extractfile(member) if blob != member.name else None
            if file is None:
                continue
            data = file.read()
            if f"sha256:{blob}" == sample.digest:
                manifest = data
                continue
            started = _send("POST", f"http://{registry}/v2/{name}/blobs/uploads/", b"", "application/octet-stream")
            location = started["Location"]
            _send(
                "PUT", f"{location}{'&' if '?' in location else '?'}digest=sha256:{blob}", data, "application/octet-stream"
            )
    media_type = json.loads(manifest).get("mediaType", "application/vnd.oci.image.manifest.v1+json")
    _send("PUT", f"http://{registry}/v2/{name}/manifests/{tag}", manifest, media_type)


def digests_in(archive: Path) -> set[str]:
    """Return the blobs of an archive that are what their names say."""
    found = set()
    with tarfile.open(archive) as tar:
        for member in tar:
            file = tar.extractfile(member) if member.name.startswith("blobs/sha256/") else None
            if file is not None and (own := hashlib.sha256(file.read()).hexdigest()) == member.name.rpartition("/")[2]:
                found.add(f"sha256:{own}")
    return found


def digests_at(name: str) -> set[str]:
    """Return the blobs of an image in a registry without TLS that are what their names say, its manifest's with them."""
    host, _, rest = name.partition("/")
    repository, _, tag = rest.rpartition(":")
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))

    def got(path: str) -> bytes:
        request = urllib.request.Request(
            f"http://{host}/v2/{repository}/{path}", headers={"Accept": "application/vnd.oci.image.manifest.v1+json"}
        )
        with opener.open(request, timeout=20) as answer:
            data: bytes = answer.read()
            return data

    manifest = got(f"manifests/{tag}")
    document = json.loads(manifest)
    found = {f"sha256:{hashlib.sha256(manifest).hexdigest()}"}
    for one in (document["config"], *document["layers"]):
        if f"sha256:{hashlib.sha256(got('blobs/' + one['digest'])).hexdigest()}" == one["digest"]:
            found.add(one["digest"])
    return found
