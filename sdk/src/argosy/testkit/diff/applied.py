"""Layers onto mounts: what each kind of entry does, what is answered, and what never happens."""

from __future__ import annotations

import gzip
import io
import os
import stat
import tarfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import anyio.to_thread
import zstandard
from argosy_protos.containerd.types import Descriptor

from argosy.errors import ArgosyError, DeadlineExceeded, NotFound, Unavailable
from argosy.mounts import Mount
from argosy.testkit.blobs import digest_of, fresh
from argosy.testkit.diff.calls import GZIP, SUITE, TAR, ZSTD, Differ, bind
from argosy.testkit.snapshotter.written import inside, look
from argosy.testkit.suite import Broken

check = SUITE.check

_DOCKER: Final = "application/vnd.docker.image.rootfs.diff.tar"
_WHEN: Final = 1_500_000_000
_AT_ONCE: Final = 4


def entry(
    name: str, data: bytes = b"", mode: int = 0o644, owner: tuple[int, int] = (0, 0), **more: object
) -> tuple[tarfile.TarInfo, bytes]:
    """Return an entry of a tar; a name that ends with a slash is a directory's."""
    info = tarfile.TarInfo(name)
    info.type = tarfile.DIRTYPE if name.endswith("/") else tarfile.REGTYPE
    info.mode, info.size, info.mtime = mode, len(data), _WHEN
    info.uid, info.gid = owner
    for field, value in more.items():
        setattr(info, field, value)
    return info, data


def folder(name: str, mode: int = 0o755, owner: tuple[int, int] = (0, 0)) -> tuple[tarfile.TarInfo, bytes]:
    return entry(f"{name}/", mode=mode, owner=owner)


def tar(*entries: tuple[tarfile.TarInfo, bytes]) -> bytes:
    """Return an uncompressed layer."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for info, data in entries:
            archive.addfile(info, io.BytesIO(data))
    return out.getvalue()


def _base() -> bytes:
    return tar(
        folder("etc"),
        entry("etc/one", b"1"),
        entry("etc/owned", b"owned", 0o640, (1000, 1001)),
        entry("etc/tool", b"#!" + bytes(9000), 0o4755),
        entry("etc/link", type=tarfile.SYMTYPE, linkname="../a/b", mode=0o777),
        folder("a"),
        folder("a/b", 0o1777, (5, 6)),
        entry("a/b/file", b"deep"),
        entry("a/b/second", type=tarfile.LNKTYPE, linkname="a/b/file"),
        folder("gone"),
        entry("gone/file", b"gone"),
        entry("pipe", type=tarfile.FIFOTYPE, mode=0o600),
        entry("big", b"0123456789abcdef" * 40_000),
    )


def _expected() -> dict[str, str]:
    big, tool = b"0123456789abcdef" * 40_000, b"#!" + bytes(9000)
    return {
        "etc": "drwxr-xr-x 0:0",
        "etc/one": "-rw-r--r-- 0:0 b'1'",
        "etc/owned": "-rw-r----- 1000:1001 b'owned'",
        "etc/tool": f"-rwsr-xr-x 0:0 {digest_of(tool)}",
        "etc/link": "lrwxrwxrwx 0:0 -> ../a/b",
        "a": "drwxr-xr-x 0:0",
        "a/b": "drwxrwxrwt 5:6",
        "a/b/file": "-rw-r--r-- 0:0 b'deep'",
        "a/b/second": "-rw-r--r-- 0:0 b'deep'",
        "gone": "drwxr-xr-x 0:0",
        "gone/file": "-rw-r--r-- 0:0 b'gone'",
        "pipe": "prw------- 0:0",
        "big": f"-rw-r--r-- 0:0 {digest_of(big)}",
    }


async def seen(path: Path) -> dict[str, str]:
    return await anyio.to_thread.run_sync(look, path)


def answered(d: Differ, applied: Descriptor, layer: bytes) -> None:
    """Raises Broken when an answer does not describe the uncompressed layer."""
    got = applied.media_type, applied.digest, applied.size
    d.equal(got, (TAR, digest_of(layer), len(layer)), "media type, digest and size of the uncompressed layer")


def changed(before: Mapping[str, str], gone: Sequence[str], new: Mapping[str, str]) -> dict[str, str]:
    """Return a tree without what is gone, nor what is below that, and with what is new."""
    left = {
        path: what for path, what in before.items() if not any(path == name or path.startswith(f"{name}/") for name in gone)
    }
    return {**left, **new}


@check("mount", fast=True)
async def a_layer_is_applied(d: Differ) -> None:
    """Apply puts every entry of a layer onto the mounts, with its content, mode, owner, time and links, and answers the digest of its tar."""
    layer, path = _base(), d.directory()
    answered(d, await d.apply(await d.layer(gzip.compress(layer), GZIP), bind(path)), layer)
    d.equal(await seen(path), _expected(), "what is in the directory")
    times = {name: int((path / name).lstat().st_mtime) for name in ("etc", "etc/one", "etc/link", "a/b", "gone", "pipe")}
    d.equal(times, dict.fromkeys(times, _WHEN), "the times")
    d.equal((path / "a/b/file").stat().st_nlink, 2, "the number of names of a file with two")


@check("mount", fast=True)
async def a_layer_is_decompressed(d: Differ) -> None:
    """A layer may be plain, or compressed with gzip or zstd; its bytes tell, also where Docker's media types don't."""
    layer = tar(folder("etc"), entry("etc/one", b"1"))
    packed = {GZIP: gzip.compress(layer), ZSTD: zstandard.ZstdCompressor().compress(layer), TAR: layer}
    blobs = [*packed.items(), (_DOCKER, layer), (f"{_DOCKER}.gzip", packed[GZIP])]
    for media_type, data in blobs:
        path = d.directory()
        answered(d, await d.apply(await d.layer(data, media_type), bind(path)), layer)
        d.equal(sorted(await seen(path)), ["etc", "etc/one"], "what is in the directory")


@check("mount")
async def the_digest_is_of_all_bytes(d: Differ) -> None:
    """The digest that Apply answers covers what follows the end of the archive, too."""
    layer, path = tar(entry("one", b"1")) + bytes(20480), d.directory()
    answered(d, await d.apply(await d.layer(gzip.compress(layer), GZIP), bind(path)), layer)


@check("mount", fast=True)
async def whiteouts_remove(d: Differ) -> None:
    """``.wh.NAME`` removes NAME with all below it; ``.wh..wh..opq`` what earlier layers have put into its directory, and nothing of its own."""
    path = d.directory()
    await d.apply(await d.layer(_base()), bind(path))
    layer = tar(
        entry(".wh.gone"), folder("etc"), entry("etc/.wh.one"), folder("a"), folder("a/b"), entry("a/b/new", b"new"),
        entry("a/b/.wh..wh..opq"),
    )  # fmt: skip
    answered(d, await d.apply(await d.layer(layer), bind(path)), layer)
    new = {"a/b": "drwxr-xr-x 0:0", "a/b/new": "-rw-r--r-- 0:0 b'new'"}
    d.equal(await seen(path), changed(_expected(), ("gone", "etc/one", "a/b"), new), "what is in the directory")


@check("mount", fast=True)
async def whiteouts_hide_what_is_below_an_overlay(d: Differ) -> None:
    """Onto an overlay, a layer is applied so that who mounts it sees the same as in a plain directory; the layer below stays as it is."""
    lower, upper, work = d.directory(), d.directory(), d.directory()
    await d.apply(await d.layer(_base()), bind(lower))
    mounts = [Mount("overlay", "overlay", (f"workdir={work}", f"upperdir={upper}", f"lowerdir={lower}"))]
    layer = tar(
        entry(".wh.gone"), folder("etc"), entry("etc/.wh.one"), entry("etc/two", b"2"), folder("a/b"),
        entry("a/b/.wh..wh..opq"), entry("a/b/new", b"new"),
    )  # fmt: skip
    answered(d, await d.apply(await d.layer(layer), mounts), layer)
    new = {
        "a/b": "drwxr-xr-x 0:0",
        "a/b/new": "-rw-r--r-- 0:0 b'new'",
        "etc/two": "-rw-r--r-- 0:0 b'2'",
    }
    expected = changed(_expected(), ("gone", "etc/one", "a/b"), new)
    d.equal(await inside(mounts, look), expected, "what is in the overlay")
    d.equal(await seen(lower), _expected(), "what is in the layer below")


@check("mount")
async def entries_replace_what_is_there(d: Differ) -> None:
    """A file takes the place of what has its name, a directory that of anything else; a directory on a directory keeps what is in it."""
    path = d.directory()
    await d.apply(await d.layer(_base()), bind(path))
    layer = tar(
        entry("gone", b"a file now"), folder("etc", 0o700, (7, 8)), entry("etc/one", b"one", 0o600), folder("etc/link"),
        entry("a/b/file", type=tarfile.SYMTYPE, linkname="elsewhere", mode=0o777),
    )  # fmt: skip
    await d.apply(await d.layer(layer), bind(path))
    new = {
        "gone": "-rw-r--r-- 0:0 b'a file now'",
        "etc": "drwx------ 7:8",
        "etc/one": "-rw------- 0:0 b'one'",
        "etc/link": "drwxr-xr-x 0:0",
        "a/b/file": "lrwxrwxrwx 0:0 -> elsewhere",
    }
    d.equal(await seen(path), changed(_expected(), ("gone",), new), "what is in the directory")


@check("mount")
async def a_layer_is_applied_again(d: Differ) -> None:
    """Apply of a layer that is there answers the same, and leaves the same."""
    layer, path = _base(), d.directory()
    descriptor = await d.layer(gzip.compress(layer), GZIP)
    for sync in (False, True):
        answered(d, await d.apply(descriptor, bind(path), sync), layer)
        d.equal(await seen(path), _expected(), "what is in the directory")


@check("mount")
async def directories_that_are_not_told_are_made(d: Differ) -> None:
    """A directory that a layer has no entry for, and something in, is made with the mode 0755."""
    path = d.directory()
    await d.apply(await d.layer(tar(entry("x/y/file", b"1"))), bind(path))
    expected = {"x": "drwxr-xr-x 0:0", "x/y": "drwxr-xr-x 0:0", "x/y/file": "-rw-r--r-- 0:0 b'1'"}
    d.equal(await seen(path), expected, "what is in the directory")


@check("mount", fast=True)
async def a_layer_stays_inside(d: Differ) -> None:
    """No name, and no link, in a layer leads out of the directory that it is applied to, whether it is refused or not."""
    outside = d.directory()
    (outside / "kept").write_text("kept")
    before = await seen(outside)
    up = "../" * 20
    for entries in (
        [entry(f"{up}{str(outside)[1:]}/made", b"x")],
        [entry(f"{outside}/made", b"x")],
        [entry("link", type=tarfile.SYMTYPE, linkname=str(outside)), entry("link/made", b"x")],
        [entry("link", type=tarfile.SYMTYPE, linkname=str(outside)), entry("link/.wh.kept")],
        [entry("link", type=tarfile.SYMTYPE, linkname=f"{up}{str(outside)[1:]}"), folder("link/sub")],
        [entry("stolen", type=tarfile.LNKTYPE, linkname=f"{outside}/kept")],
        [entry("stolen", type=tarfile.LNKTYPE, linkname=f"{up}{str(outside)[1:]}/kept"), entry("stolen", b"x")],
    ):
        path = d.directory()
        layer = await d.layer(tar(*entries))
        try:
            await d.apply(layer, bind(path))
        except (Unavailable, DeadlineExceeded):
            raise
        except ArgosyError:
            pass  # refused, which is right
        d.equal(await seen(outside), before, "what is outside of the directory")
        d.equal((outside / "kept").stat().st_nlink, 1, "the number of names of a file outside")


@check("mount", fast=True)
async def a_broken_layer_is_refused(d: Differ) -> None:
    """Apply of a layer that is cut short, damaged, or no archive at all, is an error."""
    layer = tar(entry("one", fresh(100_000)), entry("two", fresh(100_000)))
    packed = gzip.compress(layer)
    for data, media_type in (
        (layer[:50_000], TAR),
        (packed[:50_000], GZIP),
        (packed[:-6] + bytes(6), GZIP),
        (fresh(5000), TAR),
    ):
        await d.refused(d.apply(await d.layer(data, media_type), bind(d.directory())))


@check(fast=True)
async def a_layer_has_to_be_there(d: Differ) -> None:
    """Apply of a blob that is not there answers NOT_FOUND."""
    await d.refused(d.apply(Descriptor(media_type=TAR, digest=digest_of(fresh(16)), size=16), bind(d.directory())), NotFound)


@check()
async def a_media_type_that_nobody_knows_is_refused(d: Differ) -> None:
    """Apply of a layer of a media type that nothing can decode is an error, and puts nothing onto the mounts."""
    path = d.directory()
    await d.refused(d.apply(await d.layer(tar(entry("one", b"1")), "application/x-argosy-verify"), bind(path)))
    d.equal(os.listdir(path), [], "what is in the directory")


@check("mount")
async def layers_are_applied_at_once(d: Differ) -> None:
    """Several layers that are applied at the same time, each onto its own mounts, do not get into each other."""
    paths = [d.directory() for _ in range(_AT_ONCE)]
    layers = [tar(folder(f"d{n}"), entry(f"d{n}/file", f"{n}".encode() * 200_000)) for n in range(_AT_ONCE)]

    async def one(n: int) -> None:
        answered(d, await d.apply(await d.layer(layers[n]), bind(paths[n])), layers[n])

    d.equal(await d.at_once(one(n) for n in range(_AT_ONCE)), ["OK"] * _AT_ONCE, "the answers")
    for n, path in enumerate(paths):
        d.equal(sorted(await seen(path)), [f"d{n}", f"d{n}/file"], "what is in the directory")


@check("mount")
async def extended_attributes_are_set(d: Differ) -> None:
    """Extended attributes of an entry are set, a file's capabilities among them."""
    path = d.directory()
    capability = bytes.fromhex("0100000200040000000000000000000000000000")
    pax = {"SCHILY.xattr.security.capability": capability.decode("utf-8", "surrogateescape")}
    await d.apply(await d.layer(tar(entry("tool", b"#!", 0o755, pax_headers=pax))), bind(path))
    try:
        got = os.getxattr(path / "tool", "security.capability")
    except OSError as error:
        raise Broken(f"the attribute {capability.hex()}", str(error.strerror)) from None
    d.equal(got.hex(), capability.hex(), "the file's capabilities")
    d.equal(stat.filemode((path / "tool").stat().st_mode), "-rwxr-xr-x", "the file's mode")
