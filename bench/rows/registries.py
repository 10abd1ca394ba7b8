"""Registries: one large layer from one whose connections are slow, and the big image pulled through Transfer."""

from __future__ import annotations

import hashlib
import json
import os
import tarfile
import tempfile
import time
from importlib import resources
from pathlib import Path
from typing import Final

from argosy.testkit.image import CONFIG, LAYER, MANIFEST
from argosy.testkit.registry import running_registry

from bench.disk import fresh_disk
from bench.limited import limited_registry
from bench.measure import Bench, Result, Series, note
from bench.setup import Setup
from bench.sides import Failed, Ours

_RATE: Final = 20_000_000
_LAYER_BYTES: Final = 500_000_000
_SMALL_BYTES: Final = 1_000_000
_PIECE: Final = 1 << 20


def _image(folder: Path, size: int) -> str:
    """Write an image of one layer that nothing makes smaller; return its layer's digest."""
    layer = folder / "layer"
    running = hashlib.sha256()
    with layer.open("wb") as file:

        def put(data: bytes) -> None:
            running.update(data)
            file.write(data)

        header = tarfile.TarInfo("data")
        header.size = size
        put(header.tobuf())
        for at in range(0, size, _PIECE):
            put(os.urandom(min(_PIECE, size - at)))
        put(bytes(-size % 512 + 1024))
    digest = running.hexdigest()
    layer.rename(folder / digest)

    def keep(document: object) -> dict[str, object]:
        data = json.dumps(document).encode()
        name = hashlib.sha256(data).hexdigest()
        (folder / name).write_bytes(data)
        return {"digest": f"sha256:{name}", "size": len(data)}

    config = {"os": "linux", "architecture": "amd64", "rootfs": {"type": "layers", "diff_ids": [f"sha256:{digest}"]}}
    layers = [
        {"mediaType": LAYER.removesuffix("+gzip"), "digest": f"sha256:{digest}", "size": (folder / digest).stat().st_size}
    ]
    body = {"schemaVersion": 2, "mediaType": MANIFEST, "config": {"mediaType": CONFIG, **keep(config)}, "layers": layers}
    (folder / "tag").write_text(str(keep(body)["digest"]))
    return f"sha256:{digest}"


def one_layer(bench: Bench, setup: Setup) -> None:
    """Rows one-layer and one-layer-mem: against a single stream of our own, and against stock's."""
    series: tuple[Series, Series] = (Series(), Series())
    alone, more = Series(), Series()
    with tempfile.TemporaryDirectory(prefix="ay-layer-", dir="/var/tmp") as large, tempfile.TemporaryDirectory() as little:
        digest = _image(Path(large), _LAYER_BYTES)
        _image(Path(little), _SMALL_BYTES)
        with limited_registry(Path(large), _RATE) as registry, limited_registry(Path(little), _RATE) as small:
            for n in range(bench.rounds(2)):
                for index in (0, 1) if n % 2 == 0 else (1, 0):
                    with fresh_disk("one-layer") as disk, setup.side(index, disk) as side:
                        note(f"one-layer {n + 1}/{bench.rounds(2)} {side.label}")
                        side.pull(f"{small}/small:1")
                        before = side.client_peak_bytes
                        began = time.perf_counter()
                        side.pull(f"{registry}/large:1")
                        series[index].values.append(time.perf_counter() - began)
                        if digest not in side.lines("content", "ls", "-q"):
                            raise Failed(f"{side.label} has an image without its layer {digest}")
                        if index == 0:
                            more.values.append((side.client_peak_bytes - before) / (1 << 20))
            with fresh_disk("one-layer") as disk, setup.side(0, disk) as side:
                note("one-layer, a single stream")
                assert isinstance(side, Ours)
                began = time.perf_counter()
                side.pull(f"{registry}/large:1", {"ARGOSY_FETCH_LANES": "0"})
                alone.values.append(time.perf_counter() - began)
    what = "500 MB, 20 MB/s a connection"
    bench.add(Result("one-layer", what, "s", *series, required=0.25))
    bench.add(Result("one-layer", f"{what}, and alone", "s", series[0], alone, required=0.25))
    bench.add(Result("one-layer", "the same, memory, and 64 MiB", "MiB", more, Bench.one(64.0), required=1.0))


def warm(bench: Bench, setup: Setup) -> None:
    """Row warm: the big image onto EROFS, with its layers in the snapshotter's cache, against the same pull without them; no byte of a layer is fetched."""
    image = setup.big_image()
    cold, with_cache = Series(), Series()
    with running_registry() as registry, tempfile.TemporaryDirectory(prefix="ay-cache-", dir="/var/tmp") as cache:
        remote = image.push(registry, "big")
        config = Path(cache) / "mesh.toml"
        text = resources.files("argosy_cli").joinpath("mesh.toml").read_text()
        config.write_text(f'{text}\n[services.snapshotter-erofs.settings]\nlayer_content_caches = ["{cache}/layers"]\n')
        for series in (cold, *[with_cache] * bench.rounds(2)):
            with fresh_disk("warm") as disk:
                side = Ours(disk / "b", flags=["--config", str(config)])
                try:
                    side.start()
                    note(f"warm, {'with' if series is with_cache else 'without'} the cache")
                    began = time.perf_counter()
                    side.argosy("pull", "--plain-http", "--snapshotter", "erofs", remote)
                    series.values.append(time.perf_counter() - began)
                    fetched = {layer["digest"] for layer in image.manifest["layers"]} & set(
                        side.lines("content", "ls", "-q")
                    )
                    if series is cold:
                        side.argosy("image", "build-erofs-cache", remote, f"{cache}/layers")
                    elif fetched:
                        raise Failed(
                            f"{remote} was pulled from the cache, and {', '.join(sorted(fetched))} fetched all the same"
                        )
                finally:
                    side.destroy()
    bench.add(
        Result(
            "warm", "500 MB gz onto EROFS, 0 bytes fetched", "s", with_cache, cold, required=0.5, note="stock: ours without"
        )
    )


def transfer(bench: Bench, setup: Setup) -> None:
    """Row transfer: the big image pulled by a transfer, as a client of version 2 asks for it; stock's own ctr pulls it as it does."""
    image = setup.big_image()
    series: tuple[Series, Series] = (Series(), Series())
    with running_registry() as registry:
        remote = image.push(registry, "big")
        rounds = bench.rounds(3)
        for n in range(rounds):
            for index in (0, 1) if n % 2 == 0 else (1, 0):
                with fresh_disk("transfer") as disk, setup.side(index, disk) as side:
                    note(f"transfer {n + 1}/{rounds} {side.label}")
                    cpu, client = side.cgroup.cpu_s(), side.client_cpu_s
                    began = time.perf_counter()
                    if isinstance(side, Ours):
                        side.transfer(remote)
                    else:
                        side.ctr("images", "pull", "--plain-http", remote)
                    series[index].values.append(time.perf_counter() - began)
                    series[index].daemon_cpu_s.append(side.cgroup.cpu_s() - cpu)
                    series[index].client_cpu_s.append(side.client_cpu_s - client)
                    missing = {layer["digest"] for layer in image.manifest["layers"]} - set(
                        side.lines("content", "ls", "-q")
                    )
                    if missing:
                        raise Failed(f"{side.label} has {remote} without {', '.join(sorted(missing))}")
    bench.add(Result("transfer", "500 MB gz, 70k files, 4 layers", "s", *series, required=0.25, aim=0.2))
