"""What a copy's process is told, and what it says at its end: a process of its own, which can be killed, whatever the files that it reads are.

Its order is in an unnamed file, which it inherits. The tar goes over standard input or output. How it ended is one line of JSON to the descriptor ``word``.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Final, Self

from argosy.errors import ArgosyError, Internal, Unavailable, from_wire, to_wire
from argosy.mounts import Mount
from argosy.shown import shown

PACK: Final = "pack"
PLACE: Final = "place"
_MOST_WORD_BYTES: Final = 8192


@dataclass(frozen=True, kw_only=True)
class Order:
    """One copy. Descriptors are numbers that the process finds open, -1 for none."""

    verb: str
    """``pack`` what is at path, or ``place`` a tar below it."""
    path: str
    what: str
    """The tree's name in errors."""
    walk: bool = True
    owners: bool = False
    only: str = ""
    name: str = ""
    links: bool = True
    devices: bool = True
    """These are as for ``pack``, and as in ``Rules``."""
    root: int = -1
    """The tree's root; without one, ``mounts`` make it."""
    user: int = -1
    """A user namespace, by whose ids files belong to somebody."""
    word: int = -1
    parent: int = 0
    """The process that it ends with; 0 for whoever is its parent when it looks."""
    mounts: Sequence[Mount] = ()
    maps: tuple[str, str] = ("", "")
    """The maps of user and group ids of a user namespace that has to be made; see ``user_namespace``."""

    def file(self) -> int:
        """Return a descriptor of the order, for the process to inherit. Raises OSError."""
        fd = os.memfd_create("order")
        with open(fd, "wb", closefd=False) as file:
            file.write(json.dumps(asdict(self)).encode())
        return fd

    def command(self, file: int) -> list[str]:
        """Return the command of the process, which has the order as that descriptor. What stands behind is for who looks at processes."""
        flag = "-I" if sys.flags.isolated else "-P"
        return [sys.executable, flag, "-m", "argosy.paths", str(file), self.verb, ascii(self.path)]

    @classmethod
    def read(cls, file: int) -> Self:
        with open(file, "rb") as order:
            order.seek(0)
            fields = json.load(order)
        fields["mounts"] = [Mount(m[0], m[1], tuple(m[2]), m[3]) for m in fields["mounts"]]
        fields["maps"] = tuple(fields["maps"])
        return cls(**fields)


def say(word: int, error: BaseException | None, left_out: int = 0) -> None:
    """Write how a copy ended, and how many entries it left out. A reader that has gone is not told."""
    code, message = (0, "") if error is None else to_wire(error)
    # A letter takes six bytes at most, which a control character does.
    said = {"code": code, "message": message[: _MOST_WORD_BYTES // 8], "left_out": left_out}
    try:
        os.write(word, json.dumps(said, ensure_ascii=False).encode())
    except OSError:
        pass  # it has gone


def hear(word: int) -> bytes:
    """Return what a process that has ended said, nothing when it was killed before. Nobody else has the other end by now, or will soon not have it."""
    try:
        return os.read(word, _MOST_WORD_BYTES)
    except BlockingIOError:
        return b""


def left_out(said: bytes) -> int:
    """Return how many entries a copy left out, from what its process said."""
    return int(json.loads(said).get("left_out", 0))


def failure(said: bytes, code: int) -> ArgosyError | None:
    """Return why a copy failed, from what its process said and its exit code, which is negative after a signal; None when it did not."""
    if not said:
        how = f"by signal {-code}" if code < 0 else f"with {code}"
        return Unavailable(f"the process that copied ended {how} before it was done; copy again")
    try:
        word = json.loads(said)
        return from_wire(word["code"], word["message"]) if word["code"] else None
    except (ValueError, KeyError, TypeError):
        return Internal(f"the process that copied said {shown(said, 100)}")
