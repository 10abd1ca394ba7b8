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

_CALL: Final = re.compile(r"(\s*)([a-z]+)((?:\s+-?\d{1,9})*)\s*", re.ASCII)
_ARGUMENTS: Final = {"mount": 1, "source": 1, "target": 1, "overlay": 2}
_SHOWN: Final = 64
# As ``mounts.check`` allows for a whole list.
_MOST_BYTES: Final = 1 << 20


class Made(NamedTuple):
    """A mount that was made: what it is, and where."""

    mount: Mount
    point: str


def expand(text: str, made: Sequence[Made], room: int = _MOST_BYTES) -> str:
    """Return text with what its actions say of the mounts made so far. room is how many characters they may add.

    Raises Unknown in containerd's words for a mount that was not made, InvalidArgument for any other action, ResourceExhausted for
    a text that grows beyond all use.
    """
    out: list[str] = []
    end = 0
    # No pattern: one that looks for both ends begins anew at each brace, and whoever names a mount may write a million of them.
    while (begin := text.find("{{", end)) >= 0:
        stop = text.find("}}", begin + 2)
        if stop < 0:
            raise InvalidArgument(f'the mount\'s text "{text[:_SHOWN]}" has a "{{{{" without a "}}}}"')
        out += (text[end:begin], _value(text, begin, stop, made))
        end = stop + 2
        room -= len(out[-1])
        if room < 0:
            raise ResourceExhausted(
                f"a mount's text grows beyond {_MOST_BYTES} bytes when it is formatted; name fewer mounts"
            )
    return "".join((*out, text[end:])) if out else text


def _value(text: str, begin: int, stop: int, made: Sequence[Made]) -> str:
    """Return what the action whose braces begin and stop there says."""
    call = _CALL.fullmatch(text, begin + 2, stop)
    if call is None or call[2] not in _ARGUMENTS or len(call[3].split()) != _ARGUMENTS[call[2]]:
        shown = text[begin : min(stop + 2, begin + _SHOWN)]
        raise InvalidArgument(
            f'the mount\'s text has the action "{shown}"; use mount N, source N, target N or overlay N M'
        )
    name, numbers = call[2], [int(word) for word in call[3].split()]
    for number in numbers:
        if not 0 <= number < len(made):
            at = len(text[:begin].encode()) + 2 + len(call[1])
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
    """Return a mount with its source, target and options expanded. Raises what ``expand`` does, for all of them together."""
    texts: list[str] = []
    room = _MOST_BYTES
    for text in (mount.source, mount.target, *mount.options):
        texts.append(expand(text, made, room))
        room -= max(0, len(texts[-1]) - len(text))
    source, target, *options = texts
    return Mount(mount.type, source, tuple(options), target)
