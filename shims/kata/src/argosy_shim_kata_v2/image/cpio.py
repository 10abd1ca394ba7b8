"""Writing an initramfs: the newc form of cpio, the same bytes for the same entries."""

from __future__ import annotations

import stat
from typing import Final

_FIELDS: Final = 13
_BLOCK: Final = 512


class Cpio:
    """Entries by path without a leading slash; parents are made as needed."""

    def __init__(self) -> None:
        self._entries: dict[str, tuple[int, bytes, int, int]] = {}

    def __contains__(self, path: str) -> bool:
        return path.strip("/") in self._entries

    def directory(self, path: str, mode: int = 0o755) -> None:
        parts = path.strip("/").split("/")
        for n in range(1, len(parts)):
            self._entries.setdefault("/".join(parts[:n]), (stat.S_IFDIR | 0o755, b"", 0, 0))
        self._entries.setdefault("/".join(parts), (stat.S_IFDIR | mode, b"", 0, 0))

    def _put(self, path: str, entry: tuple[int, bytes, int, int]) -> None:
        path = path.strip("/")
        if "/" in path:
            self.directory(path.rpartition("/")[0])
        self._entries[path] = entry

    def file(self, path: str, data: bytes, mode: int = 0o644) -> None:
        self._put(path, (stat.S_IFREG | mode, data, 0, 0))

    def link(self, path: str, target: str) -> None:
        self._put(path, (stat.S_IFLNK | 0o777, target.encode(), 0, 0))

    def device(self, path: str, major: int, minor: int, mode: int = 0o600) -> None:
        self._put(path, (stat.S_IFCHR | mode, b"", major, minor))

    def encode(self) -> bytes:
        """Return the archive: sorted, all times zero, inodes numbered from one."""
        out = bytearray()

        def one(number: int, name: str, mode: int, data: bytes, major: int, minor: int) -> None:
            raw = name.encode() + b"\0"
            fields = (number, mode, 0, 0, 1, 0, len(data), 0, 0, major, minor, len(raw), 0)
            assert len(fields) == _FIELDS
            out.extend(b"070701" + b"".join(b"%08x" % v for v in fields) + raw)
            out.extend(bytes(-len(out) % 4))
            out.extend(data)
            out.extend(bytes(-len(out) % 4))

        for number, name in enumerate(sorted(self._entries), 1):
            mode, data, major, minor = self._entries[name]
            one(number, name, mode, data, major, minor)
        one(0, "TRAILER!!!", 0, b"", 0, 0)
        out.extend(bytes(-len(out) % _BLOCK))
        return bytes(out)
