"""The numbers of backend keys: reserved in blocks, and never given out twice."""

from __future__ import annotations

import asyncio
from pathlib import Path

from argosy.store.database import Database
from argosy_gateway.metadata import namespaces
from argosy_gateway.metadata.schema import MIGRATIONS
from argosy_gateway.metadata.snapshots import Numbers


def test_numbers_are_never_given_out_twice(tmp_path: Path) -> None:
    async def main() -> None:
        given: list[int] = []
        for _ in range(3):  # the process ends and starts again
            db = await Database.open(tmp_path / "db", MIGRATIONS)
            numbers = Numbers(db, "snapshots/overlayfs")
            before = db.statistics().transactions
            given += await asyncio.gather(*(numbers.next("default") for _ in range(50)))
            given += [await numbers.next("default") for _ in range(50)]
            # Most of them wait for no disk.
            assert db.statistics().transactions - before < 10
            await db.close()
        assert len(set(given)) == len(given) == 300 and min(given) == 1

    asyncio.run(main())


def test_a_namespace_that_comes_again_goes_on_counting(tmp_path: Path) -> None:
    async def main() -> None:
        db = await Database.open(tmp_path / "db", MIGRATIONS)
        numbers, others = Numbers(db, "snapshots/overlayfs"), Numbers(db, "snapshots/native")
        given = []
        for _ in range(3):
            await db.write(lambda db: namespaces.touch(db, "n"))
            given += [await numbers.next("n") for _ in range(40)]
            await db.write(lambda db: namespaces.delete(db, "n"))
        assert len(set(given)) == 120
        # Each snapshotter and each namespace has its own.
        assert await others.next("n") == 1 and await numbers.next("m") == 1
        await db.close()

    asyncio.run(main())
