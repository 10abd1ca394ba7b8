"""The guard of the tests' loops sees what it shall see."""

from __future__ import annotations

import asyncio
import socket

import pytest
from argosy import settled
from blockbuster import BlockingError


def test_a_call_of_ours_that_waits_in_a_loop_is_an_error_and_one_in_a_thread_is_none() -> None:
    code = compile("import time\ndef sleep(): time.sleep(0.01)\n", settled.__file__, "exec")
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
