"""What the programs of a plugin have printed, read from the files in which the supervisor keeps it."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import IO, Final

import anyio

_FRAME_BYTES: Final = 65536
_LOOK_S: Final = 0.1


async def printed(path: Path, lines: int, follow: bool) -> AsyncIterator[bytes]:
    """Yield what is in a log and in the one before it, the last so many lines or all (0); follow: and what comes, for ever."""
    kept = b""
    # Opened before the one before it is read: when it is full meanwhile, it becomes that one, and nothing is lost or read twice.
    file = _opened(path)
    try:
        kept = Path(f"{path}.1").read_bytes()
    except OSError:
        pass  # there is none
    try:
        if file is not None:
            kept += file.read()
        for at in range(start := _of_last(kept, lines), len(kept), _FRAME_BYTES):
            yield kept[at : at + _FRAME_BYTES]
        del kept, start
        while follow:
            while file is not None and (data := file.read(_FRAME_BYTES)):
                yield data
            if file is None or _is_another(path, file):
                if file is not None:
                    while data := file.read(_FRAME_BYTES):  # written between the last read and its end
                        yield data
                    file.close()
                file = _opened(path)
                if file is not None:
                    continue
            await anyio.sleep(_LOOK_S)
    finally:
        if file is not None:
            file.close()


def _opened(path: Path) -> IO[bytes] | None:
    try:
        return path.open("rb", buffering=0)
    except OSError:
        return None


def _is_another(path: Path, file: IO[bytes]) -> bool:
    try:
        return os.stat(path).st_ino != os.fstat(file.fileno()).st_ino
    except OSError:
        return True


def _of_last(text: bytes, lines: int) -> int:
    """Return where the last so many lines begin; 0 lines are all."""
    at = len(text)
    for _ in range(lines + 1 if text.endswith(b"\n") else lines):
        at = text.rfind(b"\n", 0, at)
        if at < 0:
            return 0
    return at + 1 if lines else 0
