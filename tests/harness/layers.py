"""Layers on every snapshotter, without a mesh: the real snapshotter and the real differ, in this process."""

from __future__ import annotations

import asyncio
import io
import os
import stat
import tarfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest
from argosy.errors import FailedPrecondition
from argosy.kernel.mount import temporary_mount
from argosy.mounts import DETACHED, Mount
from argosy.plugin.snapshots import Backend, TreeSnapshotter
from argosy_diff.apply import apply_layer
from argosy_snapshotter_erofs import layout as erofs
from argosy_snapshotter_erofs.snapshotter import ErofsBackend
from argosy_snapshotter_native.snapshotter import NativeBackend
from argosy_snapshotter_overlay import layout as overlay
from argosy_snapshotter_overlay.snapshotter import OverlayBackend

from tests.harness.erofs import needs_erofs

TAR = "application/vnd.oci.image.layer.v1.tar"
Member = tuple[tarfile.TarInfo, bytes]
# An archive, or what writes to the mount instead, as a container does.
Layer = bytes | Callable[[Path], None]

_BACKENDS: Mapping[str, Callable[[Path], Backend]] = {
    "overlayfs": lambda root: OverlayBackend(overlay.ask(root)),
    "native": lambda root: NativeBackend(),
    "erofs": lambda root: ErofsBackend(erofs.ask(root)),
    "erofs-room": lambda root: ErofsBackend(erofs.ask(root, True), default_size=32 << 20),
}
# How a client may put one layer on the other: one after the other, or each by itself and put together at the commit.
WAYS = [
    pytest.param(("overlayfs", "serial"), id="overlayfs"),
    pytest.param(("overlayfs", "detached"), id="overlayfs-detached"),
    pytest.param(("native", "serial"), id="native"),
    pytest.param(("erofs", "serial"), id="erofs", marks=needs_erofs),
    pytest.param(("erofs", "detached"), id="erofs-detached", marks=needs_erofs),
    pytest.param(("erofs-room", "serial"), id="erofs-room", marks=needs_erofs),
]
# The same as clients do it that do not say that a layer is by itself: as an upper directory alone, or with the mounts as they come.
UNMARKED_WAYS = [
    pytest.param(("overlayfs", "upper"), id="overlayfs-upper-alone"),
    pytest.param(("erofs", "upper"), id="erofs-upper-alone", marks=needs_erofs),
    pytest.param(("erofs", "bind"), id="erofs-bind", marks=needs_erofs),
]


def entry(
    name: str, kind: bytes = tarfile.REGTYPE, data: bytes = b"", link: str = "", mode: int = 0o644, uid: int = 0, gid: int = 0,
    mtime: float = 1_600_000_000, device: tuple[int, int] = (0, 0), pax: Mapping[str, str] | None = None,
) -> Member:  # fmt: skip
    """Return one member of an archive."""
    info = tarfile.TarInfo(name)
    info.type, info.size, info.linkname, info.mode = kind, len(data), link, mode
    info.uid, info.gid, info.mtime = uid, gid, mtime
    info.devmajor, info.devminor = device
    info.pax_headers = dict(pax or {})
    return info, data


def directory(name: str, mode: int = 0o755, **more: int) -> Member:
    return entry(name, tarfile.DIRTYPE, mode=mode, **more)  # type: ignore[arg-type] # the numbers of entry


def symlink(name: str, target: str) -> Member:
    return entry(name, tarfile.SYMTYPE, link=target, mode=0o777)


def hard_link(name: str, target: str) -> Member:
    return entry(name, tarfile.LNKTYPE, link=target)


def archive(*members: Member, format: int = tarfile.PAX_FORMAT) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=format) as tar:
        for info, data in members:
            tar.addfile(info, io.BytesIO(data))
    return out.getvalue()


def apply(data: bytes, mounts: Sequence[Mount]) -> None:
    apply_layer(io.BytesIO(data), TAR, mounts, {}, {}, False)


@contextmanager
def unpacked(way: tuple[str, str], base: Path, layers: Sequence[Layer]) -> Iterator[Path]:
    """Yield where a stack of layers is mounted, read-only. A layer that is no archive is what a function writes to the mount."""
    kind, how = way
    root = base / f"{kind}-{how}"
    root.mkdir()
    backend = _BACKENDS[kind](root)
    try:
        with temporary_mount(asyncio.run(_stack(root, backend, how, layers))) as point:
            yield Path(point)
    finally:
        for path in (root / "snapshots").iterdir():
            backend.release(path)


async def _stack(root: Path, backend: Backend, how: str, layers: Sequence[Layer]) -> Sequence[Mount]:
    tree = await TreeSnapshotter.open(root, backend, True)
    try:
        parent = ""
        for number, layer in enumerate(layers):
            alone = bool(parent) and how != "serial" and isinstance(layer, bytes)
            if alone and isinstance(layer, bytes):
                mounts = await tree.prepare(f"k{number}", "", {})
                try:
                    await asyncio.to_thread(apply, layer, _by_itself(mounts, how))
                except FailedPrecondition:
                    await tree.remove(f"k{number}")
                    alone = False
            if not alone:
                mounts = await tree.prepare(f"k{number}", parent, {})
                if isinstance(layer, bytes):
                    await asyncio.to_thread(apply, layer, mounts)
                else:
                    with temporary_mount(mounts) as point:
                        layer(Path(point))
            await tree.commit(f"n{number}", f"k{number}", {}, parent if alone else "")
            parent = f"n{number}"
        return await tree.view("view", parent, {})
    finally:
        await tree.close()


def _by_itself(mounts: Sequence[Mount], how: str) -> Sequence[Mount]:
    if how == "bind":
        return mounts
    more = (DETACHED,) if how == "detached" else ()
    return [Mount("overlay", "overlay", (f"upperdir={mounts[0].source}", *more))]


def described(root: Path) -> dict[str, tuple[object, ...]]:
    """Everything of every path below root but the times of directories; hard links are named by the first path of their inode."""
    found: dict[str, tuple[object, ...]] = {}
    first: dict[tuple[int, int], str] = {}
    for at, below, files in os.walk(root):
        for name in sorted((*below, *files)):
            path = Path(at, name)
            info = path.lstat()
            kind = stat.S_IFMT(info.st_mode)
            content: object = None
            if kind == stat.S_IFREG:
                content = path.read_bytes()
            elif kind == stat.S_IFLNK:
                content = os.readlink(path)
            xattrs = {
                k: os.getxattr(path, k, follow_symlinks=False)
                for k in os.listxattr(path, follow_symlinks=False)
                if not k.startswith("trusted.overlay.")
            }
            link = first.setdefault((info.st_dev, info.st_ino), str(path.relative_to(root))) if kind != stat.S_IFDIR else ""
            time = info.st_mtime_ns if kind != stat.S_IFDIR else 0
            found[str(path.relative_to(root))] = (
                oct(info.st_mode), info.st_uid, info.st_gid, time, link, info.st_rdev, content, xattrs,
            )  # fmt: skip
    return found
