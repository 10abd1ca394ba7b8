"""Keys that are pressed, one at a time, where standard input is a terminal; none elsewhere."""

from __future__ import annotations

import os
import sys
import termios
import tty
from collections.abc import AsyncIterator

import anyio


def is_terminal() -> bool:
    """Return whether there is somebody who can press a key."""
    try:
        return os.isatty(sys.stdin.fileno())
    except (AttributeError, OSError, ValueError):
        return False  # it is closed


async def keys() -> AsyncIterator[str]:
    """Yield each key at once. The terminal is as before when it is left; it ends with the terminal, or at once where there is none."""
    if not is_terminal():
        return
    fd = sys.stdin.fileno()
    before = termios.tcgetattr(fd)
    try:
        # Ctrl-C stays a signal; what is printed is printed as ever.
        tty.setcbreak(fd, termios.TCSANOW)
        while True:
            await anyio.wait_readable(fd)
            pressed = os.read(fd, 1)
            if not pressed:
                return
            yield pressed.decode(errors="replace")
    finally:
        termios.tcsetattr(fd, termios.TCSANOW, before)
