"""Loops that run in these tests may not be blocked."""

from tests.harness.loop import never_blocks

__all__ = ("never_blocks",)
