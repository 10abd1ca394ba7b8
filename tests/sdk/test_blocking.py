"""The guard of the tests' loops sees what it shall see."""

from __future__ import annotations

import asyncio
import socket
from types import ModuleType

import argosy_gateway
import argosy_snapshotter_overlay
import pytest
from argosy import settled
from blockbuster import BlockingError


@pytest.mark.parametrize("module", [settled, argosy_gateway, argosy_snapshotter_overlay], ids=lambda module: module.__name__)
def test_a_call_of_ours_that_waits_in_a_loop_is_an_error_and_one_in_a_thread_is_none(module: ModuleType) -> None:
    assert module.__file__ is not None
    code = compile("import time\ndef sleep(): time.sleep(0.01)\n", module.__file__, "exec")
    ours: dict[str, object] = {}
    exec(code, ours)
    sleep = ours["sleep"]
    assert callable(sleep)

    async def main() -> None:
        with pytest.raises(BlockingError, match=r"time\.sleep"):
            sleep()
        await asyncio.to_thread(sleep)
        left, right = socket.socketpair()
        with left, right:
            left.send(b"x")  # the test's own, not ours

    asyncio.run(main())
    sleep()
