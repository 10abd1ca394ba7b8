"""A content store that keeps each block of bytes once, whichever blobs it is in: blobs/ALGORITHM/HEX names the blocks in blocks/.

Images that differ by a little share most of them, as long as their layers are not compressed.
"""

import hashlib
import os
import threading
from collections.abc import Generator
from dataclasses import replace
from functools import partial
from pathlib import Path

from argosy.digest import Digest
from argosy.errors import NotFound, OutOfRange
from argosy.plugin.content.blobs import BlobInfo, Blobs, OpenIngest
from argosy.plugin.content.local import LocalStore
from argosy.plugin.main import main
from argosy.roots import replace_file

BLOCK = 256 << 10


class BlockBlobs(Blobs):
    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self._changing = threading.Lock()  # no block is removed while a blob that has it is being made
        self._blocks = root / "blocks"
        self._blocks.mkdir(mode=0o700, exist_ok=True)

    def _read(self, path: Path, digest: Digest) -> bytes:
        try:
            return path.read_bytes()
        except FileNotFoundError:
            raise NotFound(f"content digest {digest}") from None

    def _list(self, digest: Digest) -> tuple[int, list[str]]:
        size, *names = self._read(self.path_of(digest), digest).decode().split()
        return int(size), names

    def info(self, digest: Digest) -> BlobInfo:
        return replace(super().info(digest), size=self._list(digest)[0])

    def read(self, digest: Digest, offset: int, size: int) -> Generator[bytes, None, None]:
        total, names = self._list(digest)
        if not 0 <= offset <= total:
            raise OutOfRange(f"read past object length {total} bytes")
        end = min(total, offset + size) if size > 0 else total
        while offset < end:
            piece = self._read(self._blocks / names[offset // BLOCK], digest)[offset % BLOCK :][: end - offset]
            yield piece
            offset += len(piece)

    def keep(self, ingest: OpenIngest, target: Path) -> None:
        with self._changing, (ingest.path / "data").open("rb") as data:
            names = []
            for block in iter(partial(data.read, BLOCK), b""):
                names.append(hashlib.sha256(block).hexdigest())
                if not (self._blocks / names[-1]).exists():
                    replace_file(self._blocks / names[-1], block)
            replace_file(target, "\n".join([str(ingest.offset), *names]))

    def delete(self, digest: Digest) -> None:
        with self._changing:
            super().delete(digest)
            used = {name for one in self.digests() for name in self._list(one)[1]}
            for name in set(os.listdir(self._blocks)) - used:  # those that a crash left, too
                (self._blocks / name).unlink()


def blocks(root: Path) -> LocalStore:
    made = BlockBlobs(root)
    made.recover()
    return LocalStore(made)


if __name__ == "__main__":
    main(blocks)
