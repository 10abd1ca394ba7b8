"""A content store on a directory that keeps labels, too, as long as it runs: what a differ needs beside it that is tested without a daemon.

As a program it is served by ``argosy.testkit.served``: ``served(store.__file__, "--root", DIRECTORY)``.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from pathlib import Path

from argosy.filters import EVERYTHING, Filter
from argosy.labels import masked, stored
from argosy.plugin.content import Info, Status, Writer
from argosy.plugin.content.blobs import Blobs
from argosy.plugin.content.local import LocalStore
from argosy.plugin.main import main


class _Labelling(Writer):
    """A writer whose Commit keeps the labels that it is given."""

    def __init__(self, inner: Writer, labels: dict[str, dict[str, str]]) -> None:
        self._inner, self._labels = inner, labels

    def status(self) -> Status:
        return self._inner.status()

    def digest(self) -> str:
        return self._inner.digest()

    async def stat(self, total: int, expected: str) -> None:
        await self._inner.stat(total, expected)

    async def write(self, offset: int, data: bytes, total: int, expected: str) -> None:
        await self._inner.write(offset, data, total, expected)

    async def commit(self, offset: int, data: bytes, total: int, expected: str, labels: dict[str, str] | None) -> str:
        digest = await self._inner.commit(offset, data, total, expected, labels)
        self._labels[digest] = stored(labels or {})
        return digest

    async def close(self) -> None:
        await self._inner.close()


class Store(LocalStore):
    """Blobs in a directory, and their labels in memory."""

    def __init__(self, root: Path) -> None:
        super().__init__(Blobs(root))
        self.blobs.recover()
        self._labels: dict[str, dict[str, str]] = {}
        self._changed_ns: dict[str, int] = {}

    async def info(self, digest: str) -> Info:
        return self._labelled(await super().info(digest))

    async def walk(self, filter: Filter) -> AsyncIterator[Info]:
        async for info in super().walk(EVERYTHING):
            told = self._labelled(info)
            if filter.matches(told.lookup):
                yield told

    def _labelled(self, info: Info) -> Info:
        changed_ns = self._changed_ns.get(info.digest, info.updated_ns)
        return replace(info, labels=dict(self._labels.get(info.digest, {})), updated_ns=changed_ns)

    async def delete(self, digest: str) -> None:
        await super().delete(digest)
        self._labels.pop(digest, None)
        self._changed_ns.pop(digest, None)

    async def update(self, info: Info, paths: Sequence[str]) -> Info:
        known = await self.info(info.digest)
        self._labels[info.digest] = masked(known.labels, info.labels, paths, "content")
        self._changed_ns[info.digest] = time.time_ns()
        return await self.info(info.digest)

    async def writer(self, ref: str, total: int, expected: str, holder: str) -> Writer:
        return _Labelling(await super().writer(ref, total, expected, holder), self._labels)


if __name__ == "__main__":
    main(Store)
