"""An event loop that runs in a test waits for nobody: what would block it raises where it is called."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import pytest
from blockbuster import BlockBuster

_OURS: Final = ["argosy", "argosy_content", "argosy_diff", "argosy_gateway", "argosy_tasks"]
# What waits for somebody else, for as long as they like. A small file, or a row of SQLite's, answers at once and may be read in the loop.
_WAITS: Final = ("socket.", "ssl.", "threading.", "time.")


@pytest.fixture(autouse=True)
def never_blocks() -> Iterator[None]:
    """Our code, when it is called by a loop, does not sleep, and calls no socket and no lock that may wait."""
    guard = BlockBuster(_OURS)
    functions = [function for name, function in guard.functions.items() if name.startswith(_WAITS)]
    # Once, at the start, on a socket that nobody listens on, for a second at most.
    guard.functions["socket.socket.connect"].can_block_in("argosy/rpc/sockets.py", "answers")
    for function in functions:
        function.activate()
    yield
    for function in functions:
        function.deactivate()
