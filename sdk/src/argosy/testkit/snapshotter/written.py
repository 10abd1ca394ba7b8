"""What is in snapshots: their mounts are made here, by root, and files are written, changed and read in them."""

from __future__ import annotations

import asyncio
import hashlib
import os
import stat
import tempfile
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final, TypeVar

import anyio.to_thread

from argosy.errors import ArgosyError, Unimplemented, in_words
from argosy.kernel.mount import temporary_mount
from argosy.kernel.unmount import unmount_tree
from argosy.mounts import Mount
from argosy.testkit.snapshotter.calls import SUITE, Snapshots
from argosy.testkit.suite import Broken, NotHere

T = TypeVar("T")

check = SUITE.check

# The options of an overlay of so many layers are longer than the page that mount(2) takes of them.
_LAYERS: Final = 70
_MEBIBYTE: Final = 1 << 20
_SHOWN_BYTES: Final = 64


async def inside(mounts: Sequence[Mount], work: Callable[[Path], T]) -> T:
    """Return what work makes of the directory on which mounts are made. Raises Broken when they can't be, and what work raises.

    Cancellation: a mount that hangs is left to its thread, which unmounts it when it can. One that is there is taken from the work,
    which may wait in it for ever.
    """
    points: list[str] = []

    def do() -> T:
        try:
            mounted = temporary_mount(mounts)
            point = mounted.__enter__()
            points.append(point)
        except (OSError, ArgosyError) as error:
            why = in_words(error) if isinstance(error, OSError) else str(error)
            raise Broken("mounts that can be made", f"{why}, of {list(mounts)}") from None
        try:
            return work(Path(point))
        finally:
            mounted.__exit__(None, None, None)

    try:
        return await anyio.to_thread.run_sync(do, abandon_on_cancel=True)
    except asyncio.CancelledError:
        for point in points:
            with suppress(OSError):  # the work has ended meanwhile
                unmount_tree(point)
                os.rmdir(point)
                os.rmdir(os.path.dirname(point))
        raise


def look(root: Path) -> dict[str, str]:
    """Return what is below a directory: by path, its type, mode, owner, links and content."""
    found = {}
    for directory, folders, files in os.walk(root):
        for name in (*folders, *files):
            path = Path(directory, name)
            info = path.lstat()
            what = f"{stat.filemode(info.st_mode)} {info.st_uid}:{info.st_gid}"
            if stat.S_ISLNK(info.st_mode):
                what += f" -> {path.readlink()}"
            elif stat.S_ISREG(info.st_mode):
                data = path.read_bytes()
                what += f" {data!r}" if len(data) < _SHOWN_BYTES else f" sha256:{hashlib.sha256(data).hexdigest()}"
            found[str(path.relative_to(root))] = what
    return found


def nothing(root: Path) -> None:
    """A step that only mounts."""


def _first(root: Path) -> None:
    for folder in ("etc", "a/b/c", "gone", "moved", "kept"):
        (root / folder).mkdir(parents=True)
    (root / "etc/one").write_text("1")
    (root / "etc/two").write_text("2")
    (root / "etc/owned").write_text("owned")
    os.chown(root / "etc/owned", 1000, 1001)
    (root / "etc/tool").write_bytes(b"#!" + bytes(5000))
    (root / "etc/tool").chmod(0o4755)
    (root / "etc/link").symlink_to("../a/b")
    (root / "a/b/file").write_text("deep")
    os.link(root / "a/b/file", root / "a/b/second")
    (root / "gone/file").write_text("gone")
    (root / "moved/from").write_text("to be moved")
    (root / "kept/sticky").mkdir()
    (root / "kept/sticky").chmod(0o1777)
    os.mkfifo(root / "kept/fifo", 0o640)


def _second(root: Path) -> None:
    (root / "etc/one").write_text("one")
    (root / "etc/two").unlink()
    (root / "etc/link").unlink()
    (root / "etc/link").symlink_to("elsewhere")
    os.chown(root / "etc/owned", 2000, 2001)
    (root / "a/b/second").unlink()
    (root / "a/new").write_text("new")
    (root / "gone/file").unlink()
    (root / "gone").rmdir()
    (root / "gone").write_text("a file now")
    os.link(root / "moved/from", root / "moved/to")
    (root / "moved/from").unlink()
    (root / "kept").chmod(0o700)
    os.chown(root / "kept", 1000, 1000)


def _third(root: Path) -> None:
    (root / "gone").unlink()
    (root / "gone").mkdir()
    (root / "gone/other").write_text("another directory")
    (root / "a/b/file").unlink()
    (root / "a/b/c").rmdir()
    (root / "a/b").rmdir()
    (root / "a/b").mkdir(0o750)
    (root / "etc/two").write_text("back")
    (root / "etc/tool").chmod(0o755)


async def layer(s: Snapshots, word: str, parent: str, work: Callable[[Path], object]) -> str:
    """Make a committed snapshot by doing something in an active one; return its name."""
    key, name = s.name(f"{word}-key"), s.name(word)
    await inside(await s.prepare(key, parent), work)
    await s.commit(name, key)
    return name


async def seen(s: Snapshots, parent: str, word: str = "view") -> dict[str, str]:
    """Return what a view of parent has in it."""
    key = s.name(word)
    found = await inside(await s.view(key, parent), look)
    await s.remove(key)
    return found


@check("mount", fast=True)
async def a_fresh_snapshot_is_an_empty_directory(s: Snapshots) -> None:
    """A snapshot without a parent is an empty directory of mode 0755, whose root is root's; it can be written, and mounted again."""

    def first(root: Path) -> tuple[list[str], str]:
        info = root.stat()
        found = os.listdir(root), f"{stat.filemode(info.st_mode)} {info.st_uid}:{info.st_gid}"
        (root / "file").write_text("here")
        return found

    key = s.name("a")
    s.equal(await inside(await s.prepare(key), first), ([], "drwxr-xr-x 0:0"), "what is in it, and its mode and owner")
    s.equal(await inside(await s.mounts(key), look), {"file": "-rw-r--r-- 0:0 b'here'"}, "what is in it")


@check("mount", fast=True)
async def layers_are_the_sum_of_their_changes(s: Snapshots) -> None:
    """A view, and a child, of a committed snapshot has what its layers did one after the other: content, modes, owners, links, removals."""
    parent = ""
    with tempfile.TemporaryDirectory(prefix="argosy-verify-") as directory:
        flat = Path(directory)
        for n, step in enumerate((_first, _second, _third)):
            parent = await layer(s, f"l{n}", parent, step)
            step(flat)
            s.equal(await seen(s, parent), look(flat), f"what is in a view of layer {n}")
        s.equal(await inside(await s.prepare(s.name("child"), parent), look), look(flat), "what is in a child")


@check("mount", fast=True)
async def a_view_cannot_be_written(s: Snapshots) -> None:
    """Who mounts a view can't write to it."""
    base = await layer(s, "base", "", _first)

    def write(root: Path) -> str:
        for what in (
            lambda: (root / "new").write_text("x"),
            lambda: (root / "etc/one").write_text("x"),
            (root / "gone/file").unlink,
        ):
            try:
                what()
            except OSError:
                continue
            return "it could"
        return ""

    s.equal(await inside(await s.view(s.name("v"), base), write), "", "whether a view could be written")
    s.equal(
        await inside(await s.view(s.name("empty"), ""), lambda root: os.access(root, os.W_OK)),
        False,
        "whether an empty one could",
    )


@check("mount", fast=True)
async def children_are_apart(s: Snapshots) -> None:
    """What is written to a snapshot is seen neither in its parent nor in another child of that."""
    base = await layer(s, "base", "", _first)
    before = await seen(s, base)
    one, two = await s.prepare(s.name("one"), base), await s.prepare(s.name("two"), base)
    await inside(one, _second)
    s.equal(await inside(two, look), before, "what is in the other child")
    s.equal(await seen(s, base), before, "what is in the parent")
    await s.remove(s.name("one"))
    s.equal(await inside(two, look), before, "what is in the other child, once one is gone")


@check("mount")
async def a_commit_keeps_what_is_written(s: Snapshots) -> None:
    """What is committed stays as it is when its key is used again, and when its other children go."""
    base = await layer(s, "base", "", _first)
    before = await seen(s, base)
    await inside(await s.prepare(s.name("base-key")), lambda root: (root / "etc").mkdir())
    s.equal(await seen(s, base), before, "what is in the committed snapshot")
    await s.remove(await layer(s, "upper", base, _second))
    await s.remove(s.name("base-key"))
    s.equal(await seen(s, base), before, "what is in the committed snapshot")


@check("mount")
async def the_last_write_is_seen(s: Snapshots) -> None:
    """A file that each layer writes anew, with as many bytes and within the same second, is the last layer's."""
    parent = ""
    for n in range(5):
        parent = await layer(s, f"l{n}", parent, lambda root, n=n: (root / "file").write_text(str(n)))  # type: ignore[misc] # bound now
        s.equal(await seen(s, parent), {"file": f"-rw-r--r-- 0:0 b'{n}'"}, f"what is in layer {n}")


@check("mount")
async def many_layers_are_mounted(s: Snapshots) -> None:
    """Seventy layers are mounted as one is."""
    parent = ""
    for n in range(_LAYERS):
        parent = await layer(s, f"l{n:03}", parent, lambda root, n=n: (root / f"file{n}").write_text(str(n)))  # type: ignore[misc] # bound now
    expected = {f"file{n}": f"-rw-r--r-- 0:0 {str(n).encode()!r}" for n in range(_LAYERS)}
    s.equal(await seen(s, parent), expected, "what is in the uppermost layer")


@check("mount", "usage", fast=True)
async def usage_counts_what_is_written(s: Snapshots) -> None:
    """Usage has the blocks and inodes of what was written to a snapshot, as it is now while it is active; a commit freezes it."""
    base = await layer(s, "base", "", lambda root: (root / "big").write_bytes(os.urandom(2 * _MEBIBYTE)))
    key, name = s.name("a"), s.name("layer")
    await s.prepare(key, base)
    before = await s.usage(key)
    await inside(await s.mounts(key), lambda root: (root / "more").write_bytes(os.urandom(_MEBIBYTE)))
    active = await s.usage(key)
    s.holds(active.size >= before.size + _MEBIBYTE, f"a size of {before.size + _MEBIBYTE} bytes at least", active.size)
    s.holds(active.inodes > before.inodes, f"more inodes than {before.inodes}", active.inodes)
    await s.commit(name, key)
    for snapshot, size in ((name, _MEBIBYTE), (base, 2 * _MEBIBYTE)):
        usage = await s.usage(snapshot)
        s.holds(usage.size >= size and usage.inodes > 0, f"a size of {size} bytes at least, and inodes", usage)


def directories(mounts: Sequence[Mount]) -> list[Path]:
    """Return the directories that are a snapshot's own, of those that its mounts name and that can be seen here."""
    named = [mount.option("upperdir") or (mount.source if not mount.type.startswith("overlay") else "") for mount in mounts]
    return [Path(name) for name in named if name and name.startswith("/") and Path(name).exists()]


@check()
async def what_is_removed_leaves_no_directory(s: Snapshots) -> None:
    """The directory of a snapshot that was removed goes: at once, with Cleanup, or with a daemon's collection."""
    base, one, two = await s.committed("base"), s.name("one"), s.name("two")
    paths = [*directories(await s.prepare(one, base)), *directories(await s.prepare(two, base))]
    if not paths:
        raise NotHere("its mounts name no directory that can be seen here")
    await s.remove(one)
    await s.commit(s.name("layer"), two)
    await s.remove(s.name("layer"))
    await s.target.collect()
    try:
        await s.cleanup()
    except Unimplemented:
        pass  # then it is to go by itself

    async def gone() -> bool:
        return not any(path.exists() for path in paths)

    await s.eventually(gone, "no directory of it", ", ".join(map(str, paths)))
