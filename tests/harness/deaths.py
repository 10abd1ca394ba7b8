"""A process that is killed at a chosen line of chosen modules: at each of them in turn, an operation leaves the old or the new state."""

from __future__ import annotations

import os
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Sequence
from types import FrameType, ModuleType
from typing import Any


def dies_at_line(nth: int, modules: Sequence[ModuleType], work: Callable[[Callable[[], None]], object]) -> bool:
    """Run work in a child that kills itself before the nth line of modules, whichever thread runs it; return whether it did.

    Lines count from when work calls what it is given. Raises AssertionError with its words when it failed instead.
    """
    files = {module.__file__ for module in modules}
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            left = nth
            begun = False
            lock = threading.Lock()

            def on_line(frame: FrameType, event: str, argument: Any) -> Any:
                nonlocal left
                if event == "line" and begun:
                    with lock:
                        left -= 1
                        if left <= 0:
                            os.kill(os.getpid(), signal.SIGKILL)
                return on_line

            def on_call(frame: FrameType, event: str, argument: Any) -> Any:
                return on_line if frame.f_code.co_filename in files else None

            def begin() -> None:
                nonlocal begun
                begun = True

            threading.settrace(on_call)
            sys.settrace(on_call)
            work(begin)
            sys.settrace(None)
            os._exit(0)
        except BaseException:
            os.write(write, traceback.format_exc().encode())
        finally:
            os._exit(1)
    os.close(write)
    with os.fdopen(read, "rb") as said:
        words = said.read().decode()
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    assert status in (0, -signal.SIGKILL), f"exit {status}\n{words}"
    return status != 0
