"""The base of service-side messages: betterproto2's typed classes with the compiled codecs in place of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

from ._betterproto import betterproto2
from ._wire import DecodeError

if TYPE_CHECKING:
    from betterproto2._types import SupportsRead, SupportsWrite

__all__ = ("DecodeError", "Message")


class Message(betterproto2.Message):
    """A message whose bytes are made and read by generated code only.

    ``encode``/``decode`` are the codec; betterproto2's names (``bytes(m)``, ``parse``, ``dump``, ...)
    lead to the same two functions, so that no path reaches the reflective ones.
    """

    _unknown_fields: bytes

    def encode(self) -> bytes:
        """Return the message's bytes, unknown fields last. Raises ValueError, TypeError or AttributeError
        for a value that its field can't hold."""
        raise NotImplementedError  # every generated class has its own

    @classmethod
    def _blank(cls) -> Self:
        return cls()

    def _merge(self, b: bytes, p: int, n: int) -> None:
        raise NotImplementedError  # every generated class has its own

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """Return the message that data encodes. Raises DecodeError for anything else."""
        m = cls._blank()
        try:
            m._merge(data, 0, len(data))
        except IndexError:
            raise DecodeError(f"{cls.__name__}: truncated") from None
        return m

    def __bytes__(self) -> bytes:
        return self.encode()

    def SerializeToString(self) -> bytes:  # noqa: N802 - betterproto2's own name
        return self.encode()

    @classmethod
    def parse(cls, data: bytes) -> Self:
        return cls.decode(bytes(data))

    @classmethod
    def FromString(cls, s: bytes) -> Self:  # noqa: N802 - betterproto2's own name
        return cls.decode(bytes(s))

    def dump(self, stream: SupportsWrite[bytes], delimit: bool = False) -> None:
        from ._wire import vi

        data = self.encode()
        stream.write(vi(len(data)) + data if delimit else data)

    def load(self, stream: SupportsRead[bytes], size: Any = None) -> Self:
        data = stream.read() if size is None else stream.read(size)
        self._merge(data, 0, len(data))
        return self
