"""containerd's filter language: selectors joined by commas are all required, filters in a list are alternatives.

Grammar (reference: containerd's documented filter syntax)::

    filter    = selector *( "," selector )
    selector  = fieldpath [ operator value ]
    fieldpath = field *( "." field )
    operator  = "==" | "!=" | "~="

A field is a run of ASCII letters, digits and ``_``, or quoted. A value is quoted or a run of printing runes
without space or comma. ``"…"`` quotes anything; ``/…/`` and ``|…|`` quote regular expressions only.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from argosy.errors import InvalidArgument

Lookup = Callable[[Sequence[str]], str | None]
"""Given a field path, the field's value, or None when it is absent."""

_FIELD: Final = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_")
_QUOTES: Final = frozenset('"/|')
_SEPARATORS: Final = frozenset(",.")
_OPERATORS: Final = frozenset("=!~")
_SIMPLE_ESCAPES: Final = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v", "\\": "\\"}


class _BadFilterError(Exception):
    def __init__(self, position: int, reason: str) -> None:
        self.position, self.reason = position, reason


@dataclass(frozen=True, slots=True)
class _Token:
    """A word of the grammar, and where it stands."""

    kind: str  # "end", "quoted", "value", "field", "separator", "operator"
    text: str
    position: int


@dataclass(frozen=True, slots=True)
class Selector:
    """One condition on one field."""

    path: tuple[str, ...]
    operator: str = ""
    value: str = ""
    pattern: re.Pattern[str] | None = None

    def matches(self, lookup: Lookup) -> bool:
        found = lookup(self.path)
        if not self.operator:
            return found is not None
        if self.operator == "==":
            return found == self.value
        if self.operator == "!=":
            return found != self.value
        return self.pattern is not None and self.pattern.search(found or "") is not None


class _Scanner:
    def __init__(self, text: str) -> None:
        self.text, self.at, self.wants_value = text, 0, False

    def next(self) -> _Token:
        text = self.text
        while self.at < len(text) and text[self.at].isspace():
            self.at += 1
        start = self.at
        if start >= len(text):
            return _Token("end", "", start)
        rune = text[start]
        if rune in _QUOTES:
            self.wants_value = False
            return _Token("quoted", self._quoted(rune), start)
        if rune in _SEPARATORS:
            self.at += 1
            self.wants_value = False
            return _Token("separator", rune, start)
        if rune in _OPERATORS:
            self._run(lambda r: r in _OPERATORS)
            self.wants_value = True
            return _Token("operator", text[start : self.at], start)
        if self.wants_value and rune.isprintable():
            self._run(lambda r: r != "," and not r.isspace() and r.isprintable())
            self.wants_value = False
            return _Token("value", text[start : self.at], start)
        if rune in _FIELD:
            self._run(_FIELD.__contains__)
            return _Token("field", text[start : self.at], start)
        raise _BadFilterError(start, "expected field or quoted")

    def _run(self, accept: Callable[[str], bool]) -> None:
        while self.at < len(self.text) and accept(self.text[self.at]):
            self.at += 1

    def _quoted(self, quote: str) -> str:
        start = self.at
        i = start + 1
        text = self.text
        while i < len(text) and text[i] != quote:
            if text[i] == "\n":
                raise _BadFilterError(start, "newline in quoted string")
            i += 2 if text[i] == "\\" else 1
        if i >= len(text):
            raise _BadFilterError(start, "quoted literal not terminated")
        self.at = i + 1
        return text[start : self.at]


def _unquote(literal: str, position: int) -> str:
    quote, body = literal[0], literal[1:-1]
    out: list[str] = []
    i = 0
    while i < len(body):
        c = body[i]
        i += 1
        if c != "\\":
            out.append(c)
            continue
        e = body[i] if i < len(body) else ""
        i += 1
        if e in _SIMPLE_ESCAPES:
            out.append(_SIMPLE_ESCAPES[e])
        elif e == quote:
            out.append(quote)
        elif e in ("x", "u", "U") or (e in "01234567" and e):
            width, base = {"x": (2, 16), "u": (4, 16), "U": (8, 16)}.get(e, (3, 8))
            if base == 8:
                i -= 1
            digits = body[i : i + width]
            try:
                if len(digits) != width:
                    raise ValueError
                out.append(chr(int(digits, base)))
            except (ValueError, OverflowError):
                raise _BadFilterError(position, "illegal escape sequence") from None
            i += width
        else:
            raise _BadFilterError(position, "illegal escape sequence")
    return "".join(out)


class _Parser:
    def __init__(self, text: str) -> None:
        self.scanner = _Scanner(text)
        self.token = self.scanner.next()

    def advance(self) -> _Token:
        token, self.token = self.token, self.scanner.next()
        return token

    def filter(self) -> tuple[Selector, ...]:
        selectors = [self.selector()]
        while self.token.kind != "end":
            if self.token.kind != "separator" or self.token.text != ",":
                raise _BadFilterError(
                    self.token.position, f"unexpected input, expected a separator, got {self.token.text!r}"
                )
            self.advance()
            selectors.append(self.selector())
        return tuple(selectors)

    def selector(self) -> Selector:
        path = [self.field()]
        while self.token.kind == "separator" and self.token.text == ".":
            self.advance()
            path.append(self.field())
        if self.token.kind != "operator":
            return Selector(tuple(path))
        operator = self.token
        if operator.text not in ("==", "!=", "~="):
            raise _BadFilterError(operator.position, f"unsupported operator {operator.text!r}")
        self.advance()
        value = self.value(operator.text == "~=")
        pattern = None
        if operator.text == "~=":
            try:
                pattern = re.compile(value)
            except re.error:
                pattern = None  # a bad expression matches nothing, it is no parse error
        return Selector(tuple(path), operator.text, value, pattern)

    def field(self) -> str:
        token = self.token
        if token.kind == "field":
            self.advance()
            return token.text
        if token.kind == "quoted":
            if token.text[0] != '"':
                raise _BadFilterError(token.position, "invalid quote encountered")
            self.advance()
            return _unquote(token.text, token.position)
        raise _BadFilterError(token.position, "expected field or quoted")

    def value(self, regex: bool) -> str:
        token = self.token
        if token.kind in ("value", "field"):
            self.advance()
            return token.text
        if token.kind == "quoted":
            if token.text[0] != '"' and not regex:
                raise _BadFilterError(token.position, "invalid quote encountered")
            self.advance()
            return _unquote(token.text, token.position)
        raise _BadFilterError(token.position, "expected value or quoted")


@dataclass(frozen=True, slots=True)
class Filter:
    """A list of alternatives; an empty one matches everything."""

    alternatives: tuple[tuple[Selector, ...], ...] = ()

    def matches(self, lookup: Lookup) -> bool:
        if not self.alternatives:
            return True
        return any(all(s.matches(lookup) for s in selectors) for selectors in self.alternatives)


EVERYTHING: Final = Filter()


def parse(filters: Iterable[str]) -> Filter:
    """Return the filter for a request's list. Raises InvalidArgument with the place and the reason."""
    alternatives: list[tuple[Selector, ...]] = []
    for text in filters:
        if not text:
            return EVERYTHING
        try:
            alternatives.append(_Parser(text).filter())
        except _BadFilterError as error:
            at = error.position
            shown = text if at >= len(text) else f"{text[:at]} >|{text[at]}|< {text[at + 1 :]}"
            raise InvalidArgument(f"filters: parse error: [{shown}]: {error.reason}") from None
    return Filter(tuple(alternatives))


def labels_lookup(labels: dict[str, str], path: Sequence[str]) -> str | None:
    """Look a label up by the parts after ``labels``: they are joined again, since label keys hold dots."""
    return labels.get(".".join(path))


def present(value: str) -> str | None:
    """Return value, or None where an empty string means absent."""
    return value or None
