"""The base of shim-side messages: slots, keyword construction, compiled codecs, nothing imported."""

from __future__ import annotations

from typing import Any, ClassVar, Self

from ._wire import DecodeError

__all__ = ("DecodeError", "Message")


class Message:
    """A message whose bytes are made and read by generated code; see ``argosy_protos._message`` for its twin."""

    __slots__ = ("_unknown_fields",)
    __fields__: ClassVar[tuple[str, ...]] = ()

    def encode(self) -> bytes:
        """Return the message's bytes, unknown fields last."""
        raise NotImplementedError  # every generated class has its own

    def _merge(self, b: bytes, p: int, n: int) -> None:
        raise NotImplementedError  # every generated class has its own

    @classmethod
    def _blank(cls) -> Self:
        return cls()

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """Return the message that data encodes. Raises DecodeError for anything else."""
        m = cls()
        try:
            m._merge(data, 0, len(data))
        except IndexError:
            raise DecodeError(f"{cls.__name__}: truncated") from None
        return m

    def __bytes__(self) -> bytes:
        return self.encode()

    def __eq__(self, other: object) -> bool:
        if type(self) is not type(other):
            return NotImplemented
        return all(getattr(self, f) == getattr(other, f) for f in self.__fields__)

    __hash__ = None  # type: ignore[assignment] # mutable, as every message

    def __repr__(self) -> str:
        shown: list[str] = []
        for name in self.__fields__:
            value: Any = getattr(self, name)
            if value:
                shown.append(f"{name}={value!r}")
        return f"{type(self).__name__}({', '.join(shown)})"
