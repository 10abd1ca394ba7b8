"""Mounts into a layer: what is in it, how it is stored, and that applying it leads from the one to the other."""

from __future__ import annotations

import gzip
import io
import os
import shutil
import tarfile
from pathlib import Path

import zstandard

from argosy.errors import Unimplemented
from argosy.testkit.blobs import digest_of
from argosy.testkit.diff.applied import seen
from argosy.testkit.diff.calls import GZIP, SUITE, TAR, ZSTD, Differ, bind
from argosy.testkit.suite import Broken

check = SUITE.check

_UNCOMPRESSED = "containerd.io/uncompressed"


def _lower(root: Path) -> None:
    for name in ("etc", "a/b", "gone/deep", "same"):
        (root / name).mkdir(parents=True)
    for name in ("etc/one", "etc/two", "a/b/file", "gone/deep/file", "same/file", "mode", "owner"):
        (root / name).write_text(name)
    (root / "link").symlink_to("etc")


def _change(root: Path) -> None:
    (root / "etc/one").write_text("changed, and longer")
    (root / "etc/two").unlink()
    shutil.rmtree(root / "gone")
    (root / "new/deep").mkdir(parents=True)
    (root / "new/deep/file").write_text("new")
    os.link(root / "new/deep/file", root / "new/again")
    (root / "new/pipe").parent.chmod(0o700)
    os.mkfifo(root / "new/pipe")
    (root / "mode").chmod(0o4711)
    os.chown(root / "owner", 1000, 1001)
    (root / "link").unlink()
    (root / "link").symlink_to("a")
    shutil.rmtree(root / "a/b")
    (root / "a/b").write_text("a file now")


def two(d: Differ) -> tuple[Path, Path]:
    """Return a directory, and a copy of it with changes."""
    lower, upper = d.directory(), d.directory()
    _lower(lower)
    shutil.copytree(lower, upper, symlinks=True, dirs_exist_ok=True)
    _change(upper)
    return lower, upper


def names(layer: bytes) -> dict[str, str]:
    """Return the entries of a layer, by their names without a slash at the end, and the types."""
    with tarfile.open(fileobj=io.BytesIO(layer)) as archive:
        return {member.name.rstrip("/"): member.type.decode() for member in archive}


@check("mount", fast=True)
async def a_diff_leads_from_one_to_the_other(d: Differ) -> None:
    """Diff stores a layer of what was added, changed and removed; applied to what was there before, it makes what is there now."""
    lower, upper = two(d)
    made = await d.diff(bind(lower), bind(upper), TAR)
    data = await d.content.read(made.digest)
    d.equal((made.media_type, made.digest, made.size), (TAR, digest_of(data), len(data)), "media type, digest and size")
    found = names(data)
    for name in ("etc/.wh.two", ".wh.gone", "etc/one", "new/deep/file", "mode", "owner", "link", "a/b"):
        d.holds(name in found, f'an entry "{name}"', ", ".join(found))
    for name in ("same/file", "same", "a/b/file", "gone", "gone/deep", "etc/two"):
        d.holds(name not in found, f'no entry "{name}"', ", ".join(found))
    await d.apply(made, bind(lower))
    d.equal(await seen(lower), await seen(upper), "what applying the diff has made")


@check("mount", fast=True)
async def a_diff_is_compressed(d: Differ) -> None:
    """Diff compresses with gzip unless it is told otherwise; the blob has a label with the digest of its tar, and those that were asked for."""
    lower, upper = two(d)
    for wish in ("", GZIP):
        made = await d.diff(bind(lower), bind(upper), wish, labels={"verify": "1"})
        d.equal(made.media_type, GZIP, "the media type")
        layer = gzip.decompress(await d.content.read(made.digest))
        labels = dict((await d.content.info(made.digest)).labels)
        d.equal(labels.get(_UNCOMPRESSED), digest_of(layer), f"the label {_UNCOMPRESSED}")
        d.equal(labels.get("verify"), "1", "the label that was asked for")
        await d.content.delete(made.digest)


@check("mount", "zstd")
async def a_diff_may_be_zstd(d: Differ) -> None:
    """Diff compresses with zstd when it is told to."""
    lower, upper = two(d)
    made = await d.diff(bind(lower), bind(upper), ZSTD)
    with zstandard.ZstdDecompressor().stream_reader(io.BytesIO(await d.content.read(made.digest))) as reader:
        layer = reader.read()
    d.equal((await d.content.info(made.digest)).labels.get(_UNCOMPRESSED), digest_of(layer), f"the label {_UNCOMPRESSED}")


@check("mount", fast=True)
async def a_diff_may_begin_with_nothing(d: Differ) -> None:
    """Diff without a left side has all of the right one."""
    upper, other = d.directory(), d.directory()
    _lower(upper)
    made = await d.diff([], bind(upper), TAR)
    await d.apply(made, bind(other))
    d.equal(await seen(other), await seen(upper), "what applying the diff has made")


@check("mount")
async def a_diff_of_the_same_is_empty(d: Differ) -> None:
    """Diff of two trees without a difference is a layer without entries."""
    lower = d.directory()
    _lower(lower)
    made = await d.diff(bind(lower), bind(lower), TAR)
    d.equal(names(await d.content.read(made.digest)), {}, "the entries of the layer")


@check("mount")
async def a_diff_is_made_again(d: Differ) -> None:
    """Diff answers the same when it is asked again, though its layer is there already; nothing but the layer is left."""
    lower, upper = two(d)
    for ref in ("", d.name("ref"), d.name("ref")):
        d.content.refs[d.name("ref")] = None
        made = await d.diff(bind(lower), bind(upper), GZIP, ref)
        data = await d.content.read(made.digest)
        if digest_of(data) != made.digest:
            raise Broken(f"the bytes of {made.digest}", digest_of(data))
    left = [status.ref for status in await d.content.statuses()]
    d.equal(left, [], "the ingests that are left")


@check(fast=True)
async def a_diff_of_an_unknown_type_is_unimplemented(d: Differ) -> None:
    """Diff into a media type that layers are not written in answers UNIMPLEMENTED, so that the next differ is asked."""
    lower, upper = d.directory(), d.directory()
    await d.refused(d.diff(bind(lower), bind(upper), "application/x-argosy-verify"), Unimplemented)
