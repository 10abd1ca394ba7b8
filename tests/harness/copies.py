"""Trees and archives to copy, and the copying itself, in the test's own process."""

from __future__ import annotations

import io
import os
import stat
import tarfile
from pathlib import Path
from typing import Any

from argosy.paths.packing import pack
from argosy.paths.placing import Rules, place


def packed(root: Path, path: str = "/", **options: Any) -> bytes:
    out = io.BytesIO()
    fd = os.open(root, os.O_PATH)
    try:
        pack(fd, path, out, what="the tree", **options)
    finally:
        os.close(fd)
    return out.getvalue()


def placed(root: Path, path: str, data: bytes, step: int = 1 << 20, **options: Any) -> None:
    fd = os.open(root, os.O_PATH)
    try:
        place(fd, path, (data[at : at + step] for at in range(0, len(data), step)), what="the tree", rules=Rules(**options))
    finally:
        os.close(fd)


def archive(*members: tuple[str, Any]) -> bytes:
    """Return a tar: of bytes a file, of text a symlink, of a dict an entry with these attributes, of None a directory."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for name, what in members:
            info = tarfile.TarInfo(name)
            data = b""
            if what is None:
                info.type, info.mode = tarfile.DIRTYPE, 0o755
            elif isinstance(what, str):
                info.type, info.linkname = tarfile.SYMTYPE, what
            elif isinstance(what, bytes):
                data = what
            else:
                data = what.pop("data", b"")
                for key, value in what.items():
                    setattr(info, key, value)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return out.getvalue()


def snapshot(root: Path) -> dict[str, Any]:
    """Return what a tree holds: everything that a copy keeps."""
    found: dict[str, Any] = {}
    inodes: dict[int, str] = {}
    for path in sorted(os.fsencode(root / sub) for sub in ["", *(str(p.relative_to(root)) for p in root.rglob("*"))]):
        info = os.lstat(path)
        name = os.fsdecode(os.path.relpath(path, os.fsencode(root)))
        row: list[Any] = [stat.filemode(info.st_mode), info.st_uid, info.st_gid]
        if stat.S_ISREG(info.st_mode):
            row += [info.st_size, Path(os.fsdecode(path)).read_bytes(), inodes.setdefault(info.st_ino, name)]
        if stat.S_ISLNK(info.st_mode):
            row.append(os.readlink(path))
        else:
            row.append(sorted((key, os.getxattr(path, key)) for key in os.listxattr(path)))
        found[name] = (*row, 0 if name == "." else info.st_mtime_ns)
    return found


def a_tree(top: Path) -> Path:
    """A tree with one of everything that a copy keeps."""
    (top / "d" / "deep").mkdir(parents=True)
    (top / "d" / "file").write_bytes(b"bytes\n" * 1000)
    (top / "d" / "empty").touch()
    os.link(top / "d" / "file", top / "d" / "deep" / "link")
    (top / "d" / "sym").symlink_to("../nowhere")
    os.mkfifo(top / "d" / "fifo", 0o640)
    (top / "d" / ".wh.name").write_bytes(b"no whiteout")
    Path(os.fsdecode(os.fsencode(top / "d") + b"/\xff\xfe bytes")).write_bytes(b"x")
    (top / "d" / ("long" * 60)).write_bytes(b"long")
    (top / "d" / "setuid").touch()
    (top / "d" / "setuid").chmod(0o4755)
    os.setxattr(top / "d" / "file", "user.kept", b"\xff\x00value")
    with (top / "d" / "sparse").open("wb") as file:
        file.seek(5 << 20)
        file.write(b"in the middle")
        file.truncate(9 << 20)
    for number, path in enumerate(sorted(top.rglob("*"), key=lambda p: -len(p.parts))):
        os.utime(path, ns=(10**18 + number, 10**18 + number * 7), follow_symlinks=False)
    return top
