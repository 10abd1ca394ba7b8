"""One ingest as a pure state machine: what a Write message does, without disk or wire.

The rules are containerd's content service's: a stream opens one ingest; WRITE and COMMIT must name the current
offset, or 0, which starts the ingest again; a failed COMMIT keeps the bytes.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto

from argosy.errors import FailedPrecondition, OutOfRange


class Kind(Enum):
    """The steps that the caller of this machine has to do."""

    TRUNCATE = auto()
    APPEND = auto()
    COMMIT = auto()
    ANSWER = auto()


@dataclass(frozen=True, slots=True)
class Action:
    """One thing to do, in order. ``data`` is for APPEND, ``offset`` for ANSWER."""

    kind: Kind
    data: bytes = b""
    offset: int = 0


@dataclass(slots=True)
class Ingest:
    """One open ingest: where it stands and what was said about it. Sizes and offsets are bytes."""

    ref: str
    offset: int = 0
    total: int = 0
    expected: str = ""
    committed: bool = False

    def stat(self, total: int = 0, expected: str = "") -> list[Action]:
        """Advance by one STAT. A later total or expected digest replaces an earlier one."""
        self._note(total, expected)
        return [Action(Kind.ANSWER, offset=self.offset)]

    def write(self, offset: int, data: bytes, total: int = 0, expected: str = "") -> list[Action]:
        """Advance by one WRITE. Raises OutOfRange when offset is neither 0 nor the current one; nothing changes then."""
        actions = self._place(offset, data)
        self._note(total, expected)
        return [*actions, Action(Kind.ANSWER, offset=self.offset)]

    def commit(self, offset: int, data: bytes, total: int = 0, expected: str = "") -> list[Action]:
        """Advance by one COMMIT. Raises OutOfRange as WRITE does."""
        actions = self._place(offset, data)
        self._note(total, expected)
        return [*actions, Action(Kind.COMMIT), Action(Kind.ANSWER, offset=self.offset)]

    def check(self, actual: str) -> None:
        """Check size and digest before the commit. Raises FailedPrecondition; the ingest keeps its bytes."""
        if self.total and self.total != self.offset:
            raise FailedPrecondition(
                f'"{self.ref}" failed size validation: unexpected commit size {self.offset}, expected {self.total}'
            )
        if self.expected and self.expected != actual:
            raise FailedPrecondition(f'"{self.ref}": unexpected commit digest {actual}, expected {self.expected}')

    def _note(self, total: int, expected: str) -> None:
        if total > 0:
            self.total = total
        if expected:
            self.expected = expected

    def _place(self, offset: int, data: bytes) -> list[Action]:
        if self.committed:
            raise FailedPrecondition(f'ingest "{self.ref}" is committed; open another ref')
        if offset > 0 and offset != self.offset:
            raise OutOfRange(f"write @{offset} must occur at current offset {self.offset}")
        actions: list[Action] = []
        if offset <= 0 and self.offset > 0:
            actions.append(Action(Kind.TRUNCATE))
            self.offset = 0
        if data:
            actions.append(Action(Kind.APPEND, data))
            self.offset += len(data)
        return actions
