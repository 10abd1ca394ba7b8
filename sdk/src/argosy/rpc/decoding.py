"""Messages from peers, decoded: not for long in the loop, and never more than a bound of fields.

What may be many is counted first; many are decoded in a thread of its own, and too many not at all.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from argosy.fields import count

if TYPE_CHECKING:
    from concurrent.futures import ThreadPoolExecutor

MOST_FIELDS: Final = 1 << 15
"""Of a request: some 10000 labels. Ordinary ones have some hundred fields."""
MOST_ANSWER_FIELDS: Final = 1 << 20
"""Of an answer, which may be a list of many thousand things."""
# Up to here it is decoded where it comes in: a few milliseconds at most.
_FEW_FIELDS: Final = 2048
_SMALL_BYTES: Final = 2 * _FEW_FIELDS


class TooManyFields(Exception):
    """A message has more fields than anybody needs."""


_threads: list[ThreadPoolExecutor] = []


def _in_thread(cls: type[Any], data: bytes, most: int) -> Any:
    if count(cls, data, most) > most:
        raise TooManyFields(f"it has more than {most} fields")
    return cls.decode(data)


def is_small(data: bytes) -> bool:
    """Return whether data has so few fields that decoding it holds nobody up: that needs no ``decode``."""
    return len(data) <= _SMALL_BYTES


async def decode(cls: type[Any], data: bytes, most: int) -> Any:
    """Return the message that data encodes; data itself when cls is bytes. Raises DecodeError, TooManyFields.

    Cancellation: what a thread has begun goes on to its end, and nobody has its result.
    """
    if cls is bytes:
        return data
    if is_small(data) or count(cls, data, _FEW_FIELDS) <= _FEW_FIELDS:
        return cls.decode(data)
    import asyncio

    if not _threads:
        from concurrent.futures import ThreadPoolExecutor  # most processes never need it

        # One: those that send much wait for one another, and nobody else for them.
        _threads.append(ThreadPoolExecutor(1, "decode"))
    return await asyncio.get_running_loop().run_in_executor(_threads[0], _in_thread, cls, data, most)
