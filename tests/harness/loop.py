"""An event loop that runs in a test waits for nobody: what would block it raises where it is called."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest
from blockbuster import BlockBuster

_HERE: Final = Path(__file__).parents[2]
_OURS: Final = ["argosy", *sorted(path.parent.name for path in _HERE.glob("services/*/src/*/__init__.py"))]
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
