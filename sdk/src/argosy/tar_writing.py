"""Files that may change meanwhile on their way into a tar: one name of each with its bytes, the others as links to that one."""

from __future__ import annotations

import errno
import os
import tarfile
from typing import IO, Any

from argosy.tar_headers import become_link


class CutShortError(OSError):
    """Raised when a file ends before the size that its header says; filename is its name in the tar."""

    def __init__(self, path: str) -> None:
        super().__init__(errno.ESTALE, "it is shorter by now", path)


class TarWriter:
    """A tar that is written from its beginning to its end. Of its entries nothing is kept but what ``put_link`` goes by."""

    def __init__(self, out: IO[bytes], buffer_bytes: int, most_links: int = 0) -> None:
        """buffer_bytes is what is written at a time. Of most_links files the first names are remembered, 0 for of all."""
        self._tar: Any = tarfile.open(fileobj=out, mode="w|", format=tarfile.PAX_FORMAT, bufsize=buffer_bytes)
        self._first: dict[tuple[int, int], str] = {}
        self._most_links = most_links

    def put(self, entry: tarfile.TarInfo, data: IO[bytes] | None = None, path: str = "") -> None:
        """Put an entry, with as many bytes of data as it says; path is its name in errors. Raises CutShortError, OSError."""
        try:
            self._tar.addfile(entry, data)
        except OSError as error:
            if error.errno is not None:
                raise
            # tarfile's word for data that ends before its size.
            raise CutShortError(path) from error
        self._tar.members.clear()  # it would remember all of them, for a reader

    def put_link(self, entry: tarfile.TarInfo, path: str, info: os.stat_result) -> bool:
        """Put a file as a link to the name under which it was put; return False, and remember this name, for one that was not."""
        if info.st_nlink <= 1:
            return False
        inode = (info.st_dev, info.st_ino)
        if inode in self._first:
            become_link(entry, self._first[inode])
            self.put(entry)
            return True
        if not self._most_links or len(self._first) < self._most_links:
            self._first[inode] = path
        return False

    def close(self) -> None:
        """Write the end. Raises OSError."""
        self._tar.close()
