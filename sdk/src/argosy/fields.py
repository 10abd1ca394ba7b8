"""How many fields an encoded message has, counted without making anything of them.

A field may take two bytes and some microseconds, and an object or an entry of a map in memory: a message of 16 MiB held the loop
of whoever decoded it for half a minute and took gigabytes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from argosy_protos._error import DecodeError
from argosy_protos._wire import rv

Shape = Mapping[int, Any]
"""What is inside a message's fields, by their numbers: the shape of a message, or ``_NUMBERS``."""

FLAT: Final[Shape] = {}
"""The shape of a message with none inside, as an entry of a map."""
_NUMBERS: Final = "numbers"
"""A field whose bytes are numbers, packed: each may be a value of its own."""
_PACKED: Final = frozenset(("bool", "int32", "int64", "uint32", "uint64", "sint32", "sint64", "enum", "double", "float"))
_shapes: dict[type[Any], Shape] = {}


def _shape(cls: type[Any]) -> Shape:
    """Return the shape of a message class."""
    if cls in _shapes:
        return _shapes[cls]
    found: dict[int, Any] = {}
    _shapes[cls] = found  # now: a class may have itself inside
    table = cls()._betterproto
    for name, meta in table.meta_by_field_name.items():
        if meta.proto_type == "map":
            value = table.cls_by_field[f"{name}.value"]
            found[meta.number] = {2: _shape(value)} if hasattr(value, "decode") and value not in (str, bytes) else FLAT
        elif meta.proto_type == "message":
            found[meta.number] = _shape(table.cls_by_field[name])
        elif meta.repeated and meta.proto_type in _PACKED:
            found[meta.number] = _NUMBERS
    return found


def count(cls: type[Any], data: bytes, most: int) -> int:
    """Return how many fields a message has, those of the messages in it included. Stops counting above most.

    Of malformed data at least as many as are decoded before that is found.
    """
    return count_in(_shape(cls), data, most)


def count_in(shape: Shape, data: bytes, most: int) -> int:
    """As ``count``, of a message of that shape."""
    found = 0
    regions: list[tuple[Shape, int, int]] = [(shape, 0, len(data))]
    while regions:
        shape, p, n = regions.pop()
        try:
            while p < n:
                found += 1
                if found > most:
                    return found
                t = data[p]
                p += 1
                if t > 127:
                    t, p = rv(data, p - 1)
                wire = t & 7
                if wire == 2:
                    size = data[p]
                    p += 1
                    if size > 127:
                        size, p = rv(data, p - 1)
                    inside = shape.get(t >> 3)
                    if inside is _NUMBERS:
                        found += min(size, n - p)
                    elif inside is not None and size:
                        regions.append((inside, p, min(p + size, n)))
                    p += size
                elif wire == 0:
                    p = rv(data, p)[1]
                elif wire == 1:
                    p += 8
                elif wire == 5:
                    p += 4
                # The beginning and the end of a group have nothing of their own; what is between is counted here.
        except (IndexError, DecodeError):
            continue  # this part ends here for the decoder too
    return found
