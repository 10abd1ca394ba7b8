"""The base of service-side messages: betterproto2's typed classes with the compiled codecs in place of its own."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Self

from ._betterproto import betterproto2
from ._wire import DecodeError

if TYPE_CHECKING:
    from betterproto2._types import SupportsRead, SupportsWrite

__all__ = ("DecodeError", "Message")


_MAKING: Final = threading.RLock()


class _Fields:
    """A message class's table of fields, as dataclasses and betterproto2 want it, made when somebody asks.

    Codecs and constructors need none; for all classes together it is a third of what loading them takes.
    """

    def __get__(self, message: object, owner: type[Message]) -> dict[str, Any]:
        with _MAKING:
            made: dict[str, Any] | None = owner.__dict__.get("__dataclass_fields__")
            if made is self:
                raise AttributeError("the base of all messages is no dataclass")
            if made is None:
                for name, field in owner._fields().items():
                    setattr(owner, name, field)
                dataclass(init=False, eq=False, repr=False)(owner)
                made = owner.__dict__["__dataclass_fields__"]
            return made


class Message(betterproto2.Message):
    """A message whose bytes are made and read by generated code only.

    ``encode``/``decode`` are the codec; betterproto2's names (``bytes(m)``, ``parse``, ``dump``, ...)
    lead to the same two functions, so that no path reaches the reflective ones.
    """

    _unknown_fields: bytes
    __dataclass_fields__ = _Fields()

    @staticmethod
    def _fields() -> dict[str, object]:
        """Return betterproto2's field for each name."""
        return {}

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
