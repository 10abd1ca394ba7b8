"""Working ahead: an iterator of chunks that runs in a thread of its own, a few chunks before whoever takes them."""

from __future__ import annotations

import os
import queue
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

# Chunks that wait, at most: enough for both sides to keep going, and little memory.
_DEPTH: Final = 4


@contextmanager
def ahead(chunks: Iterator[bytes]) -> Iterator[Iterator[bytes]]:
    """Yield an iterator over chunks, which are made meanwhile: inflating and hashing run beside writing.

    What making them raises is raised to the taker. On leaving, making stops after the chunk at hand. With one CPU
    nothing runs beside anything, and chunks itself is yielded.
    """
    if len(os.sched_getaffinity(0)) < 2:
        yield chunks
        return
    waiting: queue.Queue[bytes | BaseException | None] = queue.Queue(_DEPTH)
    stop = False

    def work() -> None:
        try:
            for chunk in chunks:
                waiting.put(chunk)
                if stop:
                    return
        except BaseException as error:
            waiting.put(error)
        else:
            waiting.put(None)

    def taken() -> Iterator[bytes]:
        while (item := waiting.get()) is not None:
            if isinstance(item, BaseException):
                raise item
            yield item

    thread = threading.Thread(target=work, name="inflate", daemon=True)
    thread.start()
    try:
        yield taken()
    finally:
        stop = True
        while thread.is_alive():
            # It may be waiting for room.
            try:
                waiting.get(timeout=0.01)
            except queue.Empty:
                continue
        thread.join()
