"""Texts of a mount that refer to the mounts made before it: ``{{ mount 0 }}/upper``, ``lowerdir={{ overlay 2 0 }}``.

They are Go's templates in containerd, of which this is all that a mount can need: four functions of numbers, and nothing else. What
comes out is checked again as what came in was (``mounts.check``): a made mount's own source may be any text.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final, NamedTuple

from argosy.errors import InvalidArgument, ResourceExhausted, Unknown
from argosy.mounts import Mount

_ACTION: Final = re.compile(r"\{\{(.*?)\}\}", re.DOTALL)
_CALL: Final = re.compile(r"(\s*)([a-z]+)((?:\s+-?\d{1,9})*)\s*")
_ARGUMENTS: Final = {"mount": 1, "source": 1, "target": 1, "overlay": 2}
_SHOWN: Final = 64
# As ``mounts.check`` allows for a whole list.
_MOST_BYTES: Final = 1 << 20


class Made(NamedTuple):
    """A mount that was made: what it is, and where."""

    mount: Mount
    point: str


def expand(text: str, made: Sequence[Made]) -> str:
    """Return text with what its actions say of the mounts made so far.

    Raises Unknown in containerd's words for a mount that was not made, InvalidArgument for any other action, ResourceExhausted for
    a text that grows beyond all use.
    """
    if "{{" not in text:
        return text
    out: list[str] = []
    end = size = 0
    for found in _ACTION.finditer(text):
        out += (text[end : found.start()], _value(found, made))
        end = found.end()
        size += len(out[-1])
        if size > _MOST_BYTES:
            raise ResourceExhausted(
                f"a mount's text grows beyond {_MOST_BYTES} bytes when it is formatted; name fewer mounts"
            )
    rest = text[end:]
    if "{{" in rest:
        raise InvalidArgument(f'the mount\'s text "{text[:_SHOWN]}" has a "{{{{" without a "}}}}"')
    return "".join((*out, rest))


def _value(found: re.Match[str], made: Sequence[Made]) -> str:
    call = _CALL.fullmatch(found[1])
    if call is None or call[2] not in _ARGUMENTS or len(call[3].split()) != _ARGUMENTS[call[2]]:
        raise InvalidArgument(
            f'the mount\'s text has the action "{found[0][:_SHOWN]}"; use mount N, source N, target N or overlay N M'
        )
    name, numbers = call[2], [int(word) for word in call[3].split()]
    for number in numbers:
        if not 0 <= number < len(made):
            at = len(found.string[: found.start()].encode()) + 2 + len(call[1])
            raise Unknown(
                f'template: :1:{at}: executing "" at <{name} {" ".join(map(str, numbers))}>: error calling {name}: index out '
                f"of bounds: {number}, has {len(made)} active mounts"
            )
    if name == "overlay":
        begin, last = numbers
        step = 1 if begin <= last else -1
        return ":".join(made[index].point for index in range(begin, last + step, step))
    one = made[numbers[0]]
    return one.point if name == "mount" else one.mount.source if name == "source" else one.mount.target


def formatted(mount: Mount, made: Sequence[Made]) -> Mount:
    """Return a mount with its source, target and options expanded. Raises what ``expand`` does."""
    return Mount(
        mount.type,
        expand(mount.source, made),
        tuple(expand(option, made) for option in mount.options),
        expand(mount.target, made),
    )
