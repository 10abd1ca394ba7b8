"""A snapshotter around another one: it passes every call on, and tells what was asked, what came of it, and how long it took.

The other one is at a socket, and serves nobody else: argosy-snapshotter-overlay --root /var/lib/inner --address /run/inner.sock
"""

import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated, TypeVar

from argosy.plugin.main import main
from argosy.plugin.snapshots.remote import RemoteSnapshotter

Q = TypeVar("Q")
A = TypeVar("A")


class Told(RemoteSnapshotter):
    def __init__(self, target: Annotated[Path, "socket of the snapshotter that is wrapped"]) -> None:
        super().__init__(target)

    async def call(self, method: Callable[[Q], Awaitable[A]], request: Q) -> A:
        began, came = time.perf_counter(), "cancelled"
        try:
            answer = await super().call(method, request)
            came = repr(answer)
        except Exception as error:
            came = f"{type(error).__name__}: {error}"
            raise
        else:
            return answer
        finally:
            print(f"{(time.perf_counter() - began) * 1000:8.1f} ms  {request} -> {came}", flush=True)


if __name__ == "__main__":
    main(Told)
