"""Working ahead gives the same chunks and failures, and stops when nobody takes them; what inflates comes in pieces."""

from __future__ import annotations

import gzip
import io
import threading
from collections.abc import Iterator

import pytest
from argosy.errors import InvalidArgument
from argosy.unpack.ahead import ahead
from argosy.unpack.inflate import inflate


def counting(made: list[int], fail_at: int = -1) -> Iterator[bytes]:
    for n in range(1000):
        if n == fail_at:
            raise InvalidArgument("the layer is damaged")
        made.append(n)
        yield str(n).encode()


def test_every_chunk_comes_in_order() -> None:
    with ahead(counting([])) as chunks:
        assert list(chunks) == [str(n).encode() for n in range(1000)]


def test_a_failure_comes_after_what_was_made_before_it() -> None:
    taken = []
    with pytest.raises(InvalidArgument, match="damaged"), ahead(counting([], fail_at=7)) as chunks:
        for chunk in chunks:
            taken.append(chunk)  # the failure must not take them with it
    assert len(taken) == 7


def test_who_leaves_early_leaves_no_thread_and_little_made() -> None:
    made: list[int] = []
    before = threading.active_count()
    with pytest.raises(KeyError), ahead(counting(made)) as chunks:
        next(chunks)
        raise KeyError
    assert threading.active_count() == before and len(made) < 20


def test_a_bomb_comes_in_pieces_of_a_mebibyte() -> None:
    packed = gzip.compress(bytes(64 << 20), 9) + gzip.compress(b"tail")
    sizes, last = [], b""
    for last in inflate(io.BytesIO(packed)):
        sizes.append(len(last))
    assert max(sizes) == 1 << 20 and sum(sizes) == (64 << 20) + 4 and last == b"tail"
