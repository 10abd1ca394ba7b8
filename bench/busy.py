"""``python -m bench.busy ADDRESS IMAGES PULLS SECONDS``: pulls images of a registry of its own, so many at a time, each once, from a mesh.

A process of its own, so that what it does is no part of what somebody else measures: beside a swap, for one. It prints ``ready`` once the
images are there, begins at a line on its standard input, and prints what came of it as JSON.
"""

from __future__ import annotations

import asyncio
import io
import json
import os
import sys
import tarfile
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import anyio
from argosy.client import Client
from argosy.client.images import pull
from argosy.testkit.image import MANIFEST, busybox_layer, oci_archive
from argosy.testkit.registry import running_registry

NAMESPACE: Final = "busy"
# Of the one layer of each image that no other has.
_FILES, _FILE_BYTES = 40, 16 << 10


def push(registry: str, number: int) -> str:
    """Put an image with a layer of its own into a registry on loopback; return its reference."""
    layer, name = io.BytesIO(), f"busy-{number}"
    with tarfile.open(fileobj=layer, mode="w") as tar:
        for n in range(_FILES):
            entry = tarfile.TarInfo(f"srv/{number}/{n}")
            entry.size = _FILE_BYTES
            tar.addfile(entry, io.BytesIO(os.urandom(_FILE_BYTES)))
    with tempfile.NamedTemporaryFile() as file:
        digest = oci_archive(Path(file.name), f"{registry}/{name}:latest", [busybox_layer(), layer.getvalue()])
        with tarfile.open(file.name) as tar:
            blobs = {
                f"sha256:{Path(entry.name).name}": data.read()
                for entry in tar
                if entry.name.startswith("blobs/") and (data := tar.extractfile(entry)) is not None
            }
    base = f"http://{registry}/v2/{name}"
    for wanted, blob in blobs.items():
        if wanted != digest:
            started = urllib.request.urlopen(urllib.request.Request(f"{base}/blobs/uploads/", method="POST"), timeout=60)
            where = started.headers["Location"]
            _put(f"{where}{'&' if '?' in where else '?'}digest={wanted}", blob, "application/octet-stream")
    _put(f"{base}/manifests/latest", blobs[digest], MANIFEST)
    return f"{registry}/{name}:latest"


def _put(url: str, data: bytes, kind: str) -> None:
    request = urllib.request.Request(url, data=data, method="PUT", headers={"Content-Type": kind})
    urllib.request.urlopen(request, timeout=60).read()


async def busy(address: Path, names: Iterator[str], pulls: int, seconds: float) -> dict[str, object]:
    """Pull images until the time is over; what is under way then is waited for."""
    until = time.monotonic() + seconds
    done, failed = 0, list[str]()

    async def one() -> None:
        nonlocal done
        async with Client(address, namespace=NAMESPACE) as client:
            while time.monotonic() < until and (name := next(names, "")):
                try:
                    await pull(client, name, plain=True)
                    done += 1
                except Exception as error:  # whatever it is, it counts
                    failed.append(repr(error))

    async with anyio.create_task_group() as group:
        for _ in range(pulls):
            group.start_soon(one)
    return {"pulls": done, "failed": len(failed), "errors": failed[:5]}


def main() -> int:
    address, images, pulls, seconds = sys.argv[1:]
    with running_registry() as registry:
        names = [push(registry, number) for number in range(int(images))]
        print("ready", flush=True)
        sys.stdin.readline()
        print(json.dumps(asyncio.run(busy(Path(address), iter(names), int(pulls), float(seconds)))), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
