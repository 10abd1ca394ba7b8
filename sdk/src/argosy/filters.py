"""containerd's filter language: selectors joined by commas are all required, filters in a list are alternatives.

Grammar (reference: containerd's documented filter syntax, and the answers of its daemon)::

    filter    = selector *( "," selector )
    selector  = fieldpath [ operator value ]
    fieldpath = field *( "." field )
    operator  = "==" | "!=" | "~="

A field is a run of ASCII letters, digits and ``_``, or quoted. A value is quoted or a run of printing runes
without space or comma. ``"…"`` quotes anything; ``/…/`` and ``|…|`` quote regular expressions only. Blanks may stand
before a field, an operator and a value, never after what ends a selector.

A regular expression has Go's RE2 syntax. It is matched in time linear in the text; what a request may spend is bounded.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from argosy.errors import InvalidArgument

Lookup = Callable[[Sequence[str]], str | None]
"""Given a field path, the field's value, or None when it is absent."""

_FIELD: Final = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_")
_QUOTES: Final = frozenset('"/|')
_SEPARATORS: Final = frozenset(",.")
_OPERATORS: Final = frozenset("=!~")
_SIMPLE_ESCAPES: Final = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v", "\\": "\\"}

# A key with its value has 4096 bytes at most, so nothing longer can be meant; a thousand ids fit into one request.
MAX_FILTERS_BYTES: Final = 256 << 10
MAX_SELECTORS: Final = 4096
# Each is run on every object. Clients use one or two.
MAX_EXPRESSIONS: Final = 64
MAX_EXPRESSION_BYTES: Final = 4096
# Of a compiled expression: some 4000 instructions, and its states. ``\S{64}`` and ``(?i)\pL+`` fit.
_PROGRAM_BYTES: Final = 256 << 10
# A quoted run, where nothing is an escape; else an escape.
_ESCAPES: Final = re.compile(r"\\Q.*?(?:\\E|\Z)|\\(.)", re.DOTALL)


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
    pattern: Any = None
    """The compiled expression; None where there is none, or a bad one: that matches nothing."""

    def matches(self, lookup: Lookup) -> bool:
        found = lookup(self.path)
        if not self.operator:
            return found is not None
        if self.operator == "==":
            return found == self.value
        if self.operator == "!=":
            return found != self.value
        return self.pattern is not None and self.pattern.search((found or "").encode("utf-8", "replace")) is not None


class _Scanner:
    def __init__(self, text: str) -> None:
        self.text, self.at, self.wants_value = text, 0, False

    def peek(self) -> str:
        """Return the rune that comes next, "" at the end: a blank is one, too."""
        return self.text[self.at : self.at + 1]

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
    """Return what a quoted text stands for. Bytes that are no UTF-8 come as surrogates: no object has them."""
    quote, body = literal[0], literal[1:-1]
    out = bytearray()
    i = 0
    while i < len(body):
        c = body[i]
        i += 1
        if c != "\\":
            out += c.encode("utf-8", "surrogateescape")
            continue
        e = body[i] if i < len(body) else ""
        i += 1
        if e in _SIMPLE_ESCAPES:
            out += _SIMPLE_ESCAPES[e].encode()
        elif e == quote:
            out += quote.encode()
        elif e in ("x", "u", "U") or (e in "01234567" and e):
            width, base = {"x": (2, 16), "u": (4, 16), "U": (8, 16)}.get(e, (3, 8))
            if base == 8:
                i -= 1
            digits = body[i : i + width]
            try:
                if len(digits) != width or not (digits.isascii() and digits.isalnum()):
                    raise ValueError
                code = int(digits, base)
                # \x and \ooo are bytes, the others are runes.
                out += chr(code).encode() if e in ("u", "U") else bytes((code,))
            except (ValueError, OverflowError):
                raise _BadFilterError(position, "illegal escape sequence") from None
            i += width
        else:
            raise _BadFilterError(position, "illegal escape sequence")
    return out.decode("utf-8", "surrogateescape")


def _compiled(expression: str) -> Any:
    """Return an expression ready to be searched for; None for one with bad syntax. Raises InvalidArgument: too large."""
    shown = expression if len(expression) <= 200 else f"{expression[:200]}..."
    if len(expression.encode("utf-8", "surrogateescape")) > MAX_EXPRESSION_BYTES:
        raise InvalidArgument(f'filters: expression "{shown}" is longer than {MAX_EXPRESSION_BYTES} bytes')
    # 10 ms, and most filters have no expression.
    import re2

    options = re2.Options()
    options.log_errors = False
    options.never_capture = True
    options.max_mem = _PROGRAM_BYTES
    try:
        # Go has no escape for a single byte.
        if any(found[1] == "C" for found in _ESCAPES.finditer(expression)):
            raise re2.error(b"invalid escape sequence: \\C")
        if "<" in expression and not expression.isascii():
            # Nor has it names of groups that are not ASCII; the engine tells the names only where it captures.
            options.never_capture = False
            if not all(name.isascii() for name in re2.compile(expression, options).groupindex):
                raise re2.error(b"invalid named capture")
            options.never_capture = True
        return re2.compile(expression, options)
    except (re2.error, UnicodeEncodeError) as error:
        reason = error.args[0].decode("utf-8", "replace") if isinstance(error, re2.error) else "invalid UTF-8"
        if "too large" in reason:
            raise InvalidArgument(f'filters: expression "{shown}" is too large: {reason}') from None
        # As in containerd: it matches nothing, and is no error of the request.
        from argosy import log

        log.get("filters").warning("filter.bad-expression", expression=shown, reason=reason)
        return None
    finally:
        re2.purge()  # the module would keep the last 128 alive


class _Parser:
    def __init__(self, text: str) -> None:
        self.scanner = _Scanner(text)

    def filter(self) -> tuple[Selector, ...]:
        selectors = [self.selector()]
        while rune := self.scanner.peek():
            if rune != ",":
                raise _BadFilterError(self.scanner.at, f"unexpected input: {rune}")
            self.scanner.next()
            selectors.append(self.selector())
        return tuple(selectors)

    def selector(self) -> Selector:
        path = [self.field()]
        while self.scanner.peek() == ".":
            self.scanner.next()
            path.append(self.field())
        if self.scanner.peek() in ("", ","):
            return Selector(tuple(path))
        operator = self.scanner.next()
        if operator.kind != "operator":
            raise _BadFilterError(operator.position, 'expected an operator ("=="|"!="|"~=")')
        if operator.text not in ("==", "!=", "~="):
            raise _BadFilterError(operator.position, f"unsupported operator {operator.text!r}")
        return Selector(tuple(path), operator.text, self.value(operator.text == "~="))

    def field(self) -> str:
        token = self.scanner.next()
        if token.kind == "field":
            return token.text
        if token.kind == "quoted":
            if token.text[0] != '"':
                raise _BadFilterError(token.position, "invalid quote encountered")
            return _unquote(token.text, token.position)
        raise _BadFilterError(token.position, "expected field or quoted")

    def value(self, regex: bool) -> str:
        token = self.scanner.next()
        if token.kind in ("value", "field"):
            return token.text
        if token.kind == "quoted":
            if token.text[0] != '"' and not regex:
                raise _BadFilterError(token.position, "invalid quote encountered")
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
    """Return the filter for a request's list.

    Raises InvalidArgument with the position and the reason, and for more than a request may ask of us.
    """
    alternatives: list[tuple[Selector, ...]] = []
    everything = False
    size = selectors = expressions = 0
    for text in filters:
        size += len(text.encode("utf-8", "surrogateescape"))
        if size > MAX_FILTERS_BYTES:
            raise InvalidArgument(f"filters: a request's filters are at most {MAX_FILTERS_BYTES} bytes together")
        if not text:
            everything = True
            continue
        try:
            parsed = _Parser(text).filter()
        except _BadFilterError as error:
            at = error.position
            shown = text if at >= len(text) else f"{text[:at]} >|{text[at]}|< {text[at + 1 :]}"
            raise InvalidArgument(f"filters: parse error: [{shown}]: {error.reason}") from None
        selectors += len(parsed)
        expressions += sum(s.operator == "~=" for s in parsed)
        if selectors > MAX_SELECTORS or expressions > MAX_EXPRESSIONS:
            raise InvalidArgument(
                f"filters: a request has at most {MAX_SELECTORS} selectors and {MAX_EXPRESSIONS} regular expressions"
            )
        alternatives.append(tuple(replace(s, pattern=_compiled(s.value)) if s.operator == "~=" else s for s in parsed))
    return EVERYTHING if everything else Filter(tuple(alternatives))


def labels_lookup(labels: dict[str, str], path: Sequence[str]) -> str | None:
    """Look a label up by the parts after ``labels``: they are joined again, since label keys hold dots."""
    return labels.get(".".join(path))


def present(value: str) -> str | None:
    """Return value, or None where an empty string means absent."""
    return value or None
