"""S20, layers: ratio, total and entries are limited, and a bomb stops at its limit with little memory taken."""

from __future__ import annotations

from pathlib import Path

import pytest
import zstandard
from argosy.erofs.snapshot import MARKER
from argosy.errors import ResourceExhausted
from argosy.mounts import Mount
from argosy.unpack import limits as module
from argosy.unpack.limits import Budget, Limits

from tests.harness.bombs import (
    GIB,
    KINDS,
    MIB,
    Unpacker,
    archive,
    entry,
    mounts_for,
    own_bytes,
    padded,
    pax,
    peak_bytes,
    record,
    with_workers,
    zeros_gzip,
)
from tests.harness.mesh import ARGOSY, BIN, Mesh, run

pytestmark = pytest.mark.root


def refused(
    base: Path, data: bytes, kind: str, words: str, limits: Limits = module.DEFAULTS, peak: int = 256 * MIB, said: int = 0,
) -> Path:  # fmt: skip
    """Apply a layer that is to be refused; return where it was to go."""
    mounts, root = mounts_for(base / kind, kind)
    inherited = own_bytes()

    async def work(unpacker: Unpacker) -> None:
        with pytest.raises(ResourceExhausted, match=words) as caught:
            await unpacker.apply(data, mounts, said=said)
        assert "layer sha256:0123 is refused" in str(caught.value) and "under [layers] in the configuration" in str(
            caught.value
        )
        assert peak_bytes(unpacker.pids()[0]) - inherited < peak

    with_workers(base, work, limits)
    return root


def written(root: Path) -> int:
    return sum(path.stat().st_size for path in root.rglob("*") if path.is_file() and not path.is_symlink())


def test_ten_gibibytes_of_zeros_stop_at_the_ratio_with_little_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """10 MiB of gzip that hold 10 GiB: the worker stops at the ratio times the blob, and never had 256 MiB."""
    monkeypatch.setattr(module, "RATIO_FREE_BYTES", 64 * MIB)  # the test shall not write a gibibyte
    data = zeros_gzip(10 * GIB)
    assert len(data) < 11 * MIB
    root = refused(tmp_path, data, "native", "inflates to more than .*raise max_ratio", Limits(max_ratio=10))
    assert 64 * MIB < written(root) <= 10 * len(data)


@pytest.mark.parametrize("kind", KINDS)
def test_every_way_of_unpacking_has_the_ratio(tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Trees, overlays and images stop a bomb of zstd alike."""
    monkeypatch.setattr(module, "RATIO_FREE_BYTES", 16 * MIB)
    tar = entry("zeros", 3 * GIB)
    stream = zstandard.ZstdCompressor(level=3).compressobj()
    data = stream.compress(tar) + b"".join(stream.compress(bytes(MIB)) for _ in range(64)) + stream.flush()
    assert len(data) < 256 << 10
    root = refused(tmp_path, data, kind, "raise max_ratio")
    assert written(root) <= 20 * MIB


@pytest.mark.parametrize("kind", KINDS)
def test_a_layer_that_comes_has_the_ratio_of_what_has_come(
    tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """That it will be a blob of a tebibyte is the manifest's word, which costs nothing."""
    monkeypatch.setattr(module, "RATIO_FREE_BYTES", 16 * MIB)
    refused(tmp_path, zeros_gzip(64 * MIB), kind, "raise max_ratio", said=1 << 40)


@pytest.mark.parametrize("kind", KINDS)
def test_the_total_is_limited(tmp_path: Path, kind: str) -> None:
    """What does not compress has a limit, too."""
    data = archive(("a", bytes(3 * MIB)))
    refused(tmp_path, data, kind, "raise max_bytes", Limits(max_bytes=2 * MIB))


@pytest.mark.parametrize("kind", KINDS)
def test_holes_count_as_the_bytes_that_they_say_they_are(tmp_path: Path, kind: str) -> None:
    """A sparse file of a pebibyte in half a kilobyte is refused: whoever copies it would write all of it."""
    sparse = pax(b"".join(record(b"GNU.sparse." + k, v) for k, v in ((b"size", b"%d" % (1 << 50)), (b"map", b"0,1"))))
    refused(tmp_path, sparse + entry("hole", 1) + padded(b"x") + bytes(1024), kind, "raise max_bytes")


@pytest.mark.parametrize("kind", KINDS)
def test_entries_are_limited(tmp_path: Path, kind: str) -> None:
    """One entry more than allowed refuses the layer, whatever is in it."""
    data = archive(*((f"f{n}", b"") for n in range(11)))
    refused(tmp_path, data, kind, "holds more than 10 entries.*raise max_entries", Limits(max_entries=10))


@pytest.mark.parametrize("kind", ["overlay", "erofs"])
def test_links_to_lower_files_are_counted(tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each hard link to a lower file copies it: ten of them, in five kilobytes, shall not make ten gibibytes of one."""
    monkeypatch.setattr(module, "RATIO_FREE_BYTES", 16 * MIB)
    mounts, root = mounts_for(tmp_path / "root", "overlay")
    lower = tmp_path / "root/lower"
    (lower / "0").write_bytes(bytes(6 * MIB))
    for n in range(1, 10):
        (lower / str(n)).hardlink_to(lower / "0")
    if kind == "erofs":
        (tmp_path / "root" / MARKER).touch()
    links = b"".join(entry(f"link{n}", 0, b"1", linkname=str(n)) for n in range(10))

    async def work(unpacker: Unpacker) -> None:
        with pytest.raises(ResourceExhausted, match="its hard links copy more than .*raise max_ratio"):
            await unpacker.apply(links + bytes(1024), mounts)
        await unpacker.apply(links[:1024] + bytes(1024), place_again(tmp_path, lower))

    with_workers(tmp_path, work)
    assert written(root) <= 30 * MIB


def place_again(tmp_path: Path, lower: Path) -> list[Mount]:
    """Return mounts on the same lower layer that two links do fit on."""
    _, root = mounts_for(tmp_path / "other", "overlay")
    return [Mount("overlay", "overlay", (f"workdir={root.parent}/work", f"upperdir={root}", f"lowerdir={lower}"))]


def test_an_honest_layer_is_no_bomb(tmp_path: Path) -> None:
    """What packs very small and stays below a gibibyte is unpacked, and tens of gigabytes of data are no reason to refuse."""
    mounts, root = mounts_for(tmp_path / "root", "native")

    async def work(unpacker: Unpacker) -> None:
        applied = await unpacker.apply(zeros_gzip(128 * MIB), mounts)
        assert applied.size == 128 * MIB + 512 + 1024

    with_workers(tmp_path, work)
    assert written(root) == 128 * MIB
    Budget(packed=60 * GIB).inflated(100 * GIB)
    Budget(packed=330 << 10).inflated(GIB)
    with pytest.raises(ResourceExhausted, match="is refused"):
        Budget(packed=330 << 10).inflated(GIB + 1)
    Budget(Limits(max_bytes=0, max_ratio=0), packed=1).inflated(1 << 60)


def test_limits_have_strict_names_and_reach_the_differ(image_archive: Path, short_path: Path) -> None:
    """A mistyped limit stops the start; a limit in mesh.toml refuses an image, which leaves no snapshot."""
    config = short_path / "c.toml"
    config.write_text("[layers]\nmax_entry = 1\n")
    said = run([str(ARGOSY), "config", "check", str(config)])
    assert said.code != 0 and 'unknown key "layers.max_entry"; did you mean "max_entries"?' in said.err
    said = run(
        [str(BIN / "argosy-diff"), "--config", str(config), "--root", "/tmp/x", "--address", "/tmp/y", "--content", "/tmp/z"]
    )
    assert said.code != 0 and 'did you mean "max_entries"?' in said.err
    config.write_text("[layers]\nmax_entries = -1\n")
    said = run([str(ARGOSY), "config", "check", str(config)])
    assert said.code != 0 and "max_entries must be 0 (no limit) or more, not -1" in said.err
    config.write_text("[layers]\nmax_entries = 2\n")
    mesh = Mesh(short_path / "m", extra=["--config", str(config)])
    mesh.base.mkdir()
    mesh.start()
    try:
        said = mesh.ctr("images", "import", str(image_archive))
        assert said.code != 0 and "raise max_entries under [layers]" in said.err
        assert len(mesh.ctr("snapshots", "ls").ok().out.splitlines()) == 1
    finally:
        mesh.destroy()
