"""What a plugin's processes print: lines with their time and process, in a file that is begun anew when it is full."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Final

MOST_BYTES: Final = 1 << 20
"""Of one file; the one before stays beside it, as ``NAME.log.1``."""
# A line that does not end is cut here.
_LINE_BYTES: Final = 8192


class ProgramLog:
    """The log of one process; those of one plugin write into the same file, one after the other or side by side."""

    def __init__(self, path: Path, pid: int) -> None:
        self._path, self._pid = path, pid
        self._part = b""
        self.last = ""
        """The last line that is not blank."""

    def take(self, data: bytes) -> None:
        """Write what was printed, as far as its lines are whole. Never raises OSError: a full disk must not stop who prints."""
        *lines, self._part = (self._part + data).split(b"\n")
        if len(self._part) > _LINE_BYTES:
            lines.append(self._part)
            self._part = b""
        self._write(lines)

    def end(self) -> None:
        """Write what is left of a line that was not ended."""
        part, self._part = self._part, b""
        if part:
            self._write([part])

    def say(self, text: str) -> None:
        """Write a line of our own."""
        self._write([f"argosy: {text}".encode(errors="replace")])

    def _write(self, lines: list[bytes]) -> None:
        if not lines:
            return
        before = f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime())}Z {self._pid} ".encode()
        text = b"".join(before + line[:_LINE_BYTES] + b"\n" for line in lines)
        for line in lines:
            if line.strip() and not line.startswith(b"argosy: "):
                self.last = line.strip().decode(errors="replace")[:500]
        try:
            fd = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
            try:
                os.write(fd, text)
                full = os.fstat(fd).st_size > MOST_BYTES
            finally:
                os.close(fd)
            if full:
                os.replace(self._path, f"{self._path}.1")
        except OSError:
            return  # the reason of an end is told all the same
