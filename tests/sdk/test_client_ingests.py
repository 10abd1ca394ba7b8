"""Opening an ingest: who writes the same is waited for, a store that is not there is not waited for without end."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from argosy.client import content as room
from argosy.client.content import open_ingest
from argosy.errors import Unavailable
from argosy_protos.containerd.services.content import v1 as p


class Store:
    """Answers with an error so many times, then with an open ingest."""

    def __init__(self, error: str, times: int) -> None:
        self.error, self.times, self.asked = error, times, 0

    def write(self) -> Store:
        return self

    async def send_message(self, message: Any) -> None:
        self.asked += 1

    async def recv_message(self) -> p.WriteContentResponse:
        if self.asked <= self.times:
            raise Unavailable(self.error)
        return p.WriteContentResponse(offset=7)

    def cancel(self) -> None:
        pass  # nothing was opened


def test_a_store_that_stays_away_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """A pull waited for ever, without a word, for a plugin that was down."""
    monkeypatch.setattr(room, "_STORE_WAIT_S", 0.2)
    store: Any = Store('content plugin "content" at /x.sock: cannot connect', 1_000_000)
    with pytest.raises(Unavailable, match="cannot connect"):
        asyncio.run(asyncio.wait_for(open_ingest(store, "ref", 1, ""), 20))
    assert store.asked > 2


@pytest.mark.parametrize("error", ["ref r locked for 1.000s (since x) by pid 1", "cannot connect"])
def test_who_comes_back_is_waited_for(monkeypatch: pytest.MonkeyPatch, error: str) -> None:
    """A lock may be held for longer than a store may be away."""
    monkeypatch.setattr(room, "_STORE_WAIT_S", 0.0 if "locked" in error else 20.0)
    monkeypatch.setattr(room, "_LOCK_WAIT_S", 0.02)
    store: Any = Store(error, 20)
    assert asyncio.run(asyncio.wait_for(open_ingest(store, "ref", 1, ""), 20)).offset == 7
